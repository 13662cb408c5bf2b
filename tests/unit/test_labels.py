"""Labelled tables: three formats, one way to choose columns, no value taken for what it is not."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisect_cache.cache.recipes.interface import BadSource, SourceAbsent
from bisect_cache.cache.recipes.labels import (
    LabelledTable,
    content_column,
    key_column,
    listed,
    numbers,
    open_table,
    target_column,
    texts,
)


def table_of(*columns: str) -> LabelledTable:
    return LabelledTable(Path("labels.csv"), columns, lambda _names: {})


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read_whole(path: Path) -> None:
    table = open_table(path)
    table.read(table.columns)


def as_csv(folder: Path) -> Path:
    return written(folder / "t.csv", 'clip,MOS,src\na,1.5,007\n\n"b,c",,008\n')


def as_json(folder: Path) -> Path:
    rows = [{"clip": "a", "MOS": 1.5, "src": "007"}, {"clip": "b,c", "src": "008"}]
    return written(folder / "t.json", json.dumps(rows))


def as_parquet(folder: Path) -> Path:
    pq.write_table(
        pa.table({"clip": ["a", "b,c"], "MOS": [1.5, None], "src": pa.array(["007", "008"]).dictionary_encode()}),
        folder / "t.parquet",
    )
    return folder / "t.parquet"


@pytest.mark.parametrize("write", [as_csv, as_json, as_parquet])
def test_the_three_formats_say_the_same(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    table = open_table(write(tmp_path))
    values = table.read(["clip", "MOS", "src"])

    assert table.columns == ("clip", "MOS", "src")
    assert texts(table, "clip", values["clip"]) == ["a", "b,c"]
    assert texts(table, "src", values["src"]) == ["007", "008"]
    np.testing.assert_array_equal(numbers(table, "MOS", values["MOS"]), [1.5, math.nan])


@pytest.mark.parametrize("write", [as_csv, as_json, as_parquet])
def test_only_the_columns_asked_for_are_read(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    assert list(open_table(write(tmp_path)).read(["src"])) == ["src"]


@pytest.mark.parametrize(
    "labels",
    [
        [{"video": "a.mp4", "mos": 1}, {"video": "b.mp4", "mos": 2}],
        {"labels": [{"video": "a.mp4", "mos": 1}, {"video": "b.mp4", "mos": 2}]},
        {"version": 2, "clips": [{"video": "a.mp4", "mos": 1}, {"video": "b.mp4", "mos": 2}]},
        {"a.mp4": {"mos": 1}, "b.mp4": {"mos": 2}},
        {"0": {"video": "a.mp4", "mos": 1}, "1": {"video": "b.mp4", "mos": 2}},
    ],
)
def test_json_labels_may_be_a_list_a_list_in_an_object_or_an_object_of_objects(tmp_path: Path, labels: object) -> None:
    table = open_table(written(tmp_path / "l.json", json.dumps(labels)), key="video")

    assert table.read(["video", "mos"]) == {"video": ["a.mp4", "b.mp4"], "mos": [1, 2]}


# Which column is which


@pytest.mark.parametrize(
    ("columns", "wanted", "found"),
    [
        (("clip", "score", "dmos", "mos"), None, "mos"),
        (("clip", "score", "MOS"), None, "MOS"),
        (("Mos", "mos"), None, "mos"),
        (("target", "Score"), None, "target"),
        ((" MOS", "clip"), None, " MOS"),
        (("clip", "quality", "mos"), "quality", "quality"),
        (("clip", "Quality", "mos"), "quality", "Quality"),
    ],
)
def test_the_target_is_the_one_named_or_the_first_usual_one(
    columns: tuple[str, ...], wanted: str | None, found: str
) -> None:
    assert target_column(table_of(*columns), wanted) == found


def test_a_table_without_a_target_is_refused_with_its_columns() -> None:
    with pytest.raises(
        BadSource, match=r"^labels\.csv: has no target column one of mos, .*'clip', 'quality'.*--target"
    ):
        target_column(table_of("clip", "quality"), None)
    with pytest.raises(BadSource, match=r"no target column 'mos2'"):
        target_column(table_of("clip", "mos"), "mos2")


def test_names_that_differ_only_in_case_are_not_guessed_between() -> None:
    with pytest.raises(BadSource, match=r"columns 'Mos', 'MOS' could all be 'mos'"):
        target_column(table_of("Mos", "MOS"), None)


def test_the_content_is_optional_until_it_is_asked_for() -> None:
    assert content_column(table_of("mos"), None) is None
    assert content_column(table_of("Content_ID", "mos"), None) == "Content_ID"
    assert content_column(table_of("src", "content"), "src") == "src"
    with pytest.raises(BadSource, match=r"no content column 'src'.*--content"):
        content_column(table_of("content"), "src")


def test_a_key_that_is_not_there_is_refused() -> None:
    assert key_column(table_of("Video"), "video") == "Video"
    with pytest.raises(BadSource, match=r"no key column 'clip'.*'video'.*--key"):
        key_column(table_of("video"), "clip")


# Numbers and names


@given(st.lists(st.floats()))
def test_a_number_written_as_text_is_that_number(values: list[float]) -> None:
    read = numbers(table_of("mos"), "mos", [repr(value) for value in values])

    np.testing.assert_array_equal(read, np.array(values, np.float64))


@pytest.mark.parametrize("blank", [None, "", "  ", "NA", "n/a", "#N/A", "NaN", "null", "None"])
def test_the_usual_blanks_are_missing_numbers(blank: str | None) -> None:
    assert math.isnan(numbers(table_of("mos"), "mos", [blank])[0])


@pytest.mark.parametrize("value", ["good", "1_000", "1,5", "0x10", "٣", "3 MOS", True, [3], {"a": 1}, b"3"])
def test_what_is_no_number_is_named_with_its_row(value: object) -> None:
    with pytest.raises(BadSource, match=r"column 'mos' must hold numbers and does not in 1 of 2 rows .*row 1 "):
        numbers(table_of("mos"), "mos", ["3.5", value])


def test_of_many_wrong_values_the_first_ten_are_shown() -> None:
    with pytest.raises(BadSource, match=r"in 12 of 12 rows .*row 9 'bad9' and 2 more") as caught:
        numbers(table_of("mos"), "mos", [f"bad{row}" for row in range(12)])
    assert "bad10" not in str(caught.value)


def test_a_number_too_large_for_any_float_is_infinite() -> None:
    assert numbers(table_of("mos"), "mos", [10**400, "1e400"]).tolist() == [math.inf, math.inf]


def test_names_keep_their_zeros_and_whole_numbers_have_no_point() -> None:
    assert texts(table_of("c"), "c", ["007", 7, 2**60 + 1, 7.0, 7.5]) == ["007", "7", str(2**60 + 1), "7", "7.5"]
    assert texts(table_of("c"), "c", np.array([7.0, math.nan])) == ["7", None]
    assert texts(table_of("c"), "c", [None, "", " ", math.nan, "NA"]) == [None, None, None, None, "NA"]


@pytest.mark.parametrize("value", [True, ["a"], {"a": 1}, b"a", "\ud800"])
def test_what_is_no_name_is_refused(value: object) -> None:
    with pytest.raises(BadSource, match="column 'c' must hold names"):
        texts(table_of("c"), "c", [value])


def test_messages_print_nothing_raw_and_nothing_endless() -> None:
    assert "\x1b" not in listed(["\x1b[31m"])
    assert len(listed(["x" * 100_000])) < 200
    assert listed(range(12)).endswith("9 and 2 more")


# What cannot be read


def test_a_table_that_is_not_there_is_absent(tmp_path: Path) -> None:
    with pytest.raises(SourceAbsent, match=r"t\.csv: is not there"):
        open_table(tmp_path / "t.csv")
    written(tmp_path / "file", "x")
    with pytest.raises(SourceAbsent, match="is not there"):
        open_table(tmp_path / "file" / "t.csv")


UNUSABLE = {
    "empty.csv": (b"", "is empty"),
    "blank.csv": (b"\n\n\n", "nothing but blank lines"),
    "latin.csv": ("clip,mos\nb\xe9b\xe9,1\n".encode("latin-1"), "not UTF-8"),
    "utf16.csv": ("clip,mos\na,1\n".encode("utf-16"), "not UTF-8"),
    "short.csv": (b"clip,mos\na,1\nb\n", "line 3 has 1 values under 2 columns"),
    "long.csv": (b"clip,mos\na,1\nb,2,3\n", "line 3 has 3 values under 2 columns"),
    "quotes.csv": (b'clip,mos\n"a"b,1\n', "not CSV at line 2"),
    "open.csv": (b'clip,mos\n"a,1\n', "not CSV at line"),
    "field.csv": (b"clip,mos\n" + b"x" * 200_000 + b",1\n", "not CSV at line 2"),
    "twice.csv": (b"clip,mos,mos\na,1,2\n", "names columns more than once: 'mos'"),
    "german.csv": (b"clip;mos\na;1,5\n", "separated by semicolons"),
    "table.xlsx": (b"PK\x03\x04", "is none of .parquet, .csv and .json"),
    "table.pkl": (b"\x80\x04N.", "is none of .parquet, .csv and .json"),
    "text.json": (b"clip,mos\n", "cannot be read as JSON"),
    "cut.json": (b'[{"clip": "a", ', "cannot be read as JSON"),
    "deep.json": (b"[" * 200_000, "cannot be read as JSON"),
    "digits.json": (b"[" + b"9" * 5000 + b"]", "cannot be read as JSON"),
    "latin.json": ('["b\xe9"]'.encode("latin-1"), "not UTF-8"),
    "twice.json": (b'{"a": {"mos": 1}, "a": {"mos": 2}}', "the key 'a' stands twice in one object"),
    "number.json": (b"3", "holds no labels"),
    "none.json": (b"[]", "holds no labels"),
    "nothing.json": (b"{}", "holds no labels"),
    "flat.json": (b'{"a": 1, "b": 2}', "holds no labels"),
    "mixed.json": (b'[{"mos": 1}, 2]', "holds no labels"),
    "two.json": (b'{"labels": [{}], "clips": [{}]}', "holds no labels"),
    "text.parquet": (b"clip,mos\na,1\n", "cannot be read as parquet"),
    "cut.parquet": (b"PAR1" + b"\x00" * 40, "cannot be read as parquet"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_table_that_cannot_be_used_says_what_was_found_and_where(tmp_path: Path, name: str) -> None:
    content, reason = UNUSABLE[name]
    path = written(tmp_path / name, content)

    with pytest.raises(BadSource) as caught:
        read_whole(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert reason in str(caught.value)


def test_a_folder_without_parquet_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "t.csv").mkdir()
    with pytest.raises(BadSource, match=r"a folder without any \.parquet file"):
        open_table(tmp_path / "t.csv")


def test_a_parquet_file_cut_short_anywhere_is_refused(tmp_path: Path) -> None:
    whole = as_parquet(tmp_path).read_bytes()
    for size in range(1, len(whole), 97):
        cut = written(tmp_path / "cut.parquet", whole[:size])
        with pytest.raises(BadSource, match="cannot be read as parquet"):
            open_table(cut)


def test_damaged_pages_of_a_parquet_file_are_refused_when_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"mos": np.arange(1000.0)}), path, compression="zstd", use_dictionary=False)
    whole = bytearray(path.read_bytes())
    whole[40:1000] = b"\xff" * 960
    written(path, bytes(whole))

    table = open_table(path)
    with pytest.raises(BadSource, match="cannot be read as parquet"):
        table.read(["mos"])


def test_a_parquet_table_with_a_name_twice_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table([[1.0], [2.0]], names=["mos", "mos"]), tmp_path / "t.parquet")

    with pytest.raises(BadSource, match="names columns more than once: 'mos'"):
        open_table(tmp_path / "t.parquet")


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    assert open_table(written(tmp_path / "t.csv", b"\xef\xbb\xbfmos,clip\n1,a\n")).columns == ("mos", "clip")


def test_columns_with_points_in_their_names_are_read_by_their_whole_names(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [{"b": 1.0}], "a.b": [2.0], "mos": [3.0]}), tmp_path / "t.parquet")

    table = open_table(tmp_path / "t.parquet")
    assert numbers(table, "a.b", table.read(["a.b"])["a.b"]).tolist() == [2.0]
