"""CSV, and tables like it: a value comes out as the text that stands in the file, and a ragged row is an error."""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Sequence
from pathlib import Path

from bisect_cache.cache.manifest import Layout
from bisect_cache.cache.recipes.formats.opening import not_utf8, opened, unreadable
from bisect_cache.cache.recipes.interface import BadSource
from bisect_cache.cache.recipes.labelled_table import LabelledTable, Values

_LARGEST = 128 << 20
"""Bytes; what is read takes some twenty times as many, and a million labelled clips are fewer."""
_SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "space": " "}


def open_delimited(path: Path, layout: Layout) -> LabelledTable:
    """The table in ``path``, laid out as ``layout`` says. Raises ``BadSource``."""
    rows = _rows(path, layout)
    _, first = next(rows, (0, None))
    rows.close()
    if first is None:
        raise BadSource(f"{path}: holds nothing but blank lines; put the table in its place")
    for separator, called in ((";", "semicolons"), ("\t", "tabs")):
        if len(first) == 1 and separator in first[0] and layout.separator == Layout().separator:
            raise BadSource(f"{path}: its columns are separated by {called}; save it with commas")
    header = list(layout.columns) or first
    return LabelledTable(path, tuple(header), lambda names: _columns(path, header, names, layout))


def _columns(path: Path, header: list[str], names: Sequence[str], layout: Layout) -> dict[str, Values]:
    numbered = {name: place for place, name in enumerate(header)}
    places = [numbered[name] for name in names]
    columns: list[list[object]] = [[] for _ in names]
    rows = _rows(path, layout)
    if not layout.columns:
        next(rows, None)
    for line, row in rows:
        if len(row) != len(header):
            raise BadSource(
                f"{path}: line {line} has {len(row)} values under {len(header)} columns; put values that hold a comma "
                f'into "quotes", or complete the line'
            )
        for column, place in zip(columns, places, strict=True):
            column.append(row[place])
    return dict(zip(names, columns, strict=True))


def _rows(path: Path, layout: Layout) -> Generator[tuple[int, list[str]], None, None]:
    """(number of its last line, values) of each row that is not blank, the header first."""
    try:
        with io.TextIOWrapper(opened(path, _LARGEST), encoding="utf-8-sig", newline="") as stream:
            if layout.separator == "space":
                yield from ((number, line.split()) for number, line in enumerate(stream, 1) if line.split())
                return
            reader = csv.reader(stream, strict=True, delimiter=_SEPARATORS[layout.separator])
            try:
                for row in reader:
                    if row:
                        yield reader.line_num, row
            except csv.Error as error:
                raise BadSource(
                    f"{path}: is not CSV at line {reader.line_num} ({error}); check the quotes there"
                ) from error
    except UnicodeDecodeError as error:
        raise not_utf8(path, error) from error
    except OSError as error:
        raise unreadable(path, error) from error
