"""The stand-in for GitHub's API: it takes what GitHub describes and refuses what it does not."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from mock_api import IN_USE, MockApi, mended

Ask = Callable[..., tuple[int, Any]]
ISSUE = "/repos/o/r/issues/7"
REQUESTS = [
    (method.upper(), re.sub(r"{\w+}", "7", path.replace("{archive_format}", "zip")))
    for path, methods in IN_USE.items()
    for method in methods
]


@pytest.fixture
def ask(openapi: MockApi) -> Ask:
    """Asks the stand-in: a path, a method, something to send as JSON, more headers."""

    def asked(path: str, method: str = "GET", sent: Any = None, **headers: str) -> tuple[int, Any]:
        request = urllib.request.Request(
            openapi.url + path,
            method=method,
            data=None if sent is None else json.dumps(sent).encode(),
            headers={"Content-Type": "application/json", "Accept": "application/vnd.github+json", **headers},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, json.load(refusal)

    return asked


def test_a_well_formed_request_is_accepted_and_answered_as_github_answers(openapi: MockApi, ask: Ask) -> None:
    status, issue = ask(ISSUE, "PATCH", {"body": "all is well", "state": "closed", "state_reason": None})
    assert status == 200
    assert issue["number"] == 1347
    assert [(seen.method, seen.path, seen.status) for seen in openapi.seen] == [("PATCH", ISSUE, 200)]
    assert json.loads(openapi.seen[0].body) == {"body": "all is well", "state": "closed", "state_reason": None}
    assert openapi.refused == []


def test_what_an_answer_links_to_leads_back_to_the_stand_in(openapi: MockApi, ask: Ask) -> None:
    _, issue = ask(ISSUE)
    assert issue["url"].startswith(openapi.url + "/repos/")


@pytest.mark.parametrize(
    ("path", "method", "sent", "status", "violation"),
    [
        ("/repos/o/r/issues", "POST", {"body": "no title"}, 422, "must have required property 'title'"),
        (ISSUE, "PATCH", {"state": "shut"}, 422, "must be equal to one of the allowed values"),
        (ISSUE, "PATCH", {"labels": "drift"}, 422, "labels must be array"),
        (ISSUE + "/comments", "POST", {"text": "no body"}, 422, "must have required property 'body'"),
        ("/repos/o/r/issues?per_page=many", "GET", None, 422, "per_page must be integer"),
        ("/repos/o/r/issues/seven", "GET", None, 422, "issue_number must be integer"),
        ("/repos/o/r/releases", "GET", None, 404, "hasn't been found in the specification"),
        (ISSUE, "DELETE", None, 405, 'does not have "delete" method'),
    ],
)
def test_a_malformed_request_is_refused_and_the_recorder_says_why(
    openapi: MockApi, ask: Ask, path: str, method: str, sent: Any, status: int, violation: str
) -> None:
    assert ask(path, method, sent)[0] == status
    assert [(seen.method, seen.path) for seen in openapi.refused] == [(method, path)]
    assert violation in " ".join(openapi.refused[0].violations)


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path in REQUESTS if method != "GET"])
def test_no_request_goes_unchecked_because_its_description_is_beyond_the_validator(
    openapi: MockApi, ask: Ask, method: str, path: str
) -> None:
    assert ask(path, method, [3])[0] == 422
    assert "Request body must be object" in openapi.refused[0].violations


@pytest.mark.parametrize("path", [path for method, path in REQUESTS if method == "GET"])
def test_a_violation_in_githubs_own_answer_is_not_held_against_the_request(
    openapi: MockApi, ask: Ask, path: str
) -> None:
    ask(path)
    assert openapi.seen[0].accepted


def test_a_redirect_leads_to_no_other_host(openapi: MockApi, ask: Ask) -> None:
    ask("/repos/o/r/actions/artifacts/7/zip")
    assert [seen.status for seen in openapi.seen] == [302, 404]


@pytest.mark.parametrize("member", ["title", "milestone", "state_reason"])
def test_null_is_welcome_where_github_says_so(openapi: MockApi, ask: Ask, member: str) -> None:
    ask(ISSUE, "PATCH", {member: None})
    assert openapi.refused == []


def test_an_example_that_is_another_example_is_no_wrapping_around_it() -> None:
    reference = {"$ref": "#/components/examples/issue"}
    assert mended({"default": {"summary": "An issue", "value": reference}}) == {"default": reference}
