"""An end to what a server can make us wait for."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def within(act: Callable[[], T], seconds: float, otherwise: T) -> T:
    """What ``act`` gives, or ``otherwise`` where it takes longer than ``seconds`` or fails.

    Nothing else bounds all of it: an answer can come byte by byte, pages can go on for ever, a clock can jump.
    """
    given: list[T] = []

    def acting_alone() -> None:
        with contextlib.suppress(Exception):  # nobody is there to take it
            given.append(act())

    acting = threading.Thread(target=acting_alone, daemon=True)  # no end of the process waits for it
    acting.start()
    acting.join(seconds)
    return given[0] if given else otherwise
