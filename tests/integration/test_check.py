"""The verifier: every kind of drift on a real folder, told apart and told well."""

import os
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
from bisect_cache.cache.generate import generate
from bisect_cache.cache.manifest import BadManifest, Reports, Table
from bisect_cache.cache.parquet import features
from bisect_cache.cache.parquet.writer import causes
from bisect_cache.cache.recipes.interface import BadSource, SourceAbsent
from bisect_cache.files import sha256_of_file
from bisect_cache.runs.request import EMBEDDED


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
    edit_manifest(cache, fingerprint="sha256:" + "0" * 64)
    checked = check(cache)
    assert found(checked) == [("bisect-cache.json", "manifest", "error")]
    assert "the manifest says fingerprint sha256:000" in checked.findings[0].detail


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda cache: (cache / "bisect-cache.json").write_text("{"), "not a manifest of this version"),
        (lambda cache: edit_manifest(cache, provenance="real"), "provenance 'real', but its recipe makes"),
        (lambda cache: edit_manifest(cache, surplus=1), "not a manifest of this version"),
        (lambda cache: edit_manifest(cache, features=[]), "not a manifest of this version"),
        (lambda cache: (cache / "bisect-cache.json").write_text("[" * 100_000), "not a manifest of this version"),
        (
            lambda cache: (cache / "bisect-cache.json").write_bytes(b'{"schema":"\xff"}'),
            "not a manifest of this version",
        ),
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
        assert "lies outside the working folder" in checked.findings[0].detail
    assert check(cache, source=secret).regenerated


def test_a_source_that_cannot_be_used_any_more_is_no_verdict(tmp_path: Path, monkeypatch) -> None:
    cache = table_cache_at(tmp_path / "c")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table.csv").write_text(",".join(SIX) + "\n")
    with pytest.raises(BadSource, match=r"table\.csv"):
        check(cache)


def test_a_file_that_the_manifest_records_is_held_against_the_writer_that_is_here(cache: Path) -> None:
    """Another compression here, as if another build had written it; the manifest knows these bytes."""
    rewrite(cache, compression="snappy")
    path = cache / "features.parquet"
    manifest = msgspec.json.decode((cache / "bisect-cache.json").read_bytes())
    record = {"size": path.stat().st_size, "sha256": sha256_of_file(path)}
    edit_manifest(cache, files=manifest["files"] | {"features.parquet": record})
    assert check(cache).outcome == "clean"
    assert found(check(cache, strict=True)) == [("features.parquet", "writer", "error")]

    old = f"parquet-cpp-arrow version {pa.cpp_version}".encode()
    path.write_bytes(path.read_bytes().replace(old, old[:-1] + (b"0" if old[-1:] != b"0" else b"9")))
    record = {"size": path.stat().st_size, "sha256": sha256_of_file(path)}
    edit_manifest(cache, files=manifest["files"] | {"features.parquet": record})
    assert check(cache).outcome == "writer-drift"


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        (b"no json", "pandas metadata (pandas none -> "),
        (b"[]", "pandas metadata (pandas none -> "),
        (b'{"pandas_version": "%s", "index_columns": []}' % pd.__version__.encode(), "pandas metadata; "),
    ],
)
def test_odd_pandas_metadata_is_a_cause_like_any_other(cache: Path, note: bytes, expected: str) -> None:
    path = cache / "features.parquet"
    pq.write_table(pq.read_table(path).replace_schema_metadata({b"pandas": note}), path, compression="zstd")
    assert f"Same content, other bytes: {expected}" in check(cache).findings[0].detail


def test_where_nothing_visible_differs_the_encoding_is_the_cause(cache: Path) -> None:
    metadata = pq.read_metadata(cache / "features.parquet")
    assert causes(metadata, metadata) == ["the encoding of pages (another build of the compressor or the writer)"]


