"""Archives: unpacked whole, or refused whole in one sentence."""

import gzip
import hashlib
import io
import os
import random
import shutil
import tarfile
import tracemalloc
from pathlib import Path

import pytest
from archives import archive_of, plain, special
from refusals import one_sentence

from kws.corpus.unpack import unpack
from kws.errors import DownloadError


def test_an_archive_is_unpacked_with_its_folders(tmp_path: Path) -> None:
    members = [special("./", tarfile.DIRTYPE), plain("./yes/a.wav", b"abc"), plain("LICENSE")]
    archive = archive_of(tmp_path / "a.tar.gz", members)
    unpack(archive, tmp_path / "out", progress=False)
    assert (tmp_path / "out" / "yes" / "a.wav").read_bytes() == b"abc"
    assert (tmp_path / "out" / "LICENSE").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar.gz", "out"]


@pytest.mark.parametrize(
    "hostile",
    [
        plain("../outside"), plain("yes/../../outside"), plain("/tmp/outside"),
        plain("..\\outside"), plain("C:outside"), special("link", tarfile.SYMTYPE, "/etc/passwd"),
        special("link", tarfile.SYMTYPE, ".."), special("hard", tarfile.LNKTYPE, "good"),
        special("device", tarfile.CHRTYPE), special("pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda member: f"{member[0].name}-{member[0].type.decode()}",
)  # fmt: skip
def test_a_hostile_member_refuses_the_whole_archive(
    tmp_path: Path, hostile: tuple[tarfile.TarInfo, bytes]
) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    archive = archive_of(inner / "a.tar.gz", [plain("good"), hostile])
    with pytest.raises(DownloadError) as refusal:
        unpack(archive, inner / "out", progress=False)
    assert repr(hostile[0].name) in one_sentence(refusal)
    assert [path.name for path in inner.iterdir()] == ["a.tar.gz"]
    assert [path.name for path in tmp_path.iterdir()] == ["inner"]


def test_a_name_twice_and_a_file_as_folder_are_refused(tmp_path: Path) -> None:
    for names in (["a", "a"], ["a", "a/b"]):
        archive = archive_of(tmp_path / "a.tar.gz", [plain(name) for name in names])
        with pytest.raises(DownloadError, match="cannot unpack"):
            unpack(archive, tmp_path / "out", progress=False)
        assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"]


def test_an_archive_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kws.corpus.unpack._LARGEST_BYTES", 1000)
    archive = archive_of(tmp_path / "a.tar.gz", [plain("a", bytes(600)), plain("b", bytes(600))])
    with pytest.raises(DownloadError, match="unpacks to more than"):
        unpack(archive, tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()


def refused(archive: Path, to: Path) -> str:
    """The sentence, after checking that nothing was left behind."""
    with pytest.raises(DownloadError) as refusal:
        unpack(archive, to, progress=False)
    message = one_sentence(refusal)
    assert message.isprintable() and len(message) < 500
    assert [path.name for path in to.parent.iterdir()] == [archive.name]
    return message


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.DIRTYPE])
def test_thousands_of_empty_members_are_refused(tmp_path: Path, kind: bytes) -> None:
    parts = [header(kind, 0, f"d{n}") for n in range(60_000)]
    archive = raw_archive(tmp_path / "a.tar.gz", *parts)
    assert "without content" in refused(archive, tmp_path / "out")


def test_more_files_than_any_data_set_has_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kws.corpus.unpack._MOST_FILES", 5)
    unpack(archive_of(tmp_path / "a.tar.gz", [plain(f"{n}") for n in range(5)]), tmp_path / "five")
    shutil.rmtree(tmp_path / "five")
    archive = archive_of(tmp_path / "a.tar.gz", [plain(f"{n}") for n in range(6)])
    assert "more than 5 files" in refused(archive, tmp_path / "out")


def header(kind: bytes, size: int, name: str = "x") -> bytes:
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT)


def raw_archive(path: Path, *parts: bytes) -> Path:
    with gzip.open(path, "wb", 1) as file:
        for part in parts:
            file.write(part + bytes(-len(part) % 512))
        file.write(bytes(1024))
    return path


