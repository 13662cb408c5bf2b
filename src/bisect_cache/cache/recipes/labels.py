"""A labelled table: its columns are known once it is open, its values are read when a recipe asks for them.

CSV and JSON are read with the standard library: a value comes out as the text that stands in the file (an id
007 keeps its zeros, a number is rounded once), a row that is too short or too long is an error, and no
library's version has a say in any of it.
"""

from __future__ import annotations

import contextlib
import csv
import io
import math
import posixpath
import stat
from collections import Counter
from collections.abc import Callable, Container, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from bisect_cache.cache.manifest import Layout
from bisect_cache.cache.parquet.columns import canonical_schema
from bisect_cache.cache.parquet.footer import footer_at_the_end_of
from bisect_cache.cache.parquet.pages import refuse_bombs, room_for
from bisect_cache.cache.parquet.parts import Part, parts_of, sha256_of_parts
from bisect_cache.cache.recipes.interface import BadSource, SourceAbsent
from bisect_cache.cache.recipes.python_lists import NoList, lists_in
from bisect_cache.documents import NoDocument, json_in
from bisect_cache.files import LARGEST_FILE, CannotRead, open_file
from bisect_cache.printable import first_of

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

Values = NDArray[np.float64] | Sequence[object]
"""A column as it was read, N values; missing ones are NaN in an array and ``None`` in a sequence."""

_TARGETS = ("mos", "dmos", "target", "score")
_CONTENTS = ("content", "content_id")
_MISSING = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "none"})
_LARGEST_CSV = 128 << 20
_LARGEST_JSON = 64 << 20
"""Bytes; what is read takes some twenty times as many, and a million labelled clips are fewer."""
_LARGEST_PYTHON = 1 << 20
"""Bytes; its tokens take some two hundred times as many, and ten thousand clips are fewer."""
_MOST_ROWS = 20_000_000
_MOST_VALUES = 400_000_000
"""Of a parquet file: a few of its bytes can stand for any number of rows."""
_LONGEST_NAME = 4096
_MOST_CHARACTERS = 1 << 30
"""Of all names in a column: a few bytes of parquet can stand for one long name in any number of rows."""

_PLAIN = Layout()
_T = TypeVar("_T")


@dataclass(frozen=True)
class LabelledTable:
    """A table that was opened: its columns, and the way to their values."""

    path: Path
    columns: tuple[str, ...]
    read: Callable[[Sequence[str]], dict[str, Values]]
    """The values of some of ``columns``, and no others, by name; raises ``BadSource``."""
    beside: Path | None = None
    """A second file that it is read from."""

    def sha256(self, place: str) -> dict[str, str]:
        """Of each of its files, by its path in the recipe, where the first is called ``place``."""
        places = {place: self.path}
        if self.beside is not None:
            places[posixpath.join(posixpath.dirname(place), self.beside.name)] = self.beside
        return {name: sha256_of_parts(path) for name, path in places.items()}


