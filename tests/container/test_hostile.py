"""Models from strangers in the real image, beside a token, an event and the engine's socket."""

from __future__ import annotations

import json
import platform
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from attacks import Attack
from bombs import crashing, endless, folded
from container import engine
from container.conftest import IMAGE, Docker, Runner
from judging import timeline_at, weaker
from making import cache_at

from bisect_cache.worker.confinement.protections import PROTECTIONS
from bisect_cache.worker.confinement.user import NOBODY

TESTS = Path(__file__).resolve().parents[1]
MakeRunner = Callable[..., Runner]
SECONDS = 3


@pytest.fixture
def secrets(docker: Docker, tmp_path: Path) -> tuple[str, ...]:
    """Options that put beside the action what a runner puts there: a token, an event, the engine's socket."""
    event = tmp_path / "event.json"
    event.write_text('{"secret": "of the event"}')
    event.chmod(0o644)
    socket = docker.host.removeprefix("unix://")
    return (
        "--env=INPUT_GITHUB-TOKEN=a-secret-token",
        "--env=ACTIONS_RUNTIME_TOKEN=a-secret-token",
        f"--volume={event}:/github/workflow/event.json",
        "--env=GITHUB_EVENT_PATH=/github/workflow/event.json",
        f"--volume={socket}:/var/run/docker.sock",
    )


def test_a_regression_is_found_around_models_that_crash_spin_and_allocate(
    runner: MakeRunner, secrets: tuple[str, ...], attack: Callable[[str], Attack], figure: Callable[[str], None]
) -> None:
    action = runner(*secrets, "--network=none")
    cache_at(action.workspace / "cache")
    hostile = {"spins": endless(), "allocates": folded()}
    if platform.machine() == "x86_64":
        hostile["crashes"] = crashing()
    timeline_at(action.workspace / "m", [weaker(), weaker(), *hostile.values(), weaker(), weaker(2), weaker(2)])

    ran = action.run(mode="bisect", cache="cache", timeline="files:m/*.onnx", thresholds="plcc >= 0.9",
                     strategy="scan", time_limit=str(SECONDS))  # fmt: skip

    report = json.loads((action.workspace / "bisect-cache-report.json").read_text())
    assert ran.exit_code == 1, ran.log
    assert ran.outputs["outcome"] == "regression"
    assert ran.outputs["first-bad-model"] == f"m_{3 + len(hostile):02d}"
    assert "a-secret-token" not in ran.log + ran.summary + json.dumps(report)
    steps = {step["index"]: step for step in report["steps"]}
    tried = attack("bombs")
    for place, name in enumerate(hostile, 2):
        with tried.case():
            assert steps[place]["verdict"] == "untestable"
            assert steps[place]["seconds"] < SECONDS + 2, steps[place]
            figure(f"in the container, a model that {name}: {steps[place]['seconds']:.2f} s, {steps[place]['reason']}")
    assert report["worker"] == {"held": list(PROTECTIONS), "missing": []}


@pytest.mark.parametrize(
    ("options", "missing"),
    [((), []), (("--cap-drop=ALL", "--read-only"), ["a user of its own"]), (("--user=1001",), ["a user of its own"])],
    ids=["as the runner starts it", "without capabilities", "as somebody"],
)
def test_code_that_took_a_worker_over_gets_at_nothing(
    docker: Docker, image: str, secrets: tuple[str, ...], tmp_path: Path, attack: Callable[[str], Attack],
    options: tuple[str, ...], missing: list[str],
) -> None:  # fmt: skip
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "m.onnx").write_bytes(b"a model")
    wanted = ["/github/workflow/event.json", "/var/run/docker.sock", "/github/workspace", "/github/workspace/m.onnx"]

    def probed(walls: str) -> dict[str, str]:
        user = "1001" if "--user=1001" in options else "0"
        probe = f"/opt/venv/bin/python -B /tests/probing.py {user} {walls} {' '.join(wanted)}; true"
        ran = docker(
            "run", "--rm", *options, *secrets, f"--volume={workspace}:/github/workspace", f"--volume={TESTS}:/tests:ro",
            "--entrypoint=sh", image, "-c", probe,
        )  # fmt: skip
        assert "Traceback" not in ran.stderr, ran.stderr
        return {name: got for line in ran.stdout.splitlines() for name, got in json.loads(line).items()}

    without = probed("none")
    assert "of the event" in without["read /github/workflow/event.json"]
    assert "list /github/workspace" in without
    if not missing:
        assert without["connect /var/run/docker.sock"] == "connected"
        assert "a-secret-token" in str(without)
    with attack("ways out").case(len(without)):
        assert probed("all") == {}
    if not missing:
        files = [name for name in without if name.startswith(("read", "list", "connect"))]
        with attack("one wall").case(len(files)):
            assert not {name for name in probed("user") if name.startswith(("read", "list", "connect"))}


def test_the_running_worker_is_nobody_in_an_empty_folder(
    docker: Docker, image: str, runner: MakeRunner, secrets: tuple[str, ...]
) -> None:
    action = runner(*secrets)
    cache_at(action.workspace / "cache")
    timeline_at(action.workspace / "m", [endless()])
    name = "bisect-cache-watched"
    command = [engine.DOCKER, "--host", docker.host, "run", "--rm", f"--name={name}", *secrets,
               "--env=GITHUB_WORKSPACE=/github/workspace", "--env=INPUT_CACHE=cache", "--env=INPUT_TIMELINE=m",
               f"--volume={action.workspace}:/github/workspace", IMAGE]  # fmt: skip
    look = (
        "for p in /proc/[0-9]*; do if tr '\\0' ' ' < $p/cmdline | grep -q worker[.]serving; then "
        "grep -E '^(Uid|Gid|Groups|CapEff|CapBnd|NoNewPrivs|Seccomp):' $p/status; ls $p/root/; "
        "tr '\\0' '\\n' < $p/environ; fi; done"
    )
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            seen, deadline = "", time.monotonic() + 60
            while "NoNewPrivs:\t1" not in seen and time.monotonic() < deadline:
                seen = docker("exec", name, "sh", "-c", look, check=False).stdout
                time.sleep(0.2)
        finally:
            docker("kill", name, check=False)
            running.wait()
    lines = seen.splitlines()
    assert f"Uid:\t{NOBODY}\t{NOBODY}\t{NOBODY}\t{NOBODY}" in lines, seen
    assert f"Gid:\t{NOBODY}\t{NOBODY}\t{NOBODY}\t{NOBODY}" in lines
    assert {"Groups:\t ", "CapEff:\t0000000000000000", "NoNewPrivs:\t1"} <= set(lines), seen
    assert "a-secret-token" not in seen


def test_nothing_is_written_home_by_the_runtime(docker: Docker, image: str) -> None:
    looked = docker(
        "run", "--rm", "--entrypoint=sh", image, "-c", "find / -xdev -iname '*onnxruntime.db*' -o -iname deviceid"
    )
    assert looked.stdout == ""
