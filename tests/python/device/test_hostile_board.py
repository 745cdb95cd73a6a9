"""What a worn cable, another device or an attacker may send to `kws monitor`."""

import base64
import csv
import io
import os
import random
import sys
import threading
import time
import tty
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.device import line as line_module
from kws.device import serial_port
from kws.device.line import BoardLine
from kws.device.monitor import Monitor
from kws.device.monitor_settings import Settings
from kws.device.protocol import LONGEST_LINE, Board, audio_of, numbers_of, text_of
from kws.device.serial_port import SerialPort
from kws.errors import KwsError
from kws.listening import clips, record
from kws.listening.timeline import Printer

GREETING = [
    "kws 1 pico 16000 2 0", "m 0 320 1006", "n 0 hey you", "n 1 _other_", "t 2250", "r 50", "o 0 0",
    "p 1",
]  # fmt: skip
SOUND = "a {} " + base64.b64encode(bytes(640)).decode()


class Gone(KwsError):
    """The stand-in has said everything."""


class Port(SerialPort):
    """A port that says what it was given, a piece a read, and remembers what it was told."""

    name = "stand-in"

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.told = b""
        self.rates: list[int] = []

    def read(self, timeout_s: float) -> bytes:
        if not self.pieces:
            raise Gone("the serial port stand-in went away: plug the board in")
        return self.pieces.pop(0)

    def write(self, data: bytes) -> None:
        self.told += data

    def set_rate(self, bits_per_s: int) -> None:
        self.rates.append(bits_per_s)


def said(*lines: str) -> bytes:
    return "".join(f"{text}\n" for text in lines).encode()


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(line_module, "SETTLING_S", 0.0)


def follow(port: Port, tmp_path: Path, **more) -> tuple[Monitor, str, str]:
    """Follow a stand-in until it goes away; returns what was printed and noted, too."""
    out, notes = io.StringIO(), io.StringIO()
    files = {"csv": tmp_path / "scores.csv", "save_clips": tmp_path / "clips"}
    given = Settings(**(files | more))
    monitor = Monitor(BoardLine(port), given, Printer(out, as_json=False), notes)
    with pytest.raises(KwsError):
        monitor.run()
    return monitor, out.getvalue(), notes.getvalue()


def start(*lines: str) -> Port:
    """A sound board that answers what is asked at the start, and then says these lines."""
    return Port(said(*GREETING), said("b 921600"), said("A 1"), said(*lines))


def frames_in(table: Path) -> list[str]:
    with table.open() as rows:
        return [row["frame"] for row in csv.DictReader(rows)]


MALFORMED = (
    "t", "t x", "t 32768", "t -32769", "t 5 5", "t\u0663 5", "t \u0663", "t +5", "t 0x5", "t --5",
    "t " + "9" * 5000, "m 1", "m 0 0 1006", "m 256 320 1006", "m 0 320 0", "m 0 99999 1", "n",
    "n 1", "n 7 far", "n -1 x", "n 99999999999 x", "r -1", "r 256", "o 1", "o -1 0",
    "o 0 4294967296", "p", "p 256", "kws", "kws 1", "kws 1 pico abc 2 0", "kws 1 pico 0 2 0",
    "kws 1 pico 16000 2 2", "kws 1 pico -16000 2 0", "kws 1 pico 16000 2 0 9",
    "kws 2 pico 16000 2 0", "d 1 0", "d 1 1 2000", "d 1 5 2000", "d 1 -1 2000", "d -1 0 2000",
    "d 4294967296 0 1", "d 1 0 99999", "d 1 0 1 1", "s", "s 1", "s 1 1", "s 1 1 1 1",
    "s 1 1 -99999999", "s -5 1 1", "s 1 nan 1", "s 1 1e3 1", "a", "a 1", "a 1 AAH", "a x AAE=",
    "a 1 A?E=", "a -1 AAE=", "a 1 AA==", "a 4294967296 AAE=", "a 1 ", "!", "z 1", "hello",
    "\ufffdt 5", "S 2", "b x", "w -1", "x 1",
)  # fmt: skip


