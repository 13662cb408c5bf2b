"""The answers of whole runs where others answer wrong, and what each strategy sees. Models are real ONNX files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from judging import bisect, noisy_cache_at, timeline_at, verdicts_at
from making import linear

GATE = ("--threshold", "plcc >= 0.8")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    noisy_cache_at(folder / "c", rows=64, contents=16)
    return folder


@pytest.fixture
def here(place: Path, tmp_path: Path) -> Path:
    (tmp_path / "c").symlink_to(place / "c")
    return tmp_path


def test_a_model_that_predicts_nan_before_good_ones_is_not_blamed(here: Path) -> None:
    verdicts_at(here / "m", "gggnggbb")
    ran = bisect(here, *GATE)
    assert (ran.code, ran.outcome, ran.first_bad, ran.letters) == (1, "regression", "m_06", "gggxggbb")
    assert ran.report["last_good"]["label"] == "m_05"
    assert ran.steps["m_03"]["reason"].startswith("predicts NaN or infinity for 64 of 64 rows")
    assert "m_06 (model 7 of 8) is the first regressing model" in ran.said


def test_a_model_in_the_middle_that_does_not_load_leaves_a_report_and_the_right_answer(here: Path) -> None:
    verdicts_at(here / "m", "gggxxgbb")
    ran = bisect(here, *GATE)
    assert (ran.code, ran.outcome, ran.first_bad, ran.letters) == (1, "regression", "m_06", "gggxxgbb")
    assert "ONNX Runtime refuses it" in ran.steps["m_03"]["reason"]


@pytest.mark.parametrize("broken", ["n", "x"])
def test_a_broken_model_between_good_and_bad_is_one_of_those_that_may_be_to_blame(here: Path, broken: str) -> None:
    verdicts_at(here / "m", f"ggg{broken}bb")
    ran = bisect(here, *GATE)
    assert (ran.code, ran.outcome, ran.first_bad) == (2, "inconclusive", None)
    assert [one["label"] for one in ran.report["candidates"]] == ["m_03", "m_04"]
    assert "is not known: it is one of these 2" in ran.verdict


@pytest.mark.parametrize("strategy", ["auto", "scan"])
def test_a_recovery_between_two_regressions_is_seen(here: Path, strategy: str) -> None:
    verdicts_at(here / "m", "ggbbggbb")
    ran = bisect(here, *GATE, "--strategy", strategy)
    assert (ran.code, ran.outcome, ran.first_bad, ran.letters) == (1, "non-monotone", "m_02", "ggbbggbb")
    crossings = [(one["kind"], one["before"], one["after"]) for one in ran.report["crossings"]]
    assert crossings == [("regression", 1, 2), ("recovery", 3, 4), ("regression", 5, 6)]
    assert "it recovers at m_04 (PLCC " in ran.verdict
    assert "regresses again at m_06 (PLCC " in ran.verdict


def test_a_dip_between_two_good_ends_is_no_green(here: Path) -> None:
    verdicts_at(here / "m", "ggbbbgggg")
    found = {strategy: bisect(here, *GATE, "--strategy", strategy) for strategy in ("auto", "scan", "bisect")}
    for strategy in ("auto", "scan"):
        ran = found[strategy]
        assert (ran.code, ran.outcome, ran.first_bad, ran.letters) == (1, "non-monotone", "m_02", "ggbbbgggg")
        assert ran.report["proven"]
        assert "the newest, m_08, is good" in ran.verdict
        assert ran.verdict.endswith("Proven over all 9 models.")
    assert found["auto"].verdict == found["scan"].verdict
    few = found["bisect"]
    assert (few.code, few.outcome, few.report["proven"]) == (0, "no-regression", False)
    assert list(few.steps) == ["m_00", "m_08"]
    assert few.verdict.startswith("No regression between the ends: m_00 and m_08 are good")
    assert few.verdict.endswith("2 of 9 models seen.")


def test_without_a_time_budget_only_what_bisecting_needs_is_looked_at(here: Path) -> None:
    verdicts_at(here / "m", "g" * 11 + "b" * 6)
    hasty, few = (bisect(here, *GATE, *more) for more in (("--time-budget", "0"), ("--strategy", "bisect")))
    assert (hasty.code, hasty.first_bad, hasty.verdict) == (1, "m_11", few.verdict)
    assert [step["index"] for step in hasty.report["steps"]] == [step["index"] for step in few.report["steps"]]
    assert hasty.report["evaluations"] <= 6
    assert hasty.verdict.endswith(f"{hasty.report['evaluations']} of 17 models seen.")
    assert "--time-budget 0" in hasty.report["reproduce"]


def about_the_gate(gate: float, step: float, first_bad: int, count: int, seed: int) -> list[tuple[float, ...]]:
    """Weights of models that are half a step above ``gate``, then below it: on all clips that there could be.

    The mean of five features has the correlation r with the target: the one part of the target that features explain.
    A model at an angle to it has r cos(angle).
    """
    rng = np.random.default_rng(seed)
    mean = np.array([1, 1, 1, 1, 1, 0]) / 5**0.5
    r = (0.2 / 12 / (0.2 / 12 + 2 * 0.05**2)) ** 0.5
    made = []
    for index in range(count):
        beside = rng.normal(size=6)
        beside -= beside @ mean * mean
        cosine = (gate + (-step if index >= first_bad else step) / 2) / r
        weights = cosine * mean + (1 - cosine**2) ** 0.5 * beside / np.linalg.norm(beside)
        made.append(tuple(weights.astype(float)))
    return made


def test_a_step_within_the_noise_is_flagged_and_no_wrong_model_is_blamed(tmp_path: Path) -> None:
    """64 rows: the standard deviation of a PLCC of 0.7 is (1 - 0.7^2) / sqrt(64); the step is one such."""
    by_value = []
    for seed in range(6):
        here = tmp_path / str(seed)
        noisy_cache_at(here / "c", rows=64, contents=None, seed=seed)
        timeline_at(here / "m", [linear(weights) for weights in about_the_gate(0.7, (1 - 0.7**2) / 8, 6, 12, seed)])
        few = bisect(here, "--threshold", "plcc >= 0.7", "--strategy", "bisect")
        by_value.append((few.outcome, few.first_bad))
        ran = bisect(here, "--threshold", "plcc >= 0.7", "--decision", "interval")
        assert (ran.outcome, ran.first_bad) == ("inconclusive", None), "no model is blamed"
        assert ran.letters.count("u") >= 6
        reasons = [step["reason"] for step in ran.steps.values() if step["verdict"] == "uncertain"]
        assert all("rows would tell" in reason or "will hardly tell" in reason for reason in reasons)
    assert by_value.count(("regression", "m_06")) <= 3, "by the value alone, most answers are wrong and none is flagged"
