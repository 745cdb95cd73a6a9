"""What stands in where nobody gives recordings: our own speech, and what lies on the disk."""

import numpy as np
import pytest
from small_runs import hiss
from typer.testing import CliRunner

from kws.audio.files import find_audio, write_audio
from kws.cli.main import app
from kws.corpus import synthesize, wake_data
from kws.corpus.speech_engines import Engine
from kws.errors import CorpusError, ToolError
from kws.support.notices import gathered


class Fake(Engine):
    """Says everything as a hiss as long as its text."""

    name = "flite"
    held_out = {"validation": frozenset({"b"}), "test": frozenset({"c"})}  # noqa: RUF012

    def voices(self):
        return ["a", "b", "c"]

    def _spoken(self, text, voice, speed):
        return hiss(0.1 * len(text), sum(map(ord, text + voice)), 3000), 16_000


class WithoutTest(Fake):
    """Has no voice of its own for the test."""

    name = "espeak"
    held_out = {}  # noqa: RUF012


@pytest.fixture
def one_engine(monkeypatch):
    def opened(name, model_dir=None):
        if name == "flite":
            return Fake()
        raise ToolError(f"{name} is not installed")

    for module in (synthesize, wake_data):
        monkeypatch.setattr(module, "open_engine", opened)
    monkeypatch.setattr(wake_data, "CLIPS", {**wake_data.CLIPS, "flite": (10, 5, 5)})
    monkeypatch.setattr(
        wake_data,
        "run_each",
        lambda function, jobs, label: [function(*job) for job in jobs],
    )


def test_the_phrase_and_its_near_misses_are_spoken_by_what_is_installed(one_engine, tmp_path):
    said: list[str] = []
    positives, near = wake_data.speak("hey robin", tmp_path, say=said.append)
    assert said[0] == f'Speaking "hey robin" with flite into {tmp_path}.'
    for folder, counts in ((positives, (10, 5, 5)), (near, (4, 2, 2))):
        for part, voice, count in zip(("train", "validation", "test"), "abc", counts, strict=True):
            names = [path.name for path in find_audio(folder / part)]
            assert len(names) == count and all(f"_{voice}_x" in name for name in names)
    assert {path.name.partition("_flite")[0] for path in find_audio(positives)} == {"hey_robin"}
    assert "hey_robin" not in {path.name.partition("_flite")[0] for path in find_audio(near)}
    before = {path: path.stat().st_mtime_ns for path in find_audio(tmp_path)}
    wake_data.speak("hey robin", tmp_path, say=said.append)
    assert {path: path.stat().st_mtime_ns for path in find_audio(tmp_path)} == before


@pytest.mark.parametrize("engines", [["flite"], ["kokoro", "flite"], ["piper"]])
def test_who_has_mechanical_voices_alone_is_told_of_a_natural_one(monkeypatch, tmp_path, engines):
    monkeypatch.setattr(wake_data, "installed_engines", lambda: engines)
    monkeypatch.setattr(wake_data, "_speak_each", lambda jobs: None)
    said: list[str] = []
    wake_data.speak("hey robin", tmp_path, say=said.append)
    assert any("with Kokoro beside them" in line for line in said) == (engines == ["flite"])


def test_speaking_that_was_ended_is_known_as_unfinished(one_engine, monkeypatch, tmp_path):
    def ended(jobs):
        raise KeyboardInterrupt

    to = tmp_path / "hey_robin"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(wake_data, "_speak_each", ended)
        wake_data.speak("hey robin", to)
    assert wake_data.is_unfinished(to / "positives")
    positives, near = wake_data.speak("hey robin", to)
    assert not wake_data.is_unfinished(positives) and not wake_data.is_unfinished(near)
    assert [path.name for path in to.iterdir() if path.is_file()] == []


