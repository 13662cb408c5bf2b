"""A cache is written whole or not at all, and it is the one its recipe prescribes."""

import ctypes
import errno
import math
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from making import SIX, cache_at, table_cache_at

from bisect_cache.cache import generate as generating
from bisect_cache.cache import placing
from bisect_cache.cache.fingerprint import fingerprint
from bisect_cache.cache.generate import generate
from bisect_cache.cache.manifest import BadManifest, Synthetic, Table, Target, read_manifest
from bisect_cache.cache.opened import open_cache
from bisect_cache.cache.parquet.columns import canonical_columns
from bisect_cache.cache.parquet.features import BadFeatures, as_table, read_features, write_features
from bisect_cache.cache.placing import CannotGenerate
from bisect_cache.cache.recipes.interface import BadSource
from bisect_cache.files import sha256_of_file
from bisect_cache.runs.request import EMBEDDED


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_default_cache_holds_the_values_that_its_text_prescribes(tmp_path: Path) -> None:
    cache = cache_at(tmp_path / "c")
    frame = pd.read_parquet(cache / "features.parquet")
    rng = np.random.default_rng(20260418)
    features = rng.uniform(0.2, 0.9, size=(256, 6)).astype(np.float32)
    mos = features.sum(axis=1) / 6 + rng.normal(0.0, 1e-3, size=256).astype(np.float32)
    assert list(frame.columns) == [*SIX, "mos"]
    assert frame.index.name == "row"
    assert np.array_equal(frame[list(SIX)].to_numpy(), features)
    assert np.array_equal(frame["mos"].to_numpy(), mos)
    assert mos.dtype == np.float32


def test_the_default_cache_has_the_layout_on_disk_that_its_text_prescribes(tmp_path: Path) -> None:
    file = pq.ParquetFile(cache_at(tmp_path / "c") / "features.parquet")
    assert file.schema.names == [*SIX, "mos", "row"]
    assert {file.metadata.row_group(0).column(index).compression for index in range(8)} == {"ZSTD"}
    assert 12_000 < (tmp_path / "c" / "features.parquet").stat().st_size < 16_000


def test_the_embedded_cache_is_the_default_recipe() -> None:
    manifest = read_manifest(EMBEDDED)
    assert manifest is not None
    assert manifest.recipe == Synthetic()
    assert manifest.files == {
        name: generating._record(EMBEDDED / name) for name in contents(EMBEDDED) if name != "bisect-cache.json"
    }


def test_models_are_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    here = cache_at(tmp_path / "here")
    there = tmp_path / "there"
    subprocess.run([sys.executable, "-m", "bisect_cache", "generate", str(there)], check=True, capture_output=True)
    models = {name: data for name, data in contents(here).items() if name.endswith(".onnx")}
    assert len(models) == 8
    assert {name: data for name, data in contents(there).items() if name.endswith(".onnx")} == models


def test_the_table_made_without_pandas_is_the_one_that_pandas_writes(tmp_path: Path) -> None:
    columns = {"adm2": np.array([0.1, -0.0], np.float32), "mos": np.array([1, 2], np.float32), "key": ["é", ""]}
    write_features(columns, tmp_path / "f.parquet")
    read = canonical_columns(read_features(tmp_path / "f.parquet"))
    assert list(read) == ["adm2", "mos", "key", "row"]
    assert fingerprint(read) == fingerprint(canonical_columns(as_table(columns)))


def test_every_parameter_is_followed_and_recorded(tmp_path: Path) -> None:
    parameters = {
        "rows": 40,
        "models": 3,
        "features_seed": 1,
        "models_seed": 2,
        "target_noise": 0.5,
        "weight_noise": 0.25,
        "regress_at": 2,
    }
    cache = cache_at(tmp_path / "c", **parameters)
    manifest = read_manifest(cache)
    assert manifest is not None
    assert manifest.recipe == Synthetic(**parameters)
    assert manifest.rows == 40
    assert manifest.provenance == "synthetic"
    assert len(list((cache / "models").iterdir())) == 3
    default = open_cache(EMBEDDED)
    opened = open_cache(cache)
    assert not np.array_equal(opened.features, default.features[:40])
    assert np.std(opened.target - opened.features.mean(axis=1)) > 0.3


