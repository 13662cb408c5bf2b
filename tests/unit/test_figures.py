"""Values and intervals as people read them: enough digits to tell something, and never a page of them."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bisect_cache.report.figures import brief, change, ends, fixed, telling

ANY = st.floats(allow_nan=True, allow_infinity=True)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0.0000"),
        (0.803, "0.8030"),
        (-0.123456, "-0.1235"),
        (47.91972, "47.920"),
        (123456.78, "123457"),
        (0.000123456, "0.0001235"),
        (1e6, "1e+06"),
        (0.999993, "0.999993"),
        (-0.999993, "-0.999993"),
        (1.0, "1.0000"),
    ],
)
def test_a_value_has_five_digits_and_keeps_its_zeros(value: float, shown: str) -> None:
    assert brief(value) == shown


@pytest.mark.parametrize(
    ("interval", "shown"),
    [
        ((0.68671, 0.89196), "0.687 to 0.892"),
        ((38.0664, 56.9123), "38.07 to 56.91"),
        ((0.99991, 0.99994), "0.999910 to 0.999940"),
        ((-0.5, 0.5), "-0.500 to 0.500"),
        ((0.7, 0.7), "0.700 to 0.700"),
        ((123456.0, 234567.0), "123456 to 234567"),
        ((-math.inf, math.inf), "-inf to inf"),
        ((0.5, math.nan), "0.5 to nan"),
        ((-1e308, 1e308), "-1e+308 to 1e+308"),
        ((0.0, 5e-324), "0 to 4.94e-324"),
    ],
)
def test_an_interval_has_three_digits_or_as_many_as_part_its_ends(interval: tuple[float, float], shown: str) -> None:
    assert ends(interval) == shown


def test_the_interval_of_a_difference_has_its_signs_and_a_digit_more() -> None:
    assert ends((-0.01533, 0.0055), "+") == "-0.0153 to +0.0055"


@given(ANY, ANY)
@example(5e-324, -5e-324)
@example(1e308, -1e308)
def test_nothing_that_a_float_can_be_takes_much_room(one: float, other: float) -> None:
    for shown in (brief(one), fixed(one, 6), change(one, other), telling(one, [other])):
        assert len(shown) <= 30
        float(shown)
    for sign in ("", "+"):
        low, high = ends((one, other), sign).split(" to ")
        assert len(low) <= 14
        assert len(high) <= 14
        float(low), float(high)


@given(st.floats(-1e5, 1e5), st.floats(-1e5, 1e5))
@example(0.7999999, 0.8)
@example(0.8, 0.79999999999999)
def test_a_value_is_shown_on_the_side_of_its_threshold_that_it_is_on(value: float, bound: float) -> None:
    shown = float(telling(value, [None, bound]))
    assert (shown > bound, shown < bound) == (value > bound, value < bound)


def test_a_value_far_from_its_threshold_has_four_decimals() -> None:
    assert telling(0.802978, [0.8]) == "0.8030"
    assert telling(0.799978, [0.8]) == "0.799978"
    assert telling(49.07357, []) == "49.0736"
