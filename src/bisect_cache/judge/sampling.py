"""How resamples were drawn, in words that a report can keep."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Interval = tuple[float, float]
"""Lower and upper end, in the metric's unit."""


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
