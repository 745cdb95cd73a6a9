"""The test stream and its rule: what counts as found, as missed and as a false accept."""

import math
from pathlib import Path

import numpy as np
import pytest

from kws.audio.files import write_audio
from kws.audio.level import SpeechLevel, speech_span
from kws.errors import CorpusError
from kws.evaluation.conditions import Conditions
from kws.evaluation.operating_points import suggested
from kws.evaluation.placed import PlacedClip, Stream
from kws.evaluation.recording_stream import build_stream
from kws.evaluation.verdict import Hit, judge
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.support.notices import gathered
from kws.support.statistics import poisson_upper


def clip(word, start_s, end_s, folder="a", speech_end_s=None):
    samples = [round(s * SAMPLE_RATE_HZ) for s in (start_s, end_s, speech_end_s or end_s)]
    return PlacedClip(Path(f"{folder}/{start_s}.wav"), folder, word, *samples)


def hit(time_s, word="hey"):
    return Hit(round(time_s * SAMPLE_RATE_HZ), word, 0.9)


def tone(seconds, amplitude=8_000):
    time_s = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (amplitude * np.sin(2 * np.pi * 300 * time_s)).astype(np.int16)


STREAM = Stream(
    np.zeros(0, np.int16),
    [
        clip(None, 1.5, 3.5, "talk"),
        clip("hey", 5.0, 6.0, "hey", speech_end_s=5.8),
        clip(None, 7.5, 9.5, "music"),
        clip("hey", 11.0, 12.0, "hey"),
    ],
)


@pytest.mark.parametrize("time_s", [5.0, 5.5, 6.0, 7.0])
def test_a_detection_within_the_clip_or_a_second_after_it_finds_a_positive(time_s):
    verdict = judge(STREAM, [hit(time_s)])
    assert [missed.start for missed in verdict.missed] == [11 * SAMPLE_RATE_HZ]
    assert verdict.false_accepts == []
    assert verdict.latencies_s == [pytest.approx(time_s - 5.8)]


@pytest.mark.parametrize(
    ("time_s", "folder"),
    [(0.5, "talk"), (2.0, "talk"), (4.9, "talk"), (7.01, "hey"), (8.0, "music"), (13.5, "hey")],
)
def test_a_detection_elsewhere_is_a_false_accept_of_the_clip_before_it(time_s, folder):
    verdict = judge(STREAM, [hit(time_s)])
    assert [clip.folder for clip, _ in verdict.false_accepts] == [folder]
    assert len(verdict.missed) == 2


def test_a_second_detection_in_the_same_positive_counts_neither_way():
    verdict = judge(STREAM, [hit(5.5), hit(6.5), hit(11.5)])
    assert verdict.missed == verdict.false_accepts == []
    assert verdict.latencies_s == [pytest.approx(-0.3), pytest.approx(-0.5)]


def test_another_word_in_a_positive_is_a_miss_and_not_a_false_accept():
    verdict = judge(STREAM, [hit(5.5, "you"), hit(11.5)])
    assert [missed.start for missed in verdict.missed] == [5 * SAMPLE_RATE_HZ]
    assert verdict.false_accepts == []
    assert verdict.wrong_words == 1


def test_hours_count_the_negative_recordings_without_the_joins():
    assert STREAM.negative_hours == pytest.approx(4 / 3600)
    assert STREAM.hours_by_folder() == {
        "talk": pytest.approx(2 / 3600),
        "music": pytest.approx(2 / 3600),
    }


@pytest.mark.parametrize("count", [0, 1, 2, 5, 17, 100, 2_000])
def test_the_upper_bound_is_half_the_chi_square_quantile(count):
    scipy_stats = pytest.importorskip("scipy.stats")
    expected = scipy_stats.chi2.ppf(0.95, 2 * (count + 1)) / 2
    assert poisson_upper(count) == pytest.approx(expected, rel=1e-9)


def test_no_event_at_all_bounds_the_mean_at_three():
    """The rule of three, exactly: e^-mean = 0.05."""
    assert poisson_upper(0) == pytest.approx(-math.log(0.05), rel=1e-12)


def test_the_speech_ends_before_the_pause_behind_it():
    samples = np.concatenate([np.zeros(3_200, np.int16), tone(0.5), np.zeros(4_800, np.int16)])
    samples[-4_800:] += np.random.default_rng(0).integers(-20, 21, 4_800).astype(np.int16)
    assert speech_span(samples)[1] == 3_200 + 8_000
    assert speech_span(tone(0.5))[1] == 8_000
    assert speech_span(np.ones(100, np.int16))[1] == 100


