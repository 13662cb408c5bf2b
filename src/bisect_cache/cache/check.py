"""``check``: does the committed cache still regenerate, and if not, what kind of drift is it?"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from msgspec import UNSET
from msgspec.structs import replace

from bisect_cache.cache.claims import (
    RESTORE,
    Committed,
    claims_on_bytes,
    claims_on_data,
    lacking,
    stored_otherwise,
    without_regeneration,
)
from bisect_cache.cache.drift import CheckOutcome, Finding, compare_columns, outcome_of
from bisect_cache.cache.fingerprint import fingerprint
from bisect_cache.cache.manifest import (
    FEATURES_NAME,
    MANIFEST_NAME,
    OF_GENERATE,
    Manifest,
    Parts,
    Recipe,
    Synthetic,
    Table,
    is_of_features,
    places_of,
    read_manifest,
)
from bisect_cache.cache.models.model_drift import compare_models
from bisect_cache.cache.parquet.columns import UnsupportedColumn, canonical_columns
from bisect_cache.cache.parquet.features import BadFeatures, as_table, in_parts, read_features, write_features
from bisect_cache.cache.parquet.parts import parts_of
from bisect_cache.cache.parquet.writer import causes, writer_here, writer_of
from bisect_cache.cache.recipes import make
from bisect_cache.cache.recipes.interface import Made, Progress, SourceAbsent, Surroundings
from bisect_cache.cache.standing import standing_still
from bisect_cache.files import CannotRead, read_file

_LARGEST_SYNTHETIC = 64 << 20
"""Bytes; a model of the synthetic recipe has a few hundred."""


@dataclass(frozen=True)
class Checked:
    """What a check found."""

    outcome: CheckOutcome
    findings: tuple[Finding, ...]
    manifest: Manifest | None
    rows: int | None
    fingerprint: str | None
    regenerated: bool


def check(
    folder: Path,
    *,
    strict: bool = False,
    source: Path | None = None,
    progress: Progress = lambda _done, _total: None,
) -> Checked:
    """Regenerate the cache in ``folder`` from its recipe, in memory, and compare.

    ``source`` stands for the table or the reports that the manifest names, where these lie elsewhere now. With
    ``strict``, writer drift fails too.

    Raises ``BadManifest`` when there is no cache to check, ``BadSource`` when the recipe's source is there and
    cannot be used, ``SourceAbsent`` when it is not in the given ``source``, ``Replaced`` when the cache was replaced
    meanwhile.
    """
    with standing_still(folder):
        return _check(folder, source, progress, strict=strict)


def _check(folder: Path, source: Path | None, progress: Progress, *, strict: bool) -> Checked:
    manifest = read_manifest(folder)
    recipe = manifest.recipe if manifest else Synthetic()
    made, not_regenerated = _regenerate(folder, recipe, source, progress)
    committed, findings = _read(folder)
    if manifest is None:
        findings.append(_older_layout())
    if not_regenerated:
        findings.append(not_regenerated)
    if manifest:
        findings.extend(_source_changed(manifest, made))
    if committed and made:
        findings.extend(_against_regenerated(committed, made, manifest, strict=strict))
    elif committed and manifest:
        findings.extend(without_regeneration(committed, manifest))
    if made:
        findings.extend(_models(folder, made))
    findings.extend(_unexpected(folder, {*_of_features(folder), *(made.models if made else ())}))
    if strict:
        findings = [_failing(finding) for finding in findings]
    return Checked(
        outcome=outcome_of(tuple(findings), strict=strict),
        findings=tuple(findings),
        manifest=manifest,
        rows=committed.rows if committed else None,
        fingerprint=committed.fingerprint if committed else None,
        regenerated=made is not None,
    )


def _failing(finding: Finding) -> Finding:
    return Finding(finding.file, finding.kind, "error", finding.detail) if finding.kind == "writer" else finding


def _regenerate(
    folder: Path, recipe: Recipe, source: Path | None, progress: Progress
) -> tuple[Made | None, Finding | None]:
    outside = None if source else source_outside(folder, recipe)
    if outside:
        return None, _not_regenerated(f"its source {outside} lies outside the working folder")
    try:
        return make(with_source(recipe, source), Surroundings(folder, progress)), None
    except SourceAbsent as absent:
        if source:
            raise  # named by the user, who is waiting for a regeneration
        return None, _not_regenerated(f"its source is not here ({absent})")


def _not_regenerated(why: str) -> Finding:
    return Finding(
        FEATURES_NAME,
        "source",
        "notice",
        f"Not regenerated, {why}. Compared with its own manifest instead (fingerprint, sizes, sha256). Where the "
        f"source lies elsewhere, `bisect-cache check --source PATH` regenerates from it.",
    )


def source_outside(folder: Path, recipe: Recipe) -> str | None:
    """What ``recipe`` reads that lies neither in ``folder`` nor where the check runs.

    A manifest may come from a stranger: by itself it reaches nothing else.
    """
    allowed = [Path.cwd().resolve(), folder.resolve()]
    for path in places_of(recipe):
        try:
            resolved = Surroundings(folder).resolve(path).resolve()
        except (OSError, RuntimeError, ValueError):  # a circle of links
            return path
        if not any(resolved.is_relative_to(root) for root in allowed):
            return path
    return None


def with_source(recipe: Recipe, source: Path | None) -> Recipe:
    """The recipe with its source at ``source``: the table itself, or the folder that holds what the recipe names.

    Of a recipe of parts, the folder that holds the parts' own folders.
    """
    if source is None or isinstance(recipe, Synthetic):
        return recipe
    here = source.absolute()
    if isinstance(recipe, Parts):
        return replace(recipe, folder=str(here))
    if isinstance(recipe, Table):
        table = here / Path(recipe.table).name if here.is_dir() and not _is_table_itself(here, recipe) else here
        labels = None if recipe.labels is None else str(table.parent / Path(recipe.labels).name)
        return replace(recipe, table=str(table), labels=labels)
    return replace(recipe, reports=str(here / Path(recipe.reports).name), labels=str(here / Path(recipe.labels).name))


def _is_table_itself(folder: Path, recipe: Table) -> bool:
    """Whether ``folder`` is a table of several parts, and not one that such a table, or a file, lies in."""
    table = Path(recipe.table)
    if os.path.lexists(folder / table.name) or table.suffix.lower() in {".csv", ".json", ".py"}:
        return False
    try:
        return bool(parts_of(folder))
    except CannotRead:
        return False


def _read(folder: Path) -> tuple[Committed | None, list[Finding]]:
    path = folder / FEATURES_NAME
    if not os.path.lexists(path):
        return None, [Finding(FEATURES_NAME, "missing", "error", f"The file is not there. {RESTORE}")]
    try:
        columns = canonical_columns(read_features(path))
        files = {part.path.relative_to(folder).as_posix(): part.path for part in parts_of(path)}
    except (BadFeatures, UnsupportedColumn, CannotRead) as error:
        return None, [Finding(FEATURES_NAME, "corrupt", "error", str(error))]
    return Committed(files, columns, fingerprint(columns)), []


def _older_layout() -> Finding:
    return Finding(
        MANIFEST_NAME,
        "manifest",
        "notice",
        "There is no manifest: the older layout, checked as recipe research-0001. `bisect-cache generate` writes one.",
    )


def _source_changed(manifest: Manifest, made: Made | None) -> Iterator[Finding]:
    if made and list(made.source_sha256.values()) != list(manifest.source_sha256.values()):
        names = ", ".join(manifest.source_sha256) or "the source"
        yield Finding(
            MANIFEST_NAME,
            "source",
            "notice",
            f"{names} is not what the cache was made from (its sha256 differs). What that changed in the "
            f"cache, if anything, is said by the other findings.",
        )


def _against_regenerated(
    committed: Committed, made: Made, manifest: Manifest | None, *, strict: bool
) -> Iterator[Finding]:
    regenerated = canonical_columns(as_table(made.columns))
    expected = fingerprint(regenerated)
    if committed.fingerprint != expected:
        why = lacking(committed, manifest) + _which_side_moved(committed, expected, manifest)
        yield from compare_columns(committed.columns, regenerated, why)
        return
    if manifest:
        yield from claims_on_data(committed, made, manifest)
    yield from _writer_drift(committed, made, manifest, strict=strict)


def _which_side_moved(committed: Committed, expected: str, manifest: Manifest | None) -> str:
    if manifest and manifest.fingerprint == committed.fingerprint:
        return (
            "The file is still the one the manifest describes, so its recipe gives other data now: its source or a "
            "library changed. Find out which before you run `bisect-cache generate`."
        )
    if manifest and manifest.fingerprint == expected:
        return f"The recipe still gives the data that the manifest describes, so the file was changed. {RESTORE}"
    return RESTORE


def _writer_drift(committed: Committed, made: Made, manifest: Manifest | None, *, strict: bool) -> Iterator[Finding]:
    """Bytes that differ although the content is equal.

    Writing the file again needs pandas, half of a check's time. Where the committed file is byte for byte the
    one that ``generate`` wrote, with the very writer that is installed here, there is nothing to learn from it.
    """
    import pyarrow.parquet as pq

    here = {name: pq.read_metadata(path) for name, path in committed.files.items()}
    untouched = manifest is not None and not list(claims_on_bytes(committed, manifest))
    if untouched and not strict and {writer_of(one) for one in here.values()} == {writer_here()}:
        return
    written = _written(made, manifest)
    if otherwise := stored_otherwise(here, written):
        yield _same_content(otherwise)
        return
    differ = [name for name, path in committed.files.items() if written[name] != path.read_bytes()]
    if not differ:
        yield from claims_on_bytes(committed, manifest)
        return
    name = differ[0]
    what = "; ".join(causes(here[name], pq.read_metadata(io.BytesIO(written[name]))))
    yield _same_content(what if name == FEATURES_NAME else f"{what} in {len(differ)} of {len(here)} parts")


def _written(made: Made, manifest: Manifest | None) -> dict[str, bytes]:
    """The files of the features as ``generate`` would write them again, by name."""
    part_rows = None if manifest is None or manifest.part_rows is UNSET else manifest.part_rows
    files = {}
    for name, first, columns in in_parts(made.columns, part_rows):
        stream = io.BytesIO()
        write_features(columns, stream, first)
        files[name] = stream.getvalue()
    return files


def _same_content(how: str) -> Finding:
    return Finding(
        FEATURES_NAME,
        "writer",
        "notice",
        f"Same content, other bytes: {how}. The data is what it was; regenerate when convenient.",
    )


def _models(folder: Path, made: Made) -> Iterator[Finding]:
    for name, model in made.models.items():
        if not os.path.lexists(folder / name):
            yield Finding(name, "missing", "error", f"The file is not there. {RESTORE}")
            continue
        try:
            committed = read_file(folder / name, largest=_LARGEST_SYNTHETIC)
        except CannotRead as error:
            yield Finding(name, "corrupt", "error", f"{error}. {RESTORE}")
            continue
        yield from compare_models(name, committed, model)


def _unexpected(folder: Path, expected: set[str]) -> Iterator[Finding]:
    for name in sorted(_data_and_models(folder)):
        if name not in expected:
            yield Finding(
                name,
                "unexpected",
                "error",
                "The recipe does not make this file. Remove it, or keep models that are judged in a folder of their "
                "own.",
            )


def _of_features(folder: Path) -> set[str]:
    """The features, and where they are a folder its parts with the folders that these are in."""
    path = folder / FEATURES_NAME
    try:
        parts = parts_of(path)
    except CannotRead:  # is said already of the features as a whole
        return {FEATURES_NAME, *filter(is_of_features, _data_and_models(folder))}
    within = {one for part in parts for one in (part.path, *part.path.parents) if one.is_relative_to(path)}
    return {one.relative_to(folder).as_posix() for one in within}


def _data_and_models(folder: Path) -> Iterator[str]:
    """As POSIX paths, without what a ``generate`` needs there while it runs."""
    for at, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not OF_GENERATE.fullmatch(name)]
        for name in (*folders, *files):
            if name.endswith((".onnx", ".parquet")):
                yield (Path(at) / name).relative_to(folder).as_posix()
