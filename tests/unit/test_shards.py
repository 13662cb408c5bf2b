"""Row shards in one process: judges that are started, shared and ended."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from bisect_cache.judge.judge import Ports
from bisect_cache.judge.streamed import shards
from bisect_cache.judge.streamed.judge import RowChoices
from bisect_cache.judge.streamed.shards import RowJudges
from bisect_cache.worker.process import CannotStart, Limits


def row_judges(most: int = 2) -> RowJudges:
    return RowJudges(RowChoices(("a", "b"), Ports(), Limits(seconds=5)), (), most)


def test_a_machine_where_no_worker_can_be_started_says_so_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_limits: Limits) -> None:
        raise CannotStart("no room")

    monkeypatch.setattr(shards, "LastingWorker", refuse)
    judges = row_judges(most=2)
    for _ in range(4):
        with pytest.raises(CannotStart, match="no room"):
            judges.shard(np.zeros((3, 2), np.float32))


def test_one_judge_does_what_is_asked_one_after_the_other() -> None:
    judges = row_judges()
    try:
        first, second = (judges.shard(np.zeros((rows, 2), np.float32)) for rows in (3, 5))
        assert first.models == second.models == ()
        assert first.worker == second.worker
        assert len(judges._judges) == 1
    finally:
        judges.end()


def test_no_judge_goes_along() -> None:
    judges = row_judges()
    try:
        judges.shard(np.zeros((3, 2), np.float32))
        arrived = pickle.loads(pickle.dumps(judges))
        assert arrived.run == judges.run
        assert arrived._judges == []
    finally:
        judges.end()
