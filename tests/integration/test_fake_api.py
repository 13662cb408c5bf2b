"""Holds the fake of GitHub's API to its word, with the clients that the action uses."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from fake_api import Branch, FakeApi, Fault
from github import Auth, BadCredentialsException, Github, GithubException, RateLimitExceededException
from github.Repository import Repository

FORK = Branch("someone/models", "topic", "f" * 40)


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with FakeApi.start() as api:
        yield api


@pytest.fixture
def opened() -> Iterator[Callable[..., Repository]]:
    """Opens the fake's repository with PyGithub, which asks nothing twice by itself."""
    clients = []

    def open_repository(api: FakeApi, token: str | None = None, **options: Any) -> Repository:
        client = Github(
            base_url=api.url,
            auth=Auth.Token(token or api.token),
            retry=None,
            lazy=True,
            seconds_between_requests=0,
            seconds_between_writes=0,
            **options,
        )
        clients.append(client)
        return client.get_repo(api.repository)

    yield open_repository
    for client in clients:
        client.close()


@pytest.fixture
def repository(api: FakeApi, opened: Callable[..., Repository]) -> Iterator[Repository]:
    yield opened(api)
    assert api.unexpected == []


def ask(api: FakeApi, method: str, path: str, **options: Any) -> requests.Response:
    """Ask the repository, or with a path from the root the API, without PyGithub in between."""
    url = api.url + (path if path.startswith("/") else f"/repos/{api.repository}/{path}")
    options.setdefault("headers", {"Authorization": f"Bearer {api.token}"})
    return requests.request(method, url, allow_redirects=False, timeout=5, **options)


def refused(error: pytest.ExceptionInfo[GithubException]) -> tuple[int, str]:
    return error.value.status, error.value.data["message"]


def test_what_is_written_is_there_and_what_is_there_is_read(api: FakeApi, repository: Repository) -> None:
    issue = repository.create_issue("A model got worse", "model_05", labels=["Quality"])
    comment = issue.create_comment("seen")
    comment.edit("seen again")
    api.add_comment(issue.number, "thanks", user="octocat")

    kept = api.issues[issue.number]
    assert (kept.title, kept.body, kept.labels) == ("A model got worse", "model_05", ["Quality"])
    assert [label.name for label in api.labels] == ["Quality"]
    assert [made.body for made in api.comments] == ["seen again", "thanks"]
    authors = [(made.user.login, made.user.type) for made in issue.get_comments()]
    assert authors == [("github-actions[bot]", "Bot"), ("octocat", "User")]
    assert (repository.get_issue(1).comments, repository.get_issue(1).pull_request) == (2, None)
    assert comment.html_url == f"{api.web_url}/octo/models/issues/1#issuecomment-{comment.id}"
    comment.delete()
    assert [made.body for made in api.comments] == ["thanks"]
    assert [(seen.method, seen.path.removeprefix("/repos/octo/models/")) for seen in api.writes()] == [
        ("POST", "issues"),
        ("POST", "issues/1/comments"),
        ("PATCH", f"issues/comments/{comment.id}"),
        ("DELETE", f"issues/comments/{comment.id}"),
    ]
    assert api.writes()[0].body == {"title": "A model got worse", "body": "model_05", "labels": ["Quality"]}
    assert set(api.tokens_seen) == {api.token}


def test_an_issue_is_closed_with_a_reason_and_opened_again(api: FakeApi, repository: Repository) -> None:
    api.add_issue()
    issue = repository.get_issue(1)
    issue.edit(state="closed", state_reason="not_planned")
    assert (issue.state_reason, api.issues[1].closed_at is not None) == ("not_planned", True)
    issue.edit(state="open", title="Another", body="words")
    assert (issue.state_reason, api.issues[1].closed_at) == ("reopened", None)
    issue.edit(state="closed")
    assert (api.issues[1].state_reason, api.issues[1].title, api.issues[1].body) == ("completed", "Another", "words")


