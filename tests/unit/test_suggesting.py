"""Proposed thresholds: what was taken as good holds them, and they are no looser than they have to be."""

import math
from statistics import NormalDist, median

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from measured import a_target, measuring_on, of_noise

from bisect_cache.judge.deciding import compared
from bisect_cache.judge.detecting import Detecting
from bisect_cache.judge.measurement import Measurement
from bisect_cache.judge.sampling import Sampling
from bisect_cache.judge.suggesting import SUGGESTED, Suggested, doubtful, suggest
from bisect_cache.judge.thresholds import parse_thresholds

SAMPLING = Sampling(500, 1, 0.95, "content", 30)
TARGET = a_target()
MEASURING = measuring_on(TARGET, contents=30, resamples=200)


def found(models: list[Measurement], sampling: Sampling | None = MEASURING.sampling) -> tuple[Detecting, Sampling]:
    """What the models show beside the first of them."""
    assert sampling is not None
    detecting = Detecting(sampling, SUGGESTED)
    for model in models[1:]:
        detecting.add(model, models[0], good=True)
    return detecting, sampling


def gates_of(models: list[Measurement]) -> tuple[Suggested, ...]:
    detecting, sampling = found(models)
    return suggest(models, detecting.detectable, detecting.reach, sampling)


def valued(*values: float, metric: str = "plcc") -> list[Measurement]:
    return [Measurement({metric: value, "srocc": 0.5, "plcc": value}) for value in values]


noises = st.floats(-9, 1).map(lambda power: 10**power)
signs = st.sampled_from([1.0, 1.0, 1.0, -1.0, 1e-4, 1e5])


@settings(max_examples=80)
@example([0.01, 0.02, 0.02, 0.02, 1.2], [1.0] * 5, 0.4)
@given(st.lists(noises, min_size=2, max_size=6), st.lists(signs, min_size=6, max_size=6), noises)
def test_every_model_that_was_taken_as_good_holds_what_is_proposed(
    own: list[float], factors: list[float], common: float
) -> None:
    shared = of_noise(TARGET, common, 0)
    models = [
        MEASURING.measure(factor * of_noise(shared, noise, seed))
        for seed, (noise, factor) in enumerate(zip(own, factors, strict=False))
    ]
    gates = gates_of(models)
    detecting, _ = found(models)
    assert [gate.metric for gate in gates] == [metric for metric in SUGGESTED if metric in detecting.detectable]
    for gate in gates:
        for place, model in enumerate(models):
            reference = None if place == 0 else models[0]
            for threshold in (gate.absolute, gate.relative):
                read = parse_thresholds([str(threshold)])[0]  # as it is pasted
                one = compared(read, model, {"baseline": reference}, "auto", MEASURING.sampling)
                assert one.verdict == "good", f"{threshold}: {one}"


@settings(max_examples=300)
@given(
    st.lists(st.floats(-1, 1), min_size=1, max_size=5),
    st.floats(-6, 3).map(lambda power: 10**power),
    st.sampled_from(SUGGESTED),
)
def test_gates_are_rounded_away_from_what_is_good_and_by_no_more_than_a_tenth_of_chance(
    values: list[float], chance: float, metric: str
) -> None:
    values = [abs(value) for value in values] if metric == "rmse_mapped" else values
    models = [Measurement({metric: value}) for value in values]
    (gate,) = suggest(models, {metric: chance}, {}, SAMPLING)
    falls = -1 if metric == "rmse_mapped" else 1
    worst = min(values, key=lambda value: falls * value)
    room = chance * (1 + NormalDist().inv_cdf(0.9) / NormalDist().inv_cdf(0.975))
    exact = worst - falls * chance, worst - values[0] - falls * room
    assert (gate.worst, gate.best, gate.chance) == (worst, max(values, key=lambda value: falls * value), chance)
    for threshold, wanted in zip((gate.absolute, gate.relative), exact, strict=True):
        too_far = falls * (wanted - threshold.number)
        assert -1e-9 * chance <= too_far <= chance / 10 * (1 + 1e-6)
        written = f"{abs(threshold.number) / 10 ** (math.floor(math.log10(chance)) - 1):.6f}"
        assert written.endswith("000000"), "no digit beyond the last that says something"


