"""The page of `kws export --format wasm` in headless Chromium, a recording its microphone."""

import re
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from loudness_models import FEATURES_8K, noise, wake_word

import kws
from kws.audio.files import read_audio
from kws.device.export import export
from kws.engine import batch, model_file

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="make browser-tools installs playwright"
)

ROOT = Path(__file__).parents[3]
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000") + bytes(range(256)) * 400
QUIET = (
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync", "--disable-quic",
    "--disable-background-networking", "--disable-component-update",
    "--autoplay-policy=user-gesture-required",
)  # fmt: skip
FAKE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
Page = Any  # of playwright, which may not be here
PATIENCE_MS = 90_000  # with a machine that has other things to do
LATE_S = 1.0  # what opening the microphone may take of a recording, at most


class Server:
    """A file server that keeps what it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Handler(SimpleHTTPRequestHandler):
            def log_request(self, *_: object) -> None:
                asked.append(self.path)

        handler = partial(Handler, directory=folder)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("page") / "out"
    export("hey_cortana", to, "wasm")
    return to


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    server = Server(folder)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Callable[[tuple[str, ...]], Any]]:
    """Start Chromium with flags, once for all tests that want the same."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        started: dict[tuple[str, ...], Any] = {}

        def start(flags: tuple[str, ...]) -> Any:
            if flags not in started:
                started[flags] = playwright.chromium.launch(
                    executable_path=CHROMIUM, args=[*QUIET, *flags]
                )
            return started[flags]

        yield start
        for browser in started.values():
            browser.close()


@pytest.fixture
def browser(chromium: Callable[[tuple[str, ...]], Any]) -> Iterator[Callable[..., Page]]:
    """Open a page: flags of its Chromium, and how it is looked at."""
    contexts = []

    def new(*flags: str, allowed: bool = True, **look: Any) -> Page:
        context = chromium(flags).new_context(**look)
        contexts.append(context)
        if allowed:
            context.grant_permissions(["microphone"])
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on(
            "console", lambda said: page.errors.append(said.text) if said.type == "error" else 0
        )
        return page

    yield new
    for context in contexts:
        context.close()


@pytest.fixture
def opened(server: Server, browser: Callable[..., Page]) -> Page:
    """The page, loaded, without a microphone."""
    page = browser()
    load(page, server)
    return page


def load(page: Page, server: Server) -> None:
    page.goto(server.url)
    page.get_by_role("button", name="Listen").and_(page.locator(":enabled")).wait_for()


def microphone(folder: Path, samples: np.ndarray) -> tuple[str, ...]:
    """The flags that make a recording the microphone, once."""
    soundfile.write(folder / "sound.wav", samples, 16_000)
    return (*FAKE, f"--use-file-for-fake-audio-capture={folder / 'sound.wav'}%noloop")


def drop(page: Page, *files: tuple[str, bytes]) -> None:
    """Drop files on the page, as from a file manager."""
    script = """(files) => {
        const dataTransfer = new DataTransfer();
        for (const [name, bytes] of files)
            dataTransfer.items.add(new File([new Uint8Array(bytes)], name));
        document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true }));
    }"""
    page.evaluate(script, [[name, list(data)] for name, data in files])


def alert(page: Page) -> str:
    page.locator("#error:not(:empty)").wait_for()
    return str(page.get_by_role("alert").inner_text())


def test_every_score_in_the_browser_is_this_machines(browser, folder, tmp_path):
    """The same samples, through the files that a page imports."""
    samples = read_audio(ROOT / "data/sample/stream/held_out.opus")
    shutil.copytree(folder, tmp_path / "out")
    (tmp_path / "out/samples.raw").write_bytes(samples.tobytes())
    server = Server(tmp_path / "out")
    page = browser()
    load(page, server)
    names = ("hey_cortana", "athena", "commands_5k")
    for model in map(model_file.load, names):
        script = """async (name) => {
            const { load } = await import("/index.js");
            const bytesOf = async (path) => (await fetch(path)).arrayBuffer();
            const spotter = await load(await bytesOf(`/models/${name}.kws`));
            const scores = [];
            const samples = new Int16Array(await bytesOf("/samples.raw"));
            spotter.process(samples, (frame) => scores.push(...frame));
            return scores.join();
        }"""
        scores = np.array(page.evaluate(script, model.name).split(","), int)
        expected = batch.scores(model, samples)
        assert np.array_equal(scores.reshape(-1, len(model.classes)), expected)
    assert not page.errors
    server.stop()


