"""The paired bootstrap: resamples of a cache, drawn once, and every metric of a model in each of them.

Rows of one content (one source clip encoded many ways) are not independent, so whole contents are drawn where there
are any, else rows. Every model is judged on the same resamples: that is what makes two models' values pairs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bisect_cache.judge.bootstrap.moments import MomentResampler
from bisect_cache.judge.bootstrap.ranks import Ordering, RowRanks, ordering, srocc
from bisect_cache.judge.bootstrap.tensors import UnitRanks
from bisect_cache.judge.thresholds import METRIC_NAMES

# 64 groups leave 63 degrees of freedom: an interval is 2% wider than with any number of them. Fewer only where rows
# are so many (about 500,000 and 1,000,000) that 64 would be too dear.
GROUPS, FEWER_GROUPS = 64, (32, 16)
# Weights are one byte each: 2,000 resamples of 16,777 units.
MOST_WEIGHTS = 32 << 20
# Of one model on one core, by the estimates below.
MOST_SECONDS = 0.4
_DRAWN_AT_A_TIME = 1 << 20


@dataclass(frozen=True)
class Draws:
    """Resamples of a cache, drawn once for every model."""

    by: Literal["content", "row"]
    """What is independent and therefore drawn."""
    units: int
    """How many units are drawn: contents, rows, or groups of them."""
    grouped: bool
    """Whether rows or contents were dealt into groups because there are too many of them."""
    seed: int
    weights: NDArray[np.uint8]
    """How often each unit is in each resample, (resamples, units); a resample has as many units as there are."""
    unit_of_row: NDArray[np.int64]
    """(N,)"""

    @property
    def resamples(self) -> int:
        """How many resamples there are."""
        return int(self.weights.shape[0])


def draw(rows: int, contents: NDArray[np.integer[Any]] | None, resamples: int, seed: int) -> Draws:
    """Draw ``resamples`` resamples of ``rows`` rows, by content where ``contents`` (N,) has two or more.

    The outcome depends on the arguments alone: NumPy promises the raw stream of a bit generator to stay, and nothing
    but that stream is used.
    """
    stream = np.random.PCG64(seed)
    by: Literal["content", "row"] = "row"
    unit_of_row = np.arange(rows)
    if contents is not None:
        distinct, of_row = np.unique(contents, return_inverse=True)
        if distinct.size >= 2:
            by, unit_of_row = "content", of_row.reshape(rows)
    units = int(unit_of_row.max()) + 1
    grouped = units > GROUPS and _too_dear(rows, units, resamples)
    if grouped:
        groups = _groups(rows, resamples)
        unit_of_row = _dealt(units, groups, stream)[unit_of_row]
        units = groups
    return Draws(by, units, grouped, seed, _weights(units, resamples, stream), unit_of_row)


@dataclass(frozen=True)
class LargeDraws:
    """Resamples of a cache whose rows are not all at hand; at most ``GROUPS`` units."""

    by: Literal["content", "row"]
    units: int
    grouped: bool
    seed: int
    weights: NDArray[np.uint8]
    """(resamples, units)"""
    unit_of_content: NDArray[np.uint8] | None
    """(contents,); None by row."""

    def units_of(self, first: int, rows: int, contents: NDArray[np.integer[Any]] | None) -> NDArray[np.uint8]:
        """The units of ``rows`` rows of which so many come before the ``first``, with these contents, (rows,)."""
        if self.unit_of_content is not None and contents is not None:
            return self.unit_of_content.take(contents)
        # Each row's unit depends on its place alone, so that rows may come in any pieces.
        stream = np.random.PCG64((self.seed, GROUPS))
        return (stream.advance(first).random_raw(rows) >> np.uint64(64 - int(math.log2(GROUPS)))).astype(np.uint8)


def draw_large(contents: int, resamples: int, seed: int) -> LargeDraws:
    """Draw ``resamples`` resamples of any number of rows, by content where there are two or more ``contents``."""
    stream = np.random.PCG64(seed)
    if contents < 2:
        return LargeDraws("row", GROUPS, True, seed, _weights(GROUPS, resamples, stream), None)
    grouped = contents > GROUPS
    unit = _dealt(contents, GROUPS, stream) if grouped else np.arange(contents)
    units = min(contents, GROUPS)
    return LargeDraws("content", units, grouped, seed, _weights(units, resamples, stream), unit.astype(np.uint8))


class Resampler:
    """The metrics of models in every resample. Several threads may share one: nothing changes after it is made."""

    def __init__(self, target: NDArray[Any], draws: Draws) -> None:
        """Work out all that depends on the target (N,) alone: any float dtype, finite."""
        values = target.astype(np.float64)
        order = ordering(values)
        # From here on rows are sorted by the target.
        self._by_target = order.order
        target_order = Ordering(np.arange(values.size), order.edges)
        unit = draws.unit_of_row[self._by_target]
        self._moments = MomentResampler(values[self._by_target], unit, draws.weights)
        self._rows = self._moments.rows
        if _row_seconds(values.size, draws.resamples) <= _unit_seconds(values.size, draws.units, draws.resamples):
            self._ranks: RowRanks | UnitRanks = RowRanks(target_order, unit, draws.weights, self._rows)
        else:
            self._ranks = UnitRanks(target_order, unit, draws.weights)

    def distributions(self, predictions: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
        """Every metric of ``predictions`` (N,), any float dtype, finite: by its name, (resamples,).

        NaN where a resample leaves it undefined: its predictions or its targets are all equal, or for the mapped
        RMSE there are not more than two rows.
        """
        values = predictions.astype(np.float64)[self._by_target]
        order = ordering(values)
        found = self._moments.metrics(values, float(values[order.order[values.size // 2]]))
        found["srocc"] = srocc(self._ranks.sums(order), self._ranks.target_cubes, self._rows)
        # Ranks are integers: they alone tell for certain that all values are equal.
        for name in ("plcc", "rmse_mapped"):
            found[name][np.isnan(found["srocc"])] = np.nan
        return {name: found[name] for name in METRIC_NAMES}


# Both estimates are fitted to measurements on a 2-core AMD EPYC (2.5 GHz class, 1 MiB of L2 per core); they choose
# between two ways to the same numbers, and need not be precise.


def _row_seconds(rows: int, resamples: int) -> float:
    """Of one model by ``RowRanks``: more per row where the rows of a block leave the caches."""
    return rows * resamples * (1.5e-9 + 3e-13 * rows)


def _unit_seconds(rows: int, units: int, resamples: int) -> float:
    """Of one model by ``UnitRanks``: sorting, counting, products of matrices; then the cubic forms."""
    return rows * (5e-8 + 5e-9 * units + 1e-10 * units**2) + resamples * 1e-10 * units**3


def _too_dear(rows: int, units: int, resamples: int) -> bool:
    seconds = min(_row_seconds(rows, resamples), _unit_seconds(rows, units, resamples))
    return units * resamples > MOST_WEIGHTS or seconds > MOST_SECONDS


def _groups(rows: int, resamples: int) -> int:
    affordable = (count for count in (GROUPS, *FEWER_GROUPS) if _unit_seconds(rows, count, resamples) <= MOST_SECONDS)
    return next(affordable, FEWER_GROUPS[-1])


def _dealt(units: int, groups: int, stream: np.random.PCG64) -> NDArray[np.int64]:
    """Which group each unit is dealt to, (units,), at random, as evenly as can be."""
    group = np.empty(units, np.int64)
    group[np.argsort(stream.random_raw(units), kind="stable")] = np.arange(units) % groups
    return group


def _weights(units: int, resamples: int, stream: np.random.PCG64) -> NDArray[np.uint8]:
    """Weights (resamples, units). More than 255 times one unit of 256 or more: less likely than 10^-500."""
    weights = np.empty((resamples, units), np.uint8)
    size = max(1, _DRAWN_AT_A_TIME // units)
    for start in range(0, resamples, size):
        part = weights[start : start + size]
        high = stream.random_raw(part.size) >> np.uint64(32)
        drawn = (high * np.uint64(units) >> np.uint64(32)).astype(np.int64).reshape(part.shape)
        drawn += np.arange(part.shape[0])[:, None] * units
        part[:] = np.bincount(drawn.reshape(-1), minlength=part.size).reshape(part.shape)
    return weights
