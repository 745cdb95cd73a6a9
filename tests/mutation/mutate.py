"""A small mutation tester: change one token of a source, run its tests, list the changes that live.

    python tests/mutation/mutate.py FILE [FILE ...] [--limit N] [--seed N]

FILE is one of firmware/src (the C tests run) or one of the Python modules in TESTS. Operators,
comparisons, constants and the two saturation helpers are changed, one at a time; with --limit only
so many, drawn by the seed. A mutant that does not compile, fails a test or runs too long is dead.
The working tree is not touched.
"""

import argparse
import io
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import tokenize
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
C_TESTS = ROOT / "tests/c/engine"
# No array is longer than the tests' models need, so an index beyond one is seen.
C_LIMITS = ("-DKWS_MAX_HIDDEN=19", "-DKWS_MAX_CLASSES=3")
C_FLAGS = ("-std=c99", "-O1", "-w", "-fsanitize=undefined", "-fno-sanitize-recover=all", *C_LIMITS)
# Who tests the modules that guard data; paths below tests/python.
TESTS = {
    "kws/support/files.py": ("support", "corpus/test_decoded.py"),
    "kws/support/sealed.py": ("support/test_sealed.py",),
    "kws/support/cache.py": ("support/test_cache.py",),
    "kws/corpus/decoded.py": ("corpus/test_decoded.py", "corpus/test_unreadable.py"),
    "kws/corpus/download.py": ("corpus/test_download.py",),
    "kws/corpus/unpack.py": ("corpus/test_unpack.py",),
    "kws/corpus/record.py": ("corpus/test_record.py", "cli/test_record.py"),
    "kws/device/protocol.py": ("device/test_hostile_board.py",),
    "kws/device/line.py": ("device/test_hostile_board.py",),
    "kws/listening/record.py": ("listening/test_hearing.py", "device/test_hostile_board.py"),
    "kws/settings/model.py": ("settings", "engine/test_model_file.py"),
    "kws/training/checkpoint.py": ("training/test_run_folder.py", "training/test_checkpoint.py"),
    "kws/training/feature_store.py": ("training/test_feature_store.py",),
}
LARGEST_BYTES = 6 * 2**30  # of memory, for a mutant that grows
SHORTEST_S = 10.0

COMMON = {
    "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "+": "-", "-": "+",
    "*": "+", "/": "*", "%": "/", "<<": ">>", ">>": "<<", "&": "|", "^": "&",
    "+=": "-=", "-=": "+=",
}  # fmt: skip
C_TOKENS = COMMON | {
    "|": "&", "&&": "||", "||": "&&", "!": "", "++": "--", "--": "++", "<<=": ">>=",
    ">>=": "<<=", "|=": "&=", "&=": "|=", "kws_sat16": "(int16_t)", "kws_sat8": "(int8_t)",
}  # fmt: skip
PYTHON_TOKENS = COMMON | {
    "//": "*", "and": "or", "or": "and", "not": "", "True": "False", "False": "True",
    "in": "not in", "is": "is not", "break": "continue", "continue": "break", "min": "max",
    "max": "min", "any": "all", "all": "any",
}  # fmt: skip
C_TOKEN = re.compile(
    r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|^[ \t]*#(?:[^\\\n]|\\.|\\\n)*"
    r"|[A-Za-z_]\w*|0[xX][0-9a-fA-F]+[uUlL]*|\d+[uUlL]*|<<=|>>=|\+\+|--|->|&&|\|\||<<|>>"
    r"|[-+*/%&|^<>=!]=|\S",
    re.S | re.M,
)


class Mutant(NamedTuple):
    """A source with one token changed: where it was, what it was and what it became."""

    line: int
    old: str
    new: str
    text: str


def tokens_of_c(text: str) -> Iterator[tuple[int, str]]:
    """Yield offset and text of each token that is code."""
    for found in C_TOKEN.finditer(text):
        token = found[0]
        if not token.startswith(("/*", "//", '"', "'")) and not token.lstrip().startswith("#"):
            yield found.start(), token


def tokens_of_python(text: str) -> Iterator[tuple[int, str]]:
    """Yield offset and text of each token that is code."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.NAME, tokenize.NUMBER, tokenize.OP):
            yield starts[token.start[0] - 1] + token.start[1], token.string


def mutants_of(text: str, is_c: bool) -> list[Mutant]:
    """Return every mutant of a source."""
    table = C_TOKENS if is_c else PYTHON_TOKENS
    found, before = [], ""
    tokens = list(tokens_of_c(text) if is_c else tokens_of_python(text))
    for at, token in tokens:
        new = table.get(token)
        if token in ("+", "-", "*", "&") and not re.match(r"[\w)\]]", before[-1:]):
            new = None  # one operand: a sign, a pointer, an address
        if token == "*" and text[at - 1] == " " and text[at + 1] != " ":
            new = None  # a declaration
        if token == "in" and "for" in text[text.rfind("\n", 0, at) + 1 : at].split():
            new = None
        if token[0].isdigit() and (
            number := re.match(r"0[xX][0-9a-fA-F]+|\d+$|\d+(?=[uUlL])", token)
        ):
            new = str(int(number[0], 0) + 1) + token[number.end() :]
        if new is not None and not re.match(r"(import|from)\b", line_of(text, at)):
            changed = text[:at] + new + text[at + len(token) :]
            found.append(Mutant(text.count("\n", 0, at) + 1, token, new, changed))
        before = token
    return found


def line_of(text: str, at: int) -> str:
    """Return the line in which an offset lies, without its indent."""
    end = text.find("\n", at)
    return text[text.rfind("\n", 0, at) + 1 : end if end >= 0 else len(text)].strip()


def limits() -> None:
    """Of the process that a mutant runs in."""
    resource.setrlimit(resource.RLIMIT_DATA, (LARGEST_BYTES, LARGEST_BYTES))


def passes(command: list[str], folder: Path, timeout_s: float) -> bool:
    """Whether a command ends well and in time."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        command, cwd=folder, env=environment, preexec_fn=limits, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            return process.wait(timeout_s) == 0
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            return False


