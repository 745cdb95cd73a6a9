"""The engine through Python: chunks, resets, gains, long runs, arguments that make no sense."""

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from kws.engine.native._engine import ffi
from loudness_models import noise, two_words, wake_word
from random_models import ALL, RandomModel

import kws
from kws.audio.files import read_audio
from kws.engine import batch, model_file
from kws.engine.spotter import time_of
from kws.engine.weights import Matrix, Weights
from kws.errors import AudioError, ConfigError, ModelError
from kws.settings.model import DetectorConfig, FeatureConfig

ROOT = Path(__file__).parents[3]
STREAM = ROOT / "data" / "sample" / "stream" / "held_out.opus"
SHIPPED = sorted(ROOT.glob("models/*/*.kws"))
CHUNKS = (1, 7, 160, 320, 511, 1600, "random", "all at once")


def chunks_of(samples: np.ndarray, length: int | str) -> list[np.ndarray]:
    if length == "all at once":
        return [samples]
    if length != "random":
        return np.split(samples, range(int(length), len(samples), int(length)))
    cuts = np.random.default_rng(0).integers(0, len(samples), 60)
    return np.split(samples, np.sort(cuts))  # some of them empty


def hidden(spotter: kws.Spotter) -> np.ndarray:
    state = ffi.buffer(spotter._spotter.fastgrnn.hidden_q15)
    return np.frombuffer(state, np.int16)[: spotter.model.hidden]


def speech(seconds: float = 6) -> np.ndarray:
    return read_audio(STREAM)[: round(seconds * 16_000)]


@pytest.mark.parametrize("length", CHUNKS)
def test_chunks_give_the_detections_and_states_of_one_call(random_model, length):
    samples = np.concatenate([speech(3), noise(2, 8000)])
    trace = batch.trace(random_model, samples)
    config = random_model.features
    expected = [
        (random_model.classes[word], time_of(frame, config))
        for frame, word, _ in batch.detect(random_model, trace.scores)
    ]
    spotter = kws.Spotter(random_model)
    found = [d for chunk in chunks_of(samples, length) for d in spotter.process(chunk)]
    assert [(d.word, d.time_s) for d in found] == expected
    assert spotter.frames == len(trace.features)
    np.testing.assert_array_equal(hidden(spotter), trace.hidden[-1])


def test_the_random_models_do_detect():
    samples = np.concatenate([speech(3), noise(2, 8000)])
    counts = [
        len(batch.detect(m, batch.scores(m, samples)))
        for m in (model_file.parse(recipe.encode()) for recipe in ALL)
    ]
    assert sum(counts) > 20 and sum(count > 0 for count in counts) >= 8


def test_float_chunks_are_heard_as_their_int16(model):
    samples = noise(2, 5000)
    whole, halves = kws.Spotter(model), kws.Spotter(model)
    assert halves.process(samples / np.float32(32768)) == whole.process(samples)
    np.testing.assert_array_equal(hidden(halves), hidden(whole))


@pytest.mark.parametrize("hop_length", (160, 320))
@pytest.mark.parametrize("energy", FeatureConfig.ENERGIES)
def test_features_of_a_stream_are_those_of_its_frames(hop_length, energy):
    """Frame t needs its own 512 samples, and with "delta" those of frame t - 1."""
    samples = speech(1)
    config = FeatureConfig(hop_length=hop_length, energy=energy)
    whole = kws.features(samples, config)
    for t in range(1, len(whole)):
        window = samples[(t - 1) * hop_length : t * hop_length + 512]
        np.testing.assert_array_equal(kws.features(window, config)[-1], whole[t])


