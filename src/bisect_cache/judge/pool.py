"""Several judges side by side, where there is enough to judge: measurements come in the order they were asked for."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from typing import Self

from bisect_cache.judge.judge import Judge
from bisect_cache.judge.measurement import Measurement
from bisect_cache.timeline.interface import Checkpoint
from bisect_cache.worker.process import CannotStart

WORTH_ANOTHER = 0.8
"""Seconds of work that a further worker process takes over at least; starting one costs about a third of that."""
_A_MOMENT = 0.1
"""Seconds."""


class Pool:
    """Judges that share one cache: the first is there, others are started when it is worth it, ``workers`` at most.

    ``another`` starts one more. Ended as a whole: a worker belongs to the thread that started it, and Linux ends it
    together with that thread.
    """

    def __init__(self, first: Judge, another: Callable[[], Judge], workers: int) -> None:
        self.first = first
        self._another = another
        self._workers = workers
        self._judges = [first]
        self._idle: queue.SimpleQueue[Judge] = queue.SimpleQueue()
        self._idle.put(first)
        self._counting, self._started = threading.Lock(), 1
        self._threads: ThreadPoolExecutor | None = None
        self._under_way: set[Future[Measurement]] = set()
        self._ended = threading.Event()
        self._measured, self._seconds = 0, 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        while under_way := tuple(self._under_way):
            for judge in tuple(self._judges):
                judge.abandon()  # nobody waits any more for what it works on
            wait(under_way, _A_MOMENT)  # one that was just starting, or came up again, is abandoned next time
        if self._threads:
            self._threads.shutdown()
        for judge in self._judges:
            judge.end()

    def measure(
        self, checkpoints: Sequence[Checkpoint], enough: Callable[[float], bool] = lambda _expected: False
    ) -> Iterator[Measurement]:
        """A measurement for each of ``checkpoints``, in their order.

        ``enough`` is asked before each is begun (with several judges, before it is put in line: two for each), with
        the seconds that one is expected to take; once it says yes no more are begun, and those begun still come.
        Raises ``CannotStart``.
        """
        waiting: deque[Future[Measurement]] = deque()
        for place, checkpoint in enumerate(checkpoints):
            if enough(self._expected):
                break
            if self._threads is None and not self._worth_it(len(checkpoints) - place):
                yield self._with(self.first, checkpoint)
                continue
            waiting.append(self._begun(checkpoint))
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

    def _begun(self, checkpoint: Checkpoint) -> Future[Measurement]:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._workers, thread_name_prefix="judge")
        future = self._threads.submit(self._with_any, checkpoint)
        self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)
        return future

    def _with_any(self, checkpoint: Checkpoint) -> Measurement:
        judge = self._free()
        try:
            if self._ended.is_set():
                raise CancelledError  # measuring would start a judge's worker again, for nobody
            return self._with(judge, checkpoint)
        finally:
            self._idle.put(judge)

    def _free(self) -> Judge:
        """A judge that has nothing to do; a new one while there are fewer than wanted."""
        with contextlib.suppress(queue.Empty):
            return self._idle.get_nowait()
        with self._counting:
            start, self._started = self._started < self._workers, self._started + 1
        if start and not self._ended.is_set():
            try:
                judge = self._another()
            except CannotStart:
                return self._idle.get()  # no room for another: those that are there do it all
            self._judges.append(judge)
            return judge
        return self._idle.get()

    def _with(self, judge: Judge, checkpoint: Checkpoint) -> Measurement:
        start = time.perf_counter()
        measurement = judge.measure(checkpoint)
        with self._counting:
            self._measured += 1
            self._seconds += time.perf_counter() - start
        return measurement
