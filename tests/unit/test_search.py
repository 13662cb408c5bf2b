"""The search against brute-force twins, over timelines with models that cannot be judged anywhere."""

import math
import random
from collections.abc import Iterator
from itertools import groupby, pairwise, product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bisect_cache.judge.verdict import Verdict
from bisect_cache.search import Crossing, Found, Look, Strategy, conclude, search

STRATEGIES: tuple[Strategy, ...] = ("auto", "bisect", "scan")
LETTERS: dict[str, Verdict] = {"g": "good", "b": "bad", "x": "untestable", "?": "uncertain"}
UNLIMITED = 10**9


def timeline(letters: str) -> list[Verdict]:
    """``gg?xb``: good, good, uncertain, untestable, bad."""
    return [LETTERS[letter] for letter in letters]


def drive(
    verdicts: list[Verdict], strategy: Strategy = "auto", *, budget: int = UNLIMITED, stepwise: bool = False
) -> tuple[Found, list[Look]]:
    """Search a timeline whose verdicts are known, with time for ``budget`` looks that are not needed.

    Also the looks, each with the indexes that were answered.
    """
    searching = search(len(verdicts), strategy, stepwise=stepwise)
    looks: list[Look] = []
    try:
        look = next(searching)
        while True:
            answered = look.indexes if look.needed else look.indexes[:budget]
            looks.append(Look(answered, look.needed))
            look = searching.send([verdicts[index] for index in answered])
    except StopIteration as end:
        return end.value, looks


def looked_at(looks: list[Look]) -> list[int]:
    return [index for look in looks for index in look.indexes]


def optional(length: int, answers: list[Verdict]) -> tuple[int, ...]:
    """Which indexes the optional look of a search would go through, given a timeline."""
    searching = search(length)
    look = next(searching)
    while look.needed:
        look = searching.send([answers[index] for index in look.indexes])
    return look.indexes


Answer = tuple[str, int | None, int | None, list[int]]


def answer(found: Found) -> Answer:
    return found.outcome, found.first_bad, found.last_good, list(found.candidates)


def twin(seen: list[Verdict | None]) -> Answer:
    """The obviously right answer to levels, of which some may not have been seen: read as a string, oldest first."""
    text = "".join({"good": "g", "bad": "b"}.get(verdict or "", ".") for verdict in seen)
    everything = list(range(len(text)))
    solid = text.replace(".", "")
    if not solid:
        return "inconclusive", None, None, everything
    if solid[0] == "b":
        bad = text.index("b")
        if "uncertain" in seen[:bad]:
            return "inconclusive", None, None, everything[: bad + 1]
        return "head-bad", bad, None, everything[: bad + 1]
    if "b" not in solid:
        after = everything[text.rindex("g") + 1 :]
        return ("inconclusive" if after else "no-regression"), None, text.rindex("g"), after
    bad = text.index("b")
    good = text[:bad].rindex("g")
    if bad - good > 1:
        return "inconclusive", None, good, everything[good + 1 : bad + 1]
    return ("non-monotone" if "g" in text[bad:] else "regression"), bad, good, [bad]


def stepwise_twin(seen: list[Verdict | None]) -> Answer:
    """The obviously right answer to steps: each one is asked whether it may be the first bad one."""
    if "bad" not in seen:
        return twin(seen)
    first = seen.index("bad")
    might_be_first = [index for index, verdict in enumerate(seen) if index <= first and verdict != "good"]
    goods = [index for index in range(first) if seen[index] == "good"]
    last_good = goods[-1] if goods else None
    if might_be_first != [first]:
        return "inconclusive", None, last_good, might_be_first
    return "regression", first, last_good, [first]


