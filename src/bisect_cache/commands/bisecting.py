"""``bisect`` and ``thresholds``: models are judged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from bisect_cache.commands.showing import CONTEXT, console, finish, looking, reported
from bisect_cache.judging_options import judging_options, request_of, search_options


@click.command(context_settings=CONTEXT)
@click.argument("paths", metavar="[MODEL]...", nargs=-1)
@search_options
@click.option("--json", "json_file", metavar="FILE", help="Write the report there; - is standard output.")
def bisect(paths: tuple[str, ...], json_file: str | None, **options: Any) -> None:
    """Name the first model of a timeline that got worse.

    MODELs are paths or globs, as with --timeline; they are judged in natural order, model_9 before model_10.

    \b
    bisect-cache bisect
    bisect-cache bisect --cache cache --timeline 'files:models/*.onnx' --threshold 'srocc >= 0.9'
    bisect-cache bisect --cache cache --timeline 'registry:models.json?kind=fr' --json report.json
    bisect-cache bisect --cache cache --timeline tags:model.onnx --threshold 'plcc >= baseline - 0.02'
    """
    from bisect_cache.runs.run import broken_bisect, run_bisect

    request = request_of(options, paths)
    from bisect_cache.timeline.spec import spread

    with reported(json_file, lambda error: broken_bisect(error, request)), looking() as tell:
        timelines = spread(request.timeline) if request.timeline else ((),)
        reports = [run_bisect(replace(request, timeline=specs), tell) for specs in timelines]
    from bisect_cache.report.terminal import show_bisect

    for report in reports:
        show_bisect(report, console())
    if len(reports) == 1:
        finish(reports[0], json_file)
    from bisect_cache.report.sections import joined
    from bisect_cache.report.structs import Section

    name = str(request.cache or "embedded")
    finish(
        joined([Section(name, False, one, *specs) for one, specs in zip(reports, timelines, strict=True)]), json_file
    )


@click.command(context_settings=CONTEXT, short_help="Propose thresholds from models known to be good.")
@click.argument("paths", metavar="[MODEL]...", nargs=-1)
@judging_options
def thresholds(paths: tuple[str, ...], **options: Any) -> None:
    """Propose thresholds that the models of a timeline hold, all of them taken as good.

    The gates lie below the worst of them by what the cache cannot tell from chance. Standard output is the YAML to
    paste into the workflow.

    \b
    bisect-cache thresholds --cache cache --timeline 'files:models/*.onnx'
    """
    from bisect_cache.report.proposal import show_proposal
    from bisect_cache.runs.proposing import propose

    with looking() as tell:
        proposal = propose(request_of(options, paths), tell)
    show_proposal(proposal.gates, proposal.notes, console())
    click.echo(proposal.yaml, nl=False)
