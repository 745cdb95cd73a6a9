"""The image that is flashed, run cycle by cycle in simavr: the host's integers, in real time."""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from random_models import RandomModel

from kws.audio.files import find_audio, read_audio
from kws.device import deploy_uno
from kws.device.board_image import Part, intel_hex, prebuilt
from kws.engine import batch, model_file
from kws.engine.model_file import Model
from kws.settings.model import DetectorConfig, FeatureConfig

STREAM = Path(__file__).parents[3] / "data" / "sample" / "stream" / "held_out.opus"
RATE_HZ = 8_000
FEATURES = FeatureConfig(
    sample_rate_hz=RATE_HZ, hop_length=160, n_mels=24, n_mfcc=16, energy="delta"
)


def random_model(**settings: Any) -> Model:
    """A lively model that fits the Uno, whatever may be asked of it."""
    chosen: dict[str, Any] = {
        "features": FEATURES,
        "classes": ("hey_you", "_unknown_"),
        "seed": 5,
        **settings,
    }
    return model_file.parse(RandomModel(**chosen).encode(), Path("random.kws"))


def shipped() -> Model:
    return model_file.load(Path(__file__).parents[3] / "models" / "athena_8k")


def speech(seconds: float) -> np.ndarray:
    return read_audio(STREAM, RATE_HZ)[: round(seconds * RATE_HZ)]


def hostile() -> np.ndarray:
    """Silence, full scale of every kind, and noise from one step of the ADC to clipping."""
    rng = np.random.default_rng(1)
    n = np.arange(RATE_HZ // 4)
    lowest = np.full(len(n), -32_768)
    kinds = [
        np.zeros(len(n)),
        lowest,
        np.where(n & 1, 32_767, -32_768),
        np.where(n & 16, 32_767, -32_768),
        np.where(rng.random(len(n)) < 0.5, 32_767, -32_768),
        np.where(n % 160 == 7, -32_768, 0),
        32_767 * np.sin(0.9 * n),
        *(rng.normal(0, 64 * 4.0**k, len(n)) for k in range(6)),
    ]
    return np.clip(np.rint(np.concatenate(kinds)), -32_768, 32_767).astype(np.int16)


@pytest.fixture
def image(compare, tmp_path):
    def deployed(model: Model) -> Path:
        path = tmp_path / "image.hex"
        path.write_bytes(deploy_uno.image([model], "analog"))
        return path

    return deployed


def assert_equal(result: dict) -> None:
    for name in ("scores_that_differ", "detections_that_differ", "samples_lost", "lines_skipped"):
        assert result[name] == 0, result


def test_the_shipped_model_hears_the_hosts_integers_in_real_time(compare, image):
    model = shipped()
    samples = np.concatenate([speech(4), hostile()])
    result = compare.compare(model, image(model), samples)
    assert_equal(result)
    assert result["frames"] == 1 + (len(samples) - 256) // 160
    assert result["awake_percent"] < 95  # every score goes over the line too
    assert result["ram_never_written"] >= 256
    assert result["sampling_jitter_cycles"] < 100


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"kind": "int8", "ranks": (0, 0)},
        {"kind": "sparse8"},
        {"cell": "fastrnn"},
        {"hard": True},
        {"ranks": (12, 12), "hidden": 48, "recurrence": 0.6},
        {"hidden": 33, "classes": ("hey_you",), "detector": DetectorConfig(smoothing_shift=0)},
    ],
    ids=["int4", "int8", "sparse8", "fastrnn", "hard", "largest", "odd"],
)
def test_every_kind_of_model_gives_the_hosts_integers(compare, image, settings):
    model = random_model(**settings)
    result = compare.compare(model, image(model), np.concatenate([speech(1.5), hostile()[:8000]]))
    assert_equal(result)


def test_detections_are_the_hosts(compare, image):
    model = random_model()
    result = compare.compare(model, image(model), speech(6))
    assert_equal(result)
    assert result["detections"] > 0


