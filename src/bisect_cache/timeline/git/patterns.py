"""Patterns of paths in a repository: ``git-log:models/*.onnx`` is a timeline for each file that matches."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pygit2

from bisect_cache.printable import printable
from bisect_cache.timeline.git.objects import file_at, nothing_missing
from bisect_cache.timeline.git.place import find_asked
from bisect_cache.timeline.git.revisions import read_range
from bisect_cache.timeline.interface import BadTimeline

_MOST_FILES = 50
_PIECE = re.compile(r"\*\*/|\*\*|\*|\[[^/\]]+\]|.", re.DOTALL)


def each_file(kind: str, rest: str, spec: str) -> Iterator[str]:
    """The SPECs, one a file, that a SPEC with a pattern stands for; a SPEC without one as it is.

    Files are those of the newest commit that is looked at. Raises ``BadTimeline``.
    """
    if kind not in {"git-log", "tags"} or not any(char in rest for char in "*["):
        yield spec
        return
    place, behind = find_asked(rest, spec)
    if not any(char in place.path for char in "*["):
        yield spec
        return
    revisions = behind.removesuffix("?full") if kind == "git-log" else ""
    with nothing_missing(place.repository, spec):
        tree = read_range(place.repository, revisions, spec).end.tree
        literal = file_at(tree, place.path) is not None  # a file may be called like a pattern
        names = [] if literal else list(_files(tree))
    if literal:
        yield spec
        return
    try:
        wanted = re.compile(expression(place.path), re.DOTALL)
    except re.error as error:
        raise BadTimeline(f"{printable(spec)}: this is no pattern ({error}); mend its brackets") from error
    found = [name for name in names if wanted.fullmatch(name)]
    if not found:
        raise BadTimeline(f"{printable(spec)}: no file of the newest commit matches the pattern; correct it")
    if len(found) > _MOST_FILES:
        raise BadTimeline(f"{printable(spec)}: {len(found)} files match the pattern; name at most {_MOST_FILES}")
    for name in sorted(found):
        yield f"{kind}:{place.spelled(name)}{f'@{behind}' if behind else ''}"


def expression(pattern: str) -> str:
    """A pattern of paths as a regular expression: ``*`` stays in its folder, ``**`` does not."""
    words = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*"}
    pieces = _PIECE.findall(pattern)
    return "".join(
        words.get(piece) or (f"[{piece[1:-1].replace('!', '^', 1)}]" if len(piece) > 1 else re.escape(piece))
        for piece in pieces
    )


def _files(tree: pygit2.Tree, prefix: str = "") -> Iterator[str]:
    for entry in tree:
        if isinstance(entry, pygit2.Tree):
            yield from _files(entry, f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}"
