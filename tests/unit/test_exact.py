"""Exactly rounded sums against math.fsum and fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bisect_cache import exact
from bisect_cache.exact import Exact, exact_dot, exact_mean, exact_sum, exact_total, factor, root_of_ratio

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


doubles = st.floats(allow_nan=False, allow_infinity=False)
singles = st.floats(allow_nan=False, allow_infinity=False, width=32)


def rational(number: Exact) -> Fraction:
    return Fraction(number.total) * Fraction(2) ** number.exponent


@settings(max_examples=300)
@given(st.lists(st.tuples(doubles, doubles), min_size=1, max_size=50))
def test_a_dot_product_is_the_rational_one(pairs: list[tuple[float, float]]) -> None:
    first, second = np.array(pairs).T.copy()
    expected = sum(Fraction(a) * Fraction(b) for a, b in pairs)
    assert rational(exact_dot(factor(first), factor(second))) == expected


@settings(max_examples=300)
@given(st.lists(st.tuples(singles, doubles), min_size=1, max_size=50))
def test_a_dot_product_with_float32_is_the_rational_one(pairs: list[tuple[float, float]]) -> None:
    first, second = np.array([a for a, _ in pairs], np.float32), np.array([b for _, b in pairs])
    expected = sum(Fraction(a) * Fraction(b) for a, b in pairs)
    assert rational(exact_dot(factor(first), factor(second))) == expected


def test_a_dot_product_over_several_pieces_is_that_of_the_whole(monkeypatch) -> None:
    rng = np.random.default_rng(4)
    values, others = rng.normal(size=1000).astype(np.float32), rng.normal(size=1000)
    whole = exact_dot(factor(values), factor(others))
    monkeypatch.setattr(exact, "_VALUES_AT_A_TIME", 7)
    assert rational(exact_dot(factor(values), factor(others))) == rational(whole)


@given(st.lists(singles, min_size=1, max_size=50))
def test_a_total_of_float32_is_the_rational_one(values: list[float]) -> None:
    assert rational(exact_total(np.array(values, np.float32))) == sum(map(Fraction, values))


whole = st.integers(0, 1 << 300)
small = st.integers(-400, 400)


@settings(max_examples=500)
@given(whole, small, whole.filter(bool), small)
def test_a_root_of_a_ratio_is_the_float_next_to_it(above: int, up: int, below: int, down: int) -> None:
    found = root_of_ratio(Exact(above, up), Exact(below, down))
    true = Fraction(above) * Fraction(2) ** up / (Fraction(below) * Fraction(2) ** down)
    lower, upper = (Fraction(math.nextafter(found, end)) for end in (0.0, math.inf))
    # The root lies between the middles of this float and its neighbours.
    assert ((lower + Fraction(found)) / 2) ** 2 <= true <= ((upper + Fraction(found)) / 2) ** 2


def test_a_root_of_a_ratio_beyond_float64_is_no_number() -> None:
    with pytest.raises(OverflowError):
        root_of_ratio(Exact(1, 3000), Exact(1))
