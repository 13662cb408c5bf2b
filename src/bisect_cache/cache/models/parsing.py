"""A stranger's ONNX model parsed in this process: bounded, and nothing but parsed.

Two bytes of protocol buffers can stand for a message that takes a hundred in memory, and a byte for an integer of
eight. So the fields are counted before the library takes them in; tensors' raw data, nearly all of a model's bytes, is
one field each. No checker and no shape inference is ever run on it here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bisect_cache.errors import BisectCacheError
from bisect_cache.protobuf import NoProtocolBuffer, fields

if TYPE_CHECKING:
    from onnx import ModelProto

_MOST_FIELDS = 200_000
_MOST_VALUES = 16_000_000
"""Numbers that stand one by one, and not as raw data: each becomes an object when they are compared."""


class CannotParse(BisectCacheError):
    """Why a model is not taken apart."""


def parsed(model: bytes) -> ModelProto:
    """``model`` as a message with a graph. Raises ``CannotParse``."""
    from google.protobuf.message import DecodeError
    from onnx import ModelProto

    proto = ModelProto()
    try:
        _refuse_bombs(model, ModelProto.DESCRIPTOR)
        proto.ParseFromString(model)
    except (DecodeError, RecursionError, NoProtocolBuffer) as error:
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
        for number, value in fields(message):
            count += 1
            if isinstance(value, memoryview):
                inner, width = known[kind.full_name].get(number, (None, 0))
                if width:
                    values += len(value) // width
                if inner is not None:
                    waiting.append((inner, value))
            if count > _MOST_FIELDS or values > _MOST_VALUES:
                raise CannotParse("an ONNX model of more parts than are compared")


def _fields_of(kind: Any) -> dict[int, tuple[Any, int]]:
    """By number: the message that a field holds, and the fewest bytes of a number where it holds numbers."""
    return {field.number: (field.message_type, _width(field)) for field in kind.fields}


def _width(field: Any) -> int:
    if field.type in {field.TYPE_STRING, field.TYPE_BYTES, field.TYPE_MESSAGE}:
        return 0
    return {field.TYPE_FLOAT: 4, field.TYPE_DOUBLE: 8}.get(field.type, 1)


def text(value: Any) -> str:
    """A string field; where it is no UTF-8 the library gives bytes, which are kept apart from all other text."""
    return value if isinstance(value, str) else bytes(value).decode(errors="surrogateescape")
