"""`--format esphome`: ESPHome takes the component, refuses wrong YAML, and hears what kws hears."""

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from esphome_program import SECRETS, esphome, program, stand_ins
from exported import ROOT, build, needs, run
from loudness_models import FEATURES_8K, wake_word

import kws
from kws.audio.files import read_audio
from kws.device.esphome import files
from kws.device.export import export
from kws.device.parts import Parts
from kws.engine import model_file
from kws.engine.batch import detect, scores
from kws.settings.model import log_odds_q10

BOARDS = ("esp32", "esp32-s2", "esp32-s3", "esp32-c3", "esp32-c6")
ATHENA_AT = 0.1  # nobody says it in data/sample: what comes near will do


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """hey_cortana and athena in one component."""
    folder = tmp_path_factory.mktemp("esphome") / "out"
    export("hey_cortana", folder, "esphome", others=["athena"])
    (folder / "examples" / "secrets.yaml").write_text(SECRETS)
    return folder


# ---- what is written ----------------------------------------------------------------------------


def test_each_file_is_there_and_no_placeholder_is_left(exported):
    texts = [file for file in exported.rglob("*") if file.is_file() and file.suffix != ".kws"]
    names = {file.relative_to(exported).as_posix() for file in texts}
    assert {f"examples/{board}.yaml" for board in BOARDS} <= names
    assert {"components/kws/__init__.py", "components/kws/number/__init__.py"} <= names
    assert {"components/kws/kws.c", "components/kws/kws.h", "LICENSE", "README.md"} <= names
    for file in texts:
        assert not re.search(r"@[A-Z_]+@", file.read_text()), file
    readme = (exported / "README.md").read_text()
    threshold = model_file.load("athena").detector.threshold
    assert f"| `athena` | athena | 1,001 | 16,000 | {threshold:.4f} |" in readme
    for name in ("hey_cortana", "athena"):
        data = (exported / f"components/kws/models/{name}.kws").read_bytes()
        assert data == model_file.load(name).data


def test_the_python_is_tidy(exported):
    ruff = needs("ruff", "make setup")
    run([ruff, "check", "--isolated", "--select=E,F,I,B,UP", "--line-length=100", "."], exported)
    run([ruff, "format", "--isolated", "--line-length=100", "--check", "."], exported)


def test_a_second_export_leaves_your_examples(tmp_path):
    export("athena", tmp_path / "out", "esphome")
    (tmp_path / "out/examples/esp32.yaml").write_text("mine")
    export("athena", tmp_path / "out", "esphome")
    assert (tmp_path / "out/examples/esp32.yaml").read_text() == "mine"


def test_words_cannot_break_out_of_the_table(tmp_path):
    path = tmp_path / "evil.kws"
    path.write_bytes(wake_word('"} + """#\\'))
    table = dict(files(Parts(model_file.load(path))))["components/kws/models.py"]
    found: dict = {}
    exec(table, found)
    assert found["MODELS"]["evil"]["words"] == ['"} + """#\\']


def test_thresholds_are_the_integers_of_kws_listen(exported, tmp_path):
    needs("g++")
    (tmp_path / "all.cpp").write_text(
        '#include "log_odds.h"\n#include <cstdio>\n#include <initializer_list>\nint main() {\n'
        'for (int i = 1; i < 10000; i++) printf("%d\\n", esphome::kws::log_odds_q10(i / 10000.0f));'
        "\nfor (float out : {-1.0f, 0.0f, 1.0f, 2.0f}) "
        'printf("%d\\n", esphome::kws::log_odds_q10(out)); }\n'
    )
    flags = ["-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror"]
    command = ["g++", *flags, f"-I{exported / 'components/kws'}", "all.cpp", "-o", "all"]
    run(command, tmp_path)
    *said, low, zero, one, high = map(int, run([tmp_path / "all"], tmp_path).split())
    assert said == [log_odds_q10(i / 10_000) for i in range(1, 10_000)]
    assert low == zero == said[0] and one == high == said[-1]


