"""The footer of a parquet file, as far as it says what lies where.

Read here, because the library takes a footer's word where it contradicts itself, and ends the process when it is
asked about a column that a damaged footer does not describe.
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
"""

from __future__ import annotations

from dataclasses import dataclass
from io import SEEK_END
from typing import Any, BinaryIO

from bisect_cache.cache.parquet.thrift import BINARY, INT32, INT64, Cursor, Ends, Malformed, read_struct

TEXT = 6
"""``BYTE_ARRAY``, the physical type of text."""
_ENDING = 8
"""Bytes: the length of the footer, and ``PAR1``."""
_LARGEST = 16 << 20
_MOST_VALUES = 2_000_000
_CHUNK = {1: INT32, 2: [INT32], 3: [BINARY], 4: INT32, 5: INT64, 7: INT64, 9: INT64, 11: INT64}
_ENCRYPTION: dict[int, Any] = {}
_FILE = {3: INT64, 4: [{1: [{3: _CHUNK}], 3: INT64}], 8: _ENCRYPTION}
"""The numbers of the fields that are read, of FileMetaData: its rows, its row groups with their columns, and whether
they are encrypted."""
_CODECS = ("none", "snappy", "gzip", "lzo", "brotli", "lz4", "zstd", "lz4_raw")


@dataclass(frozen=True)
class Chunk:
    """One column in one row group."""

    type: int
    """The physical type, by its number in the format."""
    encodings: tuple[int, ...]
    path: str
    codec: str
    values: int
    packed: int
    """Bytes in the file, of all pages with their headers."""
    begins: int
    """Where its first page stands."""


@dataclass(frozen=True)
class Footer:
    """What a file says of itself."""

    rows: int
    columns: int
    groups: int
    chunks: tuple[Chunk, ...]
    """Of all row groups."""


def footer_at_the_end_of(stream: BinaryIO) -> Footer:
    """The footer of the file in ``stream``, which is left at its start. Raises ``Malformed``."""
    size = stream.seek(0, SEEK_END)
    stream.seek(max(0, size - _ENDING))
    ending = stream.read(_ENDING)
    if ending.endswith(b"PARE"):
        raise Malformed("it is encrypted")
    length = int.from_bytes(ending[:4], "little")
    if length > size - _ENDING:
        raise Malformed("it does not end as a parquet file does: it may be cut short")
    if length > _LARGEST:
        raise Malformed(f"its footer has {length:,} bytes, and at most {_LARGEST:,} are read")
    stream.seek(size - _ENDING - length)
    data = stream.read(length)
    stream.seek(0)
    return read_footer(data)


def read_footer(data: bytes) -> Footer:
    """The footer in ``data``. Raises ``Malformed``, also where it contradicts itself."""
    try:
        found = read_struct(Cursor(data, room=_MOST_VALUES, steps=_MOST_VALUES), _FILE)
        if 8 in found:
            raise Malformed("it is encrypted")
        groups = found[4]
        rows = [group[3] for group in groups]
        columns = [group[1] for group in groups]
        chunks = tuple(_chunk(chunk[3]) for group in columns for chunk in group)
    except (Ends, KeyError, UnicodeDecodeError) as error:
        raise Malformed("its footer is damaged") from error
    if min(rows, default=0) < 0 or sum(rows) != found.get(3):
        raise Malformed("its row groups do not have as many rows as its footer says")
    if len({len(group) for group in columns}) > 1:
        raise Malformed("its row groups do not have the same columns")
    return Footer(sum(rows), len(columns[0]) if columns else 0, len(groups), chunks)


def _chunk(said: dict[int, Any]) -> Chunk:
    first, dictionary = said[9], said.get(11, 0)
    return Chunk(
        type=said[1],
        encodings=tuple(said[2]),
        path=".".join(part.decode() for part in said[3]),
        codec=_CODECS[said[4]] if 0 <= said[4] < len(_CODECS) else f"codec {said[4]}",
        values=said[5],
        packed=said[7],
        begins=dictionary if 0 < dictionary < first else first,  # as the library chooses it
    )
