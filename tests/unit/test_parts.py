"""The parts of a parquet: which files they are, in which order, and what their folders say."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisect_cache.cache.fingerprint import fingerprint, fingerprint_of_pieces
from bisect_cache.cache.parquet import parts as finding
from bisect_cache.cache.parquet.columns import canonical_columns
from bisect_cache.cache.parquet.features import BadFeatures, read_batches, read_features, survey
from bisect_cache.cache.parquet.parts import parts_of, sha256_of_parts
from bisect_cache.files import CannotRead, sha256_of_file

TABLE = pa.table(
    {
        "adm2": pa.array([0.5, -0.0, float("nan"), 2.0, 3.0, 1.0], pa.float32()),
        "content": pa.array(["a", "", None, "é", "a", "a long one"], pa.string()),
        "flag": pa.array([True, False, None, True, True, False]),
        "row": pa.array(range(6), pa.int64()),
    }
)


def there(folder: Path, *names: str) -> Path:
    """Empty files: what they hold is not looked at here."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def names(folder: Path) -> list[str]:
    return [part.path.relative_to(folder).as_posix() for part in parts_of(folder)]


def written(folder: Path, parts: Mapping[str, pa.Table], **how: object) -> Path:
    for name, table in parts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, folder / name, **how)
    return folder


def test_parts_are_in_the_order_that_people_count_in(tmp_path: Path) -> None:
    folder = there(tmp_path, "part.10.parquet", "part.9.parquet", "part.09b.parquet", "a/2.parquet", "a/11.parquet")
    assert names(folder) == ["a/2.parquet", "a/11.parquet", "part.9.parquet", "part.09b.parquet", "part.10.parquet"]


def test_what_writers_leave_beside_the_parts_is_none_of_them(tmp_path: Path) -> None:
    left = [
        "_SUCCESS",
        "_metadata",
        "_common_metadata",
        ".part-0.parquet.crc",
        "_temporary/part-9.parquet",
        "README.md",
    ]
    assert names(there(tmp_path, "part-0.snappy.parquet", ".hidden.parquet", *left)) == ["part-0.snappy.parquet"]


def test_names_of_folders_are_columns_with_their_escapes_undone(tmp_path: Path) -> None:
    folder = there(
        tmp_path,
        "content=a%2Fb%20%3D%C3%A9/_c1=x=y/0.parquet",
        "content=__HIVE_DEFAULT_PARTITION__/_c1=/1.parquet",
        "content=c/plain/_c1=1/2.parquet",
    )
    assert {part.path.name: part.columns for part in parts_of(folder)} == {
        "0.parquet": (("content", "a/b =é"), ("_c1", "x=y")),
        "1.parquet": (("content", None), ("_c1", "")),
        "2.parquet": (("content", "c"), ("_c1", "1")),
    }


def test_a_file_is_its_own_only_part(tmp_path: Path) -> None:
    (part,) = parts_of(tmp_path / "not there.parquet")
    assert (part.path, part.columns) == (tmp_path / "not there.parquet", ())


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ((), r"a folder without any \.parquet file; name a parquet file, or"),
        (("a/notes.txt", "b/_x.parquet"), r"a folder without any \.parquet file"),
        (("a/" * 8 + "x.parquet", "a/" * 9 + "x.parquet"), "lies too deep for a part"),
        (
            ("a=1/x.parquet", "y.parquet"),
            r"y\.parquet: its folders name the columns none, and those of .*x\.parquet a;",
        ),
        (("a=1/b=1/x.parquet", "a=2/c=1/y.parquet"), "name the columns a, c, and those of .* a, b; each part must lie"),
        (("a=1/a=2/x.parquet",), "name the columns a, a"),
        (("%ff=a/x.parquet",), "%ff=a: its name stands for a column, and is no UTF-8; rename it"),
        (("a=%ff/x.parquet",), "a=%ff: its name stands for a column, and is no UTF-8; rename it"),
    ],
)
def test_folders_that_hold_no_parts_as_they_are_understood_are_refused(
    tmp_path: Path, files: tuple[str, ...], words: str
) -> None:
    with pytest.raises(CannotRead, match=words):
        parts_of(there(tmp_path, *files))


def test_a_name_that_is_no_text_at_all_is_said_in_text(tmp_path: Path) -> None:
    (tmp_path / "a=\udcff").mkdir()
    (tmp_path / "a=\udcff" / "x.parquet").touch()
    with pytest.raises(CannotRead, match="a=\ufffd: its name stands for a column, and is no UTF-8"):
        parts_of(tmp_path)


