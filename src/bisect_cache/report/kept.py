"""Which steps to show where there is no room for all: the good ones in the middle give way first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bisect_cache.report.structs import BisectReport, Step


@dataclass(frozen=True)
class Gap:
    """Steps left out here, in words: ``37 good``."""

    said: str


def kept(report: BisectReport, rows: int) -> list[Step | Gap]:
    """At most ``rows`` steps in the order of the timeline, and a gap wherever some are left out."""
    ordered = sorted(report.steps, key=lambda step: step.index)
    ranked = sorted(range(len(ordered)), key=lambda place: _rank(ordered[place], report, ordered))
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


def _rank(step: Step, report: BisectReport, ordered: Sequence[Step]) -> tuple[int, int, int]:
    """What stays longest: the pair that the verdict names, then the ends, then what is not good, then what is near."""
    pair = {facts.index for facts in (report.first_bad, report.last_good) if facts}
    ends = {ordered[0].index, ordered[-1].index}
    centre = min(pair, default=0)
    if step.index in pair:
        first = 0
    elif step.index in ends:
        first = 1
    else:
        first = 3 if step.verdict == "good" else 2
    return first, abs(step.index - centre), step.index


def _gap(left_out: Sequence[Step]) -> list[Step | Gap]:
    if not left_out:
        return []
    counted = Counter(step.verdict for step in left_out)
    return [Gap(", ".join(f"{count} {verdict}" for verdict, count in sorted(counted.items())))]
