"""A registry's text, JSON or YAML, as plain data.

Numbers with a point stay as they are written (version 1.10 is not 1.1), in YAML all numbers and dates do.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from bisect_cache.documents import whole
from bisect_cache.printable import printable
from bisect_cache.timeline.interface import BadTimeline
from bisect_cache.timeline.labels import some_of


def read_document(data: bytes, suffix: str, shown: str) -> tuple[object, tuple[str, ...]]:
    """The data in ``data`` and notes on keys that stand twice in one mapping (the last one counts).

    Raises ``BadTimeline``, naming ``shown``, for another suffix than .json, .yaml, .yml and for text that is not
    what its suffix says.
    """
    if suffix not in {".json", ".yaml", ".yml"}:
        raise BadTimeline(f"{shown}: a registry is a .json, .yaml or .yml file; rename it or convert it")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadTimeline(f"{shown}: byte {error.start:,} is not UTF-8; save it as UTF-8") from error
    mappings = _Mappings()
    document = _read_json(text, mappings, shown) if suffix == ".json" else _read_yaml(text, mappings, shown)
    if not mappings.repeated:
        return document, ()
    return document, (f"keys that stand twice in one mapping, the last counts: {some_of(mappings.repeated)}",)


class _Mappings:
    """Makes dictionaries from pairs and remembers the keys that were given again."""

    def __init__(self) -> None:
        self.repeated: dict[str, None] = {}

    def __call__(self, pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
        made: dict[str, object] = {}
        for key, value in pairs:
            if key in made:
                self.repeated[key] = None
            made[key] = value
        return made


def _read_json(text: str, mappings: _Mappings, shown: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=mappings, parse_float=str, parse_constant=str, parse_int=whole)
    except RecursionError as error:
        raise BadTimeline(f"{shown}: is nested too deeply; write a plain list of entries") from error
    except ValueError as error:
        raise BadTimeline(f"{shown}: is not JSON ({printable(str(error))}); correct it") from error


def _read_yaml(text: str, mappings: _Mappings, shown: str) -> object:
    from bisect_cache.timeline import registry_yaml

    try:
        return registry_yaml.read(text, mappings)
    except registry_yaml.NotYaml as error:
        raise BadTimeline(f"{shown}: {printable(str(error))}") from error
