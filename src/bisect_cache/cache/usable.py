"""Whether models can be judged on what a cache holds, and what a reader must be told of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bisect_cache.cache.manifest import DEFAULT_FEATURES, FEATURES_NAME, Manifest
from bisect_cache.cache.parquet.columns import Column, Numbers
from bisect_cache.cache.parquet.features import BadFeatures

FEWEST_ROWS = 3


def feature_names(path: Path, manifest: Manifest | None, there: Iterable[str]) -> tuple[str, ...]:
    """The features of a cache whose file holds the columns ``there``. Raises ``BadFeatures`` where there are none."""
    there = tuple(there)
    names = manifest.features if manifest else tuple(name for name in DEFAULT_FEATURES if name in there)
    if not names:
        raise BadFeatures(f"{path}: none of {', '.join(DEFAULT_FEATURES)} is among its columns ({listed(there)})")
    return names


def refuse_absent(path: Path, names: Iterable[str], there: Iterable[str], of: str = "") -> None:
    """Raise ``BadFeatures`` where one of ``names`` is no column; ``of`` says whose they are."""
    there = tuple(there)
    for name in names:
        if name not in there:
            raise BadFeatures(f"{path}: has no column '{name}'{of} (it has {listed(there)}); run `bisect-cache check`")


def finite_float32(path: Path, columns: Mapping[str, Column], name: str, first: int = 0) -> NDArray[np.float32]:
    """Values (n,) of a column, of which the row ``first`` is the first. Raises ``BadFeatures`` where one is none."""
    refuse_absent(path, [name], columns)
    column = columns[name]
    if not isinstance(column, Numbers):
        raise BadFeatures(f"{path}: column '{name}' holds text, not numbers; run `bisect-cache check`")
    with np.errstate(over="ignore"):
        values = column.values.astype(np.float32, copy=False)
    broken = ~np.isfinite(values)
    if column.valid is not None:
        broken |= ~column.valid
    if broken.any():
        rows = ", ".join(str(first + row) for row in np.flatnonzero(broken)[:10])
        raise BadFeatures(
            f"{path}: column '{name}' has {int(broken.sum())} missing or infinite values (rows {rows}); make the "
            f"cache again, with --drop-incomplete if these rows are to go"
        )
    return values


def too_little(path: Path, target: str, rows: int, values: int) -> BadFeatures:
    """What to say of a target of ``rows`` rows with ``values`` different values, on which nothing can be judged."""
    return BadFeatures(
        f"{path}: {rows} rows with {values} different values of '{target}'; a correlation needs at least "
        f"{FEWEST_ROWS} rows and 2 values"
    )


def notes_on(manifest: Manifest | None, actual: str) -> tuple[str, ...]:
    """What a reader must be told of a cache whose data has the fingerprint ``actual``."""
    if manifest is None:
        return ("older layout without a manifest: taken as recipe research-0001",)
    if manifest.fingerprint == actual:
        return ()
    said = (
        f"{FEATURES_NAME} is not the data that the manifest describes (fingerprint {actual[:19]}… instead of "
        f"{manifest.fingerprint[:19]}…): run `bisect-cache check` before trusting this verdict"
    )
    return (said,)


def listed(names: Iterable[str]) -> str:
    """The first names."""
    names = tuple(names)
    shown = ", ".join(names[:20])
    return f"{shown}, … {len(names)} in all" if len(names) > 20 else shown