@pytest.mark.parametrize("text", MALFORMED)
def test_a_malformed_line_counts_as_lost_and_changes_nothing(text, tmp_path):
    board = Board()
    assert all(board.take(known) for known in GREETING)
    before = repr(board)
    assert not board.take(text)
    assert repr(board) == before and board.words == {0: "hey you"}
    monitor, out, _ = follow(start("s 1 5 5", text, "s 2 6 6"), tmp_path)
    assert monitor.line.garbled == 1 and out == ""
    assert frames_in(tmp_path / "scores.csv") == ["1", "2"]


@pytest.mark.parametrize(
    "data",
    [b"t \xff", b"n 0 \x1b[2J", b"n 0 a\x07b", "n 0 \x9b31m".encode(), b"t 5\r5", b"n 0 \xc3\x28",
     b"n 0 " + b"x" * LONGEST_LINE, b"s 1 2\x003 4"],
)  # fmt: skip
def test_what_no_terminal_should_get_is_no_line(data):
    assert text_of(data) is None


def test_good_lines_are_read():
    board = Board()
    for text in (
        *GREETING,
        "d 4294967295 0 -32768",
        "s 4294967295 32767 -32768",
        "w 7",
        "x 0",
        "S 1",
        "A 0",
        "b 921600",
        "! m 4 the model is corrupted",
        "a 6 AAH+//9/NBI=",
    ):
        assert board.take(text), text  # fmt: skip
    assert (board.end_s(0), board.end_s(50)) == (0.032, 1.032)  # hops of 20 ms, a window of 32
    assert board.trouble == "4 the model is corrupted"
    assert text_of("n 0 Grüße\r".encode()) == "n 0 Grüße"
    assert numbers_of("0 -12", ((0, 0), (-12, 0))) == [0, -12]
    index, samples = audio_of("6 AAH+//9/NBI=") or (None, None)
    assert index == 6 and samples is not None and list(samples) == [0x0100, -2, 0x7FFF, 0x1234]


def test_a_name_that_was_lost_takes_no_other_s_place(tmp_path):
    """Rows of another width, or under another word's name, would be worse than none."""
    renamed = ("m 1 320 900", "n 0 athena", "n 1 _other_", "s 3 7 7")
    _, _, notes = follow(start("s 1 5 5", *renamed, *GREETING[1:4], "s 4 8 8"), tmp_path)
    assert frames_in(tmp_path / "scores.csv") == ["1", "4"]
    assert "1 line arrived garbled" in notes


def test_a_line_without_an_end_is_counted_once_and_takes_no_memory(tmp_path):
    endless = [b"y" * 60_000] * 50
    port = Port(said(*GREETING), said("b 921600"), said("A 1"), *endless, said("", "s 1 5 5"))
    reader = BoardLine(port)
    reader.connect()
    with pytest.raises(Gone):
        while True:
            for _ in reader.lines(0.01):
                pass
            assert len(reader._rest) <= LONGEST_LINE + 1
    assert reader.garbled == 1


def test_a_name_without_an_end_is_not_taken_for_its_beginning():
    name = b"n 0 " + b"x" * LONGEST_LINE
    reader = BoardLine(Port(said(*GREETING), name, name, said("", "p 1")))
    reader.connect()
    with pytest.raises(Gone):
        list(reader.lines(60.0))
    assert reader.board.words == {0: "hey you"} and reader.garbled == 1


class Deaf(Port):
    """A port on which nobody answers, or always the same."""

    def read(self, timeout_s: float) -> bytes:
        return self.pieces[0] if self.pieces else b""


def test_a_board_is_looked_for_at_both_rates_and_once_more_at_the_first(monkeypatch):
    monkeypatch.setattr(line_module, "ANSWER_S", 0.01)
    port = Deaf()
    with pytest.raises(KwsError, match="no kws board answers on stand-in: check the port"):
        BoardLine(port).connect()
    assert port.rates == [115_200, 921_600, 115_200]
    assert port.told == 3 * b"\ns 0\na 0\n?\n"


