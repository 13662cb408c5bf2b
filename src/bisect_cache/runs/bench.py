"""All that models are judged with, made ready at once: worker, timeline, cache, resamples, judges."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bisect_cache.cache.manifest import read_manifest
from bisect_cache.cache.standing import standing_still
from bisect_cache.executing.choosing import executing
from bisect_cache.runs.request import BisectRequest, shown
from bisect_cache.timeline.feeding_file import BadFeeding, Declares, FeedingFile, read_feeding
from bisect_cache.timeline.interface import BadTimeline, Checkpoint, Timeline
from bisect_cache.timeline.spec import open_timeline
from bisect_cache.worker.process import Worker

if TYPE_CHECKING:
    from bisect_cache.cache.large import LargeCache
    from bisect_cache.cache.opened import Cache
    from bisect_cache.judge.interface import Measured, Measures, Scoring


@dataclass(frozen=True)
class Bench:
    """What a run judges with."""

    timeline: Timeline
    declared: Callable[[Checkpoint], Checkpoint]
    """Gives a model outside the timeline what is declared of those in it."""
    fed: tuple[str, ...]
    """What a reader must be told of what is declared."""
    cache: Cache | LargeCache
    measuring: Measured
    judge: Scoring
    """One that is always there."""
    pool: Measures
    """That one, and others where it is worth it: on this machine, or on a cluster."""


@contextmanager
def at_work(request: BisectRequest) -> Iterator[Bench]:
    """Everything ready, and every process ended afterwards.

    Raises ``BisectCacheError``: no cache, no timeline, no worker, no cluster, a metric that the target does not allow;
    at the end, a cache that was replaced meanwhile.
    """
    # The worker imports ONNX Runtime while this process imports pyarrow and reads the cache.
    with (
        executing(request.executor, request.workers) as where,
        Worker(request.limits) as worker,
        standing_still(request.folder),
    ):
        read_manifest(request.folder)  # what is no cache is said before anything else
        feeding = _feeding(request)
        timeline = feeding.applied(_timeline(request))
        fed = tuple(feeding.notes(timeline.checkpoints))
        timeline = replace(timeline, notes=(*timeline.notes, *fed))
        from bisect_cache.cache.large import LargeCache
        from bisect_cache.cache.opened import open_cache
        from bisect_cache.judge.alike import Alike, Choices
        from bisect_cache.judge.judge import Ports
        from bisect_cache.judge.judges import Judges
        from bisect_cache.judge.pool import Pool

        cache = open_cache(request.folder)
        gated = tuple(threshold.metric for threshold in request.thresholds)
        ports = Ports(request.input, request.output)
        choices = Choices(gated, request.predicts, request.resampling, ports, request.limits, request.metrics)
        if isinstance(cache, LargeCache):
            from bisect_cache.judge.streamed.bench import rounds

            with rounds(cache, choices, worker, where, request.workers) as (streamed, measuring):
                yield Bench(timeline, feeding.given_to, fed, cache, measuring, streamed, streamed)
            return
        alike = Alike(cache, choices)
        judge = alike.with_worker(worker)
        judges = Judges(alike, request.workers or where.at_once, judge)
        with Pool(judges, where, request.workers) as pool:
            yield Bench(timeline, feeding.given_to, fed, cache, alike.measuring, judge, pool)


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
    return timeline


def _feeding(request: BisectRequest) -> FeedingFile:
    """What is declared of how models are fed. Raises ``BadFeeding``."""
    given = (Declares(sidecar=request.sidecar),) if request.sidecar is not None else ()
    if request.feeding is None:
        return FeedingFile("", given)
    file = read_feeding(request.feeding)
    for option, wanted, declared in (
        ("--input", request.input, any(one.feeding.input for one in file.declares)),
        ("--output", request.output, any(one.feeding.output and one.feeding.output.name for one in file.declares)),
        ("--sidecar", request.sidecar, any(one.sidecar for one in file.declares)),
    ):
        if wanted is not None and declared:
            raise BadFeeding(f"{file.shown} declares what {option} says too: leave one of them out")
    return FeedingFile(file.shown, (*given, *file.declares))
