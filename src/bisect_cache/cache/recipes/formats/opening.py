"""Opening a table's file, and what is said where that cannot be read."""

from __future__ import annotations

from io import BufferedReader
from pathlib import Path

from bisect_cache.cache.recipes.interface import BadSource
from bisect_cache.files import CannotRead, open_file


def opened(path: Path, largest: int) -> BufferedReader:
    """The file, open to be read. Raises ``BadSource`` where ``open_file`` refuses it."""
    try:
        return open_file(path, largest=largest)
    except CannotRead as error:
        raise BadSource(
            f"{error}, or save the table as parquet" if _is_larger(path, largest) else str(error)
        ) from error


def _is_larger(path: Path, largest: int) -> bool:
    try:
        return path.stat().st_size > largest
    except OSError:
        return False


def not_utf8(path: Path, error: UnicodeDecodeError) -> BadSource:
    """What is said of text in another encoding."""
    return BadSource(f"{path}: is not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8")


def unreadable(path: Path, error: OSError) -> BadSource:
    """What is said where the system ends the reading."""
    return BadSource(f"{path}: cannot be read ({error.strerror or error}); correct its permissions")
