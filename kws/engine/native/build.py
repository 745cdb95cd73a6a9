"""Describe the C engine to cffi: it becomes the extension module kws.engine.native._engine."""

import re
from pathlib import Path

from cffi import FFI

ROOT = Path(__file__).resolve().parents[3]
ENGINE = ROOT / "firmware"
NATIVE = ROOT / "kws" / "engine" / "native"


def declarations(header: Path) -> str:
    """Return a header without what cffi cannot read: the preprocessor, comments, attributes."""
    text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
    text = re.sub(r'#ifdef __cplusplus.*?#endif|^extern "C".*$', "", text, flags=re.S | re.M)
    constants = re.findall(r"^#define (KWS_[A-Z_]+) +\d+", text, flags=re.M)
    text = re.sub(r"^#(.*\\\n)*.*$", "", text, flags=re.M)
    text = re.sub(r"\b(KWS_MUST_USE|KWS_FLASH)\b", "", text)
    for name in ("KWS_FRAME_LENGTH / 2", "KWS_FRAME_LENGTH - KWS_MIN_HOP"):
        text = text.replace(f"[{name}]", "[...]")
    text = re.sub(r"\[KWS_[A-Z_]+\]", "[...]", text)
    constants += re.findall(r"^#define (KWS_ABI)\b", header.read_text(), flags=re.M)
    return "".join(f"#define {name} ...\n" for name in constants) + text


def relative(path: Path) -> str:
    """Setuptools wants paths relative to the project's root."""
    return str(path.relative_to(ROOT))


ffi = FFI()
ffi.cdef(declarations(ENGINE / "include" / "kws.h"))
ffi.cdef(declarations(NATIVE / "batch.h"))
ffi.set_source(
    "kws.engine.native._engine",
    '#include "batch.h"',
    sources=[relative(p) for p in sorted((ENGINE / "src").rglob("*.c"))]
    + [relative(NATIVE / name) for name in ("batch.c", "lanes.c", "lanes_network.c")],
    include_dirs=[relative(ENGINE / "include"), relative(ENGINE / "src"), relative(NATIVE)],
    # All that the format can say; a chip has smaller limits (kws.h), and the same integers.
    define_macros=[("KWS_MAX_HIDDEN", "255"), ("KWS_WITH_32_MELS", "1")],
    # no OpenMP: its "simd" loops alone; products and sums in one, of floats that are whole numbers
    extra_compile_args=["-O3", "-std=c99", "-fopenmp-simd", "-ffp-contract=fast"],
    py_limited_api=True,
)
