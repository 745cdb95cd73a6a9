"""The .kws file: written and read back to the byte, refused in one sentence when it lies."""

import json
import struct
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from random_models import ALL, RandomModel

import kws
from kws.audio.files import write_audio
from kws.engine import model_file
from kws.engine.read_weights import read_weights
from kws.engine.weights import Matrix, Weights
from kws.errors import KwsError, ModelError
from kws.settings.model import DetectorConfig, FeatureConfig, log_odds_q10

DATA = RandomModel().encode()
NOISE = np.random.default_rng(0).integers(-20_000, 20_000, 1200).astype(np.int16)


def mended(data: bytes) -> bytes:
    """The bytes with the size and the checksum that they should have."""
    body = data[:6] + struct.pack("<H", len(data)) + data[8:-4]
    return body + struct.pack("<I", zlib.crc32(body))


def refusal(data: bytes) -> str:
    """The one sentence with which these bytes are refused."""
    with pytest.raises(ModelError) as caught:
        model_file.parse(data)
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence
    return sentence


@pytest.mark.parametrize("recipe", ALL, ids=lambda recipe: recipe.name)
def test_what_was_written_is_read_back(recipe: RandomModel):
    data = recipe.encode()
    model = model_file.parse(data)
    assert model.classes == recipe.classes and model.features == recipe.features
    assert (model.cell, model.hidden, model.ranks) == (recipe.cell, recipe.hidden, recipe.ranks)
    assert model.words == tuple(c for c in recipe.classes if not c.startswith("_"))
    assert model.detector.smoothing_shift == recipe.detector.smoothing_shift
    assert model.detector.refractory_frames == recipe.detector.refractory_frames
    assert model.detector.threshold == pytest.approx(recipe.detector.threshold, abs=1e-3)
    assert model.detector.release == pytest.approx(recipe.detector.release, abs=1e-3)
    weights = read_weights(model)
    assert model_file.encode(model.features, model.detector, model.classes, weights) == data
    original = recipe.weights()
    pairs = zip((*weights.w, *weights.u), (*original.w, *original.u), strict=True)
    for ours, theirs in pairs:
        np.testing.assert_array_equal(ours.weights, theirs.weights)


def test_the_layout_is_that_of_the_format_document():
    """A model small enough to write down by hand, byte by byte."""
    weights = Weights(
        input_offset=np.array([-3], np.int8),
        input_scale=np.array([200], np.uint8),
        w=(Matrix("int8", np.array([[5], [-6]], np.int8), 130, 9),),
        u=(
            Matrix("int4", np.array([[-1], [7]], np.int8), 140, 10),
            Matrix("sparse8", np.array([[0, -9]], np.int8), 150, 11),
        ),
        bias_gate=np.array([1, -2], np.int8),
        bias_update=np.array([3, -4], np.int8),
        zeta_q8=187,
        nu_q8=5,
        classifier=Matrix("int4", np.array([[1, -8]], np.int8), 160, 12),
        bias_class=np.array([-258], np.int16),
    )
    detector = DetectorConfig(threshold=0.8, release=0.5, smoothing_shift=2, refractory_frames=50)
    features = FeatureConfig(hop_length=320, n_mfcc=1, energy="delta")
    data = model_file.encode(features, detector, ("hé",), weights)
    expected = bytes.fromhex(
        "6b77731a 01 00 3d00"  # magic, version, reserved, size
        "10 14 28 01 01"  # 16 kHz, 20 ms, 40 bands, 1 coefficient, delta
        "01 02 00 01 01 bb 05"  # FastGRNN, 2 units, W full, U of rank 1, 1 class, zeta, nu
        "8c05 0000 02 32"  # threshold 1420, release 0, smoothing, refractory
        "fd c8"  # input: offset, scale
        "00 82 09 05 fa"  # w1: int8
        "02 96 0b 02 f7"  # u2: sparse8
        "01 8c 0a 0f 07"  # u1: int4
        "01 fe 03 fc"  # biases of gate and update
        "01 a0 0c 81"  # classifier: int4
        "fefe"  # bias of the class
        "68c3a900"  # its name
    )
    assert data[:-4] == expected
    assert data[-4:] == struct.pack("<I", zlib.crc32(expected))
    model = model_file.parse(data)
    assert model.words == ("hé",)


def test_every_flipped_bit_is_refused():
    for bit in range(8 * len(DATA)):
        flipped = bytearray(DATA)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ModelError):
            model_file.parse(bytes(flipped))


def test_every_flipped_bit_behind_a_mended_checksum_is_refused_or_runs():
    accepted = 0
    for bit in range(8 * 8, 8 * (len(DATA) - 4)):
        flipped = bytearray(DATA)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            model = model_file.parse(mended(bytes(flipped)))
        except ModelError:
            continue
        accepted += 1
        kws.Spotter(model).process(NOISE)
        model_file.inspect(model)
    assert accepted > 1000  # most bits are weights, of which every value is valid


def test_every_truncation_is_refused():
    for size in range(len(DATA)):
        refusal(DATA[:size])
        if size >= 30:
            refusal(mended(DATA[:size]))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "truncated"),
        (DATA[:-1], "truncated"),
        (DATA + b"\0", "after its last section"),
        (mended(DATA[:-4] + b"\0\0\0\0\0"), "after its last section"),
        (b"RIFF" + DATA[4:], "not a .kws model"),
        (DATA[:4] + b"\2" + DATA[5:], "format version"),
        (DATA[:100] + bytes([DATA[100] ^ 1]) + DATA[101:], "checksum"),
        (mended(DATA[:9] + b"\x0f" + DATA[10:]), "front-end"),
        (mended(DATA[:14] + b"\0" + DATA[15:]), "network"),
        (mended(DATA[:24] + b"\x08" + DATA[25:]), "detector"),
        (mended(DATA.replace(b"hey_you", b"\0ey_you")), "class names"),
        (mended(DATA.replace(b"hey_you", b"h\xffy_you")), "UTF-8"),
        (mended(DATA[:17] + b"\x29" + DATA[18:]), "larger than this engine"),
    ],
)
def test_refusals_say_what_is_wrong(data, says):
    assert says in refusal(data)


