"""The picture of a metric: what reaches Mermaid, what the axes hold, and blocks where there is no room for it."""

import math
import re
import time

import pytest
from arbitrary import HOSTILE, NAMES, READ_BISECTS
from hypothesis import example, given
from hypothesis import strategies as st
from making import bisect_report, step

from bisect_cache.judge.deciding import Compared
from bisect_cache.report.chart import chart, course, metric_name, sparkline
from bisect_cache.report.limits import understood
from bisect_cache.report.structs import BaselineFacts, BisectReport, CheckpointFacts

FACES = "▁▂▃▄▅▆▇█"
VALUES = st.floats(-1e9, 1e9)


def judged(values: list[float], labels: list[str] | None = None, **fields) -> BisectReport:
    """A report on models that reach these values of PLCC."""
    steps = tuple(
        step(index, label=labels[index] if labels else None, metrics={"plcc": value})
        for index, value in enumerate(values)
    )
    return bisect_report(steps=steps, **({"first_bad": None} | fields))


def lines(source: str) -> list[list[float]]:
    return [
        [float(value) for value in line.split(", ")]
        for line in re.findall(r"^    line \[(.*)\]$", source, re.MULTILINE)
    ]


def heights(source: str) -> tuple[float, float]:
    low, high = re.search(r'^    y-axis ".*" (\S+) --> (\S+)$', source, re.MULTILINE).groups()  # type: ignore[union-attr]
    return float(low), float(high)


def names(source: str) -> list[str]:
    axis = re.search(r'^    x-axis ".*?" \[(.*)\]$', source, re.MULTILINE)
    return re.findall(r'"([^"]*)"', axis[1]) if axis else []


def assert_is_mermaid(source: str) -> None:
    """Every line is one that Mermaid's grammar of this chart knows, and nothing else."""
    number = r"-?\d+(\.\d+)?"
    values = rf"\[{number}(, {number})*\]"
    name = r'"([✗?] )?[\w.\-+/() …]*"'
    grammar = [
        r"%%\{init: \{.*\}\}%%",
        "xychart-beta",
        rf'    x-axis "[\w ,()]+" (\[{name}(, {name})*\]|\d+ --> \d+)',
        rf'    y-axis "(PLCC|SROCC|RMSE|mapped RMSE)" {number} --> {number}',
        *[rf"    line {values}"] * (source.count("\n") - 3),
    ]
    for line, rule in zip(source.split("\n"), grammar, strict=True):
        assert re.fullmatch(rule, line), line


@given(READ_BISECTS)
def test_any_report_has_a_chart_that_mermaid_reads_or_none(report: BisectReport) -> None:
    source = chart(report)
    if source is None:
        return
    assert_is_mermaid(source)
    assert len(source) < 20_000
    drawn = course(report)
    assert drawn is not None
    low, high = heights(source)
    assert low < high
    assert all(low <= value <= high for line in lines(source) for value in line)
    assert len({len(line) for line in lines(source)}) == 1


@given(st.lists(NAMES, min_size=2, max_size=26))
@example(['"]\nline [1]', "x\n```\n", '", "', "%%{init: {}}%%", "a;b#c<d>e", "`x`", "end", "é中١"])
def test_of_a_hostile_label_only_harmless_signs_are_left_within_the_quotes(labels: list[str]) -> None:
    source = chart(judged([0.5 + place / 100 for place in range(len(labels))], labels))
    assert source is not None
    assert_is_mermaid(source)
    shown = names(source)
    assert len(set(shown)) == len(shown)
    assert len(shown) in (0, len(labels))
    assert shown or len(labels) > 20
    assert all(len(line) == len(labels) for line in lines(source))
    assert all(sign.isalnum() or sign in "._-+/() …" for name in shown for sign in name)


@pytest.mark.parametrize("label", HOSTILE)
def test_no_label_ends_the_code_block_that_a_chart_stands_in(label: str) -> None:
    source = chart(judged([0.5, 0.6], [label, label]))
    assert source is not None
    assert "```" not in source
    assert "~~~" not in source
    assert_is_mermaid(source)


def test_a_threshold_against_the_baseline_is_drawn_at_what_it_comes_to_and_one_against_neighbours_is_not() -> None:
    baseline = BaselineFacts(0, "m", {}, {"plcc": 0.8})
    asked = ("plcc >= baseline - 0.02", "plcc >= previous - 0.01", "rmse <= baseline * 2")
    source = chart(judged([0.9, 0.7], thresholds=asked, baseline=baseline)) or ""
    assert lines(source)[1:] == [[0.78, 0.78]]
    assert len(lines(chart(judged([0.9, 0.7], thresholds=asked)) or "")) == 1
    assert len(lines(chart(judged([0.9, 0.7], thresholds=("plcc >= 0.8", "plcc > 0.8"))) or "")) == 2
    assert len(lines(chart(judged([0.9, 0.7], thresholds=("plcc >= 0.8", "plcc < 2e9"))) or "")) == 2


