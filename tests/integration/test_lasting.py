"""Workers that outlast the thread that asked for them, as those of a cluster's tasks must."""

import threading
from typing import Any

import numpy as np
from making import linear
from numpy.typing import NDArray

from bisect_cache.worker.lasting import LastingWorker
from bisect_cache.worker.process import Limits, Worker
from bisect_cache.worker.protocol import Features, Hello, Model, Predictions

ROWS = np.random.default_rng(1).uniform(size=(4, 6)).astype(np.float32)


def nothing_beside(location: str) -> bytes:
    raise AssertionError(location)


def predicted(worker: Worker) -> NDArray[Any]:
    head, body = worker.predict(Model(), linear().SerializeToString(), nothing_beside)
    assert isinstance(head, Predictions)
    return np.frombuffer(body, head.dtype)


def test_a_worker_goes_on_when_the_thread_that_asked_for_it_ends_also_after_it_was_replaced() -> None:
    made: list[Worker] = []
    features = Features(4, tuple("abcdef"), 1)

    def asks() -> None:
        made.append(LastingWorker(Limits()))
        assert isinstance(made[0].ready(features, memoryview(ROWS)), Hello)

    def replaces() -> None:
        made[0].restart()
        made[0].ready(features, memoryview(ROWS))

    for step in (asks, replaces):
        thread = threading.Thread(target=step)
        thread.start()
        thread.join()
        np.testing.assert_allclose(predicted(made[0]), ROWS.mean(axis=1), rtol=1e-5)
    made[0].end()
