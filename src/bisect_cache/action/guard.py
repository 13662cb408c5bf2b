"""The action in a process of its own, so that something is said even when that process is brought down.

A file that crashes a library, or a machine without memory, ends a process before it can say anything; an older verdict
would stand in the pull request as if it were new. The one that waits has loaded nothing that could crash.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_DUMPABLE = 4
_ASKED_TO_STOP = (signal.SIGTERM, signal.SIGINT)


def guarded(
    act: Callable[[], int], crashed: Callable[[str], int], cancelled: Callable[[str], None] = lambda _by: None
) -> int:
    """The exit code of ``act``, run in a child; that of ``crashed``, given what ended the child, where it was ended.

    A signal that asks to stop ends the child at once, whatever it is in the middle of: all that it writes is written
    whole, and a verdict must not come from a run that somebody has stopped. Then ``cancelled`` says so.
    """
    sys.stdout.flush()
    _keep_to_ourselves()
    stopped: list[int] = []
    child = 0

    def hand_on(number: int, _frame: object) -> None:
        stopped.append(number)
        if child:
            with contextlib.suppress(ProcessLookupError):  # it came to its end meanwhile
                os.kill(child, number)

    for which in _ASKED_TO_STOP:
        signal.signal(which, hand_on)
    child = os.fork()
    if child == 0:
        for which in _ASKED_TO_STOP:
            signal.signal(which, signal.SIG_DFL)  # Python's own waits for the end of what a library does
        return 128 + stopped[0] if stopped else act()
    for number in stopped:  # it came before there was a child to hand it to
        os.kill(child, number)
    _, status = os.waitpid(child, 0)
    for which in _ASKED_TO_STOP:  # to the first process of a container, what the system does by itself is nothing
        signal.signal(which, lambda number, _frame: sys.exit(128 + number))
    code = os.waitstatus_to_exitcode(status)
    if stopped and (code < 0 or code == 128 + stopped[0]):
        cancelled(_name(stopped[0]))
        return 128 + stopped[0]
    return code if code >= 0 else crashed(_name(-code))


def _keep_to_ourselves() -> None:
    """Let no process of the same user look into this one and its children: a token is in their environment.

    ``prctl(PR_SET_DUMPABLE, 0)``, see prctl(2); what is started anew, as the worker is, has none to look for.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
