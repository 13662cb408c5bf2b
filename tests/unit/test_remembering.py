"""Measurements by index: equal models once, in order, within a budget, and again where resamples are gone."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from measured import StandIn, Workshop, checkpoint, numbered, pool_of

from bisect_cache.executing.threads import Threads
from bisect_cache.judge.judges import Judges
from bisect_cache.judge.measurement import Measurement
from bisect_cache.judge.pool import Pool
from bisect_cache.judge.remembering import Remembering
from bisect_cache.timeline.interface import Checkpoint

KEPT = 256


def never(_expected: float) -> bool:
    return False


def of_contents(contents: list[str | None]) -> list[Checkpoint]:
    return [checkpoint(str(index), content) for index, content in enumerate(contents)]


def remembering(points: list[Checkpoint], judge: StandIn) -> Remembering:
    return Remembering(points, Pool(Judges(Workshop().another, 1, judge), Threads(1)))


contents = st.lists(st.sampled_from(["a", "b", "c", None, None]), min_size=1, max_size=12)


@given(contents, st.data())
def test_equal_models_are_measured_once_however_they_are_asked_for(
    values: list[str | None], data: st.DataObject
) -> None:
    judge = StandIn()
    known = remembering(of_contents(values), judge)
    asked: dict[object, int] = {}
    for _ in range(data.draw(st.integers(0, 8))):
        indexes = data.draw(st.lists(st.integers(0, len(values) - 1), max_size=6))
        if data.draw(st.booleans()):
            assert list(known.ahead(indexes, never)) == indexes
        else:
            for index in indexes:
                known.of(index)
        for index in indexes:
            asked.setdefault(values[index] or index, index)
    assert judge.asked == [str(index) for index in asked.values()]
    for index, value in enumerate(values):
        first = asked.get(value or index)
        assert known.knows(index) == (first is not None)
        assert known.first(index) == (index if first is None else first)
        if first is not None:
            assert known.of(index).metrics == {"plcc": first}
    assert max(Counter(judge.asked).values(), default=1) == 1


def test_models_are_the_same_where_their_source_says_so_alone() -> None:
    known = remembering(of_contents(["a", None, None, "a"]), StandIn())
    assert [known.model(index) for index in range(4)] == ["a", 1, 2, "a"]


@pytest.mark.parametrize("workers", [1, 3])
def test_measurements_ahead_are_yielded_in_the_order_asked_for(workers: int) -> None:
    shop = Workshop(numbered)
    points = of_contents([None] * 20)
    order = [7, 3, 3, 19, 0, 7, 12]
    with pool_of(shop.first, shop.another, workers) as pool:
        known = Remembering(points, pool)
        known.of(19)
        seen = []
        for index in known.ahead(order, never):
            seen.append(index)
            assert all(known.knows(one) for one in seen)
            assert known.of(index).metrics == {"plcc": index}
    assert seen == order


def test_once_there_was_enough_the_rest_is_not_measured_and_what_is_known_is_free() -> None:
    judge = StandIn()
    known = remembering(of_contents([None, "a", None, "a", None, None]), judge)
    known.of(1)
    left = iter([False, False, True])
    assert list(known.ahead([3, 0, 1, 2, 4, 5], lambda _expected: next(left))) == [3, 0, 1, 2]
    assert judge.asked == ["1", "0", "2"]
    assert list(known.ahead([3, 0, 5, 2], lambda _expected: True)) == [3, 0], "each comes after all before it"
    assert judge.asked == ["1", "0", "2"]


def test_resamples_that_are_gone_are_drawn_again() -> None:
    judge = StandIn()
    known = remembering(of_contents([None] * (KEPT + 2)), judge)
    assert list(known.ahead(range(KEPT + 2), never)) == list(range(KEPT + 2))
    judge.asked.clear()
    assert [known.of(index).distributions["plcc"][0] for index in range(2, KEPT + 2)] == list(range(2, KEPT + 2))
    assert judge.asked == [], f"those of the last {KEPT} are there"
    assert known.of(0).distributions["plcc"].tolist() == [0, 0, 0]
    assert known.of(0).distributions["plcc"].tolist() == [0, 0, 0]
    assert judge.asked == ["0"]


def test_one_that_is_measured_again_by_an_equal_one_is_still_that_of_the_first() -> None:
    judge = StandIn()
    known = remembering(of_contents(["a", *[None] * KEPT, "a"]), judge)
    list(known.ahead(range(KEPT + 1), never))
    judge.asked.clear()
    assert known.of(KEPT + 1).distributions != {}
    assert judge.asked == [str(KEPT + 1)]
    assert (known.first(0), known.first(KEPT + 1)) == (0, 0)


@pytest.mark.parametrize("made", [Measurement(fault="broken"), Measurement({"plcc": 0.5})])
def test_what_never_had_resamples_is_not_measured_again_for_them(made: Measurement) -> None:
    judge = StandIn(lambda point: made if point.label == "0" else numbered(point))
    known = remembering(of_contents([None] * (KEPT + 2)), judge)
    list(known.ahead(range(KEPT + 2), never))
    judge.asked.clear()
    assert known.of(0) == made
    assert judge.asked == []


@pytest.mark.parametrize("workers", [1, 3])
def test_one_that_is_asked_for_while_others_are_on_their_way_is_right(workers: int) -> None:
    shop = Workshop(numbered)
    points = of_contents([None, "a", None, "a", None, None, None, None])
    with pool_of(shop.first, shop.another, workers) as pool:
        known = Remembering(points, pool)
        ahead = known.ahead([0, 1, 2, 3, 4, 5], never)
        assert next(ahead) == 0
        assert known.of(7).metrics == {"plcc": 7}  # of nobody else
        assert known.of(3).metrics["plcc"] in (1, 3)  # the same model as one on its way
        assert known.of(5).metrics == {"plcc": 5}  # on its way itself
        assert list(ahead) == [1, 2, 3, 4, 5]
        assert [known.of(index).metrics["plcc"] for index in (0, 2, 4, 5, 7)] == [0, 2, 4, 5, 7]
        assert known.of(1).metrics == known.of(3).metrics
