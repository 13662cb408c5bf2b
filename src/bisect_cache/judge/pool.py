"""Several judges side by side, where there is enough to judge: measurements come in the order they were asked for."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from bisect_cache.judge.judge import Judge
from bisect_cache.judge.measurement import Measurement
from bisect_cache.judge.process import CannotStart
from bisect_cache.timeline.interface import Checkpoint

WORTH_ANOTHER = 0.8
"""Seconds of work that a further worker process takes over at least; starting one costs about a third of that."""


class Pool:
    """Judges that share one cache: the first is there, others are started when it is worth it, ``workers`` at most.

    ``another`` starts one more. Ended as a whole: a worker belongs to the thread that started it, and Linux ends it
    together with that thread.
    """

    def __init__(self, first: Judge, another: Callable[[], Judge], workers: int) -> None:
        self.first = first
        self._another = another
        self._workers = max(1, workers)
        self._judges = [first]
        self._idle: queue.SimpleQueue[Judge] = queue.SimpleQueue()
        self._idle.put(first)
        self._starting, self._started = threading.Lock(), 1
        self._threads: ThreadPoolExecutor | None = None
        self._ended = threading.Event()
        self._measured, self._seconds = 0, 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for judge in list(self._judges):
            judge.end()  # whatever it works on: nobody waits for it any more
        if self._threads:
            self._threads.shutdown(cancel_futures=True)
            for judge in self._judges:
                judge.end()

    def measure(
        self, checkpoints: Sequence[Checkpoint], enough: Callable[[float], bool] = lambda _expected: False
    ) -> Iterator[Measurement]:
        """A measurement for each of ``checkpoints``, in their order.

        ``enough`` is asked before each is begun, with the seconds that one is expected to take; once it says yes no
        more are begun, and those begun still come. Raises ``CannotStart``.
        """
        waiting: deque[Future[Measurement]] = deque()
        for place, checkpoint in enumerate(checkpoints):
            if place and enough(self._expected):
                break
            if self._threads is None and not self._worth_it(len(checkpoints) - place):
                yield self._with(self.first, checkpoint)
                continue
            waiting.append(self._pool().submit(self._with_any, checkpoint))
            if len(waiting) >= 2 * self._workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    @property
    def _expected(self) -> float:
        """Seconds that one more is expected to take, by those measured."""
        return self._seconds / self._measured if self._measured else 0.0

    def _worth_it(self, left: int) -> bool:
        return self._workers > 1 and left > 1 and left * self._expected > WORTH_ANOTHER

    def _pool(self) -> ThreadPoolExecutor:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._workers, thread_name_prefix="judge")
        return self._threads

    def _with_any(self, checkpoint: Checkpoint) -> Measurement:
        judge = self._free()
        try:
            return self._with(judge, checkpoint)
        finally:
            self._idle.put(judge)

    def _free(self) -> Judge:
        """A judge that has nothing to do; a new one while there are fewer than wanted."""
        with contextlib.suppress(queue.Empty):
            return self._idle.get_nowait()
        with self._starting:
            start, self._started = self._started < self._workers, self._started + 1
        if start and not self._ended.is_set():
            try:
                judge = self._another()
            except CannotStart:
                return self._idle.get()  # no room for another: those that are there do it all
            self._judges.append(judge)
            if self._ended.is_set():
                judge.end()
            return judge
        return self._idle.get()

    def _with(self, judge: Judge, checkpoint: Checkpoint) -> Measurement:
        start = time.perf_counter()
        measurement = judge.measure(checkpoint)
        self._measured += 1
        self._seconds += time.perf_counter() - start
        return measurement
