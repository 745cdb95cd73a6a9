"""The microphone: choosing one, opening it at the rate it takes, and saying so when it goes away.

PortAudio is replaced by a stand-in with the same face, so that every kind of device is at hand;
tests/end_to_end/test_virtual_microphone.py runs the real one.
"""

import builtins
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from loudness_models import noise, wake_word

from kws import Spotter
from kws.engine import model_file
from kws.errors import MicrophoneError
from kws.listening import microphone
from kws.listening.ears import Ear
from kws.listening.hearing import Hearing
from kws.listening.lasting import LastingMicrophone
from kws.listening.live import steps
from kws.listening.losses import Losses
from kws.listening.microphone import Microphone, choose, devices


class PortAudioError(Exception):
    pass


class FakeSounddevice:
    """Devices that take only the given (rate, channels); streams are driven by the test."""

    PortAudioError = PortAudioError

    def __init__(self, entries, takes=((16_000, 1),), default=0, start_error=None):
        self.entries = entries
        self.takes = set(takes)
        self.default = SimpleNamespace(device=[default, -1])
        self.start_error = start_error
        self.streams = []

    def query_devices(self):
        return self.entries

    def RawInputStream(self, **settings):
        if (settings["samplerate"], settings["channels"]) not in self.takes:
            raise PortAudioError("Invalid sample rate", -9997)
        stream = FakeStream(settings, self.start_error)
        self.streams.append(stream)
        return stream


class FakeStream:
    def __init__(self, settings, start_error):
        self.settings = settings
        self.start_error = start_error
        self.is_closed = False

    def start(self):
        if self.start_error:
            self.settings["finished_callback"]()
            raise self.start_error

    def close(self):
        self.is_closed = True
        self.settings["finished_callback"]()

    def deliver(self, block, overflow=False):
        buffer = bytearray(np.asarray(block, "<i2").tobytes())
        status = SimpleNamespace(input_overflow=overflow)
        self.settings["callback"](memoryview(buffer), len(block), None, status)
        buffer[:] = bytes(len(buffer))  # PortAudio uses its buffer again

    def finish(self):
        self.settings["finished_callback"]()


def entry(name, channels=1, rate_hz=44_100.0):
    return {"name": name, "max_input_channels": channels, "default_samplerate": rate_hz}


@pytest.fixture
def sounddevice(monkeypatch):
    """Install a stand-in for sounddevice made of the given arguments, and return it."""

    def install(*args, **kwargs):
        fake = FakeSounddevice(*args, **kwargs)
        monkeypatch.setattr(microphone, "_sounddevice", lambda: fake)
        return fake

    return install


def test_only_devices_with_an_input_are_listed(sounddevice):
    sounddevice([entry("speaker", 0), entry("USB mic", 2, 48_000.0), entry("webcam")], default=2)
    listed = devices()
    assert [(device.number, device.name) for device in listed] == [(1, "USB mic"), (2, "webcam")]
    assert [device.is_default for device in listed] == [False, True]
    assert listed[0].channels == 2 and listed[0].sample_rate_hz == 48_000


def test_the_default_device_is_taken_unless_one_is_named(sounddevice):
    sounddevice([entry("a"), entry("b"), entry("b plus")], default=1)
    assert choose().name == "b"
    assert choose(0).name == "a"
    assert choose("0").name == "a"
    assert choose("PLUS").name == "b plus"
    assert choose("b").name == "b"  # a whole name goes before a part of another


def test_the_first_microphone_serves_where_the_system_names_no_default(sounddevice):
    sounddevice([entry("speaker", 0), entry("mic")], default=-1)
    assert choose().name == "mic"


@pytest.mark.parametrize(
    ("wanted", "trouble"),
    [("mic", "several microphones fit 'mic'"), ("9", "no microphone is called '9'")],
)
def test_a_device_that_is_not_one_is_refused_with_the_list(sounddevice, wanted, trouble):
    sounddevice([entry("mic A"), entry("mic B")])
    with pytest.raises(MicrophoneError) as refusal:
        choose(wanted)
    assert str(refusal.value) == f"{trouble}: give one of these numbers (0: mic A; 1: mic B)"


def test_no_microphone_at_all_is_said_in_one_sentence(sounddevice):
    sounddevice([entry("speaker", 0)])
    with pytest.raises(MicrophoneError, match="no microphone found: plug one in"):
        Microphone()


