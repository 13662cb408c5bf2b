"""Columns in one canonical form, whatever library, version, chunking or string type wrote them.

Two tables hold the same data exactly when their canonical columns are the same bits: NaN equals NaN (one
bit pattern stands for all), -0.0 differs from 0.0, and what lies under a null does not count.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bisect_cache.cache.parquet.pages import MOST_TEXT
from bisect_cache.errors import BisectCacheError
from bisect_cache.printable import printable

if TYPE_CHECKING:
    import pyarrow as pa

_NUMBERS: dict[str, np.dtype[Any]] = {
    "bool": np.dtype("u1"),
    "int8": np.dtype("<i1"),
    "int16": np.dtype("<i2"),
    "int32": np.dtype("<i4"),
    "int64": np.dtype("<i8"),
    "uint8": np.dtype("<u1"),
    "uint16": np.dtype("<u2"),
    "uint32": np.dtype("<u4"),
    "uint64": np.dtype("<u8"),
    "halffloat": np.dtype("<f2"),
    "float": np.dtype("<f4"),
    "double": np.dtype("<f8"),
}
_FEW_ROWS = 100_000
_TEXTS = frozenset({"string", "large_string"})
_NAMES = {"halffloat": "float16", "float": "float32", "double": "float64", "large_string": "string"}


class UnsupportedColumn(BisectCacheError):
    """A column of a type that a cache does not hold."""


@dataclass(frozen=True)
class Numbers:
    """A column of numbers: ``values`` (N,) in little-endian order, 0 under nulls; ``valid`` (N,) bool or None."""

    name: str
    type: str
    values: NDArray[Any]
    valid: NDArray[np.bool_] | None

    def __len__(self) -> int:
        return self.values.size


@dataclass(frozen=True)
class Strings:
    """A column of text: UTF-8 ``lengths`` (N,) int64 and all ``data`` in one piece; ``valid`` (N,) bool or None."""

    name: str
    lengths: NDArray[np.int64]
    data: bytes
    valid: NDArray[np.bool_] | None
    type: str = "string"

    def __len__(self) -> int:
        return self.lengths.size

    def texts(self) -> list[str | None]:
        """The column's N values, ``None`` for nulls."""
        ends = np.cumsum(self.lengths).tolist()
        texts: list[str | None] = [self.data[a:b].decode() for a, b in pairwise([0, *ends])]
        if self.valid is not None:
            texts = [text if here else None for text, here in zip(texts, self.valid.tolist(), strict=True)]
        return texts


Column = Numbers | Strings


def canonical_columns(table: pa.Table) -> dict[str, Column]:
    """The columns of ``table`` by name, in their order.

    Raises ``UnsupportedColumn`` for anything but numbers, booleans, text and dictionaries of these, for a name that
    stands twice, and for more text than is read.
    """
    refuse_unsupported(table.schema)
    return {name: _canonical(name, column) for name, column in zip(table.column_names, table.columns, strict=True)}


def numbers_as_stored(table: pa.Table, name: str) -> NDArray[Any] | None:
    """The values (N,) of a column of numbers without nulls, as they are; None for any other column."""
    column = table.column(name)
    kind = str(column.type)
    if kind not in _NUMBERS or column.null_count:
        return None
    return _joined([_chunk_numbers(chunk, kind) for chunk in column.chunks], _NUMBERS[kind])


def canonical_schema(schema: pa.Schema) -> list[tuple[str, str]]:
    """Names and types of the columns as ``canonical_columns`` gives them; none of them is read."""
    kinds = (_kind(each) for each in schema.types)
    names = {**_NAMES, **dict.fromkeys(_TEXTS, "string")}
    return [(name, names.get(kind, kind)) for name, kind in zip(schema.names, kinds, strict=True)]


def refuse_unsupported(schema: pa.Schema) -> None:
    """Raise ``UnsupportedColumn`` for columns that a cache does not hold, before any of them is read."""
    for name, count in Counter(schema.names).items():
        if count > 1:
            raise UnsupportedColumn(f"column '{printable(name)}' stands twice; a cache names each column once")
    for name, kind in zip(schema.names, map(_kind, schema.types), strict=True):
        if kind not in _TEXTS and kind not in _NUMBERS:
            raise UnsupportedColumn(
                f"column '{printable(name)}' has type {printable(kind)}; a cache holds numbers, booleans and text: "
                f"drop or convert the column"
            )


