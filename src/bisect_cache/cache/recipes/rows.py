"""From what was read to what a cache holds: complete rows, in float32, that can be judged."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bisect_cache.cache.manifest import ROW_COLUMN, TARGET_COLUMN
from bisect_cache.cache.recipes.interface import BadSource
from bisect_cache.cache.recipes.labels import listed, repeated
from bisect_cache.printable import first_of

_FEWEST_ROWS = 3
_MOST_FEATURES = 10_000
"""A hundred times what libvmaf has."""


@dataclass(frozen=True)
class RowsAsRead:
    """N rows of a source, complete or not."""

    source: Path
    features: Mapping[str, NDArray[np.float64]]
    """By their names in the cache, each (N,), NaN where there is no value."""
    target: str
    """The target's name in the source."""
    scores: NDArray[np.float64]
    """The target, (N,), NaN where there is none."""
    texts: Mapping[str, Sequence[str | None]] = field(default_factory=dict)
    """Content and key, N each, ``None`` where there is none."""
    numbers: Sequence[int] = ()
    """Where the source counts its rows otherwise: the number of each of the N rows."""
    called: Sequence[str] = ()
    """What to call each of the N rows beside its number, where they have names."""


@dataclass(frozen=True)
class CompleteRows:
    """What a cache holds, and what was left out on the way."""

    columns: Mapping[str, NDArray[np.float32] | list[str]]
    """Features, ``mos``, texts: all of one length, float32 or strings, finite."""
    notes: tuple[str, ...]


def complete_rows(rows: RowsAsRead, *, scale: tuple[float, float] | None, drop_incomplete: bool) -> CompleteRows:
    """The rows of a cache; incomplete ones (a value missing, or infinite in float32) are refused or dropped.

    Raises ``BadSource`` with the rows concerned when rows are incomplete and may not be dropped or when a target
    lies outside of ``scale``; and when names clash, when fewer than 3 rows are left, or when the target is constant.
    """
    _check_names(rows.source, rows.features, rows.texts)
    features = {name: _as_float32(values) for name, values in rows.features.items()}
    scores = _as_float32(rows.scores)
    gaps = {name: ~np.isfinite(values) for name, values in features.items()}
    gaps[rows.target] = ~np.isfinite(scores)
    for name, values in rows.texts.items():
        gaps[name] = np.array([text is None for text in values], np.bool_)

    incomplete = np.logical_or.reduce(list(gaps.values()))
    left_out = int(incomplete.sum())
    if left_out and not drop_incomplete:
        raise BadSource(_says_incomplete(rows, gaps, incomplete))
    keep = ~incomplete
    _check_scores(rows, scores, keep, scale)
    columns: dict[str, NDArray[np.float32] | list[str]] = {name: values[keep] for name, values in features.items()}
    columns[TARGET_COLUMN] = scores[keep]
    for name, texts in rows.texts.items():
        columns[name] = [text for text, kept in zip(texts, keep.tolist(), strict=True) if kept and text is not None]
    notes = (f"dropped {left_out} incomplete row{'s' * (left_out != 1)} of {scores.size}",) if left_out else ()
    return CompleteRows(columns, notes)


def check_features(source: Path, features: Sequence[str]) -> None:
    """Raises ``BadSource`` when a feature is asked for twice or has a name that the cache needs itself.

    And where more are asked for than any cache has.
    """
    if len(features) > _MOST_FEATURES:
        raise BadSource(f"{source}: {len(features):,} features are asked for; name at most {_MOST_FEATURES:,} of them")
    twice = repeated(features)
    if twice:
        raise BadSource(f"{source}: features are asked for more than once: {listed(twice)}; name each once")
    _check_names(source, features, ())


def _check_names(source: Path, features: Collection[str], texts: Collection[str]) -> None:
    taken = {TARGET_COLUMN, ROW_COLUMN}
    clashing = [name for name in (*features, *texts) if name in taken] + [name for name in texts if name in features]
    if clashing:
        raise BadSource(
            f"{source}: columns {listed(clashing)} would share a name in the cache, where '{TARGET_COLUMN}' is the "
            f"target, '{ROW_COLUMN}' counts the rows, and features, content and key have a column each; rename them "
            f"in the source or choose others"
        )


def _as_float32(values: NDArray[np.float64]) -> NDArray[np.float32]:
    with np.errstate(over="ignore", invalid="ignore"):  # what is too large becomes infinite and is reported as such
        return values.astype(np.float32)


def _says_incomplete(rows: RowsAsRead, gaps: Mapping[str, NDArray[np.bool_]], incomplete: NDArray[np.bool_]) -> str:
    where = np.flatnonzero(incomplete)
    shown = [
        f"{_named(rows, row)} ({_some(name for name, gap in gaps.items() if gap[row])})" for row in where[:10].tolist()
    ]
    return (
        f"{rows.source}: {where.size} of {incomplete.size} rows are incomplete, with a value missing or infinite: "
        f"{first_of(shown, of=where.size)}; rows are counted from 0. Complete them, or leave them out with "
        f"--drop-incomplete"
    )


def _check_scores(
    rows: RowsAsRead, scores: NDArray[np.float32], keep: NDArray[np.bool_], scale: tuple[float, float] | None
) -> None:
    if scale is not None:
        low, high = scale
        if not low < high:
            raise BadSource(f"{rows.source}: the scale {low:g} to {high:g} is empty; give the lower end first")
        outside = np.flatnonzero(keep & ~((rows.scores >= low) & (rows.scores <= high)))
        if outside.size:
            shown = [f"{_named(rows, row)} has {rows.scores[row]:g}" for row in outside[:10].tolist()]
            raise BadSource(
                f"{rows.source}: {outside.size} values of {listed([rows.target])} lie outside of its scale {low:g} to "
                f"{high:g}: {first_of(shown, of=outside.size)}; rows are counted from 0. Correct them or the scale"
            )
    kept = scores[keep]
    if kept.size < _FEWEST_ROWS:
        of = f" of {keep.size}" if kept.size != keep.size else ""
        raise BadSource(
            f"{rows.source}: {kept.size}{of} rows can be used, and nothing can be judged on fewer than {_FEWEST_ROWS}; "
            f"add labelled rows"
        )
    if (kept == kept[0]).all():
        raise BadSource(
            f"{rows.source}: {listed([rows.target])} is {kept[0]:g} in all {kept.size} rows, and nothing correlates "
            f"with a constant; choose another column with --target"
        )


def _named(rows: RowsAsRead, row: int) -> str:
    number = rows.numbers[row] if rows.numbers else row
    return f"row {number} {listed([rows.called[row]])}" if rows.called else f"row {number}"


def _some(names: Iterable[str]) -> str:
    """The first of a row's gaps."""
    return first_of(name[:80] for name in names)
