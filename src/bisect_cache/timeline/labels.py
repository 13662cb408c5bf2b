"""Names that people read: printable, short, and no two alike.

Names come from files that anybody may have written, and end in terminals, comments and pages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count, pairwise, takewhile

from bisect_cache.printable import LONGEST_LABEL, first_of, printable


def some_of(names: Iterable[str], most: int = 10) -> str:
    """The first names in a row and how many there are besides: ``a, b and 3 more``."""
    return first_of((printable(name, 80) for name in names), most)


def stem_and_suffix(path: str) -> tuple[str, str]:
    """A path without its suffix, and the suffix: ``models/v1.1`` and ``.onnx``; a leading dot begins no suffix."""
    name = path[path.rfind("/") + 1 :]
    suffix_starts = max(name.rfind("."), 0) or len(name)
    stem = path[: len(path) - len(name) + suffix_starts]
    return stem, path[len(stem) :]


def shortest_tails(paths: Sequence[str]) -> list[str]:
    """For each path its shortest tail that no other path ends in; without the suffix when all have the same.

    Read backwards and sorted, a path shares most with one of its neighbours: one folder more tells it apart.
    """
    stems = [stem_and_suffix(path) for path in paths]
    same_suffix = len({suffix for _, suffix in stems}) == 1
    named = [stem if same_suffix else path for path, (stem, _) in zip(paths, stems, strict=True)]
    backwards = [tuple(reversed(path.split("/"))) for path in named]
    distinct = sorted(set(backwards))
    shared = [0, *(_length_in_common(one, other) for one, other in pairwise(distinct)), 0]
    needed = {parts: max(shared[i], shared[i + 1]) + 1 for i, parts in enumerate(distinct)}
    return ["/".join(reversed(parts[: needed[parts]])) for parts in backwards]


def _length_in_common(one: Sequence[str], other: Sequence[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def told_apart(labels: Sequence[str], hints: Sequence[str]) -> list[str]:
    """The labels, printable, and where several are alike each with its hint or else its place: no two alike."""
    shown = [printable(label.strip()) or "unnamed" for label in labels]
    times = Counter(shown)
    taken = set(shown)
    apart = []
    for place, (label, hint) in enumerate(zip(shown, hints, strict=True)):
        if times[label] == 1:
            apart.append(label)
            continue
        apart.append(next(longer for longer in _longer_labels(label, hint, place) if longer not in taken))
        taken.add(apart[-1])
    return apart


def _longer_labels(label: str, hint: str, place: int) -> Iterator[str]:
    numbered = (f"#{place}.{again}" for again in count(2))
    for text in chain((printable(hint, LONGEST_LABEL // 2), f"#{place}"), numbered):
        ending = f" ({text})"
        yield printable(label, LONGEST_LABEL - len(ending)) + ending
