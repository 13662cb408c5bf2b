"""How much a worker may take of the machine: setrlimit(2), as far as the system takes it."""

from __future__ import annotations

import contextlib
import math
import resource
import time
from pathlib import Path

_FIRST_TO_GO = 1000
_MOST_THREADS = 4096


def limit_memory(address_space: int) -> None:
    """No more than ``address_space`` bytes (0 for no limit), and the first to go where the machine has no more.

    Nothing in it is ever written to a core dump.
    """
    _lower(resource.RLIMIT_CORE, 0)
    if address_space:
        _lower(resource.RLIMIT_AS, address_space)
    with contextlib.suppress(OSError):  # see proc_pid_oom_score_adj(5); not the parent, which holds the verdict
        Path("/proc/self/oom_score_adj").write_text(str(_FIRST_TO_GO))


def limit_files() -> None:
    """No file, socket or pipe more than there are, and no byte written to any file."""
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_NOFILE, 0)


def limit_threads() -> None:
    """No more threads than all workers together need: only for a user that runs nothing else."""
    _lower(resource.RLIMIT_NPROC, _MOST_THREADS)


def limit_processor(seconds: float) -> None:
    """End this process once it has used ``seconds`` more of processor time, in all of its threads together.

    The parent looks at the clock on the wall; this is for models that never end while the parent is stopped. Each model
    gets it anew, so code that took the process over can take it off.
    """
    if resource is not None:
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        until = math.ceil(time.process_time() + seconds)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(
                resource.RLIMIT_CPU, (until if hard == resource.RLIM_INFINITY else min(until, hard), hard)
            )


def _lower(which: int, limit: int) -> None:
    """For good: who has no rights cannot raise it again."""
    lower = _at_most(resource.getrlimit(which)[1], limit)
    with contextlib.suppress(ValueError, OSError):  # macOS knows the limit on memory and does not take it
        resource.setrlimit(which, (lower, lower))


def _at_most(hard: int, wanted: int) -> int:
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
