"""Thresholds relative to a baseline or to the model before, and verdicts by the interval: whole runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import bisect, command, noisy_cache_at, timeline_at, weaker
from making import constant, save
from making_history import History

FALLS = (0.0, 0.05, 0.4)
"""PLCC 0.873, 0.867 and 0.626: the second cannot be told from the first by 0.02, the third can."""
RELATIVE = ("--threshold", "plcc >= baseline - 0.02")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return noisy_cache_at(tmp_path_factory.mktemp("cache") / "c")


@pytest.fixture
def here(cache: Path, tmp_path: Path) -> Path:
    (tmp_path / "c").symlink_to(cache)
    return tmp_path


def models(folder: Path, *noises: float) -> Path:
    timeline_at(folder / "m", [weaker(noise) for noise in noises])
    return folder


def test_the_baseline_is_the_first_model(here: Path) -> None:
    ran = bisect(models(here, *FALLS), *RELATIVE)
    assert (ran.code, ran.outcome, ran.first_bad, ran.letters) == (1, "regression", "m_02", "ggb")
    baseline, first = ran.report["baseline"], ran.steps["m_00"]
    assert (baseline["index"], baseline["label"], baseline["metrics"]) == (0, "m_00", first["metrics"])
    assert first["thresholds"] == [
        {"threshold": RELATIVE[1], "value": 0.0, "interval": None, "verdict": "good", "times": None}
    ]
    beside = ran.steps["m_02"]["thresholds"][0]
    assert beside["value"] == pytest.approx(ran.steps["m_02"]["metrics"]["plcc"] - first["metrics"]["plcc"])
    low, high = beside["interval"]
    assert low < beside["value"] < high < -0.02
    assert f"{beside['value']:+.4f} [{low:+.4f}, {high:+.4f}] beside baseline" in ran.verdict


def test_a_first_model_that_cannot_be_judged_is_no_baseline_and_that_is_said(here: Path) -> None:
    timeline_at(here / "m", [constant(1), weaker(0), weaker(0.4)])
    ran = bisect(here, *RELATIVE)
    assert (ran.code, ran.first_bad, ran.letters) == (1, "m_02", "xgb")
    assert (ran.report["baseline"]["index"], ran.report["baseline"]["label"]) == (1, "m_01")
    assert "the baseline is m_01, the first model that can be judged" in ran.report["notes"]


@pytest.mark.parametrize("name", ["m_01", "m_01.onnx", "m/m_01.onnx"])
def test_a_baseline_is_named_by_its_label_or_its_file(here: Path, name: str) -> None:
    ran = bisect(models(here, 0.4, 0.0, 0.05, 0.4), *RELATIVE, "--baseline", name)
    assert (ran.code, ran.outcome, ran.letters) == (1, "head-bad", "bggb")
    assert ran.report["baseline"]["label"] == "m_01"
    assert f"--baseline {name}" in ran.report["reproduce"]


def test_a_baseline_is_named_by_its_tag_or_its_commit(here: Path) -> None:
    history = History(here / "repository")
    commits = []
    for number, noise in enumerate((0.05, 0.4, 0.0, 0.06)):
        history.put("model.onnx", weaker(noise).SerializeToString())
        commits.append(history.commit(f"train {number}"))
        history.tag(f"v{number}")
    for timeline, name in (
        ("tags:model.onnx", "v1"),
        ("git-log:model.onnx", "v1"),
        ("git-log:model.onnx", commits[1][:9]),
        ("tags:model.onnx", commits[1]),
    ):
        options = ("--cache", "../c", "--timeline", timeline, "--threshold", "plcc >= baseline + 0.1")
        ran = command("bisect", *options, "--baseline", name, "--json", "report.json", cwd=here / "repository")
        assert (ran.code, ran.letters) == (0, "gggg"), ran.told
        assert ran.report["baseline"]["origin"]["commit"] == commits[1]


def test_a_baseline_may_lie_outside_the_timeline(here: Path) -> None:
    save(weaker(0.4), here / "shipped" / "best.onnx")
    ran = bisect(models(here, *FALLS), "--threshold", "plcc > baseline", "--baseline", "shipped/best.onnx")
    assert ran.report["baseline"]["index"] is None
    assert ran.report["baseline"]["metrics"] == ran.steps["m_02"]["metrics"]
    # The same file as a model of the timeline, but no part of it: it is not better than itself.
    assert (ran.code, ran.first_bad, ran.letters) == (1, "m_02", "ggb")


def test_a_baseline_that_there_is_none_of_is_refused_with_what_there_is(here: Path) -> None:
    ran = bisect(models(here, *FALLS), *RELATIVE, "--baseline", "m_10")
    assert (ran.code, ran.outcome) == (2, "wiring-broke")
    assert "baseline 'm_10' is no label, tag, commit or file of the timeline, and no model file; it has m_0" in ran.told
    odd = bisect(here, *RELATIVE, "--baseline", "best")
    assert "it has m_00, m_01, m_02" in odd.told


def test_a_baseline_that_cannot_be_judged_breaks_the_run_and_says_why(here: Path) -> None:
    timeline_at(here / "m", [weaker(0), constant(2), weaker(0.4)])
    ran = bisect(here, *RELATIVE, "--baseline", "m_01")
    assert (ran.code, ran.outcome, ran.report["steps"]) == (2, "wiring-broke", [])
    assert "the baseline m_01 cannot be judged (predicts 2 for every row: a constant has no correlation)" in ran.told


def test_without_a_relative_threshold_a_baseline_is_only_what_is_named(here: Path) -> None:
    models(here, *FALLS)
    assert bisect(here).report["baseline"] is None
    assert bisect(here, "--baseline", "m_01").report["baseline"]["label"] == "m_01"


def test_each_step_down_is_found_whatever_is_known_of_levels(here: Path) -> None:
    timeline_at(here / "m", [weaker(noise) for noise in (0.0, 0.01, 0.2, 0.21)] + [constant(1), weaker(0.8)])
    ran = bisect(here, "--threshold", "plcc >= previous - 0.02")
    assert (ran.code, ran.outcome, ran.first_bad, ran.letters) == (1, "regression", "m_02", "ggbgxb")
    assert [(one["kind"], one["after"]) for one in ran.report["crossings"]] == [("regression", 2), ("regression", 5)]
    assert "Worse than the one before it, too: m_05." in ran.verdict
    assert ran.verdict.endswith("6 of 6 models seen."), "a model that cannot be judged proves nothing"
    fell = ran.steps["m_05"]["thresholds"][0]["value"]
    assert fell == pytest.approx(ran.steps["m_05"]["metrics"]["plcc"] - ran.steps["m_03"]["metrics"]["plcc"])


def test_steps_cannot_be_bisected_for(here: Path) -> None:
    ran = bisect(models(here, *FALLS), "--threshold", "plcc >= previous - 0.02", "--strategy", "bisect")
    assert (ran.code, ran.outcome) == (2, "wiring-broke")
    assert "leave --strategy bisect out" in ran.told


def test_steps_beside_levels_are_bisected_for(here: Path) -> None:
    gates = ("--threshold", "plcc >= previous - 0.02", "--threshold", "plcc >= 0.5")
    ran = bisect(models(here, *FALLS), *gates, "--strategy", "bisect")
    assert (ran.code, ran.first_bad) == (1, "m_02")


def test_every_threshold_that_does_not_hold_is_named_with_its_reference(here: Path) -> None:
    gates = ("plcc >= 0.9", "rmse >= 0", "srocc > 0.8", "plcc >= baseline * 0.9", "plcc >= previous - 0.1")
    ran = bisect(models(here, *FALLS), *(word for gate in gates for word in ("--threshold", gate)))
    reason = ran.steps["m_02"]["reason"]
    for words in ("plcc >= 0.9 does not hold;", "srocc > 0.8 does not hold;", "beside 0.9 times baseline"):
        assert words in reason
    assert reason.endswith("beside previous")
    first, second, last = (ran.steps[f"m_0{index}"]["metrics"]["plcc"] for index in range(3))
    values = [one["value"] for one in ran.steps["m_02"]["thresholds"]]
    assert values[3:] == pytest.approx([last - 0.9 * first, last - second])
    assert "rmse" not in reason


@pytest.mark.parametrize(("contents", "unit"), [(32, "content"), (None, "row")])
def test_a_newest_model_that_is_uncertain_is_no_green_and_what_would_tell_is_said(
    tmp_path: Path, contents: int | None, unit: str
) -> None:
    noisy_cache_at(tmp_path / "c", contents=contents, rows=256)
    ran = bisect(models(tmp_path, 0.0, 0.05, 0.1), *RELATIVE)
    assert (ran.code, ran.outcome, ran.first_bad, ran.letters) == (2, "inconclusive", None, "ggu")
    assert ran.report["last_good"]["label"] == "m_01"
    assert [one["label"] for one in ran.report["candidates"]] == ["m_02"]
    one = ran.steps["m_02"]["thresholds"][0]
    assert one["interval"][0] < -0.02 < one["interval"][1]
    units = ran.report["sampling"]["units"]
    assert units == (contents or 256)
    more = next(int(word) for word in ran.verdict.replace(",", "").split("about ")[1].split() if word.isdigit())
    assert more == pytest.approx(units * (one["times"] - 1), abs=1)
    assert f"more {unit}s would tell" in ran.verdict
    alone = any("takes every row" in note or "take every row" in note for note in ran.report["notes"])
    assert alone == (contents is None), "rows of one clip are not independent, and nobody says which these are"


def test_an_uncertain_model_between_good_and_bad_is_one_of_those_that_may_be_to_blame(here: Path) -> None:
    ran = bisect(models(here, 0.0, 0.05, 0.1, 0.15, 0.4), *RELATIVE)
    assert (ran.code, ran.outcome, ran.first_bad, ran.letters) == (2, "inconclusive", None, "ggubb")
    assert [one["label"] for one in ran.report["candidates"]] == ["m_02", "m_03"]
    assert "it is one of these 2: m_02 (uncertain), m_03 (bad)" in ran.verdict


def test_an_absolute_threshold_is_decided_by_the_value_unless_the_interval_is_asked_for(here: Path) -> None:
    models(here, 0.0, 0.08, 0.12, 0.4)
    by_value = bisect(here, "--threshold", "plcc >= 0.85")
    assert (by_value.code, by_value.first_bad, by_value.letters) == (1, "m_02", "ggbb")
    by_interval = bisect(here, "--threshold", "plcc >= 0.85", "--decision", "interval")
    assert (by_interval.code, by_interval.outcome, by_interval.letters) == (2, "inconclusive", "uuub")
    assert by_interval.first_bad is None, "any of the uncertain ones may be bad, and any good"
    assert by_interval.verdict.startswith("No model before m_03 is good beyond doubt, and it is bad")
    for step in by_interval.steps.values():
        (low, high), verdict = step["intervals"]["plcc"], step["verdict"]
        assert verdict == ("good" if low >= 0.85 else "bad" if high < 0.85 else "uncertain")
    by_point = bisect(here, *RELATIVE, "--decision", "point")
    assert by_point.letters == "ggbb"


def test_a_relative_threshold_under_what_can_be_told_is_said_to_be_so(here: Path) -> None:
    models(here, 0.0, 0.05, 0.06)
    fine = bisect(here, "--threshold", "plcc >= baseline - 0.001")
    drop = fine.report["detectable"]["plcc"]
    assert 0.001 < drop < 0.02
    (note,) = [note for note in fine.report["notes"] if "told from chance" in note]
    assert note.startswith("'plcc >= baseline - 0.001' asks about a drop of 0.0010,")
    assert f"a PLCC drop under {drop:.4f}" in note
    assert not any("told from chance" in note for note in bisect(here, *RELATIVE).report["notes"])


def test_an_interval_cannot_decide_where_there_is_none(here: Path) -> None:
    ran = bisect(models(here, *FALLS), "--decision", "interval", "--resamples", "0")
    assert (ran.code, ran.outcome) == (2, "wiring-broke")
    assert "--decision interval needs resamples: leave --resamples 0 out" in ran.told


def test_fewer_resamples_than_an_interval_can_be_had_from_are_refused(here: Path) -> None:
    ran = bisect(models(here, *FALLS), "--resamples", "99")
    assert (ran.code, ran.outcome) == (2, "wiring-broke")
    assert "from fewer than 100 resamples" in ran.told
    assert bisect(here, "--resamples", "100").steps["m_00"]["intervals"]["plcc"]


@pytest.mark.parametrize(("contents", "said"), [(5, True), (6, False)])
def test_few_contents_are_said_to_make_uncertain_intervals(tmp_path: Path, contents: int, said: bool) -> None:
    noisy_cache_at(tmp_path / "c", rows=60, contents=contents)
    notes = bisect(models(tmp_path, *FALLS)).report["notes"]
    assert any(note.startswith("only 5 contents: intervals of so few are wide") for note in notes) == said


def test_without_resamples_the_value_decides_and_nothing_is_said_of_chance(here: Path) -> None:
    ran = bisect(models(here, 0.0, 0.05, 0.1), *RELATIVE, "--resamples", "0")
    assert (ran.code, ran.first_bad, ran.letters) == (1, "m_02", "ggb")
    assert (ran.report["sampling"], ran.report["detectable"]) == (None, {})
    assert all(step["intervals"] == {} for step in ran.steps.values())


def test_intervals_are_those_of_the_seed_and_the_confidence_that_were_asked_for(here: Path) -> None:
    models(here, 0.0, 0.05)
    usual, again, other, wide = (
        bisect(here, *options) for options in ((), (), ("--seed", "7"), ("--confidence", "0.99", "--resamples", "500"))
    )
    ends = [ran.steps["m_01"]["intervals"]["plcc"] for ran in (usual, again, other, wide)]
    assert ends[0] == ends[1]
    assert ends[0] != ends[2]
    assert ends[0] == pytest.approx(ends[2], abs=0.01)
    assert ends[3][0] < ends[0][0] < ends[0][1] < ends[3][1]
    assert (wide.report["sampling"]["confidence"], wide.report["sampling"]["resamples"]) == (0.99, 500)
    assert all(word in wide.report["reproduce"] for word in ("--confidence 0.99", "--resamples 500"))
