"""The tasks of the FastGRNN paper, as it set them: which words, and which frame answers."""

from pathlib import Path

from torch import Tensor

from kws.corpus.labelled import ALL_WORDS_35, COMMAND_WORDS_10
from kws.corpus.listing import Clip
from kws.settings.checks import check
from kws.settings.recipe import Recipe
from kws.training.commands import CommandTask

# Words that version 2 of Speech Commands added; Google-30 is version 1.
ADDED_WORDS = ("backward", "follow", "forward", "learn", "visual")
# The words of each task, to which unknown words and silence come as classes of their own; in
# Google-30 every word is a class and there are no others.
TASKS = {
    "commands10": tuple(word for word in COMMAND_WORDS_10 if word not in ("on", "off")),
    "google12": COMMAND_WORDS_10,
    "google30": (),
}
GOOGLE_30 = tuple(word for word in ALL_WORDS_35 if word not in ADDED_WORDS)
READOUTS = ("last", "max")


class PaperTask(CommandTask):
    """A clip's logits are those of its last frame, as in the paper, or their maximum as here."""

    def __init__(self, recipe: Recipe, cache: Path | None, *, readout: str) -> None:
        """A recipe without words is Google-30."""
        check(readout in READOUTS, f"readout is {readout!r}; choose one of {', '.join(READOUTS)}.")
        self._is_last = readout == "last"
        super().__init__(recipe, cache)

    def _clips(self, root: Path) -> list[Clip]:
        clips = super()._clips(root)
        if self.recipe.words:
            return clips
        return [clip for clip in clips if clip.word in GOOGLE_30]

    def readout(self, logits: Tensor) -> Tensor:
        """Logits of a clip, of those of its frames."""
        return logits[:, -1] if self._is_last else super().readout(logits)
