"""``mode: publish``: a run with a token posts what a run without one has left.

On ``workflow_run`` it posts the report of the run that set it off, on the pull request that this run was about; in a
job of the same workflow, the report at the path it is given.
"""

from __future__ import annotations

import os
from dataclasses import replace

from actions_toolkit import core

from bisect_cache.action.inputs import (
    DEFAULT_FAIL_ON,
    BadInput,
    Posting,
    as_far_as_good,
    read_fail_on,
    read_mode,
    read_posting,
    read_report,
)
from bisect_cache.action.judging import broken
from bisect_cache.action.posting.api import Api, CannotPost
from bisect_cache.action.posting.post import NEEDS_COMMENT, Said, in_time, post_comments
from bisect_cache.action.posting.publishing import READS_RUNS, Triggering, report_of, triggering_run
from bisect_cache.action.run import Run, or_default
from bisect_cache.action.showing import show, tell
from bisect_cache.files import read_file
from bisect_cache.report.structs import LARGEST_REPORT, Report, decode_report

_JUDGED_NOTHING = frozenset({"action_required", "cancelled", "skipped"})


def publish(run: Run) -> int:
    """Post; the exit code is returned: 2 where there was nothing that could be posted, and there should have been.

    What the report says has failed the run that made it, and does not fail this one.
    """
    wanted = as_far_as_good(core.get_input)
    try:
        os.chdir(run.workspace)
        read_mode(core.get_input)
        if wanted is None or not wanted.token:
            read_posting(core.get_input)  # says what is wrong with them
            raise BadInput("input 'github-token' is empty; leave it out to use the job's own")
        api = Api(run.place, wanted.token)
        triggering = _triggering(api, run)
    except CannotPost as refused:
        tell([Said(str(refused), failed=True, forbidden=refused.forbidden)], run)
        return 0
    except Exception as error:
        show(broken(error, "bisect"), run, fails=True)
        return _code(2)
    if triggering and (why := _nothing_to_post(triggering)):
        tell([Said(f"nothing is posted: {why}")], run)
        return 0
    return _publish(run, wanted, api, triggering)


def _publish(run: Run, wanted: Posting, api: Api, triggering: Triggering | None) -> int:
    """Whatever the report is, or is not, the comment says so: an older verdict must not stay."""
    if triggering:
        occasion = replace(run.occasion, run=triggering.run, commit=triggering.head, from_fork=triggering.from_fork)
        run = replace(run, occasion=occasion)
    numbers = triggering.pull_requests if triggering else (run.event.pull_request or 0,)
    code = 0
    try:
        read_posting(core.get_input)  # what is wrong with these is said
        report = _report(api, triggering)
    except Exception as error:
        report = broken(error, "bisect")
        code = 0 if isinstance(error, CannotPost) and error.forbidden else _code(2)
    # A run that went well and left no report has judged nothing: what an older one said must go, but no more.
    judged_nothing = triggering is not None and triggering.conclusion == "success" and report.outcome == "wiring-broke"
    show(report, run, fails=code != 0)
    needs = f"{READS_RUNS}\n  {NEEDS_COMMENT}" if triggering else NEEDS_COMMENT
    comments = post_comments(api, report, wanted, run.occasion, numbers, only_known=judged_nothing, needs=needs)
    tell(in_time(lambda: comments), run)
    return code


def _triggering(api: Api, run: Run) -> Triggering | None:
    if run.event.triggering_run is not None:
        return triggering_run(api, run.event.triggering_run)
    if run.event.pull_request is not None:
        return None
    raise BadInput(
        "input 'mode' is 'publish', but this run is about no pull request; use it in a workflow that runs on "
        "`workflow_run`: see docs/on-github.md"
    )


def _nothing_to_post(triggering: Triggering) -> str | None:
    if not triggering.event.startswith("pull_request"):
        return f"run {triggering.run} was about no pull request"
    if triggering.conclusion in _JUDGED_NOTHING:
        return f"run {triggering.run} was {triggering.conclusion}"
    if triggering.pull_requests:
        return None
    if triggering.moved_on:
        return f"pull request #{triggering.moved_on[0]} has a newer commit, whose own run will speak"
    return f"no open pull request has commit {triggering.head[:9]} as its head"


def _report(api: Api, triggering: Triggering | None) -> Report:
    """The report of the artifact; the one at the path where no artifact is named, or no other run is there to have one.

    Raises what these raise.
    """
    path, artifact = read_report(core.get_input), core.get_input("artifact").strip()
    if triggering is None or not artifact:
        return decode_report(read_file(path, largest=LARGEST_REPORT), path.as_posix())
    return report_of(api, triggering.run, artifact, path.name)


def _code(code: int) -> int:
    return 0 if "never" in or_default(read_fail_on, DEFAULT_FAIL_ON) else code