def changes(seen: list[Verdict | None]) -> list[tuple[str, int, int]]:
    """Where levels change, by runs of equal ones rather than by pairs."""
    solid = [(verdict, index) for index, verdict in enumerate(seen) if verdict in ("good", "bad")]
    runs = [[index for _, index in run] for _, run in groupby(solid, key=lambda one: one[0])]
    return [
        ("regression" if seen[run[0]] == "good" else "recovery", run[-1], following[0])
        for run, following in pairwise(runs)
    ]


def every(choices: str, longest: int) -> Iterator[str]:
    for length in range(longest + 1):
        yield from ("".join(letters) for letters in product(choices, repeat=length))


@st.composite
def timelines(draw: st.DrawFn, *, monotone: bool = False, longest: int = 80) -> list[Verdict]:
    """Good ones before bad ones, or any, with a share of them that cannot be judged."""
    length = draw(st.integers(0, longest))
    first_bad = draw(st.integers(0, length))
    share = draw(st.sampled_from([0.0, 0.1, 0.5, 0.9]))
    any_order = not monotone and draw(st.booleans())
    rng = draw(st.randoms(use_true_random=False))
    return [
        rng.choice(("untestable", "uncertain"))
        if rng.random() < share
        else "good"
        if (rng.random() < 0.5 if any_order else index < first_bad)
        else "bad"
        for index in range(length)
    ]


# What verdicts say


def seen_of(letters: str) -> tuple[list[Verdict | None], dict[int, Verdict]]:
    """``g_b``: the middle one was not seen. The verdicts come newest first: their order is that of looking."""
    seen = [LETTERS.get(letter) for letter in letters]
    return seen, {index: verdict for index, verdict in reversed(list(enumerate(seen))) if verdict is not None}


def test_any_set_of_verdicts_says_what_its_twin_says() -> None:
    for letters in every("gbx?_", 6):
        seen, verdicts = seen_of(letters)
        found = conclude(len(seen), verdicts)
        assert answer(found) == twin(seen), letters
        assert [(one.kind, one.before, one.after) for one in found.crossings] == changes(seen), letters
        assert found.proven == ("_" not in letters), letters


def test_any_set_of_steps_says_what_its_twin_says() -> None:
    for letters in every("gbx?_", 6):
        seen, verdicts = seen_of(letters)
        found = conclude(len(seen), verdicts, stepwise=True)
        assert answer(found) == stepwise_twin(seen), letters
        worse = [index for index in range(1, len(seen)) if seen[index] == "bad"]
        assert found.crossings == tuple(Crossing("regression", index - 1, index) for index in worse), letters
        assert found.stepwise


@pytest.mark.parametrize(
    ("letters", "outcome", "first_bad", "last_good", "candidates"),
    [
        ("ggbb", "regression", 2, 1, (2,)),
        ("gbbg", "non-monotone", 1, 0, (1,)),
        ("g?bg", "inconclusive", None, 0, (1, 2)),
        ("gxbb", "inconclusive", None, 0, (1, 2)),
        ("gbxb", "regression", 1, 0, (1,)),
        ("g?gb", "regression", 3, 2, (3,)),
        ("bgbb", "head-bad", 0, None, (0,)),
        ("xxbg", "head-bad", 2, None, (0, 1, 2)),
        ("x?bg", "inconclusive", None, None, (0, 1, 2)),
        ("??b", "inconclusive", None, None, (0, 1, 2)),
        ("g?xg", "no-regression", None, 3, ()),
        ("gg?", "inconclusive", None, 1, (2,)),
        ("gb?", "regression", 1, 0, (1,)),
        ("?x?", "inconclusive", None, None, (0, 1, 2)),
    ],
)
def test_levels_read_by_hand(
    letters: str, outcome: str, first_bad: int | None, last_good: int | None, candidates: tuple[int, ...]
) -> None:
    found = conclude(len(letters), dict(enumerate(timeline(letters))))
    assert (found.outcome, found.first_bad, found.last_good, found.candidates) == (
        outcome,
        first_bad,
        last_good,
        candidates,
    )


