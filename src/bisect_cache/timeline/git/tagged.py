"""The tags of a repository."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pygit2

_TAGS = "refs/tags/"


def tags_of(repository: pygit2.Repository) -> Iterator[tuple[str, pygit2.Commit]]:
    """Every tag that leads to a commit, by name."""
    for reference in repository.references.iterator(pygit2.enums.ReferenceFilter.TAGS):
        try:
            yield reference.name.removeprefix(_TAGS), reference.peel(pygit2.Commit)
        except (pygit2.GitError, KeyError, ValueError):
            continue  # a tag of a file or a folder, or of what is not in this clone


def tags_by_commit(repository: pygit2.Repository) -> Mapping[pygit2.Oid, tuple[str, ...]]:
    """The tags on each commit, in the order of their names."""
    found: dict[pygit2.Oid, tuple[str, ...]] = {}
    for name, commit in sorted(tags_of(repository)):
        found[commit.id] = (*found.get(commit.id, ()), name)
    return found
