"""Whether a cache is still the one that it was when reading it began."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from bisect_cache.cache.manifest import FEATURES_NAME, JOURNAL, MANIFEST_NAME
from bisect_cache.cache.parquet.parts import parts_of
from bisect_cache.errors import BisectCacheError
from bisect_cache.files import CannotRead


class Replaced(BisectCacheError):
    """The cache was replaced while it was read: what was found is of no cache at all."""


@contextlib.contextmanager
def standing_still(folder: Path) -> Iterator[None]:
    """What is read in this block is of one cache. Raises ``Replaced`` where it was not, whatever else went wrong."""
    before = _seen(folder)
    try:
        yield
    except (BisectCacheError, OSError) as error:
        if _seen(folder) != before:
            raise _replaced(folder) from error
        raise
    if _seen(folder) != before:
        raise _replaced(folder)


def _replaced(folder: Path) -> Replaced:
    return Replaced(f"{folder}: was replaced while it was read, by a `bisect-cache generate` perhaps; run again")


def _seen(folder: Path) -> list[tuple[Path, tuple[int, ...] | None]]:
    """Every ``generate`` writes these anew; a journal that comes and goes leaves both behind it."""
    files = [folder / MANIFEST_NAME, folder / JOURNAL, *_features(folder / FEATURES_NAME)]
    return [(path, _told(path)) for path in files]


def _features(path: Path) -> list[Path]:
    try:
        return [part.path for part in parts_of(path)]
    except CannotRead:
        return [path]


def _told(path: Path) -> tuple[int, ...] | None:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