def test_three_pages_are_linked_to_each_other(api: FakeApi, repository: Repository) -> None:
    api.add_pull()
    for number in range(75):
        api.add_comment(1, f"comment {number}")
    comments = repository.get_pull(1).get_issue_comments()
    assert [comment.body for comment in comments] == [f"comment {number}" for number in range(75)]
    assert comments.totalCount == 75
    assert next(iter(comments.reversed)).body == "comment 74"

    relations = [
        {name: link["url"] for name, link in ask(api, "GET", f"issues/1/comments?page={page}").links.items()}
        for page in (1, 2, 3)
    ]
    assert [sorted(relation) for relation in relations] == [
        ["last", "next"],
        ["first", "last", "next", "prev"],
        ["first", "prev"],
    ]
    assert relations[0]["next"] == f"{api.url}/repositories/4242/issues/1/comments?page=2"
    assert len(ask(api, "GET", "issues/1/comments?per_page=1000").json()) == 75
    for number in range(30):
        api.add_comment(1, str(number))
    assert len(ask(api, "GET", "issues/1/comments?per_page=1000").json()) == 100
    assert {seen.path for seen in api.requests} >= {"/repos/octo/models/issues/1/comments"}


def test_issues_are_filtered_and_ordered(api: FakeApi, repository: Repository) -> None:
    old, new = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    api.add_issue(labels=["a", "B"], created_at=new, updated_at=old)
    api.add_issue(labels=["a"], state="closed", created_at=old, updated_at=new)
    api.add_pull(user="github-actions[bot]", labels=["A"], created_at=old, updated_at=old)

    def listed(**filters: Any) -> list[int]:
        return [issue.number for issue in repository.get_issues(**filters)]

    assert listed() == [1, 3]
    assert listed(state="all") == [1, 3, 2]
    assert listed(state="all", sort="updated") == [2, 3, 1]
    assert listed(state="all", direction="asc") == [2, 3, 1]
    assert listed(state="closed", labels=["A"]) == [2]
    assert listed(labels=["a", "b"]) == [1]
    assert [i["number"] for i in ask(api, "GET", "issues?creator=github-actions[bot]").json()] == [3]
    assert [issue.pull_request is not None for issue in repository.get_issues(state="all")] == [False, True, False]


def test_labels(api: FakeApi, repository: Repository) -> None:
    repository.create_label("bisect cache", "6f42c1", "ours")
    assert repository.get_label("Bisect Cache").description == "ours"
    api.add_issue().labels.append("bisect cache")
    repository.get_issue(1).add_to_labels("new", "BISECT CACHE")
    assert api.issues[1].labels == ["bisect cache", "new"]
    assert [label.name for label in repository.get_labels()] == ["bisect cache", "new"]
    with pytest.raises(GithubException) as error:
        repository.create_label("BISECT cache", "6f42c1")
    assert error.value.data["errors"] == [{"resource": "Label", "code": "already_exists", "field": "name"}]
    for wrong in (("x", "#6f42c1", ""), ("x" * 51, "6f42c1", ""), ("x", "6f42c1", "y" * 101)):
        with pytest.raises(GithubException, match="422"):
            repository.create_label(*wrong)


def test_labels_of_an_issue_are_dropped_when_the_token_may_not_push(api: FakeApi, repository: Repository) -> None:
    api.drops_labels = True
    assert repository.create_issue("A title", labels=["quality"]).labels == []
    assert api.labels == []


