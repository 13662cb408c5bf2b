"""Mean and std under the keys of a sidecar or of metadata."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisect_cache.timeline.declaration import Normalisation
from bisect_cache.worker.normalising import NoNumbers, divisors, keys_in, pairs_in, scaler_in, spread

KNOWN = Normalisation("sidecar")


def by(mean: str, std: str) -> Normalisation:
    return Normalisation("sidecar", mean, std)


@pytest.mark.parametrize(
    ("document", "wanted", "mean", "std", "said"),
    [
        ({"feature_mean": [1, 2], "feature_std": [3, 4]}, KNOWN, (1, 2), (3, 4), "feature_mean and feature_std of s"),
        ({"input_mean": [1], "input_std": [3]}, KNOWN, (1,), (3,), "input_mean and input_std of s"),
        ({"mean": 0.5, "std": 2}, KNOWN, 0.5, 2, "mean and std of s"),
        ({"mean_": [1], "scale_": [3]}, KNOWN, (1,), (3,), "mean_ and scale_ of s"),
        ({"norm": {"mean": [1], "std": [3]}}, KNOWN, (1,), (3,), "norm.mean and norm.std of s"),
        ({"mean": {"a": 1}, "std": {"a": 3}}, KNOWN, {"a": 1}, {"a": 3}, "mean and std of s"),
        ({"mean": "[1, 2]", "std": "0.5"}, KNOWN, (1, 2), 0.5, "mean and std of s"),
        ({"m": [1], "s": [2], "mean": [9], "std": [9]}, by("m", "s"), (1,), (2,), "m and s of s"),
        ({"a": {"b": {"m": [1]}}, "a.s": [2]}, by("a.b.m", "a.s"), (1,), (2,), "a.b.m and a.s of s"),
    ],
)
def test_numbers_are_found_under_their_keys(document, wanted, mean, std, said) -> None:
    scaler = scaler_in(document, wanted, "s")
    assert (scaler.mean, scaler.std, scaler.said) == (mean, std, said)


@pytest.mark.parametrize(
    ("document", "wanted", "said"),
    [
        ({}, KNOWN, "holds no normalisation under known keys (feature_mean and feature_std, input_mean"),
        ({"feature_mean": [1], "input_std": [1]}, KNOWN, "holds no normalisation under known keys"),
        (
            {"mean": [1], "std": [1], "input_mean": [2], "input_std": [2]},
            KNOWN,
            "holds normalisation more than once (input_mean and input_std; mean and std): declare which",
        ),
        ({"x": 1}, by("m", "s"), "has no m: it holds x"),
        ({"m": {"x": 1}}, by("m.y", "s"), "has no m.y: it holds m"),
        ({"mean": [1, "2"], "std": [1]}, KNOWN, "mean holds 2, which is no finite number"),
        ({"mean": [1, None], "std": [1]}, KNOWN, "mean holds None, which is no finite number"),
        ({"mean": [1, True], "std": [1]}, KNOWN, "mean holds True, which is no finite number"),
        ({"mean": [1, float("nan")], "std": [1]}, KNOWN, "mean holds nan, which is no finite number"),
        ({"mean": [10**400], "std": [1]}, KNOWN, "mean holds 1000000000"),
        ({"mean": [[1]], "std": [1]}, KNOWN, "mean holds [1], which is no finite number"),
        ({"mean": [], "std": [1]}, KNOWN, "mean holds 0 numbers; 1 to 10,000 are read"),
        ({"mean": [0] * 10_001, "std": [1]}, KNOWN, "mean holds 10001 numbers"),
        ({"mean": "a, b", "std": [1]}, KNOWN, "mean holds a, b, which is no finite number"),
        ({"mean": "[" * 100_000, "std": [1]}, KNOWN, "mean holds [[[["),
    ],
)
def test_what_is_no_normalisation_says_what_is_there(document, wanted, said) -> None:
    with pytest.raises(NoNumbers) as refused:
        scaler_in(document, wanted, "s")
    assert said in str(refused.value)
    assert len(str(refused.value)) < 600


@pytest.mark.parametrize(
    ("numbers", "expected"), [(2.0, (2.0, 2.0)), ((1.0, 2.0), (1.0, 2.0)), ({"b": 1.0, "a": 2.0, "c": 3.0}, (2.0, 1.0))]
)
def test_numbers_go_to_the_features_in_the_models_order(numbers, expected) -> None:
    assert spread(numbers, ("a", "b"), "mean") == expected


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ((1.0,), r"mean has 1 numbers for 2 features \(a, b\)"),
        ((1.0, 2.0, 3.0), "mean has 3 numbers for 2 features"),
        ({"a": 1.0}, "mean has no number for b"),
    ],
)
def test_numbers_for_other_features_are_refused(numbers, said) -> None:
    with pytest.raises(NoNumbers, match=said):
        spread(numbers, ("a", "b"), "mean")


@pytest.mark.parametrize("std", [0.0, -1.0, -0.0])
def test_nothing_is_divided_by_a_std_that_is_not_above_0(std) -> None:
    assert divisors((1.0, 1e-300), ("a", "b")) == (1.0, 1e-300)
    with pytest.raises(NoNumbers, match=rf"std must be above 0 to divide by it; it is not for b \({std:g}\)"):
        divisors((1.0, std), ("a", "b"))


def test_a_reader_is_told_of_single_keys_and_a_hint_takes_a_pair() -> None:
    assert keys_in({"feature_mean": 1, "x": {"std": 2, "y": 3}}) == ("feature_mean", "x.std")
    assert pairs_in({"feature_mean": 1, "x": {"std": 2}}) == []
    assert pairs_in({"x": {"std": 2, "mean": 3}, "mean": 1}) == [("x.mean", "x.std")]


@given(st.dictionaries(st.sampled_from(["mean", "std", "norm"]), st.recursive(
    st.none() | st.floats() | st.integers() | st.text(max_size=3) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["mean", "std"]), inner),
    max_leaves=5,
)))  # fmt: skip
def test_any_document_gives_finite_numbers_or_a_reason(document) -> None:
    with contextlib.suppress(NoNumbers):
        scaler = scaler_in(document, KNOWN, "s")
        json.dumps([scaler.mean, scaler.std], allow_nan=False)
