"""Every file is read to its end, whatever its header says, in blocks and as a whole alike."""

import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.audio.files import AUDIO_SUFFIXES, find_audio, read_audio, write_audio
from kws.audio.recording import BLOCK_FRAMES, Recording, decode
from kws.audio.samples import resample
from kws.errors import AudioError

needs_ffmpeg = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")


def tone(rate_hz: int = 16_000, seconds: float = 0.5, hz: float = 440.0) -> np.ndarray:
    time_s = np.arange(int(rate_hz * seconds)) / rate_hz
    return np.round(8000 * np.sin(2 * np.pi * hz * time_s)).astype(np.int16)


def kinds(path: Path) -> list[str]:
    return [notice.kind for notice in decode(path)[1]]


@pytest.fixture(scope="session")
def cases(recordings: Path) -> Path:
    """The small faulty inputs beside the recordings."""
    folder = recordings.parent / "cases"
    if not folder.is_dir():
        pytest.skip("no folder cases/ beside the recordings")
    return folder


# --- sizes that lie ---------------------------------------------------------------------------


def wav_that_says(path: Path, said: int, *, riff: int | None = None, tail: bytes = b"") -> Path:
    """A WAV of `tone()` whose data chunk claims `said` bytes; `tail` follows the samples."""
    write_audio(path, tone())
    data = bytearray(path.read_bytes()) + tail
    place = data.index(b"data") + 4
    data[4:8] = struct.pack("<I", min(said + 36, 0xFFFF_FFFF) if riff is None else riff)
    data[place : place + 4] = struct.pack("<I", said)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "said", [0, 0xFFFF_FFFF, 0x7FFF_FFFF, 0x7FFF_0000, 16_008, 16_036, 16_044, 15_992, 15_956, 8]
)
def test_a_wav_whose_size_is_wrong_is_read_to_its_end_with_one_warning(
    tmp_path: Path, said: int
) -> None:
    path = wav_that_says(tmp_path / "a.wav", said)
    samples, notices = decode(path)
    assert samples.tolist() == tone().tolist()
    (notice,) = notices
    assert notice.kind == "header" and str(path) in notice.text


@pytest.mark.parametrize("missing", [2_000, 8_000, 15_000])
def test_a_wav_that_ends_early_is_refused(tmp_path: Path, missing: int) -> None:
    path = wav_that_says(tmp_path / "a.wav", 16_000)
    os.truncate(path, path.stat().st_size - missing)
    with pytest.raises(AudioError, match=r"a\.wav is cut short: its end is missing"):
        read_audio(path)


def test_chunks_behind_the_samples_are_no_samples(tmp_path: Path) -> None:
    info = b"LIST" + struct.pack("<I", 12) + b"INFOICMT\0\0\0\0"
    path = wav_that_says(tmp_path / "a.wav", 16_000, tail=info)
    samples, notices = decode(path)
    assert samples.tolist() == tone().tolist() and not notices
    tagged = wav_that_says(tmp_path / "b.wav", 16_000, tail=b"TAG" + bytes(125))
    assert read_audio(tagged).tolist() == tone().tolist()


def test_a_wav_that_is_truly_empty_stays_empty(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    soundfile.write(path, np.zeros(0, np.int16), 16_000)
    with pytest.raises(AudioError, match="holds 0 samples"):
        read_audio(path)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT"])
def test_a_size_of_0_is_mended_for_every_width(tmp_path: Path, subtype: str, channels: int) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.stack([tone() / 32768] * channels, 1), 16_000, subtype=subtype)
    right = read_audio(path)
    data = bytearray(path.read_bytes())
    place = data.index(b"data") + 4
    data[place : place + 4] = bytes(4)
    path.write_bytes(data)
    assert read_audio(path).tolist() == right.tolist()
    assert kinds(path) == ["header"]


