"""SROCC of every resample, exactly, by going through the rows in order.

Sort the rows by a model's predictions and add up their weights: a row's midrank in a resample follows from the sum
before and the sum after its ties. Ranks are kept doubled and about their mean, ``before + after - N``: integers, so
all sums are exact. They may even run over, as unsigned integers do modulo a power of two; only the results must
fit, and they do where N**3 does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.uint8]
Integers = NDArray[np.int64]
Unsigned = NDArray[np.unsignedinteger[Any]]

# Blocks of resamples, so that the few arrays of a block stay in a core's own cache.
_BLOCK_BYTES = 512 << 10
# np.cumsum goes down one column after the other. A row that is an odd number of cache lines long spreads a column
# over all of the cache; one of 2,048 bytes makes the same sum 12 times slower.
_LINE_BYTES = 64
_HELD_BYTES = 64 << 20
_SIGNED: dict[Any, Any] = {np.uint32: np.int32, np.uint64: np.int64}


@dataclass(frozen=True)
class Ordering:
    """Rows from the smallest value to the largest, and where groups of equal values begin, the end included."""

    order: Integers
    edges: Integers

    @property
    def tied(self) -> bool:
        """Whether any two values are equal."""
        return self.edges.size <= self.order.size

    def bounds(self) -> tuple[Integers, Integers]:
        """Of each row in order, (N,) each: where its group of equal values begins and ends."""
        sizes = np.diff(self.edges)
        return np.repeat(self.edges[:-1], sizes), np.repeat(self.edges[1:], sizes)


def ordering(values: Floats) -> Ordering:
    """Order ``values`` (N,), finite; how equal ones are ordered among themselves is left open."""
    order = np.argsort(values)
    ordered = values[order]
    inner = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    return Ordering(order, np.concatenate(([0], inner, [values.size])))


@dataclass(frozen=True)
class RankSums:
    """Of each resample, float64 (resamples,): what SROCC is made of."""

    product: Floats
    """Sum over rows of the products of both doubled and centred midranks."""
    cubes: Floats
    """Sum over groups of equal predictions of the cube of their rows: N^3 less these is 3 sum of squares."""


def srocc(sums: RankSums, target_cubes: Floats, rows: Floats) -> Floats:
    """SROCC (resamples,), NaN where predictions or target are constant.

    With ties of sizes t, the doubled midranks have a sum of squares of (N^3 - sum t^3) / 3 about their mean
    (Kendall, Rank Correlation Methods, ch. 3). The smallest above 0 is that of one row apart: N^2 - N.
    """
    cubed = rows * rows * rows
    spread, target_spread = cubed - sums.cubes, cubed - target_cubes
    constant = (spread < rows * rows) | (target_spread < rows * rows)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = np.clip(3.0 * sums.product / np.sqrt(spread * target_spread), -1.0, 1.0)
    return np.where(constant, np.nan, correlation)


class RowRanks:
    """What depends on the target and the resamples alone; rows are in the target's order."""

    def __init__(self, target: Ordering, unit: Integers, weights: Counts, rows: Floats) -> None:
        """Take the target's order, the unit of each row (N,), weights (units, resamples) and rows (resamples,)."""
        self._unit, self._weights, self._rows = unit, weights, rows.astype(np.uint64)
        self._dtype: type[np.unsignedinteger[Any]] = np.uint32 if int(rows.max()) ** 3 < 2**32 else np.uint64
        lines = _BLOCK_BYTES // (unit.size * _LINE_BYTES)
        self._columns = (max(0, lines - 1) // 2 * 2 + 1) * _LINE_BYTES // np.dtype(self._dtype).itemsize
        self._parts = [slice(start, start + self._columns) for start in range(0, rows.size, self._columns)]
        self._untied_cubes = untied_cubes(np.bincount(unit, minlength=weights.shape[0]), weights)
        self._target = target
        self.target_cubes = np.concatenate(
            [self._cubes(target, self._running(target, part), part) for part in self._parts]
        )
        fits = unit.size * rows.size * np.dtype(self._dtype).itemsize <= _HELD_BYTES
        self._held = [self._target_ranks(part) for part in self._parts] if fits else None

    def sums(self, predictions: Ordering) -> RankSums:
        """Of predictions in this order."""
        products, cubes = [], []
        for index, part in enumerate(self._parts):
            target = self._held[index] if self._held is not None else self._target_ranks(part)
            running = self._running(predictions, part)
            cubes.append(self._cubes(predictions, running, part))
            # The target's ranks add up to 0, so this side need not be centred.
            ranks = _before_and_after(predictions, running)
            product = np.einsum("ij,ij->j", ranks, target.take(predictions.order, axis=0))
            products.append(product[: self._rows[part].size].view(_SIGNED[self._dtype]).astype(np.float64))
        return RankSums(np.concatenate(products), np.concatenate(cubes))

    def _target_ranks(self, part: slice) -> Unsigned:
        """Doubled and centred midranks times weights, (N, resamples of the part), in the order of the rows."""
        ranks = _before_and_after(self._target, self._running(self._target, part))
        ranks[:, : self._rows[part].size] -= self._rows[part].astype(self._dtype)
        product = np.empty_like(ranks)
        product[self._target.order] = ranks * self._part_weights(part).take(self._unit[self._target.order], axis=0)
        return product

    def _running(self, ordering: Ordering, part: slice) -> Unsigned:
        """How many rows precede each place in the order, (N + 1, columns); columns beyond the last resample are 0."""
        weights = self._part_weights(part)
        running = weights.take(np.concatenate(([-1], self._unit[ordering.order])), axis=0)
        return np.cumsum(running, axis=0, out=running)

    def _part_weights(self, part: slice) -> Unsigned:
        """Weights (units + 1, columns), the last row 0."""
        weights = np.zeros((self._weights.shape[0] + 1, self._columns), self._dtype)
        here = self._weights[:, part]
        weights[:-1, : here.shape[1]] = here
        return weights

    def _cubes(self, ordering: Ordering, running: Unsigned, part: slice) -> Floats:
        if not ordering.tied:
            return self._untied_cubes[part]
        at_edges = running.take(ordering.edges, axis=0)
        sizes = at_edges[1:] - at_edges[:-1]
        return np.einsum("ij,ij,ij->j", sizes, sizes, sizes)[: self._rows[part].size].astype(np.float64)


def untied_cubes(sizes: Integers, weights: Counts) -> Floats:
    """Of each resample, the sum of the cubes of how often each row is in it; ``sizes`` (units,) of each unit.

    Cubes of small integers: every product and every partial sum is exact, whatever adds them up.
    """
    cubes = np.arange(256, dtype=np.float64) ** 3
    parts = (slice(start, start + 64) for start in range(0, weights.shape[1], 64))
    return np.concatenate([sizes @ cubes[weights[:, part]] for part in parts])


def _before_and_after(ordering: Ordering, running: Unsigned) -> Unsigned:
    """Rows before a row's ties plus rows up to and with them, (N, resamples of a part): twice its midrank, less 1."""
    if not ordering.tied:
        return running[: ordering.order.size] + running[1 : ordering.order.size + 1]
    starts, ends = ordering.bounds()
    both = running.take(starts, axis=0)
    both += running.take(ends, axis=0)
    return both
