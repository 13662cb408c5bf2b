"""What parent and worker say to each other: validated JSON and plain bytes, never pickles.

A message is the length of its head (4 bytes, little-endian), the length of its body (8 bytes, little-endian),
the head (JSON, one of the structs below) and the body (raw bytes: a matrix, a model, predictions).
"""

from __future__ import annotations

import struct
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from bisect_cache.timeline.declaration import DECLARES_NOTHING, Feeding
from bisect_cache.worker.confinement.protections import Protection
from bisect_cache.worker.normalising import Scaler

LENGTHS = struct.Struct("<IQ")
LARGEST_HEAD = 1 << 20
"""Bytes, of what a worker says."""
LARGEST_REQUEST = 1 << 26
"""Bytes of a head that it is sent: names of columns, from whom it trusts."""
LONGEST_REASON = 600
"""Characters that are said of a model."""
LARGEST_BODY = 1 << 36


class Features(Struct, frozen=True, tag="features"):
    """Parent to worker: body is the float32 matrix (rows, columns), C order, little-endian; any before is forgotten."""

    rows: Annotated[int, Meta(ge=1)]
    columns: tuple[str, ...]
    threads: Annotated[int, Meta(ge=1)]
    """How many stretches of rows may be fed to a model side by side."""
    part: bool = False
    """Whether there are more rows than these, which come later or came before."""


class Model(Struct, frozen=True, tag="model"):
    """Parent to worker: predict with the model in the body. Answered by Wants, Predictions or Untestable."""

    input: str | None = None
    output: str | None = None
    feature_names: tuple[str, ...] | None = None
    """What a declared sidecar says of the order of features; else the model's own metadata is asked."""
    declared: Feeding = DECLARES_NOTHING
    """What the timeline's file declares of this model."""
    of_sidecar: Scaler | None = None
    """The numbers that its sidecar holds, where these are declared to be applied."""
    slot: Annotated[int, Meta(ge=0)] | None = None
    """Where it is kept, for other rows; None where it is not."""


class Again(Struct, frozen=True, tag="again"):
    """Parent to worker: predict the rows that came since with the model kept in ``slot``. Answered as a model is."""

    slot: Annotated[int, Meta(ge=0)]


class File(Struct, frozen=True, tag="file"):
    """Parent to worker, in answer to Wants: body is the file's bytes."""


class Hello(Struct, frozen=True, tag="hello"):
    """Worker to parent, once ready and before it has seen any model: its ONNX Runtime's version."""

    onnxruntime: str
    held: tuple[Protection, ...]
    """What it found itself kept from."""


class Wants(Struct, frozen=True, tag="wants"):
    """Worker to parent: the model names a file beside it."""

    location: Annotated[str, Meta(max_length=4096)]


class Predictions(Struct, frozen=True, tag="predictions"):
    """Worker to parent: body is the predictions (rows,), little-endian."""

    dtype: Literal["<f4", "<f8"]
    notes: Annotated[tuple[Annotated[str, Meta(max_length=LONGEST_REASON)], ...], Meta(max_length=8)] = ()
    """What was done to feed the model, where that is worth saying."""


class Untestable(Struct, frozen=True, tag="untestable"):
    """Worker to parent: this model cannot be judged, and why."""

    reason: Annotated[str, Meta(max_length=LONGEST_REASON)]


ToWorker = Features | Model | Again | File
ToParent = Hello | Wants | Predictions | Untestable


def packed(head: ToWorker | ToParent, body_length: int) -> bytes:
    """Lengths and head, ready to be followed by a body of ``body_length`` bytes."""
    encoded = msgspec.json.encode(head)
    return LENGTHS.pack(len(encoded), body_length) + encoded
