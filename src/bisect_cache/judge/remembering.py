"""Each model is measured once, however often the timeline lists it or a neighbour is compared with it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace

from bisect_cache.judge.interface import Measures
from bisect_cache.judge.measurement import Measurement
from bisect_cache.timeline.interface import Checkpoint

_RESAMPLES_KEPT = 256
"""Models whose resamples are kept, 64 KiB each at 2,000: neighbours are compared soon after each other."""


class Remembering:
    """The measurements of a timeline's checkpoints by index, made by ``pool`` as they are asked for."""

    def __init__(self, checkpoints: Sequence[Checkpoint], pool: Measures) -> None:
        self._checkpoints = checkpoints
        self._pool = pool
        self._first: dict[Hashable, int] = {}
        self._known: dict[Hashable, Measurement] = {}
        self._resampled: OrderedDict[Hashable, Measurement] = OrderedDict()

    def of(self, index: int) -> Measurement:
        """The measurement of one checkpoint with its resamples, made again where these are gone.

        Raises ``CannotStart``.
        """
        model = self.model(index)
        known = self._resampled.get(model) or self._known.get(model)
        if known is None or not (known.distributions or not known.intervals):
            known = next(self._pool.measure([self._checkpoints[index]]))
            self._remember(index, known)
        return known

    def knows(self, index: int) -> bool:
        """Whether the checkpoint, or an equal one, was measured."""
        return self.model(index) in self._known

    def model(self, index: int) -> Hashable:
        """Equal for checkpoints that are the same model, as far as their source can tell."""
        return self._checkpoints[index].content or index

    def first(self, index: int) -> int:
        """The checkpoint that was measured as ``index``: itself, or an equal one that was measured before it."""
        return self._first.get(self.model(index), index)

    def ahead(self, indexes: Sequence[int], enough: Callable[[float], bool]) -> Iterator[int]:
        """Measure the checkpoints ``indexes`` side by side; each is yielded once it, and all before it, are known.

        Ends early where there was ``enough``, which is asked as ``Pool.measure`` asks it. Raises ``CannotStart``.
        """
        new: dict[Hashable, int] = {}
        for index in indexes:
            if not self.knows(index):
                new.setdefault(self.model(index), index)
        measured = self._pool.measure([self._checkpoints[index] for index in new.values()], enough)
        arriving = zip(list(new.values()), measured, strict=False)
        for index in indexes:
            while not self.knows(index):
                came = next(arriving, None)
                if came is None:
                    return
                self._remember(*came)
            yield index

    def _remember(self, index: int, measurement: Measurement) -> None:
        model = self.model(index)
        self._first.setdefault(model, index)
        self._known[model] = replace(measurement, distributions={})
        self._resampled[model] = measurement
        if len(self._resampled) > _RESAMPLES_KEPT:
            self._resampled.popitem(last=False)
