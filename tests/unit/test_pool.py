"""Several judges side by side: what comes, in which order, who is started, and that all is ended."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from making import cache_at, endless, save
from measured import Measure, StandIn, Workshop, checkpoint, numbered, pool_of

from bisect_cache.cache.opened import open_cache
from bisect_cache.judge.choices import Resampling
from bisect_cache.judge.judge import Judge, Ports
from bisect_cache.judge.measurement import Measurement
from bisect_cache.judge.measuring import Measuring
from bisect_cache.judge.pool import WORTH_ANOTHER
from bisect_cache.timeline.interface import Checkpoint
from bisect_cache.timeline.spec import open_timeline
from bisect_cache.worker.confinement.protections import Protection
from bisect_cache.worker.process import CannotStart, Limits, Worker
from bisect_cache.worker.protocol import Hello

POINTS = [checkpoint(str(number)) for number in range(24)]
PATIENCE = 20.0
"""Seconds after which a test that would hang fails."""


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Of any test here."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) == before


@pytest.fixture(autouse=True)
def any_work_is_worth_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a test need not wait; tests of the rule itself set it back."""
    monkeypatch.setattr("bisect_cache.judge.pool.WORTH_ANOTHER", 0.0)


def values(measured: Iterator[Measurement]) -> list[float]:
    return [one.metrics["plcc"] for one in measured]


def slower_at_first(point: Checkpoint) -> Measurement:
    """The first in line is the last to be ready."""
    time.sleep(0.02 * (24 - int(point.label)) / 24)
    return numbered(point)


def slow(point: Checkpoint) -> Measurement:
    time.sleep(0.01)
    return numbered(point)


class Gate:
    """Judges wait in it until it is opened or they are ended; how many have come to it can be waited for."""

    def __init__(self, free: int = 1) -> None:
        self._free = free
        self._opened = threading.Event()
        self._changed = threading.Condition()
        self.came = 0

    def measure(self, point: Checkpoint) -> Measurement:
        with self._changed:
            self.came += 1
            waits = self.came > self._free
            self._changed.notify_all()
        if waits:
            assert self._opened.wait(PATIENCE)
        return numbered(point)

    def open(self) -> None:
        self._opened.set()

    def open_for(self, count: int) -> None:
        """Open it once so many have come."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.came >= count, PATIENCE)
        self.open()


class Endable(StandIn):
    """One whose work is lost once it is abandoned, as a worker's is; ending it does not reach who waits for it."""

    def __init__(self, seconds: float = PATIENCE) -> None:
        super().__init__()
        self._seconds = seconds
        self._lost = threading.Event()
        self.started = 0
        self.works = self.disturbed = False

    def measure(self, checkpoint: Checkpoint) -> Measurement:
        self.started += 1
        self.works = True
        try:
            if checkpoint.label == "0":
                return numbered(checkpoint)
            self._lost.clear()
            return Measurement(fault="lost") if self._lost.wait(self._seconds) else numbered(checkpoint)
        finally:
            self.works = False

    def abandon(self) -> None:
        self._lost.set()

    def end(self) -> None:
        self.disturbed |= self.works
        super().end()


# Order


@pytest.mark.parametrize("measure", [numbered, slower_at_first])
@pytest.mark.parametrize("workers", [0, 1, 2, 3, 8, 40])
def test_measurements_come_in_the_order_they_were_asked_for(workers: int, measure: Measure) -> None:
    shop = Workshop(measure)
    with pool_of(shop.first, shop.another, workers) as pool:
        assert values(pool.measure(POINTS)) == list(range(24))
        assert values(pool.measure(POINTS[::-1])) == list(range(24))[::-1]
        assert values(pool.measure([])) == []
    assert sorted(label for judge in shop.judges for label in judge.asked) == sorted(2 * [p.label for p in POINTS])


def test_one_that_is_asked_for_while_others_are_on_their_way_comes_too() -> None:
    shop = Workshop(slower_at_first)
    with pool_of(shop.first, shop.another, 3) as pool:
        measured = pool.measure(POINTS)
        first = [next(measured).metrics["plcc"] for _ in range(3)]
        assert values(pool.measure(POINTS[20:21])) == [20]
        assert first + values(measured) == list(range(24))


# Who is started


def test_a_little_work_is_done_by_the_first_judge_on_the_callers_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bisect_cache.judge.pool.WORTH_ANOTHER", WORTH_ANOTHER)
    shop = Workshop()
    with pool_of(shop.first, shop.another, 8) as pool:
        assert values(pool.measure(POINTS)) == list(range(24))
    assert shop.judges == [shop.first]
    assert shop.first.threads == {threading.get_ident()}


