"""Issues of our own: the one that tracks the nights, and one for each regression."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from github.Issue import Issue

from bisect_cache.action.posting.api import Api, CannotPost
from bisect_cache.printable import printable
from bisect_cache.report.markdown import COMMENT_LIMIT, regression_issue
from bisect_cache.report.marker import is_marked, marker
from bisect_cache.report.occasion import Occasion
from bisect_cache.report.sections import has_failed, sections_of
from bisect_cache.report.structs import BisectReport, CheckpointFacts, Report

LABEL = "bisect-cache"
REGRESSION_LABEL = "bisect-cache-regression"
NEEDS = "issues: write"
_LABELS = {
    LABEL: ("6f42c1", "Kept up to date by bisect-cache"),
    REGRESSION_LABEL: ("cf222e", "A model that got worse, found by bisect-cache"),
}
_GOOD_AGAIN = "Good again"
_LONGEST_NAME = 120
_ABOUT_TRACKING = (
    "The comment below is kept up to date by bisect-cache: the latest result, and the runs before it. "
    "Pin this issue; what you write here is left alone.\n"
)


def tracking_issue(api: Api, wanted: int | str) -> tuple[int, str | None]:
    """The number of the tracking issue, and what a reader must be told about it.

    A number is taken as it is. A title is looked for among the issues with our label, opened again where it was
    closed, and made where there is none. Raises ``CannotPost``.
    """
    if isinstance(wanted, int):
        return wanted, None

    def titled() -> Issue | None:
        same = [issue for issue in _labelled(api, LABEL) if issue.title == wanted]
        return next((issue for issue in same if issue.state == "open"), same[0] if same else None)

    found = api.ask("looking for the tracking issue", titled, NEEDS)
    if found is not None:
        if found.state != "open":
            _edit(api, found.number, f"opening issue #{found.number} again", state="open")
        return found.number, None
    number, labels = _make(api, wanted, _ABOUT_TRACKING, LABEL, titled)
    if LABEL not in labels:
        return number, (
            f"the tracking issue #{number} was made, but the token may not label it, so the next run would not find "
            f"it; set `tracking-issue: {number}`"
        )
    older = api.ask("looking for the tracking issue", titled, NEEDS)
    if older is not None and older.number < number:  # another run made one at the same moment
        _edit(api, number, f"closing issue #{number}", state="closed", state_reason="not_planned")
        return older.number, None
    return number, None


def refresh_regressions(api: Api, report: Report, key: str, occasion: Occasion) -> Iterator[str]:
    """Open an issue for each regression on real data, close those that are good again; says what it did.

    An issue that a person has closed stays closed. Raises ``CannotPost``.
    """
    for section in sections_of(report):
        judged = section.report
        if isinstance(judged, BisectReport) and judged.cache is not None and judged.cache.provenance == "real":
            yield from _refresh_of_cache(api, section.cache, judged, key, occasion)


def _refresh_of_cache(api: Api, cache: str, report: BisectReport, key: str, occasion: Occasion) -> Iterator[str]:
    bad = report.first_bad if report.outcome in {"regression", "non-monotone", "head-bad"} else None
    if bad is None and report.outcome != "no-regression":
        return  # nothing is known that an issue could be opened or closed for
    judged = f"{cache} {report.timeline.source if report.timeline else ''}"
    all_mark = marker("regression", key, judged)

    def mark_of(label: str) -> str:
        return marker("regression", key, f"{judged} {label}")

    def ours() -> list[Issue]:
        labelled = _labelled(api, REGRESSION_LABEL)
        return [issue for issue in labelled if is_marked(issue.body or "", all_mark) and api.is_me(issue.user)]

    issues = api.ask("looking for issues about regressions", ours, NEEDS)
    if bad is not None:
        yield from _open(api, issues, ours, report, bad, f"{all_mark}\n{mark_of(bad.label)}\n\n", occasion)
    if report.check is not None and has_failed(report.check):
        return  # on data that drifted, good is no proof
    good = {mark_of(step.label) for step in report.steps if step.verdict == "good"}
    for issue in issues:
        if issue.state == "open" and (bad is None or any(is_marked(issue.body or "", mark) for mark in good)):
            _close(api, issue, occasion)
            yield f"closed #{issue.number}: good again"


def _open(
    api: Api,
    issues: list[Issue],
    ours: Callable[[], list[Issue]],
    report: BisectReport,
    bad: CheckpointFacts,
    head: str,
    occasion: Occasion,
) -> Iterator[str]:
    mark = head.splitlines()[1]
    known = _marked(issues, mark)
    if known is None:
        title = f"{printable(bad.label, _LONGEST_NAME)} got worse"
        body = regression_issue(report, bad, occasion, head)
        number, _ = _make(api, title, body, REGRESSION_LABEL, lambda: _marked(ours(), mark))
        yield f"opened #{number} about {bad.label}"
    elif known.state != "open" and api.is_me(known.closed_by):
        body = regression_issue(report, bad, occasion, head)
        _edit(api, known.number, f"opening #{known.number} again", state="open", body=body)
        yield f"opened #{known.number} about {bad.label} again"


def _close(api: Api, issue: Issue, occasion: Occasion) -> None:
    where = f" on commit {occasion.commit}" if occasion.commit else ""
    run = f" ([run]({occasion.run_url}))" if occasion.run_url else ""
    kept = "\n".join(line for line in (issue.body or "").splitlines() if not line.startswith(_GOOD_AGAIN)).rstrip()
    body = f"{kept}\n\n{_GOOD_AGAIN}{where}{run}: closed by bisect-cache.\n"
    fields = {"body": body} if len(body) <= COMMENT_LIMIT else {}
    reason = "completed"
    _edit(api, issue.number, f"closing #{issue.number}", state="closed", state_reason=reason, **fields)


def _marked(issues: list[Issue], mark: str) -> Issue | None:
    return next((issue for issue in issues if is_marked(issue.body or "", mark)), None)


def _labelled(api: Api, label: str) -> list[Issue]:
    """Issues with a label, oldest first, over all pages; pull requests, which the server lists too, are none.

    The label is looked for again: a server that has moved the repository lists every issue.
    """
    listed = api.all_of(Issue, "issues", state="all", labels=label, sort="created", direction="asc")
    return [issue for issue in listed if label in {known.name for known in issue.labels} and issue.pull_request is None]


def _make(api: Api, title: str, body: str, label: str, find: Callable[[], Issue | None]) -> tuple[int, frozenset[str]]:
    """A new issue: its number and its labels."""
    colour, about = _LABELS[label]

    def make_label() -> dict[str, Any]:
        return api.write("POST", "labels", name=label, color=colour, description=about)

    def found() -> tuple[int, frozenset[str]] | None:
        issue = find()
        return (issue.number, frozenset(known.name for known in issue.labels)) if issue else None

    def make() -> tuple[int, frozenset[str]]:
        made = api.write("POST", "issues", title=title, body=body, labels=[label])
        return int(made["number"]), frozenset(known["name"] for known in made.get("labels", ()))

    try:
        api.create(f"making the label {label}", lambda: None, make_label, NEEDS)
    except CannotPost as refused:
        if refused.status != 422:  # it is there
            raise
    return api.create(f"opening the issue '{title}'", found, make, NEEDS)


def _edit(api: Api, number: int, doing: str, **fields: object) -> None:
    api.ask(doing, lambda: api.write("PATCH", f"issues/{number}", **fields), NEEDS)
