"""Exactly rounded sums: the same float64 on every CPU, NumPy and Python.

A plain ``numpy.sum`` depends on the order of its additions, and that order changes with the CPU's vector
width and with the library's version. Here values are cut into layers: each layer takes the next 26 bits of every
value, as integers of one common unit. A sum of such integers cannot round in float64, whatever its order, so
NumPy may add them as fast as it can; the one rounding happens at the very end.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

# Integers of up to 2**26, far fewer than 2**26 of them: no partial sum leaves 2**53. As many at a time as stay in a
# processor's cache.
_LAYER_BITS = 26
_VALUES_AT_A_TIME = 1 << 15


def exact_sum(values: NDArray[np.float64]) -> float:
    """The exactly rounded sum of ``values``, shape (N,), float64, all finite.

    Equal to ``math.fsum(values)``, and several times faster on large arrays.

    Raises ``OverflowError`` when the sum is beyond float64.
    """
    total, exponent = _integer_sum(values)
    return _ratio(total, exponent, 1)


def exact_mean(values: NDArray[np.float64]) -> float:
    """The exactly rounded mean of ``values``, shape (N,), float64, all finite, N >= 1."""
    total, exponent = _integer_sum(values)
    return _ratio(total, exponent, values.size)


def _ratio(total: int, exponent: int, count: int) -> float:
    """``total * 2**exponent / count``; a division of Python's integers rounds exactly."""
    return (total << exponent) / count if exponent >= 0 else total / (count << -exponent)


def _integer_sum(values: NDArray[np.float64]) -> tuple[int, int]:
    """The sum as ``total * 2**exponent`` with integers, without any rounding."""
    total, exponent = 0, 0
    for start in range(0, values.size, _VALUES_AT_A_TIME):
        part, part_exponent = _layered_sum(values[start : start + _VALUES_AT_A_TIME])
        common = min(exponent, part_exponent)
        total = (total << (exponent - common)) + (part << (part_exponent - common))
        exponent = common
    return total, exponent


def _layered_sum(values: NDArray[np.float64]) -> tuple[int, int]:
    largest = max(float(values.max()), -float(values.min()))
    total, exponent = 0, math.frexp(largest)[1]
    rest = values
    while rest.size:
        exponent -= _LAYER_BITS
        layer = np.trunc(_shifted(rest, -exponent))
        total = (total << _LAYER_BITS) + int(layer.sum())
        # Exact: what is left is a value's low bits, or all of one that is too small for this layer.
        rest = rest - _shifted(layer, exponent)
        if not rest.any():
            break
        if np.count_nonzero(rest) < rest.size // 2:
            rest = rest[rest != 0]
    return total, exponent


def _shifted(values: NDArray[np.float64], bits: int) -> NDArray[np.float64]:
    """``values * 2**bits``; a product with a power of two is quicker, where float64 has that power."""
    return values * 2.0**bits if -1000 <= bits <= 1000 else np.ldexp(values, bits)
