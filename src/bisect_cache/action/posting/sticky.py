"""One comment that is kept up to date: found by its marker and by its author, made once, edited when it changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from github.IssueComment import IssueComment

from bisect_cache.action.posting.api import Api, CannotPost
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
    where there is none, one is made if ``create``; where two jobs that began at the same moment made two, one is kept,
    with what both remember. Raises ``CannotPost``.
    """
    found = api.ask(f"reading the comments of #{number}", lambda: _ours(api, number, mark), needs)
    if not found:
        return _create(api, number, mark, write(""), needs) if create else Posted("not wanted")
    if run is not None and max(run_of(comment.body) for comment in found) > run:
        return Posted("newer", found[0].html_url)
    first, *repeated = found
    body = write("\n".join(comment.body for comment in found))
    unchanged = _same(first.body, body)
    if not unchanged:
        path = f"issues/comments/{first.id}"
        api.ask(f"editing the comment on #{number}", lambda: api.write("PATCH", path, body=body), needs)
    for again in repeated:
        _delete(api, again, number, needs)
    return Posted("unchanged" if unchanged and not repeated else "edited", first.html_url)


def _create(api: Api, number: int, mark: str, body: str, needs: str) -> Posted:
    def already_there() -> str | None:
        return next((comment.html_url for comment in _ours(api, number, mark)), None)

    def make() -> str:
        return str(api.write("POST", f"issues/{number}/comments", body=body).get("html_url", ""))

    return Posted("created", api.create(f"writing the comment on #{number}", already_there, make, needs))


def _delete(api: Api, comment: IssueComment, number: int, needs: str) -> None:
    try:
        api.ask(f"deleting a second comment on #{number}", lambda: api.delete(comment), needs)
    except CannotPost as refused:
        if refused.status not in {404, 410}:  # it is gone
            raise


def _ours(api: Api, number: int, mark: str) -> list[IssueComment]:
    """Our comments with this marker, oldest first, over all pages."""
    comments = api.all_of(IssueComment, f"issues/{number}/comments")
    return [comment for comment in comments if is_marked(comment.body or "", mark) and api.is_me(comment.user)]


def _same(old: str, new: str) -> bool:
    return old.replace("\r\n", "\n").strip() == new.strip()
