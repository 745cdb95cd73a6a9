"""Read and write .kws files: every byte is specified in firmware/docs/FORMAT.md.

Python writes; the C engine reads. `parse` asks the engine, so there is one reader to trust.
"""

import os
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kws.audio.kinds import LONGEST_HEAD, sound_kind
from kws.engine.native._engine import ffi, lib
from kws.engine.weights import MATRIX_KINDS, Matrix, Weights
from kws.errors import ModelError
from kws.settings.model import DetectorConfig, FeatureConfig, log_odds_q10, posterior_of
from kws.support.files import replacing
from kws.support.text import in_shell

MAGIC = b"kws\x1a"
FORMAT_VERSION = 1
LARGEST_FILE = 0xFFFF  # its size stands in 16 bits
CELLS = ("fastrnn", "fastgrnn")
PACKAGE = Path(__file__).resolve().parents[1]
# Where a model goes by its name alone: below this folder, in the package, where an installation
# has them, or in the checkout that kws runs from.
HOMES = (PACKAGE / "models", PACKAGE.parent / "models")
MODELS = (Path("models"), next((home for home in HOMES if home.is_dir()), HOMES[0]))


def encode(
    features: FeatureConfig,
    detector: DetectorConfig,
    classes: tuple[str, ...],
    weights: Weights,
) -> bytes:
    """Return the bytes of a .kws file; ModelError where they exceed the format."""
    for name in classes:
        if not name.isprintable():
            raise ModelError(f"The class {name!r} holds characters that do not print: leave them.")
    try:
        data = _encode(features, detector, classes, weights)
    except (struct.error, ValueError) as error:
        raise ModelError(f"The model does not fit the .kws format: {error}.") from None
    if len(data) > LARGEST_FILE:
        raise ModelError(f"The model takes {len(data)} bytes; a .kws file holds at most 65,535.")
    return data


def _encode(
    features: FeatureConfig,
    detector: DetectorConfig,
    classes: tuple[str, ...],
    weights: Weights,
) -> bytes:
    fixed = struct.pack(
        "<12BhhBB",
        *(features.sample_rate_hz // 1000, features.hop_ms),
        *(features.n_mels, features.n_mfcc),
        FeatureConfig.ENERGIES.index(features.energy),
        *(CELLS.index(weights.cell) + 2 * weights.hard, weights.hidden),
        *(_rank(weights.w), _rank(weights.u)),
        *(len(classes), weights.zeta_q8, weights.nu_q8),
        *(log_odds_q10(detector.threshold), log_odds_q10(detector.release)),
        *(detector.smoothing_shift, detector.refractory_frames),
    )
    interleaved = np.stack([weights.input_offset.view(np.uint8), weights.input_scale], axis=1)
    sections = [interleaved.tobytes()]
    sections += [matrix.pack() for matrix in (*weights.w[::-1], *weights.u[::-1])]
    if weights.bias_gate is not None:
        sections.append(weights.bias_gate.tobytes())
    sections += [weights.bias_update.tobytes(), weights.classifier.pack()]
    sections.append(weights.bias_class.astype("<i2").tobytes())
    sections += [name.encode() + b"\0" for name in classes]
    body = fixed + b"".join(sections)
    size = len(MAGIC) + 4 + len(body) + 4
    data = MAGIC + struct.pack("<BBH", FORMAT_VERSION, 0, min(size, LARGEST_FILE)) + body
    return data + struct.pack("<I", zlib.crc32(data))


def _rank(factors: tuple[Matrix, ...]) -> int:
    return factors[1].weights.shape[0] if len(factors) == 2 else 0


@dataclass(frozen=True)
class Model:
    """A model whose every field the engine has checked."""

    data: bytes
    path: Path | None
    classes: tuple[str, ...]
    features: FeatureConfig
    detector: DetectorConfig
    cell: str
    hard: bool
    hidden: int
    ranks: tuple[int, int]
    c: Any = field(repr=False, compare=False)  # the engine's kws_spotter, which points into `data`

    @property
    def words(self) -> tuple[str, ...]:
        """The classes that can be detected: those whose name does not open with '_'."""
        return tuple(name for name in self.classes if not name.startswith("_"))

    @property
    def name(self) -> str:
        """The file's name without its suffix."""
        return self.path.stem if self.path else "model"


def parse(data: bytes, path: Path | None = None) -> Model:
    """Check the bytes with the engine and return the model; ModelError names what is wrong."""
    spotter = ffi.new("kws_spotter *")
    buffer = ffi.from_buffer(data)
    status = lib.kws_spotter_init_checked(spotter, buffer, len(data), lib.KWS_ABI)
    if status != lib.KWS_OK:
        reason = ffi.string(lib.kws_status_text(status)).decode()
        where = f"{path}" if path else f"These {len(data)} bytes"
        raise ModelError(
            f"{where} cannot be used: {reason} (code {status}); export or train the model again."
        )
    m = spotter.model
    try:
        names = tuple(
            ffi.string(lib.kws_spotter_word(spotter, i)).decode() for i in range(m.classes)
        )
    except UnicodeDecodeError:
        raise ModelError(f"{path or 'The model'} has a class name that is not UTF-8.") from None
    return Model(
        data=data,
        path=path,
        classes=names,
        features=FeatureConfig(
            sample_rate_hz=m.features.frame_length * 1000 // 32,
            hop_length=m.features.hop_length,
            n_mels=m.features.n_mels,
            n_mfcc=m.features.n_mfcc,
            energy=FeatureConfig.ENERGIES[m.features.energy],
        ),
        detector=DetectorConfig(
            threshold=posterior_of(m.detector.threshold_q10),
            release=posterior_of(m.detector.release_q10),
            smoothing_shift=m.detector.smoothing_shift,
            refractory_frames=m.detector.refractory_frames,
        ),
        cell=CELLS[m.cell],
        hard=bool(m.hard),
        hidden=m.hidden,
        ranks=(m.rank_w, m.rank_u),
        c=(spotter, buffer),
    )


def shipped() -> list[Path]:
    """Return the model files below the first models/ folder that holds any, by name."""
    return next((files for m in MODELS if (files := sorted(m.glob("*/*.kws")))), [])


def find(name: str | Path) -> Path:
    """Return the .kws file that a user means: a file, a folder with one, a name under models/."""
    path = Path(name)
    candidates = (path, *(models / path for models in MODELS))
    for candidate in candidates:
        if candidate.is_file():
            return candidate
        if candidate.is_dir():
            found = sorted(candidate.glob("*.kws"))
            if len(found) == 1:
                return found[0]
            if found:
                names = ", ".join(file.name for file in found)
                raise ModelError(f"{candidate} holds {len(found)} models ({names}): name one.")
    import difflib  # here: only a wrong name needs it

    known = [file.parent.name for file in shipped()]
    close = difflib.get_close_matches(path.name, known, 1)
    listed = f": {', '.join(known)}." if known else "."
    hint = f"did you mean {close[0]}?" if close else f"name a .kws file or one of models/{listed}"
    what = f"The folder {str(name)!r} holds no .kws file"
    if not any(candidate.is_dir() for candidate in candidates):
        what = f"There is no model {str(name)!r}"
    raise ModelError(f"{what}: {hint}")


def load(name: "str | Path | Model") -> Model:
    """Return the checked model of a .kws file, a folder that holds one, or a name under models/."""
    if isinstance(name, Model):
        return name
    if not isinstance(name, (str, os.PathLike)):
        what = type(name).__name__
        raise ModelError(f"A model is named by a path, not by {what}: save it as a .kws file.")
    path = find(name)
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)  # more is refused, and may be a whole disk's
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.") from None
    if kind := sound_kind(data[:LONGEST_HEAD]):
        raise ModelError(
            f"{path} is a recording ({kind}) and no model: name a model first; "
            f"`kws listen hey_cortana {in_shell(path)}` hears the recording."
        )
    return parse(data, path)


