"""The filter of system calls, run as the kernel would run it, on both architectures."""

from __future__ import annotations

import errno
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisect_cache.worker.confinement import seccomp

ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
OURS = 4242
"""The process that the filter is made for."""
NUMBERS = {
    **seccomp._ALLOWED,
    "mmap": seccomp._MMAP,
    "mprotect": seccomp._MPROTECT,
    "clone": seccomp._CLONE,
    "clone3": seccomp._CLONE3,
    "tgkill": seccomp._TGKILL,
    "prlimit64": seccomp._PRLIMIT,
}
MACHINES = list(seccomp._ARCHITECTURES)


def answer(machine: str, number: int, *arguments: int, architecture: int | None = None) -> int:
    """What a filter of classic BPF gives for a call: linux/filter.h, the five instructions that ours has."""
    own, which = seccomp._ARCHITECTURES[machine]
    program = list(seccomp._program(own, which, OURS))
    given = (*arguments, *[0] * 6)[:6]
    data = struct.pack("<IIQ6Q", number, own if architecture is None else architecture, 0, *given)
    value, at = 0, 0
    while True:
        code, skip_if, skip_else, constant = struct.unpack("=HBBI", program[at])
        at += 1
        match code:
            case 0x20:
                value = struct.unpack_from("<I", data, constant)[0]
            case 0x54:
                value &= constant
            case 0x15:
                at += skip_if if value == constant else skip_else
            case 0x35:
                at += skip_if if value >= constant else skip_else
            case 0x06:
                return constant
            case _:
                raise AssertionError(f"no such instruction: {code:#x}")


def call(machine: str, name: str, *arguments: int) -> int:
    return answer(machine, NUMBERS[name][seccomp._ARCHITECTURES[machine][1]], *arguments)


@pytest.mark.parametrize("machine", MACHINES)
def test_what_is_listed_is_allowed_and_every_other_number_is_refused(machine: str) -> None:
    which = seccomp._ARCHITECTURES[machine][1]
    listed = {numbers[which] for numbers in seccomp._ALLOWED.values()}
    conditional = {numbers[which] for name, numbers in NUMBERS.items() if name not in seccomp._ALLOWED}
    assert len(listed) == len(seccomp._ALLOWED), "no number twice"
    for number in set(range(1_000)) - conditional:
        assert answer(machine, number) == (ALLOW if number in listed else REFUSE | errno.EPERM), number


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_that_depend_on_their_arguments(machine: str) -> None:
    refused = REFUSE | errno.EPERM
    for name in ("mmap", "mprotect"):
        assert call(machine, name, 0, 4096, 3) == ALLOW
        assert call(machine, name, 0, 4096, 5) == call(machine, name, 0, 4096, 7) == refused, "memory that is code"
    thread, process = 0x3D0F00, 0x1200011
    assert call(machine, "clone", thread) == ALLOW
    assert call(machine, "clone", process) == call(machine, "clone", 0x4111) == refused, "fork, vfork"
    assert call(machine, "clone3") == REFUSE | errno.ENOSYS
    assert call(machine, "tgkill", OURS, 1, 6) == ALLOW
    assert call(machine, "tgkill", OURS + 1, 1, 9) == call(machine, "tgkill", 1, 1, 9) == refused
    assert call(machine, "prlimit64", 0, 0) == ALLOW
    for who, what in ((0, 7), (0, 9), (1, 0), (OURS, 0)):
        assert call(machine, "prlimit64", who, what) == refused


@given(st.integers(0x40000000, 0xFFFFFFFF))
def test_numbers_of_the_other_kind_of_calls_on_x86_64_are_refused(number: int) -> None:
    assert answer("x86_64", number) == REFUSE | errno.ENOSYS


@pytest.mark.parametrize("machine", MACHINES)
@given(number=st.integers(0, 0xFFFFFFFF), architecture=st.integers(0, 0xFFFFFFFF))
def test_calls_of_another_architecture_end_the_process(machine: str, number: int, architecture: int) -> None:
    if architecture != seccomp._ARCHITECTURES[machine][0]:
        assert answer(machine, number, architecture=architecture) == KILL


@pytest.mark.parametrize("machine", MACHINES)
def test_a_jump_never_leaves_the_program(machine: str) -> None:
    program = list(seccomp._program(*seccomp._ARCHITECTURES[machine], OURS))
    assert len(program) < 4096, "the kernel takes no more"
    for at, instruction in enumerate(program):
        _, skip_if, skip_else, _ = struct.unpack("=HBBI", instruction)
        assert at + 1 + max(skip_if, skip_else) < len(program) or (skip_if, skip_else) == (0, 0)


@pytest.mark.parametrize(
    ("machine", "header"),
    [("x86_64", "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), ("aarch64", "/usr/include/asm-generic/unistd.h")],
)
def test_the_numbers_are_those_of_the_kernels_headers(machine: str, header: str) -> None:
    if not Path(header).exists():
        pytest.skip("the kernel's headers are not installed here")
    lines = [line.split() for line in Path(header).read_text().splitlines() if line.startswith("#define __NR")]
    known = {words[1].removeprefix("__NR3264_").removeprefix("__NR_"): words[2] for words in reversed(lines)}
    which = seccomp._ARCHITECTURES[machine][1]
    assert {name: str(numbers[which]) for name, numbers in NUMBERS.items()}.items() <= known.items()
