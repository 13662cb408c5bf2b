"""A full look at eleven published models on 382,380 real rows, beside the straightforward script.

    python benchmarks/full_look.py [--runs 5] [--data FOLDER] [--out FILE]

Two questions. Values alone: PLCC, SROCC and RMSE of every model; here both sides spend nearly all of their time in ONNX
Runtime. Values with intervals, which is what `bisect` gives unless it is told not to: 2,000 resamples, whole contents
drawn. The script takes hours for these, so it is timed with none and with two, and the rest is scaled.
Values of both sides are compared before anything is timed.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.cases import our_command
from benchmarks.measure import Command, Cost, measure, median, run

_SCRIPT = (sys.executable, str(Path(__file__).with_name("straightforward.py")), "scan")
_RESAMPLES, _TIMED = 2000, 2


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure a full look beside the straightforward script.")
    parser.add_argument("--runs", type=int, default=5, help="runs of each side (default: 5)")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("BISECT_CACHE_REAL_DATA", "../shared/data")))
    parser.add_argument("--out", type=Path, metavar="FILE", help="write what is printed there as well")
    arguments = parser.parse_args()
    models = arguments.data / "vmaf-history" / "models"
    with tempfile.TemporaryDirectory(prefix="bisect-cache-benchmark-") as place:
        cache, report = Path(place) / "cache", Path(place) / "report.json"
        table = arguments.data / "avt-vqdb-uhd-1" / "frames.parquet"
        run(Command((*our_command(), "generate", str(cache), "--table", str(table), "--content", "content_id")))
        ours = (*our_command(), "bisect", "--cache", str(cache), "--timeline", f"files:{models}/*.onnx")
        ours = (*ours, "--threshold", "plcc >= -1", "--strategy", "scan", "--json", str(report))
        theirs = (*_SCRIPT, str(cache), str(models))
        apart = largest_difference(Command((*ours, "--resamples", "0")), report, Command(theirs))
        costs = take_turns(
            arguments.runs,
            Command((*ours, "--resamples", "0")),
            Command(theirs),
            Command(ours),
            Command((*theirs, "--resamples", str(_TIMED))),
        )
    page = "\n".join([*lines(costs, apart), ""])
    print(page)
    if arguments.out:
        arguments.out.write_text(page)
    return 0 if apart < 1e-4 else 1


def largest_difference(ours: Command, report: Path, theirs: Command) -> float:
    """Between both sides' PLCC and SROCC of any model. (The script adds up RMSE in float32.)"""
    run(ours)
    found = {Path(step["origin"]["file"]).name: step["metrics"] for step in json.loads(report.read_bytes())["steps"]}
    expected = json.loads(run(theirs))
    assert found.keys() == expected.keys()
    apart = (abs(found[name][key] - expected[name][key]) for name in found for key in ("plcc", "srocc"))
    return float(max(apart))


def take_turns(runs: int, *commands: Command) -> list[Cost]:
    """Medians; what slows the machine for a while slows all of them."""
    costs: list[list[Cost]] = [[] for _ in commands]
    for _ in range(runs):
        for each, command in zip(costs, commands, strict=True):
            each.append(measure(command))
    return [median(each) for each in costs]


def lines(costs: list[Cost], apart: float) -> list[str]:
    """The table."""
    values, script, intervals, some = costs
    scaled = script.wall + (some.wall - script.wall) / _TIMED * _RESAMPLES
    times = 10 ** math.floor(math.log10(scaled / intervals.wall))
    said = f"{scaled:,.0f} (scaled from {_TIMED} resamples)"
    return [
        f"largest difference between both sides' PLCC and SROCC: {apart:.0e} (the script's scipy works in float32)",
        "",
        "| 382,380 rows x 11 models | ours, s | script, s | times faster | ours, MiB | script, MiB |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        row("values", values, f"{script.wall:.2f}", f"{script.wall / values.wall:.1f}", script),
        row("values with intervals", intervals, said, f"{times:,} or more", some),
    ]


def row(what: str, ours: Cost, seconds: str, times: str, theirs: Cost) -> str:
    """One line of it."""
    return f"| {what} | {ours.wall:.2f} | {seconds} | {times} | {ours.rss:.0f} | {theirs.rss:.0f} |"


if __name__ == "__main__":
    sys.exit(main())