def test_a_caf_of_unknown_length_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.caf"
    soundfile.write(path, tone(), 16_000)
    data = bytearray(path.read_bytes())
    place = data.index(b"data") + 4
    data[place : place + 8] = struct.pack(">q", -1)
    path.write_bytes(data)
    samples, (notice,) = decode(path)
    assert samples[: len(tone())].tolist() == tone().tolist() and notice.kind == "header"


@pytest.mark.parametrize("suffix", ["aiff", "au", "w64", "caf"])
def test_other_formats_are_read_and_refused_where_they_end_early(
    tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, tone(), 16_000)
    samples, notices = decode(path)
    assert samples.tolist() == tone().tolist() and not notices
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(AudioError) as refusal:
        read_audio(path)
    assert str(path) in str(refusal.value)


def written(path: Path, **kind: str) -> Path:
    soundfile.write(path, tone(), 16_000, **kind)
    return path


@pytest.mark.parametrize("said", [0, 0xFFFF_FFFF, 15_992])
def test_a_big_endian_wav_of_a_wrong_size_is_read_to_its_end(tmp_path: Path, said: int) -> None:
    path = written(tmp_path / "a.wav", endian="BIG")
    data = bytearray(path.read_bytes())
    place = data.index(b"data") + 4
    data[place : place + 4] = struct.pack(">I", said)
    path.write_bytes(data)
    samples, (notice,) = decode(path)
    assert samples.tolist() == tone().tolist() and notice.kind == "header"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("rifx.wav", {"endian": "BIG"}),
        ("nist.wav", {"format": "NIST"}),
        ("nist_ulaw.wav", {"format": "NIST", "subtype": "ULAW"}),
        ("a.voc", {"format": "VOC", "subtype": "PCM_16"}),
    ],
)
def test_what_old_corpora_hold_is_read_whole_or_refused(
    tmp_path: Path, name: str, kind: dict[str, str]
) -> None:
    path = written(tmp_path / name, **kind)
    samples, notices = decode(path)
    assert len(samples) == len(tone()) and not notices
    for left in (0.9, 0.5):
        os.truncate(path, int(path.stat().st_size * left))
        with pytest.raises(AudioError, match="is cut short: its end is missing"):
            read_audio(path)


def test_blocks_of_an_mp3_within_a_wav_are_not_taken_for_samples(tmp_path: Path) -> None:
    """Its header may say that a block has 576 bytes, and no frame of it has."""
    mp3 = written(tmp_path / "a.mp3").read_bytes()
    sound = struct.pack("<HHIIHHHHIHHH", 0x55, 1, 16_000, 4_000, 576, 0, 12, 1, 2, 144, 1, 1393)
    chunks = b"WAVEfmt " + struct.pack("<I", len(sound)) + sound
    chunks += b"data" + struct.pack("<I", len(mp3)) + mp3
    assert len(mp3) % 576
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(chunks)) + chunks)
    samples, notices = decode(path)
    assert len(samples) >= len(tone()) and not notices


def test_an_aiff_whose_size_was_never_filled_in_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.aiff"
    soundfile.write(path, tone(), 16_000)
    data = bytearray(path.read_bytes())
    place = data.index(b"SSND") + 4
    data[4:8] = data[place : place + 4] = bytes(4)
    path.write_bytes(data)
    assert read_audio(path).tolist() == tone().tolist()
    assert kinds(path) == ["header"]


def test_a_flac_of_unknown_length_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    write_audio(path, tone(seconds=5))  # more than a block
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0  # the count of samples has 36 bits from the middle of byte 21 on
    data[22:26] = bytes(4)
    path.write_bytes(data)
    assert soundfile.info(path).frames > 1 << 62
    assert read_audio(path).tolist() == tone(seconds=5).tolist()


def test_gsm_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(8_000, seconds=2.0), 8_000, subtype="GSM610")
    assert abs(len(read_audio(path, 8_000)) - 16_000) < 400
    loudness = np.sqrt(np.mean(read_audio(path, 8_000)[2000:14_000].astype(float) ** 2))
    assert loudness == pytest.approx(8000 / np.sqrt(2), rel=0.1)


