"""The minimum detectable drop: by hand, and of stand-ins against fits of scipy."""

from statistics import median

import numpy as np
import pytest
from measured import a_target, measuring_on, of_noise
from scipy import linalg

from bisect_cache.judge.deciding import paired_interval
from bisect_cache.judge.detecting import DETECTED, Detecting, detectable_without_models
from bisect_cache.judge.measurement import Measurement
from bisect_cache.judge.sampling import Sampling

MANY = Sampling(2001, 1, 0.95, "row", 10**6)
"""Of so many rows that an interval is cut off at 2.5% and 97.5%."""
EVEN = np.linspace(-1, 1, 2001)
"""From -1 to 1: 95% of it from -0.95 to 0.95."""


def spread(width: float, metric: str = "plcc", middle: float = 0.0) -> Measurement:
    return Measurement({metric: 0.5}, distributions={metric: middle + width * EVEN})


BASELINE = Measurement({"plcc": 0.5, "srocc": 0.5}, distributions={"plcc": 0 * EVEN, "srocc": 0 * EVEN})


def detecting(**models: bool) -> Detecting:
    """Models by the width of their difference, ``_3``, and whether they are good."""
    made = Detecting(MANY)
    for name, good in models.items():
        made.add(spread(float(name[1:])), BASELINE, good=good)
    return made


def test_it_is_half_of_the_interval_of_the_paired_difference() -> None:
    assert detecting(_1=True).detectable == {"plcc": 0.95}
    paired = Detecting(MANY)
    one = Measurement({"plcc": 0.5}, distributions={"plcc": 7 * EVEN + 0.01 * EVEN[::-1]})
    paired.add(one, Measurement({"plcc": 0.5}, distributions={"plcc": 7 * EVEN}), good=True)
    assert paired.detectable == {"plcc": 0.0095}


def test_it_is_the_median_over_the_models() -> None:
    assert detecting(_1=True, _2=True, _50=True).detectable == {"plcc": 1.9}
    assert detecting(_1=True, _2=True).detectable == {"plcc": 1.425}


def test_good_models_count_before_bad_ones() -> None:
    assert detecting(_8=False, _1=True, _9=False).detectable == {"plcc": 0.95}
    assert detecting(_8=False, _9=False, _10=False).detectable == {"plcc": 8.55}


def test_each_metric_has_its_own_and_one_that_nothing_is_known_of_has_none() -> None:
    made = detecting(_1=False)
    assert made.detectable == {"plcc": 0.95}
    made.add(spread(3, "srocc"), BASELINE, good=True)
    assert made.detectable == {"plcc": 0.95, "srocc": 2.85}
    made.add(Measurement(fault="broken"), BASELINE, good=False)
    assert made.detectable == {"plcc": 0.95, "srocc": 2.85}


def test_without_resamples_nothing_is_known() -> None:
    made = Detecting(None)
    made.add(spread(1), BASELINE, good=True)
    assert (made.detectable, made.reach) == ({}, {})


def test_a_model_that_predicts_as_the_baseline_does_says_nothing() -> None:
    target = a_target()
    measuring = measuring_on(target, contents=30)
    scores = of_noise(target, 0.5, 1).astype(np.float32)
    baseline, other = measuring.measure(scores), measuring.measure(of_noise(target, 0.5, 2))
    alike = [scores, scores * np.float32(1.1), scores * 3 + 1, np.nextafter(scores, np.float32(9))]
    made = Detecting(measuring.sampling)
    for same in alike:
        made.add(measuring.measure(same), baseline, good=True)
    assert made.detectable == {}, "what differs was rounded"
    made.add(other, baseline, good=True)
    ends = paired_interval(other, baseline, "plcc", 1.0, measuring.sampling)
    assert ends is not None
    assert made.detectable["plcc"] == pytest.approx((ends[1] - ends[0]) / 2, rel=1e-3)


def test_the_reach_goes_from_the_lowest_to_the_highest_end_of_good_models() -> None:
    made = Detecting(MANY)
    for middle, width, good in ((0.1, 0.2, True), (-0.3, 0.1, True), (5, 9, False)):
        made.add(spread(width, middle=middle), BASELINE, good=good)
    assert made.reach == {"plcc": pytest.approx((-0.3 - 0.095, 0.1 + 0.19))}


