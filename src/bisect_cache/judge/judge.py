"""One checkpoint, one measurement: read it, predict in the worker, measure, on every resample too."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bisect_cache.cache.opened import Cache
from bisect_cache.errors import BisectCacheError
from bisect_cache.executing.threads import cores
from bisect_cache.files import LARGEST_FILE, CannotRead, sha256_of
from bisect_cache.judge.measurement import Measurement
from bisect_cache.judge.measuring import Measuring
from bisect_cache.judge.sidecar import CannotDeclare, told_of
from bisect_cache.timeline.folder import weights
from bisect_cache.timeline.interface import Checkpoint
from bisect_cache.worker.process import CannotStart, Lost, Worker
from bisect_cache.worker.protocol import Features, Model, Predictions, Untestable

Scores = NDArray[np.floating]
"""Predictions of one model, (N,), float32 or float64, in the model's own unit."""


@dataclass(frozen=True)
class Ports:
    """Which input and output to use, where a model has several that could be meant."""

    input: str | None = None
    output: str | None = None


class CannotScore(BisectCacheError):
    """Why a checkpoint has no scores."""


class Judge:
    """Measures checkpoints on one cache, with one worker that it replaces when a model brings it down.

    Several may share ``measuring`` and work side by side; ``reading`` is held while a checkpoint's files are read,
    since a repository is no place for two readers at once.
    """

    def __init__(
        self, worker: Worker, cache: Cache, measuring: Measuring, ports: Ports, reading: threading.Lock | None = None
    ) -> None:
        """Give the features to ``worker``. Raises ``CannotStart`` when it did not come up."""
        self._worker = worker
        self._features = Features(cache.rows, cache.columns, cores())
        self._matrix = memoryview(cache.features.data)
        self._measuring = measuring
        self._ports = ports
        self._abandoned = False
        self._reading = reading or threading.Lock()
        self.hello = worker.ready(self._features, self._matrix)

    def measure(self, checkpoint: Checkpoint) -> Measurement:
        """Measure one checkpoint; whatever is wrong with it becomes its fault.

        Raises ``CannotStart`` when a worker that was lost cannot be replaced.
        """
        start = time.perf_counter()
        try:
            measurement = self._measure(checkpoint)
        except (CannotRead, Lost, CannotScore) as error:
            measurement = Measurement(fault=str(error))
        return replace(measurement, seconds=time.perf_counter() - start)

    def scores(self, checkpoint: Checkpoint) -> Scores:
        """What a checkpoint predicts for every row, (N,), finite and not constant: its model is asked again.

        Raises ``CannotScore`` where it cannot be judged, or no longer.
        """
        try:
            scores, _ = self._scored(checkpoint)
        except (CannotRead, Lost, CannotStart) as error:
            raise CannotScore(str(error)) from error
        if fault := fault_of(scores):
            raise CannotScore(fault)
        return scores

    def end(self) -> None:
        """End the worker; no other thread may be measuring."""
        self._worker.end()

    def abandon(self) -> None:
        """Make what another thread is measuring end at once; it is lost."""
        self._abandoned = True
        self._worker.kill()

    def _measure(self, checkpoint: Checkpoint) -> Measurement:
        scores, notes = self._scored(checkpoint)
        if fault := fault_of(scores):
            return Measurement(fault=fault, notes=notes)
        measurement = self._measuring.measure(scores)
        return replace(measurement, notes=(*notes, *measurement.notes))

    def _scored(self, checkpoint: Checkpoint) -> tuple[Scores, tuple[str, ...]]:
        """The model's predictions, and what a reader must be told of how they came to be."""
        data = read_model(checkpoint, self._reading)
        model, notes = told(checkpoint, self._ports, self._reading)
        answer, body = self._predict(checkpoint, data, model)
        if isinstance(answer, Untestable):
            raise CannotScore(answer.reason)
        return np.frombuffer(body, answer.dtype), (*notes, *answer.notes)

    def _predict(self, checkpoint: Checkpoint, data: bytes, model: Model) -> tuple[Predictions | Untestable, bytearray]:
        """Once more where the worker died: a model whose fault it was not (memory that others took) is judged then."""
        try:
            return self._predict_once(checkpoint, data, model)
        except Lost as lost:
            if not lost.died or self._abandoned:
                raise
            return self._predict_once(checkpoint, data, model)

    def _predict_once(
        self, checkpoint: Checkpoint, data: bytes, model: Model
    ) -> tuple[Predictions | Untestable, bytearray]:
        if not self._worker.alive:
            self._worker.restart()
            self._worker.ready(self._features, self._matrix)
        return self._worker.predict(model, data, weights_of(checkpoint, self._reading))


def read_model(checkpoint: Checkpoint, reading: threading.Lock) -> bytes:
    """The bytes of a checkpoint's model. Raises ``CannotRead``, and ``CannotScore`` where it is another file."""
    with reading:
        data = checkpoint.files.model()
    if checkpoint.sha256 and (actual := sha256_of(data)) != checkpoint.sha256:
        raise CannotScore(
            f"its sha256 is {actual[:12]}…, the registry says {checkpoint.sha256[:12]}…: it is another file"
        )
    return data


def told(checkpoint: Checkpoint, ports: Ports, reading: threading.Lock) -> tuple[Model, tuple[str, ...]]:
    """What the worker is told of the model, and what a reader must be told of it. Raises ``CannotScore``."""

    def read(location: str, largest: int) -> bytes:
        with reading:
            return checkpoint.files.beside(location, largest)

    try:
        return told_of(checkpoint, Model(ports.input, ports.output), read)
    except CannotDeclare as error:
        raise CannotScore(str(error)) from error


def weights_of(checkpoint: Checkpoint, reading: threading.Lock) -> Callable[[str], bytes]:
    """Reads the files that one model names; what it gives raises ``CannotRead``."""
    room = LARGEST_FILE

    def beside(location: str) -> bytes:
        nonlocal room
        with reading:
            data = weights(checkpoint.files, location)
        room -= len(data)
        if room < 0:
            raise CannotRead(f"the files that it names have more than {LARGEST_FILE:,} bytes in all")
        return data

    return beside


def fault_of(scores: Scores) -> str | None:
    """Why nothing can be measured on these predictions; None where it can."""
    wrong = np.flatnonzero(~np.isfinite(scores))
    if wrong.size:
        return f"predicts NaN or infinity for {wrong.size} of {scores.size} rows (first: row {wrong[0]})"
    if np.all(scores == scores[0]):
        return f"predicts {scores[0]:g} for every row: a constant has no correlation"
    return None