# ---- what ESPHome says of a configuration --------------------------------------------------------


@pytest.mark.parametrize("board", BOARDS)
def test_esphome_takes_the_examples(exported, board):
    status, said = esphome(exported / "examples", "config", f"{board}.yaml")
    assert status == 0 and "Configuration is valid!" in said, said
    assert "kws:" in said and "WARNING" not in said, said


def test_esphome_takes_the_example_of_a_model_of_8_khz(tmp_path):
    (tmp_path / "slow.kws").write_bytes(wake_word(config=FEATURES_8K))
    export(tmp_path / "slow.kws", tmp_path / "out", "esphome")
    (tmp_path / "out/examples/secrets.yaml").write_text(SECRETS)
    status, said = esphome(tmp_path / "out/examples", "config", "esp32-c3.yaml")
    assert status == 0 and "sample_rate: 8000" in said, said


def test_esphome_writes_the_program_of_a_c3(exported):
    folder = exported / "examples"
    status, said = esphome(folder, "compile", "--only-generate", "esp32-c3.yaml")
    assert status == 0, said
    (main,) = folder.glob(".esphome/build/*/src/main.cpp")
    array = ", ".join(f"0x{byte:02X}" for byte in model_file.load("hey_cortana").data)
    assert array in main.read_text() and (main.parent / "esphome/components/kws/kws.c").is_file()
    assert "athena" not in main.read_text()  # only what is listed takes flash


