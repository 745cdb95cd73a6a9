"""Programs that speak English text: one small class each, all with the same two questions.

`voices()` tells who can speak and `speak()` gives 16 kHz samples.  The voices of an engine are
divided once and for all between training, validation and test, so that a model is never judged on
a voice that it was trained on.
"""

import re
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from kws.audio.samples import Samples, resample
from kws.errors import ToolError
from kws.settings.front_end import SAMPLE_RATE_HZ

PARTS = ("train", "validation", "test")


class Engine(ABC):
    """A speech synthesiser: `voices()` and `speak()`; a missing program is a ToolError."""

    name: ClassVar[str]
    is_english: ClassVar[bool] = True
    """Whether it reads no other language."""
    remedy: ClassVar[str] = "install it again with its voices"
    """Where the engine or its voices are missing."""
    held_out: ClassVar[dict[str, frozenset[str]]] = {}
    """Voices kept for "validation" and "test"; all others are for "train"."""
    pace: ClassVar[tuple[float, float]] = (0.65, 1.15)
    """Slowest and fastest of its own pace: most engines speak faster than people call a word."""

    @abstractmethod
    def voices(self) -> list[str]:
        """Every voice that is installed, sorted."""

    @abstractmethod
    def _spoken(self, text: str, voice: str, speed: float) -> tuple[Samples, int]:
        """The text at `speed` times the voice's own pace: samples (n,) and their rate in Hz."""

    def part_of(self, voice: str) -> str:
        """The part ("train", "validation" or "test") that a voice belongs to, always the same."""
        for part, held_out in self.held_out.items():
            if voice in held_out:
                return part
        return "train"

    def draw_voice(self, voices: Sequence[str], rng: np.random.Generator) -> str:
        """One voice for one clip, drawn from `voices`."""
        return str(rng.choice(np.asarray(voices, dtype=object)))

    def draw_manner(self, voice: str, voices: Sequence[str], rng: np.random.Generator) -> str:
        """How the voice speaks this once: the voice itself, unless an engine can vary it."""
        return voice

    def speak(self, text: str, voice: str, *, speed: float = 1.0, pitch: float = 1.0) -> Samples:
        """Say `text`: int16 (samples,) at 16 kHz, mono.

        `speed` and `pitch` are factors around 1.  The pitch is changed by playing the voice faster
        or slower, which moves its formants too, as a smaller or a larger speaker would; the engine
        speaks slower or faster to make up for it.
        """
        samples, rate_hz = self._spoken(text, voice, speed / pitch)
        if not len(samples):
            return samples
        return resample(samples, round(rate_hz * pitch), SAMPLE_RATE_HZ)


class Program(Engine):
    """An engine that is a program: run once a clip, with a time limit, writing a WAV file."""

    timeout_s: ClassVar[float] = 60.0

    def _run(self, arguments: Sequence[str], text: str = "") -> str:
        program = arguments[0]
        try:
            done = subprocess.run(
                arguments, input=text, capture_output=True, text=True, timeout=self.timeout_s
            )
        except FileNotFoundError:
            raise ToolError(f"{program} is not installed: {self.remedy}") from None
        except subprocess.TimeoutExpired:
            raise ToolError(
                f"{program} did not finish within {self.timeout_s:.0f} s: try a shorter text"
            ) from None
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise ToolError(f"{program} failed with exit status {done.returncode}: {reason}")
        return done.stdout

    def _spoken(self, text: str, voice: str, speed: float) -> tuple[Samples, int]:
        import soundfile

        with tempfile.TemporaryDirectory(prefix="kws-") as folder:
            wav = Path(folder) / "spoken.wav"
            self._write(text, voice, speed, wav)
            try:
                samples, rate_hz = soundfile.read(wav, dtype="int16")
            except (soundfile.LibsndfileError, OSError) as error:
                raise ToolError(
                    f"{self.name} made no sound of {text!r}: try another text"
                ) from error
        return samples, rate_hz

    @abstractmethod
    def _write(self, text: str, voice: str, speed: float, wav: Path) -> None:
        """Speak into a WAV file."""


