"""The file that declares how models are fed: what it may say, which models it means, what is wrong with it."""

import contextlib
import json
import math
import posixpath
import time
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from measured import NoFiles

from bisect_cache.timeline import feeding_file
from bisect_cache.timeline.declaration import (
    DECLARES_NOTHING,
    Extra,
    Feeding,
    Normalisation,
    NotDeclared,
    Output,
    combined,
    declared_in,
    words,
)
from bisect_cache.timeline.feeding_file import BadFeeding, Declares, FeedingFile, read_feeding
from bisect_cache.timeline.interface import Checkpoint, Timeline

TIMES_25 = Feeding(output=Output(times=25))


def file_at(folder: Path, text: str, suffix: str = ".toml") -> Path:
    path = folder / f"feeding{suffix}"
    path.write_text(text)
    return path


def point(label: str, content: str | None = None, sidecar: str | None = None, **origin: str) -> Checkpoint:
    return Checkpoint(label, NoFiles(), origin, sidecar=sidecar, content=content)


def test_json_and_toml_declare_the_same(tmp_path: Path) -> None:
    toml = """
sidecar = "{stem}.json"
features = ["motion2", "adm2"]
normalisation = { from = "sidecar", mean = "norm.mean", std = "norm.std" }
inputs.codec = { one_hot = 3, of = 14 }
inputs.qp.columns = ["qp"]
output = { name = "score", column = 1, times = 25, plus = -1 }
[[models]]
match = "v2*"
normalisation = "none"
sidecar = false
"""
    document = {
        "sidecar": "{stem}.json",
        "features": ["motion2", "adm2"],
        "normalisation": {"from": "sidecar", "mean": "norm.mean", "std": "norm.std"},
        "inputs": {"codec": {"one_hot": 3, "of": 14}, "qp": {"columns": ["qp"]}},
        "output": {"name": "score", "column": 1, "times": 25, "plus": -1},
        "models": [{"match": "v2*", "normalisation": "none", "sidecar": False}],
    }
    read = read_feeding(file_at(tmp_path, toml))
    assert read.declares == read_feeding(file_at(tmp_path, json.dumps(document), ".json")).declares
    assert read.declares == (
        Declares(
            Feeding(
                features=("motion2", "adm2"),
                normalisation=Normalisation("sidecar", "norm.mean", "norm.std"),
                inputs={"codec": Extra(one_hot=3, of=14), "qp": Extra(columns=("qp",))},
                output=Output("score", 1, 25, -1),
            ),
            "{stem}.json",
        ),
        Declares(Feeding(normalisation="none"), "", "v2*"),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('normalization = "sidecar"', "normalization: no such key; there are input, features, normalisation, inputs"),
        ('inputs.codec = { one_hot = "x" }', "inputs.codec.one_hot: Expected `int | null`, got `str`"),
        ("inputs.codec = { one_hot = 3, constant = 1 }", "inputs.codec: an input takes one of one_hot, constant and"),
        ("inputs.codec = {}", "inputs.codec: an input takes one of one_hot, constant and columns"),
        ("inputs.codec = { one_hot = 3, of = 3 }", "inputs.codec: one_hot is 3, but 3 places are counted from 0 to 2"),
        ('inputs.codec = { columns = ["a"], of = 3 }', "inputs.codec: of says how many places one_hot has"),
        ("inputs.codec = { constant = [1, inf] }", "inputs.codec: constant holds NaN or infinity"),
        ("inputs.codec = { one_hot = 1, hot = 1 }", "inputs.codec: Object contains unknown field `hot`"),
        ("output.times = nan", "output: output holds NaN or infinity"),
        ("output.times = 0", "output: times is 0: every score would be the same"),
        ("output = { from = [1, 5] }", "output: from and to are two scales, [low, high] each: give both"),
        ("output = { from = [5, 5], to = [0, 1] }", "output: from is a scale of no length"),
        ("output = { from = [1, 5], to = [0, 1], times = 2 }", "output: times and plus stand beside from and to"),
        ('[[models]]\nmatch = "a"\noutput.times = "x"', "models[0].output.times: Expected `float`, got `str`"),
        ('[[models]]\nmatch = "a"\ninputs.c = 1', "models[0].inputs.c: Expected `object`, got `int`"),
        ('[[models]]\nmatch = "a"\nmodels = []', "models[0].models: no such key"),
        ('[[models]]\nnormalisation = "none"', "models[0]: says with no `match` which models it means"),
        ('match = "a"', "match: no such key"),
        ("models = 3", "models: is no list of at most 1,000 tables"),
        ('normalisation = "yes"', "normalisation: is 'yes'; it can be none or sidecar or metadata, or a table with"),
        ('normalisation = { from = "sidecar", mean = [1] }', "normalisation: mean and std must both name a key of the"),
        ("normalisation = { mean = [1] }", "normalisation: mean and std must both be numbers"),
        ('normalisation = { mean = "m", std = "s" }', 'or keys with from = "sidecar" or "metadata"'),
        ('normalisation = { from = "none", mean = 1, std = 1 }', "normalisation: from is none, but mean or std are"),
        ("normalisation = { mean = [1], std = [0] }", "normalisation: std holds a number that is not above 0"),
        ("normalisation = { mean = 1, std = -1.5 }", "normalisation: std holds a number that is not above 0"),
        ("normalisation = { mean = { a = nan }, std = 1 }", "normalisation: mean holds NaN or infinity"),
        ("features = []", "features: Expected `array` of length >= 1"),
        ('sidecar = "{stm}.json"', "sidecar: {stm} stands for nothing; {stem} is the model's file name without its"),
        ('sidecar = "a{}.json"', "sidecar: {} stands for nothing"),
        ("sidecar = true", "sidecar: is true; name a file, such as '{stem}.json', or say false for none"),
        ("a = ", "no TOML that can be read (Invalid value"),
        ("x = " + "[" * 100_000, "no TOML that can be read (it is nested too deep)"),
        ("a" + ".a" * 100 + " = 1", "no TOML that can be read (line 1 has more than 32 dots in names"),
        ("when = 1979-05-27", "when: no such key"),
        ("features = [1979-05-27]", "features[0]: Expected `str`, got `date`"),
    ],
)
def test_what_declares_nothing_says_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    path = file_at(tmp_path, text)
    with pytest.raises(BadFeeding) as refused:
        read_feeding(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("suffix", "data", "said"),
    [
        (".json", b'{"output": {"times": 1}, "output": {}}', "no JSON that can be read (the key 'output' stands twice"),
        (".json", b"[1]", "is no table of input, features"),
        (".json", b'{"a": ' + b"[" * 100_000, "no JSON that can be read (it is nested too deep)"),
        (".json", b"\xff", "no JSON that can be read ('utf-8' codec can't decode byte 0xff"),
        (".json", b'{"output": {"times": 1e999}}', "output: output holds NaN or infinity"),
        (
            ".json",
            b'{"output": {"times": ' + b"9" * 5000 + b"}}",
            "no JSON that can be read (a number of 5,000 digits stands in it)",
        ),
        (".yaml", b"{}", "its name ends in neither .json nor .toml"),
    ],
)
def test_bytes_from_anybody_are_refused_with_a_reason(tmp_path: Path, suffix: str, data: bytes, said: str) -> None:
    path = tmp_path / f"f{suffix}"
    path.write_bytes(data)
    with pytest.raises(BadFeeding) as refused:
        read_feeding(path)
    assert said in str(refused.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadFeeding, match=r"cannot be read: .*none.toml does not exist; restore it or correct its path"):
        read_feeding(tmp_path / "none.toml")


