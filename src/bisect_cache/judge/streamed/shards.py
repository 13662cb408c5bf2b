"""Row shards: one batch, predicted by all models of a round in whichever process takes it."""

from __future__ import annotations

import contextlib
import queue
import threading
import weakref
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bisect_cache.executing.of_a_run import OfARun
from bisect_cache.judge.judge import Scores
from bisect_cache.judge.streamed.judge import Asked, RowChoices, StreamedJudge
from bisect_cache.timeline.interface import Checkpoint
from bisect_cache.worker.lasting import LastingWorker
from bisect_cache.worker.process import CannotStart
from bisect_cache.worker.protocol import Hello


@dataclass(frozen=True)
class ByModel:
    """What one model made of a batch."""

    scores: Scores | None
    fault: str | None
    notes: tuple[str, ...]
    seconds: float
    """That its worker had for it."""


@dataclass(frozen=True)
class Shard:
    """What all models of a round made of a batch."""

    models: tuple[ByModel, ...]
    worker: Hello


class RowJudges(OfARun):
    """Those of one process: each asked by one thread at a time, ``most`` of them at most.

    Pickled, the models go along, and no judge does.
    """

    def __init__(
        self, choices: RowChoices, checkpoints: tuple[Checkpoint, ...], most: int, *, run: str | None = None
    ) -> None:
        super().__init__(run)
        self._choices, self._checkpoints, self._most = choices, checkpoints, most
        self._judges: list[tuple[StreamedJudge, list[Asked]]] = []
        self._idle: queue.SimpleQueue[tuple[StreamedJudge, list[Asked]]] = queue.SimpleQueue()
        self._counting, self._started = threading.Lock(), 0
        self._abandoned = threading.Event()
        # Where a process is told of a run's end by nothing but that nobody needs this any more.
        weakref.finalize(self, _end, self._judges)

    def made_of(self) -> tuple[Any, ...]:
        """What another process makes its own of."""
        return self._choices, self._checkpoints, self._most

    def shard(self, features: NDArray[np.float32]) -> Shard:
        """What the models make of ``features`` (n, F). Any thread may ask. Raises ``CannotStart``."""
        judge, models = mine = self._free()
        try:
            if self._abandoned.is_set():
                raise CancelledError
            before = [model.seconds for model in models]
            scores = judge.scores(models, np.ascontiguousarray(features))
            spent = [model.seconds - seconds for model, seconds in zip(models, before, strict=True)]
            made = zip(scores, models, spent, strict=True)
            return Shard(
                tuple(ByModel(one, model.fault, model.notes, seconds) for one, model, seconds in made), judge.hello
            )
        finally:
            self._idle.put(mine)

    def abandon(self) -> None:
        """Make what is being predicted end at once: nobody waits for it any more. From any thread."""
        self._abandoned.set()
        for judge, _ in tuple(self._judges):
            judge.abandon()

    def end(self) -> None:
        """End all; none may be predicting."""
        _end(self._judges)

    def _free(self) -> tuple[StreamedJudge, list[Asked]]:
        with contextlib.suppress(queue.Empty):
            return self._idle.get_nowait()
        with self._counting:
            start, self._started = self._started < self._most, self._started + 1
        if not start:
            return self._idle.get()
        # Others work beside it, so one thread is its share of the machine.
        try:
            judge = StreamedJudge(LastingWorker(self._choices.limits), self._choices, threads=1)
        except CannotStart:
            with self._counting:
                self._started -= 1  # nobody must wait for one that will never be there
            raise
        mine = judge, [Asked(checkpoint, slot) for slot, checkpoint in enumerate(self._checkpoints)]
        self._judges.append(mine)
        return mine


def shard_by(judges: RowJudges, features: NDArray[np.float32]) -> Shard:
    """A task."""
    return judges.shard(features)


def _end(judges: list[tuple[StreamedJudge, list[Asked]]]) -> None:
    for judge, _ in judges:
        judge.end()
