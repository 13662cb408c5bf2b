"""How a model is fed: which input takes the features, in which order, type and batch. Pure, knows no runtime."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bisect_cache.timeline.declaration import DECLARES_NOTHING, Feeding
from bisect_cache.worker.extra_inputs import ExtraFeed, extra_feed
from bisect_cache.worker.ports import FLOATS, CannotFeed, Port, listed_ports

NAMES_OF_FEATURES = ("feature_order", "feature_names", "features", "input_features", "feature_columns")
"""Keys under which a model's metadata or a sidecar lists the names of its features, the first one found counts."""


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
    extras: tuple[ExtraFeed, ...] = ()
    column: int | None = None
    """Which of several scores a row; None where there is one."""


def plan(
    inputs: Sequence[Port],
    outputs: Sequence[Port],
    columns: Sequence[str],
    *,
    names: Sequence[str] | None = None,
    wanted_input: str | None = None,
    wanted_output: str | None = None,
    declared: Feeding = DECLARES_NOTHING,
) -> Feed:
    """How to feed a model with these ports from features called ``columns``.

    ``names`` are the features in the model's own order, where it or its sidecar lists them; ``declared`` says what
    other inputs are fed, and which of several scores counts.

    Raises ``CannotFeed`` with what the model wants.
    """
    order = _order(columns, names)
    extras = declared.inputs or {}
    unknown = [name for name in extras if name not in {port.name for port in inputs}]
    if unknown:
        raise CannotFeed(f"has no input '{unknown[0]}', which is declared; its inputs are {listed_ports(inputs)}")
    if wanted_input in extras:
        raise CannotFeed(f"its input '{wanted_input}' is declared twice, for the features and among inputs")
    port = _input([port for port in inputs if port.name not in extras], len(order), wanted_input)
    others = [other for other in inputs if other.name != port.name and other.name not in extras]
    if others:
        raise CannotFeed(
            f"wants a second input {listed_ports(others)}, which the cache does not hold (zeros would score nonsense; "
            f"docs/models.md says how to declare what it is fed)"
        )
    if port.type not in FLOATS:
        raise CannotFeed(f"its input {port} takes no floating-point features")
    if port.shape is not None and len(port.shape) != 2:
        raise CannotFeed(f"its input {port} is no matrix; the cache gives one, [N, {len(order)}]")
    batch, width = port.shape or (None, None)
    if width is not None and width != len(order):
        held = ", ".join(columns)
        raise CannotFeed(f"its input {port} wants {width} features, the cache has {len(order)}: {held}")
    more = [(other, extra_feed(other, extras[other.name], columns)) for other in inputs if other.name in extras]
    column = declared.output.column if declared.output else None
    return Feed(
        port.name,
        _output(outputs, wanted_output, column).name,
        order,
        FLOATS[port.type],
        _batch([(port, batch), *((other, _rows_of(other)) for other, extra in more if not extra.once)]),
        tuple(extra for _, extra in more),
        column,
    )


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
            raise CannotFeed(f"has no input '{wanted}'; its inputs are {listed_ports(inputs)}")
        return named[0]
    shaped = [port for port in inputs if port.shape is None or len(port.shape) == 2]
    fitting = [port for port in shaped if port.shape is None or port.shape[1] in {None, width}]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting and len(inputs) == 1 and shaped:
        return shaped[0]  # the width is wrong, which the caller says
    if not fitting:
        raise CannotFeed(f"wants {listed_ports(inputs)}; the cache gives one matrix [N, {width}]")
    raise CannotFeed(f"wants several inputs, {listed_ports(inputs)}; the cache gives one matrix [N, {width}]")


def _rows_of(port: Port) -> int | None:
    return port.shape[0] if port.shape else None


def _batch(fixed: Sequence[tuple[Port, int | None]]) -> int | None:
    """The number of rows that the inputs insist on together."""
    said = {rows: port for port, rows in fixed if rows is not None}
    if len(said) > 1:
        raise CannotFeed(f"its inputs insist on different numbers of rows: {listed_ports(list(said.values()))}")
    return next(iter(said), None)


def _output(outputs: Sequence[Port], wanted: str | None, column: int | None) -> Port:
    if wanted is not None:
        named = [port for port in outputs if port.name == wanted]
        if not named:
            raise CannotFeed(f"has no output '{wanted}'; its outputs are {listed_ports(outputs)}")
        if column is not None and not _has_column(named[0].shape, column):
            raise CannotFeed(f"gives {named[0]}; column {column}, counted from 0, is declared to be the score")
        return named[0]
    fitting = [port for port in outputs if port.type in FLOATS and _could_be(port.shape, column)]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting and column is not None:
        raise CannotFeed(f"gives {listed_ports(outputs)}; column {column}, counted from 0, is declared to be the score")
    if not fitting:
        raise CannotFeed(f"gives {listed_ports(outputs)}; a score is floating-point, [N] or [N, 1]")
    raise CannotFeed(f"gives several outputs that could be the score, {listed_ports(fitting)}: name one with --output")


def _could_be(shape: tuple[int | None, ...] | None, column: int | None) -> bool:
    return _one_score_a_row(shape) if column is None else _has_column(shape, column)


def _has_column(shape: tuple[int | None, ...] | None, column: int) -> bool:
    return shape is None or (len(shape) == 2 and (shape[1] is None or column < shape[1]))


def _one_score_a_row(shape: tuple[int | None, ...] | None) -> bool:
    return shape is None or len(shape) == 1 or (len(shape) == 2 and shape[1] in {None, 1})
