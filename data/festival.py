"""Festival, the University of Edinburgh's synthesiser: a make of sound that no training hears."""

from pathlib import Path

from kws.corpus.speech_engines import _Program


class Festival(_Program):
    """Festival's voice ked, made of diphones: pieces of sound from one phoneme to the next.

    Only for tests.  Festival's other English voices are of people whom flite speaks with, too.
    """

    name = "festival"
    remedy = "install it with `apt-get install festival festvox-kdlpc16k`"

    def voices(self) -> list[str]:
        """List ked, if it is installed."""
        listed = self._run(["festival", "-b", "(print (voice.list))"])
        return [name for name in ("ked_diphone",) if name in listed]

    def part_of(self, voice: str) -> str:
        """Answer `test`: no other part hears this voice."""
        return "test"

    def _write(self, text: str, voice: str, speed: float, wav: Path) -> None:
        stretch = f"(Parameter.set 'Duration_Stretch {1 / speed:.3f})"
        self._run(
            ["text2wave", "-eval", f"(voice_{voice})", "-eval", stretch, "-o", str(wav)], text
        )
