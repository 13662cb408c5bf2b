"""PLCC, RMSE and mapped RMSE of every resample, from sums per unit and one matrix product.

With ``w`` how often each unit (a content, a row, a group of either) is in a resample, every sum over the resample's
rows is the sum over units of ``w`` times the unit's own sum. The sums per unit are put on a grid so coarse that their
products with small integers add up without any rounding: then no order of additions, no BLAS and no CPU can change
a bit. Where a resample has lost its digits to that (an outlier makes the grid coarse, and the resample is without the
outlier) it is worked out again about its own mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.uint8]
Metrics = dict[str, Floats]

# What is less than so many times as the grid may have taken from it is worked out again: 2**-30 is about 1e-9.
_KEPT = 2.0**30
# Products of matrices of fewer multiplications than this stay on the caller's thread in OpenBLAS (its limits are 2**18,
# and a tenth less for a matrix with itself). Larger ones would make threads of ours, one for each model, fight with
# OpenBLAS's for the same cores: measured, up to a hundred times slower on a busy machine.
ONE_THREAD = 230_000
_UNITS_AT_A_TIME = 1024
_HELD_BYTES = 16 << 20
_VALUES_AT_A_TIME = 1 << 20


class Spreads(NamedTuple):
    """Of predictions and target in resamples: sums of squares and products about their means, (resamples,) each."""

    predictions: Floats
    product: Floats
    target: Floats
    left: Floats
    """Sum of squares of what the resample's least-squares line leaves of the target."""


@dataclass(frozen=True)
class UnitPair:
    """Of two variables and for every unit, (units,): means, and sums about those means within the unit."""

    first: Floats
    second: Floats
    first_within: Floats
    product_within: Floats
    second_within: Floats


@dataclass(frozen=True)
class Scale:
    """Powers of two by which values were divided, and what is known of the target so divided."""

    target: float
    errors: float
    spread: Floats
    """The target's sum of squares about its mean in every resample."""


