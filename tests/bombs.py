"""Models that want all memory, all time or all of the stack: small files that stand for something without end."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import onnx
from making import allocating, crashing, endless, linear, model
from onnx import TensorProto, helper, numpy_helper

_INPUT = ("input", TensorProto.FLOAT, ["N", 6])
_SCORE = ("score", TensorProto.FLOAT, ["N"])


def _scored(nodes: Sequence[onnx.NodeProto], initializers: Sequence[TensorProto], extra: str) -> onnx.ModelProto:
    """The sum of the features and of the one number ``extra``."""
    axes = numpy_helper.from_array(np.array([1], np.int64), "axes")
    summed = helper.make_node("ReduceSum", ["input", "axes"], ["sum"], keepdims=0)
    added = helper.make_node("Add", ["sum", extra], ["score"])
    return model([summed, *nodes, added], [_INPUT], [_SCORE], [axes, *initializers])


def _numbers(name: str, *values: int) -> TensorProto:
    return numpy_helper.from_array(np.array(values, np.int64), name)


def _number(name: str, value: float) -> TensorProto:
    return numpy_helper.from_array(np.array(value, np.float32), name)


def folded() -> onnx.ModelProto:
    """A constant of 4 TiB, which is worked out while the model is loaded."""
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["huge"]),
        helper.make_node("ReduceMax", ["huge"], ["largest"], keepdims=0),
    ]
    return _scored(nodes, [_numbers("shape", 1 << 40)], "largest")


def tiled() -> onnx.ModelProto:
    """One number, repeated 2 to the 40th."""
    nodes = [
        helper.make_node("Tile", ["one", "times"], ["huge"]),
        helper.make_node("ReduceMax", ["huge"], ["largest"], keepdims=0),
    ]
    one = numpy_helper.from_array(np.ones((1, 1), np.float32), "one")
    return _scored(nodes, [one, _numbers("times", 1 << 20, 1 << 20)], "largest")


def ranging() -> onnx.ModelProto:
    """All numbers up to 10 to the 15th."""
    nodes = [
        helper.make_node("Range", ["from", "to", "step"], ["huge"]),
        helper.make_node("ReduceMax", ["huge"], ["top"], keepdims=0),
        helper.make_node("Cast", ["top"], ["largest"], to=TensorProto.FLOAT),
    ]
    ends = [numpy_helper.from_array(np.array(value, np.int64), name) for name, value in _ENDS.items()]
    return _scored(nodes, ends, "largest")


_ENDS = {"from": 0, "to": 10**15, "step": 1}


def sparse() -> onnx.ModelProto:
    """A constant with one value in 2 to the 40th places."""
    values, indices = numpy_helper.from_array(np.ones(1, np.float32), "v"), _numbers("i", 0)
    constant = helper.make_node("Constant", [], ["huge"])
    thin = onnx.SparseTensorProto(values=values, indices=indices, dims=[1 << 40])
    constant.attribute.append(helper.make_attribute("sparse_value", thin))
    largest = helper.make_node("ReduceMax", ["huge"], ["largest"], keepdims=0)
    return _scored([constant, largest], [], "largest")


def claiming() -> onnx.ModelProto:
    """An initializer that says it has 2 to the 60th values, and has four bytes."""
    huge = TensorProto(name="huge", data_type=TensorProto.FLOAT, dims=[1 << 60], raw_data=bytes(4))
    return _scored([helper.make_node("ReduceMax", ["huge"], ["largest"], keepdims=0)], [huge], "largest")


def large(megabytes: int) -> onnx.ModelProto:
    """An initializer that has the bytes that it says."""
    huge = TensorProto(
        name="huge", data_type=TensorProto.FLOAT, dims=[megabytes << 18], raw_data=bytes(megabytes << 20)
    )
    return _scored([helper.make_node("ReduceMax", ["huge"], ["largest"], keepdims=0)], [huge], "largest")


def collecting() -> onnx.ModelProto:
    """A Loop without end that keeps what every turn gives."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["still"]), helper.make_node("Identity", ["sum"], ["kept"])],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("kept", TensorProto.FLOAT, None),
        ],
    )
    nodes = [
        helper.make_node("Loop", ["", "always"], ["all"], body=body),
        helper.make_node("ReduceMax", ["all"], ["largest"], keepdims=0),
    ]
    return _scored(nodes, [numpy_helper.from_array(np.array(True), "always")], "largest")


