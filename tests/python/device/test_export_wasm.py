"""`kws export --format wasm`: what Node hears is what Python hears, and npm takes the package."""

import json
import re
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soxr
from exported import needs, run
from loudness_models import foreign_word, noise, wake_word
from random_models import LARGE

import kws
from kws.audio.files import read_audio
from kws.audio.samples import to_int16
from kws.device import web
from kws.device.export import export
from kws.engine import batch, model_file
from kws.errors import ModelError

ROOT = Path(__file__).parents[3]
NPM = ROOT / "build" / "npm" / "node_modules"
KILOBYTE = 1024
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000") + bytes(range(256)) * 400
SHIPPED = sorted(path.stem for path in ROOT.glob("models/*/*.kws"))

HEAR = """
import { readFileSync, writeFileSync } from "node:fs";
import { load } from "kws_hey_noise";
const plan = JSON.parse(readFileSync("plan.json"));
const bytes = new Uint8Array(readFileSync("samples.raw")).buffer;
const samples = plan.float ? new Float32Array(bytes) : new Int16Array(bytes);
const spotter = await load(readFileSync("model.kws"), "model.kws");
if (plan.threshold !== null) spotter.threshold = plan.threshold;
const scores = [], found = [];
let at = 0;
for (const length of plan.chunks) {
  const chunk = samples.subarray(at, (at += length));
  found.push(...spotter.process(chunk, (frame) => scores.push(...frame)));
}
writeFileSync("scores.raw", Int16Array.from(scores));
const { sampleRate, classes, words, frames, threshold } = spotter;
console.log(JSON.stringify({ found, sampleRate, classes, words, frames, threshold }));
"""


