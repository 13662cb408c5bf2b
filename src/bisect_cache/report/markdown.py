"""A report as Markdown for GitHub's surfaces, from the templates beside this file.

One renderer for all of them: the step summary and the pull request's comment are the same page with other limits,
the tracking comment is that page and the nights before.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from bisect_cache.judge.by_content import ContentCompared
from bisect_cache.judge.sampling import Interval
from bisect_cache.judge.thresholds import METRIC_NAMES
from bisect_cache.report.chart import chart, course, metric_name, sparkline
from bisect_cache.report.contents import contents_of, rule
from bisect_cache.report.environment import worker_words
from bisect_cache.report.escaping import cell, code, command, html, is_too_long, prose, whole
from bisect_cache.report.figures import brief, change, ends, telling
from bisect_cache.report.headline import HEADLINES, headline, section_headline
from bisect_cache.report.history import Night, hidden
from bisect_cache.report.kept import kept
from bisect_cache.report.limits import Limit, asked_for, limits_of
from bisect_cache.report.measured import detectable_words, intervals_words, metrics_of, target_words
from bisect_cache.report.occasion import NOWHERE, Occasion
from bisect_cache.report.sections import check_of, has_failed, sections_of, whole_verdict
from bisect_cache.report.structs import (
    EXIT_CODES,
    BisectReport,
    CacheReport,
    CheckpointFacts,
    CheckReport,
    Report,
    RunReport,
    Section,
    Step,
)
from bisect_cache.report.turns import turns_of

if TYPE_CHECKING:
    from jinja2 import Environment

SUMMARY_LIMIT = 1_048_576
"""Bytes that a step summary may have; one more, and GitHub drops the whole of it."""
_FOR_WARNINGS = 32_768
"""Bytes of a summary that are left to what could not be posted, which is written behind the report."""
COMMENT_LIMIT = 65_536
"""Characters that a comment may have. Signs beyond 16 bits are counted twice here: nobody says how GitHub counts."""
DEFAULT_KEY = "default"
_ORIGINS_SHOWN, _THRESHOLDS_SHOWN, _VERSIONS_SHOWN = 8, 10, 12
_ROOM_FOR_MOVED = 6
"""Rows of a room in which tables of what moved, or of contents, still have a place."""
_LONGEST_FACT = 60
"""Characters of a name or a version among others on one line."""
_OPERATORS = {">=": "≥", "<=": "≤", ">": "\\>", "<": "&lt;"}
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_NO_BREAK = "\u00a0"
_NUMBER = re.compile(r"[0-9]{1,9}")


class _Room(NamedTuple):
    """How much of each cache's report is shown; its verdict alone where no row is."""

    rows: int
    charts: bool


_ROOMS = tuple(_Room(rows, charts=rows >= 30) for rows in (1000, 500, 250, 120, 60, 30, 12, 6, 3, 1, 0))
"""The largest first."""


def summary(report: Report, occasion: Occasion = NOWHERE, limit: int = SUMMARY_LIMIT - _FOR_WARNINGS) -> str:
    """The report as a step summary of at most ``limit`` bytes of UTF-8.

    Good models in the middle and findings of low rank give way first, and the text says how many did.
    """
    return _fitted(report, occasion, "", lambda text: len(text.encode()) <= limit)


def comment(
    report: Report, occasion: Occasion = NOWHERE, key: str = DEFAULT_KEY, limit: int = COMMENT_LIMIT, head: str = ""
) -> str:
    """The report as a comment of at most ``limit`` characters, ``head`` (hidden markers) included."""
    room = limit - _characters(head)
    shown_key = "" if key == DEFAULT_KEY else key
    return head + _fitted(report, occasion, shown_key, lambda text: _characters(text) <= room)


def tracking(report: Report, occasion: Occasion, nights: Sequence[Night], key: str, head: str) -> str:
    """The report with the nights before it, oldest first and the newest one this report's."""

    def rendered(page: str) -> str:
        return (
            _templates()
            .get_template("tracking.md.j2")
            .render(
                page=page,
                nights=nights,
                spark=_course_of(nights),
                hidden=hidden(nights),
                metric_names=METRIC_NAMES,
                occasion=occasion,
            )
        )

    around = _characters(rendered(""))
    return head + rendered(comment(report, occasion, key, COMMENT_LIMIT - _characters(head) - around))


