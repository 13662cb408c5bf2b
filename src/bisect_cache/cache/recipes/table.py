"""The recipe ``table``: a labelled feature table becomes a cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from bisect_cache.cache.manifest import Table
from bisect_cache.cache.parquet.parts import sha256_of_parts
from bisect_cache.cache.recipes.clips import contents_of
from bisect_cache.cache.recipes.feature_columns import feature_columns
from bisect_cache.cache.recipes.interface import BadSource, Made, Surroundings
from bisect_cache.cache.recipes.joined import make_joined
from bisect_cache.cache.recipes.labels import (
    LabelledTable,
    Values,
    content_column,
    listed,
    numbers,
    open_table,
    repeated,
    target_column,
    texts,
)
from bisect_cache.cache.recipes.rows import RowsAsRead, complete_rows


def make_table(recipe: Table, surroundings: Surroundings) -> Made:
    """Features float32 (N,), ``mos`` float32 (N,) and, where there is one, the content under its own name.

    Raises ``SourceAbsent`` when the table is not there, ``BadSource`` when it cannot be used.
    """
    if recipe.labels is not None:
        return make_joined(recipe, surroundings, recipe.labels)
    table = open_table(surroundings.resolve(recipe.table), layout=recipe.layout)
    _refuse_what_needs_labels(table, recipe)
    target = target_column(table, recipe.target)
    content = content_column(table, recipe.content)
    features = feature_columns(table, recipe.features, {target, *([content] if content is not None else [])})
    _check_roles(table, features, target, content)

    values = table.read([*features.values(), target, *([content] if content is not None else [])])
    rows = RowsAsRead(
        source=table.path,
        features={name: numbers(table, column, values[column]) for name, column in features.items()},
        target=target,
        scores=numbers(table, target, values[target]),
        texts=_contents(table, content, values, recipe),
    )
    complete = complete_rows(rows, scale=recipe.scale, drop_incomplete=recipe.drop_incomplete)
    return Made(
        columns=complete.columns,
        features=tuple(features),
        content=content,
        notes=complete.notes,
        source_sha256={recipe.table: sha256_of_parts(table.path)},
        recipe=replace(recipe, target=target, content=content, features=tuple(features) if recipe.features else ()),
    )


def _refuse_what_needs_labels(table: LabelledTable, recipe: Table) -> None:
    without = Table(table=recipe.table)
    stray = [
        name
        for name in ("key", "table_key", "endings", "allow_missing")
        if getattr(recipe, name) != getattr(without, name)
    ]
    if stray:
        raise BadSource(
            f"{table.path}: {listed(stray)} say how features find scores in another file; name that file as --labels "
            f"too, or leave them out"
        )


def _contents(
    table: LabelledTable, content: str | None, values: Mapping[str, Values], recipe: Table
) -> dict[str, Sequence[str | None]]:
    if content is None:
        if recipe.contents:
            raise BadSource(f"{table.path}: has no column that 'contents' could be matched with; name one as --content")
        return {}
    return {content: contents_of(table.path, texts(table, content, values[content]), recipe.contents)}


def _check_roles(table: LabelledTable, features: dict[str, str], target: str, content: str | None) -> None:
    roles = [*features.values(), target, *([content] if content is not None else [])]
    twice = repeated(roles)
    if twice:
        raise BadSource(
            f"{table.path}: columns {listed(twice)} would be more than one of feature, target and content at once; "
            f"choose with --feature, --target and --content"
        )
