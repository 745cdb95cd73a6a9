"""Figures of a model as shipped, on recordings where the right answer is known beforehand."""

import json
import math
import random
from pathlib import Path

import pytest
from loudness_models import noise, two_words, wake_word

from kws.audio.files import write_audio
from kws.engine import model_file
from kws.errors import ConfigError
from kws.evaluation.clips import evaluate_clips
from kws.evaluation.stream import evaluate_stream


def write(path, seconds, rms, seed=0, colour="white"):
    write_audio(path, noise(seconds, rms, seed, colour))


@pytest.fixture
def words(tmp_path):
    """Ten clips of each class: all right but two low ones that are high, and one that is quiet."""
    for index in range(10):
        write(tmp_path / "low" / f"{index}.wav", 0.8, 3000, index, "high" if index < 2 else "low")
        write(tmp_path / "high" / f"{index}.wav", 1.0, 3000, index, "high")
        rms = 16 if index else 3000
        write(tmp_path / "_silence_" / f"{index}.wav", 1.0, rms, index, "low")
    return tmp_path


def test_clip_accuracy_is_the_share_of_right_answers(words):
    result = evaluate_clips(model_file.parse(two_words()), words)
    assert result["clips"] == 30
    assert result["accuracy"] == pytest.approx(27 / 30)
    assert result["per_class"]["low"] == {
        "recall": pytest.approx(8 / 10),
        "precision": pytest.approx(8 / 9),
        "clips": 10,
    }
    assert result["per_class"]["high"]["precision"] == pytest.approx(10 / 12)
    assert result["confusion"] == {
        "low": {"low": 8, "high": 2},
        "high": {"high": 10},
        "_silence_": {"_silence_": 9, "low": 1},
    }
    assert result["model_bytes"] == len(two_words())
    assert result["engine"] == "c"
    json.dumps(result)


def test_the_clips_that_went_wrong_are_listed_on_request(words):
    result = evaluate_clips(model_file.parse(two_words()), words, list_errors=True)
    assert sorted((e["file"], e["actual"], e["predicted"]) for e in result["errors"]) == [
        (str(words / "_silence_" / "0.wav"), "_silence_", "low"),
        (str(words / "low" / "0.wav"), "low", "high"),
        (str(words / "low" / "1.wav"), "low", "high"),
    ]
    assert "errors" not in evaluate_clips(model_file.parse(two_words()), words)


def test_a_wake_word_model_says_unknown_where_its_detector_stays_silent(tmp_path):
    for index in range(4):
        write(tmp_path / "Hey Noise" / f"{index}.wav", 2.5, 3000 if index else 16, index)
        write(tmp_path / "babble" / f"{index}.wav", 0.7, 16 if index else 3000, index)
    result = evaluate_clips(model_file.parse(wake_word()), tmp_path)
    assert result["confusion"] == {
        "hey_noise": {"hey_noise": 3, "_unknown_": 1},
        "_unknown_": {"_unknown_": 3, "hey_noise": 1},
    }
    assert result["folders_counted_as_unknown"] == ["babble"]


def test_the_threshold_given_takes_the_place_of_the_models(tmp_path):
    write(tmp_path / "hey_noise" / "1.wav", 1.0, 3000)
    model = model_file.parse(wake_word())
    assert evaluate_clips(model, tmp_path)["accuracy"] == 1.0
    assert evaluate_clips(model, tmp_path, threshold=0.9999)["accuracy"] == 0.0


@pytest.fixture
def recordings(tmp_path):
    """Six positives, one of them too quiet to be heard; five minutes of negatives, three loud."""
    for index in range(6):
        write(tmp_path / "positive" / f"p{index}.wav", 1.0, 16 if index == 2 else 3000, index)
    for index in range(20):
        rms = 3000 if index in (4, 5) else 16
        write(tmp_path / "talk" / f"t{index}.wav", 10, rms, index)
    for index in range(10):
        write(tmp_path / "music" / f"m{index}.wav", 10, 3000 if index == 7 else 16, index)
    write(tmp_path / "noise" / "loud.wav", 5.0, 3000, 99)
    return tmp_path


def run(folder, **options):
    return evaluate_stream(
        model_file.parse(wake_word()),
        [folder / "positive"],
        [folder / "talk", folder / "music"],
        **options,
    )


def test_a_stream_gives_misses_and_false_accepts_per_hour(recordings):
    result = run(recordings)
    hours = 300 / 3600
    assert result["hours"] == pytest.approx(hours)
    assert result["positives"] == 6
    assert result["at_default"] == {
        "threshold": pytest.approx(0.8, abs=1e-3),
        "miss_rate": pytest.approx(1 / 6),
        "false_accepts": 3,
        "false_accepts_per_hour": pytest.approx(3 / hours),
        "false_accepts_per_hour_upper_95": pytest.approx(7.7537 / hours, rel=1e-4),
    }
    assert result["by_folder"] == {
        str(recordings / "talk"): {
            "hours": pytest.approx(200 / 3600),
            "false_accepts": 2,
            "false_accepts_per_hour": pytest.approx(36),
        },
        str(recordings / "music"): {
            "hours": pytest.approx(100 / 3600),
            "false_accepts": 1,
            "false_accepts_per_hour": pytest.approx(36),
        },
    }
    assert result["model_bytes"] == len(wake_word())
    json.dumps(result)


def test_latency_runs_from_the_end_of_the_speech(recordings):
    """The noise is loud to its last sample and is detected within its first tenth of a second."""
    result = run(recordings)
    assert result["median_latency_ms"] == 0 and result["early_share"] == 1


