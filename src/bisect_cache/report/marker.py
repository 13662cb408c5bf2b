"""Hidden lines by which a comment or an issue of ours is known again.

A marker counts only as a whole line: a name that holds one stands inside a line, whatever it holds.
"""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import quote

Kind = Literal["comment", "tracking", "regression"]
_HEAD = 8
_RUN = re.compile(r"^<!-- bisect-cache run=([0-9]{1,18}) -->\s*$", re.MULTILINE)


def marker(kind: Kind, key: str, of: str = "") -> str:
    """The line that says: this is our ``kind`` for ``key`` (and for the model ``of``)."""
    # Percent-encoded: no '>' that could end it, no space, no line break.
    model = f" of={quote(of, safe='')}" if of else ""
    return f"<!-- bisect-cache {kind} key={quote(key, safe='')}{model} -->"


def run_marker(run: int | None) -> str:
    """The line that says which run spoke last."""
    return f"<!-- bisect-cache run={run or 0} -->"


def is_marked(body: str, line: str) -> bool:
    """Whether ``line`` stands at the head of ``body`` as a line of its own; a hand may have put a few before it.

    Further down somebody may be quoted who wrote it.
    """
    return any(found.rstrip() == line for found in body.splitlines()[:_HEAD])


def run_of(body: str) -> int:
    """The run that spoke last; 0 where the body does not say."""
    found = _RUN.search(body)
    return int(found[1]) if found else 0
