"""Servers with whatever trouble a test asks for."""

from collections.abc import Iterator
from typing import ClassVar

import pytest
from web_servers import Handler, Hostile, serving


@pytest.fixture
def server() -> Iterator[type[Handler]]:
    """A fresh handler class, and a server of it at `handler.url`."""

    class Fresh(Handler):
        drop_after: ClassVar[list[int | None]] = []
        answers: ClassVar[list[int]] = []
        seen: ClassVar[list[str | None]] = []

    with serving(Fresh, "words.tar.gz"):
        yield Fresh


@pytest.fixture
def hostile() -> Iterator[type[Hostile]]:
    """A fresh handler class that sends more than it should, and a server of it."""

    class Fresh(Hostile):
        bodies: ClassVar[list[bytes]] = []
        served: ClassVar[list[int]] = []

    with serving(Fresh, "words"):
        yield Fresh
