"""Noise, a room and another level: what they do to a phrase and to other sound."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from loudness_models import noise, wake_word
from typer.testing import CliRunner

from kws.audio.files import write_audio
from kws.audio.level import active_rms
from kws.cli.main import app
from kws.errors import ConfigError
from kws.evaluation.conditions import Conditions
from kws.support.notices import gathered

RNG = np.random.default_rng(0)


def test_without_any_nothing_changes() -> None:
    samples = noise(0.5, 3000)
    plain = Conditions()
    assert plain.of_phrase(samples, RNG) is samples and plain.of_sound(samples) is samples


def test_a_gain_is_of_phrases_and_other_sound_alike_and_clips() -> None:
    samples = noise(0.5, 3000)
    quieter = Conditions(gain_db=-20.0)
    for heard in (quieter.of_sound(samples), quieter.of_phrase(samples, RNG)):
        assert np.abs(heard - samples / 10.0).max() <= 0.5
    assert np.abs(Conditions(gain_db=40.0).of_sound(samples).astype(int)).max() == 32768


def test_a_room_has_echoes_behind_the_phrase_and_keeps_its_level(tmp_path: Path) -> None:
    response = np.zeros(8_000, np.int16)
    response[500], response[500 + 4_000] = 20_000, 10_000  # an echo after a quarter of a second
    write_audio(tmp_path / "room.wav", response)
    samples = noise(0.2, 3000)
    heard = Conditions(room=tmp_path / "room.wav").of_phrase(samples, RNG).astype(float)
    assert len(heard) == len(samples) + 8_000 - 500 - 1
    direct, echo = heard[: len(samples)], heard[4_000 : 4_000 + len(samples)]
    assert np.corrcoef(direct, samples)[0, 1] > 0.999  # from the direct sound on, without its delay
    assert np.std(echo) / np.std(direct) == pytest.approx(0.5, abs=0.01)
    assert active_rms(heard.astype(np.float32)) == pytest.approx(active_rms(samples), rel=0.01)
    other = noise(0.2, 500)
    assert Conditions(room=tmp_path / "room.wav").of_sound(other) is other


@pytest.mark.parametrize("value_db", [-61.0, 61.0, -1e300, float("nan")])
def test_a_gain_or_a_ratio_out_of_bounds_is_refused(value_db: float, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the gain is .* give -60 to 60"):
        Conditions(gain_db=value_db)
    with pytest.raises(ConfigError, match=r"the signal-to-noise ratio is .* give -60 to 60"):
        Conditions([tmp_path], value_db)


def test_a_silent_room_is_refused(tmp_path: Path) -> None:
    write_audio(tmp_path / "room.wav", np.zeros(800, np.int16))
    with pytest.raises(ConfigError, match="is silent: give the recording of a room's impulse"):
        Conditions(room=tmp_path / "room.wav")


def test_kws_evaluate_takes_them_and_draws(tmp_path: Path) -> None:
    model = tmp_path / "wake.kws"
    model.write_bytes(wake_word())
    for number in range(3):
        write_audio(tmp_path / "hey" / f"{number}.wav", noise(0.5, 3000, seed=number))
        write_audio(tmp_path / "talk" / f"{number}.wav", noise(2.0, 100, seed=number))
    room = np.zeros(1_000, np.int16)
    room[0] = 30_000
    write_audio(tmp_path / "room.wav", room)
    folders = f"--positives {tmp_path}/hey --negatives {tmp_path}/talk".split()
    asked = ["evaluate", str(model), *folders, "--json"]
    missed = {}
    for gain_db in ("0", "-40"):
        told = CliRunner().invoke(app, [*asked, "--gain-db", gain_db])
        assert told.exit_code == 0, told.output
        missed[gain_db] = json.loads(told.stdout)["at_default"]["miss_rate"]
    assert missed == {"0": 0.0, "-40": 1.0}
    options = ["--room", f"{tmp_path}/room.wav", "--png", f"{tmp_path}/det.png"]
    told = CliRunner().invoke(app, [*asked, *options])
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["at_default"]["miss_rate"] == 0.0
    assert (tmp_path / "det.png").read_bytes().startswith(b"\x89PNG")
    told = CliRunner().invoke(app, ["evaluate", str(model), "--clips", "x", "--gain-db", "3"])
    assert told.exit_code == 2


def test_noise_that_is_silent_is_refused(tmp_path: Path) -> None:
    write_audio(tmp_path / "noise.wav", np.zeros(8_000, np.int16))
    with pytest.raises(ConfigError, match="holds nothing but silence: give noise to be mixed"):
        Conditions([tmp_path], 5.0)


def test_what_is_odd_about_a_room_is_told(tmp_path: Path) -> None:
    response = np.zeros((8_000, 2), np.int16)
    response[500, 0] = 20_000  # the other channel was not connected
    soundfile.write(tmp_path / "room.wav", response, 16_000)
    with gathered() as notices:
        Conditions(room=tmp_path / "room.wav")
    assert list(notices.by_kind) == ["channels"]
