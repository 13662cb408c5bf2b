"""The options that say what videos are measured with; ``extract`` and ``check --extract`` share them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from bisect_cache.runs.request import Remeasuring

Command = TypeVar("Command", bound=Callable[..., Any])
DEFAULT_SECONDS = 3600.0

_PROGRAM = (
    click.option(
        "--ffmpeg", metavar="PROGRAM", help="An ffmpeg with libvmaf; default: the frozen one of imageio-ffmpeg."
    ),
    click.option("--vmaf", metavar="PROGRAM", help="libvmaf's own program instead: it reads y4m and raw video."),
    click.option(
        "--time-limit",
        type=click.FloatRange(0, min_open=True),
        metavar="SECONDS",
        help="That measuring one pair may take (3600).",
    ),
)
_AGAIN = (
    click.option(
        "--extract", "pairs", type=click.IntRange(1), metavar="N", help="Also measure N pairs again, and compare."
    ),
    click.option("--seed", type=click.IntRange(0), help="Which N pairs: the same for the same seed."),
)


def measuring_options(command: Command) -> Command:
    """With what pairs are measured, for a command."""
    for option in reversed(_PROGRAM):
        command = option(command)
    return command


def remeasuring_options(command: Command) -> Command:
    """Whether pairs are measured again, which, and with what, for a command."""
    for option in reversed((*_AGAIN, *_PROGRAM)):
        command = option(command)
    return command


def one_program(options: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """``--ffmpeg`` and ``--vmaf``, not both. Raises ``click.UsageError``."""
    if options["ffmpeg"] and options["vmaf"]:
        raise click.UsageError("--ffmpeg and --vmaf name two programs; one measures all pairs")
    return options["ffmpeg"], options["vmaf"]


def remeasuring_of(options: Mapping[str, Any]) -> Remeasuring | None:
    """What is to be measured again; None where that is not asked for. Raises ``click.UsageError``."""
    from bisect_cache.runs.request import Remeasuring

    if not options["pairs"]:
        unused = [name for name in ("seed", "ffmpeg", "vmaf", "time_limit") if options[name] is not None]
        if unused:
            raise click.UsageError(f"--{unused[0].replace('_', '-')} goes with --extract N")
        return None
    ffmpeg, vmaf = one_program(options)
    return Remeasuring(options["pairs"], options["seed"], ffmpeg, vmaf, options["time_limit"] or DEFAULT_SECONDS)
