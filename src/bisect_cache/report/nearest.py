"""Which steps to show where there is no room for all."""

from __future__ import annotations

from bisect_cache.report.structs import BisectReport, Step


def nearest(report: BisectReport, rows: int) -> list[Step]:
    """The ``rows`` steps nearest to where good turns bad, in the order of the timeline."""
    around = report.first_bad or report.last_good
    centre = around.index if around else 0
    kept = sorted(report.steps, key=lambda step: (abs(step.index - centre), step.index))[:rows]
    return sorted(kept, key=lambda step: step.index)
