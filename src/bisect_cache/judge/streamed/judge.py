"""The models of a round, asked for their scores batch by batch: the worker keeps each for the next batch."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from bisect_cache.executing.threads import cores
from bisect_cache.files import CannotRead
from bisect_cache.judge.judge import CannotScore, Ports, Scores, read_model, told, weights_of
from bisect_cache.timeline.interface import Checkpoint
from bisect_cache.worker.process import CannotStart, Limits, Lost, Worker
from bisect_cache.worker.protocol import Features, Predictions, Untestable

_Batch = tuple[Features, memoryview]


@dataclass
class Asked:
    """One model of a round."""

    checkpoint: Checkpoint
    slot: int
    fault: str | None = None
    """Why it cannot be judged, as soon as that is known."""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    """That the worker has had for it."""
    kept: bool = False
    """Whether the worker holds it."""
    lost: bool = False
    """Whether a worker died of it before."""


@dataclass(frozen=True)
class RowChoices:
    """How batches are predicted."""

    columns: tuple[str, ...]
    """Names of the features."""
    ports: Ports
    limits: Limits


class StreamedJudge:
    """Has scores of one batch at a time, by one worker that it replaces when a model brings it down."""

    def __init__(self, worker: Worker, choices: RowChoices, threads: int | None = None) -> None:
        """Wait for ``worker``; it feeds a model in ``threads`` threads, one a core. Raises ``CannotStart``."""
        self._worker, self._choices = worker, choices
        self._reading = threading.Lock()
        self._threads = threads or cores()
        self._abandoned = False
        self.hello = worker.hello()

    def end(self) -> None:
        """End the worker."""
        self._worker.end()

    def abandon(self) -> None:
        """Make what another thread is predicting end at once; it is lost."""
        self._abandoned = True
        self._worker.kill()

    def scores(self, models: Sequence[Asked], features: NDArray[np.float32]) -> list[Scores | None]:
        """Scores (n,) of the batch ``features`` (n, F) by each of ``models``; None for one that has a fault.

        Raises ``CannotStart`` when a worker that was lost cannot be replaced.
        """
        batch = Features(len(features), self._choices.columns, self._threads, part=True), features.data
        if self._worker.alive:
            with contextlib.suppress(CannotStart):  # one that died meanwhile is replaced where it is needed
                self._worker.give(*batch)
        return [None if model.fault else self._scored(model, models, batch) for model in models]

    def _scored(self, model: Asked, models: Sequence[Asked], batch: _Batch) -> Scores | None:
        try:
            return self._once_more(model, models, batch)
        except (Lost, CannotRead, CannotScore) as error:
            model.fault = str(error)
            return None

    def _once_more(self, model: Asked, models: Sequence[Asked], batch: _Batch) -> Scores:
        """Once more where the worker died: a model whose fault it was not (memory that others took) is judged then."""
        try:
            return self._once(model, models, batch)
        except Lost as lost:
            if not lost.died or model.lost or self._abandoned:
                raise
            model.lost = True
            return self._once(model, models, batch)

    def _once(self, model: Asked, models: Sequence[Asked], batch: _Batch) -> Scores:
        if not self._worker.alive:
            for each in models:
                each.kept = False
            self._worker.restart()
            self._worker.ready(*batch)
        if self._abandoned:  # while its worker was being replaced, where nobody could kill it
            raise Lost("nobody waits for it any more")
        start = time.perf_counter()
        try:
            if model.kept:
                answer, body = self._worker.again(model.slot, model.seconds)
            else:
                answer, body = self._begun(model)
        finally:
            model.seconds += time.perf_counter() - start
        if isinstance(answer, Untestable):
            raise CannotScore(answer.reason)
        model.kept = True
        model.notes = tuple(dict.fromkeys((*model.notes, *answer.notes)))
        return np.frombuffer(body, answer.dtype)

    def _begun(self, model: Asked) -> tuple[Predictions | Untestable, bytearray]:
        data = read_model(model.checkpoint, self._reading)
        asked, model.notes = told(model.checkpoint, self._choices.ports, self._reading)
        return self._worker.predict(replace(asked, slot=model.slot), data, weights_of(model.checkpoint, self._reading))
