"""The recipe ``reports``, from a folder of libvmaf reports and their labels to the columns of a cache."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from bisect_cache.cache.manifest import DEFAULT_FEATURES, Reports
from bisect_cache.cache.recipes.interface import BadSource, Made, SourceAbsent, Surroundings
from bisect_cache.cache.recipes.reports import make_reports
from bisect_cache.files import sha256_of_file

Metrics = Mapping[str, float | None]


def write_report(folder: Path, name: str, frames: Iterable[Metrics], version: str | None = "2.3.0") -> None:
    path = folder / "reports" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps(
            {
                "version": version,
                "frames": [{"frameNum": number, "metrics": dict(each)} for number, each in enumerate(frames)],
            }
        ),
        encoding="utf-8",
    )


def write_labels(folder: Path, text: str, name: str = "labels.csv") -> None:
    (folder / name).write_text(text, encoding="utf-8")


def four_clips(folder: Path) -> None:
    write_labels(folder, "src,video,MOS\n01,a.mp4,1\n01,b.mp4,2\n02,c.mp4,3\n02,d.mp4,5\n")
    for number, clip in enumerate("abcd", 1):
        write_report(folder, f"{clip}_vmaf.json", [{"adm2": 0.1 * number}, {"adm2": 0.1 * number + 0.2}])


def make(folder: Path, progress: list[tuple[int, int]] | None = None, **changed: Any) -> Made:
    recipe = Reports(
        **{
            "reports": "reports",
            "labels": "labels.csv",
            "key": "video",
            "report_name": "{stem}_vmaf.json",
            **changed,
        }
    )
    heard = [] if progress is None else progress
    return make_reports(recipe, Surroundings(folder, lambda done, total: heard.append((done, total))))


def column(made: Made, name: str) -> list[float]:
    return [float(value) for value in made.columns[name]]


def float32(*values: float) -> list[float]:
    return [float(np.float32(value)) for value in values]


def test_reports_become_pooled_features_mos_content_and_key(tmp_path: Path) -> None:
    four_clips(tmp_path)
    progress: list[tuple[int, int]] = []
    made = make(tmp_path, progress, content="src")

    assert list(made.columns) == ["adm2", "mos", "src", "key"]
    assert made.features == ("adm2",)
    assert made.content == "src"
    assert column(made, "adm2") == float32(0.2, 0.3, 0.4, 0.5)
    assert column(made, "mos") == [1, 2, 3, 5]
    assert {np.asarray(made.columns[name]).dtype for name in ("adm2", "mos")} == {np.dtype(np.float32)}
    assert made.columns["src"] == ["01", "01", "02", "02"]
    assert made.columns["key"] == ["a.mp4", "b.mp4", "c.mp4", "d.mp4"]
    assert made.notes == ()
    assert made.source_sha256 == {"labels.csv": sha256_of_file(tmp_path / "labels.csv")}
    assert progress == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize(
    ("pool", "expected"),
    [("mean", 0.2), ("min", 0.1), ("percentile:75", 0.25), ("harmonic_mean", 2 / (1 / 1.1 + 1 / 1.3) - 1)],
)
def test_the_recipe_says_how_frames_are_pooled(tmp_path: Path, pool: str, expected: float) -> None:
    four_clips(tmp_path)

    assert column(make(tmp_path, pool=pool), "adm2")[0] == float32(expected)[0]


def test_an_unknown_pooling_is_refused(tmp_path: Path) -> None:
    four_clips(tmp_path)
    with pytest.raises(BadSource, match="'median' is not known"):
        make(tmp_path, pool="median")


def test_labels_in_json_may_be_named_by_their_keys(tmp_path: Path) -> None:
    four_clips(tmp_path)
    labels = {f"{clip}.mp4": {"score": score} for clip, score in zip("abcd", [1, 2, 3, 5], strict=True)}
    write_labels(tmp_path, json.dumps(labels), "labels.json")

    assert make(tmp_path, labels="labels.json").columns["key"] == ["a.mp4", "b.mp4", "c.mp4", "d.mp4"]


# The template


@pytest.mark.parametrize(
    ("template", "report"),
    [
        ("{key}.json", "set/{c}.v1.mp4.json"),
        ("{stem}.json", "set/{c}.v1.json"),
        ("{name}.json", "{c}.v1.mp4.json"),
        ("{set id}/{clip.no}.json", "s 1/{n}.json"),
        ("{{{clip.no}}}.json", "{{{n}}}.json"),
    ],
)
def test_a_report_is_named_from_the_key_and_other_columns(tmp_path: Path, template: str, report: str) -> None:
    rows = [f"set/{c}.v1.mp4,{n},s 1,{n}" for n, c in enumerate("abc", 1)]
    write_labels(tmp_path, "\n".join(["video,mos,set id,clip.no", *rows]))
    for n, c in enumerate("abc", 1):
        write_report(tmp_path, report.format(c=c, n=n), [{"adm2": n / 10}])

    assert column(make(tmp_path, report_name=template), "adm2") == float32(0.1, 0.2, 0.3)


@pytest.mark.parametrize(
    "template",
    ["{}", "{0}", "{codec}", "{stem.__class__}", "{stem[0]}", "{stem!r}", "{stem:>9999999999}", "{stem:{key}}",
     "{stem", "stem}", "{key.__init__.__globals__}", "{ stem}"],
)  # fmt: skip
def test_a_template_with_anything_but_names_is_refused_with_what_is_allowed(tmp_path: Path, template: str) -> None:
    four_clips(tmp_path)
    with pytest.raises(
        BadSource, match=r"--report-name .*it can have '\{key\}', '\{stem\}', '\{name\}', '\{src\}', '\{video\}'"
    ):
        make(tmp_path, report_name=template)


@pytest.mark.parametrize(
    "name", ["../outside.json", "sub/../../outside.json", "/etc/passwd", "sub/..", ".", "a\x00b", "x/../a_vmaf.json"]
)
def test_a_report_outside_of_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    four_clips(tmp_path)
    write_report(tmp_path, "../outside.json", [{"adm2": 0.5}])
    write_labels(tmp_path, f"video,mos\n{name},1\nb,2\nc,3\n")

    with pytest.raises(BadSource, match=r"row 0 .*is named relative to the folder of reports"):
        make(tmp_path, report_name="{key}", allow_missing=True)


def test_an_absolute_name_is_refused_even_when_it_is_in_the_folder(tmp_path: Path) -> None:
    four_clips(tmp_path)
    write_labels(tmp_path, f"video,mos\n{tmp_path.resolve()}/reports/a_vmaf.json,1\nb,2\nc,3\n")

    with pytest.raises(BadSource, match=r"row 0 .*is named relative to the folder of reports"):
        make(tmp_path, report_name="{key}", allow_missing=True)


def test_a_link_out_of_the_folder_is_refused_and_one_within_it_is_not(tmp_path: Path) -> None:
    four_clips(tmp_path)
    folder = tmp_path / "reports"
    (folder / "d_vmaf.json").rename(folder / "e.json")
    (folder / "d_vmaf.json").symlink_to("e.json")
    assert len(make(tmp_path).columns["key"]) == 4

    (folder / "e.json").rename(tmp_path / "e.json")
    (folder / "d_vmaf.json").unlink()
    (folder / "d_vmaf.json").symlink_to("../e.json")
    with pytest.raises(BadSource, match=r"row 3 .*links out of it"):
        make(tmp_path)


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    four_clips(tmp_path)
    (tmp_path / "link").symlink_to("reports")

    assert len(make(tmp_path, reports="link").columns["key"]) == 4


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    four_clips(tmp_path)
    (tmp_path / "reports" / "d_vmaf.json").unlink()
    (tmp_path / "reports" / "d_vmaf.json").symlink_to("d_vmaf.json")

    with pytest.raises(BadSource, match="d_vmaf"):
        make(tmp_path)


# Labels and reports that do not find each other


def test_two_labels_of_one_report_are_refused(tmp_path: Path) -> None:
    four_clips(tmp_path)
    write_labels(tmp_path, "video,mos\na.mp4,1\na.mkv,2\nb.mp4,3\n")

    with pytest.raises(BadSource, match=r"2 rows lead to a report that is another row's.*'a.mkv -> a_vmaf.json'"):
        make(tmp_path, allow_missing=True)


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    four_clips(tmp_path)
    write_labels(tmp_path, "video,mos\na.mp4,1\na.mp4,2\nb.mp4,3\n")

    with pytest.raises(BadSource, match=r"1 keys of column 'video' stand more than once: 'a\.mp4'"):
        make(tmp_path)


def test_a_blank_key_is_refused(tmp_path: Path) -> None:
    four_clips(tmp_path)
    write_labels(tmp_path, "video,mos\na.mp4,1\n,2\nb.mp4,3\n")

    with pytest.raises(BadSource, match="column 'video', which leads to the reports, is blank in rows 1;"):
        make(tmp_path, drop_incomplete=True)


def test_labels_without_a_report_and_reports_without_a_label_are_listed(tmp_path: Path) -> None:
    four_clips(tmp_path)
    (tmp_path / "reports" / "b_vmaf.json").unlink()
    for number in range(12):
        write_report(tmp_path, f"x{number:02}.json", [{"adm2": 0.5}])

    labels = r"1 of 4 labels have no report there: 'b_vmaf\.json'"
    reports = r"12 reports have no label: 'x00\.json'.*'x09\.json' and 2 more"
    with pytest.raises(BadSource, match=rf"{labels}; {reports}.*--allow-missing"):
        make(tmp_path)


def test_with_allow_missing_they_are_left_out_and_counted(tmp_path: Path) -> None:
    four_clips(tmp_path)
    (tmp_path / "reports" / "b_vmaf.json").unlink()
    write_report(tmp_path, "x.json", [{"adm2": 0.5}])
    made = make(tmp_path, allow_missing=True)

    assert made.notes == ("labels without a report, left out: 1 of 4", "reports without a label, left out: 1")
    assert made.columns["key"] == ["a.mp4", "c.mp4", "d.mp4"]
    assert column(made, "mos") == [1, 3, 5]
    assert column(made, "adm2") == float32(0.2, 0.4, 0.5)


def test_labels_that_find_no_report_at_all_are_refused_even_with_allow_missing(tmp_path: Path) -> None:
    four_clips(tmp_path)
    with pytest.raises(BadSource, match=r"no label of .* has a report; .*'a\.vmaf\.json'.*'a_vmaf\.json'"):
        make(tmp_path, report_name="{stem}.vmaf.json", allow_missing=True)


def test_subfolders_count_only_where_report_names_have_a_folder(tmp_path: Path) -> None:
    four_clips(tmp_path)
    write_report(tmp_path, "old/a_vmaf.json", [{"adm2": 0.5}])

    assert make(tmp_path).notes == ()
    with pytest.raises(BadSource, match=r"4 reports have no label: 'a_vmaf\.json', 'b_vmaf\.json'"):
        make(tmp_path, report_name="old/{stem}_vmaf.json")
    for clip in "abcd":
        write_report(tmp_path, f"old/{clip}_vmaf.json", [{"adm2": ord(clip)}])
    write_report(tmp_path, "older/a_vmaf.json", [{"adm2": 0.5}])
    with pytest.raises(BadSource, match=r"5 reports have no label: .*'older/a_vmaf\.json'"):
        make(tmp_path, report_name="old/{stem}_vmaf.json")


def test_the_label_file_and_the_manifest_are_no_reports(tmp_path: Path) -> None:
    four_clips(tmp_path)
    folder = tmp_path / "reports"
    write_labels(folder, json.dumps([{"video": f"{c}.mp4", "mos": ord(c)} for c in "abcd"]), "labels.json")
    write_labels(folder, "{}", "bisect-cache.json")

    assert make(folder, reports=".", labels="labels.json").notes == ()


# Reports that differ from each other


def test_mixed_versions_and_spellings_are_noted_with_their_counts(tmp_path: Path) -> None:
    four_clips(tmp_path)
    write_report(tmp_path, "d_vmaf.json", [{"integer_adm2": 0.5}], version="3.2.0")

    assert make(tmp_path).measured_by.notes == (
        "reports mix libvmaf versions: '2.3.0' in 3, '3.2.0' in 1",
        "reports mix spellings of a feature: 'adm2' in 3, 'integer_adm2' in 1",
    )


def test_a_report_that_lacks_a_feature_of_the_others_is_an_incomplete_row(tmp_path: Path) -> None:
    four_clips(tmp_path)
    for clip in "abc":
        write_report(tmp_path, f"{clip}_vmaf.json", [{"adm2": ord(clip), "motion2": 2.0}])

    with pytest.raises(BadSource, match=r"1 of 4 rows are incomplete.*: row 3 'd\.mp4' \(motion2\)"):
        make(tmp_path)
    made = make(tmp_path, drop_incomplete=True)
    assert made.columns["key"] == ["a.mp4", "b.mp4", "c.mp4"]
    assert made.notes == ("dropped 1 incomplete row of 4",)


def test_rows_are_counted_as_in_the_label_file_when_some_have_no_report(tmp_path: Path) -> None:
    four_clips(tmp_path)
    (tmp_path / "reports" / "a_vmaf.json").unlink()
    write_report(tmp_path, "d_vmaf.json", [{"adm2": 0.5}, {"adm2": None}])

    with pytest.raises(BadSource, match=r"1 of 3 rows are incomplete.*: row 3 'd\.mp4' \(adm2\)"):
        make(tmp_path, allow_missing=True)


def test_features_that_no_report_has_are_refused_with_those_there_are(tmp_path: Path) -> None:
    four_clips(tmp_path)
    with pytest.raises(BadSource, match=r"no report has the features 'psnr'; the first has the metrics 'adm2'"):
        make(tmp_path, features=("adm2", "psnr"))
    for clip in "abcd":
        write_report(tmp_path, f"{clip}_vmaf.json", [{"psnr_y": 40.0 + ord(clip)}])
    with pytest.raises(BadSource, match=r"no report has the features 'adm2', .*metrics 'psnr_y'.*--feature"):
        make(tmp_path)
    assert make(tmp_path, features=("psnr_y",)).features == ("psnr_y",)


def test_a_name_that_could_write_to_the_terminal_is_escaped(tmp_path: Path) -> None:
    write_labels(tmp_path, 'video,mos\n"a\n::error::b",1\nb,2\nc,3\n')
    write_report(tmp_path, "a\n::error::b", [])

    with pytest.raises(BadSource, match="is no libvmaf JSON report") as caught:
        make(tmp_path, report_name="{key}", allow_missing=True)
    assert "\n" not in str(caught.value)


def test_a_broken_report_is_named(tmp_path: Path) -> None:
    four_clips(tmp_path)
    (tmp_path / "reports" / "c_vmaf.json").write_text('{"frames": [', encoding="utf-8")

    with pytest.raises(BadSource, match=r"c_vmaf\.json: is no libvmaf JSON report"):
        make(tmp_path)


@pytest.mark.parametrize("features", [("adm2", "adm2"), ("mos",), ("row",), ("key",), ("src",)])
def test_features_whose_names_are_taken_are_refused(tmp_path: Path, features: tuple[str, ...]) -> None:
    four_clips(tmp_path)
    for clip in "abcd":
        write_report(tmp_path, f"{clip}_vmaf.json", [{"adm2": 1.0, "mos": 1.0, "row": 1.0, "key": 1.0, "src": 1.0}])

    with pytest.raises(BadSource, match=r"more than once|would share a name"):
        make(tmp_path, features=features, content="src")


def test_columns_with_two_roles_are_refused(tmp_path: Path) -> None:
    four_clips(tmp_path)
    with pytest.raises(BadSource, match="cannot be the target and the key or content"):
        make(tmp_path, target="video")
    write_labels(tmp_path, "key,video,mos\nx,a.mp4,1\n")
    with pytest.raises(BadSource, match="the content column is called 'key'"):
        make(tmp_path, content="key")


def test_one_column_may_be_key_and_content(tmp_path: Path) -> None:
    four_clips(tmp_path)

    assert list(make(tmp_path, content="video").columns) == ["adm2", "mos", "video", "key"]


def test_a_label_file_or_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    four_clips(tmp_path)
    with pytest.raises(SourceAbsent, match=r"none\.csv: is not there"):
        make(tmp_path, labels="none.csv")
    with pytest.raises(SourceAbsent, match="none: there is no such folder"):
        make(tmp_path, reports="none")
    with pytest.raises(BadSource, match=r"labels\.csv: is not a folder"):
        make(tmp_path, reports="labels.csv")


# Real data


def test_the_published_reports_agree_with_the_published_means(real_data: Path) -> None:
    folder = real_data / "avt-vqdb-uhd-1"
    made = make_reports(
        Reports(
            reports="test_1/vmaf_reports",
            labels="test_1/mos_ci.csv",
            key="video_name",
            content="src",
            report_name="{stem}_vmaf.json",
            scale=(1, 5),
        ),
        Surroundings(folder),
    )

    assert made.features == DEFAULT_FEATURES
    assert made.notes == ()
    assert len(made.columns["key"]) == 180
    # The table of clips names them with the set's path and without the extension.
    clips = {row["key"]: row for row in pq.read_table(folder / "clips.parquet").to_pylist()}
    published = [clips[f"uhd1/test_1/{Path(str(key)).stem}"] for key in made.columns["key"]]
    for name in (*DEFAULT_FEATURES, "mos"):
        np.testing.assert_allclose(
            column(made, name), [row[name] for row in published], rtol=0, atol=1e-5, err_msg=name
        )
    pairs = {(content, row["content_id"]) for content, row in zip(made.columns["src"], published, strict=True)}
    assert len(pairs) == len({content for content, _ in pairs}) == len({content for _, content in pairs}) == 6
