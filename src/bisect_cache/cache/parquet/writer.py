"""Why two parquet files with the same content have different bytes."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bisect_cache.cache.parquet.footer import Chunk, footer_at_the_end_of

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_ARROW_SCHEMA = b"ARROW:schema"


def writer_of(metadata: pq.FileMetaData) -> tuple[str, str]:
    """Who wrote a file: the writer's name and version, and the version of pandas ('' where it left none)."""
    try:
        writer = str(metadata.created_by or "unknown writer")
    except UnicodeDecodeError:
        writer = "unknown writer"
    return writer, str(_pandas_metadata(metadata).get("pandas_version") or "")


def writer_here() -> tuple[str, str]:
    """What ``writer_of`` says of a file that this installation writes."""
    from importlib.metadata import version

    import pyarrow as pa

    return f"parquet-cpp-arrow version {pa.cpp_version}", version("pandas")


def causes(committed: pq.FileMetaData, regenerated: pq.FileMetaData) -> list[str]:
    """What can be seen to differ between two files of equal content, the most telling first; never empty."""
    found = list(_visible(committed, regenerated))
    return found or ["the encoding of pages (another build of the compressor or the writer)"]


def _visible(committed: pq.FileMetaData, regenerated: pq.FileMetaData) -> Iterator[str]:
    (writer, pandas), (writer_now, pandas_now) = writer_of(committed), writer_of(regenerated)
    if writer != writer_now:
        yield f"writer version ({writer} -> {writer_now})"
    if pandas != pandas_now:
        yield f"pandas metadata (pandas {pandas or 'none'} -> {pandas_now or 'none'})"
    elif _without_versions(committed) != _without_versions(regenerated):
        yield "pandas metadata"
    if _arrow_schema(committed) != _arrow_schema(regenerated):
        yield "the embedded Arrow schema"
    compression, compression_now = _compression(committed), _compression(regenerated)
    if compression != compression_now:
        yield f"compression ({compression} -> {compression_now})"
    if committed.format_version != regenerated.format_version:
        yield f"format version ({committed.format_version} -> {regenerated.format_version})"
    if _layout(committed) != _layout(regenerated):
        yield f"page layout ({_described(committed)} -> {_described(regenerated)})"


def _pandas_metadata(metadata: pq.FileMetaData) -> dict[str, Any]:
    try:
        decoded = json.loads((metadata.metadata or {}).get(b"pandas", b"{}"))
    except (ValueError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _without_versions(metadata: pq.FileMetaData) -> dict[str, Any]:
    return {key: value for key, value in _pandas_metadata(metadata).items() if key not in {"creator", "pandas_version"}}


def _arrow_schema(metadata: pq.FileMetaData) -> bytes | None:
    value = (metadata.metadata or {}).get(_ARROW_SCHEMA)
    return bytes(value) if value is not None else None


def _compression(metadata: pq.FileMetaData) -> str:
    return ", ".join(sorted({chunk.codec for chunk in _chunks(metadata)})) or "none"


def _layout(metadata: pq.FileMetaData) -> list[tuple[int, tuple[int, ...], int]]:
    return [(chunk.values, chunk.encodings, chunk.packed) for chunk in _chunks(metadata)]


def _described(metadata: pq.FileMetaData) -> str:
    size = sum(chunk.packed for chunk in _chunks(metadata))
    groups = metadata.num_row_groups
    return f"{groups} row group{'s' if groups != 1 else ''}, {size} bytes of pages"


def _chunks(metadata: pq.FileMetaData) -> tuple[Chunk, ...]:
    """Every column in every row group; the library itself is not asked, see ``footer.py``."""
    written = io.BytesIO()
    metadata.write_metadata_file(written)
    return footer_at_the_end_of(written).chunks
