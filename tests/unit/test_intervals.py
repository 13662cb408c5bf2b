"""Intervals and p-values against scipy, worked-out cases, and what a 95% interval covers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bisect_cache.judge.bootstrap import intervals
from bisect_cache.judge.bootstrap.intervals import (
    degrees_of_freedom,
    expanded_level,
    interval,
    p_worse,
    t_cdf,
    t_quantile,
)
from bisect_cache.judge.bootstrap.resampling import Resampler, draw

FREEDOMS = [*range(1, 130), 199, 200, 201, 500, 1000, 2000, 5000]


@pytest.mark.parametrize("probability", [0.5, 0.9, 0.975, 0.995, 0.9995])
def test_t_quantiles_are_those_of_scipy(probability: float) -> None:
    for freedom in FREEDOMS:
        expected = stats.t.ppf(probability, freedom)
        assert t_quantile(probability, freedom) == pytest.approx(expected, rel=1e-9, abs=1e-12), freedom


def test_t_probabilities_are_those_of_scipy() -> None:
    for freedom in FREEDOMS:
        for t in (-40.0, -6.0, -1.0, 0.0, 0.3, 2.0, 12.0):
            assert t_cdf(t, freedom) == pytest.approx(stats.t.cdf(t, freedom), abs=1e-11), (t, freedom)


def test_hills_formula_is_right_long_before_it_is_used() -> None:
    for t in (-6.0, -2.5, 0.4, 1.5, 8.0):
        score = intervals._normal_score(t, 30)
        assert stats.norm.cdf(score) == pytest.approx(stats.t.cdf(t, 30), abs=2e-12), t


@pytest.mark.parametrize("units", [2, 3, 17, 32, 256, 5000])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_the_level_is_hesterbergs_at_two_thirds_of_the_degrees_of_freedom(units: int, confidence: float) -> None:
    t = stats.t.ppf((1 + confidence) / 2, max(1, math.floor(2 / 3 * (units - 1) + 1e-9)))
    assert expanded_level(units, confidence) == pytest.approx(stats.norm.cdf(-math.sqrt(units / (units - 1)) * t))


def test_few_units_widen_an_interval_and_many_do_not() -> None:
    # By tables, at 12 and 2 degrees of freedom: sqrt(20/19) 2.179 = 2.236 and Phi(-2.236) = 0.0127;
    # sqrt(5/4) 4.303 = 4.811 and Phi(-4.811) = 0.00000075
    assert expanded_level(20, 0.95) == pytest.approx(0.0127, abs=5e-5)
    assert expanded_level(5, 0.95) == pytest.approx(7.5e-7, rel=0.01)
    assert expanded_level(100_000, 0.95) == pytest.approx(0.025, abs=1e-5)


def test_an_interval_lies_between_the_two_nearest_resamples() -> None:
    """Of 0, 1, ..., 1000 the quantile at a fraction is the fraction times 1000."""
    values = np.random.default_rng(0).permutation(np.arange(1001.0))
    level = expanded_level(17, 0.95)
    assert interval(values, 17) == pytest.approx((1000 * level, 1000 - 1000 * level))


@given(st.lists(st.floats(-1e6, 1e6), min_size=100, max_size=140), st.integers(2, 400))
def test_quantiles_are_those_of_numpy(values: list[float], units: int) -> None:
    level = expanded_level(units, 0.95)
    assert interval(np.array(values), units) == pytest.approx(np.quantile(values, [level, 1 - level]), abs=1e-9)


@pytest.mark.parametrize("value", [0.1, -0.0, 1e300, 1 / 3])
def test_equal_values_are_an_interval_of_no_width(value: float) -> None:
    assert interval(np.full(2000, value), 12) == (value, value)


def test_undefined_resamples_are_left_out() -> None:
    values = np.arange(1000.0)
    holed = np.concatenate([values, np.full(100, np.nan)])
    assert interval(holed, 9) == interval(values, 9)
    assert p_worse(holed - 10, 9) == p_worse(values - 10, 9)


@pytest.mark.parametrize(
    ("defined", "undefined", "units", "known"),
    [
        (100, 0, 2, True),
        (99, 0, 2, False),
        (100, 0, 1, False),
        (900, 100, 9, True),
        (899, 101, 9, False),
        (0, 2000, 9, False),
    ],
)
def test_too_little_is_no_interval_and_shows_nothing(defined: int, undefined: int, units: int, known: bool) -> None:
    values = np.concatenate([np.linspace(-2, -1, defined), np.full(undefined, np.nan)])
    assert (interval(values, units) is not None) == known
    assert (p_worse(values, units) < 1) == known


@pytest.mark.parametrize(("hits", "units"), [(0, 17), (3, 17), (50, 256), (1200, 5), (1999, 30)])
def test_p_is_that_of_the_hits_and_one_with_the_expansion_undone(hits: int, units: int) -> None:
    differences = np.concatenate([np.full(2000 - hits, -0.1), np.linspace(0, 1, hits)])
    score = stats.norm.ppf((hits + 1) / 2001)
    expected = stats.t.cdf(score * math.sqrt(1 - 1 / units), degrees_of_freedom(units))
    assert p_worse(differences, units) == pytest.approx(expected)


def test_p_counts_no_difference_as_a_hit() -> None:
    assert p_worse(np.zeros(2000), 17) == 1.0
    assert p_worse(np.ones(2000), 17) == 1.0
    assert p_worse(-np.ones(2000), 256) < 0.001
    # nothing can be shown with two units, whatever all resamples say
    assert p_worse(-np.ones(2000), 2) > 0.1


@pytest.mark.parametrize("units", [6, 17, 256])
def test_p_and_interval_tell_the_same(units: int) -> None:
    """The two-sided interval ends below 0 where the one-sided p is below its half."""
    values = np.random.default_rng(units).normal(size=20_000)
    for shift in np.linspace(1.0, 5.0, 81):
        ends = interval(values - shift, units, 0.95)
        assert ends is not None
        p = p_worse(values - shift, units)
        if abs(p - 0.025) > 0.002:
            assert (ends[1] < 0) == (p < 0.025), shift


def with_our_indices(weights: np.ndarray) -> np.random.Generator:
    """A generator for scipy.stats.bootstrap that "draws" the rows of our resamples."""

    class Fed(np.random.Generator):
        def integers(self, *arguments: Any, **more: Any) -> np.ndarray:
            rows = [np.repeat(np.arange(weights.shape[1]), times) for times in weights]
            assert more["size"] == (len(rows), rows[0].size)
            return np.array(rows)

    return Fed(np.random.PCG64(0))


@pytest.mark.parametrize("ties", [False, True])
def test_without_the_expansion_an_interval_is_the_percentile_bootstrap_of_scipy(
    ties: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(4)
    target = rng.uniform(1, 5, 60)
    first, second = (20 * target + rng.normal(0, 15, 60) for _ in range(2))
    if ties:
        target, first, second = target.round(1), first.round(-1), second.round(-1)
    draws = draw(60, None, 300, 8)
    resampler = Resampler(target, draws)
    a, b = resampler.distributions(first), resampler.distributions(second)
    monkeypatch.setattr(intervals, "expanded_level", lambda units, confidence: (1 - confidence) / 2)

    def difference(name: str, rows: np.ndarray) -> float:
        t, x, y = target[rows], first[rows], second[rows]
        if name == "rmse":
            return float(np.sqrt(np.mean((x - t) ** 2)) - np.sqrt(np.mean((y - t) ** 2)))
        correlation = {"plcc": stats.pearsonr, "srocc": stats.spearmanr}[name]
        return float(correlation(x, t).statistic - correlation(y, t).statistic)

    for name in ("plcc", "srocc", "rmse"):
        theirs = stats.bootstrap(
            (np.arange(60),),
            lambda rows, name=name: difference(name, rows),
            vectorized=False,
            n_resamples=300,
            method="percentile",
            rng=with_our_indices(draws.weights),
        )
        ends = theirs.confidence_interval
        assert interval(a[name] - b[name], draws.units) == pytest.approx((ends.low, ends.high), abs=1e-12)


def test_a_95_percent_interval_of_few_units_covers_95_percent() -> None:
    """1,500 samples of a mean of 8 values: the plain percentiles cover 90%."""
    weights = draw(8, None, 1000, 0).weights.astype(float)
    samples = np.random.default_rng(0).normal(size=(1500, 8))
    plain = expanded = 0
    for means in samples @ weights.T / 8:
        ends = interval(means, 8)
        assert ends is not None
        expanded += ends[0] <= 0 <= ends[1]
        low, high = np.quantile(means, [0.025, 0.975])
        plain += low <= 0 <= high
    assert plain / 1500 < 0.91
    assert 0.935 < expanded / 1500 < 0.965
