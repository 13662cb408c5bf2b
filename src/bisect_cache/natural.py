"""The order that people expect of names with numbers in them: 9 before 10."""

from __future__ import annotations

import re


def text_and_numbers(text: str) -> tuple[object, ...]:
    """A sort key: text and numbers by turns; a number is its length, then its digits: none is too long to compare."""
    parts = re.split(r"0*([0-9]+)", text)
    return tuple((len(part), part) if place % 2 else part for place, part in enumerate(parts))
