"""The parent's side of the worker process: started once, timed, replaced when a model brings it down."""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

import msgspec

from bisect_cache.errors import BisectCacheError
from bisect_cache.worker.external import external_locations
from bisect_cache.worker.protocol import (
    LARGEST_HEAD,
    LENGTHS,
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

_ROOT = Path(__file__).resolve().parents[2]
_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); from bisect_cache.worker.serving import main; "
    "main(int(sys.argv[2]), float(sys.argv[3]))"
)
_KEPT_VARIABLES = ("LD_LIBRARY_PATH", "SYSTEMROOT")
_SECONDS_TO_START = 120.0
_PIECE = 1 << 20
_LARGEST_SCORE = 8
_LIKELY = {"SIGKILL": ", most likely for want of memory", "SIGXCPU": ": it used up its processor time"}
_HEADS = msgspec.json.Decoder(ToParent)


class CannotStart(BisectCacheError):
    """The worker process cannot be started: no model can be judged."""


class Lost(Exception):
    """The worker is gone, or was ended because it took too long; what it worked on is untestable, and why."""

    def __init__(self, why: str, *, died: bool = False) -> None:
        super().__init__(why)
        self.died = died
        """Whether it went by itself, or something else ended it."""


@dataclass(frozen=True)
class Limits:
    """What one model may take."""

    seconds: float = 60.0
    memory: int = 8 << 30
    """Address space of the worker in bytes; 0 for no limit."""


@dataclass(frozen=True)
class _Deadline:
    seconds: float
    at: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        return cls(seconds, time.monotonic() + seconds)

    @property
    def left(self) -> float:
        return max(0.0, self.at - time.monotonic())


