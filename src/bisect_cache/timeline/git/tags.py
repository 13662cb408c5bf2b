"""``tags:PATH[@PATTERN]``: a file as each tag has it, in the order of the versions."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pygit2

from bisect_cache.printable import printable
from bisect_cache.timeline.git.files import CommitModel
from bisect_cache.timeline.git.objects import nothing_missing, shallow_commits
from bisect_cache.timeline.git.place import Place, find_asked, near_names, refuse_link_on_disk, refuse_odd
from bisect_cache.timeline.git.tagged import tags_of
from bisect_cache.timeline.git.told import origin_of
from bisect_cache.timeline.git.version_order import in_version_order
from bisect_cache.timeline.git.walk import Contents
from bisect_cache.timeline.interface import BadTimeline, Checkpoint, Timeline
from bisect_cache.timeline.labels import some_of, told_apart


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
    place, pattern = find_asked(rests[0], source)
    every = tags_of(place.repository)
    matching = [name for name in every if fnmatch.fnmatchcase(name, pattern or "*")]
    tags = [_Tagged(name, commit) for name in matching if (commit := every[name]) is not None]
    if not tags:
        raise BadTimeline(_no_tags(every, matching, pattern, source))
    ordered, notes = _ordered(tags)
    with nothing_missing(place.repository, source):
        versions = Contents()
        contents = {tag.name: versions.at(tag.commit, place.path) for tag in ordered}
        there = [tag for tag in ordered if contents[tag.name] is not None]
        if not there:
            _refuse_absent(place, ordered, source)
    notes += _notes(place, [name for name in matching if every[name] is None], [t for t in ordered if t not in there])
    groups: list[list[_Tagged]] = []
    for tag in there:
        if groups and contents[groups[-1][0].name] == contents[tag.name]:
            groups[-1].append(tag)
        else:
            groups.append([tag])
    labels = told_apart([group[0].name for group in groups], [str(group[0].commit.id)[:9] for group in groups])
    checkpoints = tuple(
        Checkpoint(
            label,
            CommitModel(place.repository, str(group[0].commit.id), place.path),
            origin_of(group[0].commit, place.shown(place.path), [tag.name for tag in group]),
            content=" ".join(contents[group[0].name] or ()),
        )
        for label, group in zip(labels, groups, strict=True)
    )
    return Timeline(source, checkpoints, notes)


def _ordered(tags: Sequence[_Tagged]) -> tuple[list[_Tagged], tuple[str, ...]]:
    by_name = {tag.name: tag for tag in tags}
    names = in_version_order(list(by_name))
    if names is not None:
        return [by_name[name] for name in names], ()
    by_date = sorted(tags, key=lambda tag: (tag.commit.commit_time, tag.name))
    return by_date, ("not every tag is a version: taken in the order of their commits' dates",)


def _notes(place: Place, of_no_commit: Sequence[str], without: Sequence[_Tagged]) -> tuple[str, ...]:
    told = (
        ("tags without the file", [tag.name for tag in without]),
        ("tags that lead to no commit here, left out", of_no_commit),
    )
    notes = [f"{what}: {some_of(names)}" for what, names in told if names]
    if shallow_commits(place.repository):
        notes.append("this clone is shallow, and may lack tags: set `fetch-depth: 0` in actions/checkout")
    return tuple(notes)


def _refuse_absent(place: Place, ordered: Sequence[_Tagged], source: str) -> None:
    for tag in reversed(ordered):
        refuse_odd(place, tag.commit, source)
    refuse_link_on_disk(place, source)
    raise BadTimeline(
        f"{source}: none of {len(ordered)} tags has {place.shown(place.path)}; correct the path."
        f"{near_names(place, ordered[-1].commit)}"
    )


def _no_tags(every: Iterable[str], matching: Sequence[str], pattern: str, source: str) -> str:
    if matching:
        return f"{source}: {some_of(matching, 5)} lead to no commit in this clone; tag commits, and fetch all of them"
    if every:
        return f"{source}: no tag matches '{printable(pattern)}'; correct the pattern. There are {some_of(every, 5)}"
    return (
        f"{source}: there are no tags in this clone; fetch them, with `fetch-tags: true` and `fetch-depth: 0` in "
        f"actions/checkout, or `git fetch --tags`"
    )
