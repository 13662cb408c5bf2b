"""Thresholds held against values and intervals: every operator, side and decision, against a slow twin."""

import math
from itertools import product
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from measured import BY_ROW, a_target, measuring_on, of_noise

from bisect_cache.judge.bootstrap.intervals import interval
from bisect_cache.judge.choices import Decision
from bisect_cache.judge.deciding import Compared, compared, paired_differences, paired_interval, together
from bisect_cache.judge.measurement import Measurement
from bisect_cache.judge.sampling import Interval
from bisect_cache.judge.thresholds import Operator, Threshold, parse_thresholds
from bisect_cache.judge.verdict import Verdict

OPERATORS: tuple[Operator, ...] = get_args(Operator)
DECISIONS: tuple[Decision, ...] = get_args(Decision)
COMPARE = {">=": np.greater_equal, "<=": np.less_equal, ">": np.greater, "<": np.less}


def measured(value: float, ends: Interval | None = None) -> Measurement:
    return Measurement({"plcc": value}, {} if ends is None else {"plcc": ends})


def resampled(value: float, distribution: np.ndarray, metric: str = "plcc") -> Measurement:
    return Measurement({metric: value}, distributions={metric: distribution})


def absolute(operator: Operator, number: float, one: Measurement, decision: Decision = "interval") -> Compared:
    return compared(Threshold("plcc", operator, number), one, {}, decision, BY_ROW)


def relative(line: str, one: Measurement, other: Measurement | None, decision: Decision = "auto") -> Compared:
    return compared(parse_thresholds([line])[0], one, {"baseline": other, "previous": other}, decision, BY_ROW)


def twin(operator: Operator, number: float, ends: Interval) -> Verdict:
    """The obviously right answer: asked of every number in the interval that could make a difference."""
    low, high = ends
    inside = np.unique(np.clip([low, (low + high) / 2, number - 1e-9, number, number + 1e-9, high], low, high))
    holds = COMPARE[operator](inside, number)
    return "good" if holds.all() else "uncertain" if holds.any() else "bad"


numbers = st.integers(-40, 40).map(lambda value: value / 8)


# By the value or by the interval


@given(st.sampled_from(OPERATORS), st.sampled_from(DECISIONS), numbers, st.lists(numbers, min_size=3, max_size=3))
def test_an_absolute_threshold_is_decided_by_the_point_unless_the_interval_is_asked_for(
    operator: Operator, decision: Decision, number: float, values: list[float]
) -> None:
    low, value, high = sorted(values)
    found = absolute(operator, number, measured(value, (low, high)), decision)
    by_point = "good" if COMPARE[operator](value, number) else "bad"
    assert found.verdict == (twin(operator, number, (low, high)) if decision == "interval" else by_point)
    assert (found.value, found.interval) == (value, (low, high))


