"""The files beside it that a model names for its weights, found in its bytes.

ONNX is protocol buffers; of those, this reads just what leads to tensors. The library would have to be imported before
the worker gives up reading files, in every run, for a kind of model that few timelines hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_KINDS: Mapping[str, Mapping[int, str]] = {
    "Model": {7: "Graph", 20: "Training", 25: "Function"},
    "Training": {1: "Graph", 2: "Graph"},
    "Graph": {1: "Node", 5: "Tensor", 15: "SparseTensor"},
    "Function": {7: "Node", 11: "Attribute"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "SparseTensor", 23: "SparseTensor"},
    "SparseTensor": {1: "Tensor", 2: "Tensor"},
}
"""Which fields of which messages hold messages that lead to a tensor: field numbers of onnx.proto."""
_EXTERNAL_DATA, _DATA_LOCATION, _EXTERNAL = 13, 14, 1
_KEY, _VALUE = 1, 2
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5


class _Malformed(Exception):
    """No protocol buffer."""


def external_locations(model: bytes) -> list[str]:
    """The files that tensors of ``model`` name, each once, in order; none where it is no model.

    Takes time in proportion to the model's size, however deep it is nested.
    """
    if b"location" not in model:
        return []
    try:
        return list(dict.fromkeys(_locations(memoryview(model))))
    except (_Malformed, UnicodeDecodeError):
        return []  # whoever loads it says so


def _locations(model: memoryview) -> Iterator[str]:
    waiting = [("Model", model)]
    while waiting:
        kind, message = waiting.pop()
        if kind == "Tensor":
            yield from _location(message)
            continue
        inner = [(_KINDS[kind].get(number), value) for number, value in _fields(message)]
        waiting += [(name, value) for name, value in reversed(inner) if name and isinstance(value, memoryview)]


def _location(tensor: memoryview) -> Iterator[str]:
    """What a tensor names, if its data lies elsewhere."""
    fields = list(_fields(tensor))
    if [value for number, value in fields if number == _DATA_LOCATION][-1:] != [_EXTERNAL]:
        return
    for number, value in fields:
        if number == _EXTERNAL_DATA and isinstance(value, memoryview):
            said = {key: text for key, text in _fields(value) if isinstance(text, memoryview)}
            if bytes(said.get(_KEY, b"")) == b"location":
                yield bytes(said.get(_VALUE, b"")).decode()


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Number and value of each field: an integer for a varint, the bytes of everything else."""
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
            raise _Malformed
        if length > len(message) - at:
            raise _Malformed
        yield number, message[at : at + length]
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
    raise _Malformed
