"""The logical fingerprint: one value for one content, whatever wrote it.

sha256 over a canonical JSON of the schema (column names and types in their order, the number of rows; no
metadata), then for each column its values as little-endian buffers and its validity. Parquet bytes differ
between any two writer versions; this does not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bisect_cache.cache.parquet.columns import Column, Strings


def fingerprint(columns: Mapping[str, Column]) -> str:
    """``sha256:`` and 64 hexadecimal digits for canonical columns of equal length."""
    rows = len(next(iter(columns.values()))) if columns else 0
    schema = [(column.name, column.type) for column in columns.values()]
    return fingerprint_of_pieces(schema, rows, lambda name: [columns[name]])


def fingerprint_of_pieces(
    schema: Sequence[tuple[str, str]], rows: int, pieces: Callable[[str], Iterable[Column]]
) -> str:
    """The same, of columns that come in pieces: ``pieces`` gives those of one, canonical, in their order.

    It is asked once for each column of the ``schema``, and twice for text.
    """
    described = {"columns": [list(column) for column in schema], "rows": rows}
    digest = hashlib.sha256(json.dumps(described, sort_keys=True, separators=(",", ":")).encode())
    for name, kind in schema:
        valid: list[NDArray[np.bool_] | int] = []
        for piece in pieces(name):
            digest.update(piece.lengths.data if isinstance(piece, Strings) else piece.values.data)
            valid.append(len(piece) if piece.valid is None else piece.valid)
        if kind == "string":
            for piece in pieces(name):
                digest.update(piece.data if isinstance(piece, Strings) else b"")
        digest.update(_validity(valid))
    return f"sha256:{digest.hexdigest()}"


def _validity(pieces: Sequence[NDArray[np.bool_] | int]) -> bytes:
    """Of pieces with nulls which rows are none, of those without how many rows they have."""
    if all(isinstance(piece, int) for piece in pieces):
        return b"all valid"
    bits = [np.ones(piece, np.bool_) if isinstance(piece, int) else piece for piece in pieces]
    return np.packbits(np.concatenate(bits), bitorder="little").tobytes()