def test_a_refused_file_is_named(tmp_path):
    path = tmp_path / "broken.kws"
    path.write_bytes(DATA[:-1])
    with pytest.raises(ModelError, match=r"broken\.kws cannot be used: the model is truncated"):
        model_file.load(path)


def test_what_the_format_cannot_hold_is_refused_when_written():
    recipe = RandomModel()
    weights = recipe.weights()

    def encode(classes: tuple[str, ...] = recipe.classes, **changes: Any) -> bytes:
        changed = replace(weights, **changes)
        return model_file.encode(recipe.features, recipe.detector, classes, changed)

    with pytest.raises(ModelError, match="does not fit"):
        encode(zeta_q8=256)
    with pytest.raises(ModelError, match="does not fit"):
        encode(classifier=replace(weights.classifier, multiplier=300))
    with pytest.raises(ModelError, match="does not fit"):
        encode(classes=tuple(f"word{i}" for i in range(256)))
    with pytest.raises(ModelError, match="at most 65,535"):
        encode(classes=("x" * 70_000,))


def test_find_takes_a_file_a_folder_or_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "models" / "hey_you" / "hey_you.kws"
    model_file.save(path, DATA)
    for name in (path, path.parent, "hey_you", "models/hey_you", "models/hey_you/hey_you.kws"):
        assert model_file.load(name).data == DATA
        assert model_file.load(name).name == "hey_you"
    with pytest.raises(ModelError, match=r"no model 'hey_me'.*hey_you"):
        model_file.load("hey_me")
    model_file.save(path.with_name("other.kws"), DATA)
    (tmp_path / "models" / "teacher").mkdir()
    with pytest.raises(ModelError, match=r"The folder 'teacher' holds no .kws file: name"):
        model_file.load("teacher")
    with pytest.raises(ModelError, match=r"holds 2 models \(hey_you.kws, other.kws\)"):
        model_file.load("hey_you")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError):
        model_file.load("empty")


def test_a_recording_or_an_empty_folder_in_the_place_of_a_model_is_named(tmp_path):
    recording = tmp_path / "my talk.kws"  # whatever its name says
    for suffix, kind in ((".wav", "WAV"), (".flac", "FLAC"), (".opus", "Ogg")):
        write_audio(tmp_path / f"talk{suffix}", np.zeros(1600, np.int16))
        (tmp_path / f"talk{suffix}").rename(recording)
        with pytest.raises(ModelError) as refusal:
            model_file.load(recording)
        assert str(refusal.value) == (
            f"{recording} is a recording ({kind}) and no model: name a model first; "
            f"`kws listen hey_cortana '{recording}'` hears the recording."
        )
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"The folder '.*empty' holds no .kws file: name"):
        model_file.load(tmp_path / "empty")


def test_a_file_that_is_no_model_is_not_read_whole(tmp_path):
    large = tmp_path / "disk.kws"
    with large.open("wb") as file:
        file.write(b"KWS1")
        file.truncate(1 << 40)
    with pytest.raises(ModelError, match="cannot be used"):
        model_file.load(large)


def test_save_refuses_bytes_that_the_engine_refuses(tmp_path):
    path = tmp_path / "model.kws"
    with pytest.raises(ModelError):
        model_file.save(path, DATA[:-1])
    assert not path.exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(KwsError, match="cannot save"):
        model_file.save(tmp_path / "file" / "model.kws", DATA)


@pytest.mark.parametrize("recipe", ALL, ids=lambda recipe: recipe.name)
def test_inspect_accounts_for_every_byte_and_parameter(recipe: RandomModel, tmp_path):
    path = tmp_path / "it.kws"
    path.write_bytes(recipe.encode())
    facts = model_file.inspect(path)
    json.dumps(facts)
    at = 0
    for section in facts["sections"]:
        assert section["offset"] == at and section["bytes"] > 0
        at += section["bytes"]
    assert at == facts["bytes"] == path.stat().st_size
    weights = recipe.weights()
    matrices = (*weights.w, *weights.u, weights.classifier)
    sizes = {layer["name"]: layer["rows"] * layer["cols"] for layer in facts["layers"]}
    assert sum(sizes.values()) == sum(m.weights.size for m in matrices)
    gates = 1 if weights.bias_gate is None else 2
    biases = gates * recipe.hidden + len(recipe.classes)
    assert facts["parameters"] == sum(sizes.values()) + biases + 2
    assert facts["words"] == [c for c in recipe.classes if not c.startswith("_")]
    assert facts["features"]["hop_length"] == recipe.features.hop_length
    packed = {s["name"]: s["bytes"] for s in facts["sections"]}
    assert packed["classifier"] == len(weights.classifier.pack())


def test_log_odds_saturate_and_return():
    assert log_odds_q10(0.5) == 0
    assert log_odds_q10(1 / (1 + np.exp(-1))) == 1024
    assert log_odds_q10(1e-300) == -32768
    assert log_odds_q10(1 - 1e-16) == 32767