@pytest.mark.parametrize(
    ("letters", "outcome", "first_bad", "last_good", "candidates"),
    [
        ("ggbgbg", "regression", 2, 1, (2,)),
        ("bgg", "regression", 0, None, (0,)),
        ("g?gb", "inconclusive", None, 2, (1, 3)),
        ("?bg", "inconclusive", None, None, (0, 1)),
        ("gb?b", "regression", 1, 0, (1,)),
        ("g?g", "no-regression", None, 2, ()),
        ("gg?", "inconclusive", None, 1, (2,)),
    ],
)
def test_steps_read_by_hand(
    letters: str, outcome: str, first_bad: int | None, last_good: int | None, candidates: tuple[int, ...]
) -> None:
    found = conclude(len(letters), dict(enumerate(timeline(letters))), stepwise=True)
    assert answer(found) == (outcome, first_bad, last_good, list(candidates))


def test_what_was_looked_at_shows_where_verdicts_change() -> None:
    found = Found("inconclusive", 7, {0: "good", 6: "good", 4: "bad", 2: "untestable"})
    assert found.crossings == (Crossing("regression", 0, 4), Crossing("recovery", 4, 6))


def test_a_newest_model_that_nobody_saw_is_no_green() -> None:
    found = conclude(3, {0: "good"})
    assert (found.outcome, found.candidates) == ("inconclusive", (1, 2))


# Every strategy


def test_with_time_for_all_every_short_timeline_gets_the_answer_of_looking_at_everything() -> None:
    for letters in every("gbx?", 7):
        verdicts = timeline(letters)
        auto, _ = drive(verdicts, "auto")
        scan, _ = drive(verdicts, "scan")
        assert auto == scan, letters
        assert answer(auto) == twin([*verdicts]), letters


@settings(max_examples=400)
@given(timelines())
def test_with_time_for_all_any_timeline_gets_the_answer_of_looking_at_everything(verdicts: list[Verdict]) -> None:
    auto, looks = drive(verdicts, "auto")
    scan, _ = drive(verdicts, "scan")
    assert auto == scan
    assert answer(auto) == twin([*verdicts])
    assert auto.proven
    assert sorted(looked_at(looks)) == list(range(len(verdicts)))


def check_with_a_budget(verdicts: list[Verdict], strategy: Strategy, budget: int) -> None:
    found, looks = drive(verdicts, strategy, budget=budget)
    looked = looked_at(looks)
    assert len(looked) == len(set(looked))
    assert list(found.verdicts) == looked, "the order of looking is kept"
    assert answer(found) == twin([found.verdicts.get(index) for index in range(len(verdicts))])
    assert all(found.verdicts[index] == verdicts[index] for index in looked)
    assert set(found.candidates) <= set(looked)
    assert found.proven == (len(looked) == len(verdicts))
    assert sum(not look.needed for look in looks) <= (strategy == "auto")


def test_with_any_budget_every_short_timeline_gets_an_answer_that_fits_what_was_seen() -> None:
    for letters in every("gb?", 7):
        for budget in range(6):
            check_with_a_budget(timeline(letters), "auto", budget)


@settings(max_examples=400)
@given(timelines(), st.sampled_from(STRATEGIES), st.integers(0, 80))
def test_with_any_budget_any_timeline_gets_an_answer_that_fits_what_was_seen(
    verdicts: list[Verdict], strategy: Strategy, budget: int
) -> None:
    check_with_a_budget(verdicts, strategy, budget)