def functions_in_functions(depth: int, calls: int) -> onnx.ModelProto:
    """Functions that each call the next one ``calls`` times: written out, ``calls`` to the ``depth`` nodes."""
    made = _scored([helper.make_node("f0", ["zero"], ["extra"], domain="own")], [_number("zero", 0)], "extra")
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    for level in range(depth):
        inner, domain = ("Neg", "") if level == depth - 1 else (f"f{level + 1}", "own")
        names = ["x", *(f"x{turn}" for turn in range(calls - 1)), "y"]
        body = [helper.make_node(inner, [a], [b], domain=domain) for a, b in pairwise(names)]
        made.functions.append(helper.make_function("own", f"f{level}", ["x"], ["y"], body, opsets))
    made.opset_import.append(helper.make_opsetid("own", 1))
    return made


def calling_itself() -> onnx.ModelProto:
    """A function that calls itself."""
    made = functions_in_functions(1, 1)
    made.functions[0].node[0].op_type, made.functions[0].node[0].domain = "f0", "own"
    return made


def branches_in_branches(depth: int) -> onnx.ModelProto:
    """An If in an If in an If."""
    output = helper.make_tensor_value_info("out", TensorProto.FLOAT, [])
    graph = helper.make_graph([helper.make_node("Identity", ["zero"], ["out"])], "g", [], [output])
    for _ in range(depth):
        node = helper.make_node(
            "If",
            ["go"],
            ["out"],
            then_branch=graph,
            else_branch=helper.make_graph([helper.make_node("Identity", ["zero"], ["out"])], "e", [], [output]),
        )
        graph = helper.make_graph([node], "g", [], [output])
    node = helper.make_node("Identity", ["zero"], ["extra"])
    made = _scored([node], [_number("zero", 0), numpy_helper.from_array(np.array(True), "go")], "extra")
    made.graph.node[1].CopyFrom(graph.node[0])
    made.graph.node[1].output[0] = "extra"
    return made


def nested_bytes(depth: int) -> bytes:
    """Graphs in attributes in nodes in graphs, deeper than any parser's stack."""
    nested = b""
    for _ in range(depth):
        for tag in (b"\x32", b"\x2a", b"\x0a"):
            nested = tag + _varint(len(nested)) + nested
    return linear().SerializeToString() + b"\x3a" + _varint(len(nested)) + nested


def chain(length: int) -> onnx.ModelProto:
    """One node after the other."""
    names = ["zero", *(f"x{turn}" for turn in range(length))]
    nodes = [helper.make_node("Neg", [a], [b]) for a, b in pairwise(names)]
    return _scored(nodes, [_number("zero", 0)], names[-1])


def custom_operator() -> onnx.ModelProto:
    """An operator that only a library of its own could bring."""
    made = _scored([helper.make_node("Own", ["zero"], ["extra"], domain="own")], [_number("zero", 0)], "extra")
    made.opset_import.append(helper.make_opsetid("own", 1))
    return made


def _varint(value: int) -> bytes:
    said = bytearray()
    while value > 0x7F:
        said.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*said, value])


def bombs() -> dict[str, onnx.ModelProto | bytes]:
    """Every one of them by name, for limits of 1 GiB and a second or two."""
    return {
        "4 TiB when it is loaded": folded(),
        "4 TiB when it runs": allocating(1 << 40),
        "3 GiB when it runs": allocating(3 << 28),
        "a tile": tiled(),
        "a range": ranging(),
        "a sparse constant": sparse(),
        "dimensions without data": claiming(),
        "an initializer beyond the limit": large(600),
        "a loop without end": endless(),
        "a loop that keeps all": collecting(),
        "2 to the 40th nodes in functions": functions_in_functions(40, 2),
        "functions 5,000 deep": functions_in_functions(5_000, 1),
        "a function that calls itself": calling_itself(),
        "branches 30 deep": branches_in_branches(30),
        "graphs 20,000 deep": nested_bytes(20_000),
        "an operator of its own": custom_operator(),
        "a native fault": crashing(),
    }
