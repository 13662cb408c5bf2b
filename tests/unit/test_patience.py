"""When the server is asked again, and how long before."""

import pytest
from github import GithubException
from requests import exceptions

from bisect_cache.action.posting.patience import is_rate_limit, pause_before_next

NOW = 1_000_000.0


def refused(status: int, message: str = "", **headers: str) -> GithubException:
    return GithubException(
        status, {"message": message}, {name.replace("_", "-"): value for name, value in headers.items()}
    )


@pytest.mark.parametrize("error", [exceptions.ConnectionError(), exceptions.ReadTimeout(), refused(500), refused(503)])
def test_what_may_pass_is_waited_for_twice_as_long_each_time(error: Exception) -> None:
    assert [pause_before_next(error, attempt, NOW) for attempt in range(4)] == [1, 2, 4, 8]


@pytest.mark.parametrize(
    "error",
    [refused(401), refused(403, "Resource not accessible"), refused(404), refused(422), ValueError(), KeyError()],
)
def test_what_will_not_pass_is_not_waited_for(error: Exception) -> None:
    assert pause_before_next(error, 0, NOW) is None


@pytest.mark.parametrize("status", [403, 429, 502])
def test_the_server_is_waited_for_as_long_as_it_asks(status: int) -> None:
    assert pause_before_next(refused(status, retry_after="17"), 0, NOW) == 17
    assert pause_before_next(refused(status, Retry_After="17"), 0, NOW) == 17


def test_the_end_of_an_hours_limit_is_waited_for() -> None:
    spent = refused(403, "API rate limit exceeded", x_ratelimit_remaining="0", x_ratelimit_reset=str(NOW + 40))
    assert pause_before_next(spent, 0, NOW) == 41


def test_a_limit_that_says_no_time_is_a_minute() -> None:
    assert pause_before_next(refused(403, "You have exceeded a secondary rate limit"), 0, NOW) == 60
    assert pause_before_next(refused(429), 0, NOW) == 60


@pytest.mark.parametrize("text", ["", "soon", "-5", "1e999"])
def test_a_header_that_makes_no_sense_never_makes_no_wait(text: str) -> None:
    pause = pause_before_next(refused(429, retry_after=text), 0, NOW)
    assert pause is not None
    assert pause >= 1


def test_a_limit_in_the_past_is_a_second_and_not_less() -> None:
    over = refused(403, x_ratelimit_remaining="0", x_ratelimit_reset=str(NOW - 500))
    assert pause_before_next(over, 0, NOW) == 1


def test_a_missing_permission_is_no_rate_limit() -> None:
    assert not is_rate_limit(refused(403, "Resource not accessible by integration", x_ratelimit_remaining="4999"))
    assert not is_rate_limit(refused(500, "rate limit"))
    assert not is_rate_limit(None)
    assert is_rate_limit(refused(429))


def test_what_the_server_says_may_be_no_text() -> None:
    assert pause_before_next(GithubException(403, {"message": ["rate limit"]}, None), 0, NOW) is None
    assert pause_before_next(GithubException(403, "an html page", {}), 0, NOW) is None
