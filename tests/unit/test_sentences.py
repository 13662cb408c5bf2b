"""The verdict in words, for every outcome."""

from collections.abc import Sequence
from typing import Any

import pytest
from making import step

from bisect_cache.cache.check import Checked
from bisect_cache.cache.drift import Finding
from bisect_cache.crossings import conclude
from bisect_cache.judge.deciding import Compared
from bisect_cache.judge.measurement import Measurement
from bisect_cache.judge.sampling import Sampling
from bisect_cache.judge.thresholds import Threshold, parse_thresholds
from bisect_cache.report.reason import more_rows, reason
from bisect_cache.report.verdict import Judged, bisect_sentence, check_sentence
from bisect_cache.search import Found

GATE = parse_thresholds(["plcc >= 0.8"])
VALUES = {"good": 0.84, "bad": 0.62, "uncertain": 0.81}
BY_CONTENT = Sampling(2000, 1, 0.95, "content", 17)


def compared(
    verdict: str,
    times: float | None = None,
    interval: tuple[float, float] | None = (0.75, 0.87),
    text: str = str(GATE[0]),
) -> Compared:
    return Compared(text, VALUES[verdict], interval, verdict, times)  # type: ignore[arg-type]


def judged(found: Found, gates: Sequence[Threshold] = GATE, **steps: Any) -> Judged:
    """What a sentence is made from; ``steps`` changes fields of all steps, or of one: ``m3={...}``."""
    labels = [f"m{index}" for index in range(found.length)]
    made = {}
    for index, verdict in found.verdicts.items():
        fields = {
            "reason": "plcc >= 0.8 does not hold" if verdict == "bad" else None,
            "metrics": {"plcc": VALUES.get(verdict, 0.0), "rmse": 1.5},
        }
        made[index] = step(index, verdict, labels[index], **(fields | steps.get(labels[index], {})))
    return Judged(found, labels, made, gates, BY_CONTENT)


