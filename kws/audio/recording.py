"""A recording, decoded block by block: the one way from any sound file to mono int16 samples."""

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from kws.audio import ogg
from kws.audio.ffmpeg import FfmpegFile, ffmpeg
from kws.audio.findings import Findings
from kws.audio.headers import Length, Patched, read_length
from kws.audio.kinds import OGG_CHAIN, is_raw_name, needs_ffmpeg
from kws.audio.opening import kind_of
from kws.audio.samples import (
    SAMPLE_RATES_HZ,
    Samples,
    StreamResampler,
    check_finite,
)
from kws.audio.truncation import UNKNOWN_FRAMES, is_cut_short, noted_length
from kws.errors import AudioError
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.support.notices import Notice

SHORTEST_MS = 10
BLOCK_FRAMES = 1 << 15


class _Sequential(soundfile.SoundFile):  # type: ignore[misc]
    """A sound file that is only read from its start to its end.

    soundfile seeks after every read, which a FLAC of unknown length and telephone codecs refuse,
    and stops at the length that the header promises, which an MP3 only estimates.
    """

    def seekable(self) -> bool:
        return False


class Recording:
    """Reads a sound file in blocks of mono int16 at `sample_rate_hz`; a second use reads it anew.

    WAV, RF64, W64, AIFF, AU, CAF, FLAC, Ogg Vorbis, Opus and MP3, whatever the name says; where
    ffmpeg is installed m4a, AAC, WebM, WMA, AMR and others of `kinds`. Any rate, any number of
    channels: `channel` takes one, the first is 0, otherwise they are averaged. With `mono_too` a
    recording that has only one is taken as it is, whatever `channel` says.

    Iterating raises AudioError, naming the file, for one that is missing, not audio, cut short,
    damaged, shorter than 10 ms, that holds NaN or infinity, or whose samples cannot be meant
    (`findings`).
    After it, `notices` holds what a person should know, and `seconds` the length.
    """

    def __init__(
        self,
        path: Path | str,
        sample_rate_hz: int = SAMPLE_RATE_HZ,
        *,
        channel: int | None = None,
        mono_too: bool = False,
    ) -> None:
        self.path, self.sample_rate_hz = path, sample_rate_hz
        self.channel, self._mono_too = channel, mono_too
        self.notices: list[Notice] = []
        self.seconds: float | None = None  # as promised, once it is open; None where unknown

    def __iter__(self) -> Iterator[Samples]:
        self.notices = []
        kind = kind_of(self.path)
        try:
            if needs_ffmpeg(kind):
                yield from self._by_ffmpeg(str(kind))
            else:
                yield from self._by_libsndfile(kind)
        except (soundfile.SoundFileError, RuntimeError) as refusal:
            # libsndfile repeats the path, and words a truncated file like a text file.
            what = "not a sound file, or a damaged one"
            if is_raw_name(self.path):
                what = "raw samples tell no rate, so pipe them into `kws listen MODEL -`"
            raise AudioError(
                f"cannot decode {self.path}: {what}; give WAV, FLAC, Ogg, Opus or MP3, or remove it"
            ) from refusal

    def _by_ffmpeg(self, kind: str) -> Iterator[Samples]:
        with FfmpegFile(self.path, kind) as file:
            self._check_format(file.samplerate, file.channels)
            findings = self._findings("", file.samplerate)
            frames = yield from self._converted(file.blocks(), file.samplerate, findings)
            self._check_pages(kind)
            self._finish(findings, frames, file.samplerate)

    def _by_libsndfile(self, kind: str | None) -> Iterator[Samples]:
        length = read_length(self.path)
        self._check_length(length)
        with ExitStack() as opened:
            source: Any = os.fsencode(self.path) if os.name == "posix" else self.path
            if (length and length.patches) or is_raw_name(self.path):
                patches = length.patches if length else {}
                source = opened.enter_context(Patched(self.path, patches))
            try:
                file = opened.enter_context(_Sequential(source))
            except soundfile.SoundFileError:
                if kind and ffmpeg():  # a codec that libsndfile lacks
                    yield from self._by_ffmpeg(kind)
                    return
                raise
            self._check_format(file.samplerate, file.channels)
            self._check_length(noted_length(file))
            if 0 < file.frames < UNKNOWN_FRAMES:
                self.seconds = file.frames / file.samplerate
            findings = self._findings(file.subtype, file.samplerate)
            frames = yield from self._converted(_blocks(file), file.samplerate, findings)
            if is_cut_short(file, self.path, frames):
                raise self._is_cut_short()
            self._check_pages(kind)
            self._finish(findings, frames, file.samplerate)

    def _converted(
        self, blocks: Iterator[npt.NDArray[Any]], rate_hz: int, findings: Findings
    ) -> Generator[Samples, None, int]:
        """Yield every block as mono int16 at the wanted rate; return the frames that were read."""
        frames = 0
        resampler = StreamResampler(rate_hz, self.sample_rate_hz)
        try:
            for block in blocks:
                frames += len(block)
                if block.dtype != np.int16:
                    check_finite(block)
                several = block.shape[1] > 1
                findings.look_at_file(block, averaged=several and self.channel is None)
                if several and self.channel is not None:
                    block = block[:, self.channel : self.channel + 1]
                samples = resampler.process_block(block)
                findings.look_at_samples(samples)
                yield samples
        except AudioError as refusal:
            if str(self.path) in str(refusal):
                raise
            raise AudioError(f"{self.path}: {refusal}") from None
        if rate_hz != self.sample_rate_hz:
            rest = resampler.finish()
            findings.look_at_samples(rest)
            yield rest
        return frames

    def _findings(self, subtype: str, rate_hz: int) -> Findings:
        return Findings(self.path, subtype, rate_hz, self.sample_rate_hz)

    def _finish(self, findings: Findings, frames: int, rate_hz: int) -> None:
        self.seconds = frames / rate_hz
        if frames * 1000 < SHORTEST_MS * rate_hz:
            raise AudioError(
                f"{self.path} holds {frames} sample{'s' * (frames != 1)} at {rate_hz} Hz: "
                f"at least {SHORTEST_MS} ms are needed; record it again or remove it"
            )
        self.notices += findings.close()

    def _check_format(self, rate_hz: int, channels: int) -> None:
        lowest, highest = SAMPLE_RATES_HZ
        if not lowest <= rate_hz <= highest:
            raise AudioError(
                f"{self.path} claims a sample rate of {rate_hz} Hz, which is no sound's: its "
                f"header is damaged; write the true one, from {lowest} to {highest}, or remove it"
            )
        if channels == 1 and self._mono_too:
            return
        if self.channel is not None and not 0 <= self.channel < channels:
            has = "1 channel" if channels == 1 else f"{channels} channels"
            raise AudioError(
                f"{self.path} has {has}: --channel {self.channel} is not among them, the first is 0"
            )

    def _check_length(self, length: Length | None) -> None:
        if length is None:
            return
        if length.cut_short:
            raise self._is_cut_short()
        if length.finding:
            text = f"{self.path}: {length.finding}; it is read to its end"
            self.notices.append(Notice("header", text))

    def _check_pages(self, kind: str | None) -> None:
        if kind not in ("Ogg", OGG_CHAIN):
            return
        if not ogg.is_complete(self.path):
            raise self._is_cut_short()
        if not ogg.is_whole(self.path):
            raise AudioError(
                f"{self.path} is damaged: parts of it are lost; copy or download it again"
            )

    def _is_cut_short(self) -> AudioError:
        return AudioError(
            f"{self.path} is cut short: its end is missing; copy or download it again"
        )


