"""Listening to recordings and pipes: detections out, as they happen."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, TextIO

import numpy as np

from kws.audio.kinds import LONGEST_HEAD, archive_kind, is_text, may_be_frames, sound_kind
from kws.audio.samples import Samples
from kws.errors import AudioError
from kws.listening.hearing import Hearing
from kws.listening.timeline import FileProgress, Heard, Printer, Tally
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.support.notices import tell
from kws.support.text import count_of, one_line

PIPE_BYTES = 1 << 15  # at most about a second; a live pipe hands over what it has
STDIN = "-"
_MAGIC_BYTES = 40  # the longest magic of a sound file, and what tells text
_SHOWN_BYTES = 30


def file_chunks(
    path: Path,
    sample_rate_hz: int = SAMPLE_RATE_HZ,
    *,
    channel: int | None = None,
    progress: FileProgress | None = None,
) -> Iterator[Samples]:
    """Yield a recording as int16 chunks of a second, read as they are asked for.

    Any format that `Recording` reads. What is odd about it is told when it ends.
    """
    from kws.audio.recording import Recording

    recording = Recording(path, sample_rate_hz, channel=channel)
    waiting: Samples = np.zeros(0, np.int16)
    taken = 0
    for block in recording:
        waiting = np.concatenate([waiting, block])
        while len(waiting) >= sample_rate_hz:
            yield waiting[:sample_rate_hz]
            waiting = waiting[sample_rate_hz:]
            taken += 1
            if progress is not None:
                progress.update(taken, recording.seconds)
    if len(waiting):
        yield waiting
    if progress is not None:
        progress.clear()
    for notice in recording.notices:
        tell(notice)


def pipe_chunks(pipe: BinaryIO, warn: TextIO) -> Iterator[Samples]:
    """Yield raw little-endian int16 samples from a pipe, as soon as they arrive.

    A stream that ends within a sample is reported on `warn`. AudioError for an empty one, and for
    one that opens as a sound file does (WAV too, whose rate and width may be others), since its
    header and its coding are not samples, nor is text, such as the page of a server's error.
    """
    read = getattr(pipe, "read1", pipe.read)  # read1 hands over what is there and does not wait
    data = b""
    while len(data) < _MAGIC_BYTES and (more := read(PIPE_BYTES)):
        data += more
    # MP3 and AAC open with two bytes that samples hold too: only a second frame tells.
    while may_be_frames(data) and len(data) < LONGEST_HEAD and (more := read(PIPE_BYTES)):
        data += more
    _refuse_file(data[:LONGEST_HEAD])
    if not data:
        raise AudioError("the input is empty: pipe raw int16 samples into it, or name a recording")
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


def _refuse_file(head: bytes) -> None:
    if archive := archive_kind(head):
        raise AudioError(
            f"the input is packed ({archive}) and not raw int16 samples: unpack it first"
        )
    if is_text(head):
        raise AudioError(
            f"the input is text ({head[:_SHOWN_BYTES].decode()!r}) and not raw int16 samples: look "
            "at what is piped in"
        )
    if kind := sound_kind(head):
        article = "an" if kind[0] in "AIMO" else "a"
        raise AudioError(
            f"the input is {article} {kind} file and not raw int16 samples: give its name instead "
            "of -, or convert it with ffmpeg -i - -f s16le -ar 16000 -ac 1 -"
        )


def hear(hearing: Hearing, chunks: Iterable[Samples], file: str | None) -> Iterator[Heard]:
    """Yield each detection in a stream as soon as the chunk that completes it was heard."""
    hearing.begin(file)
    for chunk in chunks:
        yield from hearing.take(chunk[: hearing.left_samples])
        if not hearing.left_samples:
            break
    yield from hearing.finish()


def listen_to_files(
    hearing: Hearing, files: list[Path], printer: Printer, *, channel: int | None = None
) -> Tally:
    """Print the detections in each recording, and a summary of them all.

    One that cannot be read is reported on the standard error, counted in `tally.unread`, and the
    next is heard; AudioError where it is the only one. Ctrl-C is told with a summary of what was
    heard until then.
    """
    tally = hearing.tally
    progress = FileProgress(sys.stderr)
    for number, path in enumerate(files):
        if not hearing.left_samples:
            unheard = count_of(len(files) - number, "recording")
            print(f"kws: the time was over before {unheard}", file=sys.stderr, flush=True)
            break
        if len(files) > 1:
            printer.heading(str(path))
        chunks = file_chunks(path, hearing.rate_hz, channel=channel, progress=progress)
        try:
            for heard in hear(hearing, chunks, str(path)):
                progress.clear()
                printer.detection(heard)
        except AudioError as refusal:
            if len(files) == 1:
                raise
            tally.unread += 1
            progress.clear()
            print(f"kws: {one_line(refusal)}", file=sys.stderr, flush=True)
        except KeyboardInterrupt:
            progress.clear()
            printer.summary(tally)
            raise
        finally:
            progress.clear()
    printer.summary(tally)
    if tally.unread:
        print(f"kws: {tally.unread} of {len(files)} recordings were not read", file=sys.stderr)
    return tally


def listen_to_pipe(hearing: Hearing, pipe: BinaryIO, printer: Printer) -> Tally:
    """Print the detections in raw samples from a pipe as they happen, until it ends, or Ctrl-C."""
    if pipe.isatty():
        raise AudioError(
            "the input is a terminal: pipe raw int16 samples into it, such as "
            "`arecord -t raw -f S16_LE -r 16000 -c 1 | kws listen MODEL -`"
        )
    try:
        for heard in hear(hearing, pipe_chunks(pipe, sys.stderr), STDIN):
            printer.detection(heard)
    except KeyboardInterrupt:
        printer.summary(hearing.tally)
        raise
    printer.summary(hearing.tally)
    return hearing.tally
