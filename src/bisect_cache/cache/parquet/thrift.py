"""Structs of Thrift's compact protocol, walked over field by field: what parquet's footer and its pages' headers are.

https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md

Stricter than a library: every field of a struct comes once, in ascending order, as all writers write them, so that
nobody can read something else into the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

INT32, INT64, BINARY, LIST, STRUCT = 5, 6, 8, 9, 12
_BOOLEANS = (1, 2)
_BITS = {4: 16, INT32: 32, INT64: 64}
_SIZES = {1: 1, 2: 1, 3: 1, 7: 8}
"""Bytes of booleans in lists, bytes and doubles."""
_SET = 10
_DEEPEST = 32


Wanted = int | list[Any] | dict[int, Any]
"""What is read of a value: a kind, a list of one of these, or a struct's fields by number."""


class Ends(Exception):
    """The bytes end before the struct does."""


class Malformed(ValueError):
    """No struct that any writer writes."""


@dataclass
class Cursor:
    """A place in ``data``. Whatever reads a value leaves the cursor behind it; all raise ``Ends`` and ``Malformed``."""

    data: bytes
    at: int = 0
    room: int = 1000
    """How many values ``read_struct`` may keep."""
    steps: int = 100_000
    """How many it may walk over."""

    def fields(self) -> Iterator[tuple[int, int]]:
        """Number and kind of each field of a struct; whoever asks reads the value or skips it before the next one."""
        number = 0
        while head := self._byte():
            before, kind = number, head & 15
            number = before + (head >> 4) if head >> 4 else self.integer(INT64)
            if not before < number < 1 << 15:
                raise Malformed("its fields are not in order")
            yield number, kind

    def integer(self, kind: int) -> int:
        """An integer of this kind."""
        raw = self._varint()
        if raw >> _BITS[kind]:
            raise Malformed("a number has more bits than its kind")
        return raw >> 1 ^ -(raw & 1)

    def binary(self) -> bytes:
        """Bytes, or text."""
        length = self._varint()
        self.at += length
        if self.at > len(self.data):
            raise Ends
        return self.data[self.at - length : self.at]

    def skip(self, kind: int, deepest: int = _DEEPEST) -> None:
        """Go on behind a field's value."""
        if kind not in _BOOLEANS:  # those stand in the field's head
            self._skip(kind, deepest)

    def _skip(self, kind: int, deepest: int) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise Malformed("it has more parts than are read")
        if kind in _SIZES:
            self.at += _SIZES[kind]
        elif kind in _BITS:
            self._varint()
        elif kind == BINARY:
            self.binary()
        elif kind == STRUCT and deepest:
            for _, inner in self.fields():
                self.skip(inner, deepest - 1)
        elif kind in {LIST, _SET} and deepest:
            size, inner = self.head_of_list()
            for _ in range(size):
                self._skip(inner, deepest - 1)
        else:
            raise Malformed("it holds what no writer writes")

    def head_of_list(self) -> tuple[int, int]:
        """How many values a list holds, and of which kind; they begin here."""
        head = self._byte()
        size = self._varint() if head >> 4 == 15 else head >> 4
        if size > len(self.data) - self.at:  # each takes a byte at least
            raise Ends
        return size, head & 15

    def _byte(self) -> int:
        if self.at >= len(self.data):
            raise Ends
        self.at += 1
        return self.data[self.at - 1]

    def _varint(self) -> int:
        value = shift = 0
        while (byte := self._byte()) > 127:
            value |= (byte & 127) << shift
            shift += 7
            if shift > 63:
                raise Malformed("a number of more than 64 bits")
        return value | byte << shift


def read_struct(cursor: Cursor, wanted: dict[int, Any]) -> dict[int, Any]:
    """The fields of the struct at ``cursor`` that are wanted, by number. Raises ``Ends`` and ``Malformed``."""
    found: dict[int, Any] = {}
    for number, kind in cursor.fields():
        if number in wanted:
            found[number] = _value(cursor, kind, wanted[number])
        else:
            cursor.skip(kind)
    return found


def _value(cursor: Cursor, kind: int, wanted: Wanted) -> Any:
    cursor.room -= 1
    if cursor.room < 0:
        raise Malformed("it has more parts than are read")
    if kind != _kind_of(wanted):
        raise Malformed("a field is not of the kind that it should be")
    if isinstance(wanted, dict):
        return read_struct(cursor, wanted)
    if isinstance(wanted, list):
        size, inner = cursor.head_of_list()
        return [_value(cursor, inner, wanted[0]) for _ in range(size)]
    return cursor.binary() if kind == BINARY else cursor.integer(kind)


def _kind_of(wanted: Wanted) -> int:
    return STRUCT if isinstance(wanted, dict) else LIST if isinstance(wanted, list) else wanted
