"""Exactly rounded sums: the same float64 on every CPU, NumPy and Python, in one piece or in many.

A plain ``numpy.sum`` depends on the order of its additions, and that order changes with the CPU's vector width and with
the library's version. Here values are cut into layers: each layer rounds every value to a grid so coarse that a sum of
multiples of it cannot round in float64, whatever its order, so NumPy may add them as fast as it can. What a layer
leaves of a value is exact, and goes to the next. The sums are kept as integers; the one rounding happens at the very
end, when a number is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# So many multiples of a grid, each of up to 38 bits, add up to no more than 2**52 times the grid. 128 KiB of values
# stay in a processor's cache, and memory of that size is given again and again: twice as many take four times as long.
_BITS_AT_A_TIME = 14
_VALUES_AT_A_TIME = 1 << _BITS_AT_A_TIME
_LAYER_BITS = 52 - _BITS_AT_A_TIME
_LEAST = -1074
"""The exponent of the smallest number above 0."""
_SPLITTER = 2.0**27 + 1
_SMALL, _LARGE = 2.0**-450, 2.0**500
"""Between these, no product of two parts of numbers leaves float64 or loses bits of it."""
_SHIFT = 600
"""By so many powers of two are others brought between them."""
_BITS_KEPT = 80
"""Of a root, before it is rounded to 53."""


@dataclass(frozen=True, slots=True)
class Exact:
    """The number ``total * 2**exponent``, as exact as integers are."""

    total: int = 0
    exponent: int = 0

    def __add__(self, other: Exact) -> Exact:
        common = min(self.exponent, other.exponent)
        return Exact(self._at(common) + other._at(common), common)

    def __sub__(self, other: Exact) -> Exact:
        return self + -1 * other

    def __mul__(self, other: Exact | int) -> Exact:
        if isinstance(other, int):
            return Exact(self.total * other, self.exponent)
        return Exact(self.total * other.total, self.exponent + other.exponent)

    __rmul__ = __mul__

    def over(self, divisor: int) -> float:
        """The float64 next to this number divided by ``divisor`` > 0. Raises ``OverflowError`` beyond float64."""
        # A division of Python's integers rounds exactly.
        if self.exponent >= 0:
            return (self.total << self.exponent) / divisor
        return self.total / (divisor << -self.exponent)

    def _at(self, exponent: int) -> int:
        return self.total << (self.exponent - exponent)


NOTHING = Exact()


def root_of_ratio(above: Exact, below: Exact) -> float:
    """The float64 next to sqrt(above / below), for ``above`` >= 0 and ``below`` > 0.

    Raises ``OverflowError`` beyond float64.
    """
    if above.total <= 0:
        return 0.0
    # An even power of two more, so that the quotient has bits enough, and comes out of the root as half of it.
    spare = max(0, 2 * _BITS_KEPT - above.total.bit_length() + below.total.bit_length())
    power = above.exponent - below.exponent - spare
    if power % 2:
        spare, power = spare + 1, power - 1
    quotient, rest = divmod(above.total << spare, below.total)
    root = math.isqrt(quotient)
    # What is cut off decides only between two neighbours: a last bit says that there was something.
    sticky = int(bool(rest) or root * root != quotient)
    return Exact(2 * root + sticky, power // 2 - 1).over(1)


def exact_sum(values: Floats) -> float:
    """The exactly rounded sum of ``values``, shape (N,), float64, all finite.

    Equal to ``math.fsum(values)``, and several times faster on large arrays.

    Raises ``OverflowError`` when the sum is beyond float64.
    """
    return exact_total(values).over(1)


def exact_mean(values: Floats) -> float:
    """The exactly rounded mean of ``values``, shape (N,), float64, all finite, N >= 1."""
    return exact_total(values).over(values.size)


def exact_total(values: NDArray[Any]) -> Exact:
    """The sum of ``values``, shape (N,), float32 or float64, all finite, without any rounding."""
    total = NOTHING
    for start in range(0, values.size, _VALUES_AT_A_TIME):
        total += _layered_sum(values[start : start + _VALUES_AT_A_TIME].astype(np.float64, copy=False))
    return total


@dataclass(frozen=True)
class Factor:
    """Numbers (N,) as sums of parts (N,), each times its power of two: products of any two parts are exact."""

    parts: Sequence[tuple[NDArray[Any], int]]
    size: int


def factor(values: NDArray[Any]) -> Factor:
    """Make ready for ``exact_dot``: ``values`` (N,), float32 or float64, all finite.

    A float32 is short enough as it is; a float64 is cut in two (Veltkamp; Dekker, Numer. Math. 18, 1971, p. 224).
    """
    if values.dtype.itemsize <= 4:
        return Factor([(values, 0)], values.size)
    parts: list[tuple[NDArray[Any], int]] = []
    for scaled, shift in _between(values):
        wide = _SPLITTER * scaled
        high = wide - (wide - scaled)
        low = scaled - high
        parts += [(part, shift) for part in (high, low) if part.any()]
    return Factor(parts, values.size)


def exact_dot(first: Factor, second: Factor) -> Exact:
    """The sum of the products of two factors of equal size, without any rounding."""
    total = NOTHING
    for (one, shift), (other, other_shift) in product(first.parts, second.parts):
        for start in range(0, first.size, _VALUES_AT_A_TIME):
            part = slice(start, start + _VALUES_AT_A_TIME)
            summed = _layered_sum(np.multiply(one[part], other[part], dtype=np.float64))
            total += Exact(summed.total, summed.exponent + shift + other_shift)
    return total


def _between(values: Floats) -> Iterator[tuple[Floats, int]]:
    """``values`` as arrays of numbers that are 0 or between ``_SMALL`` and ``_LARGE``, each with its power of two."""
    sizes = np.abs(values)
    large, small = sizes >= _LARGE, sizes < _SMALL
    if not large.any() and not values[small].any():
        yield values, 0
        return
    yield np.where(large | small, 0.0, values), 0
    yield np.ldexp(np.where(large, values, 0.0), -_SHIFT), _SHIFT
    yield np.ldexp(np.where(small, values, 0.0), _SHIFT), -_SHIFT


def _layered_sum(values: Floats) -> Exact:
    largest = max(float(values.max()), -float(values.min()))
    if largest >= 2.0 * _LARGE:
        large = np.abs(values) >= _LARGE
        of_large = _layered_sum(np.ldexp(values[large], -_SHIFT))
        return Exact(of_large.total, of_large.exponent + _SHIFT) + _layered_sum(np.append(values[~large], 0.0))
    total, grid = NOTHING, math.frexp(largest)[1]
    rest = values
    while True:
        grid = max(_LEAST, grid - _LAYER_BITS)
        # Beside so large a number there is no room for bits below the grid: adding it and taking it away rounds.
        rounder = math.ldexp(1.5, 52 + grid)
        layer = rest + rounder
        layer -= rounder
        total += Exact(int(math.ldexp(float(layer.sum()), -grid)), grid)
        rest = rest - layer
        left = np.count_nonzero(rest)
        if not left:
            return total
        if left < rest.size // 2:
            rest = rest[rest != 0]
