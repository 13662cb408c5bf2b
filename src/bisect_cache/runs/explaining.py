"""What changed from the last good model to the first bad one: in their files, and in what they predict."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from math import isfinite

from msgspec.structs import replace

from bisect_cache.cache.drift import Finding
from bisect_cache.cache.large import LargeCache
from bisect_cache.cache.models.external_data import CannotInline, inlined
from bisect_cache.cache.models.model_drift import Sides, compare_models
from bisect_cache.cache.opened import Cache
from bisect_cache.files import CannotRead
from bisect_cache.judge.interface import Scoring
from bisect_cache.judge.judge import CannotScore
from bisect_cache.judge.metrics import target_side
from bisect_cache.judge.moved import Moved, moved
from bisect_cache.printable import one_line, printable
from bisect_cache.report.structs import Explanation
from bisect_cache.timeline.folder import weights
from bisect_cache.timeline.interface import Checkpoint

LARGEST_COMPARED = 512 << 20
"""Bytes that a model may have with its weights: a comparison holds both, parsed, in this process."""
_SIDES = Sides(first="the last good model", then="later")
_LONGEST_DETAIL = 2000


def explain(good: Checkpoint, bad: Checkpoint, cache: Cache | LargeCache, judge: Scoring) -> Explanation:
    """What changed from ``good`` to ``bad``. What cannot be compared becomes a note and breaks nothing."""
    findings, of_files = _files(good, bad)
    try:
        before, after = judge.scores(good), judge.scores(bad)
    except CannotScore as error:
        return Explanation(findings, (), (), (*of_files, f"the predictions cannot be compared: {error}"))
    found = moved(before, after, target_side(cache.target), cache.contents, cache.content_names)
    return Explanation(findings, found.contents, found.rows, (*of_files, *_said_of(found)))


def _files(good: Checkpoint, bad: Checkpoint) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    try:
        before, after = _in_one_piece(good), _in_one_piece(bad)
        findings = compare_models(bad.label, before, after, _SIDES)
    except (CannotInline, CannotRead, MemoryError) as error:
        return (), (f"the models' files cannot be compared: {error or 'memory ran out'}",)
    if any(finding.kind == "corrupt" for finding in findings):
        return (), ("the models' files cannot be compared: one of them is no ONNX model that can be parsed",)
    if not findings:
        beside = "a sidecar, or what is declared of how it is fed"
        same = f"both files hold the same model: what differs is beside it ({beside}), or changes from run to run"
        return (), (same,)
    cut = (replace(finding, detail=printable(one_line(finding.detail), _LONGEST_DETAIL)) for finding in findings)
    return tuple(cut), ()


def _in_one_piece(checkpoint: Checkpoint) -> bytes:
    try:
        return inlined(checkpoint.files.model(), partial(weights, checkpoint.files), LARGEST_COMPARED)
    except CannotInline as error:
        raise CannotInline(f"{checkpoint.label}: {error}") from error


def _said_of(found: Moved) -> Iterator[str]:
    if found.same:
        factor, offset = found.other_scale
        how = f"times {factor:.4g}{f', plus {offset:.4g}' if offset else ''}"
        known = isfinite(factor) and isfinite(offset)
        yield (
            f"on the target's scale both models predict the same"
            f"{f': the scores of the first bad one are those of the last good one {how}' if known else ''}"
        )
    elif found.turned:
        yield (
            "one model's scores rise with the target and the other's fall; on the target's scale, where they are "
            "compared, they are turned over"
        )
