"""Listening to recordings, pipes and microphones: what is detected, and how it is told."""

import gzip
import io
import json
import os
import signal
import sys
import time
from itertools import pairwise

import numpy as np
import pytest
from loudness_models import noise, two_words, wake_word
from random_models import RandomModel
from typer.testing import CliRunner

from kws import Spotter
from kws.audio.files import write_audio
from kws.cli.main import app
from kws.engine import model_file
from kws.errors import AudioError, MicrophoneError
from kws.listening import lasting, listen, microphone, screen, session
from kws.listening.ears import Ear, Wishes
from kws.listening.ending import ENDS, ended_by_signals
from kws.listening.hearing import Hearing
from kws.listening.listen import hear, listen_to_files, listen_to_pipe, pipe_chunks
from kws.listening.session import Notes, listen_to_microphone
from kws.listening.timeline import FileProgress, Heard, Meter, Printer
from kws.settings.model import FeatureConfig
from kws.support.text import bar, bar_characters, clock, table


@pytest.fixture
def hearing():
    return Hearing([Ear(Spotter(model_file.parse(two_words())))])


@pytest.fixture
def stream():
    """Loud from 1.5 to 2.5 s (low) and from 4.0 to 5.0 s (high), 6 s long."""
    parts = [noise(1.5, 16), noise(1, 3000, colour="low"), noise(1.5, 16, 1)]
    return np.concatenate([*parts, noise(1, 3000, colour="high"), noise(1, 16, 2)])


class Pipe(io.BytesIO):
    """A pipe that hands over at most so many bytes at once, as a live one does."""

    def __init__(self, data, at_once=1_000):
        super().__init__(data)
        self.at_once = at_once

    def read1(self, size=-1):
        return super().read1(min(size, self.at_once) if size >= 0 else self.at_once)


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def lines(printer):
    return printer.out.getvalue().splitlines()


def test_a_recording_gives_a_timeline_and_a_summary(hearing, stream, tmp_path):
    write_audio(tmp_path / "a.wav", stream)
    printer = Printer(Terminal(), as_json=False)
    listen_to_files(hearing, [tmp_path / "a.wav"], printer)
    low, high, summary = lines(printer)
    assert low.split()[:2] == ["00:01.5", "low"] and low.endswith("██████████")
    assert high.split()[:2] == ["00:04.0", "high"] and "94.0 %" in high
    assert summary.startswith("6.0 s of audio, 2 detections, ")
    assert summary.endswith(" times real time")


def test_json_is_a_line_a_detection_and_nothing_else(hearing, stream, tmp_path):
    path = tmp_path / "a.flac"
    write_audio(path, stream)
    printer = Printer(io.StringIO(), as_json=True)
    listen_to_files(hearing, [path, path], printer)
    found = [json.loads(line) for line in lines(printer)]
    assert [entry["word"] for entry in found] == ["low", "high"] * 2
    assert [set(entry) for entry in found] == [{"word", "time_s", "score", "file"}] * 4
    assert found[0]["file"] == str(path)
    assert found[0]["time_s"] == pytest.approx(1.53, abs=0.03)
    assert 0.8 < found[0]["score"] < 1.0
    assert found[:2] == found[2:]  # the second recording begins anew


def test_several_recordings_are_named_in_the_timeline(hearing, stream, tmp_path):
    for name in ("a.wav", "b.wav"):
        write_audio(tmp_path / name, stream)
    printer = Printer(io.StringIO(), as_json=False)
    tally = listen_to_files(hearing, [tmp_path / "a.wav", tmp_path / "b.wav"], printer)
    assert [line for line in lines(printer) if line.startswith("/")] == [
        str(tmp_path / "a.wav"),
        str(tmp_path / "b.wav"),
    ]
    assert (tally.samples, tally.detections) == (2 * len(stream), 4)


def test_the_time_counts_for_all_recordings_together(stream, tmp_path, capsys):
    paths = [tmp_path / f"{name}.wav" for name in "abcd"]
    for path in paths:
        write_audio(path, stream)
    hearing = Hearing([Ear(Spotter(model_file.parse(two_words())))], Wishes(seconds=8.0))
    printer = Printer(io.StringIO(), as_json=False)
    tally = listen_to_files(hearing, paths, printer)
    assert (tally.samples, tally.detections) == (8 * 16_000, 3)
    assert capsys.readouterr().err == "kws: the time was over before 2 recordings\n"