@pytest.mark.parametrize(
    ("permissions", "on_issue", "on_pull"),
    [
        ({"issues": "write"}, 201, 201),
        ({"pull_requests": "write"}, 403, 201),
        ({"issues": "read", "pull_requests": "read"}, 403, 403),
        ({}, 403, 403),
    ],
)
def test_a_comment_needs_permission(api: FakeApi, permissions: dict[str, str], on_issue: int, on_pull: int) -> None:
    issue, pull = api.add_issue(), api.add_pull()
    api.permissions = permissions
    answers = [ask(api, "POST", f"issues/{n}/comments", json={"body": "x"}) for n in (issue.number, pull.number)]
    assert [answer.status_code for answer in answers] == [on_issue, on_pull]
    assert len(api.comments) == [on_issue, on_pull].count(201)
    assert ask(api, "GET", f"issues/{issue.number}/comments").status_code == 200
    if on_issue == 403:
        assert answers[0].json() == {
            "message": "Resource not accessible by integration",
            "documentation_url": "https://docs.github.com/rest",
            "status": "403",
        }
        assert answers[0].headers["X-Accepted-GitHub-Permissions"] == "issues=write"


def test_all_other_writes_need_permission_too(api: FakeApi) -> None:
    api.add_issue()
    comment = api.add_comment(1, "before")
    api.permissions = {"issues": "read"}
    writes = {
        ("POST", "issues"): {"title": "x"},
        ("PATCH", "issues/1"): {"state": "closed"},
        ("POST", "issues/1/labels"): {"labels": ["x"]},
        ("POST", "labels"): {"name": "x"},
        ("PATCH", f"issues/comments/{comment.id}"): {"body": "after"},
        ("DELETE", f"issues/comments/{comment.id}"): None,
    }
    assert {ask(api, *what, json=body).status_code for what, body in writes.items()} == {403}
    assert (len(api.issues), api.issues[1].state, api.labels, api.comments) == (1, "open", [], [comment])


def test_reads_need_permission_in_a_private_repository(api: FakeApi) -> None:
    run = api.add_run()
    api.private, api.permissions = True, {"issues": "write"}
    assert ask(api, "GET", f"actions/runs/{run.id}").headers["X-Accepted-GitHub-Permissions"] == "actions=read"
    assert ask(api, "GET", "issues").status_code == 200


def test_an_unknown_token_is_refused(api: FakeApi, opened: Callable[..., Repository]) -> None:
    with pytest.raises(BadCredentialsException):
        opened(api, token="another").create_issue("x")
    assert ask(api, "GET", "issues", headers={}).json()["message"] == "Bad credentials"
    assert api.tokens_seen == ["another", None]


def test_who_the_token_is(api: FakeApi, repository: Repository) -> None:
    def viewer() -> Any:
        return repository.requester.graphql_query("query { viewer { login } }", {})[1]

    assert viewer() == {"data": {"viewer": {"login": "github-actions[bot]"}}}
    assert ask(api, "GET", "/user").json()["message"] == "Resource not accessible by integration"
    api.token_kind, api.login = "user", "octocat"
    assert ask(api, "GET", "/user").json()["login"] == viewer()["data"]["viewer"]["login"] == "octocat"
    api.graphql_works = False
    with pytest.raises(GithubException, match="403"):
        viewer()
    assert api.writes() == []


@pytest.mark.parametrize(
    ("method", "path", "body", "message"),
    [
        ("POST", "issues", {"body": "x"}, '"title" wasn\'t supplied.'),
        ("POST", "issues", {"title": " "}, "missing_field"),
        ("POST", "issues", {"title": "x" * 257}, "title is too long (maximum is 256 characters)"),
        ("POST", "issues", {"title": "x", "body": "é" * 65_537}, "body is too long (maximum is 65536 characters)"),
        ("PATCH", "issues/1", {"state": "shut"}, "Validation Failed"),
        ("PATCH", "issues/1", {"state_reason": "bored"}, "Validation Failed"),
        ("POST", "issues/1/comments", {}, '"body" wasn\'t supplied.'),
        ("POST", "issues/1/comments", {"body": 5}, "is not a string"),
        ("POST", "issues/1/comments", {"body": "\n"}, "Body cannot be blank"),
        ("POST", "issues/1/comments", {"body": "x" * 65_537}, "Body is too long (maximum is 65536 characters)"),
        ("PATCH", "issues/comments/1001", {"body": "x" * 65_537}, "Body is too long (maximum is 65536 characters)"),
        ("GET", "issues?state=shut", None, "Validation Failed"),
        ("GET", f"commits/{'9' * 40}/pulls", None, "No commit found for SHA"),
    ],
)
def test_what_github_finds_wrong_with_a_request(api: FakeApi, method: str, path: str, body: Any, message: str) -> None:
    api.add_issue("Before")
    api.add_comment(1, "before")
    answer = ask(api, method, path, json=body)
    assert (answer.status_code, message in answer.text.replace('\\"', '"')) == (422, True)
    assert [issue.title for issue in api.issues.values()] == ["Before"]
    assert [made.body for made in api.comments] == ["before"]


