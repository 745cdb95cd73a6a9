"""The picture of live listening as lines of styled text, for a terminal of any size."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from kws.listening.level import LEAST_DB, Level
from kws.listening.strip import BLOCKS, COLUMN_S, LOW, Glyphs, Spans, Strip
from kws.listening.timeline import Heard
from kws.settings.model import posterior_of
from kws.support.text import bar, clock, count_of, shown

FULL_COLUMNS = 59  # of a terminal of 60, whose last stays empty; below, lines are left out and cut
SAID_S = 6.0  # a note stays so long
MARGIN = 7  # columns for the scale of a strip
MOST_ROWS = 5  # of a strip
LISTED = 200  # detections that are remembered for the list
KEYS = "? keys  + - threshold  space pause  s save  m wrong  q quit"
HELP = (
    ("+ -", "raise or lower the threshold of the word that is pointed at"),
    ("tab", "point at the next model"),
    ("space", "pause, and go on"),
    ("s", "save the last three seconds"),
    ("m", "that was wrong: save the last detection as a false accept"),
    ("q", "quit; Ctrl-C does, too"),
    ("?", "this list, and back"),
)


def posterior_text(posterior: float) -> str:
    """Return a posterior with so many digits that its log-odds can be told from its neighbours'."""
    for digits in range(3, 9):
        text = f"{posterior:.{digits}f}"
        if 0 < float(text) < 1 and abs(float(text) - posterior) < posterior * (1 - posterior) / 20:
            return text
    return f"{posterior:.9g}"


