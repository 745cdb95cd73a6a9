"""`kws.listen`: the microphone as detections, in a loop or in an asyncio program."""

import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from numbers import Real
from pathlib import Path
from types import TracebackType

from kws.audio.files import is_audio_name
from kws.engine.model_file import Model, find
from kws.engine.spotter import Detection, Spotter
from kws.errors import ConfigError, ModelError
from kws.listening.ears import Ear, Wishes
from kws.listening.hearing import Hearing
from kws.listening.lasting import LastingMicrophone
from kws.listening.live import steps
from kws.support.notices import Notice, tell
from kws.support.refusals import each


def ears_of(
    models: Sequence[str | Path | Model],
    threshold: float | None,
    of_models: Mapping[str, float] | None = None,
) -> list[Ear]:
    """Return a listener for each model.

    threshold: a posterior, None leaves the models' own; of_models: that of single ones by their
    names. ConfigError for a name that none of them has.
    """
    own = of_models or {}
    spotters = each(lambda model: Spotter(model, threshold=threshold), models)
    names = [spotter.model.name for spotter in spotters]
    if unknown := [f"--threshold {name}={own[name]:g}" for name in own if name not in names]:
        raise ConfigError(
            f"{', '.join(unknown)}: no model of this name listens; name {' or '.join(names)}"
        )
    for spotter in spotters:
        if spotter.model.name in own:
            spotter.threshold = own[spotter.model.name]
    return [
        Ear(
            spotter,
            spotter.model.features.sample_rate_hz,
            spotter.model.features.hop_ms / 1000,
            spotter.model.name,
        )
        for spotter in spotters
    ]


def models_first(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part the names of models, each model's first, from those of the recordings that follow."""
    count = 1
    while count < len(names) and _is_model(names[count]):
        count += 1
    by_file: dict[Path, str] = {}
    for name in names[:count]:
        by_file.setdefault(_file_of(name), name)
    return list(by_file.values()), list(names[count:])


def _file_of(name: str) -> Path:
    try:
        return find(name).resolve()
    except ModelError:  # told when it is opened
        return Path(name)


def _is_model(name: str) -> bool:
    if name == "-":
        return False
    try:
        return find(name).suffix == ".kws"
    except ModelError:
        # What is neither there nor named like a recording is told as a model that is missing.
        return not Path(name).exists() and (name.endswith(".kws") or not is_audio_name(name))


class Listening:
    """Detections of a microphone, as they happen: iterate over it, with `for` or `async for`.

    It ends after `seconds`, or when it is closed: by `close`, or at the end of a `with` block.
    """

    def __init__(self, hearing: Hearing, microphone: LastingMicrophone) -> None:
        self._microphone = microphone
        self._steps = steps(microphone, hearing)
        self._found: deque[Detection] = deque()
        self._is_over = False
        self._lock = threading.RLock()  # a cancelled task leaves a step to a thread

    def __enter__(self) -> "Listening":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the microphone back; a second time does nothing."""
        with self._lock:
            if not self._is_over:
                self._is_over = True
                self._microphone.__exit__(None, None, None)

    @property
    def lost_samples(self) -> int:
        """Samples that were lost since the program did not come for them within ten seconds."""
        return self._microphone.lost_samples

    def __iter__(self) -> Iterator[Detection]:
        return self

    def __next__(self) -> Detection:
        while not self._found:
            if not self._step():
                raise StopIteration
        return self._found.popleft()

    def __aiter__(self) -> AsyncIterator[Detection]:
        return self

    async def __anext__(self) -> Detection:
        from asyncio import to_thread  # a tenth of the time in which other commands start

        # A step waits a tenth of a second at most, so that a task that is cancelled ends soon.
        while not self._found:
            if not await to_thread(self._step):
                raise StopAsyncIteration
        return self._found.popleft()

    def _step(self) -> bool:
        """Hear a chunk; tell whether it goes on."""
        with self._lock:
            if self._is_over:
                return False
            try:
                _, found = next(self._steps)
            except StopIteration:
                self.close()
                return False
            except BaseException:
                self.close()
                raise
        self._found.extend(Detection(heard.word, heard.time_s, heard.score) for heard in found)
        return True


def listen(
    *models: str | Path | Model,
    device: int | str | None = None,
    threshold: float | None = None,
    channel: int | None = None,
    seconds: float | None = None,
    wait: bool = True,
) -> Listening:
    """Listen to a microphone with one or several models; iterate over the detections.

    models: .kws files, folders with one, names below models/, or Models. device: a number or a
    part of a name, as `kws devices` lists them. threshold: a posterior in (0, 1), in place of the
    models' own. channel: of several only this one, the first is 0. seconds: when to end.
    wait: a microphone that goes away is waited for, and MicrophoneError is raised only where
    there is none at the start; False raises it then, too.

    `time_s` of a detection counts from the start, over gaps as well. A device at another rate is
    resampled. While a loop's body runs, ten seconds of sound wait; `lost_samples` counts the rest.

    >>> for detection in kws.listen("hey_cortana"):
    ...     print(detection.word, detection.score)
    >>> async for detection in kws.listen("hey_cortana", "athena"): ...
    """
    if not models:
        raise ModelError("kws.listen needs a model: name one, such as 'hey_cortana'")
    if seconds is not None and not (isinstance(seconds, Real) and seconds > 0):
        raise ConfigError(f"seconds is {seconds!r}: give a time above 0, or None to go on")
    hearing = Hearing(ears_of(models, threshold), Wishes(seconds=seconds), _tell)
    microphone = LastingMicrophone(device, hearing.rate_hz, channel=channel, wait=wait, tell=_tell)
    return Listening(hearing, microphone)


def _tell(text: str) -> None:
    tell(Notice("microphone", text))
