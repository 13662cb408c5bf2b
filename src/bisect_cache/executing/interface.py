"""What a place gives where tasks run."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Protocol, TypeVar

from bisect_cache.errors import OfStrangers

Shared = TypeVar("Shared")


class NoExecutor(OfStrangers):
    """Tasks cannot be run where they were to run: why, and what to do."""


class TaskLost(OfStrangers):
    """One task that nobody can do: whoever began it died of it, again and again."""


class Executing(Protocol):
    """Where tasks run."""

    @property
    def executor(self) -> Executor:
        """Takes tasks. Of another process, functions are named by their module, and arguments are pickled.

        A task is done again where the process that had begun it died: it must not matter that it was half done. Its
        errors are those of the task, or ``NoExecutor`` and ``TaskLost``.
        """
        ...

    @property
    def at_once(self) -> int:
        """How many tasks run side by side."""
        ...

    @property
    def elsewhere(self) -> bool:
        """Whether in other processes, which have neither this one's memory nor its current folder."""
        ...

    @property
    def said(self) -> str:
        """Where that is, for a report."""
        ...

    def share(self, value: Shared) -> Shared:
        """``value`` as an argument of many tasks: it goes once to each process that needs it.

        It stays there for as long as what is returned here is kept. Only as an argument of its own, not inside of
        another one.
        """
        ...

    def tell(self, run: str, what: str) -> None:
        """Have every process call the method ``what`` of what it has of this run (``OfARun``); returns soon."""
        ...
