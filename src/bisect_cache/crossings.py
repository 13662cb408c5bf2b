"""What verdicts say about a timeline, whichever way its checkpoints were chosen: pure, and the end of every search.

Verdicts are levels: a checkpoint is good or bad by itself, and a regression is where good turns bad. Only against the
neighbour just before (``stepwise``) are they steps: then each bad one is a regression by itself, and the good one
that follows is no recovery.

``uncertain`` is neither good nor bad, like ``untestable``: what cannot be judged widens the candidates, and never
decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from msgspec import Struct

from bisect_cache.judge.verdict import Verdict

Outcome = Literal["regression", "no-regression", "head-bad", "non-monotone", "inconclusive"]


class Crossing(Struct, frozen=True, forbid_unknown_fields=True):
    """Two checkpoints where good turns bad or bad turns good; nothing between them, if anything, is good or bad."""

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
    stepwise: bool = False
    """A verdict tells of the step from the neighbour just before, not of a level."""

    @property
    def proven(self) -> bool:
        """Every checkpoint was looked at, so no regression is left where nobody looked."""
        return len(self.verdicts) == self.length

    @property
    def crossings(self) -> tuple[Crossing, ...]:
        """Where verdicts change along the timeline, as far as was looked."""
        if self.stepwise:
            worse = sorted(index for index, verdict in self.verdicts.items() if verdict == "bad" and index > 0)
            return tuple(Crossing("regression", index - 1, index) for index in worse)
        return crossings_of(self.verdicts)


def crossings_of(verdicts: Mapping[int, Verdict]) -> tuple[Crossing, ...]:
    """Where levels change, oldest first. The first is a regression wherever a good one comes before all bad ones."""
    return tuple(
        Crossing("regression" if verdicts[before] == "good" else "recovery", before, after)
        for before, after in pairwise(_judged(verdicts))
        if verdicts[before] != verdicts[after]
    )


def conclude(length: int, verdicts: Mapping[int, Verdict], stepwise: bool = False) -> Found:
    """What is known of ``length`` checkpoints from the verdicts on some of them.

    One is blamed only where the one just before it is known to be good; where others could not be judged between
    them, the first bad one could be any of these.
    """

    def found(
        outcome: Outcome, candidates: tuple[int, ...], first_bad: int | None = None, last_good: int | None = None
    ) -> Found:
        return Found(outcome, length, verdicts, first_bad, last_good, candidates, stepwise)

    judged = _judged(verdicts)
    if not judged:
        return found("inconclusive", tuple(range(length)))
    # All that is judged before the first bad one is good, be it none.
    good_ones = next((place for place, index in enumerate(judged) if verdicts[index] == "bad"), len(judged))
    last_good = judged[good_ones - 1] if good_ones else None
    if good_ones == len(judged):
        # Newest models that cannot be judged may be worse than anything: that is no green.
        newest = tuple(range(judged[-1] + 1, length))
        return found("inconclusive" if newest else "no-regression", newest, last_good=last_good)

    first_bad = judged[good_ones]
    if stepwise:
        # A good step clears no step before it: whatever was not judged, however far back, may have been the first.
        known = set(judged)
        candidates = (*(index for index in range(first_bad) if index not in known), first_bad)
    elif last_good is None:
        candidates = tuple(range(first_bad + 1))
        if all(verdicts.get(index) != "uncertain" for index in candidates):
            return found("head-bad", candidates, first_bad)
        # One of the uncertain ones may be good: that the head is bad is not known.
    else:
        candidates = tuple(range(last_good + 1, first_bad + 1))
    if len(candidates) > 1:
        return found("inconclusive", candidates, last_good=last_good)
    recovers = not stepwise and any(verdicts[index] == "good" for index in judged[good_ones:])
    return found("non-monotone" if recovers else "regression", candidates, first_bad, last_good)


def _judged(verdicts: Mapping[int, Verdict]) -> list[int]:
    return sorted(index for index, verdict in verdicts.items() if verdict in {"good", "bad"})
