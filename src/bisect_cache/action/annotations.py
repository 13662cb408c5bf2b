"""Annotations: what was found, on the file it concerns, the worst first, within what GitHub shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from bisect_cache.cache.drift import Finding, Severity
from bisect_cache.report.markdown import HEADLINES
from bisect_cache.report.structs import EXIT_CODES, BisectReport, CheckReport, Report

PER_LEVEL = 10
"""GitHub shows ten of each level a step, and drops the others without a word."""
LONGEST_MESSAGE = 4096
_LEVELS: tuple[Severity, ...] = ("error", "warning", "notice")


@dataclass(frozen=True)
class Annotation:
    """One annotation; ``file`` is relative to the workspace, None where none is concerned."""

    level: Severity
    title: str
    message: str
    file: str | None = None


def annotated(report: Report, cache: str | None) -> list[Annotation]:
    """The annotations of a report, errors first, ten a level; the last of a full level counts those left out.

    ``cache`` is the cache's folder relative to the workspace, None for the embedded one.
    """
    check = report.check if isinstance(report, BisectReport) else report
    wanted = _of_outcome(report) + _of_findings(check, cache)
    shown: list[Annotation] = []
    for level in _LEVELS:
        shown.extend(_cut([annotation for annotation in wanted if annotation.level == level]))
    return shown


def _of_outcome(report: Report) -> list[Annotation]:
    if EXIT_CODES[report.outcome] == 0 or report.outcome == "drift":
        return []  # drift speaks through its findings
    return [Annotation("error", f"bisect-cache: {HEADLINES[report.outcome][1]}", report.verdict[:LONGEST_MESSAGE])]


def _of_findings(check: CheckReport | None, cache: str | None) -> list[Annotation]:
    return [
        Annotation(
            finding.severity,
            f"bisect-cache: drift ({finding.kind})"
            if finding.severity != "notice"
            else f"bisect-cache: {finding.kind}",
            finding.detail[:LONGEST_MESSAGE],
            str(PurePosixPath(cache) / finding.file) if cache else None,
        )
        for finding in _ranked(check.findings if check else ())
    ]


def _ranked(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: _LEVELS.index(finding.severity))


def _cut(level: list[Annotation]) -> list[Annotation]:
    if len(level) <= PER_LEVEL:
        return level
    kept = level[: PER_LEVEL - 1]
    rest = len(level) - len(kept)
    more = Annotation(
        level[0].level, f"bisect-cache: {rest} more", f"{rest} more of this level are in the summary and in the report."
    )
    return [*kept, more]