def test_links_are_refused_wherever_they_lead(tmp_path: Path) -> None:
    there(tmp_path, "elsewhere/x.parquet", "parts/0.parquet")
    for link, to in (("1.parquet", "elsewhere/x.parquet"), ("more", "elsewhere"), ("gone.parquet", "nowhere")):
        (tmp_path / "parts" / link).symlink_to(tmp_path / to)
        with pytest.raises(CannotRead, match=f"{link}: is a link; the parts of a parquet must lie in its folder"):
            parts_of(tmp_path / "parts")
        (tmp_path / "parts" / link).unlink()
    assert names(tmp_path / "parts") == ["0.parquet"]


def test_more_parts_than_anybody_needs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "MOST_PARTS", 3)
    assert len(parts_of(there(tmp_path, "a/0.parquet", "a/1.parquet", "b/0.parquet"))) == 3
    with pytest.raises(CannotRead, match="has more than 3 parts; write it in fewer"):
        parts_of(there(tmp_path, "c/d/0.parquet"))


def test_the_sha256_of_a_folder_is_what_common_tools_make_of_it(tmp_path: Path) -> None:
    folder = there(tmp_path / "t", "content=b/part.10.parquet", "content=b/part.9.parquet", "content=a/0.parquet")
    (folder / "content=a" / "0.parquet").write_bytes(b"one")
    (folder / "content=b" / "_SUCCESS").touch()
    command = "find content=* -name '*.parquet' | sort -V | xargs sha256sum | sha256sum"
    printed = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, check=True).stdout
    assert sha256_of_parts(folder) == printed.split()[0]
    assert sha256_of_parts(folder / "content=a" / "0.parquet") == hashlib.sha256(b"one").hexdigest()
    (folder / "content=a" / "0.parquet").rename(folder / "content=a" / "1.parquet")
    assert sha256_of_parts(folder) != printed.split()[0]
    assert sha256_of_file(folder / "content=a" / "1.parquet") == hashlib.sha256(b"one").hexdigest()


# Read


def slowly(folder: Path) -> pa.Table:
    """Each part read by the library alone, in the order that their names were given in."""
    return pa.concat_tables(pq.ParquetFile(path).read() for path in sorted(folder.iterdir()))


@st.composite
def splits(draw: st.DrawFn) -> list[pa.Table]:
    """TABLE in pieces, empty ones among them, each stored in one of the ways that writers have."""
    cuts = sorted(draw(st.lists(st.integers(0, TABLE.num_rows), max_size=4)))
    pieces = []
    for start, end in zip([0, *cuts], [*cuts, TABLE.num_rows], strict=True):
        piece = TABLE.slice(start, end - start)
        kind = draw(st.sampled_from([pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())]))
        pieces.append(piece.set_column(1, "content", piece.column("content").cast(kind)))
    return pieces


@given(splits(), st.sampled_from([{}, {"use_dictionary": False}, {"store_schema": False, "version": "1.0"}]))
def test_any_split_reads_as_what_was_split(tmp_path_factory, pieces: list[pa.Table], how: dict[str, object]) -> None:
    folder = tmp_path_factory.mktemp("parts")
    written(folder, {f"part-{number}.parquet": piece for number, piece in enumerate(pieces)}, **how)
    read = read_features(folder)
    known = fingerprint(canonical_columns(TABLE))
    assert read.to_pydict().keys() == TABLE.to_pydict().keys()
    assert fingerprint(canonical_columns(read)) == known
    found = survey(folder, 100, 1000)
    batches = {name: list(read_batches(folder, [name], 2)) for name in TABLE.column_names}
    assert [batch.num_rows for batch in batches["row"]] == [2, 2, 2]
    streamed = fingerprint_of_pieces(
        found.schema, found.rows, lambda name: (canonical_columns(batch)[name] for batch in batches[name])
    )
    assert streamed == known


def test_a_split_reads_as_the_library_reads_its_parts(tmp_path: Path) -> None:
    written(tmp_path, {f"part-{number}.parquet": TABLE.slice(2 * number, 2) for number in range(3)})
    slow, read = slowly(tmp_path), read_features(tmp_path)
    assert canonical_columns(read).keys() == canonical_columns(slow).keys()
    assert fingerprint(canonical_columns(read)) == fingerprint(canonical_columns(slow))
    assert read.column("content").to_pylist() == TABLE.column("content").to_pylist()


