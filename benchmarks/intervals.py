"""What intervals cost: every metric in 2,000 resamples, beside a loop over resamples that asks SciPy.

    python benchmarks/intervals.py [--models 1024] [--resamples 2000]

Both sides work on the same numbers and the same resamples; they are checked against each other. Ours runs in a process
of its own, which holds the rows, the predictions and nothing else, so that its peak of memory says something. The loop
would take an hour: it runs over few models and few resamples, and its time is scaled up, which its line says.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bisect_cache.judge.bootstrap.resampling import Draws, Resampler, draw

THREADS = 2
ROWS = 256
VARIABLE = "BISECT_CACHE_REAL_DATA"
FEATURES = ("adm2", "vif_scale0", "vif_scale1", "vif_scale2", "vif_scale3", "motion2")
Floats = NDArray[Any]


@dataclass(frozen=True)
class Case:
    """Models to put intervals on, and how little of them the loop gets through."""

    name: str
    target: Floats
    models: Sequence[Floats]
    contents: NDArray[np.int64] | None
    loop_models: int
    loop_resamples: int
    note: str = ""


def main() -> int:
    arguments = parse_arguments()
    cases = [by_row(arguments.models)]
    if (real := real_frames()) is not None:
        cases.append(real)
    print(f"- {platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, ")
    print(f"  NumPy {np.__version__}; {arguments.resamples:,} resamples; PLCC, SROCC, RMSE and mapped RMSE")
    print(f"- ours: on {THREADS} threads, drawing and everything that depends on the target included")
    print("- loop: PLCC and SROCC by scipy.stats, RMSE and mapped RMSE by NumPy, one resample after the other\n")
    print("| case | ours, s | of it once | per model, ms | loop, s (scaled) | loop / ours | differ by | peak, MiB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    slow = [case.name for case in cases if report(case, arguments.resamples) < 20]
    if real is None:
        print(f"| by content, real frames | left out: {VARIABLE} names no folder with them | | | | | | |")
    for case in cases:
        if case.note:
            print(f"\n- {case.name}: {case.note}")
    if slow:
        print(f"\nless than 20 times quicker than the loop: {', '.join(slow)}", file=sys.stderr)
    return 1 if slow else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time to put intervals on many models.")
    parser.add_argument("--models", type=int, default=1024)
    parser.add_argument("--resamples", type=int, default=2000)
    return parser.parse_args()


def by_row(count: int) -> Case:
    """Synthetic models of 256 rows, each a little noisier than the one before."""
    rng = np.random.default_rng(0)
    target = rng.uniform(1, 5, ROWS).astype(np.float32)
    noise = np.linspace(0.3, 1.2, count)
    models = [(target + rng.normal(0, sigma, ROWS)).astype(np.float32) for sigma in noise]
    return Case(f"{count:,} models, {ROWS} rows, by row", target, models, None, 3, 100)


def real_frames() -> Case | None:
    """The 11 published models over 382,380 frames of 17 contents."""
    folder = Path(os.environ.get(VARIABLE, ""))
    frames, registry = folder / "avt-vqdb-uhd-1" / "frames.parquet", folder / "vmaf-history" / "registry.json"
    if not os.environ.get(VARIABLE) or not frames.is_file() or not registry.is_file():
        return None
    import onnxruntime
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(frames, columns=[*FEATURES, "mos", "content_id"])
    features = np.column_stack([table[name].to_numpy() for name in FEATURES]).astype(np.float32)
    contents = table["content_id"].combine_chunks().indices.to_numpy().astype(np.int64)
    target = table["mos"].to_numpy()
    del table
    models = []
    started = time.perf_counter()
    for model in json.loads(registry.read_text("utf-8"))["models"]:
        session = onnxruntime.InferenceSession(registry.parent / model["file"], providers=["CPUExecutionProvider"])
        parts = [session.run(None, {"features": part})[0].reshape(-1) for part in np.array_split(features, 24)]
        models.append(np.concatenate(parts))
    seconds = time.perf_counter() - started
    return Case(
        f"{len(models)} published models, {target.size:,} rows, {np.unique(contents).size} contents",
        target,
        models,
        contents,
        1,
        3,
        f"predicting took {seconds:.1f} s and is not part of the times",
    )


@dataclass(frozen=True)
class Ours:
    """What our side found of each model, and what it took."""

    found: list[dict[str, Floats]]
    seconds: float
    once: float
    before_mib: float
    """Memory of the process with its imports, the rows and the predictions."""
    peak_mib: float


def ours(target: Floats, models: Sequence[Floats], contents: NDArray[np.int64] | None, resamples: int) -> Ours:
    """Every model on every resample, in the process that calls."""
    before = peak_mib()
    started = time.perf_counter()
    resampler = Resampler(target, draw(target.size, contents, resamples, 0))
    once = time.perf_counter() - started
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(resampler.distributions, models))
    return Ours(found, time.perf_counter() - started, once, before, peak_mib())


def report(case: Case, resamples: int) -> float:
    """Time both sides of a case, print its line, and return how many times ours goes into the loop's."""
    with ProcessPoolExecutor(1, get_context("spawn")) as alone:
        mine = alone.submit(ours, case.target, case.models, case.contents, resamples).result()
    draws = draw(case.target.size, case.contents, resamples, 0)

    started = time.perf_counter()
    expected = [loop(model, case.target, draws, case.loop_resamples) for model in case.models[: case.loop_models]]
    looped = time.perf_counter() - started
    scaled = looped * len(case.models) / case.loop_models * resamples / case.loop_resamples
    apart = max(
        float(np.abs(one[name][: case.loop_resamples] - values).max())
        for one, other in zip(mine.found, expected, strict=False)
        for name, values in other.items()
    )
    print(
        f"| {case.name} | {mine.seconds:.2f} | {mine.once:.2f} "
        f"| {1e3 * (mine.seconds - mine.once) / len(case.models):.2f} "
        f"| {scaled:,.0f} ({case.loop_models} model(s) x {case.loop_resamples} resamples took {looped:.2f}) "
        f"| **{scaled / mine.seconds:,.0f}** | {apart:.0e} | {mine.peak_mib:.0f} ({mine.before_mib:.0f} before) |",
        flush=True,
    )
    return scaled / mine.seconds


