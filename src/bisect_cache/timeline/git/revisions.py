"""Ranges of commits as Git writes them (``v1.0..HEAD``, ``..topic``, ``main``), and the commits they mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pygit2

from bisect_cache.printable import printable
from bisect_cache.timeline.git.objects import GIT_ERRORS, shallow_commits
from bisect_cache.timeline.interface import BadTimeline

_TEST_MERGE = re.compile(r"Merge [0-9a-f]{40} into [0-9a-f]{40}\n?")
"""The whole message of the commit that GitHub checks out for a pull request."""

_NO_SUCH_COMMIT = (pygit2.NotFoundError, pygit2.InvalidSpecError, pygit2.AmbiguousError, UnicodeError)


@dataclass(frozen=True)
class Range:
    """From after ``start`` (None: the beginning) to ``end``."""

    start: pygit2.Commit | None
    end: pygit2.Commit


@dataclass(frozen=True)
class Step:
    """A commit on the way, and those of its parents on which it builds."""

    commit: pygit2.Commit
    parents: tuple[pygit2.Commit, ...]
    test_merge: bool = False
    """Whether it stands for a pull request merged into its base: first parent the base, second the request's head."""


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


def commits_of(repository: pygit2.Repository, wanted: Range, *, full: bool) -> Iterator[Step]:
    """The commits of a range, newest first, each before its parents.

    Along first parents, a pull request's own commits would be hidden behind the merge that GitHub checks out for it:
    there they come first, and then those of the base, so that they are the newest.
    """

    def step(commit: pygit2.Commit) -> Step:
        return Step(commit, tuple(commit.parents if full else commit.parents[:1]))

    hidden = [wanted.start] if wanted.start else []
    if full or not _is_test_merge(wanted.end):
        yield from map(step, _walk(repository, wanted.end, hidden, full=full))
        return
    base, head = wanted.end.parents
    if next(_walk(repository, wanted.end, hidden, full=True), None) is None:
        return
    yield Step(wanted.end, (base, head), test_merge=True)
    yield from map(step, _walk(repository, head, [base, *hidden], full=False))
    yield from map(step, _walk(repository, base, hidden, full=False))


def _is_test_merge(commit: pygit2.Commit) -> bool:
    return len(commit.parent_ids) == 2 and _TEST_MERGE.fullmatch(commit.message) is not None


def _walk(
    repository: pygit2.Repository, end: pygit2.Commit, hidden: list[pygit2.Commit], *, full: bool
) -> Iterator[pygit2.Commit]:
    walker = repository.walk(end.id, pygit2.enums.SortMode.TOPOLOGICAL | pygit2.enums.SortMode.TIME)
    if not full:
        walker.simplify_first_parent()
    for commit in hidden:
        walker.hide(commit.id)
    return iter(walker)


def _commit(repository: pygit2.Repository, name: str, source: str) -> pygit2.Commit:
    if name == "HEAD" and repository.head_is_unborn:
        raise BadTimeline(f"{source}: this repository has no commit yet; commit the model, or name a branch")
    try:
        return repository.revparse_single(name).peel(pygit2.Commit)
    except _NO_SUCH_COMMIT as error:
        shallow = (
            " This clone is shallow: set `fetch-depth: 0` in actions/checkout." if shallow_commits(repository) else ""
        )
        raise BadTimeline(
            f"{source}: '{printable(name)}' is no commit, branch or tag here; correct it, or fetch it with its tags "
            f"(`git fetch --tags`).{shallow}"
        ) from error
    except GIT_ERRORS as error:
        raise BadTimeline(
            f"{source}: '{printable(name)}' cannot be read ({printable(str(error))}); see what `git fsck` says"
        ) from error
