"""One run from its request to its report: this is where the rooms are joined, in the order of the data."""

from __future__ import annotations

import glob
import platform
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from bisect_cache import __version__
from bisect_cache.cache.manifest import Manifest, read_manifest
from bisect_cache.errors import BisectCacheError
from bisect_cache.judge.process import Limits, Worker
from bisect_cache.judge.thresholds import DEFAULT_THRESHOLDS, Threshold, parse_thresholds
from bisect_cache.search import Found, Search, bisect
from bisect_cache.timeline.interface import BadTimeline, Checkpoint, Timeline
from bisect_cache.timeline.spec import open_timeline

if TYPE_CHECKING:
    from bisect_cache.cache.opened import Cache
    from bisect_cache.cache.recipes.interface import Progress
    from bisect_cache.judge.judge import Judge
    from bisect_cache.report.structs import BisectReport, CacheFacts, CheckpointFacts, CheckReport, Step

EMBEDDED = Path(__file__).parent / "cache" / "embedded"
"""The synthetic cache that ships inside the package: recipe ``research-0001``."""

Looking = Callable[[str, int], None]
"""Told (label, how many were looked at before) when a model is about to be judged."""


@dataclass(frozen=True)
class BisectRequest:
    """What to bisect, on what, against what."""

    cache: Path | None = None
    """None: the embedded one."""
    timeline: tuple[str, ...] = ()
    """SPECs; none: the models of the cache."""
    thresholds: tuple[Threshold, ...] = parse_thresholds(DEFAULT_THRESHOLDS)
    input: str | None = None
    output: str | None = None
    sidecar: str | None = None
    """Location of each model's sidecar, ``{stem}`` being the model's file name without its ending."""
    limits: Limits = field(default_factory=Limits)


def run_bisect(request: BisectRequest, looking: Looking = lambda _label, _before: None) -> BisectReport:
    """Bisect and report.

    Raises ``BisectCacheError`` when nothing could be judged: no cache, no timeline, no worker.
    """
    # The worker imports ONNX Runtime while this process imports pyarrow and reads the cache.
    with Worker(request.limits) as worker:
        folder = request.cache or EMBEDDED
        read_manifest(folder)  # what is no cache is said before anything else
        timeline = _timeline(request, folder)
        from bisect_cache.cache.opened import open_cache
        from bisect_cache.judge.judge import Judge, Ports

        cache = open_cache(folder)
        judge = Judge(worker, cache, request.thresholds, Ports(request.input, request.output))
        found, steps = _drive(bisect(len(timeline.checkpoints)), timeline, judge, looking)
    return _bisect_report(cache, timeline, request.thresholds, found, steps, judge.onnxruntime)


def run_check(
    folder: Path | None,
    *,
    strict: bool = False,
    source: Path | None = None,
    progress: Progress = lambda _done, _total: None,
) -> CheckReport:
    """Check the cache in ``folder`` (None: the embedded one) and report.

    Raises ``BisectCacheError`` when there is no cache to check or its recipe cannot be followed.
    """
    from bisect_cache.cache.check import check
    from bisect_cache.report.structs import CheckReport
    from bisect_cache.report.verdict import check_sentence

    where = folder or EMBEDDED
    checked = check(where, strict=strict, source=source, progress=progress)
    return CheckReport(
        outcome=checked.outcome,
        verdict=check_sentence(checked),
        cache=_checked_cache(where, checked.manifest, checked.rows, checked.fingerprint),
        regenerated=checked.regenerated,
        findings=checked.findings,
        environment=_environment(),
    )


def broken_bisect(error: BisectCacheError, request: BisectRequest) -> BisectReport:
    """The report of a bisect that could not judge: it names the cause, and no verdict of an earlier run."""
    from bisect_cache.report.structs import BisectReport

    return BisectReport(
        outcome="wiring-broke",
        verdict=f"The wiring broke, no model was judged: {error}",
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
        environment=_environment(),
    )


def broken_check(error: BisectCacheError) -> CheckReport:
    """The report of a check that could not be made."""
    from bisect_cache.report.structs import CheckReport

    return CheckReport(
        outcome="wiring-broke",
        verdict=f"The wiring broke, the cache was not checked: {error}",
        cache=None,
        regenerated=False,
        findings=(),
        environment=_environment(),
    )


def _timeline(request: BisectRequest, folder: Path) -> Timeline:
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

    def look(index: int) -> Step:
        checkpoint = timeline.checkpoints[index]
        looking(checkpoint.label, len(steps))
        judgement = judge.judge(checkpoint)
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


def _bisect_report(
    cache: Cache,
    timeline: Timeline,
    thresholds: tuple[Threshold, ...],
    found: Found,
    steps: tuple[Step, ...],
    onnxruntime: str,
) -> BisectReport:
    from bisect_cache.report.structs import BisectReport, CacheFacts, CheckpointFacts, TimelineFacts
    from bisect_cache.report.verdict import bisect_sentence

    labels = [checkpoint.label for checkpoint in timeline.checkpoints]

    def facts(index: int) -> CheckpointFacts:
        return CheckpointFacts(index, labels[index], dict(timeline.checkpoints[index].origin))

    return BisectReport(
        outcome=found.outcome,
        verdict=bisect_sentence(found, labels, steps, thresholds),
        cache=CacheFacts(_shown(cache.path), cache.provenance, cache.rows, cache.content_count, cache.fingerprint),
        timeline=TimelineFacts(timeline.source, found.length),
        thresholds=tuple(map(str, thresholds)),
        evaluations=len(found.verdicts),
        first_bad=None if found.first_bad is None else facts(found.first_bad),
        last_good=None if found.last_good is None else facts(found.last_good),
        candidates=tuple(facts(index) for index in found.candidates),
        crossings=found.crossings,
        steps=steps,
        notes=(*cache.notes, *timeline.notes),
        environment=_environment(onnxruntime),
    )


def _checked_cache(
    folder: Path, manifest: Manifest | None, rows: int | None, fingerprint: str | None
) -> CacheFacts | None:
    from bisect_cache.report.structs import CacheFacts

    if rows is None or fingerprint is None:
        return None
    provenance = manifest.provenance if manifest else "synthetic"
    return CacheFacts(_shown(folder), provenance, rows, None, fingerprint)


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
