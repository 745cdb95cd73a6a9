"""The service: a socket, its clients, and how they come to an end."""

import asyncio
import errno
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field

from kws.engine.spotter import Spotter
from kws.errors import ServingError
from kws.serving.address import (
    UNGUARDED,
    URI,
    Address,
    Network,
    is_among,
    is_answered,
    is_loopback,
    parse_uri,
)
from kws.serving.announcement import announced
from kws.serving.catalogue import Catalogue
from kws.serving.connection import STALL_S, Connection
from kws.serving.events import to_bytes
from kws.serving.log import Log
from kws.serving.session import Hit, Session

SWEEP_S = 5.0
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to serve.

    allow: the networks whose clients are served, all where there is none; threshold: a posterior
    in place of the models' own; stall_s: how long an event may take, and reading an answer.
    """

    uri: str = URI
    threshold: float | None = None
    allow: tuple[Network, ...] = ()
    max_clients: int = 256
    zeroconf: bool = False
    stall_s: float = STALL_S


@dataclass
class Server:
    """Serves a catalogue to any number of clients on one thread; in an event loop."""

    catalogue: Catalogue
    settings: Settings
    log: Log
    clients: set[Connection] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.info = to_bytes(self.catalogue.info().event())
        # A threshold that is none is refused before the first client comes.
        Spotter(self.catalogue.words[0].model, threshold=self.settings.threshold)

    def new_session(self) -> Session:
        """Return the state of a client that has asked for nothing yet."""
        return Session(self.catalogue, self.settings.threshold)

    def admit(self, connection: Connection) -> str:
        """Take in a client; say why it is not served, or nothing where it is."""
        self.clients.add(connection)
        allow, most = self.settings.allow, self.settings.max_clients
        if allow and connection.address and not is_among(connection.address, allow):
            return f"{connection.address} is not among those of --allow: add it there"
        if len(self.clients) > most:
            return f"{most} clients are connected already: try later, or raise --max-clients"
        return ""

    def detected(self, connection: Connection, hit: Hit) -> None:
        """Note a detection."""
        self.log.detection(hit, connection.client)

    def refused(self, connection: Connection, sentence: str) -> None:
        """Note why a client was refused."""
        self.log.refusal(connection.client, sentence)

    def left(self, connection: Connection) -> None:
        """Note that a client is gone."""
        self.clients.discard(connection)

    async def serve(self, ready: Callable[[Address], None], stop: asyncio.Event) -> None:
        """Serve until `stop` is set; `ready` is told the address once clients can connect.

        ServingError where the address cannot be had, or not be announced or guarded.
        """
        async with AsyncExitStack() as stack:
            stack.callback(self.log.close)
            wanted = parse_uri(self.settings.uri)
            if wanted.path and self.settings.allow:
                raise ServingError(
                    f"--allow names addresses, and who connects to {wanted} has none: leave it "
                    "out, and let the rights of the socket's folder say who may come"
                )
            server = await self._listen(wanted)
            if wanted.path:
                stack.callback(_remove, wanted.path, os.stat(wanted.path).st_ino)
            stack.callback(server.close)
            stack.callback(self._part)
            address = self._address_of(server)
            if self.settings.zeroconf:
                await stack.enter_async_context(announced(address))
            ready(address)
            sweeper = asyncio.create_task(self._sweep())
            stack.callback(sweeper.cancel)
            await stop.wait()

    async def _listen(self, wanted: Address) -> asyncio.AbstractServer:
        loop = asyncio.get_running_loop()
        try:
            if wanted.path:
                if is_answered(wanted.path):  # asyncio would take it away from that service
                    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
                return await loop.create_unix_server(lambda: Connection(self), wanted.path)
            return await loop.create_server(lambda: Connection(self), wanted.host, wanted.port)
        except (OSError, UnicodeError, OverflowError, NotImplementedError) as error:
            is_taken = getattr(error, "errno", None) == errno.EADDRINUSE
            remedy = "is another service there? Give" if is_taken else "give"
            raise ServingError(
                f"{wanted} cannot be served ({_reason(error)}): {remedy} another --uri"
            ) from None

    def _address_of(self, server: asyncio.AbstractServer) -> Address:
        """Return where the server listens; warn where that is beyond this computer."""
        assert isinstance(server, asyncio.Server)
        names = [sock.getsockname() for sock in server.sockets]
        if not isinstance(names[0], tuple):
            return Address("", 0, str(names[0]))
        open_to = [Address(*name[:2]) for name in names if not is_loopback(name[0])]
        if open_to and not self.settings.allow:
            self.log.warning(UNGUARDED.format(where=open_to[0]))
        return open_to[0] if open_to else Address(*names[0][:2])

    async def _sweep(self) -> None:
        """End the connections that have waited too long for the client to go on.

        Sweeps are counted, not seconds: where this computer slept, no client is to blame.
        """
        stall_s = self.settings.stall_s
        interval_s = min(SWEEP_S, stall_s / 4)
        while True:
            await asyncio.sleep(interval_s)
            for client in list(self.clients):
                client.sweeps = client.sweeps + 1 if client.is_waiting else 0
                if client.sweeps * interval_s > stall_s:
                    self.refused(client, f"neither sent nor read anything for {stall_s:.0f} s")
                    client.abort()

    def _part(self) -> None:
        for client in list(self.clients):
            client.abort()


def _reason(error: Exception) -> str:
    """Say why there is no address; asyncio's own sentence names it once more."""
    if isinstance(error, OSError) and error.errno and not isinstance(error, socket.gaierror):
        return os.strerror(error.errno).lower()
    return str(getattr(error, "strerror", None) or error).lower()


def _remove(path: str, number: int) -> None:
    """Remove the socket of this number, which Python before 3.13 leaves at its path."""
    with suppress(OSError):
        if os.stat(path).st_ino == number:
            os.unlink(path)


async def run(catalogue: Catalogue, settings: Settings, *, as_json: bool = False) -> None:
    """Serve until the process is interrupted or terminated; say on standard error where."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in ENDING_SIGNALS:
        with suppress(NotImplementedError):  # on Windows, where Ctrl-C raises KeyboardInterrupt
            loop.add_signal_handler(number, stop.set)

    log = Log(sys.stdout, as_json=as_json)

    def ready(address: Address) -> None:
        log.note(f"Serving {catalogue.counted()} on {address}; Ctrl-C ends.")

    await Server(catalogue, settings, log).serve(ready, stop)