def test_a_source_is_found_in_the_folder_that_holds_it_now(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    cache = table_cache_at(tmp_path / "there" / "c")
    shutil.move(cache, tmp_path / "here")
    assert check(tmp_path / "here", source=tmp_path / "there").regenerated


def test_a_source_within_the_cache_is_found_from_anywhere(tmp_path: Path, monkeypatch) -> None:
    cache = table_cache_at(tmp_path / "c")
    (cache / "table.csv").write_bytes((tmp_path / "table.csv").read_bytes())
    generate(cache, Table(table="table.csv"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert check(cache).regenerated


def test_a_link_in_the_working_folder_leads_to_nothing_outside(tmp_path: Path, monkeypatch) -> None:
    cache = table_cache_at(tmp_path / "workspace" / "c")
    table = tmp_path / "workspace" / "table.csv"
    table.rename(tmp_path / "secret.csv")
    table.symlink_to(tmp_path / "secret.csv")
    monkeypatch.chdir(tmp_path / "workspace")
    checked = check(cache)
    assert not checked.regenerated
    assert "lies outside the working folder" in checked.findings[0].detail


def test_without_its_source_a_manifest_that_miscounts_rows_is_drift(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    cache = table_cache_at(tmp_path / "c")
    (tmp_path / "table.csv").unlink()
    edit_manifest(cache, rows=12)
    checked = check(cache)
    assert found(checked)[1:] == [("bisect-cache.json", "manifest", "error")]
    assert "The manifest says 12 rows of adm2, content" in checked.findings[1].detail


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"features": ["adm2"]}, f"features adm2 instead of {', '.join(SIX)}"),
        ({"content": None}, "content None instead of content"),
    ],
)
def test_a_manifest_that_names_other_columns_than_its_recipe_is_drift(
    tmp_path: Path, monkeypatch, changes: dict[str, object], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    cache = table_cache_at(tmp_path / "c")
    edit_manifest(cache, **changes)
    checked = check(cache)
    assert found(checked) == [("bisect-cache.json", "manifest", "error")]
    assert words in checked.findings[0].detail


def test_a_folder_in_the_place_of_a_model_is_corrupt(cache: Path) -> None:
    (cache / "models" / "model_02.onnx").unlink()
    (cache / "models" / "model_02.onnx").mkdir()
    assert ("models/model_02.onnx", "corrupt", "error") in found(check(cache))


@pytest.fixture
def of_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache from three reports and a label file; the working folder is the one that holds all of it."""
    workspace = tmp_path / "workspace"
    (workspace / "reports").mkdir(parents=True)
    (workspace / "labels.csv").write_text("clip,mos\na,1\nb,2\nc,4\n")
    for number, clip in enumerate("abc"):
        frames = [{"frameNum": 0, "metrics": {"adm2": 0.5 + number / 10}}]
        (workspace / "reports" / f"{clip}.json").write_bytes(
            msgspec.json.encode({"version": "2.3.0", "frames": frames})
        )
    monkeypatch.chdir(workspace)
    recipe = Reports(reports="../reports", labels="../labels.csv", key="clip", report_name="{key}.json")
    generate(workspace / "c", recipe)
    return workspace / "c"


def test_reports_and_labels_are_found_in_the_folder_that_holds_them_now(of_reports: Path, tmp_path: Path) -> None:
    assert check(of_reports).regenerated
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("reports", "labels.csv"):
        shutil.move(of_reports.parent / name, moved / name)
    assert not check(of_reports).regenerated
    checked = check(of_reports, source=moved)
    assert (checked.regenerated, checked.outcome) == (True, "clean")


def test_labels_outside_the_working_folder_are_not_read_by_themselves(of_reports: Path, tmp_path: Path) -> None:
    shutil.move(of_reports.parent / "labels.csv", tmp_path / "labels.csv")
    manifest = msgspec.json.decode((of_reports / "bisect-cache.json").read_bytes())
    edit_manifest(of_reports, recipe=manifest["recipe"] | {"labels": "../../labels.csv"})
    checked = check(of_reports)
    assert not checked.regenerated
    assert "its source ../../labels.csv lies outside the working folder" in checked.findings[0].detail


def test_a_creator_of_another_version_is_no_change_of_the_metadata(cache: Path) -> None:
    path = cache / "features.parquet"
    table = pq.read_table(path)
    note = msgspec.json.decode(table.schema.metadata[b"pandas"])
    note["creator"]["version"] = "0"
    changed = table.replace_schema_metadata({b"pandas": msgspec.json.encode(note)})
    pq.write_table(changed, path, compression="zstd")
    (finding,) = check(cache).findings
    assert finding.kind == "writer"
    assert "pandas metadata" not in finding.detail


def tampered(manifest: dict, path: str, value: object) -> dict:
    *parents, last = path.split("/")
    inner = manifest
    for name in parents:
        inner = inner[name]
    inner[last] = value
    return manifest


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("files/features.parquet", {"size": 1, "sha256": "0" * 64}, "another size or sha256 of features.parquet"),
        ("content", None, "content None instead of content"),
        ("features", [*SIX[1:], SIX[0]], "features vif_scale0"),
        ("rows", 23, "rows 23 instead of 24"),
    ],
)
def test_a_tampered_manifest_of_a_real_cache_is_drift(
    tmp_path: Path, monkeypatch, path: str, value: object, words: str
) -> None:
    cache = table_cache_at(tmp_path / "c")
    edit_manifest(cache, **tampered(msgspec.json.decode((cache / "bisect-cache.json").read_bytes()), path, value))
    monkeypatch.chdir(tmp_path)
    checked = check(cache)
    assert found(checked) == [("bisect-cache.json", "manifest", "error")]
    assert words in checked.findings[0].detail


def test_tampered_records_of_models_are_drift(cache: Path) -> None:
    manifest = msgspec.json.decode((cache / "bisect-cache.json").read_bytes())
    manifest["files"]["models/model_03.onnx"]["size"] += 1
    edit_manifest(cache, **manifest)
    assert found(check(cache)) == [("bisect-cache.json", "manifest", "error")]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"target": {"name": "adm2", "direction": "higher-is-better", "scale": None}}, "its target is not the one"),
        ({"target": {"name": "mos", "direction": "lower-is-better", "scale": None}}, "its target is not the one"),
        ({"features": ["adm2", "adm2"]}, "a column is named twice"),
        ({"features": ["adm2", "mos"]}, "a column is named twice"),
        ({"content": "row"}, "a column is named twice"),
        ({"files": {}}, "it does not list features.parquet"),
        ({"rows": 12}, "12 rows and 8 models, but its recipe makes 256 rows and 8 models"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_no_manifest(cache: Path, changes: dict, words: str) -> None:
    edit_manifest(cache, **changes)
    with pytest.raises(BadManifest, match=f"contradicts itself: .*{words}"):
        check(cache)


@pytest.mark.parametrize("file", ["features.parquet", "models/model_02.onnx", "bisect-cache.json"])
@pytest.mark.parametrize("kind", ["device", "pipe", "folder"])
def test_what_is_no_file_is_never_waited_for(cache: Path, file: str, kind: str) -> None:
    (cache / file).unlink()
    if kind == "device":
        (cache / file).symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(cache / file)
    else:
        (cache / file).mkdir()
    if file == "bisect-cache.json":
        with pytest.raises(BadManifest):
            check(cache)
    else:
        assert (file, "corrupt", "error") in found(check(cache))


def test_more_values_than_are_read_are_refused_before_they_are(cache: Path, monkeypatch) -> None:
    monkeypatch.setattr(features, "MOST_CELLS", 2000)
    checked = check(cache)
    assert found(checked) == [("features.parquet", "corrupt", "error")]
    assert "256 rows of 8 columns, more than the 2,000 values that are read" in checked.findings[0].detail


def test_a_source_that_was_named_and_is_not_there_is_no_verdict(tmp_path: Path) -> None:
    cache = table_cache_at(tmp_path / "c")
    with pytest.raises(SourceAbsent, match=r"elsewhere\.csv"):
        check(cache, source=tmp_path / "elsewhere.csv")