def test_a_command_without_an_answer_is_sent_three_times_and_a_refused_one_once(monkeypatch):
    monkeypatch.setattr(line_module, "ANSWER_S", 0.01)
    port = Deaf()
    with pytest.raises(KwsError, match="does not answer `m 7`: is the right program on it"):
        BoardLine(port).ask("m 7", "m 7")
    assert port.told == 3 * b"m 7\n"
    monkeypatch.setattr(line_module, "ANSWER_S", 60.0)
    refusing = Port(said("! m no such model"))
    with pytest.raises(KwsError, match=r"^the board refuses `m 7`: no such model$"):
        BoardLine(refusing).ask("m 7", "m 7")
    assert refusing.told == b"m 7\n"


def test_the_board_and_the_port_change_their_rate(monkeypatch):
    monkeypatch.setattr(line_module, "ANSWER_S", 60.0)
    port = Port(said("b 921600"))
    BoardLine(port).set_rate(line_module.AUDIO_RATE)
    assert (port.told, port.rates) == (b"b 921600\n\n", [921_600])


def test_everything_is_asked_again_where_a_name_was_lost():
    port = Port(said(*GREETING[:2], *GREETING[3:]), b"", said(*GREETING))
    reader = BoardLine(port)
    assert reader.connect().words == {0: "hey you"}


def test_memory_stays_flat(tmp_path, monkeypatch):
    """A hundred times more of everything, and no list is longer for it."""
    monkeypatch.setattr(record, "LONGEST_CURVE", 100)
    monkeypatch.setattr(record, "MOST_DETECTIONS", 50)
    monkeypatch.setattr(clips, "WAITING", 20)
    kept = []
    for frames in (300, 30_000):
        spoken = [f"s {n} {n % 1500} 5" for n in range(frames)]
        detections = [f"d {n} 0 3000" for n in range(frames)]  # and their sound never comes
        lines = [text for pair in zip(spoken, detections, strict=True) for text in pair]
        monitor, out, _ = follow(start(*lines), tmp_path)
        assert out.count("hey you") == frames
        curve, saved = monitor._curve, monitor._clips
        assert saved
        assert len(curve.times_s) == len(curve.scores) <= 100
        assert max(max(scores) for scores in curve.scores) == min(frames, 1500) - 1
        kept.append((len(curve.detections), len(saved._wanted), len(saved._sound._pieces)))
    assert kept == [(kept[0][0], 20, 0)] * 2
    assert len((tmp_path / "scores.csv").read_text().splitlines()) == 30_001


def test_a_coarser_curve_keeps_its_peaks(monkeypatch):
    monkeypatch.setattr(record, "LONGEST_CURVE", 8)
    curve = record.Curve()
    for frame in range(1000):
        curve.take(frame, [3000 if frame in (0, 431, 999) else -50])
    assert len(curve.times_s) <= 8 and curve.times_s == sorted(curve.times_s)
    assert [frame for frame, (score,) in zip(curve.times_s, curve.scores, strict=True)
            if score == 3000] == [0, 384, 896]  # fmt: skip


def test_sound_with_gaps_and_leaps_is_bounded(tmp_path):
    steps = (0, 320, 640, 50, 4_294_967_295, 7, 4_000_000_000)
    monitor, *_ = follow(start(*(SOUND.format(at) for at in steps * 3)), tmp_path)
    assert monitor.line.garbled == 0
    assert monitor._clips and len(monitor._clips._sound._pieces) == 1


def test_the_table_holds_what_was_seen_before_the_board_went_away(tmp_path):
    follow(start("s 1 5 5"), tmp_path, png=tmp_path / "scores.png")
    assert (tmp_path / "scores.csv").read_text().count("\n") == 2
    assert (tmp_path / "scores.png").stat().st_size > 1000


WORDS = st.sampled_from(
    [*GREETING, *MALFORMED, "s 7 5 5", "d 7 0 3000", SOUND.format(320), "! m 1 x"]
)
NUMBERS = st.integers() | st.integers(-5, 5) | st.sampled_from([2**31, 2**32, -(2**31), 10**4400])
LETTERS = st.sampled_from([*"mntropdswaxSAb!?", "kws", "kws 1", ""])


@st.composite
def spoken(draw) -> bytes:
    """A good line, one made of a letter and numbers, or any bytes."""
    kind = draw(st.integers(0, 2))
    if kind == 0:
        return draw(WORDS).encode()
    if kind == 2:
        return draw(st.binary(max_size=40))
    numbers = []
    for number in draw(st.lists(NUMBERS, max_size=5)):
        numbers.append(str(number) if abs(number) < 10**4000 else "9" * 4400)
    return f"{draw(LETTERS)} {' '.join(numbers)}".encode()


