"""Are the features of a cache still what measuring gives? Some of its pairs are measured again, and compared."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bisect_cache.cache.check import source_outside, with_source
from bisect_cache.cache.drift import Finding
from bisect_cache.cache.extracted import Build
from bisect_cache.cache.manifest import FEATURES_NAME, KEY_COLUMN, Manifest, Reports, read_manifest
from bisect_cache.cache.parquet.columns import Numbers, Strings, canonical_columns
from bisect_cache.cache.parquet.features import read_features
from bisect_cache.cache.recipes.interface import BadSource, Surroundings
from bisect_cache.cache.recipes.labels import listed
from bisect_cache.cache.recipes.libvmaf import (
    LARGEST_REPORT,
    features_of,
    parse_report,
    pooling_named,
)
from bisect_cache.extraction.pairs import Pair, read_pairs
from bisect_cache.extraction.programs import Program
from bisect_cache.extraction.running import Sharing, extract
from bisect_cache.files import read_file

DEFAULT_SEED = 20261123
_SHOWN = 5


@dataclass(frozen=True)
class Moved:
    """A feature that is another now."""

    feature: str
    pairs: int
    largest: float
    """Difference, of the pair ``key``."""
    key: str


def remeasure(
    folder: Path,
    program: Program,
    wanted: int,
    *,
    seed: int | None = None,
    source: Path | None = None,
    seconds: float,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Finding:
    """Measure ``wanted`` pairs of the cache in ``folder`` again and compare them with its features, to the last bit.

    ``source`` is the folder in which the label file, which must be a pair list, lies now. Raises ``BadSource`` where
    that cannot be done, ``BadManifest`` and ``BadFeatures`` where there is no cache.
    """
    manifest = read_manifest(folder)
    recipe = with_source(manifest.recipe, source) if manifest else None
    if manifest is None or not isinstance(recipe, Reports):
        raise BadSource(
            f"{folder}: was not made of one set of reports, so there is no one list of pairs to measure again; check "
            f"without --extract"
        )
    if source is None and source_outside(folder, recipe):
        raise BadSource(
            f"{folder}: its pair list {recipe.labels} lies outside the working folder; name its folder with --source"
        )
    path = Surroundings(folder).resolve(recipe.labels)
    committed = _committed(folder, manifest)
    pairs = chosen(
        [pair for pair in read_pairs(path, key=recipe.key) if pair.key in committed],
        wanted,
        DEFAULT_SEED if seed is None else seed,
    )
    if not pairs:
        raise BadSource(f"{path}: has no pair of the cache {folder}; name the folder of its pair list with --source")
    with tempfile.TemporaryDirectory(prefix="bisect-cache-extract-") as place:
        done = extract(pairs, program, Path(place), Sharing.of(len(pairs)), seconds=seconds, progress=progress)
        if done.failed:
            shown = "; ".join(f"{key}: {why}" for key, why in list(done.failed.items())[:_SHOWN])
            raise BadSource(f"{len(done.failed)} of {len(pairs)} pairs cannot be measured again: {shown}")
        again = {pair.key: _pooled(Path(place) / pair.report, manifest, recipe) for pair in pairs}
    moved = differences(manifest.features, {key: committed[key] for key in again}, again)
    return finding(len(pairs), len(committed), moved, manifest.build or None, program.build)


def chosen(pairs: Sequence[Pair], wanted: int, seed: int) -> list[Pair]:
    """``wanted`` of the pairs, the same for the same seed, and most of the same where pairs are added."""

    def lot(pair: Pair) -> bytes:
        return hashlib.sha256(f"{seed}:{pair.key}".encode()).digest()

    return sorted(pairs, key=lot)[:wanted]


def differences(
    features: Sequence[str], committed: Mapping[str, NDArray[np.float32]], again: Mapping[str, NDArray[np.float32]]
) -> list[Moved]:
    """Features that differ in any pair; both hold (F,) for each key. What is missing differs by infinity."""
    moved = []
    for place, feature in enumerate(features):
        apart = {
            key: abs(float(values[place]) - float(committed[key][place]))
            for key, values in again.items()
            if values[place] != committed[key][place]
        }
        if apart:
            sizes = {key: size if np.isfinite(size) else float("inf") for key, size in apart.items()}
            worst = max(sizes, key=lambda key: sizes[key])
            moved.append(Moved(feature, len(sizes), sizes[worst], worst))
    return moved


def finding(measured: int, of: int, moved: Sequence[Moved], before: Build | None, now: Build) -> Finding:
    """What came of it, in words."""
    if before is None:
        builds = f"with {now.said}; the manifest names no build"
    elif before.sha256 == now.sha256:
        builds = f"with the build that the manifest names ({now.said})"
    else:
        builds = f"with {now.said}, while the manifest names {before.said}"
    if not moved:
        return Finding(
            FEATURES_NAME,
            "features",
            "notice",
            f"{measured} of {of} pairs were measured again {builds}: all features are equal.",
        )
    told = [
        f"{one.feature} in {one.pairs} of {measured} pairs by up to {one.largest:.3g} ({listed([one.key])})"
        for one in sorted(moved, key=lambda one: -one.largest)
    ]
    more = f"; and {len(told) - _SHOWN} more features" if len(told) > _SHOWN else ""
    if before is None or before.sha256 != now.sha256:
        way_out = (
            "Measure with the build that made the cache, or make the cache anew with this one, and thresholds and "
            "baselines with it."
        )
    else:
        way_out = "The videos or the pair list are not those that the cache was made of: restore them, or make it anew."
    return Finding(
        FEATURES_NAME,
        "features",
        "error",
        f"Feature drift, which is no regression of a model: models are judged on the committed features, and those did "
        f"not move. {measured} of {of} pairs were measured again {builds}. {way_out} What differs: "
        f"{'; '.join(told[:_SHOWN])}{more}.",
    )


def _committed(folder: Path, manifest: Manifest) -> dict[str, NDArray[np.float32]]:
    """The features (F,) of each key."""
    columns = canonical_columns(read_features(folder / FEATURES_NAME))
    keys = columns.get(KEY_COLUMN)
    numbers = {name: column.values for name, column in columns.items() if isinstance(column, Numbers)}
    missing = [name for name in manifest.features if name not in numbers]
    if not isinstance(keys, Strings) or missing:
        raise BadSource(
            f"{folder / FEATURES_NAME}: has no column {listed([*missing, KEY_COLUMN])} as its manifest describes it; "
            f"run `bisect-cache check`"
        )
    matrix = np.column_stack([np.asarray(numbers[name], np.float32) for name in manifest.features])
    return {str(key): row for key, row in zip(keys.texts(), matrix, strict=True)}


def _pooled(path: Path, manifest: Manifest, recipe: Reports) -> NDArray[np.float32]:
    report = parse_report(read_file(path, largest=LARGEST_REPORT), path.name)
    found = features_of(report, manifest.features, pooling_named(recipe.pool))
    return np.array([found[feature][1] if feature in found else np.nan for feature in manifest.features], np.float32)
