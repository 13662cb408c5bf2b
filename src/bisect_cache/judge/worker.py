"""The worker: the only process that loads a model. It reads messages, predicts, and answers.

Started by ``process.py``; whatever a model does to it (a crash, endless work, all of its memory) happens to a
process that holds nothing but features and can be replaced.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from io import BufferedReader, BufferedWriter
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bisect_cache.cache.external_data import external_tensors, location_of
from bisect_cache.judge.feeding import CannotFeed, Feed, Port, names_in, plan
from bisect_cache.judge.predicting import NoScores, predict
from bisect_cache.judge.protocol import (
    LARGEST_BODY,
    LARGEST_HEAD,
    LENGTHS,
    Features,
    File,
    Hello,
    Model,
    Predictions,
    ToParent,
    ToWorker,
    Untestable,
    Wants,
    packed,
)

if TYPE_CHECKING:
    import onnxruntime as ort

Fetch = Callable[[str], bytes]
_LONGEST_REASON = 600
_PR_SET_PDEATHSIG = 1
_HEADS = msgspec.json.Decoder(ToWorker)


class _Refused(Exception):
    """This model cannot be judged, and why."""


def main(memory: int) -> None:
    """Serve until the parent closes its end; ``memory`` is the address space in bytes, 0 for no limit."""
    _die_with_the_parent()
    requests, answers = _private_pipes()
    _limit(memory)
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    _send(answers, Hello(onnxruntime.__version__))
    _silence(2)  # until here it told the parent why the worker could not start
    given, matrix = Features(1, (), 1), np.zeros((1, 0), np.float32)
    for head, body in _messages(requests):
        if isinstance(head, Features):
            given, matrix = head, np.frombuffer(body, "<f4").reshape(head.rows, len(head.columns))
        elif isinstance(head, Model):
            fetch = partial(_fetch, requests, answers)
            _send(answers, *_answer(head, body, given, matrix, fetch))


def _private_pipes() -> tuple[BufferedReader, BufferedWriter]:
    """The two pipes, out of reach of whatever prints to standard output or reads standard input."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    _silence(0, 1)
    return requests, answers


def _silence(*descriptors: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in descriptors:
        os.dup2(null, descriptor)
    os.close(null)


def _die_with_the_parent() -> None:
    """Where Linux can be asked: a model that never ends must not outlive a run that was killed."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _limit(memory: int) -> None:
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory:
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        limit = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS knows the limit and does not take it
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _messages(requests: BufferedReader) -> Iterator[tuple[ToWorker, bytearray]]:
    while len(lengths := requests.read(LENGTHS.size)) == LENGTHS.size:
        head_length, body_length = LENGTHS.unpack(lengths)
        if head_length > LARGEST_HEAD or body_length > LARGEST_BODY:
            sys.exit("a message larger than any message")
        head = _HEADS.decode(requests.read(head_length))
        body = bytearray(body_length)
        if requests.readinto(body) != body_length:
            return
        yield head, body


def _send(answers: BufferedWriter, head: ToParent, body: bytes | memoryview = b"") -> None:
    answers.write(packed(head, len(body)))
    answers.write(body)
    answers.flush()


def _fetch(requests: BufferedReader, answers: BufferedWriter, location: str) -> bytes:
    """A file that the model names, asked of the parent."""
    _send(answers, Wants(location))
    reply, body = next(_messages(requests), (None, bytearray()))
    if not isinstance(reply, File):
        sys.exit("the parent did not answer")
    return bytes(body)


def _answer(
    head: Model, model: bytearray, given: Features, matrix: NDArray[np.float32], fetch: Fetch
) -> tuple[ToParent, bytes]:
    try:
        session = _session(bytes(model), fetch)
        feed = _plan(session, head, given.columns)
        predictions, note = predict(
            lambda rows: session.run([feed.output], {feed.input: rows})[0],
            _matrix(feed, matrix),
            feed.batch,
            given.threads,
        )
    except (CannotFeed, NoScores, _Refused) as refusal:
        return Untestable(str(refusal)[:_LONGEST_REASON]), b""
    except MemoryError:
        return Untestable("ran out of memory"), b""
    except Exception as error:  # ONNX Runtime raises its own kinds, and plain RuntimeError, for what a model holds
        return Untestable(_said(error)), b""
    return Predictions("<f4" if predictions.itemsize == 4 else "<f8", note), predictions.tobytes()


def _session(model: bytes, fetch: Fetch) -> ort.InferenceSession:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1  # cores are kept busy by rows, not inside one operator
    options.inter_op_num_threads = 1
    # No fusions: what is judged is the graph as it was committed.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 4
    files = {location: fetch(location) for location in external_locations(model)}
    if files:
        options.add_external_initializers_from_files_in_memory(
            list(files), list(files.values()), [len(data) for data in files.values()]
        )
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def external_locations(model: bytes) -> list[str]:
    """The files beside it that a model names for its weights, each once, in order.

    A model that names one holds the key ``location``; only then is onnx imported to look closely.
    """
    if b"location" not in model:
        return []
    from google.protobuf.message import DecodeError
    from onnx import ModelProto

    proto = ModelProto()
    try:
        proto.ParseFromString(model)
    except DecodeError as error:
        raise _Refused("is no ONNX model that can be parsed") from error
    return list(dict.fromkeys(location for tensor in external_tensors(proto) for location in location_of(tensor)))


def _plan(session: ort.InferenceSession, head: Model, columns: tuple[str, ...]) -> Feed:
    names = head.feature_names or names_in(session.get_modelmeta().custom_metadata_map)
    return plan(
        [_port(node) for node in session.get_inputs()],
        [_port(node) for node in session.get_outputs()],
        columns,
        names=names,
        wanted_input=head.input,
        wanted_output=head.output,
    )


def _port(node: Any) -> Port:
    shape = node.shape
    sizes = tuple(size if isinstance(size, int) and size > 0 else None for size in shape) if shape else None
    return Port(node.name, node.type, sizes)


def _matrix(feed: Feed, features: NDArray[np.float32]) -> NDArray[Any]:
    """The features in the model's order and type."""
    chosen = features if feed.columns == tuple(range(features.shape[1])) else features[:, feed.columns]
    return np.ascontiguousarray(chosen, np.dtype(feed.dtype))


def _said(error: Exception) -> str:
    text = " ".join(str(error).split())
    if "bad allocation" in text or "bad_alloc" in text or "Failed to allocate memory" in text:
        return "ran out of memory"
    return f"ONNX Runtime refuses it: {text or type(error).__name__}"[:_LONGEST_REASON]
