"""How it was measured, on every surface: the target, intervals, what they can tell, and what is compared with."""

import io
import re
from dataclasses import replace
from typing import Any

import pytest
from arbitrary import HOSTILE
from as_github import assert_tables_hold, live, page, tables
from making import bisect_report, check_report, step
from rich.console import Console

from bisect_cache.cache.manifest import Target
from bisect_cache.judge.deciding import Compared
from bisect_cache.judge.sampling import Sampling
from bisect_cache.report.limits import limits_of
from bisect_cache.report.markdown import comment, summary
from bisect_cache.report.occasion import Occasion
from bisect_cache.report.structs import BaselineFacts, BisectReport, CacheFacts, CheckpointFacts, CheckReport
from bisect_cache.report.terminal import show_bisect, show_check

HERE = Occasion("https://github.com/o/r", 7, "a" * 40)
BY_CONTENT = Sampling(2000, 20261123, 0.95, "content", 17)
FIRST = BaselineFacts(0, "model_00", {"file": "a.onnx"}, {"plcc": 0.8236, "rmse": 2.0})
PAIR = (
    step(0, metrics={"plcc": 0.81, "rmse": 40.0}, intervals={"plcc": (0.687, 0.892), "rmse": (38.07, 56.91)}),
    step(1, "bad", metrics={"plcc": 0.75, "rmse": 38.5}, intervals={"plcc": (0.6, 0.8512)}),
)


def facts(**fields: Any) -> CacheFacts:
    return CacheFacts("cache", "real", 756, 17, "sha256:" + "0" * 64, **fields)


def seen(report: BisectReport | CheckReport, width: int = 160) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    show_bisect(report, console) if isinstance(report, BisectReport) else show_check(report, console)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (Target("mos", "higher-is-better", (1.0, 5.0)), "`mos`, 1 to 5, higher is better"),
        (Target("dmos", "lower-is-better", (0.0, 100.0)), "`dmos`, 0 to 100, lower is better"),
        (Target("mos", "higher-is-better", None), "`mos`, higher is better"),
    ],
)
def test_the_target_is_named_with_its_scale_and_direction(target: Target, said: str) -> None:
    for report in (bisect_report(cache=facts(target=target)), check_report(cache=facts(target=target))):
        assert f" from `cache` · {said}" in summary(report)
    assert f"target    {said.replace('`', '')}\n" in re.sub(
        " +\n", "\n", seen(bisect_report(cache=facts(target=target)))
    )


def test_of_a_target_that_nobody_knows_nothing_is_said() -> None:
    assert "is better" not in summary(bisect_report())
    assert "target" not in seen(bisect_report())


def test_the_pair_has_its_intervals_under_its_values() -> None:
    report = bisect_report(steps=PAIR, thresholds=("plcc >= 0.8",))
    assert tables(summary(report))[0] == [
        "| | model | PLCC | RMSE |",
        "| --- | --- | ---: | ---: |",
        "| last good | `model_00` | 0.8100<br><sub>0.687\u00a0to\u00a00.892</sub> "
        "| 40.0000<br><sub>38.07\u00a0to\u00a056.91</sub> |",
        "| first bad | `model_01` | 0.7500<br><sub>0.600\u00a0to\u00a00.851</sub> | 38.5000 |",
        "| change | | -0.0600 | -1.5000 |",
        "| must hold | | ≥ 0.8 |  |",
    ]


def test_a_value_beside_its_threshold_has_the_digits_that_show_on_which_side_it_is() -> None:
    steps = (step(0, metrics={"plcc": 0.80001}), step(1, "bad", metrics={"plcc": 0.79999}))
    (_, _, good, bad, *_) = tables(summary(bisect_report(steps=steps, thresholds=("plcc >= 0.8",))))[0]
    assert "| 0.800010 |" in good
    assert "| 0.799990 |" in bad


@pytest.mark.parametrize(
    ("threshold", "baseline", "said"),
    [
        ("plcc >= baseline - 0.02", FIRST, r"≥ baseline \- 0.02 \(0.8036\)"),
        ("plcc > baseline * 0.9", FIRST, r"\> baseline \* 0.9 \(0.7412\)"),
        ("plcc >= baseline - 0.02", None, r"≥ baseline \- 0.02"),
        ("plcc >= previous - 0.01", FIRST, r"≥ previous \- 0.01"),
        ("plcc <= 0.9", FIRST, "≤ 0.9"),
    ],
)
def test_a_relative_threshold_is_shown_with_what_it_comes_to(
    threshold: str, baseline: BaselineFacts | None, said: str
) -> None:
    report = bisect_report(steps=PAIR, thresholds=(threshold,), baseline=baseline)
    assert tables(summary(report))[0][-1] == f"| must hold | | {said} |  |"


