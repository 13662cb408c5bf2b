"""Which checkpoints to look at, and what their verdicts say: pure, knows neither models nor files.

``bisect`` is a generator: it yields the indexes that it wants judged next and is sent their verdicts, so that one
process, a pool and a cluster can all drive it::

    search = bisect(length)
    wanted = next(search)
    while True:
        wanted = search.send([verdict of index for index in wanted])    # until StopIteration brings the result

Both ends are looked at first. Then every look halves what lies between a good and a bad checkpoint: at most
ceil(log2(N - 1)) + 2 looks when every checkpoint can be judged. An untestable one is stepped around in strides that
double, which costs at most two looks for each untestable checkpoint met.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from msgspec import Struct

from bisect_cache.judge.verdict import Verdict

Outcome = Literal["regression", "no-regression", "head-bad", "non-monotone", "inconclusive"]
Search = Generator[tuple[int, ...], Sequence[Verdict], "Found"]


class Crossing(Struct, frozen=True, forbid_unknown_fields=True):
    """Two checkpoints, all between them unjudged or untestable, where good turns bad or bad turns good."""

    kind: Literal["regression", "recovery"]
    before: int
    after: int


@dataclass(frozen=True)
class Found:
    """What a search ends with."""

    outcome: Outcome
    length: int
    verdicts: Mapping[int, Verdict]
    """Of every checkpoint looked at, by index, in the order of looking."""
    first_bad: int | None = None
    last_good: int | None = None
    candidates: tuple[int, ...] = ()
    """Any of these may be the first bad one; the first bad one alone where it is known."""

    @property
    def crossings(self) -> tuple[Crossing, ...]:
        """Where verdicts change along the timeline, as far as was looked."""
        judged = [(index, verdict) for index, verdict in sorted(self.verdicts.items()) if verdict in {"good", "bad"}]
        return tuple(
            Crossing("regression" if then == "good" else "recovery", before, after)
            for (before, then), (after, now) in pairwise(judged)
            if then != now
        )


def bisect(length: int) -> Search:
    """Find the first bad of ``length`` checkpoints, supposing that good ones come before bad ones.

    The result proves a neighbouring pair, good and then bad. That no other such pair comes before it, only a look
    at the rest could prove.
    """
    verdicts: dict[int, Verdict] = {}
    if length == 0:
        return Found("inconclusive", 0, {})
    yield from _look(tuple(dict.fromkeys((0, length - 1))), verdicts)
    good = yield from _first_judged(range(length), verdicts)
    if good is None:
        return Found("inconclusive", length, verdicts, candidates=tuple(range(length)))
    if verdicts[good] == "bad":
        return Found("head-bad", length, verdicts, first_bad=good, candidates=tuple(range(good + 1)))
    bad = yield from _first_judged(range(length - 1, good, -1), verdicts)
    if bad is None or verdicts[bad] == "good":
        newest_judged = good if bad is None else bad
        untestable = tuple(range(newest_judged + 1, length))
        # Newest models that cannot be judged may be worse than anything: that is no green.
        outcome: Outcome = "inconclusive" if untestable else "no-regression"
        return Found(outcome, length, verdicts, last_good=newest_judged, candidates=untestable)
    good, bad = yield from _narrow(good, bad, verdicts)
    between = tuple(range(good + 1, bad + 1))
    if len(between) > 1:
        return Found("inconclusive", length, verdicts, last_good=good, candidates=between)
    return Found("regression", length, verdicts, first_bad=bad, last_good=good, candidates=between)


def _look(indexes: tuple[int, ...], verdicts: dict[int, Verdict]) -> Generator[tuple[int, ...], Sequence[Verdict]]:
    answers = yield indexes
    verdicts.update(zip(indexes, answers, strict=True))


def _first_judged(
    order: range, verdicts: dict[int, Verdict]
) -> Generator[tuple[int, ...], Sequence[Verdict], int | None]:
    """The first checkpoint in ``order`` that is good or bad, looking as far as it takes."""
    for index in order:
        if index not in verdicts:
            yield from _look((index,), verdicts)
        if verdicts[index] in {"good", "bad"}:
            return index
    return None


def _narrow(
    good: int, bad: int, verdicts: dict[int, Verdict]
) -> Generator[tuple[int, ...], Sequence[Verdict], tuple[int, int]]:
    """Bring ``good`` and ``bad`` together until they are neighbours or nothing between them can be judged."""
    misses = 0
    while unknown := [index for index in range(good + 1, bad) if index not in verdicts]:
        index = unknown[_stepped_around(len(unknown), misses)]
        yield from _look((index,), verdicts)
        if verdicts[index] == "good":
            good, misses = index, 0
        elif verdicts[index] == "bad":
            bad, misses = index, 0
        else:
            misses += 1
    return good, bad


def _stepped_around(count: int, misses: int) -> int:
    """Which of ``count`` unknown checkpoints to look at after ``misses`` untestable ones in a row.

    The middle, then to its left and right by 1, 2, 4, … : out of a broken stretch in few looks, and hardly off the
    middle where single ones are broken.
    """
    middle = (count - 1) // 2
    if misses == 0:
        return middle
    stride = 1 << min((misses - 1) // 2, 62)
    return max(0, middle - stride) if misses % 2 else min(count - 1, middle + stride)
