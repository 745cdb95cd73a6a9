"""Recordings of any length take the same memory, and a bad one does not end a list of them."""

import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from loudness_models import noise, two_words

from kws import Spotter
from kws.audio.files import read_audio, write_audio
from kws.engine import model_file
from kws.errors import AudioError
from kws.listening.ears import Ear
from kws.listening.hearing import Hearing
from kws.listening.listen import file_chunks, hear, listen_to_files, pipe_chunks
from kws.listening.timeline import FileProgress, Printer

MINUTES = 20
MEMORY_MB = 100

PEAK = """
import io, resource, sys
from pathlib import Path
from kws import Spotter
from kws.listening.ears import Ear
from kws.listening.hearing import Hearing
from kws.listening.listen import listen_to_files
from kws.listening.timeline import Printer

def peak_mb():
    unit = 2**20 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit

spotter = Spotter(sys.argv[1])
printer = Printer(io.StringIO(), as_json=True)
listen_to_files(Hearing([Ear(spotter)]), [Path(sys.argv[2])], printer)
base = peak_mb()
tally = listen_to_files(Hearing([Ear(spotter)]), [Path(sys.argv[3])], printer)
print(tally.samples, peak_mb() - base)
"""


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def spotter() -> Spotter:
    return Spotter(model_file.parse(two_words()))


def loud_and_quiet(seconds: float = 6.0) -> np.ndarray:
    parts = [noise(1.5, 16), noise(1, 3000, colour="low"), noise(seconds - 2.5, 16, 1)]
    return np.concatenate(parts)


def long_file(path: Path, rate_hz: int, channels: int) -> Path:
    minute = np.random.default_rng(0).integers(-300, 300, (60 * rate_hz, channels)).astype("i2")
    with soundfile.SoundFile(path, "w", rate_hz, channels) as file:
        for _ in range(MINUTES):
            file.write(minute)
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="resource is not there on Windows")
@pytest.mark.parametrize(("rate_hz", "channels"), [(16_000, 1), (44_100, 2)])
def test_twenty_minutes_take_no_more_memory_than_a_second(
    tmp_path: Path, rate_hz: int, channels: int
) -> None:
    (tmp_path / "two.kws").write_bytes(two_words())
    write_audio(tmp_path / "short.wav", noise(1, 300))
    long = long_file(tmp_path / "long.wav", rate_hz, channels)
    files = [str(tmp_path / "two.kws"), str(tmp_path / "short.wav"), str(long)]
    command = [sys.executable, "-c", PEAK, *files]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    samples, more_mb = ran.stdout.split()
    assert int(samples) == MINUTES * 60 * 16_000
    assert float(more_mb) < MEMORY_MB


@pytest.mark.parametrize("rate_hz", [16_000, 22_050])
def test_a_recording_in_blocks_gives_the_detections_of_the_whole(
    spotter: Spotter, tmp_path: Path, rate_hz: int
) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.tile(loud_and_quiet(), 3), rate_hz)
    streamed = list(hear(Hearing([Ear(spotter)]), file_chunks(path), None))
    whole = list(hear(Hearing([Ear(spotter)]), [read_audio(path)], None))
    assert streamed == whole and len(whole) >= 3


def test_one_channel_is_heard_alone(spotter: Spotter, tmp_path: Path) -> None:
    voice = loud_and_quiet()
    loudspeaker = np.roll(np.tile(noise(1, 9_000, 5), 6), 777)
    soundfile.write(tmp_path / "a.wav", np.stack([voice, loudspeaker], 1), 16_000)
    alone = listen_to_files(
        Hearing([Ear(spotter)]),
        [tmp_path / "a.wav"],
        Printer(io.StringIO(), as_json=True),
        channel=0,
    )
    write_audio(tmp_path / "b.wav", voice)
    mono = listen_to_files(
        Hearing([Ear(spotter)]), [tmp_path / "b.wav"], Printer(io.StringIO(), as_json=True)
    )
    assert alone.detections == mono.detections == 1