def _kind(of: pa.DataType) -> str:
    """What a column holds, spelled out where it is a dictionary."""
    kind = str(of)
    return str(of.value_type) if kind.startswith("dictionary<") else kind


def _canonical(name: str, chunked: pa.ChunkedArray) -> Column:
    kind, chunks = _kind(chunked.type), chunked.chunks
    if str(chunked.type).startswith("dictionary<"):
        chunks = _spelled_out(name, chunks)
    return _strings(name, chunks) if kind in _TEXTS else _numbers(name, kind, chunks)


def _spelled_out(name: str, chunks: list[pa.Array]) -> list[pa.Array]:
    """Chunks of a dictionary's column as the values that they stand for, which may be many times as large."""
    import pyarrow as pa

    size = sum(_longest_possible(chunk) for chunk in chunks)
    if size > MOST_TEXT:
        size = sum(_spelled_out_size(chunk) for chunk in chunks)
    if size > MOST_TEXT:
        raise UnsupportedColumn(
            f"column '{printable(name)}' holds {size:,} bytes of text, and at most {MOST_TEXT:,} are read"
        )
    try:
        return [_decoded(chunk) for chunk in chunks]
    except pa.ArrowException as error:
        raise UnsupportedColumn(f"column '{printable(name)}' is damaged ({printable(str(error))})") from error


def _decoded(chunk: pa.Array) -> pa.Array:
    """A dictionary's chunk as plain values. Text in few rows by hand: the library would load a library for it first."""
    import pyarrow as pa

    dictionary = chunk.dictionary
    if len(chunk) > _FEW_ROWS or str(dictionary.type) not in _TEXTS or dictionary.null_count or not len(dictionary):
        return chunk.dictionary_decode()
    here = _validity([chunk.indices])
    places = _chunk_numbers(chunk.indices, str(chunk.indices.type)).astype(np.int64)
    if here is not None:
        places[~here] = 0
    if places.size and not 0 <= places.min() <= places.max() < len(dictionary):
        raise pa.ArrowInvalid("it names a value that its dictionary does not hold")
    data = bytes(memoryview(dictionary.buffers()[2] or b""))
    texts = [data[a:b] for a, b in pairwise(_offsets(dictionary).tolist())]
    ends = np.cumsum([0, *(len(texts[place]) for place in places)], dtype="<i8")
    spelled_out = pa.py_buffer(b"".join(texts[place] for place in places))
    valid = None if here is None else pa.py_buffer(np.packbits(here, bitorder="little").tobytes())
    return pa.Array.from_buffers(pa.large_string(), len(chunk), [valid, pa.py_buffer(ends.tobytes()), spelled_out])


def places_in_dictionary(name: str, chunk: pa.Array) -> NDArray[np.int64]:
    """Which value of its dictionary each row of a chunk has, (n,); -1 for none. Raises ``UnsupportedColumn``."""
    places = _chunk_numbers(chunk.indices, str(chunk.indices.type)).astype(np.int64)
    here = _validity([chunk.indices])
    named = places if here is None else places[here]
    if named.size and not 0 <= named.min() <= named.max() < len(chunk.dictionary):
        raise UnsupportedColumn(f"column '{printable(name)}' names a value that its dictionary does not hold")
    if here is not None:
        places = np.where(here, places, -1)
    values_here = _validity([chunk.dictionary]) if len(chunk.dictionary) else None
    return places if values_here is None else np.where(values_here.take(places, mode="clip"), places, -1)


def _lengths(chunk: pa.Array) -> NDArray[Any]:
    """Bytes of each text in a dictionary; none where it holds numbers, which become no larger."""
    if not len(chunk.dictionary) or str(chunk.dictionary.type) not in _TEXTS:
        return np.zeros(1, np.int64)
    return np.diff(_offsets(chunk.dictionary))


def _longest_possible(chunk: pa.Array) -> int:
    return len(chunk) * int(_lengths(chunk).max())


