"""`kws serve` over a real socket, by the library's own client: it hears what `kws listen` does."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("wyoming", reason="pip install 'kws[serve]'")

from wyoming.client import AsyncTcpClient
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming_server import pcm, serving, stream

from kws.audio.files import read_audio, write_audio
from kws.audio.samples import resample

ROOT = Path(__file__).parents[3]
MODELS = ROOT / "models"
SPEECH = ROOT / "data" / "sample" / "stream" / "held_out.opus"


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return read_audio(SPEECH)


@pytest.fixture(scope="module")
def port():
    """A service with every model that ships."""
    with serving() as service:
        yield service.port


def listened(model: str, path: Path, *arguments: str) -> list[tuple[int, float]]:
    """What `kws listen` hears: milliseconds and scores."""
    command = [sys.executable, "-m", "kws", "listen", str(MODELS / model), str(path), "--json"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return [(round(1000 * row["time_s"]), row["score"]) for row in rows]


def detected(events: list[Event], name: str) -> list[tuple[int, float]]:
    assert {event.data["name"] for event in events} <= {name}
    return [(event.data["timestamp"], event.data["score"]) for event in events]


@pytest.mark.parametrize("model", ["hey_cortana", "athena_8k"])
@pytest.mark.parametrize("chunk", [160, 1_024, 7_001])
def test_it_hears_what_listen_hears_in_the_same_recording(port, speech, tmp_path, model, chunk):
    write_audio(tmp_path / "a.wav", speech)
    expected = listened(model, tmp_path / "a.wav")
    events = asyncio.run(stream(port, speech, names=[model], chunk=chunk))
    if model == "hey_cortana":
        assert len(expected) >= 8
    if not expected:
        assert [event.type for event in events] == ["not-detected"]
    else:
        # A chunk's own time is whole milliseconds, and this client rounds it down.
        heard = detected(events, model)
        assert [score for _, score in heard] == [score for _, score in expected]
        late = [after - before for (after, _), (before, _) in zip(heard, expected, strict=True)]
        assert set(late) <= ({0} if chunk % 16 == 0 else {-1, 0})


@pytest.mark.parametrize(
    "rate, width, channels", [(32_000, 2, 2), (48_000, 2, 1), (44_100, 4, 2), (22_050, 3, 1)]
)
def test_other_rates_widths_and_channels_are_heard_as_listen_hears_such_a_file(
    port, speech, tmp_path, rate, width, channels
):
    import soundfile

    other = resample(speech, 16_000, rate)
    if channels == 2:
        other = np.stack([other, other // 2], axis=1)
    subtype = {2: "PCM_16", 3: "PCM_24", 4: "PCM_32"}[width]
    path = tmp_path / "a.wav"
    soundfile.write(path, other.astype(np.int32) << 16, rate, subtype)
    assert soundfile.info(path).subtype == subtype
    expected = listened("hey_cortana", path)
    assert len(expected) >= 6
    events = asyncio.run(stream(port, other, rate, width=width, names=["hey cortana"], chunk=441))
    scores = [score for _, score in detected(events, "hey_cortana")]
    assert scores == [score for _, score in expected]


def test_8_khz_in_stereo_is_heard_as_listen_hears_it(speech, tmp_path):
    """A model of 16 kHz hardly hears what ends at 4 kHz: at its own threshold, nothing here."""
    import soundfile

    other = resample(speech, 16_000, 8_000)
    stereo = np.stack([other, other // 2], axis=1)
    soundfile.write(tmp_path / "a.wav", stereo, 8_000, "PCM_16")
    low = ("--threshold", "0.05")
    expected = listened("hey_cortana", tmp_path / "a.wav", *low)
    assert len(expected) >= 6
    with serving("hey_cortana", *low) as service:
        sound = stream(service.port, stereo, 8_000, width=2, names=["hey cortana"], chunk=441)
        events = asyncio.run(sound)
    scores = [score for _, score in detected(events, "hey_cortana")]
    assert scores == [score for _, score in expected]


def test_eight_bits_have_no_sign():
    from kws.serving.session import Format, to_frames

    sound = pcm(np.array([-32768, 0, 32512], np.int16), 1)
    assert sound == b"\x00\x80\xff"
    assert to_frames(sound, Format(16_000, 1, 1)).ravel().tolist() == [-1, 0, 127 / 128]


def test_every_model_that_ships_is_described_to_the_librarys_client(port):
    async def describe() -> Event | None:
        async with AsyncTcpClient("127.0.0.1", port) as client:
            await client.write_event(Describe().event())
            return await client.read_event()

    event = asyncio.run(describe())
    assert event is not None
    (program,) = Info.from_event(event).wake
    phrases = {model.name: model.phrase for model in program.models}
    assert phrases["hey_cortana"] == "hey cortana"
    assert phrases["commands_5k/stop"] == "stop"
    shipped = {path.stem for path in MODELS.glob("*/*.kws")}
    assert {name.partition("/")[0] for name in phrases} == shipped and len(shipped) > 4


def test_a_client_that_names_no_word_gets_any_wake_word_and_no_command(port, speech):
    events = asyncio.run(stream(port, speech))
    names = {event.data["name"] for event in events}
    assert "hey_cortana" in names and not any("/" in name for name in names)


def test_silence_ends_in_not_detected(port):
    events = asyncio.run(stream(port, np.zeros(16_000, np.int16)))
    assert [event.type for event in events] == ["not-detected"]


def test_several_clients_and_models_at_once_do_not_mix(port, speech):
    halves = [speech, speech[len(speech) // 2 :], np.zeros(64_000, np.int16)]

    async def at_once() -> list[list[Event]]:
        jobs = [stream(port, part, names=["hey_cortana", "commands_1k"]) for part in halves * 3]
        return await asyncio.gather(*jobs)

    answers = [[(e.type, *e.data.values()) for e in events] for events in asyncio.run(at_once())]
    alone = [
        asyncio.run(stream(port, part, names=["hey_cortana", "commands_1k"])) for part in halves
    ]
    assert answers == [[(e.type, *e.data.values()) for e in events] for events in alone] * 3
    assert len({len(events) for events in alone}) > 1


def test_detections_are_printed_as_json_with_the_client(speech):
    with serving(MODELS / "hey_cortana", "--json") as service:
        events = asyncio.run(stream(service.port, speech))
        out, err = service.end()
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["score"] for row in rows] == [event.data["score"] for event in events]
    assert {(row["word"], row["name"]) for row in rows} == {("hey cortana", "hey_cortana")}
    assert rows[0]["client"].startswith("127.0.0.1 port ")
    assert (service.process.returncode, err) == (0, "")
