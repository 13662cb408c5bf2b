"""Factories for what tests need: models of every shape, small caches, reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bisect_cache.cache.generate import generate
from bisect_cache.cache.manifest import Synthetic, Table
from bisect_cache.report.sections import joined
from bisect_cache.report.structs import (
    BisectReport,
    CacheFacts,
    CacheReport,
    CheckpointFacts,
    CheckReport,
    RunReport,
    Section,
    Step,
    TimelineFacts,
)

SIX = ("adm2", "vif_scale0", "vif_scale1", "vif_scale2", "vif_scale3", "motion2")


def linear(
    weights: Sequence[float] = (1 / 6,) * 6,
    *,
    input_name: str = "input",
    batch: int | str = "N",
    column_output: bool = False,
    dtype: int = TensorProto.FLOAT,
    metadata: Mapping[str, str] | None = None,
) -> onnx.ModelProto:
    """score = features @ weights, in the shapes that real models come in."""
    kind = np.float64 if dtype == TensorProto.DOUBLE else np.float32
    nodes = [helper.make_node("MatMul", [input_name, "W"], ["score" if column_output else "wide"])]
    initializers = [numpy_helper.from_array(np.array(weights, kind).reshape(-1, 1), "W")]
    if not column_output:
        nodes.append(helper.make_node("Squeeze", ["wide", "axes"], ["score"]))
        initializers.append(numpy_helper.from_array(np.array([1], np.int64), "axes"))
    return model(
        nodes,
        [(input_name, dtype, [batch, len(weights)])],
        [("score", dtype, [batch, 1] if column_output else [batch])],
        initializers,
        metadata,
    )


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[tuple[str, int, Sequence[int | str]]],
    outputs: Sequence[tuple[str, int, Sequence[int | str]]],
    initializers: Iterable[onnx.TensorProto] = (),
    metadata: Mapping[str, str] | None = None,
) -> onnx.ModelProto:
    """An ONNX model that every ONNX Runtime of the last years loads."""
    graph = helper.make_graph(
        list(nodes),
        "made",
        [helper.make_tensor_value_info(*port) for port in inputs],
        [helper.make_tensor_value_info(*port) for port in outputs],
        list(initializers),
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(made, dict(metadata or {}))
    return made


def constant(value: float, *, infinite: bool = False) -> onnx.ModelProto:
    """Predicts one value for every row; NaN and infinity by division."""
    nodes = [
        helper.make_node("ReduceSum", ["input", "axes"], ["sum"], keepdims=0),
        helper.make_node("Sub", ["sum", "sum"], ["zero"]),
        helper.make_node("Div" if infinite else "Add", ["value", "zero"], ["score"]),
    ]
    initializers = [
        numpy_helper.from_array(np.array([1], np.int64), "axes"),
        numpy_helper.from_array(np.array([value], np.float32), "value"),
    ]
    return model(nodes, [("input", TensorProto.FLOAT, ["N", 6])], [("score", TensorProto.FLOAT, ["N"])], initializers)


def allocating(elements: int) -> onnx.ModelProto:
    """Wants ``elements`` float32 at once before it scores."""
    nodes = [
        helper.make_node("ReduceSum", ["input", "axes"], ["sum"], keepdims=0),
        helper.make_node("Shape", ["sum"], ["rows"]),
        helper.make_node("Min", ["rows", "size"], ["never_folded"]),
        helper.make_node("Max", ["never_folded", "size"], ["wanted"]),
        helper.make_node("ConstantOfShape", ["wanted"], ["huge"]),
        helper.make_node("ReduceMax", ["huge"], ["largest"], keepdims=0),
        helper.make_node("Add", ["sum", "largest"], ["score"]),
    ]
    initializers = [
        numpy_helper.from_array(np.array([1], np.int64), "axes"),
        numpy_helper.from_array(np.array([elements], np.int64), "size"),
    ]
    return model(nodes, [("input", TensorProto.FLOAT, ["N", 6])], [("score", TensorProto.FLOAT, ["N"])], initializers)


def endless() -> onnx.ModelProto:
    """A Loop that never comes to its end."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["still"]), helper.make_node("Identity", ["kept"], ["next"])],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("kept", TensorProto.FLOAT, ["N"]),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, ["N"]),
        ],
    )
    nodes = [
        helper.make_node("ReduceSum", ["input", "axes"], ["sum"], keepdims=0),
        helper.make_node("Loop", ["", "always", "sum"], ["score"], body=body),
    ]
    initializers = [
        numpy_helper.from_array(np.array([1], np.int64), "axes"),
        numpy_helper.from_array(np.array(True), "always"),
    ]
    return model(nodes, [("input", TensorProto.FLOAT, ["N", 6])], [("score", TensorProto.FLOAT, ["N"])], initializers)


