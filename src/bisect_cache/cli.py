"""The command line. Results go to standard output, tables and progress to standard error."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import click

from bisect_cache import __version__
from bisect_cache.errors import as_said
from bisect_cache.files import CannotWrite, write_whole
from bisect_cache.judging_options import judging_options, request_of, search_options
from bisect_cache.measuring_options import (
    DEFAULT_SECONDS,
    measuring_options,
    one_program,
    remeasuring_of,
    remeasuring_options,
)
from bisect_cache.printable import one_line

if TYPE_CHECKING:
    from rich.console import Console

    from bisect_cache.report.structs import Report
    from bisect_cache.runs.request import Looking

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
_WIDTH_WITHOUT_TERMINAL = 160


def main() -> NoReturn:
    """Run the command line and exit: 0 nothing wrong, 1 a regression or drift was found, 2 it could not judge."""
    signal.signal(signal.SIGTERM, _stop)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stop)
    try:
        # Not by click's own main: that ends an interrupt and a closed pipe with 1, which here means a regression.
        with commands.make_context("bisect-cache", sys.argv[1:]) as context:
            commands.invoke(context)
        sys.exit(0)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read the result has gone
        sys.exit(2)
    except Exception as error:
        if os.environ.get("BISECT_CACHE_DEBUG"):
            raise
        _say_error(error)
        sys.exit(2)


def _stop(number: int, frame: FrameType | None) -> None:
    """End by an exception, so that what is half done is put back.

    One that comes in the middle of loading a library's C code can crash it: then this ends at once, and the next run
    tidies up.
    """
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            os._exit(128 + number)
        frame = frame.f_back
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


def _say_error(error: Exception) -> None:
    click.echo(f"error: {one_line(str(as_said(error)))}", err=True)


@click.group(context_settings=_CONTEXT)
@click.version_option(__version__, prog_name="bisect-cache")
def commands() -> None:
    """Which ONNX model was the first to get worse, and is the data it is judged on still what it was?

    A cache is a folder with features, a target (mos) and a manifest that says how it was made. `generate` makes
    one, `check` finds out whether it still regenerates, `bisect` names the first model of a timeline that does not
    hold the thresholds. Without --cache and --timeline, a small synthetic cache that ships with the program is used.

    Exit codes: 0 nothing wrong; 1 a regression or drift was found; 2 it could not judge.
    """


@commands.command(context_settings=_CONTEXT, short_help="Make a cache, synthetic or real.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--table", metavar="FILE", help="Recipe `table`: a labelled feature table, parquet (or a folder of it) or CSV."
)
@click.option("--reports", metavar="FOLDER", help="Recipe `reports`: a folder of libvmaf JSON reports …")
@click.option("--labels", metavar="FILE", help="… and a label file, CSV or JSON.")
@click.option("--dataset", metavar="NAME", help="A described dataset (`bisect-cache datasets`), or a file ….toml.")
@click.option("--part", "parts", metavar="PART", multiple=True, help="With --dataset: only this part; repeat for more.")
@click.option("--key", metavar="COL", help="Column of the labels that names a clip.")
@click.option(
    "--report-name",
    metavar="TEMPLATE",
    help="Report of a label: '{stem}_vmaf.json'. {key} is the key, {name} its last path component, {stem} the key "
    "without its ending, and any other column of the labels can be named too.",
)
@click.option("--pool", metavar="HOW", help="Frames to one value: mean (default), harmonic_mean, min, percentile:P.")
@click.option("--target", metavar="COL", help="Column of the scores; default: mos, dmos, target or score.")
@click.option("--content", metavar="COL", help="Column of the source clip; default: content or content_id, if any.")
@click.option(
    "--feature", "features", metavar="COL", multiple=True, help="A feature column; repeat for more, or 'f*' of a table."
)
@click.option(
    "--direction", type=click.Choice(["higher-is-better", "lower-is-better"]), help="What the target's values mean."
)
@click.option("--scale", metavar="LOW:HIGH", help="The target's scale, such as 1:5.")
@click.option("--drop-incomplete", is_flag=True, help="Drop rows with missing or infinite values, and record it.")
@click.option("--allow-missing", is_flag=True, help="Leave out labels without a report and reports without a label.")
@click.option(
    "--source",
    metavar="TEXT",
    help="Where real data came from, for the manifest; with --dataset, the folder of its data.",
)
@click.option("--commit", metavar="TEXT", help="Commit or version of that source.")
@click.option("--licence", metavar="TEXT", help="Its licence.")
@click.option("--citation", metavar="TEXT", help="What to cite.")
@click.option(
    "--part-rows",
    type=click.IntRange(min=1),
    metavar="N",
    help="Write features.parquet as a folder of parts of N rows, where one file would be too large.",
)
@click.option("--rows", type=int, help="Synthetic: rows (256).")
@click.option("--models", type=int, help="Synthetic: models (8).")
@click.option("--features-seed", type=int, help="Synthetic: seed of features and target (20260418).")
@click.option("--models-seed", type=int, help="Synthetic: seed of the models' weights (20260419).")
@click.option("--target-noise", type=float, help="Synthetic: standard deviation of the target's noise (0.001).")
@click.option("--weight-noise", type=float, help="Synthetic: standard deviation of the weights' noise (0.0001).")
@click.option("--regress-at", type=int, metavar="K", help="Synthetic: model K (from 0) and all after it are bad.")
def generate(folder: Path, part_rows: int | None, **options: Any) -> None:
    """Make a cache in DIR: synthetic by default, real with --table, --reports or --dataset.

    \b
    bisect-cache generate cache
    bisect-cache generate cache --regress-at 5
    bisect-cache generate cache --table clips.parquet --content content_id --scale 1:5
    bisect-cache generate cache --reports vmaf_reports --labels mos.csv --key video_name \\
        --target MOS --report-name '{stem}_vmaf.json'
    bisect-cache generate cache --dataset avt-vqdb-uhd-1 --source AVT-VQDB-UHD-1

    The cache is written whole or not at all: if this fails, what was in DIR is as it was.
    """
    from bisect_cache.cache.generate import Expected
    from bisect_cache.cache.generate import generate as make_cache
    from bisect_cache.options import dataset_recipe_of, recipe_of

    described = options["dataset"] is not None
    recipe, expected = dataset_recipe_of(folder, options) if described else (recipe_of(folder, options), Expected())
    with _progress("reading reports") as progress:
        manifest = make_cache(folder, recipe, progress, expected, part_rows)
    if described and expected.fingerprint is None:
        known = f"{expected.rows} rows were expected and found" if expected.rows else "nothing was compared"
        click.echo(f"note: the dataset's file knows no fingerprint of just this cache: {known}", err=True)
    for note in manifest.notes:
        click.echo(f"note: {one_line(note)}", err=True)
    models, features = len(manifest.models_files), len(manifest.features)
    click.echo(
        f"{folder}: {manifest.provenance} cache, {manifest.rows} rows, {features} feature{'s' * (features != 1)}"
        f"{f', {models} models' if models else ''}, {manifest.fingerprint}"
    )


@commands.command(short_help="List the datasets that `generate --dataset` knows.")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--toml", is_flag=True, help="Print the file of one, to start your own from.")
def datasets(names: tuple[str, ...], toml: bool) -> None:
    """List the datasets whose labels and reports `generate --dataset` knows to read.

    NAMEs are of those that ship with the program, or files of your own (….toml), which are checked. No data ships.
    """
    from bisect_cache.cache.datasets.description import dataset_file, read_dataset, shipped
    from bisect_cache.cache.datasets.listing import listing

    paths = [dataset_file(name) for name in names or shipped()]
    if not toml:
        click.echo("\n\n".join(listing(read_dataset(path)) for path in paths))
    elif len(names) == 1:
        read_dataset(paths[0])
        click.echo(paths[0].read_text(encoding="utf-8"), nl=False)
    else:
        raise click.UsageError("--toml prints the file of one dataset; name it")


@commands.command(context_settings=_CONTEXT, short_help="Measure pairs of videos: one libvmaf report each.")
@click.argument("pairs", metavar="PAIRS", type=click.Path(path_type=Path))
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))
@measuring_options
@click.option("--jobs", type=click.IntRange(1, 1024), help="Pairs at once; default: one for each processor.")
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
    from bisect_cache.extraction.pairs import read_pairs
    from bisect_cache.extraction.programs import find_program
    from bisect_cache.extraction.running import Sharing
    from bisect_cache.extraction.running import extract as extract_all

    named = one_program(options)
    listed = read_pairs(pairs)
    program = find_program(*named)
    sharing = Sharing.of(len(listed), options["jobs"], options["threads"])
    seconds = options["time_limit"] or DEFAULT_SECONDS
    with _progress("measuring pairs") as progress:
        done = extract_all(listed, program, folder, sharing, seconds=seconds, progress=progress)
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


@commands.command(context_settings=_CONTEXT, short_help="Find out whether a cache still regenerates.")
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
    with _reported(json_file, lambda error: broken_check(error, request)), _progress("reading reports") as progress:
        report = run_check(request, progress)
    show_check(report, _console())
    _finish(report, json_file)


@commands.command(context_settings=_CONTEXT)
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

    with _reported(json_file, lambda error: broken_bisect(error, request)), _looking() as looking:
        timelines = spread(request.timeline) if request.timeline else ((),)
        reports = [run_bisect(replace(request, timeline=specs), looking) for specs in timelines]
    from bisect_cache.report.terminal import show_bisect

    for report in reports:
        show_bisect(report, _console())
    if len(reports) == 1:
        _finish(reports[0], json_file)
    from bisect_cache.report.sections import joined
    from bisect_cache.report.structs import Section

    name = str(request.cache or "embedded")
    _finish(
        joined([Section(name, False, one, *specs) for one, specs in zip(reports, timelines, strict=True)]), json_file
    )


@commands.command(context_settings=_CONTEXT, short_help="Propose thresholds from models known to be good.")
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

    with _looking() as looking:
        proposal = propose(request_of(options, paths), looking)
    show_proposal(proposal.gates, proposal.notes, _console())
    click.echo(proposal.yaml, nl=False)


@commands.command(context_settings=_CONTEXT, short_help="List the models of a timeline in order.")
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


@commands.command(short_help="Show a report as GitHub's surfaces show it.")
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


def _console() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else _WIDTH_WITHOUT_TERMINAL)


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.progress import Progress

    with Progress(console=_console(), transient=True) as bar:
        task = bar.add_task(what, total=None, visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)


@contextmanager
def _looking() -> Iterator[Looking]:
    """Which model is being judged, on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _label, _before: None
        return
    from rich.markup import escape

    with _console().status("starting") as status:
        yield lambda label, before: status.update(f"judging {escape(label)} ({before} looked at)")


@contextmanager
def _reported(json_file: str | None, broken: Callable[[Exception], Report]) -> Iterator[None]:
    """A run that could not judge leaves a report that says so, never the one of an earlier run."""
    try:
        yield
    except Exception as error:
        if json_file:
            try:
                _write_report(broken(error), json_file)
            except CannotWrite as unwritten:
                _say_error(unwritten)
        raise


def _finish(report: Report, json_file: str | None) -> NoReturn:
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
