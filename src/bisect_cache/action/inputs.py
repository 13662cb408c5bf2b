"""The action's inputs, checked; every message names the input."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar, get_args

from bisect_cache.errors import OfStrangers
from bisect_cache.judge.choices import Decision, Predicts, Strategy
from bisect_cache.judge.thresholds import DEFAULT_THRESHOLDS, BadThreshold, Threshold, parse_thresholds
from bisect_cache.printable import one_line
from bisect_cache.report.markdown import DEFAULT_KEY
from bisect_cache.worker.process import Limits

Word = TypeVar("Word", bound=str)
Value = TypeVar("Value")
Mode = Literal["check", "bisect", "publish"]
_MODES: tuple[Mode, ...] = get_args(Mode)
FailOn = Literal["regression", "drift", "writer-drift", "inconclusive", "never"]
DEFAULT_FAIL_ON: frozenset[FailOn] = frozenset({"regression", "drift", "inconclusive"})
Commenting = Literal["always", "on-failure", "never"]
DEFAULT_REPORT = "bisect-cache-report.json"
DEFAULT_TRACKING_TITLE = "bisect-cache: nightly"
EMBEDDED_NAME = "embedded"
"""What the input ``cache`` calls the synthetic cache that ships with the action."""
EMBEDDED_ALONE: tuple[str, ...] = (EMBEDDED_NAME,)
_LONGEST_KEY = 100
_MOST_SECONDS, _MOST_MEMORY, _MIB = 86_400, 1 << 24, 20
"""A day, and 16 TiB in MiB; bits from bytes to MiB."""
_LONGEST_TITLE = 200


class BadInput(OfStrangers):
    """An input that cannot be understood: which one, what it holds, what it may hold."""


@dataclass(frozen=True)
class Posting:
    """What is to be said in the repository's conversations, and with which token."""

    comment: Commenting = "always"
    key: str = DEFAULT_KEY
    tracking: int | str | None = None
    """A tracking issue by number or by title; None for none."""
    regressions: bool = False
    """Whether each regression gets an issue of its own."""
    token: str = field(default="", repr=False)


@dataclass(frozen=True)
class Choices:
    """How models are judged."""

    baseline: str | None = None
    strategy: Strategy = "auto"
    decision: Decision = "auto"
    predicts: Predicts = "quality"
    by_content: bool = False
    feeding: Path | None = None
    """What declares how models are fed."""
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Inputs:
    """What the workflow asks for; paths are relative to the workspace, which is the current folder."""

    mode: Mode
    caches: tuple[str, ...]
    """Folders, or ``embedded``; at least one."""
    timeline: tuple[str, ...]
    thresholds: tuple[Threshold, ...]
    fail_on: frozenset[FailOn]
    report: Path
    choices: Choices


def read_inputs(get: Callable[[str], str]) -> Inputs:
    """The inputs, ``get`` giving each as a text ('' where the workflow names none).

    Raises ``BadInput``.
    """
    return Inputs(
        mode=read_mode(get),
        caches=read_caches(get),
        timeline=_lines(get("timeline")),
        thresholds=_thresholds(_lines(get("thresholds"))),
        fail_on=read_fail_on(get),
        report=read_report(get),
        choices=_choices(get),
    )


def read_mode(get: Callable[[str], str]) -> Mode:
    """The input ``mode``. Raises ``BadInput``."""
    return _one_of("mode", get, _MODES, "bisect")


def read_caches(get: Callable[[str], str]) -> tuple[str, ...]:
    """The input ``cache``: at least one. Raises ``BadInput``."""
    caches = _lines(get("cache")) or EMBEDDED_ALONE
    twice = [cache for cache, count in Counter(caches).items() if count > 1]
    if twice:
        raise BadInput(f"input 'cache' names '{one_line(twice[0])[:80]}' twice; name each cache once")
    return caches


def read_posting(get: Callable[[str], str]) -> Posting:
    """The inputs about comments and issues. Raises ``BadInput``."""
    return Posting(_comment(get), _key(get), _tracking(get), regressions=_regressions(get), token=_token(get))


def as_far_as_good(get: Callable[[str], str]) -> Posting | None:
    """The same where some may be bad: what is wrong with one is said where the others say.

    None where it is not known which comment is ours.
    """

    def good(reader: Callable[[Callable[[str], str]], Value], otherwise: Value) -> Value:
        try:
            return reader(get)
        except BadInput:
            return otherwise

    key, regressions = good(_key, ""), good(_regressions, False)
    if not key:
        return None
    return Posting(
        good(_comment, "on-failure"), key, good(_tracking, None), regressions=regressions, token=good(_token, "")
    )


