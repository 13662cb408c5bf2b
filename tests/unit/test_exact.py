"""Exactly rounded sums against math.fsum and fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisect_cache import exact
from bisect_cache.exact import exact_mean, exact_sum

finite = st.floats(allow_nan=False, allow_infinity=False)
summable = st.floats(min_value=-1e305, max_value=1e305)


@given(st.lists(summable, min_size=1, max_size=200))
def test_a_sum_is_what_math_fsum_says(values: list[float]) -> None:
    assert exact_sum(np.array(values)) == math.fsum(values)


@given(st.lists(finite, min_size=1, max_size=200))
def test_a_mean_is_the_exactly_rounded_rational_mean(values: list[float]) -> None:
    assert exact_mean(np.array(values)) == float(sum(map(Fraction, values)) / len(values))


def test_a_sum_over_several_pieces_is_that_of_the_whole(monkeypatch) -> None:
    values = np.random.default_rng(1).normal(size=1000) * 10.0 ** np.arange(-150, 150).repeat(4)[:1000]
    whole = exact_sum(values)
    monkeypatch.setattr(exact, "_VALUES_AT_A_TIME", 7)
    assert exact_sum(values) == whole == math.fsum(values)


def test_the_order_of_values_does_not_change_a_sum() -> None:
    values = np.random.default_rng(2).normal(size=5000) * 1e10
    assert exact_sum(values) == exact_sum(values[::-1]) == exact_sum(np.sort(values))


def test_the_largest_and_the_smallest_numbers_are_summed() -> None:
    largest, smallest = np.finfo(np.float64).max, 5e-324
    assert exact_sum(np.array([largest])) == largest
    assert exact_sum(np.array([largest, -largest, smallest, smallest])) == 2 * smallest
    assert exact_mean(np.array([largest, largest])) == largest


def test_a_sum_beyond_float64_is_no_number() -> None:
    with pytest.raises(OverflowError):
        exact_sum(np.array([1.7e308, 1.7e308]))


def test_what_cancels_leaves_the_small_rest() -> None:
    assert exact_sum(np.array([1e300, 1.0, -1e300])) == 1.0
    assert exact_sum(np.array([0.0, -0.0])) == 0.0


@pytest.mark.parametrize("sign", [1, -1])
def test_a_piece_full_of_long_numbers_of_one_sign_loses_no_bit(sign: int) -> None:
    values = sign * np.random.default_rng(3).uniform(1, 2, exact._VALUES_AT_A_TIME)
    rounded = math.fsum(values)
    assert exact_sum(values) == rounded
    with_rest = np.append(values, -rounded)
    assert exact_sum(with_rest) == math.fsum(with_rest) != 0