@dataclass
class Picture:
    """All that the screen shows."""

    strips: list[Strip]
    level: Level | None
    """None: another ear sends its scores, but no sound."""
    glyphs: Glyphs = BLOCKS
    microphone: str = ""
    work: str = "listening"
    time_s: float = 0.0
    until_s: float | None = None
    """When it ends, where that is known."""
    cost: str = ""
    """What listening takes."""
    lost_samples: int = 0
    hint: str = ""
    """What else a person should mend."""
    keys: str = KEYS
    help: Sequence[tuple[str, str]] = HELP
    pointed: range = range(0)
    """The words whose threshold the keys change."""
    is_there: bool = True
    is_paused: bool = False
    shows_help: bool = False
    detections: deque[Heard] = field(default_factory=lambda: deque(maxlen=LISTED))
    count: int = 0
    _said: tuple[float, str] = (float("-inf"), "")

    def say(self, text: str) -> None:
        """Show a sentence for a while; any thread may."""
        self._said = time.monotonic(), shown(text)

    def add(self, heard: Heard) -> None:
        """List a detection."""
        self.detections.append(heard)
        self.count += 1

    @property
    def unlisted(self) -> int:
        """How many detections there were before those that are remembered."""
        return self.count - len(self.detections)

    def lines(self, width: int, height: int) -> list[Spans]:
        """Return at most `height` lines for `width` columns, the most needed first."""
        head = [self._title(width), self._level(width), self._hint()]
        foot = [self._status(width), self._message()]
        room = height - len(head) - len(foot)
        if room < 1:
            return [*head, *foot][:height]
        body = self._help(room) if self.shows_help else self._body(width, room)
        body += [[] for _ in range(room - len(body))]
        return [*head, *body, *foot]

    def _title(self, width: int) -> Spans:
        state = ("paused", "warn") if self.is_paused else (self.work, "hit")
        if not self.is_there:
            state = ("no microphone", "warn")
        name = self.microphone if width >= FULL_COLUMNS else ""
        at = clock(self.time_s)
        if self.until_s is not None:
            at += f", {clock(max(self.until_s - self.time_s, 0))} left"
        return [("kws ", "strong"), state, (f"  {at}  ", ""), (name, "dim")]

    def _level(self, width: int) -> Spans:
        if self.level is None:
            return [("level  ", ""), ("not known: --save-clips DIR asks for the sound, too", "dim")]
        level_db = self.level.read_db() if self.is_there and not self.is_paused else LEAST_DB
        full, empty = self.glyphs.heights[8], "░" if self.glyphs is BLOCKS else "."
        cells = max(min(width - 40, 60), 8)
        drawn = bar(1 - level_db / LEAST_DB, cells, full, empty).rstrip(empty)
        style = "over" if level_db > -1 else "bar"
        spans = [("level  ", ""), (drawn, style), (empty * (cells - len(drawn)), "line")]
        spans.append((f" {level_db:4.0f} dB", ""))
        if width >= FULL_COLUMNS:
            spans.append((f"   peak {self.level.held_db:4.0f} dB", "dim"))
        return spans

    def _hint(self) -> Spans:
        if not self.is_there:
            return [("the microphone is gone: waiting for it", "warn")]
        if self.is_paused:
            return [("paused: nothing is heard; space goes on", "warn")]
        return [(self.hint or (self.level.hint if self.level else ""), "warn")]

    def _status(self, width: int) -> Spans:
        lost = f"lost {count_of(self.lost_samples, 'sample')}"
        style = "warn" if self.lost_samples else "dim"
        return [(self.cost, "dim"), ("   ", ""), (lost, style)]

    def _message(self) -> Spans:
        at, text = self._said
        if time.monotonic() - at < SAID_S:
            return [(text, "strong")]
        return [(self.keys, "dim")]

    def _help(self, room: int) -> list[Spans]:
        rows: list[Spans] = [[(f"  {key:<7}", "strong"), (text, "")] for key, text in self.help]
        return rows[:room]

    def _body(self, width: int, room: int) -> list[Spans]:
        """Strips, as high as they may be, and the last detections below."""
        listed = min(max(3, room // 3), 1 + len(self.detections)) if room >= 6 else 0
        left = room - listed - 1  # one for the axis of time
        strips, rows = self._chosen(left)
        lines: list[Spans] = []
        for number, strip in strips:
            lines.append(self._heading(number, strip, width))
            lines += self._strip(strip, width, rows)
        if strips and rows:
            lines.append(self._axis(width))
        hidden = len(self.strips) - len(strips)
        if hidden and strips:
            lines[-1] = [(f"{'':<{MARGIN}}and {count_of(hidden, 'more word')}, all lower", "dim")]
        return lines + self._listed(room - len(lines))

    def _chosen(self, room: int) -> tuple[list[tuple[int, Strip]], int]:
        """The words that fit, those with the highest peaks, and the rows of each one's strip."""
        numbered = list(enumerate(self.strips))
        rows = min(room // len(numbered) - 1, MOST_ROWS)
        if rows >= 1:
            return numbered, rows
        fits = max(room // 2, 0)
        if not fits:
            return (numbered[:room], 0) if room > 0 else ([], 0)
        highest = sorted(numbered, key=lambda pair: -pair[1].peak)[:fits]
        return sorted(highest), 1

    def _heading(self, number: int, strip: Strip, width: int) -> Spans:
        is_pointed = number in self.pointed and len(self.pointed) < len(self.strips)
        threshold = posterior_text(posterior_of(round(strip.threshold * 1024)))
        spans = [
            ("> " if is_pointed else "  ", "strong"),
            (f"{shown(strip.word)}  ", "strong"),
            (f"{strip.score:+5.1f}", "over" if strip.score >= strip.threshold else ""),
        ]
        if width >= FULL_COLUMNS:
            spans.append((f"  peak {strip.peak:+5.1f}", "dim"))
        return [*spans, ("  threshold ", "dim"), (f"{threshold} ({strip.threshold:+.1f})", "")]

    def _strip(self, strip: Strip, width: int, height: int) -> list[Spans]:
        if not height:
            return []
        rows = strip.rows(max(width - MARGIN, 1), height)
        lines = []
        for number, row in enumerate(rows):
            label = ""
            if number == strip.line_row(height):
                label = f"{strip.threshold:+.1f}"
            elif height > 1 and number == height - 1:
                label = f"{LOW:+.0f}"
            lines.append([(f"{label:>{MARGIN - 2}}{self.glyphs.axis} ", "dim"), *row])
        return lines

    def _axis(self, width: int) -> Spans:
        cells = max(width - MARGIN, 1)
        left, right = f"{-cells * COLUMN_S:.0f} s", "now"
        gap = cells - len(left) - len(right)
        return [(" " * MARGIN + left + " " * max(gap, 1) + right, "dim")]

    def _listed(self, room: int) -> list[Spans]:
        if room < 1:
            return []
        lines: list[Spans] = [[(count_of(self.count, "detection"), "strong")]]
        # The newest at the top, where the eye is.
        for heard in list(self.detections)[:-room:-1] if room > 1 else []:
            lines.append(
                [
                    (f"  {clock(heard.time_s)}  ", ""),
                    (f"{shown(heard.word):<16}", "strong"),
                    (f" {100 * heard.score:5.1f} %", "over"),
                    (f"  {shown(heard.model or '')}", "dim"),
                ]
            )
        return lines


Styled = Callable[[str, str], str]


def fitted(spans: Spans, width: int, styled: Styled) -> str:
    """Return a line of at most `width` columns; `styled` puts a style around a text."""
    from rich.cells import cell_len, set_cell_size

    parts, left = [], width
    for text, style in spans:
        if not text:
            continue
        size = cell_len(text)
        if size > left:
            text, size = set_cell_size(text, left), left
        parts.append(styled(text, style))
        left -= size
        if left <= 0:
            break
    return "".join(parts)
