"""What moved between two models' predictions, held against a slow twin that is obviously right."""

from collections import defaultdict
from statistics import fmean, linear_regression

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bisect_cache.judge.metrics import metrics, target_side
from bisect_cache.judge.moved import CONTENTS_SHOWN, ROWS_SHOWN, mapped, moved

NAMES = tuple(f"clip{number}" for number in range(12))


def numbers(rows: int) -> st.SearchStrategy[list[float]]:
    values = st.integers(-1000, 1000).map(lambda value: value / 8)
    return st.lists(values, min_size=rows, max_size=rows).filter(lambda found: len(set(found)) > 1)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[float], list[float], list[float], list[int]]:
    """Scores of two models, a target, and a number of a content for each row."""
    rows = draw(st.integers(3, 40))
    contents = draw(st.lists(st.integers(0, len(NAMES) - 1), min_size=rows, max_size=rows))
    places = {content: place for place, content in enumerate(dict.fromkeys(contents))}
    return draw(numbers(rows)), draw(numbers(rows)), draw(numbers(rows)), [places[content] for content in contents]


def slowly_mapped(scores: list[float], target: list[float]) -> list[float]:
    slope, intercept = linear_regression(scores, target)
    return [intercept + slope * score for score in scores]


@given(tables())
def test_every_number_is_what_a_slow_twin_finds(table: tuple[list[float], list[float], list[float], list[int]]) -> None:
    before, after, target, contents = table
    found = moved(
        np.array(before), np.array(after, np.float32), target_side(np.array(target)), np.array(contents), NAMES
    )
    slow_before, slow_after = slowly_mapped(before, target), slowly_mapped(after, target)
    close = pytest.approx
    assert found.before.values == close(slow_before, abs=1e-6)
    assert found.after.values == close(slow_after, abs=1e-6)

    moves = [abs(b - a) for a, b in zip(slow_before, slow_after, strict=True)]
    if found.same:
        assert max(moves) <= 1.01e-4 * (max(target) - min(target))
        assert (found.rows, found.contents) == ((), ())
        return
    for row in found.rows:
        assert row.content == NAMES[contents[row.row]]
        assert (row.target, row.before, row.after) == close(
            (target[row.row], slow_before[row.row], slow_after[row.row]), abs=1e-6
        )
    shown = [abs(row.move) for row in found.rows]
    assert shown == sorted(shown, reverse=True)
    assert shown == close(sorted(moves, reverse=True)[: len(shown)], abs=1e-6)
    assert len(shown) == min(ROWS_SHOWN, int(np.count_nonzero(found.before.values != found.after.values)))

    errors = defaultdict(list)
    for place, content in enumerate(contents):
        errors[NAMES[content]].append((abs(slow_before[place] - target[place]), abs(slow_after[place] - target[place])))
    means = {name: [fmean(side) for side in zip(*pairs, strict=True)] for name, pairs in errors.items()}
    for content in found.contents:
        assert content.rows == len(errors[content.content])
        assert [content.error_before, content.error_after] == close(means[content.content], abs=1e-6)
    changes = sorted((later - earlier for earlier, later in means.values()), reverse=True)
    assert [content.change for content in found.contents] == close(changes[:CONTENTS_SHOWN], abs=1e-6)


@given(tables())
def test_the_root_mean_square_of_mapped_errors_is_the_mapped_rmse(table) -> None:
    """Of scores that rise with the target; the metric maps those that fall to its mean, and does not turn them over."""
    scores, _, target, _ = (np.array(side, float) for side in table)
    found = mapped(scores, target_side(target))
    error = (found.values if found.slope > 0 else target.mean()) - target
    expected = metrics(scores, target_side(target))["rmse_mapped"]
    assert float(np.sqrt((error**2).sum() / (error.size - 2))) == pytest.approx(expected, abs=1e-9)


@given(tables(), st.integers(-50, 50).filter(bool), st.integers(-1000, 1000))
def test_a_model_on_another_scale_has_not_moved(table, factor: int, offset: int) -> None:
    scores, _, target, _ = (np.array(side, float) for side in table)
    found = moved(scores, scores * factor + offset, target_side(target))
    assert found.same
    assume(abs(found.before.slope) > 1e-9)
    assert found.other_scale[0] == pytest.approx(factor)
    assert found.other_scale[1] == pytest.approx(offset, abs=1.01e-4 * float(np.ptp(scores * factor)))
    assert found.turned == (factor < 0)


def test_four_rows_by_hand() -> None:
    # 0, 1, 2, 3 is mapped onto the target itself. For 0, 1, 2, 7: sum (x - 2.5)(t - 15) = 110 and
    # sum (x - 2.5)^2 = 29, so that x becomes 15 + 110 / 29 (x - 2.5).
    target = np.array([0.0, 10, 20, 30])
    contents = np.array([0, 0, 1, 1])
    found = moved(np.array([0.0, 1, 2, 3]), np.array([0.0, 1, 2, 7]), target_side(target), contents, ("a", "b"))
    first = found.rows[0]
    assert (first.row, first.content, first.target, first.before) == (2, "b", 20.0, pytest.approx(20))
    assert first.after == pytest.approx(15 + 110 / 29 * (2 - 2.5))
    assert [row.row for row in found.rows] == [2, 0, 3, 1]
    assert [(content.content, content.rows) for content in found.contents] == [("b", 2), ("a", 2)]
    assert found.contents[0].error_before == pytest.approx(0)
    assert found.contents[0].change == pytest.approx((abs(15 - 55 / 29 - 20) + abs(15 + 495 / 29 - 30)) / 2)


def test_without_contents_rows_have_none_and_equal_moves_stand_in_the_order_of_rows() -> None:
    target = np.array([0.0, 1, 0, 1, 2])
    found = moved(np.array([0.0, 1, 0, 1, 2]), np.array([1.0, 0, 1, 0, 2]), target_side(target))
    assert found.contents == ()
    assert {row.content for row in found.rows} == {None}
    moves = [(-round(abs(row.move), 9), row.row) for row in found.rows]
    assert moves == sorted(moves)
