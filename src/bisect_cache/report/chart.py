"""A metric over the timeline as a picture: a Mermaid chart, which GitHub draws by itself, or a line of blocks.

Names come from strangers: of a label only letters, digits and a few harmless signs reach the chart.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from bisect_cache.judge.thresholds import METRIC_NAMES, Threshold
from bisect_cache.report.limits import Limit, limits_of, understood
from bisect_cache.report.structs import BisectReport, Step

_NUMBERED = 20
"""Models that have a label each; more than these stand on an axis of numbers."""
_POINTS = 250
"""Points of a line; where there are more models, each point is the worst of its neighbours."""
_MOST_LINES = 2
"""Thresholds that have a line."""
_LONGEST, _LARGEST = 1_000_000, 1e9
"""An index and a value beyond which a report is not worth a picture: somebody made it up."""
_SMALLEST = 1e-9
"""Below this, a value is drawn as zero."""
_WIDTH, _HEIGHT, _FONT = 700, 320, 12
"""Pixels. Where the column is narrower, Mermaid measures its labels too small and the last one is cut."""
_BESIDE_PLOT, _AIR = 80, 8
_WIDEST = 0.19 * _WIDTH
"""Mermaid leaves no more than a tenth of the width beside the outermost ticks, where half a label stands."""
_HARMLESS = frozenset("._-+/() ")
_BLOCKS = "▁▂▃▄▅▆▇█"
_LOOK = {
    "xyChart": {
        "width": _WIDTH,
        "height": _HEIGHT,
        "xAxis": {"labelFontSize": _FONT, "titleFontSize": 14},
        "yAxis": {"labelFontSize": _FONT, "titleFontSize": 14},
    },
    # Colours that can be told from white and from GitHub's dark page alike.
    "themeVariables": {"xyChart": {"backgroundColor": "transparent", "plotColorPalette": "#1f6feb, #da3633, #da3633"}},
}


@dataclass(frozen=True)
class Course:
    """One metric of the models that were judged, oldest first, and the numbers that it must hold."""

    metric: str
    indexes: tuple[int, ...]
    labels: tuple[str, ...]
    values: tuple[float, ...]
    limits: tuple[Limit, ...]
    first_bad: int | None
    uncertain: frozenset[int]
    """Indexes of models that are neither good nor bad beyond doubt."""

    @property
    def worst_is_high(self) -> bool:
        """Whether high values are the bad ones."""
        return any(not limit.threshold.least for limit in self.limits)

    @property
    def lines(self) -> tuple[Limit, ...]:
        """Limits that can be drawn as a line: each at one number for all models, and no number twice."""
        bounds: dict[float, Limit] = {}
        for limit in self.limits:
            if limit.bound is not None and abs(limit.bound) <= _LARGEST:
                bounds.setdefault(limit.bound, limit)
        return tuple(bounds.values())[:_MOST_LINES]


def course(report: BisectReport) -> Course | None:
    """The metric that decided, over the models that have it; None where no two models do."""
    limits = limits_of(report)
    metric = _deciding(report, [limit.threshold for limit in limits])
    steps = {step.index: step for step in report.steps if math.isfinite(step.metrics.get(metric, math.nan))}
    if len(steps) < 2:
        return None
    shown = [steps[index] for index in sorted(steps)]
    return Course(
        metric,
        tuple(step.index for step in shown),
        tuple(step.label for step in shown),
        tuple(step.metrics[metric] for step in shown),
        tuple(limit for limit in limits if limit.metric == metric),
        report.first_bad.index if report.first_bad else None,
        frozenset(step.index for step in shown if step.verdict == "uncertain"),
    )


def chart(report: BisectReport) -> str | None:
    """Mermaid source of the course with its thresholds; None where there is nothing to draw."""
    drawn = course(report)
    if drawn is None or drawn.indexes[-1] > _LONGEST or max(map(abs, drawn.values)) > _LARGEST:
        return None
    axis, values = _axis(drawn)
    limits = [limit.bound for limit in drawn.lines if limit.bound is not None]
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
    step = high / (len(_BLOCKS) - 1) - low / (len(_BLOCKS) - 1) or 1.0  # their difference may be no float
    return "".join(
        "·"
        if value is None or not math.isfinite(value)
        else _BLOCKS[min(round(value / step - low / step), len(_BLOCKS) - 1)]
        for value in values
    )


def metric_name(metric: str) -> str:
    """A metric as it is written for people: PLCC, mapped RMSE."""
    return "mapped RMSE" if metric == "rmse_mapped" else metric.upper()


def _deciding(report: BisectReport, thresholds: Sequence[Threshold]) -> str:
    """The metric whose threshold the first bad model does not hold, or that leaves a candidate in doubt.

    Without one, the first that is asked for.
    """
    blamed = {facts.index for facts in ([report.first_bad] if report.first_bad else report.candidates)}
    for step in report.steps:
        if step.index in blamed:
            for metric in _against(step, thresholds):
                if metric in step.metrics:
                    return metric
    return thresholds[0].metric if thresholds else METRIC_NAMES[0]


def _against(step: Step, thresholds: Sequence[Threshold]) -> list[str]:
    """The metrics whose thresholds ``step`` does not hold; where the report does not say, by its values."""
    if step.thresholds:
        return [one.metric for one in understood([one.threshold for one in step.thresholds if one.verdict != "good"])]
    absolute = [one for one in thresholds if one.reference is None and one.metric in step.metrics]
    return [one.metric for one in absolute if not one.holds(step.metrics[one.metric])]


def _axis(drawn: Course) -> tuple[str, list[float]]:
    """The x-axis, and a value for each place on it."""
    if len(drawn.indexes) <= _NUMBERED:
        numbers = [str(index) for index in drawn.indexes]
        marked = [_marked(label, drawn, place) for place, label in enumerate(_names(drawn) or numbers)]
        quoted = ", ".join(f'"{label}"' for label in marked)
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
    margin = max((high - low) * 0.08, abs(high) * 1e-4, 1e-9)
    return low - margin, high + margin


def _number(value: float) -> str:
    """A number as Mermaid reads it: six digits and no exponent."""
    return f"{Decimal(f'{value:.6g}'):f}" if abs(value) >= _SMALLEST else "0"


def _names(drawn: Course) -> list[str] | None:
    """The models' names, where there is room for all beside each other and they can be told apart."""
    room = min(_WIDEST, (_WIDTH - _BESIDE_PLOT) / len(drawn.labels) - _AIR)
    names = [_harmless(label) for label in _telling(drawn.labels)]
    fit = all(name.strip("_ ") and _wide(_marked(name, drawn, place)) <= room for place, name in enumerate(names))
    return names if fit and len(set(names)) == len(names) else None  # equal labels would be one place on the axis


def _telling(labels: Sequence[str]) -> list[str]:
    """Labels without what says nothing: the folder that all are in, and the ending that models have."""
    in_one_folder = len({label.rpartition("/")[0] for label in labels}) == 1
    return [(label.rpartition("/")[2] if in_one_folder else label).removesuffix(".onnx") for label in labels]


def _harmless(label: str) -> str:
    return "".join(char if char.isalnum() or char in _HARMLESS else "_" for char in label)


def _marked(label: str, drawn: Course, place: int) -> str:
    index = drawn.indexes[place]
    return f"✗ {label}" if index == drawn.first_bad else f"? {label}" if index in drawn.uncertain else label


def _wide(text: str) -> float:
    """Pixels that ``text`` takes in a wide font such as Verdana, rather too many than too few."""
    return _FONT * sum(
        1.0 if char in "MWmw…%@" or unicodedata.east_asian_width(char) in "WF" else 0.8 if char.isupper() else 0.65
        for char in text
    )