def test_the_page_hears_a_recording_by_its_microphone_without_a_server(server, browser, tmp_path):
    """What the page says is what the engine says of the file; the server is gone by then."""
    samples = read_audio(ROOT / "data/sample/stream/held_out.opus")[: 22_600 * 16]
    expected = [hit.time_s for hit in kws.Spotter("hey_cortana").process(samples)]
    page = browser(*microphone(tmp_path, samples))
    load(page, server)
    asked = len(server.asked)
    assert asked >= 15
    server.stop()
    page.context.set_offline(True)
    page.get_by_role("button", name="Listen").press("Enter")
    page.get_by_role("button", name="Stop").wait_for()
    page.locator("#heard li").nth(len(expected) - 1).wait_for()
    heard = page.locator("#heard li").evaluate_all("all => all.map(li => +li.dataset.seconds)")[
        ::-1
    ]
    assert len(heard) == len(expected) >= 3, heard
    early = np.array(expected) - heard  # what of the recording had played when the page began
    assert early.min() > -0.05 and early.max() < LATE_S
    assert early.max() - early.min() <= 0.06  # the device's clock and rate are others
    assert re.search(r"hey cortana\s+0\.9\d{3}", page.locator("#heard li").first.inner_text())
    assert blue_pixels(page) > 100
    page.get_by_role("button", name="Stop").press("Enter")
    page.get_by_text("Not listening.").wait_for()
    assert len(server.asked) == asked and not page.errors


def blue_pixels(page: Page) -> int:
    """The pixels of the strip that the curve has painted."""
    return int(
        page.evaluate("""() => {
            const strip = document.getElementById("strip");
            const { data } = strip.getContext("2d").getImageData(0, 0, strip.width, strip.height);
            let blue = 0;
            for (let i = 0; i < data.length; i += 4)
                blue += data[i + 2] > data[i] + 60 && data[i + 3] > 200;
            return blue;
        }""")
    )


def test_the_ten_lines_hear_in_the_browser(server, browser, folder, tmp_path):
    assert len((folder / "examples/browser.html").read_text().splitlines()) <= 12
    samples = read_audio(ROOT / "data/sample/stream/held_out.opus")[4 * 16_000 : 10 * 16_000]
    (expected,) = kws.Spotter("hey_cortana").process(samples)
    page = browser(*microphone(tmp_path, samples))
    page.goto(f"{server.url}/examples/browser.html")
    page.get_by_role("button", name="Listen").click()
    line = page.get_by_role("list").filter(has_text="hey cortana at")
    line.wait_for()
    seconds = float(re.findall(r"at ([\d.]+) s", line.inner_text())[0])
    assert -0.05 < expected.time_s - seconds < LATE_S and not page.errors


# ---- models -------------------------------------------------------------------------------------


def test_a_model_that_is_dropped_is_used_at_once(server, browser, tmp_path):
    """While it listens, at another rate, with a word that is HTML."""
    loud = np.concatenate([np.zeros(3 * 16_000, np.int16), noise(2, 6000)])
    page = browser(*microphone(tmp_path, np.concatenate([loud] * 4)))
    load(page, server)
    page.get_by_role("button", name="Listen").click()
    page.get_by_role("button", name="Stop").wait_for()
    drop(page, ("noise.kws", wake_word("<b>noise</b>", config=FEATURES_8K)))
    page.locator("#heard li").first.wait_for()
    assert "<b>noise</b>" in page.locator("#heard li").first.inner_text()
    about = page.locator("#about").inner_text()
    assert "“<b>noise</b>”" in about and "at 8 kHz" in about
    assert page.get_by_role("combobox", name="Model").input_value().startswith("file")
    page.get_by_role("combobox", name="Model").select_option(label="athena: “athena”")
    page.get_by_text("hears “athena” in 1,001 bytes").wait_for()
    page.get_by_role("combobox", name="Model").select_option(label="noise.kws")
    page.get_by_text("“<b>noise</b>”").first.wait_for()
    assert not page.errors and not page.get_by_role("alert").inner_text()


