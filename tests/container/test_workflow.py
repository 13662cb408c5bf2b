"""A workflow that uses the action, run from its own file."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from container import engine
from container.conftest import ROOT, Docker

WORKFLOW = """\
name: quality
on: pull_request
permissions:
  contents: read
jobs:
  bisect:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - id: healthy
        uses: ./
        with:
          mode: bisect
      - id: broken
        uses: ./
        continue-on-error: true
        with:
          mode: bisect
          cache: cache
      - env:
          HEALTHY: ${{ steps.healthy.outputs.outcome }}
          BROKEN: ${{ steps.broken.outcome }}
          FIRST_BAD: ${{ steps.broken.outputs.first-bad-model }}
        run: echo "healthy=$HEALTHY broken=$BROKEN first=$FIRST_BAD"
"""


def repository(folder: Path, base: str) -> Path:
    """The checkout as a repository of its own, with a cache that holds a regression and a workflow."""
    files = subprocess.check_output(["git", "-C", ROOT, "ls-files", "-z", "-co", "--exclude-standard"], text=True)
    for name in filter(None, files.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    shutil.rmtree(folder / ".github" / "workflows")
    (folder / ".github" / "workflows").mkdir()
    (folder / ".github" / "workflows" / "quality.yml").write_text(WORKFLOW)
    # A workflow cannot hand build arguments to an action's Dockerfile.
    dockerfile = folder / "Dockerfile"
    dockerfile.write_text(re.sub(r"(?m)^ARG PYTHON_IMAGE=.*$", f"ARG PYTHON_IMAGE={base}", dockerfile.read_text()))
    subprocess.run(
        [sys.executable, "-m", "bisect_cache", "generate", str(folder / "cache"), "--regress-at", "5"], check=True
    )
    git = ["git", "-C", str(folder), "-c", "user.name=test", "-c", "user.email=test@example.invalid"]
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message=all"]):
        subprocess.run([*git, *command], check=True)
    return folder


def test_a_later_step_of_a_workflow_reads_the_outputs(docker: Docker, base: str, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    repository(checkout, base)
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"head": {"ref": "topic"}, "base": {"ref": "main"}}}))

    run = subprocess.run(
        [
            str(Path(sys.executable).with_name("act")),
            "pull_request",
            f"--platform=ubuntu-latest={base}",
            "--pull=false",
            f"--eventpath={event}",
            "--no-cache-server",
            "--container-daemon-socket=-",
        ],
        cwd=checkout,
        env={**os.environ, "DOCKER_HOST": docker.host, "XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=engine.LONGEST_COMMAND,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"healthy=no-regression broken=failure first=model_05", run.stdout), run.stdout
