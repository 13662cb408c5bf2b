"""A dask cluster of separate processes on this machine, for tests. As a program, it is one.

    python tests/clusters.py WORKERS THREADS

prints the scheduler's address, and ends with its standard input.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

if TYPE_CHECKING:
    from distributed import Client

    from bisect_cache.report.structs import BisectReport

PATIENCE = 30.0
_KEPT = {"DASK_DISTRIBUTED__DEPLOY__LOST_WORKER_TIMEOUT": "1 hour"}
"""LocalCluster looks some seconds after a worker went whether it is there, and ends it for good where it is not: also
one that was killed again just then, and is coming up."""


@dataclass(frozen=True)
class Cluster:
    """A cluster that runs."""

    address: str
    """Such as ``tcp://127.0.0.1:34567``."""
    client: Client
    """The test's own."""

    @property
    def executor(self) -> str:
        """What ``--executor`` takes."""
        return f"dask:{self.address}"

    def workers(self) -> list[psutil.Process]:
        """The processes of its workers."""
        return [psutil.Process(pid) for pid in self.client.run(os.getpid).values()]

    def children(self) -> list[psutil.Process]:
        """What these have started: workers that run models, ffmpeg."""
        found = []
        for worker in self.workers():
            with contextlib.suppress(psutil.NoSuchProcess):
                found += [one for one in worker.children() if "multiprocessing" not in " ".join(one.cmdline())]
        return found

    def kill_one_that_works(self) -> list[psutil.Process]:
        """Kill a worker's process once it has started something; what that was."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            for child in self.children():
                with contextlib.suppress(psutil.NoSuchProcess):
                    worker = child.parent()
                    if worker is not None:
                        started = worker.children()
                        worker.kill()
                        return started
            time.sleep(0.01)
        raise AssertionError("no worker has started anything")

    def wait_for_other_workers(self, killed: Sequence[psutil.Process]) -> None:
        """Wait until as many others are there as were killed."""
        gone, until = {process.pid for process in killed}, time.monotonic() + PATIENCE
        while len(set(self.client.run(os.getpid, on_error="ignore").values()) - gone) < len(gone):
            assert time.monotonic() < until, "no worker came again"
            time.sleep(0.05)

    def wait_for_children(self, least: int) -> None:
        """Wait until there are so many."""
        until = time.monotonic() + PATIENCE
        while len(self.children()) < least:
            assert time.monotonic() < until, "no worker has started anything"
            time.sleep(0.05)

    def is_at_rest(self) -> bool:
        """Whether soon there is no process left that a worker has started."""
        until = time.monotonic() + PATIENCE
        while self.children() and time.monotonic() < until:
            time.sleep(0.02)
        return not self.children()


@contextlib.contextmanager
def cluster(workers: int = 2, threads: int = 2, more: Mapping[str, str] | None = None) -> Iterator[Cluster]:
    """Start one, with ``more`` in its environment.

    Where dask is not installed, tests that need it are skipped, and fail in CI.
    """
    try:
        from distributed import Client
    except ImportError:
        reason = "distributed is not installed: make test"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    command = [sys.executable, __file__, str(workers), str(threads)]
    pipe, environment = subprocess.PIPE, {**os.environ, **_KEPT, **(more or {})}
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environment) as process:
        assert process.stdin
        assert process.stdout
        try:
            address = process.stdout.readline().decode().strip()
            with Client(address, set_as_default=False, timeout=PATIENCE) as client:
                client.wait_for_workers(workers, timeout=PATIENCE) if workers else None
                yield Cluster(address, client)
        finally:
            process.stdin.close()
            process.wait(PATIENCE)


def but_for_where_and_when(report: BisectReport) -> dict[str, Any]:
    """All of a report but the seconds that each model took, and the fact that says where."""
    from bisect_cache.report.structs import encode_report  # a cluster's own program needs none of it

    told: dict[str, Any] = json.loads(encode_report(report))
    told["environment"].pop("executor", None)
    for step in told["steps"]:
        del step["seconds"]
    return told


def _main(workers: int, threads: int) -> None:
    from distributed import LocalCluster

    with LocalCluster(
        processes=True, n_workers=workers, threads_per_worker=threads, dashboard_address=":0", silence_logs=50
    ) as started:
        sys.stdout.write(f"{started.scheduler_address}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    sys.path.remove(str(Path(__file__).parent))
    _main(*(int(word) for word in sys.argv[1:]))
