"""Rows made ready for a model and scores read from it, held against slow twins that are obviously right."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisect_cache.timeline.declaration import Output
from bisect_cache.worker.extra_inputs import ExtraFeed
from bisect_cache.worker.feeding import Feed
from bisect_cache.worker.ports import CannotFeed
from bisect_cache.worker.predicting import NoScores, predict
from bisect_cache.worker.preparing import Preparing, rescaled

ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)


def preparing(columns=(0, 1, 2), dtype: str = "<f4", batch=None, extras=(), column=None, **numbers) -> Preparing:
    names = tuple("abc"[place] for place in columns)
    return Preparing(Feed("x", "y", tuple(columns), dtype, batch, tuple(extras), column), names, **numbers)


def one_by_one(rows, columns, mean, std, kind: str) -> list[list[float]]:
    """Each value alone, by Python's own float64 arithmetic, rounded once."""
    return [
        [
            struct.unpack(kind, struct.pack(kind, (float(row[c]) - m) / s))[0]
            for c, m, s in zip(columns, mean, std, strict=True)
        ]
        for row in rows
    ]


features = st.lists(st.tuples(*[st.floats(-1000, 1000, width=32)] * 3), min_size=1, max_size=5)
means = st.tuples(*[st.floats(-1e6, 1e6)] * 2)
stds = st.tuples(*[st.floats(1e-6, 1e6)] * 2)


@given(features, st.permutations([0, 1, 2]), means, stds, st.sampled_from([("<f4", "<f"), ("<f8", "<d")]))
def test_normalisation_is_float64_rounded_once(values, order, mean, std, kind) -> None:
    rows, columns = np.array(values, np.float32), order[:2]
    made = preparing(columns, kind[0], mean=mean, std=std).inputs(rows)[:]["x"]
    assert made.dtype == np.dtype(kind[0])
    assert made.tolist() == one_by_one(rows, columns, mean, std, kind[1])


def test_features_that_are_not_normalised_keep_their_bits() -> None:
    assert preparing().inputs(ROWS)[:]["x"].tobytes() == ROWS.tobytes()
    assert preparing((2, 0), "<f8").inputs(ROWS)[:]["x"].tolist() == [[2, 0], [5, 3], [8, 6], [11, 9]]


def test_a_std_that_makes_features_too_large_is_said() -> None:
    tiny = preparing(mean=(0.0, 0.0, 0.0), std=(1.0, 1e-300, 1.0))
    with pytest.raises(CannotFeed, match="normalised, b is too large for its input: is the std right"):
        tiny.inputs(ROWS)


def test_other_inputs_come_with_every_row_or_once() -> None:
    extras = [
        ExtraFeed("hot", "<f4", constant=(0.0, 1.0)),
        ExtraFeed("code", "<i8", constant=(3.0,), flat=True),
        ExtraFeed("whole", "<f8", constant=(1.0, 2.0, 3.0), once=True),
        ExtraFeed("of cache", "<f8", columns=(2, 0)),
        ExtraFeed("one of cache", "<i4", columns=(1,), flat=True),
    ]
    made = preparing(extras=extras).inputs(ROWS)
    assert {name: (array.tolist(), array.dtype.str) for name, array in made[1:3].items() if name != "x"} == {
        "hot": ([[0, 1], [0, 1]], "<f4"),
        "code": ([3, 3], "<i8"),
        "whole": ([1, 2, 3], "<f8"),
        "of cache": ([[5, 3], [8, 6]], "<f8"),
        "one of cache": ([4, 7], "<i4"),
    }
    assert all(array.flags.c_contiguous for array in made[:].values())


@pytest.mark.parametrize(
    ("dtype", "value", "fits"),
    [
        ("<i1", 127, True), ("<i1", 128, False), ("<i1", -128, True), ("<i1", -129, False),
        ("<u1", 255, True), ("<u1", -1, False), ("<i8", 0.5, False), ("<i8", 2.0**63, False), ("<i8", -(2.0**63), True),
    ],
)  # fmt: skip
def test_columns_for_whole_numbers_must_hold_them(dtype: str, value: float, fits: bool) -> None:
    rows = np.array([[value, 0, 0]], np.float32)
    made = preparing(extras=[ExtraFeed("code", dtype, columns=(0,))])
    if fits:
        assert made.inputs(rows)[:]["code"].tolist() == [[value]]
        return
    with pytest.raises(CannotFeed, match=r"its input 'code' takes whole numbers \(u?int\d+\); its columns hold"):
        made.inputs(rows)


def test_one_of_several_scores_is_read() -> None:
    given_ = np.arange(8, dtype=np.float32).reshape(4, 2)
    assert preparing(column=1).score(given_).tolist() == [1, 3, 5, 7]
    assert preparing().score(given_) is given_
    for odd in (given_[:, :1], given_[:, 0]):
        with pytest.raises(NoScores, match="column 1, counted from 0, is declared to be the score"):
            preparing(column=1).score(odd)


@given(st.integers(1, 40), st.none() | st.integers(1, 7), st.integers(1, 3))
def test_batches_and_threads_change_nothing_that_is_fed(rows: int, batch, threads: int) -> None:
    matrix = np.random.default_rng(rows).uniform(size=(rows, 3)).astype(np.float32)
    extras = [ExtraFeed("hot", "<f4", constant=(0.0, 2.0)), ExtraFeed("more", "<f8", columns=(2, 0))]
    made = preparing((1, 2), "<f8", batch, extras, mean=(0.5, 0.25), std=(0.1, 3.0))

    def run(fed):
        assert batch is None or all(len(array) == batch for array in fed.values())
        return fed["x"][:, 0] + 10 * fed["x"][:, 1] + fed["hot"][:, 1] + fed["more"][:, 0] * fed["more"][:, 1]

    scores, _ = predict(run, matrix, batch, threads, made.inputs)
    assert scores.tolist() == [
        (float(b) - 0.5) / 0.1 + 10 * ((float(c) - 0.25) / 3.0) + 2.0 + float(c) * float(a) for a, b, c in matrix
    ]


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1), st.floats(0.01, 100), st.floats(-100, 100))
def test_scores_are_rescaled_in_float64(values, times: float, plus: float) -> None:
    scores = np.array(values, np.float32)
    expected = [float(value) * times + plus for value in scores]
    assert rescaled(scores, Output(times=times, plus=plus)).tolist() == expected
    assert rescaled(scores, Output()) is scores
    assert rescaled(scores, None) is scores


@given(
    st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)).filter(lambda scale: abs(scale[0] - scale[1]) > 1e-3),
    st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)).filter(lambda scale: abs(scale[0] - scale[1]) > 1e-3),
    st.floats(0, 1),
)
def test_the_ends_of_a_scale_become_exactly_the_ends_of_the_other(own, other, share: float) -> None:
    output = Output(low_high=own, to=other)
    between = own[0] + share * (own[1] - own[0])
    low, high, middle = rescaled(np.array([*own, between]), output).tolist()
    assert (low, high) == other
    expected = (between - own[0]) * (other[1] - other[0]) / (own[1] - own[0]) + other[0]
    assert middle == pytest.approx(expected, rel=1e-9, abs=1e-6)
