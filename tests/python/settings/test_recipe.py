"""A recipe survives its TOML file, and a mistake in one is answered by one sentence."""

import dataclasses
import re
from typing import Any

import pytest

from kws.errors import ConfigError
from kws.settings.augment import AugmentConfig
from kws.settings.compression import CompressionConfig
from kws.settings.data import DataConfig
from kws.settings.model import DetectorConfig, FeatureConfig
from kws.settings.network import NetworkConfig
from kws.settings.recipe import Recipe
from kws.settings.schedule import DistillationConfig, ScheduleConfig
from kws.settings.toml import from_toml, load_recipe

# Every field of a recipe, each with a value that is not its default.
UNUSUAL = Recipe(
    task="commands",
    name='a "name" = [of all] # kinds',
    words=("yes", "größer", "ねこ"),
    start="models/hey_cortana",
    seed=2**62,
    max_bytes=4321,
    data=DataConfig(
        corpus="data/raw/ein Ordner",
        positives=("a", "b c"),
        negatives=("d",),
        noise=("e", "f", "g"),
        unknown_share=0.25,
        silence_share=1.5,
        garbled_share=0.25,
        other_speech_share=1.25,
        other_noise_share=0.125,
        stream_clips=3,
        augmentation_seed=4,
        positive_windows=7,
        negative_windows=9,
        fluent_share=0.3,
        shuffled_share=0.4,
        near_miss_share=0.2,
        window_s=1.75,
        false_accept_cost=0.5,
    ),
    features=FeatureConfig(
        sample_rate_hz=8000, hop_length=80, n_mels=24, n_mfcc=0, energy="absolute"
    ),
    network=NetworkConfig(cell="fastrnn", nonlinearity="hard", hidden=33, rank_w=5, rank_u=6),
    compression=CompressionConfig(
        w="sparse8",
        u="int8",
        classifier="int8",
        density_w=0.3,
        density_u=0.125,
        gate_bias_limit=2.5,
    ),
    augment=AugmentConfig(
        shift_ms=12.5,
        gain_db=(-3.0, 0.5),
        noise_probability=0.75,
        snr_db=(5.0, 6.0),
        speed=(0.95, 1.25),
        reverb_probability=0.5,
        reverb_s=(0.2, 0.3),
        direct_to_reverb_db=(-3.0, 9.0),
        equalizer_db=6.0,
        floor_probability=0.4,
        floor_snr_db=(3.0, 40.0),
        band_probability=0.2,
        splice_probability=0.3,
        sample_bits=10,
    ),
    schedule=ScheduleConfig(
        float_epochs=1,
        thresholding_epochs=2,
        fixed_support_epochs=3,
        quantized_epochs=4,
        batch_size=5,
        optimizer="soap",
        learning_rate=0.1,
        annealing="cosine",
        quantized_learning_rate=1e-7,
        quantized_annealing="cosine-cubed",
        averaging=0.75,
        settling=0.5,
        weight_decay=0.0,
        dropout=0.5,
        masked_frames=8,
        masked_bands=9,
        versions=6,
        patience=7,
    ),
    distillation=DistillationConfig(
        networks=("runs/large", "other"),
        teachers=3,
        hidden=77,
        rank_w=0,
        rank_u=11,
        epochs=5,
        dropout=0.0,
        masked_frames=12,
        masked_bands=3,
        convolutional=2,
        convolutional_epochs=6,
        share=0.25,
        temperature=4.0,
    ),
    detector=DetectorConfig(
        threshold=0.7, release=0.123456789012345, smoothing_shift=3, refractory_frames=12
    ),
)
SMALL = 'task = "wake"\nname = "hey"\nwords = ["hey you"]\n'


def leaves(config: Any, path: str = "") -> dict[str, Any]:
    """Every setting below a config, by its path."""
    found: dict[str, Any] = {}
    for setting in dataclasses.fields(config):
        value, here = getattr(config, setting.name), f"{path}.{setting.name}"
        is_table = dataclasses.is_dataclass(value)
        found |= leaves(value, here) if is_table else {here: value}
    return found


def sentence(text: str) -> str:
    """What a recipe is refused with: one line."""
    with pytest.raises(ConfigError) as refusal:
        from_toml(text, "my.toml")
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def test_every_field_comes_back_from_toml_as_it_was():
    default = leaves(Recipe(task="wake", name="a", words=("b",)))
    unusual = leaves(UNUSUAL)
    # Any new field must be given an unusual value above.
    assert not {path for path in unusual if unusual[path] == default[path]}
    back = from_toml(UNUSUAL.to_toml())
    assert back == UNUSUAL
    kinds = {path: type(value) for path, value in leaves(back).items()}
    assert kinds == {path: type(value) for path, value in unusual.items()}
    assert back.to_toml() == UNUSUAL.to_toml()


def test_a_recipe_of_three_lines_has_the_defaults_for_the_rest():
    assert from_toml(SMALL) == Recipe(task="wake", name="hey", words=("hey you",))


