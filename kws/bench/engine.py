"""Benchmarks of the engine within this process: a stream, clips, the front end and its peers."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kws.audio.files import read_audio
from kws.bench.inputs import speech_like, with_hop
from kws.bench.timing import Figure, Found, gain, measure, median, missing, version
from kws.engine import batch
from kws.engine.model_file import Model
from kws.engine.spotter import Spotter
from kws.settings.front_end import F_MAX_HZ, F_MIN_HZ, N_FFT, N_MELS, SAMPLE_RATE_HZ
from kws.settings.model import FeatureConfig
from kws.support.threads import one_thread

HOPS = (320, 160)
SPEECH = Path("data/sample/stream/held_out.opus")
N_MFCC = 16
UNIT = "ms of CPU per clip"


def _ms(hop_length: int) -> int:
    return hop_length * 1000 // SAMPLE_RATE_HZ


def bench_engine(model: Model, seconds: int, rounds: int) -> Found:
    """MFCC, network and detector over a stream on one core, whole and apart, at both hops."""
    samples = speech_like(seconds)
    works: dict[str, Callable[[], object]] = {}
    frames = {}
    for hop in HOPS:
        at_hop = with_hop(model, hop)
        features = batch.features(samples, at_hop.features)
        frames[hop] = len(features)
        works |= {
            f"all {hop}": partial(Spotter(at_hop).process, samples),
            f"mfcc {hop}": partial(batch.features, samples, at_hop.features),
            f"network {hop}": partial(batch.network_batch, at_hop, features[None], threads=1),
        }
    taken = measure(works, rounds, label="engine")
    figures = []
    for hop in HOPS:
        speed = seconds / median(taken, f"all {hop}")
        figures.append(Figure(f"whole engine, {_ms(hop)} ms hop", speed, "x real time"))
        for stage in ("mfcc", "network"):
            per_frame = median(taken, f"{stage} {hop}") / frames[hop] * 1e6
            figures.append(Figure(f"{stage}, {_ms(hop)} ms hop", per_frame, "us per frame"))
    return figures, [f"{seconds} s of synthetic speech; the same weights at both hops."]


def bench_batch(model: Model, clips: int, rounds: int) -> Found:
    """Scoring many one-second clips in one call, in wall time, with one thread and with two."""
    samples = _clips(clips)
    names = {1: "clip_logits, 1 thread", 2: "clip_logits, 2 threads"}
    works = {
        name: partial(batch.clip_logits, model, samples, threads=threads)
        for threads, name in names.items()
    }
    taken = measure(works, rounds, label="batch", clock=time.perf_counter)
    one, two = (clips / median(taken, name) for name in works)
    return [
        Figure(names[1], one, "clips per s"),
        Figure(names[2], two, "clips per s", gain(taken, names[2], names[1]), "1 thread"),
    ], ["Wall time: other programs on the machine lower these figures."]


def bench_mfcc(clips: int, rounds: int) -> Found:
    """The engine's MFCC against torchaudio's and librosa's, on one batch of one-second clips."""
    samples = _clips(clips)
    peers, notes = _mfcc_peers()
    works: dict[str, Callable[[], object]] = {}
    for hop in HOPS:
        config = FeatureConfig(hop_length=hop, n_mfcc=N_MFCC)
        works[f"kws {hop}"] = partial(batch.features_batch, samples, config, threads=1)
        works |= {f"{name} {hop}": peer(samples, hop) for name, peer in peers.items()}
    with one_thread():
        taken = measure(works, rounds, label="mfcc")
    figures = []
    for hop in HOPS:
        over = "torchaudio" if "torchaudio" in peers else ""
        for name in ("kws", *peers):
            key, label = f"{name} {hop}", f"{name}, {_ms(hop)} ms hop"
            times = gain(taken, key, f"{over} {hop}") if over and name != over else None
            ms = median(taken, key) / clips * 1e3
            figures.append(Figure(label, ms, UNIT, times, over if times else ""))
    truth, where = _signal_to_noise_db()
    figures.append(Figure("kws against its float reference", truth, "dB signal to noise"))
    return figures, [
        where,
        f"{N_MFCC} coefficients of {N_MELS} HTK mel bands, {N_FFT}-point FFT, Hann window, no "
        "padding, natural logarithm, DCT.",
        "kws works on int16 in fixed point, the others on float32 samples that stand ready.",
        *notes,
    ]


def _signal_to_noise_db() -> tuple[float, str]:
    """How true the engine's MFCC are to the float reference on speech, and on which speech."""
    from kws.reference import front_end

    if SPEECH.is_file():
        samples, where = read_audio(SPEECH), str(SPEECH)
    else:
        samples, where = speech_like(60), "synthetic speech, since data/sample is not here"
    exact = front_end.mfcc(samples, hop_length=HOPS[0], n_mfcc=N_MFCC).astype(np.float64)
    fixed = batch.features(samples, FeatureConfig(hop_length=HOPS[0], n_mfcc=N_MFCC)) / 128.0
    noise = np.square(fixed - exact).sum()
    return 10 * float(np.log10(np.square(exact).sum() / noise)), f"Signal to noise on {where}."


def _clips(count: int) -> batch.Int16Array:
    return speech_like(count).reshape(count, SAMPLE_RATE_HZ)


Peer = Callable[[batch.Int16Array, int], Callable[[], object]]


def _mfcc_peers() -> tuple[dict[str, Peer], list[str]]:
    """Return the peers that are installed, and a note for each that is not."""
    known: dict[str, Peer] = {"torchaudio": _torchaudio, "librosa": _librosa}
    absent = [name for name in known if version(name) == "not installed"]
    notes = [missing(name) for name in absent]
    return {name: peer for name, peer in known.items() if name not in absent}, notes


def _torchaudio(samples: batch.Int16Array, hop: int) -> Callable[[], object]:
    import torch

    from kws.reference.torchaudio_import import import_torchaudio

    mel: dict[str, Any] = {"n_fft": N_FFT, "hop_length": hop, "n_mels": N_MELS, "center": False}
    mel |= {"f_min": F_MIN_HZ, "f_max": F_MAX_HZ, "mel_scale": "htk"}
    transform = import_torchaudio().transforms.MFCC(
        SAMPLE_RATE_HZ, n_mfcc=N_MFCC, log_mels=True, melkwargs=mel
    )
    waves = torch.from_numpy(samples.astype(np.float32) / 32768)
    return partial(transform, waves)


def _librosa(samples: batch.Int16Array, hop: int) -> Callable[[], object]:
    import librosa

    waves = samples.astype(np.float32) / 32768

    def work() -> object:
        bands = librosa.feature.melspectrogram(
            y=waves,
            sr=SAMPLE_RATE_HZ,
            n_fft=N_FFT,
            hop_length=hop,
            center=False,
            n_mels=N_MELS,
            fmin=F_MIN_HZ,
            fmax=F_MAX_HZ,
            htk=True,
            norm=None,
        )
        return librosa.feature.mfcc(S=np.log(bands + 1e-6), n_mfcc=N_MFCC)

    return work
