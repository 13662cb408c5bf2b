"""Ranges of commits as Git writes them: ``v1.0..HEAD``, ``..topic``, ``main``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pygit2

from bisect_cache.printable import printable
from bisect_cache.timeline.interface import BadTimeline


@dataclass(frozen=True)
class Range:
    """From after ``start`` (None: the beginning) to ``end``."""

    start: pygit2.Commit | None
    end: pygit2.Commit


def read_range(repository: pygit2.Repository, text: str, source: str) -> Range:
    """The range that ``text`` names; '' is everything up to HEAD. Raises ``BadTimeline``."""
    if "..." in text:
        raise BadTimeline(f"{source}: '{printable(text)}' has three dots; a range is OLDER..NEWER, with two")
    older, dots, newer = text.rpartition("..")
    if not dots:
        older, newer = "", text
    return Range(
        _commit(repository, older, source) if older else None,
        _commit(repository, newer or "HEAD", source),
    )


def commits_of(repository: pygit2.Repository, wanted: Range, *, full: bool) -> Iterator[pygit2.Commit]:
    """The commits of a range, newest first, each before its parents."""
    walker = repository.walk(wanted.end.id, pygit2.enums.SortMode.TOPOLOGICAL | pygit2.enums.SortMode.TIME)
    if not full:
        walker.simplify_first_parent()
    if wanted.start is not None:
        walker.hide(wanted.start.id)
    return iter(walker)


def _commit(repository: pygit2.Repository, name: str, source: str) -> pygit2.Commit:
    if name == "HEAD" and repository.head_is_unborn:
        raise BadTimeline(f"{source}: this repository has no commit yet")
    try:
        return repository.revparse_single(name).peel(pygit2.Commit)
    except (KeyError, ValueError, pygit2.GitError) as error:
        shallow = " This clone is shallow: set `fetch-depth: 0` in actions/checkout." if repository.is_shallow else ""
        raise BadTimeline(
            f"{source}: '{printable(name)}' is no commit, branch or tag here; fetch it, with its tags "
            f"(`git fetch --tags`).{shallow}"
        ) from error