def _spelled_out_size(chunk: pa.Array) -> int:
    places = _chunk_numbers(chunk.indices, str(chunk.indices.type))
    here = _validity([chunk.indices])
    return int(_lengths(chunk).take(places if here is None else places[here], mode="clip").sum(dtype=np.int64))


def _numbers(name: str, kind: str, chunks: list[pa.Array]) -> Numbers:
    parts = [_chunk_numbers(chunk, kind) for chunk in chunks]
    values = _joined(parts, _NUMBERS[kind])
    valid = _validity(chunks)
    if valid is not None:
        values = np.where(valid, values, values.dtype.type(0))
    if values.dtype.kind == "f":
        nan = np.isnan(values)
        if nan.any():
            values = np.where(nan, values.dtype.type(np.nan), values)
    return Numbers(name, _NAMES.get(kind, kind), values, valid)


def _chunk_numbers(chunk: pa.Array, kind: str) -> NDArray[Any]:
    # Array.to_numpy() would import pandas where it is installed: 0.3 s that nobody asked for.
    data = chunk.buffers()[1]
    if data is None or len(chunk) == 0:
        return np.zeros(len(chunk), _NUMBERS[kind])
    if kind == "bool":
        return _bits(data, chunk.offset, len(chunk))
    return np.frombuffer(data, _NUMBERS[kind], count=len(chunk), offset=chunk.offset * _NUMBERS[kind].itemsize)


def _strings(name: str, chunks: list[pa.Array]) -> Strings:
    lengths: list[NDArray[np.int64]] = []
    pieces: list[bytes] = []
    for chunk in chunks:
        if len(chunk) == 0:
            continue
        offsets, buffer = _offsets(chunk), chunk.buffers()[2]
        data = bytes(memoryview(buffer)[int(offsets[0]) : int(offsets[-1])]) if buffer is not None else b""
        sizes = np.diff(offsets).astype(np.int64)
        here = _validity([chunk])
        if here is not None and sizes[~here].any():  # what lies under a null does not count
            starts = (offsets[:-1] - offsets[0])[here].tolist()
            data = b"".join(data[a : a + size] for a, size in zip(starts, sizes[here].tolist(), strict=True))
        lengths.append(sizes if here is None else np.where(here, sizes, 0))
        pieces.append(data)
    if not all(map(_is_text, pieces, lengths)):
        raise UnsupportedColumn(f"column '{printable(name)}' holds text that is not UTF-8")
    return Strings(name, _joined(lengths, np.dtype("<i8")), b"".join(pieces), _validity(chunks))


def _is_text(data: bytes, lengths: NDArray[np.int64]) -> bool:
    """Whether every value is UTF-8: all of them together are, and none begins within a character."""
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    starts = (np.cumsum(lengths) - lengths)[lengths > 0]
    return not np.any(np.frombuffer(data, np.uint8)[starts] & 0xC0 == 0x80)


def _offsets(chunk: pa.Array) -> NDArray[Any]:
    """Where each text of a chunk, which is not empty, begins, and where the last one ends."""
    width: np.dtype[Any] = np.dtype("<i8") if str(chunk.type) == "large_string" else np.dtype("<i4")
    return np.frombuffer(chunk.buffers()[1], width, count=len(chunk) + 1, offset=chunk.offset * width.itemsize)


def _validity(chunks: list[pa.Array]) -> NDArray[np.bool_] | None:
    if not any(chunk.null_count for chunk in chunks):
        return None
    parts = []
    for chunk in chunks:
        bitmap = chunk.buffers()[0]
        if bitmap is None:
            parts.append(np.ones(len(chunk), np.bool_))
        else:
            parts.append(_bits(bitmap, chunk.offset, len(chunk)).astype(np.bool_))
    return np.concatenate(parts)


def _bits(buffer: pa.Buffer, offset: int, length: int) -> NDArray[np.uint8]:
    raw = np.frombuffer(buffer, np.uint8)
    first = offset // 8
    bits = np.unpackbits(raw[first : (offset + length + 7) // 8], bitorder="little")
    return bits[offset - 8 * first :][:length]


def _joined(parts: list[NDArray[Any]], dtype: np.dtype[Any]) -> NDArray[Any]:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.zeros(0, dtype)
