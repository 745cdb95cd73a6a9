"""Web servers on this computer that drop, corrupt and lie, and what they are asked for."""

import contextlib
import hashlib
import http.server
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from kws.corpus.download import download

ENDLESS = b"?" * 65_536
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


@contextlib.contextmanager
def serving(handler: type[Any], path: str) -> Iterator[None]:
    """Serve with a handler class, at its `url` of that path."""
    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
    thread.start()
    handler.url = f"http://127.0.0.1:{listener.server_port}/{path}"
    yield
    listener.shutdown()
    thread.join()
    listener.server_close()


def fetch(server: "type[Handler | Hostile]", to: Path, sha256: str = SHA256) -> Path:
    return download(server.url, to, sha256, progress=False, retry_wait_s=0.001)


def head(*lines: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode("latin-1")
