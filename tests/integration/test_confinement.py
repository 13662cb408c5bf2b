"""A worker can do nothing but predict: everything else is tried, behind all walls and behind each of them alone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from attacks import Attack
from judging import bisect, timeline_at, weaker
from making import cache_at, endless, linear

from bisect_cache.worker.confinement.landlock import deny_files
from bisect_cache.worker.confinement.protections import ESSENTIAL, PROTECTIONS
from bisect_cache.worker.confinement.user import NOBODY
from bisect_cache.worker.process import Limits, Worker
from bisect_cache.worker.protocol import Features, Model, packed

ROOT = Path(__file__).resolve().parents[2]
SOMEBODY = 1001
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these walls")
USERS = sorted({os.geteuid(), *([SOMEBODY] if os.geteuid() == 0 else [])})
"""Who wants to confine itself: whoever runs the tests and, where that is root, somebody else too."""


@pytest.fixture
def secrets() -> Iterator[list[str]]:
    """What everybody here may read and connect to: a file, and a socket that somebody listens on."""
    with tempfile.TemporaryDirectory(prefix="secrets-") as name, socket.socket(socket.AF_UNIX) as listening:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "event.json").write_text("a secret")
        listening.bind(str(folder / "docker.sock"))
        listening.listen()
        (folder / "docker.sock").chmod(0o777)
        yield [str(folder / "event.json"), str(folder / "docker.sock"), name]


def probed(walls: str, secrets: list[str], user: int) -> dict[str, str]:
    """What a probe got behind these walls, by attempt; its parent holds a token in its environment."""
    probe = f"{sys.executable} -B tests/probing.py {user} {walls} {' '.join(secrets)}"
    completed = subprocess.run(
        ["sh", "-c", f"{probe}; true"],  # without the last word the shell would become the probe itself
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "GITHUB_TOKEN": "a-secret-token"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "Traceback" not in completed.stderr, completed.stderr
    lines = [json.loads(line) for line in completed.stdout.splitlines()]
    assert lines, completed.stderr
    return {name: got for line in lines for name, got in line.items()}


@pytest.mark.parametrize("user", USERS)
def test_without_walls_the_probe_gets_at_everything_that_it_tries(secrets: list[str], user: int) -> None:
    got = probed("none", secrets, user)
    assert "a secret" in got[f"read {secrets[0]}"]
    assert got[f"connect {secrets[1]}"] == "connected"
    assert len([name for name in got if name.startswith("change: ")]) == 7
    assert {"another process", "another program", "a library", "UDP", "code of its own", f"list {secrets[2]}"} <= set(
        got
    )


@pytest.mark.parametrize("user", USERS)
def test_behind_all_walls_nothing_is_got(secrets: list[str], user: int, attack: Callable[[str], Attack]) -> None:
    got = probed("all", secrets, user)
    tried = probed("none", secrets, user)
    with attack("ways out").case(len(tried)):
        assert got == {}


@pytest.mark.parametrize("wall", ["user", "landlock", "files", "seccomp"])
@pytest.mark.parametrize("user", USERS)
def test_each_wall_alone_keeps_every_file_and_folder_from_being_read(
    secrets: list[str], user: int, wall: str, attack: Callable[[str], Attack]
) -> None:
    if wall == "user" and user != 0:
        return  # only root can give up being root
    if wall == "landlock" and not has_landlock():
        pytest.skip("this kernel has no Landlock")
    files = {name for name in probed("none", secrets, user) if name.startswith(("read", "list", "write", "another pr"))}
    got = probed(wall, secrets, user)
    with attack("one wall").case(len(files)):
        assert {name for name in got if name.startswith(("read", "list", "write"))} == set()
        if wall in {"user", "files", "seccomp"}:
            assert f"connect {secrets[1]}" not in got


@pytest.mark.parametrize(
    ("walls", "kept_from"),
    [
        ("()", set()),
        ("('files',)", {"no network"}),  # as where there is neither seccomp nor Landlock
        ("('landlock',)", set()),
        ("('seccomp',)", {"no files", "no network", "no other processes"}),
    ],
)
def test_no_more_is_said_to_hold_than_does(walls: str, kept_from: set[str]) -> None:
    program = f"from bisect_cache.worker.confinement.confine import confine, held; confine({walls}); print(held(0))"
    environ = {"PYTHONPATH": str(ROOT / "src")}
    said = subprocess.run(
        [sys.executable, "-B", "-c", program], env=environ, capture_output=True, text=True, check=True
    )
    assert {name for name in PROTECTIONS if repr(name) in said.stdout} == kept_from
    assert not kept_from >= ESSENTIAL or walls == "('seccomp',)"


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv")
@pytest.mark.parametrize("without", ["kill", "setuid", "sys_chroot"])
def test_root_that_stays_root_keeps_no_right_of_root(without: str) -> None:
    program = (
        "import os; from bisect_cache.worker.confinement.confine import confine; status = open('/proc/self/status'); "
        "confine(('user',)); print(status.read()); print('ROOT', *os.listdir('/')[:1])"
    )
    completed = subprocess.run(
        ["setpriv", f"--bounding-set=-{without}", sys.executable, "-B", "-c", program],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "CapEff:\t0000000000000000\n" in completed.stdout
    assert "CapPrm:\t0000000000000000\n" in completed.stdout
    assert ("ROOT README\n" in completed.stdout) == (without != "sys_chroot")


def has_landlock() -> bool:
    child = os.fork()
    if child == 0:
        try:
            import ctypes

            ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)
            deny_files()
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_the_kernel_confirms_what_the_worker_gave_up(tmp_path: Path) -> None:
    with Worker(Limits(memory=5 << 30)) as worker:
        assert worker.hello().held == (PROTECTIONS if os.geteuid() == 0 else said_without_root())
        folder = Path(f"/proc/{worker._process.pid}")
        status = dict(line.split(":\t", 1) for line in (folder / "status").read_text().splitlines() if ":\t" in line)
        limits = {line[:26].strip(): line[26:].split()[:2] for line in (folder / "limits").read_text().splitlines()}
        adjusted = (folder / "oom_score_adj").read_text()
        if os.geteuid() == 0:
            assert status["Uid"].split() == status["Gid"].split() == [str(NOBODY)] * 4
            assert status["Groups"].strip() == ""
            assert sorted(path.name for path in (folder / "root").iterdir()) == ["README"]
            open_files = [str(path.readlink()) for path in (folder / "fd").iterdir()]
            assert all(path == "/dev/null" or path.startswith("pipe:") for path in open_files), open_files
    assert (status["NoNewPrivs"], status["Seccomp"], status["CapEff"]) == ("1", "2", "0" * 16)
    assert limits["Max open files"] == limits["Max file size"] == limits["Max core file size"] == ["0", "0"]
    assert limits["Max address space"] == [str(5 << 30)] * 2
    assert adjusted == "1000\n"
    assert os.geteuid() != 0 or limits["Max processes"] == ["4096", "4096"]


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv")
@pytest.mark.parametrize(
    ("started", "nobody"),
    [(["--groups=27,1001"], "True"), (["--bounding-set=-kill"], "False"), (["--bounding-set=-setuid"], "False")],
    ids=["in groups", "without the right to end it", "without the right to become another"],
)
def test_it_becomes_nobody_where_it_can_be_ended_all_the_same(started: list[str], nobody: str) -> None:
    program = (
        "from bisect_cache.worker.confinement.confine import confine, held; confine(('user',)); "
        "print('a user of its own' in held(0))"
    )
    completed = subprocess.run(
        ["setpriv", *started, sys.executable, "-B", "-c", program],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert completed.stdout == f"{nobody}\n"


def test_nobody_of_the_same_user_looks_into_a_worker() -> None:
    program = (
        "import ctypes; from bisect_cache.worker.confinement.confine import confine; prctl = ctypes.CDLL(None).prctl; "
        "print(prctl(3), end=' '); confine(()); print(prctl(3))"  # PR_GET_DUMPABLE
    )
    environ = {"PYTHONPATH": str(ROOT / "src")}
    said = subprocess.run(
        [sys.executable, "-B", "-c", program], env=environ, capture_output=True, text=True, check=True
    )
    assert said.stdout == "1 0\n"


def said_without_root() -> tuple[str, ...]:
    return tuple(name for name in PROTECTIONS if name != "a user of its own")


def test_the_report_says_what_the_worker_was_kept_from(tmp_path: Path) -> None:
    cache_at(tmp_path / "c")
    timeline_at(tmp_path / "m", [weaker(), weaker()])
    report = bisect(tmp_path, "--threshold", "plcc >= 0.5").report
    expected = list(PROTECTIONS) if os.geteuid() == 0 else list(said_without_root())
    missing = [name for name in PROTECTIONS if name not in expected]
    assert report["worker"] == {"held": expected, "missing": missing}
    assert not any("could not keep the models" in note for note in report["notes"])


def test_a_worker_whose_parent_does_not_watch_ends_when_its_processor_time_is_used_up() -> None:
    program = "from bisect_cache.worker.serving import main; main(0, 1.0)"
    features = np.ones((4, 6), np.float32)
    model = endless().SerializeToString()
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT / "src")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as started:
        assert started.stdin is not None
        started.stdin.write(packed(Features(4, tuple("abcdef"), 1), features.nbytes) + features.tobytes())
        started.stdin.write(packed(Model(), len(model)) + model)
        started.stdin.flush()
        try:
            assert started.wait(timeout=30) == -signal.SIGXCPU
        finally:
            started.kill()


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="needs /proc")
def test_each_model_has_processor_time_of_its_own(tmp_path: Path) -> None:
    features, limits = np.ones((4, 6), np.float32), []
    with Worker(Limits(seconds=7)) as worker:
        worker.hello()
        worker.give(Features(4, tuple("abcdef"), 3), memoryview(features.data))
        for _ in range(2):
            worker.predict(Model(), linear().SerializeToString(), lambda location: b"")
            folder = Path(f"/proc/{worker._process.pid}")
            lines = {line[:26].strip(): line[26:].split()[:2] for line in (folder / "limits").read_text().splitlines()}
            used = sum(map(int, (folder / "stat").read_text().split()[13:15])) / os.sysconf("SC_CLK_TCK")
            limits.append(int(lines["Max cpu time"][0]) - used)
    assert all(20.9 < left < 22.1 for left in limits), limits
