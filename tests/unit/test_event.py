"""What set the workflow off: read from variables and a payload that anybody may have written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisect_cache.action.event import Event, occasion_of, read_event, read_place

HEAD, MERGE = "a" * 40, "b" * 40
RUNNER = {"GITHUB_REPOSITORY": "octo/models", "GITHUB_SHA": MERGE, "GITHUB_RUN_ID": "77"}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
)


def event(name: str, payload: object = None, **more: str) -> Event:
    return read_event(RUNNER | {"GITHUB_EVENT_NAME": name} | more, json.dumps(payload or {}).encode())


def pull(number: int = 5, repository: str = "octo/models") -> dict:
    return {
        "number": number,
        "pull_request": {"number": number, "head": {"sha": HEAD, "repo": {"full_name": repository}}},
    }


def test_a_pull_request_is_about_its_head_and_not_about_the_merge() -> None:
    assert event("pull_request", pull()) == Event("pull_request", 5, read_only_token=False, head=HEAD)


@pytest.mark.parametrize("repository", ["mallory/models", "octo/other"])
def test_a_fork_has_a_token_that_may_not_write(repository: str) -> None:
    assert event("pull_request", pull(repository=repository)).read_only_token
    assert not event("pull_request_target", pull(repository=repository)).read_only_token


def test_dependabot_is_read_only_in_the_repository_itself() -> None:
    assert event("pull_request", pull(), GITHUB_ACTOR="dependabot[bot]").read_only_token
    assert not event("pull_request", pull(), GITHUB_ACTOR="octocat").read_only_token
    assert not event("push", {}, GITHUB_ACTOR="dependabot[bot]").read_only_token


def test_a_repository_is_the_same_in_capitals() -> None:
    assert not event("pull_request", pull(repository="Octo/Models")).read_only_token


def test_the_number_is_found_wherever_it_stands() -> None:
    assert event("pull_request", {"number": 6}).pull_request == 6
    assert event("pull_request", {}, GITHUB_REF="refs/pull/7/merge").pull_request == 7
    assert event("issue_comment", {"issue": {"number": 8, "pull_request": {}}}).pull_request == 8
    assert event("issue_comment", {"issue": {"number": 8}}).pull_request is None


@pytest.mark.parametrize("name", ["schedule", "push", "workflow_dispatch", ""])
def test_other_events_are_about_no_pull_request(name: str) -> None:
    assert event(name, {"number": 3}) == Event(name, head=MERGE)


def test_the_triggering_run_counts_only_where_the_event_is_about_it() -> None:
    assert event("workflow_run", {"workflow_run": {"id": 9}}).triggering_run == 9
    assert event("push", {"workflow_run": {"id": 9}}).triggering_run is None


@pytest.mark.parametrize("sha", ["", "main", "a" * 39, "A" * 40, "a" * 40 + "\n::error::", "../../x"])
def test_what_is_no_commit_is_not_shown_as_one(sha: str) -> None:
    said = event("pull_request", {"pull_request": {"number": 1, "head": {"sha": sha}}})
    assert said.head == MERGE


@given(ANYTHING, st.sampled_from(["pull_request", "workflow_run", "issue_comment", "push"]))
def test_any_payload_is_read_or_left(payload: object, name: str) -> None:
    said = event(name, payload)
    assert said.head in {MERGE, HEAD}


@pytest.mark.parametrize("payload", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b'"text"', b"null"])
def test_a_payload_that_is_none_leaves_what_the_variables_say(payload: bytes) -> None:
    said = read_event(RUNNER | {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/7/merge"}, payload)
    assert said == Event("pull_request", 7, head=MERGE, read_only_token=False)


def test_enterprise_servers_are_taken_from_the_runner() -> None:
    place = read_place(
        RUNNER | {"GITHUB_SERVER_URL": "https://git.example.test", "GITHUB_API_URL": "https://git.example.test/api/v3/"}
    )
    assert (place.page, place.api) == ("https://git.example.test/octo/models", "https://git.example.test/api/v3")
    assert read_place({}).api == "https://api.github.com"


@pytest.mark.parametrize("bad", ["javascript:alert(1)", "https://x.test/) [y](http://evil", "ftp://x", "https://a b"])
def test_what_is_no_address_is_not_used(bad: str) -> None:
    assert read_place({"GITHUB_SERVER_URL": bad}).server == "https://github.com"


@pytest.mark.parametrize("bad", ["", "models", "a/b/c", "octo/models\n", "octo/../x y"])
def test_what_is_no_repository_is_none(bad: str) -> None:
    assert read_place({"GITHUB_REPOSITORY": bad}).page == ""


def test_the_occasion_links_run_and_commit() -> None:
    occasion = occasion_of(RUNNER, event("pull_request", pull()), read_place(RUNNER))
    assert occasion.run_url == "https://github.com/octo/models/actions/runs/77"
    assert occasion.commit_url == f"https://github.com/octo/models/commit/{HEAD}"
    assert occasion_of({"GITHUB_RUN_ID": "7x"}, Event(), read_place({})).run_url == ""
