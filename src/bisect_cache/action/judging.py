"""From inputs to a report: each cache is checked and judged, and nothing that breaks keeps the others from it."""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from bisect_cache.action.inputs import EMBEDDED_NAME, Inputs, Mode
from bisect_cache.action.surfaces import no_commands
from bisect_cache.cache.manifest import read_manifest
from bisect_cache.errors import BisectCacheError
from bisect_cache.judge.thresholds import DEFAULT_THRESHOLDS, parse_thresholds
from bisect_cache.report.sections import joined
from bisect_cache.report.structs import BisectReport, CacheReport, CheckReport, Report, Section
from bisect_cache.runs.request import BisectRequest, CheckRequest
from bisect_cache.runs.run import broken_bisect, broken_check, run_bisect, run_check
from bisect_cache.timeline.spec import spread


def judge_caches(inputs: Inputs, *, base: str = "", debug: bool = False) -> Report:
    """The report of one cache, or of several with a section each. Never raises: a run that breaks is a report too.

    ``base`` is the commit that a pull request starts from, where there is one.
    """
    sections = [section for cache in inputs.caches for section in _sections(inputs, cache, base, debug=debug)]
    return sections[0].report if len(sections) == 1 else joined(sections)


def _sections(inputs: Inputs, cache: str, base: str, *, debug: bool) -> Iterator[Section]:
    """One cache: a section, or one for each timeline that it is judged on."""
    several = len(inputs.caches) > 1
    check_request = _check_of(inputs, cache)
    check = _checked(check_request, debug=debug)
    if inputs.mode == "check":
        yield Section(cache, smoke=False, report=check)
        return
    smoke = several and _is_smoke_test(check_request.folder)
    whole = _bisect_of(inputs, cache, base, smoke=smoke)
    try:
        timelines = spread(whole.timeline) if whole.timeline else ((),)
    except Exception as error:
        _trace(error, debug=debug)
        yield Section(cache, smoke, replace(broken_bisect(error, whole), check=check))
        return
    for specs in timelines:
        request = dataclasses.replace(whole, timeline=specs)
        report = replace(_judged(request, debug=debug), check=check)
        yield Section(cache, smoke, report, " ".join(specs) if len(timelines) > 1 else "")


def _judged(request: BisectRequest, *, debug: bool) -> BisectReport:
    try:
        return run_bisect(request)
    except Exception as error:
        _trace(error, debug=debug)
        return broken_bisect(error, request)


def _checked(request: CheckRequest, *, debug: bool) -> CheckReport:
    try:
        return run_check(request)
    except Exception as error:
        _trace(error, debug=debug)
        return broken_check(error, request)


def _check_of(inputs: Inputs, cache: str) -> CheckRequest:
    """The check that is asked for; writer drift counts where the workflow wants to fail on it."""
    return CheckRequest(_folder(cache), strict="writer-drift" in inputs.fail_on)


def _bisect_of(inputs: Inputs, cache: str, base: str, *, smoke: bool) -> BisectRequest:
    if smoke:
        return BisectRequest(cache=_folder(cache), thresholds=parse_thresholds(DEFAULT_THRESHOLDS))
    choices = inputs.choices
    return BisectRequest(
        _folder(cache),
        inputs.timeline,
        inputs.thresholds,
        base=base or None,
        baseline=choices.baseline,
        strategy=choices.strategy,
        decision=choices.decision,
        predicts=choices.predicts,
        by_content=choices.by_content,
        feeding=choices.feeding,
        limits=choices.limits,
    )


def _folder(cache: str) -> Path | None:
    return None if cache == EMBEDDED_NAME else Path(cache)


def _is_smoke_test(folder: Path) -> bool:
    """Whether a cache among several is synthetic and brings models of its own: what it shows is about the wiring."""
    try:
        manifest = read_manifest(folder)
        synthetic = manifest is None or manifest.provenance == "synthetic"  # None: the older layout
        return synthetic and any((folder / "models").glob("*.onnx"))
    except (BisectCacheError, OSError, ValueError):
        return False  # the run itself says what is wrong with it


def _trace(error: Exception, *, debug: bool) -> None:
    if debug and not isinstance(error, BisectCacheError):
        with no_commands():
            print(*traceback.format_exception(error), sep="")  # noqa: T201 - the job's log


def broken(error: Exception, mode: Mode) -> CacheReport:
    """The report of a run that came to no cache at all."""
    return broken_check(error, CheckRequest()) if mode == "check" else broken_bisect(error, BisectRequest())
