"""Describe the fused training scan to cffi: it becomes the module kws.network.scan._scan."""

import re
from pathlib import Path

from cffi import FFI

HERE = Path(__file__).resolve().parent
FOLDER = str(HERE.relative_to(HERE.parents[2]))

header = re.sub(r"/\*.*?\*/", "", (HERE / "scan.h").read_text(), flags=re.S)
header = re.sub(r"^#.*$", "", header, flags=re.M)

ffi = FFI()
ffi.cdef(header)
ffi.set_source(
    "kws.network.scan._scan",
    '#include "scan.h"',
    sources=[f"{FOLDER}/scan.c"],
    include_dirs=[FOLDER],
    # Training may reorder sums; the engine, which may not, is built elsewhere.
    extra_compile_args=["-O3", "-std=gnu11", "-ffast-math", "-Wno-psabi"],
    py_limited_api=True,
)
