"""How often noise makes a search blame the wrong model: the verdict of a point value beside that of an interval.

    python benchmarks/noise.py [--runs 2000] [--models 64] [--half-width 1.96] [--seed 1]

A run is a timeline of 64 models. Their true metric lies a given number of noise sds above the gate before a change
point and as many below it from there on; the change point is drawn from 1 to 63. Each model is measured once, with
independent normal noise of sd 1. The point rule calls a value above the gate good and any other bad. The interval rule
asks the same of value ± 1.96 sd and calls what straddles the gate uncertain. A bisection and a full look then search
the same measurements.

The setup that gives "wrong index in 65% of the runs" is a step of one sd to EITHER side of the gate (two from level to
level) with both ends KNOWN, good and bad, as a bisection supposes. A point value is then right with probability
Phi(1) = 0.841, and a bisection of the 62 models in between blames the right one only when all of its 6 values (now
and then 5) are right: it is wrong in 1 - 0.841^6 = 64.5%, which 2,000 runs tell to within 2. Where the ends are
measured like the rest, 29% of the runs end before they blame anyone, since one end reads on the wrong side, and the
share among those that do blame is the same: that is the second table. A step of one sd from level to level is the
row 0.5.

The interval rule blames only where a good and a bad one that are both certain stand side by side, so noise has to
make a wrong certain one (2.5% at the gate, less away from it) beside a right certain one. That is per model: the more
models are looked at, the more often it happens somewhere, which --models 1024 shows and a wider interval mends.

A single blame is one named model (regression, or non-monotone, which is a blame with a warning). Other: head-bad and
no-regression. The last column is how many models an inconclusive run leaves in question (median).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bisect_cache.judge.verdict import Verdict
from bisect_cache.search import Found, Strategy, search

STEPS = (0.5, 1.0, 2.0, 4.0)
"""From the gate to the level on either side of it, in noise sds."""
LOOKS: dict[Strategy, str] = {"bisect": "bisect", "scan": "full look"}
Answer = Literal["wrong", "wrong, warned", "right", "among", "not among", "other"]
COLUMNS = (
    "sd to either side",
    "rule",
    "wrong single blame, %",
    "of these non-monotone, %",
    "right single blame, %",
    "inconclusive, truth among the candidates, %",
    "candidates without the truth, %",
    "other, %",
    "candidates left",
)


@dataclass(frozen=True)
class Setup:
    """Many timelines of one kind."""

    runs: int
    models: int
    half_width: float
    """Of the intervals, in noise sds."""
    seed: int
    ends_known: bool


def main() -> int:
    arguments = parse_arguments()
    started = time.perf_counter()
    print(
        f"{arguments.runs:,} runs of {arguments.models:,} models each, intervals of ± {arguments.half_width} sd, "
        f"seed {arguments.seed}, numpy {np.__version__}"
    )
    for ends_known in (True, False):
        setup = Setup(arguments.runs, arguments.models, arguments.half_width, arguments.seed, ends_known)
        print(f"\nEnds {'known' if ends_known else 'measured like the rest'}:\n")
        print(f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}")
        for row in rows(setup):
            print(f"| {' | '.join(row)} |")
    print(f"\n{time.perf_counter() - started:.1f} s", file=sys.stderr)
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How often noise makes a search blame the wrong model.")
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--models", type=int, default=64)
    parser.add_argument("--half-width", type=float, default=1.96, help="of the intervals, in noise sds")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def rows(setup: Setup) -> Iterator[tuple[str, ...]]:
    """Of the table. Every rule of a step searches the same measurements."""
    for step in STEPS:
        rng = np.random.default_rng(setup.seed)
        changes = rng.integers(1, setup.models, setup.runs)
        after = np.arange(setup.models) >= changes[:, None]
        values = np.where(after, -step, step) + rng.standard_normal(after.shape)
        if setup.ends_known:
            values[:, 0], values[:, -1] = np.inf, -np.inf
        for rule, half_width in (("point", 0.0), ("interval", setup.half_width)):
            timelines = verdicts_of(values, half_width)
            for strategy, looks in LOOKS.items():
                answers: Counter[Answer] = Counter()
                left = []
                for timeline, change in zip(timelines, changes.tolist(), strict=True):
                    found = searched(timeline, strategy)
                    answers[answer(found, change)] += 1
                    if found.outcome == "inconclusive":
                        left.append(len(found.candidates))
                shares = [
                    answers["wrong"] + answers["wrong, warned"],
                    *(answers[one] for one in ("wrong, warned", "right", "among", "not among", "other")),
                ]
                yield (
                    f"{step:g}",
                    f"{rule} + {looks}",
                    *(f"{100 * share / setup.runs:.1f}" for share in shares),
                    f"{statistics.median(left):g}" if left else "",
                )


def verdicts_of(values: NDArray[np.float64], half_width: float) -> list[list[Verdict]]:
    """Of every run's models, the gate being 0."""
    said: NDArray[np.str_] = np.where(values > half_width, "good", np.where(values <= -half_width, "bad", "uncertain"))
    timelines: list[list[Verdict]] = said.tolist()
    return timelines


def searched(timeline: list[Verdict], strategy: Strategy) -> Found:
    searching = search(len(timeline), strategy)
    try:
        look = next(searching)
        while True:
            look = searching.send([timeline[index] for index in look.indexes])
    except StopIteration as end:
        found: Found = end.value
        return found


def answer(found: Found, truth: int) -> Answer:
    if found.outcome in {"regression", "non-monotone"}:
        if found.first_bad == truth:
            return "right"
        return "wrong" if found.outcome == "regression" else "wrong, warned"
    if found.outcome == "inconclusive":
        return "among" if truth in found.candidates else "not among"
    return "other"


if __name__ == "__main__":
    sys.exit(main())
