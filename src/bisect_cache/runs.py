"""One run from its request to its report: this is where the rooms are joined, in the order of the data."""

from __future__ import annotations

import glob
import platform
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from bisect_cache import __version__
from bisect_cache.cache.manifest import read_manifest
from bisect_cache.errors import as_said
from bisect_cache.judge.process import Worker
from bisect_cache.request import EMBEDDED, BisectRequest, CheckRequest
from bisect_cache.search import Found, Search, bisect
from bisect_cache.timeline.interface import BadTimeline, Checkpoint, Timeline
from bisect_cache.timeline.spec import open_timeline

if TYPE_CHECKING:
    from bisect_cache.cache.check import Checked
    from bisect_cache.cache.opened import Cache
    from bisect_cache.cache.recipes.interface import Progress
    from bisect_cache.judge.judge import Judge, Judgement
    from bisect_cache.report.structs import BisectReport, CacheFacts, CheckpointFacts, CheckReport, Explanation, Step

Looking = Callable[[str, int], None]
"""Told (label, how many were looked at before) when a model is about to be judged."""


def run_bisect(request: BisectRequest, looking: Looking = lambda _label, _before: None) -> BisectReport:
    """Bisect and report.

    Raises ``BisectCacheError`` when nothing could be judged: no cache, no timeline, no worker.
    """
    # The worker imports ONNX Runtime while this process imports pyarrow and reads the cache.
    with Worker(request.limits) as worker:
        read_manifest(request.folder)  # what is no cache is said before anything else
        timeline = _timeline(request)
        from bisect_cache.cache.opened import open_cache
        from bisect_cache.judge.judge import Judge, Ports
        from bisect_cache.report.structs import fit_to_show

        cache = open_cache(request.folder)
        judge = Judge(worker, cache, request.thresholds, Ports(request.input, request.output))
        found, steps = _drive(bisect(len(timeline.checkpoints)), timeline, judge, looking)
        explanation = _explanation(timeline, cache, judge, found) if request.explain else None
    return fit_to_show(_bisect_report(request, cache, timeline, found, steps, explanation, judge.onnxruntime))


def run_check(request: CheckRequest, progress: Progress = lambda _done, _total: None) -> CheckReport:
    """Check a cache and report.

    Raises ``BisectCacheError`` when there is no cache to check or its recipe cannot be followed.
    """
    from bisect_cache.cache.check import check
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
        environment=_environment(),
    )
    return fit_to_show(report)


def broken_bisect(error: Exception, request: BisectRequest) -> BisectReport:
    """The report of a bisect that could not judge: it names the cause, and no verdict of an earlier run."""
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
        environment=_environment(),
    )
    return fit_to_show(report)


def broken_check(error: Exception, request: CheckRequest) -> CheckReport:
    """The report of a check that could not be made."""
    from bisect_cache.report.structs import CheckReport, fit_to_show

    report = CheckReport(
        outcome="wiring-broke",
        verdict=f"The wiring broke, the cache was not checked: {as_said(error)}",
        cache=None,
        regenerated=False,
        findings=(),
        reproduce=request.command,
        environment=_environment(),
    )
    return fit_to_show(report)


def _timeline(request: BisectRequest) -> Timeline:
    folder = request.folder
    if request.timeline:
        timeline = open_timeline(request.timeline)
    elif any((folder / "models").glob("*.onnx")):
        timeline = open_timeline([f"files:{glob.escape(str(folder / 'models'))}/*.onnx"])
        timeline = replace(timeline, source=f"the models of {_shown(folder)}")
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


def _drive(search: Search, timeline: Timeline, judge: Judge, looking: Looking) -> tuple[Found, tuple[Step, ...]]:
    from bisect_cache.report.structs import Step

    steps: list[Step] = []
    known: dict[str, tuple[str, Judgement]] = {}

    def look(index: int) -> Step:
        checkpoint = timeline.checkpoints[index]
        looking(checkpoint.label, len(steps))
        judgement = _judged_once(checkpoint, judge, known)
        steps.append(
            Step(
                index=index,
                label=checkpoint.label,
                verdict=judgement.verdict,
                metrics=dict(judgement.metrics),
                intervals={},
                reason=judgement.reason,
                seconds=round(judgement.seconds, 6),
                notes=judgement.notes,
                origin=dict(checkpoint.origin),
            )
        )
        return steps[-1]

    try:
        wanted = next(search)
        while True:
            wanted = search.send([look(index).verdict for index in wanted])
    except StopIteration as end:
        found: Found = end.value
        return found, tuple(steps)