def regression_issue(report: BisectReport, bad: CheckpointFacts, occasion: Occasion, head: str) -> str:
    """The body of an issue about one regression."""
    drawn = chart(report)
    text = (
        _templates()
        .get_template("regression.md.j2")
        .render(
            bad=bad,
            models=[
                _Line(role, facts.label, _origin(facts, occasion))
                for role, facts in (("first bad", bad), ("last good", report.last_good))
                if facts
            ],
            source=report.timeline.source if report.timeline else "",
            thresholds=report.thresholds[:_THRESHOLDS_SHOWN],
            cache=report.cache.path if report.cache else "",
            verdict=report.verdict,
            chart=drawn,
            chart_words=_chart_words(report, drawn),
            reproduce=report.reproduce,
            occasion=occasion,
        )
    )
    return head + text


def not_posted(why: str) -> str:
    """A warning for the summary: what could not be said in the repository."""
    told, _, block = why.partition("\n\n")
    shown = "".join(f"> {line}\n" for line in ["```yaml", *block.splitlines(), "```"]) if block else ""
    return f"\n> [!WARNING]\n> {prose(told)}\n{shown}"


@dataclass(frozen=True)
class _Line:
    """One of the models that a verdict is about."""

    role: str
    label: str
    origin: list[tuple[str, str]]
    cells: Sequence[str] = ()
    """Its metrics, in the order of the table's columns."""


