"""The files that a parquet is made of: itself, or where it is a folder those in it, and what its folders' names say.

Who writes more than fits one file writes a folder of parts. Names such as ``content=bunny`` (Hive's) stand for a column
that the parts below them do not hold.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from bisect_cache.files import LONGEST_PLACE, CannotRead, sha256_of_file
from bisect_cache.natural import text_and_numbers
from bisect_cache.printable import printable

MOST_PARTS = 10_000
_DEEPEST = 8
_EMPTY = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class Part:
    """One file, and the columns that the names of its folders stand for: text, or None for none."""

    path: Path
    columns: tuple[tuple[str, str | None], ...] = ()


def parts_of(path: Path) -> tuple[Part, ...]:
    """The parts of the parquet at ``path`` in their natural order: part.2 before part.10.

    What begins with a dot or an underscore is none, as everywhere where such folders are written. Raises
    ``CannotRead`` for a folder that has no parts, too many, or links.
    """
    if not path.is_dir():
        return (Part(path),)
    parts = tuple(_below(path, (), _DEEPEST))
    called = _shown(path)
    if not parts:
        raise CannotRead(f"{called}: a folder without any .parquet file; name a parquet file, or a folder of its parts")
    if len(parts) > MOST_PARTS:
        raise CannotRead(f"{called}: has more than {MOST_PARTS:,} parts; write it in fewer")
    columns = [tuple(name for name, _ in part.columns) for part in parts]
    for part, names in zip(parts, columns, strict=True):
        if names != columns[0] or len(set(names)) < len(names):
            raise CannotRead(
                f"{_shown(part.path)}: its folders name the columns {_listed(names)}, and those of "
                f"{_shown(parts[0].path)} {_listed(columns[0])}; each part must lie below one folder for each column"
            )
    return parts


def sha256_of_parts(path: Path) -> str:
    """The sha256 of the file at ``path``; of a folder, that of a list of its parts as ``sha256sum`` prints it.

    Each line is the part's sha256, two blanks and its path relative to ``path``, in the natural order of the parts.
    Raises ``CannotRead``.
    """
    if not path.is_dir():
        return sha256_of_file(path)
    digest = hashlib.sha256()
    for part in parts_of(path):
        name = part.path.relative_to(path).as_posix()
        digest.update(f"{sha256_of_file(part.path)}  ".encode() + os.fsencode(name) + b"\n")
    return digest.hexdigest()


def _below(folder: Path, columns: tuple[tuple[str, str | None], ...], deep: int) -> Iterator[Part]:
    try:
        with os.scandir(folder) as found:
            entries = sorted(
                (one for one in found if not _is_hidden(one.name)),
                key=lambda one: (text_and_numbers(one.name), one.name),
            )
    except OSError as error:
        raise CannotRead(f"{_shown(folder)} cannot be read ({error.strerror}); check its permissions") from error
    count = 0
    for entry in entries:
        if entry.is_symlink():
            raise CannotRead(
                f"{_shown(entry.path)}: is a link; the parts of a parquet must lie in its folder themselves"
            )
        if entry.is_dir():
            if not deep:
                raise CannotRead(f"{_shown(entry.path)}: lies too deep for a part of a parquet; put it further up")
            for part in _below(Path(entry.path), (*columns, *_named(entry)), deep - 1):
                yield part
                count += 1
        elif entry.name.endswith(".parquet"):
            yield Part(Path(entry.path), columns)
            count += 1
        if count > MOST_PARTS:
            return


def _is_hidden(name: str) -> bool:
    """As Spark has it: a column may be called ``_c1``, and its folders are none that can be left out."""
    return name[0] == "." or (name[0] == "_" and "=" not in name)


def _named(folder: os.DirEntry[str]) -> tuple[tuple[str, str | None], ...]:
    """The column that a folder's name stands for, if it stands for one."""
    name, is_column, value = folder.name.partition("=")
    if not is_column:
        return ()
    try:
        folder.name.encode()
        return ((unquote(name, errors="strict"), None if value == _EMPTY else unquote(value, errors="strict")),)
    except UnicodeError as error:
        raise CannotRead(f"{_shown(folder.path)}: its name stands for a column, and is no UTF-8; rename it") from error


def _shown(path: Path | str) -> str:
    return printable(str(path), LONGEST_PLACE)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(printable(name) for name in names) or "none"
