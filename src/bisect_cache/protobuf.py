"""Protocol buffers, followed field by field without a schema. https://protobuf.dev/programming-guides/encoding

For what must be known of a model before a library takes it in, or where the library cannot be had.
"""

from __future__ import annotations

from collections.abc import Iterator

_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5


class NoProtocolBuffer(Exception):
    """Bytes that cannot be followed."""


def fields(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Number and value of each field of a message: its bytes (text, numbers in a row, a message), or one number.

    A number of eight or four bytes is given as 0. Raises ``NoProtocolBuffer``.
    """
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == _BYTES:
            length, at = _varint(message, at)
        elif wire in {_EIGHT_BYTES, _FOUR_BYTES}:
            length = 8 if wire == _EIGHT_BYTES else 4
        else:
            raise NoProtocolBuffer
        if length > len(message) - at:
            raise NoProtocolBuffer
        yield number, message[at : at + length] if wire == _BYTES else 0
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """The integer that begins at ``at``, of at most 64 bits, and where the next thing begins."""
    value = 0
    for place in range(10):
        if at >= len(message):
            break
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
    raise NoProtocolBuffer
