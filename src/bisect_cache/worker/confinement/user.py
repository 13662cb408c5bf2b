"""Whose rights a worker has: those of nobody in an empty folder, where it was started by root."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from bisect_cache.worker.confinement.system import LINUX, drop_capabilities

NOBODY = 65533
"""A user and group that own no file and run nothing else; 65534 is what systems give to what belongs to nobody."""
_NOTHING = Path(__file__).with_name("nothing")
_CAP_KILL, _CAP_SETGID, _CAP_SETUID, _CAP_SYS_CHROOT = 5, 6, 7, 18


def give_up_root() -> None:
    """Leave the file system and every right of root behind, for good, as far as that can be done here.

    It stays root without any rights where the parent could not end a process of another user.
    """
    if not LINUX:
        return
    with contextlib.suppress(OSError):
        may = _effective()
        if may >> _CAP_SYS_CHROOT & 1:
            os.chroot(_NOTHING)
            os.chdir("/")
        if all(may >> capability & 1 for capability in (_CAP_KILL, _CAP_SETGID, _CAP_SETUID)):
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
    with contextlib.suppress(OSError, AttributeError):
        drop_capabilities()


def is_nobody() -> bool:
    """Whether every id of this process is nobody's."""
    return (*os.getresuid(), *os.getresgid(), *os.getgroups()) == (NOBODY,) * 6


def _effective() -> int:
    """The capabilities of this process, a bit each, by their numbers in capabilities(7)."""
    status = Path("/proc/self/status").read_text()
    return int(next((line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")), "0"), 16)
