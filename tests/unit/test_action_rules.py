"""The action's pure rules: inputs, what fails a job, annotations."""

import itertools

import pytest
from making import bisect_report, check_report

from bisect_cache.action.annotations import annotated
from bisect_cache.action.failing import exit_code
from bisect_cache.action.inputs import BadInput, Inputs, read_inputs
from bisect_cache.cache.drift import Finding
from bisect_cache.judge.thresholds import Threshold

DEFAULT = frozenset({"regression", "drift", "inconclusive"})


def inputs(**given: str) -> Inputs:
    return read_inputs(lambda name: given.get(name.replace("-", "_"), ""))


def test_no_inputs_at_all_are_the_defaults() -> None:
    read = inputs()
    assert (read.mode, read.caches, read.timeline, read.fail_on) == ("bisect", ("embedded",), (), DEFAULT)
    assert read.thresholds == (Threshold("plcc", ">=", 0.85),)
    assert str(read.report) == "bisect-cache-report.json"


def test_words_may_be_in_capitals_and_among_spaces() -> None:
    read = inputs(mode=" Check ", fail_on=" Regression  DRIFT,", report=" r.json\n", cache=" c ")
    assert (read.mode, read.fail_on, str(read.report), read.caches) == (
        "check",
        {"regression", "drift"},
        "r.json",
        ("c",),
    )


def test_lines_become_several_thresholds_and_specs() -> None:
    read = inputs(thresholds="plcc >= 0.8\n\nrmse <= 2\n", timeline=" files:a.onnx \nfiles:b.onnx")
    assert [str(threshold) for threshold in read.thresholds] == ["plcc >= 0.8", "rmse <= 2"]
    assert read.timeline == ("files:a.onnx", "files:b.onnx")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"mode": "chek"}, "input 'mode' is 'chek'; it can be check or bisect or publish"),
        ({"thresholds": "plcc >= "}, "input 'thresholds': threshold 'plcc >=', position 8"),
        ({"fail_on": "regresion"}, "input 'fail-on' holds 'regresion'"),
        ({"fail_on": "never, drift"}, "'never' stands alone"),
    ],
)
def test_a_bad_input_is_named(given: dict[str, str], words: str) -> None:
    with pytest.raises(BadInput) as refused:
        inputs(**given)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("outcome", "check", "fail_on", "code"),
    [
        ("no-regression", "clean", DEFAULT, 0),
        ("no-regression", "writer-drift", DEFAULT, 0),
        ("no-regression", "drift", DEFAULT, 1),
        ("no-regression", "drift", {"regression"}, 0),
        ("no-regression", "drift", {"writer-drift"}, 1),
        ("no-regression", "wiring-broke", {"regression"}, 2),
        ("regression", "clean", DEFAULT, 1),
        ("head-bad", "clean", DEFAULT, 1),
        ("non-monotone", "clean", DEFAULT, 1),
        ("regression", "clean", {"drift"}, 0),
        ("inconclusive", "clean", DEFAULT, 2),
        ("inconclusive", "drift", DEFAULT, 1),
        ("inconclusive", "clean", {"regression"}, 0),
        ("wiring-broke", "clean", {"regression"}, 2),
    ],
)
def test_what_fails_a_job(outcome: str, check: str, fail_on, code: int) -> None:
    assert exit_code(bisect_report(outcome, check=check_report(check)), frozenset(fail_on)) == code


@pytest.mark.parametrize(
    ("outcome", "check"),
    list(itertools.product(["regression", "inconclusive", "wiring-broke", "no-regression"], ["clean", "drift"])),
)
def test_never_fails_nothing(outcome: str, check: str) -> None:
    assert exit_code(bisect_report(outcome, check=check_report(check)), frozenset({"never"})) == 0


def findings(count: int, severity: str, kind: str = "values") -> tuple[Finding, ...]:
    return tuple(Finding(f"models/m{index}.onnx", kind, severity, f"d{index}") for index in range(count))  # type: ignore[arg-type]


def test_findings_stand_on_their_file_worst_first() -> None:
    report = check_report("drift", findings=findings(1, "notice", "writer") + findings(1, "error"))
    shown = annotated(report, ["caches/real"])
    assert [(note.level, note.file) for note in shown] == [
        ("error", "caches/real/models/m0.onnx"),
        ("notice", "caches/real/models/m0.onnx"),
    ]
    assert [note.title for note in shown] == ["bisect-cache: drift (values)", "bisect-cache: writer"]


def test_the_embedded_cache_has_no_file_to_stand_on() -> None:
    assert annotated(check_report("drift", findings=findings(1, "error")), ["embedded"])[0].file is None


def test_each_level_shows_ten_and_counts_the_rest() -> None:
    shown = annotated(check_report("drift", findings=findings(25, "error") + findings(11, "warning")), ["c"])
    assert [note.level for note in shown] == ["error"] * 10 + ["warning"] * 10
    assert shown[9].title == "bisect-cache: 16 more"
    assert shown[19].title == "bisect-cache: 2 more"


def test_a_regression_is_one_error_before_all_drift() -> None:
    shown = annotated(bisect_report(check=check_report("drift", findings=findings(2, "error"))), ["c"])
    assert shown[0].title == "bisect-cache: a model regressed"
    assert shown[0].message == "model_01 is the first regressing model."


def test_a_green_run_annotates_nothing() -> None:
    assert annotated(bisect_report("no-regression", check=check_report()), ["c"]) == []


def test_no_message_is_longer_than_github_shows() -> None:
    report = check_report("drift", findings=(Finding("f", "values", "error", "x" * 10_000),))
    assert len(annotated(report, ["c"])[0].message) == 4096
    assert len(annotated(bisect_report(verdict="x" * 10_000), ["c"])[0].message) == 4096


def test_drift_speaks_through_its_findings_alone() -> None:
    assert len(annotated(check_report("drift", findings=findings(1, "error")), ["c"])) == 1


def test_ten_of_a_level_are_all_shown() -> None:
    shown = annotated(check_report("drift", findings=findings(10, "error")), ["c"])
    assert [note.message for note in shown] == [f"d{index}" for index in range(10)]
