"""A worker that a model took over, as bytes on its pipe: what the parent makes of whatever it answers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from random import Random
from typing import IO
from unittest import mock

import numpy as np
from fuzz.changing import KINDS

from bisect_cache.errors import BisectCacheError
from bisect_cache.printable import one_line, printable
from bisect_cache.worker import process
from bisect_cache.worker.protocol import (
    LENGTHS,
    Features,
    Hello,
    Model,
    Predictions,
    ToParent,
    Untestable,
    Wants,
    packed,
)

_ROWS = 4
_LARGEST = 60_000
"""Bytes that a pipe takes at once everywhere."""


def answers() -> Sequence[bytes]:
    """What a worker answers that nobody took over."""
    scores = np.linspace(0, 1, _ROWS).astype("<f4").tobytes()
    hello, wants = _message(Hello("1.32.0", ())), _message(Wants("weights.bin"))
    predictions = _message(Predictions("<f4", notes=("fed by name",)), scores)
    return [hello + predictions, hello + wants + predictions, hello + _message(Untestable("it wants other inputs"))]


def _message(head: ToParent, body: bytes = b"") -> bytes:
    return packed(head, len(body)) + body


def changed(data: bytes, random: Random) -> bytes:
    """One message with another head, another length or another body."""
    messages = list(_messages(data))
    place = random.randrange(len(messages))
    head, body = messages[place]
    how = random.random()
    lengths = None
    if how < 0.6:
        head = KINDS["json"](head, random)[:_LARGEST]
    elif how < 0.7:
        body = random.choice((b"", body[:-1], body * 2, b"\xff" * len(body), os.urandom(100)))
    elif how < 0.85:
        lie = random.choice((0, 1, len(head) - 1, len(head) + 1, 1 << 20, (1 << 20) + 1, (1 << 32) - 1))
        lengths = (lie, random.choice((len(body), 0, 1 << 36, (1 << 64) - 1)))
    else:
        messages.insert(place, random.choice(messages))
    messages[place] = (head, body)
    parts = [LENGTHS.pack(len(head), len(body)) + head + body for head, body in messages]
    if lengths:
        parts[place] = LENGTHS.pack(*lengths) + head + body
    return b"".join(parts)


def _messages(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 0
    while place < len(data):
        head, body = LENGTHS.unpack_from(data, place)
        start = place + LENGTHS.size
        yield data[start : start + head], data[start + head : start + head + body]
        place = start + head + body


class _Process:
    """What stands in for a process: three pipes, of which one is full of answers."""

    def __init__(self, answered: bytes) -> None:
        self.read, write = os.pipe()
        self.stdin: IO[bytes] = os.fdopen(write, "wb", buffering=0)
        self.stdout = _pipe_with(answered[:_LARGEST])
        self.stderr = _pipe_with(b"")

    def kill(self) -> None:
        """It is gone."""

    def wait(self, timeout: float | None = None) -> int:
        return 0

    def poll(self) -> int:
        return 0

    def close(self) -> None:
        os.close(self.read)
        for pipe in (self.stdin, self.stdout, self.stderr):
            pipe.close()


def _pipe_with(data: bytes) -> IO[bytes]:
    read, write = os.pipe()
    os.write(write, data)
    os.close(write)
    return os.fdopen(read, "rb", buffering=0)


def hear(data: bytes) -> None:
    """Let a worker answer with ``data``, as far as it is asked."""
    stand_in = _Process(data)
    try:
        with mock.patch.object(process.subprocess, "Popen", return_value=stand_in):
            worker = process.Worker(process.Limits(seconds=5))
        worker.hello()
        matrix = np.zeros((_ROWS, 2), "<f4")
        worker.give(Features(_ROWS, ("a", "b"), 1), memoryview(matrix))
        head, body = worker.predict(Model(), b"model", lambda _: b"weights")
        if isinstance(head, Predictions) and len(body) != _ROWS * int(head.dtype[-1]):
            raise AssertionError("predictions of another length than there are rows")
    except process.Lost as lost:
        raise BisectCacheError(printable(one_line(str(lost)), 1000)) from lost
    finally:
        stand_in.close()
