"""How it was measured, in words: against which target, with which intervals, and what these can tell at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bisect_cache.judge.sampling import Sampling
from bisect_cache.judge.thresholds import METRIC_NAMES
from bisect_cache.report.chart import metric_name
from bisect_cache.report.limits import asked_for
from bisect_cache.report.structs import BisectReport, CacheFacts, CacheReport, CheckReport, Step

_DIRECTIONS = {"higher-is-better": "higher is better", "lower-is-better": "lower is better"}


def metrics_of(steps: Iterable[Step]) -> tuple[str, ...]:
    """The metrics that any model was measured by, in the order in which they are shown; all where none was."""
    measured = {metric for step in steps for metric in step.metrics}
    return tuple(metric for metric in METRIC_NAMES if metric in measured) or METRIC_NAMES


def target_words(cache: CacheFacts | None) -> str:
    """The target's scale and direction: ``1 to 5, higher is better``; nothing where nobody knows."""
    if cache is None or cache.target is None:
        return ""
    scale = f"{cache.target.scale[0]:.6g} to {cache.target.scale[1]:.6g}, " if cache.target.scale else ""
    return f"{scale}{_DIRECTIONS[cache.target.direction]}"


def intervals_words(sampling: Sampling) -> str:
    """How the intervals were made."""
    units = f"{sampling.units:,} groups" if sampling.grouped else f"{sampling.units:,}"
    return (
        f"intervals: {sampling.confidence * 100:.6g}%, {sampling.resamples:,} paired resamples by {sampling.by} "
        f"({units}), seed {sampling.seed}"
    )


def detectable_words(report: CacheReport) -> str:
    """What cannot be told from chance, as a sentence; nothing where that is not known."""
    drops = report.detectable
    if not drops and isinstance(report, BisectReport) and report.check:
        drops = report.check.detectable
    asked: Sequence[str] = METRIC_NAMES if isinstance(report, CheckReport) else asked_for(report)
    known = [metric for metric in METRIC_NAMES if metric in drops]
    shown = [metric for metric in known if metric in asked] or known[:1]
    if report.cache is None or not shown:
        return ""
    rows = f"{report.cache.rows} row{'' if report.cache.rows == 1 else 's'}"
    contents = f" of {report.cache.contents} contents" if report.cache.contents else ""
    each = " or ".join(f"{_with_article(metric)} drop under {_drop(drops[metric])}" for metric in shown)
    return f"{rows}{contents}: {each} cannot be told from chance."


def _with_article(metric: str) -> str:
    name = metric_name(metric)
    return f"{'an' if name[0] in 'SR' else 'a'} {name}"


def _drop(drop: float) -> str:
    return f"{drop:.3f}" if 0.01 <= drop < 1000 else f"{drop:.2g}"
