"""PLCC, SROCC, RMSE and mapped RMSE, the same to the last bit on every CPU and under every library version.

Each is a quotient or its root, of sums that are exact (``exact.py``) and rounded once, at the very end. So nothing
depends on how a library orders its additions, nor on how many pieces the rows came in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bisect_cache.exact import NOTHING, Exact, Factor, exact_dot, exact_total, factor, root_of_ratio
from bisect_cache.judge.ranks import TargetRanks
from bisect_cache.judge.thresholds import METRIC_NAMES

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TargetPart:
    """Some rows' targets, with what is summed of them alone."""

    values: NDArray[Any]
    factor: Factor
    sum: Exact
    squares: Exact


@dataclass(frozen=True)
class Sums:
    """Sums over rows, exactly: all that PLCC and both RMSE are made of. Those of two sets of rows add up."""

    rows: int = 0
    predictions: Exact = NOTHING
    target: Exact = NOTHING
    squares: Exact = NOTHING
    target_squares: Exact = NOTHING
    products: Exact = NOTHING

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.rows + other.rows,
            self.predictions + other.predictions,
            self.target + other.target,
            self.squares + other.squares,
            self.target_squares + other.target_squares,
            self.products + other.products,
        )

    @property
    def spread(self) -> Exact:
        """N times the sum of squares of the predictions about their mean."""
        return self.rows * self.squares - self.predictions * self.predictions

    @property
    def target_spread(self) -> Exact:
        """The same of the target."""
        return self.rows * self.target_squares - self.target * self.target

    @property
    def shared(self) -> Exact:
        """N times the sum of products of both about their means."""
        return self.rows * self.products - self.predictions * self.target


@dataclass(frozen=True)
class TargetSide:
    """All that depends on the target alone, worked out once for every model."""

    part: TargetPart
    ranks: TargetRanks

    @property
    def target(self) -> Floats:
        """(N,), float64."""
        return self.part.values.astype(np.float64, copy=False)


def target_part(target: NDArray[Any]) -> TargetPart:
    """Prepare ``target``, shape (n,), float32 or float64, finite."""
    ready = factor(target)
    return TargetPart(target, ready, exact_total(target), exact_dot(ready, ready))


def target_side(target: NDArray[Any]) -> TargetSide:
    """Prepare ``target``, shape (N,), float32 or float64, finite, N >= 3, not constant."""
    return TargetSide(target_part(target), TargetRanks(target))


def sums(predictions: NDArray[Any], target: TargetPart) -> Sums:
    """The sums over some rows; ``predictions`` (n,), float32 or float64, finite."""
    ready = factor(predictions)
    return Sums(
        predictions.size,
        exact_total(predictions),
        target.sum,
        exact_dot(ready, ready),
        target.squares,
        exact_dot(ready, target.factor),
    )


def metrics(predictions: NDArray[Any], target: TargetSide, wanted: Sequence[str] = METRIC_NAMES) -> dict[str, float]:
    """The metrics ``wanted`` of ``predictions``, shape (N,), float32 or float64, finite and not constant."""
    found = of_sums(sums(predictions, target.part), wanted)
    if "srocc" in wanted:
        found["srocc"] = target.ranks.srocc(predictions)
    return {name: found[name] for name in wanted}


def of_sums(of: Sums, wanted: Iterable[str] = METRIC_NAMES) -> dict[str, float]:
    """Those of the metrics ``wanted`` that are made of sums; predictions are not constant, and N >= 3."""
    return {name: metric(of) for name, metric in METRICS_OF_SUMS.items() if name in wanted}


def plcc(of: Sums) -> float:
    """Pearson's linear correlation coefficient, in [-1, 1]."""
    size = root_of_ratio(of.shared * of.shared, of.spread * of.target_spread)
    return -size if of.shared.total < 0 else size


def rmse(of: Sums) -> float:
    """Root mean square error in the target's unit: sqrt(sum (p - t)^2 / N), the prediction taken as it is."""
    return root_of_ratio(of.squares - 2 * of.products + of.target_squares, Exact(of.rows))


def rmse_mapped(of: Sums) -> float:
    """RMSE in the target's unit after a first-order mapping of the predictions to the target's scale.

    ITU-T P.1401: sqrt(sum e^2 / (N - d)) with d = 2 parameters of the mapping, a slope and an offset, which are
    those of least squares among mappings that do not fall, since P.1401 asks for a monotonic one: predictions that
    fall where the target rises map to its mean. Least squares leave S_tt - S_pt^2 / S_pp of the target's S_tt.
    """
    degrees = of.rows * (of.rows - 2)
    if of.shared.total <= 0:
        return root_of_ratio(of.target_spread, Exact(degrees))
    left = of.target_spread * of.spread - of.shared * of.shared
    return root_of_ratio(left, degrees * of.spread)


METRICS_OF_SUMS: dict[str, Callable[[Sums], float]] = {"plcc": plcc, "rmse": rmse, "rmse_mapped": rmse_mapped}
