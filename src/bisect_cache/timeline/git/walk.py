"""Every version of a path over a range of commits: where its content changes, oldest first.

By default along first parents: what was on the branch, one merge a step. With ``full`` every commit that the range
reaches. A path is followed through renames, as ``git log --follow`` does; a commit that leaves the file as it was is
no version, and neither is one that deletes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pygit2

from bisect_cache.timeline.git.objects import entry_at, file_at, shallow_commits
from bisect_cache.timeline.git.revisions import Step

_COMPANIONS = ("{name}.data", "{name}_data", "{stem}.data")
"""Where exporters put the weights of a model that are too large for it: the model changes when these do."""

Content = tuple[str, ...]
"""Ids of a file and of the weights beside it: equal where the model is the same."""


@dataclass(frozen=True)
class Version:
    """The file as one commit left it."""

    commit: pygit2.Commit
    path: str
    content: Content
    test_merge: bool = False
    """Whether the commit stands for a pull request merged into its base."""


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


class Contents:
    """What a model consists of in each commit, looked up once for each folder that holds it."""

    def __init__(self) -> None:
        self._by_commit: dict[tuple[pygit2.Oid, str], Content | None] = {}
        self._by_folder: dict[tuple[pygit2.Oid, str], Content | None] = {}

    def at(self, commit: pygit2.Commit, path: str) -> Content | None:
        """What the model at ``path`` consists of; None where there is none. Raises ``GIT_ERRORS``."""
        key = (commit.tree_id, path)
        if key not in self._by_commit:
            self._by_commit[key] = self._in(commit.tree, path)
        return self._by_commit[key]

    def _in(self, tree: pygit2.Tree, path: str) -> Content | None:
        folder, _, name = path.rpartition("/")
        holds = entry_at(tree, folder) if folder else tree
        if not isinstance(holds, pygit2.Tree):
            return None
        key = (holds.id, name)
        if key not in self._by_folder:
            self._by_folder[key] = _content_of(holds, name)
        return self._by_folder[key]


def walk(repository: pygit2.Repository, steps: Iterable[Step], path: str) -> Walk:
    """Follow ``path`` through the steps, which come newest first, each before its parents. Raises ``GIT_ERRORS``."""
    found = Walk()
    contents = Contents()
    ends = shallow_commits(repository)
    names: dict[pygit2.Oid, dict[str, None]] = {}  # what the file is called in a commit; where sides differ, both
    for step in steps:
        found.commits += 1
        found.cut_off |= str(step.commit.id) in ends
        for name in names.pop(step.commit.id, {path: None}):
            older = _take(step, name, contents, found)
            for parent, called in zip(step.parents, older, strict=True):
                names.setdefault(parent.id, {})[called] = None
    _drop_merge_that_adds_nothing(found)
    found.versions.reverse()
    found.deletions.reverse()
    found.renames.reverse()
    return found


def _take(step: Step, name: str, contents: Contents, found: Walk) -> list[str]:
    """Note what the commit did to the file that it calls ``name``; what each parent calls it."""
    commit = step.commit
    here = contents.at(commit, name)
    before = [contents.at(parent, name) for parent in step.parents]
    older = [
        (_renamed_from(commit, parent, name) if here is not None and content is None else None) or name
        for parent, content in zip(step.parents, before, strict=True)
    ]
    if here is None:
        if any(content is not None for content in before[step.test_merge :]):
            found.deletions.append(commit)
        return older
    if not step.test_merge and all(content is None for content in before) and older and older[0] != name:
        found.renames.append((commit, older[0], name))
    # A test merge is held against the head of its pull request, whose commits come next.
    against = list(zip(step.parents, older, strict=True))[step.test_merge :]
    if all(contents.at(parent, called) != here for parent, called in against):
        found.versions.append(Version(commit, name, here, step.test_merge))
    return older


def _drop_merge_that_adds_nothing(found: Walk) -> None:
    """A test merge of a request that leaves the file alone has what the base had last: that is listed already."""
    newest = found.versions[:2]
    if len(newest) == 2 and newest[0].test_merge and newest[0].content == newest[1].content:
        del found.versions[0]


def _content_of(folder: pygit2.Tree, name: str) -> Content | None:
    own = file_at(folder, name)
    if own is None:
        return None
    stem = name.rpartition(".")[0] or name
    beside = (file_at(folder, companion.format(name=name, stem=stem)) for companion in _COMPANIONS)
    return (str(own), *(str(companion) for companion in beside if companion is not None))


def _renamed_from(commit: pygit2.Commit, parent: pygit2.Commit, path: str) -> str | None:
    """The path that a file had in ``parent`` which ``commit`` moved to ``path``; None where it is new."""
    try:
        return _renamed(commit, parent, path, pygit2.enums.DiffFind.FIND_RENAMES)
    except pygit2.GitError:  # a partial clone has no files to compare, but their ids
        exact = pygit2.enums.DiffFind.FIND_RENAMES | pygit2.enums.DiffFind.FIND_EXACT_MATCH_ONLY
        return _renamed(commit, parent, path, exact)


def _renamed(
    commit: pygit2.Commit,
    parent: pygit2.Commit,
    path: str,
    how: pygit2.enums.DiffFind,
) -> str | None:
    diff = parent.tree.diff_to_tree(commit.tree)
    diff.find_similar(how)
    return next(
        (
            delta.old_file.path
            for delta in diff.deltas
            if delta.status == pygit2.enums.DeltaStatus.RENAMED and delta.new_file.path == path
        ),
        None,
    )