def _fitted(report: Report, occasion: Occasion, key: str, fits: Callable[[str], bool]) -> str:
    words = headline(report).words
    shown = {
        "report": report,
        "verdict": (report.verdict if isinstance(report, RunReport) else whole_verdict(report)) or words,
        "headline": headline(report),
        "several": isinstance(report, RunReport),
        "occasion": occasion,
        "key": key,
    }
    page, short = _templates().get_template("page.md.j2"), _templates().get_template("short.md.j2")
    sections = sorted(sections_of(report), key=_reading_order)
    charts = [chart(section.report) if isinstance(section.report, BisectReport) else None for section in sections]

    @cache
    def rendered(place: int) -> str:
        views = [
            _view(section, drawn, _ROOMS[place], occasion) for section, drawn in zip(sections, charts, strict=True)
        ]
        return page.render(sections=views, brief=_ROOMS[place].rows == 0, **shown)

    # By bisection: where a report is far too long, the largest of its pages would take longest.
    largest = bisect_left(range(len(_ROOMS)), True, key=lambda place: fits(rendered(place)))
    text = rendered(largest) if largest < len(_ROOMS) else short.render(**shown)
    while text and not fits(text):
        text = text[: len(text) * 9 // 10]
    return text


def _reading_order(section: Section) -> tuple[bool, bool]:
    """What has failed comes first, a smoke test before what it throws doubt on; one that has passed comes last."""
    failed = has_failed(section.report)
    return not failed, failed != section.smoke


def _view(section: Section, drawn: str | None, room: _Room, occasion: Occasion) -> dict[str, Any]:
    report = section.report
    check, bisect = check_of(report), report if isinstance(report, BisectReport) else None
    findings = _ranked(check, room.rows)
    notes = bisect.notes if bisect else ()
    drawn = drawn if room.charts else None
    return {
        "name": section.name,
        "verdict": whole_verdict(report),
        "headline": section_headline(section),
        "report": report,
        "bisect": bisect,
        "check": check,
        "synthetic": report.cache is not None and report.cache.provenance == "synthetic",
        "failed": has_failed(report),
        "target": target_words(report.cache),
        "baseline": _baseline(bisect, occasion),
        "turns": turns_of(bisect, room.rows) if bisect else None,
        "doubts": _doubts(bisect),
        "newest": _newest(bisect),
        "chart": drawn,
        "chart_words": _chart_words(bisect, drawn) if bisect else "",
        "spark": _spark(bisect) if bisect and not room.charts else "",
        "explained": _explained(bisect, room.rows),
        **_contents(bisect, room.rows),
        "entries": kept(bisect, room.rows) if bisect else [],
        "asked": asked_for(bisect) if bisect else (),
        "intervals": intervals_words(bisect.sampling) if bisect and bisect.sampling else "",
        "detectable": detectable_words(report),
        "findings": findings,
        "findings_left_out": len(check.findings) - len(findings) if check else 0,
        "notes": notes[: room.rows],
        "notes_left_out": len(notes[room.rows :]),
        "commands": _commands(report, check),
        "command_too_long": is_too_long(report.reproduce),
        "made_with": _made_with(report),
        **_pair(bisect, occasion),
    }


def _commands(report: CacheReport, check: CheckReport | None) -> list[str]:
    """Code blocks of the commands that show the same, and what is wrong with the cache where anything is."""
    wanted = [report.reproduce, check.reproduce] if check and has_failed(check) else [report.reproduce]
    return list(dict.fromkeys(block for block in map(command, wanted) if block))


def _made_with(report: CacheReport) -> str:
    versions = list(report.environment.items())[:_VERSIONS_SHOWN]
    said = [f"{prose(name, _LONGEST_FACT)} {prose(value, _LONGEST_FACT)}" for name, value in versions]
    if isinstance(report, BisectReport) and report.worker:
        said.append(worker_words(report.worker))
    return " · ".join([f"cache {code(report.cache.fingerprint)}", *said] if report.cache else said)


def _ranked(check: CheckReport | None, rows: int) -> list[Any]:
    order = ["error", "warning", "notice"]
    return sorted(check.findings, key=lambda finding: order.index(finding.severity))[:rows] if check else []


def _explained(report: BisectReport | None, rows: int) -> dict[str, Any] | None:
    """What changed between the two models that the verdict names; the tables give way first."""
    if report is None or report.explanation is None or report.first_bad is None or report.last_good is None:
        return None
    whole, moved = report.explanation, rows if rows >= _ROOM_FOR_MOVED else 0
    shown = {
        "findings": whole.findings[:rows],
        "contents": whole.contents[:moved],
        "rows": whole.rows[:moved],
        "notes": whole.notes[:rows],
    }
    left_out = sum(len(getattr(whole, name)) - len(some) for name, some in shown.items())
    return {**shown, "good": report.last_good.label, "bad": report.first_bad.label, "left_out": left_out}


def _contents(report: BisectReport | None, rows: int) -> dict[str, Any]:
    """What two models do content by content; in little room the sentences alone."""
    if report is None or not report.groups:
        return {"groups": []}
    shown = contents_of(report, rows if rows >= _ROOM_FOR_MOVED else 0)
    return {"groups": shown, "groups_left_out": len(report.groups) - len(shown)}


class _Doubts(NamedTuple):
    """What keeps a run from a verdict, among the models that may be the first bad one."""

    uncertain: bool
    untestable: bool
    rows_tell: bool
    """Whether more rows would settle what is uncertain."""


def _doubts(report: BisectReport | None) -> _Doubts:
    wanted = {facts.index for facts in report.candidates} if report else set()
    steps = [step for step in report.steps if step.index in wanted] if report else []
    verdicts = {step.verdict for step in steps}
    unsure = [one for step in steps for one in step.thresholds if one.verdict == "uncertain"]
    rows_tell = all(one.times is not None or one.interval is None for one in unsure)
    return _Doubts("uncertain" in verdicts, "untestable" in verdicts, rows_tell)


def _newest(report: BisectReport | None) -> Step | None:
    """What ships next, where it was looked at."""
    if report is None or report.timeline is None:
        return None
    return next((step for step in report.steps if step.index == report.timeline.length - 1), None)


def _baseline(report: BisectReport | None, occasion: Occasion) -> _Line | None:
    """What relative thresholds compare with."""
    if report is None or report.baseline is None:
        return None
    facts = report.baseline
    metrics = [
        f"{metric_name(name)} {brief(facts.metrics[name])}" for name in asked_for(report) if name in facts.metrics
    ]
    return _Line("baseline", facts.label, _origins(facts.origin, occasion), metrics)


def _pair(report: BisectReport | None, occasion: Occasion) -> dict[str, Any]:
    """The last good model and the first bad one beside each other, and by how much they differ."""
    if report is None or report.first_bad is None or report.last_good is None:
        return {"pair": []}
    steps = {step.index: step for step in report.steps}
    good, bad = steps.get(report.last_good.index), steps.get(report.first_bad.index)
    if good is None or bad is None:
        return {"pair": []}
    metrics = [metric for metric in METRIC_NAMES if metric in good.metrics or metric in bad.metrics]
    limits = limits_of(report)[:_THRESHOLDS_SHOWN]
    return {
        "pair": [
            _Line("last good", good.label, _origin(report.last_good, occasion), _values(good, metrics, limits)),
            _Line("first bad", bad.label, _origin(report.first_bad, occasion), _values(bad, metrics, limits)),
        ],
        "compared": _compared(report, occasion),
        "metrics": metrics,
        "change": [
            change(good.metrics[metric], bad.metrics[metric])
            if metric in good.metrics and metric in bad.metrics
            else ""
            for metric in metrics
        ],
        "must": ["<br>".join(_must(limit) for limit in limits if limit.metric == metric) for metric in metrics],
    }


def _values(step: Step, metrics: Sequence[str], limits: Sequence[Limit]) -> list[str]:
    """Each metric with as many digits as show on which side of its limits it is, and its interval."""
    return [
        f"{telling(step.metrics[metric], [one.bound for one in limits if one.metric == metric])}{_under(step, metric)}"
        if metric in step.metrics
        else ""
        for metric in metrics
    ]


def _under(step: Step, metric: str) -> str:
    """The interval of a metric, in small under its value."""
    return _small(step.intervals[metric]) if metric in step.intervals else ""


def _small(interval: Interval, sign: str = "") -> str:
    """An interval in small under what it is of, in one line."""
    return f"<br><sub>{_unbroken(ends(interval, sign))}</sub>"


def _before_after(one: ContentCompared) -> str:
    return _unbroken(f"{brief(one.before)} → {brief(one.after)}")


def _unbroken(text: str) -> str:
    return text.replace(" ", _NO_BREAK)


def _must(limit: Limit) -> str:
    """What a threshold asks of its metric: ``≥ 0.8``, ``≥ baseline - 0.02 (0.8036)``."""
    operator, _, asked = str(limit).removeprefix(f"{limit.metric} ").partition(" ")
    return f"{_OPERATORS[operator]} {prose(asked)}"


def _origin(facts: CheckpointFacts, occasion: Occasion) -> list[tuple[str, str]]:
    """Where a model comes from, as Markdown; commit and pull request lead to their pages."""
    return _origins(facts.origin, occasion)


def _origins(origin: Mapping[str, str], occasion: Occasion) -> list[tuple[str, str]]:
    shown = list(origin.items())[:_ORIGINS_SHOWN]
    return [(prose(name, _LONGEST_FACT), _linked(name, value, occasion) or code(value)) for name, value in shown]


def _linked(name: str, value: str, occasion: Occasion) -> str | None:
    """A link, where the report is our own: one in a stranger's report would lead where the stranger likes."""
    if occasion.from_fork or not occasion.repository:
        return None
    if name == "commit" and _COMMIT.fullmatch(value):
        return f"[`{value[:9]}`]({occasion.repository}/commit/{value})"
    if name == "pull" and _NUMBER.fullmatch(value):
        return f"[{value}]({occasion.repository}/pull/{value})"
    return None


def _compared(report: BisectReport, occasion: Occasion) -> str:
    """Address of the page that compares the last good commit with the first bad one."""
    if occasion.from_fork or not occasion.repository or report.first_bad is None or report.last_good is None:
        return ""
    good, bad = (facts.origin.get("commit", "") for facts in (report.last_good, report.first_bad))
    both = _COMMIT.fullmatch(good) and _COMMIT.fullmatch(bad)
    return f"{occasion.repository}/compare/{good}...{bad}" if both else ""


def _chart_words(report: BisectReport, source: str | None) -> str:
    drawn = course(report)
    if drawn is None or source is None:
        return ""
    limits = " and ".join(prose(str(limit)) for limit in drawn.lines)
    marked = " ✗: the first bad one." if '"✗ ' in source else ""
    marked += " ?: uncertain." if '"? ' in source else ""
    return f"Blue: {metric_name(drawn.metric)} of each model.{f' Red: {limits}.' if limits else ''}{marked}"


def _course_of(nights: Sequence[Night]) -> str:
    """The metric of each night's newest model, as long as it is the metric of the last night that has one."""
    metric = next((night.metric for night in reversed(nights) if night.metric in METRIC_NAMES), None)
    values = [night.newest if night.metric == metric else None for night in nights]
    known = [value for value in values if value is not None]
    if metric is None or not known:
        return ""
    course_of = f"{metric_name(metric)} of the newest model, run by run: `{sparkline(values)}`"
    return f"{course_of} ({min(known):.4g} to {max(known):.4g})"


def _spark(report: BisectReport) -> str:
    drawn = course(report)
    if drawn is None:
        return ""
    values = [*drawn.values[:30], *drawn.values[-30:]] if len(drawn.values) > 60 else drawn.values
    return f"{metric_name(drawn.metric)}, oldest first: `{sparkline(values)}`"


def _characters(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _sign(night: Night) -> str:
    return "❌" if night.failed and _is_green(night) else HEADLINES[night.outcome].sign


def _is_green(night: Night) -> bool:
    return EXIT_CODES[night.outcome] == 0


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(  # noqa: S701 - this is Markdown: every value goes through one of the filters
        loader=PackageLoader("bisect_cache.report"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters.update(
        {
            "code": code,
            "cell": cell,
            "prose": prose,
            "whole": whole,
            "html": html,
            "command": command,
            "metric_name": metric_name,
            "brief": brief,
            "ends": ends,
            "metrics_of": metrics_of,
            "under": _under,
            "small": _small,
            "before_after": _before_after,
            "change": lambda one: change(one.before, one.after),
            "rule": rule,
            "sign": _sign,
            "is_green": _is_green,
        }
    )
    return templates