@pytest.mark.parametrize("at_once", [1, 7, 640, 1 << 16])
def test_a_pipe_gives_the_same_detections_however_it_is_cut(hearing, stream, at_once):
    printer = Printer(io.StringIO(), as_json=True)
    listen_to_pipe(hearing, Pipe(stream[:48_000].tobytes(), at_once), printer)
    (found,) = [json.loads(line) for line in lines(printer)]
    assert (found["word"], found["time_s"], found["file"]) == ("low", 1.532, "-")


def test_a_pipe_is_heard_while_it_goes_on(hearing, stream):
    """A detection comes with the bytes that complete it, not with the end of the stream."""
    taken = 0

    class Counting(Pipe):
        def read1(self, size=-1):
            nonlocal taken
            data = super().read1(size)
            taken += len(data)
            return data

    heard = hear(hearing, pipe_chunks(Counting(stream.tobytes()), io.StringIO()), "-")
    first = next(heard)
    assert 0 <= taken / 2 - first.time_s * 16_000 < 500


def test_an_odd_byte_at_the_end_is_reported_and_the_rest_is_heard():
    warnings = io.StringIO()
    chunks = list(pipe_chunks(Pipe(np.arange(5, dtype="<i2").tobytes() + b"x", 3), warnings))
    np.testing.assert_array_equal(np.concatenate(chunks), np.arange(5))
    assert "1 odd byte ignored" in warnings.getvalue()
    assert warnings.getvalue().count("\n") == 1


def test_an_even_number_of_bytes_gives_no_warning():
    warnings = io.StringIO()
    assert [len(chunk) for chunk in pipe_chunks(Pipe(bytes(10)), warnings)] == [5]
    assert warnings.getvalue() == ""


@pytest.mark.parametrize(
    ("magic", "kind"),
    [(b"RIFF", "WAV"), (b"OggS", "Ogg"), (b"fLaC", "FLAC"), (b"\x64\xa3\x01\x00", "IRCAM")],
)
@pytest.mark.parametrize("at_once", [1, 1_000])
def test_a_sound_file_in_the_pipe_is_refused(magic, kind, at_once):
    with pytest.raises(AudioError, match=rf"an? {kind} file and not raw .*: give its name"):
        list(pipe_chunks(Pipe(magic + bytes(100), at_once), io.StringIO()))


@pytest.mark.parametrize("at_once", [1, 1_000])
def test_an_archive_in_the_pipe_is_refused(at_once):
    packed = gzip.compress(bytes(100))
    with pytest.raises(AudioError, match=r"is packed \(gzip\) and not raw .*: unpack it first"):
        list(pipe_chunks(Pipe(packed, at_once), io.StringIO()))


@pytest.mark.parametrize("at_once", [1, 1 << 15])
@pytest.mark.parametrize(
    "text", [b"<!DOCTYPE html>\n<html><title>404</title></html>\n", b"no " * 99]
)
def test_text_in_a_pipe_is_refused(text, at_once):
    with pytest.raises(AudioError, match=r"the input is text \(.* and not raw int16 samples"):
        list(pipe_chunks(Pipe(text, at_once), io.StringIO()))


def test_an_ogg_file_in_a_pipe_is_named():
    with pytest.raises(AudioError, match="the input is an Ogg file and not raw"):
        list(pipe_chunks(Pipe(b"OggS" + bytes(100), 50), io.StringIO()))


def test_an_empty_pipe_is_refused(hearing):
    """The program that should have filled it has failed."""
    printer = Printer(io.StringIO(), as_json=False)
    with pytest.raises(AudioError, match="the input is empty: pipe raw int16 samples into it"):
        listen_to_pipe(hearing, Pipe(b""), printer)
    assert lines(printer) == []


def test_a_terminal_as_the_pipe_is_refused(hearing, monkeypatch):
    pipe = Pipe(b"")
    monkeypatch.setattr(pipe, "isatty", lambda: True)
    with pytest.raises(AudioError, match="the input is a terminal: pipe raw int16"):
        listen_to_pipe(hearing, pipe, Printer(io.StringIO(), as_json=True))


class FakeMicrophone:
    """Delivers the chunks, then raises what ends it; in the place of `Microphone`."""

    device_rate_hz = 16_000
    lost_samples = 0

    def __init__(self, chunks, end):
        self.chunks, self.end = list(chunks), end
        self.device = microphone.Device(
            number=3, name="USB mic", channels=1, sample_rate_hz=16_000, is_default=True
        )
        self.is_open = False

    def __enter__(self):
        self.is_open = True
        return self

    def __exit__(self, *_):
        self.is_open = False

    def read(self, timeout_s):
        if not self.chunks:
            raise self.end
        return self.chunks.pop(0)


