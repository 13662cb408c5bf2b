"""JSON and TOML of strangers: what is read, and what is refused before it becomes much memory or time."""

from __future__ import annotations

import json
import tomllib
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisect_cache.documents import _MOST_PARTS, LARGEST_TOML, NoDocument, json_in, toml_in

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(values)
def test_json_is_read_as_the_standard_library_reads_it(value: object) -> None:
    assert json_in(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 1}}', "the key 'c' stands twice in one object"),
        (f"[{'9' * 1001}]", "a number of 1,001 digits stands in it"),
        ("[" * 100_000, "it is nested too deep"),
        ('{"a": ' * 100_000, "it is nested too deep"),
        ("[1, ]", "line 1 column"),
        ("", "Expecting value"),
    ],
)
def test_json_that_is_none_or_costs_more_than_it_says_is_refused(text: str, said: str) -> None:
    with pytest.raises(NoDocument) as refused:
        json_in(text)
    assert said in str(refused.value)


def test_many_numbers_on_one_line_of_toml_are_no_long_name() -> None:
    numbers = ", ".join(f"{number / 7:.3f}" for number in range(1, 999))
    text = f"normalisation.mean = [{numbers}]\nnormalisation.std = [{numbers}, 1.5e-3]  # x\n"
    document: Any = toml_in(text)
    assert len(document["normalisation"]["std"]) == 999
    assert document == tomllib.loads(text)


@pytest.mark.parametrize("number", ["1.1", '"1.1,"', "'1.1,'", "a", '"\u2028"', "a "])
@pytest.mark.parametrize("line", ["{} = 1", "[{}]", "[[{}]]", "x = {{ {} = 1 }}"])
def test_a_long_name_is_one_whatever_its_parts_look_like(number: str, line: str) -> None:
    name = ".".join([number] * 100)
    tomllib.loads(line.format(name))
    with pytest.raises(NoDocument, match="line 2 has more than 32 dots in names; write it over several lines"):
        toml_in(f"\n{line.format(name)}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = ", "Invalid value"),
        ("x = " + "[" * 100_000, "it is nested too deep"),
        ("#" * (LARGEST_TOML + 1), "it has more than 262,144 characters; write so much as JSON"),
    ],
)
def test_toml_that_is_none_or_too_much_is_refused(text: str, said: str) -> None:
    with pytest.raises(NoDocument) as refused:
        toml_in(text)
    assert said in str(refused.value)


@pytest.mark.parametrize("line", ["{:x}{}=1", "[{:x}{}]"])
def test_the_worst_that_characters_of_toml_become_is_some_hundred_times_as_much(line: str) -> None:
    parts = ".a" * _MOST_PARTS
    lines = [f"[t{parts}]" if "=" in line else ""]
    while sum(map(len, lines)) < LARGEST_TOML // 8:
        lines.append(line.format(len(lines), parts))
    text = "\n".join(lines)
    tracemalloc.start()
    toml_in(text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 600 * len(text)
