"""What reports say of how they were measured, counted: features of several builds are no longer alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bisect_cache.cache.extracted import Build
from bisect_cache.printable import first_of


@dataclass(frozen=True)
class MeasuredBy:
    """How many reports say what."""

    versions: Counter[str] = field(default_factory=Counter)
    """Of libvmaf."""
    builds: Counter[Build | None] = field(default_factory=Counter)
    spellings: Mapping[str, Counter[str]] = field(default_factory=dict)
    """Of each feature: integer and float models name it differently, and measure it slightly differently."""

    @property
    def build(self) -> Build | None:
        """The program that measured, where that is known and only one did."""
        return next(iter(self.builds)) if len(self.builds) == 1 else None

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader of a manifest should know of it."""
        notes = []
        if len(self.versions) > 1:
            notes.append(f"reports mix libvmaf versions: {_counted(self.versions)}")
        if len(self.builds) > 1:
            builds = {"none is named" if build is None else build.said: count for build, count in self.builds.items()}
            notes.append(f"reports are of several builds: {_counted(Counter(builds))}")
        mixed = [_counted(counts) for counts in self.spellings.values() if len(counts) > 1]
        if mixed:
            notes.append(f"reports mix spellings of a feature: {'; '.join(mixed)}")
        return tuple(notes)


def together(parts: Sequence[MeasuredBy]) -> MeasuredBy:
    """What is said of all ``parts``, as if they were one set of reports."""
    versions: Counter[str] = Counter()
    builds: Counter[Build | None] = Counter()
    spellings: dict[str, Counter[str]] = {}
    for part in parts:
        versions.update(part.versions)
        builds.update(part.builds)
        for feature, counts in part.spellings.items():
            spellings.setdefault(feature, Counter()).update(counts)
    return MeasuredBy(versions, builds, spellings)


def _counted(counts: Counter[str]) -> str:
    return first_of(f"{name[:100]!r} in {count}" for name, count in sorted(counts.items()))
