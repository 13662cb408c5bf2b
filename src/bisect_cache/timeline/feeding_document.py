"""The text of a file that declares how models are fed, JSON or TOML, as plain data; it may come from anybody."""

from __future__ import annotations

import json
import re

LARGEST_JSON = 4 << 20
"""Bytes: room for ten thousand features by name, several times."""
LARGEST_TOML = 256 << 10
"""Bytes. Its parser keeps every beginning of every key, so that few bytes can become many."""
_MOST_PARTS = 32
"""Dots in a line of TOML that are not those of numbers: a key cannot have more parts, and none needs them."""
_POINT_OF_A_NUMBER = re.compile(r"(?<![\w.'\"-])[+-]?\d++\.\d++(?:[eE][+-]?\d++)?(?=[ \t]*+(?:[],}#]|$))")


class NoDocument(Exception):
    """What is wrong with the text."""


def read_document(data: bytes, suffix: str) -> object:
    """The data in ``data``, JSON or TOML as ``suffix`` says.

    Raises ``NoDocument`` for another suffix, for what does not parse, for keys that stand twice, and for TOML that
    would take far more memory than it has bytes.
    """
    if suffix not in {".json", ".toml"}:
        raise NoDocument("its name ends in neither .json nor .toml, which says what it is; rename it")
    kind = suffix[1:].upper()
    try:
        text = data.decode("utf-8-sig")
        return _toml(text) if suffix == ".toml" else json.loads(text, object_pairs_hook=_each_key_once)
    except RecursionError as error:
        raise NoDocument(f"no {kind} that is read: it is nested too deep") from error
    except ValueError as error:  # of the encoding too
        raise NoDocument(f"no {kind} that can be read ({error})") from error


def _toml(text: str) -> object:
    import tomllib

    if len(text) > LARGEST_TOML:
        raise ValueError(f"it has more than {LARGEST_TOML:,} characters; write so much as JSON")
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > _MOST_PARTS and _POINT_OF_A_NUMBER.sub("", line).count(".") > _MOST_PARTS:
            raise ValueError(f"line {number} has more than {_MOST_PARTS} dots in names; write it over several lines")
    return tomllib.loads(text)


def _each_key_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key '{key[:200]}' stands there twice")
        found[key] = value
    return found
