"""Files joined end to end: every recording in them is heard, or the file is refused."""

import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.audio import ogg
from kws.audio.files import write_audio
from kws.audio.opening import kind_of
from kws.audio.recording import decode
from kws.errors import AudioError

OTHERS = [".aiff", ".au", ".caf", ".flac", ".w64", ".nist", ".rf64", ".ircam", ".paf", ".voc"]
CODECS = {".ircam": "PCM_16", ".paf": "PCM_16", ".voc": "PCM_U8"}
needs_ffmpeg = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")


def tone(seconds: float = 1.0) -> np.ndarray:
    time_s = np.arange(int(16_000 * seconds)) / 16_000
    return np.round(8000 * np.sin(2 * np.pi * 440 * time_s)).astype(np.int16)


def of_another_stream(data: bytes) -> bytes:
    """The same Ogg file with another serial number."""
    made, at = b"", 0
    while at < len(data):
        lengths = data[at + 27 : at + 27 + data[at + 26]]
        end = at + 27 + len(lengths) + sum(lengths)
        page = bytearray(data[at:end])
        page[14] ^= 0x55
        page[22:26] = ogg._checksum(bytes(page)).to_bytes(4, "little")
        made, at = made + bytes(page), end
    return made


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    write_audio(tmp_path / "one.opus", tone())
    data = (tmp_path / "one.opus").read_bytes()
    (tmp_path / "two.opus").write_bytes(data + of_another_stream(data))
    return tmp_path / "two.opus"


@needs_ffmpeg
def test_a_chain_of_ogg_streams_is_heard_to_its_end(chain: Path) -> None:
    assert kind_of(chain.with_name("one.opus")) == "Ogg"
    samples, _ = decode(chain)
    assert len(samples) == pytest.approx(32_000, abs=800)
    assert np.abs(samples[20_000:30_000]).max() > 7_000


def test_without_ffmpeg_a_chain_is_refused_and_not_cut(
    chain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kws.audio.ffmpeg.ffmpeg", lambda: None)
    with pytest.raises(AudioError, match=r"two\.opus is a chain of Ogg recordings, which needs"):
        decode(chain)


@needs_ffmpeg
def test_a_chain_that_lacks_a_page_is_refused(chain: Path) -> None:
    data = chain.read_bytes()
    last = data.rindex(b"OggS")
    chain.write_bytes(data[:last])
    with pytest.raises(AudioError, match="is cut short"):
        decode(chain)


@pytest.mark.parametrize("suffix", [".wav", ".mp3", *OTHERS])
def test_a_recording_behind_another_is_not_left_out_in_silence(tmp_path: Path, suffix: str) -> None:
    one, two = tmp_path / f"one{suffix}", tmp_path / f"two{suffix}"
    soundfile.write(one, tone(), 16_000, format=suffix[1:], subtype=CODECS.get(suffix))
    two.write_bytes(2 * one.read_bytes())
    with pytest.raises(AudioError, match="holds another recording behind the first"):
        decode(two)
    assert len(decode(one)[0]) == pytest.approx(16_000, abs=150)  # VOC rounds the rate


@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".m4a", ".tta", ".wma"])
def test_a_recording_that_ffmpeg_reads_is_not_left_out_either(tmp_path: Path, suffix: str) -> None:
    one, two = tmp_path / f"one{suffix}", tmp_path / f"two{suffix}"
    soundfile.write(tmp_path / "a.wav", tone(), 16_000)
    subprocess.run(["ffmpeg", "-v", "error", "-i", tmp_path / "a.wav", one], check=True)
    two.write_bytes(2 * one.read_bytes())
    with pytest.raises(AudioError, match="holds another recording behind the first"):
        decode(two)
    assert len(decode(one)[0]) == pytest.approx(16_000, abs=600)


@pytest.mark.parametrize("length", [16_000, 15_999])
def test_a_second_recording_of_8_bits_is_found_behind_a_byte_of_padding(
    tmp_path: Path, length: int
) -> None:
    one = tmp_path / "one.aiff"
    soundfile.write(one, tone()[:length], 16_000, subtype="PCM_S8")
    (tmp_path / "two.aiff").write_bytes(2 * one.read_bytes())
    with pytest.raises(AudioError, match="holds another recording behind the first"):
        decode(tmp_path / "two.aiff")


def test_an_mp3_whose_second_part_has_a_tag_of_its_own_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "one.mp3", tone(), 16_000)
    data = b"ID3\4\0\0\0\0\0\x10" + bytes(16) + (tmp_path / "one.mp3").read_bytes()
    (tmp_path / "one.mp3").write_bytes(data)
    (tmp_path / "two.mp3").write_bytes(2 * data)
    with pytest.raises(AudioError, match="holds another recording behind the first"):
        decode(tmp_path / "two.mp3")
    assert len(decode(tmp_path / "one.mp3")[0]) == pytest.approx(16_000, abs=100)


@pytest.mark.parametrize("tail", [b"TAG" + bytes(125), b"LIST\4\0\0\0INFO", b""])
@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".aiff", ".au"])
def test_what_else_lies_behind_the_sound_is_no_recording(
    tmp_path: Path, suffix: str, tail: bytes
) -> None:
    path = tmp_path / f"a{suffix}"
    soundfile.write(path, tone(), 16_000)
    path.write_bytes(path.read_bytes() + tail)
    kind_of(path)
    assert len(decode(path)[0]) == pytest.approx(16_000, abs=100)


HUGE = [
    (".w64", b"riff", 16, struct.pack("<Q", 2**64 - 1)),
    (".rf64", b"ds64", 8, struct.pack("<Q", 2**64 - 1)),
    (".caf", b"desc", 4, struct.pack(">q", 2**63 - 1)),
    (".aiff", b"FORM", 4, struct.pack(">I", 2**32 - 1)),
]


@pytest.mark.parametrize(("suffix", "name", "behind", "size"), HUGE)
def test_a_header_that_names_a_place_beyond_all_files_is_read_or_refused(
    tmp_path: Path, suffix: str, name: bytes, behind: int, size: bytes
) -> None:
    path = tmp_path / f"a{suffix}"
    soundfile.write(path, tone(), 16_000)
    data = bytearray(path.read_bytes())
    at = data.index(name) + behind
    data[at : at + len(size)] = size
    path.write_bytes(data)
    try:
        assert len(decode(path)[0]) == pytest.approx(16_000, abs=100)
    except AudioError as refusal:
        assert "cut short" in str(refusal) or "cannot decode" in str(refusal)
