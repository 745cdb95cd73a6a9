"""Downloads that resume, are verified, and appear under their name only when they are whole."""

import hashlib
import http.client
import math
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from kws.errors import DownloadError
from kws.support.progress import progress as shown
from kws.support.text import reason_of

_CHUNK_BYTES = 1 << 20
_TIMEOUT_S = 30.0
_ATTEMPTS = 5  # in a row that bring the file not one byte further
_LARGEST_BYTES = 8 * 10**9  # three times the largest archive here
_WORTH_RETRYING = {408, 425, 429, 500, 502, 503, 504}
# An address that no client can read, in a redirect, and a negative chunk are ValueErrors.
_REFUSALS = (OSError, http.client.HTTPException, ValueError)
_SIZE = "[0-9]{1,15}"  # in a header; a longer one is as good as none


def download(
    url: str,
    to: Path | str,
    sha256: str,
    *,
    progress: bool = True,
    retry_wait_s: float = 1.0,
) -> Path:
    """Download one file to the path `to`, which then is whole and has this SHA-256.

    Bytes are gathered in `<to>.part`, from where a broken connection and a later call go on.
    Gives up after five attempts without a new byte, waiting `retry_wait_s` after the first and
    twice as long after each other.  A file that is there with the right sum is not fetched again.
    Returns the path.  Raises DownloadError; a corrupted download is removed.
    """
    target = Path(to)
    part = target.with_name(target.name + ".part")
    if not url.startswith(("http://", "https://")):
        raise DownloadError(f"cannot download {url}: the address must begin with https://")
    try:
        if target.is_file() and _sha256(target) == sha256:
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("ab") as file:
            _fetch(url, file, progress, retry_wait_s)
            os.fsync(file.fileno())
        found = _sha256(part)
        if found != sha256:
            part.unlink()
            raise DownloadError(
                f"{url} arrived corrupted (its SHA-256 is {found}, not {sha256}) and was removed: "
                "download it again"
            )
        os.replace(part, target)
    except OSError as refusal:
        raise DownloadError(
            f"cannot save {target}: {reason_of(refusal)}; "
            "make room and run it again, it goes on from there"
        ) from refusal
    return target


class _Broken(Exception):
    """The connection gave less than it promised; the next attempt may bring more."""


def _fetch(url: str, file: BinaryIO, progress: bool, retry_wait_s: float) -> None:
    """Append the missing bytes of `url` to `file`, over as many connections as it takes."""
    validator: str | None = None  # the identity of the version that earlier bytes came from
    failures, furthest = 0, file.seek(0, os.SEEK_END)
    while True:
        offset = file.seek(0, os.SEEK_END)
        try:
            response = _open(url, offset, validator)
            if response is None:
                return
            with response:
                validator = _validator(response) or validator
                total = _place(response, file, offset)
                if total is not None:
                    _check_room(file, total)
                chunks: Iterator[bytes] = _chunks(response)
                if progress:
                    missing = None if total is None else total - file.tell()
                    steps = None if missing is None else math.ceil(missing / _CHUNK_BYTES)
                    label = f"downloading {url.rpartition('/')[2]}"
                    chunks = shown(chunks, label=label, total=steps, unit="MiB")
                for chunk in chunks:
                    _check_size(file, file.tell() + len(chunk), total, url)
                    file.write(chunk)
                if total is not None and file.tell() < total:
                    raise _Broken(f"{file.tell()} of {total} bytes arrived")
                return
        except _Broken as broken:
            size = file.seek(0, os.SEEK_END)
            failures = 1 if size > furthest else failures + 1
            furthest = max(furthest, size)
            if failures >= _ATTEMPTS:
                raise DownloadError(
                    f"cannot download {url}: {broken}, {failures} attempts in vain; check the "
                    "network and run it again, it goes on from there"
                ) from broken
            time.sleep(retry_wait_s * 2 ** (failures - 1))


