"""The command line. Results go to standard output, tables and progress to standard error."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

import click

from bisect_cache import __version__
from bisect_cache.commands.bisecting import bisect, thresholds
from bisect_cache.commands.checking import check
from bisect_cache.commands.extracting import extract
from bisect_cache.commands.generating import datasets, generate
from bisect_cache.commands.listing import report, timeline
from bisect_cache.commands.showing import CONTEXT, say_error


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
        say_error(error)
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


@click.group(context_settings=CONTEXT)
@click.version_option(__version__, prog_name="bisect-cache")
def commands() -> None:
    """Which ONNX model was the first to get worse, and is the data it is judged on still what it was?

    A cache is a folder with features, a target (mos) and a manifest that says how it was made. `generate` makes
    one, `check` finds out whether it still regenerates, `bisect` names the first model of a timeline that does not
    hold the thresholds. Without --cache and --timeline, a small synthetic cache that ships with the program is used.

    Exit codes: 0 nothing wrong; 1 a regression or drift was found; 2 it could not judge.
    """


for command in (bisect, check, datasets, extract, generate, report, thresholds, timeline):
    commands.add_command(command)
