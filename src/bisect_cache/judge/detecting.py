"""The minimum detectable drop: what a cache can tell from chance at all. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

import numpy as np

from bisect_cache.judge.deciding import paired_interval
from bisect_cache.judge.measurement import Measurement
from bisect_cache.judge.sampling import Sampling

DETECTED = ("plcc", "srocc")
"""Metrics whose drop has the same meaning on every scale."""


class Detecting:
    """Collects how well other models could be told from the baseline.

    The minimum detectable drop is half of the interval of the paired difference between two models: a smaller
    difference has zero in its interval. It depends on how alike the two are, so it is the median over pairs, of good
    models where there are any: a model that fell far also differs more.
    """

    def __init__(self, sampling: Sampling | None) -> None:
        self._sampling = sampling
        self._halves: dict[tuple[str, bool], list[float]] = {}

    def add(self, measurement: Measurement, baseline: Measurement, *, good: bool) -> None:
        """Count a model in; one that predicts as the baseline does says nothing."""
        for metric in DETECTED:
            ends = paired_interval(measurement, baseline, metric, 1.0, self._sampling)
            if ends is not None and ends[0] < ends[1]:
                self._halves.setdefault((metric, good), []).append((ends[1] - ends[0]) / 2)

    @property
    def detectable(self) -> Mapping[str, float]:
        """The minimum detectable drop by metric, of those that any pair told something about."""
        halves = {metric: self._halves.get((metric, True)) or self._halves.get((metric, False)) for metric in DETECTED}
        return {metric: float(np.round(median(values), 6)) for metric, values in halves.items() if values}
