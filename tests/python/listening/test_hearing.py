"""Several models on one stream, and what is done with what they hear."""

import csv
import errno
import io
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from loudness_models import FEATURES_8K, noise, two_words, wake_word

from kws import Spotter
from kws.audio.files import read_audio
from kws.engine import model_file
from kws.engine.listen import ears_of, listen, models_first
from kws.errors import ConfigError, KwsError
from kws.listening import clips as clips_module
from kws.listening import record
from kws.listening.ears import Ear, Wishes
from kws.listening.hearing import Hearing
from kws.listening.near_misses import Near
from kws.listening.reaction import MOST_RUNNING, Reaction
from kws.listening.record import Rows
from kws.listening.timeline import Heard
from kws.settings.model import posterior_of

HEARD = Heard("hey_noise", 1.5, 0.9, None)


def ear(data: bytes, name: str = "", threshold: float | None = None) -> Ear:
    spotter = Spotter(model_file.parse(data), threshold=threshold)
    return Ear(spotter, spotter.model.features.sample_rate_hz, 0.02, name)


@pytest.fixture
def stream() -> np.ndarray:
    """Loud from 1.5 to 2.5 s (low) and from 4.0 to 5.0 s (high), 6 s long."""
    parts = [noise(1.5, 16), noise(1, 3000, colour="low"), noise(1.5, 16, 1)]
    return np.concatenate([*parts, noise(1, 3000, colour="high"), noise(1, 16, 2)])


def hear_all(hearing: Hearing, stream: np.ndarray, at_once: int = 1_280) -> list[Heard]:
    pieces = [stream[at : at + at_once] for at in range(0, len(stream), at_once)]
    found = [heard for piece in pieces for heard in hearing.take(piece)]
    found += hearing.finish()
    hearing.close()
    return found


@pytest.mark.parametrize("at_once", [1, 319, 320, 321, 1_280, 96_000])
def test_frame_by_frame_is_the_same_as_at_once(stream, at_once):
    whole, followed = Spotter(model_file.parse(two_words())), Spotter(model_file.parse(two_words()))
    detections = whole.process(stream)
    pieces = [stream[at : at + at_once] for at in range(0, len(stream), at_once)]
    frames = [frame for piece in pieces for frame in followed.follow(piece)]
    assert [frame.detection for frame in frames if frame.detection] == detections
    assert [frame.number for frame in frames] == list(range(whole.frames))
    assert frames[-1].time_s == pytest.approx((299 - 1) * 0.02 + 0.032, abs=1e-9)
    assert max(posterior_of(score) for score in frames[-1].scores_q10) == whole.score


def test_two_models_hear_one_stream_each_as_if_alone(stream):
    both = hear_all(Hearing([ear(two_words(), "two"), ear(wake_word(), "wake")]), stream)
    alone = [hear_all(Hearing([ear(data)]), stream) for data in (two_words(), wake_word())]
    assert [heard.time_s for heard in both] == sorted(heard.time_s for heard in both)
    for model, found in zip(("two", "wake"), alone, strict=True):
        mine = [heard for heard in both if heard.model == model]
        assert [heard._replace(model=None) for heard in mine] == found and found
    assert both[0].to_text("#", ".").endswith(f"#  {both[0].model}")
    assert alone[0][0].to_text("#", ".").endswith("#")
    assert '"model": "wake"' in both[0].to_json() or '"model": "two"' in both[0].to_json()
    assert "model" not in alone[0][0].to_json()


def test_a_model_of_8_khz_hears_beside_one_of_16(stream):
    small = wake_word("small", config=FEATURES_8K)
    hearing = Hearing([ear(small, "small"), ear(wake_word(), "large")])
    assert hearing.rate_hz == 16_000
    found = hear_all(hearing, stream)
    times = {
        model: [heard.time_s for heard in found if heard.model == model]
        for model in ("small", "large")
    }
    # The second is above 4 kHz, which it cannot hear.
    assert len(times["large"]) == 2
    assert times["small"] == pytest.approx(times["large"][:1], abs=0.05)


