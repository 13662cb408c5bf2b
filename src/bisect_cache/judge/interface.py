"""What a run judges with, whether the cache is held or read again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from bisect_cache.judge.judge import Scores
from bisect_cache.judge.measurement import Measurement
from bisect_cache.judge.metrics import Floats
from bisect_cache.judge.sampling import Sampling
from bisect_cache.timeline.interface import Checkpoint
from bisect_cache.worker.protocol import Hello


class Measures(Protocol):
    """Gives measurements."""

    def measure(
        self, checkpoints: Sequence[Checkpoint], enough: Callable[[float], bool] = ...
    ) -> Iterator[Measurement]:
        """A measurement for each of ``checkpoints``, in their order, until there was ``enough``."""

    @property
    def said(self) -> str | None:
        """Where they were made, for a report; None where that was here alone."""

    def worker(self, first: Hello) -> Hello:
        """What all workers, the ``first`` among them, were kept from."""


class Scoring(Protocol):
    """Gives predictions."""

    @property
    def hello(self) -> Hello:
        """What the worker said of itself."""

    def scores(self, checkpoint: Checkpoint) -> Scores:
        """What a checkpoint predicts for every row, (N,), float32 or float64."""


class Measured(Protocol):
    """With what all models are measured."""

    turned: bool
    metrics: tuple[str, ...]
    sampling: Sampling | None

    @property
    def target(self) -> Floats:
        """(N,), rising as predictions are expected to."""
