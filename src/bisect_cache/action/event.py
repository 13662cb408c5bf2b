"""What set the workflow off, read from the runner's variables and the event's payload: pure, and trusting neither."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from bisect_cache.report.occasion import Occasion

LARGEST_EVENT = 32 << 20
"""Bytes of a payload; GitHub's own limit is 25 MB."""
DEFAULT_SERVER = "https://github.com"
DEFAULT_API = "https://api.github.com"
_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}")
_SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_PULL_REF = re.compile(r"refs/pull/([0-9]{1,12})/")
_Id = Annotated[int, Meta(ge=1, lt=10**18)]
"""Of a pull request, an issue or a run."""


@dataclass(frozen=True)
class Event:
    """What a run is about."""

    name: str = ""
    pull_request: int | None = None
    read_only_token: bool = False
    """A fork's or Dependabot's pull request: its token may not write."""
    triggering_run: int | None = None
    """The run that set off this one (``workflow_run``)."""
    base: str = ""
    """The commit that a pull request starts from."""
    head: str = ""
    """The commit that is judged; on a pull request its head, not the merge commit."""


@dataclass(frozen=True)
class Place:
    """Where the repository is."""

    repository: str = ""
    """owner/name; empty where the runner does not say."""
    server: str = DEFAULT_SERVER
    api: str = DEFAULT_API

    @property
    def page(self) -> str:
        """Address of the repository's page; empty where it is not known."""
        return f"{self.server}/{self.repository}" if self.repository else ""


class _Repository(Struct):
    full_name: str = ""


class _Head(Struct):
    sha: str = ""
    repo: _Repository | None = None


class _PullRequest(Struct):
    number: _Id | None = None
    head: _Head | None = None
    base: _Head | None = None


class _Issue(Struct):
    number: _Id | None = None
    pull_request: dict[str, object] | None = None


class _Run(Struct):
    id: _Id | None = None


class _Payload(Struct):
    number: _Id | None = None
    pull_request: _PullRequest | None = None
    issue: _Issue | None = None
    workflow_run: _Run | None = None


def read_event(environ: Mapping[str, str], payload: bytes) -> Event:
    """The event; what a payload does not say, or says in a way of its own, is not known."""
    name = environ.get("GITHUB_EVENT_NAME", "")
    try:
        said = msgspec.json.decode(payload, type=_Payload)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        said = _Payload()
    pull = said.pull_request or _PullRequest()
    head = pull.head or _Head()
    sha = head.sha if _SHA.fullmatch(head.sha) else _commit(environ)
    return Event(
        name=name,
        pull_request=_number(name, said, environ),
        read_only_token=_is_read_only(name, head, environ),
        triggering_run=said.workflow_run.id if name == "workflow_run" and said.workflow_run else None,
        base=pull.base.sha if pull.base and _SHA.fullmatch(pull.base.sha) else "",
        head=sha,
    )


def read_place(environ: Mapping[str, str]) -> Place:
    """Where the repository is, on whichever server the runner belongs to."""
    repository = environ.get("GITHUB_REPOSITORY", "")
    return Place(
        repository if _REPOSITORY.fullmatch(repository) else "",
        _address(environ.get("GITHUB_SERVER_URL", ""), DEFAULT_SERVER),
        _address(environ.get("GITHUB_API_URL", ""), DEFAULT_API),
    )


def occasion_of(environ: Mapping[str, str], event: Event, place: Place) -> Occasion:
    """This run, as the surfaces show it."""
    run = environ.get("GITHUB_RUN_ID", "")
    return Occasion(place.page, int(run) if re.fullmatch(r"[0-9]{1,18}", run) else None, event.head)


def _number(name: str, said: _Payload, environ: Mapping[str, str]) -> int | None:
    if name.startswith("pull_request"):
        number = (said.pull_request.number if said.pull_request else None) or said.number
        reference = _PULL_REF.match(environ.get("GITHUB_REF", ""))
        return number or (int(reference[1]) if reference else None)
    if said.issue and said.issue.pull_request is not None:
        return said.issue.number
    return None


def _is_read_only(name: str, head: _Head, environ: Mapping[str, str]) -> bool:
    if name == "pull_request_target" or not name.startswith("pull_request"):
        return False
    # A head without a repository is that of a fork that has been deleted.
    source = head.repo.full_name if head.repo else "" if head.sha else environ.get("GITHUB_REPOSITORY", "")
    fork = source.lower() != environ.get("GITHUB_REPOSITORY", "").lower()
    return fork or environ.get("GITHUB_ACTOR") == "dependabot[bot]"


def _commit(environ: Mapping[str, str]) -> str:
    sha = environ.get("GITHUB_SHA", "")
    return sha if _SHA.fullmatch(sha) else ""


def _address(text: str, default: str) -> str:
    return text.rstrip("/") if re.fullmatch(r"https?://[^\s<>\"'()\[\]]{1,300}", text) else default