WRONG = {
    "an unknown model": (
        ["- model: hey_cortana\n", "- model: computer\n"],
        "Unknown value 'computer', valid options are 'hey_cortana', 'athena'.",
    ),
    "a misspelt model": (
        ["- model: hey_cortana\n", "- model: hey_cortna\n"],
        "Unknown value 'hey_cortna', did you mean 'hey_cortana'?",
    ),
    "a threshold above 1": (
        ["hey_cortana_model\n  on", "hey_cortana_model\n      threshold: 1.5\n  on"],
        "threshold is 1.5; choose a posterior above 0 and below 1.",
    ),
    "a threshold that is no number": (
        ["hey_cortana_model\n  on", "hey_cortana_model\n      threshold: high\n  on"],
        "threshold is high; choose a posterior above 0 and below 1.",
    ),
    "a threshold of 1": (
        ["hey_cortana_model\n  on", "hey_cortana_model\n      threshold: 100%\n  on"],
        "threshold is 100%; choose a posterior above 0 and below 1.",
    ),
    "a wrong rate": (
        ["sample_rate: 16000", "sample_rate: 48000"],
        "The kws component requires a 16000 sample rate.",
    ),
    "a model twice": (
        ["- model: hey_cortana\n", "- hey_cortana\n    - model: hey_cortana\n"],
        "hey_cortana is listed twice under models.",
    ),
    "a number without its model": (
        ["model_id: hey_cortana_model", "model_id: athena_model"],
        "Couldn't find ID 'athena_model'.",
    ),
    "a channel that is not there": (
        ["gain_factor: 4", "channels: 1\n    gain_factor: 4"],
        "Enabled channel 1 value must be at most 0",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_yaml_gets_one_sentence(exported, case):
    (old, new), sentence = WRONG[case]
    right = (exported / "examples/listen.yaml").read_text()
    assert old in right
    folder = exported / "examples"
    (folder / "wrong_listen.yaml").write_text(right.replace(old, new))
    board = (folder / "esp32-c3.yaml").read_text()
    (folder / "wrong.yaml").write_text(board.replace("listen.yaml", "wrong_listen.yaml"))
    status, said = esphome(folder, "config", "wrong.yaml")
    assert status != 0 and "Traceback" not in said, said
    assert sentence in " ".join(said.split()), said


def test_models_of_two_rates_are_refused(tmp_path):
    export("athena", tmp_path / "out", "esphome", others=["athena_8k"])
    folder = tmp_path / "out/examples"
    (folder / "secrets.yaml").write_text(SECRETS)
    text = (folder / "listen.yaml").read_text()
    (folder / "listen.yaml").write_text(text.replace("  models:\n", "  models:\n    - athena_8k\n"))
    status, said = esphome(folder, "config", "esp32.yaml")
    sentence = "athena_8k takes 8000 samples a second and athena takes 16000: list models of one"
    assert status != 0 and sentence in " ".join(said.split()), said


@pytest.mark.parametrize("microphone", [False, True])
def test_an_esp8266_has_no_microphone_to_hear_with(exported, microphone, tmp_path):
    """ESPHome's own microphones want an ESP32, and so says kws where there is another."""
    (tmp_path / "device.yaml").write_text(f"""
esphome: {{name: small}}
esp8266: {{board: d1_mini}}
external_components:
  - source: {{type: local, path: {exported}/components}}
  - source: {{type: local, path: {stand_ins(tmp_path)}}}
{"microphone: [{platform: stand_in_microphone, id: mic}]" if microphone else ""}
kws:
""")
    status, said = esphome(tmp_path, "config", "device.yaml")
    sentence = "Component kws requires component microphone."
    if microphone:
        sentence = "kws needs a microphone, and ESPHome has none for esp8266: take an ESP32, "
    assert status != 0 and sentence in " ".join(said.split()), said


# ---- it runs ------------------------------------------------------------------------------------

DEVICE = """
esphome:
  name: kws-here
  on_boot:
    - if:
        condition:
          lambda: 'return getenv("THRESHOLD") != nullptr;'
        then:
          - number.set:
              id: threshold
              value: !lambda 'return strtof(getenv("THRESHOLD"), nullptr);'
host:
logger:
external_components:
  - source: {{type: local, path: {exported}/components}}
  - source: {{type: local, path: {stand_ins}}}
microphone:
  - platform: stand_in_microphone
    id: mic
kws:
  id: spotter
  microphone: mic
  models:
    - model: hey_cortana
      id: cortana
    - model: athena
      threshold: {athena_at}
  on_wake_word_detected:
    - lambda: |-
        const kws_detection &found = id(spotter).get_last_detection();
        printf("%s|%u|%d|%.6f\\n", wake_word.c_str(), (unsigned) found.frame, found.score_q10,
               score);
    - if:
        condition:
          and:
            - kws.is_running:
            - lambda: 'return getenv("RESTART") != nullptr;'
        then:
          - kws.stop:
          - kws.start:
number:
  - platform: kws
    id: threshold
    name: Threshold
    model_id: cortana
"""


@pytest.fixture(scope="module")
def device(exported, tmp_path_factory) -> Path:
    """The program that ESPHome writes for this machine, compiled with all of its own code."""
    folder = tmp_path_factory.mktemp("device")
    settings = {"exported": exported, "stand_ins": stand_ins(folder), "athena_at": ATHENA_AT}
    return program(folder, DEVICE.format(**settings))


@pytest.fixture(scope="module")
def sample() -> np.ndarray:
    """Every recording of data/sample, one after another: (samples,) int16."""
    recordings = sorted((ROOT / "data/sample").rglob("*.opus"))
    assert len(recordings) > 700
    return np.concatenate([read_audio(recording) for recording in recordings])


Found = tuple[str, int, int]


def heard_by(device: Path, samples: np.ndarray, **environment: object) -> list[Found]:
    """Return word, frame and score of what the program says, in its order."""
    given = os.environ | {name: str(value) for name, value in environment.items()}
    ran = subprocess.run([device], input=samples.tobytes(), env=given, capture_output=True)
    assert ran.returncode == 0, ran.stderr
    lines = re.findall(r"^(.+)\|(\d+)\|(-?\d+)\|([\d.]+)$", ran.stdout.decode(), flags=re.M)
    for _, _, score_q10, score in lines:
        assert abs(float(score) - 1 / (1 + np.exp(-int(score_q10) / 1024))) < 1e-5
    # In the microphone's thread, and none of kws: a start makes ESPHome's buffer anew.
    assert "RESTART" in environment or "allocations: 0\n" in ran.stdout.decode()
    return [(word, int(frame), int(score_q10)) for word, frame, score_q10, _ in lines]


def heard_by_kws(name: str, samples: np.ndarray, threshold: float | None = None) -> list[Found]:
    model = model_file.load(name)
    found = detect(model, scores(model, samples), threshold)
    return [(model.classes[word], frame, score) for frame, word, score in found]


@pytest.mark.timeout(1200)
def test_the_program_hears_what_kws_listen_hears(device, sample):
    """The same words at the same frames with the same scores, over all of data/sample."""
    expected = heard_by_kws("hey_cortana", sample) + heard_by_kws("athena", sample, ATHENA_AT)
    assert {word for word, _, _ in expected} == {"hey cortana", "athena"} and len(expected) > 100
    found = heard_by(device, sample)
    assert sorted(found, key=lambda one: one[1:]) == sorted(expected, key=lambda one: one[1:])
    times = [hit.time_s for hit in kws.Spotter("hey_cortana").process(sample)]
    frames = [frame for word, frame, _ in found if word == "hey cortana"]
    assert times == [pytest.approx(frame * 0.02 + 0.032) for frame in frames]


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("block", [1, 160, 333, 50_000])
def test_any_block_of_the_microphone_will_do(device, sample, block):
    few = sample[: 16_000 * 40]
    if block == 1:  # slow: the first phrase alone
        few = read_audio(ROOT / "data/sample/stream/held_out.opus")[: 16_000 * 8]
    expected = heard_by_kws("hey_cortana", few) + heard_by_kws("athena", few, ATHENA_AT)
    found = heard_by(device, few, BLOCK_SAMPLES=block)
    assert len(expected) > 0 and sorted(found) == sorted(expected)


@pytest.mark.timeout(1200)
def test_the_number_sets_the_threshold(device):
    speech = read_audio(ROOT / "data/sample/stream/held_out.opus")
    counts = []
    for threshold in (0.9995, 0.998, 0.9):
        expected = heard_by_kws("hey_cortana", speech, threshold)
        expected += heard_by_kws("athena", speech, ATHENA_AT)
        assert sorted(heard_by(device, speech, THRESHOLD=threshold)) == sorted(expected)
        counts.append(len(expected))
    assert counts[0] < counts[-1]


@pytest.mark.timeout(1200)
def test_a_start_begins_a_new_stream(device):
    """Stopped and started at each word, a second of sound at a time."""
    speech = read_audio(ROOT / "data/sample/stream/held_out.opus")
    second = 16_000
    found = heard_by(device, speech, RESTART=1, BLOCK_SAMPLES=second, WAIT_SAMPLES=second)
    spotters = [kws.Spotter("hey_cortana"), kws.Spotter("athena", threshold=ATHENA_AT)]
    expected = []
    for at in range(0, len(speech), second):
        block = speech[at : at + second]
        hits = [hit for spotter in spotters for hit in spotter.process(block)]
        expected += [(word, round((time_s - 0.032) / 0.02)) for word, time_s, _ in hits]
        for spotter in spotters if hits else ():
            spotter.reset()
    assert len(expected) >= 5 and [one[:2] for one in found] == expected
    whole = [frame for _, frame, _ in heard_by(device, speech)]
    assert whole == sorted(whole) and [frame for _, frame in expected] != whole


@pytest.mark.timeout(1200)
def test_the_engine_of_the_component_compiles_as_c99(exported, tmp_path):
    component = exported / "components/kws"
    flags = ["-Wmissing-prototypes", f"-I{component}", "-c"]
    build(tmp_path / "kws.o", [component / "kws.c"], *flags)
