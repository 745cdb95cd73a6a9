"""`make demo`: what it trains, what it tells of a recording, and how it ends."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from loudness_models import noise, wake_word
from small_runs import RATE, hiss, sweep, wake_corpus

from kws.audio.files import write_audio
from kws.cli import demo
from kws.corpus.splits import split_folders
from kws.engine import model_file
from kws.errors import KwsError
from kws.network import fit
from kws.settings.schedule import ScheduleConfig
from kws.training import train

SAMPLE = Path(__file__).resolve().parents[3] / "data" / "sample"


def stream_of(folder: Path, bursts: list[tuple[float, float]], spoken: list[tuple[float, float]]):
    """A quiet recording of 20 s with bursts of noise, and the table of what was spoken in it."""
    samples = hiss(20.0, 0, rms=16)
    for number, (start, end) in enumerate(bursts):
        burst = noise(end - start, 3000, number)
        samples[round(start * RATE) : round(start * RATE) + len(burst)] = burst
    write_audio(folder / "held_out.wav", samples)
    rows = "".join(f"{start},{end},hey cortana\n" for start, end in spoken)
    (folder / "held_out.csv").write_text("time_s,end_s,text\n" + rows, "utf-8")
    return folder / "held_out.wav", folder / "held_out.csv"


def test_the_recipe_is_for_a_model_of_a_kilobyte_on_every_part_of_the_sample():
    recipe = demo.recipe(SAMPLE)
    assert recipe.words == ("hey cortana",) and recipe.max_bytes == 1024
    network = fit.fit(recipe, recipe.words)
    assert 900 < fit.file_bytes(recipe, network, recipe.words) <= 1024
    for folders in (recipe.data.positives, recipe.data.negatives):
        parts = split_folders(folders, 0.5, 0.1)  # the shares do not matter: it is split already
        assert all(len(paths) >= 50 for paths in parts.values())
        for split, paths in parts.items():
            folder = {"testing": "test"}.get(split, split)
            assert {path.relative_to(SAMPLE).parts[1] for path in paths} == {folder}


def test_what_is_spoken_when_is_read_from_the_samples_table():
    times = demo.spoken_times(SAMPLE / "stream" / "held_out.csv")
    assert len(times) >= 5
    assert all(0 <= start < end < start + 3 for start, end in times)
    assert times == sorted(times)


def test_a_strip_shows_where_something_is():
    values = np.zeros(7200)
    values[3600:3700] = 1.0
    values[-1] = 0.5
    assert demo.strip(values, "#", ".") == "." * 36 + "#" + "." * 34 + "#"


def test_playing_tells_what_was_found_what_was_missed_and_what_nobody_said(tmp_path, capsys):
    bursts = [(3.0, 3.8), (9.0, 9.8), (15.0, 15.8)]
    spoken = [(3.0, 3.8), (6.0, 6.8), (15.0, 15.8)]
    stream, table = stream_of(tmp_path, bursts, spoken)
    (tmp_path / "loud.kws").write_bytes(wake_word("hey cortana"))
    picture = tmp_path / "timeline.png"
    assert demo.play(tmp_path / "loud.kws", stream, table, picture) == (2, 1, 1)
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    told = capsys.readouterr().out
    lines = told.splitlines()
    assert lines[0].startswith("  20 s of held-out speech took ")
    marks = {line.split()[0]: line.split()[1] for line in lines[1:3]}
    full = marks["spoken"].strip("░.")[0]
    assert len(marks["spoken"]) == len(marks["heard"]) == demo.STRIP_COLUMNS

    def places(strip):  # in seconds, of each run of marks
        return [
            i * 20 / 72 for i, mark in enumerate(strip) if mark == full and strip[i - 1] != full
        ]

    assert places(marks["spoken"]) == pytest.approx([3, 6, 15], abs=0.3)
    assert places(marks["heard"]) == pytest.approx([2.5, 8.5, 14.5], abs=0.6)  # 0.6 s up to each
    (false,) = [line for line in lines if "nobody said it" in line]
    assert false.split()[0].startswith("00:09.")
    assert sum("hey cortana" in line and "nobody" not in line for line in lines) == 2
    (missed,) = [line for line in lines if "not heard" in line]
    assert missed.split()[0] == "00:06.0"


def test_a_phrase_that_is_heard_twice_is_found_once(tmp_path, capsys):
    stream, table = stream_of(tmp_path, [(5.0, 5.3), (7.0, 7.3)], [(5.0, 7.2)])
    (tmp_path / "loud.kws").write_bytes(wake_word("hey cortana"))
    assert demo.play(tmp_path / "loud.kws", stream, table, tmp_path / "a.png") == (1, 0, 0)
    assert capsys.readouterr().out.count("the same once more") == 1


def test_a_detection_up_to_a_second_after_the_phrase_is_a_find(tmp_path):
    stream, table = stream_of(tmp_path, [(5.0, 5.8)], [(4.0, 4.5), (5.9, 6.5)])
    (tmp_path / "loud.kws").write_bytes(wake_word("hey cortana"))
    picture = tmp_path / "a.png"
    assert demo.play(tmp_path / "loud.kws", stream, table, picture) == (1, 1, 0)


def test_the_demo_trains_and_plays_from_a_folder_like_the_sample(tmp_path, monkeypatch, capsys):
    sample = wake_corpus(tmp_path / "sample")
    for split in ("train", "test"):
        write_audio(sample / "noise" / split / "a.wav", hiss(1.0, 5))
    (sample / "stream").mkdir()
    phrase = np.pad(sweep(500, 2000), RATE)
    write_audio(sample / "stream" / "held_out.opus", np.tile(phrase, 3))
    rows = "".join(f"{2.5 * n + 1},{2.5 * n + 1.5},hey cortana\n" for n in range(3))
    (sample / "stream" / "held_out.csv").write_text("time_s,end_s,text\n" + rows, "utf-8")
    real = demo.recipe

    def short(folder):
        recipe = real(folder)
        data = dataclasses.replace(recipe.data, positive_windows=16, negative_windows=16)
        schedule = ScheduleConfig(float_epochs=1, quantized_epochs=1, versions=1, batch_size=16)
        return dataclasses.replace(recipe, data=data, schedule=schedule)

    monkeypatch.setattr(demo, "recipe", short)
    monkeypatch.setattr(demo, "SAMPLE", sample)
    monkeypatch.setattr(demo, "OUT", tmp_path / "out")
    monkeypatch.setattr(demo, "SHIPPED", SAMPLE.parents[1] / "models" / "hey_cortana")
    monkeypatch.setattr(train, "CACHE", tmp_path / "cache")
    demo.main()
    model = model_file.load(tmp_path / "out" / "hey_cortana.kws")
    assert (tmp_path / "out" / "timeline.png").is_file()
    assert f"\nkws listen {tmp_path / 'out'}\n" in (tmp_path / "out" / "README.md").read_text()
    told = capsys.readouterr().out
    assert "1. The model that ships" in told and told.count(" of 3 found") == 2
    assert f"on {sample}: 3 synthetic clips" in told
    assert f"{len(model.data)} bytes in {tmp_path / 'out' / 'hey_cortana.kws'}" in told
    demo.main()
    assert "used again: delete it to train anew" in capsys.readouterr().out


def test_without_the_sample_the_demo_says_where_it_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KwsError, match="data/sample is not here: run the demo in the folder of"):
        demo.main()
