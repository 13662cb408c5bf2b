"""``extract``: videos become reports."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from bisect_cache.commands.showing import CONTEXT, progress
from bisect_cache.judging_options import EXECUTOR
from bisect_cache.measuring_options import DEFAULT_SECONDS, measuring_options, one_program
from bisect_cache.printable import one_line


@click.command(context_settings=CONTEXT, short_help="Measure pairs of videos: one libvmaf report each.")
@click.argument("pairs", metavar="PAIRS", type=click.Path(path_type=Path))
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))
@measuring_options
@click.option("--jobs", type=click.IntRange(1, 1024), help="Pairs at once; default: one for each processor.")
@EXECUTOR
@click.option("--threads", type=click.IntRange(1, 1024), help="Of libvmaf, for one pair; they change no value.")
def extract(pairs: Path, folder: Path, **options: Any) -> None:
    """Measure the videos of the list PAIRS: one libvmaf JSON report for each pair in FOLDER.

    PAIRS is CSV or JSON with the columns key, reference and distorted (paths relative to it). What is not declared in
    it is never guessed: videos of different sizes, rates or pixel formats are an error without compare_size,
    compare_fps or compare_pixel_format. Reports that are there and are right are kept: run it again after an
    interrupt. Then make the cache:

    \b
    bisect-cache extract pairs.csv reports
    bisect-cache generate cache --reports reports --labels pairs.csv --key key --report-name '{key}.json'

    Only for videos that you trust: ffmpeg runs with your rights.
    """
    from bisect_cache.executing.choosing import executing
    from bisect_cache.extraction.pairs import read_pairs
    from bisect_cache.extraction.programs import find_program
    from bisect_cache.extraction.running import Sharing
    from bisect_cache.extraction.running import extract as extract_all

    named = one_program(options)
    if options["jobs"] and options["executor"] not in {None, "local"}:
        raise click.UsageError(
            "--jobs is of this machine; on a cluster, pairs are measured by as many as it has threads"
        )
    listed = read_pairs(pairs)
    program = find_program(*named)
    sharing = Sharing.of(len(listed), options["jobs"], options["threads"])
    seconds = options["time_limit"] or DEFAULT_SECONDS
    with executing(options["executor"], sharing.jobs) as where, progress("measuring pairs") as tell:
        if where.elsewhere:
            sharing = Sharing(where.at_once, options["threads"] or 1)
        done = extract_all(listed, program, folder, sharing, where=where, seconds=seconds, progress=tell)
    for key, why in done.again.items():
        click.echo(f"note: {one_line(key)}: was measured again, because {one_line(why)}", err=True)
    for key, why in done.failed.items():
        click.echo(f"failed: {one_line(key)}: {one_line(why)}", err=True)
    click.echo(
        f"{folder}: {len(done.made) + len(done.kept)} of {len(listed)} pairs have a report ({len(done.made)} measured, "
        f"{len(done.kept)} kept), {program.build.program} {one_line(program.build.version)}, "
        f"sha256:{program.build.sha256}"
    )
    if done.failed:
        sys.exit(2)