@settings(max_examples=300)
@given(timelines(), st.sampled_from(STRATEGIES))
def test_steps_are_all_looked_at_in_order_whatever_the_strategy(verdicts: list[Verdict], strategy: Strategy) -> None:
    found, looks = drive(verdicts, strategy, budget=0, stepwise=True)
    assert looks == ([Look(tuple(range(len(verdicts))), needed=True)] if verdicts else [])
    assert answer(found) == stepwise_twin([*verdicts])
    assert found.stepwise


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_timeline_of_none_and_of_one_is_answered(strategy: Strategy) -> None:
    assert drive([], strategy) == (Found("inconclusive", 0, {}), [])
    for letter, outcome in {"g": "no-regression", "b": "head-bad", "x": "inconclusive", "?": "inconclusive"}.items():
        found, looks = drive(timeline(letter), strategy)
        assert found.outcome == outcome
        assert looks == [Look((0,), needed=True)]


def test_a_scan_is_one_needed_look_at_all_oldest_first() -> None:
    assert drive(timeline("gbgb"), "scan")[1] == [Look((0, 1, 2, 3), needed=True)]


@pytest.mark.parametrize("answers", [0, 1, 3])
def test_a_needed_look_takes_one_verdict_for_each_of_its_indexes(answers: int) -> None:
    searching = search(5)
    assert next(searching) == Look((0, 4), needed=True)
    with pytest.raises(ValueError, match="argument 2"):
        searching.send(["good"] * answers)


def test_an_optional_look_takes_no_more_verdicts_than_it_has_indexes() -> None:
    searching = search(5)
    next(searching)
    assert searching.send(["good", "good"]) == Look((2, 1, 3), needed=False)
    with pytest.raises(ValueError, match="argument 2"):
        searching.send(["good"] * 4)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    "letters", ["g" * 100_000, "gb" * 50_000, "g" + "x" * 99_998 + "b", "g" * 16_000 + "?" * 83_999 + "b"]
)
def test_a_hundred_thousand_models_cost_no_quadratic_time(strategy: Strategy, letters: str) -> None:
    verdicts = timeline(letters)
    found, _ = drive(verdicts, strategy)  # minutes, were it quadratic
    if strategy != "bisect":
        assert answer(found) == twin([*verdicts])


# Bisecting


@settings(max_examples=400)
@given(timelines(monotone=True))
def test_bisecting_good_ones_before_bad_ones_finds_what_looking_at_everything_finds(verdicts: list[Verdict]) -> None:
    assert answer(drive(verdicts, "bisect")[0]) == twin([*verdicts])


@settings(max_examples=400)
@given(timelines())
def test_looks_of_a_bisection_stay_within_the_bound(verdicts: list[Verdict]) -> None:
    looked = looked_at(drive(verdicts, "bisect")[1])
    unjudged = sum(verdicts[index] not in ("good", "bad") for index in looked)
    if len(verdicts) >= 2:
        assert len(looked) <= math.ceil(math.log2(len(verdicts) - 1)) + 2 + 2 * unjudged


@pytest.mark.parametrize("length", [2, 3, 4, 5, 8, 9, 33, 64, 65, 100, 1024, 1025])
def test_the_worst_case_is_exactly_log2_plus_two_looks(length: int) -> None:
    timelines_of_length = (timeline("g" * first + "b" * (length - first)) for first in range(1, length))
    looks = [len(looked_at(drive(verdicts, "bisect")[1])) for verdicts in timelines_of_length]
    assert max(looks) == math.ceil(math.log2(length - 1)) + 2


def test_a_bisection_halves_by_the_middle_and_steps_around_what_cannot_be_judged() -> None:
    assert looked_at(drive(timeline("ggggggbbb"), "bisect")[1]) == [0, 8, 4, 6, 5]
    # The middle of what is unseen by then, one left of it, one right of it, two left, two right, four left, ….
    letters = "g" + "x" * 15 + "b"
    assert looked_at(drive(timeline(letters), "bisect")[1])[2:9] == [8, 6, 10, 4, 12, 1, 15]