def read_fail_on(get: Callable[[str], str]) -> frozenset[FailOn]:
    """The input ``fail-on``. Raises ``BadInput``."""
    return _fail_on(get("fail-on"))


def read_report(get: Callable[[str], str]) -> Path:
    """The input ``report``, a path in the workspace. Raises ``BadInput``, also for one that a link leads out of it."""
    return _in_the_workspace("report", get("report").strip() or DEFAULT_REPORT)


def _in_the_workspace(name: str, text: str) -> Path:
    path = Path(text)
    try:
        inside = path.resolve().is_relative_to(Path.cwd().resolve())
    except (OSError, RuntimeError, ValueError):
        inside = False
    if not inside:
        raise BadInput(f"input '{name}' is '{one_line(str(path))[:200]}', which is not in the workspace")
    return path


def _one_of(name: str, get: Callable[[str], str], words: tuple[Word, ...], default: Word) -> Word:
    text = get(name).strip()
    if not text:
        return default
    for word in words:
        if text.lower() == word:
            return word
    raise BadInput(f"input '{name}' is '{one_line(text)[:80]}'; it can be {' or '.join(words)}")


def _comment(get: Callable[[str], str]) -> Commenting:
    return _one_of("comment", get, get_args(Commenting), "always")


def _key(get: Callable[[str], str]) -> str:
    key = get("key").strip() or DEFAULT_KEY
    if len(key) > _LONGEST_KEY:
        raise BadInput(f"input 'key' has {len(key)} characters; at most {_LONGEST_KEY} tell comments apart")
    return one_line(key)


def _choices(get: Callable[[str], str]) -> Choices:
    return Choices(
        baseline=get("baseline").strip() or None,
        strategy=_one_of("strategy", get, get_args(Strategy), "auto"),
        decision=_one_of("decision", get, get_args(Decision), "auto"),
        predicts=_one_of("predicts", get, get_args(Predicts), "quality"),
        by_content=_one_of("by-content", get, ("true", "false"), "false") == "true",
        feeding=_in_the_workspace("feeding", feeding) if (feeding := get("feeding").strip()) else None,
        limits=_limits(get),
    )


def _limits(get: Callable[[str], str]) -> Limits:
    """What one model may take; the same bounds as on the command line."""
    usual = Limits()
    seconds = _number("time-limit", get, usual.seconds)
    if not 0 < seconds <= _MOST_SECONDS:
        raise BadInput(
            f"input 'time-limit' is {seconds:g}; a model may take more than 0 and at most {_MOST_SECONDS:,} s"
        )
    memory = _number("memory-limit", get, usual.memory >> _MIB)
    if not 0 <= memory <= _MOST_MEMORY or memory != int(memory):
        raise BadInput(f"input 'memory-limit' is {memory:g}; it can be 0 (no limit) to {_MOST_MEMORY:,} MiB")
    return Limits(seconds, int(memory) << _MIB)


def _number(name: str, get: Callable[[str], str], default: float) -> float:
    text = get(name).strip()
    try:
        return float(text) if text else default
    except ValueError:
        raise BadInput(f"input '{name}' is '{one_line(text)[:80]}'; it is a number") from None


def _regressions(get: Callable[[str], str]) -> bool:
    return _one_of("regression-issues", get, ("true", "false"), "false") == "true"


def _token(get: Callable[[str], str]) -> str:
    token = get("github-token").strip()
    if not token.isascii() or any(char.isspace() for char in token):
        raise BadInput("input 'github-token' is no token: it holds spaces, line breaks or odd characters")
    return token


def _tracking(get: Callable[[str], str]) -> int | str | None:
    text = get("tracking-issue").strip()
    if text.lower() in {"", "false", "never"}:
        return None
    if text.lower() == "true":
        return DEFAULT_TRACKING_TITLE
    if text.isascii() and text.removeprefix("#").isdigit():
        return int(text.removeprefix("#")[:18])
    if len(text) > _LONGEST_TITLE:
        raise BadInput(
            f"input 'tracking-issue' has {len(text)} characters; it can be a number, true, or a title of at most "
            f"{_LONGEST_TITLE}"
        )
    return one_line(text)


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
