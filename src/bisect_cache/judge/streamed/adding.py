"""What one model's scores add up to, batch by batch. Pure, but for a file without a name.

PLCC and both RMSE are made of sums, and need nothing but these. Only SROCC needs all scores at once: these are
put aside.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from bisect_cache.errors import BisectCacheError
from bisect_cache.judge.bootstrap.moments import Metrics, Scale, UnitPair, Units, power_above
from bisect_cache.judge.metrics import Floats, Sums, TargetPart, sums


class NoRoom(BisectCacheError):
    """The scores of a model cannot be put aside."""


@dataclass(frozen=True)
class Rows:
    """One batch, made ready once for every model."""

    features: NDArray[np.float32]
    target: NDArray[Any]
    """(n,), rising as predictions are expected to."""
    part: TargetPart
    unit: NDArray[np.int64]
    """(n,): what each row is drawn with."""
    centred: Floats
    """(n,): the target, scaled and about its centre."""


class OfTarget:
    """The target's own sums: worked out in the first pass over the rows."""

    def __init__(self, units: int) -> None:
        self.scale, self._centre = 1.0, 0.0
        self.sums = Sums()
        self.sizes, self.first, self.squares = np.zeros(units), np.zeros(units), np.zeros(units)
        self._seen = 0

    def add(self, first: int, target: NDArray[Any], part: TargetPart, unit: NDArray[np.int64]) -> Floats:
        """The target centred, once its sums were added where they were not in an earlier pass."""
        if not self.sizes.size:
            if first == self._seen:
                self._count(target, part)
            return np.zeros(0)
        wide = target.astype(np.float64)
        if not self._seen:
            self.scale = power_above(wide)
            self._centre = float(np.mean(wide / self.scale))
        centred = wide / self.scale - self._centre
        if first == self._seen:
            self._count(target, part)
            self.sizes += np.bincount(unit, minlength=self.sizes.size)
            self.first += _by_unit(unit, centred, self.sizes.size)
            self.squares += _by_unit(unit, centred * centred, self.sizes.size)
        return centred

    def _count(self, target: NDArray[Any], part: TargetPart) -> None:
        self._seen += target.size
        self.sums += Sums(target.size, target=part.sum, target_squares=part.squares)


class Adding:
    """One model's scores, added up. Batches come in their order."""

    def __init__(self, resampled: bool, ranked: bool, of_target: OfTarget) -> None:
        """Where SROCC is wanted, scores are put aside."""
        self.sums = Sums()
        self.least, self.most = math.inf, -math.inf
        self._wrong, self._first_wrong = 0, 0
        self._resampled, self._of_target = resampled, of_target
        self._scale, self._centre = 1.0, 0.0
        self._by_unit = np.zeros((4, of_target.sizes.size))
        self._aside = tempfile.TemporaryFile() if ranked else None  # noqa: SIM115 - it lives as long as this
        self._dtype = np.dtype("<f4")

    @property
    def fault(self) -> str | None:
        """Why nothing can be measured on these scores; None where it can."""
        if self._wrong:
            return (
                f"predicts NaN or infinity for {self._wrong} of {self.sums.rows} rows (first: row {self._first_wrong})"
            )
        if self.least == self.most:
            return f"predicts {self.least:g} for every row: a constant has no correlation"
        return None

    def add(self, scores: NDArray[Any], rows: Rows) -> None:
        """Add the ``scores`` (n,) of a batch, float32 or float64. Raises ``NoRoom``."""
        if not self.sums.rows:
            self._dtype = scores.dtype
        scores = scores.astype(self._dtype, copy=False)  # a model may say something else of another batch
        if self._aside:
            self._put_aside(self._aside, scores)
        finite = np.isfinite(scores)
        if not finite.all():
            if not self._wrong:
                self._first_wrong = self.sums.rows + int(np.argmin(finite))
            self._wrong += int(scores.size - np.count_nonzero(finite))
            scores = np.where(finite, scores, scores.dtype.type(0))
        first = not self.sums.rows
        self.least, self.most = min(self.least, float(scores.min())), max(self.most, float(scores.max()))
        self.sums += sums(scores, rows.part)
        if self._resampled:
            self._add_by_unit(scores.astype(np.float64), rows, first=first)

    def scores(self) -> NDArray[Any]:
        """All of them, (N,), float32 or float64."""
        if self._aside is None:
            raise NoRoom("the scores were not put aside")
        self._aside.seek(0)
        return np.fromfile(self._aside, self._dtype)

    def close(self) -> None:
        """Forget the scores that were put aside."""
        if self._aside:
            self._aside.close()

    def resampled(self, units: Units, of_target: OfTarget) -> Metrics:
        """PLCC and both RMSE of every resample, (resamples,) each."""
        x, xx, xy, squares = self._by_unit
        sizes = units.sizes
        with np.errstate(all="ignore"):
            mean, mean_of_target = x / sizes, of_target.first / sizes
            within = xx - x * mean, xy - x * mean_of_target, of_target.squares - of_target.first * mean_of_target
            within = np.maximum(0.0, within[0]), within[1], np.maximum(0.0, within[2])
            pair = UnitPair(mean, mean_of_target, *within)
            slope = units.slope(pair)
            rest = mean_of_target - slope * mean
            rest -= math.fsum(sizes * rest) / math.fsum(sizes)
            left = np.maximum(0.0, within[2] - slope * (2 * within[1] - slope * within[0]))
            with_rest = UnitPair(mean, rest, within[0], within[1] - slope * within[0], left)
            target = UnitPair(mean_of_target, mean_of_target, within[2], within[2], within[2])
            scale = Scale(of_target.scale, max(self._scale, of_target.scale), units.spread(target))
            return units.metrics(pair, with_rest, slope, squares, scale)

    def _add_by_unit(self, wide: Floats, rows: Rows, *, first: bool) -> None:
        if first:
            self._scale = power_above(wide)
            self._centre = float(np.mean(wide / self._scale))
        units, common = self._by_unit.shape[1], max(self._scale, self._of_target.scale)
        with np.errstate(all="ignore"):
            error = wide / common - rows.target.astype(np.float64) / common
            x = wide / self._scale - self._centre
            for line, values in enumerate((x, x * x, x * rows.centred, error * error)):
                self._by_unit[line] += _by_unit(rows.unit, values, units)

    def _put_aside(self, aside: IO[bytes], scores: NDArray[Any]) -> None:
        try:
            aside.write(scores.data)
            aside.flush()
        except OSError as error:
            raise NoRoom(
                f"the scores of a model cannot be put aside in {tempfile.gettempdir()} ({error.strerror or error}): "
                f"make room there, or name another folder in the variable TMPDIR"
            ) from error


def _by_unit(unit: NDArray[np.int64], values: Floats, units: int) -> Floats:
    # bincount adds one value after the other: the same on every CPU, which np.sum is not.
    return np.bincount(unit, weights=values, minlength=units).astype(np.float64, copy=False)
