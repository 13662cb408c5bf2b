"""Our workflows and the examples, run from their own files by act: their network reaches a fake of the API, no more."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import pytest
import yaml
from container import engine
from container.conftest import ROOT, Docker
from fake_api import Branch, FakeApi
from making import bisect_report, linear, save, table_cache_at

from bisect_cache.report.structs import encode_report

WORKFLOWS, EXAMPLES = ROOT / ".github" / "workflows", ROOT / "examples"
CHECKOUT = "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2"
OUT_OF_REACH = ("actions/upload-artifact@", "actions/setup-python@")
"""Actions that act would have to fetch."""


@dataclass(frozen=True)
class Repository:
    """A checkout of the action, whose workflows act runs."""

    folder: Path
    docker: Docker
    base: str
    network: str
    server: FakeApi

    def run(self, workflow: str, event: str, payload: dict) -> subprocess.CompletedProcess[str]:
        """Run one workflow on one event, from what is committed."""
        file = self.folder / ".github" / "workflows" / "run.yml"
        file.write_text(workflow)
        self.commit()
        event_file = self.folder.parent / "event.json"
        event_file.write_text(json.dumps(payload))
        return subprocess.run(
            [
                str(Path(sys.executable).with_name("act")),
                event,
                f"--platform=ubuntu-latest={self.base}",
                f"--platform=ubuntu-24.04={self.base}",
                f"--network={self.network}",
                f"--eventpath={event_file}",
                f"--secret=GITHUB_TOKEN={self.server.token}",
                *(f"--env={name}={value}" for name, value in self.server.environment.items()),
                "--pull=false",
                "--no-cache-server",
                "--container-daemon-socket=-",
            ],
            cwd=self.folder,
            env={
                **os.environ,
                "DOCKER_HOST": self.docker.host,
                "XDG_CACHE_HOME": str(self.folder.parent),
                "HOME": str(self.folder.parent),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=engine.LONGEST_COMMAND,
        )

    def commit(self, message: str = "all") -> None:
        """Commit everything."""
        git = ["git", "-C", str(self.folder), "-c", "user.name=test", "-c", "user.email=test@example.invalid"]
        for command in (["add", "--all"], ["commit", "--quiet", "--allow-empty", f"--message={message}"]):
            subprocess.run([*git, *command], check=True)

    def pull_request(self, workflow: str) -> subprocess.CompletedProcess[str]:
        """Run a workflow on the server's first pull request."""
        pull = next(iter(self.server.pulls), None) or self.server.add_pull()
        head = {"sha": pull.head.sha, "ref": pull.head.ref, "repo": {"full_name": pull.head.repository}}
        payload = {
            "number": pull.number,
            "pull_request": {"number": pull.number, "head": head, "base": {"ref": "main"}},
        }
        return self.run(workflow, "pull_request", payload)

    @property
    def comment(self) -> str:
        """The one comment that there is."""
        (comment,) = self.server.comments
        return comment.body


@pytest.fixture(scope="module")
def network(docker: Docker) -> Iterator[tuple[str, str]]:
    """A network without a way out, and the address of this machine on it."""
    name = "bisect-cache-fake"
    docker("network", "create", "--internal", name)
    yield name, docker("network", "inspect", "--format={{(index .IPAM.Config 0).Gateway}}", name).stdout.strip()
    left = docker("ps", "--all", "--quiet", f"--filter=network={name}").stdout.split()
    if left:  # act keeps the container of a job that failed
        docker("rm", "--force", *left)
    docker("network", "rm", name)


