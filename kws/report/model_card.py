"""The model card: the README.md beside a trained model, written from its figures and settings."""

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kws.report.attribution import attributions
from kws.report.limits import limits
from kws.settings.names import ENGINES
from kws.support.statistics import interval_95
from kws.support.text import code_block, markdown

STREAMED = {
    "accuracy_streaming": "in one stream without a reset, 1.5 s of low noise between clips",
    "accuracy_back_to_back": "in one stream without a reset, back to back",
}
LAST_EPOCH = "by the last epoch, not the best one on validation"
COUNTED = (  # what a row says, and where metrics.json has some of how many
    ("missed within a second of a start", "soon_after_start", "missed", "phrases"),
    ("fires at what is nearly the phrase", "near_misses", "fired", "clips"),
)
MISHEARD = {"missed": "still missed", "false_accepts": "still fires at"}


def model_card(metrics: Mapping[str, Any], config: Mapping[str, Any], folder: str = "") -> str:
    """Return the text of the README.md in a model's folder; what is not known is left out.

    metrics: as in metrics.json.  `model_bytes`, `parameters`, `float_accuracy`, and `evaluations`:
    a list of what `kws evaluate --json` gives, each with a `name` and the `command` that gave it.
    A single evaluation may also stand in `metrics` itself.
    config: as in config.toml.  `name`, `phrase` or `words`, and tables whose strings may name
    folders of the corpora used.
    folder: where the card lies, models/NAME unless another is given.
    """
    evaluations = _evaluations(metrics)
    sections = [
        _opening(metrics, config, folder),
        _figures(evaluations, metrics),
        _per_class(evaluations),
        _training(config),
        attributions(config, next((e["spoken_by"] for e in evaluations if "spoken_by" in e), {})),
        limits(evaluations, config),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _evaluations(metrics: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    own = [metrics] if "accuracy" in metrics or "at_default" in metrics else []
    return own + list(metrics.get("evaluations", []))


def _opening(metrics: Mapping[str, Any], config: Mapping[str, Any], folder: str) -> str:
    words = _words(config)
    name = config.get("name") or "_".join(words) or "model"
    lines = [f"# {markdown(name)}", ""]
    if words:
        quoted = ", ".join(f'"{markdown(word.replace("_", " "))}"' for word in words)
        rate_khz = config.get("features", {}).get("sample_rate_hz", 16_000) // 1000
        lines += [f"Hears {quoted} in {rate_khz} kHz sound.", ""]
    facts = []
    if size := _first(metrics, "model_bytes", "bytes"):
        facts.append(f"**{size:,} bytes** (the whole file, with settings and words)")
    if parameters := metrics.get("parameters"):
        facts.append(f"{parameters:,} parameters")
    if facts:
        lines += [", ".join(facts) + ".", ""]
    where = folder or f"models/{name}"
    where = shlex.quote(f"./{where}" if where.startswith("-") else where)
    lines += code_block([f"kws listen {where}", f"kws inspect {where}"])
    return "\n".join(lines)


def _words(config: Mapping[str, Any]) -> list[str]:
    if phrase := config.get("phrase"):
        return [str(phrase)]
    for table in (config, *(value for value in config.values() if isinstance(value, Mapping))):
        words = table.get("words") or ()
        if isinstance(words, (list, tuple)) and words:
            return [str(word) for word in words if not str(word).startswith("_")]
        if table.get("phrase"):
            return [str(table["phrase"])]
    return []


def _figures(evaluations: Sequence[Mapping[str, Any]], metrics: Mapping[str, Any]) -> str:
    rows = [row for each in evaluations for row in _rows(each)]
    if (accuracy := metrics.get("float_accuracy")) is not None:
        rows.append(("clips right, float weights (not what ships)", f"{100 * accuracy:.2f} %", ""))
    if (accuracy := metrics.get("accuracy_last_epoch")) is not None:
        rows.append((f"clips right, {LAST_EPOCH}", f"{100 * accuracy:.2f} %", "validation"))
    rows += _seed_rows(metrics)
    if not rows:
        return ""
    table = ["| figure | measured | on |", "|---|---|---|"]
    table += [f"| {figure} | {value} | {markdown(on)} |" for figure, value, on in rows]
    commands = list(dict.fromkeys(str(e["command"]) for e in evaluations if e.get("command")))
    lines = [line for command in commands for line in command.split("\n")]
    again = ["", "Measure it again with:", "", *code_block(lines)] if commands else []
    opening = "Measured on the bytes of this file, through the C engine that every target runs."
    return "\n".join(["## Figures", "", opening, "", *table, *again])


def _seed_rows(metrics: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """How the other seeds of the recipe came out."""
    seeds = metrics.get("seeds", ())
    each_figure = {
        "accuracy": "clips right",
        "accuracy_last_epoch": f"clips right, {LAST_EPOCH}",
        **STREAMED,
    }
    for key, figure in each_figure.items():
        found = [100 * seed[key] for seed in seeds if key in seed]
        if len(found) > 1:
            named = f"{figure}, mean of {len(found)} seeds"
            each = ", ".join(f"{value:.2f}" for value in found)
            yield named, f"{sum(found) / len(found):.2f} % ({each})", "validation"


def _rows(evaluation: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    name = str(evaluation.get("name", ""))
    if (accuracy := evaluation.get("accuracy")) is not None:
        clips = evaluation.get("clips")
        on = ", ".join(filter(None, [name, f"{clips:,} clips" if clips else ""]))
        low, high = interval_95(accuracy, clips or 0)
        span = f" (95 % interval {100 * low:.1f} to {100 * high:.1f})" if clips else ""
        yield "clips right", f"**{100 * accuracy:.2f} %**{span}", on
        for key, how in STREAMED.items():
            if key in evaluation:
                yield f"the same, {how}", f"{100 * evaluation[key]:.2f} %", on
    if point := evaluation.get("at_default"):
        hours, positives = evaluation.get("hours"), evaluation.get("positives")
        spoken = f"{positives:,} spoken phrases" if positives else ""
        yield (
            f"missed at threshold {point['threshold']:.4g}",
            _share(point["miss_rate"], positives or 0),
            ", ".join(filter(None, [name, spoken])),
        )
        yield from _voice_rows(evaluation)
        upper = point.get("false_accepts_per_hour_upper_95")
        bound = f" (95 %: below {upper:.2f})" if upper is not None else ""
        sound = f"{hours:.2f} hours of other sound" if hours else ""
        yield (
            "false accepts per hour",
            f"**{point['false_accepts_per_hour']:.2f}**{bound}",
            ", ".join(filter(None, [name, sound])),
        )
    for what, kind, some, of in COUNTED:
        counts = evaluation.get(kind, {})
        if count := counts.get(of):
            yield what, _share(counts[some] / count, count), name
    for kind, what in MISHEARD.items():
        if kind in evaluation:
            row = evaluation[kind]
            count = f"**{row['after']} of {row['recordings']}** (the model before: {row['before']})"
            yield what, count, name
    if (latency_ms := evaluation.get("median_latency_ms")) is not None:
        yield "median delay after the phrase's end", f"{latency_ms:.0f} ms", name


def _share(rate: float, count: int) -> str:
    """A share with what stands behind it: nothing missed of 60 is not 0 %."""
    if not count:
        return f"**{100 * rate:.1f} %**"
    low, high = interval_95(rate, count)
    some = round(rate * count)
    return f"**{some} of {count}** (95 % interval {100 * low:.1f} to {100 * high:.1f} %)"


def _voice_rows(evaluation: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Who was missed, where there are several who speak."""
    trained = evaluation.get("trained_on", ())
    voices = evaluation.get("by_voice", {})
    for who, row in voices.items() if len(voices) > 1 else ():
        unheard = trained and who in ENGINES and who not in trained
        of_whom = f"{who}, a synthesiser that took no part in training" if unheard else who
        yield f"... of {of_whom}", f"{row['missed']} of {row['positives']}", ""


def _per_class(evaluations: Sequence[Mapping[str, Any]]) -> str:
    with_classes = [each for each in evaluations if each.get("per_class")]
    if not with_classes:
        return ""
    lines = ["## By class", "", "| class | clips | recall | precision |", "|---|--:|--:|--:|"]
    for word, row in with_classes[0]["per_class"].items():
        share = [_per_cent(row.get(key)) for key in ("recall", "precision")]
        lines.append(f"| {markdown(word)} | {row.get('clips', '')} | {share[0]} | {share[1]} |")
    return "\n".join(lines)


def _per_cent(share: float | None) -> str:
    return "-" if share is None or not math.isfinite(share) else f"{100 * share:.1f} %"


def _training(config: Mapping[str, Any]) -> str:
    tables = {name: table for name, table in config.items() if isinstance(table, Mapping)}
    lines = []
    for name, table in tables.items():
        settings = ", ".join(
            markdown(f"{key} {_plain(value)}")
            for key, value in table.items()
            if isinstance(value, (int, float, str, list, tuple)) and _plain(value)
        )
        if settings and name != "data":
            lines.append(f"- {markdown(name)}: {settings}")
    if not lines:
        return ""
    seed = f" with seed {config['seed']}" if "seed" in config else ""
    again = f"`kws train config.toml` trains it again{seed}; every setting is in that file."
    return "\n".join(["## Training", "", again, "", *lines])


def _plain(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return " to ".join(map(str, value)) if len(value) == 2 else ", ".join(map(str, value))
    return str(value)


def _first(mapping: Mapping[str, Any], *keys: str) -> Any:
    return next((mapping[key] for key in keys if mapping.get(key) is not None), None)