def test_words_of_one_name_are_told_apart():
    hearing = Hearing([ear(wake_word(), "a"), ear(wake_word(), "b"), ear(two_words(), "c")])
    assert hearing.words == ["hey_noise (a)", "hey_noise (b)", "low", "high"]


def test_the_table_has_a_row_a_frame_with_the_words_of_all_models(stream, tmp_path):
    wishes = Wishes(csv=tmp_path / "a.csv", png=tmp_path / "a.png")
    hearing = Hearing([ear(two_words()), ear(wake_word("w", config=FEATURES_8K))], wishes)
    hear_all(hearing, stream)
    with (tmp_path / "a.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["frame", "time_s", "low", "high", "w"]
    assert [int(row["frame"]) for row in rows] == list(range(299))
    assert all(row["low"] and row["w"] for row in rows)
    wanted = Spotter(model_file.parse(two_words())).follow(stream)[100].scores_q10
    assert float(rows[100]["low"]) == pytest.approx(posterior_of(wanted[0]), abs=1e-5)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_rows_wait_for_a_model_that_lags_and_not_for_ever():
    rows = Rows(2)
    rows.take(0, 0, 0.032, [5])
    rows.take(0, 1, 0.052, [6])
    assert list(rows.ready()) == []
    rows.take(1, 0, 0.032, [7])
    assert list(rows.ready()) == [(0, 0.032, [5, 7])]
    rows.take(0, 50, 1.051, [8])
    assert list(rows.ready()) == []
    rows.take(0, 51, 1.052, [9])  # a second behind
    assert list(rows.ready()) == [(1, 0.052, [6, None])]
    assert list(rows.ready(is_over=True)) == [(50, 1.051, [8, None]), (51, 1.052, [9, None])]


def test_a_curve_has_a_point_a_frame_until_it_is_long_and_keeps_the_peaks(monkeypatch):
    monkeypatch.setattr(record, "LONGEST_CURVE", 4)
    curve = record.Curve()
    for frame, score in enumerate([1, 9, 3, 4]):
        curve.take(frame / 50, [score, -score])
    assert curve.times_s == [0.0, 0.02, 0.04, 0.06]
    assert curve.scores == [[1, -1], [9, -9], [3, -3], [4, -4]]
    curve.take(0.08, [7, None])
    assert curve.times_s == [0.0, 0.04, 0.08]
    assert curve.scores == [[9, -1], [4, -3], [7, -4]]


def test_clips_of_detections_and_near_misses_hold_the_sound_itself(stream, tmp_path):
    # The loudest noise brings the score to 98 %.
    wishes = Wishes(save_clips=tmp_path / "clips", near=0.3)
    told: list[str] = []
    ears = [ear(wake_word("fires"), threshold=0.8), ear(wake_word("near_it"), threshold=0.99)]
    found = hear_all(Hearing(ears, wishes, told.append), stream)
    hits = sorted((tmp_path / "clips").glob("hit_*"))
    assert len(found) == len(hits) == 2
    for heard, hit in zip(found, hits, strict=True):
        assert hit.name == f"hit_{heard.time_s:08.2f}s_{100 * heard.score:02.0f}_fires.wav"
        end = round((heard.time_s + 0.5) * 16_000)
        wanted = np.concatenate([np.zeros(32_000, np.int16), stream])[end : end + 32_000]
        assert np.array_equal(read_audio(hit), wanted)
    near = [path.name.split("_", 3)[2:] for path in (tmp_path / "clips").glob("near_*")]
    assert near == [["98", "near_it.wav"]] * 2
    assert len(told) == 2 and "near-miss 98.1 %" in told[0]


def test_what_goes_on_after_a_detection_is_no_near_miss(tmp_path):
    told: list[str] = []
    hearing = Hearing([ear(wake_word())], Wishes(save_clips=tmp_path), told.append)
    hear_all(hearing, np.concatenate([noise(1, 16), noise(4, 3000), noise(2, 16)]))
    assert len(list(tmp_path.iterdir())) == 1 and told == []


def test_a_second_clip_of_one_name_replaces_none(stream, tmp_path):
    for _ in range(2):
        hear_all(Hearing([ear(wake_word())], Wishes(save_clips=tmp_path)), stream)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 4 and sum(name.endswith("_2.wav") for name in names) == 2


def test_a_full_disk_is_one_sentence_and_the_ear_goes_on(stream, tmp_path, monkeypatch):
    told: list[str] = []
    hearing = Hearing([ear(two_words())], Wishes(save_clips=tmp_path), told.append)

    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("kws.support.files.os.fsync", full)
    found = hear_all(hearing, np.concatenate([stream, stream]))
    assert len(found) == 4
    assert len(told) == 1 and told[0].endswith(
        "no space left on device; free some space or choose another place"
    )
    assert list(tmp_path.iterdir()) == []


class FullDisk:
    """In the place of a file: a disk with room for so many bytes more."""

    def __init__(self, file: io.FileIO) -> None:
        self._file, self.room = file, 10**9

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)

    def write(self, data: bytes) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = self._file.write(data[: self.room])
        self.room -= taken
        return taken


