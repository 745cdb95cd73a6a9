"""What a person asks of `kws monitor`, refused before a port is opened where it cannot be done."""

from dataclasses import dataclass

from kws.listening.ears import Wishes, refuse_near
from kws.listening.reaction import words_of
from kws.settings.model import log_odds_q10
from kws.support.files import check_output_folder


@dataclass(frozen=True, kw_only=True)
class Settings(Wishes):
    """What is to be set and kept; thresholds are posteriors, None leaves the board's.

    ConfigError for a posterior that is none, a command that cannot be run, and a folder that
    cannot be written to.
    """

    threshold: float | None = None
    refractory_frames: int | None = None
    model: int | None = None
    save: bool = False

    def __post_init__(self) -> None:
        log_odds_q10(self.near, "--near")
        if self.threshold is not None:
            refuse_near(self.near, self.threshold)
        if self.on_detect is not None:
            words_of(self.on_detect)
        if self.save_clips:
            check_output_folder(self.save_clips)
