"""A report as a person sees it in a terminal: a table on standard error, the verdict on standard output."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bisect_cache.judge.thresholds import METRIC_NAMES
from bisect_cache.printable import one_line, printable
from bisect_cache.report.chart import understood
from bisect_cache.report.kept import Gap, kept
from bisect_cache.report.structs import BisectReport, CheckReport, Explanation, Step

_COLOURS = {
    "good": "green",
    "bad": "bold red",
    "untestable": "yellow",
    "uncertain": "yellow",
    "error": "bold red",
    "warning": "yellow",
    "notice": "cyan",
}
_ROWS_SHOWN = 60
_LONGEST_TEXT = 4000
_WIDE = 100
_NARROW = 70


def show_bisect(report: BisectReport, console: Console) -> None:
    """The steps in the order of the timeline, then provenance and notes."""
    if report.cache and report.timeline:
        contents = f", {report.cache.contents} contents" if report.cache.contents else ""
        console.print(
            Text(
                f"cache     {report.cache.path} ({report.cache.provenance}, {report.cache.rows} rows{contents})\n"
                f"timeline  {report.timeline.source} ({report.timeline.length} models)\n"
                f"gate      {_cut(' and '.join(report.thresholds[:_ROWS_SHOWN]))}"
            )
        )
    if report.steps:
        console.print(_steps(report, console.width))
        if len(report.steps) > _ROWS_SHOWN:
            left_out = len(report.steps) - _ROWS_SHOWN
            console.print(f"{left_out} models are left out here (all are in the report: --json FILE)")
    if report.explanation:
        _show_explanation(report.explanation, console)
    _notes(report.notes, console)
    if report.cache and report.cache.provenance == "synthetic":
        console.print(Text("synthetic data: this shows that the wiring works, not that a model is healthy", "dim"))


def show_check(report: CheckReport, console: Console) -> None:
    """The findings, worst first."""
    if not report.findings:
        return
    table = Table("file", "kind", "severity", "what", box=None, pad_edge=False, header_style="bold")
    order = ["error", "warning", "notice"]
    for finding in sorted(report.findings, key=lambda finding: order.index(finding.severity))[:_ROWS_SHOWN]:
        severity = Text(finding.severity, _COLOURS[finding.severity])
        table.add_row(Text(one_line(finding.file)), finding.kind, severity, Text(_cut(finding.detail)))
    console.print(table)
    if len(report.findings) > _ROWS_SHOWN:
        console.print(f"… and {len(report.findings) - _ROWS_SHOWN} more findings (all are in the report: --json FILE)")


def _steps(report: BisectReport, width: int) -> Table:
    """The steps; where there is no room, fewer digits and only the metrics that thresholds ask for."""
    decimals = 6 if width >= _WIDE else 4
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("#", justify="right")
    table.add_column("model", overflow="fold", min_width=12)
    table.add_column("verdict", no_wrap=True)
    asked = dict.fromkeys(threshold.metric for threshold in understood(report.thresholds))
    metrics = METRIC_NAMES if width >= _NARROW else tuple(asked)
    for metric in metrics:
        table.add_column(metric.upper().replace("_", "\n"), justify="right", no_wrap=True)
    table.add_column("why", overflow="fold", min_width=8)
    for step in kept(report, _ROWS_SHOWN):
        if isinstance(step, Gap):
            table.add_row("…", Text(f"{step.said} left out", "dim"))
            continue
        first = report.first_bad is not None and step.index == report.first_bad.index
        table.add_row(
            str(step.index),
            Text(one_line(step.label), "bold" if first else ""),
            Text(step.verdict, _COLOURS[step.verdict]),
            *(f"{step.metrics[metric]:.{decimals}f}" if metric in step.metrics else "" for metric in metrics),
            Text(_cut(_why(step))),
        )
    return table


def _why(step: Step) -> str:
    return "; ".join([*([step.reason] if step.reason else []), *step.notes[:_ROWS_SHOWN]])


def _show_explanation(explanation: Explanation, console: Console) -> None:
    """What differs between the two models' files, then the contents and the rows that moved most."""
    console.print("from the last good model to the first bad one:", style="bold")
    for finding in explanation.findings:
        console.print(Text(f"{finding.kind}: {_cut(finding.detail)}"))
    if explanation.contents:
        table = _numbers("content", "rows", "mean error before", "after", "change")
        for content in explanation.contents:
            errors = f"{content.error_before:.4g}", f"{content.error_after:.4g}", f"{content.change:+.4g}"
            table.add_row(Text(_cut(content.content)), str(content.rows), *errors)
        console.print(table)
    if explanation.rows:
        table = _numbers("content", "row", "target", "before", "after", "move")
        for row in explanation.rows:
            values = f"{row.target:.4g}", f"{row.before:.4g}", f"{row.after:.4g}", f"{row.move:+.4g}"
            table.add_row(Text(_cut(row.content or "")), str(row.row), *values)
        console.print(table)
    _notes(explanation.notes, console)


def _numbers(name: str, *numbers: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(name, overflow="fold", min_width=8)
    for number in numbers:
        table.add_column(number, justify="right")
    return table


def _notes(notes: Sequence[str], console: Console) -> None:
    for note in notes[:_ROWS_SHOWN]:
        console.print(Text(f"note: {_cut(note)}", "yellow"))
    if len(notes) > _ROWS_SHOWN:
        console.print(f"… and {len(notes) - _ROWS_SHOWN} more notes (all are in the report: --json FILE)")


def _cut(text: str) -> str:
    return printable(one_line(text), _LONGEST_TEXT)