def test_the_metric_is_the_one_that_the_report_says_is_not_held() -> None:
    def compared(threshold: str, verdict: str) -> Compared:
        return Compared(threshold, -0.1, None, verdict)  # type: ignore[arg-type]

    asked = ("plcc >= baseline - 0.02", "srocc >= baseline - 0.02")
    against = (compared(asked[0], "good"), compared(asked[1], "bad"))
    steps = (step(0), step(1, "bad", thresholds=against))
    drawn = course(bisect_report(steps=steps, thresholds=asked))
    assert drawn is not None
    assert drawn.metric == "srocc"
    doubtful = (
        step(0),
        step(1, "uncertain", metrics={"plcc": 1.0, "srocc": 1.0}, thresholds=(compared(asked[1], "uncertain"),)),
    )
    drawn = course(
        bisect_report(steps=doubtful, thresholds=asked, first_bad=None, candidates=(CheckpointFacts(1, "m"),))
    )
    assert drawn is not None
    assert drawn.metric == "srocc"


def test_uncertain_models_are_marked_on_the_axis_where_it_has_room_for_marks() -> None:
    def report(length: int) -> BisectReport:
        steps = tuple(
            step(index, "uncertain" if index in (1, 2) else "good", metrics={"plcc": 0.9}) for index in range(length)
        )
        return bisect_report(steps=steps, first_bad=CheckpointFacts(2, "m"))

    for length in (3, 12, 20):
        marked = [name[0] for name in names(chart(report(length)) or "")[:3]]
        assert (marked[1], marked[2]) == ("?", "✗")
        assert marked[0] not in "?✗"
    assert "?" not in (chart(report(21)) or "")


@given(st.lists(VALUES, min_size=2, max_size=40), VALUES)
@example([0.0, 0.0], 0.0)
@example([-1e9, 1e9], 0.5)
@example([1e-9, -1e-9], -0.0)
def test_the_axis_holds_all_values_and_the_threshold(values: list[float], limit: float) -> None:
    source = chart(judged(values, thresholds=(f"plcc >= {limit!r}",)))
    assert source is not None
    low, high = heights(source)
    assert low < min(*values, limit)
    assert max(*values, limit) < high
    drawn, *limits = lines(source)
    assert drawn == pytest.approx(values, rel=1e-5, abs=1e-6)
    assert limits == [pytest.approx([limit] * len(values), rel=1e-5, abs=1e-6)]


def test_two_thresholds_are_drawn_and_no_more() -> None:
    asked = ("plcc >= 0.5", "plcc < 0.9", "plcc <= 0.95", "rmse <= 2")
    assert len(lines(chart(judged([0.6, 0.7], thresholds=asked)) or "")) == 3


@pytest.mark.parametrize("values", [[], [0.9], [0.9, math.nan], [0.9, math.inf], [0.9, 2e9], [-2e9, 0.9]])
def test_fewer_than_two_models_or_values_beyond_belief_give_no_chart(values: list[float]) -> None:
    assert chart(judged(values)) is None


def test_models_without_the_metric_are_not_counted() -> None:
    steps = (step(0), step(1, "untestable"), step(2, metrics={"rmse": 0.1}))
    assert course(bisect_report(steps=steps)) is None


def test_a_hundred_thousand_models_give_a_small_chart_quickly_with_the_worst_in_it() -> None:
    values = [0.9] * 100_000
    values[54_321] = 0.1
    began = time.perf_counter()
    source = chart(judged(values))
    assert time.perf_counter() - began < 10
    assert source is not None
    assert len(source) < 10_000
    assert len(lines(source)[0]) == 250
    assert lines(source)[0].count(0.1) == 1
    assert 'x-axis "models, oldest first" 0 --> 99999' in source
    high = chart(judged([1 - value for value in values], thresholds=("plcc <= 0.5",)))
    assert high is not None
    assert lines(high)[0].count(0.9) == 1


def test_gaps_between_many_models_are_crossed_in_a_straight_line_and_said() -> None:
    steps = tuple(step(index * 10, metrics={"plcc": index / 100}) for index in range(25))
    source = chart(bisect_report(steps=steps, first_bad=None))
    assert source is not None
    assert 'x-axis "models, oldest first (a straight line between those looked at)" 0 --> 240' in source
    assert lines(source)[0] == pytest.approx([index / 1000 for index in range(241)], abs=1e-6)


@pytest.mark.parametrize("last", [1_000_001, 2**40, 2**70])
def test_an_index_beyond_belief_gives_no_chart(last: int) -> None:
    steps = tuple(step(index, metrics={"plcc": 0.9}) for index in (*range(30), last))
    assert chart(bisect_report(steps=steps, first_bad=None)) is None


def test_points_stand_in_the_order_of_the_timeline_and_not_of_looking() -> None:
    steps = tuple(step(index, metrics={"plcc": index / 10}) for index in (0, 8, 4, 6, 5))
    drawn = course(bisect_report(steps=steps, first_bad=None))
    assert drawn is not None
    assert drawn.indexes == (0, 4, 5, 6, 8)
    assert drawn.values == (0.0, 0.4, 0.5, 0.6, 0.8)
    assert drawn.labels == tuple(f"model_{index:02d}" for index in drawn.indexes)


