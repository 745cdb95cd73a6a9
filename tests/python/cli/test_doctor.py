"""The doctor: what is there, what is missing, and the command that mends it."""

import builtins
import sys

import pytest

from kws.cli import doctor, summaries
from kws.cli.doctor import Check, examine, is_healthy, to_json, to_text
from kws.engine import model_file
from kws.errors import MicrophoneError
from kws.listening import microphone


def check_named(name):
    return doctor._check(next(part for part in doctor._parts() if part.name == name))


def test_every_part_is_looked_at_and_each_lack_has_a_remedy():
    checks = {check.name: check for check in examine()}
    assert set(checks) == {part.name for part in doctor._parts()}
    assert checks["Python"].ok and checks["engine"].ok and checks["soundfile with Opus"].ok
    for check in checks.values():
        assert check.detail
        assert bool(check.remedy) == (not check.ok), check


def test_a_missing_program_comes_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    arm = check_named("arm-none-eabi-gcc")
    assert not arm.ok and not arm.required
    assert arm.remedy.startswith("apt-get install --no-install-recommends gcc-arm-none-eabi")
    ffmpeg = check_named("ffmpeg")  # which a telephone's recordings need
    assert not ffmpeg.ok and not ffmpeg.required and "m4a" in ffmpeg.detail
    assert ffmpeg.remedy == "apt-get install ffmpeg"
    compiler = check_named("C compiler")
    assert not compiler.ok and not compiler.required  # a wheel brings the engine
    assert compiler.remedy.startswith("apt-get install build-essential")


@pytest.mark.parametrize("name", ["flite", "espeak"])
def test_a_missing_synthesiser_comes_with_its_own_remedy(monkeypatch, name):
    monkeypatch.setenv("PATH", "/nonexistent")
    check = check_named(name)
    assert not check.ok and not check.required
    assert "not installed" in check.detail
    assert check.remedy == f"apt-get install {'espeak-ng' if name == 'espeak' else name}"


def test_a_package_that_does_not_import_is_told_with_its_last_words(tmp_path, monkeypatch):
    (tmp_path / "torch.py").write_text("raise OSError('libcudart.so.13: cannot open')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    check = check_named("torch")
    assert not check.ok and not check.required
    assert check.detail == "OSError: libcudart.so.13: cannot open"
    assert check.remedy == "pip install --force-reinstall torch"


def test_the_packages_of_training_are_an_extra(tmp_path, monkeypatch):
    (tmp_path / "librosa.py").write_text("raise ModuleNotFoundError(\"No module named 'librosa'\")")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    check = check_named("librosa")
    assert not check.ok and not check.required
    assert (check.detail, check.remedy) == ("not installed", "pip install 'kws[train]'")


def test_a_package_that_hangs_is_given_up(tmp_path, monkeypatch):
    (tmp_path / "librosa.py").write_text("import time; time.sleep(60)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(doctor, "IMPORT_TIMEOUT_S", 0.5)
    check = check_named("librosa")
    assert check.detail == "did not import within 0.5 s"
    assert check.remedy == "pip install --force-reinstall librosa"


def test_an_engine_that_is_not_built_is_sent_to_setup(monkeypatch):
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "kws.engine.native._engine":
            raise ImportError("No module named 'kws.engine.native._engine'")
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "kws.engine.native._engine")
    monkeypatch.setattr(builtins, "__import__", refuse)
    check = check_named("engine")
    assert not check.ok and check.required
    assert "make setup" in check.remedy


def test_a_missing_microphone_is_no_fault(monkeypatch):
    monkeypatch.setattr(microphone, "devices", list)
    check = check_named("microphone")
    assert not check.ok and not check.required
    assert check.detail == "none found"


def test_a_missing_portaudio_says_what_to_install(monkeypatch):
    def missing():
        raise MicrophoneError("no PortAudio: apt-get install libportaudio2")

    monkeypatch.setattr(microphone, "_sounddevice", missing)
    for name in ("PortAudio", "microphone"):
        assert check_named(name).remedy == "apt-get install libportaudio2"


GOOD = Check("cc", "To build", True, True, "/usr/bin/cc")
LACKING = Check("torch", "To train", False, True, "not installed", "pip install torch")
OPTIONAL = Check("qemu", "To build", False, False, "not installed", "apt-get install qemu")


def test_only_a_missing_required_part_is_unhealthy():
    assert is_healthy([GOOD, OPTIONAL])
    assert not is_healthy([GOOD, LACKING])
    assert to_json([GOOD, LACKING])["ok"] is False
    assert to_json([GOOD, LACKING])["checks"][1] == {
        "name": "torch",
        "purpose": "To train",
        "ok": False,
        "required": True,
        "detail": "not installed",
        "remedy": "pip install torch",
    }


def test_the_text_groups_by_purpose_and_puts_the_remedy_under_each_lack():
    lines = [" ".join(line.split()) for line in to_text([GOOD, LACKING, OPTIONAL]).splitlines()]
    assert lines == [
        "To build",
        "ok cc /usr/bin/cc",
        "optional qemu not installed",
        "-> apt-get install qemu",
        "To train",
        "MISSING torch not installed",
        "-> pip install torch",
        "1 required part(s) missing",
    ]


def test_prose_and_tables_fit_a_terminal():
    long = "arm-none-eabi-gcc (15:12.2.rel1-1) 12.2.1 20221205, of a distribution"
    lack = "Kokoro needs kokoro_onnx, which is not installed"
    remedy = "plug one in; recordings and pipes work without"
    kokoro = Check("kokoro", "To speak", False, False, lack, remedy)
    text = to_text([Check("gcc", "To build", True, False, long), kokoro])
    assert max(map(len, text.splitlines())) <= 80 and f"-> {remedy}" in text
    lines = summaries.model(model_file.inspect("commands_5k")).splitlines()
    own = [line for line in lines if not line.startswith("file ")]
    assert max(map(len, own)) <= 80 and "energy delta" in " ".join(own)