@pytest.mark.parametrize("noise", [0, 20, 200])
def test_the_noise_of_a_room_behind_the_word_is_no_speech(noise):
    """A hiss 30 dB below the word, which counts as speech by the level of the word alone."""
    samples = np.concatenate([np.zeros(16_000, np.int16), tone(0.5), np.zeros(16_000, np.int16)])
    hiss = np.random.default_rng(0).normal(0, noise, len(samples))
    level = SpeechLevel()
    level.add((samples + hiss).astype(np.int16))
    assert abs(level.end_heard() - 24_000) <= 320


@pytest.fixture
def folders(tmp_path):
    for number in range(5):
        write_audio(tmp_path / "hey" / f"p{number}.wav", tone(0.5 + number / 10))
        write_audio(tmp_path / "talk" / f"n{number}.wav", tone(1.0, 2_000))
    write_audio(tmp_path / "noise" / "hum.wav", tone(2.0, 500)[::-1].copy())
    return tmp_path


def test_a_stream_is_the_clips_with_low_noise_before_between_and_after(folders):
    stream = build_stream([folders / "hey"], [folders / "talk"], ["hey"])
    assert len(stream.clips) == 10
    assert len(stream.positives) == 5
    join = round(1.5 * SAMPLE_RATE_HZ)
    position = 0
    for part in stream.clips:
        quiet = stream.samples[position : part.start].astype(float)
        assert len(quiet) == join
        assert np.sqrt(np.mean(quiet**2)) == pytest.approx(16, rel=0.1)
        original = tone(0.5 + int(part.path.stem[1]) / 10) if part.word else tone(1.0, 2_000)
        np.testing.assert_array_equal(stream.samples[part.start : part.end], original)
        position = part.end
    assert len(stream.samples) == position + join


def test_near_misses_count_by_the_clip_and_not_by_the_hour(folders):
    for number in range(4):
        write_audio(folders / "near_misses" / f"m{number}.wav", tone(1.0, 3_000))
    given = [folders / "talk", folders / "near_misses"]
    stream = build_stream([folders / "hey"], given, ["hey"])
    assert len(stream.near_misses) == 4
    assert stream.negative_hours == pytest.approx(5 / 3600)
    assert list(stream.hours_by_folder()) == [str(folders / "talk")]
    hits = [Hit(clip.end, "hey", 0.9) for clip in stream.clips if clip.path.stem in ("m1", "n2")]
    hits += [Hit(clip.end + 100, "hey", 0.9) for clip in stream.near_misses[:1]]
    verdict = judge(stream, sorted(hits))
    fired = {clip.path.stem for clip in verdict.fired_near_misses}
    assert fired == {"m1", stream.near_misses[0].path.stem}
    assert [clip.path.stem for clip, _ in verdict.false_accepts] == ["n2"]
    # Where there is nothing else, hours of them are all that can be counted.
    alone = build_stream([folders / "hey"], [folders / "near_misses"], ["hey"])
    assert alone.negative_hours == pytest.approx(4 / 3600)
    hit = Hit(alone.near_misses[0].end, "hey", 0.9)
    verdict = judge(alone, [hit])
    assert len(verdict.false_accepts) == len(verdict.fired_near_misses) == 1


def test_the_order_depends_on_the_seed_alone(folders):
    def build(seed):
        return build_stream([folders / "hey"], [folders / "talk"], ["hey"], seed=seed)

    np.testing.assert_array_equal(build(3).samples, build(3).samples)
    assert [c.path for c in build(3).clips] != [c.path for c in build(4).clips]
    is_positive = [clip.word is not None for clip in build(3).clips]
    assert is_positive not in ([True] * 5 + [False] * 5, [False] * 5 + [True] * 5)


def test_noise_is_added_to_the_positives_at_the_ratio_asked_for(folders):
    plain = build_stream([folders / "hey"], [folders / "talk"], ["hey"])
    noisy = build_stream(
        [folders / "hey"],
        [folders / "talk"],
        ["hey"],
        conditions=Conditions([folders / "noise"], 10.0),
    )
    assert plain.clips == noisy.clips
    difference = noisy.samples.astype(float) - plain.samples
    for part in plain.clips:
        clean = plain.samples[part.start : part.end].astype(float)
        added = difference[part.start : part.end]
        if part.word is None:
            assert not added.any()
        else:
            ratio_db = 10 * math.log10(np.mean(clean**2) / np.mean(added**2))
            assert ratio_db == pytest.approx(10, abs=0.1)


