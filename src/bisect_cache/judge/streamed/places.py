"""Where batches are predicted: by the worker of this process one after the other, or by tasks, several side by side.

A batch is the same wherever it is predicted, and what comes back is added up in the order of the rows. So results do
not depend on the place, to the last bit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from bisect_cache.executing.interface import Executing
from bisect_cache.judge.judge import Scores
from bisect_cache.judge.streamed.judge import Asked, RowChoices, StreamedJudge
from bisect_cache.judge.streamed.shards import RowJudges, Shard, shard_by
from bisect_cache.judge.taking_along import TooLarge, taken_along
from bisect_cache.worker.protocol import Hello


class WithFeatures(Protocol):
    """A batch, made ready or not."""

    @property
    def features(self) -> NDArray[np.float32]:
        """(n, F)"""
        ...


Batch = TypeVar("Batch", bound=WithFeatures)
Predicted = Iterator[tuple[Batch, list[Scores | None]]]


class Place(Protocol):
    """Where batches are predicted."""

    def predicted(self, models: Sequence[Asked], batches: Iterator[Batch]) -> Predicted[Batch]:
        """Each batch with its scores (n,) by every one of ``models``, None for one that has a fault; in their order.

        Ends early where every model has a fault. Raises ``CannotStart``, ``NoExecutor`` and ``TaskLost``.
        """
        ...


class Here:
    """By one worker of this process."""

    def __init__(self, judge: StreamedJudge) -> None:
        self._judge = judge

    def predicted(self, models: Sequence[Asked], batches: Iterator[Batch]) -> Predicted[Batch]:
        """See ``Place``."""
        for batch in batches:
            yield batch, self._judge.scores(models, batch.features)
            if all(model.fault for model in models):
                return


class There:
    """By tasks. A round with a model too large to be sent is predicted ``here``."""

    def __init__(self, where: Executing, choices: RowChoices, here: Here, at_once: int | None = None) -> None:
        self._where, self._choices, self._here = where, choices, here
        self._at_once = at_once or where.at_once
        self.workers: dict[Hello, None] = {}
        """What the workers that predicted said of themselves."""
        self._sent = 0

    @property
    def said(self) -> str:
        """Where that is, for a report."""
        return f"{self._where.said}: {self._sent} batches were predicted there"

    def predicted(self, models: Sequence[Asked], batches: Iterator[Batch]) -> Predicted[Batch]:
        """See ``Place``."""
        try:
            checkpoints = tuple(taken_along(model.checkpoint) for model in models)
        except TooLarge:
            yield from self._here.predicted(models, batches)
            return
        judges = RowJudges(self._choices, checkpoints, self._at_once)
        shared = self._where.share(judges)
        waiting: deque[tuple[Batch, Future[Shard]]] = deque()
        try:
            for batch in batches:
                self._sent += 1
                waiting.append((batch, self._where.executor.submit(shard_by, shared, batch.features)))
                if len(waiting) >= 2 * self._at_once:
                    yield self._taken(models, *waiting.popleft())
                    if all(model.fault for model in models):
                        return
            while waiting:
                yield self._taken(models, *waiting.popleft())
        finally:
            for _, future in waiting:
                future.cancel()
            self._where.tell(judges.run, "abandon")
            judges.end()

    def _taken(self, models: Sequence[Asked], batch: Batch, future: Future[Shard]) -> tuple[Batch, list[Scores | None]]:
        shard = future.result()
        self.workers[shard.worker] = None
        scores: list[Scores | None] = []
        for model, one in zip(models, shard.models, strict=True):
            model.seconds += one.seconds
            model.notes = tuple(dict.fromkeys((*model.notes, *one.notes)))
            model.fault = model.fault or one.fault
            scores.append(None if model.fault else one.scores)
        return batch, scores
