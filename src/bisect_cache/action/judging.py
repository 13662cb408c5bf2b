"""From inputs to a report: each cache is checked and judged, and nothing that breaks keeps the others from it."""

from __future__ import annotations

import traceback
from pathlib import Path

from msgspec.structs import replace

from bisect_cache.action.inputs import EMBEDDED_NAME, Inputs, Mode
from bisect_cache.action.surfaces import no_commands
from bisect_cache.cache.manifest import read_manifest
from bisect_cache.errors import BisectCacheError
from bisect_cache.judge.thresholds import DEFAULT_THRESHOLDS, parse_thresholds
from bisect_cache.report.sections import joined
from bisect_cache.report.structs import CacheReport, CheckReport, Report, Section
from bisect_cache.request import BisectRequest, CheckRequest
from bisect_cache.runs import broken_bisect, broken_check, run_bisect, run_check


def judge_caches(inputs: Inputs, *, debug: bool = False) -> Report:
    """The report of one cache, or of several with a section each. Never raises: a run that breaks is a report too."""
    if len(inputs.caches) == 1:
        return _judge_cache(inputs, inputs.caches[0], smoke=False, debug=debug)
    return joined([_section(inputs, cache, debug=debug) for cache in inputs.caches])


def _section(inputs: Inputs, cache: str, *, debug: bool) -> Section:
    smoke = inputs.mode == "bisect" and _is_smoke_test(_check_of(inputs, cache).folder)
    return Section(cache, smoke, _judge_cache(inputs, cache, smoke=smoke, debug=debug))


def _judge_cache(inputs: Inputs, cache: str, *, smoke: bool, debug: bool) -> CacheReport:
    check_request = _check_of(inputs, cache)
    check = _checked(check_request, debug=debug)
    if inputs.mode == "check":
        return check
    request = _bisect_of(inputs, cache, smoke=smoke)
    try:
        return replace(run_bisect(request), check=check)
    except Exception as error:
        _trace(error, debug=debug)
        return replace(broken_bisect(error, request), check=check)


def _checked(request: CheckRequest, *, debug: bool) -> CheckReport:
    try:
        return run_check(request)
    except Exception as error:
        _trace(error, debug=debug)
        return broken_check(error, request)


def _check_of(inputs: Inputs, cache: str) -> CheckRequest:
    """The check that is asked for; writer drift counts where the workflow wants to fail on it."""
    return CheckRequest(_folder(cache), strict="writer-drift" in inputs.fail_on)


def _bisect_of(inputs: Inputs, cache: str, *, smoke: bool) -> BisectRequest:
    if smoke:
        return BisectRequest(cache=_folder(cache), thresholds=parse_thresholds(DEFAULT_THRESHOLDS))
    return BisectRequest(cache=_folder(cache), timeline=inputs.timeline, thresholds=inputs.thresholds)


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
