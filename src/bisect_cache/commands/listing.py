"""``timeline`` and ``report``: shown, and nothing judged."""

from __future__ import annotations

from pathlib import Path

import click

from bisect_cache.commands.showing import CONTEXT
from bisect_cache.printable import one_line


@click.command(context_settings=CONTEXT, short_help="List the models of a timeline in order.")
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True)
@click.option("--compare", is_flag=True, help="Show where the orders of two SPECs disagree.")
def timeline(specs: tuple[str, ...], compare: bool) -> None:
    """List the models of a timeline, oldest first, with where each comes from. Judges nothing.

    \b
    files:GLOB                      files in natural order, model_9 before model_10; a bare path or glob too
    registry:FILE[?FIELD=GLOB&...]  a JSON or YAML file that lists models in its own order
    git-log:PATH[@RANGE][?full]     every version of a file in the history of a repository
    tags:PATH[@PATTERN]             the file as each tag has it, in the order of the versions
    """
    from bisect_cache.timeline.spec import open_timeline, spread

    if compare:
        _compare(specs)
        return
    for one in spread(specs):
        opened = open_timeline(one)
        if one != specs:
            click.echo(one_line(opened.source))
        width = max((len(checkpoint.label) for checkpoint in opened.checkpoints), default=0)
        for index, checkpoint in enumerate(opened.checkpoints):
            origin = "  ".join(f"{name}={value}" for name, value in checkpoint.origin.items())
            click.echo(f"{index:>5}  {checkpoint.label:<{width}}  {origin}".rstrip())
        for note in opened.notes:
            click.echo(f"note: {one_line(note)}", err=True)


def _compare(specs: tuple[str, ...]) -> None:
    """Two orders side by side: what both have stands in one line, as far as the orders agree."""
    from bisect_cache.timeline.compare import compared, sentence
    from bisect_cache.timeline.spec import open_timeline

    if len(specs) != 2:
        raise click.UsageError("--compare takes two SPECs")
    lines = compared(*(open_timeline([spec]) for spec in specs))
    left = max((len(line.left) for line in lines), default=0)
    for line in lines:
        click.echo(f"{line.sign} {line.left:<{left}}  {line.right}".rstrip())
    click.echo(sentence(lines, *specs), err=True)


@click.command(short_help="Show a report as GitHub's surfaces show it.")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--as",
    "surface",
    type=click.Choice(["comment", "summary"]),
    default="summary",
    show_default=True,
    help="The pull request's comment, or the step summary.",
)
@click.option("--key", metavar="TEXT", default="default", help="The comment's key, as the action's input names it.")
def report(file: Path, surface: str, key: str) -> None:
    """Print the report in FILE (of --json, or of the action) as Markdown for GitHub."""
    from bisect_cache.files import read_file
    from bisect_cache.report.markdown import comment, summary
    from bisect_cache.report.structs import LARGEST_REPORT, decode_report

    made = decode_report(read_file(file, largest=LARGEST_REPORT), one_line(str(file)))
    click.echo(comment(made, key=key) if surface == "comment" else summary(made), nl=False)
