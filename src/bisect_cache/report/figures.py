"""Values and intervals as people read them: as many digits as tell something, whatever a stranger's report holds."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bisect_cache.judge.sampling import Interval

_LARGEST, _SMALLEST = 1e6, 1e-3
"""Beyond these, a number has an exponent: its digits would fill a page."""
_MOST_DECIMALS = 6


def fixed(value: float, decimals: int = 4) -> str:
    """``value`` with so many decimals; with an exponent where it is too large for them."""
    return f"{value:.{decimals}f}" if abs(value) < _LARGEST else f"{value:.4g}"


def telling(value: float, bounds: Sequence[float | None]) -> str:
    """``value`` with four decimals, or as many as show on which side of ``bounds`` it is."""
    for decimals in (4, 6, 9, 12):
        shown = fixed(value, decimals)
        if all(bound is None or _side(float(shown), bound) == _side(value, bound) for bound in bounds):
            return shown
    return f"{value:.17g}"


def change(before: float, after: float) -> str:
    """By how much ``after`` is above ``before``."""
    difference = after - before
    return f"{difference:+.4f}" if abs(difference) < _LARGEST else f"{difference:+.4g}"


def brief(value: float) -> str:
    """``value`` with five digits, those behind the point kept; a correlation close to 1 with six decimals."""
    if not _SMALLEST <= abs(value) < _LARGEST and value:
        return f"{value:.4g}"
    shown = f"{value:.{_decimals(value, 5)}f}"
    return f"{value:.{_MOST_DECIMALS}f}" if shown.lstrip("-") == "1.0000" and abs(value) != 1 else shown


def ends(interval: Interval, sign: str = "") -> str:
    """``0.687 to 0.892``: three decimals, or as many as part the two ends.

    Of a difference, where ``sign`` is ``+``, four: it is small beside what it is the difference of.
    """
    low, high = interval
    size, width = max(abs(low), abs(high)), abs(high - low)
    if not (math.isfinite(width) and size < _LARGEST) or (0 < width < 10.0**-_MOST_DECIMALS):
        return f"{low:{sign}.3g} to {high:{sign}.3g}"
    parting = 1 - math.floor(math.log10(width)) if width else 0
    decimals = max(_decimals(size, 5 if sign else 4), min(_MOST_DECIMALS, parting))
    return f"{low:{sign}.{decimals}f} to {high:{sign}.{decimals}f}"


def _side(value: float, bound: float) -> int:
    return (value > bound) - (value < bound)


def _decimals(value: float, digits: int) -> int:
    """How many decimals leave ``digits`` digits in all, of which one stands before the point."""
    whole = math.floor(math.log10(abs(value))) if abs(value) >= 1 else 0
    return max(0, digits - 1 - whole)
