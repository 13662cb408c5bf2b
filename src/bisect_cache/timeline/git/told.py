"""What is told of a commit: its author by name and never by address, its day, its subject, its pull request."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

import pygit2

from bisect_cache.printable import one_line, printable

_LONGEST_NAME, _LONGEST_SUBJECT, _LONGEST_PATH = 80, 120, 400
_PULL = re.compile(r"^Merge pull request #(\d{1,9})\b|\(#(\d{1,9})\)$")
_ID_DIGITS = 9


def label_of(commit: pygit2.Commit) -> str:
    """Short id, day and subject."""
    return printable(f"{str(commit.id)[:_ID_DIGITS]} {day_of(commit)} {subject_of(commit)}", _LONGEST_SUBJECT)


def origin_of(commit: pygit2.Commit, path: str, tags: Sequence[str] = ()) -> dict[str, str]:
    """Where a model came from, for people and links."""
    subject = subject_of(commit)
    pull = pull_request_of(subject)
    return {
        "file": printable(path, _LONGEST_PATH),
        "commit": str(commit.id),
        "author": printable(one_line(commit.author.name), _LONGEST_NAME),
        "date": day_of(commit),
        "subject": printable(subject, _LONGEST_SUBJECT),
        **({"tag": printable(", ".join(tags))} if tags else {}),
        **({"pull": pull} if pull else {}),
    }


def subject_of(commit: pygit2.Commit) -> str:
    """The first line of the message."""
    return one_line(commit.message.strip().partition("\n")[0])


def pull_request_of(subject: str) -> str | None:
    """The number that a merge or a squash by GitHub leaves in the subject."""
    found = _PULL.search(subject)
    return (found[1] or found[2]) if found else None


def day_of(commit: pygit2.Commit) -> str:
    """The author's day, as ``git log --date=short`` shows it."""
    signature = commit.author
    try:
        zone = timezone(timedelta(minutes=signature.offset))
        return datetime.fromtimestamp(signature.time, zone).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC).date().isoformat()
