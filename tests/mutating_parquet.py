"""Mutations of parquet files, each made by a seeded generator, and files taken apart and put together again.

The footer and the headers of pages are structs of Thrift's compact protocol. What is changed in them is written back
as a file that is whole around it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from mutating import FLOATS, INTEGERS, another_integer, another_text, bytewise

# Parquet: its footer and its pages' headers are structs of Thrift's compact protocol

_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
_PACKED = {_BYTE: "<b", _DOUBLE: "<d"}
_MAGIC = b"PAR1"
_PAGE_OFFSETS = (9, 11)
"""Fields of ColumnMetaData: where the first data page stands, and the dictionary page."""


@dataclass
class Thrift:
    """One value of Thrift's compact protocol; of a list it is values, of a struct (field number, value)."""

    kind: int
    value: Any
    of: int = 0
    """The kind of a list's values."""

    def at(self, *path: int) -> Thrift:
        """What a path of field numbers (in structs) and places (in lists) leads to."""
        here = self
        for step in path:
            here = dict(here.value)[step] if here.kind == _STRUCT else here.value[step]
        return here

    def put(self, number: int, value: Any) -> None:
        """Give a field of a struct another value of its kind."""
        self.at(number).value = value


@dataclass
class Parquet:
    """A parquet file in two parts: the bytes before its footer, and its footer."""

    body: bytes
    footer: Thrift

    @staticmethod
    def of(data: bytes) -> Parquet:
        """Take a sound file apart."""
        length = int.from_bytes(data[-8:-4], "little")
        return Parquet(data[: -8 - length], decoded(data[-8 - length : -8])[0])

    def whole(self) -> bytes:
        """The file."""
        footer = encoded(self.footer)
        return self.body + footer + struct.pack("<I", len(footer)) + _MAGIC

    def chunks(self) -> Iterator[Thrift]:
        """The ColumnMetaData of every column chunk."""
        for group in self.footer.at(4).value:
            for chunk in group.at(1).value:
                yield chunk.at(3)

    def page_starts(self) -> list[int]:
        """Where pages stand that the footer names."""
        starts = (dict(chunk.value).get(number) for chunk in self.chunks() for number in _PAGE_OFFSETS)
        return sorted(start.value for start in starts if start is not None)

    def replaced(self, start: int, end: int, new: bytes) -> None:
        """Put ``new`` in the place of some bytes of the body, and move what the footer names behind it."""
        self.body = self.body[:start] + new + self.body[end:]
        moved = len(new) - (end - start)
        for chunk in self.chunks():
            fields = dict(chunk.value)
            first = min(fields[number].value for number in _PAGE_OFFSETS if number in fields)
            if first <= start < first + fields[7].value:
                fields[7].value += moved
            for number in _PAGE_OFFSETS:
                if number in fields and fields[number].value > start:
                    fields[number].value += moved


def decoded(data: bytes) -> tuple[Thrift, int]:
    """A struct at the start of ``data``, and how many bytes it takes."""
    reader = _Reader(data)
    return reader.value(_STRUCT), reader.place


@dataclass
class _Reader:
    data: bytes
    place: int = 0

    def value(self, kind: int) -> Thrift:
        if kind in {_LIST, _SET}:
            head = self._take(1)[0]
            size = self._varint() if head >> 4 == 15 else head >> 4
            return Thrift(kind, [self.value(head & 15) for _ in range(size)], head & 15)
        return Thrift(kind, self._single(kind))

    def _single(self, kind: int) -> Any:
        if kind in {_TRUE, _FALSE}:
            return kind == _TRUE
        if kind in _PACKED:
            return struct.unpack(_PACKED[kind], self._take(struct.calcsize(_PACKED[kind])))[0]
        if kind == _BINARY:
            return self._take(self._varint())
        if kind == _STRUCT:
            return list(self._fields())
        raw = self._varint()
        return raw >> 1 ^ -(raw & 1)

    def _fields(self) -> Iterator[tuple[int, Thrift]]:
        number = 0
        while head := self._take(1)[0]:
            if head >> 4:
                number += head >> 4
            else:
                raw = self._varint()
                number = raw >> 1 ^ -(raw & 1)
            yield number, self.value(head & 15)

    def _take(self, length: int) -> bytes:
        self.place += length
        return self.data[self.place - length : self.place]

    def _varint(self) -> int:
        result = shift = 0
        while True:
            byte = self._take(1)[0]
            result |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return result


