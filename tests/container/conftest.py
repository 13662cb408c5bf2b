"""An engine, an image and a runner: what the container tests stand on.

Environment variables:
``BISECT_CACHE_DOCKER_HOST``   a running engine to use, instead of starting one (which takes root)
``BISECT_CACHE_PYTHON_IMAGE``  the base image to build on, instead of the stand-in (``stand_in.py``)
``BISECT_CACHE_BASE_FOLDER``   where the stand-in is kept from run to run
``BISECT_CACHE_ENGINE_FOLDER`` where our engine keeps everything it has
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest
from container import engine, stand_in

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "bisect-cache:test"
BASE = "bisect-cache-base:test"
RUNNER = 1001
"""The user that owns the workspace on GitHub's own runners."""


FIGURES = pytest.StashKey[list[str]]()


class Docker:
    """The docker client, talking to one engine."""

    def __init__(self, host: str) -> None:
        self.host = host

    def __call__(self, *arguments: str, check: bool = True, **options: object) -> subprocess.CompletedProcess[str]:
        """Run ``docker`` to its end; with ``check``, fail the test with its output when it fails."""
        run = subprocess.run(
            [engine.DOCKER, "--host", self.host, *arguments],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=engine.LONGEST_COMMAND,
            **options,
        )
        if check and run.returncode != 0:
            pytest.fail(f"docker {arguments[0]} ended with {run.returncode}\n{run.stdout}{run.stderr}", pytrace=False)
        return run


@dataclass(frozen=True)
class Ran:
    """What one run of the action left behind."""

    exit_code: int
    outputs: dict[str, str]
    summary: str
    log: str


@dataclass(frozen=True)
class Runner:
    """Runs the action as GitHub's runner does: same folders, same variables, nothing on the command line."""

    docker: Docker
    workspace: Path
    commands: Path
    options: tuple[str, ...] = field(default=())

    def run(self, **inputs: str) -> Ran:
        """One step with these inputs; an underscore in a name stands for a hyphen."""
        for name in ("set_output", "step_summary"):
            (self.commands / name).write_text("")
        variables = {
            **{f"INPUT_{name.upper().replace('_', '-')}": value for name, value in inputs.items()},
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_OUTPUT": "/github/file_commands/set_output",
            "GITHUB_STEP_SUMMARY": "/github/file_commands/step_summary",
            "GITHUB_WORKSPACE": "/github/workspace",
            "HOME": "/github/home",
        }
        run = self.docker(
            "run",
            "--rm",
            "--workdir=/github/workspace",
            f"--volume={self.workspace}:/github/workspace",
            f"--volume={self.commands}:/github/file_commands",
            *(f"--env={name}={value}" for name, value in variables.items()),
            *self.options,
            IMAGE,
            check=False,
        )
        return Ran(
            exit_code=run.returncode,
            outputs=_outputs((self.commands / "set_output").read_text()),
            summary=(self.commands / "step_summary").read_text(),
            log=run.stdout + run.stderr,
        )


@pytest.fixture
def figure(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Keeps a measured figure, to be shown at the end of the run."""
    return pytestconfig.stash.setdefault(FIGURES, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the figures that the tests measured."""
    for line in config.stash.get(FIGURES, []):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    """A Docker engine: a given one, or one that is started here and taken away again."""
    if host := os.environ.get("BISECT_CACHE_DOCKER_HOST"):
        yield Docker(host)
        return
    given = os.environ.get("BISECT_CACHE_ENGINE_FOLDER")
    try:
        with engine.running(Path(given) if given else tmp_path_factory.mktemp("engine")) as host:
            yield Docker(host)
    except engine.NoEngine as reason:
        _unavailable(f"no Docker engine: {reason}")


@pytest.fixture(scope="session")
def base(docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image that the Dockerfile starts from here."""
    if given := os.environ.get("BISECT_CACHE_PYTHON_IMAGE"):
        return given
    kept = os.environ.get("BISECT_CACHE_BASE_FOLDER")
    try:
        archive = stand_in.root_filesystem(Path(kept) if kept else tmp_path_factory.mktemp("base"))
    except FileNotFoundError as reason:
        _unavailable(f"no base image: {reason}")
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    docker("import", f"--change=ENV PATH={path}", f"--change=ENV PIP_CERT={stand_in.CERTIFICATES}", str(archive), BASE)
    return BASE


@pytest.fixture(scope="session")
def image(docker: Docker, base: str) -> str:
    """The action's image, built from the checkout.

    By BuildKit, as GitHub's runner builds it; act, in the workflow's test, builds it by the classic builder.
    """
    docker(
        "build",
        f"--build-arg=PYTHON_IMAGE={base}",
        f"--tag={IMAGE}",
        str(ROOT),
        env={**os.environ, "DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain"},
    )
    return IMAGE


@pytest.fixture
def runner(docker: Docker, image: str, tmp_path: Path) -> Callable[..., Runner]:
    """Makes runners: ``runner()`` has an empty workspace, ``runner("--read-only")`` one more option."""

    def make(*options: str) -> Runner:
        workspace, commands = tmp_path / "workspace", tmp_path / "commands"
        for folder in (workspace, commands):
            folder.mkdir(exist_ok=True)
        return Runner(docker, workspace, commands, options)

    return make


def _unavailable(reason: str) -> NoReturn:
    """Skip where a person runs the tests; fail in CI, where a skip would pass for a proof."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _outputs(text: str) -> dict[str, str]:
    """The contents of a ``GITHUB_OUTPUT`` file: ``name=value``, or ``name<<MARK``, lines, ``MARK``."""
    pattern = r"^(?P<name>[^=<\n]+)(?:<<(?P<mark>.+)\n(?P<lines>(?:.*\n)*?)(?P=mark)$|=(?P<value>.*)$)"
    return {
        found["name"]: (found["lines"].removesuffix("\n") if found["mark"] else found["value"])
        for found in re.finditer(pattern, text, re.MULTILINE)
    }
