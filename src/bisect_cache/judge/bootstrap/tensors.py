"""SROCC of every resample, exactly, without going through the rows again for each resample.

For a row i let ``D[i, a]`` be how many rows of unit a have a smaller prediction, less how many have a larger one, and
``E[i, b]`` the same for the target. In a resample with ``w[a]`` times the unit a, the row's doubled and centred
midrank is ``sum_a w[a] D[i, a]``, so that the sum over rows of the product of both ranks is a cubic form in ``w``:
``sum_cab w[c] w[a] w[b] T[c, a, b]`` with ``T[c, a, b] = sum over rows i of unit c of D[i, a] E[i, b]``. So is the sum
of the cubes of the groups of equal values, with how many of the group are of unit a in place of ``D``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bisect_cache.judge.bootstrap.moments import ONE_THREAD
from bisect_cache.judge.bootstrap.ranks import Counts, Floats, Integers, Ordering, RankSums, untied_cubes

_ROWS_AT_A_TIME = 8192


class UnitRanks:
    """What depends on the target and the resamples alone."""

    def __init__(self, target: Ordering, unit: Integers, weights: Counts) -> None:
        """Take the target's order, the unit of each row (N,) and weights (resamples, units)."""
        # 16 bits: units are few here, and such numbers NumPy sorts by radix.
        self._unit, self._weights = unit.astype(np.int16), np.ascontiguousarray(weights.T)
        self._untied_cubes = untied_cubes(unit, weights)
        self._sizes = np.bincount(unit, minlength=weights.shape[1])
        # Half the memory where a unit is small enough; it is cast piece by piece either way.
        dtype = np.int16 if int(self._sizes.max()) < 2**15 else np.int32
        self._target_balance = np.empty((unit.size, self._sizes.size), dtype)
        ties = self._tensor()
        for piece in self._pieces(target):
            self._target_balance[piece.rows] = self._balance(piece)
            _add_ties(ties, piece)
        self.target_cubes = self._cubes(target, ties)

    def sums(self, predictions: Ordering) -> RankSums:
        """Of predictions in this order."""
        products, ties = self._tensor(), self._tensor()
        for piece in self._pieces(predictions):
            target = self._target_balance.take(piece.rows, axis=0).astype(np.float64)
            _add_products(products, piece.unit, self._balance(piece).astype(np.float64), target)
            _add_ties(ties, piece)
        return RankSums(self._form(products), self._cubes(predictions, ties))

    def _cubes(self, ordering: Ordering, ties: Floats) -> Floats:
        return self._untied_cubes if not ordering.tied else self._form(ties)

    def _tensor(self) -> Floats:
        return np.zeros((self._sizes.size,) * 3)

    def _balance(self, piece: Piece) -> Integers:
        return piece.before + piece.through - self._sizes

    def _pieces(self, ordering: Ordering) -> Iterator[Piece]:
        """Stretches of the order, the rows of each sorted by unit."""
        units = self._sizes.size
        labels = self._unit[ordering.order]
        starts, ends = ordering.bounds()
        counts = np.zeros(units, np.int32)
        for low in range(0, labels.size, _ROWS_AT_A_TIME):
            here = labels[low : low + _ROWS_AT_A_TIME]
            high = low + here.size
            # How many rows of each unit precede each place; the last two lines are places outside the stretch:
            # where the first group of ties begins and where the last one ends.
            table = np.zeros((here.size + 3, units), np.int32)
            table[0] = counts
            table[np.arange(1, here.size + 1), here] = 1
            np.cumsum(table[: here.size + 1], axis=0, out=table[: here.size + 1])
            table[-2] = counts - np.bincount(labels[starts[low] : low], minlength=units)
            table[-1] = table[here.size] + np.bincount(labels[high : ends[high - 1]], minlength=units)
            counts = table[here.size].copy()
            by_unit = np.argsort(here, kind="stable")
            start, end = starts[low:high][by_unit] - low, ends[low:high][by_unit] - low
            yield Piece(
                ordering.order[low:high][by_unit],
                here[by_unit],
                table.take(np.where(start < 0, here.size + 1, start), axis=0),
                table.take(np.where(end > here.size, here.size + 2, end), axis=0),
                end - start > 1,
            )

    def _form(self, tensor: Floats) -> Floats:
        return cubic_form(tensor, self._weights)


def cubic_form(tensor: Floats, unit_weights: Counts) -> Floats:
    """The cubic form of a tensor (units, units, units) in the weights (units, resamples) of each, (resamples,)."""
    units, resamples = unit_weights.shape
    gridded = _on_grid(tensor)
    form = np.empty(resamples)
    wide = max(1, ONE_THREAD // units**2)
    for start in range(0, resamples, wide):
        weights = unit_weights[:, start : start + wide].astype(np.float64)
        once = np.matmul(gridded, weights)
        form[start : start + wide] = np.einsum("cab,ab,cb->b", once, weights, weights)
    return form


@dataclass(frozen=True)
class Piece:
    """Some rows, sorted by unit."""

    rows: Integers
    unit: NDArray[np.int16]
    before: NDArray[np.int32]
    """How many rows of each unit are smaller, (rows, units)."""
    through: NDArray[np.int32]
    """How many rows of each unit are smaller or equal, (rows, units)."""
    tied: NDArray[np.bool_]


def _add_ties(tensor: Floats, piece: Piece) -> None:
    """Add each row's share in the cube of its group: the products of how many of each unit are in the group."""
    tied = np.flatnonzero(piece.tied)
    if tied.size:
        group = (piece.through[tied] - piece.before[tied]).astype(np.float64)
        _add_products(tensor, piece.unit[tied], group, group)
    alone = np.bincount(piece.unit[~piece.tied], minlength=tensor.shape[0])
    each = np.arange(tensor.shape[0])
    tensor[each, each, each] += alone


def _add_products(tensor: Floats, unit: NDArray[np.int16], first: Floats, second: Floats) -> None:
    """Add sums over the rows of each unit; rows are sorted by unit."""
    edges = np.searchsorted(unit, np.arange(tensor.shape[0] + 1))
    most = ONE_THREAD // tensor.shape[0] ** 2
    for index, (start, end) in enumerate(pairwise(edges)):
        for low in range(start, end, most):
            part = slice(low, min(low + most, end))
            tensor[index] += first[part].T @ second[part]


def _on_grid(tensor: Floats) -> Floats:
    """The tensor, so coarse that its cubic form in a resample's weights adds up without rounding.

    The weights add up to the number of units, so the form is at most units^3 times the largest entry. Entries are
    integers: up to some hundred thousand rows nothing changes.
    """
    bits = 52 - math.ceil(3 * math.log2(tensor.shape[0]))
    step = math.ldexp(1.0, max(0, math.frexp(float(np.abs(tensor).max()))[1] - bits))
    return np.rint(tensor / step) * step
