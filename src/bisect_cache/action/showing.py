"""Every surface of a run, each written on its own: what breaks one takes no other with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from actions_toolkit import core

from bisect_cache.action.annotations import annotated
from bisect_cache.action.inputs import DEFAULT_REPORT, EMBEDDED_ALONE, read_caches, read_report
from bisect_cache.action.run import Run, or_default
from bisect_cache.action.surfaces import (
    write_annotations,
    write_log,
    write_outputs,
    write_report,
    write_said,
    write_summary,
)
from bisect_cache.errors import as_said
from bisect_cache.printable import one_line
from bisect_cache.report.markdown import not_posted, summary
from bisect_cache.report.structs import Report

if TYPE_CHECKING:
    from bisect_cache.action.posting.post import Said

_READ_ONLY = (
    "the token of this run may not write, because the pull request comes from a fork or from Dependabot. The report is "
    "in the summary; to have it as a comment, upload it and post it from a second workflow (mode: publish): see "
    "docs/on-github.md"
)


def show(report: Report, run: Run, *, fails: bool) -> list[str]:
    """Write report, log, annotations, summary and outputs; what could not be written is told and returned."""
    path = or_default(read_report, Path(DEFAULT_REPORT))
    caches = or_default(read_caches, EMBEDDED_ALONE)
    no_report = _failure(lambda: write_report(report, path, run.workspace))
    others = (
        lambda: write_log(report),
        lambda: write_annotations(annotated(report, caches, fails=fails)),
        lambda: write_summary(summary(report, run.occasion), run.summary),
        # The next step must not take a file for this report that an earlier run has left there.
        lambda: write_outputs(report, None if no_report else path, run.outputs),
    )
    unwritten = [failure for failure in (no_report, *map(_failure, others)) if failure]
    for failure in unwritten:
        core.warning(failure, title="bisect-cache: something could not be written")
    return unwritten


def tell(said: Sequence[Said], run: Run) -> None:
    """Say in the log what became of comments and issues; where something is not posted, in the summary too."""
    _failure(lambda: write_said([one.text for one in said]))
    for one in said:
        if one.failed:
            _tell_not_posted(one, run)


def _tell_not_posted(one: Said, run: Run) -> None:
    expected = one.forbidden and run.event.read_only_token
    text = _READ_ONLY if expected else one.text
    (core.notice if expected else core.warning)(text, title="bisect-cache: not posted")
    _failure(lambda: write_summary(not_posted(text), run.summary))


def _failure(surface: Callable[[], None]) -> str | None:
    """What kept a surface from being written."""
    try:
        surface()
    except Exception as error:
        return one_line(str(as_said(error)))
    return None