def test_a_batch_is_its_clips_one_by_one(random_model):
    clips = np.stack([noise(1, 4000, seed=seed) for seed in range(5)])
    config = random_model.features
    features = batch.features_batch(clips, config, threads=3)
    logits, states = batch.network_batch(random_model, features, hidden=True, threads=3)
    assert states is not None
    for clip, *expected in zip(clips, features, states, logits, strict=True):
        trace = batch.trace(random_model, clip)
        for ours, theirs in zip(trace[:3], expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(batch.clip_logits(random_model, clips), logits.max(axis=1))


def test_reset_is_as_good_as_new(random_model):
    used, new = kws.Spotter(random_model), kws.Spotter(random_model)
    used.process(noise(1.234, 20_000))
    used.reset()
    assert used.frames == 0
    samples = speech(3)
    assert used.process(samples) == new.process(samples)
    np.testing.assert_array_equal(hidden(used), hidden(new))


def test_threads_that_share_a_spotter_wait_for_each_other():
    """Equal chunks give one stream in whatever order they come, so its end is known.

    In a process of its own: two calls in one spotter at a time write beyond its buffers.
    """
    program = f"""
import threading
import numpy as np
import kws
threads, chunks = 6, 150
chunk = np.random.default_rng(0).integers(-9000, 9000, 3 * 320 + 7).astype(np.int16)
alone, shared = (kws.Spotter({str(SHIPPED[0])!r}, threshold=0.002) for _ in range(2))
wanted = [d for _ in range(threads * chunks) for d in alone.process(chunk)]
assert wanted
found, start, done = [], threading.Barrier(threads), threading.Event()
def hear():
    start.wait()
    for _ in range(chunks):
        found.extend(shared.process(chunk))
def look():
    while not done.is_set():
        assert 0 <= shared.score <= 1 and shared.frames <= len(chunk) * threads * chunks // 320
        done.wait(0.001)
hearing = [threading.Thread(target=hear) for _ in range(threads)]
looking = threading.Thread(target=look)
for thread in (*hearing, looking):
    thread.start()
for thread in hearing:
    thread.join()
done.set()
looking.join()
assert shared.frames == alone.frames, (shared.frames, alone.frames)
assert shared.score == alone.score, (shared.score, alone.score)
assert sorted(d.time_s for d in found) == [d.time_s for d in wanted]
for thread in (threads := [threading.Thread(target=shared.reset) for _ in range(4)]):
    thread.start()
for thread in threads:
    thread.join()
assert shared.frames == 0
"""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", program], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_handler_may_reset_the_spotter_that_it_interrupts(model):
    """A signal's handler runs in the midst of `process`, in the thread that holds the lock."""
    spotter = kws.Spotter(model)
    with spotter._lock:
        spotter.reset()
    assert spotter.frames == 0


def test_samples_it_refuses_leave_the_stream_as_it_was(model):
    spotter = kws.Spotter(model)
    spotter.process(noise(0.7, 5000))
    before = hidden(spotter).copy(), spotter.frames
    for bad in (np.array([0.0, np.nan]), np.array([1, 2], np.int64), np.array(["a"])):
        with pytest.raises(AudioError):
            spotter.process(bad)
    assert spotter.process([]) == []
    np.testing.assert_array_equal(hidden(spotter), before[0])
    assert spotter.frames == before[1]


def delta_words() -> model_file.Model:
    """Hears "low" and "high" in the colour of noise (c1), whatever its level."""
    model = model_file.parse(two_words())
    w = model.c[0].model
    features = FeatureConfig(hop_length=320, n_mfcc=2, energy="delta")
    low, high = (kws.features(noise(1, 2000, colour=c), features)[5:, 1] for c in ("low", "high"))
    middle = int(low.mean() + high.mean()) // 64
    eye = Matrix("int8", np.array([[0, 0], [0, 127]], np.int8), 1, 0)
    weights = Weights(
        input_offset=np.array([0, middle], np.int8),
        input_scale=np.array([1, 128], np.uint8),
        w=(eye,),
        u=(Matrix("int8", np.zeros((2, 2), np.int8), 1, 0),),
        bias_gate=None,
        bias_update=np.zeros(2, np.int8),
        zeta_q8=w.zeta_q8,
        nu_q8=w.nu_q8,
        classifier=Matrix("int8", np.array([[0, 127], [0, -127]], np.int8), 1, 2),
        bias_class=np.zeros(2, np.int16),
    )
    detector = DetectorConfig(threshold=0.8, release=0.4, refractory_frames=10)
    return model_file.parse(model_file.encode(features, detector, ("low", "high"), weights))


def louder(samples: np.ndarray, gain_db: float) -> np.ndarray:
    scaled = np.rint(samples * 10 ** (gain_db / 20))
    assert np.abs(scaled).max() < 32767, "clipped: no longer the same sound"
    return scaled.astype(np.int16)


@pytest.mark.parametrize("gain_db", (-20.0, 10.0))
def test_delta_gives_the_same_detections_at_every_level(gain_db):
    colours = itertools.cycle(("low", "high"))
    samples = np.concatenate([noise(0.5, 1200, seed=i, colour=next(colours)) for i in range(8)])
    model = delta_words()
    heard = [d[:2] for d in kws.Spotter(model).process(samples)]
    assert [word for word, _ in heard] == ["low", "high"] * 4
    scaled = louder(samples, gain_db)
    assert [d[:2] for d in kws.Spotter(model).process(scaled)] == heard


@pytest.mark.parametrize("gain_db", (-20.0, 10.0))
def test_delta_features_of_speech_do_not_depend_on_the_level(gain_db):
    """Within 0.15 nat, 0.03 in the mean; what is left is the rounding of the quiet copy."""
    voice = speech(6).astype(np.float64)
    voice *= 6000 / np.abs(voice).max()
    room = np.random.default_rng(0).normal(0, 200, len(voice))  # well above 16-bit rounding
    samples = np.rint(voice + room).astype(np.int16)
    scaled = louder(samples, gain_db)
    config = FeatureConfig(hop_length=320, n_mfcc=16, energy="delta")
    nats = (kws.features(scaled, config) - kws.features(samples, config).astype(int)) / 128
    assert np.abs(nats[1:]).max() <= 0.15  # frame 0 has no frame before it
    assert np.sqrt(np.mean(np.square(nats[1:]))) <= 0.03
    absolute = FeatureConfig(hop_length=320, n_mfcc=16)
    shift = kws.features(scaled, absolute)[:, 0] - kws.features(samples, absolute)[:, 0].astype(int)
    expected = gain_db / 20 * np.log(10) * 2 * 40**0.5  # the gain's logarithm, in all 40 bands
    np.testing.assert_allclose(shift.mean() / 128, expected, rtol=0.02)


def test_a_day_of_sound_leaves_the_state_where_an_hour_does():
    """A minute again and again: if nothing drifts, each minute ends as the second one did."""
    model = model_file.parse(RandomModel(recurrence=0.5, seed=3).encode())
    minute = batch.features(np.concatenate([speech(30), noise(30, 9000)]), model.features)
    repeats = 60
    hour = np.tile(minute, (repeats, 1))[None]
    _, states = batch.network_batch(model, hour, hidden=True, threads=1)
    assert states is not None
    ends = states[0, len(minute) - 1 :: len(minute)]
    assert len(ends) == repeats
    np.testing.assert_array_equal(ends[2:], np.broadcast_to(ends[1], ends[2:].shape))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_models_forget_the_worst_past(path):
    """Ten seconds after a minute at full scale the logits are what they are after any minute.

    States in integers hardly meet again: after three minutes of the same quiet noise, too, the
    logits differ by 0.04 to 0.4 nat from then on (the worst class, mean of ten seconds).
    """
    model = model_file.load(path)
    now, *minutes = np.split(batch.features(noise(260, 300), model.features)[1:12_001], 4)
    worst = [np.full_like(now, value) for value in (-32768, 0, 32767)]

    def spread(pasts: list[np.ndarray]) -> np.ndarray:
        logits, _ = batch.network_batch(model, np.stack([np.append(p, now, 0) for p in pasts]))
        return np.ptp(logits[:, len(now) :].astype(int), axis=0).max(axis=1)

    after_worst, after_quiet = spread(worst), spread(minutes)
    assert after_worst[:25].mean() > 5 * after_quiet[:25].mean()  # what is remembered is seen
    assert after_worst[500:1000].mean() <= 1.2 * after_quiet[500:1000].mean()


def test_the_detector_replayed_over_scores_follows_its_rules():
    model = model_file.parse(wake_word())  # threshold 0.8: 1420, release 0.4: -415, 25 frames
    scores = np.full((200, 1), -3000, np.int16)
    scores[10:20] = 1420  # fires once, however long it lasts
    scores[25:30] = 3000  # within the refractory time, and over when that ends
    scores[60:70] = 1419  # just below
    scores[80:90] = 1500
    scores[90:100] = -415  # not below release
    scores[120:125] = 1500  # hence not armed... until it falls again, at 100
    assert batch.detect(model, scores) == [(10, 0, 1420), (80, 0, 1500), (120, 0, 1500)]
    scores[100:120] = -415
    assert batch.detect(model, scores) == [(10, 0, 1420), (80, 0, 1500)]
    assert batch.detect(model, scores, threshold=0.9) == [(25, 0, 3000)]


@pytest.mark.parametrize(
    ("name", "said"), [(b"kws", "not by bytes: save it"), (None, "not by NoneType: save it")]
)
def test_what_names_no_model_is_refused(name, said):
    with pytest.raises(ModelError, match=f"A model is named by a path, {said} as a .kws file"):
        kws.Spotter(name)


def test_a_threshold_given_to_the_spotter_is_the_one_of_a_replay(random_model):
    samples = np.concatenate([speech(3), noise(2, 8000)])
    scores = batch.scores(random_model, samples)
    counts = []
    for threshold in (0.05, 0.5, 0.9, 0.999):
        spotter = kws.Spotter(random_model, threshold=threshold)
        heard = spotter.process(samples)
        replayed = batch.detect(random_model, scores, threshold)
        assert [d.word for d in heard] == [random_model.classes[word] for _, word, _ in replayed]
        assert all(d.score >= threshold - 1e-3 for d in heard)
        counts.append(len(heard))
    assert counts[0] >= counts[-1]


@pytest.mark.parametrize("threshold", (0.0, 1.0, -1, 2.0, float("nan"), "x", [0.5]))
def test_a_threshold_that_is_no_posterior_is_refused(model, threshold):
    with pytest.raises(ConfigError, match="threshold"):
        kws.Spotter(model, threshold=threshold)


def test_arrays_of_the_wrong_type_or_width_are_refused_before_c_reads_them(model):
    width = model.features.n_features
    cases = [
        lambda: batch.features_batch(np.zeros((2, 600), np.float32)),
        lambda: batch.features_batch(np.zeros(600, np.int16)),
        lambda: batch.network_batch(model, np.zeros((1, 5, width - 1), np.int16)),
        lambda: batch.network_batch(model, np.zeros((1, 5, width), np.int32)),
        lambda: batch.detect(model, np.zeros((5, 2), np.int16)),
    ]
    for call in cases:
        with pytest.raises(AudioError, match="give int16"):
            call()


@pytest.mark.parametrize("samples", (0, 1, 511))
def test_a_signal_shorter_than_a_frame_has_no_frames(model, samples):
    signal = np.zeros(samples, np.int16)
    trace = batch.trace(model, signal)
    assert trace.features.shape == (0, model.features.n_features)
    assert trace.scores.shape == (0, len(model.classes))
    assert batch.detect(model, trace.scores) == []
    assert kws.Spotter(model).process(signal) == []
