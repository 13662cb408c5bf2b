"""Whose rights a worker has: those of nobody in an empty folder, where it was started by root."""

from __future__ import annotations

import os
from pathlib import Path

NOBODY = 65533
"""A user and group that own no file and run nothing else; 65534 is what systems give to what belongs to nobody."""
_NOTHING = Path(__file__).with_name("nothing")
_CAP_KILL, _CAP_SETGID, _CAP_SETUID, _CAP_SYS_CHROOT = 5, 6, 7, 18


def become_nobody() -> None:
    """Leave the file system and every right of root behind, for good.

    Only where all of it can be done, and where the parent may still end a process of another user. Raises ``OSError``
    where it cannot.
    """
    if not _may(_CAP_KILL, _CAP_SETGID, _CAP_SETUID):
        raise PermissionError("not root")
    if _may(_CAP_SYS_CHROOT):
        os.chroot(_NOTHING)
        os.chdir("/")
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)  # and with the last user id that is root's go all capabilities


def is_nobody() -> bool:
    """Whether every id of this process is nobody's."""
    return (*os.getresuid(), *os.getresgid(), *os.getgroups()) == (NOBODY,) * 6


def _may(*capabilities: int) -> bool:
    """Whether this process has these capabilities, by their numbers in capabilities(7)."""
    status = Path("/proc/self/status").read_text()
    effective = next((line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")), "0")
    return all(int(effective, 16) >> number & 1 for number in capabilities)
