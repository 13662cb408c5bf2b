"""The surfaces of a run: report file, log, annotations, step summary, outputs."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from actions_toolkit import core

from bisect_cache.action.annotations import Annotation
from bisect_cache.files import append_whole, write_whole
from bisect_cache.printable import one_line, printable
from bisect_cache.report.escaping import LONGEST_VERDICT
from bisect_cache.report.sections import check_of, leading, sections_of
from bisect_cache.report.structs import BisectReport, CacheReport, Report, RunReport, encode_report
from bisect_cache.report.terminal import show_bisect, show_check

if TYPE_CHECKING:
    from rich.console import Console

_LOG_WIDTH = 160
_WORST_DRIFT_FIRST = ("drift", "wiring-broke", "writer-drift", "clean")


def write_report(report: Report, path: Path, workspace: Path) -> None:
    """Write the report and hand it to the workspace's owner: what root made, the next step could not touch.

    Raises ``CannotWrite``.
    """
    owner = workspace.stat() if os.geteuid() == 0 else None
    to = (owner.st_uid, owner.st_gid) if owner else None
    write_whole(path, encode_report(report), follow_links=False, owner=to)


def write_log(report: Report) -> None:
    """Show the report in the job's log; nothing in it can be taken for a command to the runner."""
    from rich.console import Console
    from rich.text import Text

    with no_commands():
        console = Console(file=sys.stdout, width=_LOG_WIDTH, highlight=False)
        for section in sections_of(report):
            if isinstance(report, RunReport):
                console.rule(Text(section.name))
            _show(section.report, console)
        console.print(Text(f"{report.outcome}: {printable(report.verdict, LONGEST_VERDICT)}"))


def write_said(lines: Sequence[str]) -> None:
    """Show in the job's log what became of comments and issues."""
    if lines:
        with no_commands():
            print(*lines, sep="\n")  # noqa: T201 - the job's log


def _show(report: CacheReport, console: Console) -> None:
    if isinstance(report, BisectReport):
        show_bisect(report, console)
        if report.check:
            show_check(report.check, console)
            console.print(printable(report.check.verdict, LONGEST_VERDICT), markup=False)
    else:
        show_check(report, console)


@contextmanager
def no_commands() -> Iterator[None]:
    """The runner takes no commands meanwhile, until a word that nobody can know."""
    token = secrets.token_hex(16)
    print(f"::stop-commands::{token}")  # noqa: T201 - the runner reads its commands from standard output
    try:
        yield
    finally:
        print(f"::{token}::", flush=True)  # noqa: T201


def write_annotations(annotations: Sequence[Annotation]) -> None:
    """Hand the annotations to the runner."""
    levels = {"error": core.error, "warning": core.warning, "notice": core.notice}
    for annotation in annotations:
        levels[annotation.level](annotation.message, title=annotation.title, file=annotation.file)


def write_summary(markdown: str, path: str | None) -> None:
    """Append to the step summary, where there is one."""
    if path:
        append_whole(Path(path), markdown.encode())


def write_outputs(report: Report, path: Path | None, file: str | None) -> None:
    """Set the step's outputs, where there is a place for them: all or, where that has no space, none.

    ``path`` is that of the report, None where it could not be written.
    """
    if not file:
        return
    told = leading(sections_of(report)).report
    first_bad = told.first_bad if isinstance(told, BisectReport) else None
    last_good = told.last_good if isinstance(told, BisectReport) else None
    outputs = {
        "outcome": report.outcome,
        "first-bad-model": first_bad.label if first_bad else "",
        "first-bad-index": str(first_bad.index) if first_bad else "",
        "last-good-model": last_good.label if last_good else "",
        "drift": _drift(report),
        "report": one_line(path.as_posix()) if path else "",
    }
    append_whole(Path(file), "".join(_as_output(name, value) for name, value in outputs.items()).encode())


def _as_output(name: str, value: str) -> str:
    """One output as the runner reads it, ended by a word that no value can know."""
    end = f"ghadelimiter_{secrets.token_hex(16)}"
    return f"{name}<<{end}\n{value}\n{end}\n"


def _drift(report: Report) -> str:
    """The worst that was found about a cache."""
    found = [check.outcome for section in sections_of(report) if (check := check_of(section.report))]
    return min(found, key=_WORST_DRIFT_FIRST.index, default="")
