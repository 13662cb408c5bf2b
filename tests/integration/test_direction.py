"""Targets where lower is better: a model of quality passes, one that predicts the target passes where that is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import bisect, noisy_cache_at, timeline_at, weaker

GATE = ("--threshold", "plcc >= 0.8", "--threshold", "srocc >= 0.8", "--threshold", "rmse_mapped <= 0.1")
DMOS = {"direction": "lower-is-better"}


def place(folder: Path, sign: float, **target: object) -> Path:
    """A cache of DMOS, and two models that rise (1) or fall (-1) with quality; the second is much weaker."""
    noisy_cache_at(folder / "c", **target)  # type: ignore[arg-type]
    timeline_at(folder / "m", [weaker(0, sign), weaker(0.6, sign)])
    return folder


def test_a_model_of_quality_passes_on_a_target_where_lower_is_better(tmp_path: Path) -> None:
    ran = bisect(place(tmp_path, 1, **DMOS), *GATE)
    assert (ran.code, ran.outcome, ran.first_bad, ran.letters) == (1, "regression", "m_01", "gb")
    assert ran.steps["m_00"]["metrics"]["plcc"] > 0.8
    assert "negative" not in ran.steps["m_01"]["reason"], "a weak model is not one that is turned over"
    (note,) = [note for note in ran.report["notes"] if "lower mos is better" in note]
    assert "models are taken to predict quality" in note
    assert "predicts: target" in note


def test_the_same_model_is_bad_where_models_are_said_to_predict_the_target(tmp_path: Path) -> None:
    ran = bisect(place(tmp_path, 1, **DMOS), *GATE, "--predicts", "target")
    assert (ran.code, ran.outcome, ran.letters) == (1, "head-bad", "bb")
    reason = ran.steps["m_00"]["reason"]
    assert "negative correlation where a positive one is expected (PLCC -0.8" in reason
    assert any("models are taken to predict mos itself" in note for note in ran.report["notes"])
    assert "--predicts target" in ran.report["reproduce"]


def test_a_model_of_the_target_is_a_negative_correlation_until_it_is_said_to_be_one(tmp_path: Path) -> None:
    place(tmp_path, -1, **DMOS)
    turned = bisect(tmp_path, *GATE)
    assert (turned.code, turned.outcome) == (1, "head-bad")
    assert "negative correlation where a positive one is expected" in turned.steps["m_00"]["reason"]
    said = bisect(tmp_path, *GATE, "--predicts", "target")
    assert (said.code, said.first_bad, said.letters) == (1, "m_01", "gb")


@pytest.mark.parametrize("predicts", ["quality", "target"])
def test_where_higher_is_better_both_are_the_same(tmp_path: Path, predicts: str) -> None:
    ran = bisect(place(tmp_path, 1), *GATE, "--predicts", predicts)
    assert (ran.code, ran.first_bad, ran.letters) == (1, "m_01", "gb")
    assert not any("lower mos is better" in note for note in ran.report["notes"])


def test_a_relative_threshold_is_turned_with_the_target(tmp_path: Path) -> None:
    place(tmp_path, 1, **DMOS)
    timeline_at(tmp_path / "m", [weaker(0.6), weaker(0), weaker(0.7)])
    ran = bisect(tmp_path, "--threshold", "plcc >= previous - 0.02")
    assert ran.letters == "ggb"


def test_rmse_of_quality_on_a_falling_target_without_a_scale_is_refused_with_the_ways_out(tmp_path: Path) -> None:
    place(tmp_path, 1, **DMOS)
    ran = bisect(tmp_path, "--threshold", "rmse <= 0.2")
    assert (ran.code, ran.outcome, ran.report["steps"]) == (2, "wiring-broke", [])
    for way_out in ("--scale LOW:HIGH", "rmse_mapped", "predicts: target"):
        assert way_out in ran.told
    usual = bisect(tmp_path)
    assert all("rmse" not in step["metrics"] and "rmse_mapped" in step["metrics"] for step in usual.steps.values())
    assert bisect(tmp_path, "--threshold", "rmse <= 2", "--predicts", "target").code == 0


def test_with_a_scale_the_target_is_turned_over_on_it(tmp_path: Path) -> None:
    ran = bisect(place(tmp_path, 1, **DMOS, scale=(0, 1)), "--threshold", "rmse <= 0.1")
    assert (ran.code, ran.first_bad) == (1, "m_01")
    assert ran.steps["m_00"]["metrics"]["rmse"] == pytest.approx(ran.steps["m_00"]["metrics"]["rmse_mapped"], rel=0.02)


def test_raw_rmse_of_a_model_on_another_scale_is_said_to_mean_nothing(tmp_path: Path) -> None:
    noisy_cache_at(tmp_path / "c", scale=(0, 1))
    timeline_at(tmp_path / "m", [weaker(0), weaker(0, 100)])
    ran = bisect(tmp_path, "--threshold", "rmse <= 0.1")
    assert (ran.code, ran.letters, ran.steps["m_00"]["notes"]) == (1, "gb", [])
    (note,) = ran.steps["m_01"]["notes"]
    assert note.endswith("on a scale of 0 to 1: gate rmse_mapped, not rmse")
    assert bisect(tmp_path, "--threshold", "rmse_mapped <= 0.1").letters == "gg"
