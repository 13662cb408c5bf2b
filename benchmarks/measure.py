"""What a whole process costs: wall time, CPU time and peak memory, children included.

A command is run twice for one measurement. The first run is left alone: the sampler would compete with it
for the machine's cores. The second is watched every few milliseconds, for memory only.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

_SAMPLE_EVERY = 0.002
_MIB = 1 << 20
Output = tuple[IO[bytes], IO[bytes]]


class UnexpectedExit(Exception):
    """A command ended otherwise than it should have, so its cost means nothing."""


@dataclass(frozen=True)
class Command:
    """A process to measure, and how it ends when all is well."""

    argv: tuple[str, ...]
    exit_code: int = 0
    cwd: Path | None = None
    prepare: Callable[[], None] = lambda: None
    """Run before each run, and not part of it."""


@dataclass(frozen=True)
class Cost:
    """One measurement; memory in MiB, ``None`` where the system does not tell."""

    wall: float
    cpu: float
    """User and system seconds of the process and of every descendant that was waited for."""
    rss: float
    """Peak of the sum of resident sizes over the process and its children; pages they share count twice."""
    pss: float | None
    """The same with shared pages divided among those that share them, whoever they are."""
    max_rss: float
    """The system's own figure for the largest single process among them."""


def measure(command: Command) -> Cost:
    """Run the command unobserved and then watched."""
    command.prepare()
    wall, cpu, max_rss = _timed(command)
    command.prepare()
    rss, pss = _watched(command)
    return Cost(wall=wall, cpu=cpu, rss=rss, pss=pss, max_rss=max_rss)


def run(command: Command) -> str:
    """Run the command once for its standard output, unmeasured."""
    command.prepare()
    with _started(command) as (process, output):
        process.wait()
        _expect(command, process.returncode, output)
        return _text(output[0])


def median(costs: Sequence[Cost]) -> Cost:
    """The median of each figure by itself."""
    pss = [cost.pss for cost in costs if cost.pss is not None]
    return Cost(
        wall=statistics.median(cost.wall for cost in costs),
        cpu=statistics.median(cost.cpu for cost in costs),
        rss=statistics.median(cost.rss for cost in costs),
        pss=statistics.median(pss) if pss else None,
        max_rss=statistics.median(cost.max_rss for cost in costs),
    )


def _timed(command: Command) -> tuple[float, float, float]:
    start = time.perf_counter()
    with _started(command) as (process, output):
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        _expect(command, process.returncode, output)
    # ru_maxrss is in KiB on Linux and in bytes on macOS. A child inherits the high-water mark of the process
    # that started it, so this program must stay smaller than what it measures: no NumPy in here.
    unit = _MIB if sys.platform == "darwin" else 1024
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit


def _watched(command: Command) -> tuple[float, float | None]:
    peak_rss, peak_pss = 0, 0
    with _started(command) as (process, output):
        main = psutil.Process(process.pid)
        while process.poll() is None:
            rss, pss = _memory_of_tree(main)
            peak_rss, peak_pss = max(peak_rss, rss), max(peak_pss, pss)
            time.sleep(_SAMPLE_EVERY)
        _expect(command, process.returncode, output)
    return peak_rss / _MIB, peak_pss / _MIB or None


def _memory_of_tree(main: psutil.Process) -> tuple[int, int]:
    rss, pss = 0, 0
    try:
        processes = [main, *main.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0, 0
    for process in processes:
        try:
            memory = process.memory_full_info()
        except (psutil.NoSuchProcess, psutil.AccessDenied):  # it ended while we looked
            continue
        rss += memory.rss
        pss += getattr(memory, "pss", 0)
    return rss, pss


@contextmanager
def _started(command: Command) -> Iterator[tuple[subprocess.Popen[bytes], Output]]:
    """The running process and the two files that take what it says."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            command.argv,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=command.cwd,
            env=_environment(),
        )
        try:
            yield process, (out, err)
        finally:
            if process.returncode is None:
                process.kill()
                process.wait()


def _environment() -> dict[str, str]:
    """Ours, with compiled bytecode allowed and without the variables by which a process learns of GitHub."""
    dropped = ("GITHUB_", "INPUT_", "RUNNER_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment.pop("CI", None)
    return environment


def _expect(command: Command, exit_code: int, output: Output) -> None:
    if exit_code != command.exit_code:
        said = "".join(_text(stream) for stream in output)
        raise UnexpectedExit(
            f"{' '.join(command.argv)}\nended with {exit_code} instead of {command.exit_code} and said:\n{said[-4000:]}"
        )


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode(errors="replace")
