"""How a model is fed: what is found by itself, what is refused and with which words."""

import pytest

from bisect_cache.worker.feeding import CannotFeed, Feed, Port, names_in, plan

SIX = ("adm2", "vif_scale0", "vif_scale1", "vif_scale2", "vif_scale3", "motion2")
IN_ORDER = (0, 1, 2, 3, 4, 5)
SCORE = (Port("score", "tensor(float)", (None,)),)


def port(*shape: int | None, name: str = "x", kind: str = "float") -> Port:
    return Port(name, f"tensor({kind})", shape)


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ([port(None, 6)], Feed("x", "score", IN_ORDER, "<f4", None)),
        ([port(None, 6, name="anything")], Feed("anything", "score", IN_ORDER, "<f4", None)),
        ([port(None, None)], Feed("x", "score", IN_ORDER, "<f4", None)),
        ([Port("x", "tensor(float)", None)], Feed("x", "score", IN_ORDER, "<f4", None)),
        ([port(1, 6)], Feed("x", "score", IN_ORDER, "<f4", 1)),
        ([port(32, 6)], Feed("x", "score", IN_ORDER, "<f4", 32)),
        ([port(None, 6, kind="double")], Feed("x", "score", IN_ORDER, "<f8", None)),
        ([port(None, 6, kind="float16")], Feed("x", "score", IN_ORDER, "<f2", None)),
    ],
)
def test_the_one_candidate_is_found(inputs: list[Port], expected: Feed) -> None:
    assert plan(inputs, SCORE, SIX) == expected


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ([port(None, 7)], "wants 7 features, the cache has 6: adm2, vif_scale0"),
        ([port(1, 3, 224, 224)], "wants 'x' tensor(float) [1, 3, 224, 224]"),
        ([port(None, 6), port(None, 14, name="codec")], "wants a second input 'codec' tensor(float) [N, 14]"),
        ([port(None, 6), port(None, 6, name="y")], "wants several inputs, 'x' tensor(float) [N, 6], 'y'"),
        ([port(None, 6, kind="int64")], "takes no floating-point features"),
        ([], "wants nothing"),
    ],
)
def test_what_cannot_be_fed_says_what_the_model_wants(inputs: list[Port], words: str) -> None:
    with pytest.raises(CannotFeed) as refused:
        plan(inputs, SCORE, SIX)
    assert words in str(refused.value)


def test_names_put_the_columns_into_the_models_order() -> None:
    assert plan([port(None, 2)], SCORE, SIX, names=["motion2", "adm2"]).columns == (5, 0)


def test_a_name_that_the_cache_does_not_hold_is_said() -> None:
    with pytest.raises(CannotFeed, match="wants the features adm2, cambi; the cache has no cambi"):
        plan([port(None, 2)], SCORE, SIX, names=["adm2", "cambi"])


def test_a_named_input_and_output_are_taken() -> None:
    outputs = [Port("label", "tensor(int64)", (None,)), Port("a", "tensor(float)", (None,)), port(None, 1, name="b")]
    with pytest.raises(CannotFeed, match="several outputs"):
        plan([port(None, 6)], outputs, SIX)
    assert plan([port(None, 6)], outputs, SIX, wanted_output="b").output == "b"
    with pytest.raises(CannotFeed, match="has no output 'c'"):
        plan([port(None, 6)], outputs, SIX, wanted_output="c")
    with pytest.raises(CannotFeed, match="has no input 'z'"):
        plan([port(None, 6)], SCORE, SIX, wanted_input="z")


def test_outputs_that_are_no_scores_are_refused() -> None:
    with pytest.raises(CannotFeed, match=r"gives 'p' tensor\(float\) \[N, 5\]; a score is"):
        plan([port(None, 6)], [port(None, 5, name="p")], SIX)


@pytest.mark.parametrize(
    ("document", "names"),
    [
        ({"feature_order": ["b", "a"]}, ("b", "a")),
        ({"features": '["b", "a"]'}, ("b", "a")),
        ({"feature_names": "b, a"}, ("b", "a")),
        ({"feature_order": ["b"], "features": ["a"]}, ("b",)),
        ({"feature_order": [], "features": ["a"]}, ("a",)),
        ({"features": 6}, None),
        ({"features": [1, 2]}, None),
        ({"features": "[" * 100_000}, None),
        ({}, None),
    ],
)
def test_names_are_read_from_metadata_and_sidecars(document: dict[str, object], names: tuple[str, ...] | None) -> None:
    if document.get("features") == "[" * 100_000:
        names = ("[" * 100_000,)  # no JSON: one odd name, which no cache holds
    assert names_in(document) == names


def test_naming_one_of_two_inputs_does_not_make_up_for_the_other() -> None:
    with pytest.raises(CannotFeed, match=r"wants a second input 'x' tensor\(float\) \[N, 6\]"):
        plan([port(None, 6), port(None, 6, name="y")], SCORE, SIX, wanted_input="y")


def test_a_label_beside_the_score_is_no_candidate() -> None:
    outputs = [Port("label", "tensor(int64)", (None,)), Port("score", "tensor(float)", (None,))]
    assert plan([port(None, 6)], outputs, SIX).output == "score"


def test_many_ports_are_counted_and_not_all_listed() -> None:
    with pytest.raises(CannotFeed) as refused:
        plan([port(None, 6, name=f"in{index}") for index in range(10)], SCORE, SIX)
    assert "'in7' tensor(float) [N, 6] and 2 more" in str(refused.value)
    assert "in8" not in str(refused.value)


def test_a_named_input_that_is_no_matrix_is_refused() -> None:
    with pytest.raises(CannotFeed, match=r"its input 'x' tensor\(float\) \[N\] is no matrix"):
        plan([port(None)], SCORE, SIX, wanted_input="x")
