"""Every request of ours is one that GitHub's own description of its API accepts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from making import bisect_report
from mock_api import MockApi

from bisect_cache.action.event import Place
from bisect_cache.action.inputs import Posting
from bisect_cache.action.posting import issues
from bisect_cache.action.posting.api import Api, CannotPost
from bisect_cache.action.posting.issues import refresh_regressions, tracking_issue
from bisect_cache.action.posting.post import post_comments, post_issues
from bisect_cache.action.posting.publishing import report_of, triggering_run
from bisect_cache.action.posting.sticky import refresh
from bisect_cache.report.occasion import Occasion

OCCASION = Occasion("https://github.com/octo/models", 7, "a" * 40)
NIGHT = datetime(2026, 11, 23, tzinfo=UTC)
ISSUE, COMMENTS = "/repos/octo/models/issues/1", "/repos/octo/models/issues/1/comments"


@pytest.fixture
def api(openapi: MockApi) -> Api:
    return Api(
        Place("octo/models", "https://github.com", openapi.url), "token", sleep=lambda _seconds: None, writes_apart=0
    )


def asked(openapi: MockApi) -> list[tuple[str, str]]:
    """What was asked and accepted. GraphQL and the place of archives are not in the description."""
    rest = [seen for seen in openapi.seen if seen.path.startswith(("/repos/", "/user"))]
    assert [(seen.method, seen.path, seen.violations) for seen in rest if not seen.accepted] == []
    return [(seen.method, seen.path.partition("?")[0]) for seen in rest]


def test_a_comment_is_created(openapi: MockApi, api: Api) -> None:
    (said,) = list(post_comments(api, bisect_report(), Posting(), OCCASION, (1,)))
    assert not said.failed, said.text
    assert asked(openapi) == [("GET", COMMENTS), ("POST", COMMENTS)]


def test_a_comment_is_edited(openapi: MockApi, api: Api) -> None:
    # The comment of GitHub's own example says "Me too" and is by octocat, who the example's token belongs to.
    posted = refresh(api, 1, "Me too", lambda _old: "new", run=7, create=False, needs="")
    assert posted.what == "edited"
    assert ("PATCH", "/repos/octo/models/issues/comments/1") in asked(openapi)


def test_a_tracking_issue_is_looked_for_made_and_commented(openapi: MockApi, api: Api) -> None:
    said = list(post_issues(api, bisect_report(), Posting(tracking="nights"), OCCASION, NIGHT))
    assert [one.text.partition(" #")[0] for one in said][-1] == "tracking issue"
    methods = asked(openapi)
    assert ("GET", "/repos/octo/models/issues") in methods
    assert ("POST", "/repos/octo/models/labels") in methods
    assert ("POST", "/repos/octo/models/issues") in methods


def test_an_issue_about_a_regression_is_made(openapi: MockApi, api: Api) -> None:
    assert list(refresh_regressions(api, bisect_report(), "default", OCCASION)) == ["opened #1347 about model_01"]
    assert ("POST", "/repos/octo/models/issues") in asked(openapi)


def test_an_issue_is_closed_and_opened_again(openapi: MockApi, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    # The issue of GitHub's own example is a pull request too, which would be left alone.
    monkeypatch.setattr(issues, "_labelled", lambda api, _label: list(api.repository.get_issues()))
    monkeypatch.setattr(issues, "is_marked", lambda _body, _line: True)
    green = bisect_report("no-regression", first_bad=None)
    assert list(refresh_regressions(api, green, "default", OCCASION)) == ["closed #1347: good again"]
    assert tracking_issue(api, "Found a bug") == (1347, None)
    assert ("PATCH", "/repos/octo/models/issues/1347") in asked(openapi)


def test_the_run_that_set_off_this_one_is_read(openapi: MockApi, api: Api) -> None:
    assert triggering_run(api, 30433642).run == 30433642
    assert ("GET", "/repos/octo/models/pulls") in asked(openapi)


def test_what_a_run_has_left_is_read(openapi: MockApi, api: Api) -> None:
    with pytest.raises(CannotPost):  # the example's archive lies where nothing is
        report_of(api, 1, "Rails", "report.json")
    assert ("GET", "/repos/octo/models/actions/artifacts/11/zip") in asked(openapi)
