"""What a cache can tell from chance where no two models show it: least-squares fits stand in for them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bisect_cache.cache.large import LargeCache
from bisect_cache.cache.opened import Cache
from bisect_cache.judge.choices import Resampling
from bisect_cache.judge.detecting import detectable_without_models
from bisect_cache.judge.measuring import Measuring

_ENOUGH_ROWS = 100_000
"""From which what a larger cache can tell is known as well."""


def detectable_by_stand_ins(cache: Cache | LargeCache, resamples: int, metrics: Sequence[str]) -> dict[str, float]:
    """The minimum detectable drop of each of ``metrics`` that has one.

    Raises ``BadFeatures`` where the rows of a large cache cannot be used.
    """
    rows = np.arange(cache.rows)
    if cache.rows > _ENOUGH_ROWS:
        rows = np.sort(np.random.default_rng(0).choice(cache.rows, _ENOUGH_ROWS, replace=False, shuffle=False))
    some = cache.some(rows)
    contents = None if some.contents is None else np.unique(some.contents, return_inverse=True)[1]
    measuring = Measuring(some.target, cache.target_is, contents, resampling=Resampling(resamples=resamples))
    found = detectable_without_models(some.features, measuring, metrics)
    # Of independent rows, an error falls with the square root of how many there are; that of contents stays.
    narrower = math.sqrt(rows.size / cache.rows) if contents is None else 1.0
    return {metric: float(f"{drop * narrower:.4g}") for metric, drop in found.items()}
