"""What several things are refused for is said of all of them."""

import pytest

from kws.errors import ConfigError, KwsError, ModelError
from kws.support.refusals import each


def halved(number: int) -> int:
    if number < 0:
        raise ModelError("a negative number: take its root.")
    if number % 2:
        raise ConfigError(f"{number} is odd: give another.")
    return number // 2


def test_what_is_fine_is_returned_in_order():
    assert each(halved, [2, 8, 4]) == [1, 4, 2]


def test_one_refusal_stays_as_it_is():
    with pytest.raises(ConfigError, match=r"^3 is odd: give another\.$"):
        each(halved, [2, 3])


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ([-1, 3, -2], "a negative number: take its root; 3 is odd: give another"),
        ([5, 2, 3], "5 is odd; 3 is odd: give another"),
        ([-5, -6], "a negative number: take its root"),
    ],
)
def test_several_refusals_are_told_each_once(numbers, sentence):
    with pytest.raises(KwsError, match=f"^{sentence}$"):
        each(halved, numbers)


def test_the_class_is_that_of_the_first():
    with pytest.raises(ModelError):
        each(halved, [2, -1, 3])


def test_what_is_no_refusal_goes_on():
    with pytest.raises(TypeError):
        each(halved, [2, None])  # type: ignore[arg-type]
