"""`bisect-cache thresholds`: gates that known-good models hold, as YAML to paste; what a cache can tell at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from judging import Ran, bisect, command, noisy_cache_at, timeline_at, weaker
from making import cache_at, constant

from bisect_cache.cache.generate import generate
from bisect_cache.cache.manifest import Table


@pytest.fixture
def here(tmp_path: Path) -> Path:
    noisy_cache_at(tmp_path / "c")
    return tmp_path


def proposed(here: Path, *options: object) -> Ran:
    return command("thresholds", "--cache", "c", "--timeline", "m", *options, cwd=here)


def gates(text: str) -> list[str]:
    return [word for line in text.splitlines() for word in ("--threshold", line)]


def test_what_is_proposed_is_yaml_that_the_same_models_hold(here: Path) -> None:
    timeline_at(here / "m", [weaker(noise) for noise in (0.03, 0, 0.02, 0.05)])
    ran = proposed(here)
    assert ran.code == 0
    absolute = yaml.safe_load(ran.said)["thresholds"]
    relative = "\n".join(line[1:].strip() for line in ran.said.splitlines() if line.startswith("#   "))
    for text, words in ((absolute, ">= 0."), (relative, ">= baseline - 0.")):
        lines = text.splitlines()
        assert [line.split()[0] for line in lines] == ["plcc", "srocc", "rmse_mapped"]
        assert words in lines[0]
        assert words in lines[1]
        assert "<= " in lines[2]
        judged = bisect(here, *gates(text))
        assert (judged.code, judged.outcome, judged.letters) == (0, "no-regression", "gggg")
    assert ran.said.startswith("# 4 models of m, taken as good, on c (real, 256 rows of 32 contents)\n")
    timeline_at(here / "m", [weaker(0), weaker(0.4)])
    for text in (absolute, relative):
        assert bisect(here, *gates(text)).first_bad == "m_01", "and a much worse one does not hold them"


def test_an_absolute_gate_lies_below_the_worst_by_what_chance_explains(here: Path) -> None:
    timeline_at(here / "m", [weaker(noise) for noise in (0.03, 0, 0.02, 0.05)])
    gate = float(yaml.safe_load(proposed(here).said)["thresholds"].splitlines()[0].split()[-1])
    judged = bisect(here, "--threshold", "plcc >= 0")
    worst = min(step["metrics"]["plcc"] for step in judged.steps.values())
    chance = judged.report["detectable"]["plcc"]
    assert worst - 1.2 * chance <= gate <= worst - chance


def test_a_model_that_cannot_be_judged_is_left_out_and_said(here: Path) -> None:
    timeline_at(here / "m", [constant(1), weaker(0), weaker(0.02), b"no model"])
    ran = proposed(here)
    assert ran.code == 0
    assert ran.said.startswith("# 2 models of m")
    assert "note: m_00 cannot be judged and was left out: predicts 1 for every row" in ran.told
    assert "note: m_03 cannot be judged and was left out: ONNX Runtime refuses it" in ran.told
    assert len(yaml.safe_load(ran.said)["thresholds"].splitlines()) == 3


def test_where_no_model_can_be_judged_nothing_is_proposed(here: Path) -> None:
    timeline_at(here / "m", [constant(1), b"no model"])
    ran = proposed(here)
    assert (ran.code, ran.said) == (2, "")
    assert "error: no model of m can be judged (m_00: predicts 1 for every row" in ran.told


def test_one_model_alone_is_gated_by_stand_ins_and_that_is_said(here: Path) -> None:
    timeline_at(here / "m", [weaker(0.02)])
    ran = proposed(here)
    assert "note: what is chance was worked out from least-squares fits" in ran.told
    assert ran.said.startswith("# 1 model of m,")
    assert bisect(here, *gates(yaml.safe_load(ran.said)["thresholds"])).code == 0


def test_a_model_far_below_the_others_is_doubted(here: Path) -> None:
    timeline_at(here / "m", [weaker(0), weaker(0.01), weaker(2), weaker(0.02), weaker(0.03)])
    assert "note: m_02 is far below the others: leave it out unless" in proposed(here).told


def test_gates_on_synthetic_data_are_said_to_test_the_wiring(tmp_path: Path) -> None:
    ran = command("thresholds", cwd=tmp_path)
    assert ran.code == 0
    assert "note: the cache is synthetic: gates on it test the wiring and say nothing about real models" in ran.told
    judged = command("bisect", *gates(yaml.safe_load(ran.said)["thresholds"]), "--json", "report.json", cwd=tmp_path)
    assert (judged.code, judged.letters) == (0, "g" * 8)


def test_without_resamples_there_is_nothing_to_propose_from(here: Path) -> None:
    timeline_at(here / "m", [weaker(0), weaker(0.02)])
    ran = proposed(here, "--resamples", "0")
    assert (ran.code, ran.said) == (2, "")
    assert "leave --resamples 0 out" in ran.told


def test_gates_follow_the_direction_of_the_models(tmp_path: Path) -> None:
    noisy_cache_at(tmp_path / "c", direction="lower-is-better")
    timeline_at(tmp_path / "m", [weaker(0, -1), weaker(0.02, -1)])
    ran = proposed(tmp_path, "--predicts", "target")
    assert ">= 0.8" in yaml.safe_load(ran.said)["thresholds"]
    assert bisect(tmp_path, *gates(yaml.safe_load(ran.said)["thresholds"]), "--predicts", "target").letters == "gg"


def check(folder: Path) -> tuple[int, dict[str, object], str]:
    ran = command("check", "c", "--json", "report.json", cwd=folder)
    return ran.code, ran.report, ran.told


def test_a_check_says_what_the_cache_can_tell_and_a_bisect_says_about_the_same(here: Path) -> None:
    code, report, told = check(here)
    assert (code, report["outcome"]) == (0, "clean")
    detectable = report["detectable"]
    assert isinstance(detectable, dict)
    assert list(detectable) == ["plcc", "srocc"]
    assert "cannot be told from chance" in told
    timeline_at(here / "m", [weaker(noise) for noise in (0, 0.1, 0.15)])
    judged = bisect(here, "--threshold", "plcc >= 0.5").report["detectable"]
    for metric in ("plcc", "srocc"):
        assert 0.3 < judged[metric] / detectable[metric] < 3


def test_a_cache_that_has_drifted_tells_nothing(tmp_path: Path) -> None:
    cache_at(tmp_path / "c", rows=64)
    assert check(tmp_path)[1]["detectable"]
    (tmp_path / "c" / "models" / "model_03.onnx").write_bytes(b"")
    code, report, told = check(tmp_path)
    assert (code, report["outcome"], report["detectable"]) == (1, "drift", {})
    assert "told from chance" not in told


def test_a_cache_with_one_feature_tells_nothing_without_models(tmp_path: Path) -> None:
    lines = ["adm2,mos", *(f"{number / 30},{number / 30 + (number % 3) / 10}" for number in range(30))]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    generate(tmp_path / "c", Table(table="../t.csv"))
    code, report, told = check(tmp_path)
    assert (code, report["outcome"], report["detectable"]) == (0, "clean", {})
    assert "told from chance" not in told


def test_what_a_bisect_can_tell_stands_in_its_report_and_nowhere_for_one_model(here: Path) -> None:
    timeline_at(here / "m", [weaker(0)])
    assert bisect(here).report["detectable"] == {}
    timeline_at(here / "m", [weaker(0), weaker(0, 3)])
    assert bisect(here).report["detectable"] == {}, "the same on another scale says nothing either"
    timeline_at(here / "m", [weaker(0), weaker(0.05)])
    assert json.dumps(bisect(here).report["detectable"]).startswith('{"plcc": 0.0')
