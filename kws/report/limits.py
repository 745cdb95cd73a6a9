"""What the figures of a model card do not show."""

from collections.abc import Mapping, Sequence
from typing import Any

from kws.report.attribution import folders_of
from kws.settings.names import ENGINES
from kws.support.text import markdown

FEW_CLIPS = 30
FEW_HOURS = 10.0


def limits(evaluations: Sequence[Mapping[str, Any]], config: Mapping[str, Any]) -> str:
    """Return a card's section on what its figures do not show; arguments as of `model_card`."""
    lines = []
    for each in evaluations:
        few = [
            f"{markdown(word)} ({row['clips']})"
            for word, row in each.get("per_class", {}).items()
            if 0 < row.get("clips", 0) < FEW_CLIPS
        ]
        if few:
            lines.append(f"Classes with few test clips, whose figures are rough: {', '.join(few)}.")
        hours = each.get("hours")
        if hours and hours < FEW_HOURS:
            lines.append(
                f"{hours:.2f} hours of other sound cannot show fewer false accepts than the 95 % "
                "figure above; a room with a television plays more than that in a day."
            )
        if unnamed := each.get("unnamed_speakers"):
            lines.append(
                f"The names of {unnamed} of the {each['positives']} recordings of the phrase do "
                "not say who speaks: one person may be heard in training and in this test, and a "
                "stranger be missed more often."
            )
    voices = {who for each in evaluations for who in each.get("by_voice", ())}
    if voices and voices <= set(ENGINES):
        lines.append("No person spoke in this test, only synthesisers: expect it to miss people "
                     "several times as often, until you tried it on recordings.")  # fmt: skip
    elif any("synthetic" in folder or "data/sample" in folder for folder in folders_of(config)):
        lines.append("Training used synthetic voices: the model may miss people who speak "
                     "differently more often, children above all.")  # fmt: skip
    lines += [
        "It hears the voices, languages and rooms of its training data best; try it on yours.",
        "It does not tell people apart: whoever says the phrase sets it off, a loudspeaker too.",
    ]
    return "\n".join(["## Limits", "", *(f"- {line}" for line in dict.fromkeys(lines))])
