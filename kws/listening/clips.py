"""Clips of a stream: detections, near-misses, and what a person asks to keep, as WAV files."""

import re
import wave
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws.audio.samples import Samples
from kws.errors import KwsError
from kws.listening.near_misses import Sound
from kws.support.files import make_folder, replacing
from kws.support.text import shown

BEFORE_S, AFTER_S = 1.5, 0.5
WAITING = 1000  # clips whose sound is still to arrive
SAVED_S = 3.0
FALSE_ACCEPTS, SAVED = "false_accepts", "saved"  # folders below that of the clips
HIT, NEAR = "hit", "near"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A clip to be cut: `end` is its last sample's index, `time_s` what its name says."""

    end: int
    kind: str
    time_s: float
    posterior: float
    word: str = ""

    @property
    def name(self) -> str:
        """Kind, time, score in percent and word."""
        word = re.sub(r"\W+", "_", self.word)[:40]
        name = f"{self.kind}_{self.time_s:08.2f}s_{100 * self.posterior:02.0f}"
        return f"{name}_{word}" if word else name


class Clips:
    """Keeps the last seconds of a stream and cuts clips from them.

    folder: where they go; keeps_all: whether detections and near-misses are saved, or only what
    is asked for. What cannot be saved is told, once until saving works again, and the ear goes on.
    """

    def __init__(
        self, folder: Path, rate_hz: int, tell: Callable[[str], None], *, keeps_all: bool = True
    ) -> None:
        self.folder, self.rate_hz, self.keeps_all = folder, rate_hz, keeps_all
        self._tell = tell
        self._sound = Sound(rate_hz)
        self._wanted: deque[Wanted] = deque(maxlen=WAITING)
        self._last_hit: tuple[Wanted, Samples] | None = None
        self._is_marked = self._is_to_be_marked = False
        self._is_failing = False
        if keeps_all:
            make_folder(folder)

    def want(self, kind: str, sample: int, time_s: float, posterior: float, word: str = "") -> None:
        """Ask for the sound around a sample, a word's end; it is cut once it has been heard."""
        end = sample + round(AFTER_S * self.rate_hz)
        self._wanted.append(
            Wanted(end=end, kind=kind, time_s=time_s, posterior=posterior, word=word)
        )
        if kind == HIT:
            self._is_marked = self._is_to_be_marked = False
            self._last_hit = None

    def take(self, index: int, samples: Samples) -> None:
        """Take in the samples from `index` on, and cut what is whole now."""
        self._sound.take(index, samples)
        while self._wanted and self._wanted[0].end <= self._sound.end:
            self._cut(self._wanted.popleft())

    def finish(self) -> None:
        """The stream is over: cut what still waits, with silence behind it."""
        while self._wanted:
            self._cut(self._wanted.popleft())

    def begin(self) -> None:
        """Another stream begins, at its sample 0."""
        self.finish()
        self._sound = Sound(self.rate_hz)

    def save_last(self, time_s: float) -> None:
        """Save the last three seconds."""
        end = self._sound.end
        samples = self._sound.cut(end - round(SAVED_S * self.rate_hz), end)
        name = f"saved_{time_s:08.2f}s"
        self._save(self.folder / SAVED / name, samples, is_told=True)

    def mark(self) -> None:
        """Save the last detection as a false accept."""
        waits = any(wanted.kind == HIT for wanted in self._wanted)
        if self._is_marked:
            self._tell("the last detection is marked already")
        elif waits:
            self._is_to_be_marked = True
        elif self._last_hit is None:
            self._tell("nothing was detected yet, so nothing is marked")
        else:
            self._save_mark(*self._last_hit)

    def _save_mark(self, wanted: Wanted, samples: Samples) -> None:
        self._is_to_be_marked = False
        path = self.folder / FALSE_ACCEPTS / wanted.name.replace(HIT, "wrong", 1)
        self._is_marked = self._save(path, samples, is_told=True)

    def _cut(self, wanted: Wanted) -> None:
        length = round((BEFORE_S + AFTER_S) * self.rate_hz)
        samples = self._sound.cut(wanted.end - length, wanted.end)
        if self.keeps_all:
            self._save(self.folder / wanted.name, samples)
        if wanted.kind == HIT and not any(later.kind == HIT for later in self._wanted):
            self._last_hit = wanted, samples
            if self._is_to_be_marked:
                self._save_mark(wanted, samples)

    def _save(self, stem: Path, samples: Samples, *, is_told: bool = False) -> bool:
        path = stem.with_name(stem.name + ".wav")
        number = 2
        while path.exists():
            path, number = stem.with_name(f"{stem.name}_{number}.wav"), number + 1
        try:
            with replacing(path, KwsError) as file, wave.open(file, "wb") as sound:
                sound.setnchannels(1)
                sound.setsampwidth(2)
                sound.setframerate(self.rate_hz)
                sound.writeframes(np.asarray(samples, "<i2").tobytes())
        except KwsError as error:
            if is_told or not self._is_failing:
                self._tell(shown(error))
            self._is_failing = True
            return False
        self._is_failing = False
        if is_told:
            self._tell(f"saved {shown(path.name)} in {shown(path.parent)}")
        return True
