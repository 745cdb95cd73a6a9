"""Corpora of a few generated sounds, and recipes that train on them within seconds."""

from __future__ import annotations

import dataclasses
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from kws.audio.files import write_audio
from kws.corpus.splits import speaker_split
from kws.settings.augment import AugmentConfig
from kws.settings.compression import CompressionConfig
from kws.settings.data import DataConfig
from kws.settings.model import FeatureConfig
from kws.settings.network import NetworkConfig
from kws.settings.recipe import Recipe
from kws.settings.schedule import DistillationConfig, ScheduleConfig

RATE = 16_000
PLAIN = AugmentConfig(shift_ms=0.0, gain_db=(0.0, 0.0), noise_probability=0.0, speed=(1.0, 1.0))
TEACHERS_OF_BOTH_KINDS = DistillationConfig(
    teachers=1, convolutional=1, hidden=8, rank_w=0, rank_u=0, epochs=1, convolutional_epochs=1
)


def sweep(from_hz: float, to_hz: float, seconds: float = 0.5, rms: float = 5000.0) -> np.ndarray:
    """A tone that glides from one frequency to another: (samples,) int16."""
    hz = np.linspace(from_hz, to_hz, round(seconds * RATE))
    tone = rms * np.sqrt(2) * np.sin(2 * np.pi * np.cumsum(hz) / RATE)
    samples: np.ndarray = np.rint(tone).astype(np.int16)
    return samples


def hiss(seconds: float, seed: int, rms: float = 1000.0) -> np.ndarray:
    """White noise: (samples,) int16."""
    samples = np.random.default_rng(seed).normal(0.0, rms, round(seconds * RATE))
    return np.rint(samples).astype(np.int16)


def wake_corpus(folder: Path) -> Path:
    """Rising tones as the phrase; falling ones and hiss without it; split in three parts."""
    for index, split in enumerate(("train", "validation", "test")):
        for number in range(3):
            hz = 400.0 + 40 * number + 13 * index
            write_audio(folder / "positives" / split / f"up_{number}.wav", sweep(hz, 4 * hz))
            write_audio(folder / "negatives" / split / f"down_{number}.wav", sweep(4 * hz, hz))
        write_audio(folder / "negatives" / split / "hiss.wav", hiss(2.0, index))
    return folder


def wake_recipe(folder: Path, *, schedule: dict[str, Any] | None = None, **changes: Any) -> Recipe:
    """A recipe for `wake_corpus`: 8 units, two epochs of each stage."""
    few = {"float_epochs": 2, "quantized_epochs": 2, "versions": 2, "batch_size": 16}
    recipe = Recipe(
        task="wake",
        name="up",
        words=("up there",),
        data=DataConfig(
            positives=(str(folder / "positives"),),
            negatives=(str(folder / "negatives"),),
            positive_windows=24,
            negative_windows=24,
            window_s=0.8,
        ),
        features=FeatureConfig(n_mfcc=8, energy="delta"),
        network=NetworkConfig(hidden=8, rank_w=3, rank_u=3),
        compression=CompressionConfig(),
        augment=AugmentConfig(shift_ms=20.0),
        schedule=ScheduleConfig(**{**few, **(schedule or {})}),
    )
    return dataclasses.replace(recipe, **changes)


def command_corpus(folder: Path, words: tuple[str, ...] = ("up", "down", "flat", "hum")) -> Path:
    """Speech Commands in small: four words, six speakers, official lists, background noise."""
    # A speaker in neither list goes where the hash of the name says.
    trained = (name for name in map("{:08x}".format, range(99)) if speaker_split(name) == "train")
    speakers = {
        "aaaa0000": "validation",
        "bbbb0000": "testing",
        **dict.fromkeys(islice(trained, 4)),
    }
    lists: dict[str, list[str]] = {"validation": [], "testing": []}
    for index, word in enumerate(words):
        for number, (speaker, split) in enumerate(speakers.items()):
            name, hz = f"{word}/{speaker}_nohash_0.wav", 300.0 + 90 * number
            write_audio(folder / name, sweep(hz, hz * (1.0 + index), 1.0))
            if split:
                lists[split].append(name)
    for split, names in lists.items():
        (folder / f"{split}_list.txt").write_text("\n".join(names) + "\n", "utf-8")
    write_audio(folder / "_background_noise_" / "hiss.wav", hiss(10.0, 0))
    return folder


def command_recipe(
    folder: Path, *, words: tuple[str, ...] = ("up", "down"), **changes: Any
) -> Recipe:
    """A recipe for `command_corpus`."""
    recipe = Recipe(
        task="commands",
        name="commands",
        words=words,
        data=DataConfig(corpus=str(folder), unknown_share=1.0, silence_share=1.0),
        features=FeatureConfig(n_mfcc=8, energy="delta"),
        network=NetworkConfig(hidden=8, rank_w=3, rank_u=3),
        augment=AugmentConfig(shift_ms=20.0),
        schedule=ScheduleConfig(float_epochs=2, quantized_epochs=2, versions=2, batch_size=8),
    )
    return dataclasses.replace(recipe, **changes)


def version(task: Any, index: int) -> tuple[np.ndarray, np.ndarray]:
    """One augmented copy of a task's training set: features and labels."""
    features, labels = zip(*task.blocks(index), strict=True)
    return np.concatenate(features), np.concatenate(labels)
