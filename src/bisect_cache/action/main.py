"""One run of the action: inputs, the run, then every surface, whatever happened."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from actions_toolkit import core
from msgspec.structs import replace

from bisect_cache.action.annotations import annotated
from bisect_cache.action.failing import exit_code
from bisect_cache.action.inputs import (
    DEFAULT_FAIL_ON,
    DEFAULT_REPORT,
    BadInput,
    Inputs,
    read_fail_on,
    read_inputs,
    read_mode,
    read_report,
)
from bisect_cache.action.surfaces import write_annotations, write_log, write_outputs, write_report, write_summary
from bisect_cache.errors import BisectCacheError, as_said
from bisect_cache.printable import one_line
from bisect_cache.report.markdown import summary
from bisect_cache.report.structs import CheckReport, Report
from bisect_cache.request import BisectRequest, CheckRequest
from bisect_cache.runs import broken_bisect, broken_check, run_bisect, run_check

T = TypeVar("T")


def main(environ: Mapping[str, str] = os.environ) -> int:
    """Run the action in the workspace that ``environ`` names; the exit code is returned."""
    workspace = Path(environ.get("GITHUB_WORKSPACE") or Path.cwd())
    report = _report(workspace, debug=environ.get("RUNNER_DEBUG") == "1")
    path = _read(read_report, Path(DEFAULT_REPORT))
    cache = core.get_input("cache") or None
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
    fail_on = _read(read_fail_on, DEFAULT_FAIL_ON)
    return exit_code(report, fail_on) or (2 if unwritten and "never" not in fail_on else 0)


def _read(reader: Callable[[Callable[[str], str]], T], default: T) -> T:
    """One input, for when others may be bad; its default where it is bad itself, which the report says then."""
    try:
        return reader(core.get_input)
    except BadInput:
        return default


def _report(workspace: Path, *, debug: bool) -> Report:
    """The run's report; one that says what broke where it could not be made."""
    inputs = None
    try:
        os.chdir(workspace)
        inputs = read_inputs(core.get_input)
        return _check(inputs) if inputs.mode == "check" else _bisect(inputs)
    except Exception as error:
        if debug and not isinstance(error, BisectCacheError):
            traceback.print_exc()
        if _read(read_mode, "bisect") == "check":
            return broken_check(error, inputs.check if inputs else CheckRequest())
        return broken_bisect(error, inputs.bisect if inputs else BisectRequest())


def _check(inputs: Inputs) -> CheckReport:
    try:
        return run_check(inputs.check)
    except BisectCacheError as error:
        return broken_check(error, inputs.check)


def _bisect(inputs: Inputs) -> Report:
    """The cache is checked first: a verdict on data that drifted says so."""
    check = _check(inputs)
    try:
        return replace(run_bisect(inputs.bisect), check=check)
    except BisectCacheError as error:
        return replace(broken_bisect(error, inputs.bisect), check=check)


def _failure(surface: Callable[[], None]) -> str | None:
    """What kept a surface from being written; the others are written all the same."""
    try:
        surface()
    except Exception as error:
        return one_line(str(as_said(error)))
    return None