def test_a_model_of_several_words_takes_them_from_the_folders_names(folders):
    words = ["hey", "you there"]
    (folders / "pos").mkdir()
    write_audio(folders / "pos" / "you_there" / "1.wav", tone(0.5))
    write_audio(folders / "pos" / "Hey" / "1.wav", tone(0.5))
    stream = build_stream([folders / "pos"], [folders / "talk"], words)
    assert {clip.path.parent.name: clip.word for clip in stream.positives} == {
        "you_there": "you there",
        "Hey": "hey",
    }


def test_positives_of_an_unknown_word_are_refused_by_name(folders):
    with pytest.raises(CorpusError, match=r"not clear which word .*n0\.wav holds.*left, right"):
        build_stream([folders / "talk"], [folders / "hey"], ["left", "right"])


def test_a_file_that_is_both_positive_and_negative_is_refused(folders):
    with pytest.raises(CorpusError, match=r"hey/p0\.wav is given as a positive and as a negative"):
        build_stream([folders / "hey"], [folders], ["hey"])


def test_an_empty_folder_is_refused(folders, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match="empty holds no sound files"):
        build_stream([tmp_path / "empty"], [folders / "talk"], ["hey"])


def test_a_stream_at_8_khz_has_the_same_times(folders):
    at_16, at_8 = (
        build_stream([folders / "hey"], [folders / "talk"], ["hey"], sample_rate_hz=rate_hz)
        for rate_hz in (16_000, 8_000)
    )
    assert len(at_8.samples) * 2 == len(at_16.samples)
    assert at_8.negative_hours == pytest.approx(at_16.negative_hours)
    for ours, theirs in zip(at_8.clips, at_16.clips, strict=True):
        assert (ours.path, 2 * ours.start, 2 * ours.end) == (theirs.path, theirs.start, theirs.end)
        assert abs(2 * ours.speech_end - theirs.speech_end) <= 320
    end = at_8.positives[0].end
    late = judge(at_8, [Hit(end + 7_999, "hey", 0.9)])
    assert len(late.missed) == len(at_8.positives) - 1 and not late.false_accepts


def upper(rate):
    return {"false_accepts_per_hour_upper_95": rate}


def test_a_wish_is_met_by_the_threshold_that_misses_least_and_few_hours_promise_nothing():
    points = [
        {"threshold": t, "miss_rate": m, "false_accepts_per_hour": f, **upper(u)}
        for t, m, f, u in ((0.5, 0.0, 2.0, 2.5), (0.7, 0.1, 0.5, 0.9), (0.9, 0.2, 0.0, 0.5))
    ]
    rows = suggested(points)
    assert [(row["wish"], row["threshold"], row["is_shown"]) for row in rows] == [
        ("once an hour", 0.7, True),
        ("twice a day", 0.9, False),
        ("once a day", 0.9, False),
    ]
    assert suggested(points[:1]) == []


def test_a_recording_in_several_of_the_folders_is_played_once(tmp_path):
    write_audio(tmp_path / "hey" / "a.wav", tone(0.5))
    for name in ("1.wav", "sub/2.wav"):
        write_audio(tmp_path / "talk" / name, tone(1.0, 4_000 + len(name)))
    (tmp_path / "link").symlink_to(tmp_path / "talk")
    talk = [tmp_path / "talk", tmp_path / "talk" / "sub", tmp_path / "link"]
    for positives, negatives, told in (
        ([tmp_path / "hey"], talk[:1], None),
        ([tmp_path / "hey"], talk, "sub/2.wav and 2 more are in several of the folders"),
        ([tmp_path / "hey", tmp_path / "hey" / "a.wav"], talk[:1], "a.wav is in several"),
    ):
        with gathered() as notices:
            stream = build_stream(positives, negatives, ["hey"])
        assert len(stream.positives) == 1
        assert stream.negative_hours == pytest.approx(2 / 3600)
        assert (told or "") in "".join(notices.by_kind.get("given twice", []))
        assert bool(told) == bool(notices.by_kind)


def test_the_innermost_folder_has_a_recording_of_several(tmp_path):
    write_audio(tmp_path / "hey" / "a.wav", tone(0.5))
    for name in ("1.wav", "sub/2.wav"):
        write_audio(tmp_path / "talk" / name, tone(1.0, 4_000 + len(name)))
    for talk in (
        [tmp_path / "talk", tmp_path / "talk/sub"],
        [tmp_path / "talk/sub", tmp_path / "talk"],
    ):
        stream = build_stream([tmp_path / "hey"], talk, ["hey"])
        hours = stream.hours_by_folder()
        assert set(hours) == {str(folder) for folder in talk}
