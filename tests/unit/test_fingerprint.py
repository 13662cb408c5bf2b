"""The fingerprint: one value for one content, another for any other."""

import hashlib
import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisect_cache.cache.fingerprint import fingerprint
from bisect_cache.cache.manifest import Synthetic
from bisect_cache.cache.parquet.columns import Strings, UnsupportedColumn, canonical_columns
from bisect_cache.cache.parquet.features import as_table
from bisect_cache.cache.recipes.synthetic import make_synthetic

TABLE = pa.table(
    {
        "number": pa.array([1.5, None, -0.0, float("nan"), 2.0], pa.float32()),
        "text": pa.array(["a", "", None, "é", "a"], pa.string()),
        "flag": pa.array([True, False, None, True, True]),
        "row": pa.array(range(5), pa.int64()),
    }
)


def of(table: pa.Table) -> str:
    return fingerprint(canonical_columns(table))


def test_the_fingerprint_is_the_hash_that_its_definition_spells_out() -> None:
    table = pa.table({"adm2": pa.array([0.5, None], pa.float32()), "key": pa.array(["é", "ab"])})
    spelled = (
        b'{"columns":[["adm2","float32"],["key","string"]],"rows":2}'
        + struct.pack("<2f", 0.5, 0.0)
        + bytes([0b01])
        + struct.pack("<2q", 2, 2)
        + "éab".encode()
        + b"all valid"
    )
    assert of(table) == f"sha256:{hashlib.sha256(spelled).hexdigest()}"


def test_the_fingerprint_of_the_default_cache_is_the_one_it_has_always_had() -> None:
    made = make_synthetic(Synthetic(models=0))
    assert of(as_table(made.columns)) == "sha256:b0bca8a9621a338a6ef5ad5c9a93b78d184fb00b4e57c4c43fa94364da211988"


@given(st.integers(1, 5), st.integers(0, 3))
def test_chunks_slices_and_string_types_do_not_change_it(chunk: int, offset: int) -> None:
    padded = pa.concat_tables([TABLE.slice(0, offset), TABLE])
    sliced = padded.slice(offset)
    chunked = pa.concat_tables([sliced.slice(start, chunk) for start in range(0, 5, chunk)])
    assert of(chunked) == of(TABLE)
    text = TABLE.column("text")
    assert of(TABLE.set_column(1, "text", text.cast(pa.large_string()))) == of(TABLE)
    assert of(TABLE.set_column(1, "text", text.dictionary_encode())) == of(TABLE)


def test_metadata_does_not_change_it() -> None:
    assert of(TABLE.replace_schema_metadata({"pandas": "{}"})) == of(TABLE)


def test_what_lies_under_a_null_and_in_the_bits_of_a_nan_does_not_change_it() -> None:
    quiet = np.array([np.nan, 1.0], np.float32)
    payload = np.array([0x7FC12345, 0x3F800000], np.uint32).view(np.float32)
    assert of(pa.table({"x": pa.array(quiet)})) == of(pa.table({"x": pa.array(payload)}))
    validity = pa.py_buffer(np.array([0b10], np.uint8))
    hidden = [pa.Array.from_buffers(pa.int32(), 2, [validity, pa.py_buffer(np.array([n, 7], "<i4"))]) for n in (0, 99)]
    assert of(pa.table({"x": hidden[0]})) == of(pa.table({"x": hidden[1]}))


@pytest.mark.parametrize(
    "other",
    [
        TABLE.set_column(0, "number", pa.array([1.5, None, 0.0, float("nan"), 2.0], pa.float32())),
        TABLE.set_column(0, "number", pa.array([1.5, 0.0, -0.0, float("nan"), 2.0], pa.float32())),
        TABLE.set_column(0, "number", TABLE.column("number").cast(pa.float64())),
        TABLE.set_column(1, "text", pa.array(["a", None, None, "é", "a"])),
        TABLE.set_column(1, "text", pa.array(["", "a", None, "é", "a"])),
        TABLE.rename_columns(["Number", "text", "flag", "row"]),
        TABLE.select(["text", "number", "flag", "row"]),
        TABLE.slice(0, 4),
    ],
    ids=["sign of zero", "null or zero", "type", "null or empty text", "moved text", "name", "order", "rows"],
)
def test_any_other_content_changes_it(other: pa.Table) -> None:
    assert of(other) != of(TABLE)


def test_columns_that_a_cache_does_not_hold_are_named() -> None:
    with pytest.raises(UnsupportedColumn, match=r"'nested' has type list<.*drop or convert"):
        canonical_columns(pa.table({"nested": [[1], [2]]}))
    with pytest.raises(UnsupportedColumn, match="'x' stands twice"):
        canonical_columns(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"]))


def test_a_chunk_without_nulls_beside_one_with_them_does_not_change_it() -> None:
    chunks = pa.chunked_array([pa.array([1, 2]), pa.array([None, 4])])
    assert of(pa.table({"x": chunks})) == of(pa.table({"x": pa.array([1, 2, None, 4])}))


@pytest.mark.parametrize("missing", [False, True])
def test_text_that_is_not_utf_8_is_named(missing: bool) -> None:
    values = pa.array([b"ok", b"\xff\xfe", None if missing else b"x"], pa.binary())
    array = pa.Array.from_buffers(pa.string(), 3, values.buffers())
    with pytest.raises(UnsupportedColumn, match="'key' holds text that is not UTF-8"):
        canonical_columns(pa.table({"key": array}))


@given(
    texts=st.lists(st.none() | st.text(max_size=6), max_size=30),
    wide=st.booleans(),
    cut=st.integers(0, 10),
    places=st.sampled_from(["int8", "int32", "uint16", "int64"]),
)
def test_text_in_a_dictionary_is_spelled_out_as_the_library_does_it(
    texts: list[str | None], wide: bool, cut: int, places: str
) -> None:
    plain = pa.array(texts, pa.large_string() if wide else pa.string())
    encoded = plain.dictionary_encode()
    encoded = pa.DictionaryArray.from_arrays(encoded.indices.cast(places), encoded.dictionary).slice(cut)
    by_hand = canonical_columns(pa.table({"text": encoded}))["text"]
    by_the_library = canonical_columns(pa.table({"text": encoded.dictionary_decode()}))["text"]
    assert isinstance(by_hand, Strings)
    assert isinstance(by_the_library, Strings)
    assert by_hand.texts() == by_the_library.texts() == texts[cut:]
    assert of(pa.table({"text": encoded})) == of(pa.table({"text": plain.slice(cut)}))


@pytest.mark.parametrize("places", [[0, 2], [-1], [0, -128]])
def test_a_place_that_a_dictionary_does_not_have_is_damage(places: list[int]) -> None:
    odd = pa.DictionaryArray.from_arrays(pa.array(places, pa.int8()), pa.array(["a", "b"]), safe=False)
    with pytest.raises(UnsupportedColumn, match="column 'text' is damaged"):
        canonical_columns(pa.table({"text": odd}))
