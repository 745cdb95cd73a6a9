"""`kws record` through PortAudio: what is said to a virtual microphone is kept, trimmed."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from virtual_microphone import NEEDS_SOUND, Sound, virtual_microphone

from kws.audio.files import read_audio, write_audio
from kws.engine.spotter import Spotter

ROOT = Path(__file__).parents[2]
PHRASE = ROOT / "data/sample/stream/held_out.opus"  # "hey cortana" at 4.9 s, among other things


pytestmark = NEEDS_SOUND


@pytest.fixture
def sound():
    with virtual_microphone() as sound:
        yield sound


def test_silence_is_refused_and_what_is_said_is_kept(sound: Sound, tmp_path: Path):
    recording = read_audio(PHRASE)
    detection = next(iter(Spotter("hey_cortana").process(recording)))
    end = round(16_000 * (detection.time_s + 0.3))
    spoken = recording[end - 20_800 : end]
    # Whenever a take of six seconds begins, it has the whole phrase.
    write_audio(tmp_path / "phrases.wav", np.tile(np.pad(spoken, (0, 51_200)), 20))
    said = "hey cortana, and then quite a few words that nobody says"
    to, player = tmp_path / "mine", None
    command = [sys.executable, "-m", "kws", "record", said, "--to", str(to), "--clips", "2"]
    process = subprocess.Popen(
        [*command, "--no-playback", "--json"],
        env=sound.env | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stderr is not None and process.stdout is not None
    lines = []
    try:
        for line in process.stderr:
            lines.append(line.strip())
            if player is None and line.startswith("Not kept: no sound at all"):
                play = ["paplay", "--device=speaker", str(tmp_path / "phrases.wav")]
                player = subprocess.Popen(play, env=sound.env)
        assert process.wait(60) == 0, lines
        files = json.loads(process.stdout.read())["files"]
    finally:
        process.kill()
        process.stdout.close()
        process.stderr.close()
        if player is not None:
            player.kill()
            player.wait()
    assert files == sorted(map(str, to.iterdir())) and len(files) == 2
    for file in files:
        kept = read_audio(file)
        assert 0.5 < len(kept) / 16_000 < 2.0
        heard = Spotter("hey_cortana").process(np.pad(kept, (0, 8000)))
        assert [hit.word for hit in heard] == ["hey cortana"]


def test_a_take_is_played(sound: Sound, tmp_path: Path):
    code = "import numpy as np; from kws.listening.loudspeaker import play; "
    code += "play((np.sin(np.arange(24_000) / 9) * 9000).astype(np.int16))"
    heard = tmp_path / "heard.raw"
    with heard.open("wb") as file:
        recorder = subprocess.Popen(
            ["parec", "--device=speaker.monitor", "--format=s16le", "--rate=16000", "--channels=1"],
            env=sound.env,
            stdout=file,
        )
        try:
            time.sleep(1.0)
            subprocess.run([sys.executable, "-c", code], env=sound.env, check=True, cwd=ROOT)
            time.sleep(1.0)
        finally:
            recorder.kill()
            recorder.wait()
    samples = np.fromfile(heard, "<i2")
    assert np.abs(samples).max() > 8000
    assert np.count_nonzero(np.abs(samples) > 1000) / 16_000 == pytest.approx(1.4, abs=0.3)
