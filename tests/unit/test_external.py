"""The files that a model names are found in its bytes as the library of ONNX finds them."""

from __future__ import annotations

from collections.abc import Callable

import onnx
from hypothesis import given
from hypothesis import strategies as st
from making import linear, model, with_external_data
from onnx import TensorProto, helper

from bisect_cache.cache.models.external_data import external_tensors, location_of
from bisect_cache.worker.external import external_locations


def outside(location: str, **more: str) -> TensorProto:
    tensor = TensorProto(name=location, data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    for key, value in {"offset": "0", "location": location, **more}.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


def by_the_library(made: onnx.ModelProto) -> list[str]:
    return list(dict.fromkeys(location for tensor in external_tensors(made) for location in location_of(tensor)))


def everywhere(names: Callable[[], str]) -> onnx.ModelProto:
    """A model with a tensor outside in every place that the format has for one."""
    constant = helper.make_node("Constant", [], ["c"], value=outside(names()))
    listed = helper.make_node("X", [], ["d"], values=[outside(names()), outside(names())])
    sparse = onnx.SparseTensorProto(values=outside(names()), indices=outside(names()), dims=[1])
    thin = helper.make_node("Constant", [], ["e"])
    thin.attribute.append(helper.make_attribute("sparse_value", sparse))
    many = onnx.AttributeProto(name="many", type=onnx.AttributeProto.SPARSE_TENSORS, sparse_tensors=[sparse])
    thin.attribute.append(many)
    branch = helper.make_graph([constant], "then", [], [], [outside(names())])
    listing = onnx.AttributeProto(name="graphs", type=onnx.AttributeProto.GRAPHS, graphs=[branch, branch])
    deeper = helper.make_node("If", ["go"], ["score"], then_branch=branch, else_branch=branch)
    deeper.attribute.append(listing)
    made = model(
        [deeper, listed, thin],
        [("go", TensorProto.BOOL, [])],
        [("score", TensorProto.FLOAT, ["N"])],
        [outside(names()), outside(names(), checksum="00"), helper.make_tensor("inside", TensorProto.FLOAT, [1], [1])],
    )
    made.graph.sparse_initializer.append(sparse)
    called = helper.make_function("own", "f", [], ["y"], [constant], [helper.make_opsetid("", 17)])
    called.attribute_proto.append(helper.make_attribute("default", outside(names())))
    made.functions.append(called)
    made.training_info.append(onnx.TrainingInfoProto(initialization=branch, algorithm=branch))
    return made


def test_every_place_of_the_format_that_can_hold_a_tensor_is_looked_at() -> None:
    made = everywhere(iter([f"{number}.data" for number in range(9)]).__next__)
    found = external_locations(made.SerializeToString())
    assert sorted(found) == sorted(by_the_library(made))
    assert len(found) == 9


@given(st.lists(st.sampled_from(["a", "b", "", "../x", "location", "ä\U0001f600"]), min_size=9, max_size=9))
def test_what_is_found_is_what_the_library_finds(names: list[str]) -> None:
    made = everywhere(iter(names).__next__)
    found = external_locations(made.SerializeToString())
    assert sorted(found) == sorted(by_the_library(made))
    assert len(set(found)) == len(found), "each once"


def test_a_model_that_has_its_weights_inside_names_no_file() -> None:
    inside = linear(metadata={"location": "nowhere.data"})
    inside.graph.initializer[0].external_data.add(key="location", value="left.over")  # and yet the data is inside
    assert external_locations(inside.SerializeToString()) == []
    assert external_locations(linear().SerializeToString()) == []


@given(st.binary(max_size=200), st.integers(0, 400))
def test_what_is_no_model_names_no_file_and_does_no_harm(garbage: bytes, cut: int) -> None:
    moved, _ = with_external_data(linear(), "m.data")
    whole = moved.SerializeToString()
    assert set(external_locations(whole[:cut] + garbage + b"location")) <= {"m.data"}
    assert external_locations(b"location" + garbage) == []


def test_a_model_nested_without_end_is_walked_in_time_that_its_size_explains() -> None:
    nested = outside("deep.data").SerializeToString()
    nested = b"\x2a" + varint(len(nested)) + nested  # graph.initializer
    for _ in range(3_000):
        for tag in (b"\x32", b"\x2a", b"\x0a"):  # attribute.g, node.attribute, graph.node
            nested = tag + varint(len(nested)) + nested
    assert external_locations(b"\x3a" + varint(len(nested)) + nested) == ["deep.data"]


def varint(value: int) -> bytes:
    said = bytearray()
    while value > 0x7F:
        said.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*said, value])
