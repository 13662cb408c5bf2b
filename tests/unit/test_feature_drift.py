"""Pairs measured again: which, what differs, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisect_cache.cache.extracted import Build, How
from bisect_cache.extraction.pairs import Pair
from bisect_cache.extraction.remeasuring import Moved, chosen, differences, finding

NOW = Build("ffmpeg", "9.0", "a" * 64)
BEFORE = Build("ffmpeg", "7.1", "b" * 64)


def pairs(*keys: str) -> list[Pair]:
    return [Pair(key, {}, Path(), How()) for key in keys]


def test_the_same_seed_chooses_the_same_pairs_in_any_order_of_the_list() -> None:
    keys = [f"clip{number}" for number in range(40)]
    one = chosen(pairs(*keys), 5, seed=1)
    assert len(one) == 5
    assert chosen(pairs(*reversed(keys)), 5, seed=1) == one
    assert chosen(pairs(*keys), 5, seed=2) != one
    assert chosen(pairs("a", "b"), 5, seed=1) == chosen(pairs("b", "a"), 2, seed=1)


@given(st.sets(st.text(min_size=1), min_size=6), st.text(min_size=1))
def test_a_pair_that_is_added_takes_the_place_of_one_at_most(keys: set[str], added: str) -> None:
    before = {pair.key for pair in chosen(pairs(*sorted(keys)), 5, seed=1)}
    after = {pair.key for pair in chosen(pairs(*sorted(keys | {added})), 5, seed=1)}
    assert len(before - after) <= 1


def rows(**values: tuple[float, float]) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float32]]]:
    return {key: np.array(each, np.float32) for key, each in values.items()}


def test_a_difference_in_the_last_bit_is_a_difference() -> None:
    next_up = float(np.nextafter(np.float32(0.5), np.float32(1)))
    assert differences(["adm2", "motion2"], rows(a=(0.5, 1)), rows(a=(0.5, 1))) == []
    (moved,) = differences(["adm2", "motion2"], rows(a=(0.5, 1), b=(0.5, 2)), rows(a=(next_up, 1), b=(0.5, 2)))
    assert moved == Moved("adm2", 1, next_up - 0.5, "a")


def test_a_feature_that_is_gone_differs_by_infinity() -> None:
    (moved,) = differences(["adm2", "motion2"], rows(a=(0.5, 1)), rows(a=(np.nan, 1)))
    assert moved == Moved("adm2", 1, float("inf"), "a")


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (NOW, "with the build that the manifest names (ffmpeg 9.0"),
        (BEFORE, "with ffmpeg 9.0, sha256:aaaaaaaaaaaa…, while the manifest names ffmpeg 7.1, sha256:bbbbbbbbbbbb…"),
        (None, "the manifest names no build"),
    ],
)
def test_equal_features_are_a_notice_that_names_the_builds(before: Build | None, said: str) -> None:
    found = finding(3, 180, [], before, NOW)
    assert (found.kind, found.severity) == ("features", "notice")
    assert said in found.detail
    assert "all features are equal" in found.detail


@pytest.mark.parametrize(
    ("before", "way_out"),
    [(NOW, "restore them"), (BEFORE, "Measure with the build that made the cache"), (None, "Measure with the build")],
)
def test_features_that_moved_are_told_apart_from_a_model_that_got_worse(before: Build | None, way_out: str) -> None:
    found = finding(3, 180, [Moved("adm2", 2, 1e-5, "a"), Moved("motion2", 1, 0.5, "b")], before, NOW)
    assert (found.kind, found.severity) == ("features", "error")
    assert found.detail.startswith("Feature drift, which is no regression of a model")
    assert way_out in found.detail
    assert found.detail.endswith(
        "motion2 in 1 of 3 pairs by up to 0.5 ('b'); adm2 in 2 of 3 pairs by up to 1e-05 ('a')."
    )