@pytest.fixture
def use_microphone(monkeypatch, stream):
    """Let these be opened one after the other; what is no microphone is raised."""

    def use(*fakes):
        waiting = list(fakes)

        def open_next(device, rate_hz, channel=None):
            fake = waiting.pop(0)
            if isinstance(fake, Exception):
                raise fake
            return fake

        monkeypatch.setattr(microphone, "Microphone", open_next)
        monkeypatch.setattr(microphone, "devices", lambda: [])
        monkeypatch.setattr(microphone, "rescan", lambda: None)
        monkeypatch.setattr(lasting, "RETRY_S", 0.01)
        return fakes[0]

    return use


@pytest.fixture
def chunks(stream):
    return np.array_split(stream, 150)


def test_ctrl_c_ends_the_microphone_with_a_summary(hearing, use_microphone, chunks, capsys):
    fake = use_microphone(FakeMicrophone(chunks, KeyboardInterrupt()))
    printer = Printer(io.StringIO(), as_json=False)
    listen_to_microphone(hearing, None, printer, Notes())
    assert [line.split()[:2] for line in lines(printer)[:2]] == [
        ["00:01.5", "low"],
        ["00:04.0", "high"],
    ]
    assert lines(printer)[2].startswith("6.0 s of audio, 2 detections")
    assert not fake.is_open
    assert capsys.readouterr().err == "Listening to USB mic; Ctrl-C ends.\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal to send")
@pytest.mark.parametrize("name", ENDS)
def test_a_signal_ends_plain_lines_as_ctrl_c_does(use_microphone, chunks, tmp_path, name):
    class Ended(FakeMicrophone):
        def read(self, timeout_s):
            if not self.chunks:
                os.kill(os.getpid(), getattr(signal, name))
            return self.chunks.pop(0) if self.chunks else None

    (tmp_path / "two.kws").write_bytes(two_words())
    use_microphone(Ended(chunks, KeyboardInterrupt()))
    # Where the tests run in the background it may be ignored from the start.
    before = signal.signal(getattr(signal, name), signal.SIG_DFL)
    try:
        ended = CliRunner().invoke(app, ["listen", str(tmp_path / "two.kws"), "--calibrate", "8h"])
        assert ended.exit_code == 0, ended.output
        assert "6.0 s of audio, 2 detections" in ended.output and "threshold of two" in ended.output
        assert signal.getsignal(getattr(signal, name)) == signal.SIG_DFL
    finally:
        signal.signal(getattr(signal, name), before)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGHUP")
def test_a_signal_that_is_ignored_from_the_start_stays_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_by_signals():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_end_of_a_screen_counts_the_detections_that_it_does_not_list(
    hearing, use_microphone, chunks, monkeypatch
):
    monkeypatch.setattr(session, "is_screen", lambda out: True)
    monkeypatch.setattr(screen, "LISTED", 1)
    use_microphone(FakeMicrophone(chunks, KeyboardInterrupt()))
    out = Terminal()
    listen_to_microphone(hearing, None, Printer(out, as_json=False), Notes())
    left = out.getvalue().rpartition("\x1b[?1049l")[2].splitlines()
    assert left[0] == "  1 earlier detection, and then:"
    assert left[1].split()[1] == "high" and "2 detections" in left[2]


def test_lost_sound_is_told_at_once_and_at_the_end_and_what_follows_is_later(
    hearing, use_microphone, chunks, capsys
):
    fake = use_microphone(FakeMicrophone(chunks, KeyboardInterrupt()))
    fake.lost_samples = 8_000
    printer = Printer(io.StringIO(), as_json=False)
    listen_to_microphone(hearing, None, printer, Notes())
    assert lines(printer)[0].split()[:2] == ["00:02.0", "low"]
    told = "kws: lost 8,000 samples (0.5 s), since the computer was busy with something else\n"
    assert capsys.readouterr().err.endswith(told + told)


def test_the_microphone_in_json_has_no_file(hearing, use_microphone, chunks):
    use_microphone(FakeMicrophone(chunks, KeyboardInterrupt()))
    printer = Printer(io.StringIO(), as_json=True)
    listen_to_microphone(hearing, None, printer, Notes())
    assert [json.loads(line)["file"] for line in lines(printer)] == [None, None]


