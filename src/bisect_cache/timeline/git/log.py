"""``git-log:PATH[@RANGE][?full]``: every version of a file over a range of commits, oldest first."""

from __future__ import annotations

from collections.abc import Sequence

from bisect_cache.printable import printable
from bisect_cache.timeline.git.files import CommitModel
from bisect_cache.timeline.git.objects import nothing_missing, too_shallow
from bisect_cache.timeline.git.place import Place, find_asked, near_names, refuse_link_on_disk, refuse_odd
from bisect_cache.timeline.git.revisions import Range, commits_of, read_range
from bisect_cache.timeline.git.tagged import tags_by_commit
from bisect_cache.timeline.git.told import label_of, origin_of
from bisect_cache.timeline.git.walk import Walk, walk
from bisect_cache.timeline.interface import BadTimeline, Checkpoint, Timeline
from bisect_cache.timeline.labels import some_of, told_apart

_FULL = "?full"


def open_git_log(rests: Sequence[str], source: str) -> Timeline:
    """The versions of one file. Reads no model.

    Raises ``BadTimeline``.
    """
    if len(rests) > 1:
        raise BadTimeline(f"{source}: a timeline is the history of one file; give one SPEC")
    rest = rests[0]
    full = rest.endswith(_FULL)
    place, revisions = find_asked(rest.removesuffix(_FULL), source)
    wanted = read_range(place.repository, revisions, source)
    with nothing_missing(place.repository, source):
        refuse_odd(place, wanted.end, source)
        found = walk(place.repository, commits_of(place.repository, wanted, full=full), place.path)
        _refuse_empty(found, place, wanted, revisions, source)
    tags = tags_by_commit(place.repository)
    labels = told_apart([label_of(version.commit) for version in found.versions], [v.path for v in found.versions])
    checkpoints = tuple(
        Checkpoint(
            label,
            CommitModel(place.repository, str(version.commit.id), version.path),
            origin_of(version.commit, place.shown(version.path), tags.get(version.commit.id, ())),
            content=" ".join(version.content),
        )
        for label, version in zip(labels, found.versions, strict=True)
    )
    return Timeline(source, checkpoints, _notes(found, place))


def _refuse_empty(found: Walk, place: Place, wanted: Range, revisions: str, source: str) -> None:
    if found.cut_off:
        raise too_shallow(source)
    shown = printable(revisions)
    if found.commits == 0:
        raise BadTimeline(f"{source}: there is no commit in '{shown}'; a range is OLDER..NEWER")
    if found.versions:
        return
    refuse_link_on_disk(place, source)
    if wanted.start is not None:
        raise BadTimeline(
            f"{source}: no commit in '{shown}' changes {place.shown(place.path)}; take a longer range."
            f"{near_names(place, wanted.end)}"
        )
    raise BadTimeline(
        f"{source}: {place.shown(place.path)} is not in the history of {shown or 'this branch'}; correct the path."
        f"{near_names(place, wanted.end)}"
    )


def _notes(found: Walk, place: Place) -> tuple[str, ...]:
    deletions = [label_of(commit) for commit in found.deletions]
    renames = [f"{place.shown(old)} to {place.shown(new)} in {label_of(commit)}" for commit, old, new in found.renames]
    told = (("deleted, and skipped there", deletions), ("followed through renames", renames))
    return tuple(f"{what}: {some_of(those, 3)}" for what, those in told if those)
