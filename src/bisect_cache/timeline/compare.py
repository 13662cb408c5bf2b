"""Where two orders of the same models disagree."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from bisect_cache.files import CannotRead
from bisect_cache.printable import one_line
from bisect_cache.timeline.interface import Checkpoint, Timeline

Sign = Literal["=", "<", ">", "~"]


@dataclass(frozen=True)
class Line:
    """One model, or one side of it.

    ``=``: both have it in this place; ``<`` and ``>``: one alone has it; ``~``: both have it, in another order.
    """

    sign: Sign
    left: str
    right: str


def compared(first: Timeline, second: Timeline) -> list[Line]:
    """The two orders as lines. Models are the same where their bytes are, whatever they are called. Reads them all."""
    one, other = ([_content(checkpoint) for checkpoint in timeline.checkpoints] for timeline in (first, second))
    common = set(one) & set(other)
    lines: list[Line] = []
    for _, start, end, other_start, other_end in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if one[start:end] == other[other_start:other_end]:
            pairs = zip(range(start, end), range(other_start, other_end), strict=True)
            lines.extend(Line("=", _shown(first, left), _shown(second, right)) for left, right in pairs)
            continue
        lines.extend(Line("~" if one[left] in common else "<", _shown(first, left), "") for left in range(start, end))
        lines.extend(
            Line("~" if other[right] in common else ">", "", _shown(second, right))
            for right in range(other_start, other_end)
        )
    return lines


def sentence(lines: Sequence[Line], first: str, second: str) -> str:
    """What the lines come to."""
    counted = {sign: sum(line.sign == sign for line in lines) for sign in ("=", "<", ">", "~")}
    moved = sum(line.sign == "~" and line.left != "" for line in lines)
    if counted["="] == len(lines):
        return f"the same {len(lines)} models in the same order"
    said = [
        f"{counted['=']} in the same order",
        f"{moved} in another order" if moved else "",
        f"{counted['<']} only in {one_line(first)}" if counted["<"] else "",
        f"{counted['>']} only in {one_line(second)}" if counted[">"] else "",
    ]
    return ", ".join(filter(None, said))


def _shown(timeline: Timeline, index: int) -> str:
    return f"{index} {timeline.checkpoints[index].label}"


def _content(checkpoint: Checkpoint) -> str:
    """What tells models apart: the id that Git gives to their bytes; of one that cannot be read, its own place."""
    if checkpoint.content is not None:
        return checkpoint.content.split()[0]
    try:
        data = checkpoint.files.model()
    except CannotRead:
        return f"unread {id(checkpoint)}"
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
