"""When to ask again, and how long to wait before: pure. GitHub's guidance on rate limits is where the rules come from.

https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from github import GithubException
from requests import exceptions
from urllib3.exceptions import InvalidHeader
from urllib3.util.retry import Retry

ATTEMPTS = 5
LONGEST_WAIT = 120.0
"""Seconds that one run waits in all: a job costs money while it sleeps, and the next run posts again."""
_SECONDARY_WAIT = 60.0
_DROPPED = (exceptions.ConnectionError, exceptions.Timeout, exceptions.ChunkedEncodingError)


def pause_before_next(error: Exception, attempt: int, now: float | None = None) -> float | None:
    """Seconds to wait after ``error`` at ``attempt`` (from 0) before asking again; None where that is of no use.

    ``now`` is the time in seconds since 1970, by the clock that a rate limit's end is given in; None is the server's.
    """
    backoff = float(2**attempt)
    if isinstance(error, _DROPPED):
        return backoff
    if not isinstance(error, GithubException):
        return None
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    if error.status >= 500:
        return _asked_for(headers) or backoff
    if is_rate_limit(error):
        return max(1.0, _asked_for(headers) or _until_reset(headers, now) or _SECONDARY_WAIT)
    return None


def is_rate_limit(error: BaseException | None) -> bool:
    """Whether the server refuses because too much was asked of it, and not because of what was asked."""
    if not isinstance(error, GithubException) or error.status not in {403, 429}:
        return False
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    said = message_of(error).lower()
    return (
        error.status == 429
        or "retry-after" in headers
        or headers.get("x-ratelimit-remaining") == "0"
        or "rate limit" in said
    )


def message_of(error: GithubException) -> str:
    """What the server said, as a text."""
    said = error.data.get("message") if isinstance(error.data, Mapping) else error.data
    return said if isinstance(said, str) else ""


def _asked_for(headers: Mapping[str, str]) -> float | None:
    try:
        return float(Retry().parse_retry_after(headers["retry-after"])) if "retry-after" in headers else None
    except InvalidHeader:
        return None


def _until_reset(headers: Mapping[str, str], now: float | None) -> float | None:
    try:
        if headers.get("x-ratelimit-remaining") != "0":
            return None
        until = float(headers["x-ratelimit-reset"]) - (_server_time(headers) if now is None else now) + 1
    except (KeyError, ValueError):
        return None
    return until if math.isfinite(until) else None


def _server_time(headers: Mapping[str, str]) -> float:
    """What the clock of the server says, where it says so; a machine's own can be wrong by hours."""
    try:
        return parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError):
        return time.time()