def test_the_button_opens_a_file_too(opened, tmp_path):
    (tmp_path / "mine.kws").write_bytes(wake_word())
    opened.get_by_label("Open a .kws file").set_input_files(tmp_path / "mine.kws")
    opened.get_by_text("hears “hey_noise”").wait_for()


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        (
            [("photo.jpg", JPEG)],
            "photo.jpg cannot be used: this is not a .kws model: its first four bytes are not the "
            "magic number (code 2); take a .kws file that kws train wrote.",
        ),
        (
            [("cut.kws", wake_word()[:-1])],
            "cut.kws cannot be used: the model is truncated: it has fewer bytes than it states "
            "(code 1); take a .kws file that kws train wrote.",
        ),
        ([("a.kws", b""), ("b.kws", b"")], "You gave 2 files: give one .kws file."),
        ([], "You gave no files: give one .kws file."),
    ],
    ids=["jpeg", "cut", "two", "none"],
)
def test_what_is_no_model_is_refused_in_one_sentence(files, sentence, opened):
    before = opened.locator("#about").inner_text()
    drop(opened, *files)
    assert alert(opened) == sentence
    assert opened.locator("#about").inner_text() == before  # the model of before goes on
    drop(opened, ("good.kws", wake_word()))
    opened.locator("#error:empty").wait_for(state="attached")
    assert not opened.errors


def test_a_folder_that_is_not_whole_is_said(folder, browser, tmp_path):
    shutil.copytree(folder, tmp_path / "part")
    (tmp_path / "part/models/athena.kws").unlink()
    server = Server(tmp_path / "part")
    page = browser()
    page.goto(server.url)
    assert alert(page) == "models/athena.kws cannot be loaded: copy the whole folder to the server."
    server.stop()


def test_opened_as_a_file_the_page_says_that_it_needs_a_server(folder, browser):
    page = browser()
    page.goto((folder / "index.html").as_uri())
    said = " ".join(page.get_by_role("status").inner_text().split())
    assert said.startswith("This page needs its files from a server: run python3 -m http.server")


# ---- the microphone -----------------------------------------------------------------------------


def test_a_microphone_that_is_not_allowed_is_said(server, browser):
    page = browser("--use-fake-device-for-media-stream", allowed=False)
    load(page, server)
    page.get_by_role("button", name="Listen").click()
    assert alert(page) == (
        "The microphone is not allowed: allow it for this page in the browser, then listen again."
    )
    assert page.get_by_role("status").inner_text() == "Not listening."
    assert page.get_by_role("button", name="Listen").is_enabled()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("NotFoundError", "There is no microphone: plug one in, then listen again."),
        (
            "NotReadableError",
            "The microphone is in use or broken: close what uses it, then listen again.",
        ),
        ("AbortError", "The microphone cannot be opened: As the browser says."),
    ],
)
def test_a_microphone_that_cannot_be_had_is_said(name, sentence, server, browser):
    """As browsers refuse it, by the names of the standard."""
    page = browser()
    page.add_init_script(f"""
        navigator.mediaDevices.getUserMedia = async () => {{
            throw new DOMException("As the browser says", "{name}");
        }};
    """)
    load(page, server)
    page.get_by_role("button", name="Listen").click()
    assert alert(page) == sentence
    assert page.get_by_role("button", name="Listen").is_enabled()


def test_a_page_that_is_not_secure_is_said(server, browser):
    """A real one: http, and not localhost."""
    page = browser("--host-resolver-rules=MAP kws.test 127.0.0.1")
    server.url = server.url.replace("127.0.0.1", "kws.test")
    load(page, server)
    page.get_by_role("button", name="Listen").click()
    assert alert(page) == (
        "A browser gives the microphone to secure pages only: open this one over https or from "
        "localhost."
    )