def test_a_table_with_one_setting_keeps_the_recipes_defaults_for_its_others():
    recipe = from_toml(SMALL + "[features]\nn_mfcc = 13\n")
    default = from_toml(SMALL).features
    assert default != FeatureConfig()  # or this would test nothing
    assert recipe.features == dataclasses.replace(default, n_mfcc=13)


def test_whole_numbers_may_stand_where_fractions_may():
    recipe = from_toml(SMALL + "[data]\nwindow_s = 2\n[augment]\ngain_db = [-3, 0]\n")
    assert recipe.data.window_s == 2.0 and type(recipe.data.window_s) is float
    assert recipe.augment.gain_db == (-3.0, 0.0)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("sede = 1", ["'sede'", "seed"]),
        ("[schedule]\nepochs = 3", ["my.toml: schedule", "'epochs'", "float_epochs"]),
        ("[schedule.more]\na = 1", ["'more'"]),
    ],
)
def test_an_unknown_setting_is_named_with_those_that_exist(text, named):
    told = sentence(SMALL + text)
    assert all(part in told for part in named), told


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("seed = 1.5", ["seed", "1.5", "whole number"]),
        ("seed = true", ["seed", "True", "whole number"]),
        ('seed = "1"', ["seed", "'1'", "whole number"]),
        ("schedule = 3", ["schedule", "3", "table"]),
        ('network = "gru"', ["network", "'gru'", "table"]),
        ("[network]\nhidden = 24.0", ["hidden", "24.0", "whole number"]),
        ("[network]\ncell = 1", ["cell", "1", "text"]),
        ('[schedule]\nlearning_rate = "0.01"', ["learning_rate", "'0.01'", "a number"]),
        ("[schedule]\nlearning_rate = false", ["learning_rate", "False", "a number"]),
        ("[schedule]\nlearning_rate = [0.01]", ["learning_rate", "[0.01]", "a number"]),
        ('[data]\npositives = "clips"', ["positives", "'clips'", "list"]),
        ("[data]\npositives = [1]", ["positives", "1", "text"]),
        ("[augment]\ngain_db = 3.0", ["gain_db", "3.0", "list"]),
        ("[augment]\ngain_db = [1.0]", ["gain_db", "[1.0]", "2 values"]),
        ("[augment]\ngain_db = [0.0, 1.0, 2.0]", ["gain_db", "2 values"]),
        ('[augment]\ngain_db = ["a", "b"]', ["gain_db", "'a'", "a number"]),
        ("[data]\nwindow_s = 2024-01-01", ["window_s", "a number"]),
    ],
)
def test_a_value_of_the_wrong_type_is_named_with_what_is_wanted(text, named):
    told = sentence(SMALL + text)
    assert all(part in told for part in named), told


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("seed = -1", ["seed", "-1"]),
        ("seed = 18446744073709551616", ["seed", "18446744073709551616"]),
        ("max_bytes = 12", ["max_bytes", "12"]),
        ("max_bytes = 70000", ["max_bytes", "70000"]),
        ('[network]\ncell = "transformer"', ["transformer", "fastgrnn"]),
        ("[network]\nhidden = 256", ["256", "255"]),
        ("[network]\nrank_w = -2", ["-2"]),
        ("[schedule]\nbatch_size = 0", ["batch_size", "0"]),
        ("[schedule]\nversions = 0", ["versions", "0"]),
        ("[schedule]\nfloat_epochs = -1", ["float_epochs", "-1"]),
        ("[schedule]\nlearning_rate = 0", ["learning_rate", "0"]),
        ("[schedule]\nlearning_rate = nan", ["learning_rate", "nan"]),
        ("[schedule]\nquantized_learning_rate = inf", ["quantized_learning_rate", "inf"]),
        ('[schedule]\nannealing = "steps"', ["annealing", "steps", "cosine"]),
        ('[schedule]\nquantized_annealing = "step"', ["quantized_annealing", "step", "cubed"]),
        ('[schedule]\noptimizer = "muon"', ["optimizer", "muon", "adamw", "soap"]),
        ("[schedule]\ndropout = 1", ["dropout", "1.0"]),
        ("[schedule]\naveraging = 1", ["averaging", "1.0", "0.999"]),
        ("[distillation]\nteachers = 17", ["teachers", "17", "16"]),
        ("[distillation]\nconvolutional = 17", ["convolutional", "17", "16"]),
        ("[distillation]\nconvolutional_epochs = 0", ["convolutional_epochs", "0", "1"]),
        ("[distillation]\nhidden = 0", ["hidden", "0", "255"]),
        ("[distillation]\nepochs = 0", ["epochs", "0"]),
        ("[distillation]\ndropout = 1", ["dropout", "1.0"]),
        ("[distillation]\nmasked_frames = -1", ["masked_frames", "-1"]),
        ("[distillation]\nmasked_bands = -3", ["masked_bands", "-3"]),
        ("[distillation]\nshare = 1.5", ["share", "1.5"]),
        ("[distillation]\ntemperature = 0", ["temperature", "0"]),
        ("[distillation]\nconvolutional = 1", ["wake word", "convolutional"]),
        ("[data]\npositive_windows = 0", ["positive_windows", "0"]),
        ("[data]\nnegative_windows = -5", ["negative_windows", "-5"]),
        ("[data]\nwindow_s = 0.01", ["window_s", "0.01"]),
        ("[data]\nunknown_share = -0.1", ["unknown_share", "-0.1"]),
        ("[data]\nsilence_share = nan", ["silence_share", "nan"]),
        ('[compression]\nw = "int2"', ["int2", "int4"]),
        ("[compression]\ndensity_u = 0", ["density_u is 0.0; choose above 0, up to 1"]),
        ("[compression]\ngate_bias_limit = 4", ["gate_bias_limit", "4.0", "3.96"]),
        ("[detector]\nthreshold = 1.0", ["threshold", "1.0"]),
        ("[features]\nhop_length = 100", ["hop_length is 100", "has 160 or 320."]),
        ("[features]\nsample_rate_hz = 44100", ["is 44100; the engine has 16000 or 8000."]),
    ],
)
def test_a_value_out_of_range_is_named(text, named):
    told = sentence(SMALL + text)
    assert all(part in told for part in named), told


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('name = "a"\nwords = ["b"]', "task"),
        ('task = "wake"\nwords = ["b"]', "name"),
        ('task = "wake"\nname = "a"', "words"),
        ('task = "sing"\nname = "a"\nwords = ["b"]', "sing"),
        ('task = "wake"\nname = ""\nwords = ["b"]', "name"),
        ('task = "wake"\nname = "../up"\nwords = ["b"]', "../up"),
        ('task = "wake"\nname = "a\\u001b[2J"\nwords = ["b"]', r"a\x1b[2J"),
        ('task = "wake"\nname = "a\\nb"\nwords = ["b"]', r"a\nb"),
        ('task = "wake"\nname = "\\u202eswk"\nwords = ["b"]', r"\u202eswk"),
        ('task = "wake"\nname = "-rf"\nwords = ["b"]', "-rf"),
        ('task = "wake"\nname = ".a"\nwords = ["b"]', ".a"),
        (f'task = "wake"\nname = "{"你" * 84}"\nwords = ["b"]', "你你"),  # 252 bytes, and .kws
        ('task = "wake"\nname = "a"\nwords = ["b\\u001b[2J"]', r"b\x1b[2J"),
        ('task = "wake"\nname = "a"\nwords = ["b\\u202e"]', r"b\u202e"),
        ('task = "wake"\nname = "a"\nwords = []', "phrase"),
        ('task = "wake"\nname = "a"\nwords = ["b", "c"]', "phrase"),
        ('task = "wake"\nname = "a"\nwords = ["_unknown_"]', "_unknown_"),
        ('task = "wake"\nname = "a"\nwords = [" "]', "' '"),
        ('task = "wake"\nname = "a"\nwords = ["b\\u0000c"]', "x00"),
        (
            'task = "commands"\nname = "a"\nwords = ["' + '","'.join(map(str, range(39))) + '"]',
            "39",
        ),
    ],
)
def test_what_a_recipe_cannot_do_without_is_told(text, named):
    assert named in sentence(text)