class Units:
    """Resamples of units whose sums are known, whatever rows they are of."""

    def __init__(self, sizes: Floats, weights: Counts) -> None:
        """Take how many rows each unit has, (units,), and ``weights`` (resamples, units)."""
        self.sizes, self._weights = sizes, weights
        self._held = weights.astype(np.float64) if weights.size * 8 <= _HELD_BYTES else None
        (self.rows,) = self._sums(sizes[None])[0]
        """How many rows each resample has, (resamples,)."""

    def spread(self, pair: UnitPair) -> Floats:
        """The first variable's sum of squares about its mean in every resample."""
        x, _, xx, *_ = self._sums(self._per_unit(pair))[0]
        spread: Floats = xx - x * x / self.rows
        return spread

    def metrics(self, pair: UnitPair, with_rest: UnitPair, slope: float, squares: Floats, scale: Scale) -> Metrics:
        """PLCC, RMSE and mapped RMSE of every resample; what is undefined may be any number or NaN.

        ``pair`` is of predictions and target, ``with_rest`` of the same predictions and what a line of ``slope``
        leaves of the target; ``squares`` (units,) are sums of squared errors.
        """
        with np.errstate(all="ignore"):
            found, squared = self._spreads(pair, with_rest, slope, squares, scale.spread)
            # A mapping that falls is no mapping: the best that does not is flat.
            left = np.where(found.product > 0, found.left, found.target)
            return {
                "plcc": np.clip(found.product / np.sqrt(found.predictions * found.target), -1.0, 1.0),
                "rmse": np.sqrt(squared / self.rows) * scale.errors,
                "rmse_mapped": np.where(self.rows > 2, scale.target * np.sqrt(left / (self.rows - 2)), np.nan),
            }

    def slope(self, pair: UnitPair) -> float:
        """The slope of the whole sample's least-squares line; 0 where there is none."""
        mean = math.fsum(self.sizes * pair.first) / math.fsum(self.sizes)
        between = self.sizes * (pair.first - mean)
        spread = math.fsum(pair.first_within) + math.fsum(between * (pair.first - mean))
        product = math.fsum(pair.product_within) + math.fsum(between * pair.second)
        slope = product / spread if spread > 0 else 0.0
        return slope if math.isfinite(slope) else 0.0

    def _spreads(
        self, pair: UnitPair, with_rest: UnitPair, slope: float, squares: Floats, target_spread: Floats
    ) -> tuple[Spreads, Floats]:
        # The rest of the whole sample's line in place of the target: a resample's own line is close to it, so that
        # sum y^2 - (sum x y)^2 / sum x^2 loses no digits when predictions are nearly perfect.
        sums, lost = self._sums(np.vstack([self._per_unit(with_rest), squares]))
        x, e, xx, xe, ee, squared = sums
        spread, product = xx - x * x / self.rows, xe - x * e / self.rows
        left = np.maximum(0.0, ee - e * e / self.rows - product * product / spread)
        found = Spreads(spread, product + slope * spread, target_spread.copy(), left)
        for part in self._parts((spread < lost[2] * _KEPT) | (left < lost[4] * _KEPT)):
            for values, better in zip(found, self._about_own_means(pair, part), strict=True):
                values[part] = better
        for part in self._parts(squared < lost[5] * _KEPT):
            squared[part] = (self._weights_of(part) * squares[:, None]).sum(axis=0)
        return found, squared

    def _per_unit(self, pair: UnitPair) -> Floats:
        """Sums, squares and products of every unit, (5, units)."""
        first, second = self.sizes * pair.first, self.sizes * pair.second
        squares = pair.first_within + first * pair.first, pair.second_within + second * pair.second
        return np.stack([first, second, squares[0], pair.product_within + first * pair.second, squares[1]])

    def _about_own_means(self, pair: UnitPair, resamples: NDArray[np.int64]) -> Spreads:
        """The slow way: sums about the means and the line of each of the resamples, so that nothing cancels."""
        weights = self._weights_of(resamples)
        sizes, rows = weights * self.sizes[:, None], self.rows[resamples]
        x = pair.first[:, None] - (sizes * pair.first[:, None]).sum(axis=0) / rows
        y = pair.second[:, None] - (sizes * pair.second[:, None]).sum(axis=0) / rows
        within = (pair.first_within[:, None], pair.product_within[:, None], pair.second_within[:, None])
        spread = (weights * within[0] + sizes * x * x).sum(axis=0)
        product = (weights * within[1] + sizes * x * y).sum(axis=0)
        with np.errstate(all="ignore"):
            slope = product / spread
            rest = y - slope * x
            rest_within = within[2] - slope * (2 * within[1] - slope * within[0])
            left = (weights * np.maximum(0.0, rest_within) + sizes * rest * rest).sum(axis=0)
        return Spreads(spread, product, (weights * within[2] + sizes * y * y).sum(axis=0), left)

    def _weights_of(self, resamples: NDArray[np.int64]) -> Floats:
        # In this layout a sum over the first axis adds row by row, which too is the same on every CPU.
        return np.ascontiguousarray(self._weights[resamples].T, np.float64)

    def _parts(self, wanted: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
        resamples = np.flatnonzero(wanted)
        size = max(1, _VALUES_AT_A_TIME // self.sizes.size)
        return [resamples[start : start + size] for start in range(0, resamples.size, size)]

    def _sums(self, per_unit: Floats) -> tuple[Floats, Floats]:
        """Sums (k, resamples) of ``per_unit`` (k, units) over every resample, and what each may lose, (k,)."""
        gridded, lost = _on_grid(per_unit)
        # Two columns at least: a product with a single vector has a limit of its own, and a low one.
        factor = np.ascontiguousarray(np.resize(gridded, (max(2, per_unit.shape[0]), per_unit.shape[1])).T)
        sums = np.zeros((self._weights.shape[0], factor.shape[1]))
        deep = min(factor.shape[0], _UNITS_AT_A_TIME)
        size = max(1, ONE_THREAD // (deep * factor.shape[1]))
        for start in range(0, sums.shape[0], size):
            for low in range(0, factor.shape[0], deep):
                part = slice(start, start + size), slice(low, low + deep)
                weights = self._weights[part].astype(np.float64) if self._held is None else self._held[part]
                sums[part[0]] += weights @ factor[part[1]]
        return np.ascontiguousarray(sums.T[: per_unit.shape[0]]), lost


class MomentResampler:
    """What depends on the target and the resamples alone."""

    def __init__(self, target: Floats, unit: NDArray[np.int64], weights: Counts) -> None:
        """Take the target (N,), the unit of each row (N,), and ``weights`` (resamples, units)."""
        self._unit = unit
        self._units = Units(np.bincount(unit, minlength=weights.shape[1]).astype(np.float64), weights)
        self.rows = self._units.rows
        """How many rows each resample has, (resamples,)."""
        self._target = target
        self._scale = power_above(target)
        scaled = target / self._scale
        self._centred = scaled - np.sort(scaled)[target.size // 2]
        self._spread = self._units.spread(self._pair(self._centred, self._centred))

    def metrics(self, predictions: Floats, median: float) -> Metrics:
        """PLCC, RMSE and mapped RMSE of every resample; what is undefined may be any number or NaN.

        ``predictions`` (N,) finite; ``median`` one of them, about the middle: the centre at which least is lost.
        """
        scale = power_above(predictions)
        # The larger scale of both: neither a difference nor a square leaves float64.
        common = max(scale, self._scale)
        error = predictions / common - self._target / common
        squares = self._unit_sums(error * error)
        with np.errstate(all="ignore"):
            centred = predictions / scale - median / scale
            pair = self._pair(centred, self._centred)
            slope = self._units.slope(pair)
            rest = self._centred - slope * centred
            rest -= math.fsum(self._unit_sums(rest)) / rest.size
            with_rest = self._pair(centred, rest)
        return self._units.metrics(pair, with_rest, slope, squares, Scale(self._scale, common, self._spread))

    def _unit_sums(self, values: Floats) -> Floats:
        # bincount adds one value after the other: the same on every CPU, which np.sum is not.
        return np.bincount(self._unit, weights=values, minlength=self._units.sizes.size).astype(np.float64, copy=False)

    def _pair(self, first: Floats, second: Floats) -> UnitPair:
        means = self._unit_sums(first) / self._units.sizes, self._unit_sums(second) / self._units.sizes
        if self._units.sizes.size == first.size:
            nothing = np.zeros(self._units.sizes.size)
            return UnitPair(*means, nothing, nothing, nothing)
        a, b = first - means[0][self._unit], second - means[1][self._unit]
        return UnitPair(*means, self._unit_sums(a * a), self._unit_sums(a * b), self._unit_sums(b * b))


def power_above(values: Floats) -> float:
    """The smallest power of two that no magnitude exceeds, as ``metrics.py`` scales; 1 where all are 0."""
    return math.ldexp(1.0, min(1023, math.frexp(max(float(values.max()), -float(values.min())))[1]))


def _on_grid(per_unit: Floats) -> tuple[Floats, Floats]:
    """Each of k rows of ``per_unit`` (k, units) on a grid, and the most (k,) that any resample's sum loses by it.

    A resample has as many units as there are, so its sum is at most ``units`` times the largest value: with
    ``log2(units)`` bits left free, every partial sum is an integer of grid steps below 2**53.
    """
    units = per_unit.shape[1]
    bits = 52 - math.ceil(math.log2(max(2, units)))
    step = np.ldexp(1.0, np.maximum(-1022, np.frexp(np.abs(per_unit).max(axis=1))[1] - bits))
    return np.rint(per_unit / step[:, None]) * step[:, None], np.where(per_unit.any(axis=1), units * step / 2, 0.0)