def test_the_longest_comment_fits_whatever_its_bytes(api: FakeApi, repository: Repository) -> None:
    api.add_issue()
    assert len(repository.get_issue(1).create_comment("🎬" * 65_536).body) == 65_536


def test_other_refusals(api: FakeApi, repository: Repository) -> None:
    api.add_issue(locked=True)
    pull = api.add_pull()
    with pytest.raises(GithubException) as error:
        repository.get_issue(1).create_comment("x")
    assert refused(error) == (403, "Unable to create comment because issue is locked.")
    api.permissions["contents"] = "write"
    repository.get_issue(1).create_comment("x")
    with pytest.raises(GithubException) as error:
        repository.get_issue(9).create_comment("x")
    assert refused(error) == (404, "Not Found")
    api.has_issues = False
    for ask_for in (lambda: repository.create_issue("x"), lambda: list(repository.get_issues())):
        with pytest.raises(GithubException) as error:
            ask_for()
        assert refused(error) == (410, "Issues has been disabled in this repository.")
    assert repository.get_issue(pull.number).create_comment("still").body == "still"
    assert ask(api, "POST", "issues", data=b"{").json()["message"] == "Problems parsing JSON"


def test_what_the_fake_does_not_know_is_kept(api: FakeApi) -> None:
    asked = ["milestones", "issues?since=2026", "/repos/other/models", "/rate_limit"]
    assert [ask(api, "GET", path).status_code for path in asked] == [404, 200, 404, 404]
    ask(api, "POST", "/graphql", json={"query": "{ repository { id } }"})
    assert len(api.unexpected) == 5


def test_pull_requests_are_found_by_branch_and_by_commit(api: FakeApi, repository: Repository) -> None:
    own, other = api.add_pull(), api.add_pull(head=FORK)
    gone = api.add_pull(head=Branch(None, "topic", "e" * 40), state="closed")

    def listed(**filters: str) -> list[int]:
        return [pull.number for pull in repository.get_pulls(**filters)]

    def of_commit(sha: str) -> list[int]:
        return [pull.number for pull in repository.get_commit(sha).get_pulls()]

    assert listed() == [2, 1]
    assert listed(state="all", direction="asc", base="main") == [1, 2, 3]
    assert listed(base="release") == []
    assert listed(head="someone:topic") == [2]
    assert listed(head="octo:topic") == []
    assert listed(head="topic") == [2, 1], "GitHub ignores a head that does not name the owner"
    assert (of_commit(own.head.sha), of_commit(FORK.sha)) == ([own.number], [])
    api.commit_pulls[FORK.sha] = [other.number]
    assert of_commit(FORK.sha) == [other.number]

    pull = repository.get_pull(other.number)
    assert (pull.head.sha, pull.head.label, pull.head.repo.full_name) == (FORK.sha, "someone:topic", "someone/models")
    assert (pull.head.repo.fork, pull.base.repo.fork, pull.base.ref) == (True, False, "main")
    assert repository.get_pull(gone.number).head.repo is None


