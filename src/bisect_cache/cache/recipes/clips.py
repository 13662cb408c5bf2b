"""Clips as a label file names them: their keys, scores and contents, and what their reports or features are called."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bisect_cache.cache.manifest import KEY_COLUMN, Reports, Table
from bisect_cache.cache.recipes.interface import BadSource
from bisect_cache.cache.recipes.labels import (
    LabelledTable,
    content_column,
    key_column,
    listed,
    numbers,
    repeated,
    target_column,
    texts,
)

CONTENT_COLUMN = "content"
"""What the content is called in a cache where no column of the labels holds it."""


@dataclass(frozen=True)
class Clips:
    """The label file's N rows."""

    labels: Path
    keys: Sequence[str]
    called: Sequence[str]
    """The keys as clips are called where their reports or features are."""
    target: str
    scores: NDArray[np.float64]
    content: str | None
    """The content's name in the cache; ``None``: nothing says which rows belong together."""
    content_column: str | None
    """The column that it was read from; ``None``: there is none, or the keys say it."""
    contents: Sequence[str | None]
    others: Mapping[str, Sequence[str]]
    """Other columns that were asked for, N texts each."""

    def texts(self) -> dict[str, Sequence[str | None]]:
        """The text columns of the cache: the content, if there is one, and the key."""
        if self.content is None:
            return {KEY_COLUMN: self.keys}
        return {self.content: self.contents, KEY_COLUMN: self.keys}


def read_clips(labels: LabelledTable, recipe: Reports | Table, key: str, others: Sequence[str] = ()) -> Clips:
    """The rows of ``labels`` as ``recipe`` reads them, named by column ``key``; ``others`` are read as texts too.

    Raises ``BadSource`` where a column is not there or has two roles, where keys are blank or repeated, and where
    the recipe's ``contents`` match none of a row.
    """
    key = key_column(labels, key)
    target = target_column(labels, recipe.target)
    of_keys = bool(recipe.contents) and recipe.content is None
    content = None if of_keys else content_column(labels, recipe.content)
    if target in {key, content}:
        raise BadSource(
            f"{labels.path}: column {listed([target])} cannot be the target and the key or content too; choose with "
            f"--target, --key and --content"
        )
    if content == KEY_COLUMN != key:
        raise BadSource(
            f"{labels.path}: the content column is called '{KEY_COLUMN}', which in the cache holds the column "
            f"{listed([key])}; rename one of them"
        )
    wanted = [key, target, *([content] if content is not None else []), *others]
    values = labels.read(list(dict.fromkeys(wanted)))
    keys = without_gaps(labels, key, texts(labels, key, values[key]))
    twice = repeated(keys)
    if twice:
        raise BadSource(
            f"{labels.path}: {len(twice)} keys of column {listed([key])} stand more than once: {listed(twice)}; leave "
            f"one row for each clip, or choose another --key"
        )
    of_column: Sequence[str | None] = [] if content is None else texts(labels, content, values[content])
    return Clips(
        labels=labels.path,
        keys=keys,
        called=[renamed(each, recipe.endings) for each in keys],
        target=target,
        scores=numbers(labels, target, values[target]),
        content=CONTENT_COLUMN if of_keys else content,
        content_column=content,
        contents=contents_of(labels.path, keys if of_keys else of_column, recipe.contents),
        others={name: without_gaps(labels, name, texts(labels, name, values[name])) for name in others},
    )


def without_gaps(labels: LabelledTable, column: str, values: Sequence[str | None]) -> list[str]:
    """``values`` of a column that must name something in every row. Raises ``BadSource`` with the rows it is blank."""
    gaps = [row for row, value in enumerate(values) if value is None]
    if gaps:
        raise BadSource(
            f"{labels.path}: column {listed([column])}, which leads to the reports, is blank in rows {listed(gaps)}; "
            f"rows are counted from 0: fill it in or remove the rows"
        )
    return [value for value in values if value is not None]


def renamed(key: str, endings: Mapping[str, str]) -> str:
    """``key`` with the longest of ``endings`` that it has replaced: ``clip_vvc.mkv`` becomes ``clip.266``."""
    ending = max((each for each in endings if each and key.endswith(each)), key=len, default=None)
    return key if ending is None else key[: -len(ending)] + endings[ending]


def contents_of(source: Path, values: Sequence[str | None], patterns: Mapping[str, str]) -> Sequence[str | None]:
    """The content of each of ``values``: what stands behind the first glob that matches it whole.

    Without ``patterns`` the values themselves. Raises ``BadSource`` with the values that no glob matches.
    """
    if not patterns:
        return values
    globs = [(re.compile(fnmatch.translate(pattern)), content) for pattern, content in patterns.items()]
    known = {
        value: next((content for glob, content in globs if glob.match(value)), None)
        for value in dict.fromkeys(values)
        if value is not None
    }
    unknown = [value for value, content in known.items() if content is None]
    if unknown:
        raise BadSource(
            f"{source}: none of the recipe's {len(patterns)} patterns of contents matches {listed(unknown)}; add one "
            f"to 'contents' in the dataset's file"
        )
    return [None if value is None else known[value] for value in values]
