"""A workflow that is cancelled: the run ends at once, says so where it can, and leaves no verdict that is none."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from acting import ROOT
from attacks import Attack
from fake_api import FakeApi, Fault
from judging import noisy_cache_at, timeline_at, weaker
from making import cache_at, endless

SOON = 5.0
"""Seconds; the runner kills after 7.5, and again after 2.5."""
EARLIER = "## An earlier step\n"


@dataclass
class Job:
    """One run of the action in a job that can be cancelled."""

    process: subprocess.Popen[str]
    place: Path

    @property
    def summary(self) -> str:
        return (self.place / "summary.md").read_text()

    @property
    def outputs(self) -> str:
        return (self.place / "outputs").read_text()

    @property
    def report(self) -> str:
        return (self.place / "workspace" / "bisect-cache-report.json").read_text()

    def cancel(self, *numbers: signal.Signals) -> tuple[str, float]:
        """The log, and the seconds until the end."""
        begun = time.monotonic()
        for number in numbers:
            self.process.send_signal(number)
        log, _ = self.process.communicate(timeout=60)
        return log, time.monotonic() - begun


def started(place: Path, environ: Mapping[str, str] | None = None, **inputs: str) -> Job:
    workspace = place / "workspace"
    (place / "summary.md").write_text(EARLIER)
    (place / "outputs").write_text("")
    (workspace / "bisect-cache-report.json").write_text('"of an earlier run"')
    known = {name: value for name, value in os.environ.items() if not name.startswith(("INPUT_", "GITHUB_"))}
    known |= {f"INPUT_{name.upper().replace('_', '-')}": value for name, value in inputs.items()}
    known |= {
        "GITHUB_WORKSPACE": str(workspace),
        "GITHUB_STEP_SUMMARY": str(place / "summary.md"),
        "GITHUB_OUTPUT": str(place / "outputs"),
        **(environ or {}),
    }
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "entrypoint.py")],
        env=known,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return Job(process, place)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A workspace whose run takes a minute: its second model never comes to an end."""
    noisy_cache_at(tmp_path / "workspace" / "cache")
    timeline_at(tmp_path / "workspace" / "m", [weaker(0), endless(), weaker(0)])
    return tmp_path


@pytest.fixture
def server() -> Iterator[FakeApi]:
    with FakeApi.start() as api:
        yield api


def pull_request(server: FakeApi, place: Path) -> dict[str, str]:
    pull = server.add_pull()
    (place / "event.json").write_text(json.dumps({"pull_request": {"number": pull.number}}))
    return {
        **server.environment,
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(place / "event.json"),
        "INPUT_GITHUB-TOKEN": server.token,
    }


LONG = {"cache": "cache", "timeline": "files:m/*.onnx", "strategy": "scan"}


@pytest.mark.parametrize(
    "numbers",
    [[signal.SIGINT], [signal.SIGTERM], [signal.SIGINT, signal.SIGTERM], [signal.SIGINT] * 3],
    ids=lambda numbers: "-".join(number.name for number in numbers),
)
def test_a_cancelled_run_says_so_at_once_and_finds_nothing(
    server: FakeApi, place: Path, attack: Callable[[str], Attack], thorough: bool, numbers: list[signal.Signals]
) -> None:
    environ = pull_request(server, place)
    server.add_comment(1, "an older verdict")
    for seconds in (0.1, 0.3, 0.6, 1.0, 1.5) if thorough else (0.6,):
        job = started(place, environ, **LONG)
        time.sleep(seconds)
        children = psutil.Process(job.process.pid).children(recursive=True)
        with attack("cancelled").case():
            log, took = job.cancel(*numbers)
            assert job.process.returncode in {128 + number for number in numbers}
            assert took < SOON
            assert "Traceback" not in log
            assert f"bisect-cache: cancelled ({numbers[0].name})" in log
            assert job.summary.startswith(EARLIER)
            assert "**bisect-cache: cancelled.** This run was stopped (SIG" in job.summary
            assert (job.outputs, job.report) == ("", '"of an earlier run"')
            assert [comment.body for comment in server.comments] == ["an older verdict"]
            assert psutil.wait_procs(children, timeout=SOON)[1] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_cancelled_at_any_moment_has_said_all_or_nothing_of_its_verdict(
    place: Path, attack: Callable[[str], Attack], thorough: bool, number: signal.Signals
) -> None:
    moments = 15 if thorough else 3
    cache_at(place / "workspace" / "bad", regress_at=5)
    begun = time.monotonic()
    started(place, cache="bad").process.communicate(timeout=60)
    whole = time.monotonic() - begun
    tried = attack("cancelled")
    for moment in range(moments):
        job = started(place, cache="bad")
        time.sleep(whole * (moment + 1) / (moments + 0.5))
        with tried.case():
            log, took = job.cancel(number)
            assert took < SOON
            assert job.process.returncode in {1, 128 + number, -number}
            if job.outputs:
                assert job.outputs.count("ghadelimiter") == 12
                assert "\nmodel_05\n" in job.outputs
                assert json.loads(job.report)["first_bad"]["label"] == "model_05"
            if "a model regressed" in job.summary:
                assert "model_05" in job.summary.replace("\\", "")
            if job.process.returncode == 128 + number:
                assert "cancelled" in job.summary
                assert "Traceback" not in log


