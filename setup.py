"""Build the C engine with the package; everything else stands in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.errors import CompileError, ExecError, PlatformError

ENGINE = (
    "firmware/include/*.h",
    "firmware/src/kws*.*",
    "firmware/src/*/kws*.*",
    "firmware/ports/*/*.bin",
    "firmware/ports/*/*.wasm",
)


# C11 for `restrict` and _Pragma; the sources are C99 otherwise.
MSVC_FLAGS = ["/O2", "/std:c11"]


class BuildEngine(build_ext):
    """Says in one sentence what is missing where the compiler is."""

    def build_extension(self, ext):
        """Build one extension, or say what to install."""
        if self.compiler.compiler_type == "msvc":
            if ext.name == "kws.network.scan._scan":
                return  # of GNU C's vectors: `kws train` then says what to do
            ext.extra_compile_args = MSVC_FLAGS
        try:
            super().build_extension(ext)
        except (CompileError, ExecError, PlatformError, OSError) as error:
            raise SystemExit(
                "kws needs a C compiler to build its engine and found none that works "
                f"({error}): install one, for example with `apt-get install gcc libc6-dev`, "
                "and run the installation again."
            ) from None


class BuildPackage(build_py):
    """Puts the engine's sources, licence, the ports' images and the models into the package."""

    def run(self):
        """Copy the package and, unless it is edited in place, what lies outside it."""
        super().run()
        if self.editable_mode:
            return
        for pattern in ENGINE:
            for file in Path().glob(pattern):
                self._bring(file)
        for model in Path().glob("models/*/*.kws"):
            self._bring(model)
            self._bring(model.with_name("README.md"))  # its card
        shutil.copyfile("LICENSE", Path(self.build_lib) / "kws" / "firmware" / "LICENSE")

    def _bring(self, file):
        target = Path(self.build_lib) / "kws" / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


setup(
    cffi_modules=["kws/engine/native/build.py:ffi", "kws/network/scan/build.py:ffi"],
    cmdclass={"build_ext": BuildEngine, "build_py": BuildPackage},
    options={"bdist_wheel": {"py_limited_api": "cp310"}},
)
