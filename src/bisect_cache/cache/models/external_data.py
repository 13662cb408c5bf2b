"""Weights that a model keeps in files beside it: found, and put back into the model so that they can be compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from bisect_cache.cache.models.parsing import CannotParse, parsed, text
from bisect_cache.errors import BisectCacheError
from bisect_cache.printable import printable

if TYPE_CHECKING:
    from onnx import TensorProto


class CannotInline(BisectCacheError):
    """Why a model cannot be had in one piece."""


def external_tensors(message: Any) -> Iterator[TensorProto]:
    """Tensors with external data in a message and in all that it holds: subgraphs, functions, attributes."""
    from onnx import TensorProto

    if isinstance(message, TensorProto):
        if message.data_location == TensorProto.EXTERNAL:
            yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in [value] if hasattr(value, "ListFields") else value:
                yield from external_tensors(inner)


def location_of(tensor: TensorProto) -> list[str]:
    """The file that a tensor with external data names; none where it names none."""
    return [text(entry.value) for entry in tensor.external_data if text(entry.key) == "location"]


def inlined(model: bytes, beside: Callable[[str], bytes], largest: int) -> bytes:
    """``model`` with the weights inside that it keeps in other files; as it is where it keeps none there.

    ``beside`` reads a file that the model names. Raises ``CannotInline`` when the model cannot be parsed, or has
    more than ``largest`` bytes with its weights, and whatever ``beside`` raises.
    """
    _refuse_beyond(largest, len(model))
    if b"location" not in model:
        return model
    from google.protobuf.message import EncodeError
    from onnx import TensorProto

    files: dict[str, bytes] = {}
    size = len(model)
    try:
        proto = parsed(model)
        tensors = list(external_tensors(proto))
        for tensor in tensors:
            data = _data_of(tensor, files, beside)
            size += len(data)
            _refuse_beyond(largest, size)
            tensor.raw_data = data
            tensor.data_location = TensorProto.DEFAULT
            tensor.ClearField("external_data")
        return bytes(proto.SerializeToString()) if tensors else model
    except CannotParse as error:
        raise CannotInline(f"it is {error}") from error
    except (EncodeError, RecursionError) as error:
        raise CannotInline("it is no ONNX model that can be put together again") from error


def _data_of(tensor: TensorProto, files: dict[str, bytes], beside: Callable[[str], bytes]) -> bytes:
    said = {text(entry.key): text(entry.value) for entry in tensor.external_data}
    location = said.get("location", "")
    if location not in files:
        files[location] = beside(location)
    try:
        start = int(said.get("offset", "0"))
        end = start + int(said["length"]) if "length" in said else len(files[location])
    except ValueError:
        start = end = -1
    if not 0 <= start <= end <= len(files[location]):
        raise CannotInline(f"{printable(location)!r} does not hold the bytes that the model looks for there")
    return files[location][start:end]


def _refuse_beyond(largest: int, size: int) -> None:
    if size > largest:
        raise CannotInline(f"with its weights it has more than {largest >> 20} MiB, too many to be compared")
