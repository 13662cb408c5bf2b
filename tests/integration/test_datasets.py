"""Datasets described in TOML: from a description and a checkout to a cache, and what is refused on the way."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from judging import judge_of
from making import linear, save

from bisect_cache.cache.check import check
from bisect_cache.cache.datasets.choosing import expected_of, recipe_of_dataset
from bisect_cache.cache.datasets.description import BadDescription, dataset_file, read_dataset, shipped
from bisect_cache.cache.datasets.listing import listing
from bisect_cache.cache.generate import NotAsDescribed, generate
from bisect_cache.cache.manifest import Manifest, Parts, read_manifest
from bisect_cache.cache.opened import open_cache
from bisect_cache.cache.recipes.clips import contents_of, renamed
from bisect_cache.cache.recipes.interface import BadSource, SourceAbsent
from bisect_cache.timeline.spec import open_timeline
from bisect_cache.worker.process import Limits, Worker

HEAD = """schema = "bisect-cache/dataset/1"
name = "mine"
title = "Mine"
source = "a lab"
licence = "CC0"
citation = "Us, 2026"
commit = "abc"
obtain = "ask us"
"""
REPORTS = (
    HEAD
    + """
[recipe]
kind = "reports"
labels = "labels.csv"
reports = "reports"
key = "video"
report_name = "{stem}.json"
"""
)


def described(folder: Path, text: str = REPORTS) -> Path:
    file = folder / "mine.toml"
    file.write_text(text, encoding="utf-8")
    return file


def reports_of(scores: Mapping[str, float], prefix: str = "") -> dict[str, dict[str, Any]]:
    return {
        clip: {"version": "3.0.0", "frames": [{"frameNum": 0, "metrics": {f"{prefix}adm2": score / 10}}]}
        for clip, score in scores.items()
    }


SCORES = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 5.0}


def checkout(folder: Path, reports: Mapping[str, Any] | None = None, labels: str | None = None) -> Path:
    (folder / "reports").mkdir(parents=True, exist_ok=True)
    for name, report in (reports or reports_of(SCORES)).items():
        (folder / "reports" / f"{name}.json").write_text(json.dumps(report))
    lines = [f"{clip}.mp4,{score}" for clip, score in SCORES.items()]
    (folder / "labels.csv").write_text(labels or "\n".join(["video,MOS", *lines]) + "\n")
    return folder


def made(file: Path, source: Path, *parts: str, **chosen: Any) -> Manifest:
    dataset = read_dataset(file)
    folder = source.parent / "cache"
    recipe = recipe_of_dataset(dataset, folder, source, chosen, parts)
    return generate(folder, recipe, expected=expected_of(dataset, chosen, parts))


def held(source: Path) -> dict[str, list[Any]]:
    return pq.read_table(source.parent / "cache" / "features.parquet").to_pydict()  # type: ignore[no-any-return]


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bisect_cache", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


# What ships


def test_the_datasets_that_ship_are_valid_and_say_where_to_look() -> None:
    assert shipped() == ("avt-vqdb-uhd-1", "koniq-10k", "live-vqa", "nflx-public")
    for name in shipped():
        dataset = read_dataset(dataset_file(name))
        assert dataset.name == name
        assert dataset.verified is not None
    assert read_dataset(dataset_file("avt-vqdb-uhd-1")).fingerprint is None


def test_datasets_lists_rows_licence_how_to_get_them_and_what_was_not_verified(tmp_path: Path) -> None:
    printed = run("datasets", cwd=tmp_path)
    assert printed.returncode == 0
    for said in ("rows      756 of 17 contents", "licence   ", "get it    git clone", "lower is better", "10,073",
                 "not verified here", "test_1 (180, fingerprint known)"):  # fmt: skip
        assert said in printed.stdout
    assert run("datasets", "koniq-10k", cwd=tmp_path).stdout.startswith("koniq-10k  KonIQ-10k")
    toml = run("datasets", "live-vqa", "--toml", cwd=tmp_path).stdout
    assert toml == dataset_file("live-vqa").read_text(encoding="utf-8")


# AVT-VQDB-UHD-1, as far as it is here


def test_the_part_of_avt_vqdb_uhd_1_that_is_here_has_180_rows_and_its_fingerprint(
    real_data: Path, tmp_path: Path
) -> None:
    source = real_data / "avt-vqdb-uhd-1"
    generated = run(
        "generate", "cache", "--dataset", "avt-vqdb-uhd-1", "--source", str(source), "--part", "test_1", cwd=tmp_path
    )
    assert (generated.returncode, generated.stderr) == (0, "")
    assert "180 rows, 6 features" in generated.stdout
    manifest = read_manifest(tmp_path / "cache")
    assert manifest is not None
    assert isinstance(manifest.recipe, Parts)
    assert manifest.fingerprint == read_dataset(dataset_file("avt-vqdb-uhd-1")).parts["test_1"].fingerprint
    assert manifest.recipe.origin.dataset == "avt-vqdb-uhd-1"
    assert manifest.recipe.origin.commit == "e639579eab3aa5b6969997711b35697a14cec330"
    assert "IEEE ISM 2019" in str(manifest.recipe.origin.citation)
    assert "GPL-3.0" in str(manifest.recipe.origin.licence)
    checked = check(tmp_path / "cache", source=source, strict=True)
    assert (checked.outcome, checked.regenerated) == ("clean", True)


def test_vmaf_itself_reaches_0_835_on_that_part(real_data: Path, tmp_path: Path) -> None:
    source = real_data / "avt-vqdb-uhd-1"
    dataset = read_dataset(dataset_file("avt-vqdb-uhd-1"))
    chosen = {"features": ("vmaf",)}
    recipe = recipe_of_dataset(dataset, tmp_path / "cache", source, chosen, ("test_1",))
    manifest = generate(tmp_path / "cache", recipe, expected=expected_of(dataset, chosen, ("test_1",)))
    cache = open_cache(tmp_path / "cache")
    assert (manifest.rows, cache.columns, cache.content_count) == (180, ("vmaf",), 6)
    assert round(float(np.corrcoef(cache.features[:, 0], cache.target)[0, 1]), 3) == 0.835
    save(linear([1.0]), tmp_path / "vmaf.onnx")
    with Worker(Limits()) as worker:
        measured = judge_of(worker, cache).measure(open_timeline([str(tmp_path / "vmaf.onnx")]).checkpoints[0])
    assert round(measured.metrics["plcc"], 3) == 0.835


def test_the_contents_of_all_756_clips_are_those_of_the_published_table(real_data: Path) -> None:
    dataset = read_dataset(dataset_file("avt-vqdb-uhd-1"))
    clips = pq.read_table(real_data / "avt-vqdb-uhd-1" / "clips.parquet", columns=["key", "content_id", "test"])
    rows = clips.to_pylist()
    names = [f"{row['key'].rpartition('/')[2]}.mp4" for row in rows]
    assert contents_of(Path("labels"), names, dataset.recipe["contents"]) == [row["content_id"] for row in rows]
    assert (len(rows), len({row["content_id"] for row in rows})) == (dataset.rows, dataset.contents)
    for name, part in dataset.parts.items():
        here = [row["content_id"] for row in rows if row["test"] == name]
        assert (len(here), len(set(here))) == (part.rows, part.contents)


def test_four_tests_become_one_cache_where_names_are_shared_and_contents_are_one(tmp_path: Path) -> None:
    source = tmp_path / "AVT-VQDB-UHD-1"
    for test in ("test_1", "test_2", "test_3", "test_4"):
        (source / test / "vmaf_reports").mkdir(parents=True)
        lines = ["src,video_name,MOS,CI"]
        for clip, score in zip(["water_netflix_8s_1", "Dancers_8s_1", "Dancers_8s_2"], [1, 2, 4], strict=True):
            lines.append(f"other,{clip}.mp4,{score},0.1")
            (source / test / "vmaf_reports" / f"{clip}_vmaf.json").write_text(json.dumps(reports_of({"": score})[""]))
        (source / test / "mos_ci.csv").write_text("\n".join(lines) + "\n")
    text = dataset_file("avt-vqdb-uhd-1").read_text(encoding="utf-8")
    text = text.replace("756", "12").replace("contents = 17", "contents = 2").replace('"avt-', '"small-avt-')
    manifest = made(described(tmp_path, text), source)

    assert manifest.rows == 12
    assert held(source)["key"][2:4] == ["test_1/Dancers_8s_2.mp4", "test_2/water_netflix_8s_1.mp4"]
    assert held(source)["content"][:4] == ["water", "Dancers_8s", "Dancers_8s", "water"]
    assert held(source)["mos"] == [1, 2, 4] * 4
    checked = check(tmp_path / "cache", source=source)
    assert (checked.outcome, checked.regenerated) == ("clean", True)
    source = source.rename(tmp_path / "moved")
    absent = check(tmp_path / "cache")
    assert (absent.outcome, absent.regenerated, absent.findings[0].kind) == ("clean", False, "source")
    assert check(tmp_path / "cache", source=source).regenerated
    (source / "test_3" / "mos_ci.csv").write_text("\n".join(lines).replace(",4,", ",5,") + "\n")
    assert check(tmp_path / "cache", source=source).outcome == "drift"


def test_a_checkout_that_lacks_parts_says_which_and_how_to_do_without(real_data: Path, tmp_path: Path) -> None:
    source = str(real_data / "avt-vqdb-uhd-1")
    generated = run("generate", "cache", "--dataset", "avt-vqdb-uhd-1", "--source", source, cwd=tmp_path)
    assert generated.returncode == 2
    for said in (
        "lacks test_2/vmaf_reports, test_2/mos_ci.csv, test_3/vmaf_reports",
        "git clone",
        "to take what is there: --part test_1",
    ):
        assert said in generated.stderr
    assert not (tmp_path / "cache").exists()


# The layouts of the others


def test_the_list_of_nflx_public_is_read_out_of_its_python_file(tmp_path: Path) -> None:
    source = tmp_path / "vmaf"
    (source / "resource" / "dataset").mkdir(parents=True)
    rows = [
        f"{{'asset_id': {n}, 'content_id': {n // 10}, 'dmos': {100.0 - n}, 'path': dis_dir + '/clip_{n}.yuv'}},"
        for n in range(79)
    ]
    (source / "resource" / "dataset" / "NFLX_dataset_public.py").write_text(
        "\n".join(["ref_videos = [{'content_id': 0, 'path': ref_dir + '/r.yuv'}]", "dis_videos = [", *rows, "]", ""])
    )
    (tmp_path / "measured").mkdir()
    for name, report in reports_of({f"clip_{n}.yuv": 100.0 - n for n in range(79)}, "integer_").items():
        (tmp_path / "measured" / f"{name}.json").write_text(json.dumps(report))
    command = ["generate", "cache", "--dataset", "nflx-public", "--source", "vmaf"]
    refused = run(*command, cwd=tmp_path)
    assert refused.returncode == 2
    assert "has no libvmaf reports of its own; you bring the videos, and a libvmaf report of each" in refused.stderr
    generated = run(*command, "--reports", "measured", cwd=tmp_path)

    assert generated.returncode == 0, generated.stderr
    assert "79 rows were expected and found" in generated.stderr
    table = held(source)
    assert (table["key"][0], table["mos"][:2], table["content_id"][78]) == ("clip_0.yuv", [100, 99], "7")
    manifest = read_manifest(tmp_path / "cache")
    assert manifest is not None
    assert manifest.target.direction == "higher-is-better"
    assert run("check", "cache", cwd=tmp_path).returncode == 0


def live(folder: Path, scores: int = 150) -> Path:
    names = [f"{code}{n}_25fps.yuv" for code in ("pa", "rb", "sf", "tr", "bs") for n in range(2, 32)]
    folder.mkdir()
    (folder / "live_video_quality_seqs.txt").write_text("\n".join(names) + "\n")
    lines = [f"{30 + n / 10:.4f}\t{n % 7 + 1:.2f}" for n in range(scores)]
    (folder / "live_video_quality_data.txt").write_text("\n".join(lines) + "\n")
    (folder / "measured").mkdir()
    for name, report in reports_of({name: n for n, name in enumerate(names)}).items():
        (folder / "measured" / f"{name}.json").write_text(json.dumps(report))
    return folder


def test_names_and_scores_of_live_lie_in_two_files_side_by_side_and_higher_is_worse(tmp_path: Path) -> None:
    source = live(tmp_path / "live")
    manifest = made(dataset_file("live-vqa"), source, reports=str(source / "measured"))
    assert (manifest.rows, manifest.target.direction, manifest.content) == (150, "lower-is-better", "content")
    table = held(source)
    assert (table["key"][1], table["content"][1], table["mos"][1]) == ("pa3_25fps.yuv", "pa", np.float32(30.1))
    assert sorted(set(table["content"])) == ["bs", "pa", "rb", "sf", "tr"]
    assert check(tmp_path / "cache", source=source).outcome == "clean"
    assert sorted(Path(path).name for path in manifest.source_sha256) == [
        "live_video_quality_data.txt",
        "live_video_quality_seqs.txt",
    ]
    with (source / "live_video_quality_data.txt").open("a") as file:
        file.write("\n")
    assert [finding.kind for finding in check(tmp_path / "cache", source=source).findings] == ["source"]


def test_two_files_side_by_side_must_have_as_many_rows(tmp_path: Path) -> None:
    source = live(tmp_path / "live", scores=149)
    with pytest.raises(BadSource, match=r"has 150 rows and live_video_quality_data\.txt beside it 149"):
        made(dataset_file("live-vqa"), source, reports=str(source / "measured"))


def koniq(folder: Path, images: int) -> Path:
    folder.mkdir()
    lines = [f'"{n}.jpg",{n},{1 + 4 * n / images},0.5,50' for n in range(images)]
    header = '"image_name","c1","MOS","SD","MOS_zscore"'
    (folder / "koniq10k_scores_and_distributions.csv").write_text("\n".join([header, *lines]) + "\n")
    columns = [f"deep_{n:02}" for n in range(40)]
    rows = [",".join([f"{n}.jpg", *(str(n * 0.1 + k) for k in range(40))]) for n in reversed(range(images))]
    (folder / "mine.csv").write_text("\n".join([",".join(["image_name", *columns]), *rows]) + "\n")
    return folder


def test_forty_columns_of_ones_own_find_the_mos_of_koniq(tmp_path: Path) -> None:
    source = koniq(tmp_path / "koniq", 10_073)
    manifest = made(dataset_file("koniq-10k"), source, table=str(source / "mine.csv"))
    assert (manifest.rows, len(manifest.features), manifest.features[39]) == (10_073, 40, "deep_39")
    table = held(source)
    assert (table["key"][:2], table["mos"][0]) == (["0.jpg", "1.jpg"], 1)
    assert table["deep_39"][10] == np.float32(40)
    assert check(tmp_path / "cache", source=source).outcome == "clean"


def test_a_feature_without_a_label_is_listed_and_left_out_only_when_asked(tmp_path: Path) -> None:
    source = koniq(tmp_path / "koniq", 40)
    table = (source / "mine.csv").read_text().replace("\n7.jpg,", "\nseven.jpg,")
    (source / "mine.csv").write_text(table)
    file = dataset_file("koniq-10k")
    with pytest.raises(BadSource, match=r"1 of 40 labels have no row there: '7\.jpg'; 1 rows have no label: 'seven"):
        made(file, source, table=str(source / "mine.csv"))
    manifest = made(file, source, table=str(source / "mine.csv"), allow_missing=True)
    assert manifest.rows == 39
    assert manifest.notes == ("labels without features, left out: 1 of 40", "features without a label, left out: 1")


# Every difference between published sets


@pytest.mark.parametrize(
    ("recipe", "reports", "labels"),
    [
        ('report_name = "{stem}_vmaf.json"', {"a_vmaf": "a", "b_vmaf": "b", "c_vmaf": "c", "d_vmaf": "d"}, None),
        ('report_name = "{stem}.json"', {"a": "a", "b": "b", "c": "c", "d": "d"}, None),
        ('report_name = "{stem}.vmaf.json"', {f"{c}.vmaf": c for c in "abcd"}, None),
        ('key = "file"\ntarget = "score (1-5)"', {c: c for c in "abcd"},
         "file,score (1-5)\na.mp4,1\nb.mp4,2\nc.mp4,3\nd.mp4,5\n"),
        ('layout = { separator = "semicolon" }', {c: c for c in "abcd"}, "video;MOS\na;1\nb;2\nc;3\nd;5\n"),
        ('layout = { separator = "tab", columns = ["video", "mos"] }', {c: c for c in "abcd"},
         "a\t1\nb\t2\nc\t3\nd\t5\n"),
        ('report_name = "{name}_vmaf.json"\nendings = { "_vvc.mkv" = ".266" }',
         {"a.266_vmaf": "a", "b.266_vmaf": "b", "c.mp4_vmaf": "c", "d.266_vmaf": "d"},
         "video,MOS\na_vvc.mkv,1\nb_vvc.mkv,2\nc.mp4,3\nd_vvc.mkv,5\n"),
        ("allow_missing = true", {c: c for c in "abcd"},
         "video,MOS\nsource.mkv,5\na,1\nb,2\nc,3\nd,5\n"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("prefix", ["", "integer_"])
def test_a_description_says_what_differs_between_sets(
    tmp_path: Path, recipe: str, reports: Mapping[str, str], labels: str | None, prefix: str
) -> None:
    measured = reports_of(SCORES, prefix)
    source = checkout(tmp_path / "set", {name: measured[clip] for name, clip in reports.items()}, labels)
    stated = {line.partition(" = ")[0] for line in recipe.splitlines()}
    text = "\n".join(line for line in REPORTS.splitlines() if line.partition(" = ")[0] not in stated)
    manifest = made(described(tmp_path, f"{text}\n{recipe}\n"), source)

    assert manifest.rows == 4
    assert held(source)["mos"] == [1, 2, 3, 5]
    assert held(source)["adm2"] == [np.float32(score) for score in (0.1, 0.2, 0.3, 0.5)]


@pytest.mark.parametrize(
    "labels",
    [
        [{"clip": c, "opinion": s} for c, s in SCORES.items()],
        {c: {"opinion": s} for c, s in SCORES.items()},
        {"sources": [{"clip": "x"}], "clips": [{"clip": c, "opinion": s} for c, s in SCORES.items()]},
    ],
)
def test_labels_may_be_json_and_all_reports_one_file(tmp_path: Path, labels: object) -> None:
    source = tmp_path / "set"
    source.mkdir()
    (source / "all.json").write_text(json.dumps(reports_of(SCORES)))
    (source / "labels.json").write_text(json.dumps(labels))
    text = HEAD + '[recipe]\nkind = "reports"\nlabels = "labels.json"\nreports = "all.json"\nkey = "clip"\n'
    text += 'target = "opinion"\nreport_name = "{key}"\n'
    named = 'layout = { list = "clips" }\n' if isinstance(labels, dict) and "clips" in labels else ""
    manifest = made(described(tmp_path, text + named), source)
    assert (manifest.rows, held(source)["key"]) == (4, ["a", "b", "c", "d"])
    assert held(source)["adm2"] == [np.float32(score) for score in (0.1, 0.2, 0.3, 0.5)]

    (source / "all.json").write_text(json.dumps(reports_of(SCORES | {"e": 1}) | {"a": {"frames": []}}))
    with pytest.raises(BadSource, match=r"1 reports have no label: 'e'"):
        made(described(tmp_path, text + named), source)
    with pytest.raises(BadSource, match=r"all\.json: 'a': is no libvmaf JSON report"):
        made(described(tmp_path, text + named + "allow_missing = true\n"), source)


def test_a_content_that_no_pattern_knows_is_named(tmp_path: Path) -> None:
    source = checkout(tmp_path / "set")
    text = REPORTS + '[recipe.contents]\n"[ab].*" = "first"\n"c.*" = "second"\n'
    with pytest.raises(BadSource, match=r"none of the recipe's 2 patterns of contents matches 'd\.mp4'"):
        made(described(tmp_path, text), source)
    made(described(tmp_path, text + '"*" = "rest"\n'), source)
    assert held(source)["content"] == ["first", "first", "second", "rest"]


# What must come out


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("rows = 5", "rows 4 instead of 5"),
        ("contents = 2", "contents none instead of 2"),
        (f'fingerprint = "sha256:{"0" * 64}"', "fingerprint sha256:.* instead of sha256:0000"),
    ],
)
def test_a_cache_that_is_not_the_one_described_is_not_written(tmp_path: Path, said: str, why: str) -> None:
    source = checkout(tmp_path / "set")
    made(described(tmp_path), source)
    before = (tmp_path / "cache" / "bisect-cache.json").read_bytes()
    file = described(tmp_path, REPORTS.replace("[recipe]", f"{said}\n[recipe]"))
    with pytest.raises(NotAsDescribed, match=why):
        made(file, source)
    assert (tmp_path / "cache" / "bisect-cache.json").read_bytes() == before


def test_what_the_user_chooses_otherwise_is_held_only_against_what_it_leaves_as_it_was(tmp_path: Path) -> None:
    source = checkout(tmp_path / "set")
    print_ = made(described(tmp_path), source).fingerprint
    file = described(tmp_path, REPORTS.replace("[recipe]", f'rows = 4\nfingerprint = "{print_}"\n[recipe]'))
    assert made(file, source).fingerprint == print_
    assert made(file, source, scale=(0.0, 9.0)).target.scale == (0, 9)
    (source / "reports" / "a.json").unlink()
    assert made(file, source, allow_missing=True).rows == 3
    dataset = read_dataset(file)
    assert expected_of(dataset, {"pool": "min"}, ()).rows == 4
    assert expected_of(dataset, {"pool": "min"}, ()).fingerprint is None
    assert expected_of(dataset, {"allow_missing": True}, ()).rows is None


def test_several_parts_are_expected_to_have_the_rows_of_each() -> None:
    dataset = read_dataset(dataset_file("avt-vqdb-uhd-1"))
    assert expected_of(dataset, {}, ("test_4", "test_1")).rows == 372
    assert expected_of(dataset, {}, ()).rows == 756
    assert expected_of(dataset, {}, ("test_4", "test_1", "test_2", "test_3")).contents == 17


def test_parts_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "set"
    checkout(source / "one")
    checkout(source / "two", reports_of(SCORES))
    text = HEAD + '[recipe]\nkind = "reports"\nkey = "video"\nreport_name = "{stem}.json"\n'
    text += '[parts.one]\nrecipe = { labels = "one/labels.csv", reports = "one/reports" }\n'
    two = '[parts.two]\nrecipe = { labels = "two/labels.csv", reports = "two/reports"%s }\n'
    assert made(described(tmp_path, text + two % ""), source).rows == 8
    for differing, why in ((", scale = [1, 5]", "differ in scale"), (', direction = "lower-is-better"', "direction"),
                           (', content = "video"', "differ in content")):  # fmt: skip
        with pytest.raises(BadSource, match=rf"part 'two' does not go with part 'one': .*{why}"):
            made(described(tmp_path, text + two % differing), source)


BUILD = {"program": "ffmpeg", "version": "9.0", "sha256": "0" * 64, "libvmaf": "3.0.0"}


def measured_by(build: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    source = {"name": "a.mp4", "size": 1, "mtime_ns": 1, "sha256": "1" * 64}
    record = {"build": build, "how": {}, "reference": source, "distorted": source, "frames": 1}
    return {clip: {"bisect-cache": record, **report} for clip, report in reports_of(SCORES).items()}


@pytest.mark.parametrize(
    ("builds", "named", "noted"),
    [
        ((BUILD, BUILD), BUILD["sha256"], []),
        (
            (BUILD, BUILD | {"version": "9.1", "sha256": "2" * 64}),
            None,
            [
                "reports are of several builds: 'ffmpeg 9.0, sha256:000000000000…' in 4, 'ffmpeg 9.1, "
                "sha256:222222222222…' in 4"
            ],
        ),
        (
            (BUILD, None),
            None,
            ["reports are of several builds: 'ffmpeg 9.0, sha256:000000000000…' in 4, 'none is named' in 4"],
        ),
        ((None, None), None, []),
    ],
)
def test_the_build_that_all_parts_name_stands_in_the_manifest(
    tmp_path: Path, builds: tuple[dict[str, str] | None, ...], named: str | None, noted: list[str]
) -> None:
    source = tmp_path / "set"
    text = HEAD + '[recipe]\nkind = "reports"\nkey = "video"\nreport_name = "{stem}.json"\n'
    for part, build in zip(("one", "two"), builds, strict=True):
        checkout(source / part, measured_by(build) if build else None)
        text += f'[parts.{part}]\nrecipe = {{ labels = "{part}/labels.csv", reports = "{part}/reports" }}\n'
    manifest = made(described(tmp_path, text), source)
    assert (manifest.build.sha256 if manifest.build else None) == named
    assert list(manifest.notes) == noted


def test_parts_that_are_measured_differently_are_told_of(tmp_path: Path) -> None:
    source = tmp_path / "set"
    text = HEAD + '[recipe]\nkind = "reports"\nkey = "video"\nreport_name = "{stem}.json"\n'
    for part, prefix in (("one", ""), ("two", "integer_")):
        checkout(source / part, reports_of(SCORES, prefix))
        text += f'[parts.{part}]\nrecipe = {{ labels = "{part}/labels.csv", reports = "{part}/reports" }}\n'
    older = source / "two" / "reports" / "a.json"
    older.write_text(older.read_text().replace("3.0.0", "2.3.0"))
    assert list(made(described(tmp_path, text), source).notes) == [
        "reports mix libvmaf versions: '2.3.0' in 1, '3.0.0' in 7",
        "reports mix spellings of a feature: 'adm2' in 4, 'integer_adm2' in 4",
    ]


# What is refused


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("schema", "scheme"), "unknown field `scheme`"),
        (("dataset/1", "dataset/2"), "Invalid enum value 'bisect-cache/dataset/2'"),
        (('"mine"', '"../mine"'), "matching regex .*name"),
        (('"mine"', "5"), "Expected `str`, got `int` - at `.*name`"),
        (('licence = "CC0"', ""), "missing required field `licence`"),
        (("[recipe]", "rows = -1\n[recipe]"), "Expected `int` >= 0"),
        (("[recipe]", 'fingerprint = "sha256:ab"\n[recipe]'), "matching regex"),
        (('kind = "reports"', ""), "`kind` must be 'reports' or 'table'"),
        (('kind = "reports"', 'kind = "synthetic"'), "`kind` must be 'reports' or 'table'"),
        (('key = "video"', ""), "missing required field `key`"),
        (('key = "video"', "key = 5"), "Expected `str`, got `int`"),
        (('key = "video"', 'key = "video"\nshell = "rm"'), "unknown field `shell`"),
        (('key = "video"', 'key = "video"\norigin = {}'), "`origin` is made of"),
        (('"labels.csv"', '"../labels.csv"'), "leads out of the checkout"),
        (('"labels.csv"', '"/etc/passwd"'), "leads out of the checkout"),
        (('"labels.csv"', '"a/../../labels.csv"'), "leads out of the checkout"),
        (('key = "video"', 'key = "video"\nlayout = { beside = "../x" }'), "matching regex"),
        (('key = "video"', 'key = "video"\nlayout = { beside = ".." }'), "leads out of the checkout"),
        (('reports = "reports"', ""), None),
        (('reports = "reports"', f'reports = "{"r" * 5000}"'), "length <= 4096"),
        (("[recipe]", f"{'a.' * 1900}a = 1\n[recipe]"), "line 10 has more than 32 dots in names"),
        (("[recipe]", f"a = {'[' * 3900}\n[recipe]"), "cannot be read as TOML"),
        (("[recipe]", "[recipe"), "cannot be read as TOML"),
        (("[recipe]", '[parts."../x"]\nrecipe = {}\n[recipe]'), "matching regex"),
        (("[recipe]", '[parts.x]\nrecipe = { kind = "table", table = "x.csv" }\n[recipe]'), "unknown field|`kind`"),
        (("Mine", "x" * 2000), "length <= 1000"),
        (
            (
                '[recipe]\nkind = "reports"\nlabels = "labels.csv"\nreports = "reports"',
                f'fingerprint = "sha256:{"0" * 64}"\n[recipe]\nkind = "reports"\nlabels = "labels.csv"',
            ),
            "has no one fingerprint",
        ),
        (
            (
                REPORTS.partition("[recipe]\n")[2].strip(),
                'kind = "table"',
            ),
            "names neither a `table` nor `labels`",
        ),
    ],
)
def test_a_description_that_does_not_say_what_it_must_is_refused(
    tmp_path: Path, change: tuple[str, str], why: str | None
) -> None:
    file = described(tmp_path, REPORTS.replace(*change, 1))
    if why is None:
        assert read_dataset(file).brought == "reports"
        return
    with pytest.raises(BadDescription, match=why) as refused:
        read_dataset(file)
    assert "mine.toml" in str(refused.value)
    assert str(refused.value).isprintable()


def test_no_description_reaches_out_of_the_checkout_by_a_link(tmp_path: Path) -> None:
    source = checkout(tmp_path / "set")
    (source / "labels.csv").rename(tmp_path / "labels.csv")
    (source / "labels.csv").symlink_to("../labels.csv")
    with pytest.raises(BadDescription, match=r"'labels\.csv' leads out of it by a link"):
        made(described(tmp_path), source)


def test_a_manifest_of_a_stranger_reaches_no_file_outside_the_folder_that_is_named(tmp_path: Path) -> None:
    source = tmp_path / "set"
    checkout(source / "one")
    checkout(tmp_path / "other")
    text = HEAD + '[recipe]\nkind = "reports"\nkey = "video"\nreport_name = "{stem}.json"\n'
    text += '[parts.one]\nrecipe = { labels = "one/labels.csv", reports = "one/reports" }\n'
    made(described(tmp_path, text), source)
    manifest = tmp_path / "cache" / "bisect-cache.json"
    honest = manifest.read_text()
    manifest.write_text(honest.replace("one/labels.csv", "../other/labels.csv"))
    assert "contradicts itself: a part of its recipe leaves" in run("check", "cache", cwd=tmp_path).stderr
    manifest.write_text(honest)
    (source / "one" / "labels.csv").unlink()
    (source / "one" / "labels.csv").symlink_to("../../other/labels.csv")
    with pytest.raises(BadSource, match="leads out of it by a link"):
        check(tmp_path / "cache", source=source)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--dataset", "uhd"], "'uhd' is no dataset that ships with the program: avt-vqdb-uhd-1, koniq-10k"),
        (["--dataset", "none.toml", "--source", "set"], "none.toml does not exist"),
        (["--dataset", "mine.toml"], "--dataset mine also needs --source, the folder where you have it: ask us"),
        (["--dataset", "mine.toml", "--source", "nowhere"], "nowhere: there is no such folder"),
        (["--dataset", "mine.toml", "--source", "set", "--part", "x"], "mine has no part 'x'"),
        (["--dataset", "mine.toml", "--source", "set", "--licence", "x"], "--licence does not go with --dataset"),
        (["--dataset", "mine.toml", "--source", "set", "--rows", "5"], "--rows does not go with mine"),
        (["--dataset", "mine.toml", "--source", "set", "--table", "t.csv"], "--table does not go with mine"),
        (["--dataset", "mine.toml", "--source", "set", "--scale", "5:1"], "5 is not below 1"),
        (["--dataset", "avt-vqdb-uhd-1", "--source", "set", "--reports", "r"], "--reports cannot stand for those of"),
        (["--dataset", "koniq-10k", "--source", "set"], "koniq-10k has no features of its own; you bring a table"),
        (["--part", "x"], "--part goes with --dataset"),
    ],
)
def test_options_that_do_not_go_with_a_dataset_are_refused(tmp_path: Path, words: list[str], said: str) -> None:
    checkout(tmp_path / "set")
    described(tmp_path)
    refused = run("generate", "cache", *words, cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert said in " ".join(refused.stderr.split())
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "cache").exists()


def test_a_listing_shows_no_line_that_is_not_its_own(tmp_path: Path) -> None:
    text = REPORTS.replace('"Mine"', r'"Mine\u001b[2J"').replace('"CC0"', r'"CC0\n::error::x"')
    shown = listing(read_dataset(described(tmp_path, text)))
    assert "\x1b" not in shown
    assert "\n::error" not in shown
    assert all(line.isprintable() for line in shown.splitlines())


def test_a_folder_that_lacks_what_is_described_says_how_to_get_it(tmp_path: Path) -> None:
    source = checkout(tmp_path / "set")
    (source / "labels.csv").unlink()
    with pytest.raises(SourceAbsent, match=r"lacks labels\.csv of Mine; it is to be had so: ask us"):
        made(described(tmp_path), source)


def test_the_longest_ending_counts_and_what_has_none_keeps_its_name() -> None:
    endings = {".mkv": ".mp4", "-vvc.mkv": ".266", "": "x"}
    assert [renamed(key, endings) for key in ("a-vvc.mkv", "b.mkv", "c.avi", "-vvc.mkv")] == [
        "a.266", "b.mp4", "c.avi", ".266",
    ]  # fmt: skip


def test_progress_over_parts_goes_on_where_the_part_before_ended(tmp_path: Path) -> None:
    for part in ("one", "two"):
        checkout(tmp_path / "set" / part)
    text = HEAD + '[recipe]\nkind = "reports"\nkey = "video"\nreport_name = "{stem}.json"\n'
    for part in ("one", "two"):
        text += f'[parts.{part}]\nrecipe = {{ labels = "{part}/labels.csv", reports = "{part}/reports" }}\n'
    recipe = recipe_of_dataset(read_dataset(described(tmp_path, text)), tmp_path / "cache", tmp_path / "set", {})
    told: list[tuple[int, int]] = []
    generate(tmp_path / "cache", recipe, lambda done, total: told.append((done, total)))
    assert told == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4), (4, 8), (5, 8), (6, 8), (7, 8), (8, 8)]