def test_an_index_given_twice_is_one_point() -> None:
    steps = (step(0), step(3, metrics={"plcc": 0.1}), step(3, metrics={"plcc": 0.7}))
    drawn = course(bisect_report(steps=steps, first_bad=None))
    assert drawn is not None
    assert (drawn.indexes, drawn.values) == ((0, 3), (0.9, 0.7))


def test_the_metric_is_the_one_whose_threshold_the_first_bad_model_breaks() -> None:
    steps = (
        step(0, metrics={"plcc": 0.9, "srocc": 0.9, "rmse": 1.0}),
        step(1, "bad", metrics={"plcc": 0.9, "srocc": 0.5, "rmse": 9.0}),
    )
    thresholds = ("plcc >= 0.85", "srocc >= 0.8", "rmse <= 2")
    broken = course(bisect_report(steps=steps, thresholds=thresholds))
    assert broken is not None
    assert (broken.metric, list(map(str, broken.limits))) == ("srocc", ["srocc >= 0.8"])
    undecided = course(bisect_report(steps=steps, thresholds=thresholds, first_bad=CheckpointFacts(7, "m")))
    assert undecided is not None
    assert undecided.metric == "plcc"
    none = course(bisect_report(steps=steps, thresholds=("", "nonsense")))
    assert none is not None
    assert (none.metric, none.limits, none.worst_is_high) == ("plcc", (), False)


def test_the_first_bad_model_is_marked_on_the_axis_and_no_other() -> None:
    for length in (3, 12, 20):
        report = judged([0.9] * length, first_bad=CheckpointFacts(1, "m"))
        assert [place for place, name in enumerate(names(chart(report) or "")) if name.startswith("✗")] == [1]
    assert "✗" not in (chart(judged([0.9, 0.8], ["✗ a", "✗ b"])) or "")


def test_names_that_can_be_told_apart_stand_on_the_axis_and_indexes_where_they_cannot() -> None:
    assert names(chart(judged([0.9, 0.8], ["models/a.onnx", "models/b.onnx"])) or "") == ["a", "b"]
    assert names(chart(judged([0.9, 0.8], ["same", "same"])) or "") == ["0", "1"]
    assert names(chart(judged([0.9, 0.8], ["x" * 300, "y"])) or "") == ["0", "1"]
    assert names(chart(judged([0.9, 0.8], ["___", "y"])) or "") == ["0", "1"]


@given(st.lists(st.sampled_from([5e-324, -1e-300, 1e-30, 0.0, 1e9]), min_size=100, max_size=100))
def test_values_however_small_leave_a_chart_small(values: list[float]) -> None:
    source = chart(judged(values, thresholds=("plcc >= 1e-320", "plcc >= 1e-310")))
    assert source is not None
    assert len(source) < 10_000


@given(st.lists(st.none() | st.floats(-1e9, 1e9), max_size=40))
def test_blocks_rise_with_their_values(values: list[float | None]) -> None:
    drawn = sparkline(values)
    assert len(drawn) == len(values)
    pairs = [(value, FACES.index(sign)) for value, sign in zip(values, drawn, strict=True) if value is not None]
    assert all(low[1] <= high[1] for low in pairs for high in pairs if low[0] <= high[0])
    assert all((sign == "·") == (value is None) for value, sign in zip(values, drawn, strict=True))
    distinct = {value for value, _ in pairs}
    if distinct and max(distinct) - min(distinct) > 1e-6 * max(map(abs, distinct)) > 1e-300:
        assert {drawn[values.index(min(distinct))], drawn[values.index(max(distinct))]} == {"▁", "█"}


def test_blocks_of_nothing_of_one_value_and_of_no_numbers() -> None:
    assert sparkline([]) == ""
    assert sparkline([None, None]) == "··"
    assert sparkline([0.5, 0.5, None]) == "▁▁·"
    assert sparkline([math.nan, 0.0, 1.0, math.inf]) == "·▁█·"


@pytest.mark.parametrize("values", [[1e308, -1e308], [0.0, 5e-323], [1e308, 0.0, -1e308]])
def test_blocks_of_values_at_the_ends_of_floating_point(values: list[float]) -> None:
    drawn = sparkline(values)
    assert len(drawn) == len(values)
    assert set(drawn) <= set(FACES + "·")


def test_only_thresholds_that_compare_a_metric_are_understood() -> None:
    told = understood(("plcc >= 0.85", "", "  # no", "nonsense", "psnr > 3", "plcc >= nan", " RMSE<2 "))
    assert list(map(str, told)) == ["plcc >= 0.85", "rmse < 2"]


def test_metrics_are_written_as_people_write_them() -> None:
    assert [metric_name(name) for name in ("plcc", "rmse", "rmse_mapped")] == ["PLCC", "RMSE", "mapped RMSE"]