def open_table(path: Path, key: str = "key", layout: Layout = _PLAIN) -> LabelledTable:
    """Open a parquet, CSV or JSON table, or lists in a Python file, told apart by the suffix.

    CSV is UTF-8 with commas and a header, unless ``layout`` says otherwise. JSON is a list of objects, an object with
    one such list in it (or the one that ``layout`` names), or an object of objects, whose names then are the column
    ``key`` (unless the objects have that column themselves). A Python file assigns such lists, and is never run. A
    folder is parquet in several parts, with the columns that its folders' names stand for (``content=bunny/``).

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
    _expect_there(path)
    if path.is_dir():
        return _open_parquet(path)
    suffix = path.suffix.lower()
    as_text = layout.separator != _PLAIN.separator or layout.columns
    if suffix in {".parquet", ".pq"}:
        return _open_parquet(path)
    if suffix == ".csv" or (as_text and suffix in {".txt", ".tsv", ".dat"}):
        return _open_csv(path, layout)
    if suffix in {".json", ".py"}:
        return _open_objects(path, key, layout.list)
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
        asked = _quoted(wanted) if wanted is not None else f"one of {', '.join(_TARGETS)}"
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
            f"{table.path}: has no content column {_quoted(wanted)}; its columns are {listed(table.columns, 40)}: name "
            f"one of them with --content, or leave --content out"
        )
    return found


def key_column(table: LabelledTable, wanted: str) -> str:
    """The column that names a clip, matched as in ``target_column``. Raises ``BadSource`` when it is not there."""
    found = _first(table, (wanted,))
    if found is None:
        raise BadSource(
            f"{table.path}: has no key column {_quoted(wanted)}; its columns are {listed(table.columns, 40)}: name the "
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
            f"{table.path}: column {_quoted(column)} holds more than {_MOST_CHARACTERS:,} characters; shorten its names"
        )
    return names


def repeated(names: Iterable[str]) -> list[str]:
    """The names that stand more than once, each named once, in order."""
    return [name for name, count in Counter(names).items() if count > 1]


def listed(names: Iterable[object], limit: int = 10) -> str:
    """The first names, quoted, and how many more there are: for messages, so nothing in it is printed raw."""
    return first_of(map(_quoted, names), limit)


def _quoted(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 160 else f"{text[:157]}..."


def _first(table: LabelledTable, candidates: Iterable[str]) -> str | None:
    for candidate in candidates:
        if candidate in table.columns:
            return candidate
        folded = candidate.casefold()
        alike = [column for column in table.columns if column.strip().casefold() == folded]
        if len(alike) > 1:
            raise BadSource(
                f"{table.path}: columns {listed(alike)} could all be {_quoted(candidate)}; say which with its exact "
                f"name"
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
        shown = first_of((f"row {row} {_quoted(value)}" for row, value in wrong[:10]), of=len(wrong))
        raise BadSource(
            f"{table.path}: column {_quoted(column)} must hold {kind} and does not in {len(wrong)} of {len(values)} "
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


def _expect_there(path: Path) -> None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SourceAbsent(f"{path}: is not there; put the file in place or correct its path") from error
    except (OSError, ValueError) as error:
        raise BadSource(f"{path}: cannot be read ({error}); correct its path or its permissions") from error
    if stat.S_ISDIR(found.st_mode):
        return
    if not stat.S_ISREG(found.st_mode):
        raise BadSource(f"{path}: is not a file; name a .parquet, .csv or .json file, or a folder of parquet")
    if found.st_size == 0:
        raise BadSource(f"{path}: is empty (0 bytes); put the table in its place")


# Parquet


def _open_parquet(path: Path) -> LabelledTable:
    try:
        parts = parts_of(path)
    except CannotRead as error:
        raise BadSource(str(error)) from error
    rows, first = 0, None
    for part in parts:
        with _parquet(part.path) as file:
            schema = [*canonical_schema(file.schema_arrow), *((name, "string") for name, _ in part.columns)]
            rows += file.metadata.num_rows
        if first is None:
            first = schema
        if schema != first:
            said, wanted = (listed((" ".join(one) for one in names), 20) for names in (schema, first))
            raise BadSource(
                f"{part.path}: has the columns {said}, but {parts[0].path} {wanted}; parts of one table must have the "
                f"same, in the same order: write them again from one table"
            )
        if rows > _MOST_ROWS:
            raise BadSource(
                f"{path}: has {rows:,} rows, more than the {_MOST_ROWS:,} a cache can hold; take a sample of them"
            )
    kinds = first or []
    texts = {name for name, kind in kinds if kind == "string"}
    return LabelledTable(path, tuple(name for name, _ in kinds), lambda names: _parquet_columns(parts, names, texts))


def _parquet_columns(parts: Sequence[Part], names: Sequence[str], texts: Container[str]) -> dict[str, Values]:
    """The values of some columns, those of all parts one below the other."""
    found: dict[str, list[Values]] = {name: [] for name in names}
    rows = size = 0
    for part in parts:
        stored = [name for name in names if name not in dict(part.columns)]
        with _parquet(part.path, stored, dictionaries=[name for name in stored if name in texts]) as file:
            count = int(file.metadata.num_rows)
            cells = (rows + count) * len(names)
            if cells > _MOST_VALUES:
                raise BadSource(
                    f"{part.path}: has {cells:,} values in the columns wanted, more than the {_MOST_VALUES:,} that are "
                    f"read; take a sample of its rows"
                )
            table = file.read(columns=stored)
            values = _values(table)
        rows, size = rows + count, size + table.get_total_buffer_size()
        if part is not parts[0] and size > room_for(rows * len(names)):  # each alone is no larger than it may be
            raise BadSource(
                f"{part.path}: unpacks, with the parts before it, to {size:,} bytes, too many for what they hold; "
                f"write them again"
            )
        values.update((name, [value] * count) for name, value in part.columns)
        for name in names:
            found[name].append(values[name])
    return {name: _below_each_other(pieces) for name, pieces in found.items()}


def _values(table: pa.Table) -> dict[str, Values]:
    import pyarrow as pa

    values: dict[str, Values] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_floating(column.type):
            values[name] = column.cast(pa.float64()).to_numpy()
        elif pa.types.is_dictionary(column.type):
            values[name] = [value for chunk in column.chunks for value in _spelled_out(chunk)]
        else:
            values[name] = column.to_pylist()
    return values


def _below_each_other(pieces: Sequence[Values]) -> Values:
    if len(pieces) == 1:
        return pieces[0]
    arrays = [piece for piece in pieces if isinstance(piece, np.ndarray)]
    if len(arrays) == len(pieces):
        return np.concatenate(arrays)
    return [value for piece in pieces for value in piece]


def _spelled_out(chunk: Any) -> list[object]:
    """The values of a dictionary's array; rows of one value share it."""
    known = chunk.dictionary.to_pylist()
    return [None if place is None else known[place] for place in chunk.indices.to_pylist()]


