"""The parent's side of the worker process: started once, timed, replaced when a model brings it down."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

import msgspec

from bisect_cache.errors import BisectCacheError
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

_ROOT = Path(__file__).resolve().parents[2]
_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); from bisect_cache.judge.worker import main; main(int(sys.argv[2]))"
)
_KEPT_VARIABLES = ("LD_LIBRARY_PATH", "SYSTEMROOT")
_SECONDS_TO_START = 120.0
_PIECE = 1 << 20
_HEADS = msgspec.json.Decoder(ToParent)


class CannotStart(BisectCacheError):
    """The worker process cannot be started: no model can be judged."""


class Lost(Exception):
    """The worker is gone, or was ended because it took too long; what it worked on is untestable, and why."""


@dataclass(frozen=True)
class Limits:
    """What one model may take."""

    seconds: float = 60.0
    memory: int = 8 << 30
    """Address space of the worker in bytes; 0 for no limit."""


class Worker:
    """One worker process at a time. The constructor starts it and does not wait for it: pipes wait."""

    def __init__(self, limits: Limits) -> None:
        """Start the process; raises ``CannotStart`` when the system refuses."""
        self._limits = limits
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
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        command = [sys.executable, "-I", "-c", _START, str(_ROOT), str(self._limits.memory)]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=_environment(),
                bufsize=0,
            )
        except OSError as error:
            self._errors.close()
            raise CannotStart(f"the worker process cannot be started ({error.strerror}): {sys.executable}") from error
        assert self._process.stdin and self._process.stdout  # noqa: S101, PT018 - both are pipes, by the call above
        self._to, self._from = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._to, False)
        os.set_blocking(self._from, False)
        self._alive = True

    def hello(self) -> Hello:
        """Wait until it is ready. Raises ``CannotStart`` with what it printed."""
        try:
            head, _ = self._receive(time.monotonic() + _SECONDS_TO_START)
        except Lost as lost:
            raise CannotStart(
                f"the worker process did not start ({lost}). Is onnxruntime installed for {sys.executable}?"
            ) from lost
        if not isinstance(head, Hello):
            raise CannotStart(f"the worker process began with {type(head).__name__}, not with a greeting")
        return head

    def give(self, features: Features, matrix: memoryview) -> None:
        """Hand over the matrix that every model is fed from. Raises ``Lost``."""
        self._send(features, matrix, time.monotonic() + _SECONDS_TO_START)

    def predict(
        self, model: Model, data: bytes, beside: Callable[[str], bytes]
    ) -> tuple[Predictions | Untestable, bytearray]:
        """Predict with the model whose bytes are ``data``; ``beside`` reads a file that the model names.

        Raises ``Lost`` when the worker dies or takes longer than its limit, and whatever ``beside`` raises; it is
        not ``alive`` after either.
        """
        deadline = time.monotonic() + self._limits.seconds
        self._send(model, memoryview(data), deadline)
        while True:
            head, body = self._receive(deadline)
            if isinstance(head, Wants):
                self._send(File(), memoryview(self._asked(beside, head.location)), deadline)
            elif isinstance(head, Predictions | Untestable):
                return head, body
            else:
                raise self._lost("the worker answered out of turn")

    def _asked(self, beside: Callable[[str], bytes], location: str) -> bytes:
        try:
            return beside(location)
        except BaseException:
            self.end()  # it waits for a file that will not come
            raise

    def end(self) -> None:
        """End the process, whatever it is doing, and wait for it."""
        self._alive = False
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()

    def _send(self, head: ToWorker, body: memoryview, deadline: float) -> None:
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

    def _receive(self, deadline: float) -> tuple[ToParent, bytearray]:
        head_length, body_length = LENGTHS.unpack(self._read(LENGTHS.size, deadline))
        if head_length > LARGEST_HEAD or body_length > LARGEST_BODY:
            raise self._lost("the worker sent what is no message")
        try:
            head = _HEADS.decode(self._read(head_length, deadline))
        except msgspec.DecodeError as error:
            raise self._lost("the worker sent what is no message") from error
        return head, self._read(body_length, deadline)

    def _read(self, length: int, deadline: float) -> bytearray:
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

    def _wait(self, descriptor: int, event: int, deadline: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, event)
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise self._lost(f"took longer than {self._limits.seconds:g} s")

    def _lost(self, why: str | None) -> Lost:
        """End the process and say why it is lost; without ``why`` it went by itself, and its exit code tells."""
        if why is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=5)
        code, printed = self._process.poll(), self._printed()
        self.end()
        return Lost((why or _cause_of_death(code)) + printed)

    def _printed(self) -> str:
        """The last line it wrote to standard error, which it closes once it is ready."""
        self._errors.seek(0)
        lines = self._errors.read(1 << 20).decode(errors="replace").strip().splitlines()
        return f": {lines[-1][:300]}" if lines else ""


def _cause_of_death(code: int | None) -> str:
    if code is None:
        return "the worker process closed its pipe"
    if code >= 0:
        return f"the worker process ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    likely = ", most likely for want of memory" if name == "SIGKILL" else ""
    return f"the worker process was ended by {name}{likely}"


def _environment() -> dict[str, str]:
    """Nothing that a model could want to know: no token, no path of the user."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return {**kept, "LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
