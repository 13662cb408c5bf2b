"""Which steps to show where there is no room for all: the good ones in the middle give way first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bisect_cache.report.structs import BisectReport, Step


@dataclass(frozen=True)
class Gap:
    """Steps left out here, in words: ``37 good``."""

    said: str


def kept(report: BisectReport, rows: int) -> list[Step | Gap]:
    """At most ``rows`` steps in the order of the timeline, and a gap wherever some are left out."""
    ordered = sorted(report.steps, key=lambda step: step.index)
    rank = _ranking(report, ordered)
    ranked = sorted(range(len(ordered)), key=lambda place: rank(ordered[place]))
    shown = set(ranked[:rows])
    entries: list[Step | Gap] = []
    left_out: list[Step] = []
    for place, step in enumerate(ordered):
        if place not in shown:
            left_out.append(step)
            continue
        entries.extend(_gap(left_out))
        left_out = []
        entries.append(step)
    return entries + _gap(left_out)


def _ranking(report: BisectReport, ordered: Sequence[Step]) -> Callable[[Step], tuple[int, int, int]]:
    """What stays longest: the pair that the verdict names, then the ends, then where models turn, then what is not
    good, then what is near.
    """
    pair = {facts.index for facts in (report.first_bad, report.last_good) if facts}
    ends = {step.index for step in (*ordered[:1], *ordered[-1:])}
    turns = {index for crossing in report.crossings for index in (crossing.before, crossing.after)}
    centre = min(pair, default=0)

    def rank(step: Step) -> tuple[int, int, int]:
        kinds = (step.index in pair, step.index in ends, step.index in turns, step.verdict != "good", True)
        return kinds.index(True), abs(step.index - centre), step.index

    return rank


def _gap(left_out: Sequence[Step]) -> list[Step | Gap]:
    if not left_out:
        return []
    counted = Counter(step.verdict for step in left_out)
    return [Gap(", ".join(f"{count} {verdict}" for verdict, count in sorted(counted.items())))]
