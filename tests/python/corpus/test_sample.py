"""The small sample in data/sample: what its README promises, and the script that makes it."""

import csv
import importlib
import json
import re
from collections import defaultdict
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from kws.audio.files import find_audio, read_audio, write_audio
from kws.audio.samples import Samples
from kws.corpus.kokoro import Kokoro
from kws.corpus.speech_engines import PARTS, Engine, Espeak, Flite
from kws.corpus.synthesize import speech_edges
from kws.settings.front_end import SAMPLE_RATE_HZ

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "data" / "sample"
NAME = re.compile(
    r".+_(kokoro|espeak|flite)_(train|validation|test)_s\d+_\d{5}_(.+)_x[\d.]+_p[\d.]+"
)


@pytest.fixture
def recipe() -> ModuleType:
    """data/make_sample.py as a module, found as it is when run as a script."""
    return importlib.import_module("make_sample")


def spoken_clips() -> list[Path]:
    return find_audio(SAMPLE / "positives") + find_audio(SAMPLE / "negatives")


def test_the_sample_is_small() -> None:
    files = [path for path in SAMPLE.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 4_000_000


def test_every_file_is_16_khz_mono_opus_and_tells_nothing_but_its_encoder() -> None:
    for path in find_audio(SAMPLE):
        with soundfile.SoundFile(path) as file:
            assert (file.samplerate, file.channels, file.subtype) == (16_000, 1, "OPUS"), path
            assert not any(file.copy_metadata().values()), path


def test_each_part_has_enough_of_everything(recipe: ModuleType) -> None:
    for folder, parts in recipe.SAMPLE.items():
        for part, counts in zip(PARTS, parts, strict=True):
            clips = find_audio(SAMPLE / folder.format(part=part))
            assert len(clips) == sum(counts), (folder, part)
    for part, at_least in (("train", 8), ("test", 5)):
        assert len(find_audio(SAMPLE / "noise" / part)) >= at_least


def test_the_counts_and_minutes_of_the_readme_are_right() -> None:
    table = re.findall(
        r"^\| `(\S+?)/?` \| (\d+) \| ([\d.]+) \|", (SAMPLE / "README.md").read_text(), re.MULTILINE
    )
    assert len(table) >= 18
    for folder, files, minutes in table:
        clips = find_audio(SAMPLE / folder)
        seconds = sum(soundfile.info(path).duration for path in clips)
        assert (len(clips), f"{seconds / 60:.1f}") == (int(files), minutes), folder
    assert sum(int(files) for _, files, _ in table) == len(find_audio(SAMPLE))


def test_every_clip_is_speech_of_a_plausible_length_and_level_within_short_margins() -> None:
    margins_s = []
    for path in spoken_clips():
        samples = read_audio(path)
        edges = speech_edges(samples)
        assert edges is not None, path
        assert 0.1 <= np.abs(samples.astype(int)).max() / 32768 <= 1.0, path
        margins_s += [edges[0] / SAMPLE_RATE_HZ, (len(samples) - edges[1]) / SAMPLE_RATE_HZ]
        if "positives" in path.parts:
            assert 0.65 <= len(samples) / SAMPLE_RATE_HZ <= 1.9, path
    # 50 to 100 ms by the recipe; Opus may drop a fading breath below what counts as speech.
    assert np.percentile(margins_s, 5) >= 0.03
    assert np.percentile(margins_s, 95) <= 0.12
    assert max(margins_s) <= 0.25


def test_no_voice_and_no_component_of_a_blend_is_in_two_parts() -> None:
    engines: dict[str, type[Engine]] = {"kokoro": Kokoro, "espeak": Espeak, "flite": Flite}
    parts_of: dict[tuple[str, str], set[str]] = defaultdict(set)
    for path in spoken_clips():
        named = NAME.fullmatch(path.stem)
        assert named, path
        engine, part, voice = named.groups()
        assert part in path.parts
        if engine == "espeak":
            speakers = [voice.rpartition("+")[2]]
        else:
            # a blend's name is af-heart60+am-puck40
            speakers = [re.sub(r"(?<=[a-z])\d\d$", "", one) for one in voice.split("+")]
        for speaker in speakers:
            parts_of[engine, speaker].add(part)
            if part != "train":
                name = speaker.replace("-", "_", 1) if engine == "kokoro" else speaker
                assert name in engines[engine].held_out[part], path
    assert len(parts_of) > 60
    assert all(len(parts) == 1 for parts in parts_of.values())


def test_engines_have_the_same_shares_in_positives_and_near_misses(recipe: ModuleType) -> None:
    for table in (recipe.SAMPLE, recipe.LARGE):
        shares = []
        for kind in ("positives/{part}/hey_cortana", "negatives/{part}/near_misses"):
            train = np.array(table[kind][0])
            shares.append(train / train.sum())
        positives, near_misses = shares
        assert np.allclose(positives, near_misses, atol=0.02)


def test_no_clip_is_there_twice() -> None:
    seen = {read_audio(path).tobytes() for path in find_audio(SAMPLE)}
    assert len(seen) == len(find_audio(SAMPLE))


def test_sentences_are_in_one_part_only_and_some_near_misses_only_in_the_test(
    recipe: ModuleType,
) -> None:
    sentences = [set(recipe.texts_of("speech", part, 0)) for part in PARTS]
    assert sum(map(len, sentences)) == len(set.union(*sentences)) > 200
    train, validation, test = (set(recipe.texts_of("near_misses", part, 0)) for part in PARTS)
    assert train == validation and train < test and len(test - train) >= 8


def test_no_negative_text_holds_the_phrase(recipe: ModuleType) -> None:
    for part in PARTS:
        for kind in ("near_misses", "partial", "nonsense", "speech"):
            for text in recipe.texts_of(kind, part, 0):
                letters = re.sub(r"[^a-z]", "", text.lower())
                assert "heycortana" not in letters and "haycortana" not in letters, text


def test_the_stream_is_a_minute_and_louder_where_its_list_says_that_the_phrase_is() -> None:
    samples = read_audio(SAMPLE / "stream" / "held_out.opus").astype(float)
    assert len(samples) == 60 * SAMPLE_RATE_HZ
    with (SAMPLE / "stream" / "held_out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 6 and {row["text"] for row in rows} == {"hey cortana"}
    spans = [(float(row["time_s"]), float(row["end_s"])) for row in rows]
    assert spans == sorted(spans)
    for start_s, end_s in spans:
        assert 0.5 < end_s - start_s < 1.8
        first, last = int(start_s * SAMPLE_RATE_HZ), int(end_s * SAMPLE_RATE_HZ)
        before = samples[first - 1600 : first - 400]
        assert np.std(samples[first:last]) > 5 * np.std(before), start_s


class Chanter(Engine):
    """Every text as a chord, in a pitch of the voice."""

    name = "chanter"

    def voices(self) -> list[str]:
        return ["one", "two"]

    def part_of(self, voice: str) -> str:
        return "test"

    def _spoken(self, text: str, voice: str, speed: float) -> tuple[Samples, int]:
        seconds = 0.07 * sum(letter.isalnum() for letter in text) / speed
        time = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
        base_hz = 180 if voice == "one" else 240
        tones = sum(np.sin(2 * np.pi * base_hz * n * time) / n for n in range(1, 9))
        return np.asarray(4000 * tones, np.int16), SAMPLE_RATE_HZ


@pytest.fixture
def chanted(tmp_path: Path, recipe: ModuleType) -> Path:
    """A work folder of chanted clips, noises and a stream."""

    def share(folder: str, texts: tuple[str, ...], clips: int) -> object:
        return recipe.Share(folder=folder, part="test", engine="kokoro", texts=texts, clips=clips)

    work, stream = tmp_path / "sample", tmp_path / "stream"
    engines: dict[str, Engine] = {"kokoro": Chanter()}
    sentences = recipe.texts_of("speech", "test", 0)
    recipe.speak([share("negatives/test/speech", sentences, 4)], work, engines, 0)
    recipe.speak(
        [share("phrases", ("hey cortana",), 5), share("others", sentences, 5)], stream, engines, 1
    )
    recipe.make_noise(work / "negatives/test/speech", work / "noise", "test", ["fan", "hum"], 0)
    recipe.make_stream(stream, work / "noise" / "test", work / "stream", 0)
    return work


def test_the_recipe_writes_noises_and_a_stream_whose_list_is_exact(chanted: Path) -> None:
    noises = find_audio(chanted / "noise" / "test")
    assert [path.stem for path in noises] == ["babble_1", "babble_2", "fan", "hum"]
    for path in noises:
        level = np.abs(read_audio(path).astype(int)).max() / 32768
        assert 0.09 < level < 0.51, path
    samples = read_audio(chanted / "stream" / "held_out.flac").astype(float)
    assert len(samples) == 60 * SAMPLE_RATE_HZ
    rows = (chanted / "stream" / "held_out.csv").read_text().splitlines()
    assert rows[0] == "time_s,end_s,text" and len(rows) == 6
    for row in rows[1:]:
        start, end = (round(float(value) * SAMPLE_RATE_HZ) for value in row.split(",")[:2])
        margin = SAMPLE_RATE_HZ // 25
        inside, before = samples[start + margin : end - margin], samples[start - 2 * margin : start]
        assert np.std(inside) > 5 * np.std(before[:margin])


def test_encoding_replaces_older_clips_and_keeps_other_files(
    chanted: Path, tmp_path: Path, recipe: ModuleType
) -> None:
    to = tmp_path / "to"
    (to / "positives").mkdir(parents=True)
    write_audio(to / "positives" / "old.opus", np.zeros(1600, np.int16))
    (to / "README.md").write_text("kept")
    recipe.encode(chanted, to)
    names = {str(path.relative_to(to).with_suffix("")) for path in find_audio(to)}
    assert names == {str(path.relative_to(chanted).with_suffix("")) for path in find_audio(chanted)}
    assert (to / "README.md").read_text() == "kept"
    for path in find_audio(to):
        clip = read_audio(chanted / path.relative_to(to).with_suffix(".flac"))
        assert abs(len(read_audio(path)) - len(clip)) <= 1


def test_noises_are_different_sounds_with_finite_samples(recipe: ModuleType) -> None:
    noises = importlib.import_module("noises")
    shapes = {}
    for kind, generate in noises.GENERATORS.items():
        sound = generate(np.random.default_rng(1), 32_000)
        assert sound.shape == (32_000,) and np.isfinite(sound).all() and sound.std() > 0, kind
        again = generate(np.random.default_rng(1), 32_000)
        assert np.array_equal(sound, again), kind
        power = np.abs(np.fft.rfft(sound / sound.std())) ** 2
        bands = [band.sum() for band in np.array_split(power, 20)]
        shapes[kind] = np.log10(np.asarray(bands) + 1e-3)
    for one in shapes:
        for other in shapes:
            assert one == other or np.abs(shapes[one] - shapes[other]).max() > 0.3, (one, other)


def test_the_manifest_of_texts_has_no_repeated_line() -> None:
    for path in sorted((SAMPLE / "text").glob("*.txt")):
        lines = path.read_text().splitlines()
        assert len(lines) == len(set(lines)) and all(line.strip() == line for line in lines), path
        assert json.dumps(lines).isascii()
