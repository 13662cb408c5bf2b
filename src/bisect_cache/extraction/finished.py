"""Whether a report that is there already is the one that would be made now."""

from __future__ import annotations

import os
from pathlib import Path

from bisect_cache.cache.extracted import RECORD_BEGINS, Build, Source
from bisect_cache.cache.recipes.interface import BadSource
from bisect_cache.cache.recipes.libvmaf import LARGEST_REPORT, parse_report
from bisect_cache.extraction.pairs import Pair, PairFailed
from bisect_cache.extraction.programs import digest, size_of
from bisect_cache.files import read_file

_CALLED = {"reference": "reference", "distorted": "distorted video", "model": "model"}


def why_again(pair: Pair, build: Build, target: Path) -> str | None:
    """Why the report of ``pair`` must be made, although there is one at ``target``; None: it need not be.

    Empty where there is none. Raises ``PairFailed`` where what is there is not ours to replace, ``CannotRead`` where
    a video is not there.
    """
    if not os.path.lexists(target):
        return ""
    data = read_file(target, largest=LARGEST_REPORT)
    try:
        report = parse_report(data, str(target))
    except BadSource:
        report = None
    if report is None and (not data or data.startswith(RECORD_BEGINS)):
        return "it was damaged"
    record = report.extraction if report else None
    if report is None or record is None:
        raise PairFailed(
            f"{target}: is there, and is no report of `bisect-cache extract`; move it away, or extract to another "
            f"folder"
        )
    if len(report.frames) != record.frames:
        return f"it had {len(report.frames)} frames instead of {record.frames}"
    if record.build.sha256 != build.sha256:
        return f"it was of another build ({record.build.program} {record.build.version})"
    if record.how != pair.how:
        return "the pair list said something else"
    recorded = {"reference": record.reference, "distorted": record.distorted, "model": record.model}
    changed = [role for role in pair.names if not _is_same(pair, role, recorded[role])]
    return f"its {' and its '.join(_CALLED[role] for role in changed)} changed" if changed else None


def _is_same(pair: Pair, role: str, source: Source | None) -> bool:
    """Whether a file is the one that was measured: of the same name, size and time, or else of the same sha256."""
    path = pair.path(role)
    size = size_of(path)
    if source is None or size != source.size:
        return False
    untouched = pair.names[role] == source.name and path.stat().st_mtime_ns == source.mtime_ns
    return untouched or digest(path) == source.sha256