def test_what_comes_later_replaces_what_came_before_key_by_key() -> None:
    first = Feeding(features=("a",), normalisation="metadata", output=Output(name="x", times=25))
    then = Feeding(normalisation="none", output=Output(column=2))
    assert combined(first, then) == Feeding(features=("a",), normalisation="none", output=Output(column=2))
    assert combined(first, DECLARES_NOTHING) == first == combined(DECLARES_NOTHING, first)


@pytest.mark.parametrize(
    ("match", "meant"),
    [
        ("v2", ["v2"]),
        ("v*", ["v1", "v2"]),
        ("m/v1.onnx", ["v1"]),
        ("v1.onnx", ["v1"]),
        ("abc*", ["c3"]),
        ("release-2", ["c3"]),
        ("V1", []),
    ],
)
def test_models_are_meant_by_label_file_commit_or_tag(match: str, meant: list[str]) -> None:
    points = [
        point("v1", file="m/v1.onnx"),
        point("v2", file="m/v2.onnx"),
        point("c3", file="model.onnx", commit="abcdef", tag="release-1, release-2"),
    ]
    given_ = [FeedingFile("f", (Declares(TIMES_25, match=match),)).given_to(one) for one in points]
    assert [one.label for one in given_ if one.feeding == TIMES_25] == meant
    assert all(one.feeding == DECLARES_NOTHING for one in given_ if one.label not in meant)


