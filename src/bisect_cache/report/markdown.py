"""A report as Markdown for the step summary, from the templates beside this file.

Names come from strangers: in a code span or escaped, never as they are.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from bisect_cache.judge.thresholds import METRIC_NAMES
from bisect_cache.printable import one_line
from bisect_cache.report.nearest import nearest
from bisect_cache.report.structs import BisectReport, CheckReport, Report

if TYPE_CHECKING:
    from jinja2 import Environment

SUMMARY_LIMIT = 1_048_576
"""Bytes that a step summary may have; one more, and GitHub drops the whole of it."""
_ROWS_TRIED = (1000, 300, 100, 30, 10, 3)
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]()#+\-!|~>])")
_ZERO_WIDTH = "\u200b"
HEADLINES = {
    "regression": ("❌", "a model regressed"),
    "head-bad": ("❌", "the oldest model is already bad"),
    "non-monotone": ("❌", "models got worse and better again"),
    "no-regression": ("✅", "no regression between the ends"),
    "inconclusive": ("❔", "it could not be decided"),
    "clean": ("✅", "the cache regenerates"),
    "writer-drift": ("✅", "same data, other bytes"),
    "drift": ("❌", "the cache has drifted"),
    "wiring-broke": ("🔌", "the wiring broke"),
}
"""A sign and a few words for each outcome."""


def summary(report: Report, limit: int = SUMMARY_LIMIT) -> str:
    """The report as Markdown of at most ``limit`` bytes of UTF-8.

    Steps far from the verdict and findings of low rank give way first, and the text says how many did.
    """
    for rows in _ROWS_TRIED:
        text = _rendered(report, rows)
        if len(text.encode()) <= limit:
            return text
    sign, words = HEADLINES[report.outcome]
    short = f"## {sign} {words}\n\n{prose(report.verdict)}\n\nThe rest is too long for this page; see the report.\n"
    return short.encode()[:limit].decode(errors="ignore")


def code(text: str) -> str:
    """``text`` as a code span: no mention, no link, no HTML comes of it."""
    shown = one_line(text)
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest else ""
    return f"{fence}{pad}{shown or ' '}{pad}{fence}"


def cell(text: str) -> str:
    """``text`` as a code span within a table, where a pipe would end the cell."""
    return code(text).replace("|", "\\|")


def prose(text: str) -> str:
    """``text`` as plain words: nothing in it is Markdown, HTML, a mention, an issue or a link."""
    shown = one_line(text).replace("&", "&amp;").replace("<", "&lt;")
    shown = _PUNCTUATION.sub(r"\\\1", shown)
    shown = shown.replace("@", f"@{_ZERO_WIDTH}").replace("://", f":{_ZERO_WIDTH}//").replace("#", f"#{_ZERO_WIDTH}")
    return re.sub(r"www\.", f"www{_ZERO_WIDTH}.", shown, flags=re.IGNORECASE)


def fenced(text: str) -> str:
    """``text`` as a code block of one line."""
    shown = one_line(text)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", shown)), default=0))
    return f"{fence}sh\n{shown}\n{fence}"


def _rendered(report: Report, rows: int) -> str:
    sign, words = HEADLINES[report.outcome]
    check = report if isinstance(report, CheckReport) else report.check
    bisect = report if isinstance(report, BisectReport) else None
    order = ["error", "warning", "notice"]
    findings = sorted(check.findings, key=lambda finding: order.index(finding.severity)) if check else []
    steps = nearest(bisect, rows) if bisect else []
    return (
        _templates()
        .get_template("summary.md.j2")
        .render(
            report=report,
            bisect=bisect,
            check=check,
            sign=sign,
            words=words,
            metric_names=METRIC_NAMES,
            steps=steps,
            findings=findings[:rows],
            findings_left_out=max(0, len(findings) - rows),
        )
    )


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(  # noqa: S701 - this is Markdown: every value goes through one of the four filters
        loader=PackageLoader("bisect_cache.report"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters.update({"code": code, "cell": cell, "prose": prose, "fenced": fenced})
    return templates
