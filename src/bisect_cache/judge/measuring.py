"""Every metric of a model's predictions, as they are and on the resamples. Pure, and shared by several threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bisect_cache.cache.manifest import Target
from bisect_cache.errors import BisectCacheError
from bisect_cache.judge.bootstrap.intervals import interval
from bisect_cache.judge.bootstrap.resampling import Resampler, draw
from bisect_cache.judge.choices import Predicts, Resampling
from bisect_cache.judge.measurement import Measurement
from bisect_cache.judge.metrics import Floats, metrics, target_side
from bisect_cache.judge.sampling import Sampling
from bisect_cache.judge.thresholds import METRIC_NAMES

_USUAL = Resampling()


class CannotMeasure(BisectCacheError):
    """A metric that this target does not allow."""


class Measuring:
    """What all models of one cache are measured with: the target in the predictions' direction, and the resamples."""

    def __init__(
        self,
        target: NDArray[Any],
        target_is: Target,
        contents: NDArray[np.integer[Any]] | None,
        *,
        gated: Sequence[str] = (),
        predicts: Predicts = "quality",
        resampling: Resampling = _USUAL,
    ) -> None:
        """``target`` is (N,), finite, not constant; ``contents`` (N,) numbers from 0. No resamples, no intervals.

        Raises ``CannotMeasure`` when one of the metrics ``gated`` cannot be measured on this target.
        """
        self.turned = predicts == "quality" and target_is.direction == "lower-is-better"
        self.metrics = tuple(
            name for name in METRIC_NAMES if name != "rmse" or not self.turned or target_is.scale is not None
        )
        if not set(gated) <= set(self.metrics):
            raise CannotMeasure(
                "rmse compares predictions with the target as they are, but lower is better for this target and it has "
                "no scale on which to turn it over: make the cache again with --scale LOW:HIGH, gate rmse_mapped, or, "
                "where the models predict the target itself, say so (predicts: target)"
            )
        # Raw RMSE means something on the target's scale alone, so who gates it is told of models on another one.
        self._scale = target_is.scale if "rmse" in gated else None
        self.target: Floats = _turned(target, target_is) if self.turned else target.astype(np.float64)
        """(N,), rising as predictions are expected to."""
        self._target = target_side(self.target)
        self.sampling: Sampling | None = None
        if resampling.resamples:
            draws = draw(target.size, contents, resampling.resamples, resampling.seed)
            self._resampler = Resampler(self.target, draws)
            self.sampling = Sampling(
                resampling.resamples, resampling.seed, resampling.confidence, draws.by, draws.units, draws.grouped
            )

    def measure(self, scores: NDArray[Any]) -> Measurement:
        """Metrics, intervals and distributions of ``scores``, (N,), any float dtype, finite and not constant."""
        measured = metrics(scores, self._target)
        values = {name: measured[name] for name in self.metrics}
        notes = self._off_scale(scores)
        if self.sampling is None:
            return Measurement(values, notes=notes)
        over = self._resampler.distributions(scores)
        distributions = {name: over[name] for name in self.metrics}
        found = {
            name: interval(distribution, self.sampling.units, self.sampling.confidence)
            for name, distribution in distributions.items()
        }
        intervals = {name: ends for name, ends in found.items() if ends is not None}
        return Measurement(values, intervals, distributions, notes=notes)

    def _off_scale(self, scores: NDArray[Any]) -> tuple[str, ...]:
        if self._scale is None:
            return ()
        low, high = self._scale
        least, most, room = float(scores.min()), float(scores.max()), high - low
        if low - room <= least and most <= high + room:
            return ()
        return (f"predicts {least:g} to {most:g} on a scale of {low:g} to {high:g}: gate rmse_mapped, not rmse",)


def _turned(target: NDArray[Any], target_is: Target) -> Floats:
    """The target as quality: what was low is high, on its own scale where it has one."""
    low, high = target_is.scale or (0.0, 0.0)
    return (low + high) - target.astype(np.float64)
