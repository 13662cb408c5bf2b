"""What a manifest says against what is there: the committed table, the models, the records of files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bisect_cache.cache.drift import Finding
from bisect_cache.cache.manifest import (
    FEATURES_NAME,
    KEY_COLUMN,
    MANIFEST_NAME,
    ROW_COLUMN,
    FileRecord,
    Manifest,
    Parts,
    Recipe,
    Reports,
    Table,
)
from bisect_cache.cache.parquet.columns import Column
from bisect_cache.cache.recipes.interface import Made
from bisect_cache.files import sha256_of, sha256_of_file
from bisect_cache.printable import first_of, printable

RESTORE = (
    "Restore the file from version control; if the change is meant, run `bisect-cache generate` and commit the result."
)
"""The way out of drift that was not meant, and of drift that was."""


_MOST_NAMED = 20


@dataclass(frozen=True)
class Committed:
    """The committed table as far as it could be read."""

    path: Path
    columns: Mapping[str, Column]
    fingerprint: str

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return len(next(iter(self.columns.values())))


def claims_on_data(committed: Committed, made: Made, manifest: Manifest) -> Iterator[Finding]:
    """What the manifest says against what is there; only asked where file and regeneration agree."""
    models = {name: FileRecord(len(model), sha256_of(model)) for name, model in made.models.items()}
    recorded = {name: record for name, record in manifest.files.items() if name != FEATURES_NAME}
    wrong = [
        what
        for what, said, found in (
            (f"rows {manifest.rows} instead of {committed.rows}", manifest.rows, committed.rows),
            (f"fingerprint {manifest.fingerprint}", manifest.fingerprint, committed.fingerprint),
            (
                f"features {_some(manifest.features)} instead of {_some(made.features)}",
                manifest.features,
                made.features,
            ),
            (f"content {_name(manifest.content)} instead of {_name(made.content)}", manifest.content, made.content),
            ("other models, sizes or sha256 than the recipe makes", recorded, models),
        )
        if said != found
    ]
    if wrong:
        yield _manifest_finding(f"The data regenerates, but the manifest says {'; '.join(wrong)}.")


def _manifest_finding(detail: str) -> Finding:
    return Finding(MANIFEST_NAME, "manifest", "error", f"{detail} {RESTORE}")


def claims_on_bytes(committed: Committed, manifest: Manifest | None) -> Iterator[Finding]:
    """What the manifest records of a file that is known to be as it was written."""
    recorded = manifest.files[FEATURES_NAME] if manifest else None
    if recorded and recorded != FileRecord(committed.path.stat().st_size, sha256_of_file(committed.path)):
        yield _manifest_finding(f"The manifest records another size or sha256 of {FEATURES_NAME} than the file has.")


def without_regeneration(committed: Committed, manifest: Manifest) -> Iterator[Finding]:
    """All that can be said of a cache whose source is absent."""
    if committed.fingerprint != manifest.fingerprint:
        yield Finding(
            FEATURES_NAME,
            "values",
            "error",
            f"The data is not what the manifest describes: fingerprint {committed.fingerprint} instead of "
            f"{manifest.fingerprint}, {committed.rows} rows instead of {manifest.rows}. {RESTORE}",
        )
        return
    expected = {*manifest.features, manifest.target.name, ROW_COLUMN, *_texts_of(manifest)}
    if committed.rows != manifest.rows or set(committed.columns) != expected:
        yield _manifest_finding(
            f"The manifest says {manifest.rows} rows of {_some(sorted(expected))}; the file has {committed.rows} "
            f"of {_some(sorted(committed.columns))}."
        )
    if manifest.files[FEATURES_NAME].sha256 == sha256_of_file(committed.path):
        yield from claims_on_bytes(committed, manifest)
        return
    yield Finding(
        FEATURES_NAME,
        "writer",
        "notice",
        f"Same content, other bytes than the manifest records ({committed.path.stat().st_size} bytes, recorded "
        f"{manifest.files[FEATURES_NAME].size}): the file was written again by another writer. The data is what it "
        f"was.",
    )


def _some(names: Sequence[str]) -> str:
    """The first names, each cut where it is long: a stranger's manifest may hold any number of any length."""
    return first_of(map(_name, names), _MOST_NAMED)


def _name(name: str | None) -> str:
    return printable(str(name), 80)


def _texts_of(manifest: Manifest) -> set[str]:
    keys = {KEY_COLUMN} if _has_keys(manifest.recipe) else set()
    return keys if manifest.content is None else {*keys, manifest.content}


def _has_keys(recipe: Recipe) -> bool:
    if isinstance(recipe, Parts):
        return all(_has_keys(part) for part in recipe.parts.values())
    return isinstance(recipe, Reports) or (isinstance(recipe, Table) and recipe.labels is not None)