def test_a_browser_without_audioworklet_is_said(server, browser):
    page = browser(*FAKE)
    page.add_init_script("delete window.AudioWorkletNode")
    load(page, server)
    page.get_by_role("button", name="Listen").click()
    assert alert(page) == (
        "This browser has no AudioWorklet: take Chrome or Edge 80, Firefox 90 or Safari 15, or a "
        "later one."
    )


def test_a_microphone_that_goes_away_is_said_and_can_be_taken_again(server, browser, tmp_path):
    page = browser(*microphone(tmp_path, noise(20, 1000)))
    page.add_init_script("""
        const { mediaDevices } = navigator, open = mediaDevices.getUserMedia.bind(mediaDevices);
        mediaDevices.getUserMedia = async (wanted) => (window.stream = await open(wanted));
    """)
    load(page, server)
    page.get_by_role("button", name="Listen").click()
    page.get_by_role("button", name="Stop").wait_for()
    page.evaluate("stream.getAudioTracks()[0].dispatchEvent(new Event('ended'))")
    assert alert(page) == "The microphone went away: plug it in again, then listen again."
    page.get_by_role("button", name="Listen").click()
    page.get_by_role("button", name="Stop").wait_for()
    assert not page.get_by_role("alert").inner_text() and not page.errors


def test_a_muted_microphone_is_said(server, browser, tmp_path):
    page = browser(*microphone(tmp_path, np.zeros(16_000 * 8, np.int16)))
    load(page, server)
    page.get_by_role("button", name="Listen").click()
    said = "Listening, but the microphone gives only zeros: it is muted."
    page.get_by_text(said).wait_for()


# ---- who uses it --------------------------------------------------------------------------------


def test_the_keyboard_reaches_all_and_moves_the_threshold(opened):
    reached = []
    for _ in range(6):
        opened.keyboard.press("Tab")
        reached.append(opened.evaluate("document.activeElement.id"))
        assert opened.evaluate("document.activeElement.matches(':focus-visible')")
    assert reached == ["model", "file", "listen", "threshold", "own", "heard"]
    before = opened.locator("#posterior").inner_text()
    assert float(before) == pytest.approx(
        model_file.load("hey_cortana").detector.threshold, abs=1e-4
    )
    opened.get_by_label("Threshold").focus()
    for _ in range(20):
        opened.keyboard.press("ArrowLeft")
    after = float(opened.locator("#posterior").inner_text())
    assert 0.1 < after < float(before) - 0.0005
    slider = opened.get_by_label("Threshold")
    assert slider.get_attribute("aria-valuetext") == f"posterior {after:.4f}"
    opened.get_by_role("button", name="The model's").press("Space")
    assert opened.locator("#posterior").inner_text() == before
    choice = opened.get_by_role("combobox", name="Model")
    following = choice.locator("option").nth(1).get_attribute("data-name")
    choice.press("ArrowDown")
    opened.get_by_text(f"hears “{model_file.load(following).words[0]}”").wait_for()


AXE = ROOT / "build/npm/node_modules/axe-core/axe.min.js"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1200])
def test_a_screen_reader_and_weak_eyes_find_their_way(width, scheme, server, browser):
    """By the rules of axe-core, best practices too; and at a phone's width nothing is cut off."""
    page = browser(viewport={"width": width, "height": 700}, color_scheme=scheme)
    load(page, server)
    drop(page, ("photo.jpg", JPEG))
    alert(page)
    page.evaluate("document.getElementById('heard').append(document.createElement('li'))")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for control in page.locator("button, select, input, .button").all():
        box = control.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width
    for control in page.locator("button, select, .button").all():
        assert control.bounding_box()["height"] >= 44
    assert page.locator("output").count() == 0  # a status: the level would be read out for ever
    if not AXE.is_file():
        pytest.skip("axe-core is not in build/npm: make browser-tools")
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run()")
    wrong = [
        (fault["id"], [node["html"] for node in fault["nodes"]]) for fault in found["violations"]
    ]
    assert not wrong
    assert len(found["passes"]) > 20
