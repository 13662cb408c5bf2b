"""Models measured side by side, where there is enough to measure; what comes is in the order of what was asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, wait
from typing import Self

from bisect_cache.executing.interface import Executing
from bisect_cache.judge.judges import Judges, Measured, measured_by
from bisect_cache.judge.measurement import Measurement
from bisect_cache.judge.taking_along import TooLarge, taken_along
from bisect_cache.timeline.interface import Checkpoint
from bisect_cache.worker.protocol import Hello

WORTH_ANOTHER = 0.8
"""Seconds of work that a further worker process takes over at least; starting one costs about a third of that."""
_A_MOMENT = 0.1
"""Seconds."""


class Pool:
    """One judge of ``judges`` measures until more are worth it; from then on tasks do, where ``where`` runs them.

    Ended as a whole, with its judges, and before ``where`` is.
    """

    def __init__(self, judges: Judges, where: Executing, at_once: int | None = None) -> None:
        self._judges, self._where = judges, where
        self._at_once = at_once or where.at_once
        self._shared: Judges | None = None
        self._under_way: set[Future[Measured]] = set()
        self._workers: dict[Hello, None] = {}
        self._measured, self._seconds = 0, 0.0
        self._sent = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        left = tuple(self._under_way)
        for future in left:
            future.cancel()
        while left:
            self._where.tell(self._judges.run, "abandon")  # nobody waits any more for what they work on
            left = tuple(wait(left, _A_MOMENT).not_done)  # one that was just starting, or came up again, comes next
        self._judges.end()

    @property
    def said(self) -> str | None:
        """Where models were measured, for a report; None where that was here alone."""
        if not self._where.elsewhere:
            return None
        return f"{self._where.said}: {self._sent} of {self._measured} measurements were made there"

    def worker(self, first: Hello) -> Hello:
        """What all workers that predicted, the ``first`` among them, were kept from: as the one kept from least."""
        return kept_from_least(first, self._workers)

    def measure(
        self, checkpoints: Sequence[Checkpoint], enough: Callable[[float], bool] = lambda _expected: False
    ) -> Iterator[Measurement]:
        """A measurement for each of ``checkpoints``, in their order.

        ``enough`` is asked before each is begun (with several judges, before it is put in line: two for each), with
        the seconds that one is expected to take; once it says yes no more are begun, and those begun still come.
        Raises ``CannotStart``, ``NoExecutor`` and ``TaskLost``.
        """
        waiting: deque[Future[Measured]] = deque()
        for place, checkpoint in enumerate(checkpoints):
            if enough(self._expected):
                break
            if self._shared is None and not self._worth_it(len(checkpoints) - place):
                yield self._counted(self._judges.measured(checkpoint))
                continue
            waiting.append(self._begun(checkpoint))
            if len(waiting) >= 2 * self._at_once:
                yield self._counted(waiting.popleft().result())
        while waiting:
            yield self._counted(waiting.popleft().result())

    @property
    def _expected(self) -> float:
        """Seconds that one more is expected to take, by those measured."""
        return self._seconds / self._measured if self._measured else 0.0

    def _worth_it(self, left: int) -> bool:
        several = self._at_once > 1 or self._where.elsewhere
        return several and left > 1 and left * self._expected > WORTH_ANOTHER

    def _begun(self, checkpoint: Checkpoint) -> Future[Measured]:
        if self._shared is None:
            self._shared = self._where.share(self._judges)
        try:
            given = taken_along(checkpoint) if self._where.elsewhere else checkpoint
        except TooLarge:
            future = Future[Measured]()
            future.set_result(self._judges.measured(checkpoint))
            return future
        self._sent += 1
        future = self._where.executor.submit(measured_by, self._shared, given)
        self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)
        return future

    def _counted(self, measured: Measured) -> Measurement:
        self._measured += 1
        self._seconds += measured.seconds
        self._workers[measured.worker] = None
        return measured.measurement


def kept_from_least(first: Hello, others: Collection[Hello]) -> Hello:
    """What ``first`` said, without what not all of the ``others`` were kept from."""
    held = (one for one in first.held if all(one in other.held for other in others))
    return Hello(first.onnxruntime, tuple(held))
