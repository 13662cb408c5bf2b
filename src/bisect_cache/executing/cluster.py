"""Tasks on a dask cluster, through its own ``concurrent.futures.Executor``. The only file that imports dask.

What is shared is the result of a task that unpickles it, and not scattered data: what was scattered is lost for good
with the worker that held it, and a result is worked out again. The scheduler keeps the pickle for that, so it goes
through the scheduler's memory, and it leaves every worker when this client goes, however it goes.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import uuid4

from bisect_cache.executing.interface import Executing, NoExecutor, TaskLost
from bisect_cache.executing.of_a_run import difference, installed, told

if TYPE_CHECKING:
    from distributed import Client

Shared = TypeVar("Shared")
Result = TypeVar("Result")
PATIENCE = 10.0
"""Seconds that a scheduler may take to answer, and its first worker to be there."""
_SECONDS_TO_TELL = 10.0
_LOGGERS = ("distributed", "distributed.client")
_CONFIGURED = {"distributed.admin.large-graph-warning-threshold": "1 PB"}  # a cache is sent on purpose


@contextlib.contextmanager
def on_dask(address: str, patience: float = PATIENCE) -> Iterator[Executing]:
    """The cluster whose scheduler is at ``address``, such as ``tcp://10.0.0.1:8786``.

    Raises ``NoExecutor`` where it cannot be reached, has no workers, or they are not of this version.
    """
    try:
        import dask
        import distributed
    except ImportError as error:
        raise NoExecutor(
            f"dask is not installed ({error}); install it with `pip install 'bisect-cache[dask]'`, or leave "
            f"--executor out"
        ) from error
    if address.startswith("tls:") and not _has_certificate(distributed.Security()):
        raise NoExecutor(
            f"{address} asks for TLS, and dask is not told of a certificate here; name the files in the environment "
            f"(DASK_DISTRIBUTED__COMM__TLS__CA_FILE, …__TLS__CLIENT__KEY, …__TLS__CLIENT__CERT) or in dask's own "
            f"configuration"
        )
    with _silence(), dask.config.set(_CONFIGURED), _connected(address, patience, distributed.Client) as client:
        threads = _threads(client, address, patience)
        _check_alike(client, address)
        executor = _Executor(client.get_executor(pure=False), address)
        yield _OnDask(client, executor, threads)


class _OnDask:
    elsewhere = True

    def __init__(self, client: Client, executor: Executor, threads: Mapping[str, int]) -> None:
        self._client, self.executor = client, executor
        self.at_once = sum(threads.values())
        workers = f"{len(threads)} worker{'s' * (len(threads) != 1)}"
        self.said = f"dask, {workers} with {self.at_once} thread{'s' * (self.at_once != 1)}"

    def share(self, value: Shared) -> Shared:
        """What stands for the value among the arguments of a task."""
        pickled = pickle.dumps(value, 5)
        return cast("Shared", self._client.submit(pickle.loads, pickled, key=f"bisect-cache-{uuid4().hex}", pure=False))

    def tell(self, run: str, what: str) -> None:
        """Tell every worker, outside of the order of tasks; a cluster that does not answer is not waited for."""

        def everywhere() -> None:
            with contextlib.suppress(Exception):
                self._client.run(told, run, what, on_error="ignore")

        telling = threading.Thread(target=everywhere, daemon=True)
        telling.start()
        telling.join(_SECONDS_TO_TELL)


class _Executor(Executor):
    """Dask's own, with errors that say what became of a task."""

    def __init__(self, dasks: Executor, address: str) -> None:
        self._dasks, self._address = dasks, address

    def submit(self, fn: Callable[..., Result], /, *args: Any, **kwargs: Any) -> Future[Result]:
        theirs, ours = self._dasks.submit(fn, *args, **kwargs), Future[Result]()

        def pass_on(_: object) -> None:
            if not ours.set_running_or_notify_cancel():
                return
            if theirs.cancelled():
                ours.set_exception(_gone(self._address))
            elif error := theirs.exception():
                ours.set_exception(self._as_said(error))
            else:
                ours.set_result(theirs.result())

        ours.add_done_callback(lambda _: theirs.cancel() if ours.cancelled() else None)
        theirs.add_done_callback(pass_on)
        return ours

    def _as_said(self, error: BaseException) -> BaseException:
        from distributed.comm import CommClosedError
        from distributed.scheduler import KilledWorker

        if isinstance(error, KilledWorker):
            return TaskLost(
                "every dask worker that began this was ended in the middle of it, for want of memory perhaps: see the "
                "workers' logs, and give them more memory, or each fewer threads"
            )
        if isinstance(error, CommClosedError):
            return _gone(self._address)
        if isinstance(error, RuntimeError) and "deserialization of the task graph" in str(error):
            return NoExecutor(f"the scheduler {self._address} cannot read what it is sent; install bisect-cache there")
        return error


def _gone(address: str) -> NoExecutor:
    return NoExecutor(f"the dask scheduler {address} was lost; see that it runs and can be reached, and try again")


def _has_certificate(security: Any) -> bool:
    return security.get_connection_args("client").get("ssl_context") is not None


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """What dask logs, errors say in our words, where they matter."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    if not os.environ.get("BISECT_CACHE_DEBUG"):
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextlib.contextmanager
def _connected(address: str, patience: float, connect: type[Client]) -> Iterator[Client]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of versions, which are looked at here
            client = connect(address, timeout=patience, set_as_default=False, name="bisect-cache")
    except Exception as error:  # of many kinds: the network's, those of TLS, dask's own
        raise NoExecutor(
            f"no dask scheduler answers at {address} ({error}); see that it runs, that "
            f"it can be reached from here, and that both speak TLS or neither does"
        ) from error
    try:
        yield client
    finally:
        with contextlib.suppress(Exception):
            client.close(timeout=_SECONDS_TO_TELL)


def _threads(client: Client, address: str, patience: float) -> dict[str, int]:
    """How many threads each worker has."""
    try:
        client.wait_for_workers(1, timeout=patience)
    except TimeoutError as error:
        raise NoExecutor(
            f"the dask scheduler {address} has no workers, and none came within {patience:g} seconds; start some, with "
            f"`dask worker {address}`"
        ) from error
    return dict(client.nthreads())


def _check_alike(client: Client, address: str) -> None:
    """Results are to be equal to the last digit, so what they depend on must be."""
    answers: dict[str, Any] = {f"worker {name}": one for name, one in client.run(installed, on_error="return").items()}
    try:
        answers[f"scheduler {address}"] = client.run_on_scheduler(installed)
    except Exception as error:  # whatever unpickling raises there
        answers[f"scheduler {address}"] = error
    for name, answer in answers.items():
        if isinstance(answer, BaseException):
            raise NoExecutor(
                f"the dask {name} cannot run what it is sent ({answer}); install bisect-cache there, and the same "
                f"version of all that it needs, from requirements/dask.txt"
            )
        different = difference(answer)
        if different:
            raise NoExecutor(
                f"the dask {name} is not like this machine: {different}. Results are to be equal to the last digit: "
                f"install the same versions on both, from requirements/dask.txt"
            )