@given(st.sampled_from(OPERATORS), st.sampled_from(DECISIONS), numbers, numbers, st.integers(0, 9))
def test_a_relative_threshold_is_decided_by_the_interval_of_the_difference_unless_the_point_is_asked_for(
    operator: Operator, decision: Decision, number: float, shift: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    other = resampled(0.5, rng.normal(0.5, 1, 300))
    one = resampled(0.5 + shift, other.distributions["plcc"] + shift + rng.normal(0, 1, 300))
    threshold = Threshold("plcc", operator, number, "previous")
    found = compared(threshold, one, {"previous": other}, decision, BY_ROW)
    ends = interval(one.distributions["plcc"] - other.distributions["plcc"], BY_ROW.units, BY_ROW.confidence)
    assert ends is not None
    by_point = "good" if COMPARE[operator](shift, number) else "bad"
    assert found.verdict == (by_point if decision == "point" else twin(operator, number, ends))
    assert (found.value, found.interval) == (shift, ends)


@pytest.mark.parametrize(
    ("operator", "begins_at", "ends_at", "is_it"),
    [
        (">=", "good", "uncertain", "good"),
        (">", "uncertain", "bad", "bad"),
        ("<=", "uncertain", "good", "good"),
        ("<", "bad", "uncertain", "bad"),
    ],
)
def test_an_interval_that_touches_the_threshold_is_judged_as_the_operator_says(
    operator: Operator, begins_at: Verdict, ends_at: Verdict, is_it: Verdict
) -> None:
    assert absolute(operator, 0.5, measured(0.6, (0.5, 0.7))).verdict == begins_at
    assert absolute(operator, 0.5, measured(0.4, (0.3, 0.5))).verdict == ends_at
    assert absolute(operator, 0.5, measured(0.5, (0.5, 0.5))).verdict == is_it
    assert absolute(operator, 0.5, measured(0.5), "point").verdict == is_it


@pytest.mark.parametrize("decision", DECISIONS)
def test_without_resamples_the_point_decides(decision: Decision) -> None:
    threshold = Threshold("plcc", ">=", -0.01, "previous")
    for value, verdict in ((0.5, "good"), (0.4, "bad")):
        found = compared(threshold, measured(value), {"previous": measured(0.5)}, decision, None)
        assert (found.verdict, found.interval, found.times) == (verdict, None, None)


def test_where_no_interval_could_be_drawn_the_interval_leaves_it_uncertain() -> None:
    assert absolute(">=", 0.5, measured(0.9)) == Compared("plcc >= 0.5", 0.9, None, "uncertain")
    undefined = np.full(2000, math.nan)
    found = relative("plcc >= baseline", resampled(0.9, undefined), resampled(0.5, undefined))
    assert (found.verdict, found.interval, found.times) == ("uncertain", None, None)
    assert relative("plcc >= baseline", measured(0.9), measured(0.5)).verdict == "uncertain"
    assert relative("plcc >= baseline", measured(0.9), measured(0.5), "point").verdict == "good"


# What relative thresholds compare


@pytest.mark.parametrize("line", ["plcc > baseline + 0.5", "plcc >= previous", "plcc <= baseline * 0.1"])
@pytest.mark.parametrize("decision", DECISIONS)
def test_what_has_nothing_to_be_compared_with_holds(line: str, decision: Decision) -> None:
    assert relative(line, measured(0.7), None, decision) == Compared(line, 0.0, None, "good")


def test_a_factor_takes_that_much_of_the_reference_in_every_resample() -> None:
    rng = np.random.default_rng(1)
    other = resampled(0.6, rng.normal(0.6, 0.02, 2000), "rmse_mapped")
    one = resampled(0.62, other.distributions["rmse_mapped"] + 0.02, "rmse_mapped")
    found = relative("rmse_mapped <= baseline * 1.05", one, other)
    ends = interval(one.distributions["rmse_mapped"] - 1.05 * other.distributions["rmse_mapped"], BY_ROW.units)
    assert found.value == pytest.approx(0.62 - 0.63)
    assert found.interval == ends
    assert found.verdict == "good"
    assert relative("rmse_mapped <= baseline * 1.01", one, other).verdict == "bad"


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("plcc >= baseline - 0.02", "good"),
        ("plcc >= baseline - 0.01", "bad"),
        ("plcc <= baseline + 0.02", "good"),
        ("plcc <= baseline - 0.02", "bad"),
    ],
)
def test_an_offset_is_what_the_difference_may_be(line: str, verdict: Verdict) -> None:
    other = resampled(0.9, np.random.default_rng(2).normal(0.9, 0.05, 2000))
    one = resampled(0.885, other.distributions["plcc"] - 0.015)
    found = relative(line, one, other)
    assert found.verdict == verdict
    assert found.interval == pytest.approx((-0.015, -0.015))