def test_a_microphone_that_goes_away_is_waited_for_and_taken_again(
    hearing, use_microphone, chunks, capsys
):
    gone = MicrophoneError("the microphone 'USB mic' stopped sending sound: check its connection")
    first = FakeMicrophone(chunks, gone)
    again = FakeMicrophone(chunks, KeyboardInterrupt())
    use_microphone(first, MicrophoneError("no"), MicrophoneError("no"), again)
    printer = Printer(io.StringIO(), as_json=True)
    started = time.monotonic()
    listen_to_microphone(hearing, None, printer, Notes())
    passed_s = time.monotonic() - started
    found = [json.loads(line) for line in lines(printer)]
    assert [entry["word"] for entry in found] == ["low", "high"] * 2
    # The second stream begins when it did; here six seconds of sound take next to no time.
    assert 0 < found[2]["time_s"] - found[0]["time_s"] < passed_s
    assert not first.is_open and not again.is_open
    assert capsys.readouterr().err == (
        "Listening to USB mic; Ctrl-C ends.\n"
        "kws: the microphone 'USB mic' stopped sending sound: waiting for it\n"
        "kws: the microphone 'USB mic' is back\n"
    )


def test_no_microphone_at_the_start_is_an_error(hearing, use_microphone):
    use_microphone(MicrophoneError("there is none"))
    with pytest.raises(MicrophoneError, match="there is none"):
        listen_to_microphone(hearing, None, Printer(io.StringIO(), as_json=True), Notes())


def test_seconds_end_it_also_while_the_microphone_is_away(use_microphone, chunks):
    spotter = Spotter(model_file.parse(two_words()))
    printer = Printer(io.StringIO(), as_json=True)
    use_microphone(FakeMicrophone(chunks, KeyboardInterrupt()))
    hearing = Hearing([Ear(spotter)], Wishes(seconds=2.0))
    listen_to_microphone(hearing, None, printer, Notes())
    assert 32_000 <= hearing.tally.samples < 33_000
    gone = FakeMicrophone([], MicrophoneError("gone"))
    use_microphone(gone, *[MicrophoneError("no")] * 1_000)
    started = time.monotonic()
    listen_to_microphone(Hearing([Ear(spotter)], Wishes(seconds=0.3)), None, printer, Notes())
    assert 0.3 <= time.monotonic() - started < 5


def test_of_two_devices_of_one_name_the_same_number_is_taken_again(use_microphone, monkeypatch):
    def device(number):
        return microphone.Device(
            number=number, name="USB mic", channels=1, sample_rate_hz=16_000, is_default=False
        )

    asked = []
    listed = [device(2), device(5)]
    gone = FakeMicrophone([], MicrophoneError("gone"))
    gone.device = device(5)
    use_microphone(gone)
    with lasting.LastingMicrophone(5, tell=lambda _: None) as found:
        monkeypatch.setattr(microphone, "devices", lambda: listed)

        def opened(wanted, *_, **__):
            asked.append(wanted)
            return gone

        monkeypatch.setattr(microphone, "Microphone", opened)
        for _ in range(3):  # it goes, is waited for and is back
            found.read(0.02)
        listed.pop()
        for _ in range(3):
            found.read(0.02)
    assert asked == [5, 2]


