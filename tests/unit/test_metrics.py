"""Metrics against scipy, and their reproducibility."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from bisect_cache.judge.metrics import metrics, target_side
from bisect_cache.judge.ranks import midranks
from bisect_cache.judge.thresholds import METRIC_NAMES


def drawn(rows: int, seed: int = 0, *, ties: bool = False):
    rng = np.random.default_rng(seed)
    target = rng.uniform(1, 5, rows)
    predictions = 20 * target + rng.normal(0, 15, rows)
    if ties:
        target, predictions = target.round(), predictions.round(-1)
    return predictions.astype(np.float32), target.astype(np.float32)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("rows", [3, 4, 64, 256, 5000])
def test_plcc_and_srocc_agree_with_scipy_to_1e_12(rows: int, ties: bool) -> None:
    predictions, target = drawn(rows, rows, ties=ties)
    measured = metrics(predictions, target_side(target))
    wide = predictions.astype(float), target.astype(float)
    assert measured["plcc"] == pytest.approx(stats.pearsonr(*wide).statistic, abs=1e-12)
    assert measured["srocc"] == pytest.approx(stats.spearmanr(*wide).statistic, abs=1e-12)


@pytest.mark.parametrize("rows", [3, 64, 5000])
def test_rmse_is_the_root_of_the_mean_square_error(rows: int) -> None:
    predictions, target = drawn(rows)
    expected = math.sqrt(np.mean((predictions.astype(float) - target.astype(float)) ** 2))
    assert metrics(predictions, target_side(target))["rmse"] == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("rows", [3, 64, 5000])
def test_mapped_rmse_is_that_of_a_least_squares_line_with_two_parameters(rows: int) -> None:
    predictions, target = drawn(rows)
    line = stats.linregress(predictions.astype(float), target.astype(float))
    errors = target - (line.intercept + line.slope * predictions.astype(float))
    expected = math.sqrt(np.sum(errors**2) / (rows - 2))
    assert metrics(predictions, target_side(target))["rmse_mapped"] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("rows", [3, 64, 5000])
def test_predictions_that_fall_where_the_target_rises_map_to_its_mean(rows: int) -> None:
    predictions, target = drawn(rows)
    wide = target.astype(float)
    expected = math.sqrt(np.sum((wide - wide.mean()) ** 2) / (rows - 2))
    assert metrics(-predictions, target_side(target))["rmse_mapped"] == pytest.approx(expected, rel=1e-12)


def test_mapped_rmse_does_not_depend_on_the_scale_of_the_predictions() -> None:
    predictions, target = drawn(200)
    side = target_side(target)
    expected = metrics(predictions, side)["rmse_mapped"]
    # 4 and 1024 are powers of two: nothing is rounded by them
    assert metrics(predictions * np.float32(1024), side)["rmse_mapped"] == expected
    assert metrics(predictions / np.float32(4), side)["rmse_mapped"] == expected


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=40))
def test_midranks_are_those_of_scipy(values: list[int]) -> None:
    array = np.array(values, float)
    assert ((midranks(array) + len(values) + 1) / 2).tolist() == stats.rankdata(array).tolist()


@given(st.permutations(range(50)), st.integers(0, 3))
def test_the_order_of_rows_changes_no_bit_of_any_metric(order: list[int], seed: int) -> None:
    predictions, target = drawn(50, seed)
    shuffled = metrics(predictions[order], target_side(target[order]))
    assert shuffled == metrics(predictions, target_side(target))


extreme = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=300)
@given(st.lists(extreme, min_size=3, max_size=30), st.integers(0, 9))
def test_no_finite_prediction_makes_a_metric_that_is_not_finite(values: list[float], seed: int) -> None:
    predictions = np.array(values)
    assume(len(set(values)) > 1)
    target = np.random.default_rng(seed).uniform(1, 5, len(values)).astype(np.float32)
    measured = metrics(predictions, target_side(target))
    assert tuple(measured) == METRIC_NAMES
    assert all(math.isfinite(value) for value in measured.values())
    assert -1 <= measured["plcc"] <= 1
    assert -1 <= measured["srocc"] <= 1


def test_perfect_and_reversed_predictions_are_exactly_one_and_minus_one() -> None:
    _, target = drawn(333)
    side = target_side(target)
    assert metrics(target, side) == {"plcc": 1.0, "srocc": 1.0, "rmse": 0.0, "rmse_mapped": 0.0}
    assert metrics(-target, side)["plcc"] == -1.0
    assert metrics(-target, side)["srocc"] == -1.0


@pytest.mark.parametrize("slope", [2.0, -0.3])
def test_a_straight_line_correlates_by_no_more_than_one(slope: float) -> None:
    """Rounded alone, about every fifth of these would come out as 1.0000000000000002."""
    for seed in range(100):
        target = np.random.default_rng(seed).uniform(1, 5, 5)
        correlation = metrics(slope * target + 1, target_side(target))["plcc"]
        assert abs(correlation) <= 1
        assert correlation == pytest.approx(math.copysign(1, slope), abs=1e-15)