def test_the_manifest_says_what_the_files_are(tmp_path: Path) -> None:
    cache = table_cache_at(tmp_path / "c", scale=(0.0, 1.0))
    manifest = read_manifest(cache)
    assert manifest is not None
    assert manifest.provenance == "real"
    assert manifest.recipe == Table(table="../table.csv", target="mos", content="content", scale=(0.0, 1.0))
    assert (manifest.content, manifest.rows, manifest.features) == ("content", 24, SIX)
    assert manifest.files["features.parquet"].sha256 == sha256_of_file(cache / "features.parquet")
    assert manifest.fingerprint == open_cache(cache).fingerprint
    assert open_cache(cache).content_count == 4


def test_generating_again_replaces_the_cache_and_keeps_what_is_no_recipes(tmp_path: Path) -> None:
    cache = cache_at(tmp_path / "c", models=9)
    (cache / "README.md").write_text("mine")
    (cache / "models" / "NOTES.txt").write_text("mine too")
    cache_at(cache, models=2)
    assert sorted(contents(cache)) == [
        "README.md",
        "bisect-cache.json",
        "features.parquet",
        "models/NOTES.txt",
        "models/model_00.onnx",
        "models/model_01.onnx",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_a_recipe_that_fails_leaves_the_old_cache_as_it_was(tmp_path: Path) -> None:
    cache = cache_at(tmp_path / "c")
    before = contents(cache)
    with pytest.raises(BadSource, match="--regress-at 8: there is no such model"):
        cache_at(cache, regress_at=8)
    (tmp_path / "bad.csv").write_text("adm2,mos\n1,2\n,3\n2,4\n")
    with pytest.raises(BadSource):
        generate(cache, Table(table="../bad.csv"))
    assert contents(cache) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.csv", "c"]


def test_files_of_others_are_kept_however_alike_their_names_are_to_ours(tmp_path: Path) -> None:
    cache = cache_at(tmp_path / "c")
    ours_alike = [cache / ".bisect-cache-notes.md", cache / ".bisect-cache-made.md", tmp_path / ".c.bisect-cache-mine"]
    for path in ours_alike:
        path.write_text("mine")
    folder = tmp_path / ".c.bisect-cache-kept"
    folder.mkdir()
    generate(cache, Synthetic(models=2))
    assert [path.read_text() for path in ours_alike] == ["mine"] * 3
    assert folder.is_dir()
    assert len(list((cache / "models").iterdir())) == 2


def test_a_folder_that_comes_in_the_last_moment_is_not_lost(tmp_path: Path, monkeypatch) -> None:
    cache = cache_at(tmp_path / "c")
    exchange = placing._exchange

    def late(stage: Path, folder: Path) -> bool:
        if not (folder / "notes").exists() and not (stage / "notes").exists():
            (folder / "notes").mkdir()
            (folder / "notes" / "mine.txt").write_text("mine")
        return exchange(stage, folder)

    monkeypatch.setattr(placing, "_exchange", late)
    generate(cache, Synthetic(models=2))
    assert (cache / "notes" / "mine.txt").read_text() == "mine"
    assert len(list((cache / "models").iterdir())) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


@pytest.mark.parametrize("at", ["write_features", "describe", "encode_manifest", "take_place"])
@pytest.mark.parametrize("what", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interruption_anywhere_leaves_the_old_cache_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, what: BaseException | type[BaseException]
) -> None:
    cache = cache_at(tmp_path / "c")
    before = contents(cache)

    def interrupted(*_: object) -> None:
        raise what

    monkeypatch.setattr(generating, at, interrupted)
    with pytest.raises((KeyboardInterrupt, CannotGenerate)):
        cache_at(cache, rows=10)
    assert contents(cache) == before
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_a_cache_is_replaced_where_folders_cannot_be_exchanged(tmp_path: Path, monkeypatch) -> None:
    cache = cache_at(tmp_path / "c", models=9)
    (cache / "README.md").write_text("mine")
    monkeypatch.setattr(placing, "_exchange", lambda *_: False)
    cache_at(cache, models=2)
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
    assert len(list((cache / "models").glob("*.onnx"))) == 2
    assert (cache / "README.md").read_text() == "mine"
    assert read_manifest(cache).recipe == Synthetic(models=2)  # type: ignore[union-attr]


def test_the_folder_one_stands_in_is_kept(tmp_path: Path, monkeypatch) -> None:
    cache = cache_at(tmp_path / "c")
    monkeypatch.chdir(cache)
    cache_at(Path(), rows=10)
    assert len(list(Path().glob("*.parquet"))) == 1
    assert open_cache(Path()).rows == 10


def test_a_folder_that_holds_other_things_is_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "repo" / "src").mkdir(parents=True)
    (tmp_path / "repo" / "src" / "x.py").write_text("x")
    with pytest.raises(CannotGenerate, match="is no cache and holds folders of its own"):
        cache_at(tmp_path / "repo")
    (tmp_path / "file").write_text("x")
    with pytest.raises(CannotGenerate, match="is a file"):
        cache_at(tmp_path / "file")
    cache = cache_at(tmp_path / "c")
    (cache / "models" / "mine.onnx").write_bytes(b"mine")
    with pytest.raises(CannotGenerate, match=r"mine\.onnx: no recipe made this file"):
        cache_at(cache)
    assert (cache / "models" / "mine.onnx").read_bytes() == b"mine"