def test_a_sidecar_is_named_for_each_model_and_gives_way_to_the_registrys() -> None:
    file = FeedingFile("f", (Declares(sidecar="{name}.json"), Declares(sidecar="", match="v3"), Declares(match="v1")))
    points = [point("v1", file="m/a.onnx"), point("v2", sidecar="own.json"), point("v3"), point("v4")]
    assert [file.given_to(one).sidecar for one in points] == ["a.onnx.json", "own.json", None, "v4.json"]


def test_equal_models_that_are_fed_differently_are_told_apart() -> None:
    file = FeedingFile("f", (Declares(TIMES_25, match="b*"), Declares(Feeding(input="x"), match="c")))
    contents = {label: file.given_to(point(label, content="id")).content for label in ("a", "b1", "b2", "c")}
    assert contents["a"] == "id"
    assert contents["b1"] == contents["b2"] != contents["a"]
    assert contents["c"] not in {contents["a"], contents["b1"], None}
    assert all(content.split()[0] == "id" for content in contents.values() if content)
    assert file.given_to(point("b")).content is None


def test_one_line_says_what_is_declared_and_of_whom() -> None:
    declares = (
        Declares(Feeding(normalisation="sidecar"), "{stem}.json"),
        Declares(TIMES_25, match="v2"),
        Declares(TIMES_25, match="v9"),
    )
    assert list(FeedingFile("f.toml", declares).notes([point("v1"), point("v2")])) == [
        "f.toml declares how 'v9' is fed, which is no model of the timeline",
        "fed as f.toml declares: all models: normalised by its sidecar; sidecar {stem}.json · 'v2' (1 of them): "
        "scores times 25",
    ]
    assert list(FeedingFile("f.toml", (Declares(),)).notes([point("v1")])) == []


def test_of_many_declarations_some_are_told() -> None:
    absent = tuple(Declares(TIMES_25, match=f"v{number}") for number in range(2, 1000))
    there = tuple(Declares(TIMES_25, match="v1") for _ in range(50))
    nobody, told = FeedingFile("f.toml", (*absent, *there)).notes([point("v1")])
    assert nobody.startswith("f.toml declares how 'v2', 'v3', ")
    assert nobody.endswith("'v21' and 978 more are fed, which are no models of the timeline")
    assert told.endswith("'v1' (1 of them): scores times 25 and 30 more")


NAMES = st.text("ab/.*[]?!-", max_size=6)
POINTS = st.builds(
    point, NAMES, file=NAMES | st.just("m/a.onnx"), commit=NAMES, tag=st.lists(NAMES, max_size=2).map(", ".join)
)


@given(st.lists(st.none() | NAMES.filter(bool), max_size=6), st.lists(POINTS, max_size=4))
def test_who_is_meant_is_what_fnmatch_says_of_each_name(matches: list[str | None], points: list[Checkpoint]) -> None:
    file = FeedingFile("f", tuple(Declares(Feeding(input=f"i{n}"), match=match) for n, match in enumerate(matches)))
    for one in points:
        names = [one.label, one.origin["file"], one.origin["commit"], *one.origin["tag"].split(", ")]
        names.append(posixpath.basename(one.origin["file"]))
        meant = [n for n, match in enumerate(matches) if match is None or any(fnmatchcase(x, match) for x in names)]
        assert file.given_to(one).feeding == (Feeding(input=f"i{meant[-1]}") if meant else DECLARES_NOTHING)


def test_a_thousand_declarations_are_given_to_a_thousand_models_without_a_million_looks() -> None:
    points = tuple(point(f"v{number}", file=f"m/v{number}.onnx", content=f"{number}") for number in range(1000))
    file = FeedingFile("f", tuple(Declares(Feeding(input=f"i{n}"), match=f"v{n}") for n in range(1000)))
    started = time.process_time()
    given_ = file.applied(Timeline("t", points))
    assert time.process_time() - started < 0.5
    assert [one.feeding.input for one in given_.checkpoints] == [f"i{n}" for n in range(1000)]


