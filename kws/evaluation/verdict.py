"""The rule that tells right from wrong detections."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from kws.evaluation.placed import PlacedClip, Stream

GRACE_S = 1.0  # how long after a clip a detection still belongs to it


class Hit(NamedTuple):
    """One detection in the stream: the last sample of the frame that fired."""

    sample: int
    word: str
    score: float


@dataclass
class Verdict:
    """What the detections in a stream amount to.

    latencies_s: of each phrase found, from the end of the speech; below 0 where the detection came
    before it.
    """

    missed: list[PlacedClip] = field(default_factory=list)
    latencies_s: list[float] = field(default_factory=list)
    false_accepts: list[tuple[PlacedClip, Hit]] = field(default_factory=list)
    wrong_words: int = 0
    fired_near_misses: list[PlacedClip] = field(default_factory=list)


def judge(stream: Stream, hits: Sequence[Hit]) -> Verdict:
    """Weigh the detections in a stream.

    A positive is found when its word is detected inside its clip or within 1 s after it; further
    detections there count neither way.  Every detection elsewhere is a false accept, reckoned to
    the clip before it; a near miss that fires is one only where it counts in the hours.  Latency
    runs from the end of the speech to the first detection.
    """
    verdict = Verdict()
    starts = [clip.start for clip in stream.clips]
    found: dict[int, Hit] = {}
    for hit in hits:
        index = max(bisect_right(starts, hit.sample) - 1, 0)
        clip = stream.clips[index]
        in_reach = clip.start <= hit.sample <= clip.end + GRACE_S * stream.sample_rate_hz
        if clip.is_near_miss and clip not in verdict.fired_near_misses:
            verdict.fired_near_misses.append(clip)
        if clip.is_near_miss and not stream.is_counted(clip):
            continue
        if clip.word is None or not in_reach:
            verdict.false_accepts.append((clip, hit))
        elif hit.word == clip.word:
            found.setdefault(index, hit)
        else:
            verdict.wrong_words += 1
    for index, clip in enumerate(stream.clips):
        if clip.word is None:
            continue
        if index in found:
            late = found[index].sample - clip.speech_end
            verdict.latencies_s.append(late / stream.sample_rate_hz)
        else:
            verdict.missed.append(clip)
    return verdict
