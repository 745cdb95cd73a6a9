"""The microphone as a stream of int16 samples at 16 kHz; the only user of sounddevice."""

import queue
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from types import ModuleType, TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kws.errors import MicrophoneError
from kws.listening.losses import Losses
from kws.listening.silenced import native_stderr_silenced
from kws.settings.front_end import SAMPLE_RATE_HZ

BLOCK_MS = 80
BUFFER_S = 10.0  # what a program that looks away may miss before samples are lost
MOST_BLOCKS = round(BUFFER_S * 1000 / BLOCK_MS)
# A sound server may take seconds to wake a sleeping card; one that runs delivers every block.
FIRST_BLOCK_TIMEOUT_S = 10.0
NEXT_BLOCK_TIMEOUT_S = 3.0


@dataclass(frozen=True, kw_only=True)
class Device:
    """One microphone as the operating system names it."""

    number: int
    name: str
    channels: int
    sample_rate_hz: int
    is_default: bool


def devices() -> list[Device]:
    """List the microphones, in the order of their numbers; an empty list where there are none.

    Raises MicrophoneError where sounddevice or the PortAudio library is missing.
    """
    sounddevice = _sounddevice()
    default = int(sounddevice.default.device[0])
    return [
        Device(
            number=number,
            name=str(entry["name"]),
            channels=int(entry["max_input_channels"]),
            sample_rate_hz=round(entry["default_samplerate"]),
            is_default=number == default,
        )
        for number, entry in enumerate(sounddevice.query_devices())
        if entry["max_input_channels"] > 0
    ]


def rescan() -> None:
    """Let PortAudio look for devices anew; its list is that of its start.

    It ends every stream of this process, those of other users of sounddevice too.
    """
    sounddevice = _sounddevice()
    with suppress(sounddevice.PortAudioError):
        sounddevice._terminate()
    try:
        sounddevice._initialize()
    except sounddevice.PortAudioError as error:
        raise MicrophoneError(f"the sound system does not start ({error})") from error


def portaudio_version() -> str:
    """Return the name and version of the PortAudio library; MicrophoneError where it is missing."""
    return str(_sounddevice().get_portaudio_version()[1]).partition(", ")[0]


def choose(wanted: int | str | None = None) -> Device:
    """Return the microphone with this number or (part of a) name; None takes the default one.

    Raises MicrophoneError where there is none, or where a name fits several.
    """
    found = devices()
    if not found:
        raise MicrophoneError(
            "no microphone found: plug one in; `kws listen MODEL FILE` reads a recording"
        )
    names = "; ".join(f"{device.number}: {device.name}" for device in found)
    if wanted is None:
        return next((device for device in found if device.is_default), found[0])
    if isinstance(wanted, int) or wanted.isdigit():
        fits = [device for device in found if device.number == int(wanted)]
    else:
        fits = [device for device in found if device.name.lower() == wanted.lower()]
        fits = fits or [device for device in found if wanted.lower() in device.name.lower()]
    if len(fits) == 1:
        return fits[0]
    trouble = "several microphones fit" if fits else "no microphone is called"
    raise MicrophoneError(f"{trouble} {str(wanted)!r}: give one of these numbers ({names})")


