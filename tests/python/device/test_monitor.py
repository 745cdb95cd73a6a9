"""`kws monitor` on a pseudo-terminal, with the boards' own application behind it."""

import csv
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from host_board import MODELS, Deaf, build, speech

from kws.audio.files import read_audio
from kws.device.monitor import Monitor
from kws.device.monitor_settings import Settings
from kws.device.protocol import Board
from kws.engine import batch, model_file
from kws.errors import ConfigError
from kws.listening.near_misses import Near, Sound
from kws.listening.record import Curve, Table
from kws.listening.timeline import Printer
from kws.settings.model import log_odds_q10

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")


def monitor(port: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kws", "monitor", port, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)


def heard(sound: np.ndarray, seconds: int = 240) -> np.ndarray:
    """What the host's board hears: a recording again and again, each time its last block twice."""
    return np.resize(np.append(sound, sound[-256:]), seconds * 16_000)


def test_scores_detections_and_clips_are_the_board_s(board, tmp_path):
    sound = speech()
    port = board(sound, MODELS[:1])
    files = {"--csv": tmp_path / "scores.csv", "--png": tmp_path / "scores.png"}
    options = [text for pair in files.items() for text in pair]
    done = monitor(port, "--seconds", "9", "--clips", tmp_path / "clips", "--json", *options)
    assert done.returncode == 0, done.stderr
    assert not done.stderr.count("restarted")
    assert done.stdout.count('"hey cortana"') in (1, 2)  # by when the machine had it begin
    assert files["--png"].read_bytes().startswith(b"\x89PNG")

    model = model_file.load(MODELS[0])
    sound = heard(sound)
    wanted = batch.scores(model, sound)
    with files["--csv"].open() as text:
        rows = list(csv.DictReader(text))
    assert len(rows) > 180
    for row in rows:
        posterior = 1 / (1 + np.exp(-wanted[int(row["frame"]), 0] / 1024))
        assert float(row["hey cortana"]) == pytest.approx(posterior, abs=1e-5)

    last = max((tmp_path / "clips").iterdir())  # the first may have begun before the monitor did
    assert last.name.startswith("hit_")
    clip = read_audio(last)
    assert len(clip) == 32_000
    end = int(float(last.name.split("_")[1].rstrip("s")) * 16_000) + 8000
    around = [np.array_equal(clip, sound[at - 32_000 : at]) for at in range(end - 200, end + 200)]
    assert around.count(True) == 1


def test_a_near_miss_is_saved(board, tmp_path):
    port = board(speech(), MODELS[:1])
    done = monitor(
        *(port, "--seconds", "9", "--clips", tmp_path / "clips"),
        *("--threshold", "0.99999", "--near", "0.9"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
    assert "near-miss" in done.stderr
    assert {file.name[:5] for file in (tmp_path / "clips").iterdir()} == {"near_"}


def test_settings_are_changed_and_kept(board):
    port = board(speech(), MODELS)
    done = monitor(port, "--threshold", "0.9", "--model", "1", "--save", "--seconds", "0.3")
    assert done.returncode == 0 and "athena, threshold 0.900" in done.stderr
    port = board(speech(), MODELS)  # restarted
    done = monitor(port, "--seconds", "0.3")
    assert "athena, threshold 0.900" in done.stderr


def test_a_board_at_8_khz_without_sound_has_the_right_times(board, tmp_path):
    """What an Uno is to the monitor."""
    program = build(tmp_path / "small", "-DKWS_PORT_SAMPLE_RATE_HZ=8000", "-DKWS_APP_AUDIO=0")
    model = ROOT / "models/athena_8k/athena_8k.kws"
    port = board(np.resize(speech()[::2], 80_000), [model], program)
    done = monitor(port, "--seconds", "2", "--csv", tmp_path / "scores.csv")
    assert done.returncode == 0, done.stderr
    with (tmp_path / "scores.csv").open() as text:
        rows = [(int(row["frame"]), float(row["time_s"])) for row in csv.DictReader(text)]
    assert len(rows) > 60
    assert all(time_s == pytest.approx(frame * 0.02 + 0.032) for frame, time_s in rows)
    done = monitor(board(speech(), [model], program), "--clips", tmp_path / "clips")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "host sends no sound, so leave out --save-clips" in done.stderr
    assert not (tmp_path / "clips").exists()


def test_ctrl_c_ends_it_quietly_and_leaves_the_board_quiet(board, tmp_path):
    port = board(speech(), MODELS[:1])
    command = [sys.executable, "-m", "kws", "monitor", port, "--csv", str(tmp_path / "a.csv")]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert running.stderr is not None
    assert "Ctrl-C ends" in running.stderr.readline()
    time.sleep(0.5)
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=10)
    assert running.returncode == 0
    assert (tmp_path / "a.csv").read_text().count("\n") > 5
    with open(port, "rb", buffering=0) as line:
        os.set_blocking(line.fileno(), False)
        # Answers on their way, and the state of the microphone, may still come; scores may not.
        time.sleep(0.3)
        line.read(100_000)
        time.sleep(0.3)
        said = (line.read(100_000) or b"").splitlines()
        assert not [text for text in said if text.startswith(b"s ")]


def test_what_is_wrong_is_one_sentence(board, tmp_path):
    (tmp_path / "bad.kws").write_bytes(b"\xff" * 900)
    done = monitor(board(speech(), [tmp_path / "bad.kws"]), "--seconds", "1")
    assert done.returncode == 1
    assert "no model listens on host" in done.stderr and done.stderr.count("\n") == 1
    done = monitor(str(tmp_path / "nothing"))
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    done = monitor(board(speech(), MODELS[:1]), "--model", "1")
    assert done.returncode == 1 and "no model in flash" in done.stderr
    done = monitor(board(speech(), MODELS[:1]), "--threshold", "0.5")
    assert done.returncode == 1 and "--near" in done.stderr


def test_what_is_refused_changes_no_board_and_leaves_it_quiet(board, tmp_path):
    (tmp_path / "file").write_text("mine")
    port = board(speech(), MODELS[:1])
    own = monitor(port, "--seconds", "0.3").stderr
    for options, told in (
        (("--near", "0.5"), "--near 0.5 is not below the threshold 0.400"),
        (("--near", "0"), "--near is 0; choose a posterior"),
        (("--near", "0.1", "--save-clips", tmp_path / "file"), "it is a file"),
    ):
        done = monitor(port, "--threshold", "0.4", "--save", *options)
        assert done.returncode == 1 and told in done.stderr and done.stderr.count("\n") == 1
        with open(port, "rb", buffering=0) as line:
            os.set_blocking(line.fileno(), False)
            time.sleep(0.3)
            line.read(100_000)  # answers on their way
            time.sleep(0.3)
            assert b"\na " not in (line.read(100_000) or b"")
        assert monitor(port, "--seconds", "0.3").stderr == own


def test_an_empty_command_is_refused_as_kws_listen_refuses_it():
    with pytest.raises(ConfigError, match="--on-detect is empty"):
        Monitor(Deaf(Board()), Settings(on_detect=""), Printer(io.StringIO(), as_json=False))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--threshold", "3"], "threshold is 3; choose"),
        (["--threshold", "0"], "threshold is 0; choose"),
        (["--near", "nan"], "--near is nan; choose"),
        (["--near", "0.9", "--threshold", "0.8"], "--near 0.9 is not below the threshold 0.800"),
        (["--on-detect", "no-such-command"], "there is no command 'no-such-command'"),
        (["--save-clips", f"{__file__}/clips"], "is no folder; choose another place"),
    ],
)
def test_what_cannot_be_is_refused_before_the_port_is_opened(options, told):
    ours, theirs = os.openpty()  # opened, it would get a `?`
    done = monitor(os.ttyname(theirs), *options)
    assert done.returncode == 1 and told in done.stderr and done.stderr.count("\n") == 1
    os.set_blocking(ours, False)
    with pytest.raises(BlockingIOError):
        os.read(ours, 1)
    os.close(ours)
    os.close(theirs)