def test_without_an_engine_it_is_said_what_to_install(monkeypatch, tmp_path):
    def absent(name, model_dir=None):
        raise ToolError(f"{name} is not installed")

    monkeypatch.setattr(wake_data, "open_engine", absent)
    with pytest.raises(ToolError, match=r"apt-get install espeak-ng flite.*--positives DIR"):
        wake_data.speak("hey robin", tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(wake_data, "installed_engines", lambda: ["festival"])  # for tests alone
    with pytest.raises(ToolError, match="no speech engine"):
        wake_data.speak("hey robin", tmp_path)


@pytest.mark.parametrize(
    ("part", "shares"), [("all", {"flite": 4, "espeak": 3}), ("test", {"flite": 7})]
)
def test_all_engines_speak_their_share_of_what_they_have_voices_for(
    one_engine, monkeypatch, tmp_path, part, shares
):
    def opened(name, model_dir=None):
        if name not in ("flite", "espeak"):
            raise ToolError(f"{name} is not installed")
        return Fake() if name == "flite" else WithoutTest()

    for module in (synthesize, wake_data):
        monkeypatch.setattr(module, "open_engine", opened)
    command = ["synthesize", "hey robin", "--engine", "all", "--clips", "7", "--part", part]
    result = CliRunner().invoke(app, [*command, "--to", str(tmp_path)])
    names = [path.name for path in find_audio(tmp_path)]
    assert {key: sum(f"_{key}_{part}_s0_" in name for name in names) for key in shares} == shares
    assert len(names) == 7 and all(name.endswith(".wav") for name in names)
    assert result.output == f"7 clips in {tmp_path}\n"


def test_what_lies_under_data_raw_is_other_sound_but_for_the_phrase_itself(tmp_path):
    raw, pack = tmp_path / "raw", tmp_path / "negatives"
    for name in (
        "raw/speech_commands/yes/1.wav",
        "raw/speech_commands/_background_noise_/a.wav",
        "raw/negative_speech/en/1.wav",
        "raw/wake_phrases/wake-words/en/athena/1.wav",
        "raw/noise/esc10/1.wav",
        "raw/photos/1.txt",
        "negatives/train/flite_a/1.wav",
        "negatives/noise/train/1.wav",
    ):
        if name.endswith("wav"):
            write_audio(tmp_path / name, hiss(0.1, len(name)))
        else:
            (tmp_path / name).parent.mkdir(parents=True)
    talk, noise = wake_data.other_sound("hey robin", raw, pack)
    assert [str(folder.relative_to(tmp_path)) for folder in talk] == [
        "negatives",
        "raw/speech_commands",
        "raw/negative_speech/en",
        "raw/wake_phrases/wake-words",
    ]
    assert [str(folder.relative_to(tmp_path)) for folder in noise] == [
        "raw/noise/esc10",
        "raw/speech_commands/_background_noise_",
        "negatives/noise",
    ]
    alone, _ = wake_data.other_sound("hey robin", raw, pack, has_people=False)
    assert alone == [folder for folder in talk if folder.name != "wake-words"]
    assert raw / "speech_commands" not in wake_data.other_sound("yes", raw, pack)[0]
    assert raw / "wake_phrases/wake-words" not in wake_data.other_sound("Athena", raw, pack)[0]


def test_recordings_that_lie_loose_in_negative_speech_are_other_sound(tmp_path):
    for name in ("negative_speech/radio.wav", "negative_speech/en/1.wav", "noise/fan.wav"):
        write_audio(tmp_path / name, hiss(0.1, len(name)))
    found = wake_data.other_sound("hey robin", tmp_path, tmp_path / "none")
    assert found == ([tmp_path / "negative_speech"], [tmp_path / "noise"])


def test_an_empty_folder_is_no_other_sound_and_no_phrase_is_a_pattern(tmp_path):
    write_audio(tmp_path / "raw/speech_commands/yes/1.wav", hiss(0.1, 1))
    for empty in ("raw/noise/empty", "raw/negative_speech/empty"):
        (tmp_path / empty).mkdir(parents=True)
    for phrase in ("**robin", "/etc/x", "y[e]s", "ye?"):
        found = wake_data.other_sound(phrase, tmp_path / "raw", tmp_path / "none")
        assert found == ([tmp_path / "raw/speech_commands"], [])


class Mute(Fake):
    name = "espeak"

    def _spoken(self, text, voice, speed):
        raise ToolError("espeak lost its voice: install it again")


def test_an_engine_that_fails_leaves_the_phrase_to_the_others(one_engine, monkeypatch, tmp_path):
    speakers = {"flite": Fake(), "espeak": Mute()}
    for module in (synthesize, wake_data):
        monkeypatch.setattr(module, "open_engine", lambda name, _=None: speakers[name])
    monkeypatch.setattr(wake_data, "installed_engines", lambda part="all": list(speakers))
    with gathered() as notices:
        wake_data.speak("hey robin", tmp_path / "some", say=lambda line: None)
    assert notices.by_kind["unsaid"] == [
        "espeak does not say all of it: espeak lost its voice: install it again"
    ]
    assert len(find_audio(tmp_path / "some/positives")) == 20
    del speakers["flite"]
    with pytest.raises(ToolError, match="lost its voice"):
        wake_data.speak("hey robin", tmp_path / "none", say=lambda line: None)


def test_without_other_speech_it_is_said_what_to_give(tmp_path):
    with pytest.raises(CorpusError, match=r"no other speech.*--negatives DIR"):
        wake_data.other_sound("hey robin", tmp_path / "raw", tmp_path / "pack")


def test_a_tenth_of_a_second_is_no_phrase():
    """The stand-in engine is heard: a clip of it is not refused as failed speech."""
    assert np.abs(Fake().speak("hello there", "a")).max() > 5000


def test_kws_synthesize_speaks_a_phrase_its_near_misses_or_a_file(one_engine, tmp_path):
    def run(*args):
        return CliRunner().invoke(app, ["synthesize", *map(str, args), "--clips", "3"])

    text = tmp_path / "talk.txt"
    text.write_text("\ufeffGood morning.\n\n# a remark\nHow are you?\n", "utf-8")
    for args, said in (
        (["hi there"], {"hi_there"}),
        (["hi there", "--near-misses"], None),
        (["--file", text], {"good_morning", "how_are_you"}),
    ):
        to = tmp_path / str(len(list(tmp_path.iterdir())))
        result = run(*args, "--to", to)
        assert result.output == f"3 clips in {to}\n"
        names = {path.name.partition("_flite")[0] for path in find_audio(to)}
        if "--near-misses" in args:
            assert "hi_there" not in names and len(names) == 3
        else:
            assert said is not None
            assert {name[:11] for name in names} == {name[:11] for name in said}
    for args, sentence in (
        ([], "give a phrase to speak"),
        (["hi", "--file", text], "give a phrase to speak"),
        (["--file", text, "--near-misses"], "give a phrase to speak"),
        (["--file", tmp_path / "no.txt"], "no.txt: No such file"),
        (["--file", next(to.iterdir())], "not UTF-8 text"),
    ):
        result = run(*args, "--to", tmp_path / "x")
        assert result.exit_code == 1 and sentence in result.stderr, result.stderr
