"""Proposed gates as a person sees them in a terminal: where they come from, on standard error."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bisect_cache.judge.suggesting import Suggested
from bisect_cache.printable import one_line, printable
from bisect_cache.report.chart import metric_name

_SHOWN = 60
_LONGEST = 4000


def show_proposal(gates: Sequence[Suggested], notes: Sequence[str], console: Console) -> None:
    """A row for each metric, then what a reader must know."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("metric", no_wrap=True)
    for name in ("worst", "best", "chance"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("gate", "or relative"):
        table.add_column(name, overflow="fold")
    for gate in gates:
        values = (f"{value:.4g}" for value in (gate.worst, gate.best, gate.chance))
        table.add_row(metric_name(gate.metric), *values, str(gate.absolute), str(gate.relative))
    console.print(table)
    for note in notes[:_SHOWN]:
        console.print(Text(f"note: {printable(one_line(note), _LONGEST)}", "yellow"))
    if len(notes) > _SHOWN:
        console.print(f"… and {len(notes) - _SHOWN} more notes")
