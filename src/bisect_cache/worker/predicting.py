"""All rows through one model, a stretch at a time: bounded memory, every core, the same answer. Knows no runtime."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROWS_AT_A_TIME = 4096
"""Rows that a model with a free batch is fed at once: what kernels keep per row then stays small."""
_ROWS_COMPARED = 64
_TOLERANCE = 1e-4

Run = Callable[[Any], Any]
"""From a slice of rows made ready to what the model gives for them; may be called from several threads at once."""
Prepare = Callable[[NDArray[Any]], Any]
"""From a matrix (n, F) to n rows made ready, of which ``Run`` takes slices."""


class NoScores(Exception):
    """What the model gives is not one floating-point score a row."""


def _as_it_is(matrix: NDArray[Any]) -> NDArray[Any]:
    return matrix


class Depends(NoScores):
    """A model's scores depend on the other rows that it is fed with, and these are not all at hand."""


def predict(
    run: Run,
    matrix: NDArray[Any],
    batch: int | None,
    threads: int,
    prepare: Prepare = _as_it_is,
    *,
    part: bool = False,
    known: bool = False,
) -> tuple[NDArray[Any], str | None]:
    """Scores of ``matrix`` (N, F), shape (N,), float32 or float64, and what a reader must be told of how.

    ``batch`` is the number of rows that the model insists on, None where it takes any. Stretches of rows are made
    ready by ``prepare`` and fed side by side in ``threads`` threads. A model whose scores depend on the other rows that
    it is fed with gets all of them at once, but where ``matrix`` is ``part`` of them only. Whether they depend is not
    looked at again where it is ``known`` that they do not.

    Raises ``NoScores``, and whatever ``run`` and ``prepare`` raise.
    """
    rows = len(matrix)

    def score(part: NDArray[Any]) -> NDArray[Any]:
        return _scores(run(prepare(part)[:]), len(part))

    if batch is not None and batch != rows:
        padded = np.concatenate([matrix, np.repeat(matrix[-1:], -rows % batch, axis=0)])
        stretch = max(1, ROWS_AT_A_TIME // batch) * batch
        scores = _side_by_side(lambda part: _in_batches(run, prepare(part), len(part), batch), padded, stretch, threads)
        return scores[:rows], f"fed in batches of {batch}, which the model fixes"
    if batch == rows or (rows <= ROWS_AT_A_TIME and not part):
        return score(matrix), None
    if not known and rows > 1 and _depends_on_other_rows(score, matrix[:ROWS_AT_A_TIME]):
        if part:
            raise Depends(
                "its scores depend on the other rows of a batch, and this cache has too many rows to feed all at once"
            )
        return score(matrix), "its scores depend on the other rows of a batch: fed all rows at once"
    return _side_by_side(score, matrix, ROWS_AT_A_TIME, threads), None


_Score = Callable[[NDArray[Any]], NDArray[Any]]


def _side_by_side(score: _Score, matrix: NDArray[Any], stretch: int, threads: int) -> NDArray[Any]:
    parts = [matrix[start : start + stretch] for start in range(0, len(matrix), stretch)]
    if threads == 1 or len(parts) == 1:
        return np.concatenate([score(part) for part in parts])
    with ThreadPoolExecutor(min(threads, len(parts))) as pool:
        return np.concatenate(list(pool.map(score, parts)))


def _in_batches(run: Run, ready: Any, rows: int, batch: int) -> NDArray[Any]:
    return np.concatenate([_scores(run(ready[start : start + batch]), batch) for start in range(0, rows, batch)])


def _depends_on_other_rows(score: _Score, matrix: NDArray[Any]) -> bool:
    """Whether the first rows get other scores alone than among all of ``matrix``, beyond what rounding explains."""
    among = score(matrix)
    first = matrix[: min(_ROWS_COMPARED, len(matrix) // 2)]
    alone = score(first)
    finite = among[np.isfinite(among)]
    spread = float(np.ptp(finite)) if finite.size else 0.0
    return not np.allclose(among[: len(first)], alone, rtol=0, atol=_TOLERANCE * spread, equal_nan=True)


def _scores(output: Any, rows: int) -> NDArray[Any]:
    if not isinstance(output, np.ndarray) or output.dtype.kind != "f":
        found = getattr(output, "dtype", type(output).__name__)
        raise NoScores(f"gives {found} where a floating-point score must come")
    if output.size != rows or output.shape not in {(rows,), (rows, 1)}:
        raise NoScores(f"gives scores of shape {list(output.shape)} for {rows} rows; [N] or [N, 1] is needed")
    return output.reshape(rows).astype("<f8" if output.dtype.itemsize > 4 else "<f4", copy=False)
