"""A stranger's ONNX model parsed in this process: bounded, and nothing but parsed.

Two bytes of protocol buffers can stand for a message that takes a hundred in memory, and a byte for an integer of
eight. So the fields are counted before the library takes them in; tensors' raw data, nearly all of a model's bytes, is
one field each. No checker and no shape inference is ever run on it here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bisect_cache.errors import BisectCacheError

if TYPE_CHECKING:
    from onnx import ModelProto

_MOST_FIELDS = 200_000
_MOST_VALUES = 16_000_000
"""Numbers that stand one by one, and not as raw data: each becomes an object when they are compared."""
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5


class CannotParse(BisectCacheError):
    """Why a model is not taken apart."""


class _NoProtocolBuffer(Exception):
    """Bytes that cannot be followed."""


def parsed(model: bytes) -> ModelProto:
    """``model`` as a message with a graph. Raises ``CannotParse``."""
    from google.protobuf.message import DecodeError
    from onnx import ModelProto

    proto = ModelProto()
    try:
        _refuse_bombs(model, ModelProto.DESCRIPTOR)
        proto.ParseFromString(model)
    except (DecodeError, RecursionError, _NoProtocolBuffer) as error:
        raise CannotParse("no ONNX model that can be parsed") from error
    if not proto.HasField("graph"):
        raise CannotParse("no ONNX model that can be parsed: it has no graph")
    return proto


def _refuse_bombs(model: bytes, descriptor: Any) -> None:
    """Follow all fields of all messages, and raise ``CannotParse`` where they are too many."""
    known: dict[str, dict[int, tuple[Any, int]]] = {}
    waiting = [(descriptor, memoryview(model))]
    count = values = 0
    while waiting:
        kind, message = waiting.pop()
        if kind.full_name not in known:
            known[kind.full_name] = _fields_of(kind)
        fields = known[kind.full_name]
        at = 0
        while at < len(message):
            tag, at = _varint(message, at)
            start, at = _behind(message, at, tag & 7)
            count += 1
            if tag & 7 == _BYTES:
                inner, width = fields.get(tag >> 3, (None, 0))
                if width:
                    values += (at - start) // width
                if inner is not None:
                    waiting.append((inner, message[start:at]))
            if count > _MOST_FIELDS or values > _MOST_VALUES:
                raise CannotParse("an ONNX model of more parts than are compared")


def _fields_of(kind: Any) -> dict[int, tuple[Any, int]]:
    """By number: the message that a field holds, and the fewest bytes of a number where it holds numbers."""
    return {field.number: (field.message_type, _width(field)) for field in kind.fields}


def _width(field: Any) -> int:
    if field.type in {field.TYPE_STRING, field.TYPE_BYTES, field.TYPE_MESSAGE}:
        return 0
    return {field.TYPE_FLOAT: 4, field.TYPE_DOUBLE: 8}.get(field.type, 1)


def _behind(message: memoryview, at: int, wire: int) -> tuple[int, int]:
    """Where the content of a field of this wire type begins, and where the next field does."""
    if wire == _VARINT:
        return at, _varint(message, at)[1]
    if wire == _BYTES:
        length, at = _varint(message, at)
    elif wire in {_EIGHT_BYTES, _FOUR_BYTES}:
        length = 8 if wire == _EIGHT_BYTES else 4
    else:
        raise _NoProtocolBuffer
    if length > len(message) - at:
        raise _NoProtocolBuffer
    return at, at + length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for place in range(10):
        if at >= len(message):
            break
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
    raise _NoProtocolBuffer


def text(value: Any) -> str:
    """A string field; where it is no UTF-8 the library gives bytes, which are kept apart from all other text."""
    return value if isinstance(value, str) else bytes(value).decode(errors="surrogateescape")