def test_a_run_and_its_artifacts(api: FakeApi, repository: Repository) -> None:
    own, fork = api.add_run(api.add_pull()), api.add_run(api.add_pull(head=FORK), run_attempt=2)
    for number in range(31):
        api.add_artifact(fork, f"report-{number}", {"report.json": "{}"})
    assert [pull.number for pull in repository.get_workflow_run(own.id).pull_requests] == [1]
    run = repository.get_workflow_run(fork.id)
    assert (run.pull_requests, run.head_sha, run.head_branch) == ([], FORK.sha, FORK.ref)
    assert (run.event, run.conclusion, run.run_attempt) == ("pull_request", "success", 2)
    assert (run.head_repository.full_name, run.head_repository.owner.login) == ("someone/models", "someone")
    assert run.html_url == f"{api.web_url}/octo/models/actions/runs/{fork.id}"
    assert [artifact.name for artifact in run.get_artifacts()] == [f"report-{number}" for number in range(31)]
    named = ask(api, "GET", f"actions/runs/{fork.id}/artifacts?name=report-7").json()
    assert (named["total_count"], [artifact["name"] for artifact in named["artifacts"]]) == (1, ["report-7"])
    assert named["artifacts"][0]["size_in_bytes"] == len(fork.artifacts[7].archive)


def test_an_archive_lies_on_another_host_that_must_not_see_the_token(api: FakeApi) -> None:
    artifact = api.add_artifact(api.add_run(), "report", {"report.json": "{}"})
    path = f"actions/artifacts/{artifact.id}/zip"
    redirect = ask(api, "GET", path)
    assert redirect.status_code == 302
    assert redirect.headers["Location"].startswith(api.web_url.replace("127.0.0.1", "localhost") + "/blob/")

    followed = requests.get(redirect.headers["Location"], timeout=5)
    assert zipfile.ZipFile(io.BytesIO(followed.content)).read("report.json") == b"{}"
    assert api.leaks == []
    leaked = requests.get(redirect.headers["Location"], headers={"Authorization": "Bearer x"}, timeout=5)
    assert (leaked.status_code, len(api.leaks)) == (500, 1)
    artifact.expired = True
    assert ask(api, "GET", path).status_code == 410


@pytest.mark.parametrize(
    ("fault", "code", "done"),
    [
        (Fault.status(500), 500, False),
        (Fault.status(503, {"Retry-After": "7"}, "busy"), 503, False),
        (Fault.after(502), 502, True),
        (Fault.html(502), 502, False),
        (Fault.primary_limit(60), 403, False),
        (Fault.secondary_limit(), 403, False),
        (Fault.secondary_limit(9, code=429), 429, False),
        (Fault.slow(0), 201, True),
    ],
)
def test_a_fault_meets_one_request_that_fits_it(api: FakeApi, fault: Fault, code: int, done: bool) -> None:
    api.add_issue()
    api.fail("POST", "/issues/1/comments$", fault)
    assert ask(api, "GET", "issues/1/comments").status_code == 200
    assert ask(api, "POST", "issues/1/comments", json={"body": "x"}).status_code == code
    assert len(api.comments) == done
    assert ask(api, "POST", "issues/1/comments", json={"body": "x"}).status_code == 201
    assert (api.faults, len(api.writes())) == ([], 2)


def test_faults_look_as_they_do_on_github(api: FakeApi, repository: Repository) -> None:
    api.fail("*", "", Fault.primary_limit(reset_in=60))
    api.fail("*", "", Fault.secondary_limit())
    api.fail("*", "", Fault.secondary_limit(9))
    api.fail("*", "", Fault.html(502))
    api.fail("*", "", Fault.status(503, {"Retry-After": "7"}, {"message": "busy"}))
    with pytest.raises(RateLimitExceededException, match="API rate limit exceeded"):
        repository.create_issue("x")
    assert 58 <= repository.requester.rate_limiting_resettime - time.time() <= 60
    assert repository.requester.rate_limiting == (0, 5000)
    for retry_after in (None, "9"):
        with pytest.raises(RateLimitExceededException, match="secondary rate limit") as error:
            repository.create_issue("x")
        assert (error.value.headers or {}).get("retry-after") == retry_after
    page = ask(api, "GET", "issues")
    assert (page.headers["Content-Type"], page.text[:6]) == ("text/html", "<html>")
    busy = ask(api, "GET", "issues")
    assert (busy.headers["Retry-After"], busy.json()) == ("7", {"message": "busy"})
    assert api.issues == {}


