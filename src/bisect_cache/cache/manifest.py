"""``bisect-cache.json``: what a cache is, how it was made, and how to recognise it."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from bisect_cache.cache.extracted import Build
from bisect_cache.errors import OfStrangers
from bisect_cache.files import CannotRead, read_file

MANIFEST_NAME = "bisect-cache.json"
FEATURES_NAME = "features.parquet"
MODELS_FOLDER = "models"
UNDER_WAY = ".bisect-cache-"
OF_GENERATE = re.compile(r"\.bisect-cache-(lock|replacing|made\.bisect-cache-[a-z0-9_]{8})")
"""How the names of what a ``generate`` needs in a cache's folder begin: there while it runs, or after a kill."""
JOURNAL = f"{UNDER_WAY}replacing/journal.json"
"""There while files of a cache change places one by one, or after that was killed: the folder is no cache then."""
TARGET_COLUMN = "mos"
ROW_COLUMN = "row"
KEY_COLUMN = "key"
DEFAULT_FEATURES = ("adm2", "vif_scale0", "vif_scale1", "vif_scale2", "vif_scale3", "motion2")
_LARGEST_MANIFEST = 16 << 20

Direction = Literal["higher-is-better", "lower-is-better"]
Provenance = Literal["synthetic", "real"]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Count = Annotated[int, Meta(ge=0)]
PART_OF_FEATURES = re.compile(rf"{re.escape(FEATURES_NAME)}/part-[0-9]{{5}}\.parquet")
CACHE_FILE = rf"{re.escape(FEATURES_NAME)}|{PART_OF_FEATURES.pattern}|{MODELS_FOLDER}/[^/\x00]{{1,1000}}\.onnx"
CacheFile = Annotated[str, Meta(pattern=rf"^({CACHE_FILE})\Z")]
"""A file that a recipe makes, relative to the cache's folder: nothing else is ever replaced or removed."""


Noise = Annotated[float, Meta(ge=0, le=1e30)]
"""A standard deviation that float32 can hold."""
Place = Annotated[str, Meta(pattern=r"^[^\x00]+\Z", max_length=4096)]
"""A path, relative to the cache's folder, with forward slashes."""
Name = Annotated[str, Meta(max_length=4096)]
"""Of a column, of a pooling, of a report."""
Names = Annotated[tuple[Name, ...], Meta(max_length=10_000)]
"""A hundred times as many features as libvmaf has."""
Scale = tuple[float, float]
"""Lowest and highest value, both finite."""
PartName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\Z")]
Endings = Annotated[dict[Name, Name], Meta(max_length=1000)]
"""How a clip's name ends in the labels, to how it ends where its report or features are."""
Contents = Annotated[dict[Name, Name], Meta(max_length=1000)]
"""A glob, to the content of what it matches; the first that matches counts."""


class BadManifest(OfStrangers):
    """A manifest that is not there, cannot be read, or does not say what a manifest must say."""


class Synthetic(Struct, frozen=True, tag_field="kind", tag="synthetic", forbid_unknown_fields=True):
    """The recipe ``synthetic``; its defaults are ``research-0001``, value for value and byte for byte."""

    rows: Annotated[int, Meta(ge=3, le=20_000_000)] = 256
    models: Annotated[int, Meta(ge=0, le=100_000)] = 8
    features_seed: Count = 20260418
    models_seed: Count = 20260419
    target_noise: Noise = 1e-3
    weight_noise: Noise = 1e-4
    regress_at: Count | None = None
    """Index of the first model whose weights have their sign flipped: bad by construction."""