def decode(
    path: Path | str,
    sample_rate_hz: int = SAMPLE_RATE_HZ,
    *,
    channel: int | None = None,
    mono_too: bool = False,
) -> tuple[Samples, list[Notice]]:
    """Read a whole recording: (samples,) int16, and what a person should know about it.

    For worker threads; everybody else calls `files.read_audio`, which tells the notices.
    """
    recording = Recording(path, sample_rate_hz, channel=channel, mono_too=mono_too)
    blocks = list(recording)
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks), recording.notices


def _blocks(file: soundfile.SoundFile) -> Iterator[npt.NDArray[Any]]:
    """Yield (frames, channels) blocks: int16 where the file holds it, else float32."""
    # Lossy decoders overshoot full scale and libsndfile would wrap; 24 and 32 bits would be cut
    # instead of rounded. Only 16-bit files of one channel need no such care.
    plain = file.subtype == "PCM_16" and file.channels == 1
    dtype = "int16" if plain else "float32"
    # What lies behind a FLAC's last frame may be a tag, which its decoder takes for a fault.
    is_known = file.format == "FLAC" and 0 < file.frames < UNKNOWN_FRAMES
    left = file.frames if is_known else 0
    while True:
        wanted = min(BLOCK_FRAMES, left) if left > 0 else BLOCK_FRAMES
        block = np.empty((wanted, file.channels), dtype)
        try:
            frames = file.buffer_read_into(block, dtype)
        except soundfile.SoundFileError:
            if is_known and left <= 0:
                return
            raise
        left -= frames
        if frames:
            yield block[:frames]
        if frames < wanted:
            return
