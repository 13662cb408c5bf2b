"""What the search wants looked at is measured, and held against the thresholds: one step for each checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bisect_cache.errors import BisectCacheError
from bisect_cache.judge.deciding import Compared, compared, together
from bisect_cache.judge.detecting import Detecting
from bisect_cache.judge.interface import Measures
from bisect_cache.judge.measurement import Measurement
from bisect_cache.judge.remembering import Remembering
from bisect_cache.judge.sampling import Sampling
from bisect_cache.judge.thresholds import Reference
from bisect_cache.report.reason import reason
from bisect_cache.report.structs import BaselineFacts, Step
from bisect_cache.runs.request import BisectRequest, Looking
from bisect_cache.search import Found, search
from bisect_cache.timeline.baseline import find_baseline
from bisect_cache.timeline.interface import Checkpoint, Timeline


class CannotCompare(BisectCacheError):
    """A baseline that nothing can be compared with."""


@dataclass(frozen=True)
class Looked:
    """What came of the looks."""

    found: Found
    steps: tuple[Step, ...]
    """In the order of looking."""
    baseline: Baseline | None
    detectable: Mapping[str, float]
    """By metric, the drop below which nothing can be told from chance."""
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Baseline:
    """What relative thresholds compare with, and what the minimum detectable drop is worked out from."""

    checkpoint: Checkpoint
    index: int | None
    """None for a model outside the timeline."""
    measurement: Measurement

    @property
    def facts(self) -> BaselineFacts:
        """The same as the report tells it."""
        label, origin = self.checkpoint.label, dict(self.checkpoint.origin)
        return BaselineFacts(self.index, label, origin, dict(self.measurement.metrics))


def look(
    timeline: Timeline,
    pool: Measures,
    request: BisectRequest,
    sampling: Sampling | None,
    looking: Looking,
    declared: Callable[[Checkpoint], Checkpoint],
) -> Looked:
    """Look at checkpoints of ``timeline`` until the search has enough.

    ``declared`` gives a baseline outside of it what is declared of how models are fed.

    Raises ``CannotCompare`` and ``BadTimeline`` where the baseline is wrong, and ``CannotStart``.
    """
    return _Looks(timeline, pool, request, sampling, looking, declared).all()


class _Looks:
    def __init__(
        self,
        timeline: Timeline,
        pool: Measures,
        request: BisectRequest,
        sampling: Sampling | None,
        looking: Looking,
        declared: Callable[[Checkpoint], Checkpoint],
    ) -> None:
        self._timeline, self._points = timeline, timeline.checkpoints
        self._pool, self._request, self._sampling, self._looking = pool, request, sampling, looking
        self._declared = declared
        self._measurements = Remembering(self._points, pool)
        self._references = {threshold.reference for threshold in request.thresholds if threshold.reference}
        self._detecting = Detecting(sampling)
        self._steps: list[Step] = []

    def all(self) -> Looked:
        started = time.monotonic()
        self._baseline = self._found_baseline()

        def enough(expected: float) -> bool:
            return time.monotonic() - started + expected > self._request.budget

        searching = search(len(self._points), self._request.strategy, stepwise=self._request.stepwise)
        try:
            wanted = next(searching)
            while True:
                limit = enough if not wanted.needed else _never
                wanted = searching.send([step.verdict for step in self._steps_of(wanted.indexes, limit)])
        except StopIteration as end:
            found: Found = end.value
        return Looked(found, tuple(self._steps), self._baseline, self._detecting.detectable, tuple(self._notes()))

    def _found_baseline(self) -> Baseline | None:
        """The baseline by its name; else the first model that can be judged, where anything is compared with it."""
        if self._request.baseline is not None:
            return self._named_baseline(self._request.baseline)
        # Where only the minimum detectable drop asks for one, a broken model is no reason to look at further ones.
        wanted = len(self._points) if "baseline" in self._references else 1
        for index, checkpoint in enumerate(self._points[:wanted]):
            measurement = self._measured(index)
            if measurement.fault is None:
                return Baseline(checkpoint, index, measurement)
        return None

    def _named_baseline(self, name: str) -> Baseline:
        named = find_baseline(self._timeline, name)
        if isinstance(named, Checkpoint):
            self._looking(named.label, 0)
            named = self._declared(named)
            baseline = Baseline(named, None, next(self._pool.measure([named])))
        else:
            baseline = Baseline(self._points[named], named, self._measured(named))
        if fault := baseline.measurement.fault:
            raise CannotCompare(
                f"the baseline {baseline.checkpoint.label} cannot be judged ({fault}); name another one"
            )
        return baseline

    def _measured(self, index: int) -> Measurement:
        self._looking(self._points[index].label, len(self._steps))
        return self._measurements.of(index)

    def _steps_of(self, indexes: Sequence[int], enough: Callable[[float], bool]) -> Iterator[Step]:
        """A step for each index, in their order, until there was enough."""
        needed = dict.fromkeys(near for index in indexes for near in (*self._neighbour(index), index))
        measured = self._measurements.ahead(tuple(needed), enough)
        done: set[int] = set()
        for index in indexes:
            if not self._measurements.knows(index):
                self._looking(self._points[index].label, len(self._steps))
            while not done.issuperset((*self._neighbour(index), index)):
                came = next(measured, None)
                if came is None:
                    return
                done.add(came)
            self._steps.append(self._step(index))
            yield self._steps[-1]

    def _neighbour(self, index: int) -> tuple[int, ...]:
        return (index - 1,) if index and "previous" in self._references else ()

    def _step(self, index: int) -> Step:
        checkpoint, measurement = self._points[index], self._measurements.of(index)
        judged = () if measurement.fault else self._compared(index, measurement)
        verdict = "untestable" if measurement.fault else together(judged)
        notes, seconds = measurement.notes, measurement.seconds
        if (first := self._measurements.first(index)) != index:
            notes, seconds = (*notes, f"the same model as {self._points[first].label}"), 0.0
        elif self._baseline and measurement.fault is None:
            self._detecting.add(measurement, self._baseline.measurement, good=verdict == "good")
        return Step(
            index=index,
            label=checkpoint.label,
            verdict=verdict,
            metrics=dict(measurement.metrics),
            intervals=dict(measurement.intervals),
            reason=measurement.fault or reason(measurement, self._request.thresholds, judged, self._sampling),
            seconds=round(seconds, 6),
            notes=notes,
            origin=dict(checkpoint.origin),
            thresholds=judged,
        )

    def _compared(self, index: int, measurement: Measurement) -> tuple[Compared, ...]:
        references: dict[Reference, Measurement | None] = {
            name: self._before(index) if name == "previous" else self._of_baseline(index) for name in self._references
        }
        return tuple(
            compared(threshold, measurement, references, self._request.decision, self._sampling)
            for threshold in self._request.thresholds
        )

    def _of_baseline(self, index: int) -> Measurement | None:
        """The baseline's measurement; None for the baseline itself."""
        if self._baseline is None or self._baseline.index is None:
            return self._baseline.measurement if self._baseline else None
        same = self._measurements.model(index) == self._measurements.model(self._baseline.index)
        return None if same else self._baseline.measurement

    def _before(self, index: int) -> Measurement | None:
        """The nearest one before that can be judged; None where there is none."""
        for earlier in range(index - 1, -1, -1):
            measurement = self._measurements.of(earlier)
            if measurement.fault is None:
                return measurement
        return None

    def _notes(self) -> Iterator[str]:
        baseline = self._baseline
        if "baseline" in self._references and baseline and baseline.index and self._request.baseline is None:
            yield f"the baseline is {baseline.checkpoint.label}, the first model that can be judged"


def _never(_expected: float) -> bool:
    return False
