"""Import torchaudio beside a CPU-only torch.

PyPI's torchaudio for Linux on x86-64 is linked against CUDA, so that beside a CPU-only torch its
compiled extension fails to load and `import torchaudio` ends in an OSError.  Everything used here
(spectrograms, mel filters, DCT) is pure Python.  torchaudio itself runs without the extension where
its package holds none; a stand-in for the module that loads the extension leads it the same way.
"""

import importlib
import sys
from types import ModuleType
from typing import Any

from kws.errors import ToolError


def import_torchaudio() -> Any:
    """Return the torchaudio module, without its compiled parts where those cannot be loaded.

    ToolError where torchaudio is not installed, or cannot be imported either way.
    """
    try:
        return importlib.import_module("torchaudio")
    except ModuleNotFoundError as error:
        raise _not_importable(error) from error
    except OSError:
        return _import_without_extension()


def _import_without_extension() -> Any:
    _forget_torchaudio()  # the half-imported modules of the attempt that failed
    sys.modules["torchaudio._extension"] = _absent_extension()
    try:
        return importlib.import_module("torchaudio")
    except (ImportError, OSError, AttributeError) as error:
        _forget_torchaudio()
        raise _not_importable(error) from error


def _forget_torchaudio() -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
        del sys.modules[name]


def _absent_extension() -> ModuleType:
    """Build what torchaudio._extension is (2.0 to 2.11) when no compiled library is found."""
    extension: Any = ModuleType("torchaudio._extension")
    extension.__path__ = []
    extension._IS_TORCHAUDIO_EXT_AVAILABLE = False
    extension._IS_ALIGN_AVAILABLE = False
    extension._check_cuda_version = lambda: None
    extension.fail_if_no_align = lambda function: function
    module: ModuleType = extension
    return module


def _not_importable(error: BaseException) -> ToolError:
    return ToolError(
        f"torchaudio cannot be imported ({error}): install the version that goes with your torch, "
        "pip install torchaudio"
    )