def write(folder: Path, data: bytes, to: str = "kws_hey_noise") -> Path:
    path = folder / "hey_noise.kws"
    path.write_bytes(data)
    export(path, folder / to, "wasm")
    return folder / to


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a program that has the package installed."""
    needs("node", "apt-get install nodejs")
    folder = tmp_path_factory.mktemp("program")
    write(folder, wake_word(), "node_modules/kws_hey_noise")
    return folder


def node(folder: Path, script: str, given: bytes | None = None) -> str:
    (folder / "script.mjs").write_text(script)
    return run(["node", "script.mjs"], folder, given)


def heard(
    package: Path, data: bytes, samples: np.ndarray, threshold: float | None = None
) -> tuple[dict, np.ndarray]:
    """What the module says of samples in chunks of many lengths, and every score."""
    rng = np.random.default_rng(len(samples))
    chunks = rng.choice([1, 2, 127, 159, 160, 320, 321, 640, 5000], len(samples) // 500)
    left = max(0, len(samples) - int(chunks.sum()))
    plan: dict[str, object] = {"float": samples.dtype == np.float32, "threshold": threshold}
    plan["chunks"] = [*chunks.tolist(), left]
    (package / "plan.json").write_text(json.dumps(plan))
    (package / "samples.raw").write_bytes(samples.tobytes())
    (package / "model.kws").write_bytes(data)
    answer = json.loads(node(package, HEAR))
    scores = np.fromfile(package / "scores.raw", "<i2").reshape(-1, len(answer["classes"]))
    return answer, scores


def speech(rate_hz: int, seconds: float = 60) -> np.ndarray:
    sound = read_audio(ROOT / "data/sample/stream/held_out.opus")[: round(seconds * 16_000)]
    if rate_hz == 16_000:
        return sound
    return to_int16(soxr.resample(sound.astype(np.float32) / 32768, 16_000, rate_hz))


def assert_equals_host(package: Path, model: model_file.Model, samples: np.ndarray) -> int:
    """Every integer and every detection; returns the number of detections."""
    answer, scores = heard(package, model.data, samples)
    assert np.array_equal(scores, batch.scores(model, samples))
    found = kws.Spotter(model).process(samples)
    assert [tuple(hit.values())[:2] for hit in answer["found"]] == [hit[:2] for hit in found]
    assert np.allclose([hit["score"] for hit in answer["found"]], [hit.score for hit in found])
    assert answer["frames"] == len(scores) > 0
    assert answer["sampleRate"] == model.features.sample_rate_hz
    assert (tuple(answer["classes"]), tuple(answer["words"])) == (model.classes, model.words)
    assert answer["threshold"] == pytest.approx(model.detector.threshold)
    return len(found)


# ---- exact --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHIPPED)
def test_a_minute_of_speech_gives_every_score_of_this_machine(name, package):
    model = model_file.load(name)
    samples = speech(model.features.sample_rate_hz)
    found = assert_equals_host(package, model, samples)
    assert found >= 8 or name != "hey_cortana"  # which is spoken there


def test_random_models_and_hard_sounds_give_every_score_of_this_machine(random_model, package):
    rate = random_model.features.sample_rate_hz
    rng = np.random.default_rng(3)
    chirp = np.sin(np.cumsum(np.linspace(0, 3, rate)))
    parts = [np.zeros(rate // 2), np.full(999, -32768), np.full(999, 32767), 40_000 * chirp]
    parts += [rng.normal(0, 20_000, rate), rng.integers(-2, 3, rate)]
    samples = np.clip(np.rint(np.concatenate(parts)), -32768, 32767).astype(np.int16)
    assert_equals_host(package, random_model, samples)


def test_floats_are_rounded_as_python_rounds_them(package):
    halves = np.arange(-40, 41, dtype=np.float32) / 2 / 32768
    loud = np.array([1, -1, 1.5, -1.5, 32767.5 / 32768], np.float32)
    sound = noise(1, 4000, seed=1).astype(np.float32) / 32768 + np.float32(0.5 / 32768)
    samples = np.concatenate([np.tile(np.concatenate([halves, loud]), 50), sound])
    samples = samples.astype(np.float32)
    _, scores = heard(package, wake_word(), samples)
    assert np.array_equal(scores, batch.scores(model_file.parse(wake_word()), to_int16(samples)))


@pytest.mark.parametrize("threshold", [0.02, 0.6, 0.999])
def test_another_threshold_gives_the_detections_of_python(threshold, package):
    model = model_file.load("hey_cortana")
    answer, _ = heard(package, model.data, speech(16_000), threshold)
    found = kws.Spotter(model, threshold=threshold).process(speech(16_000))
    assert [hit["time_s"] for hit in answer["found"]] == [hit.time_s for hit in found]
    assert answer["threshold"] == pytest.approx(threshold, abs=0.001)


def test_spotters_are_independent_and_a_reset_forgets(package):
    sound = noise(1, 3000)
    (package / "samples.raw").write_bytes(sound.tobytes())
    script = """
        import { readFileSync } from "node:fs";
        import { load } from "kws_hey_noise";
        const samples = new Int16Array(new Uint8Array(readFileSync("samples.raw")).buffer);
        const [one, other] = [await load(), await load("hey_noise")];
        const first = one.process(samples), after = one.frames;
        one.reset();
        const again = one.process(samples);
        console.log(JSON.stringify([first, again, after, other.frames, other.process(samples)]));
    """
    first, again, after, untouched, other = json.loads(node(package, script))
    assert first == again == other and [hit["word"] for hit in first] == ["hey_noise"]
    assert (after, untouched) == (len(batch.scores(model_file.parse(wake_word()), sound)), 0)


# ---- bad input ----------------------------------------------------------------------------------


def damaged() -> dict[str, bytes]:
    data = wake_word()
    flipped = bytearray(data)
    flipped[30] ^= 1
    return {
        "photo.jpg": JPEG,
        "empty.kws": b"",
        "cut.kws": data[:-1],
        "flipped.kws": bytes(flipped),
        "long.kws": data + b"\0",
        "longer.kws": data + bytes(70_000),
        "newer.kws": data[:4] + b"\x63" + data[5:],
    }


@pytest.mark.parametrize("name", damaged())
def test_what_is_no_model_is_refused_in_the_sentence_of_the_engine(name, package):
    (package / "model.kws").write_bytes(damaged()[name])
    script = f"""
        import {{ readFileSync }} from "node:fs";
        import {{ load, ModelError }} from "kws_hey_noise";
        try {{ await load(readFileSync("model.kws"), {json.dumps(name)}); }}
        catch (error) {{ console.log(error instanceof ModelError, error.message); }}
    """
    said = node(package, script).strip()
    with pytest.raises(ModelError) as refusal:
        model_file.parse(damaged()[name], Path(name))
    reason = str(refusal.value).partition(";")[0]
    assert said == f"true {reason}; take a .kws file that kws train wrote."


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        ("spotter.process([1, 2])", "The samples are Array: give an Int16Array or Float32Array."),
        ("spotter.process()", "The samples are undefined: give an Int16Array or Float32Array."),
        ("spotter.process(Float32Array.of(0, NaN))", "Sample 1 is NaN: give finite numbers."),
        (
            "spotter.process(Float32Array.of(Infinity))",
            "Sample 0 is Infinity: give finite numbers.",
        ),
        ("spotter.threshold = 1", "The threshold is 1; choose a posterior above 0 and below 1"),
        ("spotter.threshold = NaN", "The threshold is NaN; choose a posterior above 0"),
        ('await load("hey")', 'There is no model "hey" in this package: take hey_noise.'),
        ("await load(3)", "The model is Number: give the bytes of a .kws file."),
        ("await listen(spotter)", "A browser gives the microphone to secure pages only"),
    ],
)
def test_wrong_use_is_one_sentence_and_changes_nothing(call, sentence, package):
    script = f"""
        import {{ listen, load }} from "kws_hey_noise";
        const spotter = await load();
        try {{ {call}; }} catch (error) {{ console.log(error.message); }}
        console.log(spotter.frames, spotter.threshold.toFixed(3));
    """
    first, after = node(package, script).splitlines()
    assert first.startswith(sentence)
    assert after == "0 0.800"


# ---- resampling ---------------------------------------------------------------------------------

RESAMPLE = """
import { readFileSync, writeFileSync } from "node:fs";
import { Resampler } from "./node_modules/kws_hey_noise/resampler.js";
const [from, to, chunk] = JSON.parse(readFileSync("plan.json"));
const samples = new Float32Array(new Uint8Array(readFileSync("samples.raw")).buffer);
const resampler = new Resampler(from, to);
const out = [];
for (let at = 0; at < samples.length; at += chunk)
  out.push(...resampler.process(samples.subarray(at, at + chunk)));
