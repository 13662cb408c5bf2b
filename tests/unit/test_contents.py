"""Contents by number, in whatever pieces and types they come, against the plainest numbering."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisect_cache.cache.contents import Numbering
from bisect_cache.cache.parquet.columns import UnsupportedColumn

texts = st.lists(st.one_of(st.none(), st.sampled_from(["a", "b", "ä", "", "none", "long " * 9])), max_size=40)
cut = st.lists(st.integers(0, 40), max_size=4)
numbers = st.lists(st.integers(-3, 3), max_size=40)


def numbered(values: list[Any]) -> tuple[list[int], tuple[str, ...]]:
    """By a dictionary, one value after the other."""
    known: dict[Any, int] = {}
    found = [known.setdefault(value, len(known)) for value in values]
    return found, tuple("none" if value is None else str(value) for value in known)


def in_pieces(values: list[Any], cuts: list[int], kind: pa.DataType, *, encoded: bool) -> tuple[list[int], Any]:
    numbering, found = Numbering(), []
    edges = sorted({0, len(values), *(min(cut, len(values)) for cut in cuts)})
    for low, high in pairwise(edges):
        array = pa.array(values[low:high], kind)
        chunked = pa.chunked_array([array.dictionary_encode() if encoded else array])
        found += numbering.of(pa.table({"content": chunked}), "content").tolist()
    return found, numbering.names


@given(
    texts, st.lists(st.integers(0, 40), max_size=4), st.booleans(), st.sampled_from([pa.string(), pa.large_string()])
)
def test_texts_are_numbered_by_when_they_are_first_met(values, cuts, encoded: bool, kind: pa.DataType) -> None:
    assert in_pieces(values, cuts, kind, encoded=encoded) == numbered(values)


@given(numbers, cut, st.booleans())
def test_numbers_are_numbered_by_when_they_are_first_met(values, cuts, encoded: bool) -> None:
    assert in_pieces(values, cuts, pa.int32(), encoded=encoded) == numbered(values)


def test_none_in_the_dictionary_itself_is_none() -> None:
    array = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 1, 0]), pa.array(["a", None]))
    numbering = Numbering()
    assert numbering.of(pa.table({"content": array}), "content").tolist() == [0, 1, 1, 1, 0]
    assert numbering.names == ("a", "none")


def test_a_dictionary_without_values_names_none() -> None:
    array = pa.DictionaryArray.from_arrays(pa.array([None, None], pa.int8()), pa.array([], pa.string()))
    numbering = Numbering()
    assert numbering.of(pa.table({"content": array}), "content").tolist() == [0, 0]
    assert numbering.names == ("none",)


@pytest.mark.parametrize("place", [2, 7, 2**31 - 1])
def test_a_place_outside_the_dictionary_is_damage(place: int) -> None:
    array = pa.DictionaryArray.from_arrays(pa.array([0, place], pa.int32()), pa.array(["a", "b"]), safe=False)
    with pytest.raises(UnsupportedColumn, match="'content' names a value that its dictionary does not hold"):
        Numbering().of(pa.table({"content": array}), "content")


def test_a_place_below_the_dictionary_is_damage() -> None:
    array = pa.DictionaryArray.from_arrays(pa.array([0, -1], pa.int32()), pa.array(["a", "b"]), safe=False)
    with pytest.raises(UnsupportedColumn, match="does not hold"):
        Numbering().of(pa.table({"content": array}), "content")