def test_a_device_that_takes_16_khz_hands_its_samples_through_unchanged(sounddevice):
    fake = sounddevice([entry("mic")])
    with Microphone() as opened:
        block = np.arange(-320, 320, dtype=np.int16)[:, None]
        fake.streams[0].deliver(block.copy())
        chunk = next(iter(opened))
    assert chunk.dtype == np.int16
    np.testing.assert_array_equal(chunk, block[:, 0])
    assert opened.device_rate_hz == 16_000
    assert fake.streams[0].is_closed


def test_a_device_that_refuses_16_khz_is_resampled(sounddevice):
    fake = sounddevice([entry("mic")], takes=[(44_100, 1)])
    time_s = np.arange(44_100) / 44_100
    tone = (8_000 * np.sin(2 * np.pi * 440 * time_s)).astype(np.int16)
    heard = []
    with Microphone() as opened:
        chunks = iter(opened)
        for start in range(0, 44_100, 3_528):
            fake.streams[0].deliver(tone[start : start + 3_528, None].copy())
            heard.append(next(chunks))
    samples = np.concatenate(heard)
    assert opened.device_rate_hz == 44_100
    assert fake.streams[0].settings["blocksize"] == 3_528
    assert 15_000 < len(samples) <= 16_000  # the filter holds a little back
    spectrum = np.abs(np.fft.rfft(samples[:15_000] * np.hanning(15_000)))
    assert spectrum.argmax() * 16_000 / 15_000 == pytest.approx(440, abs=1)
    assert np.abs(samples).max() == pytest.approx(8_000, rel=0.02)


def test_a_device_with_only_two_channels_is_averaged(sounddevice):
    fake = sounddevice([entry("array", 2)], takes=[(16_000, 2)])
    with Microphone() as opened:
        fake.streams[0].deliver([[100, 200], [-32768, -32768], [3, 0]])
        chunk = next(iter(opened))
    assert chunk.dtype == np.int16
    assert list(chunk) == [150, -32768, 2]


def test_a_device_in_use_is_refused_with_the_reason_and_is_closed(sounddevice):
    busy = PortAudioError("Device unavailable", -9985)
    fake = sounddevice([entry("mic")], start_error=busy)
    with pytest.raises(MicrophoneError, match=r"'mic' cannot be opened \(Device unavailable\)"):
        Microphone()
    assert all(stream.is_closed for stream in fake.streams)


def test_an_attempt_that_failed_does_not_end_the_one_that_works(sounddevice):
    """A stream that could not start says "finished"; that must not reach the next one's reader."""
    fake = sounddevice([entry("mic")], takes=[(16_000, 1), (44_100, 1)])
    fake.start_error = PortAudioError("Device unavailable", -9985)
    streams = fake.streams
    original = fake.RawInputStream

    def first_fails(**settings):
        fake.start_error = fake.start_error if not streams else None
        return original(**settings)

    fake.RawInputStream = first_fails
    with Microphone() as opened:
        assert opened.device_rate_hz == 44_100
        for _ in range(4):
            streams[1].deliver(np.ones((1_764, 1)))
        assert len(next(iter(opened))) > 0


def test_a_device_that_ends_is_reported_after_its_last_block(sounddevice):
    fake = sounddevice([entry("mic")])
    with Microphone() as opened:
        chunks = iter(opened)
        fake.streams[0].deliver(np.ones((640, 1)))
        fake.streams[0].finish()
        assert len(next(chunks)) == 640
        with pytest.raises(MicrophoneError, match="'mic' stopped sending sound: check"):
            next(chunks)


def test_a_device_that_falls_silent_without_a_word_is_reported(sounddevice, monkeypatch):
    monkeypatch.setattr(microphone, "NEXT_BLOCK_TIMEOUT_S", 0.05)
    fake = sounddevice([entry("mic")])
    with Microphone() as opened:
        chunks = iter(opened)
        fake.streams[0].deliver(np.ones((640, 1)))
        next(chunks)
        with pytest.raises(MicrophoneError, match="stopped sending sound"):
            next(chunks)


def test_a_device_that_never_sends_is_reported(sounddevice, monkeypatch):
    monkeypatch.setattr(microphone, "FIRST_BLOCK_TIMEOUT_S", 0.05)
    sounddevice([entry("mic")])
    with Microphone() as opened, pytest.raises(MicrophoneError, match="stopped sending sound"):
        next(iter(opened))