def encoded(value: Thrift) -> bytes:
    """The bytes of a value."""
    if value.kind in {_TRUE, _FALSE}:
        return b""  # stands in the field's head
    if value.kind in _PACKED:
        return struct.pack(
            _PACKED[value.kind], max(-128, min(127, value.value)) if value.kind == _BYTE else value.value
        )
    if value.kind == _BINARY:
        return _varint(len(value.value)) + value.value
    if value.kind in {_LIST, _SET}:
        size = len(value.value)
        head = bytes([size << 4 | value.of]) if size < 15 else bytes([0xF0 | value.of]) + _varint(size)
        return head + b"".join(encoded(each) for each in value.value)
    return _encoded_struct(value) if value.kind == _STRUCT else _zigzag(value.value)


def _encoded_struct(value: Thrift) -> bytes:
    parts, before = [], 0
    for number, each in value.value:
        short = 0 < number - before < 16
        kind = each.kind if each.kind not in {_TRUE, _FALSE} else _TRUE if each.value else _FALSE
        parts.append(bytes([(number - before) << 4 | kind]) if short else bytes([kind]) + _zigzag(number))
        parts.append(encoded(each))
        before = number
    return b"".join(parts) + b"\0"


def _zigzag(number: int) -> bytes:
    return _varint((number << 1 ^ number >> 63) & (1 << 64) - 1)


def _varint(number: int) -> bytes:
    result = bytearray()
    while number > 127:
        result.append(number & 127 | 128)
        number >>= 7
    return bytes([*result, number])


def mutated_parquet(data: bytes, random: Random) -> bytes:
    """A mutation of a sound parquet file: of its bytes, of its footer, of a page's header, of a page's data."""
    how = random.random()
    if how < 0.35:
        return bytewise(data, random)
    file = Parquet.of(data)
    if how < 0.7:
        for _ in range(random.choice((1, 1, 2))):
            _mutate_thrift(file.footer, random)
        return file.whole()
    start = random.choice(file.page_starts())
    header, length = decoded(file.body[start:])
    if how < 0.9:
        _mutate_thrift(header, random)
        file.replaced(start, start + length, encoded(header))
    else:
        size = header.at(3).value
        page = file.body[start + length : start + length + size]
        file.replaced(start + length, start + length + size, bytewise(page, random) if page else b"\0")
    return file.whole()


def _mutate_thrift(root: Thrift, random: Random) -> None:
    places = list(_places(root))
    parent, index = random.choice(places)
    items = parent.value
    child: Thrift = items[index][1] if parent.kind == _STRUCT else items[index]
    how = random.random()
    if how < 0.1:
        del items[index]
    elif how < 0.15:
        items.insert(index, items[index])
    elif how < 0.2 and parent.kind == _LIST:
        items.extend([items[index]] * random.choice((15, 300, 5000)))
    elif how < 0.25:
        child.kind, child.value = 6, random.choice(INTEGERS)
    elif child.kind in {_TRUE, _FALSE}:
        child.value = not child.value
    elif child.kind == _BINARY:
        child.value = another_text(child.value, random)
    elif child.kind == _LIST:
        random.shuffle(child.value)
        child.value = child.value[: random.randrange(len(child.value) + 1)]
    elif child.kind == _STRUCT:
        child.value = child.value[: random.randrange(len(child.value) + 1)]
    elif child.kind == _DOUBLE:
        child.value = random.choice(FLOATS)
    else:
        child.value = max(-(2**63), min(2**63 - 1, another_integer(child.value, random)))


def _places(value: Thrift) -> Iterator[tuple[Thrift, int]]:
    if value.kind not in {_STRUCT, _LIST}:
        return
    for index, item in enumerate(value.value):
        yield value, index
        yield from _places(item[1] if value.kind == _STRUCT else item)
