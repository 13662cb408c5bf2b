"""The files that a parquet is made of: itself, or where it is a folder those in it, and what its folders' names say.

Who writes more than fits one file writes a folder of parts. Names such as ``content=bunny`` (Hive's) stand for a column
that the parts below them do not hold.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from bisect_cache.files import CannotRead
from bisect_cache.natural import text_and_numbers
from bisect_cache.printable import printable

_MOST_PARTS = 10_000
_DEEPEST = 8
_EMPTY = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class Part:
    """One file, and the columns that the names of its folders stand for: text, or None for none."""

    path: Path
    columns: tuple[tuple[str, str | None], ...] = ()


def parts_of(path: Path) -> tuple[Part, ...]:
    """The parts of the parquet at ``path`` in their natural order: part.2 before part.10.

    Files whose names begin with a dot or an underscore are none, as everywhere where such folders are written. Raises
    ``CannotRead`` for a folder that has no parts, too many, or links.
    """
    if not path.is_dir():
        return (Part(path),)
    parts = tuple(_below(path, (), _DEEPEST))
    if not parts:
        raise CannotRead(f"{path}: a folder without any .parquet file; name a parquet file, or a folder of its parts")
    if len(parts) > _MOST_PARTS:
        raise CannotRead(f"{path}: has more than {_MOST_PARTS:,} parts; write it in fewer")
    columns = [tuple(name for name, _ in part.columns) for part in parts]
    for part, names in zip(parts, columns, strict=True):
        if names != columns[0] or len(set(names)) < len(names):
            raise CannotRead(
                f"{printable(str(part.path))}: its folders name the columns {_listed(names)}, and those of "
                f"{printable(str(parts[0].path))} {_listed(columns[0])}; all parts must lie equally deep"
            )
    return parts


def _below(folder: Path, columns: tuple[tuple[str, str | None], ...], deep: int) -> Iterator[Part]:
    try:
        with os.scandir(folder) as found:
            entries = sorted(
                (one for one in found if one.name[0] not in "._"),
                key=lambda one: (text_and_numbers(one.name), one.name),
            )
    except OSError as error:
        raise CannotRead(
            f"{printable(str(folder))} cannot be read ({error.strerror}); check its permissions"
        ) from error
    count = 0
    for entry in entries:
        if entry.is_symlink():
            raise CannotRead(
                f"{printable(entry.path)}: is a link; parts of a parquet must lie in its folder themselves"
            )
        if entry.is_dir():
            if not deep:
                raise CannotRead(f"{printable(entry.path)}: lies too deep for a part of a parquet")
            name, is_column, value = entry.name.partition("=")
            named = ((unquote(name), None if value == _EMPTY else unquote(value)),) if is_column else ()
            for part in _below(Path(entry.path), (*columns, *named), deep - 1):
                yield part
                count += 1
        elif entry.name.endswith(".parquet"):
            yield Part(Path(entry.path), columns)
            count += 1
        if count > _MOST_PARTS:
            return


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(printable(name) for name in names) or "none"
