"""Thresholds: lines such as ``plcc >= 0.85`` or ``srocc >= baseline - 0.01``, all of which a checkpoint must hold."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from bisect_cache.errors import OfStrangers

METRIC_NAMES = ("plcc", "srocc", "rmse", "rmse_mapped")
DEFAULT_THRESHOLDS = ("plcc >= 0.85",)
MOST_THRESHOLDS = 100
Operator = Literal[">=", "<=", ">", "<"]
Reference = Literal["baseline", "previous"]
"""What a relative threshold compares with: the baseline, or the neighbour just before."""
_OPERATORS = (">=", "<=", ">", "<")
_TOKEN = re.compile(r"\s*(>=|<=|>|<|[^\s<>=]+|=+)")
_RELATIVE = re.compile(r"(baseline|previous)(?![\w.])\s*", re.IGNORECASE)
_STEP = re.compile(r"([-+*])\s*(\S+)\s*")

_EXAMPLE = (
    f"a threshold is METRIC OP NUMBER, such as 'plcc >= 0.85', or relative, such as 'plcc >= baseline - 0.02', "
    f"'srocc >= previous - 0.01' or 'rmse_mapped <= baseline * 1.05'; metrics: {', '.join(METRIC_NAMES)}"
)


class BadThreshold(OfStrangers):
    """A threshold that cannot be understood: where, and what can stand there."""


@dataclass(frozen=True)
class Threshold:
    """One line: ``metric`` compared by ``operator`` with ``number``, or with ``factor * reference + number``."""

    metric: str
    operator: Operator
    number: float
    reference: Reference | None = None
    factor: float = 1.0

    @property
    def least(self) -> bool:
        """Whether it asks for a value of at least so much; else of at most."""
        return self.operator.startswith(">")

    def bound(self, of_reference: float | None) -> float | None:
        """What the metric is compared with; None where the reference has no value."""
        if self.reference is None:
            return self.number
        return None if of_reference is None else self.factor * of_reference + self.number

    def holds(self, value: float) -> bool:
        """Whether ``value`` (the metric, or by how much it is above ``factor * reference``) holds it."""
        return _holds(self.operator, value, self.number)

    def __str__(self) -> str:
        if self.reference is None:
            return f"{self.metric} {self.operator} {written(self.number)}"
        step = f" * {written(self.factor)}" if self.factor != 1 else ""
        if self.number:
            step = f" {'-' if self.number < 0 else '+'} {written(abs(self.number))}"
        return f"{self.metric} {self.operator} {self.reference}{step}"


def _holds(operator: Operator, value: float, number: float) -> bool:
    if operator == ">=":
        return value >= number
    if operator == "<=":
        return value <= number
    return value > number if operator == ">" else value < number


def parse_thresholds(lines: Sequence[str]) -> tuple[Threshold, ...]:
    """The thresholds in ``lines``; blank lines and what follows a ``#`` do not count.

    Raises ``BadThreshold`` at the first line that is no threshold, and where lines are given and none is left: a
    gate that nothing can fail is no gate.
    """
    cleaned = [line.split("#", 1)[0] for line in lines]
    left = [line for line in cleaned if line.strip()]
    if lines and not left:
        raise BadThreshold(f"no threshold is left in {lines[0]!r:.80}; {_EXAMPLE}")
    if len(left) > MOST_THRESHOLDS:
        raise BadThreshold(f"{len(left):,} thresholds; a timeline is held to {MOST_THRESHOLDS} at most: leave some out")
    return tuple(_parse(line) for line in left)


def _parse(line: str) -> Threshold:
    tokens = [(match.group(1), match.start(1) + 1) for match in _TOKEN.finditer(line)]
    metric, position = tokens[0]
    if metric.lower() not in METRIC_NAMES:
        raise _bad(line, position, f"'{metric}' is no metric; the metrics are {', '.join(METRIC_NAMES)}")
    if len(tokens) < 2 or tokens[1][0] not in _OPERATORS:
        found, position = tokens[1] if len(tokens) > 1 else ("the end", len(line.rstrip()) + 1)
        raise _bad(line, position, f"found {_quoted(found)} where an operator must stand: {' '.join(_OPERATORS)}")
    if len(tokens) < 3:
        raise _bad(line, len(line.rstrip()) + 1, "a number, 'baseline' or 'previous' must follow the operator")
    operator = cast("Operator", tokens[1][0])
    text, position = tokens[2]
    if relative := _RELATIVE.match(line, position - 1):
        return _relative(line, metric.lower(), operator, relative)
    number = _number(text)
    if number is None:
        raise _bad(line, position, f"'{text}' is no number")
    if len(tokens) > 3:
        extra, position = tokens[3]
        raise _bad(line, position, f"found '{extra}' behind the number; write one threshold per line")
    return Threshold(metric.lower(), operator, number)


def _relative(line: str, metric: str, operator: Operator, relative: re.Match[str]) -> Threshold:
    """What follows ``baseline`` or ``previous``: nothing, or one step such as ``- 0.02`` or ``* 1.05``."""
    reference = cast("Reference", relative.group(1).lower())
    start = relative.end()
    step = _STEP.match(line, start)
    end = step.end() if step else start
    if end < len(line.rstrip()):
        found = line[end:].split(maxsplit=1)[0]
        raise _bad(line, end + 1, f"found '{found}' behind '{line[:end].strip()}'; write one threshold per line")
    if step is None:
        return Threshold(metric, operator, 0.0, reference)
    sign, text = step.groups()
    number = _number(text)
    if number is None or (sign == "*" and number <= 0):
        wanted = "no number above 0" if number is not None else "no number"
        raise _bad(line, step.start(2) + 1, f"'{text}' is {wanted}")
    if sign == "*":
        return Threshold(metric, operator, 0.0, reference, number)
    return Threshold(metric, operator, -number if sign == "-" else number, reference)


def _number(text: str) -> float | None:
    if "_" in text or not text.isascii():  # float() takes 1_000 and digits of other scripts
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def written(number: float) -> str:
    """The shortest text that is read back as the same number."""
    return f"{number:g}" if float(f"{number:g}") == number else repr(number)


def _quoted(found: str) -> str:
    return found if found == "the end" else f"'{found}'"


def _bad(line: str, position: int, why: str) -> BadThreshold:
    return BadThreshold(f"threshold '{line.strip()}', position {position}: {why}. {_EXAMPLE[0].upper()}{_EXAMPLE[1:]}")