@pytest.fixture(scope="module")
def checkout(base: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout as a repository of its own; the workflows are those that a test puts there."""
    folder = tmp_path_factory.mktemp("act") / "checkout"
    files = subprocess.check_output(["git", "-C", ROOT, "ls-files", "-z", "-co", "--exclude-standard"], text=True)
    for name in filter(None, files.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    shutil.rmtree(folder / ".github" / "workflows")
    (folder / ".github" / "workflows").mkdir()
    # A workflow cannot hand build arguments to an action's Dockerfile.
    dockerfile = folder / "Dockerfile"
    dockerfile.write_text(re.sub(r"(?m)^ARG PYTHON_IMAGE=.*$", f"ARG PYTHON_IMAGE={base}", dockerfile.read_text()))
    for command in (["init", "--quiet"], ["remote", "add", "origin", "https://github.com/octo/models.git"]):
        subprocess.run(["git", "-C", folder, *command], check=True)
    return folder


@pytest.fixture
def repository(docker: Docker, base: str, network: tuple[str, str], checkout: Path) -> Iterator[Repository]:
    """A repository whose GitHub is a fake of its own."""
    # Archives lie on another host: the same address written as one number, because this network knows no names.
    other_host = str(int(ip_address(network[1])))
    with FakeApi.start(host=network[1], blob_host=other_host) as server:
        yield Repository(checkout, docker, base, network[0], server)
    assert server.unexpected == []
    assert server.leaks == []


def runnable(file: Path, *left_out: Callable[[dict], bool]) -> str:
    """A workflow without the steps that need the world outside, each of which must be there."""
    text = file.read_text().replace("OWNER/bisect-cache@COMMIT", "./")
    workflow = yaml.safe_load(text)
    for unwanted in left_out:
        for job in workflow["jobs"].values():
            kept = [step for step in job["steps"] if not unwanted(step)]
            assert len(kept) < len(job["steps"]), f"{file.name} has no such step any more"
            job["steps"] = kept
    workflow["on"] = workflow.pop(True)  # YAML reads `on` as a truth value
    return yaml.safe_dump(workflow, sort_keys=False)


def out_of_reach(step: dict) -> bool:
    return step.get("uses", "").startswith(OUT_OF_REACH)


def test_the_example_for_pull_requests_names_the_model_turns_green_and_says_when_the_wiring_broke(
    repository: Repository,
) -> None:
    example = runnable(EXAMPLES / "pull-request.yml")
    table_cache_at(repository.folder / "quality" / "cache")
    entries = [{"name": name, "file": f"models/{name}.onnx"} for name in ("one", "two")]
    (repository.folder / "models.json").write_text(json.dumps({"models": entries}))
    save(linear(), repository.folder / "models" / "one.onnx")
    save(linear((-1,) * 6), repository.folder / "models" / "two.onnx")

    red = repository.pull_request(example)

    assert red.returncode == 1, red.stdout + red.stderr
    assert "❌ bisect-cache: a model regressed" in repository.comment
    assert "two \\(model 2 of 2\\) is the first regressing model" in repository.comment
    assert repository.server.token not in red.stdout

    save(linear((2,) * 6), repository.folder / "models" / "two.onnx")
    green = repository.pull_request(example)

    assert green.returncode == 0, green.stdout + green.stderr
    assert "✅ bisect-cache: no regression" in repository.comment
    assert "regressed" not in repository.comment

    (repository.folder / "quality" / "cache" / "features.parquet").write_bytes(b"PAR1")
    broken = repository.pull_request(example)

    assert broken.returncode == 1, broken.stdout + broken.stderr
    assert "🔌 bisect-cache: the wiring broke" in repository.comment
    assert "no regression" not in repository.comment
    assert [seen.method for seen in repository.server.writes()] == ["POST", "PATCH", "PATCH"]


def test_a_history_in_a_checkout_of_somebody_else_is_bisected(repository: Repository) -> None:
    table_cache_at(repository.folder / "quality" / "cache")
    for number, model in enumerate((linear(), linear((2,) * 6), linear((-1,) * 6), linear((-2,) * 6)), 1):
        save(model, repository.folder / "model.onnx")
        repository.commit(f"train again (#{number})")
    workflow = f"""\
name: history
on: pull_request
permissions: {{}}
jobs:
  bisect:
    runs-on: ubuntu-latest
    steps:
      - uses: {CHECKOUT}
        with: {{ fetch-depth: 0 }}
      - run: chown -R 1001:1001 .
      - uses: ./
        with:
          cache: quality/cache
          timeline: git-log:model.onnx
          thresholds: plcc >= 0.80
"""

    ran = repository.pull_request(workflow)

    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "train again" in repository.comment
    assert "/pull/3)" in repository.comment
    assert "/compare/" in repository.comment


def test_our_pull_requests_are_commented_and_the_outcome_reaches_a_later_step(repository: Repository) -> None:
    ran = repository.pull_request(runnable(WORKFLOWS / "pull-request.yml", out_of_reach))

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "✅ bisect-cache: no regression" in repository.comment


def test_what_a_fork_has_left_is_published(repository: Repository) -> None:
    pull = repository.server.add_pull(head=Branch("mallory/models", "topic", "f" * 40))
    left = repository.server.add_run(pull, conclusion="failure")
    repository.server.add_artifact(
        left, "bisect-cache-report", {"bisect-cache-report.json": encode_report(bisect_report())}
    )
    payload = {
        "workflow_run": {
            "id": left.id,
            "event": "pull_request",
            "conclusion": "failure",
            "head_branch": "topic",
            "head_repository": {"full_name": "mallory/models"},
            "actor": {"login": "mallory"},
        }
    }

    ran = repository.run(runnable(WORKFLOWS / "publish.yml"), "workflow_run", payload)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "❌ bisect-cache: a model regressed" in repository.comment
    assert "measured by a run of the pull request's own code" in repository.comment


def test_our_nights_judge_both_caches_and_keep_the_tracking_issue(repository: Repository, real_data: Path) -> None:
    nightly = runnable(
        WORKFLOWS / "nightly.yml",
        out_of_reach,
        lambda step: "repository" in step.get("with", {}),
        lambda step: "run" in step,
    )
    test = real_data / "avt-vqdb-uhd-1" / "test_1"
    shutil.rmtree(repository.folder / "quality", ignore_errors=True)
    subprocess.run(
        [
            *(sys.executable, "-m", "bisect_cache", "generate", "quality/avt"),
            *("--reports", str(test / "vmaf_reports"), "--labels", str(test / "mos_ci.csv"), "--key", "video_name"),
            *("--report-name", "{stem}_vmaf.json", "--target", "MOS", "--content", "src", "--scale", "1:5"),
        ],
        cwd=repository.folder,
        check=True,
    )

    ran = repository.run(nightly, "schedule", {"schedule": "23 2 * * *"})

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert [issue.title for issue in repository.server.issues.values()] == ["bisect-cache: nightly"]
    assert "### ✅ `embedded`: the smoke test passed" in repository.comment
    assert "### ✅ `quality/avt`: no regression" in repository.comment
    assert "## The last run" in repository.comment
