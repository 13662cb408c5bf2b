"""Features in one table and scores in another: the rows of a label file find those of a table by their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec.structs import replace

from bisect_cache.cache.manifest import Table
from bisect_cache.cache.parquet.parts import sha256_of_parts
from bisect_cache.cache.recipes.clips import Clips, read_clips, without_gaps
from bisect_cache.cache.recipes.feature_columns import feature_columns
from bisect_cache.cache.recipes.interface import BadSource, Made, Surroundings
from bisect_cache.cache.recipes.labels import LabelledTable, key_column, listed, numbers, open_table, repeated, texts
from bisect_cache.cache.recipes.rows import RowsAsRead, complete_rows


def make_joined(recipe: Table, surroundings: Surroundings, labels_at: str) -> Made:
    """Features float32 (N,), ``mos`` float32 (N,), the content if there is one, and ``key``, in the labels' order.

    Raises ``SourceAbsent`` when a file is not there, ``BadSource`` when it cannot be used.
    """
    if recipe.key is None:
        raise BadSource(
            f"{labels_at}: says nothing of which row of the table is whose; name its column of names as key"
        )
    labels = open_table(surroundings.resolve(labels_at), recipe.key, recipe.layout)
    name_column = recipe.table_key or recipe.key
    table = open_table(surroundings.resolve(recipe.table), name_column)
    clips = read_clips(labels, recipe, recipe.key)
    rows_of = _rows_by_name(table, key_column(table, name_column))
    found, notes = _paired(clips, rows_of, table, allow_missing=recipe.allow_missing)

    features = feature_columns(table, recipe.features, not_among={key_column(table, name_column)})
    values = table.read(list(features.values()))
    wanted = [rows_of[clips.called[row]] for row in found]
    complete = complete_rows(
        RowsAsRead(
            source=labels.path,
            features={name: numbers(table, column, values[column])[wanted] for name, column in features.items()},
            target=clips.target,
            scores=clips.scores[np.array(found, np.int64)],
            texts={name: [column[row] for row in found] for name, column in clips.texts().items()},
            numbers=found,
            called=[clips.keys[row] for row in found],
        ),
        scale=recipe.scale,
        drop_incomplete=recipe.drop_incomplete,
    )
    return Made(
        columns=complete.columns,
        features=tuple(features),
        content=clips.content,
        notes=(*notes, *complete.notes),
        source_sha256={recipe.table: sha256_of_parts(table.path), labels_at: sha256_of_parts(labels.path)},
        recipe=replace(
            recipe,
            target=clips.target,
            content=clips.content_column,
            features=tuple(features) if recipe.features else (),
        ),
    )


def _rows_by_name(table: LabelledTable, column: str) -> dict[str, int]:
    names = without_gaps(table, column, texts(table, column, table.read([column])[column]))
    twice = repeated(names)
    if twice:
        raise BadSource(
            f"{table.path}: {len(twice)} names of column {listed([column])} stand more than once: {listed(twice)}; "
            f"leave one row for each"
        )
    return {name: row for row, name in enumerate(names)}


def _paired(
    clips: Clips, rows_of: Mapping[str, int], table: LabelledTable, *, allow_missing: bool
) -> tuple[list[int], list[str]]:
    """Numbers of the labels that the table has, and what is to be noted of the others."""
    shared = repeated(clips.called)
    if shared:
        raise BadSource(
            f"{clips.labels}: several keys become the same name {listed(shared)}; let 'endings' tell them apart"
        )
    found = [row for row, name in enumerate(clips.called) if name in rows_of]
    without_row = [name for name in clips.called if name not in rows_of]
    labelled = set(clips.called)
    without_label = [name for name in rows_of if name not in labelled]
    complaints = []
    if without_row:
        complaints.append(f"{len(without_row)} of {len(clips.keys)} labels have no row there: {listed(without_row)}")
    if without_label:
        complaints.append(f"{len(without_label)} rows have no label: {listed(without_label)}")
    if not found or (complaints and not allow_missing):
        raise BadSource(
            f"{table.path}: {'; '.join(complaints)}. Complete them, correct the names, or leave them out with "
            f"--allow-missing"
        )
    return found, _notes(without_row, without_label, len(clips.keys))


def _notes(without_row: Sequence[str], without_label: Sequence[str], labels: int) -> list[str]:
    notes = []
    if without_row:
        notes.append(f"labels without features, left out: {len(without_row)} of {labels}")
    if without_label:
        notes.append(f"features without a label, left out: {len(without_label)}")
    return notes
