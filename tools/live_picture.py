"""Draw docs/live.svg: the screen of a real `kws listen`, which hears a recording that is played.

A virtual microphone (PulseAudio) and a terminal in memory (pyte) stand for a person's.
"""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from emulated_terminal import EmulatedTerminal
from rich._export_format import CONSOLE_SVG_FORMAT
from virtual_microphone import virtual_microphone

from kws.audio.files import read_audio, write_audio

ROOT = Path(__file__).parents[1]
RECORDING = ROOT / "data" / "sample" / "stream" / "held_out.opus"
COLUMNS, ROWS = 84, 20
DETECTIONS = 3
# The fonts that a reader has: a picture fetches nothing.
FORMAT = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def main() -> None:
    """Listen until there are some detections, and save what the terminal shows."""
    command = ["kws", "listen", "hey_cortana"]
    program = [sys.executable, "-m", *command]
    with tempfile.TemporaryDirectory() as folder, virtual_microphone() as sound:
        wav = Path(folder) / "speech.wav"
        write_audio(wav, read_audio(RECORDING))
        with EmulatedTerminal(program, COLUMNS, ROWS, sound.env) as shown:
            shown.wait_for("kws listening")
            time.sleep(1.0)
            player = ["paplay", "--device=speaker", str(wav)]
            playing = subprocess.Popen(player, env=sound.env)
            shown.wait_for(f"{DETECTIONS} detections", 60)
            time.sleep(2.0)
            svg = shown.picture(" ".join(command), FORMAT)
            playing.kill()
            playing.wait()
            shown.press("q")
            shown.end()
    # The name that rich makes up differs from run to run.
    svg = re.sub(r"terminal-\d+", "live", svg)
    (ROOT / "docs" / "live.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
