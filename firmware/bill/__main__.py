"""Print the engine's bill and compare it with the table that is checked in: `make size`.

With --renew the table, its page and the line of docs/results are written anew: `make size-renew`.
"""

import argparse
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from bill.check import compare, together
from bill.instructions import frames_in
from bill.measure import Bill, Table, bill_of
from bill.page import RESULTS_LINE, marked, report, results_line
from bill.stack import UnboundedStackError
from bill.targets import FIRMWARE, RECORDING, ROOT, TARGETS, Target
from kws.audio.files import read_audio
from kws.audio.samples import Samples
from kws.errors import KwsError
from kws.support.files import replacing
from kws.support.text import table as aligned

TABLE = FIRMWARE / "bill.json"
PAGE = FIRMWARE / "docs" / "BILL.md"
RESULTS = ROOT / "docs" / "results" / "speed.md"


def functions_table(bills: list[Bill]) -> str:
    """Instructions of a mean frame in each function as linked, a column a core that counts."""
    counted = [bill for bill in bills if bill.functions]
    sums: Counter[str] = Counter()
    for bill in counted:
        sums.update(bill.functions)
    rows = [
        [name, *(f"{bill.functions.get(name, 0):,}" for bill in counted)]
        for name, total in sums.most_common()
        if total
    ]
    return aligned(["function, with what it inlined", *(b.target.name for b in counted)], rows)


def _write(path: Path, text: str) -> None:
    with replacing(path) as stream:
        stream.write(text.encode())


def renew(table: Table, frames: int) -> None:
    """Write the table, its page and the line of the results."""
    _write(TABLE, json.dumps({"frames": frames, "cores": table}, indent=1) + "\n")
    _write(PAGE, marked(PAGE.read_text(encoding="utf-8"), table, frames))
    results, line = RESULTS.read_text(encoding="utf-8"), results_line(table)
    _write(RESULTS, RESULTS_LINE.sub(lambda _: line, results))
    print(f"renewed: {TABLE.name}, {PAGE.name} and {RESULTS.name}")


def lacking(targets: list[Target], bills: list[Bill]) -> list[str]:
    """What could not be measured here, and what to install for it."""
    absent = [target for target in targets if not target.compiler]
    told = [(target.name, f"not measured; install {target.missing()}") for target in absent]
    for bill in bills:
        told += [(bill.target.name, f"no {g}; install {what}") for g, what in bill.lacking.items()]
    return together(told)


def measured(target: Target, samples: Samples) -> Bill:
    """The bill of a target; what prevents it ends the program with one sentence."""
    try:
        return bill_of(target, samples)
    except subprocess.CalledProcessError as error:
        said = f": {error.stderr.strip()}" if isinstance(error.stderr, str) else ""
        tool = Path(error.cmd[0]).name
        sys.exit(f"{target.name}: {tool} ended with {error.returncode}{said}")
    except (UnboundedStackError, KwsError) as error:
        sys.exit(f"{target.name}: {error}")


def main() -> int:
    """Measure what can be measured here, print it, and compare or renew."""
    names = [target.name for target in TARGETS]
    parser = argparse.ArgumentParser(prog="bill", description=__doc__.splitlines()[0])
    parser.add_argument("core", nargs="*", help=f"only these: {', '.join(names)}")
    parser.add_argument("--renew", action="store_true", help="write the table anew")
    options = parser.parse_args()
    if unknown := [name for name in options.core if name not in names]:
        parser.error(f"no such core: {', '.join(unknown)}; there are {', '.join(names)}")
    chosen = [target for target in TARGETS if target.name in (options.core or names)]
    samples = read_audio(RECORDING)
    bills = [measured(target, samples) for target in chosen if target.compiler]
    table: Table = {bill.target.name: bill.kept() for bill in bills}
    frames = frames_in(len(samples))
    print(report(table, frames, aligned), end="\n\n")
    if any(bill.functions for bill in bills):
        print(functions_table(bills), end="\n\n")
    print(*(told := lacking(chosen, bills)), sep="\n", end="\n" if told else "")
    if options.renew and (told or len(chosen) < len(TARGETS)):
        sys.exit("The table is renewed only where all of it is measured.")
    if options.renew:
        renew(table, frames)
        return 0
    kept: Table = json.loads(TABLE.read_text(encoding="utf-8"))["cores"]
    found = compare({n: core for n, core in kept.items() if n in (options.core or kept)}, table)
    print(*found.grown, *found.fallen, *together(found.skipped), found.verdict(), sep="\n")
    return 1 if found.grown else 0


if __name__ == "__main__":
    sys.exit(main())
