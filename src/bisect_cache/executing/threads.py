"""Tasks in threads of this process."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Self, TypeVar

from bisect_cache.executing.of_a_run import told

Shared = TypeVar("Shared")


class Threads:
    """``at_once`` threads, started when they are needed and ended with the context; by default one for each core."""

    elsewhere = False
    said = "this machine"

    def __init__(self, at_once: int | None = None) -> None:
        self.at_once = max(1, at_once if at_once is not None else cores())
        self.executor = ThreadPoolExecutor(self.at_once, "task")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.executor.shutdown(cancel_futures=True)

    def share(self, value: Shared) -> Shared:
        """The value itself."""
        return value

    def tell(self, run: str, what: str) -> None:
        """Tell those of this process."""
        told(run, what)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
