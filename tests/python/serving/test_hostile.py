"""Clients that send garbage, stop midway, read nothing or die: one sentence; the others go on."""

import asyncio
import io
import json
import random
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, closing
from typing import Any

import numpy as np
import pytest

pytest.importorskip("wyoming", reason="pip install 'kws[serve]'")

from loudness_models import noise, wake_word
from wyoming_server import Serving, serving, stream

from kws.engine import model_file
from kws.serving.address import Address, parse_networks
from kws.serving.catalogue import Catalogue
from kws.serving.log import REFUSALS_A_MINUTE, Log
from kws.serving.server import Server, Settings
from kws.serving.session import Format, Session

FORM: dict[str, Any] = {"rate": 16_000, "width": 2, "channels": 1}


def event(kind: str, payload: bytes = b"", **data: Any) -> bytes:
    header = {"type": kind, "data": data, "payload_length": len(payload)}
    return json.dumps(header).encode() + b"\n" + payload


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def answers(sock: socket.socket) -> list[dict]:
    """Every event up to the end of the connection."""
    received = b""
    while piece := sock.recv(1 << 16):
        received += piece
    events = []
    while received:
        line, _, received = received.partition(b"\n")
        header = json.loads(line)
        size = header.get("data_length", 0)
        events.append({"type": header["type"], **json.loads(received[:size] or b"{}")})
        received = received[size:]
    return events


@pytest.fixture(scope="module")
def model_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "noise.kws"
    path.write_bytes(wake_word())
    return path


@pytest.fixture(scope="module")
def service(model_path) -> Iterator[Serving]:
    """One service for all of them: it must be as good as new after each, and end in peace."""
    with serving(model_path) as running:
        yield running
        _, errors = running.end()
        assert running.process.returncode == 0
        warnings = errors.splitlines()
        told = ("kws: warning: 127.0.0.1 port ", "kws: warning: ")  # the latter of lines lost
        assert all(line.startswith(told[0]) for line in warnings[:-1]), errors
        assert warnings[-1].startswith(told) and len(warnings) >= REFUSALS_A_MINUTE


@pytest.fixture(autouse=True)
def still_serves(request):
    yield
    if "service" in request.fixturenames:
        port = request.getfixturevalue("service").port
        events = asyncio.run(stream(port, noise(1, 6000)))
        assert [event.type for event in events] == ["detection"]


