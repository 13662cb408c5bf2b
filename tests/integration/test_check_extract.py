"""`bisect-cache check --extract N` on a cache that was made of extracted reports."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from videos import encode, pair_list, picture, run, two_videos

MADE = ("--reports", "reports", "--labels", "pairs.csv", "--key", "clip", "--report-name", "{key}.json")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    two_videos(folder)
    encode(folder / "r.y4m", folder / "e.mkv", "-vf", "gblur=5", "-c:v", "ffv1")
    videos = {"a": ("d.y4m", 3), "b": ("e.mkv", 1), "c": ("r.y4m", 5)}
    rows = [
        {"key": name, "clip": name, "reference": "r.y4m", "distorted": video, "mos": mos}
        for name, (video, mos) in videos.items()
    ]
    pair_list(folder / "pairs.csv", *rows)
    assert run(folder, "extract", "pairs.csv", "reports").returncode == 0
    assert run(folder, "generate", "cache", *MADE, "--pool", "min").returncode == 0
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    place = tmp_path / "work"
    shutil.copytree(made, place)
    return place


def test_features_that_are_measured_alike_are_equal(folder: Path) -> None:
    done = run(folder, "check", "cache", "--extract", "2", "--json", "report.json")
    assert done.returncode == 0, done.stderr
    assert "2 of 3 pairs were measured again with the build that the manifest names" in " ".join(done.stderr.split())
    report = json.loads((folder / "report.json").read_text())
    assert [(finding["kind"], finding["severity"]) for finding in report["findings"]] == [("features", "notice")]
    assert report["reproduce"] == "bisect-cache check cache --extract 2"


def test_a_video_that_changed_is_feature_drift_and_no_regression(folder: Path) -> None:
    picture(folder / "d.y4m", "-vf", "gblur=9")
    done = run(folder, "check", "cache", "--extract", "3", "--json", "report.json")
    assert done.returncode == 1
    (finding,) = json.loads((folder / "report.json").read_text())["findings"]
    assert finding["detail"].startswith("Feature drift, which is no regression of a model")
    assert "in 1 of 3 pairs" in finding["detail"]
    assert run(folder, "check", "cache").returncode == 0


def test_the_pair_list_may_lie_elsewhere(folder: Path, tmp_path: Path) -> None:
    (folder / "cache").rename(tmp_path / "cache")
    done = run(tmp_path, "check", "cache", "--extract", "1", "--source", str(folder))
    assert done.returncode == 0, done.stderr


def test_a_manifest_leads_to_no_pair_list_outside_of_the_working_folder(folder: Path) -> None:
    done = run(folder / "cache", "check", ".", "--extract", "1")
    assert done.returncode == 2
    assert "its pair list ../pairs.csv lies outside the working folder; name its folder with --source" in done.stderr
    assert run(folder / "cache", "check", ".", "--extract", "1", "--source", "..").returncode == 0


def test_a_video_that_is_not_there_leaves_nothing_judged(folder: Path) -> None:
    for name in ("d.y4m", "e.mkv"):
        (folder / name).unlink()
    done = run(folder, "check", "cache", "--extract", "3")
    assert done.returncode == 2
    assert "2 of 3 pairs cannot be measured again" in done.stderr
    assert "does not exist" in done.stderr


def test_a_cache_that_was_not_measured_is_said_to_be_none(folder: Path) -> None:
    done = run(folder, "check", "--extract", "1")
    assert done.returncode == 2
    assert "was not made of one set of reports" in done.stderr


@pytest.mark.parametrize("option", [["--seed", "1"], ["--ffmpeg", "x"], ["--time-limit", "1"]])
def test_options_of_measuring_without_pairs_to_measure_are_refused(folder: Path, option: list[str]) -> None:
    done = run(folder, "check", "cache", *option)
    assert done.returncode == 2
    assert f"{option[0]} goes with --extract N" in done.stderr
