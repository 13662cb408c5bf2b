"""What is known of a run before anything is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from actions_toolkit import core

from bisect_cache.action.event import LARGEST_EVENT, Event, Place, occasion_of, read_event, read_place
from bisect_cache.action.inputs import BadInput
from bisect_cache.files import CannotRead, read_file
from bisect_cache.report.occasion import Occasion

T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """One run of the action."""

    workspace: Path
    event: Event
    place: Place
    occasion: Occasion
    at: datetime
    debug: bool
    summary: str | None
    """The file that takes the step summary."""
    outputs: str | None
    """The file that takes the outputs."""


def read_run(environ: Mapping[str, str]) -> Run:
    """The run that the runner's variables and the event's payload tell of."""
    event, place, at = read_event(environ, _payload(environ)), read_place(environ), datetime.now(UTC)
    return Run(
        workspace=Path(environ.get("GITHUB_WORKSPACE") or Path.cwd()),
        event=event,
        place=place,
        occasion=occasion_of(environ, event, place),
        at=at,
        debug=environ.get("RUNNER_DEBUG") == "1",
        summary=environ.get("GITHUB_STEP_SUMMARY"),
        outputs=environ.get("GITHUB_OUTPUT"),
    )


def or_default(reader: Callable[[Callable[[str], str]], T], default: T) -> T:
    """One input, for when others may be bad; its default where it is bad itself, which the report says then."""
    try:
        return reader(core.get_input)
    except BadInput:
        return default


def _payload(environ: Mapping[str, str]) -> bytes:
    path = environ.get("GITHUB_EVENT_PATH")
    try:
        return read_file(Path(path), largest=LARGEST_EVENT) if path else b"{}"
    except CannotRead:
        return b"{}"