@given(arrays.arrays(np.float64, st.integers(100, 300), elements=st.floats(-1, 1)), st.integers(0, 9), st.floats(-1, 1))
def test_the_difference_of_equal_distributions_is_an_exact_zero(
    distribution: np.ndarray, undefined: int, value: float
) -> None:
    holed = np.append(distribution, np.full(undefined, math.nan))
    one, other = resampled(value, holed), resampled(value, holed.copy())
    for line, verdict in {"plcc >= baseline": "good", "plcc > baseline": "bad", "plcc <= previous": "good"}.items():
        found = relative(line, one, other)
        assert (found.value, found.interval, found.verdict) == (0.0, (0.0, 0.0), verdict)


def test_the_same_resamples_tell_two_like_models_better_apart_than_their_own_intervals() -> None:
    target = a_target()
    measuring = measuring_on(target, contents=30)
    common = of_noise(target, 0.5, 1)
    one, other = measuring.measure(common), measuring.measure(of_noise(common, 0.1, 2))
    paired = paired_interval(one, other, "plcc", 1.0, measuring.sampling)
    assert paired is not None
    low, high = one.intervals["plcc"]
    assert paired[1] - paired[0] < (high - low) / 2
    differences = paired_differences(one, other, "plcc")
    assert differences.tolist() == (one.distributions["plcc"] - other.distributions["plcc"]).tolist()
    assert paired_interval(one, other, "plcc", 1.0, None) is None
    assert paired_interval(one, other, "no metric", 1.0, measuring.sampling) is None


# How many more rows would tell


@pytest.mark.parametrize(
    ("value", "ends", "bound", "times"),
    [
        (0.80, (0.70, 0.90), 0.75, 4.0),  # 0.10 below the value must become 0.05
        (0.80, (0.70, 0.90), 0.85, 4.0),
        (0.80, (0.50, 0.85), 0.75, 36.0),  # the side that reaches over the threshold counts
        (0.80, (0.50, 0.85), 0.84, (5 / 4) ** 2),
        (0.80, (0.70, 0.90), 0.7895, (0.1 / 0.0105) ** 2),
        (0.80, (0.70, 0.90), 0.7901, None),  # more than a hundred times as many
        (0.80, (0.70, 0.90), 0.80, None),
    ],
)
@pytest.mark.parametrize("operator", OPERATORS)
def test_times_as_many_rows_are_worked_out_by_hand(
    value: float, ends: Interval, bound: float, times: float | None, operator: Operator
) -> None:
    found = absolute(operator, bound, measured(value, ends))
    assert found.verdict == "uncertain"
    assert found.times == (None if times is None else pytest.approx(times))


@given(st.lists(numbers, min_size=4, max_size=4), st.sampled_from(OPERATORS))
def test_an_interval_of_so_many_times_as_many_rows_ends_at_the_threshold(
    values: list[float], operator: Operator
) -> None:
    low, *inner, high = sorted(values)
    for value, bound in (inner, reversed(inner)):
        found = absolute(operator, bound, measured(value, (low, high)))
        if found.times is not None:
            end = low if value > bound else high
            assert value + (end - value) / math.sqrt(found.times) == pytest.approx(bound)
            assert 1 <= found.times < 100
        elif found.verdict == "uncertain":
            assert 10 * abs(value - bound) <= max(value - low, high - value)


def test_only_what_is_uncertain_says_how_many_rows_would_tell() -> None:
    assert absolute(">=", 0.5, measured(0.8, (0.7, 0.9))).times is None
    assert absolute(">=", 0.75, measured(0.8, (0.7, 0.9)), "point").times is None


def test_a_value_beside_its_own_interval_takes_at_least_as_many_rows() -> None:
    found = absolute(">=", 0.75, measured(0.95, (0.7, 0.9)))
    assert found.verdict == "uncertain"
    assert found.times == pytest.approx((0.25 / 0.2) ** 2)


# All thresholds together


def test_the_worst_of_all_thresholds_decides() -> None:
    worst_first: tuple[Verdict, ...] = ("bad", "uncertain", "good")
    for count in range(4):
        for verdicts in product(worst_first, repeat=count):
            judged = [Compared("plcc >= 0", 0.0, None, verdict) for verdict in verdicts]
            assert together(judged) == min(verdicts, key=worst_first.index, default="good")
