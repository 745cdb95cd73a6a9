"""By what recordings are drawn and split: where they come from, who speaks, and with what."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from small_runs import hiss

from kws.audio.files import write_audio
from kws.corpus.sources import (
    engine_of,
    holds_sentences,
    sources_of,
    split_negatives,
    spoken_by,
    unnamed_speakers,
)
from kws.corpus.splits import split_paths
from kws.support.notices import gathered


def write(folder: Path, count: int, seconds: float, name: str = "a{0}.wav") -> Path:
    for number in range(count):
        seed = int.from_bytes(folder.name.encode()[:4], "big") + number
        write_audio(folder / name.format(number), hiss(seconds, seed))
    return folder


def test_a_folder_is_spoken_by_engines_where_they_spoke_every_clip_of_it():
    spoken = Path("mine/hey_robin_espeak_train_s0_00000_en.wav")
    other = Path("mine/near/hey_robin_flite_test_s2_00001_slt.wav")
    assert spoken_by([spoken, other], ["mine"]) == {"mine": ["espeak", "flite"]}
    assert spoken_by([spoken, other], ["mine", "mine/near"]) == {
        "mine": ["espeak"],
        "mine/near": ["flite"],
    }
    assert spoken_by([spoken, Path("mine/robin.wav")], ["mine"]) == {}


def test_recordings_as_long_as_a_sentence_are_sentences(tmp_path):
    assert holds_sentences(write(tmp_path / "talk", 5, 2.5))
    assert not holds_sentences(write(tmp_path / "words", 5, 0.8))
    assert not holds_sentences(tmp_path / "nothing")
    (tmp_path / "samples.raw").write_bytes(bytes(160_000))  # which tell no rate
    assert not holds_sentences(tmp_path / "samples.raw")


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")
def test_talk_that_a_telephone_recorded_is_talk(tmp_path):
    talk = write(tmp_path / "talk", 2, 2.5)
    for path in sorted(talk.rglob("*.wav")):
        command = ["ffmpeg", "-v", "error", "-i", str(path), str(path.with_suffix(".m4a"))]
        subprocess.run(command, check=True)
        path.unlink()
    assert holds_sentences(talk)


def test_of_talk_more_is_kept_for_validation_and_test_than_of_words(tmp_path):
    talk, words = (
        write(tmp_path / "talk", 120, 1.9),
        write(tmp_path / "words", 120, 0.1, "b{0}.wav"),
    )
    parts = split_negatives([talk, words])
    shares = {
        name: [sum(path.parent.name == name for path in paths) for paths in parts.values()]
        for name in ("talk", "words")
    }
    assert 25 < shares["talk"][0] < 60 < shares["words"][0]
    assert shares["talk"][2] > 30 > shares["words"][2]
    assert sum(map(sum, shares.values())) == 240


def test_negatives_without_a_sentence_are_told(tmp_path, capsys):
    with gathered():
        split_negatives([write(tmp_path / "words", 12, 0.3)])
    assert "hold no sentences" in capsys.readouterr().err
    with gathered():
        split_negatives([tmp_path / "words", write(tmp_path / "talk", 9, 2.0)])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("path", "engine"),
    [
        ("x/hey_robin_kokoro_train_s0_00001_af-sky_x1.00_p1.00.wav", "kokoro"),
        ("x/a_flite_all_s12_00001_rms_x0.90_p1.00.flac", "flite"),
        ("data/negatives/train/espeak_en-gb+Hugo/1.opus", "espeak"),
        ("data/negatives/test/festival_ked-diphone/1.opus", "festival"),
        ("recordings/kokoro_and_me/1.wav", "kokoro"),  # a folder may claim so
        ("recordings/flite.wav", None),
        ("x/hey_robin_s0_00001.wav", None),
    ],
)
def test_who_spoke_stands_in_the_name(path, engine):
    assert engine_of(Path(path)) == engine


def test_recordings_that_do_not_say_who_speaks_are_counted():
    named = [
        "x/hey_robin_kokoro_train_s0_00001_af-sky_x1.00_p1.00.wav",
        "yes/3a3ee7ed_nohash_0.wav",
        "speaker07/2.wav",
        "speaker_alice/2.wav",
        "User Zo\u00eb/2.wav",
        "1272-128104-0000.flac",
        "p225/p225_001.wav",
        "wav/id10001/1zcIwhmdeo4/00001.wav",
    ]
    unnamed = ["athena-en-0111603b-448a-47.opus", "door_03.wav", "user_recordings/1.wav"]
    assert unnamed_speakers(map(Path, named)) == 0
    assert unnamed_speakers(map(Path, named + unnamed)) == 3


def test_a_source_is_the_given_folder_and_the_engine(tmp_path):
    talk, spoken = tmp_path / "raw/talk", tmp_path / "raw/spoken/train"
    paths = [
        talk / "en/1.wav",
        talk / "de/2.wav",
        spoken / "hi_kokoro_train_s0_00001_v_x1_p1.wav",
        spoken / "hi_flite_train_s0_00001_v_x1_p1.wav",
    ]
    assert sources_of(paths, [tmp_path / "raw/talk", tmp_path / "raw/spoken"]) == {
        str(talk): paths[:2],
        f"{spoken.parent} (kokoro)": [paths[2]],
        f"{spoken.parent} (flite)": [paths[3]],
    }
    # of two given folders that hold a file, the inner one
    assert list(sources_of(paths[:1], [tmp_path / "raw", talk])) == [str(talk)]


@pytest.mark.parametrize("name", ["{who}-128104-00{n:02}.wav", "{who}_0000100{n:02}.wav"])
def test_numbered_speakers_stay_in_one_part(tmp_path, name):
    rng = np.random.default_rng(0)
    for who in range(1000, 1030):
        for n in range(4):
            samples = rng.integers(-99, 99, 400).astype(np.int16)
            write_audio(tmp_path / name.format(who=who, n=n), samples)
    parts = split_paths(sorted(tmp_path.iterdir()), 0.3, 0.3)
    speakers = {split: {path.name[:4] for path in paths} for split, paths in parts.items()}
    assert sum(map(len, speakers.values())) == 30 and all(map(len, speakers.values()))


@pytest.mark.skipif(os.name != "posix", reason="names are bytes only there")
def test_a_name_in_another_encoding_ends_no_training(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.wav", np.zeros(40_000, np.int16))
    os.rename(tmp_path / "a.wav", os.fsencode(tmp_path) + b"/caf\xe9.wav")
    assert holds_sentences(tmp_path)
