"""``features.parquet``: written by pandas as the recipe prescribes, read by pyarrow alone."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bisect_cache.cache.manifest import FEATURES_NAME, ROW_COLUMN, part_name
from bisect_cache.cache.parquet.columns import UnsupportedColumn, canonical_schema, refuse_unsupported
from bisect_cache.cache.parquet.footer import footer_at_the_end_of
from bisect_cache.cache.parquet.pages import refuse_bombs, room_for
from bisect_cache.cache.parquet.parts import Part, parts_of
from bisect_cache.errors import BisectCacheError
from bisect_cache.files import LONGEST_PLACE, CannotRead, open_file
from bisect_cache.printable import printable

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

Columns = Mapping[str, NDArray[np.float32] | list[str]]
_ROWS_WORTH_THREADS = 100_000
_BUFFER = 1 << 18
"""Bytes of a column that are read at once: without, all that it has in a row group."""
MOST_CELLS = 400_000_000
MOST_ROWS = 20_000_000
"""Read at once: as many as a synthetic cache may have."""


class BadFeatures(BisectCacheError):
    """A ``features.parquet`` that is not there or cannot be read."""


def write_features(columns: Columns, to: Path | BinaryIO, first: int = 0) -> None:
    """Write N-row ``columns`` (float32 arrays and lists of text) as parquet.

    As ``research-0001`` prescribes: the index is a RangeIndex named ``row`` and is stored, as the last column;
    compression is zstd. Of a part, ``first`` is how many rows come before it.
    """
    import pandas as pd

    rows = len(next(iter(columns.values())))
    frame = pd.DataFrame(dict(columns), index=pd.RangeIndex(start=first, stop=first + rows, name=ROW_COLUMN))
    frame.to_parquet(to, engine="pyarrow", compression="zstd", index=True)


def in_parts(columns: Columns, part_rows: int | None) -> Iterator[tuple[str, int, Columns]]:
    """The files that a cache with these N-row ``columns`` has: name, how many rows come before it, and its rows.

    One, unless it is to have parts of ``part_rows`` rows, the last of fewer.
    """
    if part_rows is None:
        yield FEATURES_NAME, 0, columns
        return
    rows = len(next(iter(columns.values())))
    for number, first in enumerate(range(0, rows, part_rows)):
        yield part_name(number), first, {name: values[first : first + part_rows] for name, values in columns.items()}


def as_table(columns: Columns) -> pa.Table:
    """What reading the file back would give, for N-row ``columns``; without pandas and without a file."""
    import pyarrow as pa

    rows = len(next(iter(columns.values())))
    # By buffers, because pa.array() on an ndarray would import pandas.
    arrays: dict[str, Any] = {
        name: pa.array(values, pa.string())
        if isinstance(values, list)
        else pa.Array.from_buffers(pa.float32(), rows, [None, pa.py_buffer(np.ascontiguousarray(values))])
        for name, values in columns.items()
    }
    index = np.arange(rows, dtype="<i8")
    arrays[ROW_COLUMN] = pa.Array.from_buffers(pa.int64(), rows, [None, pa.py_buffer(index)])
    return pa.table(arrays)


def read_features(path: Path) -> pa.Table:
    """All columns of the parquet at ``path``, a file or a folder of parts.

    Raises ``BadFeatures`` when it is not there, is no parquet that can be read to its end, or is too large.
    """
    counting, size = _Counting(path, MOST_ROWS, MOST_CELLS), 0
    tables: list[pa.Table] = []
    for part in _parts_of(path):
        with _opened(part) as file:
            counting.add(part, file)
            table = file.read(use_threads=counting.rows >= _ROWS_WORTH_THREADS)
            size += table.get_total_buffer_size()
            # Each alone is no larger than it may be, but there may be thousands.
            if tables and size > room_for(counting.rows * len(counting.schema)):
                raise BadFeatures(
                    f"{_shown(path)}: its parts up to {printable(part.path.name)} unpack to {size:,} bytes, too many "
                    f"for what they hold; make the cache again with `bisect-cache generate`"
                )
            tables.append(_with_columns(part, table))
    return _joined(path, tables)


def _joined(path: Path, tables: Sequence[pa.Table]) -> pa.Table:
    import pyarrow as pa

    try:
        return _below_each_other(tables)
    except pa.ArrowException as error:
        raise BadFeatures(
            f"{_shown(path)}: its parts cannot be joined ({_first_line(error)}); make the cache again with "
            f"`bisect-cache generate`"
        ) from error


def _below_each_other(tables: Sequence[pa.Table]) -> pa.Table:
    """The rows of all parts: what one writer stores as a dictionary, or as long text, another does not."""
    import pyarrow as pa

    if len(tables) == 1:
        return tables[0]
    columns = []
    for place in range(tables[0].num_columns):
        chunks = [chunk for table in tables for chunk in table.column(place).chunks]
        kinds = {str(table.schema.types[place]) for table in tables}
        if len(kinds) > 1:
            chunks = [_in_one_way(chunk) for chunk in chunks]
        columns.append(pa.chunked_array(chunks, chunks[0].type if chunks else tables[0].schema.types[place]))
    return pa.Table.from_arrays(columns, names=tables[0].column_names)


def _in_one_way(chunk: pa.Array) -> pa.Array:
    """Text as a dictionary, whose values are not spelled out before they are counted; numbers as they are."""
    import pyarrow as pa

    if not pa.types.is_dictionary(chunk.type):
        is_text = str(chunk.type) in {"string", "large_string"}
        return _in_one_way(chunk.dictionary_encode()) if is_text else chunk
    if str(chunk.type.value_type) not in {"string", "large_string"}:
        return chunk.dictionary_decode()
    values = chunk.dictionary.cast(pa.large_string())
    return pa.DictionaryArray.from_arrays(chunk.indices.cast(pa.int32()), values, safe=False)


@dataclass(frozen=True)
class Survey:
    """What a parquet holds, before any of it is read."""

    rows: int
    schema: Sequence[tuple[str, str]]
    """Canonical names and types of its columns."""


def survey(path: Path, most_rows: int, most_cells: int) -> Survey:
    """See what the parquet at ``path`` holds. Raises ``BadFeatures`` as ``read_features`` does."""
    counting = _Counting(path, most_rows, most_cells)
    for part in _parts_of(path):
        with _opened(part) as file:
            counting.add(part, file)
    return Survey(counting.rows, counting.schema)


class _Counting:
    """Rows of parts that must have the same columns: few bytes of parquet can stand for any number of rows."""

    def __init__(self, path: Path, most_rows: int, most_cells: int) -> None:
        self._path, self._most_rows, self._most_cells = path, most_rows, most_cells
        self._first: Path | None = None
        self.rows = 0
        self.schema: list[tuple[str, str]] = []

    def add(self, part: Part, file: pq.ParquetFile) -> None:
        """Count one part. Raises ``BadFeatures``."""
        schema = canonical_schema(file.schema_arrow) + [(name, "string") for name, _ in part.columns]
        if len(dict(schema)) < len(schema):
            raise BadFeatures(
                f"{_shown(part.path)}: holds a column that its folders name too: {_some(dict(part.columns))}; drop it "
                f"from the parts, or rename the folders"
            )
        if self._first is not None and schema != self.schema:
            raise BadFeatures(
                f"{_shown(part.path)}: has the columns {_some(map(' '.join, schema))}, but {_shown(self._first)} "
                f"{_some(map(' '.join, self.schema))}; parts of one parquet must have the same, in the same order"
            )
        self._first, self.schema = self._first or part.path, schema
        self.rows += file.metadata.num_rows
        cells = self.rows * len(schema)
        for what, count, most in (("rows", self.rows, self._most_rows), ("values", cells, self._most_cells)):
            if count > most:
                raise BadFeatures(
                    f"{_shown(self._path)}: {self.rows:,} rows of {len(schema):,} columns, more than the {most:,} "
                    f"{what} that are read; make the cache from a sample of them"
                )


def read_batches(path: Path, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
    """Some columns of the parquet at ``path``, ``rows`` rows at a time, in their order; at the end what is left.

    How many there are in a piece does not depend on the parts and row groups that they are stored in: what is added up
    by pieces would. Raises ``BadFeatures`` as ``read_features`` does.
    """
    waiting: list[pa.Table] = []
    count = 0
    for table in _pieces(path, columns, rows):
        rest = table
        while count + rest.num_rows >= rows:
            taken = rows - count
            yield _joined(path, [*waiting, rest.slice(0, taken)])
            rest, waiting, count = rest.slice(taken), [], 0
        if rest.num_rows:
            waiting.append(rest)
            count += rest.num_rows
    if waiting:
        yield _joined(path, waiting)


def _pieces(path: Path, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
    """As the parts and the library give them, none of more than ``rows`` rows."""
    import pyarrow as pa

    for part in _parts_of(path):
        stored = [name for name in columns if name not in dict(part.columns)]
        with _opened(part) as file:
            # One thread decodes: the others predict what was read before.
            for batch in file.iter_batches(rows, columns=stored, use_threads=False):
                yield _with_columns(part, pa.Table.from_batches([batch])).select(columns)


@contextlib.contextmanager
def _opened(part: Part) -> Iterator[pq.ParquetFile]:
    """A part, found to be no bomb, and open to be read. Raises ``BadFeatures``, for what is done with it as well."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = part.path
    try:
        with open_file(path) as stream:
            footer = footer_at_the_end_of(stream)
            # Text stays as it is stored, each value once: few bytes can stand for a long one in any number of rows.
            texts = refuse_bombs(stream, footer)
            with pq.ParquetFile(
                stream,
                read_dictionary=texts,
                pre_buffer=False,
                buffer_size=_BUFFER,
                page_checksum_verification=True,
            ) as file:
                refuse_unsupported(file.schema_arrow)
                yield file
    except CannotRead as error:
        raise _unreadable(error) from error
    except UnsupportedColumn as error:
        raise BadFeatures(f"{_shown(path)}: {error}") from error
    except (pa.ArrowException, OSError, ValueError, LookupError, OverflowError, MemoryError) as error:
        raise BadFeatures(
            f"{_shown(path)}: not a parquet file that can be read ({_first_line(error)}); restore it from version "
            f"control, or make the cache again with `bisect-cache generate`"
        ) from error


def _parts_of(path: Path) -> tuple[Part, ...]:
    try:
        return parts_of(path)
    except CannotRead as error:
        raise _unreadable(error) from error


def _unreadable(error: CannotRead) -> BadFeatures:
    return BadFeatures(f"{error}, or make the cache again with `bisect-cache generate`")


def _with_columns(part: Part, table: pa.Table) -> pa.Table:
    """The rows of a part with the columns that its folders name."""
    import pyarrow as pa

    for name, value in part.columns:
        places = pa.py_buffer(np.zeros(table.num_rows, "<i4"))
        valid = None if value is not None else pa.py_buffer(np.zeros((table.num_rows + 7) // 8, np.uint8))
        indices = pa.Array.from_buffers(pa.int32(), table.num_rows, [valid, places])
        table = table.append_column(name, pa.DictionaryArray.from_arrays(indices, pa.array([value or ""], pa.string())))
    return table


def _some(names: Iterable[str]) -> str:
    shown = [printable(name) for name in itertools.islice(names, 21)]
    return ", ".join(shown[:20]) + (", …" if len(shown) > 20 else "")


def _shown(path: Path) -> str:
    return printable(str(path), LONGEST_PLACE)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return printable(lines[0].rstrip(".")) if lines else type(error).__name__