def test_gates_are_worked_out_by_hand() -> None:
    chance = {"plcc": 0.0123, "rmse_mapped": 0.051}
    models = [Measurement({"plcc": 0.9137, "rmse_mapped": 0.5}), Measurement({"plcc": 0.9051, "rmse_mapped": 0.4})]
    plcc, rmse = suggest(models, chance, {}, SAMPLING)
    # 0.9051 - 0.0123 = 0.8928. 0.0086 + 0.0123 (1 + 1.2816 / 1.96) = 0.0289
    assert (str(plcc.absolute), str(plcc.relative)) == ("plcc >= 0.892", "plcc >= baseline - 0.029")
    # 0.5 + 0.051 = 0.551, and the baseline is the worst: 0.051 (1 + 1.2816 / 1.96) = 0.0843
    assert (str(rmse.absolute), str(rmse.relative)) == ("rmse_mapped <= 0.551", "rmse_mapped <= baseline + 0.085")
    assert (rmse.worst, rmse.best) == (0.5, 0.4)


def test_a_known_good_model_unlike_the_others_moves_the_relative_gate_as_far_as_its_interval_reaches() -> None:
    chance = {"plcc": 0.01, "rmse_mapped": 0.01}
    models = [Measurement({"plcc": 0.9, "rmse_mapped": 0.5})] * 2
    near = suggest(models, chance, {"plcc": (-0.01, 0.01), "rmse_mapped": (-0.01, 0.01)}, SAMPLING)
    far = suggest(models, chance, {"plcc": (-0.04, 0.9), "rmse_mapped": (-0.9, 0.0401)}, SAMPLING)
    assert [gate.absolute for gate in near] == [gate.absolute for gate in far]
    assert [str(gate.relative) for gate in near] == ["plcc >= baseline - 0.017", "rmse_mapped <= baseline + 0.017"]
    assert [str(gate.relative) for gate in far] == ["plcc >= baseline - 0.04", "rmse_mapped <= baseline + 0.041"]


def test_a_higher_confidence_asks_for_less_room_beyond_its_wider_intervals() -> None:
    models = valued(0.9)
    wide, narrow = (
        suggest(models, {"plcc": 0.1}, {}, Sampling(500, 1, confidence, "row", 30))[0].relative.number
        for confidence in (0.8, 0.99)
    )
    assert (wide, narrow) == (-0.2, -0.15)


def test_metrics_of_which_nothing_is_known_get_no_gate() -> None:
    models = [Measurement(dict.fromkeys(SUGGESTED, 0.5))]
    assert suggest(models, {}, {}, SAMPLING) == ()
    assert [gate.metric for gate in suggest(models, {"srocc": 0.1}, {}, SAMPLING)] == ["srocc"]


@pytest.mark.parametrize("share", [0.3, 0.5])
def test_a_model_as_good_as_the_worst_passes_the_relative_gate_about_as_often_as_is_said(share: float) -> None:
    """Two models of one true quality, on many caches: nine of ten times the later one is called good."""
    good = 0
    for seed in range(60):
        target = a_target(240, seed)
        measuring = measuring_on(target, resamples=200)
        assert measuring.sampling is not None
        common = of_noise(target, 0.5, 3 * seed)
        one, other = (measuring.measure(of_noise(common, share, 3 * seed + model)) for model in (1, 2))
        detecting, _ = found([one, other], measuring.sampling)
        gate = suggest([one], detecting.detectable, {}, measuring.sampling)[0]  # the worst is the baseline: d = 0
        good += compared(gate.relative, other, {"baseline": one}, "auto", measuring.sampling).verdict == "good"
    assert 0.8 <= good / 60 <= 0.98


# Models that may be no good ones


def test_models_far_below_most_of_the_others_are_named() -> None:
    values = valued(0.9, 0.91, 0.2, 0.89, 0.839, 0.841, 0.9)
    assert doubtful(values, {"plcc": 0.01}) == (2, 4)
    assert doubtful(values, {"plcc": 0.2}) == ()
    assert doubtful(values, {}) == ()
    assert doubtful(values, {"rmse_mapped": 1e-9}) == (), "correlations tell"


def test_a_model_is_named_once_by_whichever_correlation() -> None:
    pairs = [(0.9, 0.9), (0.1, 0.9), (0.9, 0.1), (0.1, 0.1), (0.9, 0.9), (0.9, 0.9), (0.9, 0.9)]
    models = [Measurement({"plcc": plcc, "srocc": srocc}) for plcc, srocc in pairs]
    assert doubtful(models, {"plcc": 0.01, "srocc": 0.01}) == (1, 2, 3)
    assert doubtful(models, {"srocc": 0.01}) == (2, 3)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=20), st.floats(1e-6, 1))
def test_never_half_of_the_models_are_doubtful(values: list[float], chance: float) -> None:
    found = doubtful(valued(*values), {"plcc": chance})
    assert 2 * len(found) <= len(values)
    assert all(values[place] < median(values) - 5 * chance for place in found)
    assert not found or int(np.argmin(values)) in found
