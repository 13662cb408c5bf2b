"""The verdict in words, for every outcome."""

import pytest
from making import step

from bisect_cache.cache.check import Checked
from bisect_cache.cache.drift import Finding
from bisect_cache.judge.thresholds import parse_thresholds
from bisect_cache.report.verdict import bisect_sentence, check_sentence
from bisect_cache.search import Found

GATE = parse_thresholds(["plcc >= 0.8"])


def sentence(found: Found, gates=GATE) -> str:
    labels = [f"m{index}" for index in range(found.length)]
    values = {"good": 0.84, "bad": 0.62}
    steps = [
        step(
            index,
            verdict,
            labels[index],
            reason="plcc >= 0.8 does not hold" if verdict == "bad" else None,
            metrics={"plcc": values.get(verdict, 0.0), "rmse": 1.5},
        )
        for index, verdict in found.verdicts.items()
    ]
    return bisect_sentence(found, labels, steps, gates)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (
            Found("regression", 4, {0: "good", 3: "bad", 1: "good", 2: "bad"}, 2, 1, (2,)),
            "m2 (model 3 of 4) is the first regressing model: PLCC 0.8400 -> 0.6200, where plcc >= 0.8 must hold; m1 "
            "just before it is good. All 4 models were looked at.",
        ),
        (
            Found("regression", 9, {0: "good", 8: "bad", 4: "bad", 2: "good", 3: "good"}, 4, 3, (4,)),
            "m4 (model 5 of 9) is the first regressing model: PLCC 0.8400 -> 0.6200, where plcc >= 0.8 must hold; m3 "
            "just before it is good. Found by bisection, 5 of 9 models looked at.",
        ),
        (
            Found("no-regression", 11, {0: "good", 10: "good"}, None, 10),
            "No regression between the ends: m0 and m10 are good (plcc >= 0.8). The 9 models between them were not "
            "looked at.",
        ),
        (
            Found("no-regression", 2, {0: "good", 1: "good"}, None, 1),
            "No regression between the ends: m0 and m1 are good (plcc >= 0.8). All 2 were looked at.",
        ),
        (Found("no-regression", 1, {0: "good"}, None, 0), "m0, the only model, is good: plcc >= 0.8 holds."),
        (
            Found("head-bad", 3, {0: "bad", 2: "good"}, 0, None, (0,)),
            "m0 (model 1 of 3) is already bad (plcc >= 0.8 does not hold) and it is the oldest: there is no good "
            "model to start from. The newest, m2, is good.",
        ),
        (
            Found("head-bad", 3, {0: "untestable", 2: "bad", 1: "bad"}, 1, None, (0, 1)),
            "m1 (model 2 of 3) is already bad (plcc >= 0.8 does not hold) and the 1 before it cannot be judged: there "
            "is no good model to start from.",
        ),
        (
            Found("no-regression", 3, {0: "untestable", 2: "good", 1: "untestable"}, None, 2),
            "No regression: m2, the only model that can be judged, is good (plcc >= 0.8); 2 models before m2 cannot be "
            "judged. All 3 were looked at.",
        ),
        (
            Found("no-regression", 4, {0: "untestable", 3: "good", 1: "good"}, None, 3),
            "No regression between the ends: m1 and m3 are good (plcc >= 0.8); 1 model before m1 cannot be judged. "
            "The 1 model between them was not looked at.",
        ),
        (
            Found("inconclusive", 4, {0: "good", 3: "bad", 1: "untestable", 2: "untestable"}, None, 0, (1, 2, 3)),
            "A regression lies behind m0, the last good model, but models between it and m3, which is bad, cannot be "
            "judged: the first bad one could be any of m1, m2, m3.",
        ),
        (
            Found("inconclusive", 3, {0: "good", 2: "untestable", 1: "good"}, None, 1, (2,)),
            "m1 is good (plcc >= 0.8), but what follows it cannot be judged: m2. Whether the newest model regressed "
            "is not known.",
        ),
        (Found("inconclusive", 0, {}), "The timeline is empty: there is no model to judge."),
        (
            Found("inconclusive", 2, {0: "untestable", 1: "untestable"}, None, None, (0, 1)),
            "None of the 2 models could be judged: nothing can be said about plcc >= 0.8.",
        ),
    ],
)
def test_each_outcome_has_its_sentence(found: Found, expected: str) -> None:
    assert sentence(found) == expected


def test_a_regression_gives_the_metric_of_every_threshold_once() -> None:
    gates = parse_thresholds(["plcc >= 0.8", "rmse <= 2", "plcc < 0.9"])
    said = sentence(Found("regression", 2, {0: "good", 1: "bad"}, 1, 0, (1,)), gates)
    assert "PLCC 0.8400 -> 0.6200; RMSE 1.5000 -> 1.5000, where plcc >= 0.8 and rmse <= 2 and plcc < 0.9" in said


def test_many_candidates_are_counted_and_not_all_listed() -> None:
    verdicts = {0: "good", 40: "bad"} | dict.fromkeys(range(1, 40), "untestable")
    said = sentence(Found("inconclusive", 41, verdicts, None, 0, tuple(range(1, 41))))
    assert said.endswith("any of m1, m2, m3, m4, … m40 (40 in all).")
    five = {0: "good", 5: "bad"} | dict.fromkeys(range(1, 5), "untestable")
    said = sentence(Found("inconclusive", 6, five, None, 0, tuple(range(1, 6))))  # type: ignore[arg-type]
    assert said.endswith("any of m1, m2, m3, m4, m5.")


@pytest.mark.parametrize(
    ("checked", "expected"),
    [
        (Checked("clean", (), None, 256, "", True), "The cache regenerates: all 256 rows are what its recipe makes."),
        (
            Checked("clean", (), None, 9, "", False),
            "The cache is what its manifest describes; it was not regenerated, because its source is out of reach.",
        ),
        (
            Checked("writer-drift", (), None, 9, "", True),
            "The data is what it was; only bytes differ, by the doing of the writer (writer drift).",
        ),
        (
            Checked(
                "drift",
                (
                    Finding("models/a.onnx", "weights", "error", ""),
                    Finding("features.parquet", "values", "error", ""),
                    Finding("features.parquet", "writer", "notice", ""),
                ),
                None,
                9,
                "",
                True,
            ),
            "The cache has drifted: 2 findings (weights, values) in models/a.onnx, features.parquet.",
        ),
    ],
)
def test_each_outcome_of_a_check_has_its_sentence(checked: Checked, expected: str) -> None:
    assert check_sentence(checked) == expected
