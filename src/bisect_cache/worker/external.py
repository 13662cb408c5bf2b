"""The files beside it that a model names for its weights, found in its bytes.

ONNX is protocol buffers; of those, this reads just what leads to tensors. The library would have to be imported before
the worker gives up reading files, in every run, for a kind of model that few timelines hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bisect_cache.protobuf import NoProtocolBuffer, fields

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


def external_locations(model: bytes) -> list[str]:
    """The files that tensors of ``model`` name, each once, in order; none where it is no model.

    Takes time in proportion to the model's size, however deep it is nested.
    """
    if b"location" not in model:
        return []
    try:
        return list(dict.fromkeys(_locations(memoryview(model))))
    except (NoProtocolBuffer, UnicodeDecodeError):
        return []  # whoever loads it says so


def _locations(model: memoryview) -> Iterator[str]:
    waiting = [("Model", model)]
    while waiting:
        kind, message = waiting.pop()
        if kind == "Tensor":
            yield from _location(message)
            continue
        inner = [(_KINDS[kind].get(number), value) for number, value in fields(message)]
        waiting += [(name, value) for name, value in reversed(inner) if name and isinstance(value, memoryview)]


def _location(tensor: memoryview) -> Iterator[str]:
    """What a tensor names, if its data lies elsewhere."""
    said = list(fields(tensor))
    if [value for number, value in said if number == _DATA_LOCATION][-1:] != [_EXTERNAL]:
        return
    for number, value in said:
        if number == _EXTERNAL_DATA and isinstance(value, memoryview):
            entry = {key: text for key, text in fields(value) if isinstance(text, memoryview)}
            if bytes(entry.get(_KEY, b"")) == b"location":
                yield bytes(entry.get(_VALUE, b"")).decode()
