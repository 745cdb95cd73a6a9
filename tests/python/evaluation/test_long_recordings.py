"""An evaluation plays its recordings block by block, and one that cannot be read is left out."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from loudness_models import noise, two_words, wake_word

from kws.audio.files import write_audio
from kws.audio.recording import decode
from kws.engine import batch, model_file
from kws.errors import CorpusError
from kws.evaluation.recording_stream import Playlist, build_stream
from kws.evaluation.stream import evaluate_stream
from kws.settings.model import FeatureConfig

MINUTES = 20
MEMORY_MB = 100

PEAK = """
import resource, sys
from pathlib import Path
from kws.evaluation.stream import evaluate_stream

def peak_mb():
    unit = 2**20 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit

model, positives, short, long = sys.argv[1:]
evaluate_stream(model, [Path(positives)], [Path(short)])
base = peak_mb()
result = evaluate_stream(model, [Path(positives)], [Path(long)])
print(result["hours"], peak_mb() - base)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="resource is not there on Windows")
@pytest.mark.parametrize(("rate_hz", "channels"), [(16_000, 1), (44_100, 2)])
def test_twenty_minutes_of_negatives_take_no_more_memory_than_a_second(
    tmp_path: Path, rate_hz: int, channels: int
) -> None:
    (tmp_path / "hey.kws").write_bytes(wake_word())
    for number in range(3):
        write_audio(tmp_path / "hey" / f"{number}.wav", noise(1, 3000, number))
    write_audio(tmp_path / "short" / "a.wav", noise(1, 30))
    minute = np.random.default_rng(0).integers(-30, 30, (60 * rate_hz, channels)).astype("i2")
    (tmp_path / "long").mkdir()
    with soundfile.SoundFile(tmp_path / "long" / "a.wav", "w", rate_hz, channels) as file:
        for _ in range(MINUTES):
            file.write(minute)
    arguments = [str(tmp_path / name) for name in ("hey.kws", "hey", "short", "long")]
    command = [sys.executable, "-c", PEAK, *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    hours, more_mb = map(float, ran.stdout.split())
    assert hours == pytest.approx(MINUTES / 60)
    assert more_mb < MEMORY_MB


@pytest.mark.parametrize("energy", FeatureConfig.ENERGIES)
@pytest.mark.parametrize("hop", [160, 320])
def test_features_of_blocks_are_those_of_the_whole(energy: str, hop: int) -> None:
    config = FeatureConfig(energy=energy, hop_length=hop)
    samples = noise(3, 3000)
    whole = batch.features(samples, config)
    for cuts in ([], [1, 2, 3], [159, 160, 161, 511, 512, 513], range(0, 48_000, 777), [47_999]):
        blocks = np.split(samples, list(cuts))
        assert np.array_equal(batch.features_of_blocks(blocks, config), whole)
    short = batch.features_of_blocks([samples[:100]], config)
    assert short.shape == (0, config.n_features)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for number in range(4):
        write_audio(tmp_path / "hey" / f"p{number}.wav", noise(1, 3000, number))
        write_audio(tmp_path / "talk" / f"n{number}.wav", noise(2 + number, 30, number + 9))
    return tmp_path


def test_what_is_played_is_what_is_joined(folders: Path) -> None:
    arguments = [folders / "hey"], [folders / "talk"], ["hey"]
    playlist = Playlist(*arguments, seed=3)
    played = np.concatenate(list(playlist.blocks()))
    joined = build_stream(*arguments, seed=3)
    assert np.array_equal(played, joined.samples) and playlist.stream.clips == joined.clips


def test_an_unreadable_recording_is_left_out_and_listed(
    folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = folders / "talk" / "bad.wav"
    bad.write_text("no sound " * 40)
    model = model_file.parse(two_words())
    result = evaluate_stream(
        model_file.parse(wake_word()), [folders / "hey"], [folders / "talk"], seed=1
    )
    assert model.words
    (unread,) = result["skipped"]
    assert unread["file"] == str(bad) and "cannot decode" in unread["reason"]
    assert result["positives"] == 4
    assert result["hours"] == pytest.approx(14 / 3600)
    assert str(bad) in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["hey", "talk"])
def test_nothing_that_can_be_read_is_an_error(folders: Path, kind: str) -> None:
    for path in (folders / kind).iterdir():
        path.write_text(f"no sound {path} " * 40)
    named = {"hey": "positives", "talk": "negatives"}[kind]
    with pytest.raises(CorpusError, match=f"none of the {named} can be read: cannot decode"):
        build_stream([folders / "hey"], [folders / "talk"], ["hey"])


def test_a_channel_is_evaluated_alone(folders: Path) -> None:
    for path in [*(folders / "hey").iterdir(), *(folders / "talk").iterdir()]:
        samples, _ = soundfile.read(path, dtype="int16")
        soundfile.write(path, np.stack([samples, noise(len(samples) / 16_000, 9_000)], 1), 16_000)
    arguments = [folders / "hey"], [folders / "talk"], ["hey"]
    playlist = Playlist(*arguments, channel=0)
    list(playlist.blocks())
    assert len(playlist.stream.positives) == 4
    result = evaluate_stream(model_file.parse(wake_word()), *arguments[:2], channel=0)
    assert result["at_default"]["miss_rate"] == 0


def test_beside_recordings_of_several_channels_those_of_one_are_played(folders: Path) -> None:
    for path in (folders / "hey").iterdir():
        samples, _ = soundfile.read(path, dtype="int16")
        soundfile.write(path, np.stack([np.zeros_like(samples), samples], 1), 16_000)
    model, arguments = model_file.parse(wake_word()), ([folders / "hey"], [folders / "talk"])
    for channel, missed in ((1, 0), (0, 1)):
        result = evaluate_stream(model, *arguments, channel=channel)
        assert (result["at_default"]["miss_rate"], result["skipped"]) == (missed, [])


def test_what_was_decoded_once_is_played_from_the_cache(tmp_path, monkeypatch):
    """The same integers, the same notices, and no file is opened a second time."""
    for number in range(4):
        write_audio(tmp_path / "hey" / f"{number}.wav", noise(0.4, 3000, seed=number))
        write_audio(tmp_path / "talk" / f"{number}.wav", noise(1.0, 300, seed=number))
    (tmp_path / "talk" / "broken.wav").write_bytes(b"RIFF")
    asked = model_file.parse(wake_word()), [tmp_path / "hey"], [tmp_path / "talk"]
    plain = evaluate_stream(*asked)
    first = evaluate_stream(*asked, cache=tmp_path / "cache")
    assert first == plain and len(first["skipped"]) == 1

    def refuse(*anything, **options):
        raise AssertionError("a recording was opened again")

    for module in ("kws.evaluation.recording_stream.Recording", "kws.corpus.decoded.decode"):
        monkeypatch.setattr(module, refuse)
    assert evaluate_stream(*asked, cache=tmp_path / "cache") == first


def test_talk_that_one_phrase_was_tried_on_is_decoded_once_for_all(tmp_path, monkeypatch):
    opened: list[str] = []

    def counted(path, *others):
        opened.append(path.name)
        return decode(path, *others)

    monkeypatch.setattr("kws.corpus.decoded.decode", counted)
    for name, seconds in (("hey/test/hey.wav", 0.4), ("up/test/up.wav", 0.4), ("talk/a/1.wav", 1)):
        write_audio(tmp_path / name, noise(seconds, 3000, seed=len(name)))
    for phrase in ("hey", "up"):
        build_stream([tmp_path / phrase], [tmp_path / "talk"], [phrase], cache=tmp_path / "cache")
    assert sorted(opened) == ["1.wav", "hey.wav", "up.wav"]
