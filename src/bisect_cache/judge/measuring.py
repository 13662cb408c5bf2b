"""Every metric of a model's predictions, as they are and on the resamples. Pure, and shared by several threads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

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


@dataclass(frozen=True)
class Asked:
    """What is measured of models, by what the target is and how they predict it."""

    turned: bool
    """Whether the target is turned over: lower is better, and models predict quality."""
    metrics: tuple[str, ...]
    target_is: Target
    gated_scale: tuple[float, float] | None
    """The target's scale, where raw RMSE is gated: it means something there alone."""

    @classmethod
    def of(cls, target_is: Target, gated: Sequence[str], predicts: Predicts, only: Sequence[str] = ()) -> Self:
        """Raises ``CannotMeasure`` when one of the metrics ``gated`` cannot be measured, or is not among ``only``."""
        turned = predicts == "quality" and target_is.direction == "lower-is-better"
        left_out = [metric for metric in gated if only and metric not in only]
        if left_out:
            raise CannotMeasure(
                f"{left_out[0]} has a threshold and is not among the metrics to be measured ({', '.join(only)}): add "
                f"--metric {left_out[0]}, or name thresholds on others"
            )
        can = tuple(name for name in METRIC_NAMES if name != "rmse" or not turned or target_is.scale is not None)
        if not set(gated) <= set(can):
            raise CannotMeasure(
                "rmse compares predictions with the target as they are, but lower is better for this target and it has "
                "no scale on which to turn it over: make the cache again with --scale LOW:HIGH, gate rmse_mapped, or, "
                "where the models predict the target itself, say so (predicts: target)"
            )
        wanted = tuple(name for name in can if not only or name in only)
        return cls(turned, wanted, target_is, target_is.scale if "rmse" in gated else None)

    def oriented(self, target: NDArray[Any]) -> NDArray[Any]:
        """``target`` (n,), rising as predictions are expected to: as it is, or float64."""
        return _turned(target, self.target_is) if self.turned else target

    def off_scale(self, least: float, most: float) -> tuple[str, ...]:
        """What a reader must be told of predictions from ``least`` to ``most``."""
        if self.gated_scale is None:
            return ()
        low, high = self.gated_scale
        room = high - low
        if low - room <= least and most <= high + room:
            return ()
        return (f"predicts {least:g} to {most:g} on a scale of {low:g} to {high:g}: gate rmse_mapped, not rmse",)


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
        only: Sequence[str] = (),
    ) -> None:
        """``target`` is (N,), finite, not constant; ``contents`` (N,) numbers from 0. No resamples, no intervals.

        ``only`` names the metrics to be measured; all where it names none. Raises ``CannotMeasure`` as ``Asked.of``.
        """
        self._asked = Asked.of(target_is, gated, predicts, only)
        self.turned, self.metrics = self._asked.turned, self._asked.metrics
        oriented = self._asked.oriented(target)
        self.target: Floats = oriented.astype(np.float64)
        """(N,), rising as predictions are expected to."""
        self._target = target_side(oriented)
        self.sampling: Sampling | None = None
        if resampling.resamples:
            draws = draw(target.size, contents, resampling.resamples, resampling.seed)
            self._resampler = Resampler(self.target, draws)
            self.sampling = Sampling(
                resampling.resamples, resampling.seed, resampling.confidence, draws.by, draws.units, draws.grouped
            )

    def measure(self, scores: NDArray[Any]) -> Measurement:
        """Metrics, intervals and distributions of ``scores``, (N,), any float dtype, finite and not constant."""
        values = metrics(scores, self._target, self.metrics)
        notes = self._asked.off_scale(float(scores.min()), float(scores.max()))
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


def _turned(target: NDArray[Any], target_is: Target) -> Floats:
    """The target as quality: what was low is high, on its own scale where it has one."""
    low, high = target_is.scale or (0.0, 0.0)
    return (low + high) - target.astype(np.float64)