class Worker:
    """One worker process at a time. The constructor starts it and does not wait for it: pipes wait."""

    def __init__(self, limits: Limits) -> None:
        """Start the process; raises ``CannotStart`` when the system refuses."""
        self._limits = limits
        self._rows = 0
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def alive(self) -> bool:
        """Whether it can still be talked to; ``restart`` replaces one that cannot."""
        return self._alive

    def restart(self) -> None:
        """Replace the process by a fresh one that holds no features. Raises ``CannotStart``."""
        self.end()
        self._start()

    def _start(self) -> None:
        command = [sys.executable, "-I", "-c", _START, str(_ROOT), str(self._limits.memory), str(self._limits.seconds)]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd="/",  # nothing lies there that a model could name
                env=_environment(),
                bufsize=0,
            )
        except OSError as error:
            raise CannotStart(f"the worker process cannot be started ({error.strerror}): {sys.executable}") from error
        pipes = [pipe.fileno() for pipe in self._pipes()]
        self._to, self._from, self._errors = pipes
        for pipe in pipes:
            os.set_blocking(pipe, False)
            _widen(pipe)
        self._alive = True

    def _pipes(self) -> list[IO[bytes]]:
        """To its standard input, from its standard output, from its standard error."""
        return [pipe for pipe in (self._process.stdin, self._process.stdout, self._process.stderr) if pipe]

    def ready(self, features: Features, matrix: memoryview) -> Hello:
        """Wait until it is there and has the matrix that every model is fed from; started anew, once, where it died.

        Raises ``CannotStart`` with what it printed, or that it did not take the features.
        """
        try:
            return self._given(features, matrix)
        except CannotStart as error:
            if not (isinstance(error.__cause__, Lost) and error.__cause__.died):
                raise
            self.restart()
            return self._given(features, matrix)

    def _given(self, features: Features, matrix: memoryview) -> Hello:
        hello = self.hello()
        self.give(features, matrix)
        return hello

    def hello(self) -> Hello:
        """Wait until it is ready. Raises ``CannotStart`` with what it printed."""
        try:
            head, _ = self._receive(_Deadline.after(_SECONDS_TO_START))
        except Lost as lost:
            raise CannotStart(
                f"the worker process did not start ({lost}). Is onnxruntime installed for {sys.executable}, and is "
                f"--memory-limit large enough for it?"
            ) from lost
        if not isinstance(head, Hello):
            raise CannotStart(f"the worker process began with {type(head).__name__}, not with a greeting")
        return head

    def give(self, features: Features, matrix: memoryview) -> None:
        """Hand over the matrix that every model is fed from. Raises ``CannotStart`` when it is not taken."""
        self._rows = features.rows
        try:
            self._send(features, matrix, _Deadline.after(_SECONDS_TO_START))
        except Lost as lost:
            raise CannotStart(
                f"the worker process did not take the features, {matrix.nbytes >> 20} MiB ({lost}); give it more "
                f"memory with --memory-limit"
            ) from lost

    def predict(
        self, model: Model, data: bytes, beside: Callable[[str], bytes]
    ) -> tuple[Predictions | Untestable, bytearray]:
        """Predict with the model whose bytes are ``data``; ``beside`` reads a file that the model names.

        Raises ``Lost`` when the worker dies or takes longer than its limit, and whatever ``beside`` raises; it is
        not ``alive`` after either. Whatever it says: it gets no file but those that the model names, and each once.
        """
        return self._answer(model, data, beside, _Deadline.after(self._limits.seconds))

    def again(self, slot: int, spent: float) -> tuple[Predictions | Untestable, bytearray]:
        """Predict the rows given since with a model that was kept, and has ``spent`` seconds. Raises ``Lost``."""
        limit = self._limits.seconds
        return self._answer(Again(slot), b"", _no_file, _Deadline(limit, time.monotonic() + limit - spent))

    def _answer(
        self, asked: Model | Again, data: bytes, beside: Callable[[str], bytes], deadline: _Deadline
    ) -> tuple[Predictions | Untestable, bytearray]:
        self._send(asked, memoryview(data), deadline)
        named: list[str] | None = None
        while True:
            head, body = self._receive(deadline)
            if isinstance(head, Wants):
                named = external_locations(data) if named is None else named
                if head.location not in named:
                    raise self._lost("the worker process asked for a file that the model does not name")
                named.remove(head.location)
                self._send(File(), memoryview(self._asked(beside, head.location)), deadline)
            elif isinstance(head, Untestable) or (isinstance(head, Predictions) and self._fits(head, body)):
                return head, body
            else:
                raise self._lost("the worker process gave another answer than was asked for")

    def _fits(self, head: Predictions, body: bytearray) -> bool:
        return len(body) == self._rows * int(head.dtype[-1])

    def _asked(self, beside: Callable[[str], bytes], location: str) -> bytes:
        try:
            return beside(location)
        except BaseException:
            self.end()  # it waits for a file that will not come
            raise

    def kill(self) -> None:
        """Kill the process, from any thread: the one that waits for its answer finds it lost, and ends it.

        ``end`` closes pipes. Where another thread waits on one, it would go on waiting until its deadline.
        """
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    def end(self) -> None:
        """End the process, whatever it is doing, and wait for it. Only for the thread that talks to it."""
        self._alive = False
        self.kill()
        self._process.wait()
        for pipe in self._pipes():
            with contextlib.suppress(OSError):
                pipe.close()

    def _send(self, head: ToWorker, body: memoryview, deadline: _Deadline) -> None:
        for piece in (memoryview(packed(head, body.nbytes)), body.cast("B") if body.nbytes else body):
            sent = 0
            while sent < piece.nbytes:
                self._wait(self._to, selectors.EVENT_WRITE, deadline)
                try:
                    sent += os.write(self._to, piece[sent : sent + _PIECE])
                except BlockingIOError:
                    continue
                except BrokenPipeError as error:
                    raise self._lost(None) from error

    def _receive(self, deadline: _Deadline) -> tuple[ToParent, bytearray]:
        head_length, body_length = LENGTHS.unpack(self._read(LENGTHS.size, deadline))
        if head_length > LARGEST_HEAD or body_length > self._rows * _LARGEST_SCORE:
            raise self._lost("the worker process sent what is no message")
        try:
            head = _HEADS.decode(self._read(head_length, deadline))
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise self._lost("the worker process sent what is no message") from error
        return head, self._read(body_length, deadline)

    def _read(self, length: int, deadline: _Deadline) -> bytearray:
        data = bytearray()
        while len(data) < length:
            self._wait(self._from, selectors.EVENT_READ, deadline)
            try:
                piece = os.read(self._from, min(_PIECE, length - len(data)))
            except BlockingIOError:
                continue
            if not piece:
                raise self._lost(None)
            data += piece
        return data

    def _wait(self, descriptor: int, event: int, deadline: _Deadline) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, event)
            if not deadline.left or not selector.select(deadline.left):  # a pipe can be ready for ever
                raise self._lost(f"took longer than {deadline.seconds:g} s")

    def _lost(self, why: str | None) -> Lost:
        """End the process and say why it is lost; without ``why`` it went by itself, and its exit code tells."""
        if why is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=5)
        code, printed = self._process.poll(), self._printed()
        self.end()
        return Lost((why or _cause_of_death(code)) + printed, died=why is None)

    def _printed(self) -> str:
        """The last line it wrote to standard error, which it closes once it is ready."""
        try:
            printed = os.read(self._errors, _PIECE)
        except BlockingIOError:
            return ""
        lines = printed.decode(errors="replace").strip().splitlines()
        return f": {lines[-1][:300]}" if lines else ""


def _widen(pipe: int) -> None:
    """Let as much wait in a pipe as an unprivileged process may ask for, where the system has such a thing."""
    with contextlib.suppress(OSError, AttributeError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIECE)


def _no_file(_location: str) -> bytes:
    raise AssertionError("nothing is named by no model")


def _cause_of_death(code: int | None) -> str:
    if code is None:
        return "the worker process closed its pipe"
    if code >= 0:
        return f"the worker process ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"the worker process was ended by {name}{_LIKELY.get(name, '')}"


def _environment() -> dict[str, str]:
    """Nothing that a model could want to know: no token, no path of the user."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    # Since 1.32 ONNX Runtime tells its makers about every session, unless it is told not to.
    ours = {"LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "ORT_DISABLE_TELEMETRY": "1"}
    return {**kept, **ours}
