"""What a person sees in a terminal: the worst first, cut with a count, and nothing that a terminal obeys."""

import io
import re

from arbitrary import READ_REPORTS
from hypothesis import given, settings
from hypothesis import strategies as st
from making import bisect_report, check_report, step
from rich.console import Console

from bisect_cache.cache.drift import Finding
from bisect_cache.report.sections import check_of, sections_of
from bisect_cache.report.structs import BisectReport, CheckpointFacts, CheckReport, Report
from bisect_cache.report.terminal import show_bisect, show_check

NASTY = "a\x1b[31m\r[bold]b"


def seen(report: BisectReport | CheckReport, width: int = 160) -> list[str]:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    if isinstance(report, BisectReport):
        show_bisect(report, console)
    else:
        show_check(report, console)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


def test_findings_stand_worst_first_and_those_left_out_are_counted() -> None:
    notices = tuple(Finding(f"models/m{index}.onnx", "writer", "notice", "other bytes") for index in range(64))
    lines = seen(check_report("drift", findings=(*notices, Finding("models/worst.onnx", "weights", "error", "other"))))
    assert lines[1].split() == ["models/worst.onnx", "weights", "error", "other"]
    assert lines[-1].startswith("… and 5 more findings")
    assert not any("more findings" in line for line in seen(check_report("drift", findings=notices[:60])))


def test_steps_stand_in_the_order_of_the_timeline() -> None:
    looked = (0, 19, 9, 14, 11, 12, 13, 10, 8, 7)
    lines = seen(bisect_report(steps=tuple(step(index) for index in looked)))
    numbers = [line.split()[0] for line in lines if " model_" in line]
    assert numbers == [str(index) for index in sorted(looked)]


def test_nothing_from_a_stranger_reaches_the_terminal_raw() -> None:
    bisected = bisect_report(steps=(step(0, label=NASTY, notes=(NASTY,)), step(1, "bad", reason=NASTY)), notes=(NASTY,))
    checked = check_report("drift", findings=(Finding(NASTY, "values", "error", NASTY),))
    for report in (bisected, checked):
        text = "\n".join(seen(report))
        assert "\x1b" not in text
        assert "\r" not in text
        assert "[bold]b" in text


@settings(max_examples=30)
@given(READ_REPORTS, st.sampled_from([40, 80, 160]))
def test_any_report_can_be_shown_at_any_width(report: Report, width: int) -> None:
    for section in sections_of(report):
        for one in (section.report, check_of(section.report)):
            if one is not None:
                text = "\n".join(seen(one, width))
                assert all(char.isprintable() or char == "\n" for char in text)


def test_of_many_steps_those_around_the_verdict_are_shown_and_the_others_counted() -> None:
    steps = tuple(step(index, "untestable") for index in range(500))
    lines = seen(bisect_report(steps=steps, first_bad=CheckpointFacts(400, "model_400"), last_good=None))
    shown = [int(line.split()[0]) for line in lines if " model_" in line]
    assert len(shown) == 60
    assert {0, 400, 499} < set(shown)
    assert max(abs(index - 400) for index in set(shown) - {0, 499}) <= 29
    gaps = [int(count) for line in lines for count in re.findall(r"^ *… +(\d+) untestable left out *$", line)]
    assert sum(gaps) == 440
    assert len(gaps) == 2
    assert any(line.startswith("440 models are left out here") for line in lines)


def test_endless_notes_and_texts_are_cut_and_counted() -> None:
    many = tuple(f"note {number}" for number in range(64))
    lines = seen(bisect_report(notes=many, thresholds=("x" * 9000,) * 90))
    assert len([line for line in lines if line.startswith("note: ")]) == 60
    assert any(line.startswith("… and 4 more notes") for line in lines)
    assert sum(len(line) for line in lines if line.startswith(("gate", "x"))) < 4100
    assert not any("more notes" in line for line in seen(bisect_report(notes=many[:60])))
    long = seen(bisect_report(steps=(step(0, reason="y" * 9000, notes=("z" * 9000,)),)))
    assert 590 < sum(line.count("y") for line in long) <= 600


def test_where_all_steps_are_shown_nothing_is_said_to_be_left_out() -> None:
    lines = seen(bisect_report(steps=tuple(step(index) for index in range(60))))
    assert len([line for line in lines if " model_" in line]) == 60
    assert not any("left out" in line for line in lines)


def test_the_good_ones_in_the_middle_give_way_first() -> None:
    steps = tuple(step(index, "bad" if index in (100, 4000) else "good") for index in range(5000))
    report = bisect_report(steps=steps, first_bad=CheckpointFacts(100, "m"), last_good=CheckpointFacts(99, "m"))
    lines = seen(report)
    shown = {int(line.split()[0]) for line in lines if " model_" in line}
    assert {0, 99, 100, 4000, 4999} < shown
    gaps = [int(count) for line in lines for count in re.findall(r"^ *… +(\d+) good left out *$", line)]
    assert len(gaps) == 3
    assert sum(gaps) == 4940


def test_a_narrow_terminal_has_a_column_for_each_metric_that_is_asked_for_once() -> None:
    thresholds = ("plcc >= 0.8", "PLCC < 1", "rmse<=2", "", "nonsense")
    header = next(line for line in seen(bisect_report(thresholds=thresholds), 72) if "verdict" in line)
    assert header.split() == ["#", "model", "verdict", "PLCC", "RMSE", "why"]
