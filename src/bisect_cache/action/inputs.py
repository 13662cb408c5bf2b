"""The action's inputs, checked; every message names the input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from bisect_cache.errors import BisectCacheError
from bisect_cache.judge.thresholds import DEFAULT_THRESHOLDS, BadThreshold, Threshold, parse_thresholds
from bisect_cache.printable import one_line
from bisect_cache.request import BisectRequest, CheckRequest

Mode = Literal["check", "bisect"]
_MODES: tuple[Mode, ...] = get_args(Mode)
FailOn = Literal["regression", "drift", "writer-drift", "inconclusive", "never"]
DEFAULT_FAIL_ON: frozenset[FailOn] = frozenset({"regression", "drift", "inconclusive"})
DEFAULT_REPORT = "bisect-cache-report.json"


class BadInput(BisectCacheError):
    """An input that cannot be understood: which one, what it holds, what it may hold."""


@dataclass(frozen=True)
class Inputs:
    """What the workflow asks for; paths are relative to the workspace, which is the current folder."""

    mode: Mode
    cache: Path | None
    timeline: tuple[str, ...]
    thresholds: tuple[Threshold, ...]
    fail_on: frozenset[FailOn]
    report: Path

    @property
    def check(self) -> CheckRequest:
        """The check that is asked for; writer drift counts where the workflow wants to fail on it."""
        return CheckRequest(self.cache, strict="writer-drift" in self.fail_on)

    @property
    def bisect(self) -> BisectRequest:
        """The bisect that is asked for."""
        return BisectRequest(cache=self.cache, timeline=self.timeline, thresholds=self.thresholds)


def read_mode(get: Callable[[str], str]) -> Mode:
    """The input ``mode``. Raises ``BadInput``."""
    return _mode(get("mode").strip())


def read_fail_on(get: Callable[[str], str]) -> frozenset[FailOn]:
    """The input ``fail-on``. Raises ``BadInput``."""
    return _fail_on(get("fail-on"))


def read_inputs(get: Callable[[str], str]) -> Inputs:
    """The inputs, ``get`` giving each as a text ('' where the workflow names none).

    Raises ``BadInput``.
    """
    return Inputs(
        mode=read_mode(get),
        cache=Path(cache) if (cache := get("cache").strip()) else None,
        timeline=_lines(get("timeline")),
        thresholds=_thresholds(_lines(get("thresholds"))),
        fail_on=read_fail_on(get),
        report=read_report(get),
    )


def read_report(get: Callable[[str], str]) -> Path:
    """The input ``report``, a path in the workspace. Raises ``BadInput``, also for one that a link leads out of it."""
    path = Path(get("report").strip() or DEFAULT_REPORT)
    try:
        inside = path.resolve().is_relative_to(Path.cwd().resolve())
    except (OSError, RuntimeError, ValueError):
        inside = False
    if not inside:
        raise BadInput(f"input 'report' is '{one_line(str(path))[:200]}', which is not in the workspace")
    return path


def _mode(text: str) -> Mode:
    if not text:
        return "bisect"
    for mode in _MODES:
        if text.lower() == mode:
            return mode
    raise BadInput(f"input 'mode' is '{text[:80]}'; it can be {' or '.join(_MODES)}")


def _thresholds(lines: tuple[str, ...]) -> tuple[Threshold, ...]:
    try:
        return parse_thresholds(lines) or parse_thresholds(DEFAULT_THRESHOLDS)
    except BadThreshold as error:
        raise BadInput(f"input 'thresholds': {error}") from error


def _fail_on(text: str) -> frozenset[FailOn]:
    words = {word.lower() for word in text.replace(",", " ").split()} or DEFAULT_FAIL_ON
    unknown = sorted(words.difference(get_args(FailOn)))
    if unknown:
        raise BadInput(
            f"input 'fail-on' holds '{unknown[0][:80]}'; it can hold {', '.join(get_args(FailOn))}, separated by commas"
        )
    if "never" in words and len(words) > 1:
        raise BadInput("input 'fail-on' holds 'never' beside other words; 'never' stands alone")
    return frozenset(word for word in get_args(FailOn) if word in words)


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())
