"""What can be chosen of how models are judged, and what is taken where nobody chooses. Imports nothing of ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Strategy = Literal["auto", "bisect", "scan"]
"""Which models are looked at: few, all, or few first and then the others as far as time allows."""
Decision = Literal["auto", "point", "interval"]
"""``point``: a value decides. ``interval``: only an interval that lies wholly on one side does, and what straddles a
threshold is uncertain. ``auto``: absolute thresholds by the point, relative ones by the interval."""
Predicts = Literal["quality", "target"]
"""What models give: ``quality``, higher for better, whatever the target's direction; or ``target``, its own values."""
DEFAULT_RESAMPLES = 2000
FEWEST_RESAMPLES = 100
"""Below, the ends of an interval would be the least and the largest of what happened to be drawn."""
DEFAULT_SEED = 20261123
DEFAULT_CONFIDENCE = 0.95
DEFAULT_BUDGET = 10.0
"""Seconds after which strategy ``auto`` looks at no more than it must."""


@dataclass(frozen=True)
class Resampling:
    """How resamples are to be drawn."""

    resamples: int = DEFAULT_RESAMPLES
    """0: none, so there are no intervals, and every threshold is decided by the point."""
    seed: int = DEFAULT_SEED
    confidence: float = DEFAULT_CONFIDENCE
