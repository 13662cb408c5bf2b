"""Row shards: batches of a large cache predicted on a dask cluster, with the same report as from one machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import psutil
import pytest
from clusters import PATIENCE, Cluster, but_for_where_and_when, cluster
from judging import NAN, noisy_cache_at, timeline_at, weaker
from making import constant, crashing, endless, linear, with_external_data
from onnx import helper, numpy_helper

from bisect_cache.cache import large, opened
from bisect_cache.cache.opened import Held
from bisect_cache.judge import taking_along
from bisect_cache.judge.thresholds import parse_thresholds
from bisect_cache.runs.request import BisectRequest
from bisect_cache.runs.run import run_bisect
from bisect_cache.worker.process import Limits


@pytest.fixture(scope="module")
def started() -> Iterator[Cluster]:
    with cluster(workers=2, threads=2) as one:
        yield one


@pytest.fixture
def dask(started: Cluster) -> Cluster:
    """With both workers: one that a test before has killed comes again."""
    started.client.wait_for_workers(2, timeout=PATIENCE)
    return started


@pytest.fixture(autouse=True)
def every_cache_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opened, "HELD", Held(0, 0))
    monkeypatch.setattr(opened, "_SMALL", 0)
    monkeypatch.setattr(large, "ROWS_AT_A_TIME", 50)


def slow(rounds: int = 6) -> onnx.ModelProto:
    """As good as any, and takes its time."""
    made = linear()
    nodes = [helper.make_node("MatMul", ["input", "many"], ["wide_0"])]
    nodes += [helper.make_node("MatMul", [f"wide_{step}", "square"], [f"wide_{step + 1}"]) for step in range(rounds)]
    nodes += [
        helper.make_node("ReduceSum", [f"wide_{rounds}", "axes"], ["sum"], keepdims=0),
        helper.make_node("Mul", ["sum", "nothing"], ["none"]),
        helper.make_node("Add", ["score_before", "none"], ["score"]),
    ]
    for node in made.graph.node:
        node.output[:] = ["score_before" if name == "score" else name for name in node.output]
    made.graph.node.extend(nodes)
    made.graph.initializer.extend(
        [
            numpy_helper.from_array(np.full((6, 1500), 1e-3, np.float32), "many"),
            numpy_helper.from_array(np.full((1500, 1500), 1e-3, np.float32), "square"),
            numpy_helper.from_array(np.array(0, np.float32), "nothing"),
        ]
    )
    return made


def test_a_report_from_a_cluster_is_that_of_one_machine_whatever_the_models_do(dask: Cluster, tmp_path: Path) -> None:
    noisy_cache_at(tmp_path / "c", rows=480)
    outside, weights = with_external_data(weaker(0), "weights.bin")
    timeline_at(
        tmp_path / "m",
        [weaker(0), crashing(), outside, endless(), constant(NAN), b"no model at all", linear(batch=8), weaker(2)],
    )
    (tmp_path / "m" / "weights.bin").write_bytes(weights)
    thresholds = parse_thresholds(["plcc >= baseline - 0.05", "srocc >= previous - 0.2"])
    request = BisectRequest(
        tmp_path / "c", (f"{tmp_path}/m/*.onnx",), thresholds, strategy="scan", limits=Limits(seconds=1.0)
    )
    here, there = run_bisect(request), run_bisect(replace(request, executor=dask.executor))
    assert but_for_where_and_when(there) == but_for_where_and_when(here)
    assert there.environment["executor"].startswith("dask, 2 workers with 4 threads: ")
    assert {step.verdict for step in there.steps} == {"good", "bad", "untestable"}
    assert dask.is_at_rest()


def test_a_worker_that_is_killed_in_the_middle_changes_no_digit(dask: Cluster, tmp_path: Path) -> None:
    noisy_cache_at(tmp_path / "c", rows=2000)
    timeline_at(tmp_path / "m", [slow(), weaker(0.2), weaker(2)])
    request = BisectRequest(tmp_path / "c", (f"{tmp_path}/m/*.onnx",), strategy="scan")
    killed: list[list[psutil.Process]] = []
    killer = threading.Thread(target=lambda: killed.append(dask.kill_one_that_works()))
    killer.start()
    there = run_bisect(replace(request, executor=dask.executor))
    killer.join()
    assert killed[0]
    assert but_for_where_and_when(there) == but_for_where_and_when(run_bisect(request))


def test_a_model_too_large_to_be_sent_is_predicted_here(dask: Cluster, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(taking_along, "LARGEST_SENT", 100)
    noisy_cache_at(tmp_path / "c", rows=480)
    timeline_at(tmp_path / "m", [weaker(0), weaker(2)])
    request = BisectRequest(tmp_path / "c", (f"{tmp_path}/m/*.onnx",), strategy="scan", executor=dask.executor)
    report = run_bisect(request)
    assert report.outcome == "regression"
    assert report.environment["executor"].endswith(": 0 batches were predicted there")
