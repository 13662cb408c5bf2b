"""The verifier: every kind of drift on a real folder, told apart and told well."""

import shutil
from pathlib import Path

import msgspec
import onnx
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from making import SIX, cache_at, linear, save, table_cache_at

from bisect_cache.cache.check import Checked, check
from bisect_cache.cache.manifest import BadManifest
from bisect_cache.cache.recipes.interface import BadSource
from bisect_cache.runs import EMBEDDED


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return cache_at(tmp_path / "c")


def found(checked: Checked) -> list[tuple[str, str, str]]:
    return [(finding.file, finding.kind, finding.severity) for finding in checked.findings]


def rewrite(cache: Path, change=lambda frame: frame, **options) -> None:
    """Write features.parquet again by another hand."""
    frame = change(pd.read_parquet(cache / "features.parquet"))
    frame.to_parquet(cache / "features.parquet", **({"engine": "pyarrow", "compression": "zstd"} | options))


def edit_manifest(cache: Path, **changes: object) -> None:
    manifest = msgspec.json.decode((cache / "bisect-cache.json").read_bytes())
    (cache / "bisect-cache.json").write_bytes(msgspec.json.encode(manifest | changes))


def test_a_fresh_cache_is_clean_and_so_is_the_embedded_one(cache: Path) -> None:
    for folder in (cache, EMBEDDED):
        checked = check(folder)
        assert (checked.outcome, checked.findings, checked.regenerated) in [
            ("clean", (), True),
            ("writer-drift", checked.findings, True),
        ]
    assert check(cache, strict=True).outcome == "clean"


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ({"compression": "snappy"}, "compression (snappy -> zstd)"),
        ({"row_group_size": 100}, "page layout (3 row groups"),
        ({"store_schema": False}, "the embedded Arrow schema"),
        ({"version": "1.0"}, "format version (1.0 -> 2.6)"),
    ],
)
def test_writer_drift_is_a_notice_that_names_the_cause(cache: Path, options: dict[str, object], cause: str) -> None:
    rewrite(cache, **options)
    checked = check(cache)
    assert checked.outcome == "writer-drift"
    assert found(checked) == [("features.parquet", "writer", "notice")]
    assert cause in checked.findings[0].detail
    strict = check(cache, strict=True)
    assert strict.outcome == "drift"
    assert found(strict) == [("features.parquet", "writer", "error")]


def test_another_writer_version_is_named(cache: Path) -> None:
    path = cache / "features.parquet"
    old = f"parquet-cpp-arrow version {pa.cpp_version}"
    data = path.read_bytes()
    assert old.encode() in data
    other = old[:-1] + ("0" if old[-1] != "0" else "9")
    path.write_bytes(data.replace(old.encode(), other.encode()))
    checked = check(cache)
    assert checked.outcome == "writer-drift"
    assert f"writer version ({other} -> {old})" in checked.findings[0].detail


def test_pandas_metadata_is_named(cache: Path) -> None:
    table = pq.read_table(cache / "features.parquet")
    pq.write_table(table.replace_schema_metadata({}), cache / "features.parquet", compression="zstd")
    assert "pandas metadata (pandas none ->" in check(cache).findings[0].detail


def test_changed_values_say_where_and_that_the_file_was_changed(cache: Path) -> None:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[3:5, "adm2"] += 0.25
        return frame

    rewrite(cache, change)
    checked = check(cache)
    assert checked.outcome == "drift"
    assert found(checked) == [("features.parquet", "values", "error")]
    detail = checked.findings[0].detail
    assert "adm2: 3 of 256 cells differ, first in row 3, largest difference 0.25" in detail
    assert "so the file was changed. Restore the file" in detail


def test_a_recipe_that_gives_other_data_is_told_from_a_changed_file(tmp_path: Path, monkeypatch) -> None:
    cache = table_cache_at(tmp_path / "c")
    monkeypatch.chdir(tmp_path)
    table = tmp_path / "table.csv"
    lines = table.read_text().splitlines()
    lines[4] = ",".join(["0.123", *lines[4].split(",")[1:]])
    table.write_text("\n".join(lines) + "\n")
    checked = check(cache)
    assert checked.outcome == "drift"
    assert [kind for _, kind, _ in found(checked)] == ["source", "values"]
    assert "its recipe gives other data now" in checked.findings[1].detail


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        (lambda frame: frame.drop(columns="motion2"), "schema", "column motion2 not in the committed file"),
        (lambda frame: frame.astype({"mos": "float64"}), "schema", "column mos is float64"),
        (lambda frame: frame.iloc[:200], "rows", "200 rows are committed, 256 are regenerated"),
    ],
)
def test_schema_and_rows_are_kinds_of_their_own(cache: Path, change, kind: str, words: str) -> None:
    rewrite(cache, change)
    checked = check(cache)
    assert (checked.outcome, checked.findings[0].kind) == ("drift", kind)
    assert words in checked.findings[0].detail