def test_settings_are_changed_over_the_line_and_survive_power_off(compare, image, tmp_path):
    model, kept = shipped(), tmp_path / "eeprom"
    commands = ["--line", "0.2", "t 2250", "--line", "0.4", "r 7", "--line", "0.6", "w"]
    lines = compare.simulate(image(model), speech(1.2), *commands, "--eeprom", str(kept))
    assert lines[:2] == ["kws 1 uno 8000 2 0", f"m 0 160 {len(model.data)}"]
    assert "t 2250" in lines and "r 7" in lines and "w 1" in lines
    again = compare.simulate(image(model), speech(0.3), "--eeprom", str(kept))
    assert again[3:5] == ["t 2250", "r 7"]
    damaged = bytearray(kept.read_bytes())
    damaged[3] ^= 1  # as if the power had gone while it was written
    kept.write_bytes(damaged)
    fresh = compare.simulate(image(model), speech(0.3), "--eeprom", str(kept))
    assert fresh[3:5] == [f"t {model.c[0].model.detector.threshold_q10}", "r 50"]


def save(threshold: int) -> list[str]:
    return ["--line", "0.02", f"t {threshold}", "--line", "0.04", "w"]


RECORD_BYTES = 18  # of settings; bytes that stay the same are not written
# A byte is erased before it is written: whole, erased, and what may be left in between.
LEFT_BEHIND = {"whole": 0, "erased": 255, "half": 15}


@pytest.mark.parametrize("saved_before", [0, 1, 2], ids=["first", "second", "third"])
def test_a_power_cut_within_any_byte_of_a_save_leaves_old_or_new_settings(
    compare, image, tmp_path, saved_before
):
    """In simavr, for the first save into each slot and for one over an older record."""
    model, kept, before = shipped(), tmp_path / "eeprom", tmp_path / "before"
    flashed, silence = image(model), np.zeros(400, np.int16)

    def simulate(*options: str) -> list[str]:
        lines = compare.simulate(flashed, silence, *options, "--eeprom", str(kept))
        assert lines[0] == "kws 1 uno 8000 2 0" and "! " not in "".join(lines)
        return lines

    own = model.c[0].model.detector.threshold_q10
    old, new, next_one = (1100, 1201, 1302) if saved_before else (own, 1201, 1302)
    kept.write_bytes(b"\xff" * 1024)
    for number in range(saved_before):
        simulate(*save(1100 - (saved_before - 1 - number)))
    before.write_bytes(kept.read_bytes())
    outcomes = []
    for write, left_behind in itertools.product(range(1, RECORD_BYTES + 2), LEFT_BEHIND.values()):
        kept.write_bytes(before.read_bytes())
        cut = simulate(*save(new), "--cut", str(write), str(left_behind))
        if '"cut": 0' in cut[-1]:
            break  # the record was written by then
        outcomes.append(simulate(*save(next_one))[3])
        assert simulate()[3] == f"t {next_one}", (write, left_behind)
    assert len(outcomes) >= 9
    assert {*outcomes} == {f"t {old}", f"t {new}"}, outcomes


def test_the_second_model_is_selected_on_the_line_and_kept(compare, tmp_path):
    first, second, kept = shipped(), random_model(), tmp_path / "eeprom"
    flashed = tmp_path / "two.hex"
    flashed.write_bytes(deploy_uno.image([first, second], "analog"))
    typed = ["--line", "0.1", "m 1", "--line", "0.3", "w", "--line", "0.8", "m 2"]
    lines = compare.simulate(flashed, speech(1), *typed, "--eeprom", str(kept))
    assert lines[1] == f"m 0 160 {len(first.data)}" and "w 1" in lines
    selected = lines.index(f"m 1 160 {len(second.data)}")
    assert lines[selected + 1 : selected + 3] == ["n 0 hey_you", "n 1 _unknown_"]
    assert "! m 2" in lines[selected:]
    again = compare.simulate(flashed, speech(1), "--line", "0.005", "s 1", "--eeprom", str(kept))
    assert again[1] == f"m 1 160 {len(second.data)}"
    said = [line for line in again if line.startswith("s ")]
    heard = batch.scores(second, compare.ten_bits(speech(1))).tolist()
    expected = [" ".join(map(str, ("s", frame, *row))) for frame, row in enumerate(heard)]
    assert said[: len(expected)] == expected


