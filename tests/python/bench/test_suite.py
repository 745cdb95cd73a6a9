"""The benchmarks: that each one measures what it says; how long anything takes is not tested."""

import json
import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from kws.audio.files import write_audio
from kws.bench import listen, suite, timing
from kws.bench.inputs import random_model, speech_like, with_hop
from kws.cli.main import app
from kws.engine import batch
from kws.errors import ConfigError, ToolError

TINY = suite.Effort(
    rounds=2,
    audio_s=1,
    clips=2,
    batch=3,
    frames=4,
    listen_rounds=1,
    listen_s=(1, 2),
    listen_slow_s=(1, 2),
    serve_rounds=1,
    serve_s=1,
    serve_clients=(2,),
)
FIGURES = {
    "engine": ("whole engine, 20 ms hop", "mfcc, 10 ms hop", "network, 10 ms hop"),
    "mfcc": ("kws, 20 ms hop", "torchaudio, 20 ms hop", "librosa, 10 ms hop"),
    "listen": ("kws listen", "kws listen, start"),
    "serve": ("kws serve, 2 clients",),
    "training": ("layer of 100: nn.GRU", "batch of 5.5 KB, quantized: engine"),
    "batch": ("clip_logits, 1 thread", "clip_logits, 2 threads"),
}


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(timing, "SHORTEST_S", 0.0)


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "wake.kws"
    path.write_bytes(random_model().data)
    return path


@pytest.mark.parametrize("name", suite.BENCHMARKS)
def test_every_figure_is_finite_positive_and_named_once(name, model_file):
    result = suite.run([name], model=model_file, effort=TINY)
    figures = result["benchmarks"][name]["figures"]
    names = [figure["name"] for figure in figures]
    assert set(FIGURES[name]) <= set(names) and len(names) == len(set(names))
    for figure in figures:
        assert math.isfinite(figure["value"]) and figure["value"] > 0
        assert (figure["gain"] is None) == (figure["over"] == "")
        assert figure["gain"] is None or 0 < figure["gain"] < math.inf
    assert result["model"] == {"name": "wake", "bytes": len(random_model().data)}
    json.dumps(result)
    text = suite.to_text(result)
    assert all(line in text for line in (*names, *result["benchmarks"][name]["notes"]))
    assert f"torch {result['machine']['torch']}" in text.splitlines()[0]


def test_an_unknown_benchmark_is_refused_before_anything_is_measured(model_file):
    with pytest.raises(ConfigError, match=r"'speed'.*engine, mfcc, listen, serve, training, batch"):
        suite.run(["engine", "speed"], model=model_file)


def test_the_command_offers_the_benchmarks_that_there_are(monkeypatch):
    asked: dict[str, Any] = {}
    result: dict[str, Any] = {"machine": {}, "model": {}, "benchmarks": {}}
    monkeypatch.setattr(suite, "run", lambda only, **rest: asked.update(only=only) or result)
    for name in suite.BENCHMARKS:
        done = CliRunner().invoke(app, ["bench", "--only", name, "--json"])
        assert (done.exit_code, json.loads(done.output), asked["only"]) == (0, result, [name])
    assert CliRunner().invoke(app, ["bench", "--only", "speed"]).exit_code == 2
    assert "Example: kws bench" in CliRunner().invoke(app, ["bench", "--help"]).output


