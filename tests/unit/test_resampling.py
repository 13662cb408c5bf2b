"""Resampled metrics against a twin that writes every resample out row by row and asks scipy."""

from __future__ import annotations

import math
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bisect_cache.judge.bootstrap import resampling
from bisect_cache.judge.bootstrap.ranks import RankSums, RowRanks, ordering, srocc
from bisect_cache.judge.bootstrap.resampling import Draws, Resampler, draw
from bisect_cache.judge.bootstrap.tensors import UnitRanks
from bisect_cache.judge.thresholds import METRIC_NAMES

PINNED = [[1, 3, 1, 0, 0, 1, 1, 1], [2, 1, 1, 1, 3, 0, 0, 0], [0, 1, 2, 1, 1, 0, 2, 1]]
PINNED_GROUPS = [
    1,
    14,
    9,
    6,
    0,
    7,
    4,
    9,
    15,
    8,
    14,
    0,
    6,
    11,
    0,
    5,
    15,
    5,
    15,
    10,
    12,
    4,
    7,
    9,
    13,
    5,
    7,
    4,
    3,
    3,
    6,
    2,
    10,
    8,
    4,
    8,
    7,
    14,
    11,
    5,
    0,
    10,
    12,
    10,
    0,
    8,
    14,
    2,
    15,
    1,
    3,
    12,
    13,
    6,
    1,
    12,
    11,
    3,
    11,
    9,
    13,
    2,
    1,
    13,
    2,
]
WAYS = {"by rows": RowRanks, "by unit tensors": UnitRanks}


def sample(rows: int, seed: int = 0, *, ties: bool = False, contents: int = 0):
    rng = np.random.default_rng(seed)
    target = rng.uniform(1, 5, rows)
    predictions = 20 * target + rng.normal(0, 15, rows)
    if ties:
        target, predictions = target.round(), predictions.round(-1)
    of_row = rng.integers(0, contents, rows) if contents else None
    return predictions, target, of_row


def written_out(predictions: np.ndarray, target: np.ndarray, draws: Draws, resample: int) -> dict[str, float]:
    """The obviously right way: the rows of a resample one after the other, then scipy and plain NumPy."""
    rows = np.repeat(np.arange(target.size), draws.weights[resample].astype(int)[draws.unit_of_row])
    p, t = predictions[rows].astype(np.float64), target[rows].astype(np.float64)
    # Neither scipy nor a plain square survives 1e300; correlations do not mind a power of two.
    unit = 2.0 ** np.frexp(np.abs(p).max() or 1.0)[1]
    found = dict.fromkeys(METRIC_NAMES, math.nan)
    error = p / unit - t / unit
    largest = np.abs(error).max() or 1.0
    found["rmse"] = float(np.sqrt(np.mean((error / largest) ** 2)) * largest * unit)
    if np.ptp(p / unit) == 0 or np.ptp(t) == 0:
        return found
    found["plcc"] = stats.pearsonr(p / unit, t).statistic
    found["srocc"] = stats.spearmanr(p, t).statistic
    if rows.size > 2:
        p, t = p / unit - np.mean(p / unit), t - t.mean()
        rest = t - max(0.0, (p @ t) / (p @ p)) * p
        found["rmse_mapped"] = float(np.sqrt(rest @ rest / (rows.size - 2)))
    return found


def forced(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """Make a resampler work out ranks in one of its two ways."""
    monkeypatch.setattr(resampling, "_row_seconds", lambda *_: 0.0 if way == "by rows" else 2e-9)
    monkeypatch.setattr(resampling, "_unit_seconds", lambda *_: 1e-9)


def assert_as_written_out(predictions: np.ndarray, target: np.ndarray, draws: Draws) -> None:
    measured = Resampler(target, draws).distributions(predictions)
    assert tuple(measured) == METRIC_NAMES
    for resample in range(draws.resamples):
        for name, expected in written_out(predictions, target, draws, resample).items():
            found = measured[name][resample]
            if name == "rmse_mapped" and expected < 1e-6:  # a line through few points; a root doubles lost digits
                assert found == pytest.approx(expected, abs=1e-7), (name, resample)
            else:
                assert found == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True), (name, resample)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("contents", [0, 2, 7])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("rows", [3, 5, 48, 200])