writeFileSync("scores.raw", Float32Array.from(out));
"""


def resampled(package: Path, samples: np.ndarray, *plan: int) -> np.ndarray:
    (package / "plan.json").write_text(json.dumps(plan))
    (package / "samples.raw").write_bytes(samples.astype(np.float32).tobytes())
    node(package, RESAMPLE)
    return np.fromfile(package / "scores.raw", np.float32)


def tone(frequency_hz: float, rate_hz: int, seconds: float = 1) -> np.ndarray:
    return np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * rate_hz)) / rate_hz)


def level_db(signal: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(signal[1000:-1000] ** 2) + 1e-20))


@pytest.mark.parametrize(
    ("from_hz", "to_hz"),
    [(48_000, 16_000), (44_100, 16_000), (96_000, 16_000), (48_000, 8_000), (8_000, 16_000)],
)
def test_another_rate_keeps_what_fits_and_leaves_no_alias(from_hz, to_hz, package):
    nyquist = min(from_hz, to_hz) / 2
    for frequency in (100, 0.5 * nyquist, 0.8 * nyquist):
        out = resampled(package, tone(frequency, from_hz), from_hz, to_hz, 512)
        error = level_db(out - tone(frequency, to_hz)[: len(out)]) - level_db(out)
        assert error < -60, frequency  # dB: in place to a fraction of a sample, too
        assert abs(len(out) - to_hz) < to_hz * 0.01
    if from_hz > to_hz:
        for frequency in (1.02 * nyquist, 1.5 * nyquist):
            out = resampled(package, tone(frequency, from_hz), from_hz, to_hz, 512)
            assert level_db(out) < -70, frequency


def test_a_rate_changes_the_same_for_every_split(package):
    sound = noise(1, 4000, seed=5) / 32768
    whole, *others = (resampled(package, sound, 44_100, 16_000, n) for n in (10**6, 1, 512, 7))
    assert all(np.array_equal(whole, other) for other in others)
    assert np.array_equal(resampled(package, sound, 16_000, 16_000, 100), sound.astype(np.float32))


# ---- the folder ---------------------------------------------------------------------------------


def test_the_module_and_any_shipped_model_take_24_kilobytes_and_import_nothing(tmp_path):
    sizes = [len(web.engine()) + len(model_file.load(name).data) for name in SHIPPED]
    assert max(sizes) <= 24 * KILOBYTE
    for model in (wake_word(), LARGE[0].encode()):
        folder = write(tmp_path, model, f"{len(model)}")
        assert (folder / "kws.wasm").read_bytes() == web.engine()
        readme = (folder / "README.md").read_text()
        assert f"| {len(web.engine()) + len(model):,} |" in readme
    needs("node", "apt-get install nodejs")
    script = "const module = new WebAssembly.Module(require('fs').readFileSync('kws.wasm'));"
    script += "const { memory } = new WebAssembly.Instance(module).exports;"
    script += "console.log(WebAssembly.Module.imports(module).length, memory.buffer.byteLength)"
    assert run(["node", "-e", script], folder).split() == ["0", "131072"]
    assert "131,072" in readme


def test_no_placeholder_is_left_and_every_link_leads_somewhere(tmp_path):
    folder = write(tmp_path, wake_word())
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert len(files) >= 20
    texts = {f: f.read_text() for f in files if f.suffix not in (".wasm", ".kws")}
    for file, text in texts.items():
        assert not re.search(r"@[A-Z_]+@", text), file
        for name in re.findall(r'(?:from |href=|src=|URL\()"([\w./]+\.\w+)"', text):
            assert (file.parent / name).is_file(), (file, name)
    readme = texts[folder / "README.md"]
    assert "CC BY 4.0" in readme  # of the models that the page brings along
    assert "No model card lies beside the model" in readme


def test_the_page_offers_your_model_first_and_those_that_ship(tmp_path):
    folder = write(tmp_path, wake_word())
    values = re.findall(r'<option value="models/(\w+).kws"', (folder / "index.html").read_text())
    assert values == ["hey_noise", *SHIPPED]
    for name in SHIPPED:
        assert (folder / f"models/{name}.kws").read_bytes() == model_file.load(name).data


def test_your_model_takes_the_place_of_a_shipped_one_of_its_name(tmp_path):
    path = tmp_path / "athena.kws"
    path.write_bytes(wake_word())
    export(path, tmp_path / "out", "wasm")
    assert (tmp_path / "out/models/athena.kws").read_bytes() == wake_word()
    assert (tmp_path / "out/index.html").read_text().count('value="models/athena.kws"') == 1


def test_words_cannot_break_out_of_a_page_a_script_or_json(tmp_path):
    needs("node", "apt-get install nodejs")
    folder = write(tmp_path, foreign_word('</s>"`*/@'), to="out")
    assert json.loads((folder / "package.json").read_text())["name"] == "kws_hey_noise"
    assert '</s>"' not in (folder / "index.html").read_text()
    assert "&lt;/s&gt;" in (folder / "index.html").read_text()
    script = 'import { load } from "./out/node.js"; console.log((await load()).words[0])'
    assert node(tmp_path, script).strip() == '</s>"`*/@'


def test_two_models_share_the_module(tmp_path):
    needs("node", "apt-get install nodejs")
    export("hey_cortana", tmp_path / "both", "wasm", second="athena_8k")
    script = """
        import { load, models } from "./both/node.js";
        const spotters = await Promise.all(Object.keys(models).map((name) => load(name)));
        console.log(JSON.stringify(spotters.map(({ words, sampleRate }) => [words, sampleRate])));
    """
    assert json.loads(node(tmp_path, script)) == [[["hey cortana"], 16000], [["athena"], 8000]]


# ---- npm ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `npm pack` makes of an export of hey_cortana."""
    needs("npm", "apt-get install npm")
    folder = tmp_path_factory.mktemp("npm")
    export("hey_cortana", folder / "out", "wasm")
    said = run(["npm", "pack", "--json", "--offline", folder / "out"], folder)
    return folder / json.loads(said)[0]["filename"]


