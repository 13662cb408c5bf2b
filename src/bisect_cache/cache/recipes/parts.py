"""The recipe ``parts``: several labelled tables or sets of reports become one cache, one below the other."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from bisect_cache.cache.manifest import KEY_COLUMN, TARGET_COLUMN, Parts, Recipe, Reports, Table, places_of
from bisect_cache.cache.recipes.clips import CONTENT_COLUMN
from bisect_cache.cache.recipes.interface import BadSource, Made, Progress, Surroundings, lies_in
from bisect_cache.cache.recipes.labels import listed
from bisect_cache.cache.recipes.measured_by import MeasuredBy, together


def make_parts(recipe: Parts, surroundings: Surroundings, make: Callable[[Recipe, Surroundings], Made]) -> Made:
    """The rows of every part in the parts' order; ``make`` follows the recipe of one.

    Contents of one name are one content, whatever part they are in. Keys get their part's name before them.

    Raises ``SourceAbsent`` when a part is not there, ``BadSource`` when one cannot be used or does not fit the others.
    """
    folder = surroundings.resolve(recipe.folder)
    made: dict[str, Made] = {}
    counted = _Counted(surroundings.progress)
    for name, part in recipe.parts.items():
        _refuse_leading_out(folder, name, part)
        made[name] = make(part, Surroundings(folder, counted.of_one_part()))
    _refuse_what_does_not_fit(recipe, made)
    return Made(
        columns=_stacked(made),
        features=next(iter(made.values())).features,
        content=CONTENT_COLUMN if _has_content(made) else None,
        notes=tuple(f"{name}: {note}" for name, one in made.items() for note in one.notes),
        source_sha256={
            posixpath.join(recipe.folder, path): digest
            for one in made.values()
            for path, digest in one.source_sha256.items()
        },
        measured_by=together([_measured_by(one) for one in made.values()]),
        recipe=replace(recipe, parts={name: _chosen(recipe.parts[name], one) for name, one in made.items()}),
    )


def _refuse_leading_out(folder: Path, name: str, part: Table | Reports) -> None:
    """A description may come from a stranger: it reaches only what lies in the folder that the user named."""
    for place in places_of(part):
        if not lies_in(folder, place):
            raise BadSource(
                f"{folder}: part {listed([name])} wants {listed([place])}, which is not in this folder, or leads out "
                f"of it by a link; name it relative to the folder and put the file itself there"
            )


class _Counted:
    """Tells how many clips of all parts so far are done: how many there are is known only part by part."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._before = 0

    def of_one_part(self) -> Progress:
        before = self._before

        def progress(done: int, total: int) -> None:
            self._before = before + total
            self._progress(before + done, before + total)

        return progress


def _measured_by(made: Made) -> MeasuredBy:
    """Of the clips of a table nothing is known, which is not the same as no clips."""
    return (
        made.measured_by
        if made.measured_by.builds
        else MeasuredBy(builds=Counter({None: len(made.columns[TARGET_COLUMN])}))
    )


def _chosen(part: Table | Reports, made: Made) -> Table | Reports:
    return made.recipe if isinstance(made.recipe, Table | Reports) else part


def _refuse_what_does_not_fit(recipe: Parts, made: Mapping[str, Made]) -> None:
    first, *others = made
    if CONTENT_COLUMN in made[first].features:
        raise BadSource(f"a feature cannot be called '{CONTENT_COLUMN}', as the content is; rename it in the source")
    for name in others:
        for what, here, there in (
            ("features", made[name].features, made[first].features),
            ("direction", recipe.parts[name].direction, recipe.parts[first].direction),
            ("scale", recipe.parts[name].scale, recipe.parts[first].scale),
            ("content", made[name].content is None, made[first].content is None),
            ("key", KEY_COLUMN in made[name].columns, KEY_COLUMN in made[first].columns),
        ):
            if here != there:
                raise BadSource(
                    f"part {listed([name])} does not go with part {listed([first])}: they differ in {what} "
                    f"({_said(here)} and {_said(there)}); give all parts the same, or make a cache of each"
                )


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "one has none" if value else "one has it"
    return listed(value) if isinstance(value, tuple) else listed([value])


def _has_content(made: Mapping[str, Made]) -> bool:
    return next(iter(made.values())).content is not None


def _stacked(made: Mapping[str, Made]) -> dict[str, NDArray[np.float32] | list[str]]:
    first = next(iter(made.values()))
    columns: dict[str, NDArray[np.float32] | list[str]] = {
        name: np.concatenate([np.asarray(one.columns[name], np.float32) for one in made.values()])
        for name in (*first.features, TARGET_COLUMN)
    }
    if first.content is not None:
        columns[CONTENT_COLUMN] = [
            str(content) for one in made.values() if one.content is not None for content in one.columns[one.content]
        ]
    if KEY_COLUMN in first.columns:
        columns[KEY_COLUMN] = [f"{part}/{key}" for part, one in made.items() for key in one.columns[KEY_COLUMN]]
    return columns
