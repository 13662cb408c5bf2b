"""Thresholds: what is understood, what is refused and where."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisect_cache.judge.metrics import METRICS
from bisect_cache.judge.thresholds import METRIC_NAMES, BadThreshold, Threshold, broken, parse_thresholds


def test_the_metrics_of_thresholds_are_those_that_are_measured() -> None:
    assert tuple(METRICS) == METRIC_NAMES


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


@pytest.mark.parametrize(
    ("line", "position", "words"),
    [
        ("plc >= 0.85", 1, "'plc' is no metric"),
        ("plcc 0.85", 6, "found '0.85' where an operator must stand"),
        ("plcc", 5, "found the end where an operator must stand"),
        ("plcc == 0.85", 6, "'=='"),
        ("plcc >=", 8, "a number must follow"),
        ("plcc >= high", 9, "'high' is no number"),
        ("plcc >= nan", 9, "'nan' is no number"),
        ("plcc >= 1e999", 9, "'1e999' is no number"),
        ("plcc >= 0.8 0.9", 13, "found '0.9' behind the number"),
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
    threshold = parse_thresholds([line])
    assert (broken(threshold, {"plcc": value, "rmse": value}) == ()) is holds
