"""The options of ``generate`` become a recipe."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from msgspec import ValidationError, convert

from bisect_cache.cache.manifest import Origin, Recipe, Reports, Synthetic, Table


def recipe_of(folder: Path, options: Mapping[str, Any]) -> Recipe:
    """The recipe that these options name, for a cache in ``folder``.

    Raises ``click.UsageError`` for values that no recipe takes and for options of another recipe, which are refused
    and not ignored.
    """
    given = {name: value for name, value in options.items() if _is_given(value)}
    origin = {name: given.pop(name) for name in ("source", "commit", "licence", "citation") if name in given}
    if "scale" in given:
        given["scale"] = _scale(given["scale"])
    paths = {name: _relative(given[name], folder) for name in ("table", "reports", "labels") if name in given}
    kind: type[Recipe] = Table if "table" in given else Reports if "reports" in given else Synthetic
    foreign = [name for name in given if name not in kind.__struct_fields__]
    if foreign or (origin and kind is Synthetic):
        names = ", ".join(f"--{name.replace('_', '-').replace('features', 'feature')}" for name in foreign or origin)
        raise click.UsageError(f"{names} does not go with the recipe '{kind.__name__.lower()}'")
    missing = [name for name in ("labels", "key", "report_name") if kind is Reports and name not in given]
    if missing:
        raise click.UsageError(f"--reports also needs {', '.join('--' + name.replace('_', '-') for name in missing)}")
    fields = given | paths | ({"origin": Origin(**origin)} if origin else {})
    try:
        return convert({"kind": kind.__struct_config__.tag} | fields, kind)
    except ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        option = where.rstrip("`").replace("_", "-")
        raise click.UsageError(f"--{option}: {what[0].lower()}{what[1:]}" if option else what) from error


def _relative(path: str, folder: Path) -> str:
    """A path as a recipe keeps it: relative to the cache's folder, with forward slashes, links as they are named."""
    return Path(os.path.relpath(path, os.path.realpath(folder))).as_posix()


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
