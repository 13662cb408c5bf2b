"""Gates proposed from a timeline of known-good models: ``bisect-cache thresholds``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from bisect_cache.errors import BisectCacheError
from bisect_cache.judge.detecting import Detecting
from bisect_cache.judge.measurement import Measurement
from bisect_cache.judge.sampling import Sampling
from bisect_cache.judge.suggesting import SUGGESTED, Suggested, doubtful, suggest
from bisect_cache.printable import one_line
from bisect_cache.runs.bench import Bench, at_work
from bisect_cache.runs.request import BisectRequest, Looking, shown
from bisect_cache.runs.standing_in import detectable_by_stand_ins


class CannotPropose(BisectCacheError):
    """Why no gate can be proposed."""


@dataclass(frozen=True)
class Proposal:
    """Gates for each metric, and what a reader must know of them."""

    about: str
    """The models and the data, on one line."""
    gates: tuple[Suggested, ...]
    notes: tuple[str, ...]

    @property
    def yaml(self) -> str:
        """The action's input, to be pasted; relative gates beside it as a comment."""
        relative = "".join(f"#   {gate.relative}\n" for gate in self.gates)
        absolute = "".join(f"  {gate.absolute}\n" for gate in self.gates)
        return (
            f"# {self.about}\nthresholds: |\n{absolute}"
            f"# or relative to the first model, judged by the interval of the paired difference:\n"
            f"# thresholds: |\n{relative}"
        )


def propose(request: BisectRequest, looking: Looking = lambda _label, _before: None) -> Proposal:
    """Measure every model of the timeline, all taken as good, and propose what they hold.

    Raises ``CannotPropose`` where none can be judged, and what ``at_work`` raises.
    """
    with at_work(request) as bench:
        points = bench.timeline.checkpoints
        sampling = bench.measuring.sampling
        detecting = Detecting(sampling, SUGGESTED)
        measured: list[Measurement] = []
        first: Measurement | None = None
        for point, measurement in zip(points, bench.pool.measure(points), strict=True):
            looking(point.label, len(measured))
            if measurement.fault is None and first:
                detecting.add(measurement, first, good=True)
            elif measurement.fault is None:
                first = measurement
            measured.append(replace(measurement, distributions={}))
    if sampling is None:
        raise CannotPropose("gates are proposed from resamples: leave --resamples 0 out")
    return _proposal(bench, measured, detecting, sampling)


def _proposal(bench: Bench, measured: list[Measurement], detecting: Detecting, sampling: Sampling) -> Proposal:
    points = bench.timeline.checkpoints
    labels = [point.label for point, one in zip(points, measured, strict=True) if one.fault is None]
    good = [one for one in measured if one.fault is None]
    if not good:
        faults = "; ".join(f"{point.label}: {one.fault}" for point, one in zip(points[:3], measured, strict=False))
        raise CannotPropose(f"no model of {bench.timeline.source} can be judged ({faults})")
    chance = detecting.detectable
    stand_ins = not chance
    if stand_ins:
        chance = detectable_by_stand_ins(bench.cache, sampling.resamples, SUGGESTED)
    if not chance:
        raise CannotPropose("one model, or several that predict the same, do not show what is chance; name more models")
    cache = bench.cache
    of_contents = f" of {cache.content_count} contents" if cache.content_count else ""
    about = (
        f"{len(good)} model{'' if len(good) == 1 else 's'} of {bench.timeline.source}, taken as good, on "
        f"{shown(cache.path)} ({cache.provenance}, {cache.rows} rows{of_contents})"
    )
    notes = [*bench.fed, *_untestable(bench, measured)]
    notes.extend(
        f"{labels[place]} is far below the others: leave it out unless it is a model that you would ship"
        for place in doubtful(good, chance)
    )
    if stand_ins:
        notes.append("what is chance was worked out from least-squares fits, because no two models can be compared")
    if cache.provenance == "synthetic":
        notes.append("the cache is synthetic: gates on it test the wiring and say nothing about real models")
    return Proposal(one_line(about), suggest(good, chance, detecting.reach, sampling), tuple(notes))


def _untestable(bench: Bench, measured: list[Measurement]) -> Iterator[str]:
    for point, one in zip(bench.timeline.checkpoints, measured, strict=True):
        if one.fault is not None:
            yield f"{point.label} cannot be judged and was left out: {one.fault}"
