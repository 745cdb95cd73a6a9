"""Downloads survive a bad network, refuse what is not what it should be, and leave nothing half."""

import contextlib
import errno
import gzip
import hashlib
import http.server
import importlib.util
import io
import os
import random
import re
import shutil
import tarfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from typer.testing import CliRunner

from kws.cli.main import app
from kws.corpus import corpora
from kws.corpus import download as download_module
from kws.corpus.corpora import Archive, download_speech_commands
from kws.corpus.download import download
from kws.corpus.unpack import unpack
from kws.errors import DownloadError

CONTENT = bytes(range(256)) * 12_000  # 3 MB: several chunks
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `content` at `url`, with whatever trouble the test asks for."""

    protocol_version = "HTTP/1.1"
    url: ClassVar[str]
    content: ClassVar[bytes] = CONTENT
    etag: ClassVar[str] = '"one"'
    ranges_known: ClassVar[bool] = True
    drop_after: ClassVar[list[int | None]] = []  # bytes to send in each request before hanging up
    answers: ClassVar[list[int]] = []  # status codes to answer with first
    wrong_part: ClassVar[bool] = False
    seen: ClassVar[list[str | None]] = []  # the Range of every request
    after: ClassVar[Callable[[], None] | None] = None  # called after every answer

    def do_GET(self) -> None:
        cls = type(self)
        asked = self.headers["Range"]
        cls.seen.append(asked)
        if cls.answers:
            self.send_response(cls.answers.pop(0))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = 0
        if asked:
            given = re.fullmatch(r"bytes=(\d+)-", asked)
            assert given
            start = int(given[1])
        same = self.headers["If-Range"] in (None, cls.etag)
        if not cls.ranges_known or not same:
            start = 0
        size = len(cls.content)
        if start and start >= size:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            told = start + 1 if cls.wrong_part else start
            self.send_header("Content-Range", f"bytes {told}-{size - 1}/{size}")
        self.send_header("Content-Length", str(size - start))
        self.send_header("ETag", cls.etag)
        self.end_headers()
        stop = cls.drop_after.pop(0) if cls.drop_after else None
        self.wfile.write(cls.content[start : None if stop is None else start + stop])
        self.wfile.flush()
        if stop is not None:
            self.close_connection = True
        if cls.after:
            cls.after()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[type[Handler]]:
    """A fresh handler class, and a server of it at `handler.url`."""

    class Fresh(Handler):
        drop_after: ClassVar[list[int | None]] = []
        answers: ClassVar[list[int]] = []
        seen: ClassVar[list[str | None]] = []

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Fresh)
    thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
    thread.start()
    Fresh.url = f"http://127.0.0.1:{listener.server_port}/words.tar.gz"
    yield Fresh
    listener.shutdown()
    thread.join()
    listener.server_close()


def fetch(server: "type[Handler | Hostile]", to: Path, sha256: str = SHA256) -> Path:
    return download(server.url, to, sha256, progress=False, retry_wait_s=0.001)


def one_sentence(refusal: pytest.ExceptionInfo[Exception]) -> str:
    """The message, after checking that it is a single line that says how to mend it."""
    message = str(refusal.value)
    assert "\n" not in message
    assert re.search(r"[:;] ", message), f"no remedy in {message!r}"
    return message


# --- one file ---------------------------------------------------------------------------------


def test_a_file_arrives_whole_and_alone(server: type[Handler], tmp_path: Path) -> None:
    target = tmp_path / "new" / "words.tar.gz"
    assert fetch(server, target) == target
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["words.tar.gz"]


def test_a_second_call_asks_the_server_nothing(server: type[Handler], tmp_path: Path) -> None:
    fetch(server, tmp_path / "words")
    fetch(server, tmp_path / "words")
    assert server.seen == [None]


def test_a_file_with_the_wrong_sum_is_fetched_again(server: type[Handler], tmp_path: Path) -> None:
    (tmp_path / "words").write_bytes(b"an older version")
    assert fetch(server, tmp_path / "words").read_bytes() == CONTENT


def test_a_dropped_connection_is_taken_up_where_it_broke(
    server: type[Handler], tmp_path: Path
) -> None:
    server.drop_after = [1_500_000, 0, 700_000]
    assert fetch(server, tmp_path / "words").read_bytes() == CONTENT
    assert server.seen == [None, "bytes=1500000-", "bytes=1500000-", "bytes=2200000-"]


def test_a_later_call_goes_on_from_the_part(server: type[Handler], tmp_path: Path) -> None:
    server.drop_after = [1_000_000, 0, 0, 0, 0]
    with pytest.raises(DownloadError) as refusal:
        fetch(server, tmp_path / "words")
    message = one_sentence(refusal)
    assert "1000000 of 3072000 bytes arrived" in message
    assert "it goes on from there" in message
    assert (tmp_path / "words.part").stat().st_size == 1_000_000
    assert not (tmp_path / "words").exists()
    server.seen.clear()
    assert fetch(server, tmp_path / "words").read_bytes() == CONTENT
    assert server.seen == ["bytes=1000000-"]
    assert not (tmp_path / "words.part").exists()


def test_a_server_that_always_truncates_is_given_up(server: type[Handler], tmp_path: Path) -> None:
    server.ranges_known = False
    server.drop_after = [1000] * 50
    with pytest.raises(DownloadError, match="1000 of 3072000 bytes arrived, 5 attempts in vain"):
        fetch(server, tmp_path / "words")
    assert len(server.seen) == 5


def test_a_server_that_ignores_ranges_is_read_from_the_start(
    server: type[Handler], tmp_path: Path
) -> None:
    server.ranges_known = False
    server.drop_after = [1_000_000]
    assert fetch(server, tmp_path / "words").read_bytes() == CONTENT
    assert server.seen == [None, "bytes=1000000-"]


def test_a_server_that_sends_another_part_is_read_from_the_start(
    server: type[Handler], tmp_path: Path
) -> None:
    server.wrong_part = True
    server.drop_after = [1_000_000]
    assert fetch(server, tmp_path / "words").read_bytes() == CONTENT
    assert server.seen == [None, "bytes=1000000-", None]


def test_a_file_that_changes_midway_is_read_from_the_start(
    server: type[Handler], tmp_path: Path
) -> None:
    def change() -> None:
        server.content, server.etag = CONTENT, '"two"'

    server.content = bytes(len(CONTENT))
    server.after = staticmethod(change)
    server.drop_after = [1_000_000]
    assert fetch(server, tmp_path / "words").read_bytes() == CONTENT


def test_a_part_that_is_already_whole_is_only_verified(
    server: type[Handler], tmp_path: Path
) -> None:
    (tmp_path / "words.part").write_bytes(CONTENT)
    assert fetch(server, tmp_path / "words").read_bytes() == CONTENT
    assert server.seen == [f"bytes={len(CONTENT)}-"]


def test_a_part_longer_than_the_file_is_read_from_the_start(
    server: type[Handler], tmp_path: Path
) -> None:
    (tmp_path / "words.part").write_bytes(CONTENT + b"more")
    assert fetch(server, tmp_path / "words").read_bytes() == CONTENT
    assert server.seen == [f"bytes={len(CONTENT) + 4}-", None]


def test_corrupted_bytes_are_refused_and_removed(server: type[Handler], tmp_path: Path) -> None:
    server.content = CONTENT[:-1] + b"?"
    with pytest.raises(DownloadError) as refusal:
        fetch(server, tmp_path / "words")
    message = one_sentence(refusal)
    assert "arrived corrupted" in message
    assert SHA256 in message
    assert list(tmp_path.iterdir()) == []


def test_a_corrupted_part_is_refused_and_the_next_call_mends_it(
    server: type[Handler], tmp_path: Path
) -> None:
    (tmp_path / "words.part").write_bytes(b"?" * 1000)
    with pytest.raises(DownloadError, match="arrived corrupted"):
        fetch(server, tmp_path / "words")
    assert fetch(server, tmp_path / "words").read_bytes() == CONTENT


@pytest.mark.parametrize("status", [404, 403, 410])
def test_a_missing_file_fails_at_once(server: type[Handler], tmp_path: Path, status: int) -> None:
    server.answers = [status] * 9
    with pytest.raises(DownloadError) as refusal:
        fetch(server, tmp_path / "words")
    assert f"the server answers {status}" in one_sentence(refusal)
    assert len(server.seen) == 1
    assert not (tmp_path / "words").exists()


def test_a_busy_server_is_asked_again(server: type[Handler], tmp_path: Path) -> None:
    server.answers = [503, 500, 429]
    assert fetch(server, tmp_path / "words").read_bytes() == CONTENT
    assert len(server.seen) == 4


def test_the_wait_doubles_between_attempts(
    server: type[Handler], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    server.answers = [503] * 9
    with pytest.raises(DownloadError, match="503 Service Unavailable, 5 attempts in vain"):
        download(server.url, tmp_path / "words", SHA256, progress=False)
    assert waits == [1.0, 2.0, 4.0, 8.0]


def test_nobody_listening_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DownloadError) as refusal:
        download("http://127.0.0.1:9/x", tmp_path / "x", SHA256, progress=False, retry_wait_s=0)
    assert "connection refused, 5 attempts in vain" in one_sentence(refusal)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/x", "words.tar.gz"])
def test_only_web_addresses_are_fetched(tmp_path: Path, url: str) -> None:
    with pytest.raises(DownloadError, match="must begin with https://"):
        download(url, tmp_path / "x", SHA256)
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_does_not_fit_is_refused_before_it_begins(
    server: type[Handler], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = os.statvfs(tmp_path)
    assert usage.f_bavail  # the real disk has room: the refusal comes from the feigned one
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 1000}))
    with pytest.raises(DownloadError) as refusal:
        fetch(server, tmp_path / "words")
    assert "make room or choose another folder" in one_sentence(refusal)
    assert not (tmp_path / "words").exists()


def test_a_full_disk_is_one_sentence_and_keeps_the_part(
    server: type[Handler], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DownloadError) as refusal:
        fetch(server, tmp_path / "words")
    assert "no space left on device; make room and run it again" in one_sentence(refusal)
    assert [path.name for path in tmp_path.iterdir()] == ["words.part"]


# --- servers that mean harm, or are broken ------------------------------------------------------


def test_a_server_that_answers_416_for_ever_is_given_up(
    server: type[Handler], tmp_path: Path
) -> None:
    server.answers = [416] * 2000
    (tmp_path / "words.part").write_bytes(b"begun")
    with pytest.raises(DownloadError) as refusal:
        fetch(server, tmp_path / "words")
    assert "416" in one_sentence(refusal)
    assert len(server.seen) <= 10


ENDLESS = b"?" * 65_536


class Hostile(http.server.BaseHTTPRequestHandler):
    """Sends the head that a test gives, and a body that goes on until the client leaves."""

    protocol_version = "HTTP/1.1"
    url: ClassVar[str]
    head: ClassVar[bytes] = b""
    bodies: ClassVar[list[bytes]] = []  # of each request in turn; then endless ones
    served: ClassVar[list[int]] = []

    def do_GET(self) -> None:
        cls = type(self)
        self.close_connection = True
        cls.served.append(0)
        with contextlib.suppress(OSError):
            self.wfile.write(cls.head)
            if cls.bodies:
                self.wfile.write(cls.bodies.pop(0))
                return
            for _ in range(400):  # 26 MB: an honest client has long left
                self.wfile.write(ENDLESS)
                cls.served[-1] += len(ENDLESS)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def hostile() -> Iterator[type[Hostile]]:
    class Fresh(Hostile):
        bodies: ClassVar[list[bytes]] = []
        served: ClassVar[list[int]] = []

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Fresh)
    thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
    thread.start()
    Fresh.url = f"http://127.0.0.1:{listener.server_port}/words"
    yield Fresh
    listener.shutdown()
    thread.join()
    listener.server_close()


def head(*lines: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode("latin-1")


@pytest.mark.parametrize(
    "lines", [(), ("Content-Length: " + "9" * 5000,), ("Content-Length: \xb2",)]
)
def test_a_body_without_a_length_is_capped(
    hostile: type[Hostile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: tuple[str, ...]
) -> None:
    monkeypatch.setattr(download_module, "_LARGEST_BYTES", 3_000_000)
    hostile.head = head(*lines)
    with pytest.raises(DownloadError) as refusal:
        fetch(hostile, tmp_path / "words")
    assert "more than" in one_sentence(refusal)
    assert list(tmp_path.iterdir()) == []
    assert len(hostile.served) == 1 and hostile.served[0] < 20_000_000


@pytest.mark.parametrize(("lines", "steps"), [((), None), (("Content-Length: 3000000",), 3)])
def test_progress_ends_where_the_server_says_how_much_comes(
    hostile: type[Hostile],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    lines: tuple[str, ...],
    steps: int | None,
) -> None:
    totals = []

    def shown(chunks: Iterator[bytes], *, total: int | None, **_: str) -> Iterator[bytes]:
        totals.append(total)
        return chunks

    monkeypatch.setattr(download_module, "shown", shown)
    body = bytes(3_000_000)
    hostile.head, hostile.bodies = head(*lines), [body]
    sum_ = hashlib.sha256(body).hexdigest()
    download(hostile.url, tmp_path / "words", sum_, progress=True, retry_wait_s=0)
    assert totals == [steps]


def test_a_length_beyond_the_cap_is_refused_before_it_is_read(
    hostile: type[Hostile], tmp_path: Path
) -> None:
    hostile.head = head(f"Content-Length: {10**14}")
    with pytest.raises(DownloadError) as refusal:
        fetch(hostile, tmp_path / "words")
    assert "100000.0 GB" in one_sentence(refusal)


@pytest.mark.parametrize(
    "told",
    ["bytes 0-9/" + "9" * 5000, f"bytes {'0' * 5000}-9/10", "bytes \xb2-9/10", "octets 0-9/10", ""],
    ids=range(5),
)
def test_a_range_of_nonsense_is_given_up(hostile: type[Hostile], tmp_path: Path, told: str) -> None:
    hostile.head = head(f"Content-Range: {told}", status="206 Partial Content")
    hostile.bodies = [b"0123456789"] * 20
    with pytest.raises(DownloadError) as refusal:
        fetch(hostile, tmp_path / "words")
    assert "5 attempts in vain" in one_sentence(refusal)
    assert len(hostile.served) == 5


def test_more_than_was_promised_is_refused(hostile: type[Hostile], tmp_path: Path) -> None:
    (tmp_path / "words.part").write_bytes(b"0123456789")
    chunk = b"%x\r\n%s\r\n" % (len(ENDLESS), ENDLESS)
    hostile.head = head(
        "Content-Range: bytes 10-19/20", "Transfer-Encoding: chunked", status="206 Partial Content"
    )
    hostile.bodies = [chunk * 300]
    with pytest.raises(DownloadError) as refusal:
        fetch(hostile, tmp_path / "words")
    assert "more than the 20 bytes" in one_sentence(refusal)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_takes_back_what_it_gave_is_given_up(
    hostile: type[Hostile], tmp_path: Path
) -> None:
    """Each connection brings bytes, and none brings the file any further."""
    first = head("Content-Length: 1000") + b"0123456789"
    other = head("Content-Range: bytes 500-999/1000", status="206 Partial Content") + bytes(500)
    hostile.bodies = [first, other] * 50
    with pytest.raises(DownloadError) as refusal:
        fetch(hostile, tmp_path / "words")
    assert "attempts in vain" in one_sentence(refusal)
    assert len(hostile.served) <= 10


def test_a_tag_that_no_header_can_carry_is_not_sent_back(
    hostile: type[Hostile], tmp_path: Path
) -> None:
    tagged = (
        head(
            "Content-Length: 1000",
            'ETag: "a',
            '\t\x1b[31m b"',
        )
        + b"0123456789"
    )
    hostile.bodies = [tagged] * 20
    with pytest.raises(DownloadError, match="attempts in vain"):
        fetch(hostile, tmp_path / "words")


def test_a_reason_for_the_terminal_is_not_shown(hostile: type[Hostile], tmp_path: Path) -> None:
    hostile.head = head("Content-Length: 0", status="404 \x1b[2J\x07 gone " + "x" * 5000)
    hostile.bodies = [b""]
    with pytest.raises(DownloadError) as refusal:
        fetch(hostile, tmp_path / "words")
    message = one_sentence(refusal)
    assert message.isprintable() and len(message) < 200 and "404" in message


# --- archives ---------------------------------------------------------------------------------


def archive_of(path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def plain(name: str, content: bytes = b"x") -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo(name), content


def special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member, b""


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


# --- public corpora ---------------------------------------------------------------------------


@pytest.fixture
def official(
    server: type[Handler], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> type[Handler]:
    """A small archive in the place of the official one."""
    archive = archive_of(tmp_path / "source", [plain("./yes/a.wav"), plain("./LICENSE")])
    server.content = archive.read_bytes()
    known = Archive(server.url, hashlib.sha256(server.content).hexdigest())
    monkeypatch.setattr(corpora, "SPEECH_COMMANDS", {"v0.02": known, "v0.01": known})
    monkeypatch.setattr(corpora, "LIBRISPEECH", dict.fromkeys(corpora.LIBRISPEECH, known))
    return server


def test_the_corpus_is_fetched_once_and_unpacked(official: type[Handler], tmp_path: Path) -> None:
    raw = tmp_path / "data" / "raw"
    for _ in range(2):
        folder = download_speech_commands("v0.02", raw)
        assert folder == raw / "speech_commands"
        assert (folder / "yes" / "a.wav").read_bytes() == b"x"
    assert len(official.seen) == 1
    assert [path.name for path in raw.iterdir()] == ["speech_commands"]


def test_a_corpus_of_another_origin_is_left_alone(official: type[Handler], tmp_path: Path) -> None:
    (tmp_path / "speech_commands").mkdir()
    with pytest.raises(DownloadError) as refusal:
        download_speech_commands("v0.02", tmp_path)
    assert "was not made by this command" in one_sentence(refusal)
    assert official.seen == []


def test_another_version_is_not_mixed_in(official: type[Handler], tmp_path: Path) -> None:
    download_speech_commands("v0.01", tmp_path)
    with pytest.raises(DownloadError, match=r"holds version v0\.01"):
        download_speech_commands("v0.02", tmp_path)


def test_an_unknown_version_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"no version 'v9'.*v0\.01, v0\.02"):
        download_speech_commands("v9", tmp_path)


def test_wake_data_survives_a_server_that_drops_and_one_that_corrupts(
    official: type[Handler], tmp_path: Path
) -> None:
    raw, good = tmp_path / "raw", official.content
    official.drop_after = [10, None]
    official.content = good[:-1] + b"?"
    command = ["download", "wake-data", "--to", str(raw)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1 and "arrived corrupted" in result.output
    assert not any(raw.iterdir())
    official.content = good
    result = CliRunner().invoke(app, command)
    folders = [
        raw / "speech_commands",
        *(raw / "librispeech" / part for part in corpora.LIBRISPEECH),
    ]
    assert result.output == "".join(f"{folder}\n" for folder in folders)
    assert all((folder / "yes" / "a.wav").read_bytes() == b"x" for folder in folders)
    assert len(list((raw / "librispeech").iterdir())) == 2
    asked = len(official.seen)
    assert CliRunner().invoke(app, command).output == result.output
    assert len(official.seen) == asked


def test_the_sums_are_those_of_torchaudio() -> None:
    spec = importlib.util.find_spec("torchaudio")
    assert spec and spec.origin
    folder = Path(spec.origin).parent / "datasets"  # read: to import it takes seconds
    known = "".join(
        (folder / f"{name}.py").read_text() for name in ("librispeech", "speechcommands")
    )
    for url, sum_ in [*corpora.SPEECH_COMMANDS.values(), *corpora.LIBRISPEECH.values()]:
        assert f'{url.rpartition("/")[2]}": "{sum_}"' in known
