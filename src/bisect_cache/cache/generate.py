"""``generate``: a recipe becomes a folder, whole or not at all."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from msgspec import UNSET

from bisect_cache import __version__
from bisect_cache.cache.fingerprint import fingerprint
from bisect_cache.cache.manifest import (
    MANIFEST_NAME,
    FileRecord,
    Manifest,
    Recipe,
    encode_manifest,
    provenance_of,
    target_of,
)
from bisect_cache.cache.parquet.columns import canonical_columns
from bisect_cache.cache.parquet.features import as_table, in_parts, write_features
from bisect_cache.cache.parquet.parts import MOST_PARTS
from bisect_cache.cache.placing import CannotGenerate, refuse_what_is_no_place, stage_beside, take_place
from bisect_cache.cache.recipes import make
from bisect_cache.cache.recipes.interface import Made, Progress, Surroundings
from bisect_cache.errors import OfStrangers
from bisect_cache.files import sha256_of_file

_VERSIONS_OF = ("numpy", "onnx", "pandas", "pyarrow")


class NotAsDescribed(OfStrangers):
    """A cache that came out otherwise than the description of its dataset says; it was not put in place."""


@dataclass(frozen=True)
class Expected:
    """What is known of a cache before it is made; ``None`` where nothing is."""

    rows: int | None = None
    contents: int | None = None
    fingerprint: str | None = None


def generate(
    folder: Path,
    recipe: Recipe,
    progress: Progress = lambda _done, _total: None,
    expected: Expected = Expected(),
    part_rows: int | None = None,
) -> Manifest:
    """Follow ``recipe`` and put the cache in ``folder``; its manifest is returned.

    With ``part_rows`` the features are a folder of parts, each with as many rows.

    The cache is built beside ``folder`` and then takes its place: whatever ends this early, the old cache is as it
    was, at the latest when this is called again. What is no recipe's in the folder (a README) is kept.

    Raises ``CannotGenerate``, ``BadJournal``, ``BadSource``, ``SourceAbsent``, and ``NotAsDescribed`` where what was
    made is not ``expected``.
    """
    try:
        folder = Path(os.path.realpath(folder))
    except OSError as error:
        raise CannotGenerate(f"{folder}: the current folder is gone; change to one that is there") from error
    with _said_of(folder):
        refuse_what_is_no_place(folder)
    made = make(recipe, Surroundings(folder, progress))
    _refuse_too_many_parts(made, part_rows)
    with _said_of(folder), stage_beside(folder) as stage:
        manifest = _write(stage, recipe, made, part_rows)
        _refuse_unexpected(expected, made, manifest)
        take_place(stage, folder)
    return manifest


@contextlib.contextmanager
def _said_of(folder: Path) -> Iterator[None]:
    """The system's errors, said of a folder that is as it was."""
    try:
        yield
    except OSError as error:
        raise CannotGenerate(
            f"{folder}: cannot be written ({error.strerror or error}); what stood there is unchanged: free some space "
            f"or choose a folder you may write to"
        ) from error


def _refuse_unexpected(expected: Expected, made: Made, manifest: Manifest) -> None:
    contents = None if made.content is None else len(set(made.columns[made.content]))
    wrong = [
        f"{what} {found or 'none'} instead of {wanted}"
        for what, wanted, found in (
            ("rows", expected.rows, manifest.rows),
            ("contents", expected.contents, contents),
            ("fingerprint", expected.fingerprint, manifest.fingerprint),
        )
        if wanted not in (None, found)
    ]
    if wanted_otherwise := ", ".join(wrong):
        raise NotAsDescribed(
            f"the cache is not the one that the dataset's file describes: {wanted_otherwise}. Nothing was written. "
            f"See that the source is complete and at the commit that `bisect-cache datasets` names; where it is meant "
            f"to differ, describe it in a file of your own (`bisect-cache datasets NAME --toml` prints one to start "
            f"from)"
        )


def _refuse_too_many_parts(made: Made, part_rows: int | None) -> None:
    rows = len(next(iter(made.columns.values())))
    if part_rows is not None and rows > part_rows * MOST_PARTS:
        raise CannotGenerate(
            f"--part-rows {part_rows}: {rows:,} rows would become more than the {MOST_PARTS:,} parts that are read; "
            f"nothing was written: choose {-(-rows // MOST_PARTS):,} or more"
        )


def _write(stage: Path, recipe: Recipe, made: Made, part_rows: int | None) -> Manifest:
    features = []
    for name, first, columns in in_parts(made.columns, part_rows):
        (stage / name).parent.mkdir(exist_ok=True)
        write_features(columns, stage / name, first)
        features.append(name)
    for name, model in made.models.items():
        (stage / name).parent.mkdir(exist_ok=True)
        (stage / name).write_bytes(model)
    files = {name: _record(stage / name) for name in (*features, *made.models)}
    manifest = describe(made.recipe or recipe, made, files, part_rows)
    (stage / MANIFEST_NAME).write_bytes(encode_manifest(manifest))
    return manifest


def describe(recipe: Recipe, made: Made, files: dict[str, FileRecord], part_rows: int | None = None) -> Manifest:
    """The manifest of what ``recipe`` made, with these ``files``."""
    return Manifest(
        provenance=provenance_of(recipe),
        recipe=recipe,
        features=made.features,
        target=target_of(recipe),
        content=made.content,
        rows=len(next(iter(made.columns.values()))),
        fingerprint=fingerprint(canonical_columns(as_table(made.columns))),
        notes=(*made.notes, *made.measured_by.notes),
        source_sha256=dict(made.source_sha256),
        files=files,
        versions=_versions(),
        build=made.measured_by.build or UNSET,
        part_rows=part_rows or UNSET,
    )


def _record(path: Path) -> FileRecord:
    return FileRecord(path.stat().st_size, sha256_of_file(path))


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {
        "bisect-cache": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in _VERSIONS_OF},
    }
