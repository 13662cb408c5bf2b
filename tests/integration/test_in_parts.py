"""Caches whose features are a folder of parts, by whatever hand, and tables that are one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from judging import command, noisy_cache_at, timeline_at, weaker
from making import SIX, cache_at, table_cache_at
from mutating_parquet import Parquet, decoded, encoded

from bisect_cache.cache import opened
from bisect_cache.cache.check import Checked, check
from bisect_cache.cache.generate import generate
from bisect_cache.cache.large import LargeCache
from bisect_cache.cache.manifest import BadManifest, Manifest, Table, read_manifest
from bisect_cache.cache.opened import Held, open_cache
from bisect_cache.cache.parquet.features import BadFeatures, read_features
from bisect_cache.cache.parquet.parts import sha256_of_parts
from bisect_cache.cache.placing import CannotGenerate
from bisect_cache.cache.recipes import labels
from bisect_cache.cache.recipes.interface import BadSource, SourceAbsent
from bisect_cache.cache.standing import Replaced
from bisect_cache.files import sha256_of_file
from bisect_cache.judge.thresholds import parse_thresholds
from bisect_cache.report.structs import encode_report
from bisect_cache.runs.request import BisectRequest
from bisect_cache.runs.run import run_bisect

STREAMED = Held(rows=1)


def manifest_of(cache: Path) -> Manifest:
    manifest = read_manifest(cache)
    assert manifest is not None
    return manifest


def found(checked: Checked) -> list[tuple[str, str, str]]:
    return [(finding.file, finding.kind, finding.severity) for finding in checked.findings]


def emptied(cache: Path) -> tuple[pa.Table, Path]:
    """The features of a cache, and the empty folder that takes their place."""
    path = cache / "features.parquet"
    table = pq.read_table(path)
    path.unlink()
    path.mkdir()
    return table, path


def slices(table: pa.Table, rows: int) -> list[pa.Table]:
    return [table.slice(start, rows) for start in range(0, table.num_rows, rows)]


def by_hand(cache: Path, rows: int = 7) -> None:
    table, path = emptied(cache)
    for number, piece in enumerate(slices(table, rows)):
        pq.write_table(piece, path / f"part-{number}.parquet")


def as_spark_does(cache: Path) -> None:
    """Names, what it leaves beside the parts, an empty part, no schema of Arrow's, and none of pandas'."""
    table, path = emptied(cache)
    bare = table.replace_schema_metadata({})
    for number, piece in enumerate([bare.slice(0, 0), *slices(bare, 9)]):
        name = f"part-{number:05}-5e33a0d8-c000.snappy.parquet"
        pq.write_table(piece, path / name, compression="snappy", store_schema=False, version="1.0")
        (path / f".{name}.crc").write_bytes(b"crc")
    (path / "_SUCCESS").touch()


def as_dask_does(cache: Path) -> None:
    table, path = emptied(cache)
    for number, piece in enumerate(slices(table, 2)):
        pq.write_table(piece, path / f"part.{number}.parquet")
    pq.write_metadata(table.schema, path / "_common_metadata")
    pq.write_metadata(table.schema, path / "_metadata")


def as_pyarrow_does(cache: Path) -> None:
    table, path = emptied(cache)
    pyarrow.dataset.write_dataset(
        table, path, format="parquet", max_rows_per_file=5, max_rows_per_group=5, use_threads=False
    )


HANDS = [by_hand, as_spark_does, as_dask_does, as_pyarrow_does]


def judged(cache: Path, models: Path) -> bytes:
    """The report of a bisection, without what it says of time."""
    gates = parse_thresholds(["plcc >= baseline - 0.05", "srocc >= 0.5"])
    report = run_bisect(BisectRequest(cache, (str(models),), gates, by_content=True, baseline="m_00"))
    steps = tuple(msgspec.structs.replace(step, seconds=0.0) for step in report.steps)
    return encode_report(msgspec.structs.replace(report, steps=steps))


# Written by others


@pytest.mark.parametrize("hand", HANDS)
def test_features_split_by_any_hand_are_the_same_content(tmp_path: Path, hand: Callable[[Path], None]) -> None:
    cache = table_cache_at(tmp_path / "c")
    whole = open_cache(cache)
    hand(cache)
    for held in (Held(), STREAMED):
        split = open_cache(cache, held)
        assert split.fingerprint == whole.fingerprint
        assert split.notes == ()
        assert np.array_equal(split.some(np.arange(24)).features, whole.features)  # type: ignore[union-attr]
        assert np.array_equal(split.target, whole.target)
        assert (split.content_names, split.content_count) == (whole.content_names, 4)
    for strict, outcome, severity in ((False, "writer-drift", "notice"), (True, "drift", "error")):
        checked = check(cache, strict=strict, source=tmp_path / "table.csv")
        assert (checked.outcome, checked.rows, checked.fingerprint) == (outcome, 24, whole.fingerprint)
        assert found(checked) == [("features.parquet", "writer", severity)]
        parts = len(list((cache / "features.parquet").glob("[!._]*.parquet")))
        assert f"other bytes: a folder of {parts} parts instead of one file. The data is" in checked.findings[0].detail


@pytest.mark.parametrize("held", [Held(), STREAMED])
def test_what_is_said_of_models_does_not_depend_on_how_the_rows_are_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: Held
) -> None:
    cache = noisy_cache_at(tmp_path / "c", rows=96, contents=12)
    models = timeline_at(tmp_path / "m", [weaker(0), weaker(0.1), b"no model", weaker(2), weaker(2.1)])
    monkeypatch.setattr(opened, "_SMALL", 0)
    monkeypatch.setattr(opened.open_cache, "__defaults__", (held,))
    assert isinstance(opened.open_cache(cache), LargeCache) == (held is STREAMED)
    whole = judged(cache, models)
    by_hand(cache, 17)
    assert b"A regression lies behind m_00" in whole
    assert judged(cache, models) == whole


def test_thresholds_are_proposed_from_parts_as_from_one_file(tmp_path: Path) -> None:
    cache = noisy_cache_at(tmp_path / "c", rows=96, contents=12)
    timeline_at(tmp_path / "m", [weaker(0), weaker(0.1)])
    arguments = ("thresholds", "--cache", str(cache), "--timeline", str(tmp_path / "m"))
    whole = command(*arguments, cwd=tmp_path)
    as_spark_does(cache)
    assert "thresholds: |" in whole.said
    assert command(*arguments, cwd=tmp_path) == whole


def test_drift_within_parts_is_drift(tmp_path: Path) -> None:
    cache = table_cache_at(tmp_path / "c")
    by_hand(cache)
    path = cache / "features.parquet" / "part-2.parquet"
    table = pq.read_table(path)
    pq.write_table(table.set_column(1, SIX[1], pa.array([0.0] * 7, pa.float32())), path)
    checked = check(cache, source=tmp_path / "table.csv")
    assert (checked.outcome, found(checked)) == ("drift", [("features.parquet", "values", "error")])
    assert "vif_scale0: 7 of 24 cells differ, first in row 14" in checked.findings[0].detail
    path.unlink()
    checked = check(cache, source=tmp_path / "table.csv")
    assert "17 rows are committed, 24 are regenerated" in checked.findings[0].detail


def test_parts_in_another_order_are_other_content(tmp_path: Path) -> None:
    cache = table_cache_at(tmp_path / "c")
    by_hand(cache, 12)
    features = cache / "features.parquet"
    (features / "part-0.parquet").rename(features / "part-10.parquet")
    checked = check(cache, source=tmp_path / "table.csv")
    assert found(checked) == [("features.parquet", "values", "error")]


def test_parts_without_their_source_are_held_against_the_manifest(tmp_path: Path, monkeypatch) -> None:
    cache = table_cache_at(tmp_path / "c")
    (tmp_path / "table.csv").unlink()
    monkeypatch.chdir(tmp_path)
    by_hand(cache)
    checked = check(cache)
    assert found(checked) == [("features.parquet", "source", "notice"), ("features.parquet", "writer", "notice")]
    size = sum(path.stat().st_size for path in (cache / "features.parquet").iterdir())
    recorded = manifest_of(cache).files["features.parquet"].size
    assert f"({size} bytes, recorded {recorded}; a folder of 4 parts instead of one file)" in checked.findings[1].detail


def test_what_is_no_part_is_unexpected_among_the_parts_too(tmp_path: Path) -> None:
    cache = cache_at(tmp_path / "c")
    by_hand(cache, 100)
    for name in ("mine.onnx", "_mine.parquet", "_temporary.parquet/0.parquet"):
        (cache / "features.parquet" / name).parent.mkdir(exist_ok=True)
        (cache / "features.parquet" / name).touch()
    checked = check(cache)
    assert found(checked) == [
        ("features.parquet", "writer", "notice"),
        ("features.parquet/_mine.parquet", "unexpected", "error"),
        ("features.parquet/_temporary.parquet", "unexpected", "error"),
        ("features.parquet/_temporary.parquet/0.parquet", "unexpected", "error"),
        ("features.parquet/mine.onnx", "unexpected", "error"),
    ]


def test_the_older_layout_may_be_in_parts(tmp_path: Path) -> None:
    cache = cache_at(tmp_path / "c")
    (cache / "bisect-cache.json").unlink()
    by_hand(cache, 100)
    assert found(check(cache)) == [
        ("bisect-cache.json", "manifest", "notice"),
        ("features.parquet", "writer", "notice"),
    ]
    assert open_cache(cache).rows == 256


# Written by generate


@pytest.mark.parametrize("make", [cache_at, table_cache_at])
@pytest.mark.parametrize("part_rows", [1, 10, 24, 1000])
def test_a_cache_made_in_parts_is_the_one_that_a_file_would_hold(tmp_path: Path, make, part_rows: int) -> None:
    whole = manifest_of(make(tmp_path / "whole", rows=24))
    cache = make(tmp_path / "c", rows=24, part_rows=part_rows)
    manifest = manifest_of(cache)
    count = -(-24 // part_rows)
    assert [path.name for path in sorted((cache / "features.parquet").iterdir())] == [
        f"part-{number:05}.parquet" for number in range(count)
    ]
    assert (manifest.part_rows, manifest.fingerprint) == (part_rows, whole.fingerprint)
    assert manifest.models_files == whole.models_files
    for name, record in manifest.features_files.items():
        assert (record.size, record.sha256) == ((cache / name).stat().st_size, sha256_of_file(cache / name))
    rows = [pq.read_metadata(path).num_rows for path in sorted((cache / "features.parquet").iterdir())]
    assert rows == [min(part_rows, 24)] * (24 // part_rows) + [24 % part_rows] * bool(24 % part_rows)
    assert open_cache(cache).fingerprint == whole.fingerprint
    for strict in (False, True):
        checked = check(cache, strict=strict, source=tmp_path / "table.csv" if make is table_cache_at else None)
        assert (checked.outcome, checked.findings) == ("clean", ())


def test_a_part_that_another_writer_wrote_is_writer_drift_of_that_part(tmp_path: Path) -> None:
    cache = cache_at(tmp_path / "c", part_rows=100)
    path = cache / "features.parquet" / "part-00001.parquet"
    pq.write_table(pq.read_table(path), path, compression="snappy")
    checked = check(cache)
    assert found(checked) == [("features.parquet", "writer", "notice")]
    assert "compression (snappy -> zstd)" in checked.findings[0].detail
    assert "in 1 of 3 parts. The data is what it was" in checked.findings[0].detail


def test_parts_called_or_cut_otherwise_are_writer_drift(tmp_path: Path) -> None:
    cache = cache_at(tmp_path / "c", part_rows=100)
    features = cache / "features.parquet"
    (features / "part-00001.parquet").rename(features / "part-1.parquet")
    checked = check(cache)
    assert found(checked) == [("features.parquet", "writer", "notice")]
    assert "other bytes: a part called features.parquet/part-1.parquet. The data" in checked.findings[0].detail
    table = read_features(features)
    for path in features.iterdir():
        path.unlink()
    features.rmdir()
    pq.write_table(table, features)
    checked = check(cache)
    assert found(checked) == [("features.parquet", "writer", "notice")]
    assert "other bytes: one file instead of a folder of 3 parts" in checked.findings[0].detail


def test_parts_that_are_gone_are_named(tmp_path: Path) -> None:
    cache = table_cache_at(tmp_path / "c", part_rows=5)
    for number in (1, 3):
        (cache / "features.parquet" / f"part-0000{number}.parquet").unlink()
    for source, kind in ((tmp_path / "table.csv", "rows"), (None, "values")):
        findings = check(cache, source=source).findings
        (rows,) = (finding for finding in findings if finding.kind == kind)
        assert (
            "The manifest lists features.parquet/part-00001.parquet and 1 more, and that is not there." in rows.detail
        )


def test_a_tampered_record_of_a_part_is_drift(tmp_path: Path) -> None:
    cache = cache_at(tmp_path / "c", part_rows=100)
    manifest = msgspec.json.decode((cache / "bisect-cache.json").read_bytes())
    manifest["files"]["features.parquet/part-00001.parquet"]["size"] += 1
    (cache / "bisect-cache.json").write_bytes(msgspec.json.encode(manifest))
    assert found(check(cache)) == [("bisect-cache.json", "manifest", "error")]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda it: it.pop("part_rows"), "it lists parts of features.parquet but no part_rows"),
        (lambda it: it.update(part_rows=50), "256 rows in parts of 50 are 6 parts of features.parquet, but it lists 3"),
        (lambda it: it["files"].pop("features.parquet/part-00000.parquet"), "are 3 parts of .* but it lists 2"),
        (lambda it: it["files"].update({"features.parquet": {"size": 0, "sha256": "0" * 64}}), "but it lists 4"),
        (lambda it: it.update(part_rows=0), "not a manifest of this version"),
        (
            lambda it: it["files"].update({"features.parquet/../x.parquet": {"size": 0, "sha256": "0" * 64}}),
            "matching regex",
        ),
    ],
)
def test_a_manifest_whose_parts_contradict_it_is_none(tmp_path: Path, change: Callable[[dict], object], words) -> None:
    cache = cache_at(tmp_path / "c", part_rows=100)
    manifest = msgspec.json.decode((cache / "bisect-cache.json").read_bytes())
    change(manifest)
    (cache / "bisect-cache.json").write_bytes(msgspec.json.encode(manifest))
    with pytest.raises(BadManifest, match=words):
        read_manifest(cache)


def test_a_file_and_parts_take_each_others_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = cache_at(tmp_path / "c", rows=20)
    (cache / "README.md").write_text("mine")
    for here in (False, True):
        if here:
            monkeypatch.chdir(cache)
        for part_rows in (8, 3, 11, None, 5, None):
            cache_at(Path() if here else cache, rows=20, part_rows=part_rows)
            assert check(cache).outcome == "clean"
            assert (cache / "features.parquet").is_dir() == (part_rows is not None)
            assert len(manifest_of(cache).features_files) == -(-20 // (part_rows or 20))
            assert sorted(path.name for path in cache.iterdir()) == [
                "README.md", "bisect-cache.json", "features.parquet", "models"
            ]  # fmt: skip


def test_a_broken_manifest_does_not_block_the_cache_in_parts_that_cures_it(tmp_path: Path) -> None:
    cache = cache_at(tmp_path / "c", part_rows=100)
    (cache / "bisect-cache.json").write_text("{")
    cache_at(cache, rows=10)
    assert open_cache(cache).rows == 10
    assert (cache / "features.parquet").is_file()


def test_more_parts_than_are_read_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(
        CannotGenerate, match=r"20,001 rows would become more than the 10,000 parts .* choose 3 or more"
    ):
        cache_at(tmp_path / "c", rows=20_001, models=0, part_rows=2)
    assert not (tmp_path / "c").exists()


def test_parts_are_written_from_the_command_line(tmp_path: Path) -> None:
    ran = command("generate", "c", "--part-rows", "100", cwd=tmp_path)
    assert (ran.code, manifest_of(tmp_path / "c").part_rows) == (0, 100)
    assert "256 rows, 6 features, 8 models, sha256:b0bca8a9621a" in ran.said
    refused = command("generate", "c", "--part-rows", "0", cwd=tmp_path)
    assert (refused.code, manifest_of(tmp_path / "c").part_rows) == (2, 100)


# Parts that cannot be trusted


def damaged(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-500])


def of_others_types(path: Path) -> None:
    table = pq.read_table(path)
    pq.write_table(table.set_column(0, "adm2", table.column("adm2").cast(pa.float64())), path)


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_link(path: Path) -> None:
    path.rename(path.parent.parent / "elsewhere")
    path.symlink_to(path.parent.parent / "elsewhere")


def a_bomb(path: Path) -> None:
    """A page that says it unpacks to two gigabytes."""
    file = Parquet.of(path.read_bytes())
    start = file.page_starts()[0]
    header, length = decoded(file.body[start:])
    header.put(2, 2**31 - 1)
    file.replaced(start, start + length, encoded(header))
    path.write_bytes(file.whole())


def a_pointer(path: Path) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (damaged, "part-1.parquet: not a parquet file that can be read"),
        (of_others_types, "part-1.parquet: has the columns adm2 float64, .*but .*part-0.parquet adm2 float32"),
        (a_pipe, "part-1.parquet is no regular file"),
        (a_link, "part-1.parquet: is a link"),
        (a_bomb, "part-1.parquet: not a parquet file .*its pages unpack to more than"),
        (a_pointer, "part-1.parquet is a Git LFS pointer"),
        (lambda path: path.write_bytes(b""), "part-1.parquet: not a parquet file"),
    ],
)
def test_a_part_that_cannot_be_used_is_named(tmp_path: Path, change: Callable[[Path], object], words: str) -> None:
    cache = table_cache_at(tmp_path / "c")
    by_hand(cache)
    change(cache / "features.parquet" / "part-1.parquet")
    for held in (Held(), STREAMED):
        with pytest.raises(BadFeatures, match=words):
            open_cache(cache, held)
    checked = check(cache, source=tmp_path / "table.csv")
    assert found(checked)[0] == ("features.parquet", "corrupt", "error")
    assert "part-1.parquet" in checked.findings[0].detail
    assert len(checked.findings) == 1


@pytest.mark.parametrize("held", [Held(), STREAMED])
@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.unlink(),
        lambda path: os.utime(path, ns=(0, 0)),
        lambda path: path.rename(path.with_name("part-9.parquet")),
        lambda path: path.with_name("part-10.parquet").write_bytes(path.read_bytes()),
        lambda path: path.write_bytes(b"another"),
    ],
)
def test_a_part_that_changes_while_it_is_read_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: Held, change: Callable[[Path], object]
) -> None:
    cache = table_cache_at(tmp_path / "c")
    by_hand(cache)
    real = opened.survey

    def late(*arguments: object) -> object:
        change(cache / "features.parquet" / "part-2.parquet")
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(opened, "survey", late)
    with pytest.raises(Replaced, match="c: was replaced while it was read"):
        open_cache(cache, held)


def test_what_others_leave_beside_the_parts_while_they_are_read_is_no_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = table_cache_at(tmp_path / "c")
    by_hand(cache)
    real = opened.survey

    def late(*arguments: object) -> object:
        (cache / "features.parquet" / ".DS_Store").touch()
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(opened, "survey", late)
    assert open_cache(cache).rows == 24


# Tables in parts


def clips(rows: int = 24) -> pa.Table:
    rng = np.random.default_rng(11)
    columns = {name: pa.array(rng.random(rows, np.float32)) for name in SIX[:2]}
    columns["mos"] = pa.array(rng.random(rows))
    columns["name"] = pa.array([f"clip {number}" for number in range(rows)])
    columns["source clip"] = pa.array([["bunny", "007", "a/b"][3 * number // rows] for number in range(rows)])
    columns["crf"] = pa.array([[18, 23][2 * number // rows] for number in range(rows)], pa.int64())
    return pa.table(columns)


def partitioned(folder: Path, by: list[str], table: pa.Table) -> Path:
    types = pa.schema([table.schema.field(name) for name in by])
    pyarrow.dataset.write_dataset(
        table, folder, format="parquet", partitioning=pyarrow.dataset.partitioning(types, flavor="hive")
    )
    return folder


def by_clip(cache: Path) -> dict[str, list[tuple[object, ...]]]:
    """Rows of a cache without their order, which a partition changes."""
    columns = pq.read_table(cache / "features.parquet").drop_columns("row").to_pydict()
    return {name: sorted(zip(columns["adm2"], columns[name], strict=True)) for name in columns}


@pytest.mark.parametrize("by", [["source clip"], ["crf"], ["source clip", "crf"]])
def test_a_partitioned_table_makes_the_rows_that_one_file_makes(tmp_path: Path, by: list[str]) -> None:
    pq.write_table(clips(), tmp_path / "one.parquet")
    partitioned(tmp_path / "parts", by, clips())
    recipe = Table(table="../one.parquet", content="source clip", features=("adm2", "vif_scale0", "crf"))
    generate(tmp_path / "one", recipe)
    generate(tmp_path / "c", msgspec.structs.replace(recipe, table="../parts"))
    assert by_clip(tmp_path / "c") == by_clip(tmp_path / "one")
    manifest = manifest_of(tmp_path / "c")
    assert (manifest.features, manifest.content) == (("adm2", "vif_scale0", "crf"), "source clip")
    assert manifest.source_sha256 == {"../parts": sha256_of_parts(tmp_path / "parts")}


def test_a_table_split_by_hand_makes_the_very_same_cache(tmp_path: Path) -> None:
    pq.write_table(clips(), tmp_path / "one.parquet")
    (tmp_path / "parts.parquet").mkdir()
    for number, piece in enumerate([clips().slice(0, 0), *slices(clips(), 5)]):
        pq.write_table(piece, tmp_path / "parts.parquet" / f"{number}.parquet")
    made = [
        generate(tmp_path / name, Table(table=f"../{name}.parquet", content="source clip")) for name in ("one", "parts")
    ]
    assert made[0].fingerprint == made[1].fingerprint
    assert made[0].files == made[1].files


def test_keys_and_labels_may_lie_in_parts(tmp_path: Path) -> None:
    bare = clips()
    partitioned(tmp_path / "features", ["name"], bare.select(["adm2", "name"]))
    partitioned(tmp_path / "labels", ["crf"], bare.select(["name", "mos", "source clip", "crf"]))
    recipe = Table(table="../features", labels="../labels", key="name", content="source clip")
    manifest = generate(tmp_path / "c", recipe)
    table = pq.read_table(tmp_path / "c" / "features.parquet").to_pydict()
    known = {row["name"]: row for row in bare.to_pylist()}
    assert sorted(table["key"]) == sorted(known)
    for key, adm2, mos, content in zip(table["key"], table["adm2"], table["mos"], table["source clip"], strict=True):
        row = known[key]
        assert (adm2, mos, content) == (row["adm2"], np.float32(row["mos"]), row["source clip"])
    assert set(manifest.source_sha256) == {"../features", "../labels"}


def test_a_folder_that_names_no_content_leaves_its_rows_without(tmp_path: Path) -> None:
    table = clips().set_column(4, "source clip", pa.array([None, *["bunny"] * 23]))
    partitioned(tmp_path / "parts", ["source clip"], table)
    assert (tmp_path / "parts" / "source%20clip=__HIVE_DEFAULT_PARTITION__").is_dir() or (
        tmp_path / "parts" / "source clip=__HIVE_DEFAULT_PARTITION__"
    ).is_dir()
    with pytest.raises(BadSource, match=r"1 of 24 rows are incomplete.*row \d+ \(source clip\)"):
        generate(tmp_path / "c", Table(table="../parts", content="source clip"))
    manifest = generate(tmp_path / "c", Table(table="../parts", content="source clip", drop_incomplete=True))
    assert (manifest.rows, manifest.notes) == (23, ("dropped 1 incomplete row of 24",))


def test_a_cache_from_a_folder_is_checked_from_it_wherever_that_lies_now(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    partitioned(tmp_path / "parts", ["crf"], clips())
    cache = tmp_path / "c"
    generate(cache, Table(table="../parts", content="source clip"))
    assert check(cache).outcome == "clean"
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "parts").rename(tmp_path / "elsewhere" / "parts")
    assert [kind for _, kind, _ in found(check(cache))] == ["source"]
    for source in ("elsewhere", "elsewhere/parts"):
        checked = check(cache, source=tmp_path / source)
        assert (checked.outcome, checked.findings) == ("clean", ())
    (tmp_path / "elsewhere" / "parts").rename(tmp_path / "elsewhere" / "renamed")
    assert check(cache, source=tmp_path / "elsewhere" / "renamed").outcome == "clean"
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceAbsent, match="parts: is not there"):
        check(cache, source=tmp_path / "empty")


def test_a_part_of_the_source_that_changed_is_told(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    partitioned(tmp_path / "parts", ["crf"], clips())
    generate(tmp_path / "c", Table(table="../parts", content="source clip"))
    path = tmp_path / "parts" / "crf=23" / "part-0.parquet"
    pq.write_table(pq.read_table(path, partitioning=None), path, compression="gzip")
    checked = check(tmp_path / "c")
    assert found(checked) == [("bisect-cache.json", "source", "notice")]
    assert "../parts is not what the cache was made from (its sha256 differs)" in checked.findings[0].detail


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (damaged, "part-1.parquet: cannot be read as parquet"),
        (of_others_types, r"part-1.parquet: has the columns 'adm2 float64', .*, but .*part-0.parquet 'adm2 float32'"),
        (a_pipe, "part-1.parquet is no regular file"),
        (a_link, "part-1.parquet: is a link"),
        (a_bomb, "part-1.parquet: cannot be read as parquet .*its pages unpack to more than"),
        (a_pointer, "part-1.parquet is a Git LFS pointer"),
    ],
)
def test_a_part_of_a_table_that_cannot_be_used_is_named(
    tmp_path: Path, change: Callable[[Path], object], words: str
) -> None:
    (tmp_path / "parts").mkdir()
    for number, piece in enumerate(slices(clips(), 7)):
        pq.write_table(piece, tmp_path / "parts" / f"part-{number}.parquet")
    change(tmp_path / "parts" / "part-1.parquet")
    with pytest.raises(BadSource, match=words):
        generate(tmp_path / "c", Table(table="../parts", content="source clip"))
    assert not (tmp_path / "c").exists()


def test_limits_hold_for_the_parts_of_a_table_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    partitioned(tmp_path / "parts", ["crf"], clips())
    recipe = Table(table="../parts", content="source clip")
    for name, most, words in (
        ("_MOST_ROWS", 23, "parts: has 24 rows, more than the 23 a cache can hold"),
        ("_MOST_VALUES", 24 * 4 - 1, "crf=23/part-0.parquet: has 96 values in the columns wanted, more than the 95"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(labels, name, most)
            with pytest.raises(BadSource, match=words):
                generate(tmp_path / "c", recipe)
            patched.setattr(labels, name, most + 1)
            generate(tmp_path / "c", recipe)


def test_parts_of_a_table_of_which_not_all_can_be_unpacked_are_refused(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    for number in range(2):
        long = pa.table({"adm2": [0.1, 0.2], "mos": [1.0, 2.0], "content": ["x" * 100_000_000, "y" * 100_000_000]})
        pq.write_table(long, tmp_path / "parts" / f"{number}.parquet", compression="zstd")
    with pytest.raises(BadSource, match=r"1\.parquet: unpacks, with the parts before it, to 4\d\d,"):
        generate(tmp_path / "c", Table(table="../parts"))


def test_a_column_that_folders_and_parts_both_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "parts" / "crf=7").mkdir(parents=True)
    pq.write_table(clips(), tmp_path / "parts" / "crf=7" / "0.parquet")
    with pytest.raises(BadSource, match="parts: names columns more than once: 'crf'; rename or drop"):
        generate(tmp_path / "c", Table(table="../parts"))
