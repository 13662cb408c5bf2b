"""One run from its request to its report: this is where the rooms are joined, in the order of the data."""

from __future__ import annotations

import glob
from dataclasses import replace
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import TYPE_CHECKING

from bisect_cache.cache.manifest import read_manifest
from bisect_cache.errors import BisectCacheError, as_said
from bisect_cache.judge.process import Worker
from bisect_cache.request import BisectRequest, CheckRequest, Looking, shown
from bisect_cache.search import Found
from bisect_cache.timeline.interface import BadTimeline, Checkpoint, Timeline
from bisect_cache.timeline.spec import open_timeline

if TYPE_CHECKING:
    from bisect_cache.cache.check import Checked
    from bisect_cache.cache.opened import Cache
    from bisect_cache.cache.recipes.interface import Progress
    from bisect_cache.judge.judge import Judge
    from bisect_cache.report.structs import BisectReport, CacheFacts, CheckReport, Explanation


class BadRequest(BisectCacheError):
    """A request that contradicts itself."""


def run_bisect(request: BisectRequest, looking: Looking = lambda _label, _before: None) -> BisectReport:
    """Bisect and report.

    Raises ``BisectCacheError`` when nothing could be judged: no cache, no timeline, no worker.
    """
    _refuse_what_contradicts(request)
    # The worker imports ONNX Runtime while this process imports pyarrow and reads the cache.
    with Worker(request.limits) as worker:
        read_manifest(request.folder)  # what is no cache is said before anything else
        timeline = _timeline(request)
        from bisect_cache.cache.opened import open_cache
        from bisect_cache.judge.judge import Judge, Ports, cores
        from bisect_cache.judge.measuring import Measuring
        from bisect_cache.judge.pool import Pool
        from bisect_cache.looking import look
        from bisect_cache.report.structs import fit_to_show
        from bisect_cache.reporting import Bisected, bisect_report

        cache = open_cache(request.folder)
        measuring = Measuring(
            cache.target,
            cache.target_is,
            cache.contents,
            gated=[threshold.metric for threshold in request.thresholds],
            predicts=request.predicts,
            resampling=request.resampling,
        )
        reading, ports = Lock(), Ports(request.input, request.output)
        judge = Judge(worker, cache, measuring, ports, reading)

        def another() -> Judge:
            return Judge(Worker(request.limits), cache, measuring, ports, reading)

        with Pool(judge, another, request.workers or cores()) as pool:
            looked = look(timeline, pool, request, measuring.sampling, looking)
            done = Bisected(request, cache, timeline, measuring, looked, judge.onnxruntime)
            if request.by_content:
                from bisect_cache.grouping import groups

                compared, notes = groups(done, judge)
                done = replace(done, groups=compared, notes=notes)
            if request.explain:
                done = replace(done, explanation=_explanation(timeline, cache, judge, looked.found))
    return fit_to_show(bisect_report(done))


def run_check(request: CheckRequest, progress: Progress = lambda _done, _total: None) -> CheckReport:
    """Check a cache and report.

    Raises ``BisectCacheError`` when there is no cache to check or its recipe cannot be followed.
    """
    from bisect_cache.cache.check import check
    from bisect_cache.report.environment import environment
    from bisect_cache.report.structs import CheckReport, fit_to_show
    from bisect_cache.report.verdict import check_sentence

    checked = check(request.folder, strict=request.strict, source=request.source, progress=progress)
    report = CheckReport(
        outcome=checked.outcome,
        verdict=check_sentence(checked),
        cache=_checked_cache(request.folder, checked),
        regenerated=checked.regenerated,
        findings=checked.findings,
        reproduce=request.command,
        environment=environment(),
    )
    return fit_to_show(report)


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
    if request.decision == "interval" and not request.resampling.resamples:
        raise BadRequest("--decision interval needs resamples: leave --resamples 0 out")


def _timeline(request: BisectRequest) -> Timeline:
    folder = request.folder
    if request.timeline:
        timeline = open_timeline(request.timeline)
    elif any((folder / "models").glob("*.onnx")):
        timeline = open_timeline([f"files:{glob.escape(str(folder / 'models'))}/*.onnx"])
        timeline = replace(timeline, source=f"the models of {shown(folder)}")
    else:
        raise BadTimeline(
            f"{folder}: this cache holds no models of its own; name a timeline with --timeline 'files:models/*.onnx' "
            f"or --timeline registry:FILE"
        )
    if request.sidecar is None:
        return timeline
    return replace(timeline, checkpoints=tuple(_with_sidecar(point, request.sidecar) for point in timeline.checkpoints))


def _with_sidecar(checkpoint: Checkpoint, template: str) -> Checkpoint:
    if checkpoint.sidecar is not None:
        return checkpoint
    stem = PurePosixPath(checkpoint.origin.get("file", checkpoint.label)).stem
    return replace(checkpoint, sidecar=template.replace("{stem}", stem))


def _explanation(timeline: Timeline, cache: Cache, judge: Judge, found: Found) -> Explanation | None:
    """What changed where good turned bad; None where it did not, or nobody knows where."""
    if found.first_bad is None or found.last_good is None:
        return None
    from bisect_cache.explaining import explain

    return explain(timeline.checkpoints[found.last_good], timeline.checkpoints[found.first_bad], cache, judge)


def _checked_cache(folder: Path, checked: Checked) -> CacheFacts | None:
    from bisect_cache.report.structs import CacheFacts

    if checked.rows is None or checked.fingerprint is None:
        return None
    provenance = checked.manifest.provenance if checked.manifest else "synthetic"
    target = checked.manifest.target if checked.manifest else None
    return CacheFacts(shown(folder), provenance, checked.rows, None, checked.fingerprint, target)
