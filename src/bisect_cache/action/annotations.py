"""Annotations: what was found, on the file it concerns, the worst first, within what GitHub shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from bisect_cache.action.inputs import EMBEDDED_NAME
from bisect_cache.cache.drift import Finding, Severity
from bisect_cache.printable import printable
from bisect_cache.report.headline import HEADLINES
from bisect_cache.report.sections import check_of, has_failed, sections_of
from bisect_cache.report.structs import EXIT_CODES, BisectReport, CheckReport, Report, RunReport, Section

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


def annotated(report: Report, caches: Sequence[str], *, fails: bool = True) -> list[Annotation]:
    """The annotations of a report, errors first, ten a level; the last of a full level counts those left out.

    ``caches`` are the folders of the caches relative to the workspace, or ``embedded``. Where the job does not fail by
    them, errors are warnings.
    """
    sections = sections_of(report)
    wanted = [annotation for section in sections for annotation in _of_outcome(section, several=len(sections) > 1)]
    if isinstance(report, RunReport) and any(section.smoke and has_failed(section.report) for section in sections):
        wanted.insert(0, _plain("wiring-broke", report.verdict))
    folders = [section.cache for section in sections] if isinstance(report, RunReport) else caches
    for cache, section in dict(zip(folders, sections, strict=False)).items():  # each cache's check once
        wanted.extend(_of_findings(check_of(section.report), cache))
    for section in sections:
        wanted.extend(_of_untestable(section))
    if not fails:
        wanted = [_milder(annotation) for annotation in wanted]
    return [shown for level in _LEVELS for shown in _cut([one for one in wanted if one.level == level])]


def _of_outcome(section: Section, *, several: bool) -> list[Annotation]:
    report = section.report
    if EXIT_CODES[report.outcome] == 0 or report.outcome == "drift" or section.smoke:
        return []  # drift speaks through its findings, a smoke test through the whole run
    bad = report.first_bad if isinstance(report, BisectReport) else None
    said = f"{section.name}: {report.verdict}" if several else report.verdict
    return [_plain(report.outcome, said, _in_workspace(bad.origin.get("file", "")) if bad else None)]


def _plain(outcome: str, verdict: str, file: str | None = None) -> Annotation:
    return Annotation("error", f"bisect-cache: {HEADLINES[outcome].words}", printable(verdict, LONGEST_MESSAGE), file)


def _of_findings(check: CheckReport | None, cache: str) -> list[Annotation]:
    return [
        Annotation(
            finding.severity,
            f"bisect-cache: drift ({finding.kind})"
            if finding.severity != "notice"
            else f"bisect-cache: {finding.kind}",
            printable(finding.detail, LONGEST_MESSAGE),
            None if cache == EMBEDDED_NAME else _in_workspace(f"{cache}/{finding.file}"),
        )
        for finding in _ranked(check.findings if check else ())
    ]


def _of_untestable(section: Section) -> list[Annotation]:
    steps = section.report.steps if isinstance(section.report, BisectReport) else ()
    return [
        Annotation(
            "warning",
            "bisect-cache: a model cannot be judged",
            printable(f"{step.label}: {step.reason}", LONGEST_MESSAGE),
            _in_workspace(step.origin.get("file", "")),
        )
        for step in steps
        if step.verdict == "untestable"
    ]


def _in_workspace(path: str) -> str | None:
    """``path`` where it is one in the workspace; the runner takes no other."""
    plain = PurePosixPath(path)
    return None if not path or plain.is_absolute() or ".." in plain.parts else str(plain)


def _milder(annotation: Annotation) -> Annotation:
    level: Severity = "warning" if annotation.level == "error" else annotation.level
    return Annotation(level, annotation.title, annotation.message, annotation.file)


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
