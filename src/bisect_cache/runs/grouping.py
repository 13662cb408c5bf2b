"""Where that is asked: which contents got worse, from the baseline to the newest model and where good turned bad."""

from __future__ import annotations

from collections.abc import Iterator

from bisect_cache.judge.by_content import by_content
from bisect_cache.judge.interface import Scoring
from bisect_cache.judge.judge import CannotScore
from bisect_cache.report.structs import GroupsFacts
from bisect_cache.runs.reporting import Bisected
from bisect_cache.timeline.interface import Checkpoint

_LARGEST_REPORTED = 2_000


def groups(done: Bisected, judge: Scoring) -> tuple[tuple[GroupsFacts, ...], tuple[str, ...]]:
    """The comparisons, and what a reader must be told where there is none."""
    cache, sampling = done.cache, done.measuring.sampling
    if cache.contents is None or len(cache.content_names) < 2:
        return (), ("nothing was compared by content: the cache names no contents",)
    if sampling is None:
        return (), ("nothing was compared by content: that needs resamples",)
    pairs = list(dict.fromkeys(_pairs(done)))
    if not pairs:
        return (), ("nothing was compared by content: no two models can be judged",)
    told: list[GroupsFacts] = []
    notes: list[str] = []
    wanted = tuple(dict.fromkeys(threshold.metric for threshold in done.request.thresholds))
    for before, after in pairs:
        try:
            scores = [judge.scores(_checkpoint(done, index)) for index in (before, after)]
        except CannotScore as error:
            notes.append(f"nothing was compared by content: {error}")
            continue
        compared, left_out = by_content(
            scores[0], scores[1], done.measuring.target, cache.contents, cache.content_names, wanted, sampling
        )
        labels = [_checkpoint(done, index).label for index in (before, after)]
        told.append(GroupsFacts(labels[0], labels[1], compared[:_LARGEST_REPORTED], left_out))
    return tuple(told), tuple(notes)


def _pairs(done: Bisected) -> Iterator[tuple[int | None, int]]:
    """Where good turned bad, then from the baseline to the newest; an index of None is a baseline outside."""
    found, baseline = done.looked.found, done.looked.baseline
    if found.first_bad is not None and found.last_good is not None:
        yield found.last_good, found.first_bad
    judged = [index for index, verdict in found.verdicts.items() if verdict != "untestable"]
    if baseline is not None and judged and max(judged) != baseline.index:
        yield baseline.index, max(judged)


def _checkpoint(done: Bisected, index: int | None) -> Checkpoint:
    if index is not None:
        return done.timeline.checkpoints[index]
    assert done.looked.baseline is not None  # noqa: S101 - only a baseline lies outside
    return done.looked.baseline.checkpoint
