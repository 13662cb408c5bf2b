"""The search against a brute-force twin, over timelines with untestable models anywhere."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bisect_cache.judge.verdict import Verdict
from bisect_cache.search import Crossing, Found, bisect


def search(verdicts: list[Verdict]) -> tuple[Found, list[int]]:
    """Drive the search over a timeline whose verdicts are known; also the indexes it looked at, in order."""
    searching = bisect(len(verdicts))
    looked: list[int] = []
    try:
        wanted = next(searching)
        while True:
            looked.extend(wanted)
            wanted = searching.send([verdicts[index] for index in wanted])
    except StopIteration as end:
        return end.value, looked


def twin(verdicts: list[Verdict]) -> tuple[str, int | None, int | None, list[int]]:
    """The obviously right answer for a timeline of good ones before bad ones, by looking at everything."""
    judged = [index for index, verdict in enumerate(verdicts) if verdict in ("good", "bad")]
    good = [index for index in judged if verdicts[index] == "good"]
    bad = [index for index in judged if verdicts[index] == "bad"]
    everything = list(range(len(verdicts)))
    if not judged:
        return "inconclusive", None, None, everything
    if not good:
        return "head-bad", bad[0], None, everything[: bad[0] + 1]
    if not bad:
        after = everything[good[-1] + 1 :]
        return ("inconclusive" if after else "no-regression"), None, good[-1], after
    between = everything[good[-1] + 1 : bad[0] + 1]
    if len(between) > 1:
        return "inconclusive", None, good[-1], between
    return "regression", bad[0], good[-1], between


@st.composite
def timelines(draw) -> list[Verdict]:
    length = draw(st.integers(0, 80))
    first_bad = draw(st.integers(0, length))
    share = draw(st.sampled_from([0.0, 0.1, 0.5, 0.9]))
    rng = draw(st.randoms(use_true_random=False))
    unknown = draw(st.sampled_from(["untestable", "uncertain"]))
    return [
        unknown if rng.random() < share else "good" if index < first_bad else "bad"  # type: ignore[misc]
        for index in range(length)
    ]


@settings(max_examples=1000)
@given(timelines())
def test_the_answer_is_that_of_looking_at_everything(verdicts: list[Verdict]) -> None:
    found, _ = search(verdicts)
    assert (found.outcome, found.first_bad, found.last_good, list(found.candidates)) == twin(verdicts)


@settings(max_examples=1000)
@given(timelines())
def test_no_model_is_judged_twice_and_looks_stay_within_the_bound(verdicts: list[Verdict]) -> None:
    found, looked = search(verdicts)
    assert len(looked) == len(set(looked)) == len(found.verdicts)
    untestable = sum(verdicts[index] not in ("good", "bad") for index in looked)
    if len(verdicts) >= 2:
        assert len(looked) <= math.ceil(math.log2(len(verdicts) - 1)) + 2 + 2 * untestable


@pytest.mark.parametrize("length", [2, 3, 4, 5, 8, 9, 33, 64, 65, 100, 1024, 1025])
def test_the_worst_case_is_exactly_log2_plus_two_looks(length: int) -> None:
    looks = [len(search(["good"] * first + ["bad"] * (length - first))[1]) for first in range(1, length)]
    assert max(looks) == math.ceil(math.log2(length - 1)) + 2


def test_both_ends_are_looked_at_first() -> None:
    _, looked = search(["good"] * 5 + ["bad"] * 5)
    assert looked[:2] == [0, 9]


def test_a_timeline_of_none_and_of_one_is_answered() -> None:
    assert search([])[0].outcome == "inconclusive"
    assert search(["good"])[0].outcome == "no-regression"
    assert search(["bad"])[0].outcome == "head-bad"
    assert search(["untestable"])[0].outcome == "inconclusive"


def test_a_broken_stretch_is_left_in_few_looks() -> None:
    timeline: list[Verdict] = ["good"] * 700 + ["bad"] * 324
    timeline[480:540] = ["untestable"] * 60
    found, looked = search(timeline)
    assert found.first_bad == 700
    assert len(looked) <= 25


def test_a_newest_model_that_cannot_be_judged_is_no_green() -> None:
    found, _ = search(["good", "good", "untestable"])
    assert found.outcome == "inconclusive"
    assert found.candidates == (2,)


def test_what_was_looked_at_shows_where_verdicts_change() -> None:
    verdicts = {0: "good", 6: "good", 4: "bad", 2: "untestable"}
    found = Found("inconclusive", 7, verdicts)  # type: ignore[arg-type]
    assert found.crossings == (Crossing("regression", 0, 4), Crossing("recovery", 4, 6))
