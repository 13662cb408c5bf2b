"""From a process that can do what its parent can to one that can do nothing but predict, and proof of it."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import signal
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Literal, get_args

from bisect_cache.worker.confinement.landlock import deny_files
from bisect_cache.worker.confinement.limits import limit_files, limit_threads
from bisect_cache.worker.confinement.protections import PROTECTIONS, Protection
from bisect_cache.worker.confinement.seccomp import deny_system_calls
from bisect_cache.worker.confinement.system import (
    LINUX,
    PR_SET_DUMPABLE,
    PR_SET_NO_NEW_PRIVS,
    PR_SET_PDEATHSIG,
    prctl,
)
from bisect_cache.worker.confinement.user import give_up_root, is_nobody

Wall = Literal["user", "landlock", "files", "seccomp"]
WALLS: tuple[Wall, ...] = get_args(Wall)
_AF_INET, _AF_UNIX, _SOCK_STREAM = 2, 1, 1


def end_with_the_parent() -> None:
    """Where Linux can be asked: a model that never ends must not outlive a run that was killed."""
    with contextlib.suppress(OSError):
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def confine(walls: Collection[Wall] = WALLS) -> None:
    """Give up, for good, all that can be given up here; what cannot is left out. Everything needed must be loaded.

    Each wall is enough to keep a model from reading files; together they also hold where one is missing or has a hole.
    """
    if "user" in walls:
        give_up_root()
    with contextlib.suppress(OSError):
        prctl(PR_SET_DUMPABLE, 0)  # nobody of the same user looks into it
    end_with_the_parent()  # which another user id had undone
    with contextlib.suppress(OSError):
        prctl(PR_SET_NO_NEW_PRIVS, 1)
    if "landlock" in walls:
        with contextlib.suppress(OSError):
            deny_files()
    if "files" in walls:
        limit_files()
        if LINUX and is_nobody():
            limit_threads()
    if "seccomp" in walls:
        with contextlib.suppress(OSError):
            deny_system_calls()


def held(memory: int) -> tuple[Protection, ...]:
    """What this process is kept from: each is tried, whatever was promised. ``memory`` is its limit, 0 for none."""
    tries: Mapping[Protection, Callable[[], bool]] = {
        "no files": _no_files,
        "no network": _no_network,
        "no other processes": _no_processes,
        "a user of its own": lambda: LINUX and is_nobody(),
        "a memory limit": lambda: bool(memory) and _no_more_than(memory),
    }
    return tuple(name for name in PROTECTIONS if tries[name]())


def _no_files() -> bool:
    """Neither opened nor, which takes no descriptor, removed: where that may be tried, the file is not there."""
    with contextlib.suppress(OSError):
        os.close(os.open(os.curdir, os.O_RDONLY))
        return False
    try:
        Path("/there-is-no-such-file").unlink()
    except OSError as error:
        return isinstance(error, PermissionError)
    return False


def _no_network() -> bool:
    socket = ctypes.CDLL(None).socket
    for family in (_AF_INET, _AF_UNIX):
        made = socket(family, _SOCK_STREAM, 0)
        if made != -1:
            os.close(made)
            return False
    return True


def _no_processes() -> bool:
    try:
        child = os.fork()
    except OSError:
        return True
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return False


def _no_more_than(memory: int) -> bool:
    unreserved = getattr(mmap, "MAP_NORESERVE", 0)
    try:
        mmap.mmap(-1, memory, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | unreserved).close()
    except (OSError, ValueError, OverflowError):
        return True
    return False
