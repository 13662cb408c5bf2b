"""The options of ``generate`` become a recipe."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from msgspec import ValidationError, convert

from bisect_cache.cache.datasets.choosing import expected_of, recipe_of_dataset, relative
from bisect_cache.cache.datasets.description import dataset_file, read_dataset
from bisect_cache.cache.generate import Expected
from bisect_cache.cache.manifest import Origin, Recipe, Reports, Synthetic, Table
from bisect_cache.printable import printable


def recipe_of(folder: Path, options: Mapping[str, Any]) -> Recipe:
    """The recipe that these options name, for a cache in ``folder``.

    Raises ``click.UsageError`` for values that no recipe takes and for options of another recipe, which are refused
    and not ignored.
    """
    given = {name: value for name, value in options.items() if _is_given(value)}
    if "parts" in given:
        raise click.UsageError("--part goes with --dataset, which has parts")
    origin = {name: given.pop(name) for name in ("source", "commit", "licence", "citation") if name in given}
    if "scale" in given:
        given["scale"] = _scale(given["scale"])
    paths = {name: relative(Path(given[name]), folder) for name in ("table", "reports", "labels") if name in given}
    kind: type[Recipe] = Table if "table" in given else Reports if "reports" in given else Synthetic
    foreign = [name for name in given if name not in kind.__struct_fields__]
    if foreign or (origin and kind is Synthetic):
        names = ", ".join(f"--{name.replace('_', '-').replace('features', 'feature')}" for name in foreign or origin)
        raise click.UsageError(f"{names} does not go with the recipe '{kind.__name__.lower()}'")
    missing = [name for name in ("labels", "key", "report_name") if kind is Reports and name not in given]
    if missing:
        raise click.UsageError(f"--reports also needs {', '.join('--' + name.replace('_', '-') for name in missing)}")
    fields = given | paths | ({"origin": Origin(**origin)} if origin else {})
    with _said_of_options():
        return convert({"kind": kind.__struct_config__.tag} | fields, kind)


def dataset_recipe_of(folder: Path, options: Mapping[str, Any]) -> tuple[Recipe, Expected]:
    """The recipe of the dataset that these options name, for a cache in ``folder``, and what must come out of it.

    Raises ``click.UsageError`` for options that do not go together, ``BadDescription`` for a dataset that cannot be
    understood or chosen from so, ``SourceAbsent`` when its checkout lacks something.
    """
    given = {name: value for name, value in options.items() if _is_given(value)}
    dataset = read_dataset(dataset_file(given.pop("dataset")))
    source, parts = given.pop("source", None), given.pop("parts", ())
    if source is None:
        raise click.UsageError(
            f"--dataset {dataset.name} also needs --source, the folder where you have it: "
            f"{printable(dataset.obtain, 500)}"
        )
    said = [f"--{name}" for name in ("commit", "licence", "citation") if name in given]
    if said:
        raise click.UsageError(f"{', '.join(said)} does not go with --dataset, whose file says it")
    if "scale" in given:
        given["scale"] = _scale(given["scale"])
    with _said_of_options():
        recipe = recipe_of_dataset(dataset, folder, Path(source), given, parts)
    return recipe, expected_of(dataset, given, parts)


@contextmanager
def _said_of_options() -> Iterator[None]:
    """What no recipe takes, said of the option that gave it."""
    try:
        yield
    except ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        option = where.rstrip("`").replace("_", "-")
        raise click.UsageError(f"--{option}: {what[0].lower()}{what[1:]}" if option else what) from error


def _scale(text: str) -> tuple[float, float]:
    try:
        low, high = (float(end) for end in text.split(":"))
    except ValueError:
        raise click.BadParameter(f"'{text}' is not LOW:HIGH, such as 1:5", param_hint="--scale") from None
    if not (low < high and math.isfinite(low) and math.isfinite(high)):
        raise click.BadParameter(f"'{text}': {low:g} is not below {high:g}, both finite", param_hint="--scale")
    return low, high


def _is_given(value: object) -> bool:
    """Whether an option was typed: 0 is a value, the empty defaults are not."""
    return value is not None and value is not False and value != ()
