"""Workers that outlast the thread that asks for them.

Linux ends a worker together with the thread that started it, see PR_SET_PDEATHSIG in prctl(2). A thread of a cluster's
may end at any time, and its process goes on.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from bisect_cache.worker.process import Worker

_starting = ThreadPoolExecutor(1, "starts-workers")


class LastingWorker(Worker):
    """One that is started by a thread which ends with this process."""

    def _start(self) -> None:
        _starting.submit(super()._start).result()
