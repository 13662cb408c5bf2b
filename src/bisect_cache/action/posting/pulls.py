"""The pull request that a commit came with, asked of the API where the subject does not tell."""

from __future__ import annotations

from msgspec.structs import replace

from bisect_cache.action.posting.api import Api, CannotPost
from bisect_cache.report.structs import BisectReport, CacheReport, CheckpointFacts, Report, RunReport


def with_pull_requests(api: Api, report: Report) -> Report:
    """The report with the pull requests of the models that its verdicts name; as it is where they cannot be found."""
    if isinstance(report, RunReport):
        sections = tuple(replace(section, report=_of_cache(api, section.report)) for section in report.sections)
        return replace(report, sections=sections)
    return _of_cache(api, report)


def _of_cache(api: Api, report: CacheReport) -> CacheReport:
    if not isinstance(report, BisectReport):
        return report
    return replace(
        report,
        first_bad=_with_pull(api, report.first_bad),
        last_good=_with_pull(api, report.last_good),
    )


def _with_pull(api: Api, facts: CheckpointFacts | None) -> CheckpointFacts | None:
    if facts is None or not _unknown(facts):
        return facts
    commit = facts.origin["commit"]
    try:
        pulls = api.ask(
            "looking for a commit's pull request", lambda: list(api.repository.get_commit(commit).get_pulls())
        )
    except CannotPost:  # it may be of another repository, or not pushed
        return facts
    merged = [pull.number for pull in pulls if pull.merged_at is not None] or [pull.number for pull in pulls]
    return replace(facts, origin={**facts.origin, "pull": str(min(merged))}) if merged else facts


def _unknown(facts: CheckpointFacts) -> bool:
    return "commit" in facts.origin and "pull" not in facts.origin
