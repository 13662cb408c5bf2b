"""What all models of a large cache are measured with: the target's sums and ranks, and the resamples."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from threading import Lock

import numpy as np

from bisect_cache.cache.large import Batch, LargeCache
from bisect_cache.cache.usable import too_little
from bisect_cache.judge.bootstrap.binned import BinnedRanks
from bisect_cache.judge.bootstrap.intervals import interval
from bisect_cache.judge.bootstrap.moments import Units
from bisect_cache.judge.bootstrap.resampling import draw_large
from bisect_cache.judge.choices import Predicts, Resampling
from bisect_cache.judge.measurement import Measurement
from bisect_cache.judge.measuring import Asked
from bisect_cache.judge.metrics import Floats, of_sums, target_part
from bisect_cache.judge.ranks import TargetRanks
from bisect_cache.judge.sampling import Sampling
from bisect_cache.judge.streamed.adding import Adding, OfTarget, Rows

_USUAL = Resampling()


class StreamedMeasuring:
    """What ``Measuring`` is for a cache that is held."""

    def __init__(
        self,
        cache: LargeCache,
        *,
        gated: Sequence[str] = (),
        predicts: Predicts = "quality",
        resampling: Resampling = _USUAL,
        only: Sequence[str] = (),
    ) -> None:
        """Take what is asked, as ``Measuring`` does; raises ``CannotMeasure`` as it does, and ``BadFeatures``."""
        self._cache = cache
        self._asked = Asked.of(cache.target_is, gated, predicts, only)
        self.turned, self.metrics = self._asked.turned, self._asked.metrics
        self.sampling: Sampling | None = None
        if resampling.resamples:
            self._draws = draw_large(cache.content_count or 0, resampling.resamples, resampling.seed)
            draws = self._draws
            self.sampling = Sampling(
                resampling.resamples, resampling.seed, resampling.confidence, draws.by, draws.units, draws.grouped
            )
        self._of_target = OfTarget(self._draws.units if self.sampling else 0)
        self._ranking = Lock()

    @property
    def target(self) -> Floats:
        """(N,), rising as predictions are expected to; read from the file."""
        return self._asked.oriented(self._cache.target).astype(np.float64)

    def ready(self, batch: Batch) -> Rows:
        """What a batch becomes; batches come in their order, as often as there are passes."""
        target = self._asked.oriented(batch.target)
        part = target_part(target)
        rows, unit = target.size, np.zeros(0, np.int64)
        if self.sampling:
            unit = self._draws.units_of(batch.first, rows, batch.contents).astype(np.int64)
        centred = self._of_target.add(batch.first, target, part, unit)
        return Rows(batch.features, target, part, unit, centred)

    def adding(self) -> Adding:
        """For one model, nothing so far."""
        return Adding(self.sampling is not None, "srocc" in self.metrics, self._of_target)

    def measurement(self, added: Adding) -> Measurement:
        """What a model's scores came to, all of them added. Raises ``BadFeatures`` for a target that is constant."""
        if not self._of_target.sums.target_spread.total:
            raise too_little(self._cache.path, self._cache.target_is.name, self._cache.rows, 1)
        if fault := added.fault:
            return Measurement(fault=fault)
        notes = self._asked.off_scale(added.least, added.most)
        values = of_sums(added.sums, self.metrics)
        over = added.resampled(self._units, self._of_target) if self.sampling else {}
        if "srocc" in self.metrics:
            with self._ranking:  # to hold one model's ranks at a time is enough
                values["srocc"], of_ranks = self._srocc(added)
            if of_ranks is not None:
                over["srocc"] = of_ranks
        values = {name: values[name] for name in self.metrics}
        if self.sampling is None:
            return Measurement(values, notes=notes)
        distributions = {name: over[name] for name in self.metrics}
        ends = {name: interval(of, self.sampling.units, self.sampling.confidence) for name, of in distributions.items()}
        intervals = {name: pair for name, pair in ends.items() if pair is not None}
        return Measurement(values, intervals, distributions, notes=notes)

    def _srocc(self, added: Adding) -> tuple[float, Floats | None]:
        scores = added.scores()
        if not self.sampling:
            return self._ranks.srocc(scores), None
        steps = np.empty(scores.size, np.uint8)
        value = self._ranks.srocc(scores, steps)
        del scores
        return value, self._binned.srocc(steps, value)

    @cached_property
    def _ranks(self) -> TargetRanks:
        return TargetRanks(self._asked.oriented(self._cache.target))

    @cached_property
    def _binned(self) -> BinnedRanks:
        unit = np.empty(self._cache.rows, np.uint8)
        contents = self._cache.contents
        for low in range(0, unit.size, 1 << 20):
            here = slice(low, min(low + (1 << 20), unit.size))
            some = None if contents is None else contents[here]
            unit[here] = self._draws.units_of(low, here.stop - low, some)
        return BinnedRanks(self._ranks.steps, unit, self._draws.weights)

    @cached_property
    def _units(self) -> Units:
        return Units(self._of_target.sizes, self._draws.weights)