def test_lost_blocks_are_counted_and_the_oldest_sound_is_kept(sounddevice, monkeypatch):
    monkeypatch.setattr(microphone, "MOST_BLOCKS", 2)
    fake = sounddevice([entry("mic")])
    with Microphone() as opened:
        for number in range(4):
            fake.streams[0].deliver(np.full((640, 1), number))
        chunks = iter(opened)
        assert [next(chunks)[0], next(chunks)[0]] == [0, 1]
        assert opened.lost_samples == 0  # they came before
        fake.streams[0].deliver(np.full((640, 1), 4))
        assert next(chunks)[0] == 4
        assert opened.lost_samples == 2 * 640


def test_what_waits_while_sound_is_lost_keeps_its_time_and_what_follows_is_later(
    sounddevice, monkeypatch
):
    monkeypatch.setattr(microphone, "MOST_BLOCKS", 20)
    fake = sounddevice([entry("mic")])
    hearing = Hearing([Ear(Spotter(model_file.parse(wake_word())))])
    blocks = np.concatenate([noise(0.8, 16), noise(0.4, 3000), noise(1.2, 16)]).reshape(-1, 1_280)
    with LastingMicrophone(tell=print) as opened:
        found: list[float] = []
        heard = steps(opened, hearing)
        for _ in range(2):
            for block in blocks:  # of which ten find no room
                fake.streams[0].deliver(block.reshape(-1, 1))
            for _ in range(20):
                found += [each.time_s for each in next(heard)[1]]
        fake.streams[0].deliver(blocks[0].reshape(-1, 1))
        next(heard)
    assert found == [pytest.approx(0.83, abs=0.03), pytest.approx(2.4 + 0.83, abs=0.03)]
    assert hearing.time_s == pytest.approx(2 * 2.4 + 0.08)


def test_what_a_resampled_device_lost_is_counted_at_the_rate_that_was_asked_for(
    sounddevice, monkeypatch
):
    monkeypatch.setattr(microphone, "MOST_BLOCKS", 0)
    fake = sounddevice([entry("mic", rate_hz=48_000.0)], takes=[(48_000, 1)])
    with Microphone() as opened:
        fake.streams[0].deliver(np.zeros((4_800, 1)))
        monkeypatch.setattr(microphone, "MOST_BLOCKS", 1)
        fake.streams[0].deliver(np.zeros((4_800, 1)))
        opened.read(1.0)
        assert opened.lost_samples == 1_600


def test_nothing_within_the_time_is_none_and_no_end(sounddevice):
    fake = sounddevice([entry("mic")])
    with Microphone() as opened:
        assert opened.read(0.01) is None
        fake.streams[0].deliver(np.full((640, 1), 3))
        chunk = opened.read(0.01)
        assert chunk is not None and list(chunk) == [3] * 640


@pytest.mark.parametrize("lost_s", [0.0, 0.5, 3.0])
def test_what_an_overrun_lost_is_told_by_the_clock(lost_s):
    """Blocks of 80 ms; the program stands still, the device's buffer comes in a bunch, then on."""
    losses = Losses(16_000)
    jitter = np.random.default_rng(3).uniform(0, 0.03, 1_000)
    now_s = 100.0
    for number in range(50):
        now_s += 0.08
        losses.block(1_280, now_s + jitter[number])
    now_s += lost_s + 0.4  # five blocks of it lie in the buffer
    for number in range(5):
        losses.block(1_280, now_s + number / 1e4, overran=number == 3)
    for number in range(50):
        now_s += 0.08
        losses.block(1_280, now_s + jitter[100 + number])
    assert losses.samples == pytest.approx(lost_s * 16_000, abs=0.03 * 16_000)


def failing_import(monkeypatch, error):
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "sounddevice":
            raise error
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (ImportError("No module named 'sounddevice'"), "pip install sounddevice"),
        (OSError("PortAudio library not found"), "apt-get install libportaudio2"),
        (PortAudioError("Unanticipated host error"), "check that a sound server or card is there"),
    ],
)
def test_a_missing_part_is_named_with_what_installs_it(monkeypatch, error, remedy):
    failing_import(monkeypatch, error)
    with pytest.raises(MicrophoneError, match=remedy) as refusal:
        devices()
    assert "\n" not in str(refusal.value)


def test_what_native_libraries_print_is_kept_off_the_terminal():
    """A C library writes to descriptor 2; Python's stderr still reaches the terminal."""
    program = """
import os, sys
from kws.listening.silenced import native_stderr_silenced
with native_stderr_silenced():
    os.write(2, b"ALSA lib confmisc.c: noise\\n")
    print("ours, within", file=sys.stderr)
os.write(2, b"native, after\\n")
print("ours, after", file=sys.stderr)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=os.getcwd()
    )
    assert ran.stderr == "ours, within\nnative, after\nours, after\n"
