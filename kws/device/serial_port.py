"""A serial port as bytes: by pyserial where it is installed, by termios elsewhere."""

import os
import select
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol

from kws.errors import KwsError, ToolError

Failure = (OSError, ValueError)
WRITE_S = (
    2.0  # what a command waits for a port that takes no bytes, and a change of rate for the last
)


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
        """Send bytes; KwsError where the port does not take them within WRITE_S."""
        try:
            self._driver.write(data)
        except TimeoutError as error:
            raise KwsError(
                f"the serial port {self.name} takes no bytes: does the board still run? "
                "Plug it in again"
            ) from error
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
        remedy = "plug the board in, or give its port, such as /dev/ttyACM0 or COM3"
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


def _drain(waiting: Callable[[], int]) -> None:
    """Wait until all bytes have left, for a bounded time: a port may keep them for ever."""
    end = time.monotonic() + WRITE_S
    while waiting() and time.monotonic() < end:
        time.sleep(0.005)


class _Pyserial:
    def __init__(self, serial: Any, name: str, bits_per_s: int) -> None:
        self._timed_out = serial.SerialTimeoutException
        self._port = serial.Serial(
            name, bits_per_s, timeout=0, write_timeout=WRITE_S, exclusive=None
        )

    def read(self, timeout_s: float) -> bytes:
        self._port.timeout = timeout_s
        first = bytes(self._port.read(1))
        return first + bytes(self._port.read(self._port.in_waiting)) if first else b""

    def write(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except self._timed_out as error:
            raise TimeoutError(str(error)) from error

    def set_rate(self, bits_per_s: int) -> None:
        _drain(lambda: int(self._port.out_waiting))
        self._port.baudrate = bits_per_s

    def close(self) -> None:
        self._port.close()


class _Termios:
    def __init__(self, termios: Any, name: str, bits_per_s: int) -> None:
        self._termios = termios
        # Not blocking: neither a modem's carrier nor a board that takes nothing is waited for.
        self._file = os.open(name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            self.set_rate(bits_per_s)
        except BaseException:
            os.close(self._file)
            raise

    def read(self, timeout_s: float) -> bytes:
        if not select.select([self._file], [], [], timeout_s)[0]:
            return b""
        try:
            data = os.read(self._file, 1 << 16)
        except BlockingIOError:
            return b""
        if not data:
            raise OSError("it was closed")
        return data

    def write(self, data: bytes) -> None:
        end = time.monotonic() + WRITE_S
        while data:
            if not select.select([], [self._file], [], max(0.0, end - time.monotonic()))[1]:
                raise TimeoutError("it takes no bytes")
            try:
                data = data[os.write(self._file, data) :]
            except BlockingIOError:
                time.sleep(0.001)  # there is room, but less than the kernel wants
                if time.monotonic() >= end:
                    raise TimeoutError("it takes no bytes") from None

    def set_rate(self, bits_per_s: int) -> None:
        termios = self._termios
        speed = getattr(termios, f"B{bits_per_s}", None)
        if speed is None:
            raise ValueError("pip install pyserial to use that rate here")
        _drain(self._waiting)
        try:
            mode = termios.tcgetattr(self._file)
            # Raw: nothing is translated, echoed or waited for.
            mode[:4] = [0, 0, termios.CS8 | termios.CREAD | termios.CLOCAL, 0]
            mode[4:6] = [speed, speed]
            mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
            termios.tcsetattr(self._file, termios.TCSANOW, mode)
        except termios.error as error:
            raise OSError(*error.args) from error

    def _waiting(self) -> int:
        import fcntl

        count = bytearray(4)
        fcntl.ioctl(self._file, self._termios.TIOCOUTQ, count)
        return int.from_bytes(count, sys.byteorder)

    def close(self) -> None:
        try:
            _drain(self._waiting)
            if self._waiting():  # closing would wait for these, for half a minute
                self._termios.tcflush(self._file, self._termios.TCOFLUSH)
        except (OSError, self._termios.error):
            pass  # the port went away
        finally:
            os.close(self._file)
