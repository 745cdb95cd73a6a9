"""Sound that is not what it seems gets a warning or an error, and honest sound gets neither."""

import random
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.audio.bandwidth import Spectrum
from kws.audio.files import find_audio, read_audio, write_audio
from kws.audio.recording import Recording, decode
from kws.audio.samples import Samples, resample
from kws.errors import AudioError
from kws.support.notices import Notice

SAMPLE = Path(__file__).parents[3] / "data" / "sample"
SPEECH = find_audio(SAMPLE / "negatives" / "test" / "speech")


def tone(hz: float = 440.0, seconds: float = 1.0, rate_hz: int = 16_000) -> np.ndarray:
    return 0.25 * np.sin(2 * np.pi * hz * np.arange(round(rate_hz * seconds)) / rate_hz)


def noise(seed: int, level: float = 0.1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, level, 16_000)


def found(path: Path, samples: np.ndarray, subtype: str = "PCM_16") -> list[Notice]:
    soundfile.write(path, samples, 16_000, subtype=subtype)
    return decode(path)[1]


# --- level ------------------------------------------------------------------------------------


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_floats_of_integers_are_refused_by_their_level(
    tmp_path: Path, subtype: str, rate_hz: int
) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone() * 32768, rate_hz, subtype=subtype)
    with pytest.raises(AudioError) as refusal:
        read_audio(path)
    assert f"{path}: samples reach 8192, where floats go from -1 to 1" in str(refusal.value)


@pytest.mark.parametrize("suffix", ["wav", "aiff", "caf"])
def test_16_bits_at_the_bottom_of_32_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    low = np.rint(tone() * 4 * 32767).astype(np.int32)
    soundfile.write(path, low, 16_000, subtype="PCM_32")
    with pytest.raises(AudioError, match=r"nothing above the lowest of 16 bits.*scale them up"):
        read_audio(path)
    soundfile.write(path, low << 16, 16_000, subtype="PCM_32")
    assert np.abs(read_audio(path)).max() == 32_767


def test_16_bits_at_the_bottom_of_24_are_told_by_their_level(tmp_path: Path) -> None:
    low = np.rint(tone() * 4 * 32767).astype(np.int32) << 8  # libsndfile keeps the upper 24 bits
    (notice,) = found(tmp_path / "a.wav", low, "PCM_24")
    assert notice.kind == "level" and "-48 dB of full scale" in notice.text
    assert not found(tmp_path / "b.wav", low << 2, "PCM_24")
    assert not found(tmp_path / "c.wav", (low >> 16).astype(np.int16))  # 16 bits of 16 are quiet


@pytest.mark.parametrize("value", [0, -3])
def test_silence_is_told(tmp_path: Path, value: int) -> None:
    path = tmp_path / "a.wav"
    (notice,) = found(path, np.full(16_000, value, np.int16))
    assert notice.kind == "silent"
    assert notice.text.startswith(
        f"{path} is silent: every sample is {value}; it counts as silence"
    )
    assert "record it again" not in notice.text  # a silent negative needs no remedy


# --- channels ---------------------------------------------------------------------------------


def test_channels_that_differ_much_are_told_with_their_levels(tmp_path: Path) -> None:
    silent = np.zeros(16_000)
    (notice,) = found(tmp_path / "a.wav", np.stack([noise(1, 0.02), silent, noise(2, 0.2)], 1))
    assert notice.kind == "channels"
    assert "3 channels that differ much (-20 dB, silent, 0 dB)" in notice.text
    assert "kws listen and evaluate take one with --channel N" in notice.text
    assert notice.text.endswith("for training save it alone")


def test_unrelated_channels_of_one_level_are_told(tmp_path: Path) -> None:
    (notice,) = found(tmp_path / "a.wav", np.stack([noise(1), noise(2)], 1))
    assert notice.kind == "channels" and "(0 dB, 0 dB)" in notice.text.replace("-0", "0")


@pytest.mark.parametrize("gain", [1.0, 0.5])
def test_a_stereo_recording_of_one_voice_is_no_finding(tmp_path: Path, gain: float) -> None:
    voice = read_audio(SPEECH[0]) / 32768
    sides = np.stack([voice, gain * np.roll(voice, 2)], 1) + 0.001 * noise(3)[:1, None]
    assert not found(tmp_path / "a.wav", sides)


@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
def test_an_inverted_side_is_refused_and_one_channel_of_it_read(
    tmp_path: Path, rate_hz: int
) -> None:
    path = tmp_path / "a.wav"
    left = tone(rate_hz=rate_hz)
    soundfile.write(path, np.stack([left, -left], 1), rate_hz)
    with pytest.raises(AudioError) as refusal:
        read_audio(path)
    assert "one side is inverted; choose a channel" in str(refusal.value)
    samples, notices = decode(path, channel=1)
    assert np.abs(samples.astype(int)).max() == pytest.approx(8_192, rel=0.02) and not notices


