"""The recipe ``synthetic``: features, target and linear models from two seeds.

With its defaults it is ``research-0001``, which must come out value for value and byte for byte: the order of
the draws, the casts and the protobuf fields below are the recipe, not a choice.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from bisect_cache.cache.manifest import DEFAULT_FEATURES, MODELS_FOLDER, TARGET_COLUMN, Synthetic
from bisect_cache.cache.recipes.interface import BadSource, Made

_WIDTH = len(DEFAULT_FEATURES)


def make_synthetic(recipe: Synthetic) -> Made:
    """Features uniform in [0.2, 0.9), a target that is their mean plus noise, models that nearly are that mean.

    Raises ``BadSource`` when ``regress_at`` is not the index of a model.
    """
    if recipe.regress_at is not None and recipe.regress_at >= recipe.models:
        raise BadSource(
            f"--regress-at {recipe.regress_at}: there is no such model; with {recipe.models} models it is "
            f"0 to {recipe.models - 1}"
        )
    rng = np.random.default_rng(recipe.features_seed)
    features = rng.uniform(0.2, 0.9, size=(recipe.rows, _WIDTH)).astype(np.float32)
    # Column by column, left to right: the same additions as a float32 sum over a row of six, on every CPU.
    row_sum: NDArray[np.float32] = reduce(np.add, features.T)
    noise = rng.normal(0.0, recipe.target_noise, size=recipe.rows).astype(np.float32)
    target = row_sum / np.float32(_WIDTH) + noise
    columns = dict(zip(DEFAULT_FEATURES, np.ascontiguousarray(features.T), strict=True)) | {TARGET_COLUMN: target}
    digits = max(2, len(str(recipe.models - 1)))
    return Made(
        columns=columns,
        features=DEFAULT_FEATURES,
        models={
            f"{MODELS_FOLDER}/model_{index:0{digits}d}.onnx": linear_model(weights)
            for index, weights in enumerate(_weights(recipe))
        },
    )


def _weights(recipe: Synthetic) -> Iterator[NDArray[np.float32]]:
    rng = np.random.default_rng(recipe.models_seed)
    mean = np.full(_WIDTH, 1.0 / _WIDTH, np.float32)
    spread = np.maximum(np.abs(mean), 1) * np.float32(recipe.weight_noise)
    for index in range(recipe.models):
        weights = mean + rng.normal(0.0, spread, size=_WIDTH).astype(np.float32)
        # Weights drawn at random correlate by luck; a flipped sign is bad for every seed and every row count.
        yield -weights if recipe.regress_at is not None and index >= recipe.regress_at else weights


def linear_model(weights: NDArray[np.float32]) -> bytes:
    """The ONNX bytes of ``score = input @ weights + 0``: input [N, 6] float32, score [N] float32.

    The same bytes under every onnx version: opset, IR version and producer are pinned, and the initialisers are
    made from Python lists, which fixes the field that holds them.
    """
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("MatMul", ["input", "W"], ["mm"]),
        helper.make_node("Add", ["mm", "b"], ["wide"]),
        helper.make_node("Squeeze", ["wide", "axes"], ["score"]),
    ]
    graph = helper.make_graph(
        nodes,
        "fr_linear",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", _WIDTH])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N"])],
        [
            helper.make_tensor("W", TensorProto.FLOAT, [_WIDTH, 1], weights.tolist()),
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
    return bytes(model.SerializeToString(deterministic=True))