def crashing() -> onnx.ModelProto:
    """Divides the lowest integer by -1: an x86 processor ends the process with SIGFPE."""
    nodes = [
        helper.make_node("Cast", ["input"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Sub", ["whole", "whole"], ["zero"]),
        helper.make_node("Add", ["zero", "minus_one"], ["minus_ones"]),
        helper.make_node("Div", ["lowest", "minus_ones"], ["never"]),
        helper.make_node("Cast", ["never"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["wide", "axes"], ["score"], keepdims=0),
    ]
    initializers = [
        numpy_helper.from_array(np.array([1], np.int64), "axes"),
        numpy_helper.from_array(np.array(-1, np.int64), "minus_one"),
        numpy_helper.from_array(np.array(-(2**63), np.int64), "lowest"),
    ]
    return model(nodes, [("input", TensorProto.FLOAT, ["N", 6])], [("score", TensorProto.FLOAT, ["N"])], initializers)


def with_external_data(made: onnx.ModelProto, location: str) -> tuple[onnx.ModelProto, bytes]:
    """The same model with its weights W in a file of its own, and that file's bytes."""
    moved = onnx.ModelProto()
    moved.CopyFrom(made)
    tensor = next(tensor for tensor in moved.graph.initializer if tensor.name == "W")
    data = bytes(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", str(len(data)))):
        tensor.external_data.add(key=key, value=value)
    return moved, data


def save(made: onnx.ModelProto | bytes, path: Path) -> Path:
    """Write a model."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
    return path


def cache_at(folder: Path, *, part_rows: int | None = None, **parameters: Any) -> Path:
    """A synthetic cache in ``folder``."""
    generate(folder, Synthetic(**parameters), part_rows=part_rows)
    return folder


def table_cache_at(folder: Path, rows: int = 24, part_rows: int | None = None, **parameters: Any) -> Path:
    """A real cache from a CSV that lies beside it: 6 features, mos their mean, 4 contents."""
    values = np.random.default_rng(7).uniform(0.2, 0.9, (rows, 6)).round(6)
    lines = [",".join([*SIX, "mos", "content"])]
    for number, row in enumerate(values):
        lines.append(",".join([*map(str, row), str(row.mean().round(6)), f"clip{number % 4}"]))
    folder.parent.mkdir(parents=True, exist_ok=True)
    (folder.parent / "table.csv").write_text("\n".join(lines) + "\n")
    generate(folder, Table(table="../table.csv", **parameters), part_rows=part_rows)
    return folder


def step(index: int, verdict: str = "good", label: str | None = None, **fields: Any) -> Step:
    """One step of a report."""
    metrics = {"plcc": 0.9, "srocc": 0.9, "rmse": 0.1, "rmse_mapped": 0.1} if verdict in {"good", "bad"} else {}
    return Step(
        index=index,
        label=label or f"model_{index:02d}",
        verdict=verdict,  # type: ignore[arg-type]
        metrics=fields.pop("metrics", metrics),
        intervals=fields.pop("intervals", {}),
        reason=fields.pop("reason", None),
        seconds=0.0,
        **fields,
    )


def bisect_report(outcome: str = "regression", **fields: Any) -> BisectReport:
    """A bisect report; without more, model_01 is the first bad of two."""
    defaults: dict[str, Any] = {
        "verdict": "model_01 is the first regressing model.",
        "cache": CacheFacts("cache", "real", 756, 17, "sha256:" + "0" * 64),
        "timeline": TimelineFacts("files:models/*.onnx", 2),
        "thresholds": ("plcc >= 0.85",),
        "evaluations": 2,
        "first_bad": CheckpointFacts(1, "model_01"),
        "last_good": CheckpointFacts(0, "model_00"),
        "candidates": (),
        "crossings": (),
        "steps": (step(0), step(1, "bad", reason="plcc >= 0.85 does not hold")),
        "notes": (),
        "reproduce": "bisect-cache bisect",
        "environment": {"bisect-cache": "0"},
    }
    return BisectReport(outcome=outcome, **(defaults | fields))  # type: ignore[arg-type]


def check_report(outcome: str = "clean", **fields: Any) -> CheckReport:
    """A check report."""
    defaults: dict[str, Any] = {
        "verdict": "The cache regenerates.",
        "cache": CacheFacts("cache", "synthetic", 256, None, "sha256:" + "0" * 64),
        "regenerated": True,
        "findings": (),
        "reproduce": "bisect-cache bisect",
        "environment": {"bisect-cache": "0"},
    }
    return CheckReport(outcome=outcome, **(defaults | fields))  # type: ignore[arg-type]


def section(report: CacheReport, cache: str = "cache", *, smoke: bool = False) -> Section:
    """One cache of a run over several."""
    return Section(cache, smoke, report)


def run_report(*sections: Section) -> RunReport:
    """The report of a run over several caches; without more, a smoke test that passed and a real cache that is good."""
    synthetic = CacheFacts("the embedded cache", "synthetic", 256, None, "sha256:" + "1" * 64)
    passed = section(bisect_report("no-regression", cache=synthetic, verdict="Fine."), "embedded", smoke=True)
    good = section(bisect_report("no-regression", verdict="All are good."), "clips")
    return joined(sections or (passed, good))
