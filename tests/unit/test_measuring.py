"""What is measured of predictions: the same metrics as metrics.py, on the target turned as the models predict it."""

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from measured import a_target, measuring_on, of_noise
from numpy.typing import NDArray

from bisect_cache.cache.manifest import Scale, Target
from bisect_cache.judge.choices import Predicts, Resampling
from bisect_cache.judge.measurement import Measurement
from bisect_cache.judge.measuring import CannotMeasure, Measuring
from bisect_cache.judge.metrics import metrics, target_side
from bisect_cache.judge.sampling import Sampling
from bisect_cache.judge.thresholds import METRIC_NAMES

WITHOUT_RMSE = tuple(name for name in METRIC_NAMES if name != "rmse")


def lower_is_better(
    target: NDArray[np.float64], scale: Scale | None = None, predicts: Predicts = "quality", **options: Any
) -> Measuring:
    target_is = Target("dmos", "lower-is-better", scale)
    return Measuring(target, target_is, None, predicts=predicts, resampling=Resampling(200), **options)


@settings(max_examples=30)
@given(st.integers(3, 60), st.integers(0, 99), st.sampled_from([np.float32, np.float64]))
def test_values_are_those_of_the_metrics(rows: int, seed: int, dtype: type) -> None:
    target = a_target(rows, seed).astype(np.float32)
    scores: NDArray[Any] = of_noise(target.astype(np.float64), 0.5, seed).astype(dtype)
    for resamples in (0, 150):
        measured = Measuring(target, Target(), None, resampling=Resampling(resamples)).measure(scores)
        assert measured.metrics == metrics(scores, target_side(target))


# Directions


def test_a_target_that_falls_with_quality_is_turned_over_on_its_scale() -> None:
    dmos = a_target()
    quality = of_noise(6 - dmos, 0.3, 1)
    measuring = lower_is_better(dmos, (1, 5))
    found = measuring.measure(quality)
    assert measuring.turned
    assert measuring.target.tolist() == (6 - dmos).tolist()
    assert measuring.metrics == METRIC_NAMES
    assert found.metrics == metrics(quality, target_side(6 - dmos))
    assert found.metrics["plcc"] > 0.9
    assert found.metrics["rmse"] < 0.5
    for name, (low, high) in found.intervals.items():
        assert low < found.metrics[name] < high


def test_without_a_scale_there_is_nothing_to_turn_raw_rmse_over_on() -> None:
    dmos = a_target()
    quality = of_noise(6 - dmos, 0.3, 1)
    measuring = lower_is_better(dmos)
    found = measuring.measure(quality)
    on_the_scale = lower_is_better(dmos, (1, 5)).measure(quality)
    assert measuring.metrics == tuple(found.metrics) == tuple(found.distributions) == WITHOUT_RMSE
    assert tuple(found.intervals) == WITHOUT_RMSE
    assert found.metrics == pytest.approx({name: on_the_scale.metrics[name] for name in WITHOUT_RMSE})


@pytest.mark.parametrize("scale", [None, (1.0, 5.0)])
def test_models_that_predict_such_a_target_itself_are_held_against_it_as_it_is(scale: Scale | None) -> None:
    dmos = a_target()
    scores = of_noise(dmos, 0.3, 1)
    measuring = lower_is_better(dmos, scale, "target")
    assert not measuring.turned
    assert measuring.measure(scores).metrics == metrics(scores, target_side(dmos))
    assert measuring.measure(scores).metrics["plcc"] > 0.9
    assert measuring.measure(-scores).metrics["plcc"] < -0.9


def test_a_target_that_rises_with_quality_is_never_turned() -> None:
    for predicts in ("quality", "target"):
        measuring = Measuring(a_target(), Target(scale=(1, 5)), None, predicts=predicts)
        assert not measuring.turned
        assert measuring.target.tolist() == a_target().tolist()


def test_a_metric_that_the_target_does_not_allow_is_refused_where_it_is_gated() -> None:
    with pytest.raises(CannotMeasure, match=r"--scale LOW:HIGH, gate rmse_mapped, or, .* say so \(predicts: target\)"):
        lower_is_better(a_target(), gated=["plcc", "rmse"])
    assert lower_is_better(a_target(), gated=WITHOUT_RMSE).metrics == WITHOUT_RMSE
    assert lower_is_better(a_target(), (1, 5), gated=["rmse"]).metrics == METRIC_NAMES
    assert lower_is_better(a_target(), None, "target", gated=["rmse"]).metrics == METRIC_NAMES


