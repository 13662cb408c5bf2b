"""How often the interval of a difference cries wolf, and how often it sees a real drop.

    python benchmarks/false_alarms.py [--runs 8000] [--resamples 2000] [--seed 1]

A run is a cache and two models. Rows come in contents; the target, and each model's errors, share ``r`` of their
variance within a content (r = 0: rows are independent). The errors of the two models are half common to both, as those
of a model and its successor are. Without a drop both models are equally good in the long run, so an interval of the
PLCC's paired difference that leaves out 0 is a false alarm: nominally 5%, 2.5% to each side. With a drop the later
model's own errors are larger, and an interval wholly below 0 has found it.

Beside ours (by content, expanded percentile interval) stand the same by row, which takes rows for independent, and the
plain percentile interval by content, on the same runs. By row takes longest and is far off, so it is shown every
fourth run only.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from bisect_cache.judge.bootstrap.intervals import interval
from bisect_cache.judge.bootstrap.resampling import Draws, Resampler, draw
from bisect_cache.judge.choices import DEFAULT_SEED

SIZES = ((32, 8), (17, 44))
CORRELATIONS = (0.0, 0.3, 0.5)
_PLAIN_UNITS = 1 << 40
"""So many units that the expansion for few of them vanishes."""


@dataclass(frozen=True)
class Setting:
    """One cell of the table."""

    contents: int
    rows_each: int
    correlation: float
    drop: bool


@dataclass(frozen=True)
class Seen:
    """What the three intervals of one run said: below 0, above 0, or neither."""

    ours: int
    plain: int
    by_row: int | None
    difference: float


def one_run(setting: Setting, resamples: int, seed: int) -> Seen:
    """Make a cache and two models, and ask whether the later one is worse."""
    rng = np.random.default_rng(seed)
    values = partial(_values, rng, setting)
    target, common = values(), values()
    larger = 1.35 if setting.drop else 1.0
    earlier = target + 0.45 * (common + values())
    later = target + 0.45 * (common + larger * values())
    by_content = _differences(target, earlier, later, _drawn(setting, resamples, by_content=True))
    by_row = None
    if seed % 4 == 0:
        drawn = _drawn(setting, resamples, by_content=False)
        by_row = _side(_differences(target, earlier, later, drawn), target.size)
    difference = float(np.corrcoef(later, target)[0, 1] - np.corrcoef(earlier, target)[0, 1])
    return Seen(_side(by_content, setting.contents), _side(by_content, _PLAIN_UNITS), by_row, difference)


@lru_cache
def _drawn(setting: Setting, resamples: int, *, by_content: bool) -> Draws:
    """The resamples of every run alike, from the seed that bisect-cache draws with."""
    contents = np.repeat(np.arange(setting.contents), setting.rows_each)
    return draw(contents.size, contents if by_content else None, resamples, DEFAULT_SEED)


def _values(rng: np.random.Generator, setting: Setting) -> NDArray[np.float64]:
    """Normal values of variance 1 that share a part of it within each content."""
    of_content = np.repeat(rng.standard_normal(setting.contents), setting.rows_each)
    own = rng.standard_normal(of_content.size)
    values: NDArray[np.float64] = np.sqrt(setting.correlation) * of_content + np.sqrt(1 - setting.correlation) * own
    return values


def _differences(
    target: NDArray[np.float64],
    earlier: NDArray[np.float64],
    later: NDArray[np.float64],
    draws: Draws,
) -> NDArray[np.float64]:
    resampler = Resampler(target, draws)
    return resampler.distributions(later)["plcc"] - resampler.distributions(earlier)["plcc"]


def _side(differences: NDArray[np.float64], units: int) -> int:
    ends = interval(differences, units)
    assert ends is not None
    return -1 if ends[1] < 0 else 1 if ends[0] > 0 else 0


def _row(setting: Setting, seen: list[Seen], without: list[Seen]) -> Iterator[str]:
    yield f"{setting.contents} x {setting.rows_each}"
    yield f"{setting.correlation:g}"
    for name in ("by_row", "plain", "ours"):
        sides = [getattr(run, name) for run in without]
        yield f"{_percent(sides, {-1, 1})} ({_percent(sides, {-1})})"
    yield f"{np.mean([run.difference for run in seen]):.4f}"
    for name in ("by_row", "ours"):
        yield _percent([getattr(run, name) for run in seen], {-1})


def _percent(sides: list[int | None], wanted: set[int]) -> str:
    known = [side for side in sides if side is not None]
    return f"{100 * sum(side in wanted for side in known) / len(known):.1f}%"


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=8000)
    options.add_argument("--resamples", type=int, default=2000)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    start = time.perf_counter()
    print(f"{given.runs:,} runs a cell, {given.resamples:,} resamples, seed {given.seed}; false alarms nominally 5%,")
    print("in brackets those that call the later model worse (2.5%)\n")
    print(
        "| contents x rows | shared within a content | false alarms, by row | by content, plain | by content, ours "
        "| mean drop of PLCC | found, by row | found, ours |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as processes:
        for contents, rows in SIZES:
            for correlation in CORRELATIONS:
                both = []
                for drop in (False, True):
                    setting = Setting(contents, rows, correlation, drop)
                    seeds = range(given.seed * 1_000_000, given.seed * 1_000_000 + given.runs)
                    both.append(list(processes.map(partial(one_run, setting, given.resamples), seeds, chunksize=50)))
                print(f"| {' | '.join(_row(setting, both[1], both[0]))} |", flush=True)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
