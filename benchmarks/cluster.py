"""What a cluster costs beside this machine alone: whole commands, in turns, with as many processes on either side.

    python benchmarks/cluster.py [--rows 400000] [--models 16] [--pairs 8] [--runs 3]

The cluster is dask's own LocalCluster on this machine, so that both sides have the same processors: what is left is
what a cluster costs, and none of what it gives. It is tried as dask starts it, and with glibc's allocator as it is
elsewhere: dask has it give memory back at once, and what judges models takes the same memory again and again. Each
command's seconds are those of its fastest run: what else runs on a machine can only slow one down. The exit code is 1
where results differ.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imageio_ffmpeg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.extraction import CORES, make_pairs

ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(256 << 20)}
_CLUSTER = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=int(sys.argv[1]), threads_per_worker=1, dashboard_address=":0", silence_logs=50) as one:
        print(one.scheduler_address, flush=True)
        sys.stdin.read()
"""
_TASKS = """
import sys, time
from bisect_cache.executing.choosing import executing
start = time.perf_counter()
with executing(sys.argv[1]) as where:
    connected = time.perf_counter()
    where.executor.submit(len, "").result()
    begun = time.perf_counter()
    for future in [where.executor.submit(len, "") for _ in range(500)]:
        future.result()
    side_by_side = time.perf_counter()
    for _ in range(100):
        where.executor.submit(len, "").result()
    print(connected - start, (side_by_side - begun) / 500, (time.perf_counter() - side_by_side) / 100)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description="What a cluster costs beside this machine alone.")
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--models", type=int, default=16)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bisect-cache-benchmark-") as folder, contextlib.ExitStack() as clusters:
        place = Path(folder)
        sides = {
            f"this machine, {CORES} processes": "local",
            f"cluster, {CORES} processes": clusters.enter_context(cluster(place, {})),
            f"cluster, {CORES} processes, allocator as elsewhere": clusters.enter_context(cluster(place, ALLOCATOR)),
        }
        return compare(place, sides, arguments)


@contextlib.contextmanager
def cluster(place: Path, more: dict[str, str]) -> Iterator[str]:
    """One process for each processor; what ``--executor`` takes."""
    script = place / "a_cluster.py"
    script.write_text(_CLUSTER)
    command = [sys.executable, str(script), str(CORES)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment() | more) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield f"dask:{process.stdout.readline().decode().strip()}"
        finally:
            process.stdin.close()


def compare(place: Path, sides: dict[str, str], arguments: argparse.Namespace) -> int:
    rows, models, pairs = arguments.rows, arguments.models, arguments.pairs
    names = make_pairs(place, imageio_ffmpeg.get_ffmpeg_exe(), pairs)
    ours(place, "generate", "cache", "--rows", str(rows), "--models", str(models))
    judging: dict[str, list[float]] = {side: [] for side in sides}
    extracting: dict[str, list[float]] = {side: [] for side in sides}
    told: list[Any] = []
    for _ in range(arguments.runs + 1):  # the first of each only warms up
        for side, executor in sides.items():
            given = ("--strategy", "scan", "--executor", executor, "--json", "report.json")
            judging[side].append(ours(place, "bisect", "--cache", "cache", *given))
            told.append(results(place))
            shutil.rmtree(place / "reports", ignore_errors=True)
            extracting[side].append(ours(place, "extract", "pairs.csv", "reports", "--executor", executor))
            reports = [place / "reports" / f"{name}.json" for name in names]
            told[-1] += [json.loads(report.read_text(encoding="utf-8"))["frames"] for report in reports]
    each_task = [tasks(place, executor) for executor in sides.values() if executor != "local"]
    alike = all(one == told[0] for one in told[1:])
    print(f"{CORES} processors; {rows:,} rows x {models} models; {pairs} pairs of 132 frames at 1280x720; ", end="")
    print(f"fastest of {arguments.runs} runs in turns\n")
    print("| side | full look, s | a million rows x one model, s | extraction, s | a pair, s |")
    print("| --- | --- | --- | --- | --- |")
    for side in sides:
        look, extraction = min(judging[side][1:]), min(extracting[side][1:])
        of_a_million = look / models / rows * 1e6
        print(f"| {side} | {look:.2f} | {of_a_million:.2f} | {extraction:.2f} | {extraction / pairs:.2f} |")
    connecting, beside, alone = each_task[0]
    print(f"\nconnecting: {connecting:.2f} s; an empty task: {beside * 1000:.1f} ms among many, ", end="")
    print(f"{alone * 1000:.1f} ms alone; results equal: {'yes' if alike else 'NO'}")
    return 0 if alike else 1


def ours(place: Path, *arguments: str) -> float:
    """Seconds of one command."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "bisect_cache", *arguments]
    done = subprocess.run(command, cwd=place, env=environment(), check=False, capture_output=True)
    if done.returncode not in {0, 1}:
        raise SystemExit(done.stderr.decode())
    return time.perf_counter() - start


def tasks(place: Path, executor: str) -> list[float]:
    """Seconds: connecting, one of many tasks, a task alone."""
    command = [sys.executable, "-c", _TASKS, executor]
    done = subprocess.run(command, cwd=place, env=environment(), check=True, capture_output=True, text=True)
    return [float(word) for word in done.stdout.split()]


def results(place: Path) -> list[Any]:
    """What a report says but for seconds and where it was."""
    report = json.loads((place / "report.json").read_text())
    report["environment"].pop("executor", None)
    for step in report["steps"]:
        del step["seconds"]
    return [report]


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


if __name__ == "__main__":
    sys.exit(main())
