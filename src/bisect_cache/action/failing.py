"""Whether a run fails the job: a pure function of its report and of what the workflow wants to fail on."""

from __future__ import annotations

from bisect_cache.action.inputs import FailOn
from bisect_cache.report.sections import all_outcomes, sections_of
from bisect_cache.report.structs import EXIT_CODES, Report

_FAILS_AS: dict[str, FailOn] = {
    "regression": "regression",
    "head-bad": "regression",
    "non-monotone": "regression",
    "inconclusive": "inconclusive",
    "drift": "drift",
}


def exit_code(report: Report, fail_on: frozenset[FailOn]) -> int:
    """0 where nothing that ``fail_on`` names was found; else 1, or 2 where it could not judge.

    A run whose wiring broke fails unless the workflow wants to fail on nothing: it has shown nothing. Writer drift
    that is to fail is ``drift`` in the report already, because the check was strict.
    """
    if "never" in fail_on:
        return 0
    if report.outcome == "wiring-broke":
        return EXIT_CODES["wiring-broke"]
    outcomes = [outcome for section in sections_of(report) for outcome in all_outcomes(section.report)]
    codes = [EXIT_CODES[outcome] for outcome in outcomes if outcome == "wiring-broke" or _fails(outcome, fail_on)]
    return 1 if 1 in codes else max(codes, default=0)


def _fails(outcome: str, fail_on: frozenset[FailOn]) -> bool:
    kind = _FAILS_AS.get(outcome)
    return kind in fail_on or (kind == "drift" and "writer-drift" in fail_on)
