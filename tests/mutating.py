"""Mutations of bytes and of ONNX models, each made by a seeded generator.

A mutation of a model's structure (an operator, an attribute, a dimension, a tensor's data) is written back as a model
that is whole around it, so that what loads it gets past the door and meets the lie inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import onnx
from google.protobuf.descriptor import FieldDescriptor

INTEGERS = (0, 1, -1, 2, 7, 64, 255, 2**15, 2**31 - 1, -(2**31), 2**31, 2**32, 2**40, 2**62, 2**63 - 1, -(2**63))
_TEXTS = (
    b"",
    b"\0",
    b"a\0b",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"input",
    b"W",
    b"mos",
    b"adm2",
    b"A" * 5000,
    b"\n::error::x",
)
FLOATS = (0.0, -0.0, 1.0, -1.0, 1e38, 1e-45, float("inf"), float("-inf"), float("nan"))


# Any bytes


def bytewise(data: bytes, random: Random) -> bytes:
    """One to three changes that know nothing of what they change."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        data = random.choice(_BYTEWISE)(data, random)
    return data


def _flip(data: bytes, random: Random) -> bytes:
    place = random.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << random.randrange(8)]) + data[place + 1 :]


def _overwrite(data: bytes, random: Random) -> bytes:
    place, length = random.randrange(len(data)), random.choice((1, 1, 2, 4, 8))
    what = random.choice((random.randbytes(length), b"\xff" * length, b"\0" * length, b"\x7f" * length))
    return data[:place] + what + data[place + length :]


def _cut_out(data: bytes, random: Random) -> bytes:
    start, end = sorted(random.choices(range(len(data) + 1), k=2))
    return data[:start] + data[end:] or b"\0"


def _remove(data: bytes, random: Random) -> bytes:
    place = random.randrange(len(data))
    return data[:place] + data[place + random.choice((1, 1, 2, 3, 8)) :] or b"\0"


def _insert(data: bytes, random: Random) -> bytes:
    place = random.randrange(len(data) + 1)
    return data[:place] + random.randbytes(random.choice((1, 1, 2, 4, 64))) + data[place:]


def _splice(data: bytes, random: Random) -> bytes:
    start, end = sorted(random.choices(range(len(data) + 1), k=2))
    place = random.randrange(len(data) + 1)
    return data[:place] + data[start:end] + data[place:]


def _copy_over(data: bytes, random: Random) -> bytes:
    start, end = sorted(random.choices(range(len(data) + 1), k=2))
    place = random.randrange(len(data))
    return data[:place] + data[start:end] + data[place + end - start :]


_BYTEWISE: tuple[Callable[[bytes, Random], bytes], ...] = (
    _flip,
    _flip,
    _flip,
    _overwrite,
    _overwrite,
    _cut_out,
    _remove,
    _insert,
    _splice,
    _copy_over,
)


def another_integer(value: int, random: Random) -> int:
    """One near it, or one that is an edge of something."""
    near = (value + 1, value - 1, value * 2, -value, value ^ 1 << random.randrange(20))
    return random.choice((*near, *near, *INTEGERS))


def another_text(value: bytes, random: Random) -> bytes:
    """Other text, or what is no text."""
    return random.choice((*_TEXTS, bytewise(value, random) if value else b"x", value + value, value[:-1]))


# ONNX: any field of any message in it


def mutated_model(data: bytes, random: Random) -> bytes:
    """A mutation of a sound model: of its bytes, or of one to three fields somewhere in it."""
    if random.random() < 0.3:
        return bytewise(data, random)
    model = onnx.ModelProto.FromString(data)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        _mutate_message(model, random)
    return bytes(model.SerializeToString())


def _mutate_message(model: Any, random: Random) -> None:
    messages = list(_messages(model))
    message = random.choice(messages)
    descriptor = random.choice([f for f, _ in message.ListFields()] or list(message.DESCRIPTOR.fields))
    if descriptor.is_repeated:
        _mutate_repeated(getattr(message, descriptor.name), descriptor, random)
    elif descriptor.message_type is not None:
        if random.random() < 0.3:
            message.ClearField(descriptor.name)
    else:
        _set(message, descriptor, random)


def _mutate_repeated(values: Any, descriptor: FieldDescriptor, random: Random) -> None:
    if not values:
        return
    place, how = random.randrange(len(values)), random.random()
    if how < 0.2:
        del values[place]
    elif how < 0.35:
        values.extend([values[place]] * random.choice((1, 1, 3, 100)))
    elif how < 0.5:
        first, second = random.choices(range(len(values)), k=2)
        if descriptor.message_type is not None:
            kept = values[first].SerializeToString()
            values[first].CopyFrom(values[second])
            values[second].ParseFromString(kept)
        else:
            values[first], values[second] = values[second], values[first]
    elif descriptor.message_type is None:
        values[place] = _scalar(values[place], descriptor, random)


def _set(message: Any, descriptor: FieldDescriptor, random: Random) -> None:
    if random.random() < 0.15:
        message.ClearField(descriptor.name)
    else:
        setattr(message, descriptor.name, _scalar(getattr(message, descriptor.name), descriptor, random))


_OPERATORS = ("Add", "Sub", "Mul", "Div", "MatMul", "Relu", "Squeeze", "Reshape", "Identity", "Neg", "Loop", "Gather")
_OPERATORS += ("Conv", "ReduceMean", "Softmax", "Transpose", "Expand", "Tile", "Cast", "Concat", "Pow", "Nothing")


def _scalar(value: Any, descriptor: FieldDescriptor, random: Random) -> Any:
    if descriptor.name == "op_type":
        return random.choice(_OPERATORS)
    if isinstance(value, bytes):
        return _flip(value, random) if value and random.random() < 0.6 else another_text(value, random)
    if isinstance(value, str):
        changed = another_text(value.encode(), random).decode("utf-8", "replace")
        return random.choice((changed, "input", "W", "score", "wide"))
    if isinstance(value, float):
        return random.choice((*FLOATS[:6], value * 1.01, -value, *FLOATS[6:]))
    if descriptor.enum_type is not None:
        return random.choice(list(descriptor.enum_type.values_by_number))
    limit = 31 if descriptor.type == FieldDescriptor.TYPE_INT32 else 63
    lowest = 0 if descriptor.type == FieldDescriptor.TYPE_UINT64 else -(2**limit)
    return max(lowest, min(2**limit - 1, another_integer(value, random)))


def _messages(message: Any) -> Iterator[Any]:
    yield message
    for descriptor, value in message.ListFields():
        if descriptor.message_type is not None:
            for inner in value if descriptor.is_repeated else [value]:
                yield from _messages(inner)
