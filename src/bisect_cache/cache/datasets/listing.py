"""What a dataset's description says, for a reader who wants to have it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from bisect_cache.cache.datasets.description import Dataset, fields_of, recipe_from
from bisect_cache.printable import printable

_WIDTH = 110
_INDENT = 12


def listing(dataset: Dataset) -> str:
    """Several lines about a dataset, without a newline at the end."""
    said = [f"{dataset.name}  {printable(dataset.title, 2000)}"]
    for what, text in _facts(dataset):
        lines = textwrap.wrap(printable(text, 2000), _WIDTH - _INDENT, break_long_words=False, break_on_hyphens=False)
        said.append(f"  {what:<{_INDENT - 2}}{(chr(10) + ' ' * _INDENT).join(lines)}")
    return "\n".join(said)


def _facts(dataset: Dataset) -> Iterator[tuple[str, str]]:
    yield "rows", _rows(dataset)
    yield "target", _target(dataset)
    if dataset.parts:
        parts = (f"{name} ({_count(part.rows)}{_known(part.fingerprint)})" for name, part in dataset.parts.items())
        yield "parts", ", ".join(parts)
    yield "licence", dataset.licence
    yield "source", dataset.source + (f", commit {dataset.commit}" if dataset.commit else "")
    yield "get it", dataset.obtain
    if dataset.you_bring:
        yield "you bring", dataset.you_bring
    yield "cite", dataset.citation
    yield "verified", " ".join([*_fingerprints(dataset), dataset.verified or "No more is said of it."])


def _rows(dataset: Dataset) -> str:
    contents = f" of {dataset.contents} contents" if dataset.contents is not None else ""
    return _count(dataset.rows) + contents


def _count(rows: int | None) -> str:
    return "not known here" if rows is None else f"{rows:,}"


def _known(fingerprint: str | None) -> str:
    return "" if fingerprint is None else ", fingerprint known"


def _target(dataset: Dataset) -> str:
    part = next(iter(dataset.parts), None)
    place = {} if dataset.parts else {"reports" if dataset.kind == "reports" else "table": "brought by the user"}
    recipe = recipe_from({**place, **fields_of(dataset, part)})
    scale = f"{recipe.scale[0]:g} to {recipe.scale[1]:g}, " if recipe.scale else ""
    return f"{recipe.target or 'mos'}, {scale}{recipe.direction.replace('-', ' ')}"


def _fingerprints(dataset: Dataset) -> Iterator[str]:
    if dataset.fingerprint:
        yield f"The whole cache: {dataset.fingerprint}."
    elif dataset.brought:
        yield "No fingerprint: what you bring is yours."
    else:
        yield "The whole cache: not verified here (no fingerprint is known)."
