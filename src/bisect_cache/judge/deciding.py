"""Whether measurements hold thresholds: by the value itself, or by what its interval leaves no doubt about. Pure."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bisect_cache.judge.bootstrap.intervals import interval
from bisect_cache.judge.choices import Decision
from bisect_cache.judge.measurement import Measurement
from bisect_cache.judge.sampling import Interval, Sampling
from bisect_cache.judge.thresholds import Reference, Threshold
from bisect_cache.judge.verdict import Verdict

_TOO_FAR = 100
"""Times as many rows as there are: beyond this, nobody will collect them."""


class Compared(Struct, frozen=True, forbid_unknown_fields=True):
    """One threshold held against one checkpoint."""

    threshold: str
    value: float
    """The metric; of a relative threshold, by how much it is above ``factor * reference``, 0 where it has none."""
    interval: Interval | None
    """Of the same; of a relative threshold from paired resamples. None where it was not, or could not be, drawn."""
    verdict: Verdict
    times: float | None = None
    """Of an uncertain one: about how many times as many rows or contents would tell.

    None where no number would, where nobody could collect so many, and where there is no interval to go by.
    """


def compared(
    threshold: Threshold,
    measurement: Measurement,
    references: Mapping[Reference, Measurement | None],
    decision: Decision,
    sampling: Sampling | None,
) -> Compared:
    """Hold ``threshold`` against what was measured of one checkpoint.

    ``references`` has what relative thresholds compare with; None where a checkpoint has nothing to be compared
    with (it is the baseline itself, or the first), which holds them.
    """
    asked = decision == "interval" or (decision == "auto" and threshold.reference is not None)
    by_interval = asked and sampling is not None
    metric = threshold.metric
    if threshold.reference is None:
        value, straddling = measurement.metrics[metric], measurement.intervals.get(metric)
    else:
        reference = references[threshold.reference]
        if reference is None:
            return Compared(str(threshold), 0.0, None, "good")
        value = _finite(measurement.metrics[metric] - threshold.factor * reference.metrics[metric])
        straddling = paired_interval(measurement, reference, metric, threshold.factor, sampling)
    if not by_interval:
        return Compared(str(threshold), value, straddling, "good" if threshold.holds(value) else "bad")
    if straddling is None:
        return Compared(str(threshold), value, None, "uncertain")
    low, high = (threshold.holds(end) for end in straddling)
    if low == high:
        return Compared(str(threshold), value, straddling, "good" if low else "bad")
    return Compared(str(threshold), value, straddling, "uncertain", _times(value, straddling, threshold.number))


def paired_differences(
    measurement: Measurement, reference: Measurement, metric: str, factor: float = 1.0
) -> NDArray[np.float64]:
    """``metric`` of one model minus ``factor`` times that of another, (resamples,), on the same resamples."""
    return np.asarray(measurement.distributions[metric] - factor * reference.distributions[metric])


def paired_interval(
    measurement: Measurement, reference: Measurement, metric: str, factor: float, sampling: Sampling | None
) -> Interval | None:
    """The interval of that difference; None where no resamples were kept."""
    if sampling is None or metric not in measurement.distributions or metric not in reference.distributions:
        return None
    differences = paired_differences(measurement, reference, metric, factor)
    ends = interval(differences, sampling.units, sampling.confidence)
    return None if ends is None else (_finite(ends[0]), _finite(ends[1]))


def _finite(value: float) -> float:
    """A report has no infinity: the largest number instead."""
    return min(max(value, -sys.float_info.max), sys.float_info.max)


def together(all_compared: Sequence[Compared]) -> Verdict:
    """The verdict over all thresholds: bad where one is, uncertain where one is and none is bad."""
    verdicts = {one.verdict for one in all_compared}
    return "bad" if "bad" in verdicts else "uncertain" if "uncertain" in verdicts else "good"


def _times(value: float, straddling: Interval, bound: float) -> float | None:
    """How many times as many rows would tell, if the value stays: an interval shrinks with the root of their number.

    Its side that reaches over the bound must become shorter than the distance to it. None beyond ``_TOO_FAR``.
    """
    low, high = straddling
    distance = abs(value - bound)
    reach = high - value if value < bound else value - low
    if distance * _TOO_FAR**0.5 <= reach:
        return None
    return max(1.0, (reach / distance) ** 2)