@pytest.mark.parametrize("room_at_first", [0, 700])
def test_a_table_on_a_full_disk_is_told_once_and_the_ear_goes_on(stream, tmp_path, room_at_first):
    told: list[str] = []
    hearing = Hearing([ear(two_words())], Wishes(csv=tmp_path / "a.csv"), told.append)
    assert hearing._table
    disk = FullDisk(hearing._table._file)
    hearing._table._file = disk  # type: ignore[assignment]
    disk.room = room_at_first
    found = hearing.take(stream)
    disk.room = 10**9
    found += hearing.take(stream)
    hearing.finish()
    with pytest.raises(KwsError, match=r"a\.csv lacks \d+ rows, which could not be written"):
        hearing.close()
    assert len(found) == 4 and len(told) == 1
    assert told[0].endswith("no space left on device; free some space or choose another place")
    rows = [line.split(",") for line in (tmp_path / "a.csv").read_text().splitlines()]
    assert rows[0] == ["frame", "time_s", "low", "high"]
    assert {len(row) for row in rows} == {4} and 290 < len(rows) < 599
    frames = [int(row[0]) for row in rows[1:]]
    assert frames == sorted(set(frames)) and frames[-1] == 598


def test_the_last_is_done_though_a_table_lacks_rows(stream, tmp_path):
    told: list[str] = []
    wishes = Wishes(csv=tmp_path / "a.csv", png=tmp_path / "a.png", on_detect="sleep 0")
    hearing = Hearing([ear(two_words())], wishes, told.append)
    assert hearing._table and hearing._reaction
    hearing._table._file = FullDisk(hearing._table._file)  # type: ignore[assignment]
    hearing._table._file.room = 0  # type: ignore[attr-defined]
    hearing.take(stream)
    with pytest.raises(KwsError, match="lacks"):
        hearing.close()
    assert (tmp_path / "a.png").exists() and not hearing._reaction._alive


