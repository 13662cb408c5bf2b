"""What code that took a worker over would try: each way out, tried in a process that was confined as a worker is.

``python probing.py USER WALLS WANTED`` tries them as USER, WALLS being names of walls or `all` or `none`, WANTED the
paths that hold secrets; it prints JSON objects, a line each, by attempt what it got. It runs in the image, too.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import mmap
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from bisect_cache.worker.confinement.confine import WALLS, confine

Attempt = Callable[[], object]
_LIBC = ctypes.CDLL(None, use_errno=True)
_PTRACE_SEIZE = 0x4206
"""Does not stop it, and ends with this process."""
_CALLS = {  # by name: numbers on x86-64 and on 64-bit ARM
    "clone3": (435, 435),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "io_uring_setup": (425, 425),
    "keyctl": (250, 219),
    "memfd_create": (319, 279),
    "mount": (165, 40),
    "name_to_handle_at": (303, 264),
    "openat": (257, 56),
    "openat2": (437, 437),
    "perf_event_open": (298, 241),
    "pidfd_open": (434, 434),
    "process_vm_readv": (310, 270),
    "setns": (308, 268),
    "shmget": (29, 194),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
}


def attempts(wanted: list[str], parent: int) -> Iterator[tuple[str, Attempt]]:
    """Each way out by name; one that gets nothing raises ``OSError`` or gives None."""
    for path in (*wanted, f"/proc/{parent}/environ", "/proc/1/environ", "/etc/passwd", "/proc/self/root/etc/passwd"):
        yield f"read {path}", lambda path=path: _read(path)
        yield f"list {path}", lambda path=path: [*Path(path).iterdir()]
        yield f"connect {path}", lambda path=path: _connect(socket.AF_UNIX, path)
    yield "write a file", lambda: _written("/tmp/left-by-a-worker")
    mine, link = Path("/tmp/of-a-worker"), Path("/tmp/of-a-worker-too")
    yield "change: make a folder", lambda: mine.mkdir() or "made"
    yield "change: its rights", lambda: mine.chmod(0o700) or "changed"
    yield "change: rename it", lambda: mine.rename(f"{mine}-2")
    yield "change: remove it", lambda: Path(f"{mine}-2").rmdir() or "removed"
    yield "change: make a link", lambda: link.symlink_to("/etc") or "made"
    yield "change: remove the link", lambda: link.unlink() or "removed"
    yield "change: look at a file", lambda: Path("/etc/passwd").stat().st_size
    yield "abstract socket", lambda: _bound(b"\0left-by-a-worker")
    yield "TCP", lambda: _connect(socket.AF_INET, ("127.0.0.1", 9))
    yield "UDP", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).fileno()
    yield "signal the parent", lambda: os.kill(parent, 0) or "may"
    yield "signal anybody", lambda: os.kill(-1, 0) or "may"
    yield "another process", _forked
    yield "a library", lambda: ctypes.CDLL("libresolv.so.2")._name
    yield "root again", lambda: os.setresuid(0, 0, 0) or (os.getuid() == 0 and os.geteuid() == 0) or None
    yield "code of its own", lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC) and "mapped"
    yield "more files", lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)) or "may"
    yield "another limit", lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40)) or "may"
    yield "out of the empty folder", lambda: os.chroot("/") or "may"
    yield "nice", lambda: os.nice(-5)
    which = 1 if os.uname().machine == "aarch64" else 0
    yield "look into the parent", lambda: _called((101, 117)[which], _PTRACE_SEIZE, parent)
    memory = ctypes.create_string_buffer(4096)
    for name, numbers in _CALLS.items():
        yield f"call {name}", lambda number=numbers[which]: _called(number, 0, ctypes.addressof(memory), 0, 0)
    yield "signal a thread of the parent", lambda: _called((234, 131)[which], parent, parent, 0)
    yield "limits of the parent", lambda: _called((302, 261)[which], parent, 0, 0, ctypes.addressof(memory))
    yield "openat by its x32 number", lambda: _called(0x40000000 | 257, -100, _path(b"/etc/passwd"), 0, 0)


def _read(path: str) -> str:
    with Path(path).open("rb") as file:
        return repr(file.read(200))


def _connect(family: int, address: object) -> str:
    with socket.socket(family, socket.SOCK_STREAM) as made:
        try:
            made.connect(address)  # type: ignore[arg-type]
        except ConnectionRefusedError:
            return "nobody there, but one may ask"
    return "connected"


def _bound(address: bytes) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
        made.bind(address)
    return "bound"


def _written(path: str) -> str:
    Path(path).write_bytes(b"x")
    Path(path).unlink()
    return "written"


def _forked() -> str:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return "forked"


def _path(path: bytes) -> int:
    kept.append(ctypes.create_string_buffer(path))
    return ctypes.addressof(kept[-1])


kept: list[ctypes.Array[ctypes.c_char]] = []


def _called(number: int, *arguments: int) -> str | None:
    result = _LIBC.syscall(ctypes.c_long(number), *(ctypes.c_long(value) for value in (*arguments, 0, 0)))
    refused = {1, 24, 38}  # EPERM, EMFILE, ENOSYS: not even looked at
    return None if result == -1 and ctypes.get_errno() in refused else f"{result} {os.strerror(ctypes.get_errno())}"


def main(user: int, walls: tuple[str, ...], wanted: list[str]) -> None:
    """Print by attempt what it got, behind these walls."""
    "".encode("idna")  # loads what a socket would load first
    if user != os.getuid():
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    signal.alarm(20)
    waiting = list(attempts(wanted, os.getppid()))
    confine(walls)  # type: ignore[arg-type]
    found = {}
    for name, attempt in waiting:
        with contextlib.suppress(OSError, ValueError):
            result = attempt()
            if result is not None and result is not False:
                found[name] = str(result)
    os.write(1, json.dumps(found).encode() + b"\n")
    said = b'{"another program": "ran"}'
    _LIBC.execv(b"/bin/echo", (ctypes.c_char_p * 3)(b"echo", said, None))  # where it works, all ends here


if __name__ == "__main__":
    named = {"all": WALLS, "none": ()}.get(sys.argv[2], tuple(sys.argv[2].split(",")))
    main(int(sys.argv[1]), named, sys.argv[3:])
    os._exit(0)
