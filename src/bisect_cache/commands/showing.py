"""What commands share: progress while they work, and how a run ends. Only these know that there is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from bisect_cache.errors import as_said
from bisect_cache.files import CannotWrite, write_whole
from bisect_cache.printable import one_line

if TYPE_CHECKING:
    from rich.console import Console

    from bisect_cache.report.structs import Report
    from bisect_cache.runs.request import Looking

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
_WIDTH_WITHOUT_TERMINAL = 160


def say_error(error: Exception) -> None:
    """One line on standard error."""
    click.echo(f"error: {one_line(str(as_said(error)))}", err=True)


def console() -> Console:
    """Standard error, as wide as a terminal or as a page."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else _WIDTH_WITHOUT_TERMINAL)


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.progress import Progress

    with Progress(console=console(), transient=True) as bar:
        task = bar.add_task(what, total=None, visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)


@contextmanager
def looking() -> Iterator[Looking]:
    """Which model is being judged, on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _label, _before: None
        return
    from rich.markup import escape

    with console().status("starting") as status:
        yield lambda label, before: status.update(f"judging {escape(label)} ({before} looked at)")


@contextmanager
def reported(json_file: str | None, broken: Callable[[Exception], Report]) -> Iterator[None]:
    """A run that could not judge leaves a report that says so, never the one of an earlier run."""
    try:
        yield
    except Exception as error:
        if json_file:
            try:
                _write_report(broken(error), json_file)
            except CannotWrite as unwritten:
                say_error(unwritten)
        raise


def finish(report: Report, json_file: str | None) -> NoReturn:
    """Say the verdict, write the report, and exit with what it means."""
    from bisect_cache.report.structs import EXIT_CODES

    if json_file != "-":
        click.echo(f"{report.outcome}: {report.verdict}")
    if json_file:
        _write_report(report, json_file)
    sys.exit(EXIT_CODES[report.outcome])


def _write_report(report: Report, json_file: str) -> None:
    from bisect_cache.report.structs import encode_report

    if json_file == "-":
        try:
            sys.stdout.buffer.write(encode_report(report))
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise CannotWrite(f"the report cannot be written to standard output ({error.strerror})") from error
    else:
        write_whole(Path(json_file), encode_report(report))
