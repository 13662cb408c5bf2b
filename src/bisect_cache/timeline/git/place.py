"""From a path on disk to a repository and the path inside it; what cannot be is said with what to do about it."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pygit2

from bisect_cache.printable import printable
from bisect_cache.timeline.git.objects import entry_at
from bisect_cache.timeline.interface import BadTimeline

_NEAR = 3
_MOST_PATHS = 20_000
"""Files of a commit that are looked at for names near to one that is not there."""


@dataclass(frozen=True)
class Place:
    """A path in a repository."""

    repository: pygit2.Repository
    path: str
    """Relative to the repository's top, with ``/``."""
    prefix: str
    """What stands before it on disk, as seen from the current folder."""

    def shown(self, path: str) -> str:
        """A path of the repository as the user would write it."""
        return printable(f"{self.prefix}{path}")


def find_place(path: str, source: str) -> Place:
    """The repository that holds ``path`` (a file, or a pattern of files, that may not exist any more).

    Raises ``BadTimeline``.
    """
    if not path.strip("/"):
        raise BadTimeline(f"{source}: names no file; write git-log:PATH or tags:PATH")
    # Whose the repository is does not matter to one who only reads objects: no hook and no setting is obeyed.
    pygit2.settings.owner_validation = False
    folder = _nearest_folder(path)
    found = pygit2.discover_repository(str(folder))
    if found is None:
        raise BadTimeline(
            f"{source}: {printable(str(folder.resolve()))} is in no Git repository; run in one, and in a workflow "
            f"after actions/checkout"
        )
    try:
        repository = pygit2.Repository(found)
    except (pygit2.GitError, OSError) as error:
        raise BadTimeline(f"{source}: the repository cannot be opened ({printable(str(error))})") from error
    if repository.is_bare:
        return Place(repository, _plain(path, source), "")
    top = Path(repository.workdir).resolve()
    absolute = Path(os.path.normpath(Path.cwd() / path))
    true = absolute.parent.resolve() / absolute.name
    if not true.is_relative_to(top):
        raise BadTimeline(f"{source}: {printable(path)} lies outside the repository at {printable(str(top))}")
    inside = true.relative_to(top).as_posix()
    prefix = path[: len(path) - len(inside)] if path.endswith(inside) else ""
    return Place(repository, inside, prefix)


def refuse_odd(place: Place, commit: pygit2.Commit, source: str) -> None:
    """Raise ``BadTimeline`` where the path is, in ``commit``, no file that has a history of its own."""
    parts = place.path.split("/")
    for depth in range(1, len(parts) + 1):
        entry = entry_at(commit.tree, "/".join(parts[:depth]))
        if entry is None:
            return
        where = place.shown("/".join(parts[:depth]))
        if entry.filemode == pygit2.enums.FileMode.COMMIT:
            raise BadTimeline(
                f"{source}: {where} is a submodule, whose history is in its own repository; run inside it, after "
                f"`submodules: true` in actions/checkout"
            )
        if entry.filemode == pygit2.enums.FileMode.LINK:
            target = printable(place.repository[entry.id].data.decode(errors="replace"))
            raise BadTimeline(f"{source}: {where} is a symbolic link to {target}; name the file that it leads to")
        if depth == len(parts) and entry.filemode == pygit2.enums.FileMode.TREE:
            raise BadTimeline(f"{source}: {where} is a folder; name a file in it, or a pattern such as {where}/*.onnx")


def near_names(place: Place, commit: pygit2.Commit) -> str:
    """Names in ``commit`` that are like the path, to be read after a full stop; nothing where none are."""
    paths = [path for path, _ in zip(_paths(commit.tree), range(_MOST_PATHS), strict=False)]
    by_name = {path.rpartition("/")[2]: path for path in paths}
    near = difflib.get_close_matches(place.path, paths, _NEAR) or [
        by_name[name] for name in difflib.get_close_matches(place.path.rpartition("/")[2], by_name, _NEAR)
    ]
    return f" Near: {', '.join(map(place.shown, near))}" if near else ""


def _paths(tree: pygit2.Tree, prefix: str = "") -> Iterator[str]:
    for entry in tree:
        if isinstance(entry, pygit2.Tree):
            yield from _paths(entry, f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}"


def _nearest_folder(path: str) -> Path:
    """The folder nearest to the path that exists: the file may be gone, and its folder too."""
    folder = (Path.cwd() / path).parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder


def _plain(path: str, source: str) -> str:
    inside = os.path.normpath(path)
    if inside.startswith(("/", "..")):
        raise BadTimeline(f"{source}: this repository is bare; give the path inside it, such as model/vmaf.onnx")
    return inside
