"""Objects of a repository, read one at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pygit2

from bisect_cache.printable import printable
from bisect_cache.timeline.interface import BadTimeline

GIT_ERRORS = (pygit2.GitError, KeyError, ValueError)
"""What is raised where an object or a reference is not there, is damaged, or cannot have its name."""
_FILE_MODES = (pygit2.enums.FileMode.BLOB, pygit2.enums.FileMode.BLOB_EXECUTABLE)


def entry_at(tree: pygit2.Tree, path: str) -> pygit2.Object | None:
    """What a tree holds at ``path``; None where it holds nothing. Raises ``GIT_ERRORS`` where a folder is missing."""
    try:
        return tree[path]
    except KeyError:
        return None


def file_at(tree: pygit2.Tree, path: str) -> pygit2.Oid | None:
    """The id of the file at ``path``; None where there is none, or something else."""
    entry = entry_at(tree, path)
    return entry.id if entry is not None and entry.filemode in _FILE_MODES else None


def head_of(repository: pygit2.Repository) -> pygit2.Commit | None:
    """The commit that is checked out; None where there is none yet."""
    try:
        return repository.head.peel(pygit2.Commit)
    except GIT_ERRORS:
        return None


def common_folder(repository: pygit2.Repository) -> Path:
    """The folder of the repository that its worktrees share."""
    folder = Path(repository.path)
    try:
        return (folder / (folder / "commondir").read_text(encoding="utf-8").strip()).resolve()
    except (OSError, ValueError):
        return folder


def shallow_commits(repository: pygit2.Repository) -> frozenset[str]:
    """Ids of the commits of a shallow clone whose parents are not here; nothing where the clone is no such."""
    try:
        return frozenset((common_folder(repository) / "shallow").read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return frozenset()


@contextlib.contextmanager
def nothing_missing(repository: pygit2.Repository, source: str) -> Iterator[None]:
    """Say of commits and folders that are not in this clone that they are not, and how to get them."""
    try:
        yield
    except GIT_ERRORS as error:
        if shallow_commits(repository):
            raise too_shallow(source) from error
        raise BadTimeline(
            f"{source}: commits or folders are not in this clone ({printable(str(error))}): it is partial or damaged; "
            f"fetch everything, with `git fetch --refetch --no-filter` or without `filter:` in actions/checkout"
        ) from error


def too_shallow(source: str) -> BadTimeline:
    """What to say of a clone whose history ends before the timeline does."""
    return BadTimeline(
        f"{source}: this clone is shallow and its history ends too early to see every version; set "
        f"`fetch-depth: 0` in actions/checkout, or run `git fetch --unshallow`"
    )