def test_several_recordings_go_on_after_a_bad_one(
    spotter: Spotter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / name for name in ("a.wav", "bad.wav", "missing.wav", "b.wav")]
    write_audio(files[0], loud_and_quiet())
    files[1].write_text("no sound " * 40)
    write_audio(files[3], loud_and_quiet())
    out = io.StringIO()
    tally = listen_to_files(Hearing([Ear(spotter)]), files, Printer(out, as_json=False))
    assert (tally.unread, tally.detections) == (2, 2)
    assert out.getvalue().splitlines()[-1].startswith("12.0 s of audio, 2 detections")
    errors = capsys.readouterr().err.splitlines()
    assert errors[0].startswith(f"kws: cannot decode {files[1]}")
    assert errors[1].startswith(f"kws: cannot open {files[2]}")
    assert errors[2:] == ["kws: 2 of 4 recordings were not read"]


def test_a_single_bad_recording_is_an_error(spotter: Spotter, tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_text("no sound " * 40)
    with pytest.raises(AudioError, match="cannot decode"):
        listen_to_files(
            Hearing([Ear(spotter)]), [tmp_path / "bad.wav"], Printer(io.StringIO(), as_json=True)
        )


def test_a_terminal_sees_how_far_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("kws.listening.timeline.METER_INTERVAL_S", 0.0)
    terminal = Terminal()
    write_audio(tmp_path / "a.wav", noise(4, 300))
    list(file_chunks(tmp_path / "a.wav", progress=FileProgress(terminal)))
    painted = [re.sub(r"\x1b\[K", "", line) for line in terminal.getvalue().split("\r")]
    assert painted[2] == "00:02.0 of 00:04.0  ██████████░░░░░░░░░░  50 %"
    assert painted[-1] == ""
    silent = io.StringIO()
    list(file_chunks(tmp_path / "a.wav", progress=FileProgress(silent)))
    assert silent.getvalue() == ""


@pytest.mark.parametrize(
    ("suffix", "kind"), [("aiff", "AIFF"), ("au", "AU"), ("caf", "CAF"), ("w64", "W64"),
                         ("mp3", "MP3"), ("rf64", "WAV")],
)  # fmt: skip
@pytest.mark.parametrize("at_once", [1, 1_000])
def test_every_sound_file_in_the_pipe_is_named_and_refused(
    tmp_path: Path, suffix: str, kind: str, at_once: int
) -> None:
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, noise(1, 3000), 16_000, format=suffix.upper())

    class Pipe(io.BytesIO):
        def read1(self, size: int | None = -1) -> bytes:
            return super().read1(at_once)

    with pytest.raises(AudioError, match=f"an? {kind} file and not raw int16 samples"):
        list(pipe_chunks(Pipe(path.read_bytes()), io.StringIO()))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (2 * (b"\xff\xfd\x44\xc0" + bytes(188)), "MP3"),  # MP2: 64 kbit/s at 48 kHz
        (2 * (b"\x0b\x77" + bytes(254)), "AC3"),
        (3 * (b"G@\x11\x10" + bytes(184)), "MPEG-TS"),
        (b"TTA1" + bytes(100), "TTA"),
    ],
)
def test_broadcasters_write_is_no_pipe_of_samples(data: bytes, kind: str) -> None:
    with pytest.raises(AudioError, match=f"an? {kind} file and not raw int16 samples"):
        list(pipe_chunks(io.BytesIO(data), io.StringIO()))


@pytest.mark.parametrize("sample", [-1025, 0x770B, 0x4047])  # as frames of MP3, AC3, MPEG-TS open
def test_samples_that_look_like_a_frame_header_are_samples(sample: int) -> None:
    samples = np.zeros(16_000, "<i2")
    samples[0] = sample
    chunks = list(pipe_chunks(io.BytesIO(samples.tobytes()), io.StringIO()))
    assert np.concatenate(chunks).tolist() == samples.tolist()
