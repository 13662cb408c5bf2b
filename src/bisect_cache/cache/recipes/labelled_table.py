"""A table that was opened, and what messages about it are made of."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bisect_cache.files import sha256_of_file
from bisect_cache.printable import first_of

Values = NDArray[np.float64] | Sequence[object]
"""A column as it was read, N values; missing ones are NaN in an array and ``None`` in a sequence."""


@dataclass(frozen=True)
class LabelledTable:
    """A table that was opened: its columns, and the way to their values."""

    path: Path
    columns: tuple[str, ...]
    read: Callable[[Sequence[str]], dict[str, Values]]
    """The values of some of ``columns``, and no others, by name; raises ``BadSource``."""
    beside: Path | None = None
    """A second file that it is read from."""

    def sha256(self, place: str) -> dict[str, str]:
        """Of each of its files, by its path in the recipe, where the first is called ``place``."""
        places = {place: self.path}
        if self.beside is not None:
            places[posixpath.join(posixpath.dirname(place), self.beside.name)] = self.beside
        return {name: sha256_of_file(path) for name, path in places.items()}


def repeated(names: Iterable[str]) -> list[str]:
    """The names that stand more than once, each named once, in order."""
    return [name for name, count in Counter(names).items() if count > 1]


def listed(names: Iterable[object], limit: int = 10) -> str:
    """The first names, quoted, and how many more there are: for messages, so nothing in it is printed raw."""
    return first_of(map(quoted, names), limit)


def quoted(value: object) -> str:
    """A value as a message shows it: printable, and not without end."""
    text = repr(value)
    return text if len(text) <= 160 else f"{text[:157]}..."
