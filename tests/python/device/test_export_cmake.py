"""The `c` export as a library of CMake, and as a package of Conan: what is built hears."""

import os
import subprocess
from pathlib import Path

import pytest
from exported import needs, run
from loudness_models import three_words, two_words, wake_word

from kws.device.export import export

TOOLS = "make export-tools"
CONSUMER = """
cmake_minimum_required(VERSION 3.14)
project(consumer LANGUAGES C)
{found}
add_executable(consumer {main})
target_link_libraries(consumer PRIVATE kws_hey_noise::kws_hey_noise)
"""
FETCHED = 'include(FetchContent)\nFetchContent_Declare(kws_hey_noise SOURCE_DIR "{library}")\n'
FETCHED += "FetchContent_MakeAvailable(kws_hey_noise)"
FOUND = "find_package(kws_hey_noise 0.1 REQUIRED)"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "hey_noise.kws"
    path.write_bytes(wake_word())
    export(path, tmp_path / "library", "c")
    return tmp_path / "library"


def consumer(library: Path, found: str, *options: object) -> None:
    """Build a project that uses the library; its program must hear three words."""
    cmake = needs("cmake")
    folder = library.parent / "consumer"
    folder.mkdir()
    text = CONSUMER.format(found=found.format(library=library), main=library / "main.c")
    (folder / "CMakeLists.txt").write_text(text)
    run([cmake, "-S", ".", "-B", "built", *options], folder)
    run([cmake, "--build", "built"], folder)
    found_words = run([folder / "built/consumer"], folder, three_words().tobytes()).split()
    assert found_words == ["hey_noise"] * 3


def test_fetch_content_builds_it(library):
    consumer(library, FETCHED)


def test_find_package_finds_what_was_installed(library, tmp_path):
    cmake = needs("cmake")
    run([cmake, "-S", library, "-B", tmp_path / "built"], tmp_path)
    run([cmake, "--build", tmp_path / "built"], tmp_path)
    run([cmake, "--install", tmp_path / "built", "--prefix", tmp_path / "prefix"], tmp_path)
    consumer(library, FOUND, f"-DCMAKE_PREFIX_PATH={tmp_path / 'prefix'}")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.14)\nproject(other C)\nfind_package(kws_hey_noise 7.0)\n"
        "if(kws_hey_noise_FOUND)\n message(FATAL_ERROR anything)\nendif()\n"
    )
    prefix = f"-DCMAKE_PREFIX_PATH={tmp_path / 'prefix'}"
    ran = subprocess.run([cmake, "-S", "other", "-B", "not", prefix], cwd=tmp_path)
    assert ran.returncode == 0  # another version of the engine is not this one


def test_several_models_are_in_one_library(tmp_path):
    cmake = needs("cmake")
    for name, data in (("hey_noise", wake_word()), ("two", two_words())):
        (tmp_path / f"{name}.kws").write_bytes(data)
    export(tmp_path / "hey_noise.kws", tmp_path / "library", "c", others=[tmp_path / "two.kws"])
    run([cmake, "-S", "library", "-B", "built"], tmp_path)
    run([cmake, "--build", "built"], tmp_path)
    symbols = run(["nm", "built/libkws_hey_noise.a"], tmp_path).split()
    assert {"hey_noise", "two", "kws_spotter_process"} <= set(symbols)
    run(["make"], tmp_path / "library")


def test_conan_makes_a_package_that_a_project_finds(library, tmp_path):
    conan = needs("conan", TOOLS)
    needs("cmake")
    home = os.environ | {"CONAN_HOME": str(tmp_path / "conan")}

    def conan_run(*arguments: object) -> None:
        command = [conan, *map(str, arguments)]
        ran = subprocess.run(command, cwd=tmp_path, env=home, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr

    conan_run("profile", "detect")
    conan_run("create", library)
    conan_run(
        *("install", "--requires", "kws_hey_noise/0.1.0", "-of", tmp_path / "generated"),
        *("-g", "CMakeDeps", "-g", "CMakeToolchain"),
    )
    toolchain = tmp_path / "generated/conan_toolchain.cmake"
    consumer(library, FOUND, f"-DCMAKE_TOOLCHAIN_FILE={toolchain}", "-DCMAKE_BUILD_TYPE=Release")
