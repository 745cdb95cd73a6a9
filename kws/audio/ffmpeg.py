"""What libsndfile does not decode (m4a, aac, webm, wma, ...), through ffmpeg where it is installed.

ffmpeg decodes into a pipe; it reads this one local file and nothing else.
"""

import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from kws.audio.samples import FloatArray
from kws.errors import AudioError

BLOCK_FRAMES = 1 << 16


def ffmpeg() -> str | None:
    """The program's path; None where it is not installed."""
    return shutil.which("ffmpeg")


class FfmpegFile:
    """The first sound track of a file: `samplerate`, `channels`, and float32 blocks.

    Use it in a `with` statement. Raises AudioError where ffmpeg is missing or refuses the file.
    """

    def __init__(self, path: Path | str, kind: str) -> None:
        program = ffmpeg()
        if program is None:
            raise AudioError(
                f"{path} is {kind}, which needs ffmpeg to be decoded: install ffmpeg, or convert "
                "the file to WAV or FLAC"
            )
        self._path = path
        self._errors: IO[Any] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by __exit__)
        self._process = subprocess.Popen(
            [
                *(program, "-v", "error", "-nostdin", "-protocol_whitelist", "file,pipe"),
                *("-i", f"file:{path}", "-map", "0:a:0"),
                *("-c:a", "pcm_f32le", "-f", "wav", "pipe:1"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        assert self._process.stdout is not None
        self._pipe = self._process.stdout
        try:
            self.channels, self.samplerate = self._read_header()
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> "FfmpegFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()  # a reader that has enough ends ffmpeg by this
        self._process.kill()
        self._process.wait()
        self._errors.close()

    def blocks(self) -> Iterator[FloatArray]:
        """Yield (frames, channels) float32; AudioError where ffmpeg met damage."""
        frame_bytes = 4 * self.channels
        while data := self._pipe.read(BLOCK_FRAMES * frame_bytes):
            whole = len(data) // frame_bytes * frame_bytes
            yield np.frombuffer(data[:whole], "<f4").reshape(-1, self.channels)
        if self._process.wait() or self._complaint():
            raise self._refusal()

    def _read_header(self) -> tuple[int, int]:
        """The channels and the rate; what follows in the pipe are samples."""
        if len(self._pipe.read(12)) < 12:
            self._process.wait()
            raise self._refusal()
        channels = rate_hz = 0
        while len(chunk := self._pipe.read(8)) == 8 and chunk[:4] != b"data":
            body = self._pipe.read(struct.unpack("<I", chunk[4:])[0])
            if chunk[:4] == b"fmt ":
                channels, rate_hz = struct.unpack("<HI", body[2:8])
        return channels, rate_hz

    def _complaint(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read(4096).decode("utf-8", "replace").strip().splitlines()
        return str(lines[-1]).replace(f"file:{self._path}", "").strip(": ") if lines else ""

    def _refusal(self) -> AudioError:
        reason = self._complaint() or "no sound in it"
        return AudioError(
            f"cannot decode {self._path}: ffmpeg says {reason!r}; copy or download it again"
        )
