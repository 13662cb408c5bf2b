"""Many pairs, side by side: each becomes a report or says why not, and none stops the others."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from bisect_cache.extraction.extracting import Done, Means, Place, Running, extract_pair
from bisect_cache.extraction.pairs import Pair, PairFailed
from bisect_cache.extraction.programs import Program
from bisect_cache.files import CannotWrite
from bisect_cache.staging import staged_folder

_STAGE = "extract"
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Extracted:
    """What came of a pair list; keys in its order."""

    made: tuple[str, ...]
    kept: tuple[str, ...]
    again: dict[str, str]
    """Of those made: why, where there was a report."""
    failed: dict[str, str]
    """Why there is none, or an old one still."""


@dataclass(frozen=True)
class Sharing:
    """How the machine is shared among pairs."""

    jobs: int
    """Pairs at once."""
    threads: int
    """Of libvmaf, for each."""

    @classmethod
    def of(cls, pairs: int, jobs: int | None = None, threads: int | None = None) -> Sharing:
        """A pair for each processor, and where there are fewer pairs, as many threads as that leaves for each.

        Pairs side by side take less time than threads within one: decoding, measuring and starting overlap.
        """
        processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        jobs = jobs or max(1, min(pairs, processors // (threads or 1)))
        return cls(jobs, threads or max(1, processors // jobs))


def extract(
    pairs: Sequence[Pair],
    program: Program,
    reports: Path,
    sharing: Sharing,
    *,
    seconds: float = 3600.0,
    progress: Progress = lambda _done, _total: None,
) -> Extracted:
    """Have a report of each pair in the folder ``reports``; those that are there and are right are kept.

    Raises ``CannotWrite`` where there can be no such folder.
    """
    try:
        reports.mkdir(parents=True, exist_ok=True)
        with staged_folder(reports / _STAGE) as stage:
            outcomes = _all(
                pairs, Means(program, sharing.threads, seconds), Place(reports, stage), sharing.jobs, progress
            )
    except OSError as error:
        raise CannotWrite(
            f"{reports}: cannot be written ({error.strerror or error}); name a folder that you may write to"
        ) from error
    done = {pair.key: outcomes[pair.key] for pair in pairs}
    return Extracted(
        made=tuple(key for key, one in done.items() if isinstance(one, Done) and not one.kept),
        kept=tuple(key for key, one in done.items() if isinstance(one, Done) and one.kept),
        again={key: one.again for key, one in done.items() if isinstance(one, Done) and one.again},
        failed={key: str(one) for key, one in done.items() if isinstance(one, PairFailed)},
    )


def _all(
    pairs: Sequence[Pair], means: Means, place: Place, jobs: int, progress: Progress
) -> dict[str, Done | PairFailed]:
    outcomes: dict[str, Done | PairFailed] = {}
    running = Running()
    progress(0, len(pairs))
    executor = ThreadPoolExecutor(jobs, "pair")
    try:
        tasks = {executor.submit(extract_pair, pair, means, place, running): pair for pair in pairs}
        for task in as_completed(tasks):
            try:
                outcomes[tasks[task].key] = task.result()
            except PairFailed as failed:
                outcomes[tasks[task].key] = failed
            progress(len(outcomes), len(pairs))
    finally:
        running.stop()
        executor.shutdown(cancel_futures=True)
    return outcomes
