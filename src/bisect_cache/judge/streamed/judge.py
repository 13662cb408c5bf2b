"""The models of a round, asked for their scores batch by batch: the worker keeps each for the next batch."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from bisect_cache.errors import BisectCacheError
from bisect_cache.files import CannotRead
from bisect_cache.judge.judge import CannotScore, Ports, Scores, cores, read_model, told, weights_of
from bisect_cache.timeline.interface import Checkpoint
from bisect_cache.worker.process import Limits, Lost, Worker
from bisect_cache.worker.protocol import Features, Predictions, Untestable


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


class StreamedJudge:
    """Has scores of one batch at a time, by one worker that it replaces when a model brings it down."""

    def __init__(self, worker: Worker, columns: tuple[str, ...], ports: Ports, limits: Limits) -> None:
        """Wait for ``worker``, which is fed features called ``columns``. Raises ``CannotStart``."""
        self._worker, self._columns, self._ports, self._limits = worker, columns, ports, limits
        self._reading = threading.Lock()
        self._threads = cores()
        self._batch = Features(1, columns, self._threads, part=True), np.zeros((1, len(columns)), np.float32).data
        self.hello = worker.hello()

    def end(self) -> None:
        """End the worker."""
        self._worker.end()

    def scores(self, models: list[Asked], features: NDArray[np.float32]) -> list[Scores | None]:
        """Scores (n,) of the batch ``features`` (n, F) by each of ``models``; None for one that has a fault.

        Raises ``CannotStart`` when a worker that was lost cannot be replaced.
        """
        self._batch = Features(len(features), self._columns, self._threads, part=True), features.data
        if self._worker.alive:
            self._worker.give(*self._batch)
        return [None if model.fault else self._scored(model, models) for model in models]

    def _scored(self, model: Asked, models: list[Asked]) -> Scores | None:
        start = time.perf_counter()
        try:
            return self._once_more(model, models)
        except (Lost, BisectCacheError) as error:
            if not isinstance(error, Lost | CannotRead | CannotScore):
                raise
            model.fault = str(error)
            return None
        finally:
            model.seconds += time.perf_counter() - start

    def _once_more(self, model: Asked, models: list[Asked]) -> Scores:
        """Once more where the worker died: a model whose fault it was not (memory that others took) is judged then."""
        try:
            return self._once(model, models)
        except Lost as lost:
            if not lost.died or model.lost:
                raise
            model.lost = True
            return self._once(model, models)

    def _once(self, model: Asked, models: list[Asked]) -> Scores:
        if not self._worker.alive:
            for each in models:
                each.kept = False
            self._worker.restart()
            self._worker.ready(*self._batch)
        if model.kept:
            answer, body = self._worker.again(model.slot, self._limits.seconds - model.seconds)
        else:
            answer, body = self._begun(model)
        if isinstance(answer, Untestable):
            raise CannotScore(answer.reason)
        model.kept = True
        model.notes = tuple(dict.fromkeys((*model.notes, *answer.notes)))
        return np.frombuffer(body, answer.dtype)

    def _begun(self, model: Asked) -> tuple[Predictions | Untestable, bytearray]:
        data = read_model(model.checkpoint, self._reading)
        asked, model.notes = told(model.checkpoint, self._ports, self._reading)
        return self._worker.predict(replace(asked, slot=model.slot), data, weights_of(model.checkpoint, self._reading))
