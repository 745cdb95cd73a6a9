"""Build the C engine with the package; everything else stands in pyproject.toml."""

from setuptools import setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, ExecError, PlatformError


class BuildEngine(build_ext):
    """Says in one sentence what is missing where the compiler is."""

    def build_extension(self, ext):
        try:
            super().build_extension(ext)
        except (CompileError, ExecError, PlatformError, OSError) as error:
            raise SystemExit(
                "kws needs a C compiler to build its engine and found none that works "
                f"({error}): install one, for example with `apt-get install gcc libc6-dev`, "
                "and run the installation again."
            ) from None


setup(
    cffi_modules=["kws/native/build.py:ffi", "kws/kernels/build.py:ffi"],
    cmdclass={"build_ext": BuildEngine},
    options={"bdist_wheel": {"py_limited_api": "cp310"}},
)
