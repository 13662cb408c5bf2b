"""One run from its request to its report: this is where the rooms are joined, in the order of the data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bisect_cache.errors import BisectCacheError, as_said
from bisect_cache.judge.choices import FEWEST_RESAMPLES
from bisect_cache.runs.bench import Bench, at_work
from bisect_cache.runs.request import BisectRequest, CheckRequest, Looking, Remeasuring, shown
from bisect_cache.search import Found

if TYPE_CHECKING:
    from bisect_cache.cache.check import Checked
    from bisect_cache.cache.recipes.interface import Progress
    from bisect_cache.report.structs import BisectReport, CacheFacts, CheckReport, Explanation


class BadRequest(BisectCacheError):
    """A request that contradicts itself."""


def run_bisect(request: BisectRequest, looking: Looking = lambda _label, _before: None) -> BisectReport:
    """Bisect and report.

    Raises ``BisectCacheError`` when nothing could be judged: no cache, no timeline, no worker.
    """
    _refuse_what_contradicts(request)
    with at_work(request) as bench:
        from bisect_cache.report.structs import fit_to_show
        from bisect_cache.runs.looking import look
        from bisect_cache.runs.reporting import Bisected, bisect_report

        looked = look(bench.timeline, bench.pool, request, bench.measuring.sampling, looking, bench.declared)
        worker = bench.pool.worker(bench.judge.hello)
        done = Bisected(request, bench.cache, bench.timeline, bench.measuring, looked, worker, bench.pool.said)
        if request.by_content:
            from bisect_cache.runs.grouping import groups

            compared, notes = groups(done, bench.judge)
            done = replace(done, groups=compared, notes=notes)
        if request.explain:
            done = replace(done, explanation=_explanation(bench, looked.found))
    return fit_to_show(bisect_report(done))


def run_check(request: CheckRequest, progress: Progress = lambda _done, _total: None) -> CheckReport:
    """Check a cache and report.

    Raises ``BisectCacheError`` when there is no cache to check or its recipe cannot be followed.
    """
    from bisect_cache.cache.check import check
    from bisect_cache.report.environment import environment
    from bisect_cache.report.structs import EXIT_CODES, CheckReport, fit_to_show
    from bisect_cache.report.verdict import check_sentence

    checked = check(request.folder, strict=request.strict, source=request.source, progress=progress)
    if request.remeasuring:
        checked = _remeasured(checked, request, request.remeasuring, progress)
    contents, detectable = _resolution(request.folder) if not EXIT_CODES[checked.outcome] else (None, {})
    report = CheckReport(
        outcome=checked.outcome,
        verdict=check_sentence(checked),
        cache=_checked_cache(request.folder, checked, contents),
        regenerated=checked.regenerated,
        findings=checked.findings,
        detectable=detectable,
        reproduce=request.command,
        environment=environment(),
    )
    return fit_to_show(report)


def _remeasured(checked: Checked, request: CheckRequest, asked: Remeasuring, progress: Progress) -> Checked:
    from bisect_cache.cache.drift import outcome_of
    from bisect_cache.extraction.programs import find_program
    from bisect_cache.extraction.remeasuring import remeasure

    program = find_program(asked.ffmpeg, asked.vmaf)
    found = remeasure(
        request.folder,
        program,
        asked.pairs,
        seed=asked.seed,
        source=request.source,
        seconds=asked.seconds,
        progress=progress,
    )
    findings = (*checked.findings, found)
    return replace(checked, findings=findings, outcome=outcome_of(findings, strict=request.strict))


def _resolution(folder: Path) -> tuple[int | None, dict[str, float]]:
    """How many contents a cache has, and what it can tell from chance; nothing where no model can be judged on it."""
    from bisect_cache.cache.opened import open_cache
    from bisect_cache.judge.detecting import DETECTED
    from bisect_cache.runs.standing_in import detectable_by_stand_ins

    try:
        cache = open_cache(folder)
        # Half a width is known to a few per cent by then, which is as much as anybody reads from it.
        return cache.content_count, detectable_by_stand_ins(cache, 500, DETECTED)
    except BisectCacheError:
        return None, {}


def broken_bisect(error: Exception, request: BisectRequest) -> BisectReport:
    """The report of a bisect that could not judge: it names the cause, and no verdict of an earlier run."""
    from bisect_cache.report.environment import environment
    from bisect_cache.report.structs import BisectReport, fit_to_show

    report = BisectReport(
        outcome="wiring-broke",
        verdict=f"The wiring broke, no model was judged: {as_said(error)}",
        cache=None,
        timeline=None,
        thresholds=tuple(map(str, request.thresholds)),
        evaluations=0,
        first_bad=None,
        last_good=None,
        candidates=(),
        crossings=(),
        steps=(),
        notes=(),
        reproduce=request.command,
        environment=environment(),
    )
    return fit_to_show(report)


def broken_check(error: Exception, request: CheckRequest) -> CheckReport:
    """The report of a check that could not be made."""
    from bisect_cache.report.environment import environment
    from bisect_cache.report.structs import CheckReport, fit_to_show

    report = CheckReport(
        outcome="wiring-broke",
        verdict=f"The wiring broke, the cache was not checked: {as_said(error)}",
        cache=None,
        regenerated=False,
        findings=(),
        reproduce=request.command,
        environment=environment(),
    )
    return fit_to_show(report)


def _refuse_what_contradicts(request: BisectRequest) -> None:
    if request.stepwise and request.strategy == "bisect":
        raise BadRequest(
            "thresholds against `previous` compare neighbours, and a bisection looks at few of them: leave "
            "--strategy bisect out"
        )
    if 0 < request.resampling.resamples < FEWEST_RESAMPLES:
        raise BadRequest(f"no interval can be had from fewer than {FEWEST_RESAMPLES} resamples; 0 is for none")
    if request.decision == "interval" and not request.resampling.resamples:
        raise BadRequest("--decision interval needs resamples: leave --resamples 0 out")


def _explanation(bench: Bench, found: Found) -> Explanation | None:
    """What changed where good turned bad; None where it did not, or nobody knows where."""
    if found.first_bad is None or found.last_good is None:
        return None
    from bisect_cache.runs.explaining import explain

    points = bench.timeline.checkpoints
    return explain(points[found.last_good], points[found.first_bad], bench.cache, bench.judge)


def _checked_cache(folder: Path, checked: Checked, contents: int | None) -> CacheFacts | None:
    from bisect_cache.report.structs import CacheFacts

    if checked.rows is None or checked.fingerprint is None:
        return None
    provenance = checked.manifest.provenance if checked.manifest else "synthetic"
    target = checked.manifest.target if checked.manifest else None
    return CacheFacts(shown(folder), provenance, checked.rows, contents, checked.fingerprint, target)
