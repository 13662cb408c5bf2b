"""Rows through a model in stretches, held against feeding it all at once."""

import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bisect_cache.worker import predicting
from bisect_cache.worker.predicting import ROWS_AT_A_TIME, NoScores, predict

WEIGHTS = np.array([1.0, 2.0, -1.0], np.float32)


def features(rows: int) -> np.ndarray:
    return np.random.default_rng(rows).uniform(size=(rows, 3)).astype(np.float32)


class Model:
    """Scores rows, and remembers how many it was fed at a time."""

    def __init__(self, batch: int | None = None, *, column: bool = False, mixing: bool = False) -> None:
        self.batch, self.column, self.mixing = batch, column, mixing
        self.fed: list[int] = []
        self.lock = threading.Lock()

    def __call__(self, matrix: np.ndarray) -> np.ndarray:
        with self.lock:
            self.fed.append(len(matrix))
        assert self.batch is None or len(matrix) == self.batch
        scores = (matrix * WEIGHTS).sum(axis=1)  # a row's score must not depend on how a library blocks a product
        if self.mixing:
            scores = scores - scores.mean()
        return scores.reshape(-1, 1) if self.column else scores


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 300),
    st.one_of(st.none(), st.integers(1, 70)),
    st.integers(1, 4),
    st.integers(1, 64),
    st.booleans(),
)
def test_stretches_batches_and_threads_change_no_score(rows, batch, threads, stretch, column) -> None:
    matrix = features(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predicting, "ROWS_AT_A_TIME", stretch)
        scores, note = predict(Model(batch, column=column), matrix, batch, threads)
    assert scores.tolist() == Model()(matrix).tolist()
    assert (note is not None) == (batch is not None and batch != rows)


def test_many_rows_are_fed_in_stretches_of_bounded_size() -> None:
    model = Model()
    predict(model, features(3 * ROWS_AT_A_TIME + 5), None, 2)
    assert max(model.fed) == ROWS_AT_A_TIME


def test_a_model_that_mixes_rows_gets_them_all_at_once_and_it_is_said() -> None:
    matrix = features(2 * ROWS_AT_A_TIME)
    model = Model(mixing=True)
    scores, note = predict(model, matrix, None, 2)
    assert scores.tolist() == Model(mixing=True)(matrix).tolist()
    assert note == "its scores depend on the other rows of a batch: fed all rows at once"


def test_few_rows_are_fed_once() -> None:
    model = Model()
    predict(model, features(ROWS_AT_A_TIME), None, 2)
    assert model.fed == [ROWS_AT_A_TIME]


@pytest.mark.parametrize(
    ("gives", "words"),
    [
        (lambda rows: np.zeros((len(rows), 2), np.float32), r"scores of shape \[5, 2\] for 5 rows"),
        (lambda rows: np.zeros((1, len(rows)), np.float32), r"scores of shape \[1, 5\]"),
        (lambda rows: np.zeros(len(rows) - 1, np.float32), r"scores of shape \[4\]"),
        (lambda rows: np.zeros(len(rows), np.int64), "gives int64 where"),
        (lambda _rows: ["a"], "gives list where"),
    ],
)
def test_what_is_not_one_score_a_row_is_refused(gives, words: str) -> None:
    with pytest.raises(NoScores, match=words):
        predict(gives, features(5), None, 1)


def test_half_precision_becomes_single_and_double_stays() -> None:
    assert predict(lambda rows: np.zeros(len(rows), np.float16), features(5), None, 1)[0].dtype == np.float32
    assert predict(lambda rows: np.zeros(len(rows), np.float64), features(5), None, 1)[0].dtype == np.float64


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_mixing_rows_is_seen_whatever_the_scale_of_the_scores(scale: float) -> None:
    mixing = Model(mixing=True)
    _, note = predict(lambda rows: mixing(rows) * np.float32(scale), features(2 * ROWS_AT_A_TIME), None, 1)
    assert note is not None


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_a_row_without_a_finite_score_is_no_mixing_of_rows(odd: float) -> None:
    model, matrix = Model(), features(2 * ROWS_AT_A_TIME)

    def broken_for_one_row(rows: np.ndarray) -> np.ndarray:
        return np.where((rows == matrix[3]).all(axis=1), np.float32(odd), model(rows))

    scores, note = predict(broken_for_one_row, matrix, None, 1)
    assert note is None
    assert np.flatnonzero(~np.isfinite(scores)).tolist() == [3]


def test_as_many_stretches_as_threads_are_fed_side_by_side_and_no_more() -> None:
    lock, pair = threading.Lock(), threading.Barrier(2, timeout=20)
    running, most = 0, 0

    def score(rows: np.ndarray) -> np.ndarray:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        pair.wait()
        time.sleep(0.02)
        with lock:
            running -= 1
        return rows[:, 0]

    parts = 6 * ROWS_AT_A_TIME
    scores, _ = predict(score, features(parts), ROWS_AT_A_TIME, 2)
    assert scores.size == parts
    assert most == 2
