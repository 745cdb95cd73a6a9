"""The screen: what it shows at every size, what its keys do, and what it costs."""

import io
import os
import sys
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from loudness_models import noise, two_words, wake_word
from rich.cells import cell_len

from kws import Spotter
from kws.device import board_view
from kws.engine import model_file
from kws.listening import live as live_module
from kws.listening import screen, terminal
from kws.listening.ears import Ear, Wishes
from kws.listening.hearing import Hearing
from kws.listening.level import Level
from kws.listening.live import Live
from kws.listening.microphone import Device
from kws.listening.screen import posterior_text
from kws.listening.strip import ASCII, Strip
from kws.listening.terminal import Painter
from kws.settings.model import posterior_of


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


class Microphone:
    """Gives these chunks, as `LastingMicrophone` would."""

    is_there = True
    gaps = lost_samples = 0
    device_rate_hz = 48_000
    device = Device(number=0, name="USB mic", channels=1, sample_rate_hz=48_000, is_default=True)

    def __init__(self, chunks=()):
        self.chunks = list(chunks)

    def read(self, timeout_s):
        if not self.chunks:
            raise KeyboardInterrupt
        return self.chunks.pop(0)


def live_of(*models, chunks=(), out=None):
    names = ("first", "second", *["other"] * len(models))
    ears = [
        Ear(Spotter(model_file.parse(data)), name=name)
        for data, name in zip(models, names, strict=False)
    ]
    microphone: Any = Microphone(chunks)
    return Live(Hearing(ears), microphone, out or Terminal())


def hear(live, samples):
    for at in range(0, len(samples), 1_280):
        chunk = samples[at : at + 1_280]
        live.picture.level.take(chunk)
        for heard in live.hearing.take(chunk):
            live.picture.add(heard)


def text(live, width=80, height=24):
    lines = live.picture.lines(width, height)
    return ["".join(part for part, _ in spans) for spans in lines]


def styles(live, wanted, width=80, height=24):
    lines = live.picture.lines(width, height)
    return {style for spans in lines for part, style in spans if wanted in part}


@pytest.fixture
def loud():
    """Loud at 1.0 s for half a second; 2.4 s long."""
    return np.concatenate([noise(1, 16), noise(0.5, 3000), noise(0.9, 16)])


def test_the_screen_shows_level_score_threshold_and_detection(loud):
    live = live_of(wake_word())
    hear(live, loud)
    shown = text(live)
    assert len(shown) == 24
    assert "dB" in shown[1] and shown[2] == ""
    (heading,) = [line for line in shown if "threshold" in line and "hey_noise" in line]
    assert "0.800 (+1.4)" in heading
    strip = shown[shown.index(heading) + 1 :][:5]
    line_row = [row for row in strip if "─" in row]
    assert len(line_row) == 1 and line_row[0].lstrip().startswith("+1.4│")
    assert strip[0].count("▼") == 1
    # Half a second of high scores, to the left of the nine tenths that were quiet again.
    assert line_row[0].count("█") in range(4, 9)
    assert line_row[0][-8:].strip("─") == ""
    assert any("00:01.0  hey_noise" in line for line in shown)
    assert "lost 0 samples" in shown[-2] and "? keys" in shown[-1]


def test_the_screen_says_that_it_calibrates_and_for_how_long(loud):
    ears = [Ear(Spotter(model_file.parse(wake_word())))]
    microphone: Any = Microphone()
    wishes = Wishes(seconds=1_800, calibrates=True)
    live = Live(Hearing(ears, wishes), microphone, Terminal())
    live.picture.time_s = 47.5
    assert text(live)[0].startswith("kws calibrating  00:47.5, 29:12.5 left")


@pytest.mark.parametrize("height", [1, 2, 3, 5, 8, 12, 24, 60])
@pytest.mark.parametrize("width", [20, 40, 59, 60, 80, 120, 200, 400])
def test_it_fits_every_size(loud, width, height):
    for models in ([wake_word()], [two_words(), wake_word("よく聞こえる言葉")]):
        live = live_of(*models)
        hear(live, loud)
        for shows_help in (False, True):
            live.picture.shows_help = shows_help
            lines = live.picture.lines(width, height)
            assert len(lines) == height
            for spans in lines:
                fitted = screen.fitted(spans, width, lambda text, _: text)
                assert cell_len(fitted) <= width


def test_many_words_show_those_that_score_and_count_the_others(loud):
    live = live_of(*[wake_word(f"word{number}") for number in range(12)])
    hear(live, loud)
    live.picture.strips[7].take(99.0, 15.0)
    shown = "\n".join(text(live, height=16))
    assert "word7" in shown and "more words, all lower" in shown
    assert sum(f"word{number} " in shown for number in range(12)) < 12


