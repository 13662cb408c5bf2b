"""How long the timeline of a long history takes to list, against the program git on the same repository.

    python benchmarks/history.py [--commits 10000] [--versions 500] [--runs 5]

Both are whole processes, from start to exit; both follow the model along first parents and through renames. The
repository is made for the run, in a temporary folder.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PATH = "model.onnx"
DEEP = "models/quality/model.onnx"
BORN = 1_500_000_000
FOLDERS = 200
"""Folders that the other files are spread over."""


def main() -> int:
    arguments = parse_arguments()
    print(
        f"{arguments.commits:,} commits, {arguments.versions:,} versions of the model; Python "
        f"{platform.python_version()}, {git('--version').strip()}; "
        f"medians of {arguments.runs} runs of whole processes\n"
    )
    print("| file | bisect-cache timeline, ms | git log --follow, ms | versions listed by both |")
    print("| --- | --- | --- | --- |")
    for path in (PATH, DEEP):
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder), path, arguments.commits, arguments.versions)
            ours = [sys.executable, "-m", "bisect_cache", "timeline", f"git-log:{path}"]
            theirs = ["git", "log", "--first-parent", "--follow", "--format=%H", "--", path]
            shown, wanted = run(ours, folder).splitlines(), run(theirs, folder).split()
            listed = sum(1 for commit in wanted if any(commit[:9] in line for line in shown))
            if listed != len(wanted) or listed != arguments.versions:
                raise SystemExit(
                    f"{listed} of {len(wanted)} commits are listed; there are {arguments.versions} versions"
                )
            times = [[wall_ms(command, folder) for command in (ours, theirs)] for _ in range(arguments.runs)]
            mine, gits = (statistics.median(column) for column in zip(*times, strict=True))
            print(f"| {path} | {mine:.0f} | {gits:.0f} | {listed} |")
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time to list a timeline of a long history.")
    parser.add_argument("--commits", type=int, default=10_000)
    parser.add_argument("--versions", type=int, default=500)
    parser.add_argument("--runs", type=int, default=5)
    return parser.parse_args()


def make(folder: Path, path: str, commits: int, versions: int) -> None:
    """A repository whose every commit changes a file, and every so often the model."""
    git("init", "--quiet", "--initial-branch=main", str(folder))
    stream = b"".join(history(path, commits, versions))
    subprocess.run(["git", "-C", str(folder), "fast-import", "--quiet"], input=stream, check=True)


def history(path: str, commits: int, versions: int) -> Iterator[bytes]:
    """What ``git fast-import`` reads."""
    every = commits // versions
    for number in range(commits):
        when = BORN + number * 3600
        yield f"commit refs/heads/main\nauthor A <a@example.invalid> {when} +0000\n".encode()
        yield f"committer A <a@example.invalid> {when} +0000\ndata <<.\nchange {number}\n.\n".encode()
        yield changed(f"src/{number % FOLDERS}/{number % 1999}.py", b"print(%d)\n" % number)
        if number % every == 0 and number // every < versions:
            yield changed(path, b"model %d " % number * 400)


def changed(path: str, data: bytes) -> bytes:
    return b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data)


def wall_ms(command: list[str], folder: str) -> float:
    """Wall time of one whole process."""
    start = time.perf_counter()
    run(command, folder)
    return (time.perf_counter() - start) * 1000


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout


def run(command: list[str], folder: str) -> str:
    """What a process says that runs in ``folder`` and may keep bytecode."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    if "PYTHONPATH" in environment:
        folders = environment["PYTHONPATH"].split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(str(Path(name).absolute()) for name in folders)
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
