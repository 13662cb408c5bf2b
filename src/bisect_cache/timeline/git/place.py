"""From a path on disk to a repository and the path inside it; what cannot be is said with what to do about it."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pygit2

from bisect_cache.printable import printable
from bisect_cache.timeline.git.objects import GIT_ERRORS, entry_at, head_of
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
    top: Path | None = None
    """The folder of its files; None in a bare repository."""
    absolute: bool = False
    """Whether the user named it from the root of the disk."""

    def spelled(self, path: str) -> str:
        """A path of the repository as the user would write it: from the current folder, or absolute."""
        if self.top is None:
            return path
        there = self.top / path
        return str(there) if self.absolute else os.path.relpath(there)

    def shown(self, path: str) -> str:
        """The same, fit to be shown."""
        return printable(self.spelled(path))


def find_asked(rest: str, source: str) -> tuple[Place, str]:
    """``PATH[@WHAT]`` as the place of PATH, and WHAT. A name may hold ``@``: the longest PATH that is there counts.

    Raises ``BadTimeline``.
    """
    ends = [len(rest), *(place for place in range(len(rest) - 1, -1, -1) if rest[place] == "@")]
    end = next((end for end in ends if _is_there(rest[:end])), ends[-1]) if len(ends) > 1 else ends[0]
    return find_place(rest[:end], source), rest[end + 1 :]


def find_place(path: str, source: str) -> Place:
    """The repository that holds ``path``, a file that may not exist any more. Raises ``BadTimeline``."""
    if not path.strip("/") or "\0" in path:
        raise BadTimeline(f"{source}: names no file; write git-log:PATH or tags:PATH")
    if path.rstrip("/").rpartition("/")[2] in {".", ".."}:
        raise _is_a_folder(printable(path), source)
    there = Path.cwd() / path
    folder = there.parent
    while not _is_folder(folder) and folder != folder.parent:
        folder = folder.parent
    repository = _repository_of(folder, there, source)
    if repository.is_bare:
        return Place(repository, _path_in_bare(path, Path(repository.path), source))
    top = Path(os.path.realpath(repository.workdir))
    true = Path(os.path.realpath(there.parent)) / there.name
    if not true.is_relative_to(top):
        raise BadTimeline(
            f"{source}: {printable(path)} lies outside the repository at {printable(str(top))}; name a file in it"
        )
    return Place(repository, true.relative_to(top).as_posix(), top, there.is_absolute() and path.startswith("/"))


def refuse_odd(place: Place, commit: pygit2.Commit, source: str) -> None:
    """Raise ``BadTimeline`` where the path is, in ``commit``, no file that has a history of its own."""
    parts = place.path.split("/")
    for depth in range(1, len(parts) + 1):
        path = "/".join(parts[:depth])
        entry = entry_at(commit.tree, path)
        if entry is None:
            return
        if entry.filemode == pygit2.enums.FileMode.COMMIT:
            raise BadTimeline(
                f"{source}: {place.shown(path)} is a submodule, whose history is in its own repository; fetch it "
                f"with `submodules: true` in actions/checkout or `git submodule update --init`, and name a file in it"
            )
        if entry.filemode == pygit2.enums.FileMode.LINK:
            target = entry.peel(pygit2.Blob).data.decode(errors="replace")
            raise _is_a_link(place.shown(path), target, source)
        if depth == len(parts) and entry.filemode == pygit2.enums.FileMode.TREE:
            raise _is_a_folder(place.shown(path), source)


def refuse_link_on_disk(place: Place, source: str) -> None:
    """Raise ``BadTimeline`` where the path, which no commit has, is a symbolic link in the folder of files."""
    if place.top is not None and os.path.islink(place.top / place.path):  # noqa: PTH114 - raises nothing
        target = (place.top / place.path).readlink()
        raise _is_a_link(place.shown(place.path), str(target), source)


def near_names(place: Place, commit: pygit2.Commit) -> str:
    """Names in ``commit`` that are like the path, to be read after a full stop; nothing where none are."""
    paths = list(islice(_paths(commit.tree), _MOST_PATHS))
    by_name = {path.rpartition("/")[2]: path for path in paths}
    near = difflib.get_close_matches(place.path, paths, _NEAR) or [
        by_name[name] for name in difflib.get_close_matches(place.path.rpartition("/")[2], by_name, _NEAR)
    ]
    return f" Near: {', '.join(map(place.shown, near))}" if near else ""


def _is_there(path: str) -> bool:
    """Whether a file of this name is on disk, or in the commit that is checked out."""
    try:
        place = find_place(path, "")
    except BadTimeline:
        return False
    if place.top is not None and os.path.lexists(place.top / place.path):
        return not _is_folder(place.top / place.path)
    head = head_of(place.repository)
    try:
        entry = entry_at(head.tree, place.path) if head else None
    except GIT_ERRORS:
        return False
    return entry is not None and entry.filemode != pygit2.enums.FileMode.TREE


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - raises nothing, of whatever name


def _repository_of(folder: Path, there: Path, source: str) -> pygit2.Repository:
    # Whose the repository is does not matter to one who only reads objects: no hook and no setting is obeyed.
    pygit2.settings.owner_validation = False
    pygit2.settings.set_extensions(["partialclone"])  # an object that was not fetched is said when it is asked for
    try:
        found = pygit2.discover_repository(str(folder))
        repository = pygit2.Repository(found) if found else None
    except (*GIT_ERRORS, OSError) as error:
        raise BadTimeline(
            f"{source}: the repository of {printable(str(folder))} cannot be opened ({printable(str(error))}); see "
            f"what `git fsck` says there, or clone it again"
        ) from error
    if repository is not None:
        return repository
    if _is_folder(there):
        raise _is_a_folder(printable(str(there)), source)
    raise BadTimeline(
        f"{source}: {printable(os.path.realpath(folder))} is in no Git repository; run in one, and in a workflow "
        f"after actions/checkout"
    )


def _path_in_bare(path: str, folder: Path, source: str) -> str:
    inside = os.path.normpath(path)
    if Path(inside).is_relative_to(folder):
        inside = Path(inside).relative_to(folder).as_posix()
    if inside.startswith("/") or inside.split("/")[0] == "..":
        raise BadTimeline(
            f"{source}: the repository at {printable(str(folder))} is bare; give the path inside it, such as "
            f"model/vmaf.onnx"
        )
    return inside


def _is_a_folder(shown: str, source: str) -> BadTimeline:
    return BadTimeline(f"{source}: {shown} is a folder; a timeline is the history of one file: name a file in it")


def _is_a_link(shown: str, target: str, source: str) -> BadTimeline:
    return BadTimeline(f"{source}: {shown} is a symbolic link to {printable(target)}; name the file that it leads to")


def _paths(tree: pygit2.Tree, prefix: str = "") -> Iterator[str]:
    for entry in tree:
        if isinstance(entry, pygit2.Tree):
            yield from _paths(entry, f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}"