def test_a_strip_marks_what_fires_without_colour():
    """In one row only what fires is a full block; in several it crosses the line."""
    strip = Strip("w", 2.0)
    for number, score in enumerate((-20.0, -8.0, 1.9, 2.0, 30.0)):
        strip.take(number / 10, score)
    whole = "".join(part for part, _ in strip.rows(5, 1)[0])
    assert whole[3:] == "██" and "█" not in whole[:3]
    assert [style for _, style in strip.rows(5, 1)[0]] == ["bar", "over"]
    rows = ["".join(part for part, _ in row) for row in strip.rows(5, 4)]
    assert rows[strip.line_row(4) or 0][:2] == "──" and rows[0][-1] == "█"


def test_a_strip_is_the_same_however_it_was_drawn():
    random = np.random.default_rng(5)
    grown, late = Strip("w", 1.0), Strip("w", 1.0)
    grown.rows(30, 3)
    for number in range(2_000):
        score, is_hit = random.normal(0, 5), random.random() < 0.01
        for strip in (grown, late):
            strip.take(number * 0.02, score, is_hit=is_hit)
    assert grown.rows(60, 3) == late.rows(60, 3)
    grown.threshold = late.threshold = 3.0
    assert grown.rows(200, 3) == late.rows(200, 3)
    grown.take(60.0, 1.0)  # nothing was heard for twenty seconds
    assert "".join(part for part, _ in grown.rows(200, 1)[0]).strip() == "▅"


def test_plain_characters_where_the_terminal_has_no_blocks(loud):
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    live = live_of(wake_word(), out=out)
    assert live.picture.glyphs is ASCII
    hear(live, loud)
    "\n".join(text(live)).encode("ascii")


def test_clipping_and_silence_are_hinted_at():
    level = Level(16_000)
    for _ in range(10):
        level.take(np.full(1_280, 100, np.int16))
    assert level.hint == ""
    level.take(np.full(1_280, -32_768, np.int16))
    assert level.read_db() == 0 and "clipping" in level.hint
    for _ in range(38):
        level.take(np.full(1_280, 100, np.int16))
    assert level.hint == ""
    for _ in range(38):
        level.take(np.zeros(1_280, np.int16))
    assert "muted" in level.hint
    one = np.zeros(1_280, np.int16)
    one[7] = 32_767
    level.take(one)
    assert level.hint == ""  # a single sample is no clipping, and no silence


def test_plus_and_minus_change_the_threshold_of_the_engine_and_the_number_can_be_kept(loud):
    live = live_of(wake_word())
    listener = live.hearing.ears[0].listener
    for _ in range(60):
        live.press("+")
    live.press("-")
    assert listener.threshold == pytest.approx(posterior_of(16 * 1024 - 256), abs=1e-9)
    hear(live, loud)
    assert live.picture.count == 0
    (kept,) = live.kept()
    number = float(kept.split(" is now ")[1].split(":")[0])
    assert kept.endswith(f": keep it with --threshold {kept.split()[-1]}")
    assert float(kept.split()[-1]) == number
    again = Spotter(listener.model, threshold=number)
    assert again.threshold == pytest.approx(listener.threshold, rel=1e-7)


@pytest.mark.parametrize("score_q10", [-16_384, -6_000, -256, 0, 256, 3_000, 6_144, 16_384])
def test_a_posterior_has_the_digits_that_its_log_odds_need(score_q10):
    for step in (0, 256):
        posterior = posterior_of(score_q10 + step)
        told = float(posterior_text(posterior))
        assert abs(np.log(told / (1 - told)) * 1024 - (score_q10 + step)) < 64


def test_tab_points_at_the_next_model():
    live = live_of(wake_word("a"), wake_word("b"))
    live.press("\t")
    live.press("+")
    first, second = (ear.listener.threshold for ear in live.hearing.ears)
    assert first == pytest.approx(0.8, abs=1e-3) and second > first
    assert any(line.startswith("> b") for line in text(live))
    assert live.kept() == ["the threshold of b is now 0.837: keep it with --threshold second=0.837"]
    live.press("\t")
    assert any(line.startswith("> a") for line in text(live))


def test_space_pauses_and_the_stream_goes_on_later(loud):
    class Pausing(Microphone):
        def read(self, timeout_s):
            if len(self.chunks) in (60, 30):
                live.press(" ")
            return super().read(timeout_s)

    chunks = [*np.split(loud[:38_400], 30), *np.split(loud[:38_400], 30), *[noise(0.08, 16)] * 30]
    live = live_of(wake_word())
    live.microphone = Pausing(chunks)
    painter, keys = Painter(Terminal()), terminal.Keys()
    with pytest.raises(KeyboardInterrupt):
        live.run(painter, keys)
    assert [heard.time_s for heard in live.picture.detections] == [pytest.approx(1.03, abs=0.03)]
    assert live.hearing.time_s == pytest.approx(90 * 0.08)
    assert live.hearing.tally.samples == 60 * 1_280


def test_help_and_quitting():
    live = live_of(wake_word())
    live.press("?")
    assert any("that was wrong" in line for line in text(live))
    live.press("?")
    live.press("x")
    assert not any("that was wrong" in line for line in text(live)) and not live.is_over
    live.press("q")
    assert live.is_over


