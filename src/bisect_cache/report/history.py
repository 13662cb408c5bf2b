"""The nights before: what a tracking comment remembers of earlier runs, kept in the comment itself.

One hidden line a night, so that a hand that edits the comment can lose one of them and not all.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from bisect_cache.judge.thresholds import METRIC_NAMES
from bisect_cache.printable import printable
from bisect_cache.report.chart import course
from bisect_cache.report.occasion import Occasion
from bisect_cache.report.sections import has_failed, leading, sections_of
from bisect_cache.report.structs import BisectReport, Report, RunOutcome

NIGHTS_KEPT = 30
_LONGEST_LABEL, _LONGEST_METRIC, _COMMIT_DIGITS = 80, 20, 40
_LAST_RUN = 10**18
_LINE = re.compile(r"^<!-- bisect-cache night ([A-Za-z0-9+/=]{1,2000}) -->\s*$", re.MULTILINE)


class Night(Struct, frozen=True, array_like=True):
    """One run, short enough to be kept."""

    at: datetime
    outcome: RunOutcome
    failed: bool
    first_bad: Annotated[str, Meta(max_length=_LONGEST_LABEL)] | None
    metric: Annotated[str, Meta(max_length=_LONGEST_METRIC)] | None
    newest: float | None
    """The metric of the newest model; None where it could not be judged."""
    run: Annotated[int, Meta(ge=0, lt=_LAST_RUN)] | None
    commit: Annotated[str, Meta(max_length=_COMMIT_DIGITS)]


def night(report: Report, occasion: Occasion, at: datetime) -> Night:
    """What to remember of this run."""
    sections = sections_of(report)
    real = [section for section in sections if not section.smoke] or list(sections)
    told = leading(real).report
    bad = told.first_bad.label if isinstance(told, BisectReport) and told.first_bad else None
    metric, newest = _newest(told) if isinstance(told, BisectReport) else (None, None)
    return Night(
        at.astimezone(UTC).replace(microsecond=0),
        report.outcome,
        any(has_failed(section.report) for section in sections),
        printable(bad, _LONGEST_LABEL) if bad else None,
        metric,
        newest,
        occasion.run,
        occasion.commit[:_COMMIT_DIGITS],
    )


def remembered(body: str) -> list[Night]:
    """The nights that a comment holds, oldest first; a line that cannot be read is left out."""
    nights = [found for line in _LINE.findall(body) if (found := _decoded(line)) is not None]
    return sorted(nights, key=lambda one: (one.run or 0, one.at))  # a machine's clock can be wrong


def continued(nights: Sequence[Night], tonight: Night) -> list[Night]:
    """The last nights with this one; of a run that spoke before, what it says now."""
    last = {one.run: place for place, one in enumerate(nights)}
    others = [
        one
        for place, one in enumerate(nights)
        if one.run is None or (last[one.run] == place and one.run != tonight.run)
    ]
    return [*others, tonight][-NIGHTS_KEPT:]


def hidden(nights: Sequence[Night]) -> str:
    """The lines that a comment keeps them in."""
    encoded = (base64.b64encode(msgspec.json.encode(one)).decode() for one in nights)
    return "\n".join(f"<!-- bisect-cache night {line} -->" for line in encoded)


def _newest(report: BisectReport) -> tuple[str | None, float | None]:
    drawn = course(report)
    asked = [drawn.metric] if drawn else []
    last = report.timeline.length - 1 if report.timeline else -1
    metrics = next((step.metrics for step in report.steps if step.index == last), {})
    metric = next((name for name in (*asked, *METRIC_NAMES) if name in metrics), None)
    return metric, metrics[metric] if metric else None


def _decoded(line: str) -> Night | None:
    try:
        one = msgspec.json.decode(base64.b64decode(line, validate=True), type=Night)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return None
    return one if one.at.tzinfo == UTC else None