@pytest.mark.parametrize(
    "kind",
    [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE],
    ids=["longname", "longlink", "pax", "global"],
)
@pytest.mark.parametrize("size", [2_000_000, 200_000_000])
def test_a_header_of_megabytes_is_refused_unread(tmp_path: Path, kind: bytes, size: int) -> None:
    """It would be read into memory whole: 8 GB of zeros are an archive of 8 MB."""
    parts = [header(kind, size), *[bytes(2_000_000)] * (size // 2_000_000)]
    archive = raw_archive(tmp_path / "a.tar.gz", *parts, header(b"0", 0))
    tracemalloc.start()
    message = refused(archive, tmp_path / "out")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "header" in message
    assert peak < 20_000_000  # 10 KB of the archive are ten megabytes of zeros


def pax(**values: str) -> bytes:
    """A pax header with these values, in front of a file of one byte."""
    records = b""
    for key, value in values.items():
        body = f" {key}={value}\n".encode()
        length = len(body) + 1
        while len(str(length)) + len(body) != length:
            length = len(str(length)) + len(body)
        records += str(length).encode() + body
    padded = records + bytes(-len(records) % 512)
    return header(tarfile.XHDTYPE, len(records)) + padded + header(b"0", 1) + b"!" + bytes(511)


@pytest.mark.parametrize("time", ["nan", "-nan", "inf", "-inf", "1e300", "-1", "9" * 400, "x"])
def test_a_time_that_is_none_harms_nobody(tmp_path: Path, time: str) -> None:
    archive = raw_archive(tmp_path / "a.tar.gz", pax(mtime=time, path="a.wav"))
    unpack(archive, tmp_path / "out", progress=False)
    assert (tmp_path / "out" / "a.wav").read_bytes() == b"!"


HOSTILE_HEADERS = {
    "5,000 digits": header(tarfile.XHDTYPE, 5020) + (b"9" * 5000 + b" a=x\n").ljust(5120),
    "a sparse file": header(tarfile.GNUTYPE_SPARSE, 512) + bytes(512),
    "a sparse file by pax": pax(**{"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}),
    "a sparse map by pax": pax(**{"GNU.sparse.map": "0,1,9,1"}),
    "a sparse size by pax": pax(**{"GNU.sparse.size": "9"}),
    "a name beyond every file system": pax(path="a" * 5000),
    "a folder in a folder in a ...": pax(path="a/" * 1500 + "x"),
    "a name for the terminal": pax(path="a\x1b[2Jb"),
    "headers for headers for headers": header(tarfile.GNUTYPE_LONGNAME, 0) * 3000 + header(b"0", 0),
    "a negative size": header(b"0", -512),
    "a negative header": header(tarfile.XHDTYPE, -512),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE_HEADERS)
def test_a_hostile_header_is_one_sentence(tmp_path: Path, kind: str) -> None:
    refused(raw_archive(tmp_path / "a.tar.gz", HOSTILE_HEADERS[kind]), tmp_path / "out")


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize(
    "kind", ["deep", "a long name", "a long part", "bytes", "empty", "a long header"]
)
def test_the_largest_of_everything_is_unpacked_and_one_more_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, more: int
) -> None:
    monkeypatch.setattr("kws.corpus.unpack._LARGEST_BYTES", 1000)
    monkeypatch.setattr("kws.corpus.unpack._MOST_EMPTY", 3)
    rest = len(b"13 path=a.wav\n")
    members = {
        "deep": [plain("a/" * (31 + more) + "x")],
        "a long name": [plain("a" * 204 + ("/" + "b" * 204) * 4 + more * "c")],
        "a long part": [plain("a" * (255 + more))],
        "bytes": [plain("a", bytes(500)), plain("b", bytes(500 + more))],
        "empty": [plain(f"{n}", b"") for n in range(3 + more)],
    }
    archive = tmp_path / "a.tar.gz"
    if kind == "a long header":
        comment = "x" * (64 * 1024 - len(b"65522 comment=\n") - rest + more)
        raw_archive(archive, pax(path="a.wav", comment=comment))
    else:
        archive_of(archive, members[kind])
    if more:
        refused(archive, tmp_path / "out")
    else:
        unpack(archive, tmp_path / "out", progress=False)
        assert any(path.is_file() for path in (tmp_path / "out").rglob("*"))


def test_folders_that_are_not_there_yet_are_made(tmp_path: Path) -> None:
    members = [special("a/b", tarfile.DIRTYPE), plain("c/d/e.wav"), plain("c/d/f.wav")]
    archive = archive_of(tmp_path / "a.tar.gz", members)
    unpack(archive, tmp_path / "new" / "out", progress=False)
    assert (tmp_path / "new" / "out" / "a" / "b").is_dir()
    assert len(list((tmp_path / "new" / "out" / "c" / "d").iterdir())) == 2


def test_any_change_of_an_archive_is_unpacked_or_refused(tmp_path: Path) -> None:
    """Bytes of the archive within the compression, changed at random: no other way to end."""
    rng = random.Random(3)
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        for name in ("a.wav", "d" * 120 + "/b.wav", "\u00fc.wav"):
            member = tarfile.TarInfo(name)
            member.size, member.mtime = 700, 1.5
            tar.addfile(member, io.BytesIO(bytes(700)))
    good = (tmp_path / "a.tar").read_bytes()
    refusals = 0
    for _ in range(300):
        data = bytearray(good)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(data) - 1024)
            data[at : at + rng.randint(0, 12)] = rng.randbytes(rng.randint(0, 12))
        (tmp_path / "a.tar.gz").write_bytes(gzip.compress(data, 1))
        try:
            unpack(tmp_path / "a.tar.gz", tmp_path / "out", progress=False)
            shutil.rmtree(tmp_path / "out")
        except DownloadError as refusal:
            refusals += 1
            assert str(refusal).isprintable()
        assert {path.name for path in tmp_path.iterdir()} == {"a.tar", "a.tar.gz"}
    assert refusals > 30


@pytest.mark.parametrize("left", [0.9, 0.5, 0.0])
def test_a_truncated_archive_is_called_damaged(tmp_path: Path, left: float) -> None:
    noise = hashlib.shake_128(b"incompressible").digest(100_000)
    archive = archive_of(tmp_path / "a.tar.gz", [plain("a", noise), plain("b", noise[::-1])])
    os.truncate(archive, int(archive.stat().st_size * left))
    with pytest.raises(DownloadError) as refusal:
        unpack(archive, tmp_path / "out", progress=False)
    assert "a.tar.gz" in one_sentence(refusal)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"]


def test_what_a_killed_call_left_is_cleared(tmp_path: Path) -> None:
    (tmp_path / ".out.part").mkdir()
    (tmp_path / ".out.part" / "stale.wav").touch()
    archive = archive_of(tmp_path / "a.tar.gz", [plain("a")])
    unpack(archive, tmp_path / "out", progress=False)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]
    assert not (tmp_path / ".out.part").exists()