REFUSED = {
    "a browser": (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "is no JSON (GET / HTTP/1.1)"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\n", "is this the Wyoming protocol?"),
    "an empty line": (b"\n", "is no JSON ()"),
    "a list": (b"[1]\n", "a header of an event is [1]: send a JSON object"),
    "depth": (b"[" * 60_000 + b"\n", "is no JSON ([[["),
    "a long number": (b"9" * 10_000 + b"\n", "is no JSON (999"),
    "no type": (b"{}\n", "the type of an event is None"),
    "data that is none": (b'{"type": "detect", "data": [1]}\n', "send a JSON object"),
    "data that is no JSON": (b'{"type": "a", "data_length": 2}\n{]', "data of an event is no JSON"),
    "10 MB of header": (b"a" * 10_000_000, "a header of more than 65,536 bytes"),
    "10 MB of data": (b'{"type": "a", "data_length": 10000000}\n', "data_length is 10000000"),
    "a terabyte": (b'{"type": "a", "payload_length": 1000000000000}\n', "up to 1,048,576"),
    "less than nothing": (b'{"type": "a", "payload_length": -1}\n', "payload_length is -1"),
    "a length in words": (b'{"type": "a", "payload_length": "1"}\n', "payload_length is '1'"),
    "a true length": (b'{"type": "a", "payload_length": true}\n', "payload_length is True"),
    "a chunk of no format": (event("audio-chunk", b"ab"), "the rate is None"),
    "no rate": (event("audio-start", **{**FORM, "rate": 0}), "the rate is 0: send a number"),
    "no width": (event("audio-start", **{**FORM, "width": 5}), "the width is 5: send samples of"),
    "no channels": (event("audio-start", **{**FORM, "channels": 0}), "there are 0 channels"),
    "half a sample": (event("audio-chunk", b"abc", **FORM), "has 3 bytes: send whole frames of 2"),
    "an unknown word": (event("detect", names=["al\x1bexa"]), r"no wake word 'al\x1bexa': ask for"),
    "a name for names": (event("detect", names="noise"), "the names are 'noise': send a list"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_understood_gets_one_sentence_and_the_end(service, name):
    sent, sentence = REFUSED[name]
    with closing(connect(service.port)) as sock:
        sock.sendall(sent)
        (answer,) = answers(sock)
    assert answer["type"] == "error" and sentence in answer["text"]
    assert "\n" not in answer["text"] and len(answer["text"]) < 250


HARMLESS = {
    "an unknown event": (event("sing", b"la", volume=11), []),
    "a stop without a start": (event("audio-stop"), ["not-detected"]),
    "two stops": (event("audio-stop") * 2, ["not-detected"] * 2),
    "a start without a chunk": (event("audio-start", **FORM), []),
    "an empty chunk": (event("audio-chunk", **FORM), []),
    "half a character": (b'{"type": "ping", "data": {"text": "\\ud800"}}\n', ["pong"]),
    "a clock of letters": (event("audio-chunk", b"ab", timestamp="noon", **FORM), []),
    "a format that changes": (
        b"".join(event("audio-chunk", bytes(96), **{**FORM, "rate": r}) for r in (8000, 48000) * 9),
        [],
    ),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_odd_and_harmless_is_taken(service, name):
    sent, kinds = HARMLESS[name]
    with closing(connect(service.port)) as sock:
        sock.sendall(sent + event("ping"))
        sock.shutdown(socket.SHUT_WR)
        assert [answer["type"] for answer in answers(sock)] == [*kinds, "pong"]


def test_a_chunk_without_a_start_begins_the_stream(service):
    loud = noise(1, 6000).tobytes()
    with closing(connect(service.port)) as sock:
        sock.sendall(event("audio-chunk", loud, **FORM) + event("audio-stop"))
        sock.shutdown(socket.SHUT_WR)
        (answer,) = answers(sock)
    assert (answer["type"], answer["name"]) == ("detection", "noise")


def test_one_byte_at_a_time_is_heard(service):
    sent = event("audio-chunk", noise(0.3, 6000).tobytes(), **FORM) + event("ping")
    with closing(connect(service.port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(sent)):
            sock.send(sent[at : at + 1])
        sock.shutdown(socket.SHUT_WR)
        assert [answer["type"] for answer in answers(sock)] == ["detection", "pong"]


def test_clients_that_die_midway_leave_nothing_behind(service):
    sent = event("audio-start", **FORM) + event("audio-chunk", bytes(40_000), **FORM)
    for length in range(1, len(sent), 199):
        sock = connect(service.port)
        sock.sendall(sent[:length])
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()  # by a reset, as of a program that is killed


def test_mutations_of_a_talk_are_refused_or_taken(service):
    rng = random.Random(0)
    talk = event("describe") + event("detect", names=["noise"]) + event("audio-start", **FORM)
    talk += event("audio-chunk", bytes(64), timestamp=1, **FORM) + event("audio-stop")
    kinds = set()
    for _ in range(400):
        sent = bytearray(talk)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(sent))
            sent[at : at + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 3))
        with closing(connect(service.port)) as sock:
            sock.sendall(sent)
            sock.shutdown(socket.SHUT_WR)
            kinds |= {answer["type"] for answer in answers(sock)}
    assert kinds >= {"info", "not-detected", "error"}


def test_a_client_that_reads_nothing_waits_for_itself_and_takes_no_memory(service):
    before_kb = service.resident_kb()
    sock = connect(service.port)
    sock.settimeout(2)
    asked = event("describe") * 1_000
    total = 0
    with closing(sock), pytest.raises(TimeoutError):
        while total < 100_000_000:  # of questions, for half a kilobyte of answer to each
            total += sock.send(asked)
    assert total > 100_000
    assert service.resident_kb() - before_kb < 10_000


def test_a_flood_of_garbage_fills_no_disk(model_path):
    with serving(model_path) as service:
        for _ in range(3 * REFUSALS_A_MINUTE):
            with closing(connect(service.port)) as sock:
                sock.sendall(b"garbage\n")
                answers(sock)
        _, errors = service.end()
    told = len(errors.splitlines())
    assert REFUSALS_A_MINUTE <= told <= 2 * REFUSALS_A_MINUTE  # a minute may end amid it
    assert "(more in this minute are not told)" in errors


def test_output_that_nobody_reads_stops_no_client(model_path):
    """Neither does it keep the service from ending."""
    loud = event("audio-chunk", noise(0.1, 6000).tobytes(), **FORM) + event("audio-stop")
    with serving(model_path) as service:
        for _ in range(20):
            with closing(connect(service.port)) as sock:
                sock.sendall(loud * 300)
                sock.shutdown(socket.SHUT_WR)
                assert [answer["type"] for answer in answers(sock)] == ["detection"] * 300
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(30) == 0
        out, errors = service.process.communicate()
    assert 0 < len(out.splitlines()) < 6_000 and errors == ""


def test_memory_stays_as_it_is_over_thousands_of_clients(service):
    def visits(count: int) -> int:
        for _ in range(count):
            with closing(connect(service.port)) as sock:
                sock.sendall(event("audio-chunk", noise_bytes, **FORM) + b"garbage\n")
                answers(sock)
        return service.resident_kb()

    noise_bytes = noise(0.5, 3000).tobytes()
    warm_kb = visits(300)
    assert visits(2_000) - warm_kb < 2_000


@asynccontextmanager
async def serving_here(model_path, **settings):
    """A service in this process: its port and its server."""
    stop = asyncio.Event()
    address: asyncio.Future[Address] = asyncio.get_running_loop().create_future()
    catalogue = Catalogue([model_file.load(model_path)])
    options = Settings(uri="tcp://127.0.0.1:0", **settings)
    server = Server(catalogue, options, Log(io.StringIO(), as_json=True))
    task = asyncio.create_task(server.serve(address.set_result, stop))
    yield (await address).port, server
    stop.set()
    await task


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


LONG: dict[str, Any] = {"rate": 2_000, "width": 1, "channels": 1}  # nine minutes in a chunk


def test_a_chunk_of_minutes_lets_others_have_their_turn(model_path, monkeypatch):
    monkeypatch.setattr("kws.serving.connection.TURN_S", 0.0)

    async def scene() -> None:
        async with serving_here(model_path) as (port, server):
            other_reader, other = await asyncio.open_connection("127.0.0.1", port)
            await until(lambda: len(server.clients) == 1)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await until(lambda: len(server.clients) == 2)
            writer.write(event("audio-chunk", bytes([128]) * 2**20, **LONG) + event("ping"))
            answered = asyncio.create_task(reader.readline())
            await until(lambda: any(client._session._heard_s for client in server.clients))
            other.write(event("ping"))
            assert b"pong" in await other_reader.readline()
            assert not answered.done()
            assert b"pong" in await answered
            for each in (other, writer):
                each.close()

    asyncio.run(scene())


def test_a_long_chunk_is_heard_as_short_ones_are(model_path):
    catalogue = Catalogue([model_file.load(model_path)])
    sound = np.concatenate([noise(1.5, 16), noise(0.7, 6000), noise(1.9, 16)])
    form = Format(16_000, 2, 1)
    whole, cut = Session(catalogue), Session(catalogue)
    pieces = list(whole.hear(form, sound.tobytes(), 5_000))
    hits = [hit for piece in pieces for hit in piece]
    short = [
        hit
        for at in range(0, len(sound), 800)
        for piece in cut.hear(form, sound[at : at + 800].tobytes(), 5_000 + at // 16)
        for hit in piece
    ]
    assert len(pieces) == 5 and hits == short and len(hits) == 1
    assert whole.end() == cut.end()


@pytest.mark.parametrize("begun", [b'{"type": "pi', event("audio-chunk", bytes(64), **FORM)[:-1]])
def test_half_an_event_is_waited_for_and_then_given_up(model_path, capsys, begun):
    async def scene() -> None:
        async with serving_here(model_path, stall_s=0.5) as (port, server):
            idle = await asyncio.open_connection("127.0.0.1", port)  # a muted satellite
            half = await asyncio.open_connection("127.0.0.1", port)
            half[1].write(begun)
            await until(lambda: len(server.clients) == 2)
            await until(lambda: len(server.clients) == 1)
            idle[1].write(event("ping"))
            assert b"pong" in await idle[0].readline()
            for _, writer in (idle, half):
                writer.close()

    asyncio.run(scene())
    assert "neither sent nor read anything for 0 s" in capsys.readouterr().err


def test_a_client_that_is_always_amid_an_event_is_not_given_up(model_path):
    """As one is that streams as fast as it can: what counts is that events are completed."""

    async def scene() -> bytes:
        async with serving_here(model_path, stall_s=0.4) as (port, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            one = event("audio-chunk", bytes(64), **FORM)
            for _ in range(12):  # for thrice the time that one event may take
                writer.write(one[10:] + one[:10] if _ else one[:10])
                await asyncio.sleep(0.1)
            writer.write(one[10:] + event("ping"))
            answer = await reader.readline()
            writer.close()
            return answer

    assert b"pong" in asyncio.run(scene())


def test_a_client_that_never_reads_is_given_up(model_path, capsys):
    async def scene() -> None:
        async with serving_here(model_path, stall_s=0.5) as (port, server):
            sock = connect(port)
            sock.setblocking(False)
            asked = event("describe") * 500
            loop = asyncio.get_running_loop()
            with pytest.raises((TimeoutError, ConnectionError)):
                while True:
                    await asyncio.wait_for(loop.sock_sendall(sock, asked), 5)
            await until(lambda: not server.clients)
            sock.close()

    asyncio.run(scene())
    assert "neither sent nor read" in capsys.readouterr().err


def test_one_client_too_many_is_told_so_and_a_place_that_is_free_is_given(model_path):
    async def scene() -> None:
        async with serving_here(model_path, max_clients=2) as (port, server):
            first = await asyncio.open_connection("127.0.0.1", port)
            second = await asyncio.open_connection("127.0.0.1", port)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert b"2 clients are connected already" in await reader.read()
            first[1].close()
            writer.close()
            await until(lambda: len(server.clients) == 1)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(event("ping"))
            assert b"pong" in await reader.readline()
            for other in (second[1], writer):
                other.close()

    asyncio.run(scene())


@pytest.mark.parametrize(
    "allowed, expected",
    [
        ("127.0.0.0/8", b"pong"),
        ("10.1.2.3", b"--allow"),
        ("::ffff:127.0.0.1", b"pong"),
        ("::ffff:10.0.0.0/104", b"--allow"),
        ("::/0", b"--allow"),
    ],
)
def test_only_those_who_are_allowed_are_served(model_path, allowed, expected):
    async def scene() -> bytes:
        allow = parse_networks([allowed])
        async with serving_here(model_path, allow=allow) as (port, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(event("ping"))
            writer.write_eof()
            answer = await reader.read()
            writer.close()
            return answer

    assert expected in asyncio.run(scene())


def test_a_client_that_has_gone_before_it_is_refused_is_one_line(model_path):
    with serving(model_path, "--allow", "10.1.2.3") as service:
        service.process.send_signal(signal.SIGSTOP)  # as a busy computer accepts it late
        connect(service.port).close()
        service.process.send_signal(signal.SIGCONT)
        with closing(connect(service.port)) as sock:
            assert "--allow" in answers(sock)[0]["text"]
        _, errors = service.end()
    lines = errors.splitlines()
    assert len(lines) == 2 and all("is not among those of --allow" in line for line in lines), lines
