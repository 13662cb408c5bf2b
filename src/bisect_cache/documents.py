"""JSON and TOML of strangers as plain data: few bytes of it become neither much memory nor much time."""

from __future__ import annotations

import json
import re

LARGEST_TOML = 256 << 10
"""Characters. Its parser keeps every beginning of every key, so that few of them can become many."""
_MOST_PARTS = 32
"""Dots in a line of TOML that are not those of numbers: a key cannot have more parts, and none needs them."""
_POINT_OF_A_NUMBER = re.compile(r"(?<![\w.'\"-])[+-]?\d++\.\d++(?:[eE][+-]?\d++)?(?=[ \t]*+(?:[],}#]|$))")
_MOST_DIGITS = 1000
"""Of a whole number: no score and no field of a model needs more, and Python itself reads few more."""
_LONGEST_KEY = 200


class NoDocument(ValueError):
    """What is wrong with the text."""


def json_in(text: str) -> object:
    """The value in ``text``.

    Raises ``NoDocument`` where it does not parse, is nested too deep, names a key twice or has a number without end.
    """
    try:
        return json.loads(text, object_pairs_hook=_each_key_once, parse_int=whole)
    except RecursionError as error:
        raise NoDocument("it is nested too deep") from error
    except ValueError as error:
        raise NoDocument(str(error)) from error


def toml_in(text: str) -> dict[str, object]:
    """The table in ``text``.

    Raises ``NoDocument`` where it does not parse, is nested too deep, or would take far more memory than it has
    characters: of a key with n parts the parser keeps n beginnings, and the name of a table begins all of its keys.
    """
    import tomllib

    if len(text) > LARGEST_TOML:
        raise NoDocument(f"it has more than {LARGEST_TOML:,} characters; write so much as JSON")
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > _MOST_PARTS and _POINT_OF_A_NUMBER.sub("", line).count(".") > _MOST_PARTS:
            raise NoDocument(f"line {number} has more than {_MOST_PARTS} dots in names; write it over several lines")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise NoDocument("it is nested too deep") from error
    except ValueError as error:
        raise NoDocument(str(error)) from error


def whole(digits: str) -> int:
    """A whole number in JSON. Raises ``NoDocument`` for one that only takes time."""
    if len(digits) > _MOST_DIGITS:
        raise NoDocument(f"a number of {len(digits):,} digits stands in it")
    return int(digits)


def _each_key_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise NoDocument(f"the key '{key[:_LONGEST_KEY]}' stands twice in one object")
        found[key] = value
    return found