def test_a_channel_is_taken_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    sides = np.stack([np.full(1_000, value, np.int16) + np.arange(1_000) for value in (0, 7, 9)], 1)
    soundfile.write(path, sides.astype(np.int16), 16_000)
    for channel in range(3):
        assert read_audio(path, channel=channel).tolist() == sides[:, channel].tolist()
    with pytest.raises(AudioError, match=r"a\.wav has 3 channels: --channel 3 is not among them"):
        read_audio(path, channel=3)
    write_audio(path, sides[:, 0].astype(np.int16))
    assert read_audio(path, channel=0).tolist() == sides[:, 0].tolist()
    with pytest.raises(AudioError, match="has 1 channel: --channel 1"):
        read_audio(path, channel=1)


def test_a_corpus_may_mix_recordings_of_several_channels_with_those_of_one(tmp_path: Path) -> None:
    path, left = tmp_path / "a.wav", np.arange(1_000, dtype=np.int16)
    write_audio(path, left)
    samples, _ = decode(path, channel=1, mono_too=True)
    assert samples.tolist() == left.tolist()
    soundfile.write(path, np.stack([left, -left], 1), 16_000)
    samples, _ = decode(path, channel=1, mono_too=True)
    assert samples.tolist() == (-left).tolist()
    with pytest.raises(AudioError, match="has 2 channels: --channel 2"):
        decode(path, channel=2, mono_too=True)


# --- bandwidth --------------------------------------------------------------------------------


def upsampled(samples: Samples, source_hz: int) -> Samples:
    return resample(resample(samples, 16_000, source_hz), source_hz, 16_000)


@pytest.mark.parametrize(("source_hz", "said"), [(8_000, "4.0"), (11_025, "5.5")])
def test_speech_of_a_lower_rate_is_told_with_its_bandwidth(
    tmp_path: Path, source_hz: int, said: str
) -> None:
    warned = 0
    for number, path in enumerate(SPEECH):
        speech = upsampled(read_audio(path), source_hz)
        write_audio(tmp_path / f"{number}.wav", speech)
        notices = decode(tmp_path / f"{number}.wav")[1]
        if notices:
            (notice,) = notices
            assert notice.kind == "bandwidth"
            assert f"nothing above {said} kHz, since it seems made from sound" in notice.text
            warned += 1
    assert warned >= 0.9 * len(SPEECH)


def test_the_bandwidth_of_a_long_recording_does_not_depend_on_its_pieces() -> None:
    speech = np.concatenate([read_audio(path) for path in SPEECH])
    first = np.tile(upsampled(speech, 8_000), 1 + 70 * 16_000 // len(speech))  # over a minute
    rng = np.random.default_rng(0)
    for rest, source_hz in ((first, 8_000), (np.tile(speech, 20), None)):
        whole, pieces = Spectrum(), Spectrum()
        samples = np.concatenate([first, rest])
        whole.add(samples)
        start = 0
        while start < len(samples):
            end = start + int(rng.integers(1, 40_000))
            pieces.add(samples[start:end])
            start = end
        assert whole.source_hz() == pieces.source_hz() == source_hz


def test_speech_of_16_khz_is_no_finding() -> None:
    for path in SPEECH:
        assert not decode(path)[1]


def test_a_recording_at_8_khz_is_told_by_its_rate_and_not_for_a_model_of_8_khz(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, noise(1), 8_000)
    (notice,) = decode(path)[1]
    assert "nothing above 4.0 kHz, since it is recorded at 8000 Hz" in notice.text
    assert "a model of 16 kHz" in notice.text
    assert not decode(path, 8_000)[1]


@pytest.mark.parametrize("hz", [200, 1_000, 3_400])
def test_a_tone_is_no_telephone(tmp_path: Path, hz: float) -> None:
    assert not found(tmp_path / "a.wav", tone(hz))
    assert not found(tmp_path / "b.wav", tone(hz) + noise(1, 0.0003))


def test_findings_do_not_depend_on_where_blocks_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.wav"
    write_audio(path, upsampled(read_audio(SPEECH[0]), 8_000))
    recording = Recording(path)
    whole = list(recording) and recording.notices
    monkeypatch.setattr("kws.audio.recording.BLOCK_FRAMES", 777)
    assert len(list(recording)) > 5 and recording.notices == whole != []


@pytest.mark.recordings
@pytest.mark.parametrize(
    "folder",
    ["speech_commands", "negative_speech", "noise", "rooms", "wake_phrases"],
)
def test_real_recordings_get_no_false_warning(recordings: Path, folder: str) -> None:
    paths = find_audio(recordings / folder)
    chosen = random.Random(5).sample(paths, min(100, len(paths)))
    warned = [path for path in chosen if "bandwidth" in {n.kind for n in decode(path)[1]}]
    assert not warned
