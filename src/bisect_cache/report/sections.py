"""A report over several caches, and one over a single cache read as if it were one of several."""

from __future__ import annotations

from collections.abc import Sequence

from bisect_cache.printable import one_line, printable
from bisect_cache.report.reason import first_of
from bisect_cache.report.structs import (
    EXIT_CODES,
    CacheReport,
    CheckReport,
    Report,
    RunOutcome,
    RunReport,
    Section,
    fit_to_show,
)

_VERDICTS_TOLD = 3
_WORST_FIRST = (
    "regression",
    "non-monotone",
    "head-bad",
    "wiring-broke",
    "drift",
    "inconclusive",
    "writer-drift",
    "no-regression",
    "clean",
)


def sections_of(report: Report) -> tuple[Section, ...]:
    """The caches of a report."""
    if isinstance(report, RunReport):
        return report.sections
    return (Section(report.cache.path if report.cache else "", smoke=False, report=report),)


def check_of(report: CacheReport) -> CheckReport | None:
    """What was found about the cache itself."""
    return report if isinstance(report, CheckReport) else report.check


def all_outcomes(report: CacheReport) -> tuple[str, ...]:
    """The outcome of a cache's run, and that of the check before it."""
    check = check_of(report)
    return (report.outcome,) if check is None or check is report else (report.outcome, check.outcome)


def has_failed(report: CacheReport) -> bool:
    """Whether anything is wrong with a model or with the cache, or could not be judged."""
    return any(EXIT_CODES[outcome] for outcome in all_outcomes(report))


def leading(sections: Sequence[Section]) -> Section:
    """The section that a reader must see first: the worst, and of equals a real one."""
    return min(sections, key=_place)


def _place(section: Section) -> tuple[bool, int, int, bool]:
    check = check_of(section.report)
    of_check = _WORST_FIRST.index(check.outcome) if check else len(_WORST_FIRST)
    return not has_failed(section.report), _WORST_FIRST.index(section.report.outcome), of_check, section.smoke


def joined(sections: Sequence[Section]) -> RunReport:
    """The report of one run over several caches."""
    first = leading(sections)
    smoke = next((section for section in sections if section.smoke and has_failed(section.report)), None)
    outcome: RunOutcome = "wiring-broke" if smoke else first.report.outcome
    if smoke:
        check = check_of(smoke.report)
        judged_well = not EXIT_CODES[smoke.report.outcome]
        why = check.verdict if check and judged_well else whole_verdict(smoke.report)
        verdict = (
            f"The wiring broke: the smoke test on synthetic data ({_called(smoke)}) failed, so what is said below of "
            f"other caches may come of the same fault. {why}"
        )
    elif EXIT_CODES[outcome]:
        others = [_failing(section) for section in sections if section is not first and has_failed(section.report)]
        also = f" Also failed: {first_of(others, ', ', 'cache')}." if others else ""
        verdict = f"{_called(first)}: {whole_verdict(first.report)}{also}"
    else:
        judged = [f"{_called(section)}: {whole_verdict(section.report)}" for section in sections if not section.smoke]
        rest = len(judged) - _VERDICTS_TOLD
        more = [f"{rest} more {'has' if rest == 1 else 'have'} passed, each with a verdict below."] if rest > 0 else []
        passed = first_of([_called(section) for section in sections if section.smoke], ", ", "cache")
        smoked = [f"The smoke test on synthetic data ({passed}) passed."] if passed else []
        verdict = " ".join([*judged[:_VERDICTS_TOLD], *more, *smoked])
    return fit_to_show(RunReport(outcome=outcome, verdict=verdict, sections=tuple(sections)))


def whole_verdict(report: CacheReport) -> str:
    """The verdict, and that of the check where the cache is not what it was."""
    check = check_of(report)
    if check is None or check is report or not EXIT_CODES[check.outcome]:
        return report.verdict
    if report.outcome == check.outcome:  # both say that the wiring broke, and of the same thing
        return report.verdict
    return " ".join(filter(None, (report.verdict.strip(), check.verdict.strip())))


def _failing(section: Section) -> str:
    failed = [outcome for outcome in all_outcomes(section.report) if EXIT_CODES[outcome]]
    return f"{_called(section)} ({', '.join(failed)})"


def _called(section: Section) -> str:
    return printable(one_line(section.name))
