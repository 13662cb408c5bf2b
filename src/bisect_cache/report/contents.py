"""Two models content by content, as far as it is shown: what got worse, and how many did not."""

from __future__ import annotations

from dataclasses import dataclass

from bisect_cache.judge.by_content import ContentCompared
from bisect_cache.report.structs import BisectReport, GroupsFacts

CONTENTS_SHOWN = 10
COMPARISONS_SHOWN = 3


@dataclass(frozen=True)
class Contents:
    """One comparison."""

    before: str
    after: str
    worse: tuple[ContentCompared, ...]
    """The worst of them."""
    more: int
    """Lines of such that are left out here."""
    count: int
    """Contents that could be compared."""
    count_worse: int
    left_out: int
    """Contents that nothing can be measured on."""
    comparisons: int
    """Contents times metrics: what the p-values are adjusted over."""

    @property
    def told(self) -> str:
        """What can be said from one model to the other: ``3 of 16 contents got worse``."""
        if not self.count:
            return "Nothing could be compared by content"
        if not self.count_worse:
            return "No content got worse beyond chance"
        return f"{self.count_worse} of {self.count} content{'' if self.count == 1 else 's'} got worse"

    @property
    def others(self) -> str:
        """What is to be said of the contents that did not, and of those left out."""
        said = []
        rest = self.count - self.count_worse
        if self.count_worse and rest:
            said.append(f"The other {rest} of {self.count} contents did not get worse beyond chance.")
        if self.left_out:
            few = f"{self.left_out} content{' was' if self.left_out == 1 else 's were'}"
            said.append(f"{few} left out: too few rows, or a constant.")
        return " ".join(said)


def contents_of(report: BisectReport, rows: int = CONTENTS_SHOWN) -> list[Contents]:
    """The first of a report's comparisons, each with at most ``rows`` lines."""
    return [_contents(groups, min(rows, CONTENTS_SHOWN)) for groups in report.groups[:COMPARISONS_SHOWN]]


def rule(comparisons: int, report: BisectReport) -> str:
    """When a content is called worse."""
    most = f"{1 - report.sampling.confidence:.2g}" if report.sampling else "its level"
    return (
        f"p: adjusted over {comparisons} comparison{'' if comparisons == 1 else 's'} by Benjamini and Hochberg; a "
        f"content got worse where it is at most {most}"
    )


def _contents(groups: GroupsFacts, rows: int) -> Contents:
    worse = [one for one in groups.contents if one.worse]
    return Contents(
        before=groups.before,
        after=groups.after,
        worse=tuple(worse[:rows]),
        more=len(worse[rows:]),
        count=len({one.content for one in groups.contents}),
        count_worse=len({one.content for one in worse}),
        left_out=groups.left_out,
        comparisons=len(groups.contents),
    )
