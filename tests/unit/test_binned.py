"""SROCC of resamples from ranks in 256 steps, against the exact ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bisect_cache.judge.bootstrap.binned import BinnedRanks
from bisect_cache.judge.bootstrap.resampling import Draws, Resampler, draw, draw_large
from bisect_cache.judge.ranks import TargetRanks


def of_contents(rows: int, contents: int, seed: int, decimals: int | None = None):
    rng = np.random.default_rng(seed)
    content = rng.integers(0, contents, rows)
    target = rng.normal(size=rows) + rng.normal(size=contents)[content]
    scores = target + rng.normal(size=rows) + rng.normal(size=contents)[content] / 2
    if decimals is not None:
        target, scores = target.round(decimals), scores.round(decimals)
    return target.astype(np.float32), scores.astype(np.float32), content


def binned(target: np.ndarray, scores: np.ndarray, draws: Draws) -> np.ndarray:
    ranks, steps = TargetRanks(target), np.empty(target.size, np.uint8)
    value = ranks.srocc(scores, steps)
    return BinnedRanks(ranks.steps, draws.unit_of_row.astype(np.uint8), draws.weights).srocc(steps, value)


@pytest.mark.parametrize("decimals", [None, 0])
@pytest.mark.parametrize("contents", [2, 17, 64])
def test_the_distribution_is_the_exact_one_but_for_a_thousandth_of_its_width(contents, decimals) -> None:
    target, scores, content = of_contents(20_000, contents, contents, decimals)
    draws = draw(target.size, content, 300, 1)
    exact = Resampler(target, draws).distributions(scores)["srocc"]
    found = binned(target, scores, draws)
    width, of_steps = (np.subtract(*np.percentile(each, (97.5, 2.5))) for each in (exact, found))
    assert np.abs(found - exact).max() < 3e-3 * width
    assert of_steps == pytest.approx(width, rel=5e-3)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 8), st.integers(20, 200))
def test_where_every_rank_has_a_step_of_its_own_nothing_is_lost(seed: int, contents: int, rows: int) -> None:
    target, scores, content = of_contents(rows, contents, seed)
    draws = draw(rows, content, 100, seed)
    exact = Resampler(target, draws).distributions(scores)["srocc"]
    np.testing.assert_allclose(binned(target, scores, draws), exact, rtol=0, atol=1e-12)


def test_rows_may_come_in_any_pieces() -> None:
    draws = draw_large(0, 100, 7)
    whole = draws.units_of(0, 5000, None)
    pieces = np.concatenate([draws.units_of(first, rows, None) for first, rows in ((0, 1), (1, 2999), (3000, 2000))])
    assert (draws.by, draws.units, draws.grouped) == ("row", 64, True)
    assert pieces.tolist() == whole.tolist()
    assert np.bincount(whole, minlength=64).min() > 0


def test_few_contents_are_drawn_themselves_and_many_in_groups() -> None:
    few, many = draw_large(17, 100, 7), draw_large(1000, 100, 7)
    assert (few.by, few.units, few.grouped) == ("content", 17, False)
    assert few.units_of(0, 3, np.array([16, 0, 5], np.int32)).tolist() == [16, 0, 5]
    assert (many.by, many.units, many.grouped) == ("content", 64, True)
    assert np.bincount(many.units_of(0, 1000, np.arange(1000))).tolist() == [16] * 40 + [15] * 24
    assert np.all(few.weights.sum(axis=1) == 17)
