"""SROCC and midranks from integers, against scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bisect_cache.judge import ranks
from bisect_cache.judge.ranks import STEPS, TargetRanks, midranks

values = st.lists(
    st.one_of(st.integers(-3, 3).map(float), st.floats(allow_nan=False, allow_infinity=False, width=32)),
    min_size=3,
    max_size=60,
)


def doubled_and_centred(array: np.ndarray) -> list[float]:
    return (2 * stats.rankdata(array) - array.size - 1).tolist()


@settings(max_examples=300)
@given(values, st.sampled_from([np.float32, np.float64]), st.integers(1, 70))
def test_midranks_are_those_of_scipy_in_any_stretches(drawn: list[float], kind: type, rows: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranks, "_ROWS_AT_A_TIME", rows)
        assert midranks(np.array(drawn, kind)).tolist() == doubled_and_centred(np.array(drawn, kind))


def test_zero_and_minus_zero_are_one_value() -> None:
    assert midranks(np.array([0.0, -0.0, 1.0, -1.0], np.float32)).tolist() == [0, 0, 3, -3]


@given(
    st.integers(0, 20), st.sampled_from([np.float32, np.float64]), st.sampled_from([None, 0, 1]), st.integers(5, 900)
)
def test_srocc_is_that_of_scipy_in_any_stretches(seed: int, kind: type, decimals: int | None, rows: int) -> None:
    rng = np.random.default_rng(seed)
    target, scores = rng.normal(size=700), rng.normal(size=700)
    scores += target * seed / 5
    if decimals is not None:
        target, scores = target.round(decimals), scores.round(decimals)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranks, "_ROWS_AT_A_TIME", rows)
        found = TargetRanks(target.astype(kind)).srocc(scores.astype(kind))
    expected = stats.spearmanr(target.astype(kind), scores.astype(kind)).statistic
    assert found == pytest.approx(expected, abs=1e-14)


def test_products_of_ranks_beyond_63_bits_are_summed_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    """What 20 million rows bring about, here with a smaller limit."""
    rng = np.random.default_rng(3)
    target, scores = rng.normal(size=5000), rng.normal(size=5000)
    whole = TargetRanks(target).srocc(scores)
    monkeypatch.setattr(ranks, "_MOST", 5000**2 * 3)
    assert TargetRanks(target).srocc(scores) == whole


@given(st.integers(0, 5), st.integers(3, 3000))
def test_steps_rise_with_the_values_and_share_all_rows_evenly(seed: int, rows: int) -> None:
    target = np.random.default_rng(seed).permutation(rows).astype(np.float32)
    steps = TargetRanks(target).steps
    assert np.all(np.diff(steps[np.argsort(target)].astype(int)) >= 0)
    counts = np.bincount(steps, minlength=STEPS)
    assert counts.size == STEPS
    assert counts.max() - counts.min() <= 1


def test_the_steps_of_predictions_are_those_that_they_would_have_as_a_target() -> None:
    rng = np.random.default_rng(1)
    target, scores = rng.normal(size=900), rng.normal(size=900).round(1)
    steps = np.empty(900, np.uint8)
    TargetRanks(target).srocc(scores, steps)
    assert steps.tolist() == TargetRanks(scores).steps.tolist()