def test_every_metric_is_that_of_the_resample_written_out(
    rows: int, ties: bool, contents: int, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    forced(monkeypatch, way)
    predictions, target, of_row = sample(rows, rows + contents, ties=ties, contents=contents)
    draws = draw(rows, of_row, 25, 3)
    assert draws.units == len(np.unique(draws.unit_of_row))
    assert isinstance(Resampler(target, draws)._ranks, WAYS[way])
    assert_as_written_out(predictions, target, draws)


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 4), st.integers(0, 3)), min_size=3, max_size=30),
    st.integers(0, 1000),
    st.booleans(),
)
def test_ties_duplicates_and_constant_resamples_are_those_of_the_resample_written_out(
    way: str, rows: list[tuple[int, int, int]], seed: int, by_content: bool
) -> None:
    predictions, target, contents = np.array(rows).T
    draws = draw(len(rows), contents if by_content else None, 8, seed)
    with pytest.MonkeyPatch.context() as patch:
        forced(patch, way)
        assert_as_written_out(predictions.astype(np.float32), target.astype(np.float32), draws)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_any_float_type_is_taken_as_the_numbers_it_holds(
    dtype: type, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    forced(monkeypatch, way)
    predictions, target, contents = sample(90, contents=6)
    assert_as_written_out(predictions.astype(dtype), target.astype(dtype), draw(90, contents, 20, 0))


@pytest.mark.parametrize("factor", [-1.0, 2.0**-1000, 1e-30, 1e30, 1e300])
@pytest.mark.parametrize("contents", [0, 6])
def test_huge_tiny_and_falling_predictions_keep_their_digits(factor: float, contents: int) -> None:
    predictions, target, of_row = sample(90, contents=contents)
    assert_as_written_out(predictions * factor, target, draw(90, of_row, 20, 0))


@pytest.mark.parametrize("outlier", [1e4, -1e9, 1e15])
@pytest.mark.parametrize("contents", [0, 6])
@pytest.mark.parametrize("of_target", [False, True])
def test_an_outlier_takes_no_digits_from_resamples_without_it(outlier: float, contents: int, of_target: bool) -> None:
    """The case that sums about the whole sample's mean lose."""
    predictions, target, of_row = sample(60, 1, contents=contents)
    (target if of_target else predictions)[7] = outlier
    draws = draw(60, of_row, 25, 0)
    without = draws.weights[:, draws.unit_of_row[7]] == 0
    assert without.any()
    few = Draws(draws.by, draws.units, False, 0, draws.weights[without], draws.unit_of_row)
    measured = Resampler(target, draws).distributions(predictions)
    for index in range(few.resamples):
        for name, expected in written_out(predictions, target, few, index).items():
            assert measured[name][without][index] == pytest.approx(expected, rel=1e-9), name


def test_nearly_perfect_predictions_keep_the_digits_of_their_mapped_error() -> None:
    rng = np.random.default_rng(0)
    target = rng.uniform(1, 5, 64)
    predictions = 7 + 3 * target + rng.normal(0, 1e-7, 64)
    draws = draw(64, None, 20, 0)
    measured = Resampler(target, draws).distributions(predictions)["rmse_mapped"]
    expected = [written_out(predictions, target, draws, resample)["rmse_mapped"] for resample in range(20)]
    assert measured == pytest.approx(expected, rel=1e-7)  # of 3e-8: the data itself has no more digits


def test_perfect_and_reversed_predictions_are_exactly_one_and_minus_one() -> None:
    _, target, contents = sample(300, contents=9)
    for draws in (draw(300, None, 200, 0), draw(300, contents, 200, 0)):
        same, reversed_ = (Resampler(target, draws).distributions(each) for each in (target, -target))
        assert set(same["srocc"]) == {1.0}
        assert set(reversed_["srocc"]) == {-1.0}
        assert set(same["rmse"]) == {0.0}
        assert set(same["plcc"]) == {1.0}
        assert same["rmse_mapped"].max() < 1e-15


def test_a_straight_line_correlates_by_no_more_than_one() -> None:
    """Rounded alone, some of these come out as 1.0000000000000002."""
    for seed in range(20):
        _, target, _ = sample(9, seed)
        measured = Resampler(target, draw(9, None, 100, seed)).distributions(-0.3 * target + 1)
        for name in ("plcc", "srocc"):
            assert np.nanmin(measured[name]) >= -1
            assert measured[name] == pytest.approx(np.where(np.isnan(measured[name]), np.nan, -1), nan_ok=True)


def test_two_rows_leave_no_mapped_error() -> None:
    for predictions in ([3.0, 5.0], [5.0, 3.0]):
        measured = Resampler(np.array([1.0, 2.0]), draw(2, None, 50, 0)).distributions(np.array(predictions))
        assert np.isnan(measured["rmse_mapped"]).all()
        assert not np.isnan(measured["plcc"]).all()


@pytest.mark.parametrize(("rows", "contents", "by"), [(900, 0, "row"), (900, 120, "content")])
def test_too_many_units_are_dealt_evenly_into_groups_that_stay_together(
    rows: int, contents: int, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resampling, "MOST_SECONDS", 0.0)
    predictions, target, of_row = sample(rows, contents=contents)
    draws = draw(rows, of_row, 10, 5)
    whole = np.arange(rows) if of_row is None else of_row
    groups = [np.unique(draws.unit_of_row[whole == unit]) for unit in np.unique(whole)]
    assert all(group.size == 1 for group in groups)
    sizes = np.bincount(np.concatenate(groups))
    assert (draws.by, draws.grouped, draws.units) == (by, True, sizes.size)
    assert sizes.max() - sizes.min() <= 1
    assert draws.units == resampling.FEWER_GROUPS[-1]
    assert_as_written_out(predictions, target, draws)
    assert not np.array_equal(draws.unit_of_row, draw(rows, of_row, 10, 6).unit_of_row)


def test_a_seed_deals_the_same_groups_on_every_version_of_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resampling, "MOST_SECONDS", 0.0)
    assert draw(65, None, 1, 2024).unit_of_row.tolist() == PINNED_GROUPS


