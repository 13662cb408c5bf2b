"""Why a checkpoint is bad or uncertain, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from bisect_cache.judge.deciding import Compared
from bisect_cache.judge.measurement import Measurement
from bisect_cache.judge.sampling import Interval, Sampling
from bisect_cache.judge.thresholds import Threshold

_CORRELATIONS = ("plcc", "srocc")
_THRESHOLDS_TOLD = 5


def reason(
    measurement: Measurement,
    thresholds: Sequence[Threshold],
    judged: Sequence[Compared],
    sampling: Sampling | None,
) -> str | None:
    """What ``thresholds``, judged as ``judged`` in the same order, have against it; None where they have nothing."""
    against = [*_against(thresholds, judged, sampling)]
    turned = [*_negative(measurement, thresholds)] if against else []
    return "; ".join(filter(None, (first_of(against, "; ", "threshold"), *turned))) or None


def first_of(told: Sequence[str], between: str, thing: str) -> str:
    """What is told of things of one kind, joined; of many, the first ones and how many more there are."""
    rest = len(told) - _THRESHOLDS_TOLD
    more = [f"{rest} more {thing}{'' if rest == 1 else 's'}"] if rest > 0 else []
    return between.join([*told[:_THRESHOLDS_TOLD], *more])


def more_rows(times: float | None, sampling: Sampling | None) -> str:
    """How many more rows or contents would tell."""
    if sampling is None or times is None:
        return "it lies so close to the threshold that more rows will hardly tell"
    if sampling.grouped:
        return f"about {max(1.1, times):.1f} times as many rows would tell"
    more = max(1, math.ceil(sampling.units * (times - 1)))
    return f"about {more:,} more {sampling.by}{'' if more == 1 else 's'} would tell"


def difference(threshold: Threshold, one: Compared) -> str:
    """By how much a checkpoint is above or below what a relative threshold compares it with."""
    beside = threshold.reference if threshold.factor == 1 else f"{threshold.factor:g} times {threshold.reference}"
    straddling = f" [{one.interval[0]:+.4f}, {one.interval[1]:+.4f}]" if one.interval else ""
    return f"{one.value:+.4f}{straddling} beside {beside}"


def ends(interval: Interval) -> str:
    """An interval as it is written for people."""
    return f"[{interval[0]:.4f}, {interval[1]:.4f}]"


def _against(thresholds: Sequence[Threshold], judged: Sequence[Compared], sampling: Sampling | None) -> Iterator[str]:
    for threshold, one in zip(thresholds, judged, strict=True):
        if one.verdict == "bad":
            beside = f": {difference(threshold, one)}" if threshold.reference else ""
            yield f"{one.threshold} does not hold{beside}"
        elif one.verdict == "uncertain":
            found = difference(threshold, one) if threshold.reference else _value(one)
            yield f"{one.threshold} is uncertain: {found}; {_would_tell(one, sampling)}"


def _value(one: Compared) -> str:
    return f"{one.value:.4f}" + (f" {ends(one.interval)}" if one.interval else "")


def _would_tell(one: Compared, sampling: Sampling | None) -> str:
    if one.interval is None:
        return "there are too few rows for an interval"
    return more_rows(one.times, sampling)


def _negative(measurement: Measurement, thresholds: Sequence[Threshold]) -> Iterator[str]:
    """A correlation that is negative beyond doubt is no weak model but one that is turned over."""
    for metric in _CORRELATIONS:
        asked = any(threshold.metric == metric and threshold.least for threshold in thresholds)
        value = measurement.metrics.get(metric, 0.0)
        highest = measurement.intervals[metric][1] if metric in measurement.intervals else value
        if asked and highest < 0:
            yield (
                f"negative correlation where a positive one is expected ({metric.upper()} {value:.4f}): its scores "
                f"fall where quality rises"
            )
            return
