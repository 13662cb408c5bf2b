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
from bisect_cache.judge.sampling import Sampling

DETECTED = ("plcc", "srocc")
"""Metrics whose drop has the same meaning on every scale."""
_MOST_LEFT_OUT = 8
"""Features that are left out in turn, spread over all of them."""


class Detecting:
    """Collects how well other models could be told from the baseline.

    Good models count, where there are any: a model that fell far also differs more.
    """

    def __init__(self, sampling: Sampling | None, metrics: Sequence[str] = DETECTED) -> None:
        self._sampling, self._metrics = sampling, metrics
        self._halves: dict[tuple[str, bool], list[float]] = {}

    def add(self, measurement: Measurement, baseline: Measurement, *, good: bool) -> None:
        """Count a model in; one that predicts as the baseline does says nothing."""
        for metric in self._metrics:
            ends = paired_interval(measurement, baseline, metric, 1.0, self._sampling)
            if ends is not None and ends[0] < ends[1]:
                self._halves.setdefault((metric, good), []).append((ends[1] - ends[0]) / 2)

    @property
    def detectable(self) -> Mapping[str, float]:
        """The minimum detectable drop by metric, of those that any pair told something about."""
        halves = {
            metric: self._halves.get((metric, True)) or self._halves.get((metric, False)) for metric in self._metrics
        }
        return {metric: float(f"{median(values):.4g}") for metric, values in halves.items() if values}


def detectable_without_models(
    features: NDArray[Any], measuring: Measuring, metrics: Sequence[str] = DETECTED
) -> Mapping[str, float]:
    """The same where there are no models to go by, ``features`` being (N, F).

    Stand-ins take their place: the least-squares fit of the features to the target, and the same fit without one of
    the features, for each of them. (On 756 clips of 17 contents this gives 0.017 for PLCC; eleven published models,
    0.016.) Empty where there is one feature alone, or the fits are constant.
    """
    left_out = np.unique(np.linspace(0, features.shape[1] - 1, _MOST_LEFT_OUT).astype(int))
    if features.shape[1] < 2 or measuring.sampling is None:
        return {}
    columns = np.column_stack([np.ones(features.shape[0]), features.astype(np.float64)])
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
