"""Whether a commit was there before a change."""

from __future__ import annotations

import pygit2

from bisect_cache.timeline.git.place import find_place
from bisect_cache.timeline.interface import BadTimeline


def was_there_before(path: str, commit: str, base: str) -> bool | None:
    """Whether ``base`` has ``commit`` in its history, in the repository that holds ``path``.

    None where one of them is not in this clone.
    """
    try:
        repository = find_place(path, "base").repository
        start = repository.revparse_single(base).peel(pygit2.Commit).id
        wanted = pygit2.Oid(hex=commit)
        return bool(start == wanted or repository.descendant_of(start, wanted))
    except (BadTimeline, KeyError, ValueError, pygit2.GitError):
        return None
