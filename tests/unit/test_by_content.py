"""Two models content by content, with scipy as the oracle of the adjusted p-values."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from measured import a_target, of_noise
from scipy import stats

from bisect_cache.judge.bootstrap.intervals import interval, p_worse
from bisect_cache.judge.bootstrap.resampling import Resampler, draw
from bisect_cache.judge.by_content import FEWEST_ROWS, ContentCompared, benjamini_hochberg, by_content
from bisect_cache.judge.metrics import metrics, target_side
from bisect_cache.judge.sampling import Sampling
from bisect_cache.judge.thresholds import METRIC_NAMES

PLCC = ("plcc",)


class Table(NamedTuple):
    """Scores of two models as good as each other, a target, and the number of a content for each row."""

    before: np.ndarray
    after: np.ndarray
    target: np.ndarray
    contents: np.ndarray


def table(contents: int = 8, rows: int = 40, seed: int = 0, noise: float = 0.5) -> Table:
    """Rows of all contents by turns."""
    target = a_target(contents * rows, seed)
    before, after = (of_noise(target, noise, 1000 * seed + model) for model in (1, 2))
    return Table(before, after, target, np.arange(target.size) % contents)


def compare(
    data: Table, wanted: tuple[str, ...] = PLCC, resamples: int = 400, confidence: float = 0.95
) -> tuple[tuple[ContentCompared, ...], int]:
    names = [f"clip{number}" for number in range(int(data.contents.max()) + 1)]
    return by_content(*data, names, wanted, Sampling(resamples, 5, confidence, "content", len(names)))


def worse(compared: tuple[ContentCompared, ...]) -> set[str]:
    return {one.content for one in compared if one.worse}


def spoilt(data: Table, *contents: int) -> Table:
    """The later model predicts noise on these."""
    here = np.isin(data.contents, contents)
    return data._replace(after=np.where(here, of_noise(data.target, 9, 77), data.after))


# Adjusted p-values


@given(st.lists(st.floats(0, 1), max_size=60))
def test_adjusted_p_values_are_those_of_scipy(p_values: list[float]) -> None:
    assert benjamini_hochberg(p_values) == pytest.approx(stats.false_discovery_control(p_values).tolist())


def test_adjusted_p_values_are_worked_out_by_hand() -> None:
    # 0.01 * 4 / 1 = 0.04; 0.02 * 4 / 2 = 0.04; 0.03 * 4 / 3 = 0.04; 0.5 * 4 / 4 = 0.5
    assert benjamini_hochberg([0.5, 0.02, 0.01, 0.03]) == pytest.approx([0.5, 0.04, 0.04, 0.04])
    assert benjamini_hochberg([]) == []


# What is found


def test_a_content_that_got_worse_is_found_where_the_whole_got_better() -> None:
    data = table(noise=1.5)
    here = data.contents == 3
    data = data._replace(after=np.where(here, 6 - data.target, of_noise(data.target, 0.01, 9)))
    side = target_side(data.target)
    assert metrics(data.after, side)["plcc"] > metrics(data.before, side)["plcc"]
    compared, left_out = compare(data)
    assert worse(compared) == {"clip3"}
    assert (compared[0].content, len(compared), left_out) == ("clip3", 8, 0)
    assert compared[0].after < 0 < compared[0].before


def test_values_are_those_of_the_metrics_on_the_rows_of_the_content() -> None:
    data = table()
    for one in compare(data, METRIC_NAMES)[0]:
        here = data.contents == int(one.content.removeprefix("clip"))
        side = target_side(data.target[here])
        assert one.rows == here.sum()
        assert one.before == metrics(data.before[here], side)[one.metric]
        assert one.after == metrics(data.after[here], side)[one.metric]


@pytest.mark.parametrize("rows", [40, 512, 513, 1000])
def test_rows_are_drawn_one_by_one_and_many_by_stretches_of_neighbours(rows: int) -> None:
    data = table(1, rows)
    stretches = np.minimum(np.arange(rows) * 32 // rows, 31) if rows > 512 else None
    draws = draw(rows, stretches, 400, 5)
    resampler = Resampler(data.target, draws)
    for metric in METRIC_NAMES:
        (one,), _ = compare(data, (metric,))
        over = [resampler.distributions(scores)[metric] for scores in (data.before, data.after)]
        differences = over[1] - over[0]
        assert one.interval == interval(differences, 32 if rows > 512 else rows, 0.95)
        assert one.p == p_worse(-differences if metric.startswith("rmse") else differences, draws.units)


@pytest.mark.parametrize("metric", METRIC_NAMES)
def test_a_loss_is_a_loss_by_every_metric_and_a_gain_is_none(metric: str) -> None:
    data = spoilt(table(seed=1), 2, 5)
    lost, _ = compare(data, (metric,))
    assert worse(lost) == {"clip2", "clip5"}
    assert [one.p for one in lost] == sorted(one.p for one in lost)
    gained, _ = compare(data._replace(before=data.after, after=data.before), (metric,))
    assert worse(gained) == set()
    assert {one.content for one in gained[-2:]} == {"clip2", "clip5"}


def test_those_that_got_worse_come_first_and_then_by_p() -> None:
    compared, _ = compare(spoilt(table(), 6, 1), METRIC_NAMES)
    assert [one.worse for one in compared] == sorted((one.worse for one in compared), reverse=True)
    for called in (True, False):
        p_values = [one.p for one in compared if one.worse == called]
        assert p_values == sorted(p_values)
    assert all(one.worse == (one.adjusted <= 1 - 0.95) for one in compared)
    adjusted = stats.false_discovery_control([one.p for one in compared])
    assert [one.adjusted for one in compared] == pytest.approx(adjusted.tolist())


def test_the_confidence_decides_how_small_a_p_value_must_be() -> None:
    data = table(1)
    p_value = compare(data)[0][0].p
    assert 0 < p_value < 1
    below, above = 1 - (p_value - 1e-6), 1 - (p_value + 1e-6)
    assert worse(compare(data, confidence=below)[0]) == set()
    assert worse(compare(data, confidence=above)[0]) == {"clip0"}


def test_the_order_of_rows_changes_no_value_and_the_order_of_contents_nothing() -> None:
    data = spoilt(table(), 4)
    grouped = np.argsort(data.contents, kind="stable")
    assert compare(Table(*(column[grouped] for column in data))) == compare(data)


# What nothing can be measured on


def test_contents_of_too_few_rows_and_constant_ones_are_counted() -> None:
    data = table(8, FEWEST_ROWS)
    assert compare(data)[1] == 0
    short = Table(*(column[:-1] for column in data))  # clip7 is one row short
    for left_out, changed in enumerate(
        (
            short,
            short._replace(before=np.where(short.contents == 0, 0.5, short.before)),
            short._replace(after=np.where(short.contents <= 1, -2.0, short.after)),
            short._replace(target=np.where(short.contents <= 2, 3.0, short.target)),
        ),
        start=1,
    ):
        compared, count = compare(changed)
        assert count == left_out
        assert {one.content for one in compared} == {f"clip{number}" for number in range(left_out - 1, 7)}


def test_a_content_without_rows_and_a_table_without_contents_are_no_error() -> None:
    data = table(2)
    names = ["clip0", "clip1", "nowhere"]
    sampling = Sampling(400, 5, 0.95, "content", 3)
    compared, left_out = by_content(*data, names, PLCC, sampling)
    assert ({one.content for one in compared}, left_out) == ({"clip0", "clip1"}, 1)
    nothing = Table(*(column[:0] for column in data))
    assert by_content(*nothing, ["a", "b"], PLCC, sampling) == ((), 2)
    assert by_content(*data, names, (), sampling) == ((), 1)


def test_a_content_on_which_hardly_any_resample_is_defined_shows_nothing() -> None:
    data = table(3, 20)
    rare = np.where((data.contents == 1) & (np.arange(60) != 1), 0.5, data.after)
    compared, left_out = compare(data._replace(after=rare))
    of_it = next(one for one in compared if one.content == "clip1")
    assert (of_it.interval, of_it.p, of_it.worse, left_out) == (None, 1.0, False, 0)


# Chance


def test_a_model_compared_with_itself_got_worse_nowhere() -> None:
    data = table()
    for one in compare(data._replace(after=data.before.copy()), METRIC_NAMES)[0]:
        assert (one.interval, one.p, one.adjusted, one.worse) == ((0.0, 0.0), 1.0, 1.0, False)


def test_of_models_equally_good_about_one_in_twenty_pairs_has_any_content_called_worse() -> None:
    called = sum(bool(worse(compare(table(4, 24, seed), resamples=200)[0])) for seed in range(120))
    assert 1 <= called <= 15  # 6 of 120 expected


def test_one_content_among_a_hundred_is_found() -> None:
    """So many p-values ask for one below 0.0005, which few resamples cannot give."""
    compared, _ = compare(spoilt(table(100, 40), 42), resamples=2000)
    assert worse(compared) == {"clip42"}
    assert compared[0].p < 0.0005


def test_of_many_contents_that_did_not_change_hardly_any_pair_has_one_called_worse() -> None:
    """Drawing those with small p-values again, more often, must not make more of them."""
    called = sum(bool(worse(compare(table(40, 24, seed), resamples=200)[0])) for seed in range(6))
    assert called <= 2
