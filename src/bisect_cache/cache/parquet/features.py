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

from bisect_cache.cache.manifest import ROW_COLUMN
from bisect_cache.cache.parquet.columns import UnsupportedColumn, canonical_schema, refuse_unsupported
from bisect_cache.cache.parquet.footer import footer_at_the_end_of
from bisect_cache.cache.parquet.pages import refuse_bombs
from bisect_cache.cache.parquet.parts import Part, parts_of
from bisect_cache.errors import BisectCacheError
from bisect_cache.files import CannotRead, open_file
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


def write_features(columns: Columns, to: Path | BinaryIO) -> None:
    """Write N-row ``columns`` (float32 arrays and lists of text) as parquet.

    As ``research-0001`` prescribes: the index is a RangeIndex named ``row`` and is stored, as the last column;
    compression is zstd.
    """
    import pandas as pd

    rows = len(next(iter(columns.values())))
    frame = pd.DataFrame(dict(columns), index=pd.RangeIndex(start=0, stop=rows, name=ROW_COLUMN))
    frame.to_parquet(to, engine="pyarrow", compression="zstd", index=True)


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
    import pyarrow as pa

    counting, tables = _Counting(path, MOST_ROWS, MOST_CELLS), []
    for part in _parts_of(path):
        with _opened(part) as file:
            counting.add(part, file)
            tables.append(_with_columns(part, file.read(use_threads=counting.rows >= _ROWS_WORTH_THREADS)))
    return tables[0] if len(tables) == 1 else pa.concat_tables(tables).unify_dictionaries()


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
            raise BadFeatures(f"{part.path}: holds a column that its folders name too: {_some(dict(part.columns))}")
        if self._first is not None and schema != self.schema:
            raise BadFeatures(
                f"{part.path}: has the columns {_some(map(' '.join, schema))}, but {self._first} "
                f"{_some(map(' '.join, self.schema))}; parts of one parquet must have the same, in the same order"
            )
        self._first, self.schema = self._first or part.path, schema
        self.rows += file.metadata.num_rows
        cells = self.rows * len(schema)
        for what, count, most in (("rows", self.rows, self._most_rows), ("values", cells, self._most_cells)):
            if count > most:
                raise BadFeatures(
                    f"{self._path}: {self.rows:,} rows of {len(schema):,} columns, more than the {most:,} {what} that "
                    f"are read; make the cache from a sample of them"
                )


def read_batches(path: Path, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
    """Some columns of the parquet at ``path``, ``rows`` rows at a time at most, in their order.

    Raises ``BadFeatures`` as ``read_features`` does.
    """
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
        raise BadFeatures(f"{error}, or make the cache again with `bisect-cache generate`") from error
    except UnsupportedColumn as error:
        raise BadFeatures(f"{path}: {error}") from error
    except (pa.ArrowException, OSError, ValueError, LookupError, OverflowError, MemoryError) as error:
        raise BadFeatures(
            f"{path}: not a parquet file that can be read ({_first_line(error)}); restore it from version control, "
            f"or make the cache again with `bisect-cache generate`"
        ) from error


def _parts_of(path: Path) -> tuple[Part, ...]:
    try:
        return parts_of(path)
    except CannotRead as error:
        raise BadFeatures(str(error)) from error


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


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return printable(lines[0].rstrip(".")) if lines else type(error).__name__