def test_npm_packs_the_library_without_the_page(packed):
    with tarfile.open(packed) as archive:
        names = {name.removeprefix("package/") for name in archive.getnames()}
    scripts = ("index", "node", "load", "models", "spotter", "microphone", "resampler", "worklet")
    expected = {f"{name}.js" for name in scripts} | {"index.d.ts", "package.json", "kws.wasm"}
    expected |= {"README.md", "LICENSE", "models/hey_cortana.kws"}
    assert names == expected | {"examples/node.js", "examples/browser.html"}


@pytest.fixture(scope="module")
def installed(packed: Path) -> Path:
    """A program that has installed it."""
    folder = packed.parent / "program"
    folder.mkdir()
    (folder / "package.json").write_text('{"name": "program", "private": true}')
    quiet = ("--offline", "--no-audit", "--no-fund", "--no-save")
    run(["npm", "install", *quiet, packed], folder)
    return folder


def test_the_ten_lines_hear_what_python_hears(installed):
    example = installed / "node_modules/kws_hey_cortana/examples/node.js"
    assert len(example.read_text().splitlines()) <= 12
    samples = speech(16_000)
    said = run(["node", example], installed, samples.tobytes()).splitlines()
    expected = kws.Spotter("hey_cortana").process(samples)
    assert len(expected) >= 8
    assert said == [f"{time:.2f} s  {word}  {score:.4f}" for word, time, score in expected]


