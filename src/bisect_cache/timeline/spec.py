"""SPEC strings and the kinds of source they name. A new kind is one new file and one line in ``SOURCES``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from bisect_cache.files import LONGEST_PLACE
from bisect_cache.printable import printable
from bisect_cache.timeline.files import names_a_file, open_files
from bisect_cache.timeline.interface import BadTimeline, Timeline
from bisect_cache.timeline.registry import open_registry


def _git_log(rests: Sequence[str], source: str) -> Timeline:
    from bisect_cache.timeline.git.log import open_git_log

    return open_git_log(rests, source)


def _tags(rests: Sequence[str], source: str) -> Timeline:
    from bisect_cache.timeline.git.tags import open_tags

    return open_tags(rests, source)


Opener = Callable[[Sequence[str], str], Timeline]
"""Takes what follows the prefix of each SPEC, and the SPECs as the user wrote them; raises ``BadTimeline``."""

SOURCES: Mapping[str, Opener] = {
    "files": open_files,
    "registry": open_registry,
    "git-log": _git_log,
    "tags": _tags,
}


_OF_HISTORY = frozenset({"git-log", "tags"})
_LONGEST_SPEC = 4096
"""Characters: no path has more, and a pattern takes a time that grows faster than it does."""


def open_timeline(specs: Sequence[str]) -> Timeline:
    """The timeline that one or more SPECs name; several must be of one kind. Reads no model.

    Raises ``BadTimeline`` with the SPEC or the file that is at fault and what to do about it.
    """
    if not specs:
        raise BadTimeline(f"no timeline is given; name the models with {_known_kinds()}")
    source = printable(" ".join(specs), LONGEST_PLACE)
    kinds_and_rests = [_kind_and_rest(spec) for spec in specs]
    kinds = sorted({kind for kind, _ in kinds_and_rests})
    if len(kinds) > 1:
        raise BadTimeline(f"{source}: {' and '.join(f'{kind}:' for kind in kinds)} do not mix; give SPECs of one kind")
    return SOURCES[kinds[0]]([rest for _, rest in kinds_and_rests], source)


def spread(specs: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The SPECs of each timeline that ``specs`` name: a pattern in a repository's history is a timeline a file.

    Raises ``BadTimeline``.
    """
    if not any(_kind_and_rest(spec)[0] in _OF_HISTORY for spec in specs):
        return (tuple(specs),)
    from bisect_cache.timeline.git.patterns import each_file

    return tuple((one,) for spec in specs for one in each_file(*_kind_and_rest(spec), spec))


def _kind_and_rest(spec: str) -> tuple[str, str]:
    if len(spec) > _LONGEST_SPEC:
        raise BadTimeline(f"{printable(spec)}: has {len(spec):,} characters; a SPEC has at most {_LONGEST_SPEC:,}")
    kind, colon, rest = spec.partition(":")
    if colon and kind in SOURCES:
        return kind, rest
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", spec) and not names_a_file(spec):
        raise BadTimeline(
            f"{printable(spec)}: there is no such file and no source called {printable(kind)!r}; use {_known_kinds()}"
        )
    return "files", spec


def _known_kinds() -> str:
    return " or ".join(f"{kind}:" for kind in SOURCES)
