"""One run of the action: inputs, the run, then every surface, whatever happened."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from actions_toolkit import core

from bisect_cache.action.deadline import within
from bisect_cache.action.failing import exit_code
from bisect_cache.action.inputs import (
    DEFAULT_FAIL_ON,
    Posting,
    as_far_as_good,
    read_fail_on,
    read_inputs,
    read_mode,
    read_posting,
)
from bisect_cache.action.judging import broken, judge_caches
from bisect_cache.action.run import Run, or_default, read_run
from bisect_cache.action.showing import show, tell
from bisect_cache.errors import BisectCacheError
from bisect_cache.report.sections import sections_of
from bisect_cache.report.structs import BisectReport, CacheReport, CheckpointFacts, Report

if TYPE_CHECKING:
    from bisect_cache.action.posting.post import Said


_LONGEST_LOOK = 30.0
"""Seconds that looking for pull requests may take: the verdict can do without."""


class Crashed(BisectCacheError):
    """The run was brought down: by what."""


def main(environ: Mapping[str, str] = os.environ) -> int:
    """Run the action in the workspace that ``environ`` names; the exit code is returned."""
    run = read_run(environ)
    if or_default(read_mode, "bisect") == "publish":
        from bisect_cache.action.publish import publish

        code = publish(run)
    else:
        code = _judge(run)
    sys.stdout.flush()
    return code


def crashed(by: str, environ: Mapping[str, str] = os.environ) -> int:
    """Say on every surface that the run was brought down; the exit code is returned."""
    error = Crashed(
        f"the process that judges was ended by {by}, which a damaged file or too little memory can bring about; the "
        f"job's log shows how far it came"
    )
    run = read_run(environ)
    with contextlib.suppress(OSError):
        os.chdir(run.workspace)
    code = _finish(broken(error, or_default(read_mode, "bisect")), run)
    sys.stdout.flush()
    return code


def _judge(run: Run) -> int:
    return _finish(_with_pull_requests(_report(run), run), run)


def _with_pull_requests(report: Report, run: Run) -> Report:
    """The report with what the API knows of the commits that it names; as it is where that is not to be had."""
    named = [facts for section in sections_of(report) for facts in _named(section.report)]
    wanted = as_far_as_good(core.get_input)
    if wanted is None or not wanted.token or not run.place.repository:
        return report
    if not any("commit" in facts.origin and "pull" not in facts.origin for facts in named):
        return report  # and PyGithub is not imported
    from bisect_cache.action.posting.api import Api
    from bisect_cache.action.posting.pulls import with_pull_requests

    return within(lambda: with_pull_requests(Api(run.place, wanted.token), report), _LONGEST_LOOK, report)


def _named(report: CacheReport) -> list[CheckpointFacts]:
    return (
        [facts for facts in (report.first_bad, report.last_good) if facts] if isinstance(report, BisectReport) else []
    )


def _finish(report: Report, run: Run) -> int:
    """Show the report on every surface; the exit code."""
    fail_on = or_default(read_fail_on, DEFAULT_FAIL_ON)
    code = exit_code(report, fail_on)
    unwritten = show(report, run, fails=code != 0)
    _speak(report, run)
    return code or (2 if unwritten and "never" not in fail_on else 0)


def _report(run: Run) -> Report:
    """The run's report; one that says what broke where it could not be made."""
    try:
        os.chdir(run.workspace)
        inputs = read_inputs(core.get_input)
        read_posting(core.get_input)  # what is wrong with these is said before anything is judged
        return judge_caches(inputs, base=run.event.base, debug=run.debug)
    except Exception as error:
        return broken(error, or_default(read_mode, "bisect"))


def _speak(report: Report, run: Run) -> None:
    """Everything that is said in the repository; none of it fails the job."""
    wanted = as_far_as_good(core.get_input)
    if wanted is None or not run.place.repository:
        return
    on_pull_request = run.event.pull_request is not None
    silent = wanted.comment == "never" if on_pull_request else wanted.tracking is None and not wanted.regressions
    if not silent:
        from bisect_cache.action.posting.post import in_time

        tell(in_time(lambda: _said(report, wanted, run)), run)


def _said(report: Report, wanted: Posting, run: Run) -> Iterator[Said]:
    from bisect_cache.action.posting.api import Api
    from bisect_cache.action.posting.post import NO_TOKEN, post_comments, post_issues

    if not wanted.token:
        yield NO_TOKEN
        return
    api = Api(run.place, wanted.token)
    if run.event.pull_request is not None:
        yield from post_comments(api, report, wanted, run.occasion, (run.event.pull_request,))
    else:
        yield from post_issues(api, report, wanted, run.occasion, run.at)
