"""Labels as objects: JSON, and lists of dictionaries in a Python file."""

from __future__ import annotations

import io
from pathlib import Path

from bisect_cache.cache.recipes.formats.opening import not_utf8, opened, unreadable
from bisect_cache.cache.recipes.formats.python_lists import NoList, lists_in
from bisect_cache.cache.recipes.interface import BadSource
from bisect_cache.cache.recipes.labelled_table import LabelledTable, listed, quoted
from bisect_cache.documents import NoDocument, json_in

_LARGEST_JSON = 64 << 20
"""Bytes; what is read takes some twenty times as many, and a million labelled clips are fewer."""
_LARGEST_PYTHON = 1 << 20
"""Bytes; its tokens take some two hundred times as many, and ten thousand clips are fewer."""


def open_objects(path: Path, key: str, wanted: str | None) -> LabelledTable:
    """The list in ``path`` that is called ``wanted``, or the only one; names of objects become the column ``key``.

    Raises ``BadSource``.
    """
    decoded = _decoded(path) if path.suffix.lower() == ".json" else _lists(path, wanted)
    if wanted is not None:
        lists = (
            [name for name, value in decoded.items() if isinstance(value, list)] if isinstance(decoded, dict) else []
        )
        if wanted not in lists:
            raise BadSource(
                f"{path}: has no list {quoted(wanted)} of labels; its lists are {listed(lists) or 'none'}: name one "
                f"of them as 'list' in 'layout'"
            )
        decoded = decoded[wanted]  # type: ignore[index]
    objects = _objects(path, decoded, key)
    columns = tuple(dict.fromkeys(name for each in objects for name in each))
    return LabelledTable(path, columns, lambda names: {name: [each.get(name) for each in objects] for name in names})


def _objects(path: Path, decoded: object, key: str) -> list[dict[str, object]]:
    if isinstance(decoded, dict):
        lists = [value for value in decoded.values() if isinstance(value, list)]
        if len(lists) == 1:
            decoded = lists[0]
        elif all(isinstance(value, dict) for value in decoded.values()):
            decoded = [{key: name, **value} for name, value in decoded.items()]
    if not isinstance(decoded, list) or not decoded or not all(isinstance(each, dict) for each in decoded):
        raise BadSource(
            f"{path}: holds no labels as they are understood: a list of objects, one such list in an object "
            f'({{"labels": [...]}}), or an object of objects; write it as one of these, or name '
            f"one of several lists as 'list' in 'layout' of a dataset's file"
        )
    return decoded


def _decoded(path: Path) -> object:
    try:
        with io.TextIOWrapper(opened(path, _LARGEST_JSON), encoding="utf-8-sig") as stream:
            return json_in(stream.read())
    except UnicodeDecodeError as error:
        raise not_utf8(path, error) from error
    except NoDocument as error:
        raise BadSource(f"{path}: cannot be read as JSON ({error}); repair it there") from error
    except OSError as error:
        raise unreadable(path, error) from error


def _lists(path: Path, wanted: str | None) -> dict[str, list[object]]:
    try:
        with io.TextIOWrapper(opened(path, _LARGEST_PYTHON), encoding="utf-8-sig") as stream:
            return lists_in(stream.read(), wanted)
    except UnicodeDecodeError as error:
        raise not_utf8(path, error) from error
    except NoList as error:
        raise BadSource(
            f"{path}: cannot be read as lists of dictionaries with texts and numbers ({error}); write the labels as "
            f"CSV or JSON"
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error
