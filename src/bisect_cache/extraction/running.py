"""Many pairs, side by side: each becomes a report or says why not, and none stops the others."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed, wait
from dataclasses import dataclass, replace
from pathlib import Path

from bisect_cache.executing.interface import Executing, TaskLost
from bisect_cache.executing.threads import Threads, cores
from bisect_cache.extraction.extracting import Done, Means, Place, Running, extract_pair
from bisect_cache.extraction.pairs import Pair, PairFailed
from bisect_cache.extraction.programs import NoProgram, Program, the_same_here
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
        processors = cores()
        jobs = jobs or max(1, min(pairs, processors // (threads or 1)))
        return cls(jobs, threads or max(1, processors // jobs))


def extract(
    pairs: Sequence[Pair],
    program: Program,
    reports: Path,
    sharing: Sharing,
    *,
    where: Executing | None = None,
    seconds: float = 3600.0,
    progress: Progress = lambda _done, _total: None,
) -> Extracted:
    """Have a report of each pair in the folder ``reports``; those that are there and are right are kept.

    Pairs are measured ``where`` tasks run: without it here, as many at once as ``sharing`` says. Elsewhere the videos
    and the folder of reports must lie under the same paths. Raises ``CannotWrite`` where there can be no such folder,
    ``NoProgram`` where another process has not this program, and ``NoExecutor``.
    """
    if where is None:
        with Threads(sharing.jobs) as here:
            return extract(pairs, program, reports, sharing, where=here, seconds=seconds, progress=progress)
    try:
        reports.mkdir(parents=True, exist_ok=True)
        with staged_folder(reports / _STAGE) as stage:
            outcomes = _all(pairs, Means(program, sharing.threads, seconds), Place(reports, stage), where, progress)
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
    pairs: Sequence[Pair], means: Means, place: Place, where: Executing, progress: Progress
) -> dict[str, Done | PairFailed]:
    outcomes: dict[str, Done | PairFailed] = {}
    task, running = extract_pair, Running()
    progress(0, len(pairs))
    if where.elsewhere:
        task, place = _extract_elsewhere, Place(place.reports.absolute(), place.stage.absolute())
        pairs = [replace(pair, folder=pair.folder.absolute()) for pair in pairs]
    shared = where.share(running)
    tasks = {where.executor.submit(task, pair, means, place, shared): pair for pair in pairs}
    try:
        for done in as_completed(tasks):
            try:
                outcomes[tasks[done].key] = done.result()
            except PairFailed as failed:
                outcomes[tasks[done].key] = failed
            except TaskLost as lost:
                outcomes[tasks[done].key] = PairFailed(str(lost))
            progress(len(outcomes), len(pairs))
    finally:
        for one in tasks:
            one.cancel()
        where.tell(running.run, "stop")
        wait(tasks)
    return outcomes


def _extract_elsewhere(pair: Pair, means: Means, place: Place, running: Running) -> Done:
    """A task of another process; its errors say where. Raises ``PairFailed``, ``NoProgram``."""
    try:
        return extract_pair(pair, replace(means, program=the_same_here(means.program)), place, running)
    except (PairFailed, NoProgram) as error:
        raise type(error)(
            f"{error} (on {platform.node()}, where files must lie under the same paths as here)"
        ) from error
