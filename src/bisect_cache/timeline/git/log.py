"""``git-log:PATH[@RANGE][?full]``: every version of a file over a range of commits, oldest first."""

from __future__ import annotations

from collections.abc import Sequence

from bisect_cache.timeline.git.files import CommitModel
from bisect_cache.timeline.git.place import Place, find_place, near_names, refuse_odd
from bisect_cache.timeline.git.revisions import Range, commits_of, read_range
from bisect_cache.timeline.git.tagged import tags_by_commit
from bisect_cache.timeline.git.told import label_of, origin_of
from bisect_cache.timeline.git.walk import Walk, walk
from bisect_cache.timeline.interface import BadTimeline, Checkpoint, Timeline
from bisect_cache.timeline.labels import some_of

_FULL = "?full"


def open_git_log(rests: Sequence[str], source: str) -> Timeline:
    """The versions of one file. Reads no model.

    Raises ``BadTimeline``.
    """
    if len(rests) > 1:
        raise BadTimeline(f"{source}: a timeline is the history of one file; give one SPEC")
    rest = rests[0]
    full = rest.endswith(_FULL)
    path, _, revisions = rest.removesuffix(_FULL).partition("@")
    place = find_place(path, source)
    wanted = read_range(place.repository, revisions, source)
    refuse_odd(place, wanted.end, source)
    found = walk(place.repository, commits_of(place.repository, wanted, full=full), place.path, full=full)
    _refuse_empty(found, place, wanted, revisions, source)
    tags = tags_by_commit(place.repository)
    checkpoints = tuple(
        Checkpoint(
            label_of(version.commit),
            CommitModel(place.repository, str(version.commit.id), version.path),
            origin_of(version.commit, place.shown(version.path), tags.get(version.commit.id, ())),
            content=" ".join(version.content),
        )
        for version in found.versions
    )
    return Timeline(source, checkpoints, _notes(found, place))


def _refuse_empty(found: Walk, place: Place, wanted: Range, revisions: str, source: str) -> None:
    if found.cut_off:
        raise BadTimeline(
            f"{source}: this clone is shallow and its history ends too early to see every version; set "
            f"`fetch-depth: 0` in actions/checkout, or run `git fetch --unshallow`"
        )
    if found.commits == 0:
        raise BadTimeline(f"{source}: there is no commit in '{revisions}'; a range is OLDER..NEWER")
    if not found.versions and revisions:
        raise BadTimeline(
            f"{source}: no commit in '{revisions}' changes {place.shown(place.path)}; take a longer range."
            f"{near_names(place, wanted.end)}"
        )
    if not found.versions:
        raise BadTimeline(
            f"{source}: {place.shown(place.path)} is not in the history of this branch; correct the path."
            f"{near_names(place, wanted.end)}"
        )


def _notes(found: Walk, place: Place) -> tuple[str, ...]:
    deletions = [label_of(commit) for commit in found.deletions]
    renames = [f"{place.shown(old)} to {place.shown(new)} in {label_of(commit)}" for commit, old, new in found.renames]
    told = (("deleted, and skipped there", deletions), ("followed through renames", renames))
    return tuple(f"{what}: {some_of(those, 3)}" for what, those in told if those)
