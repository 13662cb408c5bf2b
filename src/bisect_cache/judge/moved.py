"""Where the predictions of two models part: row by row and content by content, on the target's scale. Pure.

Neighbours of one timeline can be on different scales (0 to 1, 0 to 100), which no correlation sees. So the scores of
each model are first mapped to the target's scale, by the first-order mapping that mapped RMSE uses.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from bisect_cache.exact import exact_mean, exact_sum
from bisect_cache.judge.metrics import Floats, TargetSide

CONTENTS_SHOWN = 10
ROWS_SHOWN = 10
_ROUNDING = 1e-4
"""Of the target's spread: moves that are all smaller are what float32 explains, and no move."""
_Count = Annotated[int, Meta(ge=0)]


class ContentMoved(Struct, frozen=True, forbid_unknown_fields=True):
    """One content: how far from the target both models are on average, in the target's unit, after the mapping."""

    content: str
    rows: _Count
    error_before: float
    """Mean of |mapped prediction - target| over its rows."""
    error_after: float

    @property
    def change(self) -> float:
        """By how much the later model is farther away."""
        return self.error_after - self.error_before


class RowMoved(Struct, frozen=True, forbid_unknown_fields=True):
    """One row: both mapped predictions and what they should be, in the target's unit."""

    row: _Count
    """Counted from 0, in the order of the cache."""
    content: str | None
    target: float
    before: float
    after: float

    @property
    def move(self) -> float:
        """By how much the later model is higher."""
        return self.after - self.before


@dataclass(frozen=True)
class Mapped:
    """One model's predictions on the target's scale: ``values`` (N,) in its unit, ``intercept + slope * score``."""

    values: Floats
    slope: float
    intercept: float


@dataclass(frozen=True)
class Moved:
    """What moved between two models."""

    before: Mapped
    after: Mapped
    contents: tuple[ContentMoved, ...] = ()
    """Worst first: those whose mean error grew most."""
    rows: tuple[RowMoved, ...] = ()
    """Those whose prediction moved most, either way."""

    @property
    def same(self) -> bool:
        """Whether both predict the same up to a factor and an offset."""
        return not self.rows

    @property
    def turned(self) -> bool:
        """Whether one of them falls where the target rises and the other does not."""
        return self.before.slope * self.after.slope < 0

    @property
    def other_scale(self) -> tuple[float, float]:
        """Factor and offset from the earlier scores x to the later ones y, where both predict the same.

        Both are mapped to one value, a + b x = c + d y, so that y = (b / d) x + (a - c) / d. Not finite where a
        model says nothing of the target (d = 0). An offset that rounding explains is none.
        """
        if self.after.slope == 0:
            return math.nan, math.nan
        apart = self.before.intercept - self.after.intercept
        rounded = abs(apart) <= _ROUNDING * float(np.ptp(self.after.values))
        return self.before.slope / self.after.slope, 0.0 if rounded else apart / self.after.slope


def moved(
    before: NDArray[Any],
    after: NDArray[Any],
    target: TargetSide,
    contents: NDArray[np.integer[Any]] | None = None,
    names: Sequence[str] = (),
) -> Moved:
    """What moved from the scores ``before`` to ``after``, both (N,), any float dtype, finite and not constant.

    ``contents`` (N,) holds each row's number of its content, from 0 and none left out, and ``names`` what each of
    these is called.
    """
    earlier, later = mapped(before, target), mapped(after, target)
    move = np.abs(later.values - earlier.values)
    if float(move.max()) <= _ROUNDING * float(np.ptp(target.target)):
        return Moved(earlier, later)
    rows = tuple(
        RowMoved(
            int(row),
            None if contents is None else names[contents[row]],
            float(target.target[row]),
            float(earlier.values[row]),
            float(later.values[row]),
        )
        for row in _largest(move, ROWS_SHOWN)
        if move[row] > 0
    )
    by_content = () if contents is None else _by_content(earlier, later, target, contents, names)
    return Moved(earlier, later, by_content, rows)


def mapped(scores: NDArray[Any], target: TargetSide) -> Mapped:
    """``scores`` (N,) on the target's scale: a + b x, where a and b minimise sum (a + b x - t)^2 (ITU-T P.1401).

    Least squares make a = mean(t) - b mean(x), so that a + b x = mean(t) + b (x - mean(x)), which is how it is
    worked out: both deviations are at hand.
    """
    values = scores.astype(np.float64)
    predicted, wanted = _deviations(values), _deviations(target.target)
    step = wanted.unit * _slope(predicted, wanted)
    middle = exact_mean(target.target)
    intercept = middle - step * exact_mean(values / predicted.unit)
    return Mapped(middle + step * predicted.values, step / predicted.unit, intercept)


@dataclass(frozen=True)
class _Deviations:
    """Deviations from the mean, as ``values * unit``.

    ``unit`` is the power of two that brings the original values into [-1, 1]: exact, and no square leaves float64
    however large a model's predictions are. ``norm`` is the root of the sum of squares of ``values``.
    """

    values: Floats
    norm: float
    unit: float


def _deviations(values: Floats) -> _Deviations:
    """Deviations of ``values`` (N,), not constant, from their mean."""
    unit = _unit(values)
    scaled = values / unit
    centred = scaled - exact_mean(scaled)
    return _Deviations(centred, math.sqrt(exact_sum(centred * centred)), unit)


def _unit(values: Floats) -> float:
    """The smallest power of two that no value exceeds; 1 where all are 0."""
    largest = float(np.max(np.abs(values)))
    # 2**1024 is beyond float64: the very largest values stay a little above 1.
    return math.ldexp(1.0, min(1023, math.frexp(largest)[1]))


def _slope(predicted: _Deviations, wanted: _Deviations) -> float:
    """The slope of least squares from ``predicted.values`` to ``wanted.values``: sum p t / sum p^2."""
    return exact_sum(predicted.values * wanted.values) / (predicted.norm * predicted.norm)


def _by_content(
    before: Mapped, after: Mapped, target: TargetSide, contents: NDArray[np.integer[Any]], names: Sequence[str]
) -> tuple[ContentMoved, ...]:
    rows = np.bincount(contents)
    # bincount adds one row after the other, in their order, on every CPU.
    error_before, error_after = (
        np.bincount(contents, np.abs(side.values - target.target)) / rows for side in (before, after)
    )
    return tuple(
        ContentMoved(names[number], int(rows[number]), float(error_before[number]), float(error_after[number]))
        for number in _largest(error_after - error_before, CONTENTS_SHOWN)
    )


def _largest(values: Floats, most: int) -> NDArray[np.intp]:
    """Where the largest ``values`` are, the largest first and of equals the first."""
    return np.argsort(-values, kind="stable")[:most]