def test_a_manifest_from_a_stranger_cannot_name_files_outside(tmp_path: Path, monkeypatch) -> None:
    cache = cache_at(tmp_path / "c")
    manifest = msgspec.json.decode((cache / "bisect-cache.json").read_bytes())
    manifest["files"]["../victim.onnx"] = {"size": 0, "sha256": "0" * 64}
    (cache / "bisect-cache.json").write_bytes(msgspec.json.encode(manifest))
    (tmp_path / "victim.onnx").write_text("mine")
    with pytest.raises(BadManifest, match="not a manifest of this version"):
        read_manifest(cache)
    monkeypatch.chdir(cache)
    cache_at(cache)
    assert (tmp_path / "victim.onnx").read_text() == "mine"


def test_a_repository_that_is_a_cache_stays_one(tmp_path: Path) -> None:
    cache = cache_at(tmp_path / "c")
    (cache / ".git" / "refs").mkdir(parents=True)
    (cache / ".git" / "HEAD").write_text("ref")
    inode = cache.stat().st_ino
    cache_at(cache, rows=10)
    assert open_cache(cache).rows == 10
    assert (cache / ".git" / "refs").is_dir()
    assert (cache / ".git" / "HEAD").read_text() == "ref"
    assert cache.stat().st_ino == inode


def test_a_file_that_comes_while_the_recipe_runs_is_not_lost(tmp_path: Path, monkeypatch) -> None:
    cache = cache_at(tmp_path / "c")
    exchange = placing._exchange

    def slow(stage: Path, folder: Path) -> bool:
        (folder / "notes.txt").write_text("late")
        (folder / "models" / "more.txt").write_text("later")
        return exchange(stage, folder)

    monkeypatch.setattr(placing, "_exchange", slow)
    cache_at(cache, rows=10)
    assert (cache / "notes.txt").read_text() == "late"
    assert (cache / "models" / "more.txt").read_text() == "later"
    assert open_cache(cache).rows == 10