@example(timeline("gxxx?xxgxxb"))
@settings(max_examples=300)
@given(timelines())
def test_a_bisection_looks_where_a_plain_list_of_the_unseen_says(verdicts: list[Verdict]) -> None:
    """The twin of the counting tree: the list of the unseen, made anew for each look."""
    looked = looked_at(drive(verdicts, "bisect")[1])
    misses = 0
    for place, index in enumerate(looked):
        before = {one: verdicts[one] for one in looked[:place]}
        found = conclude(len(verdicts), before)
        halving = found.last_good is not None and before.get(len(verdicts) - 1) == "bad"
        if not halving:
            misses = 0
            continue
        good = max(one for one in before if before[one] == "good")
        bad = min(one for one in before if before[one] == "bad")
        unseen = [one for one in range(good + 1, bad) if one not in before]
        middle = (len(unseen) - 1) // 2
        away = 0 if misses == 0 else 2 ** ((misses - 1) // 2) * (-1 if misses % 2 else 1)
        assert index == unseen[min(max(middle + away, 0), len(unseen) - 1)]
        misses = 0 if verdicts[index] in ("good", "bad") else misses + 1


def test_a_broken_stretch_is_left_in_few_looks() -> None:
    verdicts = timeline("g" * 480 + "x" * 60 + "g" * 160 + "b" * 324)
    found, looks = drive(verdicts, "bisect")
    assert found.first_bad == 700
    assert len(looked_at(looks)) <= 25


# The look at the rest


@given(timelines(), st.sampled_from(["auto", "bisect"]))
def test_both_ends_are_looked_at_first(verdicts: list[Verdict], strategy: Strategy) -> None:
    if len(verdicts) >= 2:
        assert drive(verdicts, strategy, budget=0)[1][0] == Look((0, len(verdicts) - 1), needed=True)


@settings(max_examples=300)
@given(timelines(), st.integers(0, 80))
def test_auto_looks_first_as_a_bisection_does(verdicts: list[Verdict], budget: int) -> None:
    bisection = drive(verdicts, "bisect")[1]
    assert drive(verdicts, "auto", budget=budget)[1][: len(bisection)] == bisection


def test_the_rest_is_looked_at_from_the_boundary_outwards_the_older_side_first() -> None:
    # 0, 9, 4, 6 and 5 were seen: the boundary lies between 5 and 6.
    assert optional(10, timeline("gggggg" + "bbbb")) == (7, 3, 8, 2, 1)
    # 0, 10, 5, 2, 3 and 4 were seen: 4 and 5 stand at the boundary, and 1 and 8 at the same distance from it.
    assert optional(11, timeline("ggggg" + "bbbbbb")) == (6, 7, 1, 8, 9)


@settings(max_examples=300)
@given(timelines())
def test_the_rest_is_ordered_by_its_distance_from_the_boundary(verdicts: list[Verdict]) -> None:
    bisected, looks = drive(verdicts, "bisect")
    rest = [look.indexes for look in drive(verdicts, "auto")[1] if not look.needed]
    if not rest or not bisected.candidates or verdicts[bisected.candidates[-1]] != "bad" or bisected.last_good is None:
        return
    middle = (bisected.last_good + bisected.candidates[-1]) / 2
    unseen = set(range(len(verdicts))) - set(looked_at(looks))
    assert rest == [tuple(sorted(unseen, key=lambda index: (abs(index - middle), index)))]


def test_without_a_boundary_the_rest_is_spread_out() -> None:
    assert optional(9, timeline("g" * 9)) == (4, 2, 6, 1, 3, 5, 7)
    assert optional(9, timeline("b" * 9)) == (4, 2, 6, 1, 3, 5, 7)
    # The largest gap first: 2 to 6 behind a head and before a tail that cannot be judged.
    assert optional(9, timeline("xgggggggx"))[:3] == (4, 2, 5)


@given(st.integers(2, 120), st.sampled_from("gb"))
def test_each_look_of_the_spread_is_the_middle_of_a_largest_gap(length: int, letter: str) -> None:
    seen = {0, length - 1}
    for index in optional(length, timeline(letter * length)) if length > 2 else ():
        gaps = [
            [place for place, _ in run]
            for hidden, run in groupby(enumerate(place not in seen for place in range(length)), key=lambda one: one[1])
            if hidden
        ]
        largest = max(gaps, key=len)  # the oldest of equal ones
        assert index == largest[(len(largest) - 1) // 2]
        seen.add(index)
    assert len(seen) == length


def test_an_earlier_regression_met_as_time_runs_out_is_narrowed() -> None:
    # Bisecting finds 58 and 59; the look at the rest, 51st, meets the bad 5 in a timeline of 64 and ends there.
    verdicts = timeline("gggbbb" + "g" * 53 + "bbbbb")
    bisected, _ = drive(verdicts, "bisect")
    assert (bisected.outcome, bisected.first_bad) == ("regression", 59)
    at = optional(64, verdicts).index(5) + 1
    found, looks = drive(verdicts, "auto", budget=at)
    assert looks[-1].needed
    assert answer(found) == ("non-monotone", 3, 2, [3])
    assert not found.proven


def test_a_dip_met_as_time_runs_out_is_narrowed() -> None:
    found, _ = drive(timeline("g" * 20 + "b" * 30 + "g" * 50), "auto", budget=1)
    assert answer(found) == ("non-monotone", 20, 19, [20])
    assert len(found.verdicts) <= 2 + 1 + 6


def test_without_time_auto_says_what_a_bisection_says() -> None:
    verdicts = timeline("ggbbggbb")
    assert drive(verdicts, "auto", budget=0)[0] == drive(verdicts, "bisect")[0]


# What the first tool of this kind answered wrongly


def test_a_model_that_makes_nan_is_not_blamed() -> None:
    for strategy in STRATEGIES:
        assert answer(drive(timeline("gggxggbb"), strategy)[0]) == ("regression", 6, 5, [6])


def test_a_model_in_the_middle_that_does_not_load_is_stepped_around() -> None:
    for strategy in STRATEGIES:
        assert answer(drive(timeline("gggxgbbb"), strategy)[0]) == ("regression", 5, 4, [5])
        assert answer(drive(timeline("gggxbbbb"), strategy)[0]) == ("inconclusive", None, 2, [3, 4])


def test_a_recovery_between_two_regressions_is_seen() -> None:
    found, _ = drive(timeline("ggbbggbb"))
    assert answer(found) == ("non-monotone", 2, 1, [2])
    assert found.crossings == (Crossing("regression", 1, 2), Crossing("recovery", 3, 4), Crossing("regression", 5, 6))


def test_a_dip_before_a_good_newest_model_is_seen() -> None:
    found, _ = drive(timeline("ggbbbggg"))
    assert answer(found) == ("non-monotone", 2, 1, [2])
    assert found.crossings == (Crossing("regression", 1, 2), Crossing("recovery", 4, 5))


def test_a_step_within_the_noise_is_called_inconclusive_rather_than_blamed_on_the_wrong_model() -> None:
    """Levels one noise sd above and below the gate, the ends known, as in benchmarks/noise.py."""

    def wrong_blames(half_width: float, strategy: Strategy) -> float:
        rng = random.Random(20)
        wrong = 0
        for _ in range(2000):
            change = rng.randrange(1, 64)
            values = [rng.gauss(1 if index < change else -1, 1) for index in range(64)]
            values[0], values[-1] = math.inf, -math.inf
            verdicts = [
                LETTERS["g" if value > half_width else "b" if value <= -half_width else "?"] for value in values
            ]
            wrong += drive(verdicts, strategy)[0].first_bad not in (None, change)
        return wrong / 2000

    assert wrong_blames(0, "bisect") == pytest.approx(1 - 0.8413**6, abs=0.04)
    assert wrong_blames(1.96, "bisect") <= 0.05
    assert wrong_blames(1.96, "auto") <= 0.05