def test_too_many_declarations_for_too_many_models_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding_file, "_MOST_LOOKS", 3)
    timeline = Timeline("t", (point("a"), point("b")))
    with pytest.raises(BadFeeding, match="f: 2 declarations for 2 models; match more of them with one"):
        FeedingFile("f", (Declares(), Declares())).applied(timeline)
    assert FeedingFile("f", (Declares(TIMES_25),)).applied(timeline).checkpoints[1].feeding == TIMES_25


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"input": "x", "features": ["a", "b"]}, ["features go to input 'x'", "features a, b"]),
        ({"features": [f"f{n}" for n in range(10)]}, ["features f0, f1, f2, f3, f4, f5, f6, f7 and 2 more"]),
        ({"normalisation": "metadata"}, ["normalised by its metadata"]),
        ({"normalisation": "none"}, ["not normalised"]),
        ({"normalisation": {"from": "sidecar", "mean": "m", "std": "s"}}, ["normalised by m and s of its sidecar"]),
        ({"normalisation": {"mean": 0, "std": 2}}, ["normalised by the mean and std that are given"]),
        ({"inputs": {"c": {"one_hot": 3, "of": 14}}}, ["input 'c' one-hot 3 of 14"]),
        ({"inputs": {"c": {"one_hot": 3}, "q": {"columns": ["a"]}}}, ["input 'c' one-hot 3", "input 'q' from a"]),
        ({"inputs": {"c": {"constant": 23}}}, ["input 'c' constant 23"]),
        ({"inputs": {"c": {"constant": [0.5, 1]}}}, ["input 'c' constant 0.5, 1"]),
        ({"output": {"name": "s", "column": 2}}, ["scores are output 's'", "scores are column 2 of the output"]),
        ({"output": {"times": 25, "plus": -1.5}}, ["scores times 25 minus 1.5"]),
        ({"output": {"plus": 3}}, ["scores plus 3"]),
        ({"output": {"from": [1, 5], "to": [0, 100]}}, ["scores from 1 to 5 become 0 to 100"]),
        ({}, []),
    ],
)
def test_what_is_declared_is_said_in_words(document: dict[str, object], told: list[str]) -> None:
    assert list(words(declared_in(document))) == told


numbers = st.floats(allow_nan=False, allow_infinity=False)
stds = st.floats(min_value=1e-300, allow_infinity=False)
names = st.text(min_size=1, max_size=5)
extras = st.one_of(
    st.builds(Extra, one_hot=st.integers(0, 5), of=st.integers(6, 9)),
    st.builds(Extra, constant=st.one_of(numbers, st.lists(numbers, min_size=1, max_size=3).map(tuple))),
    st.builds(Extra, columns=st.lists(names, min_size=1, max_size=3).map(tuple)),
)
feedings = st.builds(
    Feeding,
    st.none() | names,
    st.none() | st.lists(names, min_size=1, max_size=3).map(tuple),
    st.sampled_from([None, "none", "sidecar", "metadata"])
    | st.builds(Normalisation, st.just("sidecar"), names, names)
    | st.builds(Normalisation, st.none(), numbers, st.dictionaries(names, stds, min_size=1, max_size=3)),
    st.none() | st.dictionaries(names, extras, max_size=3),
    st.none()
    | st.builds(Output, st.none() | names, st.none() | st.integers(0, 9), numbers.filter(lambda n: n != 0), numbers)
    | st.builds(Output, low_high=st.tuples(numbers, numbers).filter(lambda s: s[0] != s[1]), to=st.just((0.0, 1.0))),
)


@given(feedings)
def test_a_declaration_comes_to_the_worker_as_it_was_made(feeding: Feeding) -> None:
    sent = msgspec.json.encode(feeding)
    assert msgspec.json.decode(sent, type=Feeding) == feeding
    assert declared_in(json.loads(sent)) == feeding
    assert combined(feeding, feeding) == feeding


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from(["input", "features", "normalisation", "inputs", "output", "x"])


@given(st.dictionaries(keys, json_values) | json_values)
def test_any_data_is_a_declaration_or_is_refused_with_a_reason(document: object) -> None:
    with contextlib.suppress(NotDeclared):
        feeding = declared_in(document)
        assert feeding.output is None or math.isfinite(feeding.output.times)
