"""All that models are judged with, made ready at once: worker, timeline, cache, resamples, judges."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from threading import Lock
from typing import TYPE_CHECKING

from bisect_cache.cache.manifest import read_manifest
from bisect_cache.cache.standing import standing_still
from bisect_cache.runs.request import BisectRequest, shown
from bisect_cache.timeline.interface import BadTimeline, Checkpoint, Timeline
from bisect_cache.timeline.spec import open_timeline
from bisect_cache.worker.process import Worker

if TYPE_CHECKING:
    from bisect_cache.cache.opened import Cache
    from bisect_cache.judge.judge import Judge
    from bisect_cache.judge.measuring import Measuring
    from bisect_cache.judge.pool import Pool


@dataclass(frozen=True)
class Bench:
    """What a run judges with."""

    timeline: Timeline
    cache: Cache
    measuring: Measuring
    judge: Judge
    """One that is always there."""
    pool: Pool
    """That one, and others where it is worth it."""


@contextmanager
def at_work(request: BisectRequest) -> Iterator[Bench]:
    """Everything ready, and every process ended afterwards.

    Raises ``BisectCacheError``: no cache, no timeline, no worker, a metric that the target does not allow; at the end,
    a cache that was replaced meanwhile.
    """
    # The worker imports ONNX Runtime while this process imports pyarrow and reads the cache.
    with Worker(request.limits) as worker, standing_still(request.folder):
        read_manifest(request.folder)  # what is no cache is said before anything else
        timeline = _timeline(request)
        from bisect_cache.cache.opened import open_cache
        from bisect_cache.judge.judge import Judge, Ports, cores
        from bisect_cache.judge.measuring import Measuring
        from bisect_cache.judge.pool import Pool

        cache = open_cache(request.folder)
        gated = [threshold.metric for threshold in request.thresholds]
        measuring = Measuring(
            cache.target,
            cache.target_is,
            cache.contents,
            gated=gated,
            predicts=request.predicts,
            resampling=request.resampling,
        )
        reading, ports = Lock(), Ports(request.input, request.output)
        judge = Judge(worker, cache, measuring, ports, reading)

        def another() -> Judge:
            return Judge(Worker(request.limits), cache, measuring, ports, reading)

        with Pool(judge, another, request.workers or cores()) as pool:
            yield Bench(timeline, cache, measuring, judge, pool)


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
    # Equal models are not the same to a judge where each has a sidecar of its own.
    return replace(checkpoint, sidecar=template.replace("{stem}", stem), content=None)
