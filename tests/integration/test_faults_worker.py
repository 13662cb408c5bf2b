"""The worker process killed from outside, whenever: the verdict is the right one, or says what could not be judged."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from acting import act
from attacks import Attack
from judging import noisy_cache_at, verdicts_at

TRUTH = "g" * 16 + "b" * 16
"""As many as make judging last longer than starting."""
GATE = "plcc >= 0.8"


@dataclass
class Killer:
    """Kills every child of one process some seconds after it has come, ``times`` times."""

    delay: float
    times: int
    parent: int = 0
    killed: int = 0
    _seen: dict[int, float] = field(default_factory=dict)
    _ended: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        while not self._ended.wait(0.002):
            try:
                children = psutil.Process(self.parent).children(recursive=True)
            except psutil.Error:
                return
            for child in children:
                self._look_at(child)

    def _look_at(self, child: psutil.Process) -> None:
        try:
            there = time.monotonic() - self._seen.setdefault(child.pid, time.monotonic())
            if there < self.delay or self.killed >= self.times or child.status() == psutil.STATUS_ZOMBIE:
                return
            child.kill()
            self.killed += 1
        except psutil.Error:
            pass

    def end(self) -> None:
        self._ended.set()


@dataclass(frozen=True)
class Ran:
    code: int
    told: str
    report: dict[str, Any]
    seconds: float


def bisect(cwd: Path, killer: Killer) -> Ran:
    command = [sys.executable, "-m", "bisect_cache", "bisect", "--cache", "c", "--timeline", "m", "--threshold", GATE]
    report = cwd / "report.json"
    report.unlink(missing_ok=True)
    begun = time.monotonic()
    with subprocess.Popen(
        [*command, "--json", "report.json"],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        killer.parent = process.pid
        watching = threading.Thread(target=killer.watch)
        watching.start()
        _, told = process.communicate(timeout=100)
        killer.end()
        watching.join()
    return Ran(process.returncode, told, json.loads(report.read_text()), time.monotonic() - begun)


def assert_right_or_honest(ran: Ran, truth: str = TRUTH) -> None:
    assert "Traceback" not in ran.told
    outcome = ran.report["outcome"]
    if outcome == "wiring-broke":
        assert ran.code == 2
        return
    for step in ran.report["steps"]:
        letter = truth[step["index"]]
        assert step["verdict"] in {{"g": "good", "b": "bad"}[letter], "untestable"}, step
        assert step["verdict"] != "untestable" or step["reason"]
    unknown = {step["index"] for step in ran.report["steps"] if step["verdict"] == "untestable"}
    first = truth.find("b")
    named = ran.report["first_bad"]
    if named is not None:
        assert named["index"] == first
        assert ran.code == 1
    elif first >= 0:
        assert (outcome, ran.code) == ("inconclusive", 2)
        assert unknown
    else:
        assert (outcome, ran.code) in {("no-regression", 0), ("inconclusive", 2)}
        assert outcome == "no-regression" or len(truth) - 1 in unknown


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with rows enough that each stage of a worker takes some milliseconds, and models good and bad."""
    place = tmp_path_factory.mktemp("place")
    noisy_cache_at(place / "c", rows=2000, contents=50)
    verdicts_at(place / "m", TRUTH)
    return place


@pytest.fixture(scope="module")
def lasts(place: Path) -> float:
    """Seconds from a worker's start to the end of its run."""
    ran = bisect(place, Killer(0, 0))
    assert (ran.code, ran.report["first_bad"]["label"]) == (1, "m_16")
    return ran.seconds


def test_a_worker_that_is_killed_once_costs_no_wrong_verdict(
    place: Path, lasts: float, attack: Callable[[str], Attack], thorough: bool
) -> None:
    tried = attack("kill the worker")
    moments = 20 if thorough else 5
    for moment in range(moments):
        killer = Killer(lasts * 1.2 * moment / moments, times=1)
        with tried.case():
            ran = bisect(place, killer)
            assert_right_or_honest(ran)
            if not killer.killed:
                assert ran.report["first_bad"]["label"] == "m_16"


@pytest.mark.parametrize("part", [0.0, 0.15, 0.4])
def test_a_worker_that_is_killed_each_time_it_comes_up_ends_the_run_honestly_and_soon(
    place: Path, lasts: float, attack: Callable[[str], Attack], part: float
) -> None:
    killer = Killer(lasts * part, times=1000)
    with attack("kill the worker").case():
        ran = bisect(place, killer)
        assert_right_or_honest(ran)
        assert killer.killed or part, "later, a machine that has become faster may be done"
        assert ran.seconds < 60
    if part == 0.0:
        assert ran.report["outcome"] == "wiring-broke"
        assert "the worker process did not start (the worker process was ended by SIGKILL" in ran.report["verdict"]


def test_in_the_action_a_killed_worker_is_no_verdict_about_the_models(
    place: Path, tmp_path: Path, attack: Callable[[str], Attack]
) -> None:
    """The program starts its first child by way of `by`, which kills every grandchild at once."""
    code = (
        "import contextlib, subprocess, sys, psutil\n"
        "process = subprocess.Popen(sys.argv[1:])\n"
        "while process.poll() is None:\n"
        "    with contextlib.suppress(psutil.Error):\n"
        "        for child in psutil.Process(process.pid).children():\n"
        "            for worker in child.children():\n"
        "                worker.kill()\n"
        "sys.exit(process.returncode)\n"
    )
    (tmp_path / "workspace").mkdir()
    for name in ("c", "m"):
        (tmp_path / "workspace" / name).symlink_to(place / name)
    with attack("kill the worker").case():
        ran = act(
            tmp_path / "workspace",
            by=[sys.executable, "-c", code],
            cache="c",
            timeline="files:m/*.onnx",
            thresholds=GATE,
        )
        assert (ran.code, ran.outputs["outcome"], ran.outputs["first-bad-model"]) == (2, "wiring-broke", "")
        assert "the worker process did not start" in ran.summary


def test_a_run_that_is_killed_leaves_no_worker(place: Path, attack: Callable[[str], Attack]) -> None:
    command = [sys.executable, "-m", "bisect_cache", "bisect", "--cache", "c", "--timeline", "m"]
    tried = attack("kill the worker")
    for wait in (0.0, 0.2):
        with tried.case():
            with subprocess.Popen(command, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
                workers: list[psutil.Process] = []
                while process.poll() is None and not workers:
                    workers = psutil.Process(process.pid).children(recursive=True)
                assert workers
                time.sleep(wait)
                process.kill()
            _, alive = psutil.wait_procs(workers, timeout=10)
            assert alive == []