def test_a_baseline_of_the_ends_of_floating_point_gives_no_bound() -> None:
    huge = replace_metrics(FIRST, {"plcc": 1e308})
    (limit,) = limits_of(bisect_report(thresholds=("plcc >= baseline * 1e9",), baseline=huge))
    assert limit.bound is None


def replace_metrics(baseline: BaselineFacts, metrics: dict[str, float]) -> BaselineFacts:
    return BaselineFacts(baseline.index, baseline.label, baseline.origin, metrics)


def test_the_baseline_is_named_in_one_line_with_the_metrics_that_are_asked_for() -> None:
    report = bisect_report(thresholds=("plcc >= baseline - 0.02",), baseline=FIRST)
    assert "\n- baseline: `model_00`, PLCC 0.8236, file `a.onnx`\n" in summary(report)
    assert "baseline  model_00, PLCC 0.8236" in seen(report)
    alone = bisect_report("inconclusive", thresholds=("rmse <= baseline",), baseline=FIRST, last_good=None)
    assert "\n- baseline: `model_00`, RMSE 2.0000, file `a.onnx`\n" in summary(alone)
    assert "baseline" not in summary(bisect_report())


def test_a_baseline_out_of_a_history_leads_to_its_commit() -> None:
    known = BaselineFacts(None, "v1", {"commit": "b" * 40}, {})
    text = comment(bisect_report(baseline=known), HERE)
    assert f"- baseline: `v1`, commit [`bbbbbbbbb`](https://github.com/o/r/commit/{'b' * 40})" in text
    assert "/commit/b" not in comment(bisect_report(baseline=known), replace(HERE, from_fork=True))


def test_steps_have_the_intervals_of_the_metrics_that_are_asked_for() -> None:
    (_, steps) = tables(summary(bisect_report(steps=PAIR, thresholds=("plcc >= 0.8",))))
    assert steps == [
        "| # | model | verdict | PLCC | RMSE |",
        "| ---: | --- | --- | ---: | ---: |",
        "| 0 | `model_00` | good | 0.8100<br><sub>0.687\u00a0to\u00a00.892</sub> | 40.000 |",
        "| 1 | `model_01` | bad | 0.7500<br><sub>0.600\u00a0to\u00a00.851</sub> | 38.500 |",
    ]


@pytest.mark.parametrize(
    ("sampling", "said"),
    [
        (BY_CONTENT, "intervals: 95%, 2,000 paired resamples by content (17), seed 20261123"),
        (
            Sampling(500, 1, 0.999, "row", 512, grouped=True),
            "intervals: 99.9%, 500 paired resamples by row (512 groups), seed 1",
        ),
    ],
)
def test_one_line_says_what_the_intervals_are(sampling: Sampling, said: str) -> None:
    assert f"\n<sub>{said}<br>cache `sha256:" in summary(bisect_report(sampling=sampling))
    assert f"{said}\n" in seen(bisect_report(sampling=sampling))
    assert "intervals:" not in summary(bisect_report()) + seen(bisect_report())


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"detectable": {"plcc": 0.0211}},
            "756 rows of 17 contents: a PLCC drop under 0.021 cannot be told from chance.",
        ),
        (
            {"detectable": {"plcc": 0.0211, "srocc": 0.00123}, "thresholds": ("srocc >= 0.8",)},
            "756 rows of 17 contents: an SROCC drop under 0.0012 cannot be told from chance.",
        ),
        (
            {"detectable": {"srocc": 0.03, "plcc": 0.02}, "thresholds": ("srocc >= 0.8", "plcc >= 0.8")},
            "a PLCC drop under 0.020 or an SROCC drop under 0.030 cannot be told from chance.",
        ),
        (
            {"detectable": {"plcc": 0.02}, "thresholds": ("rmse <= 2",)},
            "756 rows of 17 contents: a PLCC drop under 0.020 cannot be told from chance.",
        ),
        (
            {"check": check_report(detectable={"plcc": 0.05})},
            "756 rows of 17 contents: a PLCC drop under 0.050 cannot be told from chance.",
        ),
    ],
)
def test_what_cannot_be_told_from_chance_is_said_in_a_sentence(fields: dict[str, Any], said: str) -> None:
    report = bisect_report(**fields)
    for text in (summary(report), comment(report), seen(report)):
        assert text.count("cannot be told from chance") == 1
        assert said in text


def test_a_check_says_what_its_cache_can_tell_of_every_metric() -> None:
    report = check_report(detectable={"plcc": 0.02, "srocc": 0.03})
    said = "256 rows: a PLCC drop under 0.020 or an SROCC drop under 0.030 cannot be told from chance."
    for text in (summary(report), seen(report)):
        assert said in text