def test_a_folder_that_cannot_be_made_is_an_error_at_the_start(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(KwsError, match="cannot make"):
        Hearing([ear(wake_word())], Wishes(save_clips=tmp_path / "file" / "clips"))
    with pytest.raises(ConfigError, match=r"--near 0\.9 is not below the threshold 0\.800"):
        Hearing([ear(wake_word())], Wishes(save_clips=tmp_path / "clips", near=0.9))


def test_a_person_saves_the_last_seconds_and_marks_what_was_wrong(stream, tmp_path, monkeypatch):
    monkeypatch.setattr("kws.listening.hearing.BY_HAND", tmp_path)
    told: list[str] = []
    hearing = Hearing([ear(wake_word())], tell=told.append)
    clips = hearing.sound()
    clips.mark()
    assert told.pop() == "nothing was detected yet, so nothing is marked"
    (heard,) = hearing.take(stream[:32_000])
    clips.mark()  # before what follows the word has been heard
    assert told == []
    hearing.take(stream[32_000:48_000])
    (wrong,) = (tmp_path / "false_accepts").iterdir()
    assert wrong.name == f"wrong_{heard.time_s:08.2f}s_{100 * heard.score:02.0f}_hey_noise.wav"
    end = round((heard.time_s + 0.5) * 16_000)
    clip = read_audio(wrong)
    assert np.array_equal(clip[-end:], stream[max(0, end - 32_000) : end][-32_000:])
    clips.mark()
    assert told[-1] == "the last detection is marked already"
    clips.save_last(hearing.time_s)
    (saved,) = (tmp_path / "saved").iterdir()
    assert np.array_equal(read_audio(saved), stream[:48_000])
    assert [path.name for path in tmp_path.glob("*.wav")] == []  # nobody asked for those


def test_a_stream_that_begins_anew_goes_on_in_time(stream):
    hearing = Hearing([ear(wake_word())])
    first = hearing.take(stream[:48_000])
    hearing.begin(at_s=100.0)
    again = hearing.take(stream[:48_000])
    hearing.skip(7.0)
    assert again[0].time_s - first[0].time_s == pytest.approx(100.0)
    assert hearing.time_s == pytest.approx(110.0)


def test_near_misses_begin_anew_with_a_stream(stream, tmp_path):
    hearing = Hearing([ear(wake_word())], Wishes(save_clips=tmp_path))
    hearing.take(stream[:32_000])
    near: Near = hearing._nears[0]
    hearing.begin()
    assert hearing._nears[0] is not near


# ---- --on-detect


def wait_until(done, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_command_gets_word_score_and_time_and_no_shell(tmp_path):
    told: list[str] = []
    program = (
        "import os, sys; open(sys.argv[1], 'w').write(' '.join([sys.argv[2]] + "
        "[os.environ['KWS_' + n] for n in ('WORD', 'SCORE', 'TIME_S', 'FILE', 'MODEL')]))"
    )
    out = tmp_path / "out"
    reaction = Reaction(f'{sys.executable} -c "{program}" {out} $HOME;ls', told.append)
    reaction.start(HEARD._replace(model="computer"))
    wait_until(lambda: out.exists() and out.read_text())
    reaction.close()
    assert out.read_text() == "$HOME;ls hey_noise 0.9000 1.500  computer" and told == []


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("no-such-command-here x", "there is no command 'no-such-command-here'"),
        ("say 'it", "close every quote"),
        ("", "is empty"),
    ],
)
def test_a_command_that_cannot_be_is_refused_at_the_start(command, said):
    with pytest.raises(ConfigError, match=said):
        Hearing([ear(wake_word())], Wishes(on_detect=command))


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no right to run a file")
def test_a_file_that_may_not_be_run_is_no_command_that_is_missing(tmp_path):
    (tmp_path / "heard.py").write_text("")
    with pytest.raises(ConfigError, match=r"heard\.py' may not be run; make it executable"):
        Hearing([ear(wake_word())], Wishes(on_detect=f"'{tmp_path}/heard.py' x"))


def test_a_command_that_hangs_holds_nothing_and_is_ended(monkeypatch):
    monkeypatch.setattr("kws.listening.reaction.END_S", 0.2)
    told: list[str] = []
    program = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(999)"
    reaction = Reaction(f"{sys.executable} -c '{program}'", told.append)
    started = time.monotonic()
    for _ in range(MOST_RUNNING + 2):
        reaction.start(HEARD)
    assert time.monotonic() - started < 2
    assert (
        told
        == [f"--on-detect: {MOST_RUNNING} commands still run, so this detection starts none"] * 2
    )
    running = list(reaction._running)
    reaction.close()
    assert told[-1] == f"--on-detect: {MOST_RUNNING} commands still ran, and were ended"
    assert all(command.process.poll() is not None for command in running)


@pytest.mark.skipif(not (shutil.which("sh") and shutil.which("ps")), reason="needs sh and ps")
def test_what_a_command_leaves_in_the_background_takes_no_place_and_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("kws.listening.reaction.END_S", 0.2)
    told: list[str] = []
    numbers = tmp_path / "numbers"
    reaction = Reaction(f"sh -c 'sleep 999 & echo $! >>{numbers}'", told.append)
    for count in range(1, MOST_RUNNING + 3):
        reaction.start(HEARD)
        wait_until(lambda: not reaction._running)
        wait_until(lambda count=count: len(numbers.read_text().split()) == count)
    assert told == []
    reaction.close()
    assert told == [f"--on-detect: {MOST_RUNNING + 2} commands still ran, and were ended"]
    for number in numbers.read_text().split():
        wait_until(lambda number=number: has_ended(int(number)))


