"""How a model is fed and its scores are read, as somebody who knows the model declares it.

The same structs are read from a file of the timeline (``feeding_file.py``) and from a model's own metadata, and go to
the worker as they are. Pure: what they say is checked here, whether it fits a model is found out when it is fed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Literal, TypeVar, get_args

import msgspec
from msgspec import Meta, Struct

from bisect_cache.printable import first_of

METADATA_KEY = "bisect-cache.feeding"
"""The entry of a model's own metadata that holds a ``Feeding``, as JSON."""
_SHOWN = 8
"""Names in a sentence."""
_CUT = 60
"""Characters of one of them."""
_AT = re.compile(r"(?s)(.*) - at `\$\.?(.*)`")

Name = Annotated[str, Meta(min_length=1, max_length=1000)]
Names = Annotated[tuple[Name, ...], Meta(min_length=1, max_length=10_000)]
Numbers = (
    float
    | Annotated[tuple[float, ...], Meta(min_length=1, max_length=10_000)]
    | Annotated[dict[Name, float], Meta(min_length=1, max_length=10_000)]
)
"""One for all features, one for each in the model's order, or one for each by name."""
Position = Annotated[int, Meta(ge=0, lt=100_000)]
Source = Literal["none", "sidecar", "metadata"]
_Type = TypeVar("_Type")


class NotDeclared(Exception):
    """What was given as a declaration is none: which key, and why."""


class Normalisation(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"source": "from"}):
    """Each feature minus its mean, divided by its std; the numbers themselves, or the keys that they stand under."""

    source: Source | None = None
    """Where ``mean`` and ``std`` are keys; None where they are the numbers themselves."""
    mean: Numbers | Name | None = None
    std: Numbers | Name | None = None

    def __post_init__(self) -> None:
        said = (self.mean, self.std)
        if self.source == "none":
            if said != (None, None):
                raise ValueError("from is none, but mean or std are given: leave them out, or say where they stand")
        elif self.source is None:
            if any(value is None or isinstance(value, str) for value in said):
                raise ValueError('mean and std must both be numbers, or keys with from = "sidecar" or "metadata"')
            for key, value in zip(("mean", "std"), said, strict=True):
                _refuse_odd(_flat(value), key)
            if any(number <= 0 for number in _flat(self.std)):
                raise ValueError("std holds a number that is not above 0: nothing can be divided by it")
        elif not (said == (None, None) or all(isinstance(value, str) for value in said)):
            raise ValueError(f"mean and std must both name a key of the {self.source}, or be left out for known ones")


class Extra(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What another input than that of the features is fed: the same in every row, or columns of the cache."""

    one_hot: Position | None = None
    """The place of the 1 among zeros, counted from 0."""
    of: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    """How many places there are; None: as many as the model's input has."""
    constant: float | Annotated[tuple[float, ...], Meta(min_length=1, max_length=10_000)] | None = None
    columns: Names | None = None

    def __post_init__(self) -> None:
        if sum(value is not None for value in (self.one_hot, self.constant, self.columns)) != 1:
            raise ValueError("an input takes one of one_hot, constant and columns")
        if self.of is not None and self.one_hot is None:
            raise ValueError("of says how many places one_hot has; it stands beside nothing else")
        if self.one_hot is not None and self.of is not None and self.one_hot >= self.of:
            raise ValueError(f"one_hot is {self.one_hot}, but {self.of} places are counted from 0 to {self.of - 1}")
        _refuse_odd(_flat(self.constant), "constant")


class Output(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"low_high": "from"}):
    """Which output is the score, and on which scale it is: ``times`` and ``plus``, or one scale to another."""

    name: Name | None = None
    column: Position | None = None
    """Which of several scores a row, counted from 0."""
    times: float = 1.0
    plus: float = 0.0
    low_high: tuple[float, float] | None = None
    """The model's own scale, low and high …"""
    to: tuple[float, float] | None = None
    """… and what these become."""

    def __post_init__(self) -> None:
        _refuse_odd((self.times, self.plus, *(self.low_high or ()), *(self.to or ())), "output")
        if self.times == 0:
            raise ValueError("times is 0: every score would be the same")
        if (self.low_high is None) != (self.to is None):
            raise ValueError("from and to are two scales, [low, high] each: give both")
        for key, scale in (("from", self.low_high), ("to", self.to)):
            if scale is not None and scale[0] == scale[1]:
                raise ValueError(f"{key} is a scale of no length")
        if self.to is not None and (self.times, self.plus) != (1.0, 0.0):
            raise ValueError("times and plus stand beside from and to: one of the two says the scale")

    @property
    def rescales(self) -> bool:
        """Whether scores become others."""
        return self.to is not None or (self.times, self.plus) != (1.0, 0.0)


