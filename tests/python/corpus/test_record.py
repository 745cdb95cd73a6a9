"""Takes of a phrase: what is kept is cut to it, what is useless is refused with its reason."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from loudness_models import noise
from typer.testing import CliRunner

from kws.audio.files import read_audio
from kws.audio.samples import Samples
from kws.cli.main import app
from kws.corpus.record import REFUSED_IN_A_ROW, Order, record, trimmed
from kws.corpus.splits import split_paths
from kws.errors import AudioError, ConfigError, MicrophoneError
from kws.listening import loudspeaker, microphone

TAKE_S = 2.4
ROOM, VOICE = 10, 3000


def take(
    start_s: float = 0.9, length_s: float = 0.8, voice: float = VOICE, room: float = ROOM
) -> Samples:
    """A room in which somebody speaks for a moment."""
    samples = noise(TAKE_S, room).astype(np.float64)
    first = round(16_000 * start_s)
    spoken = noise(length_s, voice)[: len(samples) - first]
    samples[first : first + len(spoken)] += spoken
    return np.clip(samples, -32768, 32767).astype(np.int16)


def tone(*parts: tuple[int, int, int], room: int = 100) -> Samples:
    """A take in frames of 20 ms: (first frame, frames, amplitude) each, all powers exact."""
    amplitudes = np.full(120, room)
    for first, frames, amplitude in parts:
        amplitudes[first : first + frames] = amplitude
    return (np.repeat(amplitudes, 320) * np.tile([1, -1], 120 * 160)).astype(np.int16)


class Screen:
    """A person who accepts or not, and what was shown to them."""

    def __init__(self, *answers: bool) -> None:
        self.lines: list[str] = []
        self.counted: list[int] = []
        self.levels = 0
        self._answers = list(answers)

    def say(self, line: str) -> None:
        self.lines.append(line)

    def count(self, number: int) -> None:
        self.counted.append(number)

    def level(self, samples: Samples) -> None:
        self.levels += 1

    def accepts(self, take: Samples) -> bool:
        return self._answers.pop(0) if self._answers else True


class Microphone:
    """Gives a countdown of room noise and then a take, in blocks, each time that it is opened."""

    def __init__(self, *takes: Samples) -> None:
        self.takes, self.opened = list(takes), 0

    @contextmanager
    def __call__(self) -> Iterator[Iterator[Samples]]:
        self.opened += 1
        stream = np.concatenate([noise(3 * 0.64, ROOM), self.takes.pop(0), noise(1.0, ROOM)])
        yield (stream[at : at + 1280] for at in range(0, len(stream), 1280))


@pytest.mark.parametrize("room", [0, 10, 200, 700])
def test_a_take_is_cut_to_its_phrase_with_a_quarter_of_a_second_around_it(room: float) -> None:
    given = take(room=room)
    kept = trimmed(given)
    assert len(kept) / 16_000 == pytest.approx(0.8 + 0.5, abs=0.1)
    at = (len(given) - len(kept)) // 2  # nearly: only the place is to be found
    places = [first for first in range(at - 4000, at + 4000) if given[first] == kept[0]]
    assert any(np.array_equal(given[first : first + len(kept)], kept) for first in places)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (np.zeros(38_400, np.int16), "no sound at all: is the microphone muted"),
        (take(voice=30_000), "clipped: speak from further away"),
        (take(voice=60, room=5), "too quiet: come nearer"),
        (take(voice=0, room=300), "nothing stands out of the room's noise"),
        (take(voice=500, room=300), "nothing stands out of the room's noise"),
        (take(start_s=0.0), "the beginning is cut off: wait for the end of the countdown"),
        (take(start_s=1.9), "the end is cut off: begin right after the countdown"),
        (take(length_s=0.06), "too short for a phrase: was it a click"),
    ],
)
def test_a_useless_take_is_refused_with_what_helps(given: Samples, says: str) -> None:
    with pytest.raises(AudioError, match=says):
        trimmed(given)


def test_what_is_too_quiet_or_lost_in_the_room_is_refused_to_the_decibel() -> None:
    trimmed(tone((48, 40, 330), room=0))  # -40 dB of full scale
    with pytest.raises(AudioError, match="too quiet"):
        trimmed(tone((48, 40, 329), room=0))
    trimmed(tone((48, 40, 399)))  # 12 dB above the room, in power
    trimmed(tone((48, 1, 350), (49, 40, 3000)))  # in the mean: it may begin softly
    with pytest.raises(AudioError, match="nothing stands out"):
        trimmed(tone((48, 40, 397)))


def test_four_samples_at_the_end_of_the_scale_are_clipped() -> None:
    given = tone((48, 40, 3000))
    given[20_000:20_003] = 32_700
    trimmed(given)
    given[25_000] = -32_700
    with pytest.raises(AudioError, match="clipped"):
        trimmed(given)


def test_a_phrase_may_come_as_near_to_the_ends_as_40_ms_and_may_have_a_pause() -> None:
    given = tone((2, 40, 3000))
    assert np.array_equal(trimmed(given), given[: 42 * 320 + 4000])
    assert len(trimmed(tone((78, 40, 3000)))) == 40 * 320 + 4000 + 640
    assert len(trimmed(tone((20, 25, 3000), (70, 25, 2000)))) == 75 * 320 + 2 * 4000


def test_a_recording_is_what_the_microphone_gave(tmp_path: Path) -> None:
    given = take(start_s=0.1)
    (path,) = record(Order("hey robin", tmp_path, clips=1), Microphone(given), Screen())
    saved = read_audio(path)
    assert np.array_equal(saved, given[: len(saved)])


def test_what_is_refused_is_made_again_and_files_are_numbered_on(tmp_path: Path) -> None:
    (tmp_path / "hey_robin_007.wav").write_bytes(b"an earlier one")
    microphone = Microphone(
        take(), take(voice=0, room=0), take(), take(), take(voice=30_000), take()
    )
    screen = Screen(True, False)  # the person rejects the second
    paths = list(record(Order("Hey, Robin!", tmp_path, clips=3), microphone, screen))
    assert [path.name for path in paths] == [f"hey_robin_{n:03d}.wav" for n in (8, 9, 10)]
    assert (tmp_path / "hey_robin_007.wav").read_bytes() == b"an earlier one"
    assert microphone.opened == 6 and not microphone.takes
    refusals = [line for line in screen.lines if line.startswith("Not kept: ")]
    assert ["too quiet" in refusals[0], "clipped" in refusals[1], len(refusals)] == [True, True, 2]
    assert screen.counted == [3, 2, 1, 0] * 6 and screen.levels > 100
    for path in paths:
        samples = read_audio(path)
        assert len(samples) / 16_000 == pytest.approx(1.3, abs=0.15)
        assert np.abs(samples).max() > 2 * VOICE


def test_nobody_is_asked_for_ever(tmp_path: Path) -> None:
    microphone = Microphone(*[np.zeros(38_400, np.int16)] * REFUSED_IN_A_ROW)
    with pytest.raises(AudioError, match="5 takes in a row were of no use: no sound at all"):
        list(record(Order("hey robin", tmp_path), microphone, Screen()))
    assert not microphone.takes and list(tmp_path.iterdir()) == []


def test_nobody_is_asked_to_speak_without_a_microphone(tmp_path: Path) -> None:
    @contextmanager
    def none() -> Iterator[Iterator[Samples]]:
        raise MicrophoneError("no microphone found")
        yield iter(())

    screen = Screen()
    with pytest.raises(MicrophoneError):
        next(record(Order(phrase="hey robin", to=tmp_path), none, screen))
    assert screen.lines == []


def test_a_take_that_is_kept_makes_good_those_before_it(tmp_path: Path) -> None:
    useless = [np.zeros(38_400, np.int16)] * (REFUSED_IN_A_ROW - 1)
    microphone = Microphone(*useless, take(), *useless, take())
    assert len(list(record(Order("hey robin", tmp_path, clips=2), microphone, Screen()))) == 2
    assert Order("hey robin", tmp_path).clips == 20  # unless something else is asked for


def test_a_speaker_s_clips_stay_in_one_part(tmp_path: Path) -> None:
    paths = [
        path
        for number, speaker in enumerate("1234b")
        for path in record(
            Order("hey robin", tmp_path, clips=3, speaker=speaker),
            Microphone(*(take(voice=2000 + 100 * number + each) for each in range(3))),
            Screen(),
        )
    ]
    assert paths[0].name == "speaker_1_hey_robin_001.wav"
    parts = {path: split for split, part in split_paths(paths).items() for path in part}
    for first in range(0, len(paths), 3):
        assert len({parts[path] for path in paths[first : first + 3]}) == 1


@pytest.mark.parametrize(("phrase", "speaker"), [("!?", ""), ("hey", "../x"), ("hey", "Anna")])
def test_names_that_no_file_should_have_are_refused(
    tmp_path: Path, phrase: str, speaker: str
) -> None:
    with pytest.raises(ConfigError):
        list(record(Order(phrase, tmp_path, speaker=speaker), Microphone(), Screen()))


def test_a_file_in_the_place_of_the_folder_is_told_before_anything_is_recorded(
    tmp_path: Path,
) -> None:
    (tmp_path / "mine").write_bytes(b"")
    microphone = Microphone(take())
    with pytest.raises(ConfigError, match="mine is a file: name a folder for the recordings"):
        list(record(Order("hey robin", tmp_path / "mine"), microphone, Screen()))
    assert not microphone.opened


@pytest.mark.parametrize(
    ("phrase", "to", "said"),
    [
        ("hey robin", "file/mine", "is no folder; choose another place"),
        ("hey " * 80, "mine", "file name too long; choose another place"),
    ],
)
def test_a_place_that_no_take_could_be_saved_to_is_told_before_anything_is_recorded(
    tmp_path: Path, phrase: str, to: str, said: str
) -> None:
    (tmp_path / "file").write_text("")
    microphone = Microphone(take())
    with pytest.raises(ConfigError, match=said):
        list(record(Order(phrase, tmp_path / to), microphone, Screen()))
    assert microphone.opened == 0


def test_the_command_writes_what_training_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes = Microphone(take(), np.zeros(38_400, np.int16), take(voice=2500))
    monkeypatch.setattr(microphone, "Microphone", lambda device, *, channel: takes())
    to = tmp_path / "mine"
    arguments = ["record", "hey robin", "--to", str(to), "--clips", "2", "--json"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    files = [str(to / f"hey_robin_{number:03d}.wav") for number in (1, 2)]
    assert json.loads(done.stdout) == {"files": files}
    assert "Not kept: no sound at all" in done.stderr
    assert sorted(map(str, to.iterdir())) == files


def test_a_loudspeaker_that_does_not_play_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:
        PortAudioError = OSError

        @staticmethod
        def play(*_: object, **__: object) -> None:
            raise OSError("no such device")

    monkeypatch.setattr(microphone, "_sounddevice", Silent)
    with pytest.raises(MicrophoneError, match=r"does not play \(no such device\): leave it out"):
        loudspeaker.play(take())
