"""Rounds of models, each measured in one pass over the rows: reading, predicting and adding up go on side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Self, TypeVar

import numpy as np

from bisect_cache.cache.large import Batch, LargeCache
from bisect_cache.judge.judge import CannotScore, Scores, fault_of
from bisect_cache.judge.measurement import Measurement
from bisect_cache.judge.pool import kept_from_least
from bisect_cache.judge.streamed.adding import Rows
from bisect_cache.judge.streamed.judge import Asked, StreamedJudge
from bisect_cache.judge.streamed.measuring import StreamedMeasuring
from bisect_cache.judge.streamed.places import Here, Place, There
from bisect_cache.timeline.interface import Checkpoint
from bisect_cache.worker.protocol import Hello

MOST_IN_A_ROUND = 16
"""Models that are in the worker at once."""


Ready = TypeVar("Ready", Batch, Rows)


class Rounds:
    """Does for a large cache what ``Pool`` and ``Judge`` do for one that is held."""

    def __init__(
        self, judge: StreamedJudge, cache: LargeCache, measuring: StreamedMeasuring, there: There | None = None
    ) -> None:
        """Batches are predicted by ``judge``, or ``there``."""
        self._judge, self._cache, self._measuring = judge, cache, measuring
        self._here, self._there = Here(judge), there
        self._measured, self._seconds = 0, 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._judge.end()

    @property
    def hello(self) -> Hello:
        """What the worker said of itself."""
        return self._judge.hello

    @property
    def said(self) -> str | None:
        """Where batches were predicted, for a report; None where that was here alone."""
        return self._there.said if self._there else None

    def worker(self, first: Hello) -> Hello:
        """What all workers that predicted, the ``first`` among them, were kept from: as the one kept from least."""
        return kept_from_least(first, self._there.workers if self._there else ())

    def measure(
        self, checkpoints: Sequence[Checkpoint], enough: Callable[[float], bool] = lambda _expected: False
    ) -> Iterator[Measurement]:
        """A measurement for each of ``checkpoints``, in their order, as ``Pool.measure`` gives them.

        Raises ``CannotStart``, ``BadFeatures`` and ``NoRoom``.
        """
        waiting = list(checkpoints)
        while waiting:
            expected = self._seconds / self._measured if self._measured else 0.0
            some: list[Checkpoint] = []
            while waiting and len(some) < MOST_IN_A_ROUND and not enough(expected * (len(some) + 1)):
                some.append(waiting.pop(0))
            if not some:
                return
            yield from self._round(some)

    def scores(self, checkpoint: Checkpoint) -> Scores:
        """What a checkpoint predicts for every row, (N,), as ``Judge.scores`` gives them."""
        model, parts = Asked(checkpoint, 0), list[Scores]()

        def keep(_rows: Batch, scores: list[Scores | None]) -> None:
            parts.extend(one for one in scores if one is not None)

        self._pass([model], lambda batch: batch, keep)
        if model.fault:
            raise CannotScore(model.fault)
        scores = np.concatenate(parts)
        if fault := fault_of(scores):
            raise CannotScore(fault)
        return scores

    def _round(self, checkpoints: Sequence[Checkpoint]) -> Iterator[Measurement]:
        models = [Asked(checkpoint, slot) for slot, checkpoint in enumerate(checkpoints)]
        added = [self._measuring.adding() for _ in models]

        def add(rows: Rows, scores: list[Scores | None]) -> None:
            for adding, some in zip(added, scores, strict=True):
                if some is not None:
                    adding.add(some, rows)

        try:
            self._pass(models, self._measuring.ready, add)
            for model, adding in zip(models, added, strict=True):
                measured = Measurement(fault=model.fault) if model.fault else self._measuring.measurement(adding)
                adding.close()
                self._measured += 1
                self._seconds += model.seconds
                yield replace(measured, notes=(*model.notes, *measured.notes), seconds=model.seconds)
        finally:
            for adding in added:
                adding.close()

    def _pass(
        self, models: list[Asked], ready: Callable[[Batch], Ready], done: Callable[[Ready, list[Scores | None]], None]
    ) -> None:
        """All rows through ``models``: the next batch is read, and the last one added up, while one is predicted."""
        batches = map(ready, self._cache.batches())
        place: Place = self._there or self._here
        with ThreadPoolExecutor(1, "reading") as reading, ThreadPoolExecutor(1, "adding") as adding:
            last: Future[None] | None = None
            for rows, scores in place.predicted(models, _ahead(batches, reading)):
                if last:
                    last.result()
                last = adding.submit(done, rows, scores)
            if last:
                last.result()


def _ahead(batches: Iterator[Ready], reading: ThreadPoolExecutor) -> Iterator[Ready]:
    """The same, each worked out while the one before is in use."""
    coming = reading.submit(next, batches, None)
    while (batch := coming.result()) is not None:
        coming = reading.submit(next, batches, None)
        yield batch
