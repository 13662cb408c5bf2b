"""Which steps stay where there is no room for all, and that the others are counted."""

from collections import Counter
from itertools import pairwise

import pytest
from arbitrary import READ_BISECTS
from hypothesis import given
from hypothesis import strategies as st
from making import bisect_report, step

from bisect_cache.report.kept import Gap, kept
from bisect_cache.report.structs import BisectReport, CheckpointFacts, Step
from bisect_cache.search import Crossing

VERDICTS = ("good", "bad", "untestable", "uncertain")


def counted(entries: list[Step | Gap]) -> Counter[str]:
    """How many of each verdict there are, shown and left out."""
    seen: Counter[str] = Counter()
    for entry in entries:
        if isinstance(entry, Step):
            seen[entry.verdict] += 1
        else:
            for part in entry.said.split(", "):
                count, verdict = part.split(" ")
                assert int(count) > 0
                seen[verdict] += int(count)
    return seen


def shown(report: BisectReport, rows: int) -> list[int]:
    return [entry.index for entry in kept(report, rows) if isinstance(entry, Step)]


def timeline(length: int, bad: tuple[int, ...] = (), untestable: tuple[int, ...] = (), **fields) -> BisectReport:
    def verdict(index: int) -> str:
        return "bad" if index in bad else "untestable" if index in untestable else "good"

    steps = tuple(step(index, verdict(index)) for index in range(length))
    return bisect_report(steps=steps, **({"first_bad": None, "last_good": None} | fields))


@given(READ_BISECTS, st.integers(0, 8))
def test_rows_and_gaps_add_up_in_the_order_of_the_timeline(report: BisectReport, rows: int) -> None:
    entries = kept(report, rows)
    steps = [entry for entry in entries if isinstance(entry, Step)]
    assert len(steps) == min(rows, len(report.steps))
    assert [one.index for one in steps] == sorted(one.index for one in steps)
    assert counted(entries) == Counter(one.verdict for one in report.steps)
    assert not any(isinstance(a, Gap) and isinstance(b, Gap) for a, b in pairwise(entries))


@given(st.lists(st.tuples(st.integers(0, 60), st.sampled_from(VERDICTS)), min_size=1, max_size=60), st.data())
def test_what_is_shown_outranks_what_is_left_out(looked: list[tuple[int, str]], data: st.DataObject) -> None:
    pair = data.draw(st.lists(st.integers(0, 60), max_size=2))
    rows = data.draw(st.integers(0, 30))
    facts = [CheckpointFacts(index, "m") for index in pair] + [None, None]
    turns = data.draw(st.lists(st.integers(0, 60), max_size=4))
    report = bisect_report(
        steps=tuple(step(index, verdict) for index, verdict in looked),
        first_bad=facts[0],
        last_good=facts[1],
        crossings=tuple(Crossing("recovery", before, after) for before, after in pairwise(turns)),
    )
    ends = {min(looked)[0], max(looked)[0]}
    turns = turns if len(turns) > 1 else []

    def importance(index: int, verdict: str) -> int:
        return 4 if index in pair else 3 if index in ends else 2 if index in turns else 1 if verdict != "good" else 0

    steps = [entry for entry in kept(report, rows) if isinstance(entry, Step)]
    left_out = Counter(looked) - Counter((one.index, one.verdict) for one in steps)
    lowest_shown = min((importance(one.index, one.verdict) for one in steps), default=4)
    assert all(importance(*one) <= lowest_shown for one in left_out)


def test_of_thousands_the_good_middle_gives_way_first() -> None:
    bad, untestable = tuple(range(3000, 3040)), (17, 999, 4321)
    report = timeline(5000, bad, untestable, first_bad=CheckpointFacts(3000, "m"), last_good=CheckpointFacts(2999, "m"))
    for rows in (60, 100, 500):
        seen = shown(report, rows)
        assert len(seen) == rows
        assert {0, 4999, 2999, 3000, *bad, *untestable} <= set(seen)
        assert counted(kept(report, rows)) == {"good": 4957, "bad": 40, "untestable": 3}
    assert shown(report, 4) == [0, 2999, 3000, 4999]
    assert shown(report, 2) == [2999, 3000]


def test_models_at_turns_stay_before_other_bad_and_uncertain_ones() -> None:
    verdicts = ["good"] * 3 + ["bad"] * 40 + ["good"] * 20 + ["uncertain"] * 20 + ["good"] * 20
    crossings = (Crossing("regression", 2, 3), Crossing("recovery", 42, 43))
    report = bisect_report(
        steps=tuple(step(index, verdict) for index, verdict in enumerate(verdicts)),
        first_bad=CheckpointFacts(3, "m"),
        last_good=CheckpointFacts(2, "m"),
        crossings=crossings,
    )
    assert shown(report, 6) == [0, 2, 3, 42, 43, 102]
    assert shown(report, 8) == [0, 2, 3, 4, 5, 42, 43, 102]
    assert set(range(63, 83)) < set(shown(report, 65))


def test_of_good_ones_those_near_the_verdict_stay() -> None:
    report = timeline(101, first_bad=CheckpointFacts(50, "m"))
    assert shown(report, 7) == [0, 48, 49, 50, 51, 52, 100]


def test_a_gap_says_how_many_of_which_verdict_are_left_out() -> None:
    report = timeline(10, bad=(4, 5), untestable=(6,), first_bad=CheckpointFacts(4, "m"))
    assert [entry.said if isinstance(entry, Gap) else entry.index for entry in kept(report, 3)] == [
        0,
        "3 good",
        4,
        "1 bad, 2 good, 1 untestable",
        9,
    ]
    assert kept(report, 0) == [Gap("2 bad, 7 good, 1 untestable")]


def test_where_there_is_room_for_all_nothing_is_left_out() -> None:
    report = timeline(9)
    assert kept(report, 9) == sorted(report.steps, key=lambda one: one.index)
    assert kept(bisect_report(steps=()), 9) == []


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_the_same_step_given_twice_is_counted_twice(rows: int) -> None:
    same = step(1, "bad")
    report = bisect_report(steps=(same, same, same))
    assert len(shown(report, rows)) == rows
    assert counted(kept(report, rows)) == {"bad": 3}