def test_text_that_is_no_toml_is_refused_with_the_place():
    told = sentence("task = wake")
    assert "not valid TOML" in told and re.search(r"line 1, column \d+", told)


def test_a_recipe_file_that_cannot_be_read_is_named(tmp_path):
    binary = tmp_path / "model.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "none.toml", tmp_path, binary):
        with pytest.raises(ConfigError) as refusal:
            load_recipe(path)
        assert str(path) in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_recipe_file_names_itself_in_its_complaints(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(SMALL + "colour = 1\n", "utf-8")
    with pytest.raises(ConfigError, match=re.escape(f"{path} has no setting 'colour'")):
        load_recipe(path)
    path.write_text(UNUSUAL.to_toml(), "utf-8")
    assert load_recipe(path) == UNUSUAL


def test_copies_do_not_depend_on_how_a_network_is_sized_or_judged():
    judged = dataclasses.replace(
        UNUSUAL,
        name="another",
        seed=5,
        network=NetworkConfig(),
        schedule=ScheduleConfig(),
        detector=DetectorConfig(),
        data=dataclasses.replace(UNUSUAL.data, false_accept_cost=0.5),
    )
    assert judged.identity_of_copies("files") == UNUSUAL.identity_of_copies("files")


@pytest.mark.parametrize(
    "change",
    [
        {"words": ("yes",)},
        {"data": dataclasses.replace(UNUSUAL.data, garbled_share=0.5)},
        {"features": FeatureConfig()},
        {"augment": AugmentConfig()},
    ],
)
def test_copies_depend_on_all_that_decides_their_samples(change):
    changed = dataclasses.replace(UNUSUAL, **change)
    assert changed.identity_of_copies("files") != UNUSUAL.identity_of_copies("files")
    assert UNUSUAL.identity_of_copies("others") != UNUSUAL.identity_of_copies("files")