@pytest.mark.parametrize("after", [0, 1, 5, 10, 15])
def test_an_interruption_between_two_files_puts_everything_back(tmp_path: Path, monkeypatch, after: int) -> None:
    cache = cache_at(tmp_path / "c")
    before = contents(cache)
    monkeypatch.chdir(cache)
    rename, moved = Path.rename, []

    def interrupted(self: Path, to: Path) -> Path:
        if len(moved) == after:
            moved.append(None)
            raise KeyboardInterrupt
        moved.append(to)
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cache_at(cache, rows=10)
    assert contents(cache) == before


def test_a_broken_manifest_does_not_block_the_cache_that_cures_it(tmp_path: Path) -> None:
    cache = cache_at(tmp_path / "c")
    (cache / "bisect-cache.json").write_text("{")
    cache_at(cache, rows=10)
    assert open_cache(cache).rows == 10


def test_the_root_of_the_file_system_is_no_place() -> None:
    with pytest.raises(CannotGenerate, match="root of the file system"):
        cache_at(Path("/"))


class Refusing:
    """A system whose exchange of folders fails with an error of its own."""

    def __init__(self, number: int) -> None:
        self.number = number

    def renameat2(self, *_: object) -> int:
        ctypes.set_errno(self.number)
        return -1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux exchanges folders")
@pytest.mark.parametrize("number", [errno.EBUSY, errno.EINVAL, errno.ENOSYS, errno.EXDEV])
def test_a_cache_is_replaced_file_by_file_where_the_system_cannot_exchange(tmp_path: Path, monkeypatch, number) -> None:
    cache = cache_at(tmp_path / "c")
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: Refusing(number))
    cache_at(cache, rows=10)
    assert open_cache(cache).rows == 10


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux exchanges folders")
def test_a_folder_that_may_not_be_moved_keeps_its_cache(tmp_path: Path, monkeypatch) -> None:
    cache = cache_at(tmp_path / "c")
    before = contents(cache)
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: Refusing(errno.EACCES))
    with pytest.raises(CannotGenerate, match="what stood there is unchanged"):
        cache_at(cache, rows=10)
    assert contents(cache) == before


def test_a_kept_file_is_copied_where_the_system_has_no_hard_links(tmp_path: Path, monkeypatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    cache = cache_at(tmp_path / "c")
    (cache / "README.md").write_text("mine")
    (cache / "models" / "NOTES.txt").write_text("mine too")
    monkeypatch.setattr(os, "link", refused)
    cache_at(cache, rows=10)
    assert (cache / "README.md").read_text() == "mine"
    assert (cache / "models" / "NOTES.txt").read_text() == "mine too"
    assert open_cache(cache).rows == 10


def test_a_folder_reached_by_a_link_is_replaced_where_it_is(tmp_path: Path) -> None:
    cache = cache_at(tmp_path / "real" / "c")
    link = tmp_path / "link"
    link.symlink_to(cache)
    cache_at(link, rows=10)
    assert link.is_symlink()
    assert open_cache(cache).rows == 10


def test_anybody_may_enter_a_new_cache(tmp_path: Path) -> None:
    assert cache_at(tmp_path / "c").stat().st_mode & 0o777 == 0o755


def test_the_older_layout_is_replaced_by_a_cache_with_a_manifest(tmp_path: Path) -> None:
    cache = cache_at(tmp_path / "c", models=9)
    (cache / "bisect-cache.json").unlink()
    cache_at(cache, models=2)
    assert read_manifest(cache) is not None
    assert len(list((cache / "models").iterdir())) == 2


@pytest.mark.parametrize("name", ["mine.onnx", "mine.parquet"])
def test_data_and_models_of_others_are_not_replaced(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"mine")
    with pytest.raises(CannotGenerate, match=f"{name}: no recipe made this file"):
        cache_at(tmp_path)
    assert contents(tmp_path) == {name: b"mine"}


def test_a_hundred_models_and_more_keep_their_order_by_name(tmp_path: Path) -> None:
    names = sorted(path.name for path in (cache_at(tmp_path / "c", rows=3, models=101) / "models").iterdir())
    assert (names[0], names[-1], len(names)) == ("model_000.onnx", "model_100.onnx", 101)


def overwritten(data: bytes) -> bytes:
    """The file with junk in its footer: what reads it fails in another way than by a missing footer."""
    return data[:-500] + b"\xff" * 200 + data[-300:]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda path: path.unlink(), "make the cache again"),
        (lambda path: (path.unlink(), path.mkdir()), "make the cache again"),
        (lambda path: path.write_bytes(b""), "not a parquet file that can be read"),
        (lambda path: path.write_bytes(overwritten(path.read_bytes())), "not a parquet file that can be read"),
    ],
)
def test_features_that_cannot_be_read_are_no_cache_to_judge_on(tmp_path: Path, change, words: str) -> None:
    cache = cache_at(tmp_path / "c")
    change(cache / "features.parquet")
    with pytest.raises(BadFeatures, match=words):
        open_cache(cache)