@pytest.mark.parametrize("name", ["a.raw", "a.RAW"])
def test_a_name_in_raw_is_none_of_raw_samples(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    tone().tofile(path)
    with pytest.raises(AudioError, match="raw samples tell no rate, so pipe them into `kws listen"):
        read_audio(path)
    write_audio(tmp_path / "a.wav", tone())
    (tmp_path / "a.wav").replace(path)
    assert read_audio(path).tolist() == tone().tolist()


def mp3_without_count(path: Path) -> Path:
    """Silence, then a tone, at a variable bit rate, without the frame that counts the others."""
    sound = np.concatenate([np.zeros(32_000, np.int16), tone(seconds=8, hz=3_000)])
    sound = sound + np.random.default_rng(0).integers(-900, 900, len(sound)).astype(np.int16)
    sound[:32_000] = 0
    with soundfile.SoundFile(
        path, "w", 16_000, 1, format="MP3", bitrate_mode="VARIABLE", compression_level=0.3
    ) as file:
        file.write(sound)
    data = path.read_bytes()
    first = data.index(b"\xff\xf3")
    second = data.index(b"\xff\xf3", first + 4)
    assert b"Xing" in data[first:second] or b"Info" in data[first:second]
    path.write_bytes(data[:first] + data[second:])
    return path


def test_an_mp3_without_a_count_of_its_frames_is_read(tmp_path: Path) -> None:
    path = mp3_without_count(tmp_path / "a.mp3")
    samples = read_audio(path)
    assert abs(len(samples) - 160_000) < 5_000
    assert np.abs(samples[40_000:150_000].astype(int)).max() > 5_000


def test_an_mp3_without_a_count_that_ends_within_a_frame_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = mp3_without_count(tmp_path / "a.mp3")
    os.truncate(path, path.stat().st_size - 5)
    # As if the estimate were too high.
    monkeypatch.setattr("kws.audio.truncation._MP3_SLACK_FRAMES", -(1 << 40))
    with pytest.raises(AudioError, match="cut short"):
        read_audio(path)


@pytest.mark.parametrize("rate_hz", [1, 1_999, 1_000_001, 0x7FFF_FFFF])
def test_a_rate_that_no_sound_has_is_refused_at_once(tmp_path: Path, rate_hz: int) -> None:
    path = tmp_path / "a.wav"
    write_audio(path, tone())
    data = bytearray(path.read_bytes())
    data[24:28] = struct.pack("<I", rate_hz)
    path.write_bytes(data)
    with pytest.raises(AudioError) as refusal:
        read_audio(path)
    assert f"{path} claims a sample rate of {rate_hz} Hz" in str(refusal.value)


@pytest.mark.recordings
@pytest.mark.parametrize(
    ("name", "seconds", "kind"),
    [
        ("wav_size_plus_8.wav", 3.671, ["header"]),
        ("wav_size_plus_44.wav", 3.671, ["header"]),
        ("wav_size_0.wav", 3.671, ["header"]),
        ("flac_unknown_length.flac", 3.671, []),
        ("gsm610.wav", 3.68, []),
        ("mp3_vbr_without_xing.mp3", 24.0, []),
        ("telephone_8k.wav", 3.671, ["bandwidth"]),
        ("six_channels_loopback.wav", 3.671, ["channels"]),
    ],
)
def test_the_cases_are_read(cases: Path, name: str, seconds: float, kind: list[str]) -> None:
    samples, notices = decode(cases / name)
    assert len(samples) / 16_000 == pytest.approx(seconds, abs=0.05)
    assert [notice.kind for notice in notices] == kind


@pytest.mark.parametrize("subtype", ["OPUS", "VORBIS"])
@pytest.mark.parametrize("damage", ["a byte", "a page lost", "bytes too many"])
def test_an_ogg_file_that_is_damaged_within_is_refused(
    tmp_path: Path, damage: str, subtype: str
) -> None:
    """Decoders leave out what is damaged, and all that follows would have the wrong time."""
    path = tmp_path / "a.ogg"
    soundfile.write(path, tone(16_000, 20.0), 16_000, format="OGG", subtype=subtype)
    assert len(read_audio(path)) == 320_000
    whole = path.read_bytes()
    starts = [found.start() for found in re.finditer(b"OggS", whole)]
    assert len(starts) > 5
    at, after = starts[3], starts[4]
    wrong = bytes([whole[at + 300] ^ 1])
    path.write_bytes(
        {
            "a byte": whole[: at + 300] + wrong + whole[at + 301 :],
            "a page lost": whole[:at] + whole[after:],
            "bytes too many": whole[:at] + b"junk" + whole[at:],
        }[damage]
    )
    with pytest.raises(AudioError, match=r"a\.ogg is damaged: parts of it are lost"):
        read_audio(path)


@pytest.mark.parametrize("behind", ["ID3v1", "zeros"])
@pytest.mark.parametrize("name", ["a.flac", "a.ogg", "a.opus", "a.mp3"])
@pytest.mark.parametrize("frames", [16_000, BLOCK_FRAMES, 2 * BLOCK_FRAMES + 1])
def test_a_tag_or_padding_behind_the_sound_is_passed_over(
    tmp_path: Path, name: str, behind: str, frames: int
) -> None:
    """libsndfile takes what is behind the last frame of a FLAC for a frame that it lost."""
    kind = {"a.opus": ("OGG", "OPUS"), "a.ogg": ("OGG", "VORBIS")}.get(name, (name[2:], None))
    path = tmp_path / name
    soundfile.write(path, tone(16_000, 6.0)[:frames], 16_000, format=kind[0], subtype=kind[1])
    alone = read_audio(path)
    tag = {"ID3v1": b"TAG" + b"a title".ljust(125, b"\0"), "zeros": bytes(40)}[behind]
    path.write_bytes(path.read_bytes() + tag)
    np.testing.assert_array_equal(read_audio(path), alone)


@pytest.mark.recordings
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("wav_claims_1_hz.wav", "claims a sample rate of 1 Hz"),
        ("float_int_scale.wav", "samples reach 6489"),
        ("int32_holding_16bit.wav", "nothing above the lowest of 16 bits"),
    ],
)
def test_the_cases_that_cannot_be_used_are_refused(cases: Path, name: str, said: str) -> None:
    with pytest.raises(AudioError, match=said):
        read_audio(cases / name)


