"""What a dataset's TOML file says: where labels and reports lie in a checkout, and what a cache of them must be.

``docs/datasets.md`` is the format for those who write one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from bisect_cache.cache.manifest import Count, Origin, PartName, Reports, Table, places_of, stays_inside
from bisect_cache.documents import NoDocument, toml_in
from bisect_cache.errors import OfStrangers
from bisect_cache.files import CannotRead, read_file
from bisect_cache.printable import printable

SHIPPED = Path(__file__).parent
_LARGEST_FILE = 64 << 10
_KINDS: Mapping[str, type[Table | Reports]] = {"reports": Reports, "table": Table}

Line = Annotated[str, Meta(min_length=1, max_length=1000)]
Fingerprint = Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}\Z")]
Overrides = dict[str, Any]
"""Fields of a recipe, checked as one when the file is read."""


class BadDescription(OfStrangers):
    """A dataset's file that is not there or does not say what it must say."""


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    """One of several tests, laboratories or folders of a dataset."""

    recipe: Overrides
    """Fields of the recipe that are this part's own, over those of all parts."""
    rows: Count | None = None
    contents: Count | None = None
    fingerprint: Fingerprint | None = None
    """Of the cache of this part alone."""


class Dataset(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    schema: Literal["bisect-cache/dataset/1"]
    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}\Z")]
    title: Line
    source: Line
    """Where it is published."""
    licence: Line
    """As the source states it, or that one must look there."""
    citation: Line
    obtain: Line
    """What a user does to have it on disk."""
    you_bring: Line | None = None
    """What the dataset lacks that a cache needs."""
    commit: Line | None = None
    verified: Line | None = None
    """What of this file was held against the data, and what was not."""
    rows: Count | None = None
    contents: Count | None = None
    fingerprint: Fingerprint | None = None
    """Of the finished cache; absent where nobody made one with this program yet."""
    recipe: Overrides
    """The fields of one of the recipes ``reports`` and ``table``; paths are relative to the checkout."""
    parts: Annotated[dict[PartName, Part], Meta(max_length=1000)] = {}

    @property
    def origin(self) -> Origin:
        """What the manifest says of where the data came from."""
        return Origin(self.name, self.source, self.commit, self.licence, self.citation)

    @property
    def kind(self) -> str:
        """Of the recipe: ``reports`` or ``table``."""
        return str(self.recipe["kind"])

    @property
    def brought(self) -> str | None:
        """The field of the recipe, called like its kind, that the user gives because the dataset lacks it."""
        return None if self.kind in self.recipe or self.parts else self.kind


def shipped() -> tuple[str, ...]:
    """The names of the datasets that ship with the program."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.toml")))


def dataset_file(name: str) -> Path:
    """The file of a dataset: of one that ships, by its name, or of the user's own, by its path (``….toml``).

    Raises ``BadDescription`` where the name is of neither.
    """
    if name.endswith(".toml"):
        return Path(name)
    if name not in shipped():
        raise BadDescription(
            f"{name!r} is no dataset that ships with the program: {', '.join(shipped())}; name one of them, or a file "
            f"of your own that ends in .toml"
        )
    return SHIPPED / f"{name}.toml"


def read_dataset(path: Path) -> Dataset:
    """The description in ``path``, all of it valid, its recipes too. Raises ``BadDescription``."""
    try:
        dataset = msgspec.convert(toml_in(read_file(path, largest=_LARGEST_FILE).decode("utf-8-sig")), Dataset)
    except CannotRead as error:
        raise BadDescription(str(error)) from error
    except msgspec.ValidationError as error:
        raise _bad(path, str(error)) from error
    except (NoDocument, UnicodeDecodeError) as error:
        raise _bad(path, f"it cannot be read as TOML ({error})") from error
    for wrong in _contradictions(dataset):
        raise _bad(path, wrong)
    return dataset


def _bad(path: Path, why: str) -> BadDescription:
    return BadDescription(
        f"{path}: is no description of a dataset: {printable(why, 1000)}; docs/datasets.md has the format"
    )


def recipe_from(fields: Mapping[str, Any]) -> Table | Reports:
    """The recipe of these fields. Raises ``msgspec.ValidationError``."""
    kind = _KINDS.get(str(fields.get("kind")))
    if kind is None:
        raise msgspec.ValidationError("the recipe's `kind` must be 'reports' or 'table'")
    return msgspec.convert(dict(fields), kind)


def fields_of(dataset: Dataset, part: str | None) -> dict[str, Any]:
    """The recipe's fields of one part over those of all, or those of all."""
    return dataset.recipe if part is None else {**dataset.recipe, **dataset.parts[part].recipe}


def _contradictions(dataset: Dataset) -> Iterator[str]:
    kind = str(dataset.recipe.get("kind"))
    if kind not in _KINDS:
        yield "[recipe]: `kind` must be 'reports' or 'table'"
        return
    for part in dataset.parts or (None,):
        where = "[recipe]" if part is None else f"[recipe] with that of [parts.{part}]"
        fields = fields_of(dataset, part)
        try:
            recipe = recipe_from({**({} if dataset.parts else {kind: "brought by the user"}), **fields})
        except msgspec.ValidationError as error:
            yield f"{where}: {error}"
            continue
        if fields["kind"] != kind or "origin" in fields:
            yield f"{where}: `kind` is that of [recipe], and `origin` is made of what the file says; leave them out"
        if recipe.labels is None and dataset.brought:
            yield f"{where}: names neither a `table` nor `labels`, so that there is nothing to read in the checkout"
        for place in places_of(recipe):
            if not stays_inside(place):
                yield f"{where}: {place!r} leads out of the checkout; name files relative to it, without '..'"
    if dataset.brought and dataset.fingerprint:
        yield "a cache with features that the user brings has no one fingerprint; leave `fingerprint` out"
