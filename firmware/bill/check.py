"""Measured figures against the table that is checked in: growth fails, a fall is told."""

from dataclasses import dataclass, field

from bill.measure import Figures, Table

GROWTH_PERCENT = 2
RENEW = "make size-renew"


@dataclass
class Comparison:
    """Sentences: what grew too much, what fell; and of what was not compared who and why."""

    grown: list[str] = field(default_factory=list)
    fallen: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def verdict(self) -> str:
        """The line that closes the report."""
        if self.grown:
            count = len(self.grown)
            figures = "figure has" if count == 1 else "figures have"
            return (
                f"{count} {figures} grown by more than {GROWTH_PERCENT} %. "
                f"If that is meant: {RENEW}"
            )
        told = f" {len(self.fallen)} have fallen; to keep that: {RENEW}" if self.fallen else ""
        return f"No figure has grown by more than {GROWTH_PERCENT} %.{told}"


def together(reasons: list[tuple[str, str]]) -> list[str]:
    """A sentence a reason, with the names of all that it holds for."""
    names: dict[str, list[str]] = {}
    for name, reason in reasons:
        names.setdefault(reason, []).append(name)
    return [f"{', '.join(who)}: {reason}" for reason, who in names.items()]


def compare(table: Table, measured: Table) -> Comparison:
    """Compare every core of the table with what was measured under the same compiler."""
    found = Comparison()
    for name, before in table.items():
        now = measured.get(name)
        if now is None:
            found.skipped.append((name, "not compared, as the compiler is not here"))
        elif now["compiler"] != before["compiler"]:
            this, tables = now["compiler"], before["compiler"]
            found.skipped.append((name, f"not compared, as this is {this}, the table of {tables}"))
        else:
            _compare_core(name, before["figures"], now["figures"], found)
    found.grown += [f"{name}: not in the table" for name in measured.keys() - table.keys()]
    return found


def _compare_core(core: str, before: Figures, now: Figures, found: Comparison) -> None:
    for group, figures in before.items():
        if group not in now:
            found.skipped.append((core, f"{group} not compared, as it was not measured"))
            continue
        for name in (*figures, *(new for new in now[group] if new not in figures)):
            old, new = figures.get(name, 0), now[group].get(name, 0)
            if 100 * new > (100 + GROWTH_PERCENT) * old:
                found.grown.append(_change(core, group, name, old, new))
            elif new < old:
                found.fallen.append(_change(core, group, name, old, new))


def _change(core: str, group: str, name: str, old: int, new: int) -> str:
    percent = f" ({100 * (new - old) / old:+.1f} %)" if old else ""
    return f"{core}: {group} {name} from {old:,} to {new:,}{percent}"
