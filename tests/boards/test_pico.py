"""The Raspberry Pi Pico's image in rp2040js, from its boot ROM: what it says must be the host's.

`make emulate-pico` installs the emulator and runs these. KWS_EMULATED_MINUTES=10 adds a run over so
much of real speech.
"""

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tty
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kws.audio.files import read_audio
from kws.device import deploy
from kws.device import line as board_line
from kws.device.board_image import Part, uf2
from kws.engine import batch, model_file

ROOT = Path(__file__).parents[2]
PORT = ROOT / "firmware/ports/raspberry_pi_pico"
BUILT = ROOT / "build/pico"
EMULATOR = ROOT / "build/npm"
MODEL = model_file.load(ROOT / "models/hey_cortana")
GREETING = "kws 1 pico 16000 2 "


def needs(*tools: str) -> None:
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed")


@pytest.fixture(scope="session")
def built() -> Path:
    """The image and the boot ROMs, from the sources as they are."""
    needs("arm-none-eabi-gcc", "make")
    subprocess.run(["make", "-s", "-C", PORT, "all"], check=True, capture_output=True)
    return BUILT


@dataclass
class Run:
    """What the board said, with the seconds at which each line ended."""

    lines: list[tuple[float, str]]
    tally: dict[str, Any]

    def said(self, opening: str) -> list[str]:
        return [line for _, line in self.lines if line.startswith(opening)]

    def integers(self, letter: str) -> list[list[int]]:
        return [list(map(int, line.split()[1:])) for line in self.said(f"{letter} ")]


