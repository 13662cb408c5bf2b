"""Issues of our own: the one that tracks the nights, and one for each regression."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from github.Issue import Issue

from bisect_cache.action.posting.api import Api, CannotPost
from bisect_cache.printable import printable
from bisect_cache.report.markdown import regression_issue
from bisect_cache.report.marker import is_marked, marker
from bisect_cache.report.occasion import Occasion
from bisect_cache.report.sections import has_failed, sections_of
from bisect_cache.report.structs import BisectReport, Report, Section

LABEL = "bisect-cache"
REGRESSION_LABEL = "bisect-cache-regression"
NEEDS = "issues: write"
_LABELS = {
    LABEL: ("6f42c1", "Kept up to date by bisect-cache"),
    REGRESSION_LABEL: ("cf222e", "A model that got worse, found by bisect-cache"),
}
_CLOSED = "<!-- bisect-cache closed -->"
_LONGEST_NAME = 120
_ABOUT_TRACKING = (
    "The comment below is kept up to date by bisect-cache: the latest result, and the runs before it. "
    "Subscribe to this issue, or pin it; what you write here is left alone.\n"
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
    if found is None:
        made = _make(api, wanted, _ABOUT_TRACKING, LABEL, titled)
        if LABEL in {label.name for label in made.labels}:
            return made.number, None
        return made.number, (
            f"the tracking issue #{made.number} was made, but the token may not label it, so the next run would not "
            f"find it; set `tracking-issue: {made.number}`"
        )
    if found.state != "open":
        api.ask(f"opening issue #{found.number} again", lambda: found.edit(state="open"), NEEDS)
    return found.number, None


def refresh_regressions(api: Api, report: Report, key: str, occasion: Occasion) -> list[str]:
    """Open an issue for each regression on real data, close those that are good again; says what it did.

    An issue that a person has closed stays closed. Raises ``CannotPost``.
    """
    return [
        said
        for section in sections_of(report)
        if isinstance(section.report, BisectReport) and section.report.cache is not None
        if section.report.cache.provenance == "real"
        for said in _refresh_of_cache(api, section, section.report, key, occasion)
    ]


def _refresh_of_cache(api: Api, section: Section, report: BisectReport, key: str, occasion: Occasion) -> Iterator[str]:
    bad = report.first_bad if report.outcome in {"regression", "non-monotone", "head-bad"} else None
    if bad is None and report.outcome != "no-regression":
        return  # nothing is known that an issue could be opened or closed for
    cache_mark = marker("regression", key, section.cache)

    def ours() -> list[Issue]:
        return [
            issue
            for issue in _labelled(api, REGRESSION_LABEL)
            if is_marked(issue.body or "", cache_mark) and api.is_me(issue.user)
        ]

    issues = api.ask("looking for issues about regressions", ours, NEEDS)
    model_mark = marker("regression", key, f"{section.cache} {bad.label}") if bad else ""
    if bad:
        head = f"{cache_mark}\n{model_mark}\n\n"
        title = f"{printable(bad.label, _LONGEST_NAME)} got worse"
        known = _marked(issues, model_mark)
        if known is None:
            body = regression_issue(report, bad, occasion, head)
            made = _make(api, title, body, REGRESSION_LABEL, lambda: _marked(ours(), model_mark))
            yield f"opened #{made.number} about {bad.label}"
        elif known.state != "open" and is_marked(known.body or "", _CLOSED):
            body = regression_issue(report, bad, occasion, head)
            api.ask(f"opening #{known.number} again", lambda: known.edit(state="open", body=body), NEEDS)
            yield f"opened #{known.number} about {bad.label} again"
    good = {
        marker("regression", key, f"{section.cache} {step.label}") for step in report.steps if step.verdict == "good"
    }
    if report.check is not None and has_failed(report.check):
        return  # on data that drifted, good is no proof
    for issue in issues:
        if issue.state == "open" and (bad is None or any(is_marked(issue.body or "", mark) for mark in good)):
            _close(api, issue, occasion)
            yield f"closed #{issue.number}: good again"


def _close(api: Api, issue: Issue, occasion: Occasion) -> None:
    where = f" on commit {occasion.commit}" if occasion.commit else ""
    run = f" ([run]({occasion.run_url}))" if occasion.run_url else ""
    body = f"{_CLOSED}\n{issue.body or ''}\n\nGood again{where}{run}: closed by bisect-cache.\n"
    api.ask(f"closing #{issue.number}", lambda: issue.edit(state="closed", state_reason="completed", body=body), NEEDS)


def _marked(issues: list[Issue], mark: str) -> Issue | None:
    return next((issue for issue in issues if is_marked(issue.body or "", mark)), None)


def _labelled(api: Api, label: str) -> list[Issue]:
    """Issues with a label, oldest first, over all pages; pull requests, which the server lists too, are none."""
    listed = api.repository.get_issues(state="all", labels=[label], sort="created", direction="asc")
    return [issue for issue in listed if issue.pull_request is None]


def _make(api: Api, title: str, body: str, label: str, find: Callable[[], Issue | None]) -> Issue:
    colour, about = _LABELS[label]
    try:
        api.create(
            f"making the label {label}",
            lambda: None,
            lambda: api.repository.create_label(label, colour, about),
            NEEDS,
        )
    except CannotPost as refused:
        if refused.status != 422:  # it is there
            raise
    return api.create(
        f"opening the issue '{title}'", find, lambda: api.repository.create_issue(title, body, labels=[label]), NEEDS
    )
