"""The pack of negatives in data/negatives: what its README promises, and the script behind it."""

import csv
import importlib
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile
from talks import Talk

from kws.audio.files import find_audio, read_audio
from kws.audio.samples import Samples
from kws.corpus.kokoro import Kokoro
from kws.corpus.speech_engines import PARTS, Engine, Espeak, Flite
from kws.corpus.splits import split_folders
from kws.settings.front_end import SAMPLE_RATE_HZ

ROOT = Path(__file__).parents[3]
PACK = ROOT / "data" / "negatives"
Row = dict[str, str]


@pytest.fixture
def recipe() -> ModuleType:
    return importlib.import_module("make_negatives")


@pytest.fixture
def planning() -> ModuleType:
    return importlib.import_module("negatives_plan")


@pytest.fixture
def holding() -> ModuleType:
    return importlib.import_module("negatives_pack")


@pytest.fixture
def rules() -> ModuleType:
    return importlib.import_module("negatives_text")


@pytest.fixture(scope="module")
def manifest() -> list[Row]:
    with (PACK / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def talks(manifest: list[Row]) -> list[Row]:
    return [row for row in manifest if row["engine"] != "noise"]


def test_the_pack_is_small() -> None:
    files = [path for path in PACK.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 16_000_000


def test_the_manifest_lists_every_file_with_its_part_and_its_length(manifest: list[Row]) -> None:
    listed = {PACK / row["file"]: row for row in manifest}
    assert sorted(listed) == find_audio(PACK)
    assert len(listed) == len(manifest)
    for path, row in listed.items():
        assert soundfile.info(path).duration == pytest.approx(float(row["seconds"]), abs=0.01)
        folders = path.relative_to(PACK).parts[:-1]
        assert folders[0] == (row["split"] if row["engine"] != "noise" else "noise"), path
        assert folders[1].startswith(f"{row['engine']}_" if folders[0] != "noise" else row["split"])


def test_every_file_is_16_khz_mono_opus_and_tells_nothing_but_its_encoder() -> None:
    for path in find_audio(PACK):
        with soundfile.SoundFile(path) as file:
            assert (file.samplerate, file.channels, file.subtype) == (16_000, 1, "OPUS"), path
            assert not any(file.copy_metadata().values()), path


def test_training_takes_the_parts_as_they_are(manifest: list[Row]) -> None:
    for folder, is_noise in ((PACK, False), (PACK / "noise", True)):
        parts = split_folders([folder], 0.1, 0.1)
        for part, files in (("train", "train"), ("validation", "validation"), ("test", "testing")):
            wanted = {
                PACK / row["file"]
                for row in manifest
                if row["split"] == part and (row["engine"] == "noise") is is_noise
            }
            assert set(parts[files]) == wanted and wanted


def test_no_voice_and_no_component_of_a_blend_is_in_two_parts(talks: list[Row]) -> None:
    engines: dict[str, type[Engine]] = {"kokoro": Kokoro, "espeak": Espeak, "flite": Flite}
    parts_of: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in talks:
        engine, voice = row["engine"], row["voice"]
        voices = [one.partition("*")[0] for one in voice.split("+")]
        speakers = voices[-1:] if engine == "espeak" else voices
        for speaker in speakers:
            parts_of[engine, speaker].add(row["split"])
            if engine in engines and row["split"] != "train":
                assert speaker in engines[engine].held_out[row["split"]], row["file"]
    assert len(parts_of) > 60
    assert all(len(parts) == 1 for parts in parts_of.values())


def test_the_test_has_an_engine_that_training_does_not_hear(talks: list[Row]) -> None:
    engines = {part: {row["engine"] for row in talks if row["split"] == part} for part in PARTS}
    assert engines["train"] == {"kokoro", "espeak", "flite"}
    assert engines["validation"] <= engines["train"]
    assert engines["test"] - engines["train"] - engines["validation"] == {"festival"}


def test_no_engine_speaks_for_more_than_its_share(talks: list[Row]) -> None:
    seconds: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for row in talks:
        for part in (row["split"], "all"):
            seconds[part][row["engine"]] += float(row["seconds"])
    for part, spoken in seconds.items():
        shares = {engine: value / sum(spoken.values()) for engine, value in spoken.items()}
        assert max(shares.values()) <= (0.4 if part == "all" else 0.55), part
        assert shares["kokoro"] >= 0.2, part


def test_a_sentence_is_in_one_part_only(talks: list[Row], rules: ModuleType) -> None:
    said: dict[str, set[int]] = defaultdict(set)
    for row in talks:
        said[row["split"]] |= {int(number) for number in row["sentences"].split()}
    together = set.union(*said.values())
    assert sum(map(len, said.values())) == len(together) >= 800
    assert min(together) >= 1 and max(together) <= len(rules.read_sentences())


def test_talks_are_of_sane_level_and_louder_where_the_manifest_says_a_sentence_begins(
    talks: list[Row],
) -> None:
    for row in talks:
        samples = read_audio(PACK / row["file"]).astype(float)
        assert 10 <= len(samples) / SAMPLE_RATE_HZ <= 200, row["file"]
        assert 0.08 <= np.abs(samples).max() / 32768 <= 1.0, row["file"]
        assert 200 <= samples.std() <= 6000, row["file"]
        starts = [round(float(start) * SAMPLE_RATE_HZ) for start in row["starts_s"].split()]
        assert len(starts) == len(row["sentences"].split())
        assert starts == sorted(starts) and len(set(starts)) == len(starts)
        second, gap = SAMPLE_RATE_HZ, SAMPLE_RATE_HZ // 8
        for start in starts:  # a pause lasts at least 0.2 s, then the speech begins after 50 ms
            pause, speech = samples[start - gap : start], samples[start : start + second]
            assert 0 < pause.std() < 0.2 * speech.std(), (row["file"], start)


def test_noises_are_of_sane_level_and_of_different_sound_in_each_part(manifest: list[Row]) -> None:
    seen = set()
    for row in manifest:
        if row["engine"] == "noise":
            samples = read_audio(PACK / row["file"])
            assert 0.05 <= np.abs(samples.astype(int)).max() / 32768 <= 0.6, row["file"]
            seen.add(samples.tobytes())
    assert len(seen) == sum(row["engine"] == "noise" for row in manifest) >= 20


def test_the_minutes_of_the_readme_are_right(manifest: list[Row]) -> None:
    readme = (PACK / "README.md").read_text()
    seconds: dict[tuple[str, str], float] = defaultdict(float)
    for row in manifest:
        for engine in {row["engine"], "noise" if row["engine"] == "noise" else "all"}:
            seconds[engine, row["split"]] += float(row["seconds"])
            seconds[engine, "all"] += float(row["seconds"])
    lines = re.findall(r"^\| (\w+) \|((?: [\d.]* \|){4})$", readme, re.MULTILINE)
    assert {engine for engine, _ in lines} == {engine for engine, _ in seconds}
    for engine, cells in lines:
        for part, cell in zip((*PARTS, "all"), cells.split("|"), strict=False):
            minutes = seconds.get((engine, part), 0.0) / 60
            assert cell.strip() == (f"{minutes:.1f}" if minutes else ""), (engine, part)


def test_the_text_keeps_its_rules(rules: ModuleType) -> None:
    sentences = rules.read_sentences()
    assert len(sentences) >= 1200
    assert rules.faults(sentences) == []


@pytest.mark.parametrize(
    ("sentences", "fault"),
    [
        (["We are all here.", "We are all here!"], "said 2 times"),
        (["Too short."], "2 words"),
        (["It goes " + "on and " * 12 + "on."], "27 words"),
        (["This has no end"], "no end"),
        (["The computers are down again."], "'computer'"),
        (["Did you rob in the dark?"], "'robin'"),
        (["Well, hey, look at that."], "'hey'"),
    ],
)
def test_a_broken_rule_is_found(rules: ModuleType, sentences: list[str], fault: str) -> None:
    (found,) = rules.faults(sentences)
    assert fault in found


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="no espeak-ng")
def test_the_text_holds_every_phoneme_and_no_sound_of_a_wake_word(rules: ModuleType) -> None:
    clauses = rules.phonemes("\n\n".join(rules.read_sentences()))
    assert min(rules.coverage(clauses).values()) >= 20
    assert rules.sounding(clauses) == []
    (found,) = rules.sounding(rules.phonemes("The Lexus is mine."))
    assert "'alexa'" in found


class Stand(Engine):
    """Every text as a chord in a pitch of the voice; `spoken` counts how often."""

    def __init__(self, name: str, voices: list[str]) -> None:
        self.name = name  # type: ignore[misc]
        self._voices, self.spoken = voices, 0

    def voices(self) -> list[str]:
        return self._voices

    def draw_voice(self, voices: Sequence[str], rng: np.random.Generator) -> str:
        return f"{voices[0]}*0.60+{rng.choice(voices[1:])}*0.40"

    def _spoken(self, text: str, voice: str, speed: float) -> tuple[Samples, int]:
        self.spoken += 1
        seconds = 0.07 * sum(letter.isalnum() for letter in text) / speed
        time = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
        tones = sum(np.sin(2 * np.pi * (150 + len(voice)) * n * time) / n for n in range(1, 9))
        return np.asarray(4000 * tones, np.int16), SAMPLE_RATE_HZ


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> dict[str, Engine]:
    """Three stand-ins."""
    held = Kokoro.held_out
    kokoro = ["af_bella", "am_puck", "zf_xiaoni", *held["validation"], *held["test"]]
    monkeypatch.setattr(Stand, "held_out", held)
    return {
        "kokoro": Stand("kokoro", sorted(kokoro)),
        "flite": Stand("flite", ["slt"]),
        "espeak": Stand("espeak", ["en-gb+m1", "en-gb+m2", "en-us+m1", "en-us+m2"]),
    }


Shares = list[tuple[str, str, int, int]]
SMALL: Shares = [*(("kokoro", part, 3, 3) for part in PARTS), ("flite", "train", 1, 40)]


@pytest.fixture
def plan(planning: ModuleType, engines: dict[str, Engine]) -> Callable[..., list[Talk]]:
    """The plan of some shares, of 50 sentences; a small one of eleven files if none are named."""

    def planned(shares: Shares = SMALL, seed: int = 0, **more: int) -> list[Talk]:
        rows = [
            planning.Share(engine=engine, part=part, voices=voices, sentences=sentences, **more)
            for engine, part, voices, sentences in shares
        ]
        return list(planning.plan(rows, engines, 50, seed))

    return planned


def test_the_plan_is_the_same_for_a_seed_and_gives_each_part_its_own_sentences(
    plan: Callable[..., list[Talk]],
) -> None:
    talks = plan()
    assert talks == plan() != plan(seed=1)
    said = {part: [n for t in talks if t.part == part for n in t.sentences] for part in PARTS}
    assert [len(set(said[part])) for part in PARTS] == [35, 7 + (50 * 85 // 100 - 42), 8]
    assert set(said["train"]).isdisjoint(said["test"] + said["validation"])
    assert max(map(said["train"].count, said["train"])) == 2  # 49 sentences from 35
    assert talks[0].voice == "af_bella" and "+" in talks[2].voice
    assert [talk.number for talk in talks if talk.engine == "flite"] == [1, 2]


def test_a_longer_plan_keeps_every_file_and_goes_on_with_voices_numbers_and_sentences(
    plan: Callable[..., list[Talk]],
) -> None:
    first: Shares = [*SMALL, ("espeak", "train", 1, 3)]
    second: Shares = [("kokoro", part, 1, 9) for part in PARTS]
    second += [("flite", "train", 1, 40), ("espeak", "train", 3, 3)]
    before, talks = plan(first), plan([*first, *second])
    assert talks[: len(before)] == before
    assert len({talk.name for talk in talks}) == len(talks)
    more = talks[len(before) :]
    kokoro = [talk.voice for talk in talks if talk.engine == "kokoro"]
    assert len(set(kokoro)) == len(kokoro) == 12
    assert [talk.number for talk in more if talk.engine == "flite"] == [3, 4]
    espeak = [talk.voice for talk in talks if talk.engine == "espeak"]
    assert len(set(espeak)) == 4  # both speakers in both accents
    test = [number for talk in talks if talk.part == "test" for number in talk.sentences]
    assert set(map(test.count, test)) == {2, 3}  # 18 of 8 sentences


def test_sentences_of_a_share_that_was_taken_out_stay_unsaid(
    plan: Callable[..., list[Talk]],
) -> None:
    gone, other = ("kokoro", "train", 1, 5), ("flite", "train", 1, 7)
    assert plan([other], skipped=5)[0].sentences == plan([gone, other])[1].sentences


def test_an_interrupted_run_goes_on_and_the_manifest_tells_what_is_said_when(
    recipe: ModuleType,
    plan: Callable[..., list[Talk]],
    engines: dict[str, Engine],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(recipe, "NOISE_SECONDS", dict.fromkeys(PARTS, 1))
    work, to = tmp_path / "work", tmp_path / "to"
    talks = plan()
    recipe.speak_all(talks[:4], engines, work, 0)
    before = {path: path.stat().st_mtime_ns for path in find_audio(work)}
    recipe.speak_all(talks, engines, work, 0)
    assert len(before) == 4 and len(find_audio(work)) == len(talks)
    assert all(path.stat().st_mtime_ns == changed for path, changed in before.items())
    assert engines["kokoro"].spoken == 27  # type: ignore[attr-defined]

    recipe.make_noises(work, to, 0, {})
    old = to / "train" / "kokoro_gone" / "1.opus"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"of another plan")
    (to / "README.md").write_text("kept")
    recipe.encode(talks, work, to, {})
    assert not old.exists() and (to / "README.md").read_text() == "kept"
    with (to / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(to / row["file"] for row in rows) == find_audio(to)
    for row in rows:
        samples = read_audio(to / row["file"]).astype(float)
        assert len(samples) / SAMPLE_RATE_HZ == pytest.approx(float(row["seconds"]), abs=0.01)
        for start in (round(float(s) * SAMPLE_RATE_HZ) for s in row["starts_s"].split()):
            speech = samples[start + 1600 : start + 3200]
            assert speech.std() > 5 * samples[start - 1600 : start].std(), row["file"]


@pytest.fixture
def pack(
    recipe: ModuleType,
    holding: ModuleType,
    plan: Callable[..., list[Talk]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Path:
    """A pack of the small plan, a second of sound in every file, without its work folder."""
    monkeypatch.setattr(recipe, "NOISE_SECONDS", dict.fromkeys(PARTS, 1))
    to = tmp_path / "pack"
    sound = np.random.default_rng(0).integers(-3000, 3000, SAMPLE_RATE_HZ).astype(np.int16)
    rows = [holding.HEADER]
    for talk in plan():
        said = " ".join(map(str, talk.sentences))
        rows.append((f"{talk.name}.opus", talk.engine, talk.voice, talk.part, "1.00", said, ""))
    for noise in recipe.noise_names():
        rows.append((f"{noise}.opus", "noise", noise.name, noise.parts[1], "1.00", "", ""))
    recipe.write_opus(to / rows[1][0], sound, 0.9)
    for row in rows[2:]:
        (to / row[0]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(to / rows[1][0], to / row[0])
    (to / "manifest.csv").write_text("".join(",".join(row) + "\n" for row in rows))
    return to


def test_what_the_pack_has_is_neither_spoken_nor_encoded_again(
    recipe: ModuleType,
    holding: ModuleType,
    plan: Callable[..., list[Talk]],
    engines: dict[str, Engine],
    pack: Path,
    tmp_path: Path,
) -> None:
    rows = (pack / "manifest.csv").read_text().splitlines()
    before = {path: path.stat().st_mtime_ns for path in find_audio(pack)}
    talks = plan([*SMALL, ("kokoro", "test", 2, 3)])
    held = holding.held_rows(pack, talks, recipe.noise_names())
    new = [talk for talk in talks if Path(talk.name) not in held]
    assert new == talks[-2:] and len(held) == len(before)

    recipe.speak_all(new, engines, tmp_path / "work", 0)
    recipe.make_noises(tmp_path / "work", pack, 0, held)
    assert not (tmp_path / "work" / "noise").exists()
    recipe.encode(talks, tmp_path / "work", pack, held)
    assert len(find_audio(pack)) == len(before) + 2
    assert set(rows) < set((pack / "manifest.csv").read_text().splitlines())
    assert all(path.stat().st_mtime_ns == changed for path, changed in before.items())


def test_a_noise_that_the_pack_lacks_is_added_alone_with_the_packs_voices(
    recipe: ModuleType,
    holding: ModuleType,
    plan: Callable[..., list[Talk]],
    pack: Path,
    tmp_path: Path,
) -> None:
    lacking = pack / "noise" / "validation" / "babble_1.opus"
    lacking.unlink()
    before = {path: path.stat().st_mtime_ns for path in find_audio(pack)}
    held = holding.held_rows(pack, plan(), recipe.noise_names())
    recipe.make_noises(tmp_path / "work", pack, 0, held)
    recipe.encode(plan(), tmp_path / "work", pack, held)
    assert set(find_audio(pack)) == {lacking, *before}
    assert len(read_audio(lacking)) == SAMPLE_RATE_HZ
    assert all(path.stat().st_mtime_ns == changed for path, changed in before.items())


def test_a_talk_is_held_with_sentences_left_out_and_not_with_others(
    holding: ModuleType, plan: Callable[..., list[Talk]], pack: Path
) -> None:
    talk = plan()[0]
    for said, is_held in (
        (talk.sentences[1:], True),  # the first one failed
        (talk.sentences[::-1], False),
        ((*talk.sentences, 50), False),
        ((), False),
        (talk.sentences, True),
    ):
        numbers = " ".join(map(str, said))
        row = f"{talk.name}.opus,{talk.engine},{talk.voice},{talk.part},9.00,{numbers},"
        manifest = ",".join(holding.HEADER) + f"\n{row}\n"
        (pack / "manifest.csv").write_text(manifest)
        assert bool(holding.held_rows(pack, [talk], [])) is is_held, said
    other = replace(talk, voice="af-bella")  # whose file has the same name
    assert other.name == talk.name and holding.held_rows(pack, [other], []) == {}


def test_without_its_sound_or_a_manifest_nothing_is_held(
    holding: ModuleType, plan: Callable[..., list[Talk]], pack: Path
) -> None:
    talks = plan()
    (pack / f"{talks[0].name}.opus").unlink()
    assert set(holding.held_rows(pack, talks, [])) == {Path(talk.name) for talk in talks[1:]}
    (pack / "manifest.csv").unlink()
    assert holding.held_rows(pack, talks, []) == {}


def test_a_sentence_that_the_engine_fails_to_say_is_left_out_and_named(
    recipe: ModuleType,
    engines: dict[str, Engine],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stumbling(text: str, voice: str, speed: float) -> tuple[Samples, int]:
        return (np.zeros(0, np.int16), 16_000) if "mute" in text else plain(text, voice, speed)

    plain = engines["flite"]._spoken
    monkeypatch.setattr(engines["flite"], "_spoken", stumbling)
    talk = Talk(part="train", engine="flite", voice="slt", number=1, sentences=(1, 2))
    samples, starts = recipe.speak(engines["flite"], talk, ["A mute one.", "One that is said."], 0)
    assert [number for number, _ in starts] == [2] and len(samples) > SAMPLE_RATE_HZ
    assert "left out 'A mute one.'" in capsys.readouterr().err
