"""What tests share: the real recordings where there are any, and models made on the spot."""

import os
from pathlib import Path

import numpy as np
import pytest
from random_models import ALL, LARGE, RandomModel

from kws.corpus.decoded import read_clips
from kws.corpus.listing import speech_commands
from kws.engine import model_file

CHECKOUT = Path(__file__).resolve().parents[1]
ONE_SECOND = 16_000


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder with speech_commands/, wake_phrases/, negative_speech/ and noise/.

    Named by the environment variable KWS_RECORDINGS, or shared/data beside the checkout.
    """
    named = os.environ.get("KWS_RECORDINGS")
    folder = Path(named) if named else CHECKOUT.parent / "shared" / "data"
    if not (folder / "speech_commands").is_dir():
        if named:
            pytest.fail(f"KWS_RECORDINGS is {named}, which holds no speech_commands/")
        pytest.skip("no recordings: set KWS_RECORDINGS to a folder with speech_commands/")
    return folder


@pytest.fixture(scope="session")
def validation_clips(recordings: Path) -> np.ndarray:
    """Every validation clip of Speech Commands: (clips, 16000) int16."""
    clips = speech_commands(recordings / "speech_commands")
    paths = [clip.path for clip in clips if clip.split == "validation"]
    assert len(paths) > 1000
    return read_clips(paths, ONE_SECOND, None)


@pytest.fixture(params=(*ALL, *LARGE), ids=lambda recipe: recipe.name)
def random_model(request: pytest.FixtureRequest) -> model_file.Model:
    """A small valid model of each cell, rank and kind of matrix in turn."""
    recipe: RandomModel = request.param
    return model_file.parse(recipe.encode())


@pytest.fixture
def model() -> model_file.Model:
    """One small valid model: FastGRNN, low-rank, int4."""
    return model_file.parse(RandomModel().encode())