def test_missing_and_corrupt_files_are_found_and_the_rest_is_checked_too(cache: Path) -> None:
    (cache / "models" / "model_02.onnx").unlink()
    (cache / "models" / "model_03.onnx").write_bytes(b"no model")
    (cache / "features.parquet").write_bytes((cache / "features.parquet").read_bytes()[:5000])
    checked = check(cache)
    assert found(checked) == [
        ("features.parquet", "corrupt", "error"),
        ("models/model_02.onnx", "missing", "error"),
        ("models/model_03.onnx", "corrupt", "error"),
    ]
    (cache / "features.parquet").unlink()
    assert found(check(cache))[0] == ("features.parquet", "missing", "error")


def test_a_changed_model_is_described(cache: Path) -> None:
    path = cache / "models" / "model_04.onnx"
    model = onnx.load(path)
    model.graph.initializer[0].float_data[0] *= 2
    model.producer_name = "someone else"
    save(model, path)
    assert found(check(cache)) == [
        ("models/model_04.onnx", "metadata", "warning"),
        ("models/model_04.onnx", "weights", "error"),
    ]


def test_files_that_no_recipe_makes_are_unexpected_and_a_readme_is_not(cache: Path) -> None:
    (cache / "README.md").write_text("about")
    (cache / "more").mkdir()
    (cache / "more" / "old.parquet").write_bytes(b"")
    save(linear(), cache / "models" / "model_99.onnx")
    assert found(check(cache)) == [
        ("models/model_99.onnx", "unexpected", "error"),
        ("more/old.parquet", "unexpected", "error"),
    ]


def test_the_older_layout_is_checked_as_research_0001(cache: Path) -> None:
    (cache / "bisect-cache.json").unlink()
    checked = check(cache)
    assert checked.outcome == "clean"
    assert found(checked) == [("bisect-cache.json", "manifest", "notice")]
    assert "research-0001" in checked.findings[0].detail
    (cache / "models" / "model_07.onnx").unlink()
    assert check(cache).outcome == "drift"


def test_a_manifest_that_lies_about_its_data_is_drift(cache: Path) -> None:
    edit_manifest(cache, fingerprint="sha256:" + "0" * 64, rows=12)
    checked = check(cache)
    assert found(checked) == [("bisect-cache.json", "manifest", "error")]
    assert "rows 12 instead of 256" in checked.findings[0].detail


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda cache: (cache / "bisect-cache.json").write_text("{"), "not a manifest of this version"),
        (lambda cache: edit_manifest(cache, provenance="real"), "says provenance 'real', but its recipe makes"),
        (lambda cache: edit_manifest(cache, surplus=1), "not a manifest of this version"),
        (shutil.rmtree, "no such folder"),
        (lambda cache: [path.unlink() for path in cache.iterdir() if path.is_file()], "not a cache"),
    ],
)
def test_what_is_no_cache_cannot_be_checked(cache: Path, change, words: str) -> None:
    change(cache)
    with pytest.raises(BadManifest, match=words):
        check(cache)


def test_a_real_cache_regenerates_from_its_source(tmp_path: Path, monkeypatch) -> None:
    cache = table_cache_at(tmp_path / "c")
    monkeypatch.chdir(tmp_path)
    checked = check(cache)
    assert (checked.outcome, checked.regenerated, checked.findings) == ("clean", True, ())


def test_without_its_source_a_real_cache_is_held_against_its_manifest(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    cache = table_cache_at(tmp_path / "there" / "c")
    moved = tmp_path / "here"
    shutil.move(cache, moved)
    checked = check(moved)
    assert (checked.outcome, checked.regenerated) == ("clean", False)
    assert found(checked) == [("features.parquet", "source", "notice")]
    assert "Not regenerated, its source is not here" in checked.findings[0].detail

    rewrite(moved, compression="snappy")
    assert found(check(moved))[1:] == [("features.parquet", "writer", "notice")]

    rewrite(moved, lambda frame: frame.assign(mos=frame["mos"] * 2))
    assert found(check(moved))[1:] == [("features.parquet", "values", "error")]

    restored = check(moved, source=tmp_path / "there" / "table.csv")
    assert restored.regenerated
    assert restored.findings[0].kind == "values"


def test_a_manifest_reaches_no_file_outside_the_working_folder_by_itself(tmp_path: Path, monkeypatch) -> None:
    cache = table_cache_at(tmp_path / "workspace" / "c")
    secret = tmp_path / "secret.csv"
    shutil.copy(tmp_path / "workspace" / "table.csv", secret)
    monkeypatch.chdir(tmp_path / "workspace")
    manifest = msgspec.json.decode((cache / "bisect-cache.json").read_bytes())
    for path in ("../../secret.csv", str(secret)):
        edit_manifest(cache, recipe=manifest["recipe"] | {"table": path})
        checked = check(cache)
        assert not checked.regenerated
        assert "lies outside the working folder: name it with --source" in checked.findings[0].detail
    assert check(cache, source=secret).regenerated


def test_a_source_that_cannot_be_used_any_more_is_no_verdict(tmp_path: Path, monkeypatch) -> None:
    cache = table_cache_at(tmp_path / "c")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table.csv").write_text(",".join(SIX) + "\n")
    with pytest.raises(BadSource, match=r"table\.csv"):
        check(cache)
