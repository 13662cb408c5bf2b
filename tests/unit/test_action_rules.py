"""The action's pure rules: inputs, what fails a job, annotations."""

import itertools

import pytest
from making import bisect_report, check_report, step

from bisect_cache.action.annotations import annotated
from bisect_cache.action.failing import exit_code
from bisect_cache.action.inputs import BadInput, Choices, Inputs, Posting, read_inputs, read_posting
from bisect_cache.cache.drift import Finding
from bisect_cache.judge.thresholds import Threshold
from bisect_cache.report.sections import joined
from bisect_cache.report.structs import CheckpointFacts, Section
from bisect_cache.worker.process import Limits

DEFAULT = frozenset({"regression", "drift", "inconclusive"})


def inputs(**given: str) -> Inputs:
    return read_inputs(lambda name: given.get(name.replace("-", "_"), ""))


def test_no_inputs_at_all_are_the_defaults() -> None:
    read = inputs()
    assert (read.mode, read.caches, read.timeline, read.fail_on) == ("bisect", ("embedded",), (), DEFAULT)
    assert read.thresholds == (Threshold("plcc", ">=", 0.85),)
    assert str(read.report) == "bisect-cache-report.json"
    assert read.choices == Choices(None, "auto", "auto", "quality", by_content=False)


def test_how_models_are_judged_is_read_in_capitals_and_among_spaces_too() -> None:
    read = inputs(baseline=" v1.2 \n", strategy=" Scan", decision="INTERVAL", predicts="target ", by_content="True")
    assert read.choices == Choices("v1.2", "scan", "interval", "target", by_content=True)


def test_limits_are_seconds_and_mebibytes() -> None:
    assert inputs().choices.limits == Limits(60.0, 8 << 30)
    assert inputs(time_limit=" 2.5 ", memory_limit="0").choices.limits == Limits(2.5, 0)
    assert inputs(memory_limit="1024").choices.limits == Limits(60.0, 1 << 30)


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


def posting(**given: str) -> Posting:
    return read_posting(lambda name: given.get(name.replace("-", "_"), ""))


def test_a_comment_is_always_there_unless_the_workflow_says_otherwise() -> None:
    assert posting() == Posting("always", "default", None, regressions=False)
    assert posting(comment=" On-Failure ").comment == "on-failure"


@pytest.mark.parametrize(
    ("text", "tracking"),
    [
        ("", None),
        ("false", None),
        ("true", "bisect-cache: nightly"),
        ("17", 17),
        ("#17", 17),
        ("Models at night", "Models at night"),
        ("x\ny", "x y"),
    ],
)
def test_a_tracking_issue_is_a_number_or_a_title(text: str, tracking: int | str | None) -> None:
    assert posting(tracking_issue=text).tracking == tracking


def test_a_token_is_never_shown() -> None:
    assert "s3cr3t" not in repr(posting(github_token="s3cr3t"))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"comment": "sometimes"}, "input 'comment' is 'sometimes'; it can be always or on-failure or never"),
        ({"key": "k" * 101}, "input 'key' has 101 characters"),
        ({"tracking_issue": "t" * 201}, "input 'tracking-issue' has 201 characters"),
        ({"regression_issues": "yes"}, "input 'regression-issues' is 'yes'; it can be true or false"),
    ],
)
def test_a_bad_wish_is_named(given: dict[str, str], words: str) -> None:
    with pytest.raises(BadInput) as refused:
        posting(**given)
    assert words in str(refused.value)


def test_caches_are_lines_and_each_is_named_once() -> None:
    assert inputs(cache="embedded\n\n quality/cache ").caches == ("embedded", "quality/cache")
    with pytest.raises(BadInput, match="names 'a' twice"):
        inputs(cache="a\nb\na")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"mode": "chek"}, "input 'mode' is 'chek'; it can be check or bisect or publish"),
        ({"thresholds": "plcc >= "}, "input 'thresholds': threshold 'plcc >=', position 8"),
        ({"fail_on": "regresion"}, "input 'fail-on' holds 'regresion'"),
        ({"fail_on": "never, drift"}, "'never' stands alone"),
        ({"strategy": "linear"}, "input 'strategy' is 'linear'; it can be auto or bisect or scan"),
        ({"decision": "p-value"}, "input 'decision' is 'p-value'; it can be auto or point or interval"),
        ({"predicts": "mos"}, "input 'predicts' is 'mos'; it can be quality or target"),
        ({"by_content": "yes"}, "input 'by-content' is 'yes'; it can be true or false"),
        ({"thresholds": "plcc >= base - 1"}, "'base' is no number"),
        ({"time_limit": "a minute"}, "input 'time-limit' is 'a minute'; it is a number"),
        ({"time_limit": "0"}, "input 'time-limit' is 0; a model may take more than 0"),
        ({"time_limit": "nan"}, "input 'time-limit' is nan"),
        ({"time_limit": "1e9"}, "at most 86,400 s"),
        ({"memory_limit": "-1"}, "input 'memory-limit' is -1; it can be 0 (no limit) to 16,777,216 MiB"),
        ({"memory_limit": "1.5"}, "input 'memory-limit' is 1.5"),
        ({"feeding": "/etc/fed.toml"}, "input 'feeding' is '/etc/fed.toml', which is not in the workspace"),
        ({"memory_limit": "inf"}, "input 'memory-limit' is inf"),
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
        ("regression", "clean", {"drift"}, 0),
        ("inconclusive", "clean", DEFAULT, 2),
        ("inconclusive", "drift", DEFAULT, 1),
        ("inconclusive", "clean", {"regression"}, 0),
        ("wiring-broke", "clean", {"regression"}, 2),
        ("non-monotone", "clean", DEFAULT, 1),
        ("non-monotone", "clean", {"regression"}, 1),
        ("non-monotone", "clean", {"drift", "inconclusive"}, 0),
        ("head-bad", "clean", {"regression"}, 1),
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


