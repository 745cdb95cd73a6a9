"""The Uno's image as a file: what fits, where it lies, and one sentence where it cannot be made."""

from pathlib import Path

import pytest
from random_models import RandomModel

from kws import deploy_uno, model_file
from kws.config import FeatureConfig
from kws.errors import KwsError, ModelError, ToolError

FEATURES = FeatureConfig(sample_rate_hz=8_000, hop_length=160, n_mels=24, n_mfcc=16)
PROGRAM = ":0400000001020304F2\n:00000001FF\n"


def model(**settings):
    chosen = {"features": FEATURES, "classes": ("hey_you",), **settings}
    return model_file.parse(RandomModel(**chosen).encode(), Path("hey.kws"))


def memory(image: str) -> dict[int, int]:
    """Read Intel HEX by its definition: every record's bytes add up to 0."""
    found = {}
    for line in image.splitlines():
        record = bytes.fromhex(line[1:])
        assert line[0] == ":" and sum(record) & 0xFF == 0 and len(record) == record[0] + 5
        if record[3] == 0:
            at = int.from_bytes(record[1:3], "big")
            found |= {at + i: byte for i, byte in enumerate(record[4:-1])}
    assert image.endswith(":00000001FF\n")
    return found


def test_a_record_is_that_of_the_format_s_own_example():
    data = bytes.fromhex("214601360121470136007EFE09D21901")
    assert list(deploy_uno.hex_records(0x0100, data)) == [
        ":10010000214601360121470136007EFE09D2190140\n"
    ]


def test_models_lie_behind_the_program_and_change_none_of_it():
    first, second = model(), model(seed=3)
    found = memory(deploy_uno.with_models(PROGRAM, first, second))
    assert [found[at] for at in range(4)] == [1, 2, 3, 4]
    for place, expected in enumerate((first, second)):
        start = 0x6000 + place * 0xF00
        assert bytes(found[start + i] for i in range(len(expected.data))) == expected.data
    assert len(found) == 4 + len(first.data) + len(second.data)


def test_a_program_that_reaches_into_the_models_is_refused():
    long = ":0460000001020304" + f"{-(4 + 0x60 + 10) & 0xFF:02X}" + "\n:00000001FF\n"
    with pytest.raises(KwsError, match="takes 24580 bytes; models begin at 24576"):
        deploy_uno.with_models(long, model())
    with pytest.raises(KwsError, match="no complete Intel HEX"):
        deploy_uno.with_models(":0400000001020304F2\n", model())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"features": FeatureConfig(n_mfcc=13)}, "hears 16000 Hz, the Uno 8000: train it"),
        ({"hidden": 49}, "hidden units: 49.*at most 48"),
        ({"ranks": (5, 13)}, "rank: 13.*at most 12"),
        ({"classes": ("a", "b", "_unknown_")}, "classes: 3.*at most 2"),
        (
            {"features": FeatureConfig(sample_rate_hz=8_000, hop_length=160, n_mels=24, n_mfcc=17)},
            "features a frame: 17.*at most 16",
        ),
        (
            {"features": FeatureConfig(sample_rate_hz=8_000, hop_length=80, n_mels=24, n_mfcc=9)},
            "hop in ms, at least 20: 10",
        ),
        ({"kind": "int8", "ranks": (0, 0), "hidden": 48, "classes": ("a" * 600,)}, "bytes: 3890.*at most 3840"),
    ],
)
def test_a_model_that_does_not_fit_is_refused_with_what_to_change(settings, words):
    with pytest.raises(ModelError, match=words):
        deploy_uno.check_fits(model(**settings))


def test_the_shipped_model_fits():
    deploy_uno.check_fits(model_file.load(Path(__file__).parents[2] / "models" / "athena_8k"))


def test_without_the_compiler_one_sentence_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr("shutil.which", lambda tool: None)
    with pytest.raises(ToolError, match="avr-gcc is not installed: apt-get install gcc-avr"):
        deploy_uno.deploy(model(), tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_limits_are_those_that_the_program_is_compiled_with():
    makefile = (deploy_uno.PORT / "Makefile").read_text()
    for name, limit in (
        ("HIDDEN", deploy_uno.MAX_HIDDEN),
        ("RANK", deploy_uno.MAX_RANK),
        ("CLASSES", deploy_uno.MAX_CLASSES),
        ("FEATURES", deploy_uno.MAX_FEATURES),
    ):
        assert f"-DKWS_MAX_{name}={limit} " in makefile.replace("\\\n", " ").replace("\n", " ")
    main = (deploy_uno.PORT / "main.c").read_text()
    assert f"#define MODEL_AT 0x{deploy_uno.MODEL_AT:x} " in main
    assert f"#define MODEL_CAPACITY 0x{deploy_uno.MODEL_CAPACITY:x}\n" in main
