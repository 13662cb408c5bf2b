"""System calls that Python has no function for."""

from __future__ import annotations

import ctypes
import os
import struct
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


def drop_capabilities() -> None:
    """Every capability of this process: ``capset(2)`` with none in any set. Raises ``OSError``."""
    version_3, this_process = 0x20080522, 0
    header = ctypes.create_string_buffer(struct.pack("=Ii", version_3, this_process))
    _checked("capset", ctypes.cast(header, ctypes.c_void_p), ctypes.c_void_p(ctypes.addressof(_NO_CAPABILITIES)))


_NO_CAPABILITIES = ctypes.create_string_buffer(24)
"""Two structs of three words: effective, permitted, inheritable."""


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