def loop(predictions: Floats, target: Floats, draws: Draws, resamples: int) -> dict[str, Floats]:
    """Today's practice: write each resample out and ask SciPy."""
    from scipy import stats

    p, t = predictions.astype(np.float64), target.astype(np.float64)
    # Rows of each unit, found once: a fair loop does not look for them again in each resample.
    rows_of = np.split(np.argsort(draws.unit_of_row, kind="stable"), np.cumsum(np.bincount(draws.unit_of_row))[:-1])
    measures: dict[str, Callable[[Floats, Floats], float]] = {
        "plcc": lambda x, y: stats.pearsonr(x, y).statistic,
        "srocc": lambda x, y: stats.spearmanr(x, y).statistic,
        "rmse": lambda x, y: np.sqrt(np.mean((x - y) ** 2)),
        "rmse_mapped": mapped,
    }
    values = {name: np.empty(resamples) for name in measures}
    for index in range(resamples):
        drawn = np.repeat(np.arange(draws.units), draws.weights[index])
        rows = np.concatenate([rows_of[unit] for unit in drawn])
        for name, measure in measures.items():
            values[name][index] = measure(p[rows], t[rows])
    return values


def mapped(predictions: Floats, target: Floats) -> float:
    p, t = predictions - predictions.mean(), target - target.mean()
    rest = t - max(0.0, (p @ t) / (p @ p)) * p
    return float(np.sqrt(rest @ rest / (rest.size - 2)))


def peak_mib() -> float:
    """The most memory that this process had so far; Linux alone counts it from the process's own start."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


if __name__ == "__main__":
    sys.exit(main())