class Origin(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where real data came from, in the words of whoever made the cache or described the dataset."""

    dataset: str | None = None
    """The name of the dataset whose description made the cache."""
    source: str | None = None
    commit: str | None = None
    licence: str | None = None
    citation: str | None = None


class Layout(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a label file is laid out, where that is not CSV with commas and a header, or one list in JSON."""

    separator: Literal["comma", "semicolon", "tab", "space"] = "comma"
    columns: Names = ()
    """The columns of a file without a header; empty: its first line names them."""
    list: Name | None = None
    """Which of several lists in a JSON or Python file holds the labels."""
    beside: Annotated[str, Meta(pattern=r"^[^/\x00]+\Z", max_length=255)] | None = None
    """A second file of the same rows in the same folder, whose columns go beside those of the first."""
    beside_columns: Names = ()


class Table(Struct, frozen=True, tag_field="kind", tag="table", forbid_unknown_fields=True):
    """The recipe ``table``: a labelled feature table, or a feature table and a label file that names its rows."""

    table: Place
    labels: Place | None = None
    """Where the scores are, if they are not in the table."""
    key: Name | None = None
    """With ``labels``: their column that names a row of the table."""
    table_key: Name | None = None
    """With ``labels``: the table's column of these names; ``None``: it is called like ``key``."""
    target: Name | None = None
    """Column of the table, or of the labels; ``None``: the first there is of mos, dmos, target, score."""
    content: Name | None = None
    """Column beside the target; ``None``: the first there is of content, content_id, or none."""
    contents: Contents = {}
    """The content by the values of ``content``, or by the key where no column is named."""
    features: Names = ()
    """Columns of the table; one with ``*`` is all that it matches; empty: those of the six defaults that it has."""
    direction: Direction = "higher-is-better"
    scale: Scale | None = None
    drop_incomplete: bool = False
    endings: Endings = {}
    allow_missing: bool = False
    """With ``labels``: leave out labels without a row of the table, and rows without a label."""
    layout: Layout = Layout()
    origin: Origin = Origin()


class Reports(Struct, frozen=True, tag_field="kind", tag="reports", forbid_unknown_fields=True):
    """The recipe ``reports``: libvmaf JSON reports and a label file."""

    reports: Place
    """A folder with a report for each clip, or one JSON file that is an object of reports by their names."""
    labels: Place
    key: Name
    """Column of the labels that names a clip; ``report_name`` turns it into the report's file name."""
    report_name: Name
    target: Name | None = None
    content: Name | None = None
    contents: Contents = {}
    """The content by the values of ``content``, or by the key where no column is named."""
    features: Names = ()
    pool: Name = "mean"
    """``mean``, ``harmonic_mean``, ``min`` or ``percentile:P``."""
    direction: Direction = "higher-is-better"
    scale: Scale | None = None
    allow_missing: bool = False
    drop_incomplete: bool = False
    endings: Endings = {}
    """How clips are called otherwise in the labels than in their reports: applied to the key before the template."""
    layout: Layout = Layout()
    origin: Origin = Origin()


class Parts(Struct, frozen=True, tag_field="kind", tag="parts", forbid_unknown_fields=True):
    """The recipe ``parts``: several tables or sets of reports that lie in one folder, one below the other."""

    folder: Place
    """What paths in ``parts`` are relative to."""
    parts: Annotated[dict[PartName, Table | Reports], Meta(min_length=1, max_length=1000)]
    """In their order; a clip is called ``part/key`` in the cache, because parts may share names."""
    origin: Origin = Origin()

    @property
    def direction(self) -> Direction:
        """Of all parts; those that differ are refused when they are made."""
        return next(iter(self.parts.values())).direction

    @property
    def scale(self) -> Scale | None:
        """Of all parts."""
        return next(iter(self.parts.values())).scale


Recipe = Synthetic | Table | Reports | Parts


def places_of(recipe: Recipe) -> tuple[str, ...]:
    """All that a recipe reads, as paths relative to the cache's folder."""
    if isinstance(recipe, Synthetic):
        return ()
    if isinstance(recipe, Parts):
        return tuple(posixpath.join(recipe.folder, path) for part in recipe.parts.values() for path in places_of(part))
    table = recipe.reports if isinstance(recipe, Reports) else recipe.table
    labels = () if recipe.labels is None else (recipe.labels,)
    laid_out = recipe.labels or table
    beside = (
        () if recipe.layout.beside is None else (posixpath.join(posixpath.dirname(laid_out), recipe.layout.beside),)
    )
    return (table, *labels, *beside)


def stays_inside(path: str) -> bool:
    """Whether a place names something below the folder that it is relative to, by its words alone."""
    return not path.startswith("/") and ".." not in path.split("/")


class Target(Struct, frozen=True, forbid_unknown_fields=True):
    """The column that models are judged against."""

    name: str = TARGET_COLUMN
    direction: Direction = "higher-is-better"
    scale: Scale | None = None


class FileRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """One file as it was written."""

    size: Count
    sha256: Sha256


class Manifest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole manifest."""

    schema: Literal["bisect-cache/manifest/1"] = "bisect-cache/manifest/1"
    provenance: Provenance
    recipe: Recipe
    features: Annotated[Names, Meta(min_length=1)]
    target: Target
    content: Name | None
    rows: Count
    fingerprint: Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}\Z")]
    notes: tuple[str, ...] = ()
    """What the recipe left out and why: dropped rows, labels without a report …"""
    source_sha256: dict[str, Sha256] = {}
    """The recipe's source files as they were read (a table, a label file), by their path in the recipe."""
    files: dict[CacheFile, FileRecord]
    versions: dict[str, str]
    build: Build | UnsetType = UNSET
    """The program that measured the features, where all reports name the same one."""
    part_rows: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    """How many rows each part of the features has, where they are a folder of parts; the last may have fewer."""

    @property
    def features_files(self) -> dict[str, FileRecord]:
        """Those that hold the rows: one, or the parts."""
        return {name: record for name, record in self.files.items() if is_of_features(name)}

    @property
    def models_files(self) -> dict[str, FileRecord]:
        """Those that hold a model each."""
        return {name: record for name, record in self.files.items() if not is_of_features(name)}


def is_of_features(name: str) -> bool:
    """Whether a file of a cache is its features, or a part of them."""
    return name == FEATURES_NAME or name.startswith(f"{FEATURES_NAME}/")


def part_name(number: int) -> str:
    """The file of a part, counted from 0, relative to the cache's folder."""
    return f"{FEATURES_NAME}/part-{number:05}.parquet"


def provenance_of(recipe: Recipe) -> Provenance:
    """``synthetic`` for the synthetic recipe, ``real`` for the others: never a free choice."""
    return "synthetic" if isinstance(recipe, Synthetic) else "real"


def target_of(recipe: Recipe) -> Target:
    """What the recipe says of the target."""
    return Target() if isinstance(recipe, Synthetic) else Target(direction=recipe.direction, scale=recipe.scale)


def encode_manifest(manifest: Manifest) -> bytes:
    """The manifest as indented JSON, ending with a newline."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of the cache in ``folder``; ``None`` for the older layout, which has none.

    Raises ``BadManifest`` when the folder is no cache at all, or not just now, or when its manifest cannot be
    understood.
    """
    path = folder / MANIFEST_NAME
    if os.path.lexists(folder / JOURNAL):
        raise BadManifest(
            f"{folder}: a `bisect-cache generate` is replacing this cache, or was killed while it did; wait for it, or "
            f"run it again, which puts the old files back first: or restore the cache from version control and remove "
            f"{folder / JOURNAL}"
        )
    if not os.path.lexists(path):
        _must_be_the_older_layout(folder)
        return None
    try:
        manifest = msgspec.json.decode(read_file(path, largest=_LARGEST_MANIFEST), type=Manifest)
    except CannotRead as error:
        raise BadManifest(str(error)) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadManifest(f"{path}: not a manifest of this version ({error}); {_WAY_OUT}") from error
    contradictions = list(_contradictions(manifest))
    if contradictions:
        raise BadManifest(f"{path}: contradicts itself: {'; '.join(contradictions)}; {_WAY_OUT}")
    return manifest


_WAY_OUT = "restore it from version control, or make the cache again with `bisect-cache generate`"


def _contradictions(manifest: Manifest) -> Iterator[str]:
    """What cannot be true of any manifest that ``generate`` writes."""
    recipe = manifest.recipe
    if manifest.provenance != provenance_of(recipe):
        yield f"provenance '{manifest.provenance}', but its recipe makes '{provenance_of(recipe)}' data"
    if manifest.target != target_of(recipe):
        yield "its target is not the one that its recipe makes"
    if manifest.target.scale and not manifest.target.scale[0] < manifest.target.scale[1]:
        yield "the scale's low end is not below its high end"
    others = [manifest.target.name, ROW_COLUMN, *([manifest.content] if manifest.content is not None else [])]
    columns = [*manifest.features, *others]
    if len(set(columns)) < len(columns):
        yield "a column is named twice among features, target, content and row"
    yield from _contradictions_on_parts(manifest)
    models = len(manifest.models_files)
    if isinstance(recipe, Synthetic) and (manifest.rows, models) != (recipe.rows, recipe.models):
        yield (
            f"{manifest.rows} rows and {models} models, but its recipe makes {recipe.rows} rows and "
            f"{recipe.models} models"
        )
    if isinstance(recipe, Parts) and not all(
        stays_inside(path) for one in recipe.parts.values() for path in places_of(one)
    ):
        yield "a part of its recipe leaves the folder of the parts"
    if models > 0 and not isinstance(recipe, Synthetic):
        yield "its recipe makes no models, but it lists some"


def _contradictions_on_parts(manifest: Manifest) -> Iterator[str]:
    listed = set(manifest.features_files)
    if manifest.part_rows is UNSET:
        if listed != {FEATURES_NAME}:
            yield (
                f"it lists parts of {FEATURES_NAME} but no part_rows" if listed else f"it does not list {FEATURES_NAME}"
            )
        return
    parts = max(1, -(-manifest.rows // manifest.part_rows))
    if len(listed) != parts or listed != {part_name(number) for number in range(parts)}:
        yield (
            f"{manifest.rows} rows in parts of {manifest.part_rows} are {parts} parts of {FEATURES_NAME}, but it lists "
            f"{len(listed)}, or others"
        )


def _must_be_the_older_layout(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise BadManifest(f"{folder}: is a file; name the folder of a cache")
    if not folder.exists():
        raise BadManifest(f"{folder}: no such folder; make a cache there with `bisect-cache generate {folder}`")
    if not (folder / FEATURES_NAME).exists() or not (folder / MODELS_FOLDER).is_dir():
        raise BadManifest(
            f"{folder}: not a cache: there is neither a {MANIFEST_NAME} nor, as in the older layout, a "
            f"{FEATURES_NAME} beside a folder {MODELS_FOLDER}/; make one with `bisect-cache generate {folder}`"
        )