def test_samples_lost_while_settings_are_saved_are_counted(compare, image):
    """18 bytes of EEPROM take 61 ms, of which the ring has room for 22: every other one is told."""
    samples = speech(1.5)
    typed = ["--line", "0.005", "s 1", "--line", "0.3", "w", "--line", "1.4", "?"]
    lines = compare.simulate(image(shipped()), samples, *typed)
    lost = [int(line.split()[1]) for line in lines if line.startswith("o ")]
    assert lost[0] == 0 and 8 * (61 - 22) <= lost[1] < 8 * 61
    last_frame = max(int(line.split()[1]) for line in lines if line.startswith("s "))
    heard = len(samples) + 800 - lost[-1]  # the simulation ends 0.1 s after the samples
    assert heard - 3 * 160 < last_frame * 160 + 256 <= heard


def test_a_board_that_stops_hearing_is_restarted_by_its_watchdog(compare, image):
    lines = compare.simulate(image(shipped()), speech(4), "--stall", "0.5")
    greetings = [line for line in lines if line.startswith("kws ")]
    assert greetings == ["kws 1 uno 8000 2 0", "kws 1 uno 8000 2 1"]
    assert "p 1" in lines[lines.index(greetings[1]) :]  # and hears again


def test_noise_on_the_line_is_refused_and_changes_nothing(compare, image):
    noise = ["--line", "0.2", "\x01\xfe~~~", "--line", "0.4", "t 99999", "--line", "0.6", "q"]
    lines = compare.simulate(image(shipped()), speech(1), *noise, "--line", "0.8", "t 100")
    refused = [line for line in lines if line.startswith("! ")]
    assert refused == ["! ? 3", "! t 2", "! ? 1"]
    assert lines[lines.index("! ? 1") + 1] == "t 100"


def test_a_corrupted_model_and_none_are_said_and_the_line_still_answers(compare, tmp_path):
    data = bytearray(shipped().data)
    data[500] ^= 4
    program = Part(address=0, data=prebuilt("arduino_uno", "uno.bin"))
    corrupted = Part(address=deploy_uno.MODEL_AT, data=bytes(data))
    for parts, code in (([program, corrupted], 4), ([program], 100)):
        bad = tmp_path / "bad.hex"
        bad.write_bytes(intel_hex(parts))
        lines = compare.simulate(bad, speech(0.5), "--line", "0.3", "?")
        assert [line for line in lines if line.startswith("! m")] == [f"! m {code}"] * 2
        assert lines.count("kws 1 uno 8000 2 0") == 2
        assert not [line for line in lines if line.startswith(("s ", "d "))]


@pytest.mark.parametrize(
    ("samples", "state"),
    [
        (np.zeros(12_000, np.int16), 2),
        (np.where(np.arange(12_000) & 8, 32_767, -32_768).astype(np.int16), 3),
        (speech(1.5), 1),
    ],
    ids=["flat", "saturated", "in order"],
)
def test_the_microphones_state_is_said(compare, image, samples, state):
    lines = compare.simulate(image(shipped()), samples)
    assert [line for line in lines if line.startswith("p ")] == ["p 0", f"p {state}"]


@pytest.mark.recordings
def test_a_spoken_word_is_detected_on_the_board_as_here(compare, image, recordings):
    model = shipped()
    clips = find_audio(recordings / "wake_phrases" / "wake-words" / "en" / "athena")[:8]
    pause = np.zeros(RATE_HZ // 2, np.int16)
    parts = [part for clip in clips for part in (read_audio(clip, RATE_HZ), pause)]
    result = compare.compare(model, image(model), np.concatenate(parts))
    assert_equal(result)
    assert result["detections"] >= 4, json.dumps(result)
