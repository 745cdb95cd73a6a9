"""A wheel with the base packages alone: it weighs little, brings models, and says what it lacks."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LARGEST_MB = 150
SPEECH = ROOT / "data" / "sample" / "stream" / "held_out.opus"
POSITIVES, NEGATIVES = (
    ROOT / "data" / "sample" / name / "test" for name in ("positives", "negatives")
)
pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell"),
    pytest.mark.timeout(900),  # pip and a compiler, on a machine that may be busy
]


def do(*command: object, cwd: Path, **environment: str) -> str:
    env = {**os.environ, **environment}
    env.pop("PYTHONPATH", None)
    run = subprocess.run(
        list(map(str, command)), cwd=cwd, env=env, capture_output=True, text=True, timeout=800
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("light")


@pytest.fixture(scope="module")
def sdist(folder) -> Path:
    """The source distribution of a copy of this checkout."""
    copy = folder / "checkout"
    copy.mkdir()
    for name in ("kws", "firmware", "models"):
        shutil.copytree(
            ROOT / name, copy / name, ignore=shutil.ignore_patterns("*.so", "__pycache__")
        )
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, copy)
    do(sys.executable, "setup.py", "-q", "sdist", "--dist-dir", folder, cwd=copy)
    (archive,) = folder.glob("kws-*.tar.gz")
    return archive


@pytest.fixture(scope="module")
def wheel(folder, sdist) -> Path:
    """A wheel built of the source distribution; compiled in haste, with the same integers."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    compiler = folder / "cc"
    compiler.write_text(f'#!/bin/sh\nexec {shutil.which("cc")} "$@" -O0 -DKWS_ONE_PROCESSOR\n')
    compiler.chmod(0o755)
    source = folder / sdist.name.removesuffix(".tar.gz")
    command = ("setup.py", "-q", "bdist_wheel", "--dist-dir", folder)
    do(sys.executable, *command, cwd=source, CC=str(compiler))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(folder, wheel) -> Path:
    """A virtual environment with the wheel and what it needs, and nothing else."""
    home = folder / "venv"
    do(sys.executable, "-m", "venv", "--without-pip", home, cwd=folder)
    pip = (
        sys.executable,
        "-m",
        "pip",
        "--python",
        home / "bin" / "python",
        "install",
        "--quiet",
        "--no-compile",
    )
    do(*pip, "--disable-pip-version-check", wheel, cwd=folder)
    return home


@pytest.fixture
def kws(installed, tmp_path):
    """Run the installed kws in a folder with nothing in it."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [str(installed / "bin" / "kws"), *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)

    return run


def test_the_wheel_is_for_every_python_from_3_10_on(wheel):
    assert "-cp310-abi3-" in wheel.name


def test_the_installation_is_light(installed):
    files = [file for file in installed.rglob("*") if file.is_file() and not file.is_symlink()]
    size_mb = sum(file.stat().st_blocks * 512 for file in files) / 2**20
    assert size_mb < LARGEST_MB
    heavy = {"torch", "torchaudio", "librosa", "matplotlib", "tensorboard", "scipy", "tomli_w"}
    assert not heavy & {path.name for path in installed.glob("lib/*/site-packages/*")}


def test_it_works_from_any_folder_with_the_models_inside(kws, installed):
    assert kws("--help").returncode == 0
    shown = kws("inspect", "hey_cortana", "--json")
    assert Path(json.loads(shown.stdout)["file"]).is_relative_to(installed)
    heard = kws("listen", "hey_cortana", SPEECH, "--json")
    words = [json.loads(line)["word"] for line in heard.stdout.splitlines()]
    assert heard.returncode == 0 and len(words) >= 8 and {*words} == {"hey cortana"}
    measured = kws(
        *("evaluate", "hey_cortana", "--positives", POSITIVES, "--negatives", NEGATIVES, "--json")
    )
    assert json.loads(measured.stdout)["positives"] == 60
    assert kws("doctor").returncode == 0


def test_it_exports_and_deploys(kws, tmp_path):
    for name in ("c", "arduino"):
        assert kws("export", "hey_cortana", "--to", name, "--format", name).returncode == 0
    readme = (tmp_path / "c" / "README.md").read_text()
    assert "Google Speech Commands" in readme  # from the card beside the model
    assert kws("deploy", "hey_cortana", "--board", "pico").returncode == 0
    assert (tmp_path / "hey_cortana_pico.uf2").stat().st_size > 10_000


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "wake", "hey robin", "--positives", "a", "--negatives", "b", "--out", "c"),
        ("train", "commands", "--data", "a", "--out", "c"),
        ("train", "recipe.toml"),
    ],
)
def test_what_is_left_out_says_so_in_one_sentence(kws, arguments, tmp_path):
    (tmp_path / "recipe.toml").write_text("")
    run = kws(*arguments)
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == "kws: Training needs more packages: pip install 'kws[train]'.\n"


def test_a_plot_says_before_it_is_due_what_it_needs(kws):
    run = kws("monitor", "/dev/null", "--png", "a.png")
    assert run.returncode == 1 and run.stderr.startswith("kws: Plots need more packages")
    assert "pip install 'kws[train]'" in run.stderr and run.stderr.count("\n") == 1
