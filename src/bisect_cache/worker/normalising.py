"""Mean and std of the features, found under the keys of a sidecar or of metadata. Pure, knows no runtime."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from bisect_cache.printable import printable
from bisect_cache.timeline.declaration import Normalisation, Numbers, listed

KNOWN = (
    ("feature_mean", "feature_std"),
    ("input_mean", "input_std"),
    ("norm_mean", "norm_std"),
    ("scaler_mean", "scaler_scale"),
    ("mean_", "scale_"),
    ("mean", "std"),
)
"""Keys under which normalisation is kept, in sidecars as they were found; the last but one is scikit-learn's."""
_KEYS = frozenset(key for pair in KNOWN for key in pair)
_MOST_NUMBERS = 10_000


class NoNumbers(Exception):
    """What a document lacks of a mean and a std."""


class Scaler(Struct, frozen=True):
    """What features are normalised with."""

    mean: Numbers
    std: Numbers
    said: str
    """Where the numbers stand, for a reader."""


def keys_in(document: Mapping[str, object]) -> tuple[str, ...]:
    """The known keys that a document holds, at its top or one object below: what a reader is told of it."""
    return tuple(path for path, _ in _values(document) if path.rpartition(".")[2] in _KEYS)


def pairs_in(document: Mapping[str, object]) -> list[tuple[str, str]]:
    """The known keys of a mean and of its std that a document holds, at its top or one object below."""
    there = {path for path, _ in _values(document)}
    return [
        (f"{before}{mean}", f"{before}{std}")
        for before in sorted({path[: path.rfind(".") + 1] for path in there})
        for mean, std in KNOWN
        if f"{before}{mean}" in there and f"{before}{std}" in there
    ]


def scaler_in(document: Mapping[str, object], wanted: Normalisation, called: str) -> Scaler:
    """The numbers under the keys that ``wanted`` names, or under the one pair of known keys that is there.

    A key that is no key of the document is a path through its objects (``norm.mean``). ``called`` is what a reader
    calls the document. Raises ``NoNumbers``.
    """
    if isinstance(wanted.mean, str) and isinstance(wanted.std, str):
        keys = wanted.mean, wanted.std
    else:
        keys = _known_pair(document)
    mean, std = (_numbers(_found(document, key), key) for key in keys)
    return Scaler(mean, std, f"{keys[0]} and {keys[1]} of {called}")


def spread(numbers: Numbers, names: Sequence[str], key: str) -> tuple[float, ...]:
    """A number for each of the features ``names``, in their order. Raises ``NoNumbers`` where there are others."""
    if isinstance(numbers, dict):
        missing = [name for name in names if name not in numbers]
        if missing:
            raise NoNumbers(f"{key} has no number for {listed(missing)}")
        return tuple(numbers[name] for name in names)
    if isinstance(numbers, tuple):
        if len(numbers) != len(names):
            raise NoNumbers(f"{key} has {len(numbers)} numbers for {len(names)} features ({listed(names)})")
        return numbers
    return (numbers,) * len(names)


def divisors(numbers: Numbers, names: Sequence[str]) -> tuple[float, ...]:
    """Stds, spread. Raises ``NoNumbers`` for one that nothing can be divided by."""
    stds = spread(numbers, names, "std")
    wrong = [f"{name} ({std:g})" for name, std in zip(names, stds, strict=True) if not std > 0]
    if wrong:
        raise NoNumbers(f"std must be above 0 to divide by it; it is not for {listed(wrong)}")
    return stds


def _values(document: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    yield from document.items()
    for outer, inner in document.items():
        if isinstance(inner, dict):
            yield from ((f"{outer}.{key}", value) for key, value in inner.items())


def _known_pair(document: Mapping[str, object]) -> tuple[str, str]:
    pairs = pairs_in(document)
    if len(pairs) == 1:
        return pairs[0]
    if pairs:
        named = "; ".join(f"{mean} and {std}" for mean, std in pairs[:4])
        raise NoNumbers(f"holds normalisation more than once ({named}): declare which, with mean and std")
    known = ", ".join(f"{mean} and {std}" for mean, std in KNOWN)
    raise NoNumbers(f"holds no normalisation under known keys ({known}): declare its keys, with mean and std")


def _found(document: Mapping[str, object], key: str) -> object:
    if key in document:
        return document[key]
    found: object = document
    for part in key.split("."):
        if not isinstance(found, dict) or part not in found:
            raise NoNumbers(f"has no {key[:200]}: it holds {listed(list(document)) or 'nothing'}")
        found = found[part]
    return found


def _numbers(value: object, key: str) -> Numbers:
    """A number, or those of a list or of an object by name; in metadata they stand as text."""
    if isinstance(value, str):
        value = _decoded(value)
    numbers = value if isinstance(value, dict | list) else [value]
    inner: list[Any] = list(numbers.values()) if isinstance(numbers, dict) else numbers
    if not inner or len(inner) > _MOST_NUMBERS:
        raise NoNumbers(f"{key[:200]} holds {len(inner)} numbers; 1 to {_MOST_NUMBERS:,} are read")
    odd = [one for one in inner if not _is_number(one)]
    if odd:
        raise NoNumbers(f"{key[:200]} holds {printable(str(odd[0]), 80)}, which is no finite number")
    if isinstance(value, dict):
        return {str(name): float(one) for name, one in zip(value, inner, strict=True)}
    return tuple(float(one) for one in inner) if isinstance(value, list) else float(inner[0])


def _is_number(value: object) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False  # a whole number that no float holds


def _decoded(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
