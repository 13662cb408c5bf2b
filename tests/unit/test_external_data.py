"""Weights in other files: put back into the model, within bounds, and only from where the model says."""

import onnx
import pytest
from making import linear, with_external_data
from onnx import numpy_helper

from bisect_cache.cache.models.external_data import CannotInline, inlined

MADE = linear((1, 2, 3, 4, 5, 6))


def placed(**said: str) -> bytes:
    """MADE with W in ``w.data``, with these entries instead of its own."""
    moved, _ = with_external_data(MADE, "w.data")
    (tensor,) = [tensor for tensor in moved.graph.initializer if tensor.name == "W"]
    tensor.ClearField("external_data")
    for key, value in ({"location": "w.data"} | said).items():
        tensor.external_data.add(key=key, value=value)
    return moved.SerializeToString()


DATA = with_external_data(MADE, "w.data")[1]


def test_a_model_with_its_weights_inside_stays_as_it_is() -> None:
    def beside(location: str) -> bytes:
        raise AssertionError(location)

    assert inlined(MADE.SerializeToString(), beside, 1 << 20) == MADE.SerializeToString()
    named = linear(metadata={"location": "a word that also stands in other models"}).SerializeToString()
    assert inlined(named, beside, 1 << 20) == named


@pytest.mark.parametrize(
    ("said", "file"),
    [
        ({}, DATA),
        ({"offset": "0", "length": str(len(DATA))}, DATA + b"more"),
        ({"offset": "4"}, b"more" + DATA),
        ({"offset": "4", "length": str(len(DATA)), "checksum": "0"}, b"more" + DATA + b"more"),
    ],
)
def test_weights_come_from_the_bytes_that_the_model_names(said: dict[str, str], file: bytes) -> None:
    whole = onnx.load_from_string(inlined(placed(**said), {"w.data": file}.__getitem__, 1 << 20))
    assert numpy_helper.to_array(whole.graph.initializer[0]).ravel().tolist() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    "said", [{"offset": "-4"}, {"offset": "30"}, {"length": "99"}, {"length": "-1"}, {"offset": "x"}, {"length": ""}]
)
def test_bytes_that_are_not_there_are_said_to_be_missing(said: dict[str, str]) -> None:
    with pytest.raises(CannotInline, match=r"'w\.data' does not hold the bytes"):
        inlined(placed(**said), lambda _: DATA, 1 << 20)


def test_one_file_named_by_many_tensors_counts_each_time_and_is_read_once() -> None:
    moved = onnx.load_from_string(placed())
    for number in range(50):
        moved.graph.initializer.add().CopyFrom(moved.graph.initializer[0])
        moved.graph.initializer[-1].name = f"W{number}"
    read: list[str] = []

    def beside(location: str) -> bytes:
        read.append(location)
        return bytes(1 << 20)

    with pytest.raises(CannotInline, match="more than 16 MiB"):
        inlined(moved.SerializeToString(), beside, 16 << 20)
    assert read == ["w.data"]


def test_what_is_no_model_is_said_to_be_none() -> None:
    with pytest.raises(CannotInline, match="no ONNX model"):
        inlined(b"location \xff", lambda _: b"", 1 << 20)
    with pytest.raises(CannotInline, match="more than 1 MiB"):
        inlined(bytes((1 << 20) + 1), lambda _: b"", 1 << 20)
