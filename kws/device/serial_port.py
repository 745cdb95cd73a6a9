"""A serial port as bytes: by pyserial where it is installed, by termios elsewhere."""

import os
import select
from types import TracebackType
from typing import Any, Protocol

from kws.errors import KwsError, ToolError

Failure = (OSError, ValueError)


class _Driver(Protocol):
    def read(self, timeout_s: float) -> bytes: ...
    def write(self, data: bytes) -> None: ...
    def set_rate(self, bits_per_s: int) -> None: ...
    def close(self) -> None: ...


class SerialPort:
    """An open serial port, 8 data bits, no parity, no flow control.  Use it in a `with` statement.

    Everything raises KwsError in one sentence where the port does not exist, is not permitted or
    went away; ToolError where this system needs pyserial.
    """

    def __init__(self, name: str, bits_per_s: int) -> None:
        self.name = name
        try:
            self._driver = _open(name, bits_per_s)
        except Failure as error:
            raise self._failed("cannot be opened", error) from error

    def __enter__(self) -> "SerialPort":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._driver.close()

    def read(self, timeout_s: float) -> bytes:
        """Return what has arrived, at once where there is something; b"" after the time."""
        try:
            return self._driver.read(timeout_s)
        except Failure as error:
            raise self._failed("went away", error) from error

    def write(self, data: bytes) -> None:
        """Send bytes."""
        try:
            self._driver.write(data)
        except Failure as error:
            raise self._failed("went away", error) from error

    def set_rate(self, bits_per_s: int) -> None:
        """Go on at another rate."""
        try:
            self._driver.set_rate(bits_per_s)
        except Failure as error:
            raise self._failed(f"does not run at {bits_per_s} bits per second", error) from error

    def _failed(self, what: str, error: Exception) -> KwsError:
        reason = getattr(error, "strerror", None) or str(error)
        remedy = "plug the board in, give its port, such as /dev/ttyACM0 or COM3"
        if isinstance(error, PermissionError):
            remedy = "join the group that may use it: sudo usermod -aG dialout $USER, log in again"
        return KwsError(f"the serial port {self.name} {what} ({reason}): {remedy}")


def _open(name: str, bits_per_s: int) -> _Driver:
    try:
        import serial
    except ImportError:
        pass
    else:
        return _Pyserial(serial, name, bits_per_s)
    try:
        import termios
    except ImportError:
        raise ToolError(
            "serial ports on this system need the Python package pyserial: pip install pyserial"
        ) from None
    return _Termios(termios, name, bits_per_s)


class _Pyserial:
    def __init__(self, serial: Any, name: str, bits_per_s: int) -> None:
        self._port = serial.Serial(name, bits_per_s, timeout=0, exclusive=None)

    def read(self, timeout_s: float) -> bytes:
        self._port.timeout = timeout_s
        first = bytes(self._port.read(1))
        return first + bytes(self._port.read(self._port.in_waiting)) if first else b""

    def write(self, data: bytes) -> None:
        self._port.write(data)

    def set_rate(self, bits_per_s: int) -> None:
        self._port.flush()
        self._port.baudrate = bits_per_s

    def close(self) -> None:
        self._port.close()


class _Termios:
    def __init__(self, termios: Any, name: str, bits_per_s: int) -> None:
        self._termios = termios
        self._file = os.open(name, os.O_RDWR | os.O_NOCTTY)
        try:
            self.set_rate(bits_per_s)
        except BaseException:
            os.close(self._file)
            raise

    def read(self, timeout_s: float) -> bytes:
        if not select.select([self._file], [], [], timeout_s)[0]:
            return b""
        data = os.read(self._file, 1 << 16)
        if not data:
            raise OSError("it was closed")
        return data

    def write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._file, data) :]

    def set_rate(self, bits_per_s: int) -> None:
        termios = self._termios
        speed = getattr(termios, f"B{bits_per_s}", None)
        if speed is None:
            raise ValueError("pip install pyserial to use that rate here")
        try:
            mode = termios.tcgetattr(self._file)
            # Raw: nothing is translated, echoed or waited for.
            mode[:4] = [0, 0, termios.CS8 | termios.CREAD | termios.CLOCAL, 0]
            mode[4:6] = [speed, speed]
            mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
            termios.tcsetattr(self._file, termios.TCSADRAIN, mode)
        except termios.error as error:
            raise OSError(*error.args) from error

    def close(self) -> None:
        os.close(self._file)
