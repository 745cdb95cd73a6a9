"""What every refusal owes a user: one line that says how to mend it."""

import re

import pytest


def one_sentence(refusal: pytest.ExceptionInfo[Exception]) -> str:
    """The message, after checking that it is a single line that says how to mend it."""
    message = str(refusal.value)
    assert "\n" not in message
    assert re.search(r"[:;] ", message), f"no remedy in {message!r}"
    return message