@pytest.fixture
def run(built: Path, tmp_path: Path) -> Callable[..., Run]:
    """Run parts of flash beside the image; `sound` is int16, the line is typed at given seconds."""
    needs("node")
    if not (EMULATOR / "node_modules/rp2040js").is_dir():
        pytest.skip("rp2040js is not in build/npm: make emulate-pico installs it")
    for script in (PORT / "emulator").glob("*.mjs"):
        shutil.copy(script, EMULATOR)

    def run(
        parts: Sequence[Part],
        seconds: float,
        sound: np.ndarray,
        typed: Sequence[tuple[float, str]] = (),
        rom: str = "bootrom.bin",
        **more: Any,
    ) -> Run:
        image = Part(address=deploy.PICO_FLASH, data=(built / "image.bin").read_bytes())
        (tmp_path / "flash.uf2").write_bytes(uf2([image, *parts]))
        (tmp_path / "sound.raw").write_bytes(np.asarray(sound, "<i2").tobytes())
        plan = {"rom": str(built / rom), "uf2": str(tmp_path / "flash.uf2"), "seconds": seconds}
        plan |= {"recording": str(tmp_path / "sound.raw"), "type": list(typed), **more}
        (tmp_path / "plan.json").write_text(json.dumps(plan))
        command: list[str | Path] = ["node", EMULATOR / "run.mjs", tmp_path / "plan.json"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        assert not done.stderr
        *rows, tally = done.stdout.splitlines()
        split = [row.partition("\t") for row in rows]
        return Run([(float(time), line) for time, _, line in split], json.loads(tally))

    return run


def place(number: int, data: bytes) -> Part:
    return Part(address=deploy.PICO_MODELS + number * deploy.PLACE_BYTES, data=data)


def twelve_bits(sound: np.ndarray) -> np.ndarray:
    """What is left of int16 samples behind the chip's converter."""
    return (sound >> 4) << 4


def speech(seconds: float, start: float = 4.0) -> np.ndarray:
    sound = read_audio(ROOT / "data/sample/stream/held_out.opus")
    return sound[round(start * 16_000) :][: round(seconds * 16_000)]


def assert_equals_host(result: Run, model: model_file.Model, heard: np.ndarray) -> int:
    """Every frame's scores and every detection, integer for integer; returns the detections."""
    frames = len(batch.scores(model, heard))
    scores = batch.scores(model, np.append(heard, np.zeros(16_000, np.int16)))  # then silence
    rows = result.integers("s")
    assert [row[0] for row in rows] == list(range(len(rows)))
    assert np.array_equal([row[1:] for row in rows], scores[: len(rows)])
    found = [tuple(row) for row in result.integers("d")]
    assert found == [hit for hit in batch.detect(model, scores) if hit[0] < len(rows)]
    assert len(rows) >= frames - 2  # the last block of the recording may be under way
    return len(found)


def test_analog_microphone_hears_what_the_host_hears(run):
    sound = speech(7)
    result = run([place(0, MODEL.data)], 7.1, sound, [(0.0005, "s 1\n")])
    assert assert_equals_host(result, MODEL, twelve_bits(sound)) >= 1
    assert result.said(GREETING) == [GREETING + "0"]
    assert result.tally["boots"] == 1  # the second-stage boot itself ran
    assert result.tally["watchdogs"] == 0
    assert result.said("o ") == ["o 0 0"]
    assert "p 1" in result.said("p ")
    assert result.tally["awake"] < 0.5


def test_i2s_microphone_hears_what_the_host_hears(run):
    sound = speech(4, start=2.5)
    parts = [Part(address=deploy.PICO_BOARD, data=b"kwsb\1"), place(0, MODEL.data)]
    result = run(parts, 4.1, sound, [(0.0005, "s 1\n")])
    assert assert_equals_host(result, MODEL, sound) >= 1


def test_sound_is_sent_sample_for_sample(run):
    sound = speech(1)
    result = run([place(0, MODEL.data)], 1, sound, [(0.01, "b 921600\n"), (0.1, "a 1\n")])
    assert [round(rate, -3) for rate in result.tally["rates"]] == [115_000, 923_000]
    pieces = [line.split() for line in result.said("a ")]
    assert len(pieces) > 40
    for _, index, text in pieces:
        samples = np.frombuffer(base64.b64decode(text, validate=True), "<i2")
        start = int(index)
        assert np.array_equal(samples, twelve_bits(sound)[start : start + len(samples)])
    assert "o 0 0" in result.said("o ")


def test_the_usb_cable_carries_the_line_while_a_program_has_it_open(run):
    sound = speech(3, start=3.3)
    typed = [(0.2, "x\ns 1\na 1\n")]
    result = run([place(0, MODEL.data)], 3.1, sound, typed, usb=True)
    assert result.said(GREETING) == [GREETING + "0"]  # by the UART, if the cable is slower
    assert result.tally["rates"][-1] == "usb"
    descriptors = bytes(result.tally["configuration"])
    assert len(descriptors) == 75 == int.from_bytes(descriptors[2:4], "little")
    at, interfaces, endpoints = 0, set(), set()
    while at < len(descriptors):
        if descriptors[at + 1] == 4:
            interfaces.add((descriptors[at + 2], descriptors[at + 5]))
        elif descriptors[at + 1] == 5:
            endpoints.add(descriptors[at + 2])
        at += descriptors[at]
    assert at == 75 and interfaces == {(0, 2), (1, 10)} and endpoints == {0x81, 0x02, 0x82}

    # after the `x` sample 0 is the first of the block in which it was read
    pieces = [line.split() for line in result.said("a ")]
    heard = np.concatenate(
        [np.frombuffer(base64.b64decode(text, validate=True), "<i2") for _, _, text in pieces]
    )
    assert [int(index) for _, index, _ in pieces] == list(
        np.cumsum([0, *(len(base64.b64decode(text)) // 2 for *_, text in pieces)])[:-1]
    )
    start = next(
        at
        for at in range(0, 6000)
        if np.array_equal(heard[:512], twelve_bits(sound)[at : at + 512])
    )
    assert start % 256 == 0
    assert np.array_equal(heard[: len(sound) - start], twelve_bits(sound)[start:][: len(heard)])
    rows = np.array(result.integers("s"))
    wanted = batch.scores(MODEL, np.append(twelve_bits(sound)[start:], np.zeros(4000, np.int16)))
    assert np.array_equal(rows[:, 1:], wanted[: len(rows)])
    assert list(rows[:, 0]) == list(range(len(rows))) and len(rows) > 120
    assert "o 0 0" in result.said("o ") and len(set(result.said("o "))) == 1


def test_a_computer_that_slept_gets_the_line_again(run):
    """The program there still has the port open, and does not say so once more."""
    result = run(
        [place(0, MODEL.data)], 1.6, speech(2), [(0.2, "x\ns 1\n")], usb=True, sleeps=[0.7, 1.1]
    )
    assert 0.7 < result.tally["last"]["uart"] < 1.15  # meanwhile that is where it goes
    assert result.tally["last"]["usb"] > 1.5
    rows = result.integers("s")
    frames = [row[0] for row in rows]
    assert frames == sorted(frames) and len(frames) > 55  # every line is whole, on either way
    assert all(len(row) == 1 + len(MODEL.classes) for row in rows)


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ([], 100),
        ([place(0, MODEL.data[:500])], 4),
        ([place(0, MODEL.data[:40] + b"\x55" + MODEL.data[41:])], 4),
        ([place(0, b"kws\x1a" + bytes(100))], 1),
    ],
    ids=["none", "cut", "changed", "zeros"],
)
def test_a_board_without_a_sound_model_says_why_and_goes_on(run, parts, code):
    result = run(parts, 0.6, speech(1), [(0.5, "?\n"), (0.52, "t 5\n")])
    assert len(result.said(f"! m {code} ")) == 3  # at the start, asked, and told
    assert len(result.said(GREETING)) == 2
    assert result.tally["watchdogs"] == 0


def test_the_second_model_is_selected_on_the_line(run):
    other = model_file.load(ROOT / "models/commands_1k")
    sound = speech(2)
    parts = [place(0, MODEL.data), place(1, other.data)]
    result = run(parts, 2.0, sound, [(0.0002, "s 1\n"), (0.5, "m 1\n")])
    at = next(i for i, (_, line) in enumerate(result.lines) if line == f"m 1 320 {len(other.data)}")
    rows = [line.split()[1:] for _, line in result.lines[at:] if line.startswith("s ")]
    assert len(rows) > 60
    # it began with the block in which the command was read: one of those at about half a second
    given = np.array(rows, int)[:, 1:]
    starts = range(6000, 9500, 4)
    blocks = [start for start in starts if start % 256 == 0]
    equal = [
        np.array_equal(batch.scores(other, twelve_bits(sound)[start:])[: len(given)], given)
        for start in blocks
    ]
    assert equal.count(True) == 1


@pytest.mark.parametrize(("level", "state"), [(-32_768 + 48, "p 2"), (None, "p 3")])
def test_a_flat_line_and_saturation_are_recognised(run, level, state):
    noise = np.random.default_rng(1).integers(-2, 3, 20_000) * 16
    loud = np.where(np.arange(20_000) // 40 % 2, 32_767, -32_768)
    result = run([place(0, MODEL.data)], 1.1, loud if level is None else level + noise)
    assert result.said("p ") == ["p 0", state]


def test_garbage_on_the_line_does_no_harm(run):
    noise = np.random.default_rng(7).integers(1, 256, 600, dtype=np.uint8).tobytes()
    typed = [(0.05, noise.decode("latin1")), (0.4, "\n?\n")]
    result = run([place(0, MODEL.data)], 0.6, speech(1), typed)
    assert len(result.said(GREETING)) == 2
    assert result.tally["watchdogs"] == 0
    assert result.said("t ")[-1] == result.said("t ")[0]


def test_a_stopped_microphone_restarts_the_board(run):
    result = run([place(0, MODEL.data)], 2.6, speech(3), deafAfter=4000)
    assert result.tally["watchdogs"] == 1
    assert result.said(GREETING) == [GREETING + "0", GREETING + "1"]
    restart = next(time for time, line in result.lines if line == GREETING + "1")
    assert 2.0 < restart < 2.45  # 0.08 s of it until the engine is at rest and greets


def test_settings_are_kept_and_no_sound_is_lost_for_it(run):
    typed = [(0.1, "t 1234\nr 9\nw\n"), (0.45, "?\n")]
    result = run([place(0, MODEL.data)], 0.9, speech(2), typed, powerCuts=[0.6])
    assert result.said("w ") == ["w 1"]
    assert result.said("t ")[-1] == "t 1234"
    assert result.said("r ")[-1] == "r 9"
    assert len(result.said(GREETING)) == 3
    assert set(result.said("o ")) == {"o 0 0"}


# The command has been read by 0.192 s; then a sector is erased (45 ms) and a page written (0.4 ms).
CUTS_MS = (192.5, 220, 237, 237.5, 238, 239, 250)


def test_a_power_cut_while_saving_loses_neither_the_old_settings_nor_the_board(run):
    seen = set()
    for cut_ms in CUTS_MS:
        typed = [(0.1, "t 1111\nw\n"), (0.18, "t 2222\nw\n"), (0.4, "t 3333\nw\n"), (0.48, "?\n")]
        result = run([place(0, MODEL.data)], 0.55, speech(1), typed, powerCuts=[cut_ms / 1000])
        after = [line for time, line in result.lines if time > cut_ms / 1000 + 0.001]
        first = next(line for line in after if line.startswith("t "))
        assert first in ("t 1111", "t 2222"), cut_ms
        assert [line for line in after if line.startswith("t ")][-1] == "t 3333"
        assert any(line.startswith("w ") for line in after)
        seen.add(first)
    assert seen == {"t 1111", "t 2222"}  # cuts before and after the moment at which it counts


def test_samples_lost_while_flash_is_slow_are_counted(run):
    result = run([place(0, MODEL.data)], 0.8, speech(1), [(0.05, "w\n")], rom="bootrom_slow.bin")
    assert result.said("w ") == ["w 1"]
    lost = [int(line.split()[1]) for line in result.said("o ")]
    assert 0.3 * 16_000 < lost[-1] < 0.45 * 16_000
    assert lost[-1] % 256 == 0


# `kws monitor`, but for the second within which a real board answers: an emulated one is as fast as
# the machine that it runs on.
PATIENT_MONITOR = f"""
import sys
from kws.cli.main import main
import {board_line.__name__}
sys.modules["{board_line.__name__}"].ANSWER_S = 100
sys.argv[0] = "kws"
main()
"""


def wait_for(event: Callable[[], bool], program: subprocess.Popen[str], limit_s: float) -> None:
    """Wait until something has happened, or the program that makes it happen has ended."""
    end = time.monotonic() + limit_s
    while not event() and program.poll() is None:
        assert time.monotonic() < end, f"nothing for {limit_s} s"
        time.sleep(0.1)


@pytest.mark.timeout(900)
def test_the_monitor_follows_the_board(built, run, tmp_path):
    """`kws monitor` with the emulated chip behind a pseudo-terminal, clips and all.

    The words are said again and again, so that it does not matter when the monitor comes.
    """
    run([place(0, MODEL.data)], 0.01, np.tile(speech(6, start=2.0), 100))  # writes the plan's files
    plan = json.loads((tmp_path / "plan.json").read_text()) | {"live": True, "seconds": 600}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    command = ["node", str(EMULATOR / "run.mjs"), str(tmp_path / "plan.json")]
    clips = tmp_path / "clips"
    monitor = [sys.executable, "-c", PATIENT_MONITOR, "monitor", os.ttyname(theirs)]
    monitor += ["--threshold", "0.99", "--clips", str(clips), "--save"]
    with (
        subprocess.Popen(command, stdin=ours, stdout=ours, stderr=subprocess.PIPE) as board,
        subprocess.Popen(
            monitor, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
        ) as program,
    ):
        try:
            wait_for(lambda: any(clips.glob("hit_*.wav")), program, limit_s=600)
            program.send_signal(signal.SIGINT)
            said, notes = program.communicate(timeout=200)
        finally:
            program.kill()
            board.kill()
            board.communicate()
    os.close(ours)
    os.close(theirs)
    assert program.returncode == 0, notes
    assert "pico: hey cortana, threshold 0.990" in notes
    names = [file.name for file in clips.iterdir()]
    assert all(name.startswith("hit_") for name in names)
    assert 1 <= len(names) <= said.count("hey cortana")


@pytest.mark.timeout(7200)
def test_ten_minutes_of_speech_give_the_same_integers(run, recordings, capsys):
    minutes = float(os.environ.get("KWS_EMULATED_MINUTES", "0"))
    if not minutes:
        pytest.skip("set KWS_EMULATED_MINUTES=10 for the long run")
    spoken = sorted((recordings / "wake_phrases/wake-words/en/athena").rglob("*.*"))
    talk = sorted((recordings / "negative_speech").rglob("*.*"))
    files = [file for pair in zip(talk, spoken * 100, strict=False) for file in pair]
    pieces: list[np.ndarray] = []
    while files and sum(map(len, pieces)) < minutes * 60 * 16_000:
        pieces.append(read_audio(files.pop(0)))
    sound = np.concatenate(pieces)[: round(minutes * 60 * 16_000)]
    assert len(sound) >= 0.99 * minutes * 60 * 16_000
    model = model_file.load(ROOT / "models/athena")
    seconds = len(sound) / 16_000 + 0.1
    result = run([place(0, model.data)], seconds, sound, [(0.0005, "s 1\n")])
    found = assert_equals_host(result, model, twelve_bits(sound))
    assert found > 0
    with capsys.disabled():
        print(
            f"\n{len(result.said('s '))} frames, {found} detections, none differs; {result.tally}"
        )
