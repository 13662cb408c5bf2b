"""Other inputs than that of the features, which are fed as somebody declared it. Pure, knows no runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bisect_cache.timeline.declaration import Extra, listed
from bisect_cache.worker.ports import FLOATS, CannotFeed, Port

_WHOLE = {
    "tensor(int64)": "<i8",
    "tensor(int32)": "<i4",
    "tensor(int16)": "<i2",
    "tensor(int8)": "<i1",
    "tensor(uint8)": "<u1",
}
"""What such an input may take beside floating-point numbers: a code is a whole number."""
_LARGEST_EXTRA = 100_000


@dataclass(frozen=True)
class ExtraFeed:
    """A plan for another input: ``constant``, the same in every row, or ``columns`` of the cache, as ``dtype``."""

    input: str
    dtype: str
    constant: tuple[float, ...] = ()
    columns: tuple[int, ...] = ()
    flat: bool = False
    """Whether a row is one number, [N], and no vector, [N, width]."""
    once: bool = False
    """Whether the constant is given as it is, [width], and not for each row."""


def extra_feed(port: Port, declared: Extra, columns: Sequence[str]) -> ExtraFeed:
    """How to feed ``port`` what is declared for it, from features called ``columns``. Raises ``CannotFeed``."""
    dtype = (FLOATS | _WHOLE).get(port.type)
    if dtype is None:
        raise CannotFeed(f"its input {port} takes no numbers; numbers are declared for it")
    if port.shape is not None and len(port.shape) > 2:
        raise CannotFeed(f"its input {port} is neither [N, width] nor [N] nor [width]; no other is fed")
    taken = port.shape[-1] if port.shape else None
    if declared.columns is not None:
        return _from_columns(port, declared.columns, columns, dtype)
    constant = _constant(port, declared, taken)
    if dtype in _WHOLE.values():
        _refuse_fractions(port, constant, dtype)
    if port.shape is None or len(port.shape) == 2:
        _must_be_as_wide(port, len(constant))
        return ExtraFeed(port.name, dtype, constant)
    if taken == len(constant):
        return ExtraFeed(port.name, dtype, constant, once=True)
    _must_be_one(port, len(constant))
    return ExtraFeed(port.name, dtype, constant, flat=True)


def _from_columns(port: Port, names: Sequence[str], columns: Sequence[str], dtype: str) -> ExtraFeed:
    missing = [name for name in names if name not in columns]
    if missing:
        raise CannotFeed(
            f"its input '{port.name}' is declared to be fed {listed(names)}; the cache has no {listed(missing)}"
        )
    order = tuple(columns.index(name) for name in names)
    if port.shape is None or len(port.shape) == 2:
        _must_be_as_wide(port, len(order))
        return ExtraFeed(port.name, dtype, columns=order)
    _must_be_one(port, len(order))
    return ExtraFeed(port.name, dtype, columns=order, flat=True)


def _constant(port: Port, declared: Extra, taken: int | None) -> tuple[float, ...]:
    """The numbers of one row."""
    if declared.one_hot is None:
        return declared.constant if isinstance(declared.constant, tuple) else (declared.constant or 0.0,)
    width = declared.of if declared.of is not None else taken
    if width is None:
        raise CannotFeed(f"its input {port} does not say how wide it is: declare the places of one_hot with `of`")
    if not declared.one_hot < width <= _LARGEST_EXTRA:
        raise CannotFeed(f"its input {port} is declared one-hot {declared.one_hot}, counted from 0, of {width}")
    return tuple(float(place == declared.one_hot) for place in range(width))


def _must_be_as_wide(port: Port, width: int) -> None:
    wanted = port.shape[1] if port.shape else None
    if wanted not in {None, width}:
        raise CannotFeed(f"its input {port} wants {wanted} numbers a row; {width} are declared")


def _must_be_one(port: Port, width: int) -> None:
    if width != 1:
        raise CannotFeed(f"its input {port} wants one number a row; {width} are declared")


def _refuse_fractions(port: Port, numbers: Sequence[float], dtype: str) -> None:
    bits = 8 * int(dtype[-1])
    low, high = (0, 2**bits) if dtype[1] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1))
    odd = [number for number in numbers if number != int(number) or not low <= number < high]
    if odd:
        raise CannotFeed(f"its input {port} takes whole numbers of {bits} bits; {odd[0]:g} is declared for it")
