"""Attacks and faults that tests try, counted: the table in SECURITY.md, which `make attacks` prints.

A test asks for the fixture ``attack`` with one of the keys below, and makes every try a case::

    def test_...(attack):
        tried = attack("kill generate")
        for moment in moments:
            with tried.case():
                ...  # raises where it was not survived
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

ATTACKS: Mapping[str, tuple[str, str]] = {}
"""By key, in the order of the table: the attack or fault, and what the user sees of it."""

_HEAD = ("| attack or fault | cases | survived | what the user sees |", "| --- | ---: | ---: | --- |")


@dataclass
class Attack:
    """One row: how often it was tried, and how often nothing was lost and nothing wrong was said."""

    name: str
    seen: str
    tried: int = 0
    survived: int = 0

    @contextmanager
    def case(self, count: int = 1) -> Iterator[None]:
        """``count`` tries; survived where the block ends without an exception."""
        self.tried += count
        yield
        self.survived += count


def table(attacks: Mapping[str, Attack]) -> str:
    """The rows of what was tried, in the order of ``ATTACKS``, as Markdown."""
    rows = [attacks[key] for key in ATTACKS if key in attacks]
    lines = [f"| {row.name} | {row.tried:,} | {row.survived:,} | {row.seen} |" for row in rows]
    return "\n".join((*_HEAD, *lines))
