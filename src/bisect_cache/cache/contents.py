"""Contents by number: a row's content is text or a number in the file, and counted from 0 by when it is first met."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bisect_cache.cache.parquet.columns import Column, Strings, canonical_columns, places_in_dictionary

if TYPE_CHECKING:
    import pyarrow as pa


class Numbering:
    """Gives the same number to the same content, in whatever pieces the rows come."""

    def __init__(self) -> None:
        self._numbers: dict[object, int] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """What the contents met so far are called, by their number."""
        return tuple("none" if value is None else str(value) for value in self._numbers)

    def of(self, table: pa.Table, name: str) -> NDArray[np.int32]:
        """The number of each row's content, (n,), of the column ``name``. Raises ``UnsupportedColumn``."""
        column = table.column(name)
        if not str(column.type).startswith("dictionary<"):
            return self._of_values(canonical_columns(table.select([name]))[name])
        numbers = [self._of_dictionary(name, chunk) for chunk in column.chunks]
        return np.concatenate(numbers) if numbers else np.zeros(0, np.int32)

    def _of_values(self, column: Column) -> NDArray[np.int32]:
        if isinstance(column, Strings):
            texts = column.texts()
            return np.fromiter((self._number(text) for text in texts), np.int32, len(texts))
        distinct, first, inverse = np.unique(column.values, return_index=True, return_inverse=True)
        return self._numbered(distinct.tolist(), first)[inverse.reshape(-1)]

    def _of_dictionary(self, name: str, chunk: pa.Array) -> NDArray[np.int32]:
        """Each value of the dictionary is looked at once, and only where a row has it."""
        places = places_in_dictionary(name, chunk)
        distinct, first, inverse = np.unique(places, return_index=True, return_inverse=True)
        values = [None if place < 0 else chunk.dictionary[place].as_py() for place in distinct.tolist()]
        return self._numbered(values, first)[inverse.reshape(-1)]

    def _numbered(self, values: list[Any], first: NDArray[np.intp]) -> NDArray[np.int32]:
        """Numbers of distinct ``values``, given out in the order in which they were ``first`` met."""
        numbers = np.empty(len(values), np.int32)
        for place in np.argsort(first).tolist():
            numbers[place] = self._number(values[place])
        return numbers

    def _number(self, value: object) -> int:
        return self._numbers.setdefault(value, len(self._numbers))
