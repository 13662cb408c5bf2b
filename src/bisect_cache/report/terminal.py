"""A report as a person sees it in a terminal: a table on standard error, the verdict on standard output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bisect_cache.judge.thresholds import METRIC_NAMES
from bisect_cache.printable import one_line, printable
from bisect_cache.report.chart import metric_name
from bisect_cache.report.contents import contents_of, rule
from bisect_cache.report.figures import brief, change, ends, fixed
from bisect_cache.report.kept import Gap, kept
from bisect_cache.report.limits import asked_for
from bisect_cache.report.measured import detectable_words, intervals_words, metrics_of, target_words
from bisect_cache.report.structs import BisectReport, CacheFacts, CheckReport, Explanation, Step, TimelineFacts
from bisect_cache.report.turns import turns_of

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
_LONGEST_TEXT, _LONGEST_CELL = 4000, 600
"""Characters of a line, and of what stands in a table: the report has all of it."""
_WIDE = 100
"""Columns from which there is room for intervals, and for more digits."""
_NARROW = 60
"""Columns below which a change alone is shown, without what it is from and to."""
_BETWEEN = 2
_SHORTEST_MODEL = 12
_VERDICT = len("untestable")
_READABLE = 36
"""Columns in which a reason can be read; where there are fewer, reasons stand below the table."""


def show_bisect(report: BisectReport, console: Console) -> None:
    """The steps in the order of the timeline, then where they turn, contents, what can be told, and notes."""
    if report.cache and report.timeline:
        console.print(Text("\n".join(_about(report, report.cache, report.timeline))))
    if report.steps:
        _show_steps(report, console)
    _show_turns(report, console)
    if report.explanation:
        _show_explanation(report.explanation, console)
    _show_contents(report, console)
    for line in (detectable_words(report), intervals_words(report.sampling) if report.sampling else ""):
        if line:
            console.print(Text(line))
    _notes(report.notes, console)
    if report.cache and report.cache.provenance == "synthetic":
        console.print(Text("synthetic data: this shows that the wiring works, not that a model is healthy", "dim"))


def _about(report: BisectReport, cache: CacheFacts, timeline: TimelineFacts) -> Iterator[str]:
    contents = f", {cache.contents} contents" if cache.contents else ""
    yield f"cache     {_cut(cache.path)} ({cache.provenance}, {cache.rows} rows{contents})"
    if cache.target:
        yield f"target    {_name(cache.target.name)}, {target_words(cache)}"
    yield f"timeline  {_cut(timeline.source)} ({timeline.length} models)"
    yield f"gate      {_cut(' and '.join(report.thresholds[:_ROWS_SHOWN]))}"
    if report.baseline:
        metrics = report.baseline.metrics
        values = [f", {metric_name(name)} {brief(metrics[name])}" for name in asked_for(report) if name in metrics]
        yield f"baseline  {_name(report.baseline.label)}{''.join(values)}"


def show_check(report: CheckReport, console: Console) -> None:
    """The findings, worst first."""
    if report.findings:
        _show_findings(report, console)
    detectable = detectable_words(report)
    if detectable:
        console.print(Text(detectable))


def _show_findings(report: CheckReport, console: Console) -> None:
    table = Table("file", "kind", "severity", "what", box=None, pad_edge=False, header_style="bold")
    order = ["error", "warning", "notice"]
    for finding in sorted(report.findings, key=lambda finding: order.index(finding.severity))[:_ROWS_SHOWN]:
        severity = Text(finding.severity, _COLOURS[finding.severity])
        table.add_row(Text(_name(finding.file)), finding.kind, severity, Text(_cell(finding.detail)))
    console.print(table)
    if len(report.findings) > _ROWS_SHOWN:
        console.print(f"… and {len(report.findings) - _ROWS_SHOWN} more findings (all are in the report: --json FILE)")


@dataclass(frozen=True)
class _Layout:
    """What of the steps has a column."""

    metrics: tuple[str, ...]
    intervals: frozenset[str]
    """Metrics whose interval stands beside the value."""
    decimals: int
    why: bool
    """Whether reasons stand in the table; else below it."""


def _show_steps(report: BisectReport, console: Console) -> None:
    entries = kept(report, _ROWS_SHOWN)
    steps = [entry for entry in entries if isinstance(entry, Step)]
    layout = _layout(steps, asked_for(report), console.width)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("model", overflow="fold", min_width=_SHORTEST_MODEL)
    table.add_column("verdict", no_wrap=True)
    for metric in layout.metrics:
        table.add_column(_heading(metric), justify="right", no_wrap=True)
    if layout.why:
        table.add_column("why", overflow="fold")
    for entry in entries:
        if isinstance(entry, Gap):
            table.add_row("…", Text(f"{entry.said} left out", "dim"))
            continue
        first = report.first_bad is not None and entry.index == report.first_bad.index
        table.add_row(
            str(entry.index),
            Text(_name(entry.label), "bold" if first else ""),
            Text(entry.verdict, _COLOURS[entry.verdict]),
            *(_measured(entry, metric, layout) for metric in layout.metrics),
            *([Text(_cell(_why(entry)))] if layout.why else []),
        )
    console.print(table)
    if not layout.why:
        told = [(str(step.index), f"{_name(step.label)}: {_cell(_why(step))}") for step in steps if _why(step)]
        _show_list(told, console)
    if len(report.steps) > _ROWS_SHOWN:
        left_out = len(report.steps) - _ROWS_SHOWN
        console.print(f"{left_out} models are left out here (all are in the report: --json FILE)")


def _layout(steps: Sequence[Step], asked: tuple[str, ...], width: int) -> _Layout:
    """As much as there is room for: intervals first, then reasons beside their models, then every metric."""
    reasons = max((len(_why(step)) for step in steps), default=0)
    labels = max((len(_name(step.label)) for step in steps), default=0)
    numbers = max((len(str(step.index)) for step in steps), default=1)
    taken = numbers + max(_SHORTEST_MODEL, min(labels, width // 3)) + _VERDICT + 2 * _BETWEEN
    few, decimals = asked or METRIC_NAMES[:1], 6 if width >= _WIDE else 4
    every = metrics_of(steps)
    some = [few[:count] for count in range(len(few) - 1, 0, -1)]
    for intervals in [frozenset(few), frozenset[str]()] if width >= _WIDE else [frozenset[str]()]:
        for why in [True, False] if reasons else [False]:
            room = width - taken - (_BETWEEN + min(_READABLE, reasons) if why else 0)
            for metrics in (every, few) if why or intervals else (every, few, *some):
                layout = _Layout(metrics, intervals, decimals, why)
                if _columns(steps, layout) <= room:
                    return layout
    return _Layout(few[:1], frozenset(), 4, why=False)


def _columns(steps: Sequence[Step], layout: _Layout) -> int:
    """How wide the columns of metrics are."""
    return sum(
        _BETWEEN
        + max([*map(len, _heading(metric).split("\n")), *(len(_measured(step, metric, layout)) for step in steps)])
        for metric in layout.metrics
    )


def _measured(step: Step, metric: str, layout: _Layout) -> Text:
    if metric not in step.metrics:
        return Text("")
    told = Text(fixed(step.metrics[metric], layout.decimals))
    if metric in layout.intervals and metric in step.intervals:
        told.append(f"  {ends(step.intervals[metric])}", "dim")
    return told


def _heading(metric: str) -> str:
    return metric.upper().replace("_", "\n")


def _why(step: Step) -> str:
    return "; ".join([*([step.reason] if step.reason else []), *step.notes[:_ROWS_SHOWN]])


def _show_turns(report: BisectReport, console: Console) -> None:
    """Where models turn bad and good again, where there is more than one such place."""
    turns = turns_of(report)
    if turns is None:
        return
    console.print("where models turn:", style="bold")
    told: list[tuple[str, str]] = []
    for turn in turns.shown:
        values = [
            f", {metric_name(metric)} {' -> '.join(_with_interval(step, metric) for step in turn.steps if step)}"
            for metric in turns.metrics
            if all(step and metric in step.metrics for step in turn.steps)
        ]
        first = " (the first)" if turn.first else ""
        between = f"; {turn.between} between them undecided" if turn.between else ""
        told.append(
            (f"{turn.kind}{first}", _cut(f"{_name(turn.before)} -> {_name(turn.after)}{''.join(values)}{between}"))
        )
    _show_list(told, console)
    if turns.left_out:
        console.print(f"… and {turns.left_out} more turns (all are in the report: --json FILE)")


def _with_interval(step: Step, metric: str) -> str:
    interval = f" ({ends(step.intervals[metric])})" if metric in step.intervals else ""
    return f"{brief(step.metrics[metric])}{interval}"


def _show_contents(report: BisectReport, console: Console) -> None:
    """Which contents got worse from one model to another."""
    shown = contents_of(report)
    for group in shown:
        console.print(Text(f"{group.told} from {_name(group.before)} to {_name(group.after)}", "bold"))
        if group.worse:
            around = ["before", "after"] if console.width >= _NARROW else []
            table = _numbers("content", "rows", "metric", *around, "change", "p")
            for one in group.worse:
                between = Text(change(one.before, one.after))
                if one.interval and console.width >= _WIDE:
                    between.append(f"  {ends(one.interval, '+')}", "dim")
                values = [brief(one.before), brief(one.after)][: len(around)]
                name, metric = Text(_name(one.content)), Text(_name(metric_name(one.metric)))
                table.add_row(name, str(one.rows), metric, *values, between, f"{one.adjusted:.2g}")
            console.print(table)
        if group.more:
            console.print(f"… and {group.more} more lines (all are in the report: --json FILE)")
        if group.others:
            console.print(Text(group.others))
        if group.worse:
            console.print(Text(rule(group.comparisons, report), "dim"))
    if len(report.groups) > len(shown):
        more = len(report.groups) - len(shown)
        console.print(f"… and {more} more comparisons by content (all are in the report: --json FILE)")


def _show_explanation(explanation: Explanation, console: Console) -> None:
    """What differs between the two models' files, then the contents and the rows that moved most."""
    console.print("from the last good model to the first bad one:", style="bold")
    for finding in explanation.findings:
        console.print(Text(f"{finding.kind}: {_cell(finding.detail)}"))
    if explanation.contents:
        table = _numbers("content", "rows", "mean error before", "after", "change")
        for content in explanation.contents:
            errors = f"{content.error_before:.4g}", f"{content.error_after:.4g}", f"{content.change:+.4g}"
            table.add_row(Text(_name(content.content)), str(content.rows), *errors)
        console.print(table)
    if explanation.rows:
        table = _numbers("content", "row", "target", "before", "after", "move")
        for row in explanation.rows:
            values = f"{row.target:.4g}", f"{row.before:.4g}", f"{row.after:.4g}", f"{row.move:+.4g}"
            table.add_row(Text(_name(row.content or "")), str(row.row), *values)
        console.print(table)
    _notes(explanation.notes, console)


def _show_list(lines: Sequence[tuple[str, str]], console: Console) -> None:
    """A word and what is said of it, whose lines stand below each other."""
    if lines:
        grid = Table.grid(padding=(0, _BETWEEN, 0, 0))
        grid.add_column(justify="right", no_wrap=True)
        grid.add_column(overflow="fold")
        for word, said in lines:
            grid.add_row(word, Text(said))
        console.print(grid)


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


def _name(text: str) -> str:
    return printable(one_line(text))


def _cell(text: str) -> str:
    return printable(one_line(text), _LONGEST_CELL)