class Flite(Program):
    """Flite, from Carnegie Mellon University: small, quick, a handful of voices."""

    name = "flite"
    remedy = "install it with `apt-get install flite`, or `brew install flite`"
    held_out: ClassVar = {"validation": frozenset({"rms"}), "test": frozenset({"awb"})}
    # kal is kal16 at 8 kHz, and awb_time can only say the time.
    _unfit = frozenset({"kal", "awb_time"})

    def voices(self) -> list[str]:
        """List the installed voices, without those that are unfit."""
        listed = self._run(["flite", "-lv"]).partition(":")[2].split()
        return sorted(set(listed) - self._unfit)

    def _write(self, text: str, voice: str, speed: float, wav: Path) -> None:
        stretch = f"duration_stretch={1 / speed:.3f}"
        self._run(["flite", "-voice", voice, "--setf", stretch, "-t", text, "-o", str(wav)])


class Espeak(Program):
    """eSpeak NG: robotic, but with many accents and voice shapes; a voice is ACCENT+VARIANT."""

    name = "espeak"
    remedy = "install it with `apt-get install espeak-ng`, or `brew install espeak-ng`"
    held_out: ClassVar = {
        "validation": frozenset({"m6", "f2", "Mike", "Annie"}),
        "test": frozenset({"m4", "f4", "Lee", "linda"}),
    }
    _words_per_minute = 165
    _accents = (
        "en-us", "en-us-nyc", "en-gb", "en-gb-x-rp", "en-gb-scotland", "en-gb-x-gbcwmd",
        "en-gb-x-gbclan", "en-029",
    )  # fmt: skip
    # The variants that could be people; there are robots, whispers and croaks too.
    _variants = (
        "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "f1", "f2", "f3", "f4", "f5",
        "Alex", "Alicia", "Andrea", "Andy", "Annie", "Diogo", "Henrique", "Hugo", "Lee", "Michael",
        "Mike", "adam", "anika", "belinda", "benjamin", "grandma", "grandpa", "john", "linda",
        "michel", "norbert", "robert", "steph",
    )  # fmt: skip

    def voices(self) -> list[str]:
        """List every ACCENT+VARIANT of what is installed."""
        installed = re.findall(r"\S+", self._run(["espeak-ng", "--voices=en"]))
        variants = re.findall(r"!v/(\S+)", self._run(["espeak-ng", "--voices=variant"]))
        return sorted(
            f"{accent}+{variant}"
            for accent in set(self._accents) & set(installed)
            for variant in set(self._variants) & set(variants)
        )

    def part_of(self, voice: str) -> str:
        """Return the part of the variant, which is the speaker."""
        # Every part may have every accent.
        return super().part_of(voice.partition("+")[2])

    def _write(self, text: str, voice: str, speed: float, wav: Path) -> None:
        pace = str(round(self._words_per_minute * speed))
        self._run(["espeak-ng", "-v", voice, "-s", pace, "-w", str(wav), "--stdin"], text)


class Festival(Program):
    """Festival's voice ked, made of diphones: only for tests, a make of sound no training hears.

    Festival's other English voices are of people whom flite speaks with, too.
    """

    name = "festival"
    remedy = "install it with `apt-get install festival festvox-kdlpc16k`"
    held_out: ClassVar = {"test": frozenset({"ked_diphone"})}

    def voices(self) -> list[str]:
        """List ked, if it is installed."""
        printed = self._run(["festival", "-b", "(print (voice.list))"])
        listed = (printed.strip().splitlines() or [""])[-1]  # before it, those that it misses
        return [name for name in ("ked_diphone",) if name in listed]

    def _write(self, text: str, voice: str, speed: float, wav: Path) -> None:
        stretch = f"(Parameter.set 'Duration_Stretch {1 / speed:.3f})"
        self._run(
            ["text2wave", "-eval", f"(voice_{voice})", "-eval", stretch, "-o", str(wav)], text
        )