@pytest.mark.parametrize("rows", [1, 2, 4, 5, 6, 7, 100])
def test_pieces_are_of_the_same_size_whatever_they_are_stored_in(tmp_path: Path, rows: int) -> None:
    sizes = [rows] * (6 // rows) + [6 % rows] * bool(6 % rows)
    written(tmp_path / "one", {"0.parquet": TABLE})
    written(tmp_path / "groups", {"0.parquet": TABLE}, row_group_size=4)
    written(tmp_path / "parts", {"0.parquet": TABLE.slice(0, 1), "1.parquet": TABLE.slice(1)}, row_group_size=3)
    for name in ("one", "groups", "parts"):
        batches = list(read_batches(tmp_path / name, ["row", "content"], rows))
        assert [batch.num_rows for batch in batches] == sizes, name
        assert pa.concat_tables(batches).column("content").to_pylist() == TABLE.column("content").to_pylist()


def test_text_of_deltas_and_of_dictionaries_is_joined(tmp_path: Path) -> None:
    written(tmp_path, {"0.parquet": TABLE.slice(0, 3)})
    deltas = {"use_dictionary": False, "column_encoding": {"content": "DELTA_BYTE_ARRAY"}}
    written(tmp_path, {"1.parquet": TABLE.slice(3)}, **deltas)
    assert fingerprint(canonical_columns(read_features(tmp_path))) == fingerprint(canonical_columns(TABLE))


def test_names_of_folders_are_read_as_columns_of_text(tmp_path: Path) -> None:
    bare = TABLE.drop_columns("content")
    folders = ("content=__HIVE_DEFAULT_PARTITION__", "content=a%20b", "content=c")
    written(tmp_path, {f"{name}/0.parquet": bare.slice(2 * at, 2) for at, name in enumerate(folders)})
    read = canonical_columns(read_features(tmp_path))
    assert list(read) == ["adm2", "flag", "row", "content"]
    assert read["content"].type == "string"
    assert read["content"].texts() == [None, None, "a b", "a b", "c", "c"]  # type: ignore[union-attr]
    assert survey(tmp_path, 100, 100).schema[-1] == ("content", "string")
    batches = list(read_batches(tmp_path, ["content", "row"], 100))
    assert [batch.column_names for batch in batches] == [["content", "row"]]
    assert [value for batch in batches for value in batch.column("content").to_pylist()] == read["content"].texts()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (
            TABLE.drop_columns("flag"),
            "1.parquet: has the columns adm2 float32, content string, row int64, but .*0.parq",
        ),
        (
            TABLE.select(["content", "adm2", "flag", "row"]),
            "parts of one parquet must have the same, in the same order",
        ),
        (
            TABLE.set_column(0, "adm2", TABLE.column("adm2").cast(pa.float64())),
            "1.parquet: has the columns adm2 float64",
        ),
        (TABLE.rename_columns(["adm2", "adm2", "flag", "row"]), "1.parquet: column 'adm2' stands twice"),
        (TABLE.set_column(2, "flag", pa.array([[1]] * 6)), "1.parquet: column 'flag' has type list"),
    ],
)
def test_parts_with_other_columns_are_refused_by_name(tmp_path: Path, second: pa.Table, words: str) -> None:
    written(tmp_path, {"0.parquet": TABLE, "1.parquet": second})
    for read in (read_features, lambda path: survey(path, 100, 1000)):
        with pytest.raises(BadFeatures, match=words):
            read(tmp_path)


def test_a_column_that_both_folders_and_parts_name_is_refused(tmp_path: Path) -> None:
    written(tmp_path, {"content=a/0.parquet": TABLE})
    with pytest.raises(BadFeatures, match=r"0\.parquet: holds a column that its folders name too: content; drop it"):
        read_features(tmp_path)


def test_parts_count_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, {f"{number}.parquet": TABLE for number in range(3)})
    assert survey(tmp_path, 18, 72).rows == 18
    for rows, values, what in ((17, 72, "17 rows"), (18, 71, "71 values")):
        with pytest.raises(BadFeatures, match=f"18 rows of 4 columns, more than the {what} that are read"):
            survey(tmp_path, rows, values)


def test_parts_of_which_each_could_be_unpacked_but_not_all_are_refused(tmp_path: Path) -> None:
    """A few kilobytes each, and some 200 MB unpacked: as a dictionary holds a value that hardly any row has."""
    long = pa.table({"content": pa.array(["x" * 100_000_000, "y" * 100_000_000])})
    written(tmp_path, {f"{number}.parquet": long for number in range(2)}, compression="zstd")
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 100_000
    assert read_features(tmp_path / "0.parquet").num_rows == 2
    with pytest.raises(BadFeatures, match=r"its parts up to 1\.parquet unpack to 4\d\d,\d\d\d,\d\d\d bytes, too many"):
        read_features(tmp_path)


def test_values_are_those_of_the_parts_in_their_order(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    values = rng.random((12, 1000), np.float32)
    written(tmp_path, {f"part.{number}.parquet": pa.table({"adm2": values[number]}) for number in range(12)})
    assert np.array_equal(canonical_columns(read_features(tmp_path))["adm2"].values, values.reshape(-1))  # type: ignore[union-attr]
