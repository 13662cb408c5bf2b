"""What holds of every page on GitHub that is made of a report, whoever wrote the report."""

from __future__ import annotations

import re

from as_github import assert_tables_hold, live, page

from bisect_cache.report.headline import headline
from bisect_cache.report.marker import is_marked, marker, run_marker
from bisect_cache.report.structs import Report


def characters(text: str) -> int:
    """As GitHub may count them: signs beyond 16 bits twice."""
    return len(text.encode("utf-16-le")) // 2


def visible(markdown: str) -> list[str]:
    return [line for line in markdown.split("\n") if line and not line.startswith("<!--")]


def foreign(markdown: str) -> list[str]:
    """Markers of others that stand in a page of ours, whose key is ``mine``."""
    others = [marker(kind, "other", of) for kind in ("comment", "tracking", "regression") for of in ("", "m")]  # type: ignore[arg-type]
    assert not any(is_marked(markdown, other) for other in others)
    return [line for line in markdown.splitlines() if line.strip() in {*others, run_marker(999)}]


def assert_a_page_of(report: Report, markdown: str) -> None:
    """What holds of a whole page, whatever is in the report."""
    first = visible(markdown)[0]
    assert first.startswith(f"## {headline(report).sign} bisect-cache")
    assert first.endswith(f": {headline(report).words}")
    assert_tables_hold(markdown)
    assert live(markdown) == []
    assert foreign(markdown) == []
    read = page(markdown)
    assert not set(read.tags) & {"img", "script", "b", "i", "h1", "hr"}
    assert [line for line in markdown.split("\n") if line.startswith("```")] == [
        fence for name in re.findall(r"^```(sh|mermaid)$", markdown, re.MULTILINE) for fence in (f"```{name}", "```")
    ]
