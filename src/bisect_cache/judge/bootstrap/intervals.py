"""From resamples to a confidence interval and a p-value, both with the small-sample expansion.

A percentile interval of few units is too narrow: the bootstrap's variance lacks the factor n / (n - 1), and its
quantiles are those of a normal distribution rather than of Student's t. Hesterberg ("What Teachers Should Know About
the Bootstrap", The American Statistician 69, 2015) therefore takes the percentiles further out, at
``Phi(-sqrt(n / (n - 1)) t)``. The p-value is the same equation the other way round, so that both agree.

Hesterberg's t has n - 1 degrees of freedom, which is right for a mean of normal values. What a content adds to a
correlation is a sum of products, with heavier tails, and the variance estimated from few of those is less certain.
Satterthwaite's rule (Biometrics Bulletin 2, 1946) gives 2 / (k - 1) times as many where their kurtosis is k: 3 for a
normal distribution, which changes nothing, and about 4 here (``benchmarks/false_alarms.py`` shows what comes of it).
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from bisect_cache.judge.choices import FEWEST_RESAMPLES

MOST_UNDEFINED = 0.1
_KURTOSIS = 4
_NORMAL = NormalDist()
# Above this many degrees of freedom Hill's formula errs by less than 1e-11, and the series has many terms.
_SERIES_UP_TO = 100


def interval(values: NDArray[np.float64], units: int, confidence: float = 0.95) -> tuple[float, float] | None:
    """The expanded percentile interval of a metric, or of a difference of two, from its ``values`` (resamples,).

    ``units`` is how many independent units were drawn. Resamples that leave the metric undefined (NaN) are left out.
    None where nothing can be said: fewer than two units, more than 1 in 10 resamples undefined, or fewer than 100
    defined.
    """
    defined = _defined(values, units)
    if defined is None:
        return None
    ordered = np.sort(defined)
    level = expanded_level(units, confidence)
    return _quantile(ordered, level), _quantile(ordered, 1.0 - level)


def p_worse(differences: NDArray[np.float64], units: int) -> float:
    """The one-sided p-value of a difference that is truly 0 or more; small where nearly all resamples are below 0.

    ``differences`` (resamples,), NaN where undefined. With k of n resamples at 0 or above, p is (k + 1) / (n + 1)
    before the expansion: the sample itself counts as one, so no p-value is 0. 1 where ``interval`` is None: nothing
    has been shown.
    """
    defined = _defined(differences, units)
    if defined is None:
        return 1.0
    hits = int(np.count_nonzero(defined >= 0))
    if hits == defined.size:
        return 1.0
    score = _NORMAL.inv_cdf((hits + 1) / (defined.size + 1))
    return t_cdf(score * math.sqrt((units - 1) / units), degrees_of_freedom(units))


@lru_cache(maxsize=64)
def expanded_level(units: int, confidence: float) -> float:
    """The lower percentile, as a fraction, that makes an interval of ``units`` >= 2 cover ``confidence``."""
    quantile = t_quantile((1.0 + confidence) / 2.0, degrees_of_freedom(units))
    level = _NORMAL.cdf(-math.sqrt(units / (units - 1)) * quantile)
    # C libraries differ in the last digits of their functions; an interval is to be the same with all of them.
    return round(level, 12)


def degrees_of_freedom(units: int) -> int:
    """Those of a variance estimated from ``units`` >= 2 contents or rows, rounded down to 1 or more."""
    return max(1, 2 * (units - 1) // (_KURTOSIS - 1))


def t_quantile(probability: float, freedom: int) -> float:
    """Student's t quantile of ``probability`` in [0.5, 1) at ``freedom`` >= 1 degrees of freedom, by bisection."""
    low, high = 0.0, 1.0
    while t_cdf(high, freedom) < probability:
        low, high = high, 2.0 * high
    while low < (middle := (low + high) / 2.0) < high:
        if t_cdf(middle, freedom) < probability:
            low = middle
        else:
            high = middle
    return high


def t_cdf(t: float, freedom: int) -> float:
    """Student's t distribution function at ``freedom`` >= 1 degrees of freedom, to 1e-9."""
    return _NORMAL.cdf(_normal_score(t, freedom)) if freedom > _SERIES_UP_TO else (1.0 + _within(t, freedom)) / 2.0


def _within(t: float, freedom: int) -> float:
    """The probability between -|t| and |t|, with the sign of t: Abramowitz & Stegun 26.7.3 (odd), 26.7.4 (even)."""
    angle = math.atan(t / math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    # 1 + cos^2 / 2 + (1 3) / (2 4) cos^4 + ..., or cos + 2/3 cos^3 + (2 4) / (3 5) cos^5 + ... for odd ones.
    term, total = (cosine if odd else 1.0), 0.0
    for power in range(odd, freedom - 1, 2):
        total += term
        term *= (power + 1) / (power + 2) * cosine * cosine
    return 2.0 / math.pi * (angle + sine * total) if odd else sine * total


def _normal_score(t: float, freedom: int) -> float:
    """The normal score with the probability of t: Hill, "Student's t-distribution", CACM 13 (1970), algorithm 395."""
    a = freedom - 0.5
    b = 48.0 * a * a
    squared = a * math.log1p(t * t / freedom)
    correction = ((-0.4 * squared - 3.3) * squared - 24.0) * squared - 85.5
    correction = correction / (0.8 * squared * squared + 100.0 + b) + squared + 3.0
    return math.copysign((correction / b + 1.0) * math.sqrt(squared), t)


def _defined(values: NDArray[np.float64], units: int) -> NDArray[np.float64] | None:
    defined = values[~np.isnan(values)]
    enough = max(FEWEST_RESAMPLES, (1.0 - MOST_UNDEFINED) * values.size)
    return defined if units >= 2 and defined.size >= enough else None


def _quantile(ordered: NDArray[np.float64], level: float) -> float:
    """Linear between the two nearest, as ``np.quantile`` does by default, but the same in every version of NumPy."""
    place = (ordered.size - 1) * level
    index = min(int(place), ordered.size - 2)
    below, above = float(ordered[index]), float(ordered[index + 1])
    return below + (above - below) * (place - index)
