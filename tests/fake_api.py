"""A fake of GitHub's REST API that keeps state: a test fills it, the action talks to it, the test reads it again.

It holds one repository: issues and pull requests with their comments, labels, workflow runs and artifacts. It answers
as GitHub does wherever an action can tell the difference: permissions, pages, limits, redirects, refusals. Faults wait
in a queue. What GitHub would have answered and this fake cannot is kept in ``unexpected``.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import re
import socket
import threading
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Self, TypeVar
from urllib.parse import quote, urlencode

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

T = TypeVar("T")
Json = dict[str, Any]

LONGEST_BODY = 65_536
REPOSITORY_ID = 4242


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


# What the repository holds. Fields are named as GitHub names them; a user is a login, a Bot's ends with "[bot]".


@dataclass
class Comment:
    id: int
    body: str
    user: str = "octocat"
    created_at: datetime = field(default_factory=_now)
    updated_at: datetime = field(default_factory=_now)


@dataclass(kw_only=True)
class Issue:
    number: int
    title: str = "An issue"
    body: str | None = None
    user: str = "octocat"
    state: str = "open"
    state_reason: str | None = None
    labels: list[str] = field(default_factory=list)
    locked: bool = False  # then only a token that may push can comment
    comments: list[Comment] = field(default_factory=list)
    created_at: datetime = field(default_factory=_now)
    updated_at: datetime = field(default_factory=_now)
    closed_at: datetime | None = None
    closed_by: str | None = None


@dataclass(frozen=True)
class Branch:
    repository: str | None  # None: the fork has been deleted
    ref: str
    sha: str


@dataclass(kw_only=True)
class Pull(Issue):
    head: Branch
    base: Branch
    draft: bool = False
    merged_at: datetime | None = None


@dataclass
class Label:
    name: str
    color: str = "ededed"
    description: str | None = None


@dataclass(kw_only=True)
class Artifact:
    id: int
    name: str
    archive: bytes
    size_in_bytes: int  # may be a lie
    expired: bool = False
    created_at: datetime = field(default_factory=_now)


@dataclass(kw_only=True)
class Run:
    id: int
    head_repository: str | None  # None: the fork has been deleted
    head_sha: str = "c" * 40
    head_branch: str = "main"
    event: str = "pull_request"
    status: str = "completed"
    conclusion: str | None = "success"
    run_number: int = 1
    run_attempt: int = 1
    name: str = "judge"
    path: str = ".github/workflows/judge.yml"
    pull_requests: list[int] = field(default_factory=list)  # GitHub names none for a fork's run
    artifacts: list[Artifact] = field(default_factory=list)
    created_at: datetime = field(default_factory=_now)


class Recorded(NamedTuple):
    """A request as it came in, with its path behind the prefix and ``time.monotonic()``."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    time: float
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Fault:
    """How an answer goes wrong. Without ``works`` the request changes nothing."""

    works: bool = False
    code: int | None = None
    body: str | Json = ""
    headers: Callable[[], Mapping[str, str]] = dict
    drops: bool = False
    seconds: float = 0.0
    cut: bool = False

    @classmethod
    def status(cls, code: int, headers: Mapping[str, str] | None = None, body: str | Json | None = None) -> Fault:
        """Answers with a code instead of doing the work."""
        return cls(False, code, _refusal(code, "Server Error") if body is None else body, lambda: headers or {})

    @classmethod
    def after(cls, code: int) -> Fault:
        """Does the work, and answers with a code all the same."""
        return cls(True, code, _refusal(code, "Server Error"))

    @classmethod
    def drop(cls) -> Fault:
        """Closes the connection, the work undone and the request unanswered."""
        return cls(drops=True)

    @classmethod
    def drop_after(cls) -> Fault:
        """Does the work and closes the connection without an answer."""
        return cls(True, drops=True)

    @classmethod
    def slow(cls, seconds: float) -> Fault:
        """Does the work and answers, but late."""
        return cls(True, seconds=seconds)

    @classmethod
    def html(cls, code: int) -> Fault:
        """Answers with the error page of a proxy in between."""
        page = f"<html>\r\n<head><title>{code}</title></head>\r\n<body><h1>{code}</h1></body>\r\n</html>\r\n"
        return cls(False, code, page, lambda: {"Content-Type": "text/html"})

    @classmethod
    def junk(cls, body: str, *, works: bool = False) -> Fault:
        """Answers 200 with something that is no answer, the work done or undone."""
        return cls(works, 200, body, lambda: {"Content-Type": "application/json"})

    @classmethod
    def half(cls) -> Fault:
        """Does the work, and closes the connection in the middle of the answer."""
        return cls(True, cut=True)

    @classmethod
    def redirect(cls, to: str, code: int = 301) -> Fault:
        """Sends the client elsewhere."""
        return cls(False, code, "", lambda: {"Location": to})

    @classmethod
    def primary_limit(cls, reset_in: float = 3600, code: int = 403) -> Fault:
        """Says that this hour's requests are spent; ``reset_in`` counts from the answer."""
        refusal = _refusal(code, "API rate limit exceeded for installation ID 4242.")
        return cls(False, code, refusal, lambda: _rate_limit(remaining=0, reset_in=reset_in))

    @classmethod
    def secondary_limit(cls, retry_after: int | None = None, code: int = 403) -> Fault:
        """Says that this was too much too fast; GitHub adds the header ``retry-after``, or does not."""
        message = (
            "You have exceeded a secondary rate limit and have been temporarily blocked from content creation. "
            "Please retry your request again later."
        )
        headers = {} if retry_after is None else {"retry-after": str(retry_after)}
        return cls(False, code, _refusal(code, message), lambda: headers)

    def answer(self, usual: Response) -> Response:
        """What the client gets where it would have got the usual answer."""
        if self.cut:
            data = usual.get_data()
            usual.set_data(data[: len(data) // 2])
            usual.headers["Content-Length"] = str(len(data) + 1)
        if self.code is None:
            return usual
        from_github = _rate_limit() if isinstance(self.body, dict) else {}
        return _response(self.body, self.code, from_github | dict(self.headers()))


@dataclass
class Planned:
    """A fault in the queue and how many more requests will meet it."""

    method: str
    path: re.Pattern[str]
    fault: Fault
    times: float
    after: int = 0


@dataclass(kw_only=True, eq=False)
class FakeApi:
    """GitHub with one repository. Everything may be set and read while it runs."""

    # The token, whose it is and what it may do.
    token: str = "the-token"
    token_kind: str = "installation"  # or "user", which GET /user answers
    login: str = "github-actions[bot]"
    permissions: dict[str, str] = field(
        default_factory=lambda: {"issues": "write", "pull_requests": "write", "actions": "read", "contents": "read"}
    )
    drops_labels: bool = False  # the token may not push: labels given to an issue vanish without a word
    # What there is.
    repository: str = "octo/models"
    default_branch: str = "main"
    private: bool = False  # reads of a public repository need no permission
    has_issues: bool = True
    graphql_works: bool = True
    prefix: str = ""  # "/api/v3" is Enterprise Server
    blob_host: str = "localhost"  # where archives lie: a name of this machine that is not the API's
    issues: dict[int, Issue] = field(default_factory=dict)  # and pull requests: both share one row of numbers
    labels: list[Label] = field(default_factory=list)
    runs: dict[int, Run] = field(default_factory=dict)
    commit_pulls: dict[str, list[int]] = field(default_factory=dict)  # instead of what the heads say
    # What has been asked, and what will go wrong.
    requests: list[Recorded] = field(default_factory=list)
    tokens_seen: list[str | None] = field(default_factory=list)
    unexpected: list[Recorded] = field(default_factory=list)
    leaks: list[Recorded] = field(default_factory=list)  # downloads that brought a token along
    faults: list[Planned] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ids = itertools.count(1001)
        self._one_at_a_time = threading.Lock()
        self._stopping = threading.Event()
        self._server: HTTPServer | None = None

    @classmethod
    def start(cls, host: str = "127.0.0.1", port: int = 0, **settings: Any) -> Self:
        """Serve until ``stop``, or until the end of a ``with`` block."""
        api = cls(**settings)
        api._server = _Server(host, port, threaded=True)
        api._server.expect_request(re.compile(".*")).respond_with_handler(api._respond)
        api._server.start()
        return api

    def stop(self) -> None:
        """End all threads. A mistake of the fake itself comes out here: the client saw no more than a 500."""
        self._stopping.set()
        if self._server is not None and self._server.is_running():
            self._server.stop()
            self._server.check()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def web_url(self) -> str:
        assert self._server is not None
        return self._server.url_for("").rstrip("/")

    @property
    def url(self) -> str:
        return self.web_url + self.prefix

    @property
    def graphql_url(self) -> str:
        return self.web_url + self._graphql_path

    @property
    def environment(self) -> dict[str, str]:
        """The variables that tell an action where its GitHub is."""
        return {
            "GITHUB_SERVER_URL": self.web_url,
            "GITHUB_API_URL": self.url,
            "GITHUB_GRAPHQL_URL": self.graphql_url,
            "GITHUB_REPOSITORY": self.repository,
        }

    def fail(self, method: str, path_regex: str, fault: Fault, times: float = 1, after: int = 0) -> None:
        """Let the next requests go wrong whose path holds a match, once ``after`` of them have gone well.

        The method ``*`` is any.
        """
        self.faults.append(Planned(method, re.compile(path_regex), fault, times, after))

    def add_issue(self, title: str = "An issue", **fields: Any) -> Issue:
        issue = Issue(number=self.next_number(), title=title, **fields)
        self.issues[issue.number] = issue
        return issue

    def add_pull(self, title: str = "A change", head: Branch | None = None, **fields: Any) -> Pull:
        """A pull request; without ``head``, from a branch of the repository itself."""
        number = self.next_number()
        head = head or Branch(self.repository, f"topic-{number}", f"{number:040x}")
        fields.setdefault("base", Branch(self.repository, self.default_branch, "b" * 40))
        pull = Pull(number=number, title=title, head=head, **fields)
        self.issues[number] = pull
        return pull

    def add_comment(self, number: int, body: str, user: str | None = None, **fields: Any) -> Comment:
        """A comment on an issue or a pull request; without ``user``, the token's own."""
        comment = Comment(next(self._ids), body, user or self.login, **fields)
        self.issues[number].comments.append(comment)
        return comment

    def add_run(self, pull: Pull | None = None, **fields: Any) -> Run:
        """A workflow run; with ``pull``, on the head of that pull request."""
        known: Json = {"id": next(self._ids), "head_repository": self.repository}
        if pull is not None:
            head = pull.head
            known |= {"head_repository": head.repository, "head_branch": head.ref, "head_sha": head.sha}
            known["pull_requests"] = [pull.number] if head.repository == self.repository else []
        run = Run(**(known | fields))
        self.runs[run.id] = run
        return run

    def add_artifact(self, run: Run, name: str, content: bytes | Mapping[str, str | bytes], **fields: Any) -> Artifact:
        """An artifact of a run: the archive's bytes, or members still to be packed."""
        archive = content if isinstance(content, bytes) else _packed(content)
        known: Json = {"id": next(self._ids), "size_in_bytes": len(archive)}
        artifact = Artifact(name=name, archive=archive, **(known | fields))
        run.artifacts.append(artifact)
        return artifact

    @property
    def pulls(self) -> list[Pull]:
        return [issue for issue in self.issues.values() if isinstance(issue, Pull)]

    @property
    def comments(self) -> list[Comment]:
        """All comments, oldest first."""
        return sorted((made for issue in self.issues.values() for made in issue.comments), key=lambda made: made.id)

    def label_named(self, name: str) -> Label | None:
        return next((label for label in self.labels if label.name.lower() == name.lower()), None)

    def next_number(self) -> int:
        return max(self.issues, default=0) + 1

    def writes(self) -> list[Recorded]:
        """The requests that meant to change something, whether or not they came through."""
        return [seen for seen in self.requests if seen.method != "GET" and seen.path != "/graphql"]

    def _respond(self, request: Request) -> Response:
        seen = Recorded(
            request.method,
            self._without_prefix(request.path),
            request.args.to_dict(),
            request.get_json(force=True, silent=True) if request.get_data() else {},
            time.monotonic(),
            dict(request.headers),
        )
        call = _Call(self, seen, request.host_url.rstrip("/"))
        with self._one_at_a_time:
            self.requests.append(seen)
            self.tokens_seen.append(call.token)
            fault = self._next_fault(seen)
        self._stopping.wait(fault.seconds)
        with self._one_at_a_time:
            answer = fault.answer(call.answer() if fault.works else Response())
        if fault.drops:
            # Writing the answer then ends in a broken pipe, which the server takes for a client that has gone.
            with suppress(OSError):
                request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        return answer

    def _next_fault(self, seen: Recorded) -> Fault:
        for planned in self.faults:
            if planned.method in {"*", seen.method} and planned.path.search(seen.path):
                if planned.after > 0:
                    planned.after -= 1
                    continue
                planned.times -= 1
                if planned.times <= 0:
                    self.faults.remove(planned)
                return planned.fault
        return Fault(works=True)

    @property
    def _graphql_path(self) -> str:
        return self.prefix.removesuffix("/v3") + "/graphql"

    def _without_prefix(self, path: str) -> str:
        if path == self._graphql_path:
            return "/graphql"
        if path.startswith("/blob/"):
            return path
        if not path.startswith(self.prefix):
            return "(outside the API)" + path
        return re.sub(f"^/repositories/{REPOSITORY_ID}(?=/|$)", f"/repos/{self.repository}", path[len(self.prefix) :])


class _Server(HTTPServer):
    def thread_target(self) -> None:
        assert isinstance(self.server, ThreadedWSGIServer)
        self.server.daemon_threads = False  # the end waits for those that still answer
        self.server.RequestHandlerClass = _Connection
        self.server.serve_forever(poll_interval=0.02)


class _Connection(WSGIRequestHandler):
    timeout = 5  # a client that says nothing does not hold up the end

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: ``requests`` tells it."""


class _Refused(Exception):
    """GitHub's no."""

    def __init__(self, code: int, message: str, errors: Sequence[Json] = (), headers: Json | None = None) -> None:
        self.answer = _response(_refusal(code, message, errors), code, headers or {})


def _invalid(resource: str, code: str, name: str, **message: str) -> _Refused:
    return _Refused(422, "Validation Failed", [{"resource": resource, "code": code, "field": name, **message}])


def _refusal(code: int, message: str, errors: Sequence[Json] = ()) -> Json:
    details = {"errors": list(errors)} if errors else {}
    return {"message": message, **details, "documentation_url": "https://docs.github.com/rest", "status": str(code)}


def _response(body: Any, code: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    if isinstance(body, (str, bytes)):
        return Response(body, code, headers)
    return Response(json.dumps(body), code, {"Content-Type": "application/json; charset=utf-8", **(headers or {})})


def _rate_limit(remaining: int = 4999, reset_in: float = 3600) -> dict[str, str]:
    limit = {"limit": 5000, "remaining": remaining, "used": 5000 - remaining, "reset": int(time.time() + reset_in)}
    return {f"x-ratelimit-{name}": str(value) for name, value in limit.items()}


def _packed(members: Mapping[str, str | bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


@dataclass(frozen=True)
class _Call:
    """One request being answered, and what its client gets to see: every URL begins with the host it asked."""

    fake: FakeApi
    seen: Recorded
    web: str

    @property
    def token(self) -> str | None:
        return self.seen.headers.get("Authorization", "").rpartition(" ")[2] or None

    @property
    def api(self) -> str:
        return self.web + self.fake.prefix

    @property
    def repo(self) -> str:
        return f"{self.api}/repos/{self.fake.repository}"

    def answer(self) -> Response:
        try:
            answer = self._download() if self.seen.path.startswith("/blob/") else self._route()
        except _Refused as refused:
            answer = refused.answer
        answer.headers.update(_rate_limit())
        return answer

    def _download(self) -> Response:
        if "Authorization" in self.seen.headers:
            self.fake.leaks.append(self.seen)
            return _response("the token was sent to a host that must never see it", 500)
        archive = _artifact_at(self, self.seen.path.removeprefix("/blob/")).archive
        return _response(archive, headers={"Content-Type": "application/zip"})

    def _route(self) -> Response:
        if self.token != self.fake.token:
            raise _Refused(401, "Bad credentials")
        if self.seen.body is None:
            raise _Refused(400, "Problems parsing JSON")
        path = re.sub(f"^/repos/{re.escape(self.fake.repository)}(?=/|$)", "REPO", self.seen.path, flags=re.IGNORECASE)
        for route in _ROUTES:
            match = route.pattern.fullmatch(path)
            if match and route.method == self.seen.method:
                if not self.seen.query.keys() <= route.query:
                    self.fake.unexpected.append(self.seen)  # a filter that GitHub may know, and the fake does not
                if self.fake.private and route.reads:
                    self.may("read", *route.reads)
                answer = route.work(self, *match.groups())
                return answer if isinstance(answer, Response) else _response(answer, route.code)
        self.fake.unexpected.append(self.seen)
        raise _Refused(404, "Not Found")

    def may(self, access: str, *permissions: str) -> None:
        """One of these permissions is enough; write includes read."""
        if not {self.fake.permissions.get(permission) for permission in permissions} & {access, "write"}:
            accepted = "; ".join(f"{permission}={access}" for permission in permissions)
            raise self.refused_token({"x-accepted-github-permissions": accepted})

    def refused_token(self, headers: Json | None = None) -> _Refused:
        who = {"installation": "integration", "user": "personal access token"}[self.fake.token_kind]
        return _Refused(403, f"Resource not accessible by {who}", headers=headers)

    def may_write(self, issue: Issue) -> None:
        self.may("write", *(["pull_requests"] if isinstance(issue, Pull) else []), "issues")

    def must_have_issues(self) -> None:
        if not self.fake.has_issues:
            raise _Refused(410, "Issues has been disabled in this repository.")

    def text(self, name: str) -> str:
        """A field that GitHub insists on."""
        body = self.seen.body if isinstance(self.seen.body, dict) else {}
        if not isinstance(body.get(name), str):
            wrong = f"For 'properties/{name}', {body[name]!r} is not a string." if name in body else None
            raise _Refused(422, "Invalid request.\n\n" + (wrong or f'"{name}" wasn\'t supplied.'))
        return str(body[name])

    def page(self, things: Sequence[T], show: Callable[[T], Json], wrapped_as: str = "") -> Response:
        """The page that is asked for, with links to others; as GitHub's, they call the repository by its number."""
        per_page, page = (
            max(int(text), 1) if (text := self.seen.query.get(name, "")).isdecimal() else usual
            for name, usual in (("per_page", 30), ("page", 1))
        )
        per_page = min(per_page, 100)
        last = max(-(-len(things) // per_page), 1)
        shown = [show(thing) for thing in things[(page - 1) * per_page : page * per_page]]
        path = self.seen.path.replace(f"/repos/{self.fake.repository}", f"/repositories/{REPOSITORY_ID}")
        pages = ({"prev": page - 1} if page > 1 else {}) | ({"next": page + 1, "last": last} if page < last else {})
        links = (
            f'<{self.api}{path}?{urlencode({**self.seen.query, "page": number})}>; rel="{name}"'
            for name, number in (pages | ({"first": 1} if page > 1 else {})).items()
        )
        headers = {"Link": ", ".join(links)} if pages else {}
        return _response({"total_count": len(things), wrapped_as: shown} if wrapped_as else shown, headers=headers)

    def user(self, login: str) -> Json:
        kind = "Bot" if login.endswith("[bot]") else "User"
        urls = {"url": f"{self.api}/users/{quote(login)}", "html_url": f"{self.web}/{login}"}
        return {"login": login, "type": kind, "site_admin": False, **_identity("U", login), **urls}

    def repository(self, full_name: str) -> Json:
        own = full_name == self.fake.repository
        owner, name = full_name.split("/")
        return {
            **_identity("R", REPOSITORY_ID if own else full_name),
            "name": name,
            "full_name": full_name,
            "owner": self.user(owner),
            "private": self.fake.private,
            "fork": not own,
            "has_issues": self.fake.has_issues,
            "default_branch": self.fake.default_branch,
            "url": f"{self.api}/repos/{full_name}",
            "html_url": f"{self.web}/{full_name}",
        }

    def label(self, label: Label) -> Json:
        url = f"{self.repo}/labels/{quote(label.name)}"
        return {**_plain(label), **_identity("LA", label.name), "default": False, "url": url}

    def comment(self, comment: Comment) -> Json:
        issue = next(issue for issue in self.fake.issues.values() if comment in issue.comments)
        return {
            **_plain(comment),
            **_identity("IC", comment.id),
            "user": self.user(comment.user),
            "author_association": "NONE",
            "url": f"{self.repo}/issues/comments/{comment.id}",
            "issue_url": f"{self.repo}/issues/{issue.number}",
            "html_url": f"{self.issue(issue)['html_url']}#issuecomment-{comment.id}",
            "performed_via_github_app": None,
        }

    def issue(self, issue: Issue) -> Json:
        url, pull_url = (f"{self.repo}/{kind}/{issue.number}" for kind in ("issues", "pulls"))
        is_pull = isinstance(issue, Pull)
        html_url = f"{self.web}/{self.fake.repository}/{'pull' if is_pull else 'issues'}/{issue.number}"
        return {
            **_plain(issue),
            **_identity("I", 900_000 + issue.number),
            "user": self.user(issue.user),
            "closed_by": None if issue.closed_by is None else self.user(issue.closed_by),
            "labels": [self.label(self.fake.label_named(name) or Label(name)) for name in issue.labels],
            "assignees": [],
            "comments": len(issue.comments),
            "comments_url": f"{url}/comments",
            "repository_url": self.repo,
            "url": url,
            "html_url": html_url,
            **({"pull_request": {"url": pull_url, "html_url": html_url, "merged_at": None}} if is_pull else {}),
        }

    def pull(self, pull: Pull) -> Json:
        shown = self.issue(pull)
        return {
            **{name: value for name, value in shown.items() if name not in {"pull_request", "state_reason"}},
            **_identity("PR", 800_000 + pull.number),
            "url": shown["pull_request"]["url"],
            "issue_url": shown["url"],
            "merged": pull.merged_at is not None,
            "head": self._side(pull.head),
            "base": self._side(pull.base),
        }

    def _side(self, branch: Branch) -> Json:
        owner = branch.repository.split("/")[0] if branch.repository else None
        return {
            "label": f"{owner or 'unknown'}:{branch.ref}",
            "ref": branch.ref,
            "sha": branch.sha,
            "user": self.user(owner) if owner else None,
            "repo": self.repository(branch.repository) if branch.repository else None,
        }

    def run(self, run: Run) -> Json:
        url = f"{self.repo}/actions/runs/{run.id}"
        pulls = [self.pull(pull) for pull in self.fake.pulls if pull.number in run.pull_requests]
        return {
            **_plain(run),
            **_identity("WFR", run.id),
            "repository": self.repository(self.fake.repository),
            "head_repository": self.repository(run.head_repository) if run.head_repository else None,
            "pull_requests": [{name: pull[name] for name in ("id", "number", "url", "head", "base")} for pull in pulls],
            "url": url,
            "artifacts_url": f"{url}/artifacts",
            "html_url": f"{self.web}/{self.fake.repository}/actions/runs/{run.id}",
        }

    def artifact(self, artifact: Artifact) -> Json:
        run = next(run for run in self.fake.runs.values() if artifact in run.artifacts)
        url = f"{self.repo}/actions/artifacts/{artifact.id}"
        return {
            **_plain(artifact),
            **_identity("A", artifact.id),
            "digest": f"sha256:{hashlib.sha256(artifact.archive).hexdigest()}",
            "expires_at": _shown(artifact.created_at + timedelta(days=90)),
            "url": url,
            "archive_download_url": f"{url}/zip",
            "workflow_run": {"id": run.id, "head_sha": run.head_sha, "head_branch": run.head_branch},
        }


def _identity(kind: str, of: int | str) -> Json:
    number = of if isinstance(of, int) else zlib.crc32(of.encode())
    return {"id": number, "node_id": f"{kind}_{number}"}


def _plain(thing: object) -> Json:
    """The fields that GitHub shows as they are."""
    return {
        name: _shown(value)
        for name, value in vars(thing).items()
        if value is None or isinstance(value, (str, int, datetime))
    }


def _shown(value: Any) -> Any:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else value


# What can be asked, and of whom: REPO stands for the one repository.


class _Route(NamedTuple):
    method: str
    pattern: re.Pattern[str]
    work: Callable[..., Any]
    code: int
    reads: Sequence[str]
    query: frozenset[str]


_ROUTES: list[_Route] = []
_Work = TypeVar("_Work", bound=Callable[..., Any])
_CONVERSATION = "issues pull_requests"


def _route(method: str, pattern: str, code: int = 200, *, reads: str = "", query: str = "") -> Callable[[_Work], _Work]:
    """Answer this with what the function returns; ``reads``: one of them is needed in a private repository."""

    def add(work: _Work) -> _Work:
        known = frozenset([*query.split(), "page", "per_page"])
        _ROUTES.append(_Route(method, re.compile(pattern), work, code, reads.split(), known))
        return work

    return add


@_route("POST", "/graphql")
def _viewer(call: _Call) -> Json:
    if not call.fake.graphql_works:
        raise call.refused_token()
    user = call.user(call.fake.login)
    known = {"login": user["login"], "id": user["node_id"], "databaseId": user["id"], "__typename": "User"}
    asked = re.search(r"\bviewer\s*\{([\w\s]*)\}", call.text("query"))
    if not asked or not set(asked[1].split()) <= known.keys():
        call.fake.unexpected.append(call.seen)
        return {"errors": [{"message": "The fake's GraphQL knows nothing but the viewer."}]}
    return {"data": {"viewer": {name: known[name] for name in asked[1].split()}}}


@_route("GET", "/user")
def _user(call: _Call) -> Json:
    if call.fake.token_kind == "installation":
        raise call.refused_token()
    return call.user(call.fake.login)


_route("GET", "/users/([^/]+)")(_Call.user)
_route("GET", "REPO")(lambda call: call.repository(call.fake.repository))
_route("GET", "REPO/labels", reads=_CONVERSATION)(lambda call: call.page(call.fake.labels, call.label))
_route("GET", "REPO/labels/(.+)", reads=_CONVERSATION)(lambda call, name: call.label(_label_named(call, name)))
_route("GET", r"REPO/issues/(\d+)", reads=_CONVERSATION)(lambda call, n: call.issue(_issue_at(call, n)))
_route("GET", r"REPO/issues/(\d+)/comments", reads=_CONVERSATION)(
    lambda call, n: call.page(_issue_at(call, n).comments, call.comment)
)
_route("GET", r"REPO/issues/comments/(\d+)", reads=_CONVERSATION)(lambda call, n: call.comment(_comment_at(call, n)[1]))
_route("GET", r"REPO/pulls/(\d+)", reads="pull_requests")(lambda call, n: call.pull(_pull_at(call, n)))
_route("GET", "REPO/commits/([^/]+)")(lambda call, sha: {"sha": sha, "url": f"{call.repo}/commits/{sha}"})
_route("GET", r"REPO/actions/runs/(\d+)", reads="actions")(lambda call, n: call.run(_run_at(call, n)))
_route("GET", r"REPO/actions/artifacts/(\d+)", reads="actions")(lambda call, n: call.artifact(_artifact_at(call, n)))


def _there(thing: T | None) -> T:
    if thing is None:
        raise _Refused(404, "Not Found")
    return thing


def _label_named(call: _Call, name: str) -> Label:
    return _there(call.fake.label_named(name))


def _pull_at(call: _Call, number: str) -> Pull:
    return _there(next((pull for pull in call.fake.pulls if pull.number == int(number)), None))


def _run_at(call: _Call, number: str) -> Run:
    return _there(call.fake.runs.get(int(number)))


def _artifact_at(call: _Call, number: str) -> Artifact:
    everywhere = (artifact for run in call.fake.runs.values() for artifact in run.artifacts)
    return _there(next((artifact for artifact in everywhere if artifact.id == int(number)), None))


def _comment_at(call: _Call, number: str) -> tuple[Issue, Comment]:
    everywhere = ((issue, comment) for issue in call.fake.issues.values() for comment in issue.comments)
    return _there(next((found for found in everywhere if found[1].id == int(number)), None))


def _issue_at(call: _Call, number: str) -> Issue:
    issue = call.fake.issues.get(int(number))
    if not isinstance(issue, Pull):
        call.must_have_issues()
    return _there(issue)


@_route("GET", "REPO/issues", reads=_CONVERSATION, query="state labels creator sort direction")
def _list_issues(call: _Call) -> Response:
    call.must_have_issues()
    labels = {name.lower() for name in call.seen.query.get("labels", "").split(",") if name}
    creator = call.seen.query.get("creator")
    found = [issue for issue in call.fake.issues.values() if labels <= {name.lower() for name in issue.labels}]
    return call.page(_in_order(call, (issue for issue in found if creator in {None, issue.user})), call.issue)


@_route("POST", "REPO/issues", 201)
def _create_issue(call: _Call) -> Json:
    call.must_have_issues()
    call.may("write", "issues")
    call.text("title")
    issue = Issue(number=call.fake.next_number(), user=call.fake.login)
    _edit(call, issue)
    call.fake.issues[issue.number] = issue
    return call.issue(issue)


@_route("PATCH", r"REPO/issues/(\d+)")
def _edit_issue(call: _Call, number: str) -> Json:
    issue = _issue_at(call, number)
    call.may_write(issue)
    _edit(call, issue)
    return call.issue(issue)


def _edit(call: _Call, issue: Issue) -> None:
    body = call.seen.body
    if "title" in body and not call.text("title").strip():
        raise _invalid("Issue", "missing_field", "title")
    for name, longest in (("title", 256), ("body", LONGEST_BODY)):
        if len(body.get(name) or "") > longest:
            message = f"{name} is too long (maximum is {longest} characters)"
            raise _invalid("Issue", "custom", name, message=message)
    state, reason = body.get("state", issue.state), body.get("state_reason")
    if state not in {"open", "closed"}:
        raise _invalid("Issue", "invalid", "state")
    if reason not in {None, "completed", "not_planned", "duplicate", "reopened"}:
        raise _invalid("Issue", "invalid", "state_reason")
    if state != issue.state:
        issue.state = state
        issue.state_reason = reason or {"open": "reopened", "closed": "completed"}[state]
        issue.closed_at = _now() if state == "closed" else None
        issue.closed_by = call.fake.login if state == "closed" else None
    issue.title, issue.body = body.get("title", issue.title), body.get("body", issue.body)
    if "labels" in body and not call.fake.drops_labels:
        issue.labels = _known_labels(call, body["labels"])
    issue.updated_at = _now()


def _known_labels(call: _Call, names: Iterable[str]) -> list[str]:
    """As the repository spells them; GitHub makes those that it has not got."""
    for name in names:
        if call.fake.label_named(name) is None:
            call.fake.labels.append(Label(name))
    return list(dict.fromkeys(_label_named(call, name).name for name in names))


@_route("POST", r"REPO/issues/(\d+)/labels")
def _add_labels(call: _Call, number: str) -> list[Json]:
    issue = _issue_at(call, number)
    call.may_write(issue)
    if call.fake.drops_labels:
        raise call.refused_token()
    given = call.seen.body["labels"] if isinstance(call.seen.body, dict) else call.seen.body
    issue.labels = _known_labels(call, [*issue.labels, *given])
    return [call.label(_label_named(call, name)) for name in issue.labels]


@_route("POST", "REPO/labels", 201)
def _create_label(call: _Call) -> Json:
    call.may("write", "issues", "pull_requests")
    label = Label(call.text("name"), call.seen.body.get("color") or "ededed", call.seen.body.get("description"))
    if call.fake.label_named(label.name):
        raise _invalid("Label", "already_exists", "name")
    holds = {
        "name": 1 <= len(label.name) <= 50,
        "color": re.fullmatch("[0-9a-fA-F]{6}", label.color),
        "description": len(label.description or "") <= 100,
    }
    for name, held in holds.items():
        if not held:
            raise _invalid("Label", "invalid", name)
    call.fake.labels.append(label)
    return call.label(label)


@_route("POST", r"REPO/issues/(\d+)/comments", 201)
def _create_comment(call: _Call, number: str) -> Json:
    issue = _issue_at(call, number)
    if issue.locked and call.fake.permissions.get("contents") != "write":
        raise _Refused(403, "Unable to create comment because issue is locked.")
    call.may_write(issue)
    comment = call.fake.add_comment(issue.number, _comment_body(call))
    issue.updated_at = comment.created_at
    return call.comment(comment)


@_route("PATCH", r"REPO/issues/comments/(\d+)")
def _edit_comment(call: _Call, number: str) -> Json:
    issue, comment = _comment_at(call, number)
    call.may_write(issue)
    comment.body = _comment_body(call)
    comment.updated_at = issue.updated_at = _now()
    return call.comment(comment)


@_route("DELETE", r"REPO/issues/comments/(\d+)")
def _delete_comment(call: _Call, number: str) -> Response:
    issue, comment = _comment_at(call, number)
    call.may_write(issue)
    issue.comments.remove(comment)
    return Response(status=204)


def _comment_body(call: _Call) -> str:
    body = call.text("body")
    if not body.strip():
        raise _invalid("IssueComment", "unprocessable", "data", message="Body cannot be blank")
    if len(body) > LONGEST_BODY:
        message = f"Body is too long (maximum is {LONGEST_BODY} characters)"
        raise _invalid("IssueComment", "unprocessable", "data", message=message)
    return body


@_route("GET", "REPO/pulls", reads="pull_requests", query="state head base sort direction")
def _list_pulls(call: _Call) -> Response:
    base, head = (call.seen.query.get(name) for name in ("base", "head"))
    found = [pull for pull in call.fake.pulls if base in {None, pull.base.ref}]
    if head is not None and ":" in head:  # GitHub takes a head without its owner for no filter at all
        found = [pull for pull in found if call.pull(pull)["head"]["label"] == head]
    return call.page(_in_order(call, found), call.pull)


@_route("GET", "REPO/commits/([^/]+)/pulls", reads="pull_requests")
def _list_pulls_of_commit(call: _Call, sha: str) -> Response:
    """A fork's commits belong to no pull request here, unless ``commit_pulls`` says so."""
    own = {pull.number for pull in call.fake.pulls if pull.head == Branch(call.fake.repository, pull.head.ref, sha)}
    numbers = call.fake.commit_pulls.get(sha, own)
    heads = {pull.head.sha for pull in call.fake.pulls} | {run.head_sha for run in call.fake.runs.values()}
    if sha not in heads | call.fake.commit_pulls.keys():
        raise _Refused(422, f"No commit found for SHA: {sha}")
    found = [pull for pull in call.fake.pulls if pull.number in numbers]
    return call.page(found, call.pull)


_Thread = TypeVar("_Thread", bound=Issue)


def _in_order(call: _Call, threads: Iterable[_Thread]) -> list[_Thread]:
    """Those in the state that is asked for, newest first unless it is asked otherwise."""
    query = call.seen.query
    state, sort = query.get("state", "open"), query.get("sort", "created")
    if state not in {"open", "closed", "all"} or sort not in {"created", "updated"}:
        raise _invalid("Issue", "invalid", "state" if sort in {"created", "updated"} else "sort")
    return sorted(
        (thread for thread in threads if state in {thread.state, "all"}),
        key=lambda thread: (getattr(thread, f"{sort}_at"), thread.number),
        reverse=query.get("direction", "desc") == "desc",
    )


@_route("GET", r"REPO/actions/runs/(\d+)/artifacts", reads="actions", query="name")
def _list_artifacts(call: _Call, number: str) -> Response:
    name = call.seen.query.get("name")
    artifacts = _run_at(call, number).artifacts
    found = [artifact for artifact in artifacts if name in {None, artifact.name}]
    return call.page(found, call.artifact, wrapped_as="artifacts")


@_route("GET", r"REPO/actions/artifacts/(\d+)/zip", reads="actions")
def _redirect_to_archive(call: _Call, number: str) -> Response:
    if _artifact_at(call, number).expired:
        raise _Refused(410, "Artifact has expired")
    port = call.web.rpartition(":")[2]
    return _response("", 302, {"Location": f"http://{call.fake.blob_host}:{port}/blob/{number}?sig=fake"})
