"""The recipe ``table``, from files on disk to the columns of a cache."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bisect_cache.cache.manifest import DEFAULT_FEATURES, Table
from bisect_cache.cache.recipes.interface import BadSource, Made, SourceAbsent, Surroundings
from bisect_cache.cache.recipes.table import make_table
from bisect_cache.files import sha256_of_file

Columns = Mapping[str, Any]


def some_rows(**changed: Sequence[object]) -> dict[str, Sequence[object]]:
    columns: dict[str, Sequence[object]] = {
        "adm2": [0.1, 0.2, 0.3, 0.4, 0.5],
        "motion2": [1.0, 2.0, 3.0, 4.0, 5.0],
        "mos": [1.0, 2.5, 3.0, 4.5, 5.0],
        "content": ["007", "007", "008", "008", "009"],
    }
    return {name: values for name, values in {**columns, **changed}.items() if values}


def make(folder: Path, columns: Columns, suffix: str = "parquet", **recipe: Any) -> Made:
    if suffix == "parquet":
        pq.write_table(pa.table(dict(columns)), folder / "t.parquet")
    else:
        lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
        (folder / "t.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return make_table(Table(table=f"t.{suffix}", **recipe), Surroundings(folder))


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_table_becomes_float32_features_mos_and_content_as_text(tmp_path: Path, suffix: str) -> None:
    made = make(tmp_path, some_rows(), suffix)

    assert list(made.columns) == ["adm2", "motion2", "mos", "content"]
    assert made.features == ("adm2", "motion2")
    assert made.content == "content"
    for name in ("adm2", "motion2", "mos"):
        column = made.columns[name]
        assert isinstance(column, np.ndarray)
        assert column.dtype == np.float32
        np.testing.assert_array_equal(column, np.array(some_rows()[name], np.float32))
    assert made.columns["content"] == ["007", "007", "008", "008", "009"]
    assert made.notes == ()
    assert made.source_sha256 == {f"t.{suffix}": sha256_of_file(tmp_path / f"t.{suffix}")}


def test_the_target_is_called_mos_in_the_cache_whatever_its_name_was(tmp_path: Path) -> None:
    made = make(tmp_path, {"DMOS": [3, 2, 1], "adm2": [0.1, 0.2, 0.3]})

    assert list(made.columns) == ["adm2", "mos"]
    assert made.content is None
    np.testing.assert_array_equal(made.columns["mos"], np.array([3, 2, 1], np.float32))


def test_features_under_libvmafs_other_names_get_their_bare_ones(tmp_path: Path) -> None:
    made = make(
        tmp_path,
        some_rows(adm2=[], integer_adm2=[0.1] * 5, adm2_egl_1=[0.9] * 5, integer_vif_scale0_egl_1=[0.2] * 5),
    )

    assert made.features == ("adm2", "vif_scale0", "motion2")
    assert set(np.asarray(made.columns["adm2"]).tolist()) == {np.float32(0.1)}


def test_features_asked_for_are_those_and_in_that_order(tmp_path: Path) -> None:
    made = make(tmp_path, some_rows(psnr=[30.0, 31, 32, 33, 34]), features=("psnr", "adm2"))

    assert list(made.columns) == ["psnr", "adm2", "mos", "content"]


@pytest.mark.parametrize(
    ("features", "reason"),
    [
        (
            ("adm2", "psnr"),
            r"no feature column 'psnr'; its columns are 'adm2', 'motion2', 'mos', 'content'.*--feature",
        ),
        (("adm2", "adm2"), r"more than once: 'adm2'"),
        (("adm2", "integer_adm2"), r"no feature column 'integer_adm2'"),
        (("adm2", "mos"), r"would share a name"),
        (("adm2", "row"), r"would share a name"),
        (("adm2", "content"), r"'content' would be more than one of feature, target and content"),
    ],
)
def test_features_that_cannot_be_had_are_refused(tmp_path: Path, features: tuple[str, ...], reason: str) -> None:
    with pytest.raises(BadSource, match=reason):
        make(tmp_path, some_rows(), features=features)


def test_the_target_cannot_be_a_feature_of_itself(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match="'score' would be more than one of feature, target and content"):
        make(tmp_path, some_rows(mos=[], score=[1, 2, 3, 4, 5]), features=("adm2", "score"))


def test_one_column_is_not_two_features(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match="'integer_adm2' would be more than one"):
        make(tmp_path, some_rows(adm2=[], integer_adm2=[1] * 5), features=("adm2", "integer_adm2"))


def test_a_content_column_may_not_take_a_name_of_the_cache(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match="'mos' would share a name"):
        make(tmp_path, some_rows(score=[1, 2, 3, 4, 5]), target="score", content="mos")


def test_a_table_without_features_is_refused_with_its_columns(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match=r"no feature column 'adm2'.*its columns are 'mos', 'content'"):
        make(tmp_path, some_rows(adm2=[], motion2=[]))


# Incomplete rows

GAPS = [math.nan, math.inf, -math.inf, 1e39]


@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("column", ["adm2", "mos"])
@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_missing_or_infinite_value_is_refused_with_its_row_and_column(
    tmp_path: Path, column: str, gap: float, suffix: str
) -> None:
    values = [1.0, 2.0, 3.0, gap, 5.0]

    with pytest.raises(BadSource, match=rf"1 of 5 rows are incomplete.*: row 3 \({column}\);.*--drop-incomplete"):
        make(tmp_path, some_rows(**{column: values}), suffix)


def test_a_missing_content_is_an_incomplete_row(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match=r"2 of 5 rows .*row 0 \(content\), row 4 \(adm2, content\)"):
        make(tmp_path, some_rows(content=[None, "a", "b", "c", " "], adm2=[1.0, 2.0, 3.0, 4.0, None]))


def test_of_many_incomplete_rows_the_first_ten_are_named(tmp_path: Path) -> None:
    columns = {"adm2": [None] * 12 + [1.0, 2.0, 3.0], "mos": [float(row) for row in range(15)]}

    with pytest.raises(BadSource, match=r"12 of 15 rows .*row 9 \(adm2\) and 2 more") as caught:
        make(tmp_path, columns)
    assert "row 10" not in str(caught.value)


def test_incomplete_rows_are_dropped_when_asked_and_the_note_says_how_many(tmp_path: Path) -> None:
    made = make(tmp_path, some_rows(mos=[1.0, None, 3.0, 1e39, 5.0]), drop_incomplete=True)

    assert made.notes == ("dropped 2 incomplete rows of 5",)
    np.testing.assert_array_equal(made.columns["adm2"], np.array([0.1, 0.3, 0.5], np.float32))
    np.testing.assert_array_equal(made.columns["mos"], np.array([1, 3, 5], np.float32))
    assert made.columns["content"] == ["007", "008", "009"]


def test_text_among_numbers_is_refused_even_when_incomplete_rows_are_dropped(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match=r"column 'mos' must hold numbers .*row 1 'good', row 3 'bad'"):
        make(tmp_path, some_rows(mos=["1", "good", "3", "bad", ""]), "csv", drop_incomplete=True)


# Targets that cannot be judged on


def test_a_constant_target_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match=r"'mos' is 2\.5 in all 5 rows.*--target"):
        make(tmp_path, some_rows(mos=[2.5] * 5))


def test_a_target_that_is_constant_once_it_is_float32_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match="in all 5 rows"):
        make(tmp_path, some_rows(mos=[1, 1 + 1e-9, 1 - 1e-9, 1, 1]))


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_fewer_than_three_rows_are_refused(tmp_path: Path, rows: int) -> None:
    columns = {"adm2": pa.array([0.1, 0.2][:rows], pa.float64()), "mos": pa.array([1.0, 2.0][:rows], pa.float64())}

    with pytest.raises(BadSource, match=rf"{rows} rows can be used.*fewer than 3"):
        make(tmp_path, columns)


def test_fewer_than_three_rows_after_dropping_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match="2 of 5 rows can be used"):
        make(tmp_path, some_rows(mos=[1, None, None, None, 2]), drop_incomplete=True)


def test_targets_outside_of_the_scale_are_refused_with_their_rows(tmp_path: Path) -> None:
    with pytest.raises(
        BadSource, match=r"2 values of 'mos' lie outside of its scale 1 to 5: row 0 has 0\.5, row 4 has 5\.1"
    ):
        make(tmp_path, some_rows(mos=[0.5, 1, 5, 3, 5.1]), scale=(1, 5))


def test_the_ends_of_the_scale_are_on_the_scale(tmp_path: Path) -> None:
    make(tmp_path, some_rows(mos=[1, 2, 3, 4, 4.9]), scale=(1, 4.9))


@pytest.mark.parametrize("scale", [(5, 1), (1, 1), (math.nan, 5)])
def test_an_empty_scale_is_refused(tmp_path: Path, scale: tuple[float, float]) -> None:
    with pytest.raises(BadSource, match="is empty"):
        make(tmp_path, some_rows(), scale=scale)


# Sources


def test_a_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceAbsent, match=r"t\.parquet: is not there"):
        make_table(Table(table="t.parquet"), Surroundings(tmp_path))


def test_an_encrypted_table_is_to_be_decrypted_first(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PARE" + b"\x00" * 40 + (20).to_bytes(4, "little") + b"PARE")

    with pytest.raises(BadSource, match="decrypt it first"):
        make_table(Table(table="t.parquet"), Surroundings(tmp_path))


@pytest.mark.parametrize(
    "values",
    [
        pa.array([1, 2, 3], pa.int64()),
        pa.array([1, 2, 3], pa.uint8()),
        pa.array([1.0, 2.0, 3.0], pa.float32()),
        pa.array(np.array([1, 2, 3], np.float16)),
        pa.array(["1", "2", "3"]).dictionary_encode(),
        pa.array([1, 2, 3]).cast(pa.decimal128(25, 2)),
    ],
    ids=lambda values: str(values.type),
)
def test_numbers_of_every_type_are_numbers(tmp_path: Path, values: pa.Array) -> None:
    made = make(tmp_path, {"adm2": [0.1, 0.2, 0.3], "mos": values})

    assert np.asarray(made.columns["mos"]).tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "values",
    [pa.array([True, False, True]), pa.array([[1.0], [2.0], [3.0]]), pa.array([1, 2, 3], pa.timestamp("s"))],
    ids=lambda values: str(values.type),
)
def test_what_is_no_number_is_refused_by_its_column(tmp_path: Path, values: pa.Array) -> None:
    with pytest.raises(BadSource, match="column 'mos' must hold numbers"):
        make(tmp_path, {"adm2": [0.1, 0.2, 0.3], "mos": values})


def test_the_frames_index_is_no_feature(tmp_path: Path) -> None:
    made = make(tmp_path, {**some_rows(), "row": [0, 1, 2, 3, 4], "__index_level_0__": [0, 1, 2, 3, 4]})

    assert list(made.columns) == ["adm2", "motion2", "mos", "content"]


# Real data


def test_the_published_clips_give_756_rows_of_17_contents(real_data: Path) -> None:
    made = make_table(Table(table="clips.parquet", scale=(1, 5)), Surroundings(real_data / "avt-vqdb-uhd-1"))

    assert made.features == DEFAULT_FEATURES
    assert made.content == "content_id"
    assert {len(column) for column in made.columns.values()} == {756}
    assert len(set(made.columns["content_id"])) == 17
    assert made.notes == ()


def test_features_and_scores_in_two_files_are_joined_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "features.csv").write_text("clip,a,b\nz.266,7,8\ny.266,5,6\nx.266,1,2\n")
    (tmp_path / "mos.csv").write_text("name,MOS,content\nx.mkv,1,s\ny.mkv,2,s\nz.mkv,4,t\n")
    recipe = Table(
        table="features.csv",
        labels="mos.csv",
        key="name",
        table_key="clip",
        endings={".mkv": ".266"},
        features=("*",),
    )
    made = make_table(recipe, Surroundings(tmp_path))
    assert {name: list(column) for name, column in made.columns.items()} == {
        "a": [1, 5, 7],
        "b": [2, 6, 8],
        "mos": [1, 2, 4],
        "content": ["s", "s", "t"],
        "key": ["x.mkv", "y.mkv", "z.mkv"],
    }
    assert made.features == ("a", "b")
    assert list(made.source_sha256) == ["features.csv", "mos.csv"]
    assert isinstance(made.recipe, Table)
    assert (made.recipe.features, made.recipe.target, made.recipe.content) == (("a", "b"), "MOS", "content")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"key": None}, "says nothing of which row"),
        ({"table_key": "none"}, "has no key column 'none'"),
        ({"endings": {"x.mkv": "y.266", "y.mkv": "y.266"}}, r"several keys become the same name 'y\.266'"),
        ({"endings": {}}, r"3 of 3 labels have no row there: 'x\.mkv'"),
        ({"endings": {}, "allow_missing": True}, "3 of 3 labels have no row there"),
        ({"labels": None}, "'key', 'table_key', 'endings' say how features find scores in another file"),
        ({"features": ("c*",)}, r"has no feature column 'c\*'"),
    ],
)
def test_two_files_that_do_not_fit_are_refused(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    (tmp_path / "features.csv").write_text("clip,a,b\nz.266,7,8\ny.266,5,6\nx.266,1,2\n")
    (tmp_path / "mos.csv").write_text("name,MOS\nx.mkv,1\ny.mkv,2\nz.mkv,4\n")
    fields = {"labels": "mos.csv", "key": "name", "table_key": "clip", "endings": {".mkv": ".266"}, "features": ("*",)}
    with pytest.raises(BadSource, match=why):
        make_table(Table(table="features.csv", **(fields | change)), Surroundings(tmp_path))


def test_a_name_twice_in_the_features_is_refused(tmp_path: Path) -> None:
    (tmp_path / "features.csv").write_text("name,a\nx,7\nx,5\ny,1\n")
    (tmp_path / "mos.csv").write_text("name,MOS\nx,1\ny,2\nz,4\n")
    with pytest.raises(BadSource, match="1 names of column 'name' stand more than once: 'x'"):
        make_table(Table(table="features.csv", labels="mos.csv", key="name", features=("a",)), Surroundings(tmp_path))


def test_contents_may_be_put_together_from_those_of_a_column(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("adm2,mos,content\n1,1,a1\n2,2,a2\n3,4,b1\n")
    made = make_table(Table(table="t.csv", contents={"a*": "a", "b?": "b"}), Surroundings(tmp_path))
    assert made.columns["content"] == ["a", "a", "b"]
    (tmp_path / "t.csv").write_text("adm2,mos\n1,1\n2,2\n3,4\n")
    with pytest.raises(BadSource, match="has no column that 'contents' could be matched with"):
        make_table(Table(table="t.csv", contents={"a*": "a"}), Surroundings(tmp_path))


def test_a_name_with_a_star_is_every_column_it_matches_but_target_and_content(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x1,mos,y*,x2,content\n1,1,5,2,a\n2,2,6,3,a\n3,4,7,4,b\n")
    assert make_table(Table(table="t.csv", features=("x*",)), Surroundings(tmp_path)).features == ("x1", "x2")
    assert make_table(Table(table="t.csv", features=("*",)), Surroundings(tmp_path)).features == ("x1", "y*", "x2")
    assert make_table(Table(table="t.csv", features=("y*", "x2")), Surroundings(tmp_path)).features == ("y*", "x2")
