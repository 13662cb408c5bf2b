"""The tags of a repository."""

from __future__ import annotations

from collections.abc import Mapping

import pygit2

from bisect_cache.timeline.git.objects import GIT_ERRORS

_TAGS = "refs/tags/"


def tags_of(repository: pygit2.Repository) -> dict[str, pygit2.Commit | None]:
    """Every tag by name; None where it leads to a file or a folder, or to what is not in this clone."""
    return {
        reference.name.removeprefix(_TAGS): _commit_of(reference)
        for reference in repository.references.iterator(pygit2.enums.ReferenceFilter.TAGS)
    }


def tags_by_commit(repository: pygit2.Repository) -> Mapping[pygit2.Oid, tuple[str, ...]]:
    """The tags on each commit, in the order of their names."""
    found: dict[pygit2.Oid, tuple[str, ...]] = {}
    for name, commit in sorted(tags_of(repository).items(), key=lambda tag: tag[0]):
        if commit is not None:
            found[commit.id] = (*found.get(commit.id, ()), name)
    return found


def _commit_of(reference: pygit2.Reference) -> pygit2.Commit | None:
    try:
        return reference.peel(pygit2.Commit)
    except GIT_ERRORS:
        return None
