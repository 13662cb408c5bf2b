"""A cache of ten million rows, judged batch by batch, beside bare reading and inference.

    python benchmarks/large.py [--rows 10000000] [--runs 3] [--out FILE]

The bare side reads the same parquet with pyarrow in batches, predicts each with ONNX Runtime on as many threads as
there are cores, and keeps nothing: no metric, no fingerprint, nothing looked at, no other process. Both sides take
turns, as whole processes. Two models: a linear one, which is the worst case because inference costs nothing, and one
of the size of a small network (6-256-256-1).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.cases import our_command
from benchmarks.measure import Command, Cost, measure, median

if TYPE_CHECKING:
    import numpy as np
    import onnx

_SIX = ("adm2", "vif_scale0", "vif_scale1", "vif_scale2", "vif_scale3", "motion2")
_ROWS_AT_A_TIME = 1 << 17
_STRETCH = 4096
_SUMS = ("--metric", "plcc", "--metric", "rmse", "--metric", "rmse_mapped")
_BARE = "bare reading and inference"


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure large caches beside bare reading and inference.")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=3, help="runs of each side (default: 3)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write what is printed there as well")
    parser.add_argument("--bare", nargs=2, metavar=("PARQUET", "MODEL"), help=argparse.SUPPRESS)
    parser.add_argument("--write", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.bare:
        bare(*arguments.bare)
        return 0
    if arguments.write:
        write(arguments.write, arguments.rows)
        return 0
    cores = len(os.sched_getaffinity(0))
    lines = [
        f"{arguments.rows:,} rows x 7 columns, one model, {cores} cores, medians of {arguments.runs} runs",
        "",
        "| model | side | wall, s | times bare | peak PSS, MiB | largest process, MiB |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    with tempfile.TemporaryDirectory(prefix="bisect-cache-benchmark-") as place:
        folder = Path(place)
        # Elsewhere, because a child's peak memory is never less than that of the process that started it.
        subprocess.run([sys.executable, __file__, "--write", place, "--rows", str(arguments.rows)], check=True)
        for name in ("linear", "6-256-256-1"):
            lines += sides(folder, name, arguments.runs)
    page = "\n".join([*lines, ""])
    print(page)
    if arguments.out:
        arguments.out.write_text(page)
    return 0


def sides(folder: Path, name: str, runs: int) -> tuple[str, ...]:
    """The rows of the table for one model; sides take turns."""
    model = str(folder / f"{name}.onnx")
    ours = (*our_command(), "bisect", "--cache", str(folder / "cache"), "--timeline", model)
    gate = ("--threshold", "plcc >= -1")
    commands = {
        _BARE: (sys.executable, __file__, "--bare", str(folder / "cache" / "features.parquet"), model),
        "PLCC and RMSE": (*ours, *gate, *_SUMS, "--resamples", "0"),
        "PLCC and RMSE, with intervals": (*ours, *gate, *_SUMS),
        "SROCC too": (*ours, *gate, "--resamples", "0"),
        "SROCC too, with intervals": (*ours, *gate),
    }
    costs: dict[str, list[Cost]] = {side: [] for side in commands}
    for _ in range(runs + 1):  # the first one fills the caches and is left out
        for side, command in commands.items():
            costs[side].append(measure(Command(command)))
    return table(name, {side: median(each[1:]) for side, each in costs.items()})


def table(name: str, costs: dict[str, Cost]) -> tuple[str, ...]:
    """The lines of one model."""
    return tuple(
        f"| {name} | {side} | {cost.wall:.2f} | {cost.wall / costs[_BARE].wall:.2f} | {cost.pss or cost.rss:.0f} | "
        f"{cost.max_rss:.0f} |"
        for side, cost in costs.items()
    )


def bare(parquet: str, model: str) -> None:
    """The other side."""
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np
    import onnxruntime as ort
    import pyarrow.parquet as pq

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model, options)
    name = session.get_inputs()[0].name
    threads = len(os.sched_getaffinity(0))
    with pq.ParquetFile(parquet, pre_buffer=False) as file, ThreadPoolExecutor(threads) as pool:
        for batch in file.iter_batches(_ROWS_AT_A_TIME, columns=[*_SIX, "mos"]):
            matrix = np.empty((batch.num_rows, 6), np.float32)
            for position in range(6):
                matrix[:, position] = np.frombuffer(batch.column(position).buffers()[1], np.float32)[
                    batch.column(position).offset :
                ][: batch.num_rows]
            parts = [matrix[start : start + _STRETCH] for start in range(0, len(matrix), _STRETCH)]
            for _ in pool.map(lambda part: session.run(None, {name: part}), parts):
                pass


def write(folder: Path, count: int) -> None:
    """The synthetic cache, and both models."""
    import onnx

    subprocess.run(
        [*our_command(), "generate", str(folder / "cache"), "--rows", str(count), "--models", "0"], check=True
    )
    for name, model in (("linear", linear()), ("6-256-256-1", network())):
        onnx.save(model, folder / f"{name}.onnx")


def _weights() -> np.ndarray:
    import numpy as np

    return np.array([0.4, 0.1, 0.1, 0.1, 0.1, 0.2], np.float32)


def linear() -> onnx.ModelProto:
    """score = features @ weights."""
    from onnx import helper

    return _model([helper.make_node("MatMul", ["input", "W"], ["score"])], {"W": _weights().reshape(6, 1)})


def network() -> onnx.ModelProto:
    """Two hidden layers of 256."""
    import numpy as np
    from onnx import helper

    rng = np.random.default_rng(1)
    sizes, tensors, nodes, last = (6, 256, 256, 1), {}, [], "input"
    for layer, (wide, high) in enumerate(pairwise(sizes)):
        tensors[f"W{layer}"] = (rng.normal(size=(wide, high)) / np.sqrt(wide)).astype(np.float32)
        out = "score" if high == 1 else f"hidden{layer}"
        nodes.append(helper.make_node("MatMul", [last, f"W{layer}"], [out]))
        if high > 1:
            nodes.append(helper.make_node("Relu", [out], [f"{out}r"]))
            last = f"{out}r"
    return _model(nodes, tensors)


def _model(nodes: list[onnx.NodeProto], tensors: dict[str, np.ndarray]) -> onnx.ModelProto:
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 6])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N", 1])],
        [numpy_helper.from_array(values, name) for name, values in tensors.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


if __name__ == "__main__":
    sys.exit(main())
