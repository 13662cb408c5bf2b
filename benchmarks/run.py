"""Measure bisect-cache beside a straightforward script: one command, one machine, one table.

    python benchmarks/run.py [--runs 7] [--only WORD] [--out FILE]

Each case is warmed up once on both sides, its answers are compared, and then the two sides take turns. See
README.md in this folder for how to read what is printed.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.cases import Case, LeftOut, all_cases, our_command
from benchmarks.measure import Cost, measure, median, run

LIBRARIES = ("bisect-cache", "numpy", "pandas", "pyarrow", "onnx", "onnxruntime", "scipy", "psutil")
HEADINGS = (
    "case",
    "wall, s",
    "CPU, s",
    "peak RSS, MiB",
    "peak PSS, MiB",
    "largest process, MiB",
    "wall from to, s",
)


def main() -> int:
    arguments = parse_arguments()
    rows, notes, agreed = [], [], True
    with tempfile.TemporaryDirectory(prefix="bisect-cache-benchmark-") as workplace:
        for case in all_cases(Path(workplace), arguments.data):
            if arguments.only not in case.name:
                continue
            if isinstance(case, LeftOut):
                notes.append(f"- {case.name}: LEFT OUT, {case.reason}")
                print(notes[-1], file=sys.stderr)
                continue
            ours, theirs = run_once(case)
            agreed = agreed and ours == theirs
            notes.append(f"- {case.name}: answers agree: {'yes' if ours == theirs else 'NO'} ({ours} / {theirs})")
            print(notes[-1], file=sys.stderr)
            rows.append(row(case, *take_turns(case, arguments.runs)))

    page = "\n".join([*machine(arguments), "", *table(rows), "", *notes, ""])
    print(page)
    if arguments.out:
        arguments.out.write_text(page)
    return 0 if agreed else 1


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure bisect-cache beside a straightforward script.")
    parser.add_argument("--runs", type=int, default=7, help="runs of each side (default: 7)")
    parser.add_argument("--only", default="", metavar="WORD", help="only the cases with WORD in their name")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write what is printed there as well")
    checkout = Path(__file__).resolve().parents[1]
    data = os.environ.get("BISECT_CACHE_REAL_DATA") or checkout.parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(data), help="default: BISECT_CACHE_REAL_DATA")
    return parser.parse_args()


def run_once(case: Case) -> tuple[str, str]:
    """Both answers; bytecode is compiled and files are in the system's cache afterwards."""
    return case.ours.answer(run(case.ours.command)), case.theirs.answer(run(case.theirs.command))


def take_turns(case: Case, runs: int) -> tuple[list[Cost], list[Cost]]:
    """A B A B: what slows the machine for a while slows both sides."""
    ours, theirs = [], []
    for done in range(runs):
        print(f"  {case.name}: run {done + 1} of {runs}", file=sys.stderr)
        ours.append(measure(case.ours.command))
        theirs.append(measure(case.theirs.command))
    return ours, theirs


def row(case: Case, ours: list[Cost], theirs: list[Cost]) -> list[str]:
    """One case as the table shows it."""
    a, b = median(ours), median(theirs)
    return [
        case.name,
        pair(a.wall, b.wall, "{:.2f}"),
        pair(a.cpu, b.cpu, "{:.2f}"),
        pair(a.rss, b.rss, "{:.0f}"),
        pair(a.pss, b.pss, "{:.0f}"),
        pair(a.max_rss, b.max_rss, "{:.0f}"),
        " / ".join(f"{min(c.wall for c in side):.2f} to {max(c.wall for c in side):.2f}" for side in (ours, theirs)),
    ]


def pair(ours: float | None, theirs: float | None, form: str) -> str:
    """Ours, the stand-in's, and how many times ours goes into it."""
    if ours is None or theirs is None:
        return "not told"
    return f"{form.format(ours)} / {form.format(theirs)} = **{theirs / ours:.1f}**"


def table(rows: list[list[str]]) -> list[str]:
    """A Markdown table."""
    return [f"| {' | '.join(cells)} |" for cells in (HEADINGS, ["---"] * len(HEADINGS), *rows)]


def machine(arguments: argparse.Namespace) -> list[str]:
    """What a figure cannot be read without."""
    installed = [f"{name} {version_of(name)}" for name in LIBRARIES]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    how = "console script" if len(our_command()) == 1 else "python -m bisect_cache"
    return [
        f"Ours / stand-in = **ratio**; medians of {arguments.runs} runs.",
        "",
        f"- {datetime.now(UTC):%Y-%m-%d}, {platform.system()} {platform.machine()}, {processor()}, {cores} cores",
        f"- Python {platform.python_version()}, ours started as {how}",
        f"- {', '.join(installed)}",
    ]


def version_of(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "processor unknown"
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "processor unknown")


if __name__ == "__main__":
    sys.exit(main())
