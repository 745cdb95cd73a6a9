"""`kws export`: what it writes where, and `--format c`, two plain files that build anywhere."""

import errno
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from loudness_models import foreign_word, noise, two_words, wake_word
from random_models import LARGE

import kws
from kws.audio.files import read_audio
from kws.device import engine_sources, export, parts
from kws.device.formats import FORMATS
from kws.device.identifiers import identifier
from kws.device.manifest import MANIFEST
from kws.engine import model_file
from kws.errors import ConfigError, KwsError, ModelError, ToolError

ROOT = Path(__file__).parents[3]
STRICT = ["-Wall", "-Wextra", "-pedantic", "-Werror"]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "hey-noise 2.kws"
    path.write_bytes(two_words())
    return path


def needs(tool: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")


def test_the_folder_builds_and_hears_what_python_hears(saved, tmp_path):
    needs("make")
    needs("cc")
    folder = tmp_path / "out"
    written = export.export(saved, folder, "c")
    assert all(path.is_file() and folder in path.parents for path in written)
    made = subprocess.run(["make", "-C", folder], capture_output=True, text=True)
    assert made.returncode == 0 and "warning" not in made.stderr, made.stderr
    parts = [noise(1, 2000, seed=i, colour=c) for i, c in enumerate(("low", "high", "low"))]
    samples = np.concatenate([part for p in parts for part in (p, noise(1, 16))])
    run = subprocess.run([folder / "hey_noise_2"], input=samples.tobytes(), capture_output=True)
    words = [detection.word for detection in kws.Spotter(saved).process(samples)]
    assert len(words) >= 3
    assert run.stdout.decode().split() == words


TWO_MODELS = """
#include <stdio.h>
#include "athena.h"
#include "hey_cortana.h"
static kws_spotter spotters[2];
int main(void) {
    static int16_t block[320];
    const char *names[2] = {"hey_cortana", "athena"};
    if (kws_spotter_init(&spotters[0], hey_cortana, hey_cortana_size) != KWS_OK) return 1;
    if (kws_spotter_init(&spotters[1], athena, athena_size) != KWS_OK) return 2;
    while (fread(block, sizeof *block, 320, stdin) == 320)
        for (int i = 0; i < 2; i++) {
            kws_detection found;
            (void)kws_spotter_process(&spotters[i], block, 320, &found);
            if (found.word != KWS_NO_WORD) printf("%s %u\\n", names[i], (unsigned)found.frame);
        }
    return 0;
}
"""


@pytest.mark.parametrize("order", [("hey_cortana", "athena"), ("athena", "hey_cortana")])
def test_two_models_share_one_engine(order, tmp_path):
    needs("cc")
    export.export(order[0], tmp_path / "out", "c", second=order[1])
    assert len(list((tmp_path / "out").glob("kws.*"))) == 2  # one engine
    (tmp_path / "out" / "main.c").write_text(TWO_MODELS)
    program = tmp_path / "both"
    sources = sorted((tmp_path / "out").glob("*.c"))
    done = subprocess.run(
        ["cc", "-std=c99", "-O1", *STRICT, *sources, "-o", program], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    speech = read_audio(ROOT / "data/sample/stream/held_out.opus")[: 30 * 16_000]
    run = subprocess.run([program], input=speech.tobytes(), capture_output=True, text=False)
    heard = [line.split() for line in run.stdout.decode().splitlines()]
    assert run.returncode == 0 and len(heard) >= 3
    for name in order:
        found = kws.Spotter(name).process(speech)
        frames = [round((hit.time_s - 0.032) / 0.02) for hit in found]
        assert [int(frame) for given, frame in heard if given == name] == frames


def test_two_models_of_one_name_are_refused(saved, tmp_path):
    twin = tmp_path / "other" / saved.name
    twin.parent.mkdir()
    twin.write_bytes(two_words())
    for more in ({"second": twin}, {"others": [twin]}):
        with pytest.raises(ConfigError, match="Two models come to the name hey_noise_2: rename"):
            export.export(saved, tmp_path / "out", "c", **more)
    assert not (tmp_path / "out").exists()


def test_every_model_that_cannot_be_exported_is_named(saved, tmp_path):
    (tmp_path / "cut.kws").write_bytes(two_words()[:-9])
    (tmp_path / "twin").mkdir()
    for name in ("hey-noise 2", "athena"):
        (tmp_path / "twin" / f"{name}.kws").write_bytes(two_words())
    with pytest.raises(
        ModelError, match=r"no model 'hey_cortan'.*hey_cortana.*; .*cut\.kws cannot"
    ):
        export.export("hey_cortan", tmp_path / "out", "c", others=[saved, tmp_path / "cut.kws"])
    twins = list((tmp_path / "twin").iterdir())
    with pytest.raises(ConfigError, match="each of the names hey_noise_2, athena: rename"):
        export.export(saved, tmp_path / "out", "c", others=["athena", *twins])
    assert not (tmp_path / "out").exists()


def test_an_engine_of_other_limits_refuses_the_program(tmp_path):
    """Two exports in one program: the header of one, the engine of the other."""
    needs("cc")
    for name in ("hey_cortana", "athena_8k"):
        export.export(name, tmp_path / name, "c")
    (tmp_path / "main.c").write_text(
        '#include "hey_cortana.h"\nstatic kws_spotter spotter;\n'
        "int main(void) { return (int)kws_spotter_init(&spotter, hey_cortana, hey_cortana_size); }"
    )
    mixed = [tmp_path / "athena_8k/kws.c", tmp_path / "hey_cortana/hey_cortana.c"]
    for sources, status in ((mixed, 11), ([tmp_path / "hey_cortana/kws.c", mixed[1]], 0)):
        include = f"-I{tmp_path / 'hey_cortana'}"
        command = ["cc", "-std=c99", include, tmp_path / "main.c", *sources, "-o", tmp_path / "a"]
        subprocess.run(command, check=True)
        assert subprocess.run([tmp_path / "a"]).returncode == status  # KWS_ERROR_ABI, KWS_OK


@pytest.mark.parametrize("recipe", LARGE, ids=lambda recipe: f"{recipe.hidden} units")
def test_a_model_above_the_usual_limits_brings_an_engine_that_takes_it(recipe, tmp_path):
    needs("make")
    needs("cc")
    path = tmp_path / "large.kws"
    path.write_bytes(recipe.encode())
    export.export(path, tmp_path / "out", "c")
    assert subprocess.run(["make", "-C", tmp_path / "out"], capture_output=True).returncode == 0
    samples = noise(3, 4000, seed=1, colour="low")
    program = tmp_path / "out" / "large"
    run = subprocess.run([program], input=samples.tobytes(), capture_output=True, text=False)
    assert (run.returncode, run.stderr) == (0, b"")  # not "above the limits"
    heard = [detection.word for detection in kws.Spotter(path).process(samples)]
    assert run.stdout.decode().split() == heard


@pytest.mark.parametrize("compiler", ("gcc", "clang"))
def test_it_compiles_strictly_as_c99_and_as_cpp(saved, tmp_path, compiler):
    needs(compiler)
    export.export(saved, tmp_path / "out", "c")
    sources = sorted((tmp_path / "out").rglob("*.c"))
    assert [source.name for source in sources] == ["hey_noise_2.c", "kws.c", "main.c"]
    for source in sources:
        for language in (["-std=c99"], ["-x", "c++", "-std=c++11"]):
            command = [compiler, *language, *STRICT, "-c", source, "-o", "x.o"]
            subprocess.run(command, cwd=tmp_path / "out", check=True)


def test_the_array_holds_the_bytes_of_the_file(saved, tmp_path):
    export.export(saved, tmp_path / "out", "c")
    text = (tmp_path / "out" / "hey_noise_2.c").read_text()
    body = text[text.index("= {") + 3 : text.index("};")]
    assert bytes(int(byte, 16) for byte in body.replace(",", " ").split()) == saved.read_bytes()
    assert f"hey_noise_2_size = {saved.stat().st_size};" in text
    assert "Generated by `kws export`" in text and "do not edit" in text


def test_a_second_export_renews_the_model_and_leaves_your_example(saved, tmp_path):
    folder = tmp_path / "out"
    export.export(saved, folder, "c")
    (folder / "main.c").write_text("mine")
    (folder / "kws.c").write_text("old")
    written = export.export(saved, folder, "c")
    assert (folder / "main.c").read_text() == "mine"
    assert folder / "main.c" not in written and folder / "kws.c" in written
    assert "untangle" in (folder / "kws.c").read_text()


def held(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


@pytest.mark.parametrize("format", [*FORMATS])
def test_an_export_of_fewer_models_is_as_if_it_were_the_first(format, saved, tmp_path, capsys):
    if format == "onnx":
        pytest.importorskip("onnx")
    small = tmp_path / "small.kws"
    small.write_bytes(wake_word())
    folder = tmp_path / "out"
    export.export(saved, folder, format, others=[small, "athena_8k"])
    (folder / "notes.txt").write_text("mine")
    assert capsys.readouterr().err == ""
    export.export(saved, folder, format)
    said = capsys.readouterr().err
    assert f"{folder}: removed " in said and "small" in said and said.count("warning") == 1
    export.export(saved, tmp_path / "new", format)
    assert held(folder) == held(tmp_path / "new") | {"notes.txt": b"mine"}
    assert capsys.readouterr().err == ""


def test_folders_and_examples_of_another_rate_go_along(tmp_path):
    path = tmp_path / "mine.kws"
    for name in ("hey_cortana", "athena_8k"):
        shutil.copy(model_file.find(name), path)
        export.export(path, tmp_path / "out", "arduino")
        assert (tmp_path / "out/examples/PdmMicrophone").exists() == (name == "hey_cortana")


def test_what_you_have_changed_of_an_earlier_export_stays_and_is_told(saved, tmp_path, capsys):
    folder = tmp_path / "out"
    export.export(saved, folder, "c", others=["athena"])
    for name in ("athena.c", "Makefile"):
        (folder / name).write_text("mine")
    export.export(saved, folder, "c")
    said = capsys.readouterr().err
    assert (folder / "athena.c").read_text() == (folder / "Makefile").read_text() == "mine"
    assert not (folder / "athena.h").exists() and "removed athena.h, which" in said
    assert f"{folder / 'athena.c'} is of an earlier export and stays, since you have" in said
    assert f"{folder / 'Makefile'} stays, since you have changed it, and no longer fits" in said


@pytest.mark.parametrize("line", ["{sum}  ../mine", "{sum}  {mine}", "{sum}  link/mine", "odd", ""])
def test_a_manifest_removes_nothing_outside_its_folder(saved, tmp_path, line):
    mine = tmp_path / "mine"
    mine.write_text("mine")
    export.export(saved, tmp_path / "out", "c")
    (tmp_path / "out" / "link").symlink_to(tmp_path)
    digest = hashlib.sha256(b"mine").hexdigest()
    (tmp_path / "out" / MANIFEST).write_text(line.format(sum=digest, mine=mine))
    export.export(saved, tmp_path / "out", "c")
    assert mine.read_text() == "mine"


@pytest.mark.parametrize(
    ("held", "sentence"),
    [
        ({"main.c": "mine"}, "holds other files"),
        ({"README.md": "# Mine\n"}, "holds other files"),
        ({"README.md": b"\xff\xfe"}, "holds other files"),
        ({".git/config": ""}, "holds other files"),
    ],
)
def test_a_folder_of_yours_is_left_alone(saved, tmp_path, held, sentence):
    folder = tmp_path / "project"
    for name, content in held.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    before = sorted(folder.rglob("*"))
    with pytest.raises(ConfigError, match=f"{sentence}: export hey-noise 2 for c to a folder"):
        export.export(saved, folder, "c")
    assert sorted(folder.rglob("*")) == before


def test_another_export_in_the_folder_is_named(saved, tmp_path):
    folder = tmp_path / "out"
    export.export(saved, folder, "zephyr")
    with pytest.raises(ConfigError, match="holds hey_noise_2 for zephyr: export hey-noise 2 for c"):
        export.export(saved, folder, "c")
    twin = tmp_path / "hey_noise-2.kws"
    twin.write_bytes(wake_word())
    with pytest.raises(ConfigError, match="holds another model that comes to the name hey_noise_2"):
        export.export(twin, folder, "zephyr")
    other = tmp_path / "other.kws"
    other.write_bytes(wake_word())
    with pytest.raises(ConfigError, match="holds hey_noise_2 for zephyr: export other for zephyr"):
        export.export(other, folder, "zephyr")


@pytest.mark.parametrize("is_new", [True, False])
def test_a_full_disk_changes_nothing(saved, tmp_path, monkeypatch, is_new):
    folder = tmp_path / "out"
    if not is_new:
        export.export(saved, folder, "arduino")
        (folder / "src" / "kws.h").write_text("as it was")
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    count = 0
    real = os.fsync

    def full(descriptor: int) -> None:
        nonlocal count
        count += 1
        if count == 9:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(KwsError, match=r"cannot save .*out: no space left on device; free some"):
        export.export(saved, folder, "arduino")
    assert count == 9
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before
    assert folder.exists() != is_new


def test_no_model_takes_a_name_of_the_examples():
    static = re.compile(r"^(?:static )?[\w ]+?\*?\b(\w+)(?:\[.*\])?(?:;| = |\()", flags=re.M)
    for file in parts.TEMPLATES.rglob("*"):
        if file.suffix in (".c", ".ino"):
            for line in file.read_text().splitlines():
                if line.startswith(("static ", "void ", "int ")):
                    names = static.findall(line) + re.findall(r", (\w+)[;,]", line)
                    assert names, line
                    for name in filter(str.islower, names):
                        assert identifier(name) == f"model_{name}", line


def test_words_cannot_break_out_of_a_comment(tmp_path):
    needs("cc")
    path = tmp_path / "evil.kws"
    path.write_bytes(foreign_word("*/ #error \\\n"))
    export.export(path, tmp_path / "out", "c")
    command = ["cc", "-std=c99", *STRICT, "-c", "main.c", "-o", "x.o"]
    subprocess.run(command, cwd=tmp_path / "out", check=True)


def test_refusals_are_one_sentence(saved, tmp_path, monkeypatch):
    choice = "choose arduino, c, esp-idf, esphome, onnx, platformio, wasm or zephyr."
    with pytest.raises(ConfigError, match=f"^There is no export format 'zip': {choice}$"):
        export.export(saved, tmp_path / "out", "zip")
    with pytest.raises(ModelError, match="no model"):
        export.export(tmp_path / "missing.kws", tmp_path / "out", "c")
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file is a file: name a folder"):
        export.export(saved, tmp_path / "file", "c")
    with pytest.raises(KwsError, match=r"cannot save .*not a directory; choose another"):
        export.export(saved, tmp_path / "file" / "below", "c")
    monkeypatch.setattr(
        engine_sources, "__file__", str(tmp_path / "kws" / "device" / "engine_sources.py")
    )
    with pytest.raises(ToolError, match="C sources are not beside"):
        list(engine_sources.engine_sources())


def test_an_installed_package_brings_sources_and_licence_along(tmp_path, monkeypatch):
    installed = tmp_path / "site-packages" / "kws"
    checkout = Path(export.__file__).parents[2]
    for part in ("include", "src"):
        shutil.copytree(checkout / "firmware" / part, installed / "firmware" / part)
    expected = dict(engine_sources.engine_sources())
    monkeypatch.setattr(engine_sources, "__file__", str(installed / "device" / "engine_sources.py"))
    assert dict(engine_sources.engine_sources()) == expected
    with pytest.raises(ToolError, match="LICENSE is not in"):
        engine_sources.licence()
    shutil.copy(checkout / "LICENSE", installed / "firmware")
    assert engine_sources.licence() == (checkout / "LICENSE").read_text()


def test_the_readme_names_what_the_model_was_trained_on(saved, tmp_path):
    export.export("hey_cortana", tmp_path / "out", "c")
    readme = (tmp_path / "out" / "README.md").read_text()
    assert "- Google Speech Commands: Pete Warden" in readme and "CC BY 4.0" in readme
    assert "| Cortex-M0 | " in readme and "`KWS_MAX_HIDDEN` 46" in readme
    assert "#define KWS_MAX_HIDDEN 46 " in (tmp_path / "out" / "kws.h").read_text()
    export.export(saved, tmp_path / "bare", "c")
    assert "No model card lies beside" in (tmp_path / "bare" / "README.md").read_text()


def test_the_readme_names_every_model_that_is_there(saved, tmp_path):
    export.export(saved, tmp_path / "out", "c", others=["athena", "hey_cortana"])
    more = "also holds `athena` (hears athena), `hey_cortana` (hears hey cortana): include"
    assert more in (tmp_path / "out" / "README.md").read_text()
    export.export("hey_cortana", tmp_path / "one", "c")
    assert "also holds" not in (tmp_path / "one" / "README.md").read_text()


def test_a_model_without_a_file_can_be_exported(tmp_path):
    model = model_file.parse(wake_word())
    names = {path.name for path in export.export(model, tmp_path / "out", "c")}
    assert names == {
        *("model.c", "model.h", "kws.c", "kws.h", "main.c", "Makefile", "LICENSE", "README.md"),
        *("CMakeLists.txt", "conanfile.py", MANIFEST),
    }
