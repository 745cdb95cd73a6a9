"""The Arduino library built with Debian's Arduino core for Uno and Mega, and run in simavr."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soxr
from exported import heard, needs, run, said
from loudness_models import FEATURES_8K, noise, wake_word

from kws.audio.files import find_audio, read_audio
from kws.device.export import export

ROOT = Path(__file__).parents[3]
CORE = Path("/usr/share/arduino/hardware/arduino/avr")
SIMULATOR = ROOT / "firmware" / "ports" / "arduino_uno" / "simulate.c"
# The patterns of the core's platform.txt. Debian's core wants DECIMAL_DIG of its <float.h> in C++,
# which GCC 5 gives to C alone.
COMMON = ("-c", "-g", "-Os", "-ffunction-sections", "-fdata-sections", "-flto", "-DF_CPU=16000000L")
C = (*COMMON, "-std=gnu11", "-fno-fat-lto-objects")
CPP: tuple[str, ...] = (
    *COMMON,
    "-std=gnu++11",
    "-fpermissive",
    "-fno-exceptions",
    "-fno-threadsafe-statics",
)
CPP = (*CPP, "-Wno-error=narrowing", "-DDECIMAL_DIG=__DECIMAL_DIG__")
ASSEMBLY = ("-c", "-g", "-x", "assembler-with-cpp", "-flto")
WARNINGS = ("-Wall", "-Wextra")


@dataclass(frozen=True)
class Board:
    name: str
    chip: str
    macro: str
    variant: str
    ram: int
    flash: int  # without the boot loader

    def flags(self) -> list[str]:
        macros = ("ARDUINO=10819", self.macro, "ARDUINO_ARCH_AVR")
        folders = (CORE / "cores" / "arduino", CORE / "variants" / self.variant)
        return [f"-mmcu={self.chip}", *(f"-D{m}" for m in macros), *(f"-I{f}" for f in folders)]


UNO = Board("uno", "atmega328p", "ARDUINO_AVR_UNO", "standard", 2048, 32256)
MEGA = Board("mega", "atmega2560", "ARDUINO_AVR_MEGA2560", "mega", 8192, 253952)


def compile_folder(folder: Path, to: Path, board: Board, *flags: str) -> list[Path]:
    to.mkdir(parents=True)
    for suffix, tool, own in ((".c", "gcc", C), (".cpp", "g++", CPP), (".S", "gcc", ASSEMBLY)):
        for source in sorted(folder.glob(f"*{suffix}")):
            command = [f"avr-{tool}", *own, *board.flags(), *flags, source]
            run([*command, "-o", to / f"{source.name}.o"], to)
    return sorted(to.glob("*.o"))


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory):
    """Give the core of a board as a library, built once."""
    needs("avr-g++", "apt-get install arduino-core-avr")
    if not CORE.is_dir():
        pytest.skip("the Arduino core is not installed: apt-get install arduino-core-avr")
    built: dict[str, Path] = {}

    def build(board: Board) -> Path:
        if board.name not in built:
            folder = tmp_path_factory.mktemp("core")
            objects = compile_folder(CORE / "cores" / "arduino", folder / "o", board, "-w")
            run(["avr-gcc-ar", "rcs", "core.a", *objects], folder)
            built[board.name] = folder / "core.a"
        return built[board.name]

    return build


def upload(model: Path, board: Board, library: Path, folder: Path) -> Path:
    """Build the sketch as the Arduino IDE does, and return the program."""
    export(model, folder / "kws_library", "arduino")
    source = folder / "kws_library" / "src"
    sketch = folder / "kws_library" / "examples" / "AnalogMicrophone" / "AnalogMicrophone.ino"
    objects = compile_folder(source, folder / "library", board, *WARNINGS, f"-I{source}")
    command = ["avr-g++", *CPP, *WARNINGS, *board.flags(), f"-I{source}", "-x", "c++"]
    run([*command, "-include", "Arduino.h", sketch, "-o", "sketch.o"], folder)
    link = ["avr-gcc", *WARNINGS, "-Os", "-g", "-flto", "-fuse-linker-plugin", "-Wl,--gc-sections"]
    link += [f"-mmcu={board.chip}", "-o", "sketch.elf", "sketch.o", *map(str, objects)]
    run([*link, library, "-lm"], folder)
    run(["avr-objcopy", "-O", "ihex", "-R", ".eeprom", "sketch.elf", "sketch.hex"], folder)
    return folder / "sketch.elf"


@pytest.fixture(scope="module")
def simulate(tmp_path_factory: pytest.TempPathFactory):
    """Run a sketch on an Uno in simavr with 8 kHz samples at A0, and return what it prints."""
    folder = tmp_path_factory.mktemp("simavr")
    command = ["cc", "-O1", SIMULATOR, "-lsimavr", "-lelf", "-o", "simulate"]
    built = subprocess.run(list(map(str, command)), cwd=folder, capture_output=True)
    if built.returncode:
        pytest.skip("simavr is not installed: apt-get install libsimavr-dev libelf-dev")
    reads_hex = "sim_hex.h" in SIMULATOR.read_text()

    def run_sketch(program: Path, samples: np.ndarray) -> str:
        samples.astype("<i2").tofile(folder / "samples.raw")
        image = program.with_suffix(".hex") if reads_hex else program
        return run([folder / "simulate", image, "samples.raw"], folder)

    return run_sketch


def at_adc(samples: np.ndarray) -> np.ndarray:
    """What the ten bits of the converter leave of samples."""
    return (samples >> 6 << 6).astype(np.int16)


@pytest.mark.parametrize("board", [UNO, MEGA], ids=lambda board: board.name)
def test_athena_8k_fits_the_board(board, core, tmp_path):
    model = ROOT / "models" / "athena_8k" / "athena_8k.kws"
    program = upload(model, board, core(board), tmp_path)
    sizes = run(["avr-size", program], tmp_path).splitlines()[1].split()
    flash, ram = int(sizes[0]) + int(sizes[1]), int(sizes[1]) + int(sizes[2])
    stack = 450  # 253 bytes were measured in simavr, interrupts and all
    assert flash < board.flash and ram + stack < board.ram, sizes
    symbols = run(["avr-nm", program], tmp_path)
    assert "kws_avr_stage" in symbols, "the assembly was left out"


def test_an_avr_refuses_a_model_of_16_khz_in_one_sentence(core, tmp_path):
    """A frame takes 1.4 million cycles of the 320,000 that an AVR at 16 MHz has for it."""
    core(UNO)
    path = tmp_path / "hey_noise.kws"
    path.write_bytes(wake_word())
    with pytest.raises(AssertionError, match="takes 16 kHz, for which an AVR is too slow"):
        upload(path, UNO, core(UNO), tmp_path)


def test_an_uno_hears_noise_as_the_library_does(core, simulate, tmp_path):
    path = tmp_path / "hey_noise.kws"
    path.write_bytes(wake_word(config=FEATURES_8K))
    parts = [(noise(0.2, 3000, seed=i), noise(0.5, 16)) for i in range(3)]
    samples = at_adc(np.concatenate([part for pair in parts for part in pair]))
    output = simulate(upload(path, UNO, core(UNO), tmp_path), samples)
    expected = heard(path, samples)
    assert len(expected) == 3 and said(output) == expected
    assert "listening for hey_noise" in output and "samples lost" not in output


@pytest.mark.recordings
def test_an_uno_hears_athena_as_the_library_does(core, simulate, recordings, tmp_path):
    """Real voices, cycle by cycle: the same frames, and not a sample lost."""
    model = ROOT / "models" / "athena_8k" / "athena_8k.kws"
    clips = find_audio(recordings / "wake_phrases" / "wake-words" / "en" / "athena")[:6]
    quiet = noise(1, 16)
    parts = [part for clip in clips for part in (read_audio(clip), quiet)]
    at_8k = soxr.resample(np.concatenate(parts).astype(np.float64), 16_000, 8_000)
    samples = at_adc(np.clip(np.rint(at_8k), -32768, 32767).astype(np.int16))
    output = simulate(upload(model, UNO, core(UNO), tmp_path), samples)
    expected = heard(model, samples)
    assert len(expected) >= 3 and said(output) == expected
    assert "samples lost" not in output
    spared = re.search(r'(\d+) bytes of RAM never|"ram_never_written": (\d+)', output)
    assert spared and int(spared[1] or spared[2]) >= 200
