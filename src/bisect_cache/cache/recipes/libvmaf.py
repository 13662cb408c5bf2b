"""One libvmaf JSON report: frames in, one value per feature out. Nothing here opens a file.

What is read is the same from libvmaf 1.3 to 3.2: ``frames``, each with its ``frameNum`` and ``metrics``. The
rest (``params``, ``fps``, ``pooled_metrics``, ``aggregate_metrics``) comes and goes between versions and is
not looked at: pooling is done here, so that every version's report is pooled alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable
from fractions import Fraction
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta, Struct, field
from numpy.typing import NDArray

from bisect_cache.cache.extracted import RECORD, Extraction
from bisect_cache.cache.recipes.interface import BadSource
from bisect_cache.exact import exact_mean, exact_sum

LARGEST_REPORT = 512 << 20
"""Bytes; ten hours of 60 fps with every metric that libvmaf has are less."""

# Float models and libvmaf 1.3 write the bare name, integer models the prefix, NEG models (whose enhancement gain
# limit is 1) the suffix. In order of preference.
_SPELLINGS = ("{}", "integer_{}", "{}_egl_1", "integer_{}_egl_1")

Pooling = Callable[[NDArray[np.float64]], float]
"""From the values of all frames, shape (N,), float64, N >= 1, finite, to one value."""


class Frame(Struct, frozen=True):
    """One frame of a report; libvmaf writes ``null`` for a value that is not a number."""

    number: Annotated[int, Meta(ge=0)] = field(name="frameNum")
    metrics: dict[str, float | None]


class Report(Struct, frozen=True):
    """What is read of a report."""

    frames: Annotated[tuple[Frame, ...], Meta(min_length=1)]
    version: str | None = None
    extraction: Extraction | None = field(default=None, name=RECORD)
    """What `bisect-cache extract` wrote into it."""


_DECODER = msgspec.json.Decoder(Report)


def parse_report(data: bytes, name: str) -> Report:
    """The report in ``data``; ``name`` is what messages call it.

    Raises ``BadSource`` when it is too large, no JSON, or not laid out like a report.
    """
    if len(data) > LARGEST_REPORT:
        raise BadSource(
            f"{name}: is larger than any report ({LARGEST_REPORT >> 20} MiB); run libvmaf again on the clip"
        )
    try:
        return _DECODER.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadSource(
            f"{name}: is no libvmaf JSON report with frames and their metrics ({error}); write it again with libvmaf's "
            f"JSON log format"
        ) from error


def spelling_in(names: Container[str], feature: str) -> str | None:
    """How ``names`` spell ``feature``: bare, ``integer_``, ``_egl_1`` or both, in this order; None: not at all."""
    return next((name for name in (s.format(feature) for s in _SPELLINGS) if name in names), None)


def metric_names(report: Report) -> set[str]:
    """The names of all metrics that any frame has."""
    return {name for frame in report.frames for name in frame.metrics}


def values_of(report: Report, metric: str) -> NDArray[np.float64]:
    """The metric's values in the order of the frames, shape (frames,), float64, NaN where a frame has none."""
    values = [frame.metrics.get(metric) for frame in report.frames]
    return np.array([np.nan if value is None else value for value in values], np.float64)


def pool(values: NDArray[np.float64], pooling: Pooling) -> float:
    """One value for a clip from the values of its frames, shape (N,), float64; NaN when a frame has none."""
    return pooling(values) if np.isfinite(values).all() else float("nan")


def features_of(report: Report, features: Iterable[str], pooling: Pooling) -> dict[str, tuple[str, float]]:
    """Of each of ``features`` that any frame has: how the report spells it, and one value for the clip."""
    names = metric_names(report)
    spelled = {feature: spelling_in(names, feature) for feature in features}
    return {
        feature: (name, pool(values_of(report, name), pooling)) for feature, name in spelled.items() if name is not None
    }


def pooling_named(text: str) -> Pooling:
    """``mean``, ``harmonic_mean``, ``min`` or ``percentile:P`` with P from 0 to 100. Raises ``BadSource``."""
    if text in _POOLINGS:
        return _POOLINGS[text]
    match = re.fullmatch(r"percentile:([0-9]{1,3}(?:\.[0-9]{1,12})?)", text)
    if match is None or Fraction(match[1]) > 100:
        raise BadSource(
            f"pooling {text[:80]!r} is not known; --pool takes {', '.join(_POOLINGS)} and percentile:P with P from 0 "
            f"to 100"
        )
    rank = Fraction(match[1]) / 100
    return lambda values: percentile(values, rank)


def harmonic_mean(values: NDArray[np.float64]) -> float:
    """``n / sum(1 / (x + 1)) - 1`` over the frames, shape (N,), float64, N >= 1.

    libvmaf's own definition, which shifts by one so that a frame with 0 is no pole: ``libvmaf/src/libvmaf.c``,
    ``vmaf_feature_score_pooled``, ``VMAF_POOL_METHOD_HARMONIC_MEAN``. It means nothing where a value is -1 or
    less: that gives NaN.
    """
    if values.min() <= -1:
        return float("nan")
    return values.size / exact_sum(1.0 / (values + 1.0)) - 1.0


def percentile(values: NDArray[np.float64], rank: Fraction) -> float:
    """The value at ``rank`` (0: the least, 1: the greatest) of ``values``, shape (N,), float64, N >= 1.

    Linear between closest ranks, with the position ``(N - 1) * rank`` counted from 0: definition 7 of Hyndman and
    Fan, "Sample Quantiles in Statistical Packages", 1996, NumPy's ``linear``. Rounded once.
    """
    ordered = np.sort(values)
    position = (values.size - 1) * rank
    below = int(position)
    above = min(below + 1, values.size - 1)
    low, high = Fraction(float(ordered[below])), Fraction(float(ordered[above]))
    return float(low + (high - low) * (position - below))


_POOLINGS: dict[str, Pooling] = {
    "mean": exact_mean,
    "harmonic_mean": harmonic_mean,
    "min": lambda values: float(values.min()),
}
