"""The ``FIELD=GLOB&…`` of a registry SPEC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from bisect_cache.printable import printable
from bisect_cache.timeline.interface import BadTimeline

RESERVED = frozenset({"name-key", "file-key", "sha256-key", "sidecar-key", "list-key"})
"""Parameters of a SPEC that are no filters."""


@dataclass(frozen=True)
class Query:
    """What follows the ``?`` of a registry SPEC: which fields mean what, and which entries are wanted."""

    name: tuple[str, ...] = ("name", "id")
    file: tuple[str, ...] = ("file", "path", "onnx", "model")
    sha256: tuple[str, ...] = ("sha256",)
    sidecar: tuple[str, ...] = ("sidecar",)
    list_key: str | None = None
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Globs by field: an entry must match one glob of every field."""
    typed: tuple[str, ...] = ()
    """The fields that the user typed: one that no entry has is a mistake."""


def read_query(text: str) -> Query:
    """The ``FIELD=GLOB&…`` of a SPEC, percent-decoded.

    Raises ``BadTimeline`` for a parameter without ``=`` and for a reserved one that is empty or given twice.
    """
    reserved: dict[str, str] = {}
    filters: dict[str, tuple[str, ...]] = {}
    for parameter in text.split("&") if text else ():
        key, equals, value = (unquote(part) for part in parameter.partition("="))
        if not equals or not key:
            raise BadTimeline(f"the registry parameter {printable(parameter)!r} is not FIELD=GLOB; write it so")
        if key not in RESERVED:
            filters[key] = (*filters.get(key, ()), value)
        elif key in reserved or not value:
            raise BadTimeline(f"the registry parameter {key}= names one field; give it once, and not empty")
        else:
            reserved[key] = value
    return Query(
        name=(reserved["name-key"],) if "name-key" in reserved else Query.name,
        file=(reserved["file-key"],) if "file-key" in reserved else Query.file,
        sha256=(reserved["sha256-key"],) if "sha256-key" in reserved else Query.sha256,
        sidecar=(reserved["sidecar-key"],) if "sidecar-key" in reserved else Query.sidecar,
        list_key=reserved.get("list-key"),
        filters=filters,
        typed=(*(value for key, value in reserved.items() if key != "list-key"), *filters),
    )