def test_a_regression_that_is_over_is_an_error_too() -> None:
    (shown,) = annotated(bisect_report("non-monotone", check=check_report()), ["c"])
    assert (shown.level, shown.title) == ("error", "bisect-cache: models got worse and better again")


def test_an_uncertain_model_is_no_broken_one() -> None:
    unsure = bisect_report("no-regression", first_bad=None, steps=(step(0), step(1, "uncertain"), step(2)))
    assert annotated(unsure, ["c"]) == []


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


REGRESSED = bisect_report(first_bad=CheckpointFacts(1, "model_01", {"file": "models/b.onnx"}))


def test_a_regression_stands_on_the_file_of_its_model() -> None:
    assert annotated(REGRESSED, ["c"])[0].file == "models/b.onnx"


@pytest.mark.parametrize("file", ["/etc/passwd", "../b.onnx", "a/../../b.onnx", ""])
def test_a_file_outside_the_workspace_is_no_place_for_an_annotation(file: str) -> None:
    outside = bisect_report(first_bad=CheckpointFacts(1, "model_01", {"file": file}))
    assert annotated(outside, ["c"])[0].file is None


def test_a_model_that_cannot_be_judged_is_a_warning_on_its_file() -> None:
    broken = step(1, "untestable", reason="it predicts NaN", origin={"file": "models/n.onnx"})
    (shown,) = annotated(bisect_report("no-regression", first_bad=None, steps=(step(0), broken, step(2))), ["c"])
    assert (shown.level, shown.file, shown.message) == ("warning", "models/n.onnx", "model_01: it predicts NaN")


def test_what_does_not_fail_the_job_is_no_error() -> None:
    drifted = bisect_report(check=check_report("drift", findings=findings(1, "error")))
    assert {shown.level for shown in annotated(drifted, ["c"], fails=False)} == {"warning"}


def several(real: str = "no-regression", smoke: str = "no-regression"):
    return joined(
        [
            Section("embedded", smoke=True, report=bisect_report(smoke, first_bad=None)),
            Section("quality/cache", smoke=False, report=bisect_report(real)),
        ]
    )


def test_several_caches_are_annotated_each_on_its_own_files() -> None:
    report = joined(
        [
            Section("one", smoke=False, report=check_report("drift", findings=findings(1, "error"))),
            Section("embedded", smoke=False, report=check_report("drift", findings=findings(1, "error"))),
        ]
    )
    assert [shown.file for shown in annotated(report, ["one", "embedded"])] == ["one/models/m0.onnx", None]


def test_a_smoke_test_that_failed_is_annotated_as_wiring() -> None:
    shown = annotated(several(smoke="regression"), ["embedded", "quality/cache"])
    assert [note.title for note in shown] == ["bisect-cache: the wiring broke"]


@pytest.mark.parametrize(
    ("real", "smoke", "fail_on", "code"),
    [
        ("no-regression", "no-regression", DEFAULT, 0),
        ("regression", "no-regression", DEFAULT, 1),
        ("regression", "no-regression", {"drift"}, 0),
        ("inconclusive", "no-regression", DEFAULT, 2),
        ("no-regression", "regression", {"drift"}, 2),
        ("regression", "regression", DEFAULT, 2),
        ("wiring-broke", "no-regression", {"regression"}, 2),
        ("regression", "regression", {"never"}, 0),
    ],
)
def test_what_fails_a_job_over_several_caches(real: str, smoke: str, fail_on, code: int) -> None:
    assert exit_code(several(real, smoke), frozenset(fail_on)) == code
