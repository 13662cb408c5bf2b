"""No file, by Landlock: what any process may ask of a Linux since 5.13, and cannot take back. See landlock(7)."""

from __future__ import annotations

import ctypes
import os
import struct

from bisect_cache.worker.confinement.system import syscall

_CREATE_RULESET, _RESTRICT_SELF = 444, 446
"""The same numbers on every architecture."""
_ASK_VERSION = 1
_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
"""By the version that brought them: how many kinds of access to files can be denied."""
_NETWORK_SINCE, _SCOPES_SINCE = 4, 6
_BIND_AND_CONNECT = _ABSTRACT_SOCKETS_AND_SIGNALS = 0b11


def deny_files() -> None:
    """Every access to files that this kernel can deny; since later versions TCP and signals to others too.

    Raises ``OSError`` where the kernel cannot. The process must have taken on that it gains no new privileges.
    """
    version = syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)
    rights = (1 << max(count for since, count in _RIGHTS.items() if since <= version)) - 1
    fields = [rights]
    if version >= _NETWORK_SINCE:
        fields.append(_BIND_AND_CONNECT)
    if version >= _SCOPES_SINCE:
        fields.append(_ABSTRACT_SOCKETS_AND_SIGNALS)
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    given = ctypes.cast(ctypes.create_string_buffer(attributes), ctypes.c_void_p)
    ruleset = syscall(_CREATE_RULESET, given, len(attributes), 0)
    try:
        syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
