"""Runs a command again and again, each time brought down at the next of its steps in the file system.

As a program: a folder is copied for each run, and in a child of its own the command is killed, sent a signal, or
refused by the system (`errno:ENOSPC`), at its first step, at its second, and so on until it comes to its end. A step is
whatever the interpreter tells its audit hooks about writing: opening, making, renaming, linking, removing.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_STEPS = frozenset(
    {"os.chmod", "os.chown", "os.link", "os.listdir", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.scandir"}
    | {"os.symlink", "os.truncate", "ctypes.dlsym", "fcntl.flock", "tempfile.mkdtemp", "tempfile.mkstemp"}
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@dataclass(frozen=True)
class Brought:
    """One run that was brought down at one step."""

    step: int
    what: str
    code: int
    """The exit code; minus the number of a signal."""
    place: Path
    said: str


def at_every_step(
    how: str, template: Path, work: Path, command: Sequence[str], cwd: str = ".", apart: int = 1
) -> list[Brought]:
    """Run ``bisect-cache COMMAND`` in copies of ``template``; ``how`` is a signal's name or ``errno:`` with a name.

    With ``apart``, at every second, third … step.
    """
    ran = subprocess.run(
        [sys.executable, "-B", __file__, how, str(template), str(work), cwd, str(apart), *command],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    told = [json.loads(line) for line in ran.stdout.splitlines()]
    return [Brought(one["step"], one["what"], one["code"], Path(one["place"]), one["said"]) for one in told]


def _main(how: str, template: Path, work: Path, cwd: str, apart: int, command: list[str]) -> None:
    import onnx  # noqa: F401 - imported here, once for all of them
    import pandas  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    import bisect_cache.cache.generate
    import bisect_cache.cache.recipes.synthetic
    import bisect_cache.cli
    import bisect_cache.options

    work.mkdir(exist_ok=True)
    for step in itertools.count(1, apart):
        place = work / f"{step:03d}"
        shutil.copytree(template, place, symlinks=True)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            log = os.open(work / f"{step:03d}.log", os.O_WRONLY | os.O_CREAT)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.chdir(place / cwd)
            sys.argv = ["bisect-cache", *command]
            _bring_down(how, step, writing)
            try:
                bisect_cache.cli.main()
            except SystemExit as end:
                sys.stdout.flush()
                os._exit(int(end.code or 0))
            os._exit(99)
        os.close(writing)
        with os.fdopen(reading) as told:
            what = told.read()
        _, status = os.waitpid(child, 0)
        if not what:  # it came to its end before this step
            shutil.rmtree(place)
            return
        said = (work / f"{step:03d}.log").read_text()
        code = os.waitstatus_to_exitcode(status)
        told_of = {"step": step, "what": what, "code": code, "place": str(place), "said": said}
        sys.stdout.write(json.dumps(told_of) + "\n")
        sys.stdout.flush()


def _bring_down(how: str, at: int, tell: int) -> None:
    """Have the ``at``-th step of this process go wrong."""
    left = [at]

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open":
            flags = arguments[2]
            if not isinstance(flags, int) or not flags & _WRITES:
                return
        elif event not in _STEPS or (event == "ctypes.dlsym" and arguments[1] != "renameat2"):
            return
        if isinstance(arguments[0], str) and arguments[0].startswith(sys.base_prefix):
            return  # an import looks around
        left[0] -= 1
        if left[0] == 0:
            os.write(tell, f"{event} {arguments}".encode(errors="replace")[:500])
            kind, _, name = how.partition(":")
            if kind == "errno":
                number = getattr(errno, name)
                raise OSError(number, os.strerror(number))
            os.kill(os.getpid(), getattr(signal, how))

    sys.addaudithook(hook)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4], int(sys.argv[5]), sys.argv[6:])
