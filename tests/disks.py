"""Small disks, full ones and read-only ones, and users who may not write."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NOBODY = 65534
_READS_ALL = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")  # an interpreter may lie in root's home
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *_READS_ALL)
"""What a command is started with to run as somebody who may read everything and write nothing of others."""


@contextmanager
def small_disk(at: Path, kilobytes: int = 1024) -> Iterator[Path]:
    """A file system of its own in memory. Needs root; where CI is set, root that may not mount is a failure."""
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("mounting a small disk needs root on Linux")
    at.mkdir(exist_ok=True)
    mounted = _mount("-t", "tmpfs", "-o", f"size={kilobytes}k,mode=755", "bisect-cache-test", str(at))
    if mounted.returncode:
        if os.environ.get("CI"):
            pytest.fail(f"no small disk can be mounted: {mounted.stderr}")
        pytest.skip(f"no small disk can be mounted: {mounted.stderr}")
    try:
        yield at
    finally:
        subprocess.run(["umount", str(at)], check=True)


def make_read_only(disk: Path) -> None:
    _mount("-o", "remount,ro", str(disk)).check_returncode()


def fill(disk: Path, leave: int = 0) -> None:
    """Leave about ``leave`` bytes."""
    with (disk / "filling").open("ab", buffering=0) as stream:
        try:
            while stream.write(b"x" * 1024):
                pass
        except OSError:
            pass
        stream.truncate(max(0, stream.tell() - leave))


def _mount(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