class Feeding(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """All that is declared of one model; None for what is not."""

    input: Name | None = None
    """The input that takes the features."""
    features: Names | None = None
    """Columns of the cache, in the model's order."""
    normalisation: Source | Normalisation | None = None
    inputs: Annotated[dict[Name, Extra], Meta(max_length=100)] | None = None
    output: Output | None = None

    @property
    def normalising(self) -> Normalisation | None:
        """Where the numbers come from; None where features are fed as they are."""
        said = self.normalisation
        said = Normalisation(said) if isinstance(said, str) else said
        return None if said is None or said.source == "none" else said


DECLARES_NOTHING = Feeding()
"""Of a model that is fed as it is."""
KEYS = tuple(field.encode_name for field in msgspec.structs.fields(Feeding))


def combined(first: Feeding, then: Feeding) -> Feeding:
    """``first``, where ``then`` does not say otherwise: key by key, each as a whole."""
    return Feeding(*(new if new is not None else old for old, new in zip(_values(first), _values(then), strict=True)))


def _values(feeding: Feeding) -> tuple[Any, ...]:
    return tuple(getattr(feeding, key) for key in KEYS)


def declared_in(document: object, place: str = "") -> Feeding:
    """The declaration that decoded JSON or TOML holds; ``place`` is what stands before its keys in errors.

    Raises ``NotDeclared`` with the key.
    """
    if not isinstance(document, dict):
        raise NotDeclared(f"{place or 'it'} is no table of {', '.join(KEYS)}")
    inputs = document.get("inputs")
    if isinstance(inputs, dict):
        for name, extra in inputs.items():  # one by one, because an error in all of them would not name the input
            converted(extra, Extra, _joined(place, f"inputs.{name}"))
    said = document.get("normalisation")
    if isinstance(said, str) and said not in get_args(Source):
        key, known = _joined(place, "normalisation"), " or ".join(get_args(Source))
        raise NotDeclared(f"{key}: is '{said[:80]}'; it can be {known}, or a table with mean and std")
    return converted(document, Feeding, place)


def converted(document: object, kind: type[_Type], place: str) -> _Type:
    """Decoded data as ``kind``. Raises ``NotDeclared`` with the key, below ``place``, that does not fit."""
    try:
        made = msgspec.convert(document, kind)
        msgspec.json.encode(made)
        return made
    except UnicodeEncodeError as error:  # JSON can spell it, and the worker cannot be told
        raise NotDeclared(f"{place or 'it'}: half a character stands in it, which no name has"[:300]) from error
    except msgspec.ValidationError as error:
        found = _AT.fullmatch(str(error))
        key = _joined(place, found[2]) if found else place
        said = found[1] if found else str(error)
        raise NotDeclared(f"{key[:200]}: {said}" if key else said) from error


def _joined(place: str, key: str) -> str:
    return f"{place}.{key}" if place and key else place or key


def words(feeding: Feeding, normalised: str | None = None) -> Iterator[str]:
    """What is declared, for a reader; ``normalised`` says where the numbers were found, where that is known."""
    if feeding.input is not None:
        yield f"features go to input '{_cut(feeding.input)}'"
    if feeding.features is not None:
        yield f"features {listed(feeding.features)}"
    if (normalising := feeding.normalising) is not None:
        yield f"normalised by {normalised or _numbers_of(normalising)}"
    elif feeding.normalisation is not None:
        yield "not normalised"
    for name, extra in (feeding.inputs or {}).items():
        yield f"input '{_cut(name)}' {_fed(extra)}"
    if feeding.output is not None:
        yield from _read(feeding.output)


def _numbers_of(normalising: Normalisation) -> str:
    if normalising.source is None:
        return "the mean and std that are given"
    if isinstance(normalising.mean, str) and isinstance(normalising.std, str):
        return f"{_cut(normalising.mean)} and {_cut(normalising.std)} of its {normalising.source}"
    return f"its {normalising.source}"


def _fed(extra: Extra) -> str:
    if extra.one_hot is not None:
        return f"one-hot {extra.one_hot}{f' of {extra.of}' if extra.of is not None else ''}"
    if extra.columns is not None:
        return f"from {listed(extra.columns)}"
    constant = _flat(extra.constant)
    return f"constant {listed([f'{number:g}' for number in constant])}"


def _read(output: Output) -> Iterator[str]:
    if output.name is not None:
        yield f"scores are output '{_cut(output.name)}'"
    if output.column is not None:
        yield f"scores are column {output.column} of the output"
    if output.low_high is not None and output.to is not None:
        (low, high), (lowest, highest) = output.low_high, output.to
        yield f"scores from {low:g} to {high:g} become {lowest:g} to {highest:g}"
    elif output.rescales:
        plus = f" {'plus' if output.plus > 0 else 'minus'} {abs(output.plus):g}" if output.plus else ""
        yield f"scores{f' times {output.times:g}' if output.times != 1 else ''}{plus}"


def listed(names: Sequence[str]) -> str:
    """Some of many, in a sentence."""
    return first_of(map(_cut, names), _SHOWN)


def _cut(text: str) -> str:
    return text if len(text) <= _CUT else f"{text[: _CUT - 1]}…"


def _flat(value: Numbers | str | None) -> tuple[float, ...]:
    if value is None or isinstance(value, str):
        return ()
    if isinstance(value, dict):
        return tuple(value.values())
    return value if isinstance(value, tuple) else (value,)


def _refuse_odd(numbers: Iterable[float], key: str) -> None:
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"{key} holds NaN or infinity")