@pytest.mark.parametrize(("worth", "started"), [(0.1, True), (0.5, False)])
def test_others_are_started_once_what_is_left_is_worth_it(
    worth: float, started: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bisect_cache.judge.pool.WORTH_ANOTHER", worth)
    shop = Workshop(slow)  # 23 of them take a quarter of a second
    with pool_of(shop.first, shop.another, 2) as pool:
        assert values(pool.measure(POINTS)) == list(range(24))
        assert (len(shop.judges) > 1) == started


def test_one_worker_is_never_given_another() -> None:
    shop = Workshop(slow)
    with pool_of(shop.first, shop.another, 1) as pool:
        values(pool.measure(POINTS))
    assert shop.judges == [shop.first]
    assert shop.first.threads == {threading.get_ident()}


@pytest.mark.parametrize("workers", [2, 3, 5])
def test_as_many_judges_as_wanted_work_at_once_and_no_more(workers: int) -> None:
    gate = Gate(free=1)
    shop = Workshop(gate.measure)
    with pool_of(shop.first, shop.another, workers) as pool:
        measured = pool.measure(POINTS)
        assert next(measured).metrics == {"plcc": 0}
        assert shop.judges == [shop.first], "none is started before it has something to do"
        opener = threading.Thread(target=gate.open_for, args=(1 + workers,))
        opener.start()
        assert values(measured) == list(range(1, 24))
        opener.join()
        assert values(pool.measure(POINTS)) == list(range(24))
        assert len(shop.judges) == workers
    assert all(judge.ended.is_set() for judge in shop.judges)


def test_a_judge_that_is_free_is_taken_before_another_is_started() -> None:
    shop = Workshop(slow)
    with pool_of(shop.first, shop.another, 5) as pool:
        values(pool.measure(POINTS[:3]))
        before = len(shop.judges)
        for point in POINTS:
            assert values(pool.measure([point])) == [float(point.label)]
        assert len(shop.judges) == before


@pytest.mark.parametrize("most", [1, 2, 3])
def test_where_no_other_can_start_those_that_are_there_do_it_all(most: int) -> None:
    shop = Workshop(slow, most)
    with pool_of(shop.first, shop.another, 6) as pool:
        assert values(pool.measure(POINTS)) == list(range(24))
        assert values(pool.measure(POINTS)) == list(range(24))
    assert len(shop.judges) <= most
    assert shop.attempts <= 5, "one for each judge that is wanted, and none again"
    assert len(shop.first.asked) >= 48 // most // 2


# What is said of them


def test_a_report_names_only_what_every_worker_that_predicted_was_kept_from() -> None:
    shop = Workshop(slow)
    held: tuple[Protection, ...] = ("no files", "no network", "a memory limit")
    shop.first.hello = Hello("1", held)

    def another() -> Judge:
        judge = shop.another()
        judge.hello = Hello("1", ("a memory limit", "no files", "a user of its own"))
        return judge

    with pool_of(shop.first, another, 2) as pool:
        values(pool.measure(POINTS[:1]))
        assert pool.worker(shop.first.hello) == Hello("1", held)
        values(pool.measure(POINTS))
        assert len(shop.judges) == 2
        assert pool.worker(shop.first.hello) == Hello("1", ("no files", "a memory limit"))
        assert pool.said is None, "all of it was here"


# Enough


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("begun", [0, 1, 2, 9])
def test_once_there_is_enough_no_more_are_begun_and_those_begun_still_come(workers: int, begun: int) -> None:
    shop = Workshop(slow)
    said: list[float] = []

    def enough(expected: float) -> bool:
        said.append(expected)
        return len(said) > begun

    with pool_of(shop.first, shop.another, workers) as pool:
        assert values(pool.measure(POINTS, enough)) == list(range(begun))
        assert len(said) == begun + 1, "once it says yes it is not asked again"
    assert sum(len(judge.asked) for judge in shop.judges) == begun


def test_the_seconds_that_one_is_expected_to_take_are_those_of_the_ones_before() -> None:
    shop = Workshop(slow)
    said: list[float] = []

    def never(expected: float) -> bool:
        said.append(expected)
        return False

    with pool_of(shop.first, shop.another, 2) as pool:
        values(pool.measure(POINTS, never))
        assert said[0] == 0
        assert all(0.01 <= expected < 0.1 for expected in said[1:])
        values(pool.measure(POINTS[:2], never))
        assert said[24] >= 0.01, "what was measured earlier counts"


# Ends


class Broke(Exception):
    """Of a judge."""


@pytest.mark.parametrize("error", [Broke, CannotStart])
@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("at", [0, 3, 23])
def test_what_a_judge_raises_reaches_the_caller_in_its_turn_and_ends_all(
    error: type[Exception], workers: int, at: int
) -> None:
    def measure(point: Checkpoint) -> Measurement:
        if point.label == str(at):
            raise error("it broke")
        return slow(point)

    shop = Workshop(measure)
    came: list[float] = []
    with pool_of(shop.first, shop.another, workers) as pool, pytest.raises(error, match="it broke"):
        came.extend(one.metrics["plcc"] for one in pool.measure(POINTS))
    assert came == list(range(at))
    assert all(judge.ended.is_set() for judge in shop.judges)


def test_what_starting_another_raises_reaches_the_caller() -> None:
    def another() -> StandIn:
        raise Broke("no such thing")

    gate = Gate(free=1)
    with pool_of(StandIn(gate.measure), another, 2) as pool:
        measured = pool.measure(POINTS)
        next(measured)
        threading.Timer(0.05, gate.open).start()
        with pytest.raises(Broke, match="no such thing"):
            values(measured)
        time.sleep(0.05)


def test_an_error_in_the_context_passes_through_it() -> None:
    shop = Workshop(slow)

    def leave_at_the_third() -> None:
        with pool_of(shop.first, shop.another, 3) as pool:
            for one in pool.measure(POINTS):
                if one.metrics["plcc"] == 2:
                    raise Broke

    with pytest.raises(Broke):
        leave_at_the_third()
    assert all(judge.ended.is_set() for judge in shop.judges)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_leaving_early_ends_what_is_under_way_and_begins_nothing_more(workers: int) -> None:
    judges = [Endable()]

    def another() -> StandIn:
        judges.append(Endable())
        return judges[-1]

    begun = 1 if workers == 1 else 1 + workers
    start = time.monotonic()
    with pool_of(judges[0], another, workers) as pool:
        values(pool.measure(POINTS[:1]))
        assert next(pool.measure(POINTS)).metrics == {"plcc": 0}
        wait_until(lambda: sum(judge.started for judge in judges) == 1 + begun)
    assert time.monotonic() - start < PATIENCE / 2
    assert all(judge.ended.is_set() and not judge.disturbed for judge in judges)
    assert sum(judge.started for judge in judges) == 1 + begun


def test_leaving_workers_in_the_middle_of_models_waits_for_none_of_them(tmp_path: Path) -> None:
    cache = open_cache(cache_at(tmp_path / "cache", rows=64, models=1))
    for name in ("m_1.onnx", "m_2.onnx", "m_3.onnx"):
        save(endless(), tmp_path / name)
    quick = open_timeline([f"files:{tmp_path}/cache/models"]).checkpoints
    never_ready = open_timeline([f"files:{tmp_path}/m_*.onnx"]).checkpoints
    measuring = Measuring(cache.target, cache.target_is, cache.contents, resampling=Resampling(0))

    def another() -> Judge:
        return Judge(Worker(Limits(seconds=PATIENCE)), cache, measuring, Ports(), reading)

    reading = threading.Lock()
    for milliseconds in (0, 300, 500, 700):  # two workers are starting, or predicting
        with pool_of(another(), another, 2) as pool:
            measured = pool.measure([*quick, *quick, *never_ready])
            assert [next(measured).fault for _ in range(2)] == [None, None]
            time.sleep(milliseconds / 1000)
            left = time.monotonic()
        assert time.monotonic() - left < PATIENCE / 2


def test_leaving_while_another_is_starting_ends_it_too() -> None:
    comes_up, leaves = threading.Event(), threading.Event()
    first, late = StandIn(slow), Endable()

    def another() -> StandIn:
        comes_up.set()
        assert leaves.wait(PATIENCE)
        return late

    with pool_of(first, another, 2) as pool:
        measured = pool.measure(POINTS)
        assert [next(measured).metrics["plcc"] for _ in range(2)] == [0, 1]
        assert comes_up.wait(PATIENCE)
        threading.Timer(0.05, leaves.set).start()
    assert first.ended.is_set()
    assert late.ended.is_set()
    assert late.started == 0, "nobody waits for what it would measure"


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_a_pool_that_was_never_asked_ends_its_first_judge() -> None:
    shop = Workshop()
    with pool_of(shop.first, shop.another, 4):
        pass
    assert shop.first.ended.is_set()
