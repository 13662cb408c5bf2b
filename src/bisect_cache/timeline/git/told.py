"""What is told of a commit: its author by name and never by address, its day, its subject, its pull request."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

import pygit2

from bisect_cache.printable import one_line, printable

_LONGEST_NAME, _LONGEST_SUBJECT, _LONGEST_PATH = 80, 120, 400
_LONGEST_LOOKED_AT = 1000
"""Characters of an author's name, of which the first few are shown."""
_PULL = re.compile(r"^Merge pull request #([0-9]{1,9})\b|\(#([0-9]{1,9})\)$")
_ADDRESS = re.compile(r"<?([^\s<>@]+)@[^\s<>@]+>?")
_ID_DIGITS = 9
_MINUTES_A_DAY = 24 * 60


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
        "author": printable(author_of(commit), _LONGEST_NAME),
        "date": day_of(commit),
        "subject": printable(subject, _LONGEST_SUBJECT),
        **({"tag": printable(", ".join(tags))} if tags else {}),
        **({"pull": pull} if pull else {}),
    }


def author_of(commit: pygit2.Commit) -> str:
    """The author's name; of one who gave an address for a name, what stands before the ``@``."""
    # Cut first: where no address follows, each letter is looked at once more for each before it.
    return _ADDRESS.sub(r"\1", one_line(commit.author.name[:_LONGEST_LOOKED_AT])) or "unknown"


def subject_of(commit: pygit2.Commit) -> str:
    """The first line of the message, without the author's address."""
    subject = one_line(commit.message.strip().partition("\n")[0])
    address = commit.author.email
    return subject.replace(address, address.partition("@")[0]) if "@" in address else subject


def pull_request_of(subject: str) -> str | None:
    """The number that a merge or a squash by GitHub leaves in the subject."""
    found = _PULL.search(subject)
    return (found[1] or found[2]) if found else None


def day_of(commit: pygit2.Commit) -> str:
    """The author's day, as ``git log --date=short`` shows it."""
    seconds, minutes = commit.author.time, commit.author.offset
    zone = timezone(timedelta(minutes=minutes)) if abs(minutes) < _MINUTES_A_DAY else UTC
    try:
        return (datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds)).astimezone(zone).date().isoformat()
    except OverflowError:
        return "unknown"
