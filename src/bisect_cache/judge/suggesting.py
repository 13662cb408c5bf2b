"""Thresholds that known-good models hold, with room for what the cache cannot tell from chance. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, median

from bisect_cache.judge.measurement import Measurement
from bisect_cache.judge.sampling import Interval, Sampling
from bisect_cache.judge.thresholds import Operator, Threshold

SUGGESTED = ("plcc", "srocc", "rmse_mapped")
"""Metrics that mean the same on every scale of predictions."""
_PASSES = 0.9
"""How often a model as good as the worst of the known-good ones is to be called good by a relative threshold."""
_FAR = 5
"""Times the spread that chance explains: a model farther from the others may be no good one."""


@dataclass(frozen=True)
class Suggested:
    """The gates for one metric, and what they come from."""

    metric: str
    worst: float
    """Of the known-good models."""
    best: float
    chance: float
    """What cannot be told from chance between two models."""
    absolute: Threshold
    relative: Threshold


def suggest(
    good: Sequence[Measurement], chance: Mapping[str, float], reach: Mapping[str, Interval], sampling: Sampling
) -> tuple[Suggested, ...]:
    """Gates for each metric of which ``chance`` says what the cache can tell; the first of ``good`` is the baseline.

    ``chance`` and ``reach`` are what ``Detecting`` found of the others beside the baseline.

    The absolute gate lies below the worst known-good value by what chance explains: neither a known-good model nor
    the luck of the rows fails it. The relative gate is judged by the whole interval of a paired difference, of half
    width h and standard error h / z(confidence). A model as good as the worst one, d beside the baseline, is called
    good with probability p where the gate lies at d + h + z(p) h / z(confidence). It lies farther where a
    known-good model that is less like the baseline than most needs that for its whole interval.
    """
    return tuple(
        _of_metric(metric, good, chance[metric], reach.get(metric, (0.0, 0.0)), sampling)
        for metric in SUGGESTED
        if metric in chance
    )


def doubtful(good: Sequence[Measurement], chance: Mapping[str, float]) -> tuple[int, ...]:
    """Which of ``good`` are much worse than most of them, more than chance explains."""
    found: set[int] = set()
    for metric in SUGGESTED[:2]:
        values = [measurement.metrics[metric] for measurement in good]
        far = median(values) - _FAR * chance.get(metric, math.inf)
        found.update(place for place, value in enumerate(values) if value < far)
    return tuple(sorted(found))


def _of_metric(
    metric: str, good: Sequence[Measurement], chance: float, reach: Interval, sampling: Sampling
) -> Suggested:
    falls = metric.startswith("rmse")
    sign = -1 if falls else 1
    values = [sign * measurement.metrics[metric] for measurement in good]
    worst, best = min(values), max(values)
    normal = NormalDist()
    room = chance * (1 + normal.inv_cdf(_PASSES) / normal.inv_cdf((1 + sampling.confidence) / 2))
    step = _step(chance)
    gate = sign * math.floor((worst - chance) / step) * step
    farthest = reach[1] if falls else -reach[0]
    below = math.ceil(max(values[0] - worst + room, farthest) / step) * step
    digits = max(0, -math.floor(math.log10(step)))
    operator: Operator = "<=" if falls else ">="
    return Suggested(
        metric,
        sign * worst,
        sign * best,
        chance,
        Threshold(metric, operator, round(gate, digits)),
        Threshold(metric, operator, round(-sign * below, digits), "baseline"),
    )


def _step(chance: float) -> float:
    """A power of ten to round to, at most a tenth of what chance explains."""
    return float(10.0 ** (math.floor(math.log10(chance)) - 1))
