"""What is told of a commit."""

from __future__ import annotations

import pygit2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisect_cache.timeline.git.told import author_of, day_of, label_of, origin_of, pull_request_of, subject_of


class Commit:
    """As much of a commit as is told of."""

    id = "0123456789abcdef0123456789abcdef01234567"
    commit_time = 1_500_000_000

    def __init__(
        self, message: str = "subject", name: str = "A", email: str = "a@example.invalid", east: int = 0
    ) -> None:
        self.message = message
        self.author = pygit2.Signature(name, email, self.commit_time, east)


@pytest.mark.parametrize(
    ("subject", "number"),
    [
        ("Retrain (#12)", "12"),
        ("Merge pull request #12 from someone/topic", "12"),
        ('Revert "Retrain (#12)" (#15)', "15"),
        ('Revert "Retrain (#12)"', None),
        ("Fix #12", None),
        ("Close (#12) at last", None),
        ("Merge pull request #12x from a", None),
        ("Merge branch 'main' into topic", None),
        ("Count to (#1234567890)", None),
        ("(#\u0661\u0662)", None),
        ("", None),
    ],
)
def test_the_pull_request_is_read_off_what_github_writes(subject: str, number: str | None) -> None:
    assert pull_request_of(subject) == number


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("ada@example.org", "ada"),
        ("Ada <ada@example.org>", "Ada ada"),
        ("ada@localhost", "ada"),
        ("Ada @ work", "Ada @ work"),
        ("two\nlines\tand\x00more", "two lines and\ufffdmore"),
    ],
)
def test_an_author_is_told_by_name_and_never_by_address(name: str, shown: str) -> None:
    class Odd(Commit):
        def __init__(self) -> None:
            super().__init__()
            self.author = type("Signature", (), {"name": name, "email": "ada@example.org"})()

    assert author_of(Odd()) == shown  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("message", "subject"),
    [
        ("one\n\nbody", "one"),
        ("\n\n  one  \ntwo", "one"),
        ("", ""),
        ("tab\tand \x1b[31mred", "tab and \ufffd[31mred"),
        ("by a@example.invalid and b@example.invalid", "by a and b@example.invalid"),
    ],
)
def test_the_subject_is_the_first_line_fit_to_be_shown(message: str, subject: str) -> None:
    assert subject_of(Commit(message)) == subject  # type: ignore[arg-type]


@pytest.mark.parametrize(("east", "day"), [(0, "2017-07-14"), (-180, "2017-07-13"), (840, "2017-07-14")])
def test_a_day_is_the_authors(east: int, day: str) -> None:
    assert day_of(Commit(east=east)) == day  # type: ignore[arg-type]


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**31), 2**31 - 1))
def test_a_date_of_any_size_does_no_harm(seconds: int, minutes: int) -> None:
    commit = Commit()
    commit.author = type("Signature", (), {"name": "A", "email": "", "time": seconds, "offset": minutes})()  # type: ignore[assignment]
    day = day_of(commit)  # type: ignore[arg-type]
    assert day == "unknown" or day.count("-") == 2


@given(st.text(), st.text("ab |`<>@#()\x1b\u202e\n", max_size=300))
def test_whatever_a_commit_says_is_short_and_printable(message: str, path: str) -> None:
    commit = Commit(message)
    for text in (label_of(commit), *origin_of(commit, path, ["v1", "v2"]).values()):  # type: ignore[arg-type]
        assert text.isprintable()
        assert len(text) <= 400
