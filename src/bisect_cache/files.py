"""Files written whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

from bisect_cache.errors import BisectCacheError


class CannotWrite(BisectCacheError):
    """An output could not be written; what stood there before still stands."""


def write_whole(path: Path, data: bytes) -> None:
    """Write ``data`` beside ``path`` and rename it over: a reader sees the old file or the new one.

    Raises ``CannotWrite`` with the system's reason.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(prefix=f".{path.name[:64]}.", dir=path.parent)
    except OSError as error:
        raise CannotWrite(f"{path}: cannot be written ({error.strerror}); choose a folder you may write to") from error
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        Path(beside).chmod(0o644)
        Path(beside).replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            Path(beside).unlink()
        raise CannotWrite(f"{path}: cannot be written ({error.strerror}); what stood there is unchanged") from error
    except BaseException:
        with contextlib.suppress(OSError):
            Path(beside).unlink()
        raise


def sha256_of(data: bytes) -> str:
    """The sha256 of ``data`` as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """The sha256 of a file's bytes as 64 hexadecimal digits, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
