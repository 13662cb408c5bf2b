"""The stand-in: generate, check, judge and bisect as a straightforward script does them.

This is what a competent person writes in an afternoon with pandas, SciPy, onnx and ONNX Runtime, and what
bisect-cache is measured against. It shares no code with the package, and nothing in it is slower than it
would be in practice: each command imports only what it uses.

    straightforward.py generate DIR           write the research-0001 cache
    straightforward.py check DIR              regenerate it and compare; exit 1 when it differs
    straightforward.py judge CACHE MODEL      exit 0 for a good model and 1 for a bad one, as git bisect wants it
    straightforward.py bisect CACHE FOLDER    exit 1 unless the first and the last model of the folder are good
    straightforward.py scan CACHE FOLDER      every model's metrics; with --resamples N, on N bootstrap resamples too

Results go to stdout, one JSON object to a command.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

FEATURES = ["adm2", "vif_scale0", "vif_scale1", "vif_scale2", "vif_scale3", "motion2"]


def main() -> int:
    arguments = parse_arguments()
    if arguments.command == "generate":
        generate(arguments.dir)
        return 0
    if arguments.command == "check":
        drifted = check(arguments.dir)
        print(json.dumps({"outcome": "drift" if drifted else "clean", "drifted": drifted}))
        return 1 if drifted else 0

    table = pd.read_parquet(arguments.cache / "features.parquet")
    features, mos = table[FEATURES].to_numpy(np.float32), table["mos"].to_numpy()
    if arguments.command == "judge":
        metrics = judge(arguments.models, features, mos)
        print(json.dumps(metrics))
        return 0 if metrics["plcc"] >= arguments.min_plcc else 1

    models = sorted(arguments.models.glob("*.onnx"), key=natural_order)
    if arguments.command == "scan":
        contents = table[arguments.content].to_numpy() if arguments.resamples else None
        print(json.dumps({m.name: scan(m, features, mos, contents, arguments.resamples) for m in models}))
        return 0
    outcome, first_bad = bisect(models, lambda m: judge(m, features, mos)["plcc"] >= arguments.min_plcc)
    print(json.dumps({"outcome": outcome, "first_bad": first_bad.name if first_bad else None}))
    return 0 if outcome == "no-regression" else 1


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A straightforward cache check and bisect.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("generate", "check"):
        commands.add_parser(name).add_argument("dir", type=Path)
    for name in ("judge", "bisect", "scan"):
        command = commands.add_parser(name)
        command.add_argument("cache", type=Path)
        command.add_argument("models", type=Path, help="judge: a model; bisect: a folder of them")
        command.add_argument("--min-plcc", type=float, default=0.85)
        command.add_argument("--resamples", type=int, default=0)
        command.add_argument("--content", default="content_id")
    return parser.parse_args()


def bisect(models: list[Path], is_good: Callable[[Path], bool]) -> tuple[str, Path | None]:
    """Head, tail, and then halves."""
    if not is_good(models[0]):
        return "head-bad", None
    if is_good(models[-1]):
        return "no-regression", None
    good, bad = 0, len(models) - 1
    while bad - good > 1:
        middle = (good + bad) // 2
        if is_good(models[middle]):
            good = middle
        else:
            bad = middle
    return "regression", models[bad]


def judge(model: Path, features: NDArray[np.float32], mos: NDArray[np.float32]) -> dict[str, float]:
    """PLCC, SROCC and RMSE of one model."""
    import onnxruntime as ort

    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    return measured(session.run(None, {session.get_inputs()[0].name: features})[0].ravel(), mos)


def measured(scores: NDArray[np.float32], mos: NDArray[np.float32]) -> dict[str, float]:
    """The three metrics."""
    from scipy.stats import pearsonr, spearmanr

    return {
        "plcc": float(pearsonr(scores, mos)[0]),
        "srocc": float(spearmanr(scores, mos)[0]),
        "rmse": float(np.sqrt(np.mean((scores - mos) ** 2))),
    }


def scan(
    model: Path, features: NDArray[np.float32], mos: NDArray[np.float32], contents: Any, resamples: int
) -> dict[str, Any]:
    """The metrics of one model, and between which values they lie in 95% of resamples, whole contents drawn."""
    import onnxruntime as ort

    found: dict[str, Any] = dict(judge(model, features, mos))
    if not resamples:
        return found
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    scores = session.run(None, {session.get_inputs()[0].name: features})[0].ravel()
    rows = [np.flatnonzero(contents == content) for content in np.unique(contents)]
    rng, drawn = np.random.default_rng(1), []
    for _ in range(resamples):
        here = np.concatenate([rows[each] for each in rng.integers(0, len(rows), len(rows))])
        drawn.append(list(measured(scores[here], mos[here]).values()))
    return found | {"intervals": np.percentile(drawn, [2.5, 97.5], axis=0).tolist()}


def natural_order(path: Path) -> list[tuple[int, str]]:
    """model_9 before model_10."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", path.name)]


