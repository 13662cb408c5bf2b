"""Text from strangers, made fit to be shown: names come from files that anybody may have written."""

from __future__ import annotations

from collections.abc import Iterable

LONGEST_LABEL = 200


def printable(text: str, longest: int = LONGEST_LABEL) -> str:
    """``text`` with U+FFFD for what does not print (controls, text direction, half characters), cut with ``…``."""
    kept = _shown(text[: longest + 1])
    return kept if len(kept) <= longest else kept[: longest - 1] + "…"


def first_of(texts: Iterable[str], most: int = 10, between: str = ", ", of: int | None = None) -> str:
    """The first of them, as they are, and how many there are besides: ``a, b and 3 more``.

    ``of`` says how many there are where making each of very many would take long: then only the first are given.
    """
    given = list(texts)
    count, shown = len(given) if of is None else of, between.join(given[:most])
    return shown if count <= most else f"{shown} and {count - most:,} more"


def one_line(text: str) -> str:
    """All of ``text`` on one line, with U+FFFD for what does not print."""
    return _shown(" ".join(text.split()))


def _shown(text: str) -> str:
    return text if text.isprintable() else "".join(char if char.isprintable() else "\ufffd" for char in text)
