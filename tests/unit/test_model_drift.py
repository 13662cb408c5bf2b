"""What differs between two models, part by part."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from making import linear
from onnx import helper, numpy_helper

from bisect_cache.cache.manifest import Synthetic
from bisect_cache.cache.models.model_drift import compare_models
from bisect_cache.cache.recipes.synthetic import linear_model, make_synthetic

BASE = linear_model(np.full(6, 1 / 6, np.float32))


def changed(change: Callable[[onnx.ModelProto], object]) -> bytes:
    model = onnx.load_from_string(BASE)
    change(model)
    return model.SerializeToString()


def kinds(committed: bytes) -> list[tuple[str, str]]:
    return [(finding.kind, finding.severity) for finding in compare_models("m.onnx", committed, BASE)]


def heavier(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].float_data[3] += 0.5


def raw(model: onnx.ModelProto) -> None:
    for tensor in model.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda model: setattr(model, "producer_version", "2"), ("metadata", "warning")),
        (lambda model: setattr(model, "doc_string", "new"), ("metadata", "warning")),
        (lambda model: helper.set_model_props(model, {"trained": "yes"}), ("metadata", "warning")),
        (lambda model: setattr(model, "ir_version", 8), ("ir-version", "warning")),
        (lambda model: setattr(model.opset_import[0], "version", 18), ("opset", "error")),
        (lambda model: setattr(model.graph.input[0], "name", "features"), ("interface", "error")),
        (lambda model: setattr(model.graph.node[1], "op_type", "Sub"), ("graph", "error")),
        (lambda model: model.graph.node.pop(), ("graph", "error")),
        (lambda model: setattr(model.graph, "name", "other"), ("metadata", "warning")),
        (lambda model: setattr(model.graph, "doc_string", "new"), ("metadata", "warning")),
        (lambda model: setattr(model.graph.output[0], "name", "mos"), ("interface", "error")),
        (lambda model: model.graph.value_info.append(model.graph.input[0]), ("graph", "error")),
        (lambda model: model.functions.add(name="f", domain="d"), ("graph", "error")),
        (lambda model: model.graph.initializer.add(name="extra"), ("weights", "error")),
        (lambda model: model.graph.initializer[0].dims.reverse(), ("weights", "error")),
        (heavier, ("weights", "error")),
        (lambda model: model.graph.initializer.pop(1), ("weights", "error")),
        (raw, ("writer", "notice")),
    ],
)
def test_each_kind_of_change_is_named(change, expected: tuple[str, str]) -> None:
    assert kinds(changed(change)) == [expected]


def test_equal_bytes_have_no_drift() -> None:
    assert kinds(BASE) == []


def test_weights_say_which_initialiser_and_how_far() -> None:
    (finding,) = compare_models("m.onnx", changed(heavier), BASE)
    assert "initialiser 'W': 1 of 6 values differ, largest difference 0.5" in finding.detail
    assert "generate" in finding.detail


@pytest.mark.parametrize("junk", [b"", b"not a model", BASE[: len(BASE) // 2], b"\x00" * 64])
def test_what_is_no_model_is_corrupt(junk: bytes) -> None:
    assert kinds(junk) == [("corrupt", "error")]


def test_another_model_altogether_is_described_in_all_its_parts() -> None:
    committed = linear(batch=1, column_output=True).SerializeToString()
    assert {kind for kind, _ in kinds(committed)} >= {"metadata", "interface", "graph", "weights"}


def test_the_default_recipe_makes_the_models_that_its_text_prescribes() -> None:
    made = make_synthetic(Synthetic())
    rng = np.random.default_rng(20260419)
    for name, data in made.models.items():
        model = onnx.load_from_string(data)
        weights = np.full(6, 1 / 6, np.float32)
        spread = np.maximum(np.abs(weights), 1) * np.float32(1e-4)
        weights += rng.normal(0.0, spread, size=6).astype(np.float32)
        assert list(model.graph.initializer[0].float_data) == weights.tolist(), name
        assert (model.ir_version, model.opset_import[0].version) == (9, 17)
        assert (model.producer_name, model.producer_version) == ("vmaf-train.bisect-cache", "1")
        assert [node.op_type for node in model.graph.node] == ["MatMul", "Add", "Squeeze"]
        assert [node.name for node in model.graph.node] == ["", "", ""]
        assert not any(tensor.raw_data for tensor in model.graph.initializer)
    assert list(made.models) == [f"models/model_{index:02d}.onnx" for index in range(8)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda model: model.graph.node[0].attribute.add(name="x", i=1, type=2), "node 0 (MatMul) differs in its attr"),
        (lambda model: setattr(model.graph.node[0], "name", "first"), "node 0 (MatMul) differs in its name or doc"),
        (lambda model: model.graph.node[0].output.append("more"), "node 0 (MatMul) differs in its outputs"),
        (lambda model: setattr(model.graph.node[1], "op_type", "Sub"), "node 1 is Sub(mm, b), regenerated Add(mm, b)"),
        (lambda model: model.graph.node.pop(), "2 nodes, regenerated 3"),
        (lambda model: model.graph.initializer.add(name="extra"), "'extra' is only in the committed model"),
        (lambda model: model.graph.initializer.pop(1), "'b' is not in the committed model"),
        (lambda model: model.graph.initializer[0].dims.reverse(), "'W': shape [1, 6] or type differs from the"),
        (lambda model: setattr(model.graph.output[0], "name", "mos"), "outputs are mos FLOAT [N], regenerated score"),
        (lambda model: setattr(model.opset_import[0], "version", 18), "opset ai.onnx is 18, regenerated 17"),
    ],
)
def test_a_change_is_told_in_words(change, words: str) -> None:
    (finding,) = compare_models("m.onnx", changed(change), BASE)
    assert words in finding.detail


def test_weights_moved_into_a_file_are_not_looked_for_there(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.data").write_bytes(np.full(6, 9, np.float32).tobytes())
    (finding,) = compare_models("m.onnx", changed(external), BASE)
    assert "initialiser 'W': its data differs" in finding.detail


def external(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("float_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="w.data")


def test_many_changes_are_counted_and_not_all_listed() -> None:
    props = {f"key{index}": "x" for index in range(9)}
    (finding,) = compare_models("m.onnx", changed(lambda model: helper.set_model_props(model, props)), BASE)
    assert "metadata_props['key5'] differs; and 3 more." in finding.detail
    assert "key6" not in finding.detail


@pytest.mark.parametrize(
    ("value", "words"),
    [(-0.0, "largest difference 0 (only the sign of zero)"), (float("nan"), "some between a number and NaN")],
)
def test_the_sign_of_zero_and_nan_are_differences_of_weights(value: float, words: str) -> None:
    def bias(model: onnx.ModelProto) -> None:
        model.graph.initializer[1].float_data[0] = value

    (finding,) = compare_models("m.onnx", changed(bias), BASE)
    assert f"initialiser 'b': 1 of 1 values differ, {words}" in finding.detail
