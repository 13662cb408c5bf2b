"""A cache opened for judging: the matrix, the target, the contents, and what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bisect_cache.cache.fingerprint import fingerprint
from bisect_cache.cache.manifest import (
    DEFAULT_FEATURES,
    FEATURES_NAME,
    Manifest,
    Provenance,
    Target,
    read_manifest,
)
from bisect_cache.cache.parquet.columns import Column, Numbers, Strings, UnsupportedColumn, canonical_columns
from bisect_cache.cache.parquet.features import BadFeatures, read_features
from bisect_cache.cache.standing import standing_still


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
    contents: NDArray[np.int64] | None
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
        return None if self.contents is None else int(self.contents.max()) + 1


def open_cache(folder: Path) -> Cache:
    """Read the cache in ``folder``.

    Raises ``BadManifest`` or ``BadFeatures`` when it is no cache, cannot be read, or holds nothing that a model
    could be judged on, ``Replaced`` when it was replaced meanwhile.
    """
    with standing_still(folder):
        return _opened(folder)


def _opened(folder: Path) -> Cache:
    manifest = read_manifest(folder)
    path = folder / FEATURES_NAME
    table = read_features(path)
    try:
        columns = canonical_columns(table)
    except UnsupportedColumn as error:
        raise BadFeatures(f"{path}: {error}") from error
    target_is = manifest.target if manifest else Target()
    names = manifest.features if manifest else tuple(name for name in DEFAULT_FEATURES if name in columns)
    if not names:
        raise BadFeatures(f"{path}: none of {', '.join(DEFAULT_FEATURES)} is among its columns ({_listed(columns)})")
    features = np.empty((table.num_rows, len(names)), np.float32)
    for position, name in enumerate(names):
        features[:, position] = _finite_float32(path, columns, name)
    target = _finite_float32(path, columns, target_is.name)
    if target.size < 3 or np.all(target == target[0]):
        raise BadFeatures(
            f"{path}: {target.size} rows with {len(np.unique(target))} different values of '{target_is.name}'; "
            f"a correlation needs at least 3 rows and 2 values"
        )
    actual = fingerprint(columns)
    contents, content_names = _contents(path, columns, manifest)
    return Cache(
        path=folder,
        provenance=manifest.provenance if manifest else "synthetic",
        columns=names,
        features=features,
        target=target,
        target_is=target_is,
        contents=contents,
        content_names=content_names,
        fingerprint=actual,
        notes=_notes(manifest, actual),
    )


def _notes(manifest: Manifest | None, actual: str) -> tuple[str, ...]:
    if manifest is None:
        return ("older layout without a manifest: taken as recipe research-0001",)
    if manifest.fingerprint != actual:
        return (_not_as_described(manifest, actual),)
    return ()


def _not_as_described(manifest: Manifest, actual: str) -> str:
    return (
        f"{FEATURES_NAME} is not the data that the manifest describes (fingerprint {actual[:19]}… instead of "
        f"{manifest.fingerprint[:19]}…): run `bisect-cache check` before trusting this verdict"
    )


def _finite_float32(path: Path, columns: Mapping[str, Column], name: str) -> NDArray[np.float32]:
    column = columns.get(name)
    if column is None:
        raise BadFeatures(f"{path}: has no column '{name}' (it has {_listed(columns)}); run `bisect-cache check`")
    if not isinstance(column, Numbers):
        raise BadFeatures(f"{path}: column '{name}' holds text, not numbers; run `bisect-cache check`")
    with np.errstate(over="ignore"):
        values = column.values.astype(np.float32)
    broken = ~np.isfinite(values)
    if column.valid is not None:
        broken |= ~column.valid
    if broken.any():
        first = ", ".join(map(str, np.flatnonzero(broken)[:10]))
        raise BadFeatures(
            f"{path}: column '{name}' has {int(broken.sum())} missing or infinite values (rows {first}); make the "
            f"cache again, with --drop-incomplete if these rows are to go"
        )
    return values


def _contents(
    path: Path, columns: Mapping[str, Column], manifest: Manifest | None
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    if manifest is None or manifest.content is None:
        return None, ()
    column = columns.get(manifest.content)
    if column is None:
        raise BadFeatures(f"{path}: has no column '{manifest.content}', which the manifest names as the content")
    values = column.texts() if isinstance(column, Strings) else column.values.tolist()
    numbers: dict[object, int] = {}
    counted = np.fromiter((numbers.setdefault(value, len(numbers)) for value in values), np.int64, len(values))
    return counted, tuple("none" if value is None else str(value) for value in numbers)


def _listed(names: Mapping[str, Column]) -> str:
    shown = ", ".join(list(names)[:20])
    return f"{shown}, … {len(names)} in all" if len(names) > 20 else shown
