"""SROCC of every resample for rows too many to be sorted again: their ranks in 256 steps.

All rows of one step count as equal. The value of the whole sample is known exactly, and what the steps change of it is
taken off every resample: so they change the width of an interval alone, by some thousandths of it, where 2,000
resamples know it to some hundredths. With ``H[c]`` how many rows of unit c have each step of both sides, and ``D`` and
``E`` how many rows of each unit are below a step less how many are above it, the tensor of ``tensors.py`` is a product
of three small matrices for each unit: ``T[c] = D' H[c] E``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bisect_cache.judge.bootstrap.moments import ONE_THREAD
from bisect_cache.judge.bootstrap.ranks import Counts, Floats, RankSums, srocc
from bisect_cache.judge.bootstrap.tensors import cubic_form
from bisect_cache.judge.ranks import STEPS

Steps = NDArray[np.uint8]
_ROWS_AT_A_TIME = 1 << 20


class BinnedRanks:
    """What depends on the target and the resamples alone."""

    def __init__(self, target: Steps, unit: NDArray[np.uint8], weights: Counts) -> None:
        """Take the target's step and the unit of each row, (N,), and weights (resamples, units), 64 units at most."""
        self._target, self._unit = target, unit
        whole = np.ones((1, weights.shape[1]), np.uint8)
        # Last, the whole sample: every unit once.
        self._weights = np.ascontiguousarray(np.concatenate([weights, whole]).T)
        counts = self._counts(target)
        self._rows = self._of_resamples(counts).sum(axis=1)
        self._balance = _balance(counts)
        self._target_cubes = self._cubes(counts)

    def srocc(self, predictions: Steps, exact: float) -> Floats:
        """SROCC of predictions with these steps, (N,), of which that of the whole sample is ``exact``; (resamples,)."""
        together = self._together(predictions)
        counts = together.sum(axis=2, dtype=np.int64).astype(np.float64)
        balance = _balance(counts)
        units = counts.shape[0]
        tensor = np.empty((units,) * 3)
        high = max(1, ONE_THREAD // (max(STEPS, units) * units))
        for unit in range(units):
            tensor[unit] = sum(
                balance[low : low + high].T @ (together[unit, low : low + high].astype(np.float64) @ self._balance)
                for low in range(0, STEPS, high)
            )
        sums = RankSums(cubic_form(tensor, self._weights), self._cubes(counts))
        found = srocc(sums, self._target_cubes, self._rows)
        centred: Floats = np.clip(found[:-1] + (exact - found[-1]), -1.0, 1.0)
        return centred

    def _counts(self, steps: Steps) -> Floats:
        """How many rows of each unit have each step, (units, steps)."""
        units = self._weights.shape[0]
        counts = np.zeros(units * STEPS, np.int64)
        for part in _parts(steps.size):
            counts += np.bincount(self._unit[part].astype(np.int64) * STEPS + steps[part], minlength=counts.size)
        return counts.reshape(units, STEPS).astype(np.float64)

    def _together(self, steps: Steps) -> NDArray[np.int32]:
        """How many rows of each unit have each pair of steps, (units, steps, steps)."""
        counts = np.zeros(self._weights.shape[0] * STEPS * STEPS, np.int32)
        for part in _parts(steps.size):
            places = (self._unit[part].astype(np.int32) * STEPS + steps[part]) * STEPS + self._target[part]
            counts += np.bincount(places, minlength=counts.size).astype(np.int32)
        return counts.reshape(-1, STEPS, STEPS)

    def _of_resamples(self, counts: Floats) -> Floats:
        """How many rows of each resample have each step, (resamples + 1, steps)."""
        rows: Floats = np.einsum("ur,us->rs", self._weights.astype(np.float64), counts)
        return rows

    def _cubes(self, counts: Floats) -> Floats:
        cubes: Floats = (self._of_resamples(counts) ** 3).sum(axis=1)
        return cubes


def _balance(counts: Floats) -> Floats:
    """How many rows of each unit are below a step, less how many are above it, (steps, units)."""
    through = np.cumsum(counts, axis=1)
    return np.ascontiguousarray((2 * through - counts - through[:, -1:]).T)


def _parts(rows: int) -> list[slice]:
    return [slice(low, low + _ROWS_AT_A_TIME) for low in range(0, rows, _ROWS_AT_A_TIME)]
