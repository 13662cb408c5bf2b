"""Factories for what is measured: targets, predictions of them, measurements, checkpoints and judges of no files."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bisect_cache.cache.manifest import Target
from bisect_cache.executing.threads import Threads
from bisect_cache.files import CannotRead
from bisect_cache.judge.choices import Resampling
from bisect_cache.judge.judge import Judge
from bisect_cache.judge.judges import Judges
from bisect_cache.judge.measurement import Measurement
from bisect_cache.judge.measuring import Measuring
from bisect_cache.judge.pool import Pool
from bisect_cache.judge.sampling import Sampling
from bisect_cache.timeline.interface import Checkpoint, ModelFiles
from bisect_cache.worker.process import CannotStart
from bisect_cache.worker.protocol import Hello

BY_ROW = Sampling(2000, 1, 0.95, "row", 100)


def a_target(rows: int = 240, seed: int = 0) -> NDArray[np.float64]:
    """Scores from 1 to 5."""
    return np.random.default_rng(seed).uniform(1, 5, rows)


def of_noise(target: NDArray[np.float64], noise: float, seed: int) -> NDArray[np.float64]:
    """Predictions: the target, and noise."""
    return target + np.random.default_rng(seed).normal(0, noise, target.size)


def measuring_on(target: NDArray[np.float64], contents: int | None = None, resamples: int = 500) -> Measuring:
    """Of a target where higher is better; its rows are of the contents in turn."""
    of_row = None if contents is None else np.arange(target.size) % contents
    return Measuring(target, Target(), of_row, resampling=Resampling(resamples))


class NoFiles(ModelFiles):
    """Nothing that could be read."""

    def model(self) -> bytes:
        raise CannotRead("a test reads no model")

    def beside(self, location: str) -> bytes:
        raise CannotRead("a test reads no model")


def checkpoint(label: str, content: str | None = None, **origin: str) -> Checkpoint:
    """One of which nobody reads the model."""
    return Checkpoint(label, NoFiles(), origin, content=content)


Measure = Callable[[Checkpoint], Measurement]


def numbered(point: Checkpoint) -> Measurement:
    """Its label, a number, as its PLCC, with an interval and a distribution."""
    value = float(point.label)
    return Measurement({"plcc": value}, {"plcc": (value - 1, value + 1)}, {"plcc": np.full(3, value)})


class StandIn(Judge):
    """A judge without a worker: ``measure`` is handed in. What it was asked and whether it was ended can be seen."""

    def __init__(self, measure: Measure = numbered) -> None:
        self._in_place_of_a_worker = measure
        self.asked: list[str] = []
        self.threads: set[int] = set()
        self.ended = threading.Event()
        self.hello = Hello("0", ())

    def measure(self, checkpoint: Checkpoint) -> Measurement:
        self.asked.append(checkpoint.label)
        self.threads.add(threading.get_ident())
        return replace(self._in_place_of_a_worker(checkpoint))

    def end(self) -> None:
        self.ended.set()

    def abandon(self) -> None:
        self.ended.set()


class Workshop:
    """Starts judges, ``most`` of them; remembers all of them."""

    def __init__(self, measure: Measure = numbered, most: int = 1000) -> None:
        self._measure, self._most = measure, most
        self.judges = [StandIn(measure)]
        self.attempts = 0

    @property
    def first(self) -> StandIn:
        """The one that is there from the start."""
        return self.judges[0]

    def another(self) -> Judge:
        """One more."""
        self.attempts += 1
        if len(self.judges) >= self._most:
            raise CannotStart("no room")
        self.judges.append(StandIn(self._measure))
        return self.judges[-1]


@contextlib.contextmanager
def pool_of(first: Judge, another: Callable[[], Judge], workers: int) -> Iterator[Pool]:
    """Judges side by side in threads of this process."""
    with Threads(workers) as where, Pool(Judges(another, max(1, workers), first), where) as pool:
        yield pool
