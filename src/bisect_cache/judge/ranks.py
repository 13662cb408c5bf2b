"""SROCC from integers: the target's ranks worked out once, and each model's rows gone through in its own order.

Midranks are kept doubled and about their mean, ``before + through - N`` where so many rows are smaller, and so many
smaller or equal: integers that add up to 0. With groups of t equal values, the sum of their squares is
(N^3 - sum t^3) / 3 (Kendall, Rank Correlation Methods, ch. 3), so that only a sum of products is left to be found.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bisect_cache.exact import Exact, root_of_ratio

Integers = NDArray[np.integer[Any]]

_ROWS_AT_A_TIME = 1 << 16
_PLACE = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_SIGN = np.uint32(1 << 31)
_MOST = 1 << 62
STEPS = 256
"""In which ranks are given where all of them are too many."""


class TargetRanks:
    """The target's side of SROCC, 4 bytes a row."""

    def __init__(self, target: NDArray[Any]) -> None:
        """Rank ``target``, (N,), float32 or float64, finite, N < 2**31."""
        self._rows = target.size
        self._ranks = np.empty(target.size, np.int32)
        cubes = 0
        for places, ranks, tied in _ranked(target):
            self._ranks[places] = ranks
            cubes += tied
        self._spread = self._rows**3 - cubes

    @property
    def steps(self) -> NDArray[np.uint8]:
        """Of each row in which of ``STEPS`` equal parts of all ranks its own lies, (N,)."""
        steps = np.empty(self._rows, np.uint8)
        for low in range(0, self._rows, _ROWS_AT_A_TIME):
            steps[low : low + _ROWS_AT_A_TIME] = _steps(self._ranks[low : low + _ROWS_AT_A_TIME], self._rows)
        return steps

    def srocc(self, predictions: NDArray[Any], steps: NDArray[np.uint8] | None = None) -> float:
        """Spearman's rank-order correlation coefficient, in [-1, 1]: Pearson's, of the midranks.

        ``predictions`` (N,), float32 or float64, finite; neither they nor the target are constant.
        ``steps`` (N,) is filled with those of the predictions.
        """
        # So many products of two ranks add up within 63 bits.
        most = max(1, _MOST // self._rows**2)
        product, cubes = 0, 0
        for places, ranks, tied in _ranked(predictions):
            against = self._ranks[places].astype(np.int64)
            for start in range(0, ranks.size, most):
                product += int(np.dot(ranks[start : start + most], against[start : start + most]))
            cubes += tied
            if steps is not None:
                steps[places] = _steps(ranks, self._rows)
        size = root_of_ratio(Exact(9 * product * product), Exact((self._rows**3 - cubes) * self._spread))
        return -size if product < 0 else size


def _steps(ranks: NDArray[Any], rows: int) -> NDArray[np.uint8]:
    # A rank that is near the end of a step may fall on either side of it, but always on the same.
    return ((ranks + float(rows)) * (STEPS / (2 * rows))).astype(np.uint8)


def midranks(values: NDArray[Any]) -> NDArray[np.int64]:
    """Of each of N values twice its midrank less N + 1, so that all add up to 0; ties share the mean of their ranks."""
    found = np.empty(values.size, np.int64)
    for places, ranks, _ in _ranked(values):
        found[places] = ranks
    return found


def _ranked(values: NDArray[Any]) -> Iterator[tuple[Integers, NDArray[np.int64], int]]:
    """Some of the rows after the other, from the smallest value: where they are, their ranks, their groups' cubes."""
    for start, (places, begins) in _stretches(values):
        sizes = np.diff(begins, append=places.size)
        ranks = np.repeat(2 * (start + begins) + sizes - values.size, sizes)
        yield places, ranks, _sum_of_cubes(sizes)


def _sum_of_cubes(sizes: NDArray[np.int64]) -> int:
    """Most groups are single rows, so these are only counted; the others may be as large as all rows."""
    tied = sizes[sizes > 1]
    return len(sizes) - len(tied) + sum(int(size) ** 3 for size in tied)


def _stretches(values: NDArray[Any]) -> Iterator[tuple[int, tuple[Integers, NDArray[np.int64]]]]:
    """Stretches of the order, none of which ends within a group of equal values.

    For each how many rows precede it, the places (n,) of its rows, and where in it the groups begin, (groups,).
    """
    packed = values.dtype.itemsize <= 4
    keys = _packed(values) if packed else np.argsort(values)
    low = 0
    while low < values.size:
        high = min(low + _ROWS_AT_A_TIME, values.size)
        if packed:
            last = keys[high - 1] | _PLACE
            high = int(np.searchsorted(keys, last, side="right"))
            places, ordered = keys[low:high] & _PLACE, keys[low:high] >> _HALF
        else:
            high = int(np.searchsorted(values, values[keys[high - 1]], side="right", sorter=keys))
            places = keys[low:high]
            ordered = values[places]
        begins = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
        yield low, (places.astype(np.int64, copy=False), np.concatenate(([0], begins)))
        low = high


def _packed(values: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Values and places in one sorted array: integers sort many times faster than places by their values."""
    keys = np.empty(values.size, np.uint64)
    for low in range(0, values.size, _ROWS_AT_A_TIME):
        # -0.0 equals 0.0, and is made it. Then bits order as their numbers do, once those of negative ones are turned.
        bits = (values[low : low + _ROWS_AT_A_TIME] + np.float32(0)).view(np.uint32)
        ordered = np.where(bits & _SIGN, ~bits, bits | _SIGN)
        keys[low : low + bits.size] = ordered.astype(np.uint64) << _HALF
        keys[low : low + bits.size] |= np.arange(low, low + bits.size, dtype=np.uint64)
    keys.sort()
    return keys