def test_a_run_that_is_cancelled_while_it_posts_has_its_verdict_and_says_what_happened(
    server: FakeApi, place: Path, attack: Callable[[str], Attack]
) -> None:
    environ = pull_request(server, place)
    server.fail("POST", "/comments$", Fault.slow(3))
    cache_at(place / "workspace" / "bad", regress_at=5)
    job = started(place, environ, cache="bad")
    with attack("cancelled").case():
        while not server.writes():
            assert job.process.poll() is None
            time.sleep(0.01)
        _, took = job.cancel(signal.SIGINT)
        assert (job.process.returncode, took < SOON) == (130, True)
        assert job.summary.index("a model regressed") < job.summary.index("cancelled")
        assert "\nregression\n" in job.outputs
    server.stop()
    assert len(server.comments) <= 1


def test_a_run_that_is_killed_has_set_no_output_and_posted_nothing(
    server: FakeApi, place: Path, attack: Callable[[str], Attack]
) -> None:
    """As a container is: all of its processes at once."""
    job = started(place, pull_request(server, place), **LONG)
    time.sleep(1.0)
    with attack("cancelled").case():
        for process in [psutil.Process(job.process.pid), *psutil.Process(job.process.pid).children(recursive=True)]:
            process.kill()
        job.process.communicate(timeout=30)
        assert (job.summary, job.outputs, job.report) == (EARLIER, "", '"of an earlier run"')
        assert server.comments == []


def test_a_library_that_does_not_let_go_is_stopped_all_the_same(tmp_path: Path) -> None:
    """Python's own handlers wait for the end of what C does."""
    code = (
        f"import sys, signal\nsys.path.insert(0, {str(ROOT)!r})\nimport entrypoint\n"
        "from bisect_cache.action.guard import guarded\n"
        "def act():\n"
        "    print('at work', flush=True)\n"
        "    import hashlib\n"
        "    return hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)[0]\n"
        "sys.exit(guarded(act, entrypoint.crashed, entrypoint.cancelled))\n"
    )
    summary = tmp_path / "summary.md"
    environ = {"PATH": os.environ["PATH"], "GITHUB_STEP_SUMMARY": str(summary)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(SOON) == 130
        assert process.stdout.read() == "bisect-cache: cancelled (SIGINT)\n"
    assert "cancelled" in summary.read_text()


def test_a_summary_that_cannot_be_written_does_not_keep_a_cancelled_run(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "GITHUB_STEP_SUMMARY": str(tmp_path)}
    code = (
        "import sys, os, signal\nfrom bisect_cache.action.guard import guarded\n"
        "from bisect_cache.action.cancelled import cancelled\n"
        "def act():\n    os.kill(os.getppid(), signal.SIGTERM)\n    signal.pause()\n"
        "sys.exit(guarded(act, lambda _: 9, cancelled))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (143, "bisect-cache: cancelled (SIGTERM)\n", "")


def test_a_run_that_was_done_before_it_was_cancelled_is_not_called_cancelled() -> None:
    code = (
        "import sys, os, signal\nfrom bisect_cache.action.guard import guarded\n"
        "real = os.waitpid\n"
        "def late(*arguments):\n"
        "    ended = real(*arguments)\n    os.kill(os.getpid(), signal.SIGTERM)\n    return ended\n"
        "os.waitpid = late\n"
        "sys.exit(guarded(lambda: 1, lambda _: 9, lambda _: print('cancelled')))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_interrupted_keeps_the_report_that_was_there(
    place: Path, attack: Callable[[str], Attack], number: signal.Signals
) -> None:
    command = [sys.executable, "-m", "bisect_cache", "bisect", "--cache", "cache", "--timeline", "m"]
    (place / "workspace" / "report.json").write_text("{}")
    process = subprocess.Popen(
        [*command, "--strategy", "scan", "--json", "report.json"],
        cwd=place / "workspace",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    time.sleep(1.5)
    with attack("cancelled").case():
        process.send_signal(number)
        said, _ = process.communicate(timeout=SOON)
        assert process.returncode == 128 + number
        assert "Traceback" not in said
        assert "regression" not in said
        assert (place / "workspace" / "report.json").read_text() == "{}"