def has_ended(number: int) -> bool:
    """Also where nobody collects what has ended, as in some containers."""
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(number)], capture_output=True, text=True)
    return done.stdout.strip()[:1] in ("", "Z")


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")
def test_a_background_that_has_ended_is_waited_for_no_more():
    told: list[str] = []
    reaction = Reaction("sh -c 'sleep 0.2 & echo oh >&2; exit 3'", told.append)
    reaction.start(HEARD)
    wait_until(lambda: told)
    assert told == ["--on-detect: sh ended with status 3: oh"]
    wait_until(lambda: not reaction._alive)
    reaction.close()
    assert len(told) == 1


def test_a_command_that_writes_megabytes_and_fails_is_told_in_a_line():
    told: list[str] = []
    program = (
        "import sys; sys.stdout.write('x' * 5_000_000); sys.stderr.write('y' * 5_000_000);"
        "print(chr(10) + 'the end' + chr(27), file=sys.stderr); sys.exit(3)"
    )
    reaction = Reaction(f'{sys.executable} -c "{program}"', told.append)
    reaction.start(HEARD)
    wait_until(lambda: told)
    assert told[0].endswith(r"ended with status 3: the end\x1b")
    reaction.close()


def test_a_command_that_has_gone_since_is_a_sentence(tmp_path):
    told: list[str] = []
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    reaction = Reaction(str(program), told.append)
    program.unlink()
    reaction.start(HEARD)
    assert len(told) == 1 and "does not start" in told[0]


# ---- which names are models


def test_models_come_first_and_recordings_after_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("own.kws").write_bytes(wake_word())
    Path("talk").write_bytes(b"x")
    for names, models in (
        (["hey_cortana"], 1),
        (["hey_cortana", "athena", "own.kws"], 3),
        (["hey_cortana", "a.wav", "athena"], 1),
        (["hey_cortana", "-"], 1),
        (["hey_cortana", "talk"], 1),
        (["hey_cortana", "athna"], 2),  # to be told as a model that is missing
        (["hey_cortana", "missing.wav"], 1),
    ):
        assert models_first(names) == (names[:models], names[models:])


def test_a_model_that_is_named_twice_listens_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("own.kws").write_bytes(wake_word())
    names = ["own.kws", "athena", "./own.kws", "athena", "talk.wav"]
    assert models_first(names) == (["own.kws", "athena"], ["talk.wav"])


def test_an_ear_has_its_model_s_rate_hop_and_name():
    (found,) = ears_of(["athena_8k"], 0.5)
    assert (found.sample_rate_hz, found.hop_s, found.name) == (8_000, 0.02, "athena_8k")
    assert found.listener.threshold == pytest.approx(0.5, abs=1e-3)


def test_a_threshold_is_for_all_models_or_for_one_by_its_name():
    found = ears_of(["athena_8k", "athena"], 0.5, {"athena": 0.75})
    thresholds = [ear.listener.threshold for ear in found]
    assert thresholds == pytest.approx([0.5, 0.75], abs=1e-3)
    with pytest.raises(ConfigError, match=r"--threshold athna=0\.75: .* name athena_8k or athena"):
        ears_of(["athena_8k", "athena"], None, {"athna": 0.75})
    with pytest.raises(ConfigError, match="above 0 and below 1"):
        ears_of(["athena"], None, {"athena": 1.0})


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), "5"])
def test_a_time_that_is_none_is_refused(seconds):
    with pytest.raises(ConfigError, match=f"seconds is {seconds!r}: give a time above 0, or None"):
        listen("athena", seconds=seconds)


def test_what_waits_for_its_sound_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(clips_module, "WAITING", 5)
    clips = clips_module.Clips(tmp_path, 16_000, print)
    for number in range(100):
        clips.want("hit", 10**9 + number, 0.0, 0.9)
    assert len(clips._wanted) == 5
    assert os.listdir(tmp_path) == []