def save(path: Path, data: bytes) -> None:
    """Write a model file whole or not at all, after the engine has accepted its bytes."""
    parse(data)
    with replacing(path, ModelError) as file:
        file.write(data)


def sections(model: Model) -> list[dict[str, Any]]:
    """Return name, offset and bytes of every part of the file, in order, without gaps."""
    spotter, buffer = model.c
    m, base = spotter.model, ffi.cast("uintptr_t", buffer)

    def offset(pointer: Any) -> int:
        return int(ffi.cast("uintptr_t", pointer)) - int(base)

    starts = {"header": 0, "features": 8, "network": 13, "detector": 20, "input": offset(m.input)}
    for name, rank in (("w2", m.rank_w), ("w1", 1), ("u2", m.rank_u), ("u1", 1)):
        if rank:
            starts[name] = offset(getattr(m, name).data) - 3
    if model.cell == "fastgrnn":
        starts["bias_gate"] = offset(m.bias_gate)
    starts["bias_update"] = offset(m.bias_update)
    starts["classifier"] = offset(m.classifier.data) - 3
    starts["bias_class"] = offset(m.bias_class)
    starts["names"] = offset(m.names)
    starts["checksum"] = len(model.data) - 4
    ends = [*list(starts.values())[1:], len(model.data)]
    return [
        {"name": name, "offset": start, "bytes": end - start}
        for (name, start), end in zip(starts.items(), ends, strict=True)
    ]


def inspect(name: str | Path | Model) -> dict[str, Any]:
    """Return every field of a model and every byte accounted for, as JSON-ready values."""
    model = load(name)
    m = model.c[0].model
    layers = [
        {
            "name": name,
            "kind": MATRIX_KINDS[matrix.kind],
            "rows": matrix.rows,
            "cols": matrix.cols,
            "multiplier": matrix.multiplier,
            "shift": matrix.shift,
        }
        for name, matrix in ((n, getattr(m, n)) for n in ("w2", "w1", "u2", "u1", "classifier"))
        if matrix.rows
    ]
    biases = model.hidden * (2 if model.cell == "fastgrnn" else 1) + len(model.classes)
    return {
        "file": str(model.path),
        "bytes": len(model.data),
        "format_version": FORMAT_VERSION,
        "words": list(model.words),
        "classes": list(model.classes),
        "features": {
            "sample_rate_hz": model.features.sample_rate_hz,
            "hop_length": model.features.hop_length,
            "n_mels": model.features.n_mels,
            "n_mfcc": model.features.n_mfcc,
            "energy": model.features.energy,
        },
        "cell": model.cell,
        "nonlinearity": "hard" if model.hard else "smooth",
        "hidden": model.hidden,
        "rank_w": model.ranks[0],
        "rank_u": model.ranks[1],
        "zeta": m.zeta_q8 / 256,
        "nu": m.nu_q8 / 256,
        "detector": {
            "threshold": model.detector.threshold,
            "release": model.detector.release,
            "smoothing_shift": model.detector.smoothing_shift,
            "refractory_frames": model.detector.refractory_frames,
        },
        "layers": layers,
        "parameters": sum(layer["rows"] * layer["cols"] for layer in layers) + biases + 2,
        "sections": sections(model),
    }
