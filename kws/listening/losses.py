"""How much sound a device lost while the computer was busy: its blocks against a clock."""

from collections import deque

_BLOCKS = 12  # about a second: the least delay among them is that of a queue run empty


class Losses:
    """Counts the samples that never came, from the times at which blocks arrived.

    A block arrives late or in a bunch, never early: over a second the smallest lag of the samples
    behind the clock is the device's own.  By what it has grown after a device said that it
    overran, so much was lost.
    """

    def __init__(self, rate_hz: int) -> None:
        self.samples = 0
        self._rate_hz = rate_hz
        self._received = 0
        self._lags: deque[float] = deque(maxlen=_BLOCKS)
        self._before: float | None = None  # the lag before the device overran
        self._waiting = 0

    def block(self, samples: int, now_s: float, *, overran: bool = False) -> None:
        """Take in that a block arrived; `now_s` is of a clock that only goes forward."""
        if overran:
            if self._before is None and self._lags:
                self._before = min(self._lags)
            self._lags.clear()
            self._waiting = _BLOCKS
        self._received += samples
        self._lags.append(now_s * self._rate_hz - self._received)
        if self._waiting:
            self._waiting -= 1
            if not self._waiting and self._before is not None:
                lost = max(0, round(min(self._lags) - self._before))
                self.samples += lost
                self._received += lost  # so that the lag is what it was
                self._lags.clear()
                self._before = None

    def dropped(self, samples: int) -> None:
        """Take in that a block which did arrive found no room."""
        self.samples += samples