# Stand-ins, where there are no models


def half_of_the_stand_ins(features: np.ndarray, target: np.ndarray, left_out: list[int]) -> dict[str, float]:
    """The slow twin: each fit by scipy, in deviations from the mean."""
    measuring = measuring_on(target, contents=40)

    def fitted(columns: list[int]) -> Measurement:
        centred = features[:, columns] - features[:, columns].mean(axis=0)
        return measuring.measure(centred @ linalg.lstsq(centred, target - target.mean())[0] + target.mean())

    every = list(range(features.shape[1]))
    whole = fitted(every)
    halves: dict[str, list[float]] = {metric: [] for metric in DETECTED}
    for one in left_out:
        rest = fitted([column for column in every if column != one])
        for metric in DETECTED:
            ends = paired_interval(rest, whole, metric, 1.0, measuring.sampling)
            assert ends is not None
            halves[metric].append((ends[1] - ends[0]) / 2)
    return {metric: median(values) for metric, values in halves.items()}


def features_of(target: np.ndarray, count: int, seed: int = 5) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1, (target.size, count))
    return target[:, None] + noise * np.arange(1, count + 1)


@pytest.mark.parametrize(
    ("count", "left_out"),
    [(2, [0, 1]), (6, [0, 1, 2, 3, 4, 5]), (30, [0, 4, 8, 12, 16, 20, 24, 29])],
)
def test_stand_ins_are_the_fit_to_all_features_and_those_without_one(count: int, left_out: list[int]) -> None:
    target = a_target(320)
    features = features_of(target, count)
    found = detectable_without_models(features, measuring_on(target, contents=40))
    assert found == pytest.approx(half_of_the_stand_ins(features, target, left_out), rel=2e-3)


def test_the_scale_of_a_feature_changes_nothing() -> None:
    target = a_target(320)
    features = features_of(target, 4)
    measuring = measuring_on(target, contents=40)
    found = detectable_without_models(features, measuring)
    assert detectable_without_models(features * [1e-20, 1e20, 1, -5], measuring) == pytest.approx(found, rel=2e-3)


@pytest.mark.parametrize("rows", [5, 8, 17, 100, 257])
def test_features_that_tell_nothing_apart_stand_in_for_no_model(rows: int) -> None:
    target = a_target(rows)
    measuring = measuring_on(target)
    assert detectable_without_models(target[:, None], measuring) == {}, "one feature leaves none"
    assert detectable_without_models(np.empty((rows, 0)), measuring) == {}
    constant = np.full((rows, 4), [1.1, 2.3, 0.0, -0.7], np.float32)
    assert detectable_without_models(constant, measuring) == {}
    constant[:, 1] = of_noise(target, 0.3, 1)
    assert detectable_without_models(constant, measuring) == {}, "all fits but a constant one are the same"


@pytest.mark.parametrize("rows", [33, 100, 257])
def test_a_constant_feature_and_one_that_is_there_twice_are_no_models_of_their_own(rows: int) -> None:
    target = a_target(rows)
    measuring = measuring_on(target)
    two = features_of(target, 2).astype(np.float32)
    ends = detectable_without_models(two, measuring)
    assert detectable_without_models(np.column_stack([np.full(rows, 3.3), two]), measuring) == pytest.approx(
        ends, rel=2e-3
    )
    doubled = np.column_stack([two[:, 0], two])
    assert set(detectable_without_models(doubled, measuring)) == {"plcc", "srocc"}
    assert detectable_without_models(doubled, measuring)["plcc"] > 1e-3


def test_features_of_any_kind_fit_a_few_rows_so_these_stand_in_for_no_model() -> None:
    for rows in (3, 5, 6, 7):
        target = a_target(rows)
        assert detectable_without_models(features_of(target, 6), measuring_on(target)) == {}


def test_without_resamples_stand_ins_tell_nothing() -> None:
    target = a_target()
    assert detectable_without_models(features_of(target, 3), measuring_on(target, resamples=0)) == {}
