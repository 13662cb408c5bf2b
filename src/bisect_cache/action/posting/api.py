"""The repository's API: PyGithub, asked with patience and with an end to it."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

import requests
from github import Auth, Github, GithubException
from github.Issue import Issue
from github.IssueComment import IssueComment
from github.NamedUser import NamedUser
from github.Organization import Organization
from github.Repository import Repository

from bisect_cache import __version__
from bisect_cache.action.event import Place
from bisect_cache.action.posting.patience import (
    ATTEMPTS,
    LONGEST_WAIT,
    is_rate_limit,
    message_of,
    pause_before_next,
)
from bisect_cache.errors import BisectCacheError
from bisect_cache.printable import one_line, printable

T = TypeVar("T")
Listed = TypeVar("Listed", Issue, IssueComment)
_SECONDS_TO_ANSWER = 20
WRITES_APART = 1.0
"""Seconds between writes, as GitHub asks for."""
_ACTIONS_BOT = "github-actions[bot]"
_NOT_FOR_THIS_TOKEN = frozenset({200, 400, 403, 404, 405, 422})
"""Answers that say that one way of asking is not open: GraphQL answers 200 with errors in it."""
_PIECE = 1 << 16
_PER_PAGE = 100


class NoList(Exception):
    """The server answered with something else than the list that was asked for."""


class CannotPost(BisectCacheError):
    """The server did not do what was asked: what that was, why not, and what the user does next."""

    @property
    def status(self) -> int | None:
        """The status that the server answered with; None where it did not answer."""
        return self.__cause__.status if isinstance(self.__cause__, GithubException) else None

    @property
    def forbidden(self) -> bool:
        """Whether the token may not do it."""
        return self.status == 403 and not is_rate_limit(self.__cause__)


class Api:
    """One repository, seen with one token."""

    def __init__(
        self,
        place: Place,
        token: str,
        sleep: Callable[[float], None] = time.sleep,
        writes_apart: float = WRITES_APART,
    ) -> None:
        self._sleep = sleep
        self._waited = 0.0
        self._writes_apart, self._next_write = writes_apart, 0.0
        self._place, self._token = place, token
        self._github = Github(
            auth=Auth.Token(token),
            base_url=place.api,
            user_agent=f"bisect-cache/{__version__}",
            timeout=_SECONDS_TO_ANSWER,
            retry=None,  # by ``ask`` and ``create``, which know what may be asked twice
            per_page=_PER_PAGE,
            seconds_between_requests=0,
            seconds_between_writes=0,  # by ``_pace``: PyGithub goes by a clock that can be set back by hours
            lazy=True,
        )

    @cached_property
    def repository(self) -> Repository:
        """The repository; nothing is asked yet."""
        return self._github.get_repo(self._place.repository)

    def ask(self, doing: str, request: Callable[[], T], needs: str = "") -> T:
        """Do what may be done twice: a read, or a write that leaves the same.

        ``doing`` and ``needs`` (a line of ``permissions:``) are for the reader. Raises ``CannotPost``.
        """
        return self._patiently(doing, lambda _attempt: request(), needs)

    def create(self, doing: str, find: Callable[[], T | None], make: Callable[[], T], needs: str = "") -> T:
        """Make what must not be made twice: after an attempt whose end is not known, it is looked for first.

        Raises ``CannotPost``.
        """

        def attempted(attempt: int) -> T:
            found = find() if attempt else None
            return make() if found is None else found

        return self._patiently(doing, attempted, needs)

    def all_of(self, kind: type[Listed], path: str, **asked: str) -> list[Listed]:
        """All pages of the list at ``path`` of the repository. Raises what PyGithub raises.

        PyGithub's own lists take an answer that is none for an empty one, and what is missed is made again.
        """
        requester = self._github.requester
        url: str | None = f"{self.repository.url}/{path}"
        parameters: dict[str, Any] = {"per_page": _PER_PAGE, **asked}
        found: list[Listed] = []
        while url:
            headers, page = requester.requestJsonAndCheck("GET", url, parameters=parameters)
            if not isinstance(page, list) or not all(isinstance(one, dict) for one in page):
                raise NoList
            found += [kind(requester, headers, one, completed=True) for one in page]
            links = requests.utils.parse_header_links(headers.get("link", ""))
            url, parameters = next((link["url"] for link in links if link.get("rel") == "next"), None), {}
        return found

    def write(self, method: str, path: str, **fields: object) -> dict[str, Any]:
        """Send ``fields`` to ``path`` of the repository; what the server made of them.

        Raises ``CannotPost`` where it answers without doing it, as one that has moved does; and what PyGithub raises.
        """
        self._pace()
        url = f"{self.repository.url}/{path}"
        _headers, made = self._github.requester.requestJsonAndCheck(method, url, input=fields)
        if not isinstance(made, dict) or not isinstance(made.get("id"), int):
            raise CannotPost(
                f"writing {path}: the server answered and did not do it; where the repository was renamed or moved, "
                f"run again under its new name"
            )
        return made

    def delete(self, comment: IssueComment) -> None:
        """Delete a comment. Raises what PyGithub raises."""
        self._pace()
        comment.delete()

    @cached_property
    def me(self) -> str:
        """Who the token is: the only author whose comments are touched."""
        for who in (self._viewer, self._user):
            try:
                if login := self.ask("asking who the token belongs to", who):
                    return login
            except CannotPost as refused:
                if refused.status not in _NOT_FOR_THIS_TOKEN:
                    raise
        return _ACTIONS_BOT

    def is_me(self, user: NamedUser | Organization | None) -> bool:
        """Whether a comment or an issue was written with a token like ours. An app's name comes with and without
        ``[bot]``.
        """
        if user is None:
            return False
        return user.login == self.me or (user.type == "Bot" and user.login == f"{self.me}[bot]")

    def download(self, doing: str, path: str, largest: int, needs: str = "") -> bytes:
        """The bytes at ``path`` of the repository; where they are kept by another host, the token does not go there.

        Raises ``CannotPost``, also for more than ``largest`` bytes.
        """
        url = f"{self._place.api}/repos/{self._place.repository}/{path}"
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/vnd.github+json"}

        def fetched(_attempt: int) -> bytes:
            with requests.get(url, headers=headers, stream=True, timeout=_SECONDS_TO_ANSWER) as answer:
                if answer.status_code != 200:
                    raise GithubException(answer.status_code, {"message": answer.reason}, dict(answer.headers))
                data = bytearray()
                for piece in answer.iter_content(_PIECE):
                    data += piece
                    if len(data) > largest:
                        raise CannotPost(f"{doing}: it has more than {largest:,} bytes")
                return bytes(data)

        return self._patiently(doing, fetched, needs)

    def _viewer(self) -> str:
        _headers, said = self._github.requester.graphql_query("query { viewer { login } }", {})
        viewer = _inside(_inside(said, "data"), "viewer")
        login = _inside(viewer, "login")
        return login if isinstance(login, str) else ""

    def _user(self) -> str:
        return self._github.get_user().login

    def _pace(self) -> None:
        """Wait until the next write may come."""
        if (early := self._next_write - time.monotonic()) > 0:
            self._sleep(early)
        self._next_write = time.monotonic() + self._writes_apart

    def _patiently(self, doing: str, request: Callable[[int], T], needs: str = "") -> T:
        attempt = 0
        while True:
            try:
                return request(attempt)
            except BisectCacheError:
                raise
            except Exception as error:
                pause = pause_before_next(error, attempt)
                attempt += 1
                if pause is None or attempt >= ATTEMPTS or self._waited + pause > LONGEST_WAIT:
                    raise CannotPost(_said_of(doing, error, needs)) from error
                self._sleep(pause)
                self._waited += pause


def _inside(said: object, name: str) -> object:
    return said.get(name) if isinstance(said, dict) else None


def _said_of(doing: str, error: Exception, needs: str) -> str:  # noqa: PLR0911 - one answer, one sentence
    if isinstance(error, requests.RequestException):
        return f"{doing}: the server did not answer ({type(error).__name__}); run again when it can be reached"
    if not isinstance(error, GithubException):
        return f"{doing}: the server's answer is not one of GitHub's API ({type(error).__name__}); see GITHUB_API_URL"
    said = printable(one_line(message_of(error)), 300)
    status = f"{error.status}{f', {said}' if said else ''}"
    if is_rate_limit(error):
        return f"{doing}: too much was asked of the server ({status}); the next run tries again"
    if error.status == 401:
        return f"{doing}: the token was refused ({status}); give a valid one as github-token, or leave that input out"
    if error.status == 403 and "locked" in said:
        return f"{doing}: the conversation is locked ({status}); unlock it, or set `comment: never`"
    if error.status == 404:
        return (
            f"{doing}: it is not there, or the token may not see it ({status}); "
            f"check that it exists, and that the token has {needs or 'what it needs'}"
        )
    if error.status == 403 and needs:
        return (
            f"{doing}: the token may not do this ({status}). Give the job these permissions:\n\n"
            f"permissions:\n  contents: read\n  {needs}\n"
        )
    if error.status == 410:
        return f"{doing}: it is gone, or switched off in this repository ({status}); see the repository's settings"
    if error.status >= 500:
        return f"{doing}: the server failed ({status}); the next run tries again"
    return f"{doing}: the server refused ({status})"
