"""Thresholds: what is understood, what is refused and where."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisect_cache.judge.metrics import metrics, target_side
from bisect_cache.judge.thresholds import METRIC_NAMES, BadThreshold, Threshold, parse_thresholds


def test_the_metrics_of_thresholds_are_those_that_are_measured() -> None:
    values = np.arange(3.0)
    assert tuple(metrics(values, target_side(values))) == METRIC_NAMES


@given(
    st.sampled_from(METRIC_NAMES),
    st.sampled_from([">=", "<=", ">", "<"]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", " ", "  "]),
)
def test_a_threshold_reads_back_as_it_is_written(metric: str, operator: str, number: float, space: str) -> None:
    parsed = parse_thresholds([f"{metric}{space}{operator}{space}{number!r}"])
    assert parsed == (Threshold(metric, operator, number),)
    assert parse_thresholds([str(parsed[0])]) == parsed


@given(
    st.sampled_from(METRIC_NAMES),
    st.sampled_from([">=", "<=", ">", "<"]),
    st.sampled_from(["baseline", "previous"]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.sampled_from(["", " ", "  "]),
)
def test_a_relative_threshold_reads_back_as_it_is_written(
    metric: str, operator: str, reference: str, number: float, multiplied: bool, space: str
) -> None:
    sign = "*" if multiplied else "-" if number < 0 else "+"
    if multiplied and number <= 0:
        return
    parsed = parse_thresholds([f"{metric}{space}{operator}{space}{reference}{space}{sign}{space}{abs(number)!r}"])
    wanted = Threshold(metric, operator, 0.0, reference, number) if multiplied else None
    assert parsed == (wanted or Threshold(metric, operator, number, reference),)
    assert parse_thresholds([str(parsed[0])]) == parsed


@pytest.mark.parametrize(
    ("line", "of_reference", "bound", "written"),
    [
        ("plcc >= baseline - 0.02", 0.84, 0.82, "plcc >= baseline - 0.02"),
        ("srocc>=Previous-0.01", 0.5, 0.49, "srocc >= previous - 0.01"),
        ("rmse_mapped <= baseline * 1.05", 0.6, 0.63, "rmse_mapped <= baseline * 1.05"),
        ("plcc > baseline", 0.7, 0.7, "plcc > baseline"),
        ("rmse <= baseline + 1e-3", 2.0, 2.001, "rmse <= baseline + 0.001"),
        ("plcc >= 0.8", None, 0.8, "plcc >= 0.8"),
        ("plcc >= baseline", None, None, "plcc >= baseline"),
    ],
)
def test_a_relative_threshold_is_bound_to_its_reference(
    line: str, of_reference: float | None, bound: float | None, written: str
) -> None:
    threshold = parse_thresholds([line])[0]
    assert threshold.bound(of_reference) == (None if bound is None else pytest.approx(bound))
    assert str(threshold) == written


@pytest.mark.parametrize(
    ("line", "position", "words"),
    [
        ("plc >= 0.85", 1, "'plc' is no metric"),
        ("plcc 0.85", 6, "found '0.85' where an operator must stand"),
        ("plcc", 5, "found the end where an operator must stand"),
        ("plcc == 0.85", 6, "'=='"),
        ("plcc >=", 8, "must follow"),
        ("plcc >= high", 9, "'high' is no number"),
        ("plcc >= nan", 9, "'nan' is no number"),
        ("plcc >= 1e999", 9, "'1e999' is no number"),
        ("plcc >= 0.8 0.9", 13, "found '0.9' behind the number"),
        ("plcc >= base - 0.1", 9, "'base' is no number"),
        ("plcc >= baselines", 9, "'baselines' is no number"),
        ("plcc >= baseline.5", 9, "'baseline.5' is no number"),
        ("plcc >= baseline -", 18, "found '-' behind 'plcc >= baseline'"),
        ("plcc >= baseline 0.02", 18, "found '0.02' behind 'plcc >= baseline'"),
        ("plcc >= baseline - x", 20, "'x' is no number"),
        ("rmse <= baseline * 0", 20, "'0' is no number above 0"),
        ("rmse <= baseline * -1.1", 20, "'-1.1' is no number above 0"),
        ("plcc >= previous - 0.02 srocc", 25, "found 'srocc' behind 'plcc >= previous - 0.02'"),
        (">= 0.8", 1, "'>=' is no metric"),
        ("  srocc => 1", 9, "'=' where an operator"),
    ],
)
def test_a_malformed_line_is_refused_at_its_position_with_the_metrics(line: str, position: int, words: str) -> None:
    with pytest.raises(BadThreshold) as refused:
        parse_thresholds(["plcc >= 0.1", line])
    said = str(refused.value)
    assert f"position {position}:" in said
    assert words in said
    assert "plcc, srocc, rmse, rmse_mapped" in said


@given(st.text(max_size=40))
def test_any_text_is_a_threshold_or_refused(text: str) -> None:
    try:
        parsed = parse_thresholds([text])
    except BadThreshold:
        return
    assert all(math.isfinite(threshold.number) for threshold in parsed)


def test_a_metric_may_be_written_in_capitals() -> None:
    assert parse_thresholds(["PLCC >= 0.8"]) == (Threshold("plcc", ">=", 0.8),)


def test_blank_lines_and_comments_do_not_count() -> None:
    assert parse_thresholds(["", "  # all of it", "plcc >= 0.8  # why"]) == (Threshold("plcc", ">=", 0.8),)


@pytest.mark.parametrize(
    ("line", "value", "holds"),
    [
        ("plcc >= 0.8", 0.8, True),
        ("plcc > 0.8", 0.8, False),
        ("rmse <= 0.5", 0.5, True),
        ("rmse < 0.5", 0.5, False),
        ("plcc >= 0.8", 0.79999, False),
    ],
)
def test_a_threshold_holds_by_its_operator(line: str, value: float, holds: bool) -> None:
    assert parse_thresholds([line])[0].holds(value) is holds
