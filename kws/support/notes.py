"""Remarks that are no errors: the work goes on, and a person should know."""

import sys


def note(text: str) -> None:
    """Print one sentence on standard error."""
    print(f"kws: {text}", file=sys.stderr, flush=True)