def test_a_silent_port_is_no_board():
    ours, theirs = os.openpty()
    done = monitor(os.ttyname(theirs))
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 1 and "no kws board answers" in done.stderr


def test_sound_is_cut_across_pieces_and_gaps():
    sound = Sound()
    sound.take(100, np.arange(100, 110, dtype=np.int16))
    sound.take(120, np.arange(120, 130, dtype=np.int16))
    wanted = [0, 0, *range(100, 110), *[0] * 10, 120, 121]
    assert list(sound.cut(98, 122)) == wanted
    sound.take(0, np.ones(4, np.int16))  # the board restarted
    assert list(sound.cut(98, 102)) == [0] * 4


def test_a_near_miss_is_a_peak_without_a_detection():
    near = Near(log_odds_q10(0.5), 10)
    found = [near.take(frame, score) for frame, score in enumerate([-5, 5, 9, 7, -3] + [-9] * 20)]
    assert [hit for hit in found if hit] == [(2, 9)]
    assert found.index((2, 9)) == 12
    near = Near(0, 10)
    near.take(0, 5)
    near.heard(3)
    assert not any(near.take(frame, 5) for frame in range(4, 13))


def test_a_table_of_a_foreign_board_holds_no_formula(tmp_path):
    words = ['=HYPERLINK("http://x")', "-1+1", "hey, you", "$x^"]
    table = Table(tmp_path / "a.csv", words, print)
    table.take(0, 0.032, [0, 0, 0, 0])
    table.close()
    with (tmp_path / "a.csv").open(newline="") as file:
        header = next(csv.reader(file))
    assert header == ["frame", "time_s", '\'=HYPERLINK("http://x")', "'-1+1", "hey, you", "$x^"]
    curve = Curve()
    curve.take(0.032, [0, 0, 0, 0])
    curve.draw(
        dict.fromkeys(words, 0.9), tmp_path / "a.png", "the start"
    )  # a dollar opens no formula either
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_what_a_board_says_cannot_act_on_the_terminal():
    out, notes = io.StringIO(), io.StringIO()
    line = Deaf(Board(classes={0: "\x1b[2J"}, hop_length=320))
    monitor = Monitor(line, Settings(), Printer(out, as_json=False), notes)
    monitor._words = line.board.words
    for text in ("! m \x1b]0;x\x07", "d 100 0 2000"):
        monitor._take(text)
    assert r"\x1b]0;x\x07" in notes.getvalue() and r"\x1b[2J" in out.getvalue()
    assert "\x1b" not in notes.getvalue() + out.getvalue()


def test_a_board_that_began_anew_has_near_misses_again():
    near = Near(0, 10)
    near.heard(4_000_000)  # before it restarted, or a digit that the line garbled
    assert [hit for frame in range(20) if (hit := near.take(frame, 5 - frame))] == [(0, 5)]
