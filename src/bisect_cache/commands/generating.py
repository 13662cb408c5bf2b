"""``generate`` and ``datasets``: how a cache comes to be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bisect_cache.commands.showing import CONTEXT, progress
from bisect_cache.printable import one_line


@click.command(context_settings=CONTEXT, short_help="Make a cache, synthetic or real.")
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
    with progress("reading reports") as tell:
        manifest = make_cache(folder, recipe, tell, expected, part_rows)
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


@click.command(short_help="List the datasets that `generate --dataset` knows.")
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
