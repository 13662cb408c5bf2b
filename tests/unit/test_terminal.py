"""What a person sees in a terminal: the worst first, cut with a count, and nothing that a terminal obeys."""

import io

from making import bisect_report, check_report, step
from rich.console import Console

from bisect_cache.cache.drift import Finding
from bisect_cache.report.structs import BisectReport, CheckpointFacts, CheckReport
from bisect_cache.report.terminal import show_bisect, show_check

NASTY = "a\x1b[31m\r[bold]b"


def seen(report: BisectReport | CheckReport) -> list[str]:
    console = Console(file=io.StringIO(), width=160, highlight=False)
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


def test_of_many_steps_those_around_the_verdict_are_shown_and_the_others_counted() -> None:
    steps = tuple(step(index, "untestable") for index in range(500))
    lines = seen(bisect_report(steps=steps, first_bad=CheckpointFacts(400, "model_400")))
    assert any(" model_400 " in line for line in lines)
    assert not any(" model_00 " in line for line in lines)
    assert any(line.startswith("… and 440 models farther from the verdict") for line in lines)
