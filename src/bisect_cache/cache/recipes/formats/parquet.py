"""A parquet table: nothing of it is unpacked before it is known what it becomes."""

from __future__ import annotations

import contextlib
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bisect_cache.cache.parquet.footer import footer_at_the_end_of
from bisect_cache.cache.parquet.pages import refuse_bombs
from bisect_cache.cache.recipes.formats.opening import opened
from bisect_cache.cache.recipes.interface import BadSource
from bisect_cache.cache.recipes.labelled_table import LabelledTable, Values
from bisect_cache.files import LARGEST_FILE

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_MOST_ROWS = 20_000_000
_MOST_VALUES = 400_000_000
"""Of a parquet file: a few of its bytes can stand for any number of rows."""


def open_parquet(path: Path) -> LabelledTable:
    """The table in ``path``. Raises ``BadSource``, when it is opened or when a column is read."""
    with _parquet(path) as file:
        columns = tuple(file.schema_arrow.names)
        texts = frozenset(field.name for field in file.schema_arrow if _is_text(field.type))
        rows = file.metadata.num_rows
    if rows > _MOST_ROWS:
        raise BadSource(
            f"{path}: has {rows:,} rows, more than the {_MOST_ROWS:,} a cache can hold; take a sample of them"
        )
    return LabelledTable(path, columns, lambda names: _parquet_columns(path, names, texts))


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _parquet_columns(path: Path, names: Sequence[str], texts: Container[str]) -> dict[str, Values]:
    import pyarrow as pa

    values: dict[str, Values] = {}
    with _parquet(path, names, dictionaries=[name for name in names if name in texts]) as file:
        cells = file.metadata.num_rows * len(names)
        if cells > _MOST_VALUES:
            raise BadSource(
                f"{path}: has {cells:,} values in the columns wanted, more than the {_MOST_VALUES:,} that are "
                f"read; take a sample of its rows"
            )
        table = file.read(columns=list(names))
        for name in names:
            column = table.column(name)
            if pa.types.is_floating(column.type):
                values[name] = column.cast(pa.float64()).to_numpy()
            elif pa.types.is_dictionary(column.type):
                values[name] = [value for chunk in column.chunks for value in _spelled_out(chunk)]
            else:
                values[name] = column.to_pylist()
    return values


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
        with opened(path, LARGEST_FILE) as stream:
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
