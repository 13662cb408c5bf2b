"""PLCC, SROCC, RMSE and mapped RMSE, the same to the last bit on every CPU and under every library version.

Every step is either one correctly rounded IEEE 754 operation per element or an exactly rounded sum
(``exact.py``), so nothing depends on how a library orders its additions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bisect_cache.exact import exact_mean, exact_sum
from bisect_cache.judge.thresholds import METRIC_NAMES

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Deviations:
    """Deviations from the mean, as ``values * unit``.

    ``unit`` is the power of two that brings the original values into [-1, 1]: exact, and no square leaves float64
    however large a model's predictions are. ``norm`` is the root of the sum of squares of ``values``.
    """

    values: Floats
    norm: float
    unit: float


@dataclass(frozen=True)
class TargetSide:
    """All that depends on the target alone, worked out once for every model."""

    target: Floats
    deviations: Deviations
    ranks: Deviations


@dataclass(frozen=True)
class Scored:
    """One model's predictions with what several metrics share."""

    predictions: Floats
    deviations: Deviations
    ranks: Deviations


def target_side(target: NDArray[Any]) -> TargetSide:
    """Prepare ``target``, shape (N,), any float dtype, finite, N >= 3, not constant."""
    values = target.astype(np.float64)
    return TargetSide(values, deviations(values), deviations(midranks(values)))


def metrics(predictions: NDArray[Any], target: TargetSide) -> dict[str, float]:
    """Every metric of ``predictions``, shape (N,), any float dtype, finite and not constant."""
    values = predictions.astype(np.float64)
    scored = Scored(values, deviations(values), deviations(midranks(values)))
    return {name: metric(scored, target) for name, metric in METRICS.items()}


def deviations(values: Floats) -> Deviations:
    """Deviations of ``values`` (N,), not constant, from their mean."""
    unit = _unit(values)
    scaled = values / unit
    centred = scaled - exact_mean(scaled)
    return Deviations(centred, math.sqrt(exact_sum(centred * centred)), unit)


def _unit(values: Floats) -> float:
    """The smallest power of two that no value exceeds; 1 where all are 0."""
    largest = float(np.max(np.abs(values)))
    # 2**1024 is beyond float64: the very largest values stay a little above 1.
    return math.ldexp(1.0, min(1023, math.frexp(largest)[1]))


def midranks(values: Floats) -> Floats:
    """Twice the midrank of each of N values, as integers in float64: ties share the mean of their ranks.

    Twice, because a midrank can be a half; correlations do not change with the factor.
    """
    order = np.argsort(values)
    ordered = values[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    ends = np.append(starts[1:], values.size)
    ranks = np.empty(values.size, np.float64)
    ranks[order] = np.repeat((starts + ends + 1).astype(np.float64), ends - starts)
    return ranks


def plcc(scored: Scored, target: TargetSide) -> float:
    """Pearson's linear correlation coefficient, in [-1, 1]."""
    return _correlation(scored.deviations, target.deviations)


def srocc(scored: Scored, target: TargetSide) -> float:
    """Spearman's rank-order correlation coefficient, in [-1, 1]: Pearson's, of the midranks."""
    return _correlation(scored.ranks, target.ranks)


def rmse(scored: Scored, target: TargetSide) -> float:
    """Root mean square error in the target's unit: sqrt(sum (p - t)^2 / N), the prediction taken as it is."""
    error = scored.predictions - target.target
    unit = _unit(error)
    scaled = error / unit
    return unit * math.sqrt(exact_mean(scaled * scaled))


def rmse_mapped(scored: Scored, target: TargetSide) -> float:
    """RMSE in the target's unit after a first-order mapping of the predictions to the target's scale.

    ITU-T P.1401: sqrt(sum e^2 / (N - d)) with d = 2 parameters of the mapping, a slope and an offset, which are
    those of least squares among mappings that do not fall, since P.1401 asks for a monotonic one: predictions that
    fall where the target rises map to its mean.
    """
    predicted, wanted = scored.deviations, target.deviations
    slope = max(0.0, mapping_slope(predicted, wanted))
    error = wanted.values - slope * predicted.values
    return wanted.unit * math.sqrt(exact_sum(error * error) / (error.size - 2))


def mapping_slope(predicted: Deviations, wanted: Deviations) -> float:
    """The slope of least squares from ``predicted.values`` to ``wanted.values``: sum p t / sum p^2."""
    return exact_sum(predicted.values * wanted.values) / (predicted.norm * predicted.norm)


METRICS: dict[str, Callable[[Scored, TargetSide], float]] = dict(
    zip(METRIC_NAMES, (plcc, srocc, rmse, rmse_mapped), strict=True)
)


def _correlation(a: Deviations, b: Deviations) -> float:
    product = exact_sum(a.values * b.values) / (a.norm * b.norm)
    return min(1.0, max(-1.0, product))
