"""Where models turn bad and good again: each with its values, the first marked, the others counted."""

import io

import pytest
from arbitrary import HOSTILE
from as_github import assert_tables_hold, live, page
from making import bisect_report, step
from rich.console import Console

from bisect_cache.crossings import crossings_of
from bisect_cache.report.markdown import COMMENT_LIMIT, comment, summary
from bisect_cache.report.structs import BisectReport, CheckpointFacts
from bisect_cache.report.terminal import show_bisect
from bisect_cache.search import Crossing


def course(verdicts: str, **fields: object) -> BisectReport:
    """A report on models whose verdicts are the letters: good, bad, uncertain; first_bad is the first bad one."""
    words = {"g": "good", "b": "bad", "u": "uncertain"}
    plcc = {"g": 0.9, "b": 0.7, "u": 0.8}
    steps = tuple(
        step(index, words[letter], metrics={"plcc": plcc[letter]}, intervals={"plcc": (0.5, 0.95)})
        for index, letter in enumerate(verdicts)
    )
    crossings = crossings_of({one.index: one.verdict for one in steps})
    bad = verdicts.index("b")
    defaults = {
        "first_bad": CheckpointFacts(bad, f"model_{bad:02d}"),
        "last_good": CheckpointFacts(bad - 1, f"model_{bad - 1:02d}") if bad else None,
        "thresholds": ("plcc >= 0.8",),
    }
    return bisect_report("non-monotone", steps=steps, crossings=crossings, **(defaults | fields))


def listed(report: BisectReport) -> list[str]:
    text = summary(report)
    if "Where models turn:\n" not in text:
        return []
    return text.partition("Where models turn:\n\n")[2].partition("\n\n")[0].splitlines()


def seen(report: BisectReport, width: int = 160) -> list[str]:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    show_bisect(report, console)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined, no-any-return]


def test_each_turn_is_listed_with_its_values_and_the_first_regression_is_marked() -> None:
    report = course("gbbgb")
    assert listed(report) == [
        "- regression (the first): `model_00` → `model_01`, PLCC 0.9000 (0.500 to 0.950) → 0.7000 (0.500 to 0.950)",
        "- recovery: `model_02` → `model_03`, PLCC 0.7000 (0.500 to 0.950) → 0.9000 (0.500 to 0.950)",
        "- regression: `model_03` → `model_04`, PLCC 0.9000 (0.500 to 0.950) → 0.7000 (0.500 to 0.950)",
    ]
    lines = [line.strip() for line in seen(report)]
    at = lines.index("where models turn:")
    assert [line.split("  ")[0] for line in lines[at + 1 : at + 4]] == [
        "regression (the first)",
        "recovery",
        "regression",
    ]
    assert "model_02 -> model_03, PLCC 0.7000 (0.500 to 0.950) -> 0.9000" in lines[at + 2]


def test_one_regression_alone_is_told_by_the_pair_and_needs_no_list() -> None:
    for report in (course("gbb"), bisect_report()):
        assert listed(report) == []
        assert not any("where models turn" in line for line in seen(report))


def test_a_recovery_from_a_bad_oldest_model_is_listed() -> None:
    (line,) = listed(course("bg"))
    assert line.startswith("- recovery: `model_00` → `model_01`")


def test_models_between_two_sides_that_are_neither_are_counted() -> None:
    (line, _) = listed(course("guubg", first_bad=None))
    assert line.startswith("- regression: `model_00` → `model_03`")
    assert line.endswith("; 2 between them undecided")


def test_of_very_many_turns_ten_are_listed_and_the_others_counted() -> None:
    lines = listed(course("gb" * 50))
    assert len(lines) == 11
    assert lines[-1] == "- 89 more turns are left out here; the report has all"
    assert any(line.startswith("… and 89 more turns") for line in seen(course("gb" * 50)))


def test_models_at_a_turn_that_the_report_does_not_have_are_named_by_number() -> None:
    report = bisect_report(crossings=(Crossing("regression", 2**70, 7), Crossing("recovery", 1, 0)))
    assert listed(report) == [
        f"- regression: `model {2**70}` → `model 7`",
        "- recovery: `model_01` → `model_00`, PLCC 0.9000 → 0.9000",
    ]


def test_a_hundred_thousand_turns_leave_a_page_within_its_limit() -> None:
    many = tuple(Crossing("regression", index, index + 1) for index in range(100_000))
    text = comment(bisect_report(crossings=many))
    assert len(text) <= COMMENT_LIMIT
    assert "99990 more turns are left out here" in text


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_breaks_out_of_the_list(name: str) -> None:
    steps = tuple(step(index, verdict, name) for index, verdict in enumerate(("good", "bad", "good")))
    crossings = (Crossing("regression", 0, 1), Crossing("recovery", 1, 2))
    text = comment(bisect_report(steps=steps, crossings=crossings))
    assert_tables_hold(text)
    assert live(text) == []
    assert page(text).tags.count("li") == 2
    assert "\x1b" not in "".join(seen(bisect_report(steps=steps, crossings=crossings)))