def sentence(found: Found, gates: Sequence[Threshold] = GATE, **steps: Any) -> str:
    return bisect_sentence(judged(found, gates, **steps))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (
            Found("regression", 4, {0: "good", 3: "bad", 1: "good", 2: "bad"}, 2, 1, (2,)),
            "m2 (model 3 of 4) is the first regressing model: PLCC 0.8400 -> 0.6200, where plcc >= 0.8 must hold; m1 "
            "just before it is good. Proven over all 4 models.",
        ),
        (
            Found("regression", 9, {0: "good", 8: "bad", 4: "bad", 2: "good", 3: "good"}, 4, 3, (4,)),
            "m4 (model 5 of 9) is the first regressing model: PLCC 0.8400 -> 0.6200, where plcc >= 0.8 must hold; m3 "
            "just before it is good. 5 of 9 models seen.",
        ),
        (
            Found("no-regression", 11, {0: "good", 10: "good"}, None, 10),
            "No regression between the ends: m0 and m10 are good (plcc >= 0.8). 2 of 11 models seen.",
        ),
        (
            Found("no-regression", 2, {0: "good", 1: "good"}, None, 1),
            "No regression: from m0 to m1, no model is bad (plcc >= 0.8). Proven over all 2 models.",
        ),
        (Found("no-regression", 1, {0: "good"}, None, 0), "m0, the only model, is good: plcc >= 0.8 holds."),
        (
            Found("head-bad", 3, {0: "bad", 2: "good"}, 0, None, (0,)),
            "m0 (model 1 of 3) is already bad (plcc >= 0.8 does not hold) and it is the oldest: there is no good "
            "model to start from. The newest, m2, is good. 2 of 3 models seen.",
        ),
        (
            Found("head-bad", 3, {0: "untestable", 2: "bad", 1: "bad"}, 1, None, (0, 1)),
            "m1 (model 2 of 3) is already bad (plcc >= 0.8 does not hold) and the 1 before it cannot be judged: there "
            "is no good model to start from. 3 of 3 models seen.",
        ),
        (
            Found("no-regression", 3, {0: "untestable", 2: "good", 1: "untestable"}, None, 2),
            "No regression: m2, the only model that can be judged, is good (plcc >= 0.8); 2 models before m2 cannot be "
            "judged. 3 of 3 models seen.",
        ),
        (
            Found("no-regression", 4, {0: "untestable", 3: "good", 1: "good"}, None, 3),
            "No regression between the ends: m1 and m3 are good (plcc >= 0.8); 1 model before m1 cannot be judged. "
            "3 of 4 models seen.",
        ),
        (
            Found("inconclusive", 4, {0: "good", 3: "bad", 1: "untestable", 2: "untestable"}, None, 0, (1, 2, 3)),
            "A regression lies behind m0, the last good model, but which model was the first is not known: it is one "
            "of these 3: m1 (untestable), m2 (untestable), m3 (bad). 4 of 4 models seen.",
        ),
        (
            Found("inconclusive", 3, {0: "good", 2: "untestable", 1: "good"}, None, 1, (2,)),
            "m1 is good (plcc >= 0.8), but whether what follows it regressed is not known: m2 (untestable). 3 of 3 "
            "models seen.",
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
    assert (
        "one of these 40: m1 (untestable), m2 (untestable), m3 (untestable), m4 (untestable), … m40 (bad) (40 in"
        in said
    )
    five = {0: "good", 5: "bad"} | dict.fromkeys(range(1, 5), "untestable")
    said = sentence(Found("inconclusive", 6, five, None, 0, tuple(range(1, 6))))  # type: ignore[arg-type]
    assert "one of these 5: m1 (untestable), m2 (untestable), m3 (untestable), m4 (untestable), m5 (bad). 6 of" in said


def test_the_values_of_the_first_bad_model_stand_with_their_intervals() -> None:
    said = sentence(
        Found("regression", 2, {0: "good", 1: "bad"}, 1, 0, (1,)),
        m0={"intervals": {"plcc": (0.79, 0.8812)}},
        m1={"intervals": {"plcc": (0.5, 0.7)}},
    )
    assert "PLCC 0.8400 [0.7900, 0.8812] -> 0.6200 [0.5000, 0.7000], where" in said


def test_digits_that_hide_on_which_side_of_a_threshold_a_value_is_are_too_few() -> None:
    said = sentence(
        Found("regression", 2, {0: "good", 1: "bad"}, 1, 0, (1,)),
        m0={"metrics": {"plcc": 0.80001}},
        m1={"metrics": {"plcc": 0.79999}},
    )
    assert "PLCC 0.800010 -> 0.799990, where" in said


LATER: list[tuple[Found, str]] = [
    (
        Found("non-monotone", 5, {0: "good", 1: "bad", 2: "bad", 3: "good", 4: "good"}, 1, 0, (1,)),
        "The timeline is non-monotone: it recovers at m3 (PLCC 0.8400); the newest, m4, is good. Proven over all 5",
    ),
    (
        Found("non-monotone", 4, {0: "good", 1: "bad", 2: "good", 3: "bad"}, 1, 0, (1,)),
        "The timeline is non-monotone: it recovers at m2 (PLCC 0.8400), regresses again at m3 (PLCC 0.6200). Proven",
    ),
    (
        Found("non-monotone", 5, {0: "good", 1: "bad", 2: "good", 3: "good", 4: "uncertain"}, 1, 0, (1,)),
        "it recovers at m2 (PLCC 0.8400); the newest, m4, is uncertain. 5 of 5 models seen.",
    ),
    (
        Found("head-bad", 5, {0: "bad", 1: "good", 2: "good", 3: "bad", 4: "bad"}, 0, None, (0,)),
        "no good model to start from. Later, m1 is good, m3 is bad again. Proven over all 5 models.",
    ),
    (
        Found("regression", 5, {0: "good", 1: "bad", 2: "good", 3: "bad", 4: "good"}, 1, 0, (1,), stepwise=True),
        "m0 just before it is good. Worse than the one before it, too: m3. Proven over all 5 models.",
    ),
    (
        Found("no-regression", 4, {0: "good", 1: "uncertain", 2: "good", 3: "good"}, None, 3),
        "no model is bad (plcc >= 0.8); uncertain: m1. 4 of 4 models seen.",
    ),
]


@pytest.mark.parametrize(("found", "expected"), LATER)
def test_what_comes_after_the_first_bad_model_is_told(found: Found, expected: str) -> None:
    assert expected in sentence(found)


def test_of_very_many_turns_some_are_named_and_all_counted() -> None:
    verdicts = {index: "bad" if index % 2 else "good" for index in range(41)}
    said = sentence(Found("non-monotone", 41, verdicts, 1, 0, (1,)))  # type: ignore[arg-type]
    assert "recovers at m40 (PLCC 0.8400) (39 in all). Proven" in said
    assert len(said) < 500


STRADDLING = Found("inconclusive", 4, {0: "good", 1: "uncertain", 2: "uncertain", 3: "bad"}, None, 0, (1, 2, 3))


def test_of_very_many_thresholds_some_are_told_and_the_others_counted() -> None:
    gates = parse_thresholds([f"plcc >= 0.8{number}" for number in range(40)])
    said = sentence(conclude(2, {0: "good", 1: "bad"}), gates)
    assert "where plcc >= 0.8 and plcc >= 0.81 and " in said
    assert " and 35 more thresholds must hold" in said
    assert len(said) < 400


def test_a_value_that_its_interval_leaves_open_is_said_to_be_so() -> None:
    found = Found("regression", 2, {0: "good", 1: "bad"}, 1, 0, (1,))
    doubted = Compared("plcc >= 0.8", 0.79, (0.7, 0.85), "bad")
    said = "By its interval, m1 is uncertain: it reaches over the threshold."
    assert said in sentence(found, m1={"thresholds": (doubted,)})
    certain = Compared("plcc >= 0.8", 0.62, (0.5, 0.7), "bad")
    assert said not in sentence(found, m1={"thresholds": (certain,)})


def test_uncertain_models_before_the_first_bad_one_leave_open_which_it_is() -> None:
    found = Found("inconclusive", 3, {0: "uncertain", 1: "untestable", 2: "bad"}, None, None, (0, 1, 2))
    assert sentence(found, m0={"thresholds": (compared("uncertain", 2.0),)}) == (
        "No model before m2 is good beyond doubt, and it is bad: the first bad model is one of these 3: "
        "m0 (uncertain), m1 (untestable), m2 (bad); about 17 more contents would tell. 3 of 3 models seen."
    )


def test_uncertain_candidates_are_told_with_how_many_contents_would_tell_the_worst_of_them() -> None:
    said = sentence(
        STRADDLING, m1={"thresholds": (compared("uncertain", 2.0),)}, m2={"thresholds": (compared("uncertain", 3.0),)}
    )
    assert said == (
        "A regression lies behind m0, the last good model, but which model was the first is not known: it is one of "
        "these 3: m1 (uncertain), m2 (uncertain), m3 (bad); about 34 more contents would tell. 4 of 4 models seen."
    )


def test_a_candidate_that_no_number_of_rows_would_settle_is_named_and_the_others_do_not_promise_more() -> None:
    said = sentence(
        STRADDLING, m1={"thresholds": (compared("uncertain", 2.0),)}, m2={"thresholds": (compared("uncertain"),)}
    )
    assert "m3 (bad); m2 lies so close to the threshold that more rows will hardly tell. 4 of 4" in said
    both = {"thresholds": (compared("uncertain"),)}
    assert "; m1, m2 lie so close to the threshold that" in sentence(STRADDLING, m1=both, m2=both)


def test_where_there_are_too_few_rows_for_an_interval_that_is_said() -> None:
    none = {"thresholds": (compared("uncertain", interval=None),)}
    assert "; there are too few rows for an interval. 4 of" in sentence(STRADDLING, m1=none, m2=none)


def test_a_newest_model_in_doubt_is_told_with_what_would_tell() -> None:
    found = Found("inconclusive", 2, {0: "good", 1: "uncertain"}, None, 0, (1,))
    assert sentence(found, m1={"thresholds": (compared("uncertain", 1.0),)}) == (
        "m0 is good (plcc >= 0.8), but whether what follows it regressed is not known: m1 (uncertain); about 1 more "
        "content would tell. 2 of 2 models seen."
    )


def test_where_no_model_is_beyond_doubt_that_is_said_and_not_that_none_could_be_judged() -> None:
    found = Found("inconclusive", 2, {0: "uncertain", 1: "uncertain"}, None, None, (0, 1))
    each = {"thresholds": (compared("uncertain", 1.5),)}
    assert sentence(found, m0=each, m1=each) == (
        "No model is good or bad beyond doubt (plcc >= 0.8): about 9 more contents would tell. 2 of 2 models seen."
    )


def test_in_doubt_about_steps_the_one_that_is_worse_is_named_and_those_that_may_come_before_it() -> None:
    verdicts = {0: "good", 1: "uncertain", 2: "good", 3: "bad"}
    found = Found("inconclusive", 4, verdicts, None, 2, (1, 3), stepwise=True)  # type: ignore[arg-type]
    said = sentence(found, m1={"thresholds": (compared("uncertain", 2.0),)})
    assert said == (
        "m3 is worse than the one just before it, but whether it is the first is not known: m1 (uncertain) may be; "
        "about 17 more contents would tell. 4 of 4 models seen."
    )


def test_a_relative_threshold_is_told_with_the_difference_and_its_interval() -> None:
    gates = parse_thresholds(["plcc >= baseline - 0.02", "rmse <= baseline * 1.05"])
    against = (
        Compared(str(gates[0]), -0.22, (-0.3, -0.1), "bad"),
        Compared(str(gates[1]), 0.5, None, "bad"),
    )
    said = sentence(Found("regression", 2, {0: "good", 1: "bad"}, 1, 0, (1,)), gates, m1={"thresholds": against})
    assert (
        "where plcc >= baseline - 0.02 and rmse <= baseline * 1.05 must hold (PLCC -0.2200 [-0.3000, -0.1000] beside "
        "baseline; RMSE +0.5000 beside 1.05 times baseline); m0 just before it is good."
    ) in said


def test_a_relative_threshold_that_is_held_is_not_told_as_a_difference() -> None:
    gates = parse_thresholds(["plcc >= 0.8", "plcc >= baseline - 0.5"])
    against = (compared("bad"), Compared(str(gates[1]), -0.22, None, "good"))
    found = Found("regression", 2, {0: "good", 1: "bad"}, 1, 0, (1,))
    assert "baseline - 0.5 must hold; m0 just" in sentence(found, gates, m1={"thresholds": against})


def test_whether_the_first_bad_model_was_there_before_is_said_where_it_is_known() -> None:
    told = judged(Found("regression", 2, {0: "good", 1: "bad"}, 1, 0, (1,)))
    assert bisect_sentence(told, before=True).endswith("models. Its commit was there before this change.")
    assert bisect_sentence(told, before=False).endswith("models. Its commit is part of this change.")


MEASURED = Measurement({"plcc": 0.81, "srocc": 0.5, "rmse": 1.5}, {}, {})


@pytest.mark.parametrize(
    ("line", "one", "expected"),
    [
        ("plcc >= 0.8", compared("good"), None),
        ("plcc >= 0.85", compared("bad", text="plcc >= 0.85"), "plcc >= 0.85 does not hold"),
        (
            "plcc >= 0.8",
            compared("uncertain", 2.0),
            "plcc >= 0.8 is uncertain: 0.8100 [0.7500, 0.8700]; about 17 more contents would tell",
        ),
        (
            "plcc >= 0.8",
            compared("uncertain"),
            "plcc >= 0.8 is uncertain: 0.8100 [0.7500, 0.8700]; it lies so close to the threshold that more rows will "
            "hardly tell",
        ),
        (
            "plcc >= 0.8",
            compared("uncertain", interval=None),
            "plcc >= 0.8 is uncertain: 0.8100; there are too few rows for an interval",
        ),
        (
            "plcc >= previous - 0.02",
            Compared("plcc >= previous - 0.02", -0.03, (-0.05, -0.01), "uncertain", 4.0),
            "plcc >= previous - 0.02 is uncertain: -0.0300 [-0.0500, -0.0100] beside previous; about 51 more contents "
            "would tell",
        ),
        (
            "plcc >= baseline * 1.1",
            Compared("plcc >= baseline * 1.1", -0.03, None, "bad"),
            "plcc >= baseline * 1.1 does not hold: -0.0300 beside 1.1 times baseline",
        ),
    ],
)
def test_a_reason_says_what_a_threshold_has_against_a_model(line: str, one: Compared, expected: str | None) -> None:
    assert reason(MEASURED, parse_thresholds([line]), [one], BY_CONTENT) == expected


def test_a_correlation_that_is_negative_beyond_doubt_is_told_as_one_that_is_turned_over() -> None:
    turned = Measurement({"plcc": -0.8}, {"plcc": (-0.9, -0.7)}, {})
    said = reason(turned, GATE, [compared("bad")], BY_CONTENT)
    assert said == (
        "plcc >= 0.8 does not hold; negative correlation where a positive one is expected (PLCC -0.8000): its scores "
        "fall where quality rises"
    )
    doubtful = Measurement({"plcc": -0.1}, {"plcc": (-0.4, 0.2)}, {})
    assert reason(doubtful, GATE, [compared("bad")], BY_CONTENT) == "plcc >= 0.8 does not hold"


@pytest.mark.parametrize(
    ("times", "sampling", "expected"),
    [
        (1.01, BY_CONTENT, "about 1 more content would tell"),
        (1.5, Sampling(2000, 1, 0.95, "row", 2000), "about 1,000 more rows would tell"),
        (2.04, Sampling(2000, 1, 0.95, "row", 512, grouped=True), "about 2.0 times as many rows would tell"),
        (None, BY_CONTENT, "it lies so close to the threshold that more rows will hardly tell"),
    ],
)
def test_how_many_more_would_tell_is_counted_in_what_was_drawn(
    times: float | None, sampling: Sampling, expected: str
) -> None:
    assert more_rows(times, sampling) == expected


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
