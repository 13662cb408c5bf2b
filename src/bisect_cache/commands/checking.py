"""``check``: is the data still what it was?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bisect_cache.commands.showing import CONTEXT, console, finish, progress, reported
from bisect_cache.measuring_options import remeasuring_of, remeasuring_options


@click.command(context_settings=CONTEXT, short_help="Find out whether a cache still regenerates.")
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--strict", is_flag=True, help="Fail on writer drift too: same content, other bytes.")
@click.option(
    "--source",
    type=click.Path(path_type=Path),
    help="Where the table, or the folder with reports and labels, lies now.",
)
@remeasuring_options
@click.option("--json", "json_file", metavar="FILE", help="Write the report there; - is standard output.")
def check(folder: Path | None, strict: bool, source: Path | None, json_file: str | None, **measuring: Any) -> None:
    """Regenerate the cache in DIR from its recipe and say what differs.

    Writer drift (other bytes, same content) is a notice; everything else is drift and ends with exit code 1.

    With --extract N, N pairs of videos of a cache that was made with `extract` are measured again, and their features
    compared with those of the cache. What differs is feature drift: no model got worse by it.
    """
    from bisect_cache.report.terminal import show_check
    from bisect_cache.runs.request import CheckRequest
    from bisect_cache.runs.run import broken_check, run_check

    request = CheckRequest(folder, strict, source, remeasuring_of(measuring))
    with reported(json_file, lambda error: broken_check(error, request)), progress("reading reports") as tell:
        report = run_check(request, tell)
    show_check(report, console())
    finish(report, json_file)
