"""Events of the Wyoming protocol as bytes, checked and bounded before anything is made of them.

An event is a line of JSON (`type`, `data_length`, `payload_length`), more JSON of `data_length`
bytes and a payload. The library `wyoming` waits for as many bytes as a header promises and raises
what JSON raises; a service that stands open to a network cannot.
"""

import io
import json
from typing import Any

from wyoming.event import Event, write_event

from kws.errors import ServingError
from kws.support.text import shown

HEADER_BYTES = DATA_BYTES = 1 << 16
PAYLOAD_BYTES = 1 << 20  # half a minute of 16 kHz; clients send tens of milliseconds
_SHOWN_CHARACTERS = 40


def to_bytes(event: Event) -> bytes:
    """Return an event as it goes over the line."""
    buffer = io.BytesIO()
    write_event(event, buffer)
    return buffer.getvalue()


class EventBuffer:
    """Takes in bytes in pieces of any size, and gives out the events that are complete.

    It holds at most the piece that was taken in last and one event that is not complete.
    """

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._searched = 0
        self._header: dict[str, Any] | None = None
        self._data_bytes = self._payload_bytes = 0

    @property
    def is_within_event(self) -> bool:
        """Whether an event has begun and is not complete."""
        return bool(self._bytes) or self._header is not None

    def feed(self, piece: bytes) -> None:
        """Take in what arrived."""
        self._bytes += piece

    def next(self) -> Event | None:
        """Return the next complete event, None where there is none yet; ServingError on another."""
        if self._header is None:
            line = self._line()
            if line is None:
                return None
            self._header = _json_object(line, "a header")
            self._data_bytes = _length(self._header, "data_length", DATA_BYTES)
            self._payload_bytes = _length(self._header, "payload_length", PAYLOAD_BYTES)
        if len(self._bytes) < self._data_bytes + self._payload_bytes:
            return None
        header, self._header = self._header, None
        data = header.get("data") or {}
        if not isinstance(data, dict):
            raise ServingError(f"the data of an event is {_brief(data)}: send a JSON object")
        if self._data_bytes:
            data |= _json_object(self._take(self._data_bytes), "data")
        kind = header.get("type")
        if not isinstance(kind, str):
            raise ServingError(f"the type of an event is {_brief(kind)}: send a name")
        return Event(kind, data, self._take(self._payload_bytes) if self._payload_bytes else None)

    def _line(self) -> bytes | None:
        end = self._bytes.find(b"\n", self._searched)
        if max(end, len(self._bytes) if end < 0 else 0) > HEADER_BYTES:
            raise ServingError(
                f"a header of more than {HEADER_BYTES:,} bytes: is this the Wyoming protocol?"
            )
        if end < 0:
            self._searched = len(self._bytes)
            return None
        line = self._take(end + 1)
        self._searched = 0
        return line

    def _take(self, count: int) -> bytes:
        taken = bytes(self._bytes[:count])
        del self._bytes[:count]
        return taken


def _json_object(text: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise ServingError(
            f"{what} of an event is no JSON ({_brief(text)}): is this the Wyoming protocol?"
        ) from None
    if not isinstance(value, dict):
        raise ServingError(f"{what} of an event is {_brief(value)}: send a JSON object")
    return value


def _length(header: dict[str, Any], name: str, most: int) -> int:
    length = header.get(name)
    if length is None:
        return 0
    if type(length) is not int or not 0 <= length <= most:
        raise ServingError(f"{name} is {_brief(length)}: send a whole number up to {most:,}")
    return length


def _brief(value: object) -> str:
    text = shown(value.decode("latin-1").strip() if isinstance(value, bytes) else repr(value))
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
