"""The logical fingerprint: one value for one content, whatever wrote it.

sha256 over a canonical JSON of the schema (column names and types in their order, the number of rows; no
metadata), then for each column its values as little-endian buffers and its validity. Parquet bytes differ
between any two writer versions; this does not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import numpy as np

from bisect_cache.cache.parquet.columns import Column, Strings


def fingerprint(columns: Mapping[str, Column]) -> str:
    """``sha256:`` and 64 hexadecimal digits for canonical columns of equal length."""
    rows = len(next(iter(columns.values()))) if columns else 0
    schema = {"columns": [[column.name, column.type] for column in columns.values()], "rows": rows}
    digest = hashlib.sha256(json.dumps(schema, sort_keys=True, separators=(",", ":")).encode())
    for column in columns.values():
        if isinstance(column, Strings):
            digest.update(column.lengths.data)
            digest.update(column.data)
        else:
            digest.update(column.values.data)
        if column.valid is None:
            digest.update(b"all valid")
        else:
            digest.update(np.packbits(column.valid, bitorder="little").tobytes())
    return f"sha256:{digest.hexdigest()}"