def _judged_once(checkpoint: Checkpoint, judge: Judge, known: dict[str, tuple[str, Judgement]]) -> Judgement:
    """The judgement of a checkpoint; of one that is the same model as another before it, that one's."""
    if checkpoint.content is None:
        return judge.judge(checkpoint)
    if checkpoint.content in known:
        label, judgement = known[checkpoint.content]
        return replace(judgement, notes=(*judgement.notes, f"the same model as {label}"), seconds=0.0)
    judgement = judge.judge(checkpoint)
    known[checkpoint.content] = checkpoint.label, judgement
    return judgement


def _explanation(timeline: Timeline, cache: Cache, judge: Judge, found: Found) -> Explanation | None:
    """What changed where good turned bad; None where it did not, or nobody knows where."""
    if found.first_bad is None or found.last_good is None:
        return None
    from bisect_cache.explaining import explain

    return explain(timeline.checkpoints[found.last_good], timeline.checkpoints[found.first_bad], cache, judge)


def _bisect_report(
    request: BisectRequest,
    cache: Cache,
    timeline: Timeline,
    found: Found,
    steps: tuple[Step, ...],
    explanation: Explanation | None,
    onnxruntime: str,
) -> BisectReport:
    from bisect_cache.report.structs import BisectReport, CacheFacts, CheckpointFacts, TimelineFacts
    from bisect_cache.report.verdict import bisect_sentence

    labels = [checkpoint.label for checkpoint in timeline.checkpoints]

    def facts(index: int) -> CheckpointFacts:
        return CheckpointFacts(index, labels[index], dict(timeline.checkpoints[index].origin))

    return BisectReport(
        outcome=found.outcome,
        verdict=bisect_sentence(found, labels, steps, request.thresholds, _before(request, timeline, found)),
        cache=CacheFacts(_shown(cache.path), cache.provenance, cache.rows, cache.content_count, cache.fingerprint),
        timeline=TimelineFacts(timeline.source, found.length, _from_commits(timeline, facts)),
        thresholds=tuple(map(str, request.thresholds)),
        evaluations=len(found.verdicts),
        first_bad=None if found.first_bad is None else facts(found.first_bad),
        last_good=None if found.last_good is None else facts(found.last_good),
        candidates=tuple(facts(index) for index in found.candidates),
        crossings=found.crossings,
        steps=steps,
        notes=(*cache.notes, *_direction(cache), *timeline.notes),
        explanation=explanation,
        reproduce=request.command,
        environment=_environment(onnxruntime),
    )


def _from_commits(timeline: Timeline, facts: Callable[[int], CheckpointFacts]) -> tuple[CheckpointFacts, ...]:
    """Every checkpoint of a history: the commits between those looked at are what a reader goes on with."""
    if not any("commit" in checkpoint.origin for checkpoint in timeline.checkpoints):
        return ()
    return tuple(map(facts, range(len(timeline.checkpoints))))


def _before(request: BisectRequest, timeline: Timeline, found: Found) -> bool | None:
    """Whether the first bad model was there before the change that is judged; None where nobody asks, or can tell."""
    if request.base is None or found.first_bad is None:
        return None
    origin = timeline.checkpoints[found.first_bad].origin
    if "commit" not in origin:
        return None
    from bisect_cache.timeline.git.ancestry import was_there_before

    return was_there_before(origin["file"], origin["commit"], request.base)


def _direction(cache: Cache) -> tuple[str, ...]:
    if cache.target_is.direction == "higher-is-better":
        return ()
    return (_LOWER_IS_BETTER,)


_LOWER_IS_BETTER = (
    "on this cache lower values of the target are better, and metrics compare predictions with it as they are: a model "
    "whose score is higher for better quality has negative correlations here, so its threshold reads like "
    "'plcc <= -0.8'"
)


def _checked_cache(folder: Path, checked: Checked) -> CacheFacts | None:
    from bisect_cache.report.structs import CacheFacts

    if checked.rows is None or checked.fingerprint is None:
        return None
    provenance = checked.manifest.provenance if checked.manifest else "synthetic"
    return CacheFacts(_shown(folder), provenance, checked.rows, None, checked.fingerprint)


def _shown(folder: Path) -> str:
    return "the embedded cache" if folder == EMBEDDED else folder.as_posix()


def _environment(onnxruntime: str | None = None) -> dict[str, str]:
    import numpy as np
    import pyarrow as pa

    versions = {
        "bisect-cache": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "pyarrow": pa.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
    }
    return versions | ({"onnxruntime": onnxruntime} if onnxruntime else {})
