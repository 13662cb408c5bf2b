"""What a manifest says against what is there: the committed table, the models, the records of files."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
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

    files: Mapping[str, Path]
    """Where it is read from, by names relative to the cache's folder: one file, or the parts of a folder."""
    columns: Mapping[str, Column]
    fingerprint: str

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return len(next(iter(self.columns.values())))

    def records(self) -> dict[str, FileRecord]:
        """What a manifest would say of its files."""
        return {name: FileRecord(path.stat().st_size, sha256_of_file(path)) for name, path in self.files.items()}


def stored_otherwise(found: Collection[str], expected: Collection[str]) -> str:
    """How the files of a table differ from those that it should have, by their names; empty where they do not."""
    if set(found) == set(expected):
        return ""
    if len(found) == len(expected) and FEATURES_NAME not in {*found, *expected}:
        return f"a part called {_name(min(set(found) - set(expected)))}"
    return f"{_in_words(found)} instead of {_in_words(expected)}"


def _in_words(files: Collection[str]) -> str:
    return "one file" if FEATURES_NAME in files else f"a folder of {len(files)} part{'s' if len(files) != 1 else ''}"


def lacking(committed: Committed, manifest: Manifest | None) -> str:
    """A sentence on parts that the manifest lists and that are not there, with a blank behind it; else empty."""
    gone = sorted(set(manifest.features_files) - set(committed.files)) if manifest else []
    if not gone or FEATURES_NAME in {*gone, *committed.files}:
        return ""
    more = f" and {len(gone) - 1} more" if len(gone) > 1 else ""
    return f"The manifest lists {gone[0]}{more}, and that is not there. "


def claims_on_data(committed: Committed, made: Made, manifest: Manifest) -> Iterator[Finding]:
    """What the manifest says against what is there; only asked where file and regeneration agree."""
    models = {name: FileRecord(len(model), sha256_of(model)) for name, model in made.models.items()}
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
            ("other models, sizes or sha256 than the recipe makes", manifest.models_files, models),
        )
        if said != found
    ]
    if wrong:
        yield _manifest_finding(f"The data regenerates, but the manifest says {'; '.join(wrong)}.")


def _manifest_finding(detail: str) -> Finding:
    return Finding(MANIFEST_NAME, "manifest", "error", f"{detail} {RESTORE}")


def claims_on_bytes(committed: Committed, manifest: Manifest | None) -> Iterator[Finding]:
    """What the manifest records of files that are known to be as they were written."""
    if manifest and manifest.features_files != committed.records():
        yield _manifest_finding(f"The manifest records another size or sha256 of {FEATURES_NAME} than the file has.")


def without_regeneration(committed: Committed, manifest: Manifest) -> Iterator[Finding]:
    """All that can be said of a cache whose source is absent."""
    if committed.fingerprint != manifest.fingerprint:
        yield Finding(
            FEATURES_NAME,
            "values",
            "error",
            f"The data is not what the manifest describes: fingerprint {committed.fingerprint} instead of "
            f"{manifest.fingerprint}, {committed.rows} rows instead of {manifest.rows}. "
            f"{lacking(committed, manifest)}{RESTORE}",
        )
        return
    expected = {*manifest.features, manifest.target.name, ROW_COLUMN, *_texts_of(manifest)}
    if committed.rows != manifest.rows or set(committed.columns) != expected:
        yield _manifest_finding(
            f"The manifest says {manifest.rows} rows of {_some(sorted(expected))}; the file has {committed.rows} "
            f"of {_some(sorted(committed.columns))}."
        )
    recorded, found = manifest.features_files, committed.records()
    if {name: one.sha256 for name, one in recorded.items()} == {name: one.sha256 for name, one in found.items()}:
        yield from claims_on_bytes(committed, manifest)
        return
    size, said = (sum(one.size for one in records.values()) for records in (found, recorded))
    otherwise = stored_otherwise(found, recorded)
    yield Finding(
        FEATURES_NAME,
        "writer",
        "notice",
        f"Same content, other bytes than the manifest records ({size} bytes, recorded {said}"
        f"{otherwise and f'; {otherwise}'}): the file was written again by another writer. The data is what it was.",
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
