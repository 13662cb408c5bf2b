"""What it costs a run that its worker can do nothing but predict.

    python benchmarks/confinement.py [--runs 25]

Two lines: the worker alone, from its start to its greeting, and a whole `bisect-cache bisect` on the built-in cache.
Each is run with all walls and with none, in turn; on the side without, the worker still has its own process, its empty
environment and its limit on memory.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measure import Command, measure

SOURCES = Path(__file__).resolve().parents[1] / "src"
_ALL = "float(sys.argv[3])"
_WORKER = """
from bisect_cache.worker import process
process._START = process._START.replace({there!r}, {wanted!r})
with process.Worker(process.Limits()) as worker:
    held = worker.hello().held
assert ("no files" in held) == {confined}, held
"""
_RUN = """
import sys
from bisect_cache.worker import process
process._START = process._START.replace({there!r}, {wanted!r})
sys.argv[1:] = ["bisect"]
from bisect_cache.cli import main
main()
"""


def main() -> int:
    parser = argparse.ArgumentParser(description="The cost of the worker's walls.")
    parser.add_argument("--runs", type=int, default=25)
    runs = parser.parse_args().runs
    user = "root" if os.geteuid() == 0 else "somebody who is not root"
    print(f"Python {platform.python_version()}, as {user}, medians of {runs} pairs of whole processes, in turn\n")
    print("| process | with walls, ms | without, ms | difference, ms |\n| --- | ---: | ---: | ---: |")
    for name, program in (("worker, from start to greeting", _WORKER), ("bisect-cache bisect", _RUN)):
        pairs = [(once(program, confined=True), once(program, confined=False)) for _ in range(runs + 1)][1:]
        confined, free = (statistics.median(side) for side in zip(*pairs, strict=True))
        difference = statistics.median(one - other for one, other in pairs)
        print(f"| {name} | {confined:.0f} | {free:.0f} | {difference:+.1f} |")
    return 0


def once(program: str, *, confined: bool) -> float:
    """Wall time of one process in ms."""
    wanted = _ALL if confined else f"{_ALL}, ()"
    source = program.format(there=_ALL, wanted=wanted, confined=confined)
    start = f"import sys; sys.path.insert(0, {str(SOURCES)!r})\n"
    return measure(Command((sys.executable, "-c", start + source))).wall * 1000


if __name__ == "__main__":
    sys.exit(main())
