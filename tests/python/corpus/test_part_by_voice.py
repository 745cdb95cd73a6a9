"""Recordings that do not say who speaks: one person stays in one part, by ear."""

from pathlib import Path

import numpy as np
import pytest
from part_by_voice import group_by_voice, main, part_by_voice

from kws.audio.files import write_audio
from kws.errors import CorpusError

PEOPLE, EACH = 9, 5
RATE_HZ = 16_000


def noise(shape: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    """Noise (length,) with a spectrum of so many decibels at equally far mel-like places."""
    hertz = np.fft.rfftfreq(length, 1 / RATE_HZ)
    decibels = np.interp(np.sqrt(hertz), np.linspace(0, np.sqrt(8000), len(shape)), shape)
    spectrum = rng.standard_normal((hertz.size, 2)) @ np.array([1, 1j]) * 10 ** (decibels / 20)
    sound = np.fft.irfft(spectrum, length)
    return np.asarray(sound / sound.std())


def people(folder: Path) -> dict[Path, int]:
    """Recordings by several made-up people, with names that tell nothing: path -> person."""
    folder.mkdir()
    written = {}
    for person in range(PEOPLE):
        own = np.random.default_rng(person)
        pitch_hz = own.uniform(90, 260)
        voice, room = own.normal(0, 9, 8), own.normal(0, 9, 8)
        for take in range(EACH):
            rng = np.random.default_rng([person, take])
            floor = 20 * noise(room, RATE_HZ, rng)
            time_s = np.arange(6400) / RATE_HZ
            buzz = (time_s * pitch_hz * rng.uniform(0.98, 1.02)) % 1 < 0.1
            spectrum = np.fft.rfft(buzz - buzz.mean())
            hertz = np.fft.rfftfreq(6400, 1 / RATE_HZ)
            gain = np.interp(np.sqrt(hertz), np.linspace(0, np.sqrt(8000), 8), voice) - hertz / 400
            spoken = np.fft.irfft(spectrum * 10 ** (gain / 20), 6400)
            floor[4000:10_400] += 3000 * spoken / np.abs(spoken).max()
            path = folder / f"{rng.integers(2**40):010x}.wav"
            write_audio(path, np.rint(floor).astype(np.int16), RATE_HZ)
            written[path] = person
    return written


def test_one_person_is_one_group(tmp_path: Path) -> None:
    by_person = people(tmp_path / "said")
    groups = group_by_voice(list(by_person))
    assert sorted(path for group in groups for path in group) == sorted(by_person)
    assert all(len({by_person[path] for path in group}) == 1 for group in groups)
    assert PEOPLE <= len(groups) <= PEOPLE + 1  # a person may make two


def test_nobody_is_in_two_parts_and_the_order_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("part_by_voice.LARGEST", 0.2)
    by_person = people(tmp_path / "said")
    parts = part_by_voice(list(by_person))
    where = [{by_person[path] for path in paths} for paths in parts.values()]
    assert all(where) and sum(map(len, where)) == PEOPLE
    assert len(parts["train"]) > len(parts["testing"]) >= 0.2 * PEOPLE * EACH
    assert part_by_voice(list(reversed(by_person))) == parts


def test_the_script_copies_and_leaves_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("part_by_voice.LARGEST", 0.2)
    by_person = people(tmp_path / "said")
    main([str(tmp_path / "said"), str(tmp_path / "apart")])
    copies = sorted((tmp_path / "apart").rglob("*.wav"))
    assert {path.parent.name for path in copies} == {"train", "validation", "test"}
    assert [path.name for path in sorted(copies, key=lambda path: path.name)] == sorted(
        path.name for path in by_person
    )
    assert "train: " in capsys.readouterr().out
    with pytest.raises(CorpusError, match="is there already"):
        main([str(tmp_path / "said"), str(tmp_path / "apart")])


def test_two_recordings_of_one_name_are_both_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("part_by_voice.LARGEST", 0.2)
    for path, person in people(tmp_path / "said").items():
        (tmp_path / "said" / str(person)).mkdir(exist_ok=True)
        count = len(list((tmp_path / "said" / str(person)).iterdir()))
        path.rename(tmp_path / "said" / str(person) / f"{count}.wav")
    main([str(tmp_path / "said"), str(tmp_path / "apart")])
    assert len(list((tmp_path / "apart").rglob("*.wav"))) == PEOPLE * EACH


def test_one_voice_cannot_be_parted(tmp_path: Path) -> None:
    one = [path for path, person in people(tmp_path / "said").items() if person == 0]
    with pytest.raises(CorpusError, match="sound like 1 voice:"):
        part_by_voice(one)
