"""One bad file in a thousand does not end a run: it is told, left out, and remembered."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.audio.files import write_audio
from kws.corpus import decoded
from kws.corpus.decoded import read_clips, read_streams
from kws.corpus.labelled import command_task
from kws.corpus.listing import Clip
from kws.engine import model_file
from kws.errors import AudioError, CorpusError
from kws.evaluation.clips import evaluate_clips
from kws.support.notices import gathered


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Ten clips, the fourth no sound and the last two at 8 kHz."""
    made = [tmp_path / "clips" / f"{number}.wav" for number in range(10)]
    for number, path in enumerate(made):
        samples = np.random.default_rng(number).integers(-3000, 3000, 400 + number).astype("i2")
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, samples, 8_000 if number > 7 else 16_000)
    made[3].write_text("no sound")
    return made


@pytest.mark.parametrize("cached", [False, True])
def test_an_unreadable_clip_has_no_row_and_is_listed(
    paths: list[Path], tmp_path: Path, cached: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = tmp_path / "cache" if cached else None
    good = read_clips([path for path in paths if path != paths[3]], 400, spare_rows=2)
    capsys.readouterr()
    for _ in range(2):  # from the cache the second time
        unread: dict[Path, str] = {}
        with gathered():
            rows = read_clips(paths, 400, cache, spare_rows=2, unread=unread)
        assert list(unread) == [paths[3]] and "cannot decode" in unread[paths[3]]
        assert rows.shape == (11, 400) and np.array_equal(rows, good)
        told = capsys.readouterr().err
        assert told.count("cannot decode") == 2  # when it happens, and in the list at the end
        assert "1 recording left out:" in told and told.count("recorded at 8000 Hz") == 2


@pytest.mark.parametrize("cached", [False, True])
def test_an_unreadable_recording_is_left_out_of_streams(
    paths: list[Path], tmp_path: Path, cached: bool
) -> None:
    cache = tmp_path / "cache" if cached else None
    for _ in range(2):
        unread: dict[Path, str] = {}
        streams = read_streams([tmp_path / "clips"], cache, unread=unread)
        assert list(unread) == [paths[3]]
        assert [len(stream) for stream in streams[:7]] == [400, 401, 402, 404, 405, 406, 407]


@pytest.mark.parametrize("read", [read_streams, lambda paths: read_clips(paths, 400)])
def test_a_corpus_of_telephone_sound_is_one_finding_outside_a_command_too(
    tmp_path: Path, read: Callable[[list[Path]], object], capsys: pytest.CaptureFixture[str]
) -> None:
    made = [tmp_path / f"{number}.wav" for number in range(40)]
    for number, path in enumerate(made):
        samples = np.random.default_rng(number).integers(-3000, 3000, 400).astype("i2")
        soundfile.write(path, samples, 8_000)
    read(made)
    lines = capsys.readouterr().err.splitlines()
    assert [line.count("recorded at 8000 Hz") for line in lines] == [1, 1, 1, 0]
    assert lines[-1] == "kws: warning: 37 more of the same kind (bandwidth)"


def test_the_second_run_decodes_nothing(
    paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_clips(paths, 400, tmp_path / "cache", unread={})
    monkeypatch.setattr(decoded, "decode", None)
    read_clips(paths, 400, tmp_path / "cache", unread={})


@pytest.mark.parametrize("damage", ["removed", "text", "other"])
def test_a_damaged_note_beside_the_cache_makes_it_anew(
    paths: list[Path], tmp_path: Path, damage: str
) -> None:
    rows = read_clips(paths, 400, tmp_path / "cache", unread={}).tolist()
    (note,) = (tmp_path / "cache").glob("*.json")
    if damage == "removed":
        note.unlink()
    else:
        note.write_text("{" if damage == "text" else json.dumps({"unread": [], "notices": []}))
    unread: dict[Path, str] = {}
    assert read_clips(paths, 400, tmp_path / "cache", unread=unread).tolist() == rows
    assert list(unread) == [paths[3]]


def test_who_does_not_ask_gets_an_error_from_the_cache_too(
    paths: list[Path], tmp_path: Path
) -> None:
    read_clips(paths, 400, tmp_path / "cache", unread={})
    with pytest.raises(AudioError, match="cannot decode"):
        read_clips(paths, 400, tmp_path / "cache")


@pytest.mark.parametrize("cached", [False, True])
def test_nothing_that_can_be_read_is_an_error(
    paths: list[Path], tmp_path: Path, cached: bool
) -> None:
    cache = tmp_path / "cache" if cached else None
    for path in paths:
        path.write_text("no sound")
    for read in (read_clips, lambda paths, _, cache, unread: read_streams(paths, cache, unread={})):
        with pytest.raises(AudioError, match="none of the 10 recordings can be read: cannot"):
            read(paths, 400, cache, unread={})


def test_training_on_commands_goes_on_without_it(paths: list[Path]) -> None:
    clips = [Clip(path, "yes" if n % 2 else "no", "train") for n, path in enumerate(paths)]
    task = command_task(clips, None, "train", clip_samples=400)
    assert len(task) == len(task.samples) == len(task.paths) == 9
    assert str(paths[3]) not in task.paths
    for row, path in zip(task.samples, task.paths, strict=True):
        assert np.array_equal(row, read_clips([Path(path)], 400)[0])


def test_a_word_that_loses_its_clips_is_named(paths: list[Path]) -> None:
    clips = [Clip(path, "yes" if n in (2, 3) else "no", "train") for n, path in enumerate(paths)]
    with pytest.raises(CorpusError, match="'yes' has 1 of its 2 clips"):
        command_task(clips, None, "train", clip_samples=400)


def test_a_word_of_silent_clips_is_refused_before_training(tmp_path: Path) -> None:
    clips = []
    for word in ("yes", "no"):
        for number in range(3):
            path = tmp_path / word / f"{number}.wav"
            write_audio(path, np.full(400, (word == "no") * 900, np.int16))
            clips.append(Clip(path, word, "train"))
    with pytest.raises(CorpusError, match="every clip of the word 'yes' is silent"):
        command_task(clips, None, "train", clip_samples=400)


def test_an_evaluation_of_clips_goes_on_without_it(
    paths: list[Path], tmp_path: Path, random_model: model_file.Model
) -> None:
    word = random_model.words[0]
    (tmp_path / "clips").rename(tmp_path / word)
    (tmp_path / "folder").mkdir()
    (tmp_path / word).rename(tmp_path / "folder" / word)
    result = evaluate_clips(random_model, tmp_path / "folder", list_errors=True)
    assert result["clips"] == 9
    (unread,) = result["skipped"]
    assert unread["file"].endswith("3.wav") and "cannot decode" in unread["reason"]
    for path in (tmp_path / "folder" / word).iterdir():
        path.write_text("no sound")
    with pytest.raises(CorpusError, match="none of the clips"):
        evaluate_clips(random_model, tmp_path / "folder")
