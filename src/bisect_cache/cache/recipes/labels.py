"""The columns of a labelled table by what they are: scores, contents, names; their values as numbers and texts.

A value comes out as the text that stands in the file (an id 007 keeps its zeros, a number is rounded once), a row that
is too short or too long is an error, and no library's version has a say in any of it.
"""

from __future__ import annotations

import math
import stat
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from bisect_cache.cache.manifest import Layout
from bisect_cache.cache.recipes.formats.delimited import open_delimited
from bisect_cache.cache.recipes.formats.objects import open_objects
from bisect_cache.cache.recipes.formats.parquet import open_parquet
from bisect_cache.cache.recipes.interface import BadSource, SourceAbsent
from bisect_cache.cache.recipes.labelled_table import LabelledTable, Values, listed, quoted, repeated
from bisect_cache.printable import first_of

_TARGETS = ("mos", "dmos", "target", "score")
_CONTENTS = ("content", "content_id")
_MISSING = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "none"})
_LONGEST_NAME = 4096
_MOST_CHARACTERS = 1 << 30
"""Of all names in a column: a few bytes of parquet can stand for one long name in any number of rows."""

_PLAIN = Layout()
_T = TypeVar("_T")


def open_table(path: Path, key: str = "key", layout: Layout = _PLAIN) -> LabelledTable:
    """Open a parquet, CSV or JSON table, or lists in a Python file, told apart by the suffix.

    CSV is UTF-8 with commas and a header, unless ``layout`` says otherwise. JSON is a list of objects, an object with
    one such list in it (or the one that ``layout`` names), or an object of objects, whose names then are the column
    ``key`` (unless the objects have that column themselves). A Python file assigns such lists, and is never run.

    Raises ``SourceAbsent`` when it is not there, ``BadSource`` when it cannot be used.
    """
    table = _open(path, key, layout)
    if layout.beside is not None:
        other = _open(path.parent / layout.beside, key, replace(layout, columns=layout.beside_columns))
        table = _side_by_side(table, other)
    twice = repeated(table.columns)
    if twice:
        raise BadSource(f"{path}: names columns more than once: {listed(twice)}; rename or drop the second of each")
    return table


def _open(path: Path, key: str, layout: Layout) -> LabelledTable:
    _expect_file(path)
    suffix = path.suffix.lower()
    as_text = layout.separator != _PLAIN.separator or layout.columns
    if suffix in {".parquet", ".pq"}:
        return open_parquet(path)
    if suffix == ".csv" or (as_text and suffix in {".txt", ".tsv", ".dat"}):
        return open_delimited(path, layout)
    if suffix in {".json", ".py"}:
        return open_objects(path, key, layout.list)
    raise BadSource(f"{path}: is none of .parquet, .csv and .json by its name; convert it to one of them or rename it")


def _side_by_side(left: LabelledTable, right: LabelledTable) -> LabelledTable:
    """The columns of two files whose rows belong together in their order."""

    def read(names: Sequence[str]) -> dict[str, Values]:
        # A column of each is read in any case: only then is it known that they have as many rows.
        found = {}
        for table in (left, right):
            here = [name for name in names if name in table.columns]
            values = table.read(here or table.columns[:1])
            rows[table.path] = len(next(iter(values.values())))
            found.update({name: values[name] for name in here})
        if rows[left.path] != rows[right.path]:
            raise BadSource(
                f"{left.path}: has {rows[left.path]} rows and {right.path.name} beside it {rows[right.path]}; they "
                f"must belong together row by row: fetch both again"
            )
        return {name: found[name] for name in names}

    rows: dict[Path, int] = {}
    return LabelledTable(left.path, (*left.columns, *right.columns), read, beside=right.path)


def target_column(table: LabelledTable, wanted: str | None) -> str:
    """The target's column: ``wanted``, or the first there is of mos, dmos, target and score.

    A name is matched as it is written, and failing that without regard to case. Raises ``BadSource``.
    """
    found = _first(table, (wanted,) if wanted is not None else _TARGETS)
    if found is None:
        asked = quoted(wanted) if wanted is not None else f"one of {', '.join(_TARGETS)}"
        raise BadSource(
            f"{table.path}: has no target column {asked}; its columns are {listed(table.columns, 40)}: name the one "
            f"with the scores with --target"
        )
    return found


