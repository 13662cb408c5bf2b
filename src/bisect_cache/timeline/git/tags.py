"""``tags:PATH[@PATTERN]``: a file as each tag has it, in the order of the versions."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass

import pygit2

from bisect_cache.printable import printable
from bisect_cache.timeline.git.files import CommitModel
from bisect_cache.timeline.git.place import find_place, near_names
from bisect_cache.timeline.git.tagged import tags_of
from bisect_cache.timeline.git.told import origin_of
from bisect_cache.timeline.git.version_order import in_version_order
from bisect_cache.timeline.git.walk import content_at
from bisect_cache.timeline.interface import BadTimeline, Checkpoint, Timeline
from bisect_cache.timeline.labels import some_of


@dataclass(frozen=True)
class _Tagged:
    name: str
    commit: pygit2.Commit


def open_tags(rests: Sequence[str], source: str) -> Timeline:
    """The file as each matching tag has it; neighbours with the same content are one checkpoint. Reads no model.

    Raises ``BadTimeline``.
    """
    if len(rests) > 1:
        raise BadTimeline(f"{source}: a timeline is the history of one file; give one SPEC")
    path, _, pattern = rests[0].partition("@")
    place = find_place(path, source)
    every = [_Tagged(name, commit) for name, commit in tags_of(place.repository)]
    matching = [tag for tag in every if fnmatch.fnmatchcase(tag.name, pattern or "*")]
    if not matching:
        raise BadTimeline(_no_tags(every, pattern, source))
    ordered, notes = _ordered(matching)
    contents = {tag.name: content_at(tag.commit.tree, place.path) for tag in ordered}
    absent = [tag.name for tag in ordered if contents[tag.name] is None]
    there = [tag for tag in ordered if contents[tag.name] is not None]
    if not there:
        raise BadTimeline(
            f"{source}: none of {len(matching)} tags has {place.shown(place.path)}; correct the path."
            f"{near_names(place, ordered[-1].commit)}"
        )
    if absent:
        notes = (*notes, f"tags without the file: {some_of(absent)}")
    groups: list[list[_Tagged]] = []
    for tag in there:
        if groups and contents[groups[-1][0].name] == contents[tag.name]:
            groups[-1].append(tag)
        else:
            groups.append([tag])
    checkpoints = tuple(
        Checkpoint(
            printable(group[0].name),
            CommitModel(place.repository, str(group[0].commit.id), place.path),
            origin_of(group[0].commit, place.shown(place.path), [tag.name for tag in group]),
            content=" ".join(contents[group[0].name] or ()),
        )
        for group in groups
    )
    return Timeline(source, checkpoints, notes)


def _ordered(tags: Sequence[_Tagged]) -> tuple[list[_Tagged], tuple[str, ...]]:
    by_name = {tag.name: tag for tag in tags}
    names = in_version_order(list(by_name))
    if names is not None:
        return [by_name[name] for name in names], ()
    by_date = sorted(tags, key=lambda tag: (tag.commit.commit_time, tag.name))
    return by_date, ("tags that are no versions: in the order of their commits' dates",)


def _no_tags(every: Sequence[_Tagged], pattern: str, source: str) -> str:
    if every:
        return f"{source}: no tag matches '{printable(pattern)}'; there are {some_of([tag.name for tag in every], 5)}"
    return (
        f"{source}: there are no tags in this clone; fetch them, with `fetch-tags: true` and `fetch-depth: 0` in "
        f"actions/checkout, or `git fetch --tags`"
    )
