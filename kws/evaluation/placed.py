"""Where recordings lie in one long stream, and which of them count as hours of other sound."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from kws.audio.samples import Samples
from kws.corpus.sources import is_near_miss
from kws.settings.front_end import SAMPLE_RATE_HZ


class PlacedClip(NamedTuple):
    """Where one recording lies in the stream, in samples, and the word it should trigger."""

    path: Path
    folder: str
    word: str | None  # None: a negative
    start: int
    end: int
    speech_end: int

    @property
    def is_near_miss(self) -> bool:
        """Whether it is of a folder `near_misses`: said to be mistaken, and counted by the clip."""
        return self.word is None and is_near_miss(self.path)


@dataclass(frozen=True)
class Stream:
    """All clips in a row: `samples` (n,) int16, and the clips in their order in it.

    `samples` is empty where the stream was only played. `unread` are the files that are not in
    it, with the reason.
    """

    samples: Samples
    clips: list[PlacedClip]
    sample_rate_hz: int = SAMPLE_RATE_HZ
    unread: dict[Path, str] = field(default_factory=dict)

    @property
    def positives(self) -> list[PlacedClip]:
        """The clips that should trigger."""
        return [clip for clip in self.clips if clip.word is not None]

    @cached_property
    def near_misses(self) -> list[PlacedClip]:
        """The negatives that are nearly the phrase."""
        return [clip for clip in self.clips if clip.is_near_miss]

    @cached_property
    def has_life(self) -> bool:
        """Whether there are negatives beside the near misses, so that hours can be counted."""
        return any(clip.word is None and not clip.is_near_miss for clip in self.clips)

    def is_counted(self, clip: PlacedClip) -> bool:
        """Whether a clip is part of the hours in which false accepts are counted.

        Near misses are none, unless there is nothing else: an hour of them is not what one hears.
        """
        return clip.word is None and not (clip.is_near_miss and self.has_life)

    @cached_property
    def negative_hours(self) -> float:
        """Hours of counted negatives, without the noise that joins them."""
        samples = sum(clip.end - clip.start for clip in self.clips if self.is_counted(clip))
        return samples / self.sample_rate_hz / 3600

    def hours_by_folder(self) -> dict[str, float]:
        """Hours of counted negatives per folder that was given."""
        hours: dict[str, float] = {}
        for clip in self.clips:
            if self.is_counted(clip):
                more = (clip.end - clip.start) / self.sample_rate_hz / 3600
                hours[clip.folder] = hours.get(clip.folder, 0.0) + more
        return hours