def test_of_what_is_not_known_or_no_metric_nothing_is_said() -> None:
    for report in (bisect_report(), bisect_report(detectable={"odd|metric": 0.1}), check_report(cache=None)):
        assert "from chance" not in summary(report) + seen(report)


def test_what_leads_out_of_doubt_is_told_and_more_rows_only_where_they_would_help() -> None:
    def doubtful(times: float | None, *others: Any) -> str:
        one = Compared("plcc >= 0.8", 0.81, (0.7, 0.9), "uncertain", times)
        steps = (step(0), step(1, "uncertain", metrics={"plcc": 0.81}, thresholds=(one,)), *others)
        candidates = tuple(CheckpointFacts(index, "m") for index in range(1, len(steps)))
        return summary(bisect_report("inconclusive", steps=steps, candidates=candidates, first_bad=None))

    out = "widen the threshold, or let values decide without their intervals (decision `point`)."
    assert f"**Next:** judge on more rows of more contents, {out}\n" in doubtful(2.0)
    assert f"**Next:** {out}\n" in doubtful(None)
    assert (
        f"**Next:** judge on more rows of more contents, {out} Of models that cannot be judged, the table"
        in doubtful(2.0, step(2, "untestable"))
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_breaks_out(name: str) -> None:
    report = bisect_report(
        cache=facts(target=Target(name or "x", "higher-is-better", (-1e308, 1e308))),
        baseline=BaselineFacts(0, name, {name: name}, {"plcc": 0.9, name: 1.0}),
        detectable={name: 0.1, "plcc": 1e308},
        thresholds=("plcc >= baseline - 0.02", name),
        sampling=BY_CONTENT,
        steps=PAIR,
    )
    plain = page(summary(bisect_report(steps=PAIR))).tags
    for text in (summary(report), comment(report)):
        assert_tables_hold(text)
        assert live(text) == []
        assert set(page(text).tags) <= {*plain, "sub", "br", "li", "ul", "code"}
    assert "\x1b" not in seen(report)


@pytest.mark.parametrize("width", [60, 80, 99, 100, 160])
def test_the_steps_in_a_terminal_have_the_intervals_that_there_is_room_for(width: int) -> None:
    text = seen(bisect_report(steps=PAIR, thresholds=("plcc >= 0.8",)), width)
    assert all(len(line) <= width for line in text.splitlines())
    assert ("0.687 to 0.892" in text) == ("0.810000" in text) == (width >= 100)
    assert "38.07 to 56.91" not in text
    assert ("0.8100" in text) or width >= 100


def test_where_there_is_no_room_beside_the_models_reasons_stand_below_them_in_full() -> None:
    why = "plcc >= baseline - 0.02 is uncertain: -0.0206 [-0.0427, -0.0062] beside baseline; more would tell"
    steps = (step(0), step(1, "uncertain", "a_model_of_some_length", metrics={"plcc": 0.8}, reason=why))
    for width in (40, 60, 80):
        lines = seen(bisect_report(steps=steps), width).splitlines()
        assert not any("why" in line.split() for line in lines)
        start = next(place for place, line in enumerate(lines) if line.startswith("1  a_model_of_some_length: plcc"))
        whole = " ".join(" ".join(lines[start:]).split())
        assert whole.startswith(f"1 a_model_of_some_length: {why}")
    assert any("why" in line.split() for line in seen(bisect_report(steps=steps), 160).splitlines())


@pytest.mark.parametrize("width", range(36, 170, 7))
@pytest.mark.parametrize("label", ["m", "model_0123456789_0123456789_0123456789"])
def test_no_number_is_ever_cut_however_narrow_the_terminal(width: int, label: str) -> None:
    gates = ("plcc >= 0.8", "srocc >= 0.8", "rmse <= 50", "rmse_mapped <= 1")
    metrics = {"plcc": 0.8123, "srocc": 0.7123, "rmse": 49.0736, "rmse_mapped": 0.6123}
    ends = dict.fromkeys(metrics, (0.1, 0.2))
    steps = tuple(
        step(index, "bad", label, metrics=metrics, intervals=ends, reason="plcc does not hold") for index in (0, 1)
    )
    text = seen(bisect_report(steps=steps, thresholds=gates, cache=None), width)
    assert "…" not in text
    assert text.count("0.8123") == 2
    if width >= 50:
        assert text.count("0.7123") == 2
    if width >= 80:
        assert text.count("0.6123") == 2
    if width < 100:
        assert "0.100 to 0.200" not in text