def lists(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(adm2=[[1.0]] * len(frame))


def with_null(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(adm2=frame["adm2"].astype(object).where(frame.index != 2, None).astype("Float32"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda frame: frame.drop(columns="vif_scale1"), "has no column 'vif_scale1'"),
        (lambda frame: frame.drop(columns="content"), "has no column 'content', which the manifest names"),
        (lambda frame: frame.assign(mos="high"), "column 'mos' holds text, not numbers"),
        (lists, "column 'adm2' has type list"),
        (with_null, r"column 'adm2' has 1 missing or infinite values \(rows 2\)"),
        (lambda frame: frame.assign(mos=[math.inf, *frame["mos"][1:]]), "column 'mos' has 1 missing or infinite"),
        (lambda frame: frame.assign(mos=1.0), "24 rows with 1 different values of 'mos'"),
        (lambda frame: frame.iloc[:2], "2 rows with 2 different values of 'mos'; a correlation needs at least 3"),
    ],
)
def test_features_that_no_model_could_be_judged_on_are_refused(tmp_path: Path, change, words: str) -> None:
    cache = table_cache_at(tmp_path / "c")
    change(pd.read_parquet(cache / "features.parquet")).to_parquet(cache / "features.parquet")
    with pytest.raises(BadFeatures, match=words):
        open_cache(cache)


def test_the_older_layout_is_opened_and_says_so(tmp_path: Path) -> None:
    cache = cache_at(tmp_path / "c")
    (cache / "bisect-cache.json").unlink()
    opened = open_cache(cache)
    assert opened.columns == SIX
    assert opened.notes == ("older layout without a manifest: taken as recipe research-0001",)
    pd.read_parquet(cache / "features.parquet")[["mos"]].to_parquet(cache / "features.parquet")
    with pytest.raises(BadFeatures, match=r"none of adm2, .* is among its columns"):
        open_cache(cache)


def test_columns_stand_in_the_order_of_the_manifest(tmp_path: Path) -> None:
    opened = open_cache(table_cache_at(tmp_path / "c", features=("motion2", "adm2")))
    frame = pd.read_parquet(tmp_path / "c" / "features.parquet")
    assert opened.columns == ("motion2", "adm2")
    assert np.array_equal(opened.features, frame[["motion2", "adm2"]].to_numpy())


def test_what_the_target_means_is_kept(tmp_path: Path) -> None:
    cache = table_cache_at(tmp_path / "c", direction="lower-is-better", scale=(0.0, 1.0))
    assert open_cache(cache).target_is == Target(direction="lower-is-better", scale=(0.0, 1.0))


def test_a_manifest_beyond_all_measure_is_not_read(tmp_path: Path) -> None:
    cache = cache_at(tmp_path / "c")
    with (cache / "bisect-cache.json").open("ab") as stream:
        stream.truncate((16 << 20) + 1)
    with pytest.raises(BadManifest, match="at most 16,777,216 are read"):
        read_manifest(cache)
    (cache / "bisect-cache.json").unlink()
    (cache / "bisect-cache.json").mkdir()
    with pytest.raises(BadManifest, match="is a folder"):
        read_manifest(cache)
