"""The options with which models are judged become a request; ``bisect`` and ``thresholds`` share them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

from bisect_cache.judge.choices import (
    DEFAULT_BUDGET,
    DEFAULT_CONFIDENCE,
    DEFAULT_RESAMPLES,
    DEFAULT_SEED,
    Decision,
    Predicts,
    Resampling,
    Strategy,
)
from bisect_cache.judge.thresholds import METRIC_NAMES

if TYPE_CHECKING:
    from bisect_cache.runs.request import BisectRequest

Command = TypeVar("Command", bound=Callable[..., Any])
_MIB = 20
"""Bits from bytes to MiB."""

EXECUTOR = click.option(
    "--executor",
    metavar="WHERE",
    help="`local` (default), or a dask cluster: dask:HOST:PORT, dask:tls://HOST:PORT, dask:scheduler.json.",
)

_MODELS = (
    click.option(
        "--cache", type=click.Path(path_type=Path), metavar="DIR", help="Default: the embedded synthetic one."
    ),
    click.option(
        "--timeline",
        multiple=True,
        metavar="SPEC",
        help="files:GLOB, registry:FILE[?FIELD=GLOB], git-log:PATH[@RANGE] or tags:PATH[@PATTERN]; a bare glob or "
        "several paths too. Default: the cache's models.",
    ),
    click.option("--input", metavar="NAME", help="The models' input by name, instead of the one that takes [N, F]."),
    click.option("--output", metavar="NAME", help="The models' output, where several could be meant."),
    click.option(
        "--sidecar",
        metavar="TEMPLATE",
        help="JSON beside each model that lists its features in order, such as '{stem}.json'.",
    ),
    click.option(
        "--feeding",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="JSON or TOML that declares how models are fed: normalisation, other inputs, the scale of scores.",
    ),
    click.option(
        "--predicts",
        type=click.Choice(get_args(Predicts)),
        default="quality",
        show_default=True,
        help="Where lower values of the target are better: whether models predict quality, or the target itself.",
    ),
)
_INTERVALS = (
    click.option(
        "--resamples",
        type=click.IntRange(0, 100_000),
        default=DEFAULT_RESAMPLES,
        show_default=True,
        help="Bootstrap resamples that intervals are made of, by content where the cache names contents; 0 for none.",
    ),
    click.option("--seed", type=click.IntRange(0, (1 << 63) - 1), default=DEFAULT_SEED, show_default=True),
    click.option(
        "--confidence",
        type=click.FloatRange(0.5, 0.9999),
        default=DEFAULT_CONFIDENCE,
        show_default=True,
        help="Confidence of the intervals.",
    ),
)
_LIMITS = (
    click.option(
        "--time-limit",
        type=click.FloatRange(0, 86_400, min_open=True),
        default=60.0,
        show_default=True,
        help="Seconds that one model may take.",
    ),
    click.option(
        "--memory-limit",
        type=click.IntRange(0, 1 << 24),
        default=8192,
        show_default=True,
        help="MiB of address space that a process of models may take; 0 for no limit.",
    ),
    click.option(
        "--workers",
        type=click.IntRange(1, 256),
        help="Models judged side by side. Default: one a core, or a thread of the cluster.",
    ),
    EXECUTOR,
)
_SEARCH = (
    click.option(
        "--threshold",
        "thresholds",
        multiple=True,
        metavar="TEXT",
        help="METRIC OP NUMBER, or relative: 'plcc >= baseline - 0.02', 'srocc >= previous - 0.01', 'rmse_mapped <= "
        "baseline * 1.05'. Repeatable, all must hold. Metrics: plcc, srocc, rmse, rmse_mapped. Default: 'plcc >= "
        "0.85'.",
    ),
    click.option(
        "--metric",
        "metrics",
        multiple=True,
        type=click.Choice(METRIC_NAMES),
        help="Measure only these. Without srocc, which needs all scores at once, a large cache takes least memory.",
    ),
    click.option(
        "--baseline",
        metavar="NAME",
        help="What `baseline` means in thresholds, by label, tag, commit or file. Default: the first model.",
    ),
    click.option(
        "--decision",
        type=click.Choice(get_args(Decision)),
        default="auto",
        show_default=True,
        help="Whether the value alone decides, or its whole interval must be on one side (else: uncertain); auto is "
        "the point for absolute thresholds and the interval for relative ones.",
    ),
    click.option(
        "--strategy",
        type=click.Choice(get_args(Strategy)),
        default="auto",
        show_default=True,
        help="bisect looks at few models, scan at all; auto bisects, then looks at the rest as far as time allows.",
    ),
    click.option(
        "--time-budget",
        type=click.FloatRange(0, 1_000_000),
        default=DEFAULT_BUDGET,
        show_default=True,
        help="Seconds after which auto looks at no more models than it must.",
    ),
    click.option("--by-content", is_flag=True, help="Also say which contents got worse, though the whole did not."),
    click.option(
        "--base",
        metavar="REV",
        help="The commit that a change starts from; the verdict then says whether the first bad one is part of the "
        "change.",
    ),
    click.option("--explain", is_flag=True, help="After a regression, say what changed in the first bad model."),
)


def judging_options(command: Command) -> Command:
    """Options of a command that measures models."""
    return _with(command, _MODELS + _INTERVALS + _LIMITS)


def search_options(command: Command) -> Command:
    """Options of a command that searches for a regression, too."""
    return _with(command, _MODELS[:2] + _SEARCH + _MODELS[2:] + _INTERVALS + _LIMITS)


def request_of(options: Mapping[str, Any], paths: tuple[str, ...] = ()) -> BisectRequest:
    """The request that these options make; ``paths`` are further models. Raises ``BadThreshold``."""
    from bisect_cache.judge.thresholds import DEFAULT_THRESHOLDS, parse_thresholds
    from bisect_cache.runs.request import BisectRequest
    from bisect_cache.worker.process import Limits

    searching = {name: options[name] for name in ("baseline", "decision", "strategy") if name in options}
    flags = {name: options[name] for name in ("by_content", "base", "explain", "metrics") if name in options}
    return BisectRequest(
        cache=options["cache"],
        timeline=options["timeline"] + paths,
        thresholds=parse_thresholds(options.get("thresholds") or DEFAULT_THRESHOLDS),
        input=options["input"],
        output=options["output"],
        sidecar=options["sidecar"],
        feeding=options["feeding"],
        predicts=options["predicts"],
        budget=options.get("time_budget", DEFAULT_BUDGET),
        resampling=Resampling(options["resamples"], options["seed"], options["confidence"]),
        workers=options["workers"],
        executor=options["executor"],
        limits=Limits(options["time_limit"], options["memory_limit"] << _MIB),
        **searching,
        **flags,
    )


def _with(command: Command, options: tuple[Callable[[Command], Command], ...]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command
