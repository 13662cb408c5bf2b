"""How a model is fed: what is found by itself, what is refused and with which words."""

import pytest

from bisect_cache.timeline.declaration import Extra, Feeding, Output
from bisect_cache.worker.extra_inputs import ExtraFeed
from bisect_cache.worker.feeding import Feed, names_in, plan
from bisect_cache.worker.ports import CannotFeed, Port

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


CODEC = port(None, 14, name="codec")
HOT = {"codec": Extra(one_hot=3)}


def declaring(**declared: Extra) -> Feeding:
    return Feeding(inputs=declared)


@pytest.mark.parametrize(
    ("second", "extra", "expected"),
    [
        (CODEC, Extra(one_hot=3), ExtraFeed("codec", "<f4", tuple(float(place == 3) for place in range(14)))),
        (port(None, None, name="codec"), Extra(one_hot=1, of=2), ExtraFeed("codec", "<f4", (0.0, 1.0))),
        (Port("codec", "tensor(float)", None), Extra(one_hot=0, of=2), ExtraFeed("codec", "<f4", (1.0, 0.0))),
        (port(None, 2, name="codec"), Extra(constant=(0.5, 2)), ExtraFeed("codec", "<f4", (0.5, 2))),
        (port(None, 1, name="codec"), Extra(constant=7), ExtraFeed("codec", "<f4", (7,))),
        (port(None, name="codec"), Extra(constant=7), ExtraFeed("codec", "<f4", (7,), flat=True)),
        (port(3, name="codec"), Extra(constant=(1, 2, 3)), ExtraFeed("codec", "<f4", (1, 2, 3), once=True)),
        (port(14, name="codec"), Extra(one_hot=13), ExtraFeed("codec", "<f4", (0.0,) * 13 + (1.0,), once=True)),
        (port(None, name="codec", kind="int64"), Extra(constant=3), ExtraFeed("codec", "<i8", (3,), flat=True)),
        (port(None, 2, name="codec", kind="int8"), Extra(one_hot=1), ExtraFeed("codec", "<i1", (0.0, 1.0))),
        (port(None, 2, name="codec"), Extra(columns=("motion2", "adm2")), ExtraFeed("codec", "<f4", columns=(5, 0))),
        (port(None, name="codec"), Extra(columns=("adm2",)), ExtraFeed("codec", "<f4", columns=(0,), flat=True)),
    ],
)
def test_another_input_is_fed_what_is_declared_for_it(second: Port, extra: Extra, expected: ExtraFeed) -> None:
    fed = plan([port(None, 6), second], SCORE, SIX, declared=declaring(codec=extra))
    assert fed == Feed("x", "score", IN_ORDER, "<f4", None, (expected,))


@pytest.mark.parametrize(
    ("second", "extra", "words"),
    [
        (CODEC, Extra(one_hot=14), "its input 'codec' tensor(float) [N, 14] is declared one-hot 14, counted from 0"),
        (CODEC, Extra(one_hot=1, of=2), "its input 'codec' tensor(float) [N, 14] wants 14 numbers a row; 2 are"),
        (CODEC, Extra(constant=1), "wants 14 numbers a row; 1 are declared"),
        (CODEC, Extra(columns=("adm2",)), "wants 14 numbers a row; 1 are declared"),
        (CODEC, Extra(columns=("adm2", "codec")), "is declared to be fed adm2, codec; the cache has no codec"),
        (port(None, None, name="codec"), Extra(one_hot=1), "does not say how wide it is: declare the places of one"),
        (port(None, name="codec"), Extra(constant=(1, 2)), "wants one number a row; 2 are declared"),
        (port(None, name="codec"), Extra(columns=("adm2", "motion2")), "wants one number a row; 2 are declared"),
        (port(None, 2, 2, name="codec"), Extra(constant=1), "is neither [N, width] nor [N] nor [width]"),
        (port(None, 1, name="codec", kind="string"), Extra(constant=1), "takes no numbers; numbers are declared"),
        (port(None, 1, name="codec", kind="int8"), Extra(constant=0.5), "takes whole numbers of 8 bits; 0.5 is"),
        (port(None, 1, name="codec", kind="uint8"), Extra(constant=256), "takes whole numbers of 8 bits; 256 is"),
        (port(4, 1, name="codec"), Extra(constant=1), "insist on different numbers of rows: 'x' tensor(float) [2, 6]"),
        (port(None, 1, name="other"), Extra(constant=1), "has no input 'codec', which is declared; its inputs are"),
    ],
)
def test_what_is_declared_and_does_not_fit_says_why(second: Port, extra: Extra, words: str) -> None:
    with pytest.raises(CannotFeed) as refused:
        plan([port(2, 6), second], SCORE, SIX, declared=declaring(codec=extra))
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("first", "second", "batch"), [((1, 6), (None, 14), 1), ((None, 6), (1, 14), 1), ((8, 6), (8, 14), 8)]
)
def test_a_batch_that_one_input_fixes_holds_for_all(first, second, batch: int) -> None:
    inputs = [port(*first), port(*second, name="codec")]
    assert plan(inputs, SCORE, SIX, declared=Feeding(inputs=HOT)).batch == batch


def test_the_features_input_is_found_among_those_that_nothing_is_declared_for() -> None:
    inputs = [port(None, 6, name="codec"), port(None, 6)]
    assert plan(inputs, SCORE, SIX, declared=Feeding(inputs=HOT)).input == "x"
    with pytest.raises(CannotFeed, match="its input 'codec' is declared twice, for the features and among inputs"):
        plan(inputs, SCORE, SIX, wanted_input="codec", declared=Feeding(inputs=HOT))


def test_one_of_several_scores_is_chosen_where_that_is_declared() -> None:
    outputs, third = [port(None, 5, name="p"), SCORE[0]], Feeding(output=Output(column=2))
    assert (chosen := plan([port(None, 6)], outputs, SIX, declared=third)).output == "p"
    assert chosen.column == 2
    for wanted in (None, "p"):
        with pytest.raises(CannotFeed, match="column 5, counted from 0, is declared to be the score"):
            plan([port(None, 6)], outputs, SIX, wanted_output=wanted, declared=Feeding(output=Output(column=5)))
