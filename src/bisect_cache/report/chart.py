"""A metric over the timeline as a picture: a Mermaid chart, which GitHub draws by itself, or a line of blocks.

Names come from strangers: of a label only letters, digits and a few harmless signs reach the chart.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bisect_cache.judge.thresholds import METRIC_NAMES, BadThreshold, Threshold, parse_thresholds
from bisect_cache.report.structs import BisectReport

_NAMED = 8
"""Models whose names there is room for beside each other …"""
_NUMBERED = 24
"""… and whose indexes; more than these stand on an axis of numbers."""
_POINTS = 250
"""Points of a line; where there are more models, each point is the worst of its neighbours."""
_LONGEST, _LARGEST = 1_000_000, 1e9
"""An index and a value beyond which a report is not worth a picture: somebody made it up."""
_WIDTH, _HEIGHT = 900, 340
_CHARACTERS = 108
"""Characters of the small font that the width holds."""
_HARMLESS = frozenset("._-+/() ")
_BLOCKS = "▁▂▃▄▅▆▇█"
_LOOK = {
    "xyChart": {"width": _WIDTH, "height": _HEIGHT, "xAxis": {"labelFontSize": 12}, "yAxis": {"labelFontSize": 12}},
    "themeVariables": {"xyChart": {"plotColorPalette": "#0969da, #cf222e, #cf222e"}},
}


@dataclass(frozen=True)
class Course:
    """One metric of the models that were judged, oldest first, and the numbers that it must hold."""

    metric: str
    indexes: tuple[int, ...]
    labels: tuple[str, ...]
    values: tuple[float, ...]
    limits: tuple[Threshold, ...]

    @property
    def worst_is_high(self) -> bool:
        """Whether high values are the bad ones."""
        return any(limit.operator.startswith("<") for limit in self.limits)


def course(report: BisectReport) -> Course | None:
    """The metric that decided, over the models that have it; None where no two models do."""
    thresholds = understood(report.thresholds)
    metric = _deciding(report, thresholds)
    steps = {step.index: step for step in report.steps if math.isfinite(step.metrics.get(metric, math.nan))}
    if len(steps) < 2:
        return None
    shown = [steps[index] for index in sorted(steps)]
    return Course(
        metric,
        tuple(step.index for step in shown),
        tuple(step.label for step in shown),
        tuple(step.metrics[metric] for step in shown),
        tuple(threshold for threshold in thresholds if threshold.metric == metric),
    )


def chart(report: BisectReport) -> str | None:
    """Mermaid source of the course with its thresholds; None where there is nothing to draw."""
    drawn = course(report)
    if drawn is None or drawn.indexes[-1] > _LONGEST or max(map(abs, drawn.values)) > _LARGEST:
        return None
    axis, values = _axis(drawn)
    limits = [limit.number for limit in drawn.limits if abs(limit.number) <= _LARGEST][:2]
    low, high = _range([*drawn.values, *limits])
    lines = [
        f"%%{{init: {json.dumps(_LOOK)}}}%%",
        "xychart-beta",
        f"    {axis}",
        f'    y-axis "{metric_name(drawn.metric)}" {_number(low)} --> {_number(high)}',
        f"    line [{', '.join(map(_number, values))}]",
        *(f"    line [{', '.join([_number(limit)] * len(values))}]" for limit in limits),
    ]
    return "\n".join(lines)


def sparkline(values: Sequence[float | None]) -> str:
    """Values as blocks, lowest to highest; a dot where there is none."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known:
        return "·" * len(values)
    low, high = min(known), max(known)
    step = (high - low) / (len(_BLOCKS) - 1) or 1.0
    return "".join(
        "·" if value is None or not math.isfinite(value) else _BLOCKS[round((value - low) / step)] for value in values
    )


def metric_name(metric: str) -> str:
    """A metric as it is written for people: PLCC, mapped RMSE."""
    return "mapped RMSE" if metric == "rmse_mapped" else metric.upper()


def understood(thresholds: Sequence[str]) -> list[Threshold]:
    """Those of a report's thresholds that compare a metric with a number."""
    understood: list[Threshold] = []
    for line in thresholds:
        try:
            understood.extend(parse_thresholds([line]))
        except BadThreshold:
            continue
    return understood


def _deciding(report: BisectReport, thresholds: Sequence[Threshold]) -> str:
    """The metric whose threshold the first bad model does not hold; without one, the first that is asked for."""
    bad = report.first_bad.index if report.first_bad else None
    for step in report.steps:
        if step.index == bad:
            for threshold in thresholds:
                if threshold.metric in step.metrics and not threshold.holds(step.metrics):
                    return threshold.metric
    return thresholds[0].metric if thresholds else METRIC_NAMES[0]


def _axis(drawn: Course) -> tuple[str, list[float]]:
    """The x-axis, and a value for each place on it."""
    if len(drawn.indexes) <= _NUMBERED:
        named = len(drawn.indexes) <= _NAMED
        room = _CHARACTERS // len(drawn.indexes) - 2
        labels = [
            f"{index} {_short(label, room - len(str(index)) - 1)}".strip() if named else str(index)
            for index, label in zip(drawn.indexes, drawn.labels, strict=True)
        ]
        quoted = ", ".join(f'"{label}"' for label in labels)
        return f'x-axis "models looked at, oldest first" [{quoted}]', list(drawn.values)
    first, last = drawn.indexes[0], drawn.indexes[-1]
    title = "models, oldest first"
    if last - first + 1 > len(drawn.indexes):
        title += " (a straight line between those looked at)"
    values = _thinned(_filled(drawn), worst_is_high=drawn.worst_is_high)
    return f'x-axis "{title}" {first} --> {last}', values


def _filled(drawn: Course) -> list[float]:
    """A value for every index from the first to the last, on a straight line where none is known."""
    filled: list[float] = []
    for place, (before, after) in enumerate(pairwise(drawn.indexes)):
        from_value, to_value = drawn.values[place], drawn.values[place + 1]
        filled.extend(from_value + (to_value - from_value) * step / (after - before) for step in range(after - before))
    return [*filled, drawn.values[-1]]


def _thinned(values: list[float], *, worst_is_high: bool) -> list[float]:
    if len(values) <= _POINTS:
        return values
    worst = max if worst_is_high else min
    edges = [round(place * len(values) / _POINTS) for place in range(_POINTS + 1)]
    return [worst(values[start:end]) for start, end in pairwise(edges)]


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = max((high - low) * 0.08, abs(high) * 1e-4, 1e-5)
    return low - margin, high + margin


def _number(value: float) -> str:
    """A number as Mermaid reads it: no exponent."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _short(label: str, room: int) -> str:
    """What of a label is harmless, cut in its middle: names of one series differ at their ends."""
    kept = "".join(char if char.isalnum() or char in _HARMLESS else "_" for char in label)
    if len(kept) <= room:
        return kept
    if room < 3:
        return ""
    head = (room - 1) // 2
    return f"{kept[:head]}…{kept[len(kept) - (room - 1 - head) :]}"
