"""Listening: recordings, a pipe or the microphone in; detections out, as they happen."""

import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol, TextIO

import numpy as np

from kws.audio.samples import Samples
from kws.errors import AudioError
from kws.listening.timeline import Heard, Meter, Printer, Tally
from kws.report.detected import Detected
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.support.text import count_of, shown

PIPE_BYTES = 1 << 15  # at most about a second; a live pipe hands over what it has
STDIN = "-"


class Listener(Protocol):
    """What `kws.engine.spotter.Spotter` offers here: detections, and the score of this moment."""

    @property
    def score(self) -> float:
        """The largest posterior of a word at this moment."""

    def process(self, samples: Samples, /) -> Iterable[Detected]:
        """Take in int16 samples; return what was detected in them."""

    def reset(self) -> None:
        """Begin a new stream."""


def file_chunks(path: Path, sample_rate_hz: int = SAMPLE_RATE_HZ) -> Iterator[Samples]:
    """Yield a recording as int16 chunks of a second; any format that `read_audio` reads."""
    from kws.audio.files import read_audio

    samples = read_audio(path, sample_rate_hz)
    for start in range(0, len(samples), sample_rate_hz):
        yield samples[start : start + sample_rate_hz]


def pipe_chunks(pipe: BinaryIO, warn: TextIO) -> Iterator[Samples]:
    """Yield raw little-endian int16 samples from a pipe, as soon as they arrive.

    A stream that ends within a sample is reported on `warn`; one that opens as a sound file does
    raises AudioError, since its header and its coding are not samples.
    """
    read = getattr(pipe, "read1", pipe.read)  # read1 hands over what is there and does not wait
    data = b""
    while len(data) < 4 and (more := read(PIPE_BYTES)):
        data += more
    _refuse_sound_file(data[:4])
    while len(data) > 1:
        even = len(data) & ~1
        yield np.frombuffer(data[:even], dtype="<i2").astype(np.int16, copy=False)
        data = data[even:] + read(PIPE_BYTES)
        if len(data) == 1:  # half a sample: the rest of it is on its way, or the stream is over
            data += read(PIPE_BYTES)
    if data:
        warn.write(
            "kws: the input ended in the middle of a sample (1 odd byte ignored): "
            "is it raw 16-bit audio, `-f s16le -ar 16000 -ac 1` in ffmpeg's words?\n"
        )


def _refuse_sound_file(magic: bytes) -> None:
    kind = {b"RIFF": "WAV", b"OggS": "Ogg", b"fLaC": "FLAC"}.get(magic)
    if kind:
        raise AudioError(
            f"the input is a {kind} file and not raw int16 samples: give its name instead of -, "
            "or convert it with ffmpeg -i - -f s16le -ar 16000 -ac 1 -"
        )


def hear(
    listener: Listener, chunks: Iterable[Samples], file: str | None, tally: Tally
) -> Iterator[Heard]:
    """Yield each detection in a stream as soon as the chunk that completes it was heard."""
    listener.reset()
    for chunk in chunks:
        started = time.perf_counter()
        detections = list(listener.process(chunk))
        tally.engine_s += time.perf_counter() - started
        tally.samples += len(chunk)
        tally.detections += len(detections)
        for detection in detections:
            yield Heard(detection.word, detection.time_s, detection.score, file)


def listen_to_files(
    listener: Listener,
    files: list[Path],
    printer: Printer,
    sample_rate_hz: int = SAMPLE_RATE_HZ,
) -> Tally:
    """Print the detections in each recording, and a summary of them all."""
    tally = Tally(sample_rate_hz=sample_rate_hz)
    for path in files:
        if len(files) > 1:
            printer.heading(str(path))
        for heard in hear(listener, file_chunks(path, sample_rate_hz), str(path), tally):
            printer.detection(heard)
    printer.summary(tally)
    return tally


def listen_to_pipe(
    listener: Listener,
    pipe: BinaryIO,
    printer: Printer,
    sample_rate_hz: int = SAMPLE_RATE_HZ,
) -> Tally:
    """Print the detections in raw samples from a pipe as they happen, until it ends."""
    if pipe.isatty():
        raise AudioError(
            "the input is a terminal: pipe raw int16 samples into it, such as "
            "`arecord -t raw -f S16_LE -r 16000 -c 1 | kws listen MODEL -`"
        )
    tally = Tally(sample_rate_hz=sample_rate_hz)
    for heard in hear(listener, pipe_chunks(pipe, sys.stderr), STDIN, tally):
        printer.detection(heard)
    printer.summary(tally)
    return tally


def listen_to_microphone(
    listener: Listener,
    device: int | str | None,
    printer: Printer,
    sample_rate_hz: int = SAMPLE_RATE_HZ,
) -> Tally:
    """Print what the microphone hears until Ctrl-C, under a live level meter on a terminal.

    Raises MicrophoneError where the microphone cannot be opened, or goes away.
    """
    from kws.listening.microphone import Microphone

    tally = Tally(sample_rate_hz=sample_rate_hz)
    with Microphone(device, sample_rate_hz) as microphone:
        meter = Meter(sys.stderr, sample_rate_hz)

        def metered() -> Iterator[Samples]:
            for chunk in microphone:
                if tally.samples == 0:
                    name = shown(microphone.device.name)
                    print(f"Listening to {name}; Ctrl-C ends.", file=sys.stderr)
                yield chunk
                meter.update(chunk, listener.score)

        try:
            for heard in hear(listener, metered(), None, tally):
                meter.clear()
                printer.detection(heard)
        except KeyboardInterrupt:
            pass  # the way in which a person ends it
        finally:
            meter.clear()
    printer.summary(tally)
    if microphone.overruns:
        print(
            f"kws: lost {count_of(microphone.overruns, 'block')} of sound, since the computer was "
            "busy with something else",
            file=sys.stderr,
        )
    return tally
