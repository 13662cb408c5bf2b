"""How resamples are drawn, in words that a report can keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta, Struct

DEFAULT_RESAMPLES = 2000
DEFAULT_SEED = 20261123
DEFAULT_CONFIDENCE = 0.95
Interval = tuple[float, float]
"""Lower and upper end, in the metric's unit."""


@dataclass(frozen=True)
class Resampling:
    """How resamples are to be drawn."""

    resamples: int = DEFAULT_RESAMPLES
    """0: none, so there are no intervals, and every threshold is decided by the point."""
    seed: int = DEFAULT_SEED
    confidence: float = DEFAULT_CONFIDENCE


class Sampling(Struct, frozen=True, forbid_unknown_fields=True):
    """How the resamples were drawn that intervals come from; every model was measured on the same ones."""

    resamples: Annotated[int, Meta(ge=1)]
    seed: int
    confidence: float
    by: Literal["content", "row"]
    """What is drawn: contents, whose rows are not independent, or rows where nobody says which content they are of."""
    units: Annotated[int, Meta(ge=1)]
    """How many of these there are to draw from."""
    grouped: bool = False
    """Whether they were dealt into ``units`` groups first, because there are too many to draw one by one."""