def test_every_operating_point_obeys_the_detector_at_its_threshold(recordings):
    """Loud noise has log-odds of 3.9: posteriors above 0.98 find nothing and accept nothing."""
    result = run(recordings)
    thresholds = [row["threshold"] for row in result["operating_points"]]
    assert thresholds == sorted(thresholds)
    assert thresholds[0] < 0.02 and thresholds[-1] > 0.99999
    for row in result["operating_points"]:
        if 0.2 < row["threshold"] < 0.97:
            assert (row["miss_rate"], row["false_accepts"]) == (pytest.approx(1 / 6), 3)
        elif row["threshold"] > 0.99:
            assert (row["miss_rate"], row["false_accepts"]) == (1.0, 0)


def test_missed_files_and_false_accepts_are_listed_on_request(recordings):
    result = run(recordings, list_errors=True)
    assert result["missed"] == [str(recordings / "positive" / "p2.wav")]
    accepted = {entry["file"]: entry for entry in result["false_accepts"]}
    expected = ("talk/t4.wav", "talk/t5.wav", "music/m7.wav")
    assert set(accepted) == {str(recordings / name) for name in expected}
    for entry in accepted.values():
        assert entry["word"] == "hey_noise"
        assert 0 < entry["time_s"] < 0.2  # from the start of the file
        assert 0.8 < entry["score"] < 1


def test_a_threshold_given_becomes_the_default_row(recordings):
    row = run(recordings, threshold=0.995)["at_default"]
    assert (row["threshold"], row["miss_rate"], row["false_accepts"]) == (0.995, 1.0, 0)


def test_the_result_depends_on_the_seed_and_on_nothing_else(recordings):
    random.seed(1)
    first = run(recordings, seed=5, noise=[recordings / "noise"], snr_db=5.0)
    random.seed(2)
    assert run(recordings, seed=5, noise=[recordings / "noise"], snr_db=5.0) == first


def test_noise_reaches_the_positives(recordings):
    """The quiet positive becomes loud when the noise is 40 dB above it."""
    noisy = run(recordings, noise=[recordings / "noise"], snr_db=-46.0)
    assert noisy["at_default"]["miss_rate"] == 0.0
    assert noisy["at_default"]["false_accepts"] == 3


def test_phrases_soon_after_a_start_are_counted_as_recorded_only(recordings):
    asked = {"noise": [recordings / "noise"], "snr_db": 20.0}
    assert run(recordings)["soon_after_start"] == {"phrases": 6, "missed": 1}  # the quiet one
    assert run(recordings, threshold=0.9999999)["soon_after_start"]["missed"] == 6
    for condition in (asked, {"gain_db": -1.0}, {"channel": 0}):
        assert "soon_after_start" not in run(recordings, **condition)


def test_nothing_found_has_no_latency(recordings):
    assert run(recordings, threshold=0.9999)["median_latency_ms"] is None


def test_two_words_are_told_apart_by_the_folders_of_the_positives(tmp_path):
    for index in range(3):
        write(tmp_path / "all" / "low" / f"{index}.wav", 1.0, 3000, index, "low")
        colour = "high" if index else "low"
        write(tmp_path / "all" / "high" / f"{index}.wav", 1.0, 3000, index, colour)
        write(tmp_path / "quiet" / f"{index}.wav", 3.0, 16, index)
    result = evaluate_stream(
        model_file.parse(two_words()), [tmp_path / "all"], [tmp_path / "quiet"], list_errors=True
    )
    assert result["at_default"]["miss_rate"] == pytest.approx(1 / 6)
    assert result["missed"] == [str(tmp_path / "all" / "high" / "0.wav")]
    assert result["wrong_words"] == 1
    assert result["at_default"]["false_accepts"] == 0


def test_noise_folders_without_a_ratio_and_a_ratio_without_noise_are_refused(recordings):
    with pytest.raises(ConfigError, match="give --noise and --snr-db together"):
        run(recordings, noise=[recordings / "noise"])
    with pytest.raises(ConfigError, match="give --noise and --snr-db together"):
        run(recordings, snr_db=10.0)
    with pytest.raises(ConfigError, match="nan dB: give -60 to 60"):
        run(recordings, noise=[recordings / "noise"], snr_db=math.nan)


def test_held_out_is_what_training_keeps_for_testing(tmp_path, monkeypatch):
    for split, count in (("train", 3), ("validation", 1), ("test", 2)):
        for index in range(count):
            write(tmp_path / "positives" / split / f"{split}_{index}.wav", 0.8, 3000, index, "low")
    for index in range(12):
        write(tmp_path / "negatives" / f"quiet_{index}.wav", 2.0, 16, index)
    folders = [tmp_path / "positives"], [tmp_path / "negatives"]
    model = model_file.parse(wake_word())
    everything = evaluate_stream(model, *folders)
    held_out = evaluate_stream(model, *folders, held_out=True)
    assert (everything["positives"], held_out["positives"]) == (6, 2)
    assert 0 < held_out["hours"] < everything["hours"]
    assert list(held_out["by_folder"]) == [str(folders[1][0])]
    assert [*everything["by_voice"]] == [*held_out["by_voice"]] == ["positives"]
    monkeypatch.chdir(tmp_path / "positives")  # a name is found beside a relative path, too
    assert [*evaluate_stream(model, [Path("test")], folders[1])["by_voice"]] == ["positives"]
