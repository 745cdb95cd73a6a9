"""A microphone for hours: one that goes away is waited for, and taken again when it is back."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType

from kws.audio.samples import Samples
from kws.errors import MicrophoneError
from kws.listening import microphone
from kws.listening.silenced import native_stderr_silenced
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.support.text import shown

RETRY_S = 1.0
RESCAN_AFTER = 2  # attempts; PortAudio sees a new device only when it looks for all of them anew


class LastingMicrophone:
    """Like `Microphone`, and it outlasts the device: `read` gives None while there is none.

    tell: takes a sentence about the device, when it goes and when it is back. With `wait=False`
    `read` raises MicrophoneError instead. Opening raises it in any case where there is none yet.
    `gaps` counts how often the stream began anew, and `lost_samples` goes on over them.
    """

    def __init__(
        self,
        device: int | str | None = None,
        sample_rate_hz: int = SAMPLE_RATE_HZ,
        *,
        channel: int | None = None,
        wait: bool = True,
        tell: Callable[[str], None],
    ) -> None:
        self._wanted, self._rate_hz, self._channel = device, sample_rate_hz, channel
        self._wait, self._tell = wait, tell
        self.gaps = 0
        self._lost_before = 0
        self._attempts = 0
        self._retry_at = 0.0
        self._open: microphone.Microphone | None = None
        self._cleanup = ExitStack()
        self._cleanup.enter_context(native_stderr_silenced())
        try:
            self._open = self._opened()
        except BaseException:
            self._cleanup.close()
            raise
        self.device = self._open.device

    def __enter__(self) -> "LastingMicrophone":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()
        self._cleanup.close()

    @property
    def is_there(self) -> bool:
        """Whether the device is open now."""
        return self._open is not None

    @property
    def device_rate_hz(self) -> int:
        """The rate at which the device runs; 0 while there is none."""
        return self._open.device_rate_hz if self._open else 0

    @property
    def lost_samples(self) -> int:
        """Samples lost while the device was there, as the computer was busy."""
        return self._lost_before + (self._open.lost_samples if self._open else 0)

    def read(self, timeout_s: float) -> Samples | None:
        """Return the next chunk, or None where none came within about so many seconds."""
        if self._open is None:
            self._retry(timeout_s)
            return None
        try:
            return self._open.read(timeout_s)
        except MicrophoneError as error:
            self._close()
            if not self._wait:
                raise
            self._attempts, self._retry_at = 0, time.monotonic() + RETRY_S
            sentence, _, _ = str(error).partition(": ")
            self._tell(f"{shown(sentence)}: waiting for it")
            return None

    def _retry(self, timeout_s: float) -> None:
        if time.monotonic() < self._retry_at:
            time.sleep(min(timeout_s, RETRY_S))
            return
        self._attempts += 1
        try:
            if self._attempts >= RESCAN_AFTER:
                microphone.rescan()
            self._open = self._opened()
        except MicrophoneError:
            self._retry_at = time.monotonic() + RETRY_S
            return
        self.gaps += 1
        self.device = self._open.device
        self._tell(f"the microphone {shown(repr(self.device.name))} is back")

    def _opened(self) -> microphone.Microphone:
        opened = microphone.Microphone(self._again(), self._rate_hz, channel=self._channel)
        opened.__enter__()
        return opened

    def _again(self) -> int | str | None:
        """The device as it is to be looked for: numbers change, and two may have one name."""
        if self._wanted is None or self._attempts == 0:
            return self._wanted
        same = [device for device in microphone.devices() if device.name == self.device.name]
        numbers = [device.number for device in same]
        if self.device.number in numbers:
            return self.device.number
        return numbers[0] if numbers else self.device.name

    def _close(self) -> None:
        if self._open is not None:
            self._lost_before += self._open.lost_samples
            opened, self._open = self._open, None
            opened.__exit__(None, None, None)
