"""``files:GLOB``: model files of a folder, in natural order."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from pathlib import Path
from stat import S_ISDIR

from bisect_cache.files import LONGEST_PLACE
from bisect_cache.natural import text_and_numbers
from bisect_cache.printable import printable
from bisect_cache.timeline.folder import FolderModel
from bisect_cache.timeline.interface import BadTimeline, Checkpoint, Timeline
from bisect_cache.timeline.labels import shortest_tails, some_of, stem_and_suffix, told_apart

MODELS_OF_A_FOLDER = "*.onnx"
_MOST_PARTS = 200
"""Of a glob: folders on the way to its files."""


def open_files(patterns: Sequence[str], source: str) -> Timeline:
    """The files that the patterns name, each once, ``model_9`` before ``model_10``. Reads no file.

    A pattern is a path, a folder (its ``*.onnx``) or a glob, where ``**`` stands for any folders and follows no
    links to folders. Raises ``BadTimeline`` for a pattern that names nothing.
    """
    named = [path for pattern in patterns for path in _files_named_by(pattern)]
    files, again = _each_once(named)
    given = list(files)
    files.sort(key=lambda file: natural_order(file.absolute))
    tails = shortest_tails([file.absolute for file in files])
    labels = told_apart(tails, [file.path[file.path.rfind("/") + 1 :] for file in files])
    checkpoints = (
        Checkpoint(label, FolderModel(Path(file.path)), {"file": printable(file.path, LONGEST_PLACE)})
        for label, file in zip(labels, files, strict=True)
    )
    notes = [f"named more than once, listed once: {some_of(again)}"] if again else []
    if len(named) == len(patterns) and files != given:  # a glob has no order of its own
        notes.append("taken in natural order, which is not the order that was given; a registry keeps its own order")
    return Timeline(source, tuple(checkpoints), tuple(notes))


def natural_order(path: str) -> tuple[object, ...]:
    """A sort key: folder by folder, digits as numbers; no two paths have the same.

    The suffix comes after the rest, so that ``v1.onnx`` stands before ``v1.1.onnx``.
    """
    stem, suffix = stem_and_suffix(path)
    folder, _, name = stem.rpartition("/")
    return _folder_order(folder), text_and_numbers(name), text_and_numbers(suffix), path


@lru_cache(maxsize=1024)
def _folder_order(folder: str) -> tuple[object, ...]:
    return tuple(text_and_numbers(part) for part in folder.split("/"))


@dataclass(frozen=True)
class _File:
    path: str
    """As the user spelled it."""
    absolute: str


def _each_once(paths: Sequence[str]) -> tuple[list[_File], list[str]]:
    """The distinct files, and those named again.

    A folder is known by its inode, however it is spelled; a link to a file stays a file of its own.
    """
    here = Path.cwd()
    folders: dict[str, tuple[int, int]] = {}
    files: dict[tuple[tuple[int, int], str], _File] = {}
    again: dict[str, None] = {}
    for path in paths:
        name_starts = path.rfind("/") + 1
        folder, name = path[:name_starts], path[name_starts:]
        if folder not in folders:
            status = Path(folder).stat()
            folders[folder] = (status.st_dev, status.st_ino)
        known = files.get((folders[folder], name))
        if known is None:
            files[folders[folder], name] = _File(path, path if path.startswith("/") else f"{here}/{path}")
        else:
            again[known.path] = None
    return list(files.values()), list(again)


def names_a_file(pattern: str) -> bool:
    """Whether a path or a glob names anything that is there."""
    if _mode(pattern) is not None:
        return True
    return pattern.count("/") <= _MOST_PARTS and next(_matches(pattern), None) is not None


def _files_named_by(pattern: str) -> list[str]:
    mode = _mode(pattern)
    if mode is not None and not S_ISDIR(mode):
        return [pattern]
    if mode is None and not _is_glob(pattern):
        raise BadTimeline(f"{printable(pattern)!r} does not exist; correct the path. {_what_is_there(pattern)}")
    if pattern.count("/") > _MOST_PARTS:
        raise BadTimeline(f"{printable(pattern)!r} goes through more than {_MOST_PARTS} folders; shorten the pattern")
    if mode is not None:
        pattern = f"{pattern.rstrip('/')}/{MODELS_OF_A_FOLDER}"
    if found := list(_matches(pattern)):
        return found
    raise BadTimeline(f"{printable(pattern)!r} matches no file; correct the pattern. {_what_is_there(pattern)}")


def _mode(path: str) -> int | None:
    try:
        return Path(path).stat().st_mode if path else None
    except (OSError, ValueError):
        return None


def _what_is_there(pattern: str) -> str:
    """A sentence on the deepest folder that the pattern spells out and that is there."""
    plain = list(takewhile(lambda part: not _is_glob(part), pattern.split("/")[:-1]))
    folder = Path("/" if pattern.startswith("/") else ".").joinpath(*plain)
    while _mode(str(folder)) is None and folder != folder.parent:
        folder = folder.parent
    names = sorted((entry.name for entry in _entries(f"{folder}/")), key=natural_order)
    where = "The current folder" if folder == Path() else f"The folder {printable(str(folder))!r}"
    return f"{where} holds {some_of(names, 5) or 'nothing'}."


def _is_glob(text: str) -> bool:
    return re.search(r"[*?[]", text) is not None


def _matches(pattern: str) -> Iterator[str]:
    """Files that a glob matches, each once, in no order. A leading dot is matched by a dot only."""
    parts = [part for part in pattern.split("/") if part]
    start = "/" if pattern.startswith("/") else ""
    return iter(dict.fromkeys(_below(start, parts)))


def _below(folder: str, parts: Sequence[str]) -> Iterator[str]:
    """Files under ``folder`` (which ends in ``/`` or is empty) that match the parts one after the other."""
    head, rest = (parts[0], parts[1:]) if parts else ("", ())
    if head == "**":
        for deeper in _folders_in(folder):
            yield from _below(deeper, rest or ["*"])
    elif _is_glob(head):
        match = re.compile(fnmatch.translate(head)).match
        for entry in _entries(folder):
            if match(entry.name) and (head.startswith(".") or not entry.name.startswith(".")):
                is_folder = _is_folder(entry)
                if rest and is_folder:
                    yield from _below(f"{folder}{entry.name}/", rest)
                elif not rest and not is_folder:
                    yield folder + entry.name
    elif rest:
        yield from _below(f"{folder}{head}/", rest)
    elif (mode := _mode(folder + head)) is not None and not S_ISDIR(mode):
        yield folder + head


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder, links followed; a link that leads nowhere is read like a file, and says so then."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _folders_in(folder: str) -> Iterator[str]:
    """``folder`` and every folder in it, hidden ones and links excepted: a circle of links ends the walk."""
    waiting = [folder]
    while waiting:
        folder = waiting.pop()
        yield folder
        waiting.extend(
            f"{folder}{entry.name}/"
            for entry in _entries(folder)
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
        )


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder or ".") as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return []
    except OSError as error:
        raise BadTimeline(
            f"the folder {printable(folder or '.')!r} cannot be listed ({error.strerror}); "
            "make it readable or narrow the pattern"
        ) from error
