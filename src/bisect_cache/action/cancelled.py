"""What is said of a run that was cancelled: in seconds, because the runner waits no longer before it kills.

Nothing is posted and no output is set: the run has found nothing. A comment names the commit that it is about.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from bisect_cache.errors import BisectCacheError
from bisect_cache.files import append_whole

_SAID = (
    "\n**bisect-cache: cancelled.** This run was stopped ({by}) before it was done. Unless its verdict stands above, "
    "it has none. A report, a comment or an issue may still show what an earlier run found; the comment names the "
    "commit that it is about.\n"
)


def cancelled(by: str, environ: Mapping[str, str] = os.environ) -> None:
    """Say it in the log and, where there is one, in the step summary."""
    with contextlib.suppress(OSError):
        print(f"bisect-cache: cancelled ({by})", flush=True)  # noqa: T201 - the job's log
    if summary := environ.get("GITHUB_STEP_SUMMARY"):
        with contextlib.suppress(BisectCacheError):
            append_whole(Path(summary), _SAID.format(by=by).encode())
