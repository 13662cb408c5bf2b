"""What one run says in the repository: on a pull request its comment, elsewhere the tracking issue and regressions.

Each is said on its own: where one cannot be, the others still are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from bisect_cache.action.deadline import within
from bisect_cache.action.inputs import Posting
from bisect_cache.action.posting.api import Api, CannotPost
from bisect_cache.action.posting.issues import NEEDS as NEEDS_ISSUES
from bisect_cache.action.posting.issues import refresh_regressions, tracking_issue
from bisect_cache.action.posting.sticky import Posted, refresh
from bisect_cache.errors import as_said
from bisect_cache.report.history import continued, night, remembered
from bisect_cache.report.markdown import comment, tracking
from bisect_cache.report.marker import marker, run_marker
from bisect_cache.report.occasion import Occasion
from bisect_cache.report.sections import has_failed, sections_of
from bisect_cache.report.structs import Report

NEEDS_COMMENT = "pull-requests: write"
LONGEST_TALK = 300.0
"""Seconds that all posting of a run may take."""


@dataclass(frozen=True)
class Said:
    """What became of one thing that was to be said."""

    text: str
    failed: bool = False
    forbidden: bool = False
    """The token may not write."""


NO_TOKEN = Said(
    "nothing was posted: there is no token; leave the input 'github-token' out to use the job's own", failed=True
)


def post_comments(
    api: Api,
    report: Report,
    wanted: Posting,
    occasion: Occasion,
    numbers: Sequence[int],
    *,
    only_known: bool = False,
    needs: str = NEEDS_COMMENT,
) -> Iterator[Said]:
    """Bring the comment on each of these pull requests up to date; with ``only_known``, none is made."""
    if wanted.comment == "never":
        return
    mark = marker("comment", wanted.key)
    body = comment(report, occasion, wanted.key, head=f"{mark}\n{run_marker(occasion.run)}\n")
    failed = any(has_failed(section.report) for section in sections_of(report))
    create = (wanted.comment == "always" or failed) and not only_known

    def on(number: int) -> Iterator[Said]:
        posted = refresh(api, number, mark, lambda _old: body, run=occasion.run, create=create, needs=needs)
        yield Said(f"comment on #{number}: {_told(posted)}")

    for number in numbers:
        yield from _said(partial(on, number))


def post_issues(api: Api, report: Report, wanted: Posting, occasion: Occasion, at: datetime) -> Iterator[Said]:
    """Bring the tracking issue and the issues about regressions up to date."""

    def track() -> Iterator[Said]:
        if wanted.tracking is None:
            return
        number, told = tracking_issue(api, wanted.tracking)
        if told:
            yield Said(told, failed=True)
        mark = marker("tracking", wanted.key)
        head = f"{mark}\n{run_marker(occasion.run)}\n"

        def write(old: str) -> str:
            nights = continued(remembered(old), night(report, occasion, at))
            return tracking(report, occasion, nights, wanted.key, head)

        posted = refresh(api, number, mark, write, run=occasion.run, create=True, needs=NEEDS_ISSUES)
        yield Said(f"tracking issue #{number}: comment {_told(posted)}")

    def regress() -> Iterator[Said]:
        if wanted.regressions:
            yield from map(Said, refresh_regressions(api, report, wanted.key, occasion))

    yield from _said(track)
    yield from _said(regress)


def in_time(speak: Callable[[], Iterator[Said]], seconds: float = LONGEST_TALK) -> list[Said]:
    """What was said within ``seconds``; a server that keeps us longer, by whatever means, is left."""
    late = Said(f"the server kept us longer than {seconds:g} seconds; the next run tries again", failed=True)
    return within(lambda: list(_said(speak)), seconds, [late])


def _said(speak: Callable[[], Iterator[Said]]) -> Iterator[Said]:
    try:
        yield from speak()
    except CannotPost as refused:
        yield Said(str(refused), failed=True, forbidden=refused.forbidden)
    except Exception as error:
        yield Said(str(as_said(error)), failed=True)


def _told(posted: Posted) -> str:
    words = {
        "newer": "left alone, because a newer run has spoken there",
        "not wanted": "none, because nothing is wrong",
        "unchanged": "up to date already",
    }
    return f"{words.get(posted.what, posted.what)}{f' {posted.url}' if posted.url else ''}"
