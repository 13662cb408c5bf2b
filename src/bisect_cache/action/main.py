"""One run of the action: inputs, the run, then every surface, whatever happened."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

from actions_toolkit import core
from msgspec.structs import replace

from bisect_cache.action.annotations import annotated
from bisect_cache.action.failing import exit_code
from bisect_cache.action.inputs import Inputs, read_inputs, report_path
from bisect_cache.action.surfaces import write_annotations, write_log, write_outputs, write_report, write_summary
from bisect_cache.errors import BisectCacheError
from bisect_cache.report.markdown import summary
from bisect_cache.report.structs import CheckReport, Report
from bisect_cache.runs import BisectRequest, broken_bisect, broken_check, run_bisect, run_check


def main(environ: Mapping[str, str] = os.environ) -> int:
    """Run the action in the workspace that ``environ`` names; the exit code is returned."""
    workspace = Path(environ.get("GITHUB_WORKSPACE") or Path.cwd())
    os.chdir(workspace)
    inputs, report = _run(environ)
    path = report_path(core.get_input("report"))
    cache = inputs.cache.as_posix() if inputs and inputs.cache else None
    unwritten = [
        failure
        for surface in (
            lambda: write_report(report, path, workspace),
            lambda: write_log(report),
            lambda: write_annotations(annotated(report, cache)),
            lambda: write_summary(summary(report), environ.get("GITHUB_STEP_SUMMARY")),
            lambda: write_outputs(report, path, environ.get("GITHUB_OUTPUT")),
        )
        if (failure := _failure(surface))
    ]
    for failure in unwritten:
        core.warning(failure, title="bisect-cache: something could not be written")
    sys.stdout.flush()
    code = exit_code(report, inputs.fail_on if inputs else frozenset())
    return code or (2 if unwritten else 0)


def _run(environ: Mapping[str, str]) -> tuple[Inputs | None, Report]:
    """The run's report; one that says what broke where it could not be made."""
    inputs = None
    try:
        inputs = read_inputs(core.get_input)
        return inputs, _check(inputs) if inputs.mode == "check" else _bisect(inputs)
    except BisectCacheError as error:
        return inputs, broken_bisect(error, BisectRequest())
    except Exception as error:
        if environ.get("RUNNER_DEBUG") == "1":
            traceback.print_exc()
        said = BisectCacheError(
            f"an error of bisect-cache itself ({type(error).__name__}: {error}). Please report it; a run with debug "
            f"logging shows the whole traceback"
        )
        return inputs, broken_bisect(said, BisectRequest())


def _check(inputs: Inputs) -> CheckReport:
    try:
        return run_check(inputs.cache, strict=inputs.strict)
    except BisectCacheError as error:
        return broken_check(error)


def _bisect(inputs: Inputs) -> Report:
    """The cache is checked first: a verdict on data that drifted says so."""
    request = BisectRequest(cache=inputs.cache, timeline=inputs.timeline, thresholds=inputs.thresholds)
    check = _check(inputs)
    try:
        return replace(run_bisect(request), check=check)
    except BisectCacheError as error:
        return replace(broken_bisect(error, request), check=check)


def _failure(surface: Callable[[], None]) -> str | None:
    """What kept a surface from being written; the others are written all the same."""
    try:
        surface()
    except (BisectCacheError, OSError) as error:
        return str(error)
    return None
