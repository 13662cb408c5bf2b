"""One comment that is kept up to date: found by its marker and by its author, made once, edited when it changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from github.Issue import Issue
from github.IssueComment import IssueComment

from bisect_cache.action.posting.api import Api
from bisect_cache.report.marker import is_marked, run_of

Write = Callable[[str], str]
"""From the old body ('' where there is none) to the new one."""


@dataclass(frozen=True)
class Posted:
    """What became of a comment."""

    what: Literal["created", "edited", "unchanged", "newer", "not wanted"]
    url: str = ""


def refresh(api: Api, number: int, mark: str, write: Write, *, run: int | None, create: bool, needs: str) -> Posted:
    """Bring our comment marked ``mark`` on issue or pull request ``number`` up to date.

    Only comments of our own are looked at, whatever marker others carry. One that a newer run wrote is left alone;
    where there is none, one is made if ``create``. Raises ``CannotPost``.
    """
    issue = api.repository.get_issue(number)
    place = f"the comment on #{number}"
    found = api.ask(f"reading the comments of #{number}", lambda: _ours(api, issue, mark), needs)
    if not found:
        if not create:
            return Posted("not wanted")
        body = write("")

        def already_there() -> IssueComment | None:
            return next(iter(_ours(api, issue, mark)), None)

        made = api.create(f"writing {place}", already_there, lambda: issue.create_comment(body), needs)
        return Posted("created", made.html_url)
    first, *repeated = found
    for again in repeated:  # two jobs that began at the same moment; one of them would show an old verdict for ever
        api.ask(f"deleting a second comment on #{number}", again.delete, needs)
    if run is not None and run_of(first.body) > run:
        return Posted("newer", first.html_url)
    body = write(first.body)
    if _same(first.body, body):
        return Posted("unchanged", first.html_url)
    api.ask(f"editing {place}", lambda: first.edit(body), needs)
    return Posted("edited", first.html_url)


def _ours(api: Api, issue: Issue, mark: str) -> list[IssueComment]:
    """Our comments with this marker, oldest first, over all pages."""
    return [
        comment for comment in issue.get_comments() if is_marked(comment.body or "", mark) and api.is_me(comment.user)
    ]


def _same(old: str, new: str) -> bool:
    return old.replace("\r\n", "\n").strip() == new.strip()