def test_the_types_hold(installed):
    """As strict TypeScript sees them, in a program that uses all of them and in one that errs."""
    compiler = NPM / ".bin" / "tsc"
    if not compiler.exists():
        pytest.skip("TypeScript is not in build/npm: make browser-tools")
    (installed / "good.ts").write_text("""
        import { listen, load, models, ModelError, posteriorOf, Spotter } from "kws_hey_cortana";
        import type { Detection, Listening } from "kws_hey_cortana";
        const spotter: Spotter = await load();
        const other = await load(new Uint8Array(3), "other");
        const found: Detection[] = spotter.process(new Int16Array(160), (scores, frame) => {
          console.log(posteriorOf(scores[0] ?? 0), frame, spotter.classes[0]);
        });
        spotter.threshold = 0.5;
        const listening: Listening = await listen(spotter, {
          onDetection: (detection) => console.log(detection.word),
        });
        listening.spotter = other;
        listening.stop();
        console.log(found[0]?.time_s, Object.keys(models), new ModelError("x").message);
    """)
    (installed / "bad.ts").write_text("""
        import { load } from "kws_hey_cortana";
        (await load()).process("sound");
    """)
    (installed / "package.json").write_text('{"name": "program", "type": "module"}')
    options = {"noEmit": True, "strict": True, "noUncheckedIndexedAccess": True, "types": []}
    options |= {"target": "es2022", "module": "nodenext"}
    config = {"compilerOptions": options, "files": ["good.ts", "bad.ts"]}
    (installed / "tsconfig.json").write_text(json.dumps(config))
    checked = subprocess.run([compiler], cwd=installed, capture_output=True, text=True)
    (error,) = (line for line in checked.stdout.splitlines() if "error" in line)
    assert error.startswith("bad.ts(3,32): error TS2345"), checked.stdout


def test_a_second_export_leaves_your_examples(tmp_path):
    folder = write(tmp_path, wake_word())
    (folder / "examples/node.js").write_text("mine")
    (folder / "kws.wasm").write_bytes(b"old")
    write(tmp_path, wake_word())
    assert (folder / "examples/node.js").read_text() == "mine"
    assert (folder / "kws.wasm").read_bytes() == web.engine()
