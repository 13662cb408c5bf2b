"""A sign and a few words: what a reader sees first, and tells a broken wiring from a worse model at a glance."""

from __future__ import annotations

from typing import NamedTuple

from bisect_cache.report.sections import check_of, has_failed, leading
from bisect_cache.report.structs import EXIT_CODES, BisectReport, CacheReport, Report, RunReport, Section


class Headline(NamedTuple):
    """A sign and a few words."""

    sign: str
    words: str


HEADLINES = {
    "regression": Headline("❌", "a model regressed"),
    "head-bad": Headline("❌", "the oldest model is already bad"),
    "non-monotone": Headline("❌", "models got worse and better again"),
    "no-regression": Headline("✅", "no regression between the ends"),
    "inconclusive": Headline("❔", "it could not be decided"),
    "clean": Headline("✅", "the cache regenerates"),
    "writer-drift": Headline("✅", "same data, other bytes"),
    "drift": Headline("❌", "the cache has drifted"),
    "wiring-broke": Headline("🔌", "the wiring broke"),
}


_PROVEN = Headline("✅", "no regression")


def headline(report: Report) -> Headline:
    """Of a whole report."""
    if not isinstance(report, RunReport):
        return _of_cache(report)
    return HEADLINES[report.outcome] if EXIT_CODES[report.outcome] else _of_cache(leading(report.sections).report)


def section_headline(section: Section) -> Headline:
    """Of one section among several."""
    if not section.smoke:
        return _of_cache(section.report)
    if has_failed(section.report):
        return Headline("🔌", "the smoke test failed, so the wiring is at fault")
    return Headline("✅", "the smoke test passed, so the wiring works")


def _of_cache(report: CacheReport) -> Headline:
    check = check_of(report)
    if check is None or EXIT_CODES[report.outcome] or not EXIT_CODES[check.outcome]:
        return _of_outcome(report)
    found = HEADLINES[check.outcome]
    words = found.words if check.outcome == "drift" else "the cache could not be checked"
    return Headline(found.sign, f"{words}; {_of_outcome(report).words}")


def _of_outcome(report: CacheReport) -> Headline:
    """Green has more to say where every model was looked at."""
    proven = isinstance(report, BisectReport) and report.proven
    return _PROVEN if proven and report.outcome == "no-regression" else HEADLINES[report.outcome]
