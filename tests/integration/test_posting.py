"""What the action says in a repository, against a server that behaves and against one that does not."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from fake_api import FakeApi, Fault
from making import bisect_report, check_report, step

from bisect_cache.action.event import Place
from bisect_cache.action.inputs import Posting
from bisect_cache.action.posting.api import Api
from bisect_cache.action.posting.post import Said, in_time, post_comments, post_issues
from bisect_cache.report.history import remembered
from bisect_cache.report.marker import marker
from bisect_cache.report.occasion import Occasion
from bisect_cache.report.structs import CacheFacts, CheckpointFacts, TimelineFacts

GREEN = bisect_report("no-regression", first_bad=None, verdict="No regression.", steps=(step(0), step(1)))
RED = bisect_report()
BROKEN = bisect_report("wiring-broke", cache=None, steps=(), first_bad=None, last_good=None, verdict="No such folder.")
MARK = marker("comment", "default")
NIGHT = datetime(2026, 11, 23, 4, 17, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[FakeApi]:
    with FakeApi.start() as api:
        yield api
    assert api.unexpected == []


class Client:
    """Our side: an API that waits without sleeping."""

    def __init__(self, server: FakeApi, token: str | None = None) -> None:
        self.slept: list[float] = []
        place = Place(server.repository, server.web_url, server.url)
        self.server = server
        self.api = Api(place, token or server.token, self.slept.append, writes_apart=0)

    def occasion(self, run: int) -> Occasion:
        return Occasion(f"{self.server.web_url}/{self.server.repository}", run, "a" * 40)

    def comment(self, report=RED, number: int = 1, run: int = 7, **wanted) -> list[Said]:
        return list(post_comments(self.api, report, Posting(**wanted), self.occasion(run), (number,)))

    def night(self, report=RED, run: int = 7, days: int = 0, **wanted) -> list[Said]:
        at = NIGHT + timedelta(days=days)
        return list(post_issues(self.api, report, Posting(**({"tracking": "nights"} | wanted)), self.occasion(run), at))


def writes(server: FakeApi) -> list[str]:
    return [seen.method for seen in server.writes()]


def body(server: FakeApi) -> str:
    assert len(server.comments) == 1
    return server.comments[0].body


# The comment on a pull request.


def test_the_first_run_creates_the_second_edits_and_an_unchanged_one_writes_nothing(server: FakeApi) -> None:
    server.add_pull()
    (said,) = Client(server).comment(RED)
    assert (said.failed, writes(server)) == (False, ["POST"]), said.text
    assert said.text.startswith("comment on #1: created http")
    assert "a model regressed" in body(server)
    Client(server).comment(GREEN, run=8)
    assert writes(server) == ["POST", "PATCH"]
    assert "a model regressed" not in body(server)
    assert "no regression" in body(server)
    (said,) = Client(server).comment(GREEN, run=8)
    assert writes(server) == ["POST", "PATCH"]
    assert "up to date already" in said.text


def test_a_strangers_comment_with_our_marker_is_never_touched(server: FakeApi) -> None:
    server.add_pull()
    theirs = server.add_comment(1, f"{MARK}\nmine, says the stranger", user="mallory")
    bot = server.add_comment(1, f"{MARK}\nanother app", user="dependabot[bot]")
    Client(server).comment(RED)
    assert theirs.body == f"{MARK}\nmine, says the stranger"
    assert bot.body == f"{MARK}\nanother app"
    assert writes(server) == ["POST"]
    assert len(server.comments) == 3


def test_our_comment_is_found_on_the_third_page(server: FakeApi) -> None:
    server.add_pull()
    for number in range(250):
        server.add_comment(1, f"talk {number}", user="octocat")
    ours = server.add_comment(1, f"{MARK}\nold")
    server.add_comment(1, "more talk", user="octocat")
    Client(server).comment(RED)
    assert writes(server) == ["PATCH"]
    assert "a model regressed" in ours.body


def test_keys_live_side_by_side(server: FakeApi) -> None:
    server.add_pull()
    Client(server).comment(RED, key="linux")
    Client(server).comment(GREEN, key="a b/--> 'c'")
    Client(server).comment(GREEN, key="linux", run=8)
    assert writes(server) == ["POST", "POST", "PATCH"]
    assert len(server.comments) == 2
    assert "(linux)" in server.comments[0].body


def test_on_failure_makes_no_green_comment_but_turns_an_old_one_green(server: FakeApi) -> None:
    server.add_pull()
    (said,) = Client(server).comment(GREEN, comment="on-failure")
    assert (writes(server), said.failed) == ([], False)
    Client(server).comment(RED, comment="on-failure")
    Client(server).comment(GREEN, comment="on-failure", run=8)
    assert writes(server) == ["POST", "PATCH"]
    assert "no regression" in body(server)


def test_on_failure_speaks_of_drift_too(server: FakeApi) -> None:
    server.add_pull()
    drifted = bisect_report("no-regression", first_bad=None, check=check_report("drift", verdict="It has drifted."))
    Client(server).comment(drifted, comment="on-failure")
    assert "the cache has drifted" in body(server)


def test_never_asks_the_server_nothing(server: FakeApi) -> None:
    assert Client(server).comment(RED, comment="never") == []
    assert server.requests == []


def test_a_broken_wiring_replaces_the_verdict_of_an_older_run(server: FakeApi) -> None:
    server.add_pull()
    Client(server).comment(GREEN)
    Client(server).comment(BROKEN, run=8)
    assert "the wiring broke" in body(server)
    assert "no regression" not in body(server)


def test_an_older_run_that_ends_later_leaves_the_newer_verdict(server: FakeApi) -> None:
    server.add_pull()
    Client(server).comment(GREEN, run=9)
    (said,) = Client(server).comment(RED, run=8)
    assert "a newer run has spoken" in said.text
    assert "no regression" in body(server)


def test_of_two_comments_of_ours_one_is_kept(server: FakeApi) -> None:
    server.add_pull()
    for _ in range(2):
        server.add_comment(1, f"{MARK}\nold")
    Client(server).comment(RED)
    assert writes(server) == ["PATCH", "DELETE"]
    assert "a model regressed" in body(server)


def twice(server: FakeApi, first: int, second: int) -> None:
    """Two comments of ours for one key, as two runs leave that begin at the same moment."""
    for run in (first, second):
        server.add_comment(1, f"{MARK}\n<!-- bisect-cache run={run} -->\nold {run}")


def test_a_newer_verdict_in_a_second_comment_is_not_lost(server: FakeApi) -> None:
    server.add_pull()
    twice(server, 5, 9)
    (said,) = Client(server).comment(RED, run=7)
    assert "a newer run has spoken" in said.text
    assert writes(server) == []


@pytest.mark.parametrize("fault", [Fault.after(502), Fault.status(404, body={"message": "Not Found"})])
def test_a_second_comment_that_is_gone_already_keeps_no_verdict_from_being_written(
    server: FakeApi, fault: Fault
) -> None:
    server.add_pull()
    twice(server, 5, 6)
    server.fail("DELETE", "/comments/", fault)
    (said,) = Client(server).comment(RED)
    assert not said.failed, said.text
    assert "a model regressed" in server.comments[0].body


def test_what_two_tracking_comments_remember_is_kept(server: FakeApi) -> None:
    server.add_issue("nights")
    for run in (1, 2):
        Client(server).night(GREEN, run=run, days=run, tracking=1)
    copy = server.comments[0].body
    Client(server).night(GREEN, run=3, days=3, tracking=1)
    server.add_comment(1, copy)
    Client(server).night(GREEN, run=4, days=4, tracking=1)
    assert [night.run for night in remembered(body(server))] == [1, 2, 3, 4]


def test_a_marker_that_somebody_is_quoted_with_is_none(server: FakeApi) -> None:
    server.add_pull()
    quoting = server.add_comment(1, "\n".join(["You wrote:", *"abcdefgh", MARK, "<!-- bisect-cache run=1 -->"]))
    Client(server).comment(RED)
    assert writes(server) == ["POST"]
    assert quoting.body.startswith("You wrote")


@pytest.mark.parametrize("code", [204, 304, 307, 308])
@pytest.mark.parametrize("known", [True, False])
def test_an_answer_that_did_nothing_is_no_success(server: FakeApi, code: int, known: bool) -> None:
    server.add_pull()
    if known:
        server.add_comment(1, f"{MARK}\nold")
    server.fail("PATCH" if known else "POST", "/comments", Fault.status(code, body={"message": "Moved"}))
    (said,) = Client(server).comment(RED)
    assert said.failed
    assert "did not do it" in said.text or "is not one of GitHub's API" in said.text


def test_a_server_that_never_ends_is_left(server: FakeApi) -> None:
    server.fail("GET", "/comments", Fault.slow(30))
    server.add_pull()
    began = time.monotonic()
    (said,) = in_time(lambda: iter(Client(server).comment(RED)), seconds=0.5)
    assert time.monotonic() - began < 10
    assert said.failed
    assert "kept us longer than 0.5 seconds" in said.text


@pytest.mark.parametrize("answer", [{"data": None}, {"data": {"viewer": None}}, {"errors": []}, []])
def test_a_graphql_that_does_not_say_who_we_are_is_not_the_last_word(server: FakeApi, answer: object) -> None:
    server.add_pull()
    server.token_kind = "user"
    server.login = "octo-person"
    Client(server).comment(RED)
    server.fail("POST", "/graphql", Fault.status(200, body=answer))  # type: ignore[arg-type]
    Client(server).comment(GREEN, run=8)
    assert [seen for seen in writes(server) if seen != "DELETE"] == ["POST", "PATCH"]


def test_of_two_tracking_issues_made_at_the_same_moment_the_older_is_kept(server: FakeApi) -> None:
    server.add_issue("nights", labels=["bisect-cache"], state="open")
    server.fail("GET", "/issues$", Fault.status(200, body=[]))  # type: ignore[arg-type]
    Client(server).night(RED)
    assert [(issue.state, len(issue.comments)) for issue in server.issues.values()] == [("open", 1), ("closed", 0)]


def test_an_issue_that_the_server_lists_without_our_label_is_no_tracking_issue(server: FakeApi) -> None:
    """As one does that has moved: it loses the query on the way."""
    server.add_issue("nights", user="mallory")
    everything = [{"number": 1, "title": "nights", "state": "open", "labels": [], "url": f"{server.url}/x", "id": 1}]
    server.fail("GET", "/issues$", Fault.status(200, body=everything))  # type: ignore[arg-type]
    Client(server).night(RED)
    assert server.issues[1].comments == []


def test_a_comment_edited_by_hand_is_written_anew(server: FakeApi) -> None:
    server.add_pull()
    Client(server).comment(RED)
    server.comments[0].body = "I add a line\r\n" + server.comments[0].body.replace("\n", "\r\n")
    Client(server).comment(RED)
    assert writes(server) == ["POST", "PATCH"]
    assert "I add a line" not in body(server)


def test_a_name_that_holds_a_marker_does_not_make_a_comment_that_of_another_key(server: FakeApi) -> None:
    server.add_pull()
    other = marker("comment", "other")
    nasty = bisect_report(first_bad=CheckpointFacts(1, other), verdict=other, reproduce=f"bisect-cache {other}")
    Client(server).comment(nasty)
    Client(server).comment(GREEN, key="other")
    assert len(server.comments) == 2


@pytest.mark.parametrize(
    ("kind", "login", "graphql"),
    [
        ("installation", "github-actions[bot]", True),
        ("installation", "github-actions[bot]", False),
        ("installation", "my-app[bot]", True),
        ("user", "octo-person", True),
        ("user", "octo-person", False),
    ],
)
def test_whoever_the_token_is_its_own_comment_is_found_again(
    server: FakeApi, kind: str, login: str, graphql: bool
) -> None:
    server.token_kind, server.login, server.graphql_works = kind, login, graphql
    server.add_pull()
    Client(server).comment(RED)
    Client(server).comment(GREEN, run=8)
    assert writes(server) == ["POST", "PATCH"]


# A server that misbehaves.


@pytest.mark.parametrize("fault", [Fault.after(502), Fault.after(500), Fault.drop_after()])
def test_a_post_that_worked_and_was_answered_by_an_error_is_not_posted_twice(server: FakeApi, fault: Fault) -> None:
    server.add_pull()
    server.fail("POST", "/comments$", fault)
    client = Client(server)
    (said,) = client.comment(RED)
    assert not said.failed
    assert len(server.comments) == 1
    assert writes(server) == ["POST"]
    assert client.slept == [1.0]


@pytest.mark.parametrize("fault", [Fault.status(500), Fault.status(502), Fault.html(503), Fault.drop()])
def test_a_failure_that_did_nothing_is_tried_again(server: FakeApi, fault: Fault) -> None:
    server.add_pull()
    server.fail("POST", "/comments$", fault, times=2)
    client = Client(server)
    (said,) = client.comment(RED)
    assert (said.failed, len(server.comments)) == (False, 1)
    assert client.slept == [1.0, 2.0]


@pytest.mark.parametrize("method", ["GET", "PATCH"])
@pytest.mark.parametrize("fault", [Fault.status(502), Fault.drop(), Fault.after(500)])
def test_reading_and_editing_are_tried_again_too(server: FakeApi, method: str, fault: Fault) -> None:
    server.add_pull()
    server.add_comment(1, f"{MARK}\nold")
    server.fail(method, "/comments", fault)
    (said,) = Client(server).comment(RED)
    assert not said.failed
    assert "a model regressed" in body(server)


def test_a_server_that_stays_down_is_given_up_and_said(server: FakeApi) -> None:
    server.add_pull()
    server.fail("*", "/", Fault.status(502), times=1000)
    client = Client(server)
    (said,) = client.comment(RED)
    assert said.failed
    assert "reading the comments of #1: the server failed (502" in said.text
    assert sum(client.slept) <= 120
    assert len(server.requests) == 5


@pytest.mark.parametrize("code", [403, 429])
def test_a_secondary_limit_is_waited_out_as_long_as_the_server_asks(server: FakeApi, code: int) -> None:
    server.add_pull()
    server.fail("POST", "/comments$", Fault.secondary_limit(retry_after=17, code=code))
    client = Client(server)
    (said,) = client.comment(RED)
    assert (said.failed, len(server.comments), client.slept) == (False, 1, [17.0])


def test_a_secondary_limit_without_a_time_is_waited_out_for_a_minute(server: FakeApi) -> None:
    server.add_pull()
    server.fail("GET", "/comments$", Fault.secondary_limit())
    client = Client(server)
    client.comment(RED)
    assert client.slept == [60.0]


def test_an_hours_limit_is_not_waited_out(server: FakeApi) -> None:
    server.add_pull()
    server.fail("GET", "/comments$", Fault.primary_limit(reset_in=3000))
    client = Client(server)
    (said,) = client.comment(RED)
    assert client.slept == []
    assert said.failed
    assert "too much was asked of the server (403" in said.text
    assert not said.forbidden


def test_an_hour_that_is_nearly_over_is_waited_out(server: FakeApi) -> None:
    server.add_pull()
    server.fail("GET", "/comments$", Fault.primary_limit(reset_in=30))
    client = Client(server)
    (said,) = client.comment(RED)
    assert not said.failed
    assert client.slept == [pytest.approx(31, abs=3)]


def test_a_token_that_may_not_write_is_told_the_permissions_block(server: FakeApi) -> None:
    server.permissions = {"contents": "read"}
    server.add_pull()
    (said,) = Client(server).comment(RED)
    assert said.failed
    assert said.forbidden
    assert "permissions:\n  contents: read\n  pull-requests: write\n" in said.text


def test_a_token_that_is_wrong_is_told_so_and_never_shown(server: FakeApi) -> None:
    server.add_pull()
    (said,) = Client(server, token="s3cr3t").comment(RED)
    assert "the token was refused (401" in said.text
    assert "s3cr3t" not in said.text


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault.status(404, body={"message": "Not Found"}), "it is not there, or the token may not see it (404"),
        (Fault.status(422, body={"message": "Validation Failed"}), "the server refused (422, Validation Failed"),
        (Fault.status(410, body={"message": "Gone"}), "it is gone, or switched off in this repository (410"),
        (Fault.status(403, body={"message": "Unable to create comment because issue is locked."}), "is locked"),
        (Fault.status(418, body="plain words"), "the server refused (418"),
    ],
)
def test_other_refusals_are_said_at_once(server: FakeApi, fault: Fault, words: str) -> None:
    server.add_pull()
    server.fail("POST", "/comments$", fault)
    client = Client(server)
    (said,) = client.comment(RED)
    assert said.failed
    assert words in said.text
    assert client.slept == []


def test_a_server_that_is_not_there_is_said(server: FakeApi) -> None:
    slept: list[float] = []
    api = Api(Place("octo/models", "http://localhost", "http://127.0.0.1:9"), "t", slept.append)
    (said,) = list(post_comments(api, RED, Posting(), Occasion(), (1,)))
    assert "the server did not answer (ConnectionError)" in said.text
    assert slept == [1.0, 2.0, 4.0, 8.0]


def test_what_is_no_api_at_all_is_said(server: FakeApi) -> None:
    server.fail("*", "/", Fault.html(200), times=100)
    (said,) = Client(server).comment(RED)
    assert said.failed
    assert "Traceback" not in said.text


def test_an_enterprise_server_is_spoken_to_where_it_is() -> None:
    with FakeApi.start(prefix="/api/v3") as server:
        server.add_pull()
        Client(server).comment(RED)
        Client(server).comment(GREEN, run=8)
        assert writes(server) == ["POST", "PATCH"]
        assert server.unexpected == []


# The tracking issue.


def test_the_tracking_issue_is_made_once_and_found_by_label_and_title(server: FakeApi) -> None:
    server.add_issue("nights", user="octocat")  # same title, no label
    Client(server).night(RED, run=1)
    Client(server).night(GREEN, run=2, days=1)
    assert [issue.title for issue in server.issues.values()] == ["nights", "nights"]
    assert server.issues[2].labels == ["bisect-cache"]
    assert writes(server) == ["POST", "POST", "POST", "PATCH"]  # label, issue, comment; comment
    assert "no regression" in body(server)
    assert "Last run: 2026-11-24 04:17 UTC" in body(server)


def test_a_pull_request_with_the_label_and_the_title_is_no_tracking_issue(server: FakeApi) -> None:
    server.add_pull("nights", labels=["bisect-cache"])
    Client(server).night(RED)
    assert server.issues[1].comments == []
    assert len(server.issues[2].comments) == 1


def test_a_tracking_issue_by_number_is_taken_as_it_is(server: FakeApi) -> None:
    server.add_issue("ours", state="closed")
    Client(server).night(RED, tracking=1)
    assert writes(server) == ["POST"]
    assert server.issues[1].state == "closed"


def test_a_closed_tracking_issue_is_opened_again(server: FakeApi) -> None:
    Client(server).night(RED, run=1)
    server.issues[1].state = "closed"
    Client(server).night(RED, run=2)
    assert server.issues[1].state == "open"
    assert len(server.issues) == 1


def test_the_last_thirty_nights_are_kept_in_the_comment_itself(server: FakeApi) -> None:
    for day in range(33):
        Client(server).night(GREEN if day % 2 else RED, run=day + 1, days=day, tracking=1) if day else (
            server.add_issue("nights"),
            Client(server).night(RED, run=1, tracking=1),
        )
    nights = remembered(body(server))
    assert [night.run for night in nights] == list(range(4, 34))
    assert {night.outcome for night in nights} == {"regression", "no-regression"}
    assert "## The last 30 runs" in body(server)
    assert body(server).count("/actions/runs/") >= 30


def test_a_history_that_a_hand_edited_loses_no_more_than_what_the_hand_took(server: FakeApi) -> None:
    server.add_issue("nights")
    for day in range(5):
        Client(server).night(RED, run=day + 1, days=day, tracking=1)
    lines = server.comments[0].body.splitlines()
    third = next(index for index, line in enumerate(lines) if "bisect-cache night" in line) + 2
    lines[third] = lines[third][:40] + "oops" + lines[third][44:]
    server.comments[0].body = "\r\n".join(["Dear all,", "I was here.", *lines])
    Client(server).night(GREEN, run=6, days=5, tracking=1)
    assert [night.run for night in remembered(body(server))] == [1, 2, 4, 5, 6]
    assert "I was here" not in body(server)


def test_a_night_that_broke_is_a_night_too(server: FakeApi) -> None:
    server.add_issue("nights")
    Client(server).night(GREEN, run=1, tracking=1)
    (said,) = Client(server).night(BROKEN, run=2, days=1, tracking=1)
    assert not said.failed, said.text
    assert body(server).index("the wiring broke") < body(server).index("The last 2 runs")
    assert [night.outcome for night in remembered(body(server))] == ["no-regression", "wiring-broke"]


def test_a_token_that_may_not_label_says_which_number_to_name(server: FakeApi) -> None:
    server.drops_labels = True
    said = Client(server).night(RED)
    assert [one.text for one in said if one.failed] == [
        "the tracking issue #1 was made, but the token may not label it, so the next run would not find it; set "
        "`tracking-issue: 1`"
    ]
    assert len(server.comments) == 1


def test_without_the_right_to_write_issues_the_block_is_named(server: FakeApi) -> None:
    server.permissions = {"contents": "read"}
    (said,) = Client(server).night(RED)
    assert said.forbidden
    assert "  issues: write\n" in said.text


def test_an_issue_that_was_made_and_answered_by_an_error_is_not_made_twice(server: FakeApi) -> None:
    server.fail("POST", "/issues$", Fault.after(502))
    Client(server).night(RED)
    assert len(server.issues) == 1


# An issue for each regression.


def regressions(server: FakeApi, report, run: int = 1) -> list[str]:
    return [said.text for said in Client(server).night(report, run=run, tracking=None, regressions=True)]


def test_a_regression_gets_one_issue_which_is_closed_when_it_is_good_again(server: FakeApi) -> None:
    assert regressions(server, RED) == ["opened #1 about model_01"]
    assert regressions(server, RED, 2) == []
    issue = server.issues[1]
    assert (issue.title, issue.labels) == ("model_01 got worse", ["bisect-cache-regression"])
    assert "a" * 40 in (issue.body or "")
    assert regressions(server, GREEN, 3) == ["closed #1: good again"]
    assert (issue.state, issue.state_reason) == ("closed", "completed")
    assert regressions(server, GREEN, 4) == []
    assert regressions(server, RED, 5) == ["opened #1 about model_01 again"]
    assert (issue.state, len(server.issues)) == ("open", 1)


def test_an_issue_closed_by_a_person_stays_closed(server: FakeApi) -> None:
    regressions(server, RED)
    server.issues[1].state, server.issues[1].closed_by = "closed", "octocat"
    assert regressions(server, RED, 2) == []
    assert server.issues[1].state == "closed"


def test_an_issue_that_was_closed_by_us_and_then_by_a_person_stays_closed(server: FakeApi) -> None:
    regressions(server, RED)
    regressions(server, GREEN, 2)
    server.issues[1].closed_by = "octocat"
    assert regressions(server, RED, 3) == []


def test_an_issue_that_is_opened_by_hand_again_and_again_says_good_again_once(server: FakeApi) -> None:
    regressions(server, RED)
    for run in range(2, 6):
        regressions(server, GREEN, run)
        server.issues[1].state = "open"
    assert (server.issues[1].body or "").count("Good again") == 1


def test_another_timeline_is_no_proof_that_a_model_is_good_again(server: FakeApi) -> None:
    regressions(server, RED)
    other = bisect_report("no-regression", first_bad=None, timeline=TimelineFacts("files:other/*.onnx", 2))
    assert regressions(server, other, 2) == []
    assert server.issues[1].state == "open"


def test_a_run_that_could_not_judge_opens_and_closes_nothing(server: FakeApi) -> None:
    regressions(server, RED)
    for report in (BROKEN, bisect_report("inconclusive", first_bad=None)):
        assert regressions(server, report, 2) == []
    assert server.issues[1].state == "open"


def test_another_regression_gets_another_issue_and_the_one_that_is_good_now_is_closed(server: FakeApi) -> None:
    regressions(server, RED)
    later = bisect_report(
        first_bad=CheckpointFacts(2, "model_02"),
        last_good=CheckpointFacts(1, "model_01"),
        steps=(step(0), step(1), step(2, "bad")),
    )
    assert regressions(server, later, 2) == ["opened #2 about model_02", "closed #1: good again"]


def test_synthetic_data_opens_no_issue_about_a_model(server: FakeApi) -> None:
    synthetic = CacheFacts("cache", "synthetic", 256, None, "sha256:" + "0" * 64)
    assert regressions(server, bisect_report(cache=synthetic)) == []
    assert server.requests == []


def test_a_strangers_issue_with_our_marker_and_label_is_left_alone(server: FakeApi) -> None:
    regressions(server, RED)
    theirs = server.add_issue("x", user="mallory", body=server.issues[1].body, labels=["bisect-cache-regression"])
    regressions(server, GREEN, 2)
    assert theirs.state == "open"


def test_good_on_data_that_drifted_closes_nothing(server: FakeApi) -> None:
    regressions(server, RED)
    drifted = bisect_report("no-regression", first_bad=None, check=check_report("drift"))
    assert regressions(server, drifted, 2) == []
