"""What `pip install` builds: the engine, its sources, and one clear word without a compiler."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what a build needs, to be built without touching this one."""
    copy = tmp_path / "checkout"
    ignored = shutil.ignore_patterns("*.so", "__pycache__")
    for folder in ("kws", "firmware", "models"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignored)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, copy)
    return copy


def setup(checkout: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "setup.py", *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(command, cwd=checkout, env=env, capture_output=True, text=True)


def test_without_a_compiler_one_sentence_says_what_to_install(checkout):
    run = setup(checkout, "build_ext", "--inplace", CC="/nonexistent/cc")
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    last = run.stderr.strip().splitlines()[-1]
    assert last.startswith("kws needs a C compiler") and "apt-get install gcc" in last


def test_the_built_package_holds_the_c_sources(checkout):
    run = setup(checkout, "build_py", "--build-lib", "built")
    assert run.returncode == 0, run.stderr
    for part in ("include", "src"):
        folder, copy = (root / "firmware" / part for root in (ROOT, checkout / "built" / "kws"))
        ours = {f.relative_to(folder): f.read_text() for f in folder.rglob("kws*.*")}
        built = [file for file in copy.rglob("*") if file.is_file()]
        assert {file.relative_to(copy): file.read_text() for file in built} == ours
    assert (checkout / "built" / "kws" / "engine" / "native" / "batch.c").is_file()
    built = checkout / "built" / "kws"
    assert (built / "firmware" / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    templates = {f.relative_to(ROOT) for f in (ROOT / "kws" / "device" / "templates").rglob("*.*")}
    assert len(templates) > 15 and all((built.parent / name).exists() for name in templates)
    assert (checkout / "built" / "kws" / "py.typed").is_file()
    for model in (ROOT / "models").glob("*/*.kws"):
        for name in (model.name, "README.md"):
            file = model.with_name(name).relative_to(ROOT)
            assert (built / file).read_bytes() == (ROOT / file).read_bytes()


def test_the_engine_needs_no_gnu_c_where_another_compiler_builds_it():
    """Clang in the place of Windows' compiler: C11, no extension of GNU's, no attribute."""
    if shutil.which("clang") is None:
        pytest.skip("clang is not installed")
    from kws.engine.native.build import ffi

    _, _, _, settings = ffi._assigned_source
    flags = [f"-D{name}={value}" for name, value in settings["define_macros"]]
    flags += [f"-I{ROOT / folder}" for folder in settings["include_dirs"]]
    flags += [f"-isystem{ROOT / 'tests' / 'support' / 'stand_ins' / 'msvc'}", "-ffreestanding"]
    flags += ["-fsyntax-only", "-std=c11", "-pedantic-errors", "-Wno-unknown-pragmas"]
    flags += ["--target=x86_64-pc-windows-msvc", "-D__attribute__(x)=@"]
    sources = [ROOT / source for source in settings["sources"]]
    assert len(sources) > 8
    done = subprocess.run(["clang", *flags, *sources], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
