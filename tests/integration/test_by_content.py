"""`--by-content`: which contents got worse from one model to another, even where the whole did not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from judging import bisect, noisy_cache_at, timeline_at, weaker
from making import SIX, linear
from scipy import stats

from bisect_cache.cache.generate import generate
from bisect_cache.cache.manifest import Table
from bisect_cache.cache.opened import open_cache

BEFORE, AFTER = (0.2, 0.2, 0.2, 0.2, 0.2, 0.2), (0.2, 0.2, 0.2, 0.2, 0.2, -0.2)
"""They differ in what they make of motion2, which is the same in all rows but those of one clip."""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """8 contents of 24 rows, the mean of their features with noise; motion2 moves in clip5 alone."""
    rng = np.random.default_rng(5)
    features = rng.uniform(0, 1, (192, 6))
    clips = np.arange(192) % 8
    features[:, 5] = np.where(clips == 5, features[:, 5], 0.5)
    target = features.mean(axis=1) * 1.2 + rng.normal(0, 0.03, 192)
    lines = [",".join([*SIX, "mos", "content"])]
    for row, score, clip in zip(features.round(6), target.round(6), clips, strict=True):
        lines.append(",".join([*map(str, row), str(score), f"clip{clip}"]))
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    generate(tmp_path / "c", Table(table="../t.csv"))
    return tmp_path


def test_a_content_that_got_worse_is_named_though_the_whole_did_not(here: Path) -> None:
    timeline_at(here / "m", [linear(BEFORE), linear((*BEFORE[:5], 0.19)), linear(AFTER)])
    ran = bisect(here, "--threshold", "plcc >= 0.8", "--by-content")
    assert (ran.code, ran.outcome, ran.letters) == (0, "no-regression", "ggg")
    (groups,) = ran.report["groups"]
    assert (groups["before"], groups["after"], groups["left_out"]) == ("m_00", "m_02", 0)
    worse = [one["content"] for one in groups["contents"] if one["worse"]]
    assert (worse, len(groups["contents"])) == (["clip5"], 8)
    assert "--by-content" in ran.report["reproduce"]

    found = groups["contents"][0]
    cache = open_cache(here / "c")
    rows = np.array([cache.content_names[number] == "clip5" for number in cache.contents])  # type: ignore[union-attr]
    for side, weights in (("before", BEFORE), ("after", AFTER)):
        scores = cache.features[rows].astype(float) @ np.array(weights)
        plcc = stats.pearsonr(scores, cache.target[rows].astype(float)).statistic
        assert found[side] == pytest.approx(plcc, abs=1e-6)
    assert found["rows"] == 24
    assert found["interval"][0] < found["after"] - found["before"] < found["interval"][1] < 0
    assert found["p"] <= found["adjusted"] <= 0.05


def test_where_good_turns_bad_the_two_models_there_are_compared_first(here: Path) -> None:
    timeline_at(here / "m", [linear(BEFORE), linear(AFTER), linear((-1,) * 6), linear((-2,) * 6)])
    gates = ("--threshold", "plcc >= 0.8", "--threshold", "srocc >= 0.5")
    ran = bisect(here, *gates, "--by-content")
    assert (ran.code, ran.first_bad) == (1, "m_02")
    pairs = [(groups["before"], groups["after"]) for groups in ran.report["groups"]]
    assert pairs == [("m_01", "m_02"), ("m_00", "m_03")]
    for groups in ran.report["groups"]:
        assert sorted((one["content"], one["metric"]) for one in groups["contents"]) == [
            (f"clip{clip}", metric) for clip in range(8) for metric in ("plcc", "srocc")
        ]
    assert all(one["worse"] for one in ran.report["groups"][1]["contents"])


def test_a_baseline_outside_the_timeline_is_compared_with_the_newest(here: Path) -> None:
    timeline_at(here / "other", [linear(BEFORE)])
    timeline_at(here / "m", [linear(AFTER), linear((*AFTER[:5], -0.21))])
    ran = bisect(here, "--threshold", "plcc >= 0.8", "--by-content", "--baseline", "other/m_00.onnx")
    (groups,) = ran.report["groups"]
    assert (groups["before"], groups["after"], groups["contents"][0]["content"]) == ("m_00", "m_01", "clip5")


def test_of_equal_models_no_content_got_worse(here: Path) -> None:
    timeline_at(here / "m", [linear(BEFORE), linear([2 * weight for weight in BEFORE])])
    (groups,) = bisect(here, "--threshold", "plcc >= 0.8", "--by-content").report["groups"]
    assert [one["content"] for one in groups["contents"] if one["worse"]] == []


def test_contents_of_too_few_rows_are_left_out_and_counted(tmp_path: Path) -> None:
    noisy_cache_at(tmp_path / "c", rows=47, contents=8)
    timeline_at(tmp_path / "m", [weaker(0), weaker(2)])
    (first, *_) = bisect(tmp_path, "--threshold", "plcc >= 0.8", "--by-content").report["groups"]
    assert (first["left_out"], len(first["contents"])) == (1, 7)


@pytest.mark.parametrize(
    ("contents", "options", "why"),
    [
        (None, (), "the cache names no contents"),
        (8, ("--resamples", "0"), "that needs resamples"),
    ],
)
def test_why_nothing_was_compared_is_a_note(
    tmp_path: Path, contents: int | None, options: tuple[str, ...], why: str
) -> None:
    noisy_cache_at(tmp_path / "c", contents=contents)
    timeline_at(tmp_path / "m", [weaker(0), weaker(0.1)])
    ran = bisect(tmp_path, "--threshold", "plcc >= 0.8", "--by-content", *options)
    assert (ran.code, ran.report["groups"]) == (0, [])
    assert f"nothing was compared by content: {why}" in ran.report["notes"]
    assert not any("by content" in note for note in bisect(tmp_path, *options).report["notes"])


def test_one_model_is_compared_with_none(tmp_path: Path) -> None:
    noisy_cache_at(tmp_path / "c")
    timeline_at(tmp_path / "m", [weaker(0)])
    ran = bisect(tmp_path, "--by-content")
    assert "nothing was compared by content: no two models can be judged" in ran.report["notes"]
