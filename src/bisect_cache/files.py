"""Files read without waiting for what is no file, and written whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from io import BufferedReader, FileIO
from pathlib import Path

from bisect_cache.errors import BisectCacheError
from bisect_cache.printable import printable
from bisect_cache.staging import staged_file

LARGEST_FILE = 4 << 30
"""Bytes that any file which is read may have."""
LONGEST_PLACE = 1000
"""Characters of a path that are worth showing."""
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"


class CannotRead(BisectCacheError):
    """One file that cannot be read: which one, why, and what to do about it."""


class CannotWrite(BisectCacheError):
    """An output could not be written; what stood there before still stands."""


def open_file(path: Path, shown: str | None = None, largest: int = LARGEST_FILE) -> BufferedReader:
    """A regular file, open to be read; a pipe or a device is never waited for.

    ``shown`` is what errors call it. Raises ``CannotRead`` when it is not there, no regular file, larger than
    ``largest`` bytes or a Git LFS pointer.
    """
    called = shown or printable(str(path), LONGEST_PLACE)
    with _said_of(called):
        stream: BufferedReader = BufferedReader(FileIO(path, opener=_open_without_waiting))
        try:
            _refuse(stream, called, largest)
        except BaseException:
            stream.close()
            raise
    return stream


def read_file(path: Path, shown: str | None = None, largest: int = LARGEST_FILE) -> bytes:
    """The bytes of a regular file. Raises ``CannotRead`` as ``open_file``, and when it changes while it is read."""
    called = shown or printable(str(path), LONGEST_PLACE)
    with open_file(path, called, largest) as stream, _said_of(called):
        size = os.fstat(stream.fileno()).st_size
        data = stream.read(size + 1)
    if len(data) != size:
        raise CannotRead(f"{called} changed while it was read; run again when nothing writes to it")
    return data


@contextlib.contextmanager
def _said_of(called: str) -> Iterator[None]:
    """The system's errors, said of this file."""
    try:
        yield
    except FileNotFoundError as error:
        raise CannotRead(f"{called} does not exist; restore it or correct its path") from error
    except IsADirectoryError as error:
        raise CannotRead(f"{called} is a folder; name a file in it") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no file can have this name"
        raise CannotRead(f"{called} cannot be read ({reason}); check the file and its permissions") from error


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _refuse(stream: BufferedReader, called: str, largest: int) -> None:
    status = os.fstat(stream.fileno())
    if stat.S_ISDIR(status.st_mode):
        raise CannotRead(f"{called} is a folder; name a file in it")
    if not stat.S_ISREG(status.st_mode):
        raise CannotRead(f"{called} is no regular file; put the file itself there")
    if status.st_size > largest:
        raise CannotRead(f"{called} has {status.st_size:,} bytes; at most {largest:,} are read")
    if stream.peek(len(_LFS_POINTER)).startswith(_LFS_POINTER):
        raise CannotRead(
            f"{called} is a Git LFS pointer, not the file itself; run `git lfs pull`, or set `lfs: true` in "
            f"actions/checkout"
        )


def write_whole(path: Path, data: bytes, *, follow_links: bool = True, owner: tuple[int, int] | None = None) -> None:
    """Write ``data`` beside ``path`` and rename it over: a reader sees the old file or the new one.

    What is no regular file (a pipe, a device) is written to as it is. Without ``follow_links`` a link at ``path``
    is replaced, and nothing is written to where it leads. The file, and every folder that is made for it, belong to
    ``owner`` (user and group) from the first moment that they have their names. Raises ``CannotWrite`` with the reason.
    """
    with _kept(path):
        if follow_links:
            if path.exists() and not path.is_file():
                path.write_bytes(data)
                return
            path = Path(os.path.realpath(path))  # a link keeps leading where it leads
        _make_folder(path.parent, owner)
        with staged_file(path) as beside:
            beside.write_bytes(data)
            beside.chmod(0o644)
            if owner:
                os.chown(beside, *owner)
            beside.replace(path)


def append_whole(path: Path, data: bytes) -> None:
    """Append ``data`` to ``path``, all of it or nothing. Raises ``CannotWrite`` with the reason."""
    with _kept(path), FileIO(path, "ab") as stream:
        status = os.fstat(stream.fileno())
        try:
            left = memoryview(data)
            while left:
                left = left[stream.write(left) :]
        except BaseException:
            if stat.S_ISREG(status.st_mode):
                stream.truncate(status.st_size)
            raise


@contextlib.contextmanager
def _kept(path: Path) -> Iterator[None]:
    """The system's errors, said of an output that is as it was."""
    try:
        yield
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no file can have this name"
        raise CannotWrite(
            f"{printable(str(path), LONGEST_PLACE)}: cannot be written ({reason}); what stood there is unchanged: "
            f"choose a place you may write to, with space on it"
        ) from error


def _make_folder(folder: Path, owner: tuple[int, int] | None) -> None:
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(exist_ok=True)
        if owner:
            os.chown(one, *owner, follow_symlinks=False)
    folder.mkdir(exist_ok=True)  # says what is wrong where it is no folder


def sha256_of(data: bytes) -> str:
    """The sha256 of ``data`` as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """The sha256 of a file's bytes as 64 hexadecimal digits, read in pieces. Raises ``CannotRead``."""
    with open_file(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
