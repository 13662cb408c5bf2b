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
_BLOCK_BYTES = 1 << 20
_FEWEST_LINES = 3
# np.cumsum goes down one column after the other. A row that is an odd number of cache lines long spreads a column
# over all of the cache; one of 2,048 bytes makes the same sum 12 times slower.
_LINE_BYTES = 64
_ROWS_AT_A_TIME = 1024
_HELD_BYTES = 64 << 20
_CUBES_AT_A_TIME = 1 << 16
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

    def bounds(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Of each row in order, (N,) each: where its group of equal values begins and ends."""
        sizes, edges = np.diff(self.edges), self.edges.astype(np.int32)
        return np.repeat(edges[:-1], sizes), np.repeat(edges[1:], sizes)


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
    """What depends on the target and the resamples alone. Rows are sorted by the target."""

    def __init__(self, target: Ordering, unit: Integers, weights: Counts, rows: Floats) -> None:
        """Take the unit of each row (N,), weights (resamples, units), and how many rows each resample has."""
        self._target, self._unit = target, unit
        # A last unit that is in no resample: sums begin with it.
        self._weights = np.zeros((weights.shape[1] + 1, rows.size), np.uint8)
        self._weights[:-1] = weights.T
        self._dtype: type[np.unsignedinteger[Any]] = np.uint32 if int(rows.max()) ** 3 < 2**32 else np.uint64
        self._rows = rows.astype(self._dtype)
        lines = _BLOCK_BYTES // (unit.size * _LINE_BYTES)
        self._columns = ((max(_FEWEST_LINES, lines) - 1) // 2 * 2 + 1) * _LINE_BYTES // np.dtype(self._dtype).itemsize
        self._parts = [slice(start, start + self._columns) for start in range(0, rows.size, self._columns)]
        self._untied_cubes = untied_cubes(unit, weights)
        work = self._scratch()
        self.target_cubes = np.empty(rows.size)
        for part in self._parts:
            self.target_cubes[part] = self._cubes(target, self._running(self._steps(target), part, work), part)
        held = rows.size * unit.size * np.dtype(self._dtype).itemsize <= _HELD_BYTES
        self._held = [self._target_ranks(part, self._scratch()) for part in self._parts] if held else None

    def sums(self, predictions: Ordering) -> RankSums:
        """Of predictions in this order."""
        sums = RankSums(np.empty(self._rows.size), np.empty(self._rows.size))
        steps, work = self._steps(predictions), self._scratch()
        target_work = work if self._held is not None else self._scratch()
        for index, part in enumerate(self._parts):
            target = self._held[index] if self._held is not None else self._target_ranks(part, target_work)
            running = self._running(steps, part, work)
            sums.cubes[part] = self._cubes(predictions, running, part)
            # The target's ranks add up to 0, so this side need not be centred.
            ranks = _before_and_after(predictions, running, work.ranks)
            against = target.take(predictions.order, axis=0, out=work.running[1:], mode="clip")
            product = np.einsum("ij,ij->j", ranks, against)[: sums.cubes[part].size]
            sums.product[part] = product.view(_SIGNED[self._dtype])
        return sums

    def _scratch(self) -> Scratch:
        rows = self._unit.size
        return Scratch(
            np.zeros((self._weights.shape[0], self._columns), self._dtype),
            np.empty((rows + 1, self._columns), self._dtype),
            np.empty((rows, self._columns), self._dtype),
        )

    def _target_ranks(self, part: slice, work: Scratch) -> Unsigned:
        """Doubled and centred midranks times weights, (N, columns)."""
        running = self._running(self._steps(self._target), part, work)
        ranks = _before_and_after(self._target, running, work.ranks)
        ranks -= running[-1]
        for low in range(0, ranks.shape[0], _ROWS_AT_A_TIME):
            here = ranks[low : low + _ROWS_AT_A_TIME]
            here *= np.diff(running[low : low + here.shape[0] + 1], axis=0)  # the weights again
        return ranks

    def _steps(self, ordering: Ordering) -> Integers:
        return np.concatenate(([self._weights.shape[0] - 1], self._unit[ordering.order]))

    def _running(self, steps: Integers, part: slice, work: Scratch) -> Unsigned:
        """How many rows precede each place in the order, (N + 1, columns); columns past the last resample are idle."""
        weights = self._weights[:, part]
        work.weights[:, : weights.shape[1]] = weights
        work.weights.take(steps, axis=0, out=work.running, mode="clip")
        return np.cumsum(work.running, axis=0, out=work.running)

    def _cubes(self, ordering: Ordering, running: Unsigned, part: slice) -> Floats:
        if not ordering.tied:
            return self._untied_cubes[part]
        sizes = np.diff(running.take(ordering.edges, axis=0), axis=0)
        cubes: Unsigned = np.einsum("ij,ij,ij->j", sizes, sizes, sizes)
        return cubes[: self._rows[part].size].astype(np.float64)


@dataclass(frozen=True)
class Scratch:
    """Arrays of one call, used again for each block of resamples: fresh memory costs more than the sums."""

    weights: Unsigned
    running: Unsigned
    ranks: Unsigned


def untied_cubes(unit: Integers, weights: Counts) -> Floats:
    """Of each resample, the sum over rows of the cube of how often the row is in it, (resamples,), exactly."""
    sizes = np.bincount(unit, minlength=weights.shape[1])
    cubes, found = np.arange(256) ** 3, np.empty(weights.shape[0])
    at_a_time = max(1, _CUBES_AT_A_TIME // sizes.size)  # one by one would take longer to call than to add, of few units
    for start in range(0, found.size, at_a_time):
        part = slice(start, start + at_a_time)
        found[part] = cubes.take(weights[part]) @ sizes
    return found


def _before_and_after(ordering: Ordering, running: Unsigned, out: Unsigned) -> Unsigned:
    """Rows before a row's ties plus rows up to and with them, (N, columns): twice its midrank, less 1."""
    if not ordering.tied:
        return np.add(running[:-1], running[1:], out=out)
    starts, ends = ordering.bounds()
    running.take(starts, axis=0, out=out, mode="clip")
    for low in range(0, ends.size, _ROWS_AT_A_TIME):
        out[low : low + _ROWS_AT_A_TIME] += running.take(ends[low : low + _ROWS_AT_A_TIME], axis=0)
    return out
