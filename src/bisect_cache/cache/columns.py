"""Columns in one canonical form, whatever library, version, chunking or string type wrote them.

Two tables hold the same data exactly when their canonical columns are the same bits: NaN equals NaN (one
bit pattern stands for all), -0.0 differs from 0.0, and what lies under a null does not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bisect_cache.errors import BisectCacheError

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
        starts = [0, *ends[:-1]]
        texts: list[str | None] = [self.data[a:b].decode() for a, b in zip(starts, ends, strict=True)]
        if self.valid is not None:
            texts = [text if here else None for text, here in zip(texts, self.valid.tolist(), strict=True)]
        return texts


Column = Numbers | Strings


def canonical_columns(table: pa.Table) -> dict[str, Column]:
    """The columns of ``table`` by name, in their order.

    Raises ``UnsupportedColumn`` for anything but numbers, booleans, text and dictionaries of these, and for a
    name that stands twice.
    """
    columns: dict[str, Column] = {}
    for name, chunked in zip(table.column_names, table.columns, strict=True):
        if name in columns:
            raise UnsupportedColumn(f"column '{name}' stands twice; a cache names each column once")
        columns[name] = _canonical(name, chunked)
    return columns


def _canonical(name: str, chunked: pa.ChunkedArray) -> Column:
    kind = str(chunked.type)
    chunks = chunked.chunks
    if kind.startswith("dictionary<"):
        kind = str(chunked.type.value_type)
        chunks = [chunk.dictionary_decode() for chunk in chunks]
    if kind in {"string", "large_string"}:
        return _strings(name, chunks)
    if kind in _NUMBERS:
        return _numbers(name, kind, chunks)
    raise UnsupportedColumn(
        f"column '{name}' has type {kind}; a cache holds numbers, booleans and text: drop or convert the column"
    )


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
        if chunk.null_count:
            encoded = [scalar.as_buffer().to_pybytes() if scalar.is_valid else b"" for scalar in chunk]
            lengths.append(np.fromiter(map(len, encoded), np.int64, len(encoded)))
            pieces.extend(encoded)
            continue
        _, offsets_buffer, buffer = chunk.buffers()
        width: np.dtype[Any] = np.dtype("<i8") if str(chunk.type) == "large_string" else np.dtype("<i4")
        offsets = np.frombuffer(offsets_buffer, width, count=len(chunk) + 1, offset=chunk.offset * width.itemsize)
        lengths.append(np.diff(offsets).astype(np.int64))
        pieces.append(bytes(memoryview(buffer)[int(offsets[0]) : int(offsets[-1])]) if buffer is not None else b"")
    data = b"".join(pieces)
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise UnsupportedColumn(f"column '{name}' holds text that is not UTF-8 ({error.reason})") from error
    return Strings(name, _joined(lengths, np.dtype("<i8")), data, _validity(chunks))


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