def c_tests(file: Path, folder: Path) -> Callable[[str, float], bool]:
    """Return what builds the C tests with a mutant of a file and runs them.

    What no other file includes is compiled alone; for the others all is compiled anew.
    """
    engine = ROOT / "firmware/src"
    place = folder / "src"
    shutil.copytree(engine, place)
    includes = [f"-I{each}" for each in (place, ROOT / "firmware/include", C_TESTS)]
    compiler = [os.environ.get("CC", "cc"), *C_FLAGS, *includes]
    sources = [*place.glob("*.c"), *C_TESTS.glob("*.c")]
    changed = place / file.relative_to(engine)

    def compiled(some: Iterable[Path]) -> bool:
        commands = ([*compiler, "-c", str(s), "-o", str(folder / f"{s.stem}.o")] for s in some)
        return all(not subprocess.run(c, capture_output=True).returncode for c in commands)

    is_apart = file.suffix == ".c" and not is_included(file.name)
    if not compiled(sources):
        raise SystemExit("the C tests do not compile without any change: mend them first.")
    objects = [str(folder / f"{source.stem}.o") for source in sources]
    link = [*compiler, *objects, "-o", str(folder / "tests")]

    def run(text: str, timeout_s: float) -> bool:
        changed.write_text(text)
        if not compiled([changed] if is_apart else sources):
            return False
        is_linked = subprocess.run(link, capture_output=True).returncode == 0
        return is_linked and passes([str(folder / "tests")], folder, timeout_s)

    return run


def is_included(name: str) -> bool:
    """Whether a source of the engine or of its tests includes this one."""
    files = [*(ROOT / "firmware/src").rglob("*.[ch]"), *C_TESTS.glob("*.[ch]")]
    return any(f'"{name}"' in file.read_text() for file in files)


def python_tests(file: Path, folder: Path) -> Callable[[str, float], bool]:
    """Copy the package and the tests; return what runs the module's tests with a mutant."""
    for name in ("kws", "tests"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    for name in ("data", "models", "firmware", "docs", "pyproject.toml"):
        (folder / name).symlink_to(ROOT / name)
    where = file.relative_to(ROOT)
    tests = [f"tests/python/{name}" for name in TESTS[str(where)]]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]

    def run(text: str, timeout_s: float) -> bool:
        (folder / where).write_text(text)
        return passes(command, folder, timeout_s)

    return run


def mutate(file: Path, limit: int | None, seed: int) -> tuple[int, list[Mutant]]:
    """Run the tests with the mutants of a file; return how many there were, and those that live."""
    text = file.read_text()
    is_c = file.suffix in (".c", ".h")
    mutants = mutants_of(text, is_c)
    if limit is not None and len(mutants) > limit:
        mutants = sorted(random.Random(seed).sample(mutants, limit))
    survivors = []
    with tempfile.TemporaryDirectory(prefix="kws-mutate-") as name:
        run = (c_tests if is_c else python_tests)(file, Path(name))
        started = time.monotonic()
        if not run(text, 3600.0):
            raise SystemExit(f"{file}: the tests fail without any change: mend them first.")
        timeout_s = max(SHORTEST_S, 5 * (time.monotonic() - started))
        for number, mutant in enumerate(mutants, 1):
            if run(mutant.text, timeout_s):
                survivors.append(mutant)
                original = text.splitlines()[mutant.line - 1].strip()
                place = f"{file.relative_to(ROOT)}:{mutant.line}"
                print(f"{place}: `{mutant.old}` -> `{mutant.new}`: {original}", flush=True)
            if sys.stderr.isatty():
                print(f"\r{number} of {len(mutants)}", end="\r", file=sys.stderr)
    print(f"{file.relative_to(ROOT)}: {len(mutants)} changed, {len(survivors)} live", flush=True)
    return len(mutants), survivors


def main() -> None:
    """Mutate the files that are named."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--limit", type=int, help="mutants of each file at most")
    parser.add_argument("--seed", type=int, default=0, help="which mutants a limit takes")
    arguments = parser.parse_args()
    total, live = 0, 0
    for given in arguments.files:
        file = given.resolve()
        in_engine = (ROOT / "firmware/src") in file.parents
        if not file.is_file() or not (in_engine or str(file.relative_to(ROOT)) in TESTS):
            known = ", ".join(TESTS)
            raise SystemExit(f"{given} is no file of firmware/src and none of {known}")
        count, survivors = mutate(file, arguments.limit, arguments.seed)
        total, live = total + count, live + len(survivors)
    print(f"{total} changed, {total - live} noticed, {live} live")


if __name__ == "__main__":
    main()
