"""Hidden places beside what is being made. A run that is killed leaves one behind, and the next run removes it.

Whoever works in a place holds a lock on it (flock), which the system takes back however the process ends: a place that
can be locked is nobody's any more. Where a file system has no such locks, nothing is removed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_SIGN = "bisect-cache-"
_OURS = re.compile(r"[a-z0-9_]{8}")
"""What tempfile adds to a name."""
_LONGEST_NAME = 64
"""Bytes; a name has 255 at most."""
_LONGEST_WAIT = 60.0
"""Seconds; what is done under a lock takes milliseconds."""
_A_MOMENT = 0.02


@contextlib.contextmanager
def staged_folder(beside: Path) -> Iterator[Path]:
    """A new folder next to ``beside``, gone afterwards."""
    prefix = _prefix(beside)
    _remove_leftovers(beside.parent, prefix)
    place, lock = _made(lambda: Path(tempfile.mkdtemp(prefix=prefix, dir=beside.parent)))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        os.close(lock)


@contextlib.contextmanager
def staged_file(beside: Path) -> Iterator[Path]:
    """A new empty file next to ``beside``, gone afterwards unless it was renamed."""
    prefix = _prefix(beside)
    _remove_leftovers(beside.parent, prefix)
    place, lock = _made(lambda: _empty_file(prefix, beside.parent))
    try:
        yield place
    finally:
        place.unlink(missing_ok=True)
        os.close(lock)


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock file at ``path``, waiting for others who do; it is gone afterwards.

    Where nothing can be written or locked there, nobody waits. Raises ``OSError`` (EBUSY) after a minute.
    """
    lock = _held(path, time.monotonic() + _LONGEST_WAIT)
    try:
        yield
    finally:
        if lock is not None:
            with contextlib.suppress(OSError):  # before it is let go: who waits for it looks whether it is still there
                path.unlink()
            os.close(lock)


def _held(path: Path, until: float) -> int | None:
    while True:
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
                return None
            raise
        if _locked(lock) is not False and _is_at(path, lock):
            return lock
        os.close(lock)
        if time.monotonic() > until:
            raise OSError(errno.EBUSY, "another run is replacing it", str(path))
        time.sleep(_A_MOMENT)


def _prefix(beside: Path) -> str:
    return f".{os.fsdecode(os.fsencode(beside.name)[:_LONGEST_NAME])}.{_SIGN}"


def _empty_file(prefix: str, folder: Path) -> Path:
    handle, name = tempfile.mkstemp(prefix=prefix, dir=folder)
    os.close(handle)
    return Path(name)


def _made(make: Callable[[], Path]) -> tuple[Path, int]:
    """A new place and the lock on it; another one where somebody took it for a leftover before it was locked."""
    while True:
        place = make()
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
            if _locked(lock) is not False and _is_at(place, lock):
                return place, lock
            os.close(lock)


def _remove_leftovers(folder: Path, prefix: str) -> None:
    with contextlib.suppress(OSError):
        for place in [place for place in folder.iterdir() if place.name.startswith(prefix)]:
            if _OURS.fullmatch(place.name.removeprefix(prefix)):
                _remove_leftover(place)


def _remove_leftover(place: Path) -> None:
    """Remove what a killed run left; leave what is in use, or no place of ours."""
    try:
        lock = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return
    try:
        if not _locked(lock) or not _is_at(place, lock):
            return
        kind = os.fstat(lock).st_mode
        if stat.S_ISDIR(kind):
            shutil.rmtree(place, ignore_errors=True)
        elif stat.S_ISREG(kind):
            with contextlib.suppress(OSError):
                place.unlink()
    finally:
        os.close(lock)


def _locked(handle: int) -> bool | None:
    """Whether we hold the lock now; None where there are no locks."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # of many kinds: this file system has no locks, or none for us
        return None
    return True


def _is_at(path: Path, handle: int) -> bool:
    """Whether what is open is still what lies at ``path``."""
    try:
        return os.path.samestat(path.stat(follow_symlinks=False), os.fstat(handle))
    except FileNotFoundError:
        return False