def test_few_contents_are_never_dealt_into_groups_however_dear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resampling, "MOST_SECONDS", 0.0)
    draws = draw(640, np.arange(640) % 64, 5, 0)
    assert (draws.units, draws.grouped) == (64, False)


def test_what_is_drawn_is_whole_contents_where_there_are_two_and_rows_where_there_are_not() -> None:
    assert (draw(9, None, 5, 0).by, draw(9, None, 5, 0).units) == ("row", 9)
    assert (draw(9, np.full(9, 4), 5, 0).by, draw(9, np.full(9, 4), 5, 0).units) == ("row", 9)
    labels = np.array([-5, 70, -5, 70, 70, 3])
    draws = draw(6, labels, 5, 0)
    assert (draws.by, draws.units, draws.grouped, draws.resamples) == ("content", 3, False, 5)
    assert draws.unit_of_row.tolist() == [0, 2, 0, 2, 2, 1]


@pytest.mark.parametrize(
    ("rows", "contents", "resamples", "grouped"),
    [
        (256, 0, 2000, False),
        (16_000, 0, 2000, False),
        (17_000, 0, 2000, True),
        (382_380, 17, 2000, False),
        (382_380, 64, 2000, False),
        (382_380, 0, 2000, True),
        (100_000, 1000, 2000, True),
        (30_000, 300, 2000, True),
        (20_000, 100, 2000, False),
    ],
)
def test_units_are_grouped_only_where_a_model_would_be_too_dear(
    rows: int, contents: int, resamples: int, grouped: bool
) -> None:
    of_row = np.arange(rows) % contents if contents else None
    draws = draw(rows, of_row, resamples, 0)
    assert draws.grouped == grouped
    assert draws.weights.nbytes <= resampling.MOST_WEIGHTS


@pytest.mark.parametrize("units", [3, 17, 256, 3000])
def test_a_resample_has_as_many_units_as_there_are(units: int) -> None:
    weights = draw(units, None, 700, 1).weights
    assert weights.dtype == np.uint8
    assert set(weights.sum(axis=1, dtype=int)) == {units}