@settings(max_examples=150, deadline=None)
@given(st.lists(spoken(), max_size=30), st.booleans())
def test_no_line_ends_the_monitor(tmp_path_factory, lines, is_greeted):
    """Whatever comes, before the greeting or after, the only end is the port's."""
    data = b"".join(text + b"\n" for text in lines)
    first = said(*GREETING) if is_greeted else b""
    port = Port(first, said("b 921600"), said("A 1"), data, said(*GREETING, "s 1 5 5"))
    monitor, *_ = follow(port, tmp_path_factory.mktemp("followed"))
    assert len(monitor.line.board.classes) <= 255


def test_a_port_that_is_not_there_is_one_sentence_with_two_remedies(tmp_path):
    with pytest.raises(KwsError) as refusal, SerialPort(str(tmp_path / "ttyACM0"), 115_200):
        pass
    assert "plug the board in, or give its port, such as" in str(refusal.value)


def test_seconds_end_a_flood():
    """A device that sends as fast as the pipe takes it, and never a line that says anything."""
    ours, theirs = os.openpty()
    tty.setraw(ours)
    tty.setraw(theirs)
    done = threading.Event()

    def flood() -> None:
        rng = random.Random(5)
        answers = said(*GREETING)
        os.write(ours, answers)
        os.set_blocking(ours, False)
        while not done.is_set():
            try:
                os.read(ours, 4096)
                os.write(ours, answers)
            except BlockingIOError:
                pass
            try:
                os.write(ours, rng.randbytes(2000) + b"\n")
            except BlockingIOError:
                time.sleep(0.001)

    flooding = threading.Thread(target=flood)
    flooding.start()
    try:
        with SerialPort(os.ttyname(theirs), 115_200) as port:
            given = Settings(seconds=0.5)
            monitor = Monitor(BoardLine(port), given, Printer(io.StringIO(), as_json=True))
            monitor.run()
    finally:
        done.set()
        flooding.join()
        os.close(ours)
        os.close(theirs)
    assert monitor.line.garbled > 0


def test_a_port_that_takes_nothing_is_given_up(monkeypatch):
    """Nobody reads at the other end: its buffer fills, and a write would wait for ever."""
    monkeypatch.setattr(serial_port, "WRITE_S", 0.2)
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    try:
        with SerialPort(os.ttyname(theirs), 115_200) as port, pytest.raises(KwsError) as refusal:
            for _ in range(10_000):
                port.write(b"?" * 4096 + b"\n")
        assert "takes no bytes" in str(refusal.value) and "\n" not in str(refusal.value)
    finally:
        os.close(ours)
        os.close(theirs)


def test_pyserial_s_timeout_is_the_same_sentence(monkeypatch):
    class SerialTimeoutException(OSError):
        pass

    class Serial:
        out_waiting = 5

        def __init__(self, name, bits_per_s, **options):
            assert options["write_timeout"] == serial_port.WRITE_S

        def write(self, data):
            raise SerialTimeoutException("Write timeout")

        def close(self):
            pass

    monkeypatch.setattr(serial_port, "WRITE_S", 0.05)
    names = {"Serial": Serial, "SerialTimeoutException": SerialTimeoutException}
    monkeypatch.setitem(sys.modules, "serial", type("serial", (), names))
    with SerialPort("COM3", 115_200) as port:
        port.set_rate(921_600)  # though bytes wait for ever
        with pytest.raises(KwsError, match="COM3 takes no bytes"):
            port.write(b"?\n")


def test_zero_seconds_end_at_once(tmp_path):
    port = Port(said(*GREETING), b"", b"", b"", b"")
    monitor = Monitor(BoardLine(port), Settings(seconds=0.0), Printer(io.StringIO(), as_json=True))
    monitor.run()
    assert port.told.endswith(b"s 1\ns 0\n")


def test_the_first_sample_of_a_long_stream_is_no_error():
    assert audio_of("4294967295 AAE=") is not None
    first = audio_of("0 AAE=")
    assert first and np.array_equal(first[1], [256])
