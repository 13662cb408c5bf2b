"""Where models turn bad and good again, with names and values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bisect_cache.report.limits import asked_for
from bisect_cache.report.structs import BisectReport, Step
from bisect_cache.search import Crossing

TURNS_SHOWN = 10


@dataclass(frozen=True)
class Turn:
    """One crossing with the two models at it."""

    kind: str
    """``regression`` or ``recovery``."""
    first: bool
    """Whether it is the regression that the verdict names."""
    before: str
    after: str
    between: int
    """Models between the two, none of which is known to be good or bad."""
    steps: tuple[Step | None, Step | None]
    """None for a model that was not looked at."""


@dataclass(frozen=True)
class Turns:
    """The crossings of a report, oldest first."""

    shown: tuple[Turn, ...]
    left_out: int
    metrics: tuple[str, ...]
    """Those that thresholds ask for."""


def turns_of(report: BisectReport, most: int = TURNS_SHOWN) -> Turns | None:
    """The crossings, where there are more than the regression that the verdict names."""
    if not any(not _is_named(crossing, report) for crossing in report.crossings):
        return None
    shown = report.crossings[: min(most, TURNS_SHOWN)]
    return Turns(tuple(_turns(report, shown)), len(report.crossings) - len(shown), asked_for(report))


def _turns(report: BisectReport, shown: tuple[Crossing, ...]) -> Iterator[Turn]:
    wanted = {index for crossing in shown for index in (crossing.before, crossing.after)}
    steps = {step.index: step for step in report.steps if step.index in wanted}
    for crossing in shown:
        before, after = (steps.get(index) for index in (crossing.before, crossing.after))
        yield Turn(
            crossing.kind,
            _is_named(crossing, report),
            before.label if before else f"model {crossing.before}",
            after.label if after else f"model {crossing.after}",
            max(0, crossing.after - crossing.before - 1),
            (before, after),
        )


def _is_named(crossing: Crossing, report: BisectReport) -> bool:
    bad = report.first_bad.index if report.first_bad else None
    return crossing.kind == "regression" and crossing.after == bad
