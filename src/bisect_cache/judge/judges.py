"""The judges of one run in one process: each is asked by one thread at a time, and there are as many as are asked.

On a cluster every process that works for the run has judges of its own, made of the same cache and choices.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any

from bisect_cache.executing.of_a_run import OfARun
from bisect_cache.judge.judge import Judge
from bisect_cache.judge.measurement import Measurement
from bisect_cache.timeline.interface import Checkpoint
from bisect_cache.worker.process import CannotStart
from bisect_cache.worker.protocol import Hello

Another = Callable[[], Judge]


@dataclass(frozen=True)
class Measured:
    """What a task gives: the measurement, and how it was come by."""

    measurement: Measurement
    seconds: float
    """That it took, reading the model included."""
    worker: Hello
    """What the worker that predicted said of itself."""


class Judges(OfARun):
    """``most`` of them at most, started by ``another`` when all are busy. ``first``, where given, is there already.

    Pickled, ``another`` goes along, and no judge does.
    """

    def __init__(self, another: Another, most: int, first: Judge | None = None, *, run: str | None = None) -> None:
        super().__init__(run)
        self._another, self._most = another, most
        self._judges = [first] if first else []
        self._idle: queue.SimpleQueue[Judge] = queue.SimpleQueue()
        for judge in self._judges:
            self._idle.put(judge)
        self._counting, self._started = threading.Lock(), len(self._judges)
        self._abandoned = threading.Event()
        # Where a process is told of a run's end by nothing but that nobody needs this any more.
        weakref.finalize(self, _end, self._judges)

    def made_of(self) -> tuple[Any, ...]:
        """What another process makes its own of."""
        return self._another, self._most

    def measured(self, checkpoint: Checkpoint) -> Measured:
        """Have one that is free measure ``checkpoint``. Any thread may ask.

        Raises ``CannotStart``, and ``CancelledError`` once they are abandoned.
        """
        judge = self._free()
        try:
            if self._abandoned.is_set():
                raise CancelledError  # measuring would start a judge's worker again, for nobody
            start = time.perf_counter()
            measurement = judge.measure(checkpoint)
            return Measured(measurement, time.perf_counter() - start, judge.hello)
        finally:
            self._idle.put(judge)

    def abandon(self) -> None:
        """Make what is being measured end at once: nobody waits for it any more. From any thread."""
        self._abandoned.set()
        for judge in tuple(self._judges):
            judge.abandon()

    def end(self) -> None:
        """End all; none may be measuring."""
        _end(self._judges)

    def _free(self) -> Judge:
        """A judge that has nothing to do; a new one while there are fewer than may be."""
        with contextlib.suppress(queue.Empty):
            return self._idle.get_nowait()
        with self._counting:
            start, self._started = self._started < self._most, self._started + 1
        if start and not self._abandoned.is_set():
            try:
                judge = self._another()
            except CannotStart:
                if not self._judges:
                    raise
                return self._idle.get()  # no room for another: those that are there do it all
            self._judges.append(judge)
            return judge
        return self._idle.get()


def measured_by(judges: Judges, checkpoint: Checkpoint) -> Measured:
    """A task."""
    return judges.measured(checkpoint)


def _end(judges: list[Judge]) -> None:
    for judge in judges:
        judge.end()
