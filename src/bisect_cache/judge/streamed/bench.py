"""What models are judged with on a large cache, made ready."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bisect_cache.cache.large import LargeCache
from bisect_cache.executing.interface import Executing
from bisect_cache.judge.alike import Choices
from bisect_cache.judge.streamed.judge import RowChoices, StreamedJudge
from bisect_cache.judge.streamed.measuring import StreamedMeasuring
from bisect_cache.judge.streamed.places import Here, There
from bisect_cache.judge.streamed.rounds import Rounds
from bisect_cache.worker.process import Worker


@contextmanager
def rounds(
    cache: LargeCache, choices: Choices, worker: Worker, where: Executing, at_once: int | None
) -> Iterator[tuple[Rounds, StreamedMeasuring]]:
    """Batches are predicted by ``worker``, or by tasks where these run ``where`` else, ``at_once`` side by side.

    Raises ``CannotStart``, ``CannotMeasure`` and ``BadFeatures``.
    """
    measuring = StreamedMeasuring(
        cache, gated=choices.gated, predicts=choices.predicts, resampling=choices.resampling, only=choices.only
    )
    cache.begin_fingerprint()
    of_rows = RowChoices(cache.columns, choices.ports, choices.limits)
    judge = StreamedJudge(worker, of_rows)
    there = There(where, of_rows, Here(judge), at_once) if where.elsewhere else None
    with Rounds(judge, cache, measuring, there) as made:
        yield made, measuring
