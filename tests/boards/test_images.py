"""The images that are checked in are what their sources build."""

import shutil
import subprocess
from pathlib import Path

import pytest

PORTS = Path(__file__).parents[2] / "firmware/ports"
IMAGES = {"raspberry_pi_pico": "pico.bin", "nano33ble": "nano33ble.bin"}
IMAGES |= {"microbit_v2": "microbit_v2.bin"}


def compiler_of(port: Path) -> str:
    """The version that built the image, as the makefiles state it."""
    files = [port / "Makefile", *(PORTS / "nrf52").glob("*.mk")]
    lines = [line for file in files for line in file.read_text().splitlines()]
    return next(line.split(":=")[1].strip() for line in lines if line.startswith("COMPILER :="))


@pytest.mark.parametrize("port", IMAGES)
def test_the_checked_in_image_is_what_the_sources_build(port, tmp_path):
    for tool in ("arm-none-eabi-gcc", "make"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    folder = PORTS / port
    make = ["make", "-s", "-C", str(folder), "all", f"BUILD={tmp_path}"]
    subprocess.run(make, check=True, capture_output=True)  # the sources compile in any case
    ask = ["arm-none-eabi-gcc", "-dumpfullversion"]
    version = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
    if version != compiler_of(folder):
        pytest.skip(f"the image was built by {compiler_of(folder)}, this is {version}")
    same = (tmp_path / "image.bin").read_bytes() == (folder / IMAGES[port]).read_bytes()
    assert same, f"renew it: make -C firmware/ports/{port} {IMAGES[port]}, and commit"


def test_the_checked_in_module_is_what_the_sources_build(tmp_path):
    for tool, install in (("clang", "clang"), ("wasm-ld", "lld"), ("make", "make")):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed: apt-get install {install}")
    folder = PORTS / "web"
    make = ["make", "-s", "-C", str(folder), "all", f"BUILD={tmp_path}"]
    subprocess.run(make, check=True, capture_output=True)
    ask = ["clang", "-dumpversion"]
    version = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
    if version != compiler_of(folder):
        pytest.skip(f"the module was built by clang {compiler_of(folder)}, this is {version}")
    same = (tmp_path / "image.wasm").read_bytes() == (folder / "kws.wasm").read_bytes()
    assert same, "renew it: make -C firmware/ports/web kws.wasm, and commit"