# --- blocks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.opus"])
def test_blocks_are_the_whole_recording(tmp_path: Path, name: str, rate_hz: int) -> None:
    if name == "a.opus" and rate_hz == 44_100:
        rate_hz = 48_000
    seconds = 3 * BLOCK_FRAMES / rate_hz + 0.1
    container = {"a.opus": ("OGG", "OPUS"), "a.ogg": ("OGG", "VORBIS")}
    kind, subtype = container.get(name, (name[2:], None))
    path = tmp_path / name
    soundfile.write(path, tone(rate_hz, seconds), rate_hz, format=kind, subtype=subtype)
    recording = Recording(path)
    blocks = list(recording)
    assert len(blocks) > 3
    raw, rate = soundfile.read(path, dtype="int16" if name in ("a.wav", "a.flac") else "float32")
    whole = raw if raw.dtype == np.int16 else None
    if whole is not None:
        expected = resample(whole, rate, 16_000)
        assert np.concatenate(blocks).tolist() == expected.tolist()
    assert recording.seconds == pytest.approx(len(raw) / rate)
    assert np.concatenate(list(recording)).tolist() == np.concatenate(blocks).tolist()


# --- what only ffmpeg decodes -----------------------------------------------------------------


def converted(tmp_path: Path, name: str, *options: str) -> Path:
    write_audio(tmp_path / "source.wav", tone(seconds=2))
    path = tmp_path / "made" / name
    path.parent.mkdir(exist_ok=True)
    command = ["ffmpeg", "-v", "error", "-i", str(tmp_path / "source.wav"), *options, str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


@needs_ffmpeg
@pytest.mark.parametrize("name", ["a.m4a", "a.aac", "a.webm", "a.mka", "a.wma", "a.mp4"])
def test_formats_of_phones_and_browsers_are_decoded_by_ffmpeg(tmp_path: Path, name: str) -> None:
    codec = ("-c:a", "aac") if name == "a.mka" else ()
    path = converted(tmp_path, name, *codec)
    samples = read_audio(path)
    assert abs(len(samples) - 32_000) < 4_000
    loudness = np.sqrt(np.mean(samples[8000:24_000].astype(float) ** 2))
    assert loudness == pytest.approx(8000 / np.sqrt(2), rel=0.1)
    assert path in find_audio(path.parent)


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.oga", ("-c:a", "flac", "-f", "ogg")),
        ("a.aac", ("-write_id3v2", "1", "-f", "adts")),
        ("a.ac3", ()),
        ("a.ts", ("-c:a", "mp2", "-f", "mpegts")),
        ("a.tta", ()),
    ],
)
def test_what_libsndfile_refuses_is_decoded_by_ffmpeg(
    tmp_path: Path, name: str, options: tuple[str, ...]
) -> None:
    path = converted(tmp_path, name, *options)
    assert abs(len(read_audio(path)) - 32_000) < 4_000


