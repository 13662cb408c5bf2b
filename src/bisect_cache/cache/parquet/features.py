"""``features.parquet``: written by pandas as the recipe prescribes, read by pyarrow alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bisect_cache.cache.manifest import ROW_COLUMN
from bisect_cache.cache.parquet.columns import UnsupportedColumn, refuse_unsupported
from bisect_cache.cache.parquet.footer import Footer, footer_at_the_end_of
from bisect_cache.cache.parquet.pages import refuse_bombs
from bisect_cache.errors import BisectCacheError
from bisect_cache.files import CannotRead, open_file
from bisect_cache.printable import printable

if TYPE_CHECKING:
    import pyarrow as pa

Columns = Mapping[str, NDArray[np.float32] | list[str]]
_ROWS_WORTH_THREADS = 100_000
_MOST_CELLS = 400_000_000
_MOST_ROWS = 20_000_000
"""As many as a synthetic cache may have."""


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
    """All columns of the file at ``path``.

    Raises ``BadFeatures`` when it is not there, or is no parquet that can be read to its end.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with open_file(path) as stream:
            footer = footer_at_the_end_of(stream)
            _refuse_by_size(path, footer)
            # Text stays as it is stored, each value once: few bytes can stand for a long one in any number of rows.
            texts = refuse_bombs(stream, footer)
            with pq.ParquetFile(
                stream, read_dictionary=texts, pre_buffer=False, page_checksum_verification=True
            ) as file:
                refuse_unsupported(file.schema_arrow)
                return file.read(use_threads=footer.rows >= _ROWS_WORTH_THREADS)
    except CannotRead as error:
        raise BadFeatures(f"{error}, or make the cache again with `bisect-cache generate`") from error
    except UnsupportedColumn as error:
        raise BadFeatures(f"{path}: {error}") from error
    except (pa.ArrowException, OSError, ValueError, LookupError, OverflowError, MemoryError) as error:
        raise BadFeatures(
            f"{path}: not a parquet file that can be read ({_first_line(error)}); restore it from version control, "
            f"or make the cache again with `bisect-cache generate`"
        ) from error


def _refuse_by_size(path: Path, footer: Footer) -> None:
    """A few bytes of parquet can stand for any number of rows."""
    rows, columns = footer.rows, footer.columns
    for what, count, most in (("rows", rows, _MOST_ROWS), ("values", rows * columns, _MOST_CELLS)):
        if count > most:
            raise BadFeatures(
                f"{path}: {rows:,} rows of {columns:,} columns, more than the {most:,} {what} that are read; make the "
                f"cache from a sample of them"
            )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return printable(lines[0].rstrip(".")) if lines else type(error).__name__