class Microphone:
    """An open microphone: iterate over its int16 (samples,) chunks at a rate while it lasts.

    The rate is 16 kHz unless another is given.  A device that refuses it is opened at its own rate
    and resampled; several channels are averaged, or `channel` is taken alone, the first is 0.
    `lost_samples` counts those, at that rate, that were lost because nobody fetched them in time,
    before what was read last.
    Use it in a `with` statement.  Opening raises MicrophoneError where the device cannot be used,
    iterating and `read` do where it goes away.
    """

    def __init__(
        self,
        device: int | str | None = None,
        sample_rate_hz: int = SAMPLE_RATE_HZ,
        *,
        channel: int | None = None,
    ) -> None:
        self.device = choose(device)
        if channel is not None and not 0 <= channel < self.device.channels:
            raise MicrophoneError(
                f"the microphone {self.device.name!r} has {self.device.channels} channels: "
                f"--channel {channel} is not among them, the first is 0"
            )
        self.channel = channel
        self.sample_rate_hz = sample_rate_hz
        self.device_rate_hz, self._channels = 0, 1
        self._losses = Losses(sample_rate_hz)
        self._silent_s = 0.0  # counted in reads, not by a clock, which runs while a laptop sleeps
        self._patience_s = FIRST_BLOCK_TIMEOUT_S
        # Each block with the samples lost before it: older sound may still wait when they are.
        self._blocks: queue.SimpleQueue[tuple[bytes | None, int]] = queue.SimpleQueue()
        self._lost = 0
        self._convert: Callable[[NDArray[np.int16]], NDArray[np.int16]] = _only_channel
        self._cleanup = ExitStack()
        try:
            self._cleanup.enter_context(native_stderr_silenced())
            self._stream = self._open()
            self._cleanup.callback(self._stream.close)
        except BaseException:
            self._cleanup.close()
            raise

    def __enter__(self) -> "Microphone":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._cleanup.close()

    def __iter__(self) -> Iterator[NDArray[np.int16]]:
        while True:
            chunk = self.read(self._patience_s)
            if chunk is not None:
                yield chunk

    @property
    def lost_samples(self) -> int:
        """Samples lost so far, at the rate that was asked for."""
        return self._lost * self.sample_rate_hz // max(self.device_rate_hz, 1)

    def read(self, timeout_s: float) -> NDArray[np.int16] | None:
        """Return the next chunk, or None where none came within so many seconds.

        Raises MicrophoneError where the device has ended or has sent nothing for too long.
        """
        try:
            block, self._lost = self._blocks.get(timeout=timeout_s)
        except queue.Empty:
            self._silent_s += timeout_s
            if self._silent_s < self._patience_s:
                return None
            block = None
        if block is None:
            raise MicrophoneError(
                f"the microphone {self.device.name!r} stopped sending sound: check its "
                "connection and the sound settings, then start again"
            )
        self._silent_s, self._patience_s = 0.0, NEXT_BLOCK_TIMEOUT_S
        samples = np.frombuffer(block, np.int16).reshape(-1, self._channels)
        chunk = self._convert(self._chosen(samples))
        return chunk if len(chunk) else None  # a resampler keeps the first block to itself

    def _chosen(self, block: NDArray[np.int16]) -> NDArray[np.int16]:
        return block if self.channel is None else block[:, self.channel : self.channel + 1]

    def _open(self) -> Any:
        """Start the stream at the wanted rate, mono, or the nearest to it that the device takes."""
        sounddevice = _sounddevice()
        wanted, native = self.sample_rate_hz, self.device.sample_rate_hz
        attempts = [(wanted, 1), (native, 1)] if self.channel is None else []
        attempts += [(wanted, self.device.channels), (native, self.device.channels)]
        refusal = ""
        for rate_hz, channels in dict.fromkeys(attempts):
            try:
                self._losses = Losses(rate_hz)
                stream = sounddevice.RawInputStream(
                    device=self.device.number,
                    samplerate=rate_hz,
                    channels=channels,
                    dtype="int16",
                    blocksize=rate_hz * BLOCK_MS // 1000,
                    callback=self._on_block,
                    finished_callback=self._on_finished,
                )
                self._start(stream)
            except sounddevice.PortAudioError as error:
                refusal = refusal or str(error.args[0] if error.args else error)
                self._blocks = (
                    queue.SimpleQueue()
                )  # a stream that failed may have said that it ended
                continue
            self.device_rate_hz, self._channels = rate_hz, channels
            if rate_hz != wanted:
                from kws.audio.samples import StreamResampler

                self._convert = StreamResampler(rate_hz, wanted).process
            elif channels > 1:
                from kws.audio.samples import to_int16

                self._convert = to_int16
            return stream
        raise MicrophoneError(
            f"the microphone {self.device.name!r} cannot be opened ({refusal}): close the program "
            "that uses it, or choose another one from `kws devices` with --device"
        )

    @staticmethod
    def _start(stream: Any) -> None:
        try:
            stream.start()
        except BaseException:
            stream.close()
            raise

    def _on_block(self, block: Any, frames: int, _time: Any, status: Any) -> None:
        # Runs in PortAudio's thread: copy and leave.
        self._losses.block(frames, time.monotonic(), overran=bool(status.input_overflow))
        if self._blocks.qsize() < MOST_BLOCKS:
            self._blocks.put((bytes(block), self._losses.samples))
        else:
            self._losses.dropped(frames)

    def _on_finished(self) -> None:
        self._blocks.put((None, self._losses.samples))


def _only_channel(block: NDArray[np.int16]) -> NDArray[np.int16]:
    return block[:, 0]


def _sounddevice() -> ModuleType:
    """Import sounddevice, which loads PortAudio, or say what to install."""
    try:
        import sounddevice
    except ImportError as error:
        raise MicrophoneError(
            "the microphone needs the Python package sounddevice: pip install sounddevice"
        ) from error
    except OSError as error:
        raise MicrophoneError(
            "the microphone needs the PortAudio library: apt-get install libportaudio2 "
            "(brew install portaudio on macOS)"
        ) from error
    except Exception as error:  # PortAudioError: the library is there and the sound system is not
        raise MicrophoneError(
            f"the sound system does not start ({error}): check that a sound server or card is there"
        ) from error
    module: ModuleType = sounddevice
    return module