@needs_ffmpeg
def test_an_ogg_that_only_ffmpeg_decodes_is_refused_where_it_ends_early(tmp_path: Path) -> None:
    path = converted(tmp_path, "a.oga", "-c:a", "flac", "-f", "ogg", "-page_duration", "200000")
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(AudioError, match="is cut short: its end is missing"):
        read_audio(path)


@needs_ffmpeg
def test_what_ffmpeg_decodes_is_known_by_its_content(tmp_path: Path) -> None:
    path = converted(tmp_path, "a.m4a")
    renamed = path.rename(path.with_suffix(".wav"))
    assert abs(len(read_audio(renamed)) - 32_000) < 4_000


@needs_ffmpeg
def test_a_wav_with_a_codec_that_libsndfile_lacks_is_decoded(tmp_path: Path) -> None:
    path = converted(tmp_path, "a.wav", "-c:a", "wmav2", "-f", "wav")
    assert abs(len(read_audio(path)) - 32_000) < 4_000


@needs_ffmpeg
def test_a_damaged_m4a_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = converted(tmp_path, "a.m4a")
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(AudioError, match=r"cannot decode .*a\.m4a: ffmpeg says") as refusal:
        read_audio(path)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (bytes(4) + b"ftypM4A ", "M4A"),
        (b"\x1a\x45\xdf\xa3" + bytes(60), "WebM or Matroska"),
        (b"#!AMR\n" + bytes(60), "AMR"),
    ],
)
def test_without_ffmpeg_one_sentence_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: bytes, kind: str
) -> None:
    monkeypatch.setattr("kws.audio.ffmpeg.shutil.which", lambda name: None)
    path = tmp_path / "a.m4a"
    path.write_bytes(head)
    with pytest.raises(AudioError) as refusal:
        read_audio(path)
    assert str(refusal.value) == (
        f"{path} is {kind}, which needs ffmpeg to be decoded: install ffmpeg, or convert the file "
        "to WAV or FLAC"
    )


def test_the_new_formats_are_found_by_their_suffix(tmp_path: Path) -> None:
    for suffix in sorted(AUDIO_SUFFIXES):
        (tmp_path / f"a{suffix}").touch()
    assert {".aiff", ".w64", ".au", ".caf", ".m4a", ".aac", ".webm"} <= AUDIO_SUFFIXES
    assert len(find_audio(tmp_path)) == len(AUDIO_SUFFIXES)
