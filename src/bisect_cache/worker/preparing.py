"""From rows of the cache to what a model is fed, and from what it gives to its scores. Knows no runtime.

Normalisation is worked out in float64, (x - mean) / std for each value, and rounded once, to the type of the model's
input: the same bits everywhere, and never further from the true value than half a unit in the last place and what
float64 itself leaves. A scaler that works in float32 rounds three times; what it gives differs in the last digit or
two, which no metric shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bisect_cache.timeline.declaration import Output, listed
from bisect_cache.worker.extra_inputs import ExtraFeed
from bisect_cache.worker.feeding import Feed
from bisect_cache.worker.ports import CannotFeed
from bisect_cache.worker.predicting import NoScores


class Inputs:
    """What a stretch of rows becomes; a slice of it is what a runtime is given for these rows: arrays by input."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]], once: Mapping[str, NDArray[Any]]) -> None:
        """The first axis of ``arrays`` is the rows; ``once`` is the same for any number of them."""
        self._arrays = tuple(arrays.items())
        self._once = dict(once)

    def __getitem__(self, rows: slice) -> dict[str, NDArray[Any]]:
        given = {name: array[rows] for name, array in self._arrays}  # for one row at a time, this is what costs
        return {**given, **self._once} if self._once else given


@dataclass(frozen=True)
class Preparing:
    """How rows of the cache are made ready for one model, and its scores read."""

    feed: Feed
    names: tuple[str, ...]
    """Of the features, in the model's order."""
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    """As many as names; None where features are fed as they are."""

    def inputs(self, part: NDArray[np.float32]) -> Inputs:
        """What the rows ``part``, (n, F) of the cache, become. Raises ``CannotFeed`` for what no input can hold."""
        rows = len(part)
        arrays = {self.feed.input: self._features(part)}
        arrays |= {extra.input: _of_rows(extra, part, rows) for extra in self.feed.extras if not extra.once}
        once = {extra.input: np.array(extra.constant, extra.dtype) for extra in self.feed.extras if extra.once}
        return Inputs(arrays, once)

    def score(self, output: Any) -> Any:
        """Of what the model gives, what are to be its scores. Raises ``NoScores``."""
        column = self.feed.column
        if column is None or not isinstance(output, np.ndarray):
            return output
        if output.ndim != 2 or output.shape[1] <= column:
            raise NoScores(
                f"gives scores of shape {list(output.shape)}; column {column}, counted from 0, is declared to be the "
                f"score"
            )
        return output[:, column]

    def _features(self, part: NDArray[np.float32]) -> NDArray[Any]:
        """The features in the model's order and type, normalised where that is declared."""
        dtype = np.dtype(self.feed.dtype)
        chosen = part if self.feed.columns == tuple(range(part.shape[1])) else part[:, self.feed.columns]
        if self.mean is None or self.std is None:
            return np.ascontiguousarray(chosen, dtype)
        normalised: NDArray[Any]
        with np.errstate(over="ignore"):
            normalised = ((chosen.astype(np.float64) - np.array(self.mean)) / np.array(self.std)).astype(dtype)
        if not np.isfinite(normalised).all():
            wrong = np.flatnonzero(~np.isfinite(normalised).all(axis=0))
            raise CannotFeed(
                f"normalised, {listed([self.names[place] for place in wrong])} is too large for its input: is the std "
                f"right?"
            )
        return normalised


def rescaled(scores: NDArray[Any], output: Output | None) -> NDArray[Any]:
    """Scores (N,) on the declared scale, worked out in float64; as they are where none is declared.

    From one scale to another, its ends become exactly the other's ends.
    """
    if output is None or not output.rescales:
        return scores
    wide: NDArray[np.float64] = scores.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is found where NaN and infinity are
        if output.low_high is None or output.to is None:
            wide = wide * output.times + output.plus
        else:
            (low, high), (lowest, highest) = output.low_high, output.to
            share = (wide - low) / (high - low)
            wide = lowest * (1 - share) + highest * share
    return wide


def _of_rows(extra: ExtraFeed, part: NDArray[np.float32], rows: int) -> NDArray[Any]:
    dtype = np.dtype(extra.dtype)
    if not extra.columns:
        values = np.broadcast_to(np.array(extra.constant, dtype), (rows, len(extra.constant)))
    else:
        values = _as_type(extra, part[:, extra.columns], dtype)
    return np.ascontiguousarray(values[:, 0] if extra.flat else values)


def _as_type(extra: ExtraFeed, values: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype.kind == "f":
        return values.astype(dtype)
    bounds = np.iinfo(dtype)
    # float32 holds every power of two: `max + 1` is exact where `max` may not be.
    fits = (values == np.trunc(values)) & (values >= float(bounds.min)) & (values < float(bounds.max + 1))
    if not fits.all():
        raise CannotFeed(
            f"its input '{extra.input}' takes whole numbers ({dtype.name}); its columns hold {values[~fits][0]:g}"
        )
    return values.astype(dtype)
