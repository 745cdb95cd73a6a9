"""Downloads survive a bad network, refuse what is not what it should be, and leave nothing half."""

import errno
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from refusals import one_sentence
from web_servers import CONTENT, ENDLESS, SHA256, Handler, Hostile, fetch, head

from kws.corpus import download as download_module
from kws.corpus.download import download
from kws.errors import DownloadError


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


@pytest.mark.parametrize(
    "place", ["http://a..b/", f"http://{'a' * 70}/", "http://\xe9\xff/"], ids=range(3)
)
def test_an_address_that_cannot_be_read_is_one_sentence(
    hostile: type[Hostile], tmp_path: Path, place: str
) -> None:
    hostile.head = head(f"Location: {place}", "Content-Length: 0", status="302 Found")
    hostile.bodies = [b""] * 20
    with pytest.raises(DownloadError) as refusal:
        fetch(hostile, tmp_path / "words")
    assert "5 attempts in vain" in one_sentence(refusal)


def test_a_chunk_of_less_than_nothing_is_one_sentence(
    hostile: type[Hostile], tmp_path: Path
) -> None:
    hostile.head = head("Transfer-Encoding: chunked")
    hostile.bodies = [b"-5\r\nabc\r\n"] * 20
    with pytest.raises(DownloadError) as refusal:
        fetch(hostile, tmp_path / "words")
    assert "5 attempts in vain" in one_sentence(refusal)


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