def test_a_seed_draws_the_same_resamples_on_every_version_of_numpy() -> None:
    assert draw(8, None, 3, 2024).weights.tolist() == PINNED
    assert draw(8, None, 3, 2025).weights.tolist() != PINNED


def test_how_many_are_drawn_at_a_time_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = draw(50, None, 40, 9)
    monkeypatch.setattr(resampling, "_DRAWN_AT_A_TIME", 110)
    assert np.array_equal(draw(50, None, 40, 9).weights, whole.weights)


def test_every_unit_is_drawn_equally_often() -> None:
    often = draw(40, None, 20_000, 0).weights.sum(axis=0, dtype=int)
    assert stats.chisquare(often).pvalue > 1e-3


@pytest.mark.parametrize("contents", [0, 12])
def test_a_model_differs_from_itself_by_nothing(contents: int) -> None:
    predictions, target, of_row = sample(200, contents=contents)
    resampler = Resampler(target, draw(200, of_row, 300, 0))
    first, second = resampler.distributions(predictions), resampler.distributions(predictions.copy())
    assert all(np.array_equal(first[name], second[name]) for name in METRIC_NAMES)


@pytest.mark.parametrize("way", WAYS)
def test_the_order_of_rows_changes_no_bit_of_ranks_and_nothing_else_much(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    forced(monkeypatch, way)
    predictions, target, of_row = sample(200, contents=12, ties=True)
    order = np.random.default_rng(1).permutation(200)
    here = Resampler(target, draw(200, of_row, 200, 0)).distributions(predictions)
    there = Resampler(target[order], draw(200, of_row[order], 200, 0)).distributions(predictions[order])
    assert np.array_equal(here["srocc"], there["srocc"])
    for name in METRIC_NAMES:
        assert here[name] == pytest.approx(there[name], rel=1e-12)


def test_both_ways_to_ranks_give_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    predictions, target, of_row = sample(2500, contents=15)
    predictions = predictions.round(1)  # some ties; and too many rows for 32 bits
    draws = draw(2500, of_row, 100, 0)
    found = []
    for way in WAYS:
        forced(monkeypatch, way)
        found.append(Resampler(target, draws).distributions(predictions)["srocc"])
    assert np.array_equal(*found)


@pytest.mark.parametrize("way", WAYS)
def test_blocks_of_rows_and_of_resamples_change_no_bit(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from bisect_cache.judge.bootstrap import moments, ranks, tensors

    forced(monkeypatch, way)
    predictions, target, of_row = sample(2100, ties=True, contents=9)
    predictions[:900] = predictions[0]  # a group of ties that spans pieces
    draws = draw(2100, of_row if way == "by unit tensors" else None, 130, 0)
    whole = Resampler(target, draws).distributions(predictions)
    monkeypatch.setattr(tensors, "_ROWS_AT_A_TIME", 64)
    monkeypatch.setattr(tensors, "ONE_THREAD", 1000)
    monkeypatch.setattr(moments, "ONE_THREAD", 1000)
    monkeypatch.setattr(moments, "_UNITS_AT_A_TIME", 100)
    monkeypatch.setattr(moments, "_HELD_BYTES", 0)
    monkeypatch.setattr(moments, "_VALUES_AT_A_TIME", 2500)
    monkeypatch.setattr(ranks, "_BLOCK_BYTES", 0)
    monkeypatch.setattr(ranks, "_HELD_BYTES", 0)
    pieces = Resampler(target, draws).distributions(predictions)
    assert all(np.array_equal(whole[name], pieces[name]) for name in METRIC_NAMES)


def test_ranks_of_many_rows_keep_their_digits_and_know_a_constant() -> None:
    """N^3 of a resample is beyond 2^53 here: its cubic form is put on a grid."""
    rows = 150_000
    predictions, target, of_row = sample(rows, contents=3)
    predictions[of_row > 0] = 1.5
    draws = draw(rows, of_row, 40, 0)
    measured = Resampler(target, draws).distributions(predictions)["srocc"]
    assert np.array_equal(np.isnan(measured), draws.weights[:, 0] == 0)
    assert np.isnan(measured).any()
    for resample in range(8):
        expected = written_out(predictions, target, draws, resample)["srocc"]
        assert measured[resample] == pytest.approx(expected, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize(("rows", "contents"), [(60, 0), (3000, 20), (150_000, 9)])
def test_the_order_of_units_in_which_sums_are_added_changes_no_bit(rows: int, contents: int) -> None:
    """Then no BLAS can either: another one adds in another order."""
    predictions, target, of_row = sample(rows, contents=contents)
    draws = draw(rows, of_row, 100, 0)
    order = np.random.default_rng(0).permutation(draws.units)
    weights, unit_of_row = draws.weights[:, order], np.argsort(order)[draws.unit_of_row]
    other = Draws(draws.by, draws.units, False, 0, weights, unit_of_row)
    here, there = (Resampler(target, each).distributions(predictions) for each in (draws, other))
    assert all(np.array_equal(here[name], there[name]) for name in METRIC_NAMES)


def test_a_cubic_form_beyond_float64_adds_up_the_same_in_any_order() -> None:
    _, target, of_row = sample(40, contents=6)
    draws, rng = draw(40, of_row, 50, 0), np.random.default_rng(0)
    order, tensor = rng.permutation(6), rng.integers(-(2**60), 2**60, (6, 6, 6)).astype(float)
    forms = [
        UnitRanks(ordering(target), draws.unit_of_row, draws.weights[:, each])._form(tensor[np.ix_(each, each, each)])
        for each in (np.arange(6), order)
    ]
    weights = draws.weights.astype(float)
    assert np.array_equal(*forms)
    assert forms[0] == pytest.approx(np.einsum("cab,rc,ra,rb->r", tensor, *[weights] * 3), rel=1e-9, abs=2.0**30)


def test_a_rounded_cube_makes_no_correlation_of_a_constant() -> None:
    rows = np.array([300_001.0])
    rounded = rows**3 - 8
    constant = RankSums(np.array([1.0]), rounded)
    assert np.isnan(srocc(constant, np.array([0.0]), rows))
    assert np.isnan(srocc(RankSums(np.array([1.0]), np.array([0.0])), rounded, rows))


@pytest.mark.parametrize("way", WAYS)
def test_threads_may_share_a_resampler(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    forced(monkeypatch, way)
    _, target, of_row = sample(300, contents=10)
    models = [sample(300, seed, ties=bool(seed % 2))[0] for seed in range(12)]
    resampler = Resampler(target, draw(300, of_row, 400, 0))
    alone = [resampler.distributions(model) for model in models]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(resampler.distributions, models))
    assert all(np.array_equal(a[name], b[name]) for a, b in zip(alone, together, strict=True) for name in METRIC_NAMES)


def test_constant_predictions_leave_correlations_undefined_and_rmse_defined() -> None:
    _, target, of_row = sample(80, contents=8)
    for contents in (None, of_row):
        measured = Resampler(target, draw(80, contents, 150, 0)).distributions(np.full(80, 0.1, np.float32))
        for name in ("plcc", "srocc", "rmse_mapped"):
            assert np.isnan(measured[name]).all()
        assert np.isfinite(measured["rmse"]).all()


def test_contents_of_the_same_constant_value_are_constant_together() -> None:
    """0.1 added seven times and divided by seven is not 0.1: only ranks can tell."""
    target = np.arange(60.0)
    contents = np.repeat([0, 1, 2], [7, 11, 42])
    predictions = np.where(contents < 2, 0.1, np.arange(60.0))
    draws = draw(60, contents, 100, 0)
    undefined = draws.weights[:, 2] == 0
    assert undefined.any()
    measured = Resampler(target, draws).distributions(predictions)
    for name in ("plcc", "srocc", "rmse_mapped"):
        assert np.array_equal(np.isnan(measured[name]), undefined)


def peak_bytes(call: Any) -> int:
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_hundred_thousand_rows_by_content_take_little_memory() -> None:
    predictions, target, of_row = sample(100_000, contents=17)
    draws = draw(100_000, of_row, 2000, 0)
    assert peak_bytes(lambda: Resampler(target, draws)) < 20 << 20
    resampler = Resampler(target, draws)
    assert peak_bytes(lambda: resampler.distributions(predictions)) < 20 << 20