def test_rounds_are_interleaved_and_the_first_calls_do_not_count():
    calls = []
    clock = iter(range(1000))
    samples = timing.measure(
        {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")},
        3,
        label="test",
        clock=lambda: next(clock),
    )
    assert "".join(calls) == "aabb" + "ab" * 3
    assert samples == {"a": [1, 1, 1], "b": [1, 1, 1]}


def test_short_work_is_repeated_within_a_round(monkeypatch):
    monkeypatch.setattr(timing, "SHORTEST_S", 8.0)
    calls = []
    clock = iter(range(0, 2000, 2))
    timing.measure({"a": lambda: calls.append(1)}, 1, label="t", clock=lambda: next(clock))
    assert len(calls) == 2 + 4  # it took 2 s: four times make 8 s


def test_a_gain_is_the_median_of_the_ratios_within_a_round():
    samples = {"new": [1.0, 10.0, 1.0], "old": [4.0, 30.0, 500.0]}  # the machine slowed, then woke
    assert timing.gain(samples, "new", over="old") == 4.0
    assert timing.median(samples, "new") == 1.0


def test_a_programs_cpu_time_is_its_own():
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    assert 0.29 <= timing.program_cpu_s([sys.executable, "-c", busy]) < 3
    sleeping = "import time; time.sleep(0.5)"
    assert timing.program_cpu_s([sys.executable, "-c", sleeping]) < 0.4


def test_a_program_that_fails_is_reported_in_a_sentence():
    with pytest.raises(ToolError, match=r"status 3: no good"):
        code = "import sys; print('no good', file=sys.stderr); sys.exit(3)"
        timing.program_cpu_s([sys.executable, "-c", code])
    with pytest.raises(ToolError, match=r"no/such/python cannot be run: No such file"):
        listen.bench_listen(random_model(), (1, 2), (1, 2), 1, peers="no/such/python")


def test_peers_read_the_recording_to_its_end(tmp_path):
    """The scripts for the peers, on stand-ins with the peers' interface that count samples."""
    counter = (
        "samples = 0\n\n\nclass Features:\n    from_builtin = classmethod(lambda cls: cls())\n"
    )
    counter += "    def process_streaming(self, audio):\n        yield len(audio) // 2\n"
    counter += "\n\nclass Word:\n    from_builtin = classmethod(lambda cls, name: cls())\n"
    counter += "    def process_streaming(self, frame):\n        print(frame)\n        return []\n"
    counter += "\n\nclass Model:\n    OKAY_NABU = None\n"
    for module, features, word in (
        ("pymicro_wakeword", "MicroWakeWordFeatures", "MicroWakeWord"),
        ("pyopen_wakeword", "OpenWakeWordFeatures", "OpenWakeWord"),
    ):
        code = f"{counter}\n\n{features}, {word} = Features, Word\n"
        (tmp_path / f"{module}.py").write_text(code)
    recording = tmp_path / "a.wav"
    write_audio(recording, speech_like(2)[:-100])
    for script in (listen.PYMICRO, listen.PYOPEN):
        command = [sys.executable, "-c", script, recording]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.stdout.split() == ["16000", "15900"], done.stderr


def test_the_random_model_is_of_a_wake_words_size_and_alive():
    model = random_model()
    assert 950 < len(model.data) <= 1024
    trace = batch.trace(model, speech_like(4))
    assert np.abs(trace.hidden).max(axis=0).min() > 1000  # every unit moves
    assert trace.hidden.std(axis=0).mean() > 1000
    assert len(np.unique(trace.logits)) > 50


def test_the_other_hop_changes_one_field():
    model = random_model()
    other = with_hop(model, 160)
    assert (model.features.hop_length, other.features.hop_length) == (320, 160)
    changed = [i for i, (a, b) in enumerate(zip(model.data, other.data, strict=True)) if a != b]
    assert changed[0] == 9 and all(i >= len(model.data) - 4 for i in changed[1:])
    assert with_hop(other, 320).data == model.data


def test_speech_like_audio_is_audio_with_pauses():
    samples = speech_like(10)
    assert (samples.dtype, samples.shape) == (np.int16, (160_000,))
    levels = np.sqrt(np.mean(samples.astype(float).reshape(-1, 1600) ** 2, axis=1))
    assert levels.max() > 1000 and np.quantile(levels, 0.1) < 100
    assert np.array_equal(samples, speech_like(10)) and not np.array_equal(
        samples, speech_like(10, seed=1)
    )