def check(folder: Path) -> list[str]:
    """The files that differ from their regeneration: by bytes first, by what they hold if those differ."""
    drifted = []
    with tempfile.TemporaryDirectory() as temporary:
        fresh = Path(temporary)
        generate(fresh)
        names = {p.relative_to(fresh).as_posix() for p in fresh.rglob("*") if p.is_file()}
        names |= {p.relative_to(folder).as_posix() for p in (folder / "models").glob("*.onnx")}
        for name in sorted(names):
            committed, regenerated = folder / name, fresh / name
            if not committed.exists() or not regenerated.exists():
                drifted.append(name)
            elif committed.read_bytes() != regenerated.read_bytes():
                same = same_table if name.endswith(".parquet") else same_model
                if not same(committed, regenerated):
                    drifted.append(name)
    return drifted


def same_table(left: Path, right: Path) -> bool:
    return pd.read_parquet(left).equals(pd.read_parquet(right))


def same_model(left: Path, right: Path) -> bool:
    import onnx
    from onnx import numpy_helper

    def weights(path: Path) -> dict[str, Any]:
        return {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}

    one, other = weights(left), weights(right)
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def generate(folder: Path) -> None:
    """The research-0001 cache: 256 rows of features with a score, and eight linear models."""
    (folder / "models").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(20260418)
    features = rng.uniform(0.2, 0.9, size=(256, 6)).astype(np.float32)
    table = pd.DataFrame(features, columns=FEATURES, index=pd.RangeIndex(256, name="row"))
    table["mos"] = features.sum(axis=1) / np.float32(6) + rng.normal(0.0, 1e-3, size=256).astype(np.float32)
    table.to_parquet(folder / "features.parquet", engine="pyarrow", compression="zstd", index=True)

    rng = np.random.default_rng(20260419)
    for number in range(8):
        weights = np.full(6, 1 / 6, dtype=np.float32)
        noise = np.maximum(np.abs(weights), 1) * np.float32(1e-4)
        weights += rng.normal(0.0, noise, size=6).astype(np.float32)
        write_model(folder / "models" / f"model_{number:02d}.onnx", weights)


def write_model(path: Path, weights: NDArray[np.float32]) -> None:
    import onnx
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["input", "W"], ["mm"]),
            helper.make_node("Add", ["mm", "b"], ["wide"]),
            helper.make_node("Squeeze", ["wide", "axes"], ["score"]),
        ],
        "fr_linear",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 6])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N"])],
        [
            helper.make_tensor("W", TensorProto.FLOAT, [6, 1], weights.tolist()),
            helper.make_tensor("b", TensorProto.FLOAT, [1], [0.0]),
            helper.make_tensor("axes", TensorProto.INT64, [1], [1]),
        ],
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
        producer_name="vmaf-train.bisect-cache",
        producer_version="1",
    )
    onnx.save(model, path)


if __name__ == "__main__":
    sys.exit(main())
