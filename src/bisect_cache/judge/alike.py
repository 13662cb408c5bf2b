"""Judges that are alike: one cache, one way of measuring, and one model's files read at a time."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from bisect_cache.cache.opened import Cache
from bisect_cache.judge.choices import Predicts, Resampling
from bisect_cache.judge.judge import Judge, Ports
from bisect_cache.judge.measuring import Measuring
from bisect_cache.worker.lasting import LastingWorker
from bisect_cache.worker.process import Limits, Worker


@dataclass(frozen=True)
class Choices:
    """How models are judged on a cache."""

    gated: tuple[str, ...]
    """Metrics that thresholds are held against."""
    predicts: Predicts
    resampling: Resampling
    ports: Ports
    limits: Limits
    only: tuple[str, ...] = ()
    """Metrics that are measured; all where it names none."""


class Alike:
    """Calling it starts one more. Pickled, it takes the cache and the choices along, and neither judge nor resample."""

    def __init__(self, cache: Cache, choices: Choices) -> None:
        self._cache, self._choices = cache, choices
        self._reading, self._making = threading.Lock(), threading.Lock()
        self._measuring: Measuring | None = None

    def __reduce__(self) -> tuple[type[Alike], tuple[Any, ...]]:
        return type(self), (self._cache, self._choices)

    def __call__(self) -> Judge:
        """One more, with a worker that lives as long as this process. Raises ``CannotStart``."""
        return self.with_worker(LastingWorker(self._choices.limits))

    def with_worker(self, worker: Worker) -> Judge:
        """One with this worker. Raises ``CannotStart``."""
        return Judge(worker, self._cache, self.measuring, self._choices.ports, self._reading)

    @property
    def measuring(self) -> Measuring:
        """What all measure with. Raises ``CannotMeasure``."""
        with self._making:
            if self._measuring is None:
                cache, chosen = self._cache, self._choices
                self._measuring = Measuring(
                    cache.target,
                    cache.target_is,
                    cache.contents,
                    gated=chosen.gated,
                    predicts=chosen.predicts,
                    resampling=chosen.resampling,
                    only=chosen.only,
                )
            return self._measuring
