"""From what a bisect found to its report: facts, notes, the verdict's sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from bisect_cache.cache.large import LargeCache
from bisect_cache.cache.opened import Cache
from bisect_cache.judge.interface import Measured
from bisect_cache.report.environment import environment
from bisect_cache.report.structs import (
    BisectReport,
    CacheFacts,
    CheckpointFacts,
    Explanation,
    GroupsFacts,
    TimelineFacts,
    WorkerFacts,
)
from bisect_cache.report.verdict import Judged, bisect_sentence
from bisect_cache.runs.looking import Looked
from bisect_cache.runs.request import BisectRequest, shown
from bisect_cache.timeline.interface import Timeline
from bisect_cache.worker.confinement.protections import ESSENTIAL, PROTECTIONS
from bisect_cache.worker.protocol import Hello

_FEW = 6
"""Contents or rows below which 2,000 resamples hold few different ones: of 3, there are 10."""


@dataclass(frozen=True)
class Bisected:
    """What a bisect had before it and what it found."""

    request: BisectRequest
    cache: Cache | LargeCache
    timeline: Timeline
    measuring: Measured
    looked: Looked
    worker: Hello
    """What the workers said of themselves."""
    where: str | None = None
    """Where models were measured, if not on this machine alone."""
    groups: tuple[GroupsFacts, ...] = ()
    explanation: Explanation | None = None
    notes: tuple[str, ...] = ()


def bisect_report(done: Bisected) -> BisectReport:
    """The report of a bisect that came to its end."""
    request, cache, timeline, looked = done.request, done.cache, done.timeline, done.looked
    found = looked.found
    facts = partial(checkpoint_facts, timeline)
    contents = cache.content_count
    return BisectReport(
        outcome=found.outcome,
        verdict=_sentence(done),
        cache=CacheFacts(shown(cache.path), cache.provenance, cache.rows, contents, cache.fingerprint, cache.target_is),
        timeline=TimelineFacts(timeline.source, found.length, _from_commits(timeline)),
        thresholds=tuple(map(str, request.thresholds)),
        evaluations=len(found.verdicts),
        first_bad=None if found.first_bad is None else facts(found.first_bad),
        last_good=None if found.last_good is None else facts(found.last_good),
        candidates=tuple(facts(index) for index in found.candidates),
        crossings=found.crossings,
        steps=looked.steps,
        notes=tuple(_notes(done)),
        strategy=request.strategy,
        proven=found.proven,
        decision=request.decision,
        baseline=looked.baseline.facts if looked.baseline and request.names_baseline else None,
        sampling=done.measuring.sampling,
        detectable=dict(looked.detectable),
        groups=done.groups,
        worker=_worker(done.worker),
        explanation=done.explanation,
        reproduce=request.command,
        environment=environment(done.worker.onnxruntime, done.where),
    )


def _notes(done: Bisected) -> Iterator[str]:
    """What a reader must be told beside the verdict, in the order of the data."""
    yield from done.cache.notes
    yield from _direction(done)
    yield from done.timeline.notes
    yield from _let_in(done.worker)
    yield from done.looked.notes
    yield from _intervals(done)
    yield from done.notes


def checkpoint_facts(timeline: Timeline, index: int) -> CheckpointFacts:
    """One checkpoint of the timeline by name."""
    checkpoint = timeline.checkpoints[index]
    return CheckpointFacts(index, checkpoint.label, dict(checkpoint.origin))


def _sentence(done: Bisected) -> str:
    labels = [checkpoint.label for checkpoint in done.timeline.checkpoints]
    steps = {step.index: step for step in done.looked.steps}
    judged = Judged(done.looked.found, labels, steps, done.request.thresholds, done.measuring.sampling)
    return bisect_sentence(judged, _was_before(done))


def _from_commits(timeline: Timeline) -> tuple[CheckpointFacts, ...]:
    """Every checkpoint of a history: the commits between those looked at are what a reader goes on with."""
    if not any("commit" in checkpoint.origin for checkpoint in timeline.checkpoints):
        return ()
    return tuple(checkpoint_facts(timeline, index) for index in range(len(timeline.checkpoints)))


def _was_before(done: Bisected) -> bool | None:
    """Whether the first bad model was there before the change that is judged; None where nobody asks, or can tell."""
    base, first_bad = done.request.base, done.looked.found.first_bad
    if base is None or first_bad is None:
        return None
    origin = done.timeline.checkpoints[first_bad].origin
    if "commit" not in origin:
        return None
    from bisect_cache.timeline.git.ancestry import was_there_before

    return was_there_before(origin["file"], origin["commit"], base)


def _direction(done: Bisected) -> Iterator[str]:
    """What a reader must know of a target that falls where quality rises."""
    if done.cache.target_is.direction == "higher-is-better":
        return
    if done.measuring.turned:
        yield (
            f"lower {done.cache.target_is.name} is better, and models are taken to predict quality (higher is better): "
            f"correlations are positive where the predictions fall as {done.cache.target_is.name} rises; for models "
            f"that predict {done.cache.target_is.name} itself, say so with predicts: target"
        )
    else:
        name = done.cache.target_is.name
        yield f"lower {name} is better, and models are taken to predict {name} itself"


def _intervals(done: Bisected) -> Iterator[str]:
    """What intervals rest on, where that is less than it looks, and thresholds that ask for what they cannot tell."""
    sampling = done.measuring.sampling
    if sampling and sampling.by == "row" and done.cache.provenance == "real":
        yield (
            "the intervals take every row for independent, because the cache names no contents: where rows are encodes "
            "of the same clips, they are too narrow (generate the cache with --content)"
        )
    if sampling and sampling.units < _FEW:
        yield f"only {sampling.units} {sampling.by}s: intervals of so few are wide, and less certain than they say"
    if sampling and sampling.grouped:
        yield f"too many {sampling.by}s to draw each: they were dealt into {sampling.units} groups, and these drawn"
    baseline = done.looked.baseline
    for threshold in done.request.thresholds:
        drop = done.looked.detectable.get(threshold.metric)
        if threshold.reference is None or baseline is None or drop is None:
            continue
        of_baseline = baseline.measurement.metrics[threshold.metric]
        asked = abs(of_baseline - (threshold.factor * of_baseline + threshold.number))
        if asked < drop:
            yield (
                f"'{threshold}' asks about a drop of {asked:.4f}, but on this cache a {threshold.metric.upper()} drop "
                f"under {drop:.4f} cannot be told from chance: ask for more, or judge on more rows"
            )


def _worker(hello: Hello) -> WorkerFacts:
    return WorkerFacts(hello.held, tuple(name for name in PROTECTIONS if name not in hello.held))


def _let_in(hello: Hello) -> Iterator[str]:
    """What a reader must know where models could do more than predict."""
    if ESSENTIAL - set(hello.held):
        yield (
            "this system could not keep the models from files or the network (seccomp, Landlock, resource limits): "
            "judge only models here that you would also run"
        )
