"""The worker: the only process that loads a model. It reads messages, predicts, and answers.

Started by ``process.py``; whatever a model does to it (a crash, endless work, all of its memory) happens to a
process that holds nothing but features, can do nothing but predict, and can be replaced.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from io import BufferedReader, BufferedWriter
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bisect_cache.printable import printable
from bisect_cache.worker.confinement.confine import WALLS, Wall, confine, end_with_the_parent, held
from bisect_cache.worker.confinement.limits import limit_memory, limit_processor
from bisect_cache.worker.declared import Declared, declared_of
from bisect_cache.worker.external import external_locations
from bisect_cache.worker.feeding import names_in, plan
from bisect_cache.worker.ports import CannotFeed, Port
from bisect_cache.worker.predicting import NoScores, predict
from bisect_cache.worker.preparing import Preparing, rescaled
from bisect_cache.worker.protocol import (
    LARGEST_BODY,
    LARGEST_REQUEST,
    LENGTHS,
    LONGEST_REASON,
    Again,
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
_HEADS = msgspec.json.Decoder(ToWorker)


@dataclass(frozen=True)
class _Rows:
    """What every model is fed from."""

    columns: tuple[str, ...]
    matrix: NDArray[np.float32]
    threads: int
    part: bool = False


@dataclass(frozen=True)
class _Ready:
    """A model that was loaded, and how it is fed."""

    session: ort.InferenceSession
    preparing: Preparing
    declared: Declared


def main(memory: int, seconds: float, walls: Collection[Wall] = WALLS) -> None:
    """Serve until the parent closes its end.

    ``memory`` is the address space in bytes, 0 for no limit; ``seconds`` of processor time is what one thread may take
    for one model.
    """
    end_with_the_parent()
    requests, answers = _private_pipes()
    limit_memory(memory)
    version = _load_all_that_is_needed()
    _silence(2)  # until here it told the parent why the worker could not start
    confine(walls)
    _send(answers, Hello(version, held(memory)))
    rows, kept = _Rows((), np.zeros((1, 0), np.float32), 1), dict[int, _Ready]()
    for head, body in _messages(requests):
        if isinstance(head, Features):
            matrix = np.frombuffer(body, "<f4").reshape(head.rows, len(head.columns))
            rows = _Rows(head.columns, matrix, head.threads, head.part)
        elif isinstance(head, Model | Again):
            limit_processor(seconds * rows.threads)
            _send(answers, *_answer(head, body, rows, kept, partial(_fetch, requests, answers), memory))


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


def _load_all_that_is_needed() -> str:
    """Load what would be loaded when it is first used: then there are no files any more. ONNX Runtime's version."""
    import concurrent.futures.thread  # noqa: F401

    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    return str(onnxruntime.__version__)


def _messages(requests: BufferedReader) -> Iterator[tuple[ToWorker, bytes]]:
    while len(lengths := requests.read(LENGTHS.size)) == LENGTHS.size:
        head_length, body_length = LENGTHS.unpack(lengths)
        if head_length > LARGEST_REQUEST or body_length > LARGEST_BODY:
            sys.exit("a message larger than any message")
        head = _HEADS.decode(requests.read(head_length))
        if len(body := requests.read(body_length)) != body_length:
            return
        yield head, body


def _send(answers: BufferedWriter, head: ToParent, body: bytes | memoryview = b"") -> None:
    answers.write(packed(head, len(body)))
    answers.write(body)
    answers.flush()


def _fetch(requests: BufferedReader, answers: BufferedWriter, location: str) -> bytes:
    """A file that the model names, asked of the parent."""
    _send(answers, Wants(location))
    reply, body = next(_messages(requests), (None, b""))
    if not isinstance(reply, File):
        sys.exit("the parent did not answer")
    return body


def _answer(
    head: Model | Again, model: bytes, rows: _Rows, kept: dict[int, _Ready], fetch: Fetch, memory: int
) -> tuple[ToParent, bytes]:
    try:
        ready = kept[head.slot] if isinstance(head, Again) else _ready(head, model, rows.columns, fetch)
        predictions, note = _scored(ready, rows, known=isinstance(head, Again))
        if isinstance(head, Model) and head.slot is not None:
            kept[head.slot] = ready
    except (CannotFeed, NoScores) as refusal:
        return Untestable(printable(str(refusal), LONGEST_REASON)), b""
    except Exception as error:  # ONNX Runtime raises its own kinds, and plain RuntimeError, for what a model holds
        return Untestable(_said(error, memory)), b""
    notes = tuple(printable(one, LONGEST_REASON) for one in (*ready.declared.notes, note) if one)
    return Predictions("<f4" if predictions.itemsize == 4 else "<f8", notes), predictions.tobytes()


def _ready(head: Model, model: bytes, columns: tuple[str, ...], fetch: Fetch) -> _Ready:
    session = _session(model, fetch)
    declared = declared_of(head.declared, head.of_sidecar, session.get_modelmeta().custom_metadata_map)
    return _Ready(session, _plan(session, head, declared, columns), declared)


def _scored(ready: _Ready, rows: _Rows, *, known: bool) -> tuple[NDArray[Any], str | None]:
    """The rows' scores, and how they came to be where that is worth saying."""
    preparing = ready.preparing
    feed = preparing.feed
    wanted = [feed.output]

    def run(inputs: dict[str, NDArray[Any]]) -> Any:
        return preparing.score(ready.session.run(wanted, inputs)[0])

    predictions, note = predict(
        run, rows.matrix, feed.batch, rows.threads, preparing.inputs, part=rows.part, known=known
    )
    return rescaled(predictions, ready.declared.feeding.output), note


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


def _plan(session: ort.InferenceSession, head: Model, declared: Declared, columns: tuple[str, ...]) -> Preparing:
    feeding = declared.feeding
    listed = head.feature_names or names_in(session.get_modelmeta().custom_metadata_map)
    feed = plan(
        [_port(node) for node in session.get_inputs()],
        [_port(node) for node in session.get_outputs()],
        columns,
        names=feeding.features or listed,
        wanted_input=head.input or feeding.input,
        wanted_output=head.output or (feeding.output.name if feeding.output else None),
        declared=feeding,
    )
    names = tuple(columns[place] for place in feed.columns)
    return Preparing(feed, names, *declared.numbers(names))


def _port(node: Any) -> Port:
    shape = node.shape
    sizes = tuple(size if isinstance(size, int) and size > 0 else None for size in shape) if shape else None
    return Port(node.name, node.type, sizes)


def _said(error: Exception, memory: int) -> str:
    text = " ".join(str(error).split())
    wanting = ("bad allocation", "bad_alloc", "Failed to allocate memory")
    if isinstance(error, MemoryError) or any(words in text for words in wanting):
        return "ran out of memory" + (f": its limit is {memory >> 20:,} MiB" if memory else "")
    return f"ONNX Runtime refuses it: {text or type(error).__name__}"[:LONGEST_REASON]
