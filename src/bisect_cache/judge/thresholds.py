"""Thresholds: lines such as ``plcc >= 0.85``, all of which a checkpoint must hold."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bisect_cache.errors import BisectCacheError

METRIC_NAMES = ("plcc", "srocc", "rmse", "rmse_mapped")
DEFAULT_THRESHOLDS = ("plcc >= 0.85",)
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_TOKEN = re.compile(r"\s*(>=|<=|>|<|[^\s<>=]+|=+)")


_EXAMPLE = f"a threshold is METRIC OP NUMBER, such as 'plcc >= 0.85'; metrics: {', '.join(METRIC_NAMES)}"


class BadThreshold(BisectCacheError):
    """A threshold that cannot be understood: where, and what can stand there."""


@dataclass(frozen=True)
class Threshold:
    """One line: ``metric`` compared by ``operator`` with ``number``."""

    metric: str
    operator: str
    number: float

    def holds(self, metrics: Mapping[str, float]) -> bool:
        """Whether these metrics hold it."""
        return _OPERATORS[self.operator](metrics[self.metric], self.number)

    def __str__(self) -> str:
        return (
            f"{self.metric} {self.operator} {self.number:g}"
            if _short(self.number)
            else (f"{self.metric} {self.operator} {self.number!r}")
        )


def parse_thresholds(lines: Sequence[str]) -> tuple[Threshold, ...]:
    """The thresholds in ``lines``; blank lines and what follows a ``#`` do not count.

    Raises ``BadThreshold`` at the first line that is not METRIC OP NUMBER, and where lines are given and none is
    left: a gate that nothing can fail is no gate.
    """
    cleaned = [line.split("#", 1)[0] for line in lines]
    left = [line for line in cleaned if line.strip()]
    if lines and not left:
        raise BadThreshold(f"no threshold is left in {lines[0]!r:.80}; {_EXAMPLE}")
    return tuple(_parse(line) for line in left)


def broken(thresholds: Sequence[Threshold], metrics: Mapping[str, float]) -> tuple[Threshold, ...]:
    """Those of ``thresholds`` that these metrics do not hold."""
    return tuple(threshold for threshold in thresholds if not threshold.holds(metrics))


def _parse(line: str) -> Threshold:
    tokens = [(match.group(1), match.start(1) + 1) for match in _TOKEN.finditer(line)]
    metric, position = tokens[0]
    if metric.lower() not in METRIC_NAMES:
        raise _bad(line, position, f"'{metric}' is no metric; the metrics are {', '.join(METRIC_NAMES)}")
    if len(tokens) < 2 or tokens[1][0] not in _OPERATORS:
        found, position = tokens[1] if len(tokens) > 1 else ("the end", len(line.rstrip()) + 1)
        raise _bad(line, position, f"found {_quoted(found)} where an operator must stand: {' '.join(_OPERATORS)}")
    if len(tokens) < 3:
        raise _bad(line, len(line.rstrip()) + 1, "a number must follow the operator")
    text, position = tokens[2]
    number = _number(text)
    if number is None:
        raise _bad(line, position, f"'{text}' is no number")
    if len(tokens) > 3:
        extra, position = tokens[3]
        raise _bad(line, position, f"found '{extra}' behind the number; write one threshold per line")
    return Threshold(metric.lower(), tokens[1][0], number)


def _number(text: str) -> float | None:
    if "_" in text or not text.isascii():  # float() takes 1_000 and digits of other scripts
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _short(number: float) -> bool:
    return float(f"{number:g}") == number


def _quoted(found: str) -> str:
    return found if found == "the end" else f"'{found}'"


def _bad(line: str, position: int, why: str) -> BadThreshold:
    return BadThreshold(f"threshold '{line.strip()}', position {position}: {why}. {_EXAMPLE[0].upper()}{_EXAMPLE[1:]}")
