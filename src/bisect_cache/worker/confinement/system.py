"""System calls that Python has no function for."""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38
LINUX = sys.platform == "linux"


def prctl(option: int, argument: int) -> None:
    """``prctl(2)`` with one argument. Raises ``OSError``, also where there is no Linux."""
    _checked("prctl", option, argument, 0, 0, 0)


def syscall(number: int, *arguments: int | ctypes.c_void_p | None) -> int:
    """``syscall(2)``. Raises ``OSError``, also where there is no Linux."""
    return _checked("syscall", number, *arguments)


def _checked(name: str, *arguments: int | ctypes.c_void_p | None) -> int:
    if not LINUX:
        raise OSError(f"no {name} here")
    function = getattr(ctypes.CDLL(None, use_errno=True), name)
    function.restype = ctypes.c_long
    # C passes what follows the first argument as it comes: every integer is as wide as a register.
    given = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    result = int(function(*given))
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
