"""A Docker engine of our own for the container tests: started, waited for, and taken away again.

``.ci/run`` calls this file too (``python3 engine.py stop FOLDER``), so that an engine whose tests were cut
short does not stay behind: standard library only, and no import of the package.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Debian's own programs by their full paths: another `docker` earlier on PATH may be a client of something else.
DOCKER = "/usr/bin/docker"
DOCKERD = "/usr/sbin/dockerd"
TOOLS = (DOCKER, DOCKERD, "/usr/sbin/iptables-save", "/usr/sbin/iptables-restore", "/usr/sbin/ip")
BRIDGE = Path("/sys/class/net/docker0")
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
NO_RULES = {
    "filter": "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n",
    "nat": "*nat\nCOMMIT\n",
}
LONGEST_COMMAND = 900
"""Seconds after which a docker command, a whole build included, counts as hanging."""
SECONDS_TO_START = 60
SECONDS_TO_STOP = 30


class NoEngine(Exception):
    """Why no engine can be started here, and what to do about it."""


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """An engine that keeps everything it has in ``folder``; yields its address for ``docker --host``.

    Raises ``NoEngine`` where that is impossible: not root, Docker not installed, or an engine already there,
    which would have to share its network bridge and firewall rules with ours.
    """
    way_out = "or name a running engine: BISECT_CACHE_DOCKER_HOST=unix:///var/run/docker.sock"
    if os.geteuid() != 0:
        raise NoEngine(f"only root can start a Docker engine; run as root, {way_out}")
    missing = [tool for tool in TOOLS if not Path(tool).exists()]
    if missing:
        raise NoEngine(f"not installed: {', '.join(missing)}; apt-get install docker.io iptables iproute2, {way_out}")
    if _processes("dockerd"):
        raise NoEngine(f"a Docker engine is already running on this machine; stop it, {way_out}")

    folder.mkdir(parents=True, exist_ok=True)
    before = {
        "rules": subprocess.run(["/usr/sbin/iptables-save"], check=True, capture_output=True, text=True).stdout,
        "forwarding": FORWARDING.read_text(),
    }
    (folder / "before.json").write_text(json.dumps(before))
    (folder / "daemon.json").write_text("{}")
    host = f"unix://{folder}/docker.sock"
    with (folder / "dockerd.log").open("wb") as log:
        process = subprocess.Popen(
            [
                DOCKERD,
                f"--config-file={folder}/daemon.json",
                f"--data-root={folder}/data",
                f"--exec-root={folder}/exec",
                f"--pidfile={folder}/docker.pid",
                f"--host={host}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + SECONDS_TO_START
        while subprocess.run([DOCKER, "--host", host, "version"], check=False, capture_output=True).returncode != 0:
            if process.poll() is not None or time.monotonic() > deadline:
                said = (folder / "dockerd.log").read_text(errors="replace")[-2000:]
                raise NoEngine(f"dockerd did not come up; {way_out}. The end of its log:\n{said}")
            time.sleep(0.1)
        yield host
    finally:
        stop(folder)
        process.wait()


def stop(folder: Path) -> None:
    """End the engine of ``folder``, if one runs, and put network, firewall and disk back as they were."""
    for name, pidfile in (("dockerd", "docker.pid"), ("containerd", "exec/containerd/containerd.pid")):
        _end(name, folder / pidfile, folder)
    before = folder / "before.json"
    if before.exists():
        _restore_network(json.loads(before.read_text()))
    for mount in reversed(_mounts_below(folder)):
        subprocess.run(["umount", "--lazy", mount], check=False)
    shutil.rmtree(folder, ignore_errors=True)


def _end(name: str, pidfile: Path, folder: Path) -> None:
    """End the process of a pid file, after making sure that the number is still ours."""
    try:
        pid = int(pidfile.read_text())
    except (FileNotFoundError, ValueError):
        return
    for kind in (signal.SIGTERM, signal.SIGKILL):
        # Once each: dockerd takes the third SIGTERM for "at once, and clean up nothing".
        if pid in _processes(name, str(folder)):
            os.kill(pid, kind)
        deadline = time.monotonic() + SECONDS_TO_STOP
        while pid in _processes(name, str(folder)) and time.monotonic() < deadline:
            time.sleep(0.1)


def _processes(name: str, argument: str = "") -> list[int]:
    """Ids of the living processes called ``name`` with ``argument`` in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            alive = entry.name.isdigit() and (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
            if alive and (entry / "comm").read_text().strip() == name and argument in (entry / "cmdline").read_text():
                found.append(int(entry.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def _restore_network(before: dict[str, str]) -> None:
    if BRIDGE.exists():
        subprocess.run(["/usr/sbin/ip", "link", "delete", "docker0"], check=False)
    rules = before["rules"] + "".join(none for table, none in NO_RULES.items() if f"*{table}\n" not in before["rules"])
    subprocess.run(["/usr/sbin/iptables-restore"], input=rules, text=True, check=False)
    FORWARDING.write_text(before["forwarding"])


def _mounts_below(folder: Path) -> list[str]:
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    return [mount for mount in mounts if mount.startswith(f"{folder}/")]


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "stop":
        sys.exit("usage: python3 engine.py stop FOLDER")
    stop(Path(sys.argv[2]))
