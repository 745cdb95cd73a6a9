"""Results as plain text for people; the same numbers as `--json`, fewer of them."""

from collections.abc import Sequence
from typing import Any

from kws.listening.microphone import Device
from kws.support.text import count_of, labelled, shown, table


def clips(result: dict[str, Any]) -> str:
    """Return `evaluate_clips`' result: accuracy, a row a class, and the commonest confusions."""
    classes = [
        (name, entry["clips"], _percent(entry["recall"]), _percent(entry["precision"]))
        for name, entry in result["per_class"].items()
    ]
    lines = [
        f"accuracy {_percent(result['accuracy'])} % of {count_of(result['clips'], 'clip')}, "
        f"model of {result['model_bytes']:,} bytes, C engine",
        *_streaming(result),
        "",
        table(("class", "clips", "recall %", "precision %"), classes),
    ]
    mistakes = [
        (count, actual, predicted)
        for actual, row in result["confusion"].items()
        for predicted, count in row.items()
        if actual != predicted
    ]
    if mistakes:
        mistakes.sort(key=lambda mistake: (-mistake[0], mistake[1:]))
        lines += ["", "Most frequent mistakes"]
        rows = [(actual, predicted, count) for count, actual, predicted in mistakes[:10]]
        lines.append(table(("spoken", "heard as", "clips"), rows))
    if names := ", ".join(result.get("folders_counted_as_unknown", [])):
        lines += ["", f"Counted as _unknown_: {shown(names)}"]
    for error in result.get("errors", []):
        lines.append(shown(f"{error['file']}: {error['actual']} heard as {error['predicted']}"))
    return "\n".join(lines)


def _streaming(result: dict[str, Any]) -> list[str]:
    if "accuracy_streaming" not in result:
        return []
    apart, joined = result["accuracy_streaming"], result["accuracy_back_to_back"]
    return [
        f"in one stream without a reset, 1.5 s of low noise between clips: {_percent(apart)} %",
        f"in one stream without a reset, back to back: {_percent(joined)} %",
    ]


def stream(result: dict[str, Any]) -> str:
    """Return `evaluate_stream`'s result: the default threshold, the other ones, the folders."""
    at = result["at_default"]
    latency = result["median_latency_ms"]
    at_ratio = "" if result["snr_db"] is None else f" at {result['snr_db']:g} dB"
    lines = [
        f"{count_of(result['positives'], 'positive')}{at_ratio}, "
        f"{result['hours']:.2f} h of negatives, model of {result['model_bytes']:,} bytes, C engine",
        f"at threshold {at['threshold']:.4g}: {_percent(at['miss_rate'])} % missed, "
        f"{count_of(at['false_accepts'], 'false accept')} = {at['false_accepts_per_hour']:.2f} / h",
        f"95 % sure of at most {at['false_accepts_per_hour_upper_95']:.2f} / h, "
        f"median latency {'-' if latency is None else f'{latency:.0f} ms'}",
        *_soon_after_start(result),
        *_near_misses(result["near_misses"]),
        *_wishes(result),
        "",
        table(
            ("threshold", "missed %", "false accepts", "per hour", "at most (95 %)"),
            [
                (
                    f"{point['threshold']:.6f}",
                    _percent(point["miss_rate"]),
                    point["false_accepts"],
                    f"{point['false_accepts_per_hour']:.2f}",
                    f"{point['false_accepts_per_hour_upper_95']:.2f}",
                )
                for point in _where_it_changes(result["operating_points"])
            ],
        ),
        "",
        _by_folder(result),
    ]
    lines += [f"missed: {shown(path)}" for path in result.get("missed", [])]
    lines += [f"near miss: {shown(path)}" for path in result.get("fired_near_misses", [])]
    lines += [
        f"false accept: {shown(accept['file'])} at {accept['time_s']:.2f} s, "
        f"{shown(accept['word'])} {100 * accept['score']:.1f} %"
        for accept in result.get("false_accepts", [])
    ]
    return "\n".join(lines)


def _by_folder(result: dict[str, Any]) -> str:
    return table(
        ("false accepts in", "hours", "number", "per hour"),
        [
            (
                folder,
                f"{entry['hours']:.2f}",
                entry["false_accepts"],
                ""
                if entry["false_accepts_per_hour"] is None
                else f"{entry['false_accepts_per_hour']:.2f}",
            )
            for folder, entry in result["by_folder"].items()
        ],
    )


def _soon_after_start(result: dict[str, Any]) -> list[str]:
    counts = result.get("soon_after_start")
    if not counts or not counts["phrases"]:
        return []
    return [f"{counts['missed']} of {counts['phrases']} missed within a second of a start"]


def _near_misses(near: dict[str, int]) -> list[str]:
    count = near["clips"]
    return [f"fires at {near['fired']} of {count} near misses"] if count else []


def _wishes(result: dict[str, Any]) -> list[str]:
    """Say at what threshold it would fire how seldom, and where the hours are too few to know."""
    return [
        f"{row['wish']}: threshold {row['threshold']:.6g}, {_percent(row['miss_rate'])} % missed"
        + ("" if row["is_shown"] else f"; {result['hours']:.2f} h cannot promise it")
        for row in result["suggested"]
    ]


def devices(found: Sequence[Device]) -> str:
    """Return the microphones as a table; the default one has a star."""
    if not found:
        return "no microphone found"
    rows = [
        (d.number, d.name, d.channels, d.sample_rate_hz, "*" if d.is_default else "") for d in found
    ]
    return table(("number", "name", "channels", "rate Hz", "default"), rows)


def model(info: dict[str, Any]) -> str:
    """Return `model_file.inspect`'s result: single fields, then layers and sections as tables."""
    lines = []
    for key, value in info.items():
        if isinstance(value, dict):
            inner = ", ".join(f"{name} {_plain(entry)}" for name, entry in value.items())
            lines.append(labelled(f"{key:<16} ", inner))
        elif not _is_rows(value):
            text = ", ".join(map(str, value)) if isinstance(value, list) else _plain(value)
            lines.append(labelled(f"{key:<16} ", text))
    for key, value in info.items():
        if _is_rows(value):
            rows = [[_plain(cell) for cell in row.values()] for row in value]
            lines += ["", key, table(list(value[0]), rows)]
    return "\n".join(lines)


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _plain(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{100 * fraction:.2f}"


def _where_it_changes(points: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep the first of neighbouring thresholds that come to the same."""
    kept: list[dict[str, Any]] = []
    for point in points:
        same = ("miss_rate", "false_accepts")
        if not kept or any(point[key] != kept[-1][key] for key in same):
            kept.append(point)
    return kept
