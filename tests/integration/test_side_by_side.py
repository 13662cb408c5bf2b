"""Models judged by several workers at once: the same report, whatever a model does, and nothing left behind."""

from __future__ import annotations

import platform
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from judging import bisect, noisy_cache_at, timeline_at, weaker
from making import crashing, endless, save

from bisect_cache.judge import alike, pool
from bisect_cache.judge.thresholds import parse_thresholds
from bisect_cache.report.structs import BisectReport, encode_report
from bisect_cache.runs import bench
from bisect_cache.runs.request import BisectRequest
from bisect_cache.runs.run import run_bisect
from bisect_cache.worker.lasting import LastingWorker
from bisect_cache.worker.process import Limits, Worker

GATES = parse_thresholds(["plcc >= baseline - 0.05", "srocc >= previous - 0.3", "rmse_mapped <= 1"])


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> list[Worker]:
    """The workers that a run starts, each of which is worth it from the second model on."""
    started: list[Worker] = []

    class Counted(LastingWorker):
        def __init__(self, limits: Limits) -> None:
            super().__init__(limits)
            started.append(self)

        def predict(self, *asked: Any) -> Any:
            time.sleep(0.03)  # else the first has done it all before another is there
            return super().predict(*asked)

    every_worker_is(Counted, monkeypatch)
    monkeypatch.setattr(pool, "WORTH_ANOTHER", 0.0)
    return started


def every_worker_is(kind: type[LastingWorker], monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one, and those that are started beside it."""
    monkeypatch.setattr(bench, "Worker", kind)
    monkeypatch.setattr(alike, "LastingWorker", kind)


def without_seconds(report: BisectReport) -> bytes:
    steps = tuple(msgspec.structs.replace(step, seconds=0.0) for step in report.steps)
    return encode_report(msgspec.structs.replace(report, steps=steps))


@pytest.mark.parametrize("strategy", ["auto", "scan"])
def test_the_report_is_the_same_to_the_byte_however_many_workers_there_are(
    tmp_path: Path, workers: list[Worker], strategy: str
) -> None:
    noisy_cache_at(tmp_path / "c")
    made = [weaker(number / 100) for number in range(24)]
    timeline_at(tmp_path / "m", [*made[:12], b"no model", made[3], *made[12:], b""])
    request = BisectRequest(
        tmp_path / "c",
        (str(tmp_path / "m"),),
        GATES,
        strategy=strategy,  # type: ignore[arg-type]
        budget=1000,
        by_content=True,
        explain=True,
    )
    reports = []
    for count in (1, 2, 3):
        workers.clear()
        reports.append(run_bisect(replace(request, workers=count)))
        assert len(workers) == count, "as many as were wanted, and all were needed"
        assert not any(worker.alive for worker in workers)
    assert len(reports[0].steps) == 27
    assert {step.verdict for step in reports[0].steps} == {"good", "bad", "uncertain", "untestable"}
    assert len({without_seconds(report) for report in reports}) == 1


@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="only x86 traps the division that crashes")
def test_models_that_crash_or_never_end_cost_the_others_nothing(tmp_path: Path, workers: list[Worker]) -> None:
    noisy_cache_at(tmp_path / "c", rows=64)
    odd = [crashing(), endless(), b"no model", crashing()]
    timeline_at(tmp_path / "m", [*[weaker()] * 5, *odd, *[weaker()] * 4, *[weaker(2)] * 3])
    request = BisectRequest(tmp_path / "c", (str(tmp_path / "m"),), workers=3, limits=Limits(seconds=1.5))
    report = run_bisect(replace(request, strategy="scan", thresholds=parse_thresholds(["plcc >= 0.8"])))
    assert len(workers) == 3
    assert [step.index for step in report.steps] == list(range(16))
    assert "".join(step.verdict[0] for step in report.steps) == "ggggguuuuggggbbb"
    assert [step.reason for step in report.steps[5:7]] == [
        "the worker process was ended by SIGFPE",
        "took longer than 1.5 s",
    ]
    assert (report.outcome, report.first_bad and report.first_bad.label) == ("regression", "m_13")
    assert not any(worker.alive for worker in workers)


def test_a_worker_that_cannot_be_started_leaves_its_work_to_the_others(
    tmp_path: Path, workers: list[Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    from bisect_cache.worker import process

    noisy_cache_at(tmp_path / "c", rows=64)
    timeline_at(tmp_path / "m", [*[weaker()] * 8, weaker(2)])
    first: Any = bench.Worker

    class OnlyOne(first):
        def __init__(self, limits: Limits) -> None:
            if workers:
                monkeypatch.setattr(process, "_START", "raise SystemExit('no room')")
            super().__init__(limits)

    every_worker_is(OnlyOne, monkeypatch)
    request = BisectRequest(tmp_path / "c", (str(tmp_path / "m"),), parse_thresholds(["plcc >= 0.8"]), workers=3)
    report = run_bisect(request)
    assert len(workers) > 1
    assert (report.first_bad and report.first_bad.label, report.proven) == ("m_08", True)


def test_the_number_of_workers_is_an_option_that_changes_no_verdict(tmp_path: Path, workers: list[Worker]) -> None:
    noisy_cache_at(tmp_path / "c", rows=64)
    timeline_at(tmp_path / "m", [weaker()] * 6 + [weaker(2)])
    ran = [bisect(tmp_path, "--threshold", "plcc >= 0.8", "--workers", count) for count in ("1", "2")]
    assert [one.first_bad for one in ran] == ["m_06", "m_06"]
    assert len(workers) == 3
    assert ran[0].report["reproduce"] == ran[1].report["reproduce"]
    assert "--workers" not in ran[0].report["reproduce"]
    assert bisect(tmp_path, "--workers", "0").code == 2


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_told_to_stop_takes_all_its_workers_with_it(tmp_path: Path, told: signal.Signals) -> None:
    save(weaker(), tmp_path / "m" / "a.onnx")
    for letter in "bcdefghij":
        save(endless(), tmp_path / "m" / f"{letter}.onnx")
    program = (
        "from bisect_cache.judge import pool\n"
        "pool.WORTH_ANOTHER = 0\n"
        "import sys\n"
        "sys.argv = ['bisect-cache', 'bisect', 'm', '--workers', '3', '--strategy', 'scan', '--time-limit', '100']\n"
        "from bisect_cache.cli import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        try:
            give_up = time.monotonic() + 60
            workers: list[psutil.Process] = []
            while len(workers) < 3 and time.monotonic() < give_up:
                # Once they compute, closing their pipes alone would not end them.
                children = psutil.Process(running.pid).children()
                workers = [child for child in children if child.cpu_times().user > 0.8]
                time.sleep(0.05)
            assert len(workers) == 3
            began = time.monotonic()
            running.send_signal(told)
            out, said = running.communicate(timeout=30)
        finally:
            running.kill()
    assert psutil.wait_procs(workers, timeout=10)[1] == []
    assert time.monotonic() - began < 8
    assert running.returncode == (-told if told == signal.SIGKILL else 128 + told)
    assert out == b""
    assert said == (b"interrupted\n" if told == signal.SIGINT else b"")
