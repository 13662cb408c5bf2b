"""The baseline by name: a checkpoint of the timeline by its label, tag, commit or file, or a model outside it."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from bisect_cache.printable import first_of, printable
from bisect_cache.timeline.files import open_files
from bisect_cache.timeline.interface import BadTimeline, Checkpoint, Timeline

_SHORTEST_COMMIT = 7
_LISTED = 5


def find_baseline(timeline: Timeline, name: str) -> int | Checkpoint:
    """The index of the checkpoint that ``name`` means, or a checkpoint outside ``timeline``.

    A label counts before a tag, a tag before a commit, a commit before a file; a file that is no part of the
    timeline is read as it lies there.

    Raises ``BadTimeline`` when nothing, or more than one thing, is called so.
    """
    for means in (_label, _tag, _commit, _file):
        found = [index for index, checkpoint in enumerate(timeline.checkpoints) if means(checkpoint, name)]
        same = {timeline.checkpoints[index].content for index in found}
        if len(found) == 1 or (found and len(same) == 1 and None not in same):
            return found[0]
        if found:
            raise BadTimeline(
                f"baseline '{printable(name)}' could be any of {_listed(timeline, found)}; name one by its label"
            )
    if _is_file(name):
        return open_files([name], name).checkpoints[0]
    raise BadTimeline(
        f"baseline '{printable(name)}' is no label, tag, commit or file of the timeline, and no model file"
        f"{_near(timeline, name)}"
    )


def _label(checkpoint: Checkpoint, name: str) -> bool:
    return checkpoint.label == name


def _tag(checkpoint: Checkpoint, name: str) -> bool:
    return name in _tags(checkpoint)


def _tags(checkpoint: Checkpoint) -> list[str]:
    """Names of tags hold commas, but no spaces."""
    tags = checkpoint.origin.get("tag")
    return tags.split(", ") if tags else []


def _commit(checkpoint: Checkpoint, name: str) -> bool:
    return len(name) >= _SHORTEST_COMMIT and checkpoint.origin.get("commit", "").lower().startswith(name.lower())


def _file(checkpoint: Checkpoint, name: str) -> bool:
    origin = checkpoint.origin
    if "file" not in origin or ("commit" in origin and "entry" not in origin):
        return False  # a history is of one file: its name tells no version from another; a registry's entries have own
    file = Path(origin["file"])
    return file.absolute() == Path(name).absolute() or name in {file.name, file.stem}


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except OSError:
        return False  # longer than any name of a file


def _listed(timeline: Timeline, found: list[int]) -> str:
    return first_of((printable(timeline.checkpoints[index].label) for index in found), _LISTED)


def _near(timeline: Timeline, name: str) -> str:
    names = list(_names(timeline))
    near = get_close_matches(name, names, _LISTED, 0.5) or names[:_LISTED]
    return f"; it has {', '.join(map(printable, near))}" if near else ""


def _names(timeline: Timeline) -> Iterator[str]:
    for checkpoint in timeline.checkpoints[:1000]:
        yield checkpoint.label
        yield from _tags(checkpoint)