def test_the_mapped_rmse_of_a_model_that_falls_is_that_of_the_targets_mean() -> None:
    target = a_target()
    found = measuring_on(target).measure(of_noise(-target, 0.3, 1))
    spread = math.sqrt(np.sum((target - target.mean()) ** 2) / (target.size - 2))
    assert found.metrics["rmse_mapped"] == pytest.approx(spread)
    low, high = found.intervals["rmse_mapped"]
    assert low < spread < high


# Scales


@pytest.mark.parametrize(
    ("least", "most", "told"),
    [(1, 5, False), (-3, 9, False), (-3.01, 5, True), (1, 9.01, True), (0, 100, True), (-1e30, 1e30, True)],
)
def test_predictions_far_off_the_scale_are_told_of_where_rmse_is_gated(least: float, most: float, told: bool) -> None:
    target = a_target(10)
    scores = np.linspace(least, most, 10)
    gated = Measuring(target, Target(scale=(1, 5)), None, gated=["rmse"], resampling=Resampling(0))
    said = f"predicts {least:g} to {most:g} on a scale of 1 to 5: gate rmse_mapped, not rmse"
    assert gated.measure(scores).notes == ((said,) if told else ())
    for others in (["rmse_mapped", "plcc"], []):
        measuring = Measuring(target, Target(scale=(1, 5)), None, gated=others)
        assert measuring.measure(scores).notes == ()
    assert Measuring(target, Target(), None, gated=["rmse"]).measure(scores).notes == ()


# Resamples


def test_an_interval_holds_the_value_and_is_narrower_with_more_rows() -> None:
    widths = []
    for rows in (60, 960):
        target = a_target(rows)
        found = measuring_on(target, resamples=1000).measure(of_noise(target, 0.5, 1))
        assert tuple(found.intervals) == tuple(found.distributions) == METRIC_NAMES
        for name, (low, high) in found.intervals.items():
            assert low < found.metrics[name] < high
            assert found.distributions[name].shape == (1000,)
        widths.append({name: high - low for name, (low, high) in found.intervals.items()})
    for name in METRIC_NAMES:
        assert widths[1][name] == pytest.approx(widths[0][name] / 4, rel=0.5)


def test_how_the_resamples_were_drawn_is_told() -> None:
    assert measuring_on(a_target(240), contents=30, resamples=150).sampling == Sampling(
        150, Resampling().seed, 0.95, "content", 30
    )
    assert measuring_on(a_target(40), resamples=150).sampling == Sampling(150, Resampling().seed, 0.95, "row", 40)
    drawn = Measuring(a_target(40), Target(), np.zeros(40, np.int64), resampling=Resampling(120, 7, 0.9)).sampling
    assert drawn == Sampling(120, 7, 0.9, "row", 40), "one content is none to draw from"


def test_without_resamples_there_are_no_intervals() -> None:
    measuring = measuring_on(a_target(), resamples=0)
    found = measuring.measure(of_noise(a_target(), 0.5, 1))
    assert measuring.sampling is None
    assert (found.intervals, found.distributions) == ({}, {})


def test_a_metric_that_too_many_resamples_leave_undefined_has_no_interval() -> None:
    scores = np.zeros(40)
    scores[7] = 1  # more than a third of all resamples are without that row
    found = measuring_on(a_target(40), resamples=1000).measure(scores)
    assert tuple(found.intervals) == ("rmse",)
    assert tuple(found.metrics) == tuple(found.distributions) == METRIC_NAMES


def test_the_seed_alone_decides_what_is_drawn() -> None:
    target = a_target()
    scores = of_noise(target, 0.5, 1)

    def measured(seed: int) -> Measurement:
        return Measuring(target, Target(), None, resampling=Resampling(150, seed)).measure(scores)

    assert measured(3).intervals == measured(3).intervals
    assert measured(3).intervals != measured(4).intervals


def test_several_threads_measure_what_one_measures() -> None:
    target = a_target(400)
    measuring = measuring_on(target, contents=40)
    models = [of_noise(target, 0.1 * seed, seed) for seed in range(1, 13)]
    alone = [measuring.measure(scores).intervals for scores in models]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda scores: measuring.measure(scores).intervals, models))
    assert together == alone