def test_what_is_lost_or_gone_stands_out():
    live = live_of(wake_word())
    live.picture.lost_samples = 1_280
    assert styles(live, "lost 1,280 samples") == {"warn"}
    live.picture.is_there = False
    assert styles(live, "waiting for it") == {"warn"}
    live.picture.say("a\x1b[2Jb")
    assert r"a\x1b[2Jb" in text(live)[-1]


def test_only_lines_that_changed_are_painted_and_all_after_another_size(loud, monkeypatch):
    size = [81, 24]
    monkeypatch.setattr(terminal, "size_of", lambda out: tuple(size))
    out = Terminal()
    painter, live = Painter(out), live_of(wake_word())
    hear(live, loud)
    lines = live.picture.lines(*painter.size())
    painter.paint(lines)
    first = len(out.getvalue())
    painter.size()
    painter.paint(lines)
    assert len(out.getvalue()) == first
    painter.paint([[("new", "")], *lines[1:]])
    assert out.getvalue()[first:] == "\x1b[1;1Hnew\x1b[K"
    size[0] = 61
    live.picture.lines(*painter.size())
    painter.paint(lines)
    assert out.getvalue()[first:].count("\x1b[2J") == 1


@pytest.mark.parametrize("keys", [screen.KEYS, board_view.KEYS])
def test_a_terminal_of_60_columns_shows_everything(loud, monkeypatch, keys):
    monkeypatch.setattr(terminal, "size_of", lambda out: (60, 24))
    out = Terminal()
    painter, live = Painter(out), live_of(wake_word())
    hear(live, loud)
    live.picture.microphone, live.picture.keys = "USB mic, 48,000 Hz", keys
    painter.paint(live.picture.lines(*painter.size()))
    shown = out.getvalue()
    assert "USB mic, 48,000 Hz" in shown and "q quit" in shown and shown.count("peak") == 2


def test_no_colour_is_written_where_none_is_wanted(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    painter = Painter(out)
    painter.size()
    painter.paint([[("bar", "bar"), ("over", "over"), ("warn", "warn")]])
    assert "\x1b[3" not in out.getvalue() and "\x1b[1;7mwarn" in out.getvalue()


def test_a_dumb_a_narrow_or_no_terminal_gets_no_screen(monkeypatch):
    monkeypatch.setattr(terminal, "size_of", lambda out: (80, 24))
    monkeypatch.setenv("TERM", "xterm")
    assert terminal.is_screen(Terminal()) and not terminal.is_screen(io.StringIO())
    monkeypatch.setenv("TERM", "dumb")
    assert not terminal.is_screen(Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(terminal, "size_of", lambda out: (20, 24))
    assert not terminal.is_screen(Terminal())


def test_an_arrow_is_no_key_of_ours_and_what_follows_it_is(monkeypatch):
    ours, theirs = os.openpty()
    with open(theirs, closefd=True) as keyboard:
        monkeypatch.setattr("sys.stdin", keyboard)
        keys = terminal.Keys()
        keys.enter()
        os.write(ours, b"\x1b[A\x1bOM+\x1b[1;5C\x1b[3~s\x1bq\x1b")
        assert list(keys.pressed()) == ["+", "s"]
        keys.leave()
    os.close(ours)


def test_on_windows_an_arrow_is_none_either(monkeypatch):
    waiting = list("+\xe0M\0;\xe0Qs")  # right, F1 and page down, between two of ours
    msvcrt = SimpleNamespace(kbhit=lambda: bool(waiting), getwch=lambda: waiting.pop(0))
    monkeypatch.setitem(sys.modules, "msvcrt", msvcrt)
    monkeypatch.setattr("sys.platform", "win32")
    assert list(terminal.Keys().pressed()) == ["+", "s"]


def test_the_share_of_a_core_leaves_the_start_out(loud, monkeypatch):
    """The clocks are ours: ten seconds of work before the first two of sound, 1 % after them."""
    now = [0.0, 10.0]  # of the wall, and of the processor
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "process_time", lambda: now[1])
    live, painter = live_of(wake_word()), Painter(Terminal())
    costs = []
    for _ in range(20):
        live.hearing.take(noise(0.2, 16))
        live._paint(painter)
        costs.append(live.picture.cost)
        now[0] += 0.2
        now[1] += 0.002 if live.hearing.time_s >= 2 else 0.2
    assert costs[:10] == [""] * 10 and set(costs[10:]) == {"1.0 % of one core"}


def test_painting_takes_a_small_share_of_a_core(loud):
    """A second of it, five times painted, against a second of the engine itself, which is 1 ms."""
    live, out = live_of(wake_word()), Terminal()
    painter = Painter(out)
    hear(live, np.tile(loud, 10))
    times_s = []
    for round_ in range(9):
        began = time.thread_time()
        for number in range(round(1 / live_module.PAINT_S)):
            live.picture.strips[0].take(100 + round_ + number / 5, number)
            painter.paint(live.picture.lines(*painter.size()))
        times_s.append(time.thread_time() - began)
    assert min(times_s) < 0.02
