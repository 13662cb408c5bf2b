"""From a dataset's description and one user's folders to the recipe of a cache, and what must come out of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from bisect_cache.cache.datasets.description import BadDescription, Dataset, fields_of, recipe_from
from bisect_cache.cache.generate import Expected
from bisect_cache.cache.manifest import Parts, Recipe, Reports, Table, places_of
from bisect_cache.cache.recipes.interface import SourceAbsent, lies_in
from bisect_cache.printable import printable

_PLACES = ("table", "reports", "labels")
_KEEP_THE_ROWS = {"features", "pool", "report_name", "direction", "scale"}
"""Fields that change what a cache holds and not which clips it has."""


def recipe_of_dataset(
    dataset: Dataset, folder: Path, source: Path, chosen: Mapping[str, Any], parts: Sequence[str] = ()
) -> Recipe:
    """The recipe of a cache in ``folder`` from the checkout in ``source``.

    ``chosen`` are fields of the recipe that the user gives otherwise or that the dataset leaves to the user, paths
    as they are from here. ``parts`` are those wanted; empty: all.

    Raises ``BadDescription`` for parts that there are not and for choices that do not fit, ``SourceAbsent`` when
    the checkout lacks something, ``msgspec.ValidationError`` for values that no recipe takes.
    """
    _refuse_choices(dataset, chosen, parts)
    if not source.is_dir():
        raise SourceAbsent(f"{source}: there is no such folder; {dataset.title} is to be had so: {dataset.obtain}")
    if not dataset.parts:
        fields = {**dataset.recipe, **chosen}
        _refuse_absent(dataset, source, {"": recipe_from(fields)}, {str(chosen.get(name)) for name in _PLACES})
        recipe = recipe_from({**fields, **_placed(fields, folder, source, chosen)})
        return msgspec.structs.replace(recipe, origin=dataset.origin)
    wanted = [part for part in dataset.parts if not parts or part in parts]
    described = {part: recipe_from({**fields_of(dataset, part), **chosen}) for part in wanted}
    _refuse_absent(dataset, source, described, set())
    return Parts(folder=relative(source, folder), parts=described, origin=dataset.origin)


def expected_of(dataset: Dataset, chosen: Mapping[str, Any], parts: Sequence[str]) -> Expected:
    """What the finished cache must be, as far as the description says it of just this choice."""
    changed = set(chosen) - {dataset.brought}
    if changed - _KEEP_THE_ROWS:
        return Expected()
    described = _described(dataset, parts)
    return replace(described, fingerprint=None) if changed else described


def _described(dataset: Dataset, parts: Sequence[str]) -> Expected:
    wanted = [part for part in dataset.parts if not parts or part in parts]
    if wanted == list(dataset.parts):
        return Expected(dataset.rows, dataset.contents, dataset.fingerprint)
    if len(wanted) == 1:
        part = dataset.parts[wanted[0]]
        return Expected(part.rows, part.contents, part.fingerprint)
    rows = [dataset.parts[part].rows for part in wanted]
    return Expected(rows=None if None in rows else sum(each for each in rows if each is not None))


def relative(path: Path, folder: Path) -> str:
    """A path as a recipe keeps it: relative to the cache's folder, with forward slashes, links as they are named."""
    return Path(os.path.relpath(path, os.path.realpath(folder))).as_posix()


def _refuse_choices(dataset: Dataset, chosen: Mapping[str, Any], parts: Sequence[str]) -> None:
    unknown = [part for part in parts if part not in dataset.parts]
    if unknown:
        there = ", ".join(dataset.parts) or "it has none: leave --part out"
        raise BadDescription(f"{dataset.name} has no part {printable(unknown[0])!r}; its parts: {there}")
    if dataset.brought and dataset.brought not in chosen:
        raise BadDescription(
            f"{dataset.name} has no {'libvmaf reports' if dataset.kind == 'reports' else 'features'} of its own; you "
            f"bring {dataset.you_bring or 'yours'}; name them with --{dataset.brought}"
        )
    if dataset.parts and set(_PLACES) & set(chosen):
        names = ", ".join(f"--{name}" for name in _PLACES if name in chosen)
        raise BadDescription(f"{names} cannot stand for those of all parts of {dataset.name}; describe yours in a file")
    foreign = [
        name for name in chosen if name not in (Reports if dataset.kind == "reports" else Table).__struct_fields__
    ]
    if foreign:
        raise BadDescription(
            f"--{foreign[0].replace('_', '-')} does not go with {dataset.name}, whose recipe is '{dataset.kind}'"
        )


def _placed(fields: Mapping[str, Any], folder: Path, source: Path, chosen: Mapping[str, Any]) -> dict[str, str]:
    """Every path, relative to the cache's folder: the user's from where the user is, the others from the checkout."""
    return {
        name: relative(Path(fields[name]) if name in chosen else source / fields[name], folder)
        for name in _PLACES
        if fields.get(name) is not None
    }


def _refuse_absent(dataset: Dataset, source: Path, recipes: Mapping[str, Table | Reports], brought: set[str]) -> None:
    """Refuse a checkout that lacks what a recipe names, but for the paths that the user ``brought``."""
    absent: dict[str, list[str]] = {}
    for part, recipe in recipes.items():
        for place in places_of(recipe):
            if place in brought:
                continue
            if not lies_in(source, place):
                raise BadDescription(f"{source}: '{place}' leads out of it by a link; put the file itself there")
            if not os.path.lexists(source / place):
                absent.setdefault(part, []).append(place)
    if not absent:
        return
    there = [part for part in recipes if part not in absent]
    some = f"; to take what is there: {' '.join(f'--part {part}' for part in there)}" if there else ""
    files = ", ".join([place for places in absent.values() for place in places][:10])
    raise SourceAbsent(f"{source}: lacks {files} of {dataset.title}; it is to be had so: {dataset.obtain}{some}")