def content_column(table: LabelledTable, wanted: str | None) -> str | None:
    """The content's column: ``wanted``, or the first there is of content and content_id, or none.

    Names are matched as in ``target_column``. Raises ``BadSource`` when ``wanted`` is not there.
    """
    found = _first(table, (wanted,) if wanted is not None else _CONTENTS)
    if found is None and wanted is not None:
        raise BadSource(
            f"{table.path}: has no content column {quoted(wanted)}; its columns are {listed(table.columns, 40)}: name "
            f"one of them with --content, or leave --content out"
        )
    return found


def key_column(table: LabelledTable, wanted: str) -> str:
    """The column that names a clip, matched as in ``target_column``. Raises ``BadSource`` when it is not there."""
    found = _first(table, (wanted,))
    if found is None:
        raise BadSource(
            f"{table.path}: has no key column {quoted(wanted)}; its columns are {listed(table.columns, 40)}: name the "
            f"one that identifies a clip with --key"
        )
    return found


def numbers(table: LabelledTable, column: str, values: Values) -> NDArray[np.float64]:
    """A column as numbers, shape (N,), float64, NaN where a value is missing.

    A number may be written as text ("3.5"). Raises ``BadSource`` with the rows and values that are none.
    """
    if isinstance(values, np.ndarray):
        return values
    return np.array(_converted(table, column, values, _number, "numbers"), np.float64)


def texts(table: LabelledTable, column: str, values: Values) -> list[str | None]:
    """A column as N strings, ``None`` where a value is missing or blank; whole numbers are written without a point.

    Raises ``BadSource`` with the rows and values that are neither text nor a number.
    """
    names = _converted(table, column, values.tolist() if isinstance(values, np.ndarray) else values, _text, "names")
    if sum(len(name) for name in names if name is not None) > _MOST_CHARACTERS:
        raise BadSource(
            f"{table.path}: column {quoted(column)} holds more than {_MOST_CHARACTERS:,} characters; shorten its names"
        )
    return names


def _first(table: LabelledTable, candidates: Iterable[str]) -> str | None:
    for candidate in candidates:
        if candidate in table.columns:
            return candidate
        folded = candidate.casefold()
        alike = [column for column in table.columns if column.strip().casefold() == folded]
        if len(alike) > 1:
            raise BadSource(
                f"{table.path}: columns {listed(alike)} could all be {quoted(candidate)}; say which with its exact name"
            )
        if alike:
            return alike[0]
    return None


def _converted(
    table: LabelledTable, column: str, values: Sequence[object], convert: Callable[[object], _T], kind: str
) -> list[_T]:
    converted: list[_T] = []
    wrong: list[tuple[int, object]] = []
    for row, value in enumerate(values):
        try:
            converted.append(convert(value))
        except ValueError:
            wrong.append((row, value))
    if wrong:
        shown = first_of((f"row {row} {quoted(value)}" for row, value in wrong[:10]), of=len(wrong))
        raise BadSource(
            f"{table.path}: column {quoted(column)} must hold {kind} and does not in {len(wrong)} of {len(values)} "
            f"rows (counted from 0): {shown}; repair the values or choose another column"
        )
    return converted


def _number(value: object) -> float:
    if value is None:
        return float("nan")
    if isinstance(value, str):
        text = value.strip()
        if text.lower() in _MISSING:
            return float("nan")
        if "_" in text or not text.isascii():  # float() takes 1_000 and digits of other scripts
            raise ValueError(value)
        return float(text)
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise ValueError(value)
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def _text(value: object) -> str | None:
    if isinstance(value, str):
        value.encode()  # a lone surrogate out of JSON cannot be written; UnicodeEncodeError is a ValueError
        if len(value) > _LONGEST_NAME:
            raise ValueError("longer than any name")
        return value if value.strip() else None
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise ValueError(value)
    return str(value)


def _expect_file(path: Path) -> None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SourceAbsent(f"{path}: is not there; put the file in place or correct its path") from error
    except (OSError, ValueError) as error:
        raise BadSource(f"{path}: cannot be read ({error}); correct its path or its permissions") from error
    if not stat.S_ISREG(found.st_mode):
        raise BadSource(f"{path}: is not a file; name a .parquet, .csv or .json file")
    if found.st_size == 0:
        raise BadSource(f"{path}: is empty (0 bytes); put the table in its place")
