"""The pair list: what it may say, and what is said of one that cannot be followed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from videos import pair_list

from bisect_cache.cache.extracted import How, Stored
from bisect_cache.cache.recipes.interface import BadSource
from bisect_cache.extraction.pairs import Pair, frame_bytes, read_pairs

ONE = {"key": "a", "reference": "r.y4m", "distorted": "d.y4m"}


def read(folder: Path, *rows: dict[str, Any]) -> list[Pair]:
    return read_pairs(pair_list(folder / "pairs.csv", *rows))


def test_a_pair_that_says_nothing_more_is_compared_as_it_is(tmp_path: Path) -> None:
    (pair,) = read(tmp_path, {**ONE, "mos": "", "content": "x"})
    assert (pair.key, pair.how) == ("a", How())
    assert [pair.path(role) for role in ("reference", "distorted")] == [tmp_path / "r.y4m", tmp_path / "d.y4m"]
    assert str(pair.report) == "a.json"


def test_what_is_declared_of_both_videos_can_be_said_of_one(tmp_path: Path) -> None:
    (pair,) = read(
        tmp_path, {**ONE, "size": "64x48", "pixel_format": "yuv420p", "distorted_size": "32x24", "fps": "25"}
    )
    assert pair.how.reference == Stored((64, 48), "yuv420p", "25")
    assert pair.how.distorted == Stored((32, 24), "yuv420p", "25")


def test_a_list_in_json_may_hold_numbers(tmp_path: Path) -> None:
    path = tmp_path / "pairs.json"
    path.write_text(json.dumps({"a": {"reference": "r.mp4", "distorted": "d.mp4", "fps": 59.94, "frames": 10}}))
    (pair,) = read_pairs(path)
    assert (pair.key, pair.how.frames, pair.how.reference.fps) == ("a", 10, "59.94")


def test_a_model_is_a_version_or_a_file_beside_the_list(tmp_path: Path) -> None:
    version, file = read(
        tmp_path,
        {**ONE, "model": "vmaf_4k_v0.6.1"},
        {**ONE, "key": "b", "model": "m/own.json", "features": "psnr cambi"},
    )
    assert (version.how.model, "model" in version.names) == ("vmaf_4k_v0.6.1", False)
    assert file.path("model") == tmp_path / "m" / "own.json"
    assert file.how.features == ("psnr", "cambi")


@pytest.mark.parametrize(
    ("column", "value", "complaint"),
    [
        ("key", "", "key is blank"),
        ("reference", " ", "reference is blank"),
        ("size", "1920*1080", "size '1920\\*1080' is not WIDTHxHEIGHT"),
        ("compare_size", "0x10", "is not WIDTHxHEIGHT"),
        ("pixel_format", "nv12", "none that libvmaf takes"),
        ("compare_pixel_format", "yuv420p,hue=s=0", "none that libvmaf takes"),
        ("fps", "0", "no frame rate"),
        ("fps", "25/0", "no frame rate"),
        ("compare_fps", "25,negate", "no frame rate"),
        ("frames", "longest", "neither a number of frames nor 'shortest'"),
        ("frames", "0", "neither a number"),
        ("frames", "9" * 4000, "neither a number"),
        ("model", "version=x:y", "neither a version"),
        ("features", "psnr|name=x", "no names"),
    ],
)
def test_what_cannot_be_followed_is_said_with_its_row(tmp_path: Path, column: str, value: str, complaint: str) -> None:
    with pytest.raises(BadSource, match=f"row 1 .*{complaint}"):
        read(tmp_path, {**ONE, "key": "other"}, {**ONE, column: value})


@pytest.mark.parametrize(
    "key", ["/a", "../a", "a/../b", "a//b", "a/", ".", "a\nb", "a\x1b", "x" * 201, "b/" + "é" * 101]
)
def test_a_key_that_leads_out_of_the_folder_or_names_no_file_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(BadSource, match="cannot name a report"):
        read(tmp_path, {**ONE, "key": key})


def test_two_pairs_of_one_key_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match="keys stand more than once: 'a'"):
        read(tmp_path, ONE, {**ONE, "distorted": "e.y4m"})


def test_a_table_without_videos_is_no_pair_list(tmp_path: Path) -> None:
    why = r"is no pair list: it has no column 'reference', 'distorted'; its columns are 'key', 'mos': name them as"
    with pytest.raises(BadSource, match=why):
        read(tmp_path, {"key": "a", "mos": 1})


def test_a_list_without_pairs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("key,reference,distorted\n")
    with pytest.raises(BadSource, match="has no pairs"):
        read_pairs(tmp_path / "pairs.csv")


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(["420", "422", "444"]), st.sampled_from(["", "10le"]))
def test_a_raw_frame_has_the_bytes_of_its_samples(width: int, height: int, chroma: str, depth: str) -> None:
    across, down = {"420": (2, 2), "422": (2, 1), "444": (1, 1)}[chroma]
    luma = sum(1 for _ in range(width) for _ in range(height))
    each = sum(1 for _ in range(0, width, across) for _ in range(0, height, down))
    assert frame_bytes((width, height), f"yuv{chroma}p{depth}") == (luma + 2 * each) * (2 if depth else 1)
