"""A clock that jumps while a run goes on, or is wrong all the time: nothing waits for it, nothing is decided by it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from acting import ROOT, Ran, act
from attacks import Attack
from fake_api import FakeApi, Fault
from making import bisect_report, cache_at

from bisect_cache.action.event import Place
from bisect_cache.action.inputs import Posting
from bisect_cache.action.posting import patience
from bisect_cache.action.posting.api import Api
from bisect_cache.action.posting.post import post_issues
from bisect_cache.cache.check import check
from bisect_cache.report.history import remembered
from bisect_cache.report.occasion import Occasion

CLOCKS = {
    "jumps ahead": "real() + next(count) * 86400 * 30",
    "jumps back": "real() - next(count) * 86400 * 30",
    "jumps to and fro": "real() + (-1) ** next(count) * 86400 * 365 * 10",
    "stands still": "1700000000.0",
    "is at its beginning": "1.0 + real() % 1",
}
_START = """
import datetime, itertools, runpy, sys, time
if "-m" in sys.argv:
    import pandas  # which takes no other class for a datetime
count, real = itertools.count(1), time.time
time.time = lambda: {clock}
plain = datetime.datetime
class Jumping(plain):
    @classmethod
    def now(cls, tz=None):
        return plain.fromtimestamp(time.time(), tz)
datetime.datetime = Jumping
sys.argv = [one for one in sys.argv[1:] if one != sys.executable]
sys.path.insert(0, {root!r})
if sys.argv[0] == "-m":
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
else:
    runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def server() -> Iterator[FakeApi]:
    with FakeApi.start() as api:
        yield api


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    cache_at(tmp_path / "workspace" / "cache", regress_at=5)
    return tmp_path / "workspace"


def clockwork(place: Path, clock: str) -> str:
    """A script that runs what it is given by a clock of its own."""
    script = place / "clockwork.py"
    script.write_text(_START.format(clock=CLOCKS[clock], root=str(ROOT)))
    return str(script)


def nightly(server: FakeApi, workspace: Path, clock: str, run: int) -> Ran:
    event = workspace.parent / "event.json"
    event.write_text("{}")
    environ = {**server.environment, "GITHUB_EVENT_NAME": "schedule", "GITHUB_EVENT_PATH": str(event)}
    environ |= {"GITHUB_RUN_ID": str(run), "INPUT_TRACKING-ISSUE": "nights", "INPUT_GITHUB-TOKEN": server.token}
    return act(workspace, by=[sys.executable, clockwork(workspace.parent, clock)], environ=environ, cache="cache")


@pytest.mark.parametrize("clock", ["jumps back", "jumps to and fro", "is at its beginning"])
def test_the_action_judges_and_posts_by_any_clock_in_the_same_time(
    server: FakeApi, workspace: Path, attack: Callable[[str], Attack], clock: str
) -> None:
    with attack("clock jumps").case():
        begun = time.monotonic()
        ran = nightly(server, workspace, clock, run=7)
        took = time.monotonic() - begun
        assert (ran.code, ran.outputs["first-bad-model"]) == (1, "model_05")
        assert all(step["seconds"] >= 0 for step in ran.report["steps"])
        assert len(server.comments) == 1, ran.log
        assert [night.run for night in remembered(server.comments[0].body)] == [7]
        assert took < 40


@pytest.mark.parametrize("clock", ["jumps ahead", "jumps back", "stands still"])
def test_the_command_line_goes_by_no_clock(tmp_path: Path, attack: Callable[[str], Attack], clock: str) -> None:
    script = clockwork(tmp_path, clock)
    for command, code in (
        (["generate", "c", "--regress-at", "5"], 0),
        (["check", "c"], 0),
        (["bisect", "--cache", "c"], 1),
    ):
        with attack("clock jumps").case():
            ran = subprocess.run(
                [sys.executable, script, "-m", "bisect_cache", *command],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert ran.returncode == code, ran.stderr
            assert "Traceback" not in ran.stderr


def test_files_from_the_future_and_from_the_beginning_are_read_and_replaced(
    tmp_path: Path, attack: Callable[[str], Attack]
) -> None:
    cache = cache_at(tmp_path / "c", rows=8)
    for seconds in (0, 4102444800, 2**31 + 5):
        with attack("clock jumps").case():
            for path in (cache, *cache.rglob("*")):
                os.utime(path, (seconds, seconds))
            assert check(cache).outcome == "clean"
            cache_at(cache, rows=9)
            assert check(cache).outcome == "clean"


class Night:
    """What is said in the nights, by a clock that is told."""

    def __init__(self, server: FakeApi) -> None:
        self.server = server

    def speak(self, run: int, at: datetime) -> list[float]:
        slept: list[float] = []
        server = self.server
        api = Api(Place(server.repository, server.web_url, server.url), server.token, slept.append)
        occasion = Occasion(f"{server.web_url}/{server.repository}", run, "a" * 40)
        said = list(post_issues(api, bisect_report(), Posting(tracking="nights"), occasion, at))
        assert not any(one.failed for one in said), said
        return slept


def test_the_history_is_in_the_order_of_the_runs_whatever_their_clocks_said(
    server: FakeApi, attack: Callable[[str], Attack]
) -> None:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    clocks = [start + timedelta(days=day) for day in range(36)]
    clocks[4] = datetime(2099, 1, 1, tzinfo=UTC)
    clocks[9] = datetime(1970, 1, 1, tzinfo=UTC)
    clocks[20:24] = reversed(clocks[20:24])
    for run, at in enumerate(clocks, start=1):
        with attack("clock jumps").case():
            Night(server).speak(run, at)
            runs = [night.run for night in remembered(server.comments[0].body)]
            assert runs == list(range(max(1, run - 29), run + 1))


def test_writes_are_a_second_apart_by_a_clock_that_cannot_be_set(
    server: FakeApi, monkeypatch: pytest.MonkeyPatch, attack: Callable[[str], Attack]
) -> None:
    now = [time.time()]

    def back() -> float:
        now[0] -= 3600
        return now[0]

    class Back(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime.fromtimestamp(back(), UTC)

    naps: list[float] = []
    monkeypatch.setattr("github.Requester.datetime", Back)
    monkeypatch.setattr("github.Requester.time", SimpleNamespace(sleep=naps.append, time=back))
    with attack("clock jumps").case():
        slept = Night(server).speak(1, datetime.now(UTC))
        assert naps == []
        assert len(server.writes()) == 3
        assert len(slept) == 2
        assert all(0 < pause <= 1 for pause in slept)


@pytest.mark.parametrize("wrong", [-86_400.0, 86_400.0, -1e9])
def test_the_end_of_a_limit_is_told_by_the_servers_clock(
    server: FakeApi, monkeypatch: pytest.MonkeyPatch, attack: Callable[[str], Attack], wrong: float
) -> None:
    real = time.time
    monkeypatch.setattr(patience, "time", SimpleNamespace(time=lambda: real() + wrong))
    server.fail("GET", "/issues$", Fault.primary_limit(reset_in=30))
    with attack("clock jumps").case():
        slept = Night(server).speak(1, datetime.now(UTC))
        assert slept[0] == pytest.approx(31, abs=3)


def test_a_limit_without_the_servers_time_goes_by_the_clock_that_there_is() -> None:
    from github import GithubException

    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(time.time() + 20), "date": "yesterday"}
    pause = patience.pause_before_next(GithubException(403, {"message": "API rate limit"}, headers), 0)
    assert pause == pytest.approx(21, abs=2)
