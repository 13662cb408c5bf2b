"""The thresholds that a report names, and the number that each comes to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bisect_cache.judge.thresholds import MOST_THRESHOLDS, BadThreshold, Threshold, parse_thresholds
from bisect_cache.report.structs import BisectReport


@dataclass(frozen=True)
class Limit:
    """A threshold with its bound."""

    threshold: Threshold
    bound: float | None
    """What the metric is compared with; None where the reference is not one number for all models, or not known."""

    @property
    def metric(self) -> str:
        """What it asks for."""
        return self.threshold.metric

    def __str__(self) -> str:
        """The threshold, and of a relative one what it comes to."""
        resolved = f" ({self.bound:.4g})" if self.threshold.reference and self.bound is not None else ""
        return f"{self.threshold}{resolved}"


def understood(thresholds: Sequence[str]) -> list[Threshold]:
    """Those of a report's thresholds that are any: a report may come from a stranger."""
    understood: list[Threshold] = []
    for line in thresholds[:MOST_THRESHOLDS]:
        try:
            understood.extend(parse_thresholds([line]))
        except BadThreshold:
            continue
    return understood


def limits_of(report: BisectReport) -> list[Limit]:
    """The thresholds with their bounds, those against the baseline at what it measures."""
    baseline = report.baseline.metrics if report.baseline else {}
    return [Limit(one, _bound(one, baseline)) for one in understood(report.thresholds)]


def asked_for(report: BisectReport) -> tuple[str, ...]:
    """The metrics that thresholds ask for."""
    return tuple(dict.fromkeys(threshold.metric for threshold in understood(report.thresholds)))


def _bound(threshold: Threshold, baseline: Mapping[str, float]) -> float | None:
    of_reference = baseline.get(threshold.metric) if threshold.reference == "baseline" else None
    bound = threshold.bound(of_reference)
    return bound if bound is not None and math.isfinite(bound) else None