def test_the_terminal_shows_a_live_level_and_score(hearing, use_microphone, chunks, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr("kws.listening.timeline.METER_INTERVAL_S", 0.0)
    use_microphone(FakeMicrophone(chunks, KeyboardInterrupt()))
    listen_to_microphone(hearing, None, Printer(io.StringIO(), as_json=True), Notes())
    frames = terminal.getvalue().split("\r")
    quiet = next(frame for frame in frames if frame.startswith("00:01.0"))
    loud = next(frame for frame in frames if frame.startswith("00:02.0"))
    assert "score ██░░░░░░░░░░░░░░░░░░  12 %" in quiet
    assert "score ████████████████████ 100 %" in loud
    levels = [int(frame.split("dB")[0].split()[-1]) for frame in (quiet, loud)]
    assert levels[0] < -50 and levels[1] > -15
    assert frames[-1] == "\x1b[K"  # wiped at the end


def test_no_meter_is_drawn_where_there_is_no_terminal():
    out = io.StringIO()
    meter = Meter(out)
    meter.update(np.ones(640, np.int16), 0.5)
    meter.clear()
    assert out.getvalue() == ""


def test_a_microphone_that_gives_zeros_only_is_called_muted(monkeypatch):
    monkeypatch.setattr("kws.listening.timeline.METER_INTERVAL_S", 0.0)
    monkeypatch.setenv("COLUMNS", "200")
    terminal = Terminal()
    meter = Meter(terminal)
    for _ in range(80):
        meter.update(np.zeros(640, np.int16), 0.0)
    assert "muted" in terminal.getvalue().split("\r")[-1]
    monkeypatch.setenv("COLUMNS", "80")
    meter.update(np.zeros(640, np.int16), 0.0)
    assert "no sound at all: muted, or not permitted?\x1b[K" in terminal.getvalue().split("\r")[-1]
    meter.update(np.full(640, -32768, np.int16), 0.0)
    last = terminal.getvalue().split("\r")[-1]
    assert "muted" not in last and "   0 dB" in last


def test_what_moves_is_cut_to_a_narrow_terminal(monkeypatch):
    monkeypatch.setattr("kws.listening.timeline.METER_INTERVAL_S", 0.0)
    monkeypatch.setattr("kws.support.moving_line.size_of", lambda out: (40, 24))
    terminal = Terminal()
    Meter(terminal).update(np.full(640, 9_000, np.int16), 0.5)
    FileProgress(terminal).update(30, 60)
    lines = terminal.getvalue().replace("\x1b[K", "").split("\r")
    assert [len(line) for line in lines] == [0, 39, 39]


def test_the_meter_is_painted_ten_times_a_second_at_most():
    terminal = Terminal()
    meter = Meter(terminal)
    started = time.monotonic()
    for _ in range(2_000):
        meter.update(np.ones(640, np.int16), 0.5)
    elapsed_s = time.monotonic() - started
    assert terminal.getvalue().count("\r") <= 10 * elapsed_s + 1


def test_a_process_call_lasts_no_longer_than_a_second_of_audio(hearing, tmp_path):
    """So that Ctrl-C ends the reading of an hour-long recording at once."""
    write_audio(tmp_path / "long.wav", noise(5.3, 16))
    lengths = [len(chunk) for chunk in listen.file_chunks(tmp_path / "long.wav")]
    assert sum(lengths) == round(5.3 * 16_000)
    assert max(lengths) == 16_000


def test_a_model_of_8_khz_hears_recordings_at_its_rate(tmp_path):
    write_audio(tmp_path / "long.wav", noise(3.0, 16))
    lengths = [len(chunk) for chunk in listen.file_chunks(tmp_path / "long.wav", 8_000)]
    assert lengths == [8_000, 8_000, 8_000]
    eight = RandomModel(
        features=FeatureConfig(sample_rate_hz=8_000, hop_length=160, n_mels=24, n_mfcc=13)
    )
    printer = Printer(io.StringIO(), as_json=False)
    listener = Spotter(model_file.parse(eight.encode()))
    listen_to_files(Hearing([Ear(listener, 8_000)]), [tmp_path / "long.wav"], printer)
    assert listener.frames == 1 + (24_000 - 256) // 160
    assert lines(printer)[-1].startswith("3.0 s of audio")


def test_the_engine_is_charged_for_its_own_time_only(hearing):
    def slow_chunks():
        for _ in range(3):
            time.sleep(0.02)
            yield np.zeros(160, np.int16)

    assert list(hear(hearing, slow_chunks(), None)) == []
    assert 0 < hearing.tally.engine_s < 0.02


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "00:00.0"),
        (59.94, "00:59.9"),
        (59.96, "01:00.0"),
        (3_600, "60:00.0"),
        (6_001, "100:01.0"),
    ],
)
def test_times_are_minutes_and_seconds(seconds, text):
    assert clock(seconds) == text


def test_bars_are_full_at_one_and_stay_within_their_width():
    assert [bar(f, 4, "#", ".") for f in (-1, 0, 0.5, 1, 2)] == [
        "....",
        "....",
        "##..",
        "####",
        "####",
    ]


def test_a_terminal_without_blocks_gets_plain_characters():
    assert bar_characters(io.TextIOWrapper(io.BytesIO(), encoding="ascii")) == ("#", ".")
    assert bar_characters(io.TextIOWrapper(io.BytesIO(), encoding="utf-8")) == ("█", "░")


def test_json_keeps_words_of_every_script():
    line = Heard("どうも", 1.23456, 0.98765, None).to_json()
    assert line == '{"word": "どうも", "time_s": 1.235, "score": 0.9877, "file": null}'


def test_tables_align_numbers_right_and_words_left():
    text = table(("word", "clips"), [("yes", 7), ("no", 123)]).splitlines()
    assert text == ["word  clips", "yes       7", "no      123"]


def test_the_wake_word_needs_a_pause_before_it_is_heard_again():
    """The refractory time and the release level of the model hold here as they do on a board."""
    spotter = Spotter(model_file.parse(wake_word()))
    stream = np.concatenate([noise(1, 16), noise(3, 3000), noise(1, 16), noise(1, 3000)])
    times = [heard.time_s for heard in hear(Hearing([Ear(spotter)]), [stream], None)]
    assert times == [pytest.approx(1.03, abs=0.03), pytest.approx(5.03, abs=0.03)]
    assert all(later - earlier > 0.5 for earlier, later in pairwise(times))
