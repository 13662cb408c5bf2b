"""YAML as plain data, built from the parser's events.

Nothing is constructed by tag, an alias cannot multiply, and no nesting reaches the C stack, as it would where the
document is composed. Imported only when there is YAML to read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

import yaml

DEEPEST = 64
MOST_VALUES = 2_000_000
"""Scalars, lists and mappings that a document may have: a few bytes each in a file, hundreds once they are read."""
NULLS = frozenset({"", "~", "null", "Null", "NULL"})
TRUES = frozenset({"yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})
FALSES = frozenset({"no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})

MakeMapping = Callable[[Iterable[tuple[str, object]]], dict[str, object]]


class NotYaml(Exception):
    """What is wrong with the text, and in which line."""


def read(text: str, make_mapping: MakeMapping) -> object:
    """The one document in ``text``: mappings, lists, strings, booleans and nulls; other scalars as written.

    Raises ``NotYaml`` for anchors and aliases, for keys that are no scalars, for more than ``DEEPEST`` levels or
    ``MOST_VALUES`` values, and for what does not parse.
    """
    builder = _Builder(make_mapping)
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            builder.take(event)
    except (
        yaml.YAMLError,
        RecursionError,
        ValueError,
        OverflowError,
    ) as error:  # the last two of escapes, without libyaml
        raise NotYaml(f"is not YAML ({' '.join(str(error).split())}); correct it") from error
    return builder.document


class _Builder:
    """Takes events; the innermost open list collects values, of a mapping its keys and values by turns."""

    def __init__(self, make_mapping: MakeMapping) -> None:
        self._make_mapping = make_mapping
        self._open: list[list[object]] = [[]]
        self._values = 0

    @property
    def document(self) -> object:
        return self._open[0][0] if self._open[0] else None

    def take(self, event: yaml.Event) -> None:
        if getattr(event, "anchor", None) is not None:
            raise _fault(event, "anchors and aliases are not read; write the values out")
        self._values += 1
        if self._values > MOST_VALUES:
            raise _fault(event, f"more than {MOST_VALUES:,} values; list fewer models")
        match event:
            case yaml.ScalarEvent():
                self._open[-1].append(_scalar(event.value, plain=event.implicit[0]))
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                if len(self._open) > DEEPEST:
                    raise _fault(event, "nested too deeply; write a plain list of entries")
                self._open.append([])
            case yaml.SequenceEndEvent():
                items = self._open.pop()
                self._open[-1].append(items)
            case yaml.MappingEndEvent():
                flat = self._open.pop()
                pairs = zip((_key(key, event) for key in flat[::2]), flat[1::2], strict=True)
                self._open[-1].append(self._make_mapping(pairs))
            case yaml.DocumentStartEvent() if self._open[0]:
                raise _fault(event, "a second document begins; keep one document in the file")


def _fault(event: yaml.Event, fault: str) -> NotYaml:
    where = f"line {event.start_mark.line + 1}: " if event.start_mark else ""
    return NotYaml(where + fault)


def _scalar(text: str, *, plain: bool) -> object:
    if plain and text in NULLS:
        return None
    if plain and text in TRUES | FALSES:
        return text in TRUES
    return text


def _key(value: object, event: yaml.Event) -> str:
    """A key as text. One that is a mapping itself would double with each level that it is quoted on."""
    if isinstance(value, list | dict):
        raise _fault(event, "a list or a mapping is a key before here; write plain keys")
    return value if isinstance(value, str) else json.dumps(value)
