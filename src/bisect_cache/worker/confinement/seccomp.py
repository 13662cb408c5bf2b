"""The system calls that predicting takes, and no other: a filter in the kernel. See seccomp(2).

A process that has its code, its memory and two pipes needs to read, to write, to take and give back memory, to start
and wait for threads, and to end. So nothing is said of the thousand ways out (files, sockets, other processes, new
kinds of system calls): what is not listed is refused.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from bisect_cache.worker.confinement.system import syscall

_ALLOWED = {  # by name: numbers on x86-64 and on 64-bit ARM
    "read": (0, 63),
    "readv": (19, 65),
    "write": (1, 64),
    "writev": (20, 66),
    "close": (3, 57),
    "fstat": (5, 80),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "brk": (12, 214),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "futex": (202, 98),
    "set_robust_list": (273, 99),
    "rseq": (334, 293),
    "membarrier": (324, 283),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "getcpu": (309, 168),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "getresuid": (118, 148),
    "getresgid": (120, 150),
    "getgroups": (115, 158),
    "getrusage": (98, 165),
    "sysinfo": (99, 179),
    "getrandom": (318, 278),
    "clock_gettime": (228, 113),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "exit": (60, 93),
    "exit_group": (231, 94),
}
_MMAP, _MPROTECT = (9, 222), (10, 226)
_CLONE, _CLONE3 = (56, 220), (435, 435)
_TGKILL, _PRLIMIT = (234, 131), (302, 261)
_SECCOMP = (317, 277)

_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""AUDIT_ARCH of linux/audit.h, and which of the two numbers."""
_X32 = 0x40000000
"""From here on, x86-64 means calls of its other kind by these numbers."""
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
"""Where struct seccomp_data holds them; an argument takes 8 bytes."""
_PROT_EXEC, _CLONE_THREAD, _RLIMIT_CPU = 4, 0x10000, 0

_LOAD, _EQUAL, _AT_LEAST, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
"""Of linux/bpf_common.h: load a word, jump if equal, jump if at least, and, return."""
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
_SET_MODE_FILTER, _ALL_THREADS = 1, 1


@dataclass(frozen=True)
class _Condition:
    """What an argument must be, behind a mask, for a call to be allowed."""

    argument: int
    mask: int
    value: int


def deny_system_calls() -> None:
    """Refuse every system call that predicting does not take, in every thread, for good.

    Raises ``OSError`` where the kernel has no such filters or this kind of machine is not known. The process must have
    taken on that it gains no new privileges.
    """
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"system calls of {machine} are not known")
    program = b"".join(_program(*_ARCHITECTURES[machine], os.getpid()))
    instructions = ctypes.create_string_buffer(program)
    described = struct.pack("@HP", len(program) // 8, ctypes.addressof(instructions))
    given = ctypes.cast(ctypes.create_string_buffer(described), ctypes.c_void_p)
    if syscall(_SECCOMP[_ARCHITECTURES[machine][1]], _SET_MODE_FILTER, _ALL_THREADS, given):
        raise OSError(errno.EBUSY, "a thread has a filter of its own")  # the call gives its number


def _program(architecture: int, which: int, process: int) -> Iterator[bytes]:
    """The filter, instruction by instruction: each call that may be allowed, then the refusal."""
    yield _instruction(_LOAD, _ARCHITECTURE)
    yield _instruction(_EQUAL, architecture, skip_if=1)
    yield _instruction(_RETURN, _KILL)  # another architecture's numbers mean other calls
    yield _instruction(_LOAD, _NUMBER)
    yield _instruction(_AT_LEAST, _X32, skip_else=1)
    yield _instruction(_RETURN, _REFUSE | errno.ENOSYS)
    for numbers in _ALLOWED.values():
        yield from _rule(numbers[which])
    for numbers in (_MMAP, _MPROTECT):  # memory that is code is there already
        yield from _rule(numbers[which], _Condition(2, _PROT_EXEC, 0))
    yield from _rule(_CLONE[which], _Condition(0, _CLONE_THREAD, _CLONE_THREAD))  # a thread is no process
    # Whatever clone3 is to make stands in memory, where a filter cannot look; the C library then takes clone.
    yield _instruction(_EQUAL, _CLONE3[which], skip_else=1)
    yield _instruction(_RETURN, _REFUSE | errno.ENOSYS)
    yield from _rule(_TGKILL[which], _Condition(0, 0xFFFFFFFF, process))  # abort() signals its own process
    yield from _rule(  # each model gets processor time anew; see `limits.py`
        _PRLIMIT[which], _Condition(0, 0xFFFFFFFF, 0), _Condition(1, 0xFFFFFFFF, _RLIMIT_CPU)
    )
    yield _instruction(_RETURN, _REFUSE | errno.EPERM)


def _rule(number: int, *conditions: _Condition) -> Iterator[bytes]:
    """Allow a call where its arguments are as they must be, refuse it where they are not; go on where it is another."""
    yield _instruction(_EQUAL, number, skip_else=3 * len(conditions) + bool(conditions) + 1)
    for left, condition in zip(range(len(conditions) - 1, -1, -1), conditions, strict=True):
        yield _instruction(_LOAD, _ARGUMENTS + 8 * condition.argument)  # the lower half, on a little-endian machine
        yield _instruction(_AND, condition.mask)
        yield _instruction(_EQUAL, condition.value, skip_else=3 * left + 1)
    yield _instruction(_RETURN, _ALLOW)
    if conditions:
        yield _instruction(_RETURN, _REFUSE | errno.EPERM)


def _instruction(code: int, constant: int, *, skip_if: int = 0, skip_else: int = 0) -> bytes:
    """struct sock_filter; the jumps say how many of the next instructions are skipped."""
    return struct.pack("=HBBI", code, skip_if, skip_else, constant)
