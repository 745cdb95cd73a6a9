"""Say what is installed, what is missing, and the command that mends it."""

import importlib.metadata
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from kws.errors import KwsError, MicrophoneError, ToolError
from kws.support.text import labelled, shown

OLDEST_PYTHON = (3, 10)
IMPORT_TIMEOUT_S = 120
COMPILERS = ("cc", "gcc", "clang", "cl")


@dataclass(frozen=True)
class Check:
    """One thing that should be there: what was found, and the command that mends it if not."""

    name: str
    purpose: str
    ok: bool
    required: bool
    detail: str
    remedy: str = ""


class _Missing(Exception):
    """Raised by a check: what is wrong, and the command that mends it."""

    def __init__(self, detail: str, remedy: str) -> None:
        super().__init__(detail)
        self.detail, self.remedy = detail, remedy


@dataclass(frozen=True)
class _Part:
    name: str
    purpose: str
    look: Callable[[], str]  # returns what it found, or raises _Missing or KwsError
    required: bool = True


def examine() -> list[Check]:
    """Look at everything that a part of kws needs; takes a few seconds, changes nothing."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(_check, _parts()))


def to_json(checks: list[Check]) -> dict[str, Any]:
    """Return the checks as a JSON-ready document; `ok` says that nothing required is missing."""
    return {"ok": is_healthy(checks), "checks": [asdict(check) for check in checks]}


def is_healthy(checks: list[Check]) -> bool:
    """Tell whether everything that is required is there."""
    return all(check.ok for check in checks if check.required)


def to_text(checks: list[Check]) -> str:
    """Return the checks as lines for people, by purpose, each lack with its remedy."""
    lines = []
    for purpose in dict.fromkeys(check.purpose for check in checks):
        lines.append(purpose)
        for check in (check for check in checks if check.purpose == purpose):
            mark = "ok" if check.ok else "MISSING" if check.required else "optional"
            lines.append(labelled(f"  {mark:<9} {check.name:<20} ", check.detail))
            if not check.ok:
                lines.append(f"    -> {shown(check.remedy)}")  # whole, for it may be a command
    lacks = sum(not check.ok and check.required for check in checks)
    lines.append(f"{lacks} required part(s) missing" if lacks else "everything required is there")
    return "\n".join(lines)


def _parts() -> list[_Part]:
    listen, train = "To listen and evaluate", "To train (pip install 'kws[train]')"
    speak, firmware = "To synthesise clips", "To build the engine and firmware"
    serve = "To serve Home Assistant (pip install 'kws[serve]')"
    arm = "apt-get install --no-install-recommends gcc-arm-none-eabi libnewlib-arm-none-eabi"
    return [
        _Part("Python", listen, _python),
        _Part("engine", listen, _engine),
        _Part("soundfile with Opus", listen, _soundfile),
        _Part("ffmpeg", listen, _ffmpeg, required=False),
        _Part("PortAudio", listen, _portaudio, required=False),
        _Part("microphone", listen, _microphone, required=False),
        _Part("torch", train, partial(_imports, "torch", "import torch"), False),
        _Part("torchaudio", train, _torchaudio, False),
        _Part("librosa", train, partial(_imports, "librosa", "import librosa"), False),
        _Part("matplotlib", train, partial(_imports, "matplotlib", "import matplotlib"), False),
        *(
            _Part(name, speak, partial(_voices, name), required=False)
            for name in ("flite", "espeak", "festival", "piper", "kokoro")
        ),
        _Part("wyoming", serve, partial(_imports, "wyoming", "import wyoming", "serve"), False),
        _Part("zeroconf", serve, partial(_imports, "zeroconf", "import zeroconf", "serve"), False),
        _Part("C compiler", firmware, _compiler, False),
        _Part("arm-none-eabi-gcc", firmware, partial(_program, "arm-none-eabi-gcc", arm), False),
        _Part(
            "qemu-system-arm",
            firmware,
            partial(_program, "qemu-system-arm", "apt-get install qemu-system-arm"),
            False,
        ),
    ]


def _check(part: _Part) -> Check:
    report = partial(Check, part.name, part.purpose)
    try:
        return report(True, part.required, part.look())
    except _Missing as lack:
        return report(False, part.required, lack.detail, lack.remedy)
    except KwsError as error:  # its sentence is "what is wrong: how to mend it"
        detail, _, remedy = str(error).partition(": ")
        command = re.search(r"`(.+?)`", remedy)
        return report(False, part.required, detail, command[1] if command else remedy)


def _python() -> str:
    if sys.version_info < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        raise _Missing(platform.python_version(), f"install Python {wanted} or newer")
    return f"{platform.python_version()} at {sys.executable}"


def _compiler() -> str:
    found = next((path for path in map(shutil.which, COMPILERS) if path), None)
    if found is None:
        raise _Missing(
            "none found", "apt-get install build-essential (xcode-select --install on macOS)"
        )
    return f"{found} ({_first_line([found, '--version'])})"


def _engine() -> str:
    try:
        import kws.engine.native._engine as native
    except ImportError as error:
        raise _Missing(f"not built ({error})", "make setup, or pip install -e .") from None
    return str(native.__file__)


def _soundfile() -> str:
    try:
        import soundfile
    except (ImportError, OSError) as error:
        raise _Missing(str(error), "pip install --force-reinstall soundfile") from None
    version = f"soundfile {soundfile.__version__}, libsndfile {soundfile.__libsndfile_version__}"
    if "OPUS" not in soundfile.available_subtypes("OGG"):
        raise _Missing(f"{version} reads no Opus", "pip install --upgrade soundfile")
    return version


def _ffmpeg() -> str:
    from kws.audio.ffmpeg import ffmpeg

    if found := ffmpeg():
        return found
    raise _Missing("not installed: m4a, AAC, WebM and WMA cannot be read", "apt-get install ffmpeg")


def _portaudio() -> str:
    from kws.listening.microphone import portaudio_version

    return portaudio_version()


def _microphone() -> str:
    from kws.listening.microphone import choose

    try:
        device = choose()
    except MicrophoneError as error:
        if "no microphone" in str(error):
            raise _Missing("none found", "plug one in; recordings and pipes work without") from None
        raise
    return f"{device.number}: {device.name}"


def _torchaudio() -> str:
    program = "from kws.reference.torchaudio_import import import_torchaudio; import_torchaudio()"
    return _imports("torchaudio", program)


def _imports(package: str, program: str, extra: str = "train") -> str:
    """Import in another process: it may take seconds, print, or crash."""
    command = [sys.executable, "-W", "ignore", "-c", program]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=IMPORT_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise _Missing(
            f"did not import within {IMPORT_TIMEOUT_S} s",
            f"pip install --force-reinstall {package}",
        ) from None
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        is_absent = f"No module named '{package}'" in reason
        remedy = f"'kws[{extra}]'" if is_absent else f"--force-reinstall {package}"
        raise _Missing("not installed" if is_absent else reason, f"pip install {remedy}")
    return importlib.metadata.version(package)


def _voices(name: str) -> str:
    from kws.corpus.synthesize import open_engine

    engine = open_engine(name)
    voices = engine.voices()
    if not voices:
        raise ToolError(f"{name} has no voices: {engine.remedy}")
    return f"{len(voices)} voice{'s' * (len(voices) != 1)}"


def _program(name: str, remedy: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise _Missing("not installed", remedy)
    return f"{path} ({_first_line([path, '--version'])})"


def _first_line(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return "version unknown"
    return (done.stdout or done.stderr).strip().partition("\n")[0] or "version unknown"
