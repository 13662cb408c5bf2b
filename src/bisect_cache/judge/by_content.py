"""Two models compared content by content: which contents got worse, even where the whole did not. Pure.

Each content is a group of its own: its rows are drawn with replacement, the same for both models, and one p-value
tells how likely so large a loss would be by chance. Of many groups some lose by chance alone, so the p-values are
adjusted by Benjamini and Hochberg (1995): among the contents called worse, the expected share of false ones is at most
1 - confidence.

Among many contents a very small p-value is needed, and few resamples give none. What would be called worse alone, and
is not among so many, is therefore drawn more often.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from msgspec import Meta, Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from bisect_cache.judge.bootstrap.intervals import interval, p_worse
from bisect_cache.judge.bootstrap.resampling import Draws, Resampler, draw
from bisect_cache.judge.metrics import Floats, metrics, target_side
from bisect_cache.judge.sampling import Interval, Sampling

FEWEST_ROWS = 6
"""Rows that a content must have: below, no resample says anything."""
_LARGEST_BY_ROW = 512
_STRETCHES = 32
"""Rows beyond so many are drawn in so many stretches of neighbours: frames of one clip follow each other."""
_MORE_RESAMPLES = 20_000
_Probability = Annotated[float, Meta(ge=0, le=1)]


class ContentCompared(Struct, frozen=True, forbid_unknown_fields=True):
    """One content and one metric, on the earlier and the later model."""

    content: str
    rows: Annotated[int, Meta(ge=0)]
    metric: str
    before: float
    after: float
    interval: Interval | None
    """Of ``after - before``."""
    p: _Probability
    """How likely a loss of at least so much is where the later model is no worse; one-sided."""
    adjusted: _Probability
    """The same after Benjamini and Hochberg, over all contents and metrics of this comparison."""
    worse: bool


def by_content(
    before: NDArray[Any],
    after: NDArray[Any],
    target: Floats,
    contents: NDArray[np.integer[Any]],
    names: Sequence[str],
    wanted: Sequence[str],
    sampling: Sampling,
) -> tuple[tuple[ContentCompared, ...], int]:
    """Compare the scores ``before`` and ``after``, both (N,), by the metrics ``wanted`` on each content.

    ``target`` (N,) rises with quality; ``contents`` (N,) numbers the contents from 0, and ``names`` calls them.
    Those that got worse come first, then by p. Also how many contents were left out, because nothing can be measured
    on them.
    """
    order = np.argsort(contents, kind="stable")
    edges = np.searchsorted(contents[order], np.arange(len(names) + 1))
    groups: list[_Group] = []
    for number, name in enumerate(names):
        rows = order[edges[number] : edges[number + 1]]
        if rows.size >= FEWEST_ROWS and all(np.ptp(values[rows]) > 0 for values in (before, after, target)):
            groups.append(_Group(name, before[rows], after[rows], target[rows]))
    level = 1 - sampling.confidence
    compared = [tuple(_one(group, wanted, sampling)) for group in groups]
    told = _adjusted(compared, level)
    unsettled = {one.content for one in told if one.p <= level < one.adjusted}
    if unsettled and sampling.resamples < _MORE_RESAMPLES:
        finer = replace(sampling, resamples=_MORE_RESAMPLES)
        for place, group in enumerate(groups):
            if group.name in unsettled:
                compared[place] = tuple(_one(group, wanted, finer))
        told = _adjusted(compared, level)
    return tuple(sorted(told, key=lambda one: (not one.worse, one.p))), len(names) - len(groups)


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values in the same order: the smallest false discovery rate at which each would be called.

    Benjamini and Hochberg (1995): of m sorted values, the least of p(j) m / j over all j from its own rank on.
    """
    values = np.asarray(p_values, np.float64)
    order = np.argsort(values, kind="stable")
    scaled = values[order] * values.size / np.arange(1, values.size + 1)
    adjusted = np.empty(values.size)
    adjusted[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return [float(value) for value in adjusted]


@dataclass(frozen=True)
class _Group:
    """The rows of one content."""

    name: str
    before: NDArray[Any]
    after: NDArray[Any]
    target: Floats


def _adjusted(compared: Sequence[Sequence[ContentCompared]], level: float) -> list[ContentCompared]:
    every = [one for of_content in compared for one in of_content]
    adjusted = benjamini_hochberg([one.p for one in every])
    return [replace(one, adjusted=value, worse=value <= level) for one, value in zip(every, adjusted, strict=True)]


def _one(group: _Group, wanted: Sequence[str], sampling: Sampling) -> Iterator[ContentCompared]:
    draws = _draws(group.target.size, sampling)
    resampler, side = Resampler(group.target, draws), target_side(group.target)
    measured = [metrics(scores, side) for scores in (group.before, group.after)]
    over = [resampler.distributions(scores) for scores in (group.before, group.after)]
    for metric in wanted:
        differences = over[1][metric] - over[0][metric]
        gains = -differences if metric.startswith("rmse") else differences
        yield ContentCompared(
            content=group.name,
            rows=group.target.size,
            metric=metric,
            before=measured[0][metric],
            after=measured[1][metric],
            interval=interval(differences, draws.units, sampling.confidence),
            p=p_worse(gains, draws.units),
            adjusted=1.0,
            worse=False,
        )


def _draws(rows: int, sampling: Sampling) -> Draws:
    if rows <= _LARGEST_BY_ROW:
        return draw(rows, None, sampling.resamples, sampling.seed)
    stretches = np.arange(rows, dtype=np.int64) * _STRETCHES // rows
    return draw(rows, stretches, sampling.resamples, sampling.seed)
