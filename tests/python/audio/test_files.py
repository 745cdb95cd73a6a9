"""Any sound file or array becomes mono int16 at 16 kHz, and bad ones give one clear sentence."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from refusals import one_sentence

from kws.audio.files import find_audio, read_audio, write_audio
from kws.audio.samples import StreamResampler, resample, to_int16
from kws.errors import AudioError, CorpusError
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.support.notices import gathered


def tone(rate_hz: int = 16_000, seconds: float = 0.5, hz: float = 440.0) -> np.ndarray:
    time_s = np.arange(int(rate_hz * seconds)) / rate_hz
    return np.round(8000 * np.sin(2 * np.pi * hz * time_s)).astype(np.int16)


# --- arrays -----------------------------------------------------------------------------------


def test_int16_samples_pass_through_untouched() -> None:
    samples = np.array([-32768, -1, 0, 1, 32767], np.int16)
    assert to_int16(samples) is samples


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, 0), (-1.0, -32768), (1.0, 32767), (0.5, 16384), (7.0, 32767), (-7.0, -32768),
     (0.6 / 32768, 1), (-0.6 / 32768, -1), (0.4 / 32768, 0), (32766.6 / 32768, 32767)],
)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_are_scaled_rounded_and_saturated(value: float, expected: int, dtype: type) -> None:
    assert to_int16(np.array([value], dtype)).tolist() == [expected]


@pytest.mark.parametrize("shape", [(5,), (5, 1)])
@pytest.mark.parametrize("dtype", ["<i2", ">i2"])
def test_int16_of_either_order_of_bytes_is_taken(dtype: str, shape: tuple[int, ...]) -> None:
    samples = to_int16(np.array([-32768, -1, 0, 258, 32767], dtype).reshape(shape))
    assert samples.dtype == np.int16 and samples.tolist() == [-32768, -1, 0, 258, 32767]


def test_rows_of_several_lengths_are_refused() -> None:
    with pytest.raises(AudioError) as refusal:
        to_int16([[1.0], [1.0, 2.0]])
    assert "samples are no array" in one_sentence(refusal)


@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=50))
def test_int16_survives_the_way_through_float32(values: list[int]) -> None:
    samples = np.array(values, np.int16)
    assert to_int16(samples.astype(np.float32) / 32768).tolist() == values


def test_channels_are_averaged_without_overflow() -> None:
    stereo = np.array([[32767, 32767], [-32768, -32768], [10, 20], [32767, -32767]], np.int16)
    assert to_int16(stereo).tolist() == [32767, -32768, 15, 0]
    assert to_int16(stereo / np.float32(32768)).tolist() == [32767, -32768, 15, 0]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_refused_with_their_number(bad: float) -> None:
    with pytest.raises(AudioError) as refusal:
        to_int16(np.array([0.0, bad, 0.1, bad]))
    assert "2 of 4 samples are NaN or infinite" in one_sentence(refusal)


@pytest.mark.parametrize(
    ("samples", "said"),
    [(np.zeros(4, np.int32), "int32"), (np.zeros(4, np.uint8), "uint8"),
     (np.zeros(4, complex), "complex"), (np.array(["a"]), "<U1"),
     (np.zeros((2, 2, 2)), "3 dimensions"), (np.int16(3), "0 dimensions"),
     (np.zeros((5, 0)), "0 channels")],
)  # fmt: skip
def test_other_arrays_are_refused_by_what_they_are(samples: np.ndarray, said: str) -> None:
    with pytest.raises(AudioError) as refusal:
        to_int16(samples)
    assert said in one_sentence(refusal)


@pytest.mark.parametrize(
    ("largest", "scale"), [(8_000, 32_768), (8e6, 8_388_608), (2e9, 2_147_483_648)]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_that_hold_integers_are_refused_by_their_level(
    largest: float, scale: int, dtype: type
) -> None:
    samples: np.ndarray = (tone() / 8_000.0 * largest).astype(dtype)
    with pytest.raises(AudioError) as refusal:
        to_int16(samples)
    message = one_sentence(refusal)
    assert message.startswith(f"samples reach {largest:.0f}, where floats go from -1 to 1")
    assert f"divide them by {scale}" in message


@pytest.mark.parametrize("shape", [(1, 8_000), (2, 4_000), (6, 48)])
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_channels_before_samples_are_refused(shape: tuple[int, int], dtype: type) -> None:
    with pytest.raises(AudioError) as refusal:
        to_int16(np.zeros(shape, dtype))
    message = one_sentence(refusal)
    assert f"samples of shape {shape} have {shape[1]} channels" in message
    assert "`samples.T`" in message


@pytest.mark.parametrize("shape", [(1, 6), (1, 32), (100, 64)])
def test_a_short_chunk_of_a_microphone_array_is_averaged(shape: tuple[int, int]) -> None:
    assert to_int16(np.full(shape, 7, np.int16)).tolist() == [7] * shape[0]


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_an_inverted_side_is_said_and_not_averaged_to_silence(dtype: type) -> None:
    left = tone() if dtype is np.int16 else (tone() / 32768).astype(dtype)
    with pytest.raises(AudioError) as refusal:
        to_int16(np.stack([left, -left], axis=1))
    assert "2 channels cancel each other, one side is inverted" in one_sentence(refusal)
    quiet = np.stack([left, -left], axis=1)[:1_000]
    assert not to_int16(quiet).any()  # too short to tell


# --- reading ----------------------------------------------------------------------------------


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_rate_and_channel_count_gives_the_same_tone(
    tmp_path: Path, rate_hz: int, channels: int
) -> None:
    path = tmp_path / "tone.wav"
    soundfile.write(path, np.stack([tone(rate_hz)] * channels, axis=1), rate_hz)
    samples = read_audio(path)
    expected = tone()
    assert samples.dtype == np.int16
    assert abs(len(samples) - len(expected)) <= 1
    middle = slice(1000, 7000)  # the filter rings at both ends
    error = samples[middle].astype(int) - expected[middle]
    assert np.abs(error).max() <= 8  # -60 dB of the tone


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_any_sample_width_gives_the_nearest_int16(tmp_path: Path, subtype: str) -> None:
    path = tmp_path / "wide.wav"
    fine = 0.25 * np.sin(np.arange(4000) * 0.1)
    soundfile.write(path, fine, 16_000, subtype=subtype)
    step = 256 if subtype == "PCM_U8" else 1
    assert np.abs(read_audio(path) - fine * 32768).max() <= step


def test_24_bits_are_rounded_and_not_cut(tmp_path: Path) -> None:
    path = tmp_path / "fine.wav"
    values = np.full(400, (100 << 16) + 0xC000, np.int32)  # 100.75 steps of 16 bits
    soundfile.write(path, values, 16_000, subtype="PCM_24")
    assert set(read_audio(path).tolist()) == {101}


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.opus", "a.mp3", "A.WAV"])
def test_every_format_is_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    suffix = path.suffix.lower()
    kind = {".ogg": ("OGG", "VORBIS"), ".opus": ("OGG", "OPUS")}.get(suffix, (suffix[1:], None))
    soundfile.write(path, tone(), 16_000, format=kind[0], subtype=kind[1])
    samples = read_audio(path).astype(float)
    assert abs(len(samples) - 8000) <= 2500
    loudness = np.sqrt(np.mean(samples[2000:6000] ** 2))
    assert loudness == pytest.approx(8000 / np.sqrt(2), rel=0.1)


def test_lossy_overshoot_saturates_and_does_not_wrap(tmp_path: Path) -> None:
    path = tmp_path / "loud.ogg"
    square = np.where(np.sin(np.arange(16_000) * 0.05) > 0, 32767, -32768).astype(np.int16)
    soundfile.write(path, square, 16_000, format="OGG", subtype="VORBIS")
    samples = read_audio(path)
    inside = np.abs(np.sin(np.arange(16_000) * 0.05)) > 0.9
    assert np.all(np.sign(samples[inside].astype(int)) == np.sign(square[inside].astype(int)))


@pytest.mark.parametrize("name", ["missing.wav", "folder.wav"])
def test_a_missing_or_unopenable_file_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(AudioError) as refusal:
        read_audio(tmp_path / name)
    said = "{} is a folder: name" if name == "folder.wav" else "cannot open {}: no such file"
    assert said.format(tmp_path / name) in one_sentence(refusal)


def test_a_file_without_rights_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*args: object, **kwargs: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("builtins.open", forbidden)  # root may read everything, so it is feigned
    with pytest.raises(AudioError) as refusal:
        read_audio(tmp_path / "secret.wav")
    assert "secret.wav: permission denied" in one_sentence(refusal)


def test_text_named_wav_is_no_sound_file(tmp_path: Path) -> None:
    path = tmp_path / "notes.wav"
    path.write_text("these are not the samples you are looking for\n" * 20)
    with pytest.raises(AudioError) as refusal:
        read_audio(path)
    assert f"cannot decode {path}: not a sound file" in one_sentence(refusal)


def test_a_zero_length_file_is_called_empty(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    path.touch()
    with pytest.raises(AudioError) as refusal:
        read_audio(path)
    assert f"{path} is empty (0 bytes)" in one_sentence(refusal)


@pytest.mark.parametrize(
    ("samples", "rate_hz"), [(0, 16_000), (1, 16_000), (1, 48_000), (159, 16_000)]
)
def test_too_few_samples_are_counted(tmp_path: Path, samples: int, rate_hz: int) -> None:
    path = tmp_path / "click.wav"
    soundfile.write(path, np.zeros(samples, np.int16), rate_hz)
    with pytest.raises(AudioError) as refusal:
        read_audio(path)
    noun = "sample" if samples == 1 else "samples"
    assert f"{path} holds {samples} {noun} at {rate_hz} Hz" in one_sentence(refusal)


def test_ten_milliseconds_are_enough(tmp_path: Path) -> None:
    path = tmp_path / "short.wav"
    soundfile.write(path, np.zeros(160, np.int16), 16_000)
    assert len(read_audio(path)) == 160


@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_in_a_file_name_it(tmp_path: Path, rate_hz: int, bad: float) -> None:
    path = tmp_path / "broken.wav"
    samples = np.zeros(1000, np.float32)
    samples[500] = bad
    soundfile.write(path, samples, rate_hz, subtype="FLOAT")
    with pytest.raises(AudioError) as refusal:
        read_audio(path)
    assert f"{path}: 1 of 1000 samples are NaN or infinite" in one_sentence(refusal)


@pytest.mark.parametrize("left", [0.9, 0.5, 0.05])
@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.opus", "a.mp3"])
def test_a_truncated_file_is_refused(tmp_path: Path, name: str, left: float) -> None:
    path = tmp_path / name
    kind = {"a.ogg": ("OGG", "VORBIS"), "a.opus": ("OGG", "OPUS")}
    container, subtype = kind.get(name, (path.suffix[1:], None))
    soundfile.write(path, tone(seconds=8), 16_000, format=container, subtype=subtype)
    os.truncate(path, int(path.stat().st_size * left))
    with pytest.raises(AudioError) as refusal:
        read_audio(path)
    assert str(path) in one_sentence(refusal)


# --- writing ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_lossless_files_come_back_bit_by_bit(tmp_path: Path, name: str) -> None:
    samples = np.random.default_rng(1).integers(-32768, 32768, 4000).astype(np.int16)
    write_audio(tmp_path / "new" / name, samples)
    assert read_audio(tmp_path / "new" / name).tolist() == samples.tolist()


@pytest.mark.parametrize("name", ["a.ogg", "a.opus"])
def test_ogg_files_are_opus(tmp_path: Path, name: str) -> None:
    write_audio(tmp_path / name, tone())
    assert soundfile.info(tmp_path / name).subtype == "OPUS"
    assert len(read_audio(tmp_path / name)) == len(tone())


def test_saving_replaces_the_old_file_and_leaves_no_other(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.wav", tone())
    write_audio(tmp_path / "a.wav", tone()[:1600])
    assert len(read_audio(tmp_path / "a.wav")) == 1600
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_saving_through_a_symlink_keeps_the_link(tmp_path: Path) -> None:
    (tmp_path / "link.wav").symlink_to(tmp_path / "real.wav")
    write_audio(tmp_path / "link.wav", tone())
    assert (tmp_path / "link.wav").is_symlink()
    assert len(read_audio(tmp_path / "real.wav")) == len(tone())


@pytest.mark.parametrize("when", ["fsync", "replace"])
def test_a_full_disk_keeps_the_old_file_and_leaves_no_half_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    path = tmp_path / "a.wav"
    write_audio(path, tone())
    before = path.read_bytes()

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, when, full)
    with pytest.raises(AudioError) as refusal:
        write_audio(path, tone()[:100])
    assert f"cannot save {path}: no space left on device" in one_sentence(refusal)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.wav"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is a Linux device")
@pytest.mark.parametrize("seconds", [0.1, 5.0])  # inside, and beyond, the write buffer
def test_a_full_device_gives_one_sentence_and_stays(seconds: float) -> None:
    with pytest.raises(AudioError) as refusal:
        write_audio("/dev/full", tone(seconds=seconds))
    assert "cannot save /dev/full: no space left on device" in one_sentence(refusal)
    assert Path("/dev/full").is_char_device()


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioError) as refusal:
        write_audio(tmp_path / "a.txt", tone())
    assert "must end in .wav, .flac, .ogg, .opus" in one_sentence(refusal)


def test_a_rate_that_opus_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioError) as refusal:
        write_audio(tmp_path / "a.opus", tone(44_100), 44_100)
    assert "OPUS at 44100 Hz" in one_sentence(refusal)


# --- resampling -------------------------------------------------------------------------------


def test_resampling_keeps_the_tone_and_removes_what_does_not_fit() -> None:
    high = tone(48_000, hz=12_000.0)  # above the 8 kHz that 16 kHz can hold
    kept = resample(tone(48_000), 48_000, SAMPLE_RATE_HZ)
    gone = resample(high, 48_000, SAMPLE_RATE_HZ)
    assert np.abs(kept[1000:7000].astype(int) - tone()[1000:7000]).max() <= 8
    assert np.abs(gone[1000:7000]).max() <= 8


def test_full_scale_saturates_when_resampled() -> None:
    square = np.where(np.arange(4800) // 50 % 2, 32767, -32768).astype(np.int16)
    out = resample(square, 48_000, 16_000)  # rings beyond full scale: must clip, never wrap
    assert out.max() == 32767
    assert out.min() == -32768
    assert np.abs(np.diff(out.astype(int))).max() < 65535


@given(st.lists(st.integers(0, 5000), max_size=12), st.sampled_from([8_000, 44_100, 48_000]))
def test_a_stream_gives_the_same_for_every_split_into_chunks(cuts: list[int], rate_hz: int) -> None:
    samples = tone(rate_hz, seconds=5000 / rate_hz)[:5000]

    def streamed(edges: list[int]) -> list[int]:
        stream = StreamResampler(rate_hz)
        parts = [stream.process(part) for part in np.split(samples, edges)]
        return np.concatenate([*parts, stream.finish()]).tolist()

    assert streamed(sorted(cuts)) == streamed([])


def test_a_stream_at_16_khz_passes_through() -> None:
    stream = StreamResampler(16_000)
    assert stream.process(tone()).tolist() == tone().tolist()
    assert len(stream.finish()) == 0


def test_a_stream_takes_float_stereo_as_microphones_give_it() -> None:
    stream = StreamResampler(48_000)
    stereo = np.stack([tone(48_000), tone(48_000)], axis=1).astype(np.float32) / 32768
    out = np.concatenate([stream.process(stereo), stream.finish()])
    assert np.abs(out[1000:7000].astype(int) - tone()[1000:7000]).max() <= 8


@pytest.mark.parametrize("rate_hz", [0, -16_000])
def test_an_impossible_rate_is_refused(rate_hz: int) -> None:
    with pytest.raises(AudioError, match=f"sample rate of {rate_hz} Hz"):
        StreamResampler(rate_hz)
    with pytest.raises(AudioError, match=f"sample rate of {rate_hz} Hz"):
        resample(tone(), rate_hz, 16_000)


# --- folders ----------------------------------------------------------------------------------


def test_files_are_found_in_all_folders_sorted_and_without_hidden_ones(tmp_path: Path) -> None:
    names = ["b/2.flac", "b/1.WAV", "a/x/3.opus", "c.mp3", "._c.mp3", ".trash/d.wav", "notes.txt"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in find_audio(tmp_path)]
    assert found == ["a/x/3.opus", "b/1.WAV", "b/2.flac", "c.mp3"]


def test_a_link_that_leads_back_up_is_followed_once(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    assert find_audio(tmp_path) == [tmp_path / "a.wav"]


def test_a_linked_folder_is_searched(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.wav").touch()
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "more").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert find_audio(tmp_path / "corpus") == [tmp_path / "corpus" / "more" / "a.wav"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes with a file's name")
def test_a_pipe_is_refused_before_it_is_opened_and_left_out_of_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe = tmp_path / "pipe.wav"
    os.mkfifo(pipe)
    with pytest.raises(AudioError) as refusal:
        read_audio(pipe)
    assert f"{pipe} is a pipe or a device: save its sound to a file" in one_sentence(refusal)
    write_audio(tmp_path / "a.wav", tone())
    (tmp_path / "gone.wav").symlink_to("nowhere.wav")  # who reads it says so
    assert [path.name for path in find_audio(tmp_path)] == ["a.wav", "gone.wav"]
    assert "1 file is left out, by a name or kind that no" in capsys.readouterr().err


def test_a_folder_that_may_not_be_read_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("open/a.wav", "closed/b.wav"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    scandir = os.scandir

    def guarded(path: str) -> object:  # root may read everything, so it is feigned
        if os.path.basename(path) == "closed":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    with gathered():
        assert find_audio(tmp_path) == find_audio(tmp_path) == [tmp_path / "open" / "a.wav"]
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{tmp_path / 'closed'} is left out: permission denied; check the rights" in line
    with pytest.raises(CorpusError):
        find_audio(tmp_path / "closed")
    assert f"{tmp_path / 'closed'} is left out: permission" in capsys.readouterr().err


def test_a_folder_without_clips_a_missing_one_and_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    for folder, said in [
        (tmp_path, "holds no sound files"),
        (tmp_path / "missing", "does not exist"),
        (tmp_path / "notes.txt", "is no folder"),
    ]:
        with pytest.raises(CorpusError) as refusal:
            find_audio(folder)
        assert f"{folder} {said}" in one_sentence(refusal)
