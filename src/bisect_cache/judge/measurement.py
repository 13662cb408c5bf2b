"""What is measured of one checkpoint, before any threshold is held against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bisect_cache.judge.sampling import Interval


@dataclass(frozen=True)
class Measurement:
    """What was measured of one checkpoint."""

    metrics: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    distributions: Mapping[str, NDArray[np.float64]] = field(default_factory=dict, repr=False)
    """Each metric over the resamples, (resamples,); empty where none were drawn."""
    fault: str | None = None
    """Why it cannot be judged."""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
