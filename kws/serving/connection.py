"""One client's connection: bytes in, events to its session, answers out, within fixed bounds."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Protocol

from wyoming.error import Error
from wyoming.event import Event
from wyoming.ping import Pong
from wyoming.wake import Detection, NotDetected

from kws.errors import KwsError
from kws.serving.events import EventBuffer, to_bytes
from kws.serving.session import Hit, Session, format_of

STALL_S = 120.0  # for the rest of an event, or for a client to read its answers
TURN_S = 0.02  # for one client at once; then the others have their turn
FAREWELL_S = 2.0  # for a refused client to read why
KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}  # finds a dead peer


class House(Protocol):
    """What a connection asks of its server."""

    info: bytes

    def new_session(self) -> Session:
        """Return the state of a client that has asked for nothing yet."""

    def admit(self, connection: "Connection") -> str:
        """Take in a client; say why it is not served, or nothing where it is."""

    def detected(self, connection: "Connection", hit: Hit) -> None:
        """Note a detection."""

    def refused(self, connection: "Connection", sentence: str) -> None:
        """Note why a client was refused."""

    def left(self, connection: "Connection") -> None:
        """Note that a client is gone."""


class Connection(asyncio.Protocol):
    """Serves one client.

    While its answers are not read, nothing more is read of it: a slow client waits for itself.
    """

    def __init__(self, house: House) -> None:
        self.client = "a client"
        self.address = ""
        self.sweeps = 0  # of the server, since an event was complete
        self._house = house
        self._buffer = EventBuffer()
        self._is_paused = self._is_refused = False
        self._farewell: asyncio.TimerHandle | None = None
        self._turn: asyncio.Handle | None = None
        self._pieces: Iterator[list[Hit]] = iter(())  # that are left of an audio-chunk
        self._session = house.new_session()
        self._answers: dict[str, Callable[[Event], None]] = {
            "audio-chunk": self._hear,
            "audio-start": lambda event: self._session.begin(format_of(event.data)),
            "audio-stop": lambda _: self._stop(),
            "detect": lambda event: self._session.choose(event.data.get("names")),
            "describe": lambda _: self._transport.write(house.info),
            "ping": lambda event: self._send(Pong(_writable(event.data.get("text"))).event()),
        }

    @property
    def is_waiting(self) -> bool:
        """Whether the client is to go on: to end an event that has begun, or to read answers."""
        return self._is_paused or self._buffer.is_within_event

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Serve the client, or say why not."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            self.address = str(peer[0]).partition("%")[0]
            self.client = f"{peer[0]} port {peer[1]}"
            _find_dead_peers(transport.get_extra_info("socket"))
        objection = self._house.admit(self)
        if objection:
            self._refuse(objection)

    def data_received(self, data: bytes) -> None:
        """Take in bytes; answer the events that they complete."""
        if not self._is_refused:
            self._buffer.feed(data)
            self._work()

    def eof_received(self) -> None:
        """Close, since a client that sends nothing more has nothing to wait for."""

    def pause_writing(self) -> None:
        """Read nothing more until the answers are gone."""
        self._is_paused = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on with what had arrived."""
        self._is_paused = False
        if not self._is_refused and not self._transport.is_closing():
            self._work()

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the client, and at once what it held."""
        for handle in (self._farewell, self._turn):
            if handle is not None:
                handle.cancel()
        self._pieces = iter(())
        self._answers.clear()  # whose functions refer to this connection
        self._house.left(self)

    def abort(self) -> None:
        """End the connection at once, with whatever is not sent."""
        self._transport.abort()

    def _work(self) -> None:
        """Do what has arrived for a moment, and the rest, before more is read, at the next turn."""
        loop = asyncio.get_running_loop()
        if self._turn is not None:
            self._turn.cancel()
        end_s = loop.time() + TURN_S
        try:
            while not self._is_paused and self._step():
                if loop.time() >= end_s:
                    self._transport.pause_reading()
                    self._turn = loop.call_soon(self._work)
                    return
        except KwsError as refusal:
            self._refuse(str(refusal))
        if not self._is_paused:
            self._transport.resume_reading()

    def _step(self) -> bool:
        """Hear a piece of a chunk, or answer the next event; tell whether there was one."""
        hits = next(self._pieces, None)
        if hits is None:
            event = self._buffer.next()
            if event is None:
                return False
            answer = self._answers.get(event.type)
            if answer is not None:  # what is unknown is ignored, as the protocol asks
                answer(event)
        else:
            self._tell(hits)
        self.sweeps = 0  # the next event has its own time
        return True

    def _hear(self, event: Event) -> None:
        stamp = event.data.get("timestamp")
        timestamp_ms = stamp if type(stamp) is int and abs(stamp) < 2**53 else None
        sound = event.payload or b""
        self._pieces = self._session.hear(format_of(event.data), sound, timestamp_ms)

    def _stop(self) -> None:
        hits, is_detected = self._session.end()
        self._tell(hits)
        if not is_detected:
            self._send(NotDetected().event())

    def _tell(self, hits: list[Hit]) -> None:
        for hit in hits:
            event = Detection(name=hit.wake_word.name, timestamp=hit.timestamp_ms).event()
            event.data["score"] = round(hit.score, 4)  # beyond the protocol; clients ignore it
            self._send(event)
            self._house.detected(self, hit)

    def _refuse(self, sentence: str) -> None:
        """Say why, and end the connection once that could be read."""
        self._is_refused = True
        self._house.refused(self, sentence)
        self._buffer, self._pieces = EventBuffer(), iter(())
        self._send(Error(text=sentence, code="refused").event())
        with suppress(OSError):  # of a client that has gone already
            self._transport.write_eof()
        self._farewell = asyncio.get_running_loop().call_later(FAREWELL_S, self._transport.abort)

    def _send(self, event: Event) -> None:
        self._transport.write(to_bytes(event))


def _writable(text: object) -> str | None:
    """JSON holds halves of characters, which UTF-8 does not."""
    return text.encode("utf-8", "replace").decode() if isinstance(text, str) else None


def _find_dead_peers(sock: Any) -> None:
    with suppress(OSError):  # of a client that has gone already
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in KEEPALIVE.items():
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
