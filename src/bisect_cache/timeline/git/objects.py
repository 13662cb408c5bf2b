"""Objects of a repository, read one at a time."""

from __future__ import annotations

import pygit2


def entry_at(tree: pygit2.Tree, path: str) -> pygit2.Object | None:
    """What a tree holds at ``path``; None where it holds nothing."""
    try:
        return tree[path]
    except KeyError:
        return None


def file_at(tree: pygit2.Tree, path: str) -> pygit2.Oid | None:
    """The id of the file at ``path``; None where there is none, or something else."""
    entry = entry_at(tree, path)
    if entry is None or entry.filemode not in (pygit2.enums.FileMode.BLOB, pygit2.enums.FileMode.BLOB_EXECUTABLE):
        return None
    return entry.id
