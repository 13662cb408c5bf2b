"""Which checkpoints to look at, in what order: pure, knows neither models nor files nor time.

``search`` is a generator: it yields the look that it wants next and is sent the verdicts, so that one process, a pool
and a cluster can all drive it::

    searching = search(length)
    look = next(searching)
    while True:
        look = searching.send([verdict of index for index in look.indexes])    # until StopIteration brings the result

A look that is not ``needed`` may be answered in part: with the verdicts of as many indexes, from the first on, as
there was time for. What the verdicts say in the end is the matter of ``crossings.py``.

- ``bisect`` looks at both ends and then halves what lies between a good and a bad checkpoint: at most
  ceil(log2(N - 1)) + 2 looks when every checkpoint can be judged. An untestable one is stepped around in strides that
  double, which costs at most two looks for each untestable checkpoint met. It proves a neighbouring pair, good and
  then bad; that no such pair comes before it, only a look at the rest can prove.
- ``scan`` looks at all, oldest first.
- ``auto`` bisects and then looks at the rest as far as time allows, where it is likeliest to learn something first.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

from bisect_cache.crossings import Crossing, Found, Outcome, conclude, crossings_of
from bisect_cache.judge.choices import Strategy
from bisect_cache.judge.verdict import Verdict

__all__ = ["Crossing", "Found", "Look", "Outcome", "Search", "Strategy", "conclude", "search"]


class Look(NamedTuple):
    """Checkpoints to be judged next."""

    indexes: tuple[int, ...]
    """In this order."""
    needed: bool
    """All of them; else as many, from the first on, as there is time for."""


Search = Generator[Look, Sequence[Verdict], Found]
_Part = Generator[Look, Sequence[Verdict], None]
"""A part of a search: it writes what it is told into the verdicts that it was given."""


def search(length: int, strategy: Strategy = "auto", *, stepwise: bool = False) -> Search:
    """Find the first bad of ``length`` checkpoints.

    ``stepwise`` verdicts say worse or not than the neighbour just before. They are no levels that could be halved
    between, so every strategy looks at all.
    """
    verdicts: dict[int, Verdict] = {}
    if stepwise or strategy == "scan":
        yield from _look(range(length), verdicts)
    else:
        yield from _bisect(length, verdicts)
        if strategy == "auto":
            yield from _look_at_the_rest(length, verdicts)
    return conclude(length, verdicts, stepwise)


def _look(indexes: Iterable[int], verdicts: dict[int, Verdict], *, needed: bool = True) -> _Part:
    look = Look(tuple(indexes), needed)
    if look.indexes:
        answers = yield look
        asked = look.indexes if needed else look.indexes[: len(answers)]
        verdicts.update(zip(asked, answers, strict=True))


def _bisect(length: int, verdicts: dict[int, Verdict]) -> _Part:
    if length == 0:
        return
    yield from _look(dict.fromkeys((0, length - 1)), verdicts)
    good = yield from _first_judged(range(length), verdicts)
    if good is None or verdicts[good] == "bad":
        return
    bad = yield from _first_judged(range(length - 1, good, -1), verdicts)
    if bad is not None and verdicts[bad] == "bad":
        yield from _narrow(good, bad, verdicts)


def _first_judged(order: range, verdicts: dict[int, Verdict]) -> Generator[Look, Sequence[Verdict], int | None]:
    """The first checkpoint in ``order`` that is good or bad, looking as far as it takes."""
    for index in order:
        if index not in verdicts:
            yield from _look((index,), verdicts)
        if verdicts[index] in {"good", "bad"}:
            return index
    return None


def _look_at_the_rest(length: int, verdicts: dict[int, Verdict]) -> _Part:
    """Look at what bisecting left out, then narrow what that brought to light where time ran out beside it."""
    boundary = _first_regression(verdicts)
    order = _nearest_first(length, boundary, verdicts) if boundary else _spread_out(length, verdicts)
    yield from _look(order, verdicts, needed=False)
    if boundary := _first_regression(verdicts):
        yield from _narrow(boundary.before, boundary.after, verdicts)


def _first_regression(verdicts: Mapping[int, Verdict]) -> Crossing | None:
    """Where good first turns bad, as far as is known; None behind a bad head, where it would decide nothing."""
    first = next(iter(crossings_of(verdicts)), None)
    return first if first and first.kind == "regression" else None


def _nearest_first(length: int, boundary: Crossing, verdicts: Mapping[int, Verdict]) -> list[int]:
    """The unseen by their distance from the boundary, the older first of two: an answer is overturned near it."""
    return [
        index
        for distance in range(1, length)
        for index in (boundary.before - distance, boundary.after + distance)
        if 0 <= index < length and index not in verdicts
    ]


def _spread_out(length: int, verdicts: Mapping[int, Verdict]) -> list[int]:
    """The middle of the largest unseen gap, the older of equal ones, again and again: no long dip stays hidden."""
    unseen = [index for index in range(length) if index not in verdicts]  # one gap: bisecting began at both ends
    gaps = [(-len(unseen), 0)]  # a heap gives the least first, so sizes are negative
    order: list[int] = []
    while gaps:
        negative_size, start = heappop(gaps)
        if size := -negative_size:
            left = (size - 1) // 2
            order.append(unseen[start + left])
            heappush(gaps, (-left, start))
            heappush(gaps, (left + 1 - size, start + left + 1))
    return order


def _narrow(good: int, bad: int, verdicts: dict[int, Verdict]) -> _Part:
    """Bring ``good`` and ``bad`` together until they are neighbours or nothing between them can be judged."""
    unseen = _Unseen(range(good + 1, bad), verdicts)
    first, end, misses = 0, unseen.count, 0
    while first < end:
        rank = first + _stepped_around(end - first, misses)
        index = unseen.at(rank)
        yield from _look((index,), verdicts)
        if verdicts[index] == "good":
            first, misses = rank + 1, 0
        elif verdicts[index] == "bad":
            end, misses = rank, 0
        else:
            unseen.leave_out(index)
            end, misses = end - 1, misses + 1


class _Unseen:
    """The unseen ones of a stretch by their rank, with some left out as we go: O(log N) each, as a Fenwick tree.

    A list would be rebuilt for each one left out, which is quadratic where thousands in a row cannot be judged.
    ``_counts[i]`` is how many there are among the ``i & -i`` places up to the i-th, counted from 1.
    """

    def __init__(self, stretch: range, verdicts: Mapping[int, Verdict]) -> None:
        self._start = stretch.start
        self._counts = [0, *(int(index not in verdicts) for index in stretch)]
        self.count = sum(self._counts)
        for place in range(1, len(self._counts)):
            if (covering := place + (place & -place)) < len(self._counts):
                self._counts[covering] += self._counts[place]

    def at(self, rank: int) -> int:
        """The index of the one before which there are ``rank`` others."""
        place = 0
        for bit in range(len(self._counts).bit_length() - 1, -1, -1):
            further = place + (1 << bit)
            if further < len(self._counts) and self._counts[further] <= rank:
                place = further
                rank -= self._counts[further]
        return self._start + place

    def leave_out(self, index: int) -> None:
        """Count it no longer."""
        place = index - self._start + 1
        while place < len(self._counts):
            self._counts[place] -= 1
            place += place & -place


def _stepped_around(count: int, misses: int) -> int:
    """Which of ``count`` unseen checkpoints to look at after ``misses`` untestable ones in a row.

    The middle, then to its left and right by 1, 2, 4, … : out of a broken stretch in few looks, and hardly off the
    middle where single ones are broken.
    """
    middle = (count - 1) // 2
    if misses == 0:
        return middle
    stride = 1 << min((misses - 1) // 2, 62)
    return max(0, middle - stride) if misses % 2 else min(count - 1, middle + stride)