@pytest.mark.parametrize(("fault", "done"), [(Fault.drop(), 0), (Fault.drop_after(), 1)])
def test_a_dropped_connection_is_one_to_the_client(
    api: FakeApi, repository: Repository, fault: Fault, done: int
) -> None:
    api.add_issue()
    api.fail("POST", "/comments$", fault, times=2)
    issue = repository.get_issue(1)
    for attempts in (1, 2):
        with pytest.raises(requests.exceptions.ConnectionError, match="closed connection without response"):
            issue.create_comment("x")
        assert (len(api.comments), len(api.writes())) == (done * attempts, attempts)
    issue.create_comment("x")
    assert len(api.comments) == done * 2 + 1


def test_a_slow_answer_holds_up_neither_others_nor_the_end() -> None:
    before = threading.active_count()
    started = time.monotonic()
    with FakeApi.start() as api:
        api.add_issue()
        api.fail("POST", "/comments$", Fault.slow(60))
        with pytest.raises(requests.exceptions.ReadTimeout):
            requests.post(
                f"{api.url}/repos/octo/models/issues/1/comments",
                json={"body": "x"},
                headers={"Authorization": f"token {api.token}"},
                timeout=0.2,
            )
        assert ask(api, "GET", "issues").status_code == 200
    assert len(api.comments) == 1, "the work is done, the client knows nothing of it"
    assert time.monotonic() - started < 10
    assert threading.active_count() == before


def test_a_mistake_of_the_fake_is_not_taken_for_githubs() -> None:
    api = FakeApi.start()
    api.add_issue(labels=None)
    assert ask(api, "GET", "issues").status_code == 500
    with pytest.raises(TypeError):
        api.stop()


def test_enterprise_server_has_its_api_below_a_prefix(opened: Callable[..., Repository]) -> None:
    with FakeApi.start(prefix="/api/v3", token_kind="user", login="octocat") as api:
        repository = opened(api, per_page=1)
        issue = repository.create_issue("x")
        for body in ("one", "two", "three"):
            issue.create_comment(body)
        assert [comment.body for comment in issue.get_comments()] == ["one", "two", "three"]
        assert issue.url == f"{api.web_url}/api/v3/repos/octo/models/issues/1"
        assert repository.requester.graphql_query("{ viewer { login } }", {})[1]["data"]["viewer"]["login"] == "octocat"
        assert api.graphql_url == f"{api.web_url}/api/graphql"
        assert {seen.path for seen in api.writes()} == {
            "/repos/octo/models/issues",
            "/repos/octo/models/issues/1/comments",
        }
        assert api.unexpected == []
        outside = requests.get(f"{api.web_url}/user", headers={"Authorization": f"Bearer {api.token}"}, timeout=5)
        assert (outside.status_code, len(api.unexpected)) == (404, 1)


def test_another_process_reaches_it_on_the_address_it_is_given() -> None:
    program = """
import os, sys
from github import Auth, Github
client = Github(base_url=os.environ["GITHUB_API_URL"], auth=Auth.Token(sys.argv[1]))
print(client.get_repo(os.environ["GITHUB_REPOSITORY"]).create_issue("from afar").html_url)
client.close()
"""
    with FakeApi.start(host="localhost", repository="a/b") as api:
        made = subprocess.run(
            [sys.executable, "-c", program, api.token],
            env=api.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert made.stdout == f"{api.web_url}/a/b/issues/1\n"
        assert [(issue.title, issue.user) for issue in api.issues.values()] == [("from afar", api.login)]
