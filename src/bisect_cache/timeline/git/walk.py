"""Every version of a path over a range of commits: where its content changes, oldest first.

By default along first parents: what was on the branch, one merge a step. With ``full`` every commit that the range
reaches. A path is followed through renames, as ``git log --follow`` does; a commit that leaves the file as it was is
no version, and neither is one that deletes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pygit2

from bisect_cache.timeline.git.objects import file_at

_COMPANIONS = ("{name}.data", "{name}_data", "{stem}.data")
"""Where exporters put the weights of a model that are too large for it: the model changes when these do."""


@dataclass(frozen=True)
class Version:
    """The file as one commit left it."""

    commit: pygit2.Commit
    path: str
    content: tuple[str, ...]
    """Ids of the file and of the weights beside it: equal where the model is the same."""


@dataclass
class Walk:
    """What was found along the way."""

    versions: list[Version] = field(default_factory=list)
    """Oldest first."""
    commits: int = 0
    deletions: list[pygit2.Commit] = field(default_factory=list)
    renames: list[tuple[pygit2.Commit, str, str]] = field(default_factory=list)
    """Commit, old path, new path."""
    cut_off: bool = False
    """The history goes on where this clone ends."""


def walk(repository: pygit2.Repository, commits: Iterator[pygit2.Commit], path: str, *, full: bool) -> Walk:
    """Follow ``path`` through ``commits``, which come newest first, each before its parents."""
    found = Walk()
    boundary = _boundary(repository)
    paths: dict[pygit2.Oid, str] = {}
    for commit in commits:
        found.commits += 1
        name = paths.pop(commit.id, path if not full else _name_or(path, commit, paths))
        found.cut_off |= commit.id in boundary
        parents = [] if commit.id in boundary else commit.parents if full else commit.parents[:1]
        here = content_at(commit.tree, name)
        before = [content_at(parent.tree, name) for parent in parents]
        older = name
        if here is None:
            if any(content is not None for content in before):
                found.deletions.append(commit)
        elif all(content != here for content in before):
            if parents and all(content is None for content in before):
                older = _renamed_from(repository, commit, parents[0], name) or name
            if older != name:
                found.renames.append((commit, older, name))
            if older == name or content_at(parents[0].tree, older) != here:
                found.versions.append(Version(commit, name, here))
        for parent in parents:
            paths.setdefault(parent.id, older)
        if not full:
            path = older
    found.versions.reverse()
    found.deletions.reverse()
    found.renames.reverse()
    return found


def content_at(tree: pygit2.Tree, path: str) -> tuple[str, ...] | None:
    """What the model at ``path`` consists of; None where there is none."""
    own = file_at(tree, path)
    if own is None:
        return None
    folder, _, name = path.rpartition("/")
    stem = name.rpartition(".")[0] or name
    prefix = f"{folder}/" if folder else ""
    beside = (file_at(tree, prefix + companion.format(name=name, stem=stem)) for companion in _COMPANIONS)
    return (str(own), *(str(companion) for companion in beside if companion is not None))


def _name_or(path: str, commit: pygit2.Commit, paths: dict[pygit2.Oid, str]) -> str:
    """The name a commit that no walked one has as its parent goes by: that of the range's end."""
    return paths.get(commit.id, path)


def _renamed_from(repository: pygit2.Repository, commit: pygit2.Commit, parent: pygit2.Commit, path: str) -> str | None:
    """The path that a file had in ``parent`` which ``commit`` moved to ``path``; None where it is new."""
    diff = repository.diff(parent, commit)
    diff.find_similar(pygit2.enums.DiffFind.FIND_RENAMES)
    return next(
        (
            delta.old_file.path
            for delta in diff.deltas
            if delta.status == pygit2.enums.DeltaStatus.RENAMED and delta.new_file.path == path
        ),
        None,
    )


def _boundary(repository: pygit2.Repository) -> frozenset[pygit2.Oid]:
    """Commits of a shallow clone whose parents are not here."""
    if not repository.is_shallow:
        return frozenset()
    try:
        with open(f"{repository.path}shallow", encoding="ascii") as lines:  # noqa: PTH123 - as the repository names it
            return frozenset(pygit2.Oid(hex=line.strip()) for line in lines if line.strip())
    except (OSError, ValueError):
        return frozenset()
