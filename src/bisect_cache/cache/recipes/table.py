"""The recipe ``table``: a labelled feature table becomes a cache."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from bisect_cache.cache.manifest import DEFAULT_FEATURES, Table
from bisect_cache.cache.recipes.interface import BadSource, Made, Surroundings
from bisect_cache.cache.recipes.labels import (
    LabelledTable,
    content_column,
    listed,
    numbers,
    open_table,
    repeated,
    target_column,
    texts,
)
from bisect_cache.cache.recipes.libvmaf import spelling_in
from bisect_cache.cache.recipes.rows import RowsAsRead, check_features, complete_rows
from bisect_cache.files import sha256_of_file


def make_table(recipe: Table, surroundings: Surroundings) -> Made:
    """Features float32 (N,), ``mos`` float32 (N,) and, where there is one, the content under its own name.

    Raises ``SourceAbsent`` when the table is not there, ``BadSource`` when it cannot be used.
    """
    table = open_table(surroundings.resolve(recipe.table))
    target = target_column(table, recipe.target)
    content = content_column(table, recipe.content)
    features = _feature_columns(table, recipe.features)
    _check_roles(table, features, target, content)

    values = table.read([*features.values(), target, *([content] if content is not None else [])])
    rows = RowsAsRead(
        source=table.path,
        features={name: numbers(table, column, values[column]) for name, column in features.items()},
        target=target,
        scores=numbers(table, target, values[target]),
        texts={} if content is None else {content: texts(table, content, values[content])},
    )
    complete = complete_rows(rows, scale=recipe.scale, drop_incomplete=recipe.drop_incomplete)
    return Made(
        columns=complete.columns,
        features=tuple(features),
        content=content,
        notes=complete.notes,
        source_sha256={recipe.table: sha256_of_file(table.path)},
        recipe=replace(recipe, target=target, content=content),
    )


def _feature_columns(table: LabelledTable, wanted: Sequence[str]) -> dict[str, str]:
    """The table's column of each feature: of those asked for, or of the default ones that it has."""
    check_features(table.path, wanted)
    columns = frozenset(table.columns)
    found = {feature: spelling_in(columns, feature) for feature in wanted or DEFAULT_FEATURES}
    absent = [feature for feature, column in found.items() if column is None]
    features = {feature: column for feature, column in found.items() if column is not None}
    if not features or (wanted and absent):
        raise BadSource(
            f"{table.path}: has no feature column {listed(absent)}; its columns are {listed(table.columns, 40)}: name "
            f"the features among them with --feature"
        )
    return features


def _check_roles(table: LabelledTable, features: dict[str, str], target: str, content: str | None) -> None:
    roles = [*features.values(), target, *([content] if content is not None else [])]
    twice = repeated(roles)
    if twice:
        raise BadSource(
            f"{table.path}: columns {listed(twice)} would be more than one of feature, target and content at once; "
            f"choose with --feature, --target and --content"
        )
