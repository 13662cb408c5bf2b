"""The minimum detectable drop: what a cache can tell from chance at all. Pure.

It is half of the interval of the paired difference between two models: a smaller difference has zero in its interval.
It depends on how alike the two are, so it is a median over pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bisect_cache.judge.deciding import paired_interval
from bisect_cache.judge.measurement import Measurement
from bisect_cache.judge.measuring import Measuring
from bisect_cache.judge.sampling import Interval, Sampling

DETECTED = ("plcc", "srocc")
"""Metrics whose drop has the same meaning on every scale."""
_MOST_LEFT_OUT = 8
"""Features that are left out in turn, spread over all of them."""
_ROUNDING = float(np.finfo(np.float32).eps)
"""Of a metric's size: a smaller difference comes from the rounding of predictions."""


class Detecting:
    """Collects how well other models could be told from the baseline.

    Good models count, where there are any: a model that fell far also differs more.
    """

    def __init__(self, sampling: Sampling | None, metrics: Sequence[str] = DETECTED) -> None:
        self._sampling, self._metrics = sampling, metrics
        self._halves: dict[tuple[str, bool], list[float]] = {}
        self._reach: dict[str, Interval] = {}

    def add(self, measurement: Measurement, baseline: Measurement, *, good: bool) -> None:
        """Count a model in; one that predicts as the baseline does, up to rounding, says nothing."""
        for metric in self._metrics:
            ends = paired_interval(measurement, baseline, metric, 1.0, self._sampling)
            if ends is None:
                continue
            size = max(abs(measurement.metrics[metric]), abs(baseline.metrics[metric]))
            if ends[1] - ends[0] > _ROUNDING * size:
                self._halves.setdefault((metric, good), []).append((ends[1] - ends[0]) / 2)
            if good:
                low, high = self._reach.get(metric, ends)
                self._reach[metric] = min(low, ends[0]), max(high, ends[1])

    @property
    def detectable(self) -> Mapping[str, float]:
        """The minimum detectable drop by metric, of those that any pair told something about."""
        halves = {
            metric: self._halves.get((metric, True)) or self._halves.get((metric, False)) for metric in self._metrics
        }
        return {metric: float(f"{median(values):.4g}") for metric, values in halves.items() if values}

    @property
    def reach(self) -> Mapping[str, Interval]:
        """By metric, from the lowest to the highest end of all good models' intervals beside the baseline."""
        return self._reach


def detectable_without_models(
    features: NDArray[Any], measuring: Measuring, metrics: Sequence[str] = DETECTED
) -> Mapping[str, float]:
    """The same where there are no models to go by, ``features`` being (N, F).

    Stand-ins take their place: the least-squares fit of the features to the target, and the same fit without one of
    the features, for each of them. (On 756 clips of 17 contents this gives 0.017 for PLCC; eleven published models,
    0.017 to 0.024.) Empty where there is one feature alone, where the fits are constant, and where there are so few
    rows that features of any kind fit them.
    """
    rows, count = features.shape
    if count < 2 or rows <= count + 1 or measuring.sampling is None:
        return {}
    left_out = np.unique(np.linspace(0, count - 1, _MOST_LEFT_OUT).astype(int))
    columns = np.column_stack([np.ones(rows), features.astype(np.float64)])
    detecting = Detecting(measuring.sampling, metrics)
    whole = _fitted(columns, measuring)
    for position in left_out:
        one = _fitted(np.delete(columns, position + 1, axis=1), measuring)
        if whole and one:
            detecting.add(one, whole, good=True)
    return detecting.detectable


def _fitted(columns: NDArray[np.float64], measuring: Measuring) -> Measurement | None:
    """What the least-squares fit of ``columns`` to the target measures; None where it is constant."""
    spread = np.abs(columns).max(axis=0)
    scaled = columns / np.where(spread > 0, spread, 1.0)
    fit = scaled @ np.linalg.lstsq(scaled, measuring.target, rcond=None)[0]
    return measuring.measure(fit) if np.ptp(fit) > 0 and np.isfinite(fit).all() else None