@contextlib.contextmanager
def _parquet(path: Path, columns: Sequence[str] = (), dictionaries: Sequence[str] = ()) -> Iterator[pq.ParquetFile]:
    """A file of which ``columns`` can be read: none of them becomes larger than it may.

    Texts of the columns in ``dictionaries`` are read as what they are in the file: each value once.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with _opened(path, LARGEST_FILE) as stream:
            stored_once = refuse_bombs(stream, footer_at_the_end_of(stream), columns)
            with pq.ParquetFile(
                stream,
                read_dictionary=[name for name in dictionaries if name in stored_once],
                pre_buffer=False,
                page_checksum_verification=True,
            ) as file:
                yield file
    except (pa.ArrowException, OSError, ValueError, ArithmeticError, LookupError, MemoryError) as error:
        why = str(error).partition("\n")[0][:200]
        what_next = "decrypt it first" if "crypt" in why.lower() else "it may be cut short: write or fetch it again"
        raise BadSource(f"{path}: cannot be read as parquet ({why}); {what_next}") from error


# CSV


_SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "space": " "}


def _open_csv(path: Path, layout: Layout) -> LabelledTable:
    rows = _csv_rows(path, layout)
    _, first = next(rows, (0, None))
    rows.close()
    if first is None:
        raise BadSource(f"{path}: holds nothing but blank lines; put the table in its place")
    for separator, called in ((";", "semicolons"), ("\t", "tabs")):
        if len(first) == 1 and separator in first[0] and layout.separator == _PLAIN.separator:
            raise BadSource(f"{path}: its columns are separated by {called}; save it with commas")
    header = list(layout.columns) or first
    return LabelledTable(path, tuple(header), lambda names: _csv_columns(path, header, names, layout))


def _csv_columns(path: Path, header: list[str], names: Sequence[str], layout: Layout) -> dict[str, Values]:
    numbered = {name: place for place, name in enumerate(header)}
    places = [numbered[name] for name in names]
    columns: list[list[object]] = [[] for _ in names]
    rows = _csv_rows(path, layout)
    if not layout.columns:
        next(rows, None)
    for line, row in rows:
        if len(row) != len(header):
            raise BadSource(
                f"{path}: line {line} has {len(row)} values under {len(header)} columns; put values that hold a comma "
                f'into "quotes", or complete the line'
            )
        for column, place in zip(columns, places, strict=True):
            column.append(row[place])
    return dict(zip(names, columns, strict=True))


def _csv_rows(path: Path, layout: Layout) -> Generator[tuple[int, list[str]], None, None]:
    """(number of its last line, values) of each row that is not blank, the header first."""
    try:
        with io.TextIOWrapper(_opened(path, _LARGEST_CSV), encoding="utf-8-sig", newline="") as stream:
            if layout.separator == "space":
                yield from ((number, line.split()) for number, line in enumerate(stream, 1) if line.split())
                return
            reader = csv.reader(stream, strict=True, delimiter=_SEPARATORS[layout.separator])
            try:
                for row in reader:
                    if row:
                        yield reader.line_num, row
            except csv.Error as error:
                raise BadSource(
                    f"{path}: is not CSV at line {reader.line_num} ({error}); check the quotes there"
                ) from error
    except UnicodeDecodeError as error:
        raise _not_utf8(path, error) from error
    except OSError as error:
        raise _unreadable(path, error) from error


# JSON, and lists in Python


def _open_objects(path: Path, key: str, wanted: str | None) -> LabelledTable:
    decoded = _decoded(path) if path.suffix.lower() == ".json" else _lists(path, wanted)
    if wanted is not None:
        objects_of = decoded if isinstance(decoded, dict) else {}
        lists = {name: value for name, value in objects_of.items() if isinstance(value, list)}
        if wanted not in lists:
            raise BadSource(
                f"{path}: has no list {_quoted(wanted)} of labels; its lists are {listed(lists) or 'none'}: name one "
                f"of them as 'list' in 'layout'"
            )
        decoded = lists[wanted]
    objects = _objects(path, decoded, key)
    columns = tuple(dict.fromkeys(name for each in objects for name in each))
    return LabelledTable(path, columns, lambda names: {name: [each.get(name) for each in objects] for name in names})


def _objects(path: Path, decoded: object, key: str) -> list[dict[str, object]]:
    if isinstance(decoded, dict):
        lists = [value for value in decoded.values() if isinstance(value, list)]
        if len(lists) == 1:
            decoded = lists[0]
        elif all(isinstance(value, dict) for value in decoded.values()):
            decoded = [{key: name, **value} for name, value in decoded.items()]
    if not isinstance(decoded, list) or not decoded or not all(isinstance(each, dict) for each in decoded):
        raise BadSource(
            f"{path}: holds no labels as they are understood: a list of objects, one such list in an object "
            f'({{"labels": [...]}}), or an object of objects; write it as one of these, or name '
            f"one of several lists as 'list' in 'layout' of a dataset's file"
        )
    return decoded


def _decoded(path: Path) -> object:
    try:
        with io.TextIOWrapper(_opened(path, _LARGEST_JSON), encoding="utf-8-sig") as stream:
            return json_in(stream.read())
    except UnicodeDecodeError as error:
        raise _not_utf8(path, error) from error
    except NoDocument as error:
        raise BadSource(f"{path}: cannot be read as JSON ({error}); repair it there") from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _lists(path: Path, wanted: str | None) -> dict[str, list[object]]:
    try:
        with io.TextIOWrapper(_opened(path, _LARGEST_PYTHON), encoding="utf-8-sig") as stream:
            return lists_in(stream.read(), wanted)
    except UnicodeDecodeError as error:
        raise _not_utf8(path, error) from error
    except NoList as error:
        raise BadSource(
            f"{path}: cannot be read as lists of dictionaries with texts and numbers ({error}); write the labels as "
            f"CSV or JSON"
        ) from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _opened(path: Path, largest: int) -> BufferedReader:
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


def _not_utf8(path: Path, error: UnicodeDecodeError) -> BadSource:
    return BadSource(f"{path}: is not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8")


def _unreadable(path: Path, error: OSError) -> BadSource:
    return BadSource(f"{path}: cannot be read ({error.strerror or error}); correct its permissions")