def _open(url: str, offset: int, validator: str | None) -> http.client.HTTPResponse | None:
    """Ask for the bytes from `offset` on; None if there are no more."""
    request = urllib.request.Request(url, headers={"User-Agent": "kws"})
    if offset:
        request.add_header("Range", f"bytes={offset}-")
        if validator:
            request.add_header("If-Range", validator)  # another version: all of it, from the start
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
        return response
    except urllib.error.HTTPError as refusal:
        with refusal:
            if refusal.code == 416 and offset:  # all of it is here, or it is another file
                size = (refusal.headers["Content-Range"] or "").rpartition("/")[2]
                return None if size == str(offset) else _open(url, 0, None)
            # The server's own words may be long, or meant for a terminal.
            answer = f"{refusal.code} {http.client.responses.get(refusal.code, '')}".strip()
            if refusal.code in _WORTH_RETRYING:
                raise _Broken(f"the server answers {answer}") from None
            raise DownloadError(
                f"cannot download {url}: the server answers {answer}; check the address"
            ) from None
    except _REFUSALS as refusal:
        raise _Broken(_reason(refusal)) from refusal


def _place(response: http.client.HTTPResponse, file: BinaryIO, offset: int) -> int | None:
    """Set `file` where this answer belongs; return the size of the whole file if it is told."""
    if response.status == 206:
        told = re.fullmatch(
            rf"bytes ({_SIZE})-{_SIZE}/({_SIZE}|\*)", response.headers["Content-Range"] or ""
        )
        if not told or int(told[1]) != offset:
            _empty(file)
            raise _Broken("the server sent another part than was asked for")
        return None if told[2] == "*" else int(told[2])
    # The server does not know ranges, or has another version now: begin again.
    _empty(file)
    length = re.fullmatch(_SIZE, response.headers["Content-Length"] or "")
    return int(length[0]) if length else None


def _empty(file: BinaryIO) -> None:
    file.seek(0)
    file.truncate()


def _chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            chunk = response.read(_CHUNK_BYTES)
        except http.client.IncompleteRead as cut:
            yield cut.partial
            raise _Broken("the connection was cut") from cut
        except _REFUSALS as refusal:
            raise _Broken(_reason(refusal)) from refusal
        if not chunk:
            return
        yield chunk


def _validator(response: http.client.HTTPResponse) -> str | None:
    for name in ("ETag", "Last-Modified"):
        value = response.headers[name]
        # A weak tag says "as good as", which is not enough to join bytes (RFC 9110, 13.1.5).
        if value and not value.startswith("W/") and re.fullmatch("[ -~]{1,200}", value):
            return str(value)
    return None


def _check_size(file: BinaryIO, size: int, total: int | None, url: str) -> None:
    """Refuse a body that is longer than the server said, or than any archive here."""
    if size > (_LARGEST_BYTES if total is None else total):
        _empty(file)
        Path(file.name).unlink()
        promised = f"{_LARGEST_BYTES / 1e9:g} GB" if total is None else f"the {total} bytes it told"
        raise DownloadError(
            f"{url} sends more than {promised}: it is not what it should be; check the address"
        )


def _check_room(file: BinaryIO, total: int) -> None:
    folder = Path(file.name).parent
    if total > _LARGEST_BYTES:
        raise DownloadError(
            f"the download is to have {total / 1e9:.1f} GB, more than {_LARGEST_BYTES / 1e9:g}: "
            "it is not what it should be; check the address"
        )
    missing, free = total - file.tell(), shutil.disk_usage(folder).free
    if missing > free:
        raise DownloadError(
            f"{folder} has {free / 1e9:.1f} GB free and the download needs {missing / 1e9:.1f}: "
            "make room or choose another folder"
        )


def _reason(refusal: Exception) -> str:
    cause = getattr(refusal, "reason", refusal)  # what a URLError wraps
    return str(getattr(cause, "strerror", None) or cause or type(cause).__name__).lower()


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_CHUNK_BYTES):
            digest.update(block)
    return digest.hexdigest()
