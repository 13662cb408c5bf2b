"""Exactly rounded sums: the same float64 on every CPU, NumPy and Python.

A plain ``numpy.sum`` depends on the order of its additions, and that order changes with the CPU's vector
width and with the library's version. Here each value is taken apart into an integer mantissa and an
exponent, the mantissas that share an exponent are added as integers (which cannot round), and the one
rounding happens at the very end.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Each half of a 53-bit mantissa has at most 27 bits; float64 holds integers up to 2**53 exactly, so bincount's
# float64 additions of halves are exact for up to 2**26 values at a time.
_HALF_BITS = 26
_VALUES_AT_A_TIME = 1 << 25


def exact_sum(values: NDArray[np.float64]) -> float:
    """The exactly rounded sum of ``values``, shape (N,), float64, all finite.

    Equal to ``math.fsum(values)``, and several times faster on large arrays.

    Raises ``OverflowError`` when the sum is beyond float64.
    """
    total, exponent = _exact_integer_sum(values)
    if exponent >= 0:
        return float(total << exponent)
    return total / (1 << -exponent)  # division of Python integers rounds exactly


def exact_mean(values: NDArray[np.float64]) -> float:
    """The exactly rounded mean of ``values``, shape (N,), float64, all finite, N >= 1."""
    total, exponent = _exact_integer_sum(values)
    if exponent >= 0:
        return (total << exponent) / values.size
    return total / (values.size << -exponent)


def _exact_integer_sum(values: NDArray[np.float64]) -> tuple[int, int]:
    """The sum as ``total * 2**exponent`` with integers, without any rounding."""
    total, exponent = 0, 0
    for start in range(0, values.size, _VALUES_AT_A_TIME):
        mantissas, exponents = np.frexp(values[start : start + _VALUES_AT_A_TIME])
        integers = np.ldexp(mantissas, 53).astype(np.int64)
        high = integers >> _HALF_BITS
        low = integers & ((1 << _HALF_BITS) - 1)
        lowest = int(exponents.min())
        bins = exponents - lowest
        highs = np.bincount(bins, weights=high)
        lows = np.bincount(bins, weights=low)
        part = sum(
            ((int(top) << _HALF_BITS) + int(bottom)) << shift
            for shift, (top, bottom) in enumerate(zip(highs.tolist(), lows.tolist(), strict=True))
        )
        part_exponent = lowest - 53
        if start == 0:
            total, exponent = part, part_exponent
        else:
            common = min(exponent, part_exponent)
            total = (total << (exponent - common)) + (part << (part_exponent - common))
            exponent = common
    return total, exponent
