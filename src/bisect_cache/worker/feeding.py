"""How a model is fed: which input takes the features, in which order, type and batch. Pure, knows no runtime."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

NAMES_OF_FEATURES = ("feature_order", "feature_names", "features", "input_features", "feature_columns")
"""Keys under which a model's metadata or a sidecar lists the names of its features, the first one found counts."""
NORMALISATION = ("feature_mean", "feature_std", "input_mean", "input_std", "mean", "std", "norm_mean", "norm_std")
"""Keys under which a sidecar keeps normalisation. It is never applied by itself: whether the graph already holds it
cannot be seen."""
_NUMPY = {"tensor(float)": "<f4", "tensor(double)": "<f8", "tensor(float16)": "<f2"}


class CannotFeed(Exception):
    """What the model wants that the cache does not give."""


@dataclass(frozen=True)
class Port:
    """One input or output as the model declares it; a free dimension is None."""

    name: str
    type: str
    shape: tuple[int | None, ...] | None

    def __str__(self) -> str:
        if self.shape is None:
            return f"'{self.name}' {self.type}"
        return f"'{self.name}' {self.type} [{', '.join('N' if size is None else str(size) for size in self.shape)}]"


@dataclass(frozen=True)
class Feed:
    """A plan: cast the chosen columns to ``dtype`` and give them to ``input``, ``batch`` rows at a time."""

    input: str
    output: str
    columns: tuple[int, ...]
    """Positions in the cache's features, in the model's order."""
    dtype: str
    batch: int | None
    """None: all rows at once."""


def plan(
    inputs: Sequence[Port],
    outputs: Sequence[Port],
    columns: Sequence[str],
    *,
    names: Sequence[str] | None = None,
    wanted_input: str | None = None,
    wanted_output: str | None = None,
) -> Feed:
    """How to feed a model with these ports from features called ``columns``.

    ``names`` are the features in the model's own order, where it or its sidecar lists them.

    Raises ``CannotFeed`` with what the model wants.
    """
    order = _order(columns, names)
    port = _input(inputs, len(order), wanted_input)
    others = [other for other in inputs if other.name != port.name]
    if others:
        raise CannotFeed(
            f"wants a second input {_listed(others)}, which the cache does not hold (zeros would score nonsense)"
        )
    if port.type not in _NUMPY:
        raise CannotFeed(f"its input {port} takes no floating-point features")
    if port.shape is not None and len(port.shape) != 2:
        raise CannotFeed(f"its input {port} is no matrix; the cache gives one, [N, {len(order)}]")
    batch, width = port.shape or (None, None)
    if width is not None and width != len(order):
        held = ", ".join(columns)
        raise CannotFeed(f"its input {port} wants {width} features, the cache has {len(order)}: {held}")
    return Feed(port.name, _output(outputs, wanted_output).name, order, _NUMPY[port.type], batch)


def names_in(document: Mapping[str, object]) -> tuple[str, ...] | None:
    """The names of features that metadata or a sidecar lists, in its order; None where it lists none.

    A value is a list of texts, or one text: JSON, or names with commas between.
    """
    for key in NAMES_OF_FEATURES:
        value = document.get(key)
        if isinstance(value, str):
            value = _decoded(value)
        if isinstance(value, list) and value and all(isinstance(name, str) for name in value):
            return tuple(value)
    return None


def _decoded(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return [name.strip() for name in text.split(",") if name.strip()]


def _order(columns: Sequence[str], names: Sequence[str] | None) -> tuple[int, ...]:
    if names is None:
        return tuple(range(len(columns)))
    missing = [name for name in names if name not in columns]
    if missing:
        raise CannotFeed(f"wants the features {', '.join(names)}; the cache has no {', '.join(missing)}")
    return tuple(columns.index(name) for name in names)


def _input(inputs: Sequence[Port], width: int, wanted: str | None) -> Port:
    if wanted is not None:
        named = [port for port in inputs if port.name == wanted]
        if not named:
            raise CannotFeed(f"has no input '{wanted}'; its inputs are {_listed(inputs)}")
        return named[0]
    shaped = [port for port in inputs if port.shape is None or len(port.shape) == 2]
    fitting = [port for port in shaped if port.shape is None or port.shape[1] in {None, width}]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting and len(inputs) == 1 and shaped:
        return shaped[0]  # the width is wrong, which the caller says
    if not fitting:
        raise CannotFeed(f"wants {_listed(inputs)}; the cache gives one matrix [N, {width}]")
    raise CannotFeed(f"wants several inputs, {_listed(inputs)}; the cache gives one matrix [N, {width}]")


def _output(outputs: Sequence[Port], wanted: str | None) -> Port:
    if wanted is not None:
        named = [port for port in outputs if port.name == wanted]
        if not named:
            raise CannotFeed(f"has no output '{wanted}'; its outputs are {_listed(outputs)}")
        return named[0]
    fitting = [port for port in outputs if port.type in _NUMPY and _one_score_a_row(port.shape)]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise CannotFeed(f"gives {_listed(outputs)}; a score is floating-point, [N] or [N, 1]")
    raise CannotFeed(f"gives several outputs that could be the score, {_listed(fitting)}: name one with --output")


def _one_score_a_row(shape: tuple[int | None, ...] | None) -> bool:
    return shape is None or len(shape) == 1 or (len(shape) == 2 and shape[1] in {None, 1})


def _listed(ports: Sequence[Port]) -> str:
    shown = ", ".join(str(port) for port in ports[:8])
    return f"{shown} and {len(ports) - 8} more" if len(ports) > 8 else shown or "nothing"
