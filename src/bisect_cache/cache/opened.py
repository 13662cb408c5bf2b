"""A cache opened for judging: the matrix, the target, the contents, and what it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bisect_cache.cache.contents import Numbering
from bisect_cache.cache.fingerprint import fingerprint
from bisect_cache.cache.large import MOST_CELLS, MOST_ROWS, Batch, LargeCache
from bisect_cache.cache.manifest import FEATURES_NAME, Manifest, Provenance, Target, read_manifest
from bisect_cache.cache.parquet.columns import UnsupportedColumn, canonical_columns
from bisect_cache.cache.parquet.features import BadFeatures, read_features, survey
from bisect_cache.cache.standing import standing_still
from bisect_cache.cache.usable import (
    FEWEST_ROWS,
    feature_names,
    finite_float32,
    notes_on,
    refuse_absent,
    too_little,
)

NAMED = ", which the manifest names"
_SMALL = 1 << 20
"""Bytes."""


@dataclass(frozen=True)
class Held:
    """How large a cache may be that is read at once, and held."""

    rows: int = 1_000_000
    values: int = 16_000_000
    """Of all features."""


HELD = Held()


@dataclass(frozen=True)
class Cache:
    """What models are judged on."""

    path: Path
    provenance: Provenance
    columns: tuple[str, ...]
    """Names of the F features."""
    features: NDArray[np.float32]
    """Shape (N, F), C order, all finite."""
    target: NDArray[np.float32]
    """Shape (N,), all finite, not constant."""
    target_is: Target
    contents: NDArray[np.int32] | None
    """Shape (N,): the number of each row's content, counted from 0; None where rows name none."""
    content_names: tuple[str, ...]
    """What the contents are called, by their number."""
    fingerprint: str
    notes: tuple[str, ...]

    @property
    def rows(self) -> int:
        """N."""
        return self.target.size

    @property
    def content_count(self) -> int | None:
        """How many contents there are; None where rows name none."""
        return None if self.contents is None else len(self.content_names)

    def some(self, rows: NDArray[np.int64]) -> Batch:
        """The rows at the places ``rows``, (n,), as if they were all."""
        contents = None if self.contents is None else self.contents[rows]
        return Batch(0, self.features[rows], self.target[rows], contents)


def open_cache(folder: Path, held: Held | None = None) -> Cache | LargeCache:
    """Read the cache in ``folder``; one of more than is ``held`` (None: ``HELD``) is read later, in batches.

    Raises ``BadManifest`` or ``BadFeatures`` when it is no cache, cannot be read, or holds nothing that a model
    could be judged on, ``Replaced`` when it was replaced meanwhile.
    """
    held = held or HELD
    with standing_still(folder):
        manifest = read_manifest(folder)
        path = folder / FEATURES_NAME
        if _small(path):
            return _read(folder, manifest)
        found = survey(path, MOST_ROWS, MOST_CELLS)
        there = [name for name, _ in found.schema]
        names = feature_names(path, manifest, there)
        if found.rows <= held.rows and found.rows * len(names) <= held.values:
            return _read(folder, manifest)
        target = manifest.target if manifest else Target()
        content = [manifest.content] if manifest and manifest.content is not None else []
        refuse_absent(path, [*names, target.name], there)
        refuse_absent(path, content, there, NAMED)
        return LargeCache(folder, manifest, names, target, found)


def _small(path: Path) -> bool:
    """Whether it need not even be looked at first: a file this small that holds more is a bomb."""
    try:
        return path.is_file() and path.stat().st_size < _SMALL
    except OSError:
        return True


def _read(folder: Path, manifest: Manifest | None) -> Cache:
    path = folder / FEATURES_NAME
    table = read_features(path)
    try:
        columns = canonical_columns(table)
        content = manifest.content if manifest else None
        if content is not None:
            refuse_absent(path, [content], columns, NAMED)
        numbering = Numbering()
        contents = None if content is None else numbering.of(table, content)
    except UnsupportedColumn as error:
        raise BadFeatures(f"{path}: {error}") from error
    target_is = manifest.target if manifest else Target()
    names = feature_names(path, manifest, columns)
    features = np.empty((table.num_rows, len(names)), np.float32)
    for position, name in enumerate(names):
        features[:, position] = finite_float32(path, columns, name)
    target = finite_float32(path, columns, target_is.name)
    if target.size < FEWEST_ROWS or np.all(target == target[0]):
        raise too_little(path, target_is.name, target.size, len(np.unique(target)))
    actual = fingerprint(columns)
    return Cache(
        path=folder,
        provenance=manifest.provenance if manifest else "synthetic",
        columns=names,
        features=features,
        target=target,
        target_is=target_is,
        contents=contents,
        content_names=numbering.names,
        fingerprint=actual,
        notes=notes_on(manifest, actual),
    )
