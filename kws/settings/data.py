"""Where the clips are, and how many of each kind training takes."""

from dataclasses import dataclass

from kws.settings.checks import check, check_not_negative, is_text


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Where the clips are, and how much of each kind a version of the training set takes.

    commands: one folder in the layout of Speech Commands in `corpus`. wake: folders of clips with
    the phrase, without it, and of noise; a folder that holds train/, validation/ and test/ keeps
    that split, any other is split by its files' names; commands take of `negatives` other speech
    for the unknown class and of `noise` other sounds for the silent one.
    unknown_share, silence_share, garbled_share, other_speech_share, other_noise_share: clips per
    epoch, in units of an average word. stream_clips: clips that are joined to a training stream.
    augmentation_seed: by which clips are drawn and varied, whatever the recipe's seed is.
    window_s: the length of a wake-word training window.
    fluent_share: how much of the other speech is taken without its pauses, word on word.
    shuffled_share: of the windows without the phrase, how many hold speech cut into pieces shorter
    than a word, in any order, with pieces of the phrase among them. near_miss_share: how many are
    of the folders called near_misses, which hold little and would be drawn rarely.
    false_accept_cost: what a false accept an hour weighs when the threshold and the best epoch are
    chosen, in misses: 0.06 is 6 % of the phrases.
    """

    corpus: str = ""
    positives: tuple[str, ...] = ()
    negatives: tuple[str, ...] = ()
    noise: tuple[str, ...] = ()
    unknown_share: float = 1.5
    silence_share: float = 1.0
    garbled_share: float = 0.3
    other_speech_share: float = 0.2
    other_noise_share: float = 0.3
    stream_clips: int = 4
    augmentation_seed: int = 0
    positive_windows: int = 1500
    negative_windows: int = 4500
    window_s: float = 2.4
    fluent_share: float = 0.0
    shuffled_share: float = 0.0
    near_miss_share: float = 0.0
    false_accept_cost: float = 0.06

    def __post_init__(self) -> None:
        for name in ("positive_windows", "negative_windows"):
            value = getattr(self, name)
            check(value >= 1, f"{name} is {value}; give at least 1.")
        check(
            1 <= self.stream_clips <= 64,
            f"stream_clips is {self.stream_clips}; choose 1 (each clip by itself) to 64.",
        )
        for name in ("fluent_share", "shuffled_share", "near_miss_share"):
            value = getattr(self, name)
            check(0 <= value <= 1, f"{name} is {value}; choose 0 to 1.")
        check(
            0.5 <= self.window_s <= 30,
            f"window_s is {self.window_s}; choose 0.5 to 30 seconds, more than the phrase takes.",
        )
        for path in (self.corpus, *self.positives, *self.negatives, *self.noise):
            check(is_text(path), f"The name of {path!r} is not UTF-8; rename it.")
        check_not_negative(self)
