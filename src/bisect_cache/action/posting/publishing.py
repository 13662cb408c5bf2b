"""What a run of somebody else's code left, posted by a run of ours (``workflow_run``).

The artifact is a stranger's data: one JSON member is read, held to the schema and rendered anew. Which pull request it
belongs to is asked of the API, never of the artifact.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass

from github.PullRequest import PullRequest
from github.WorkflowRun import WorkflowRun

from bisect_cache.action.posting.api import Api
from bisect_cache.errors import BisectCacheError
from bisect_cache.printable import one_line, printable
from bisect_cache.report.structs import Report, decode_report

READS_RUNS = "actions: read"
LARGEST_ARTIFACT = 16 << 20
"""Bytes of an artifact, compressed."""
LARGEST_MEMBER = 16 << 20
"""Bytes of a stranger's report: 10,000 models and more, each with all its values and intervals."""
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What artifacts are made with; others may ask for a dictionary of any size."""


class NoReport(BisectCacheError):
    """The run left no report that can be read."""


@dataclass(frozen=True)
class Triggering:
    """The run that set off this one, as the API tells it."""

    run: int
    event: str
    conclusion: str
    head: str
    pull_requests: tuple[int, ...]
    """Open ones whose head is the commit that was judged."""
    moved_on: tuple[int, ...]
    """Open ones of the same branch with a newer head: their own run speaks for them."""
    from_fork: bool


def triggering_run(api: Api, run: int) -> Triggering:
    """What set off this run. Raises ``CannotPost``."""
    repository = api.repository
    told = api.ask(f"reading run {run}", lambda: _completed(api, run), READS_RUNS)
    source, branch = told.head_repository, told.head_branch
    pulls: list[PullRequest] = []
    if source is not None:  # a fork can be deleted while its run goes on
        pulls = api.ask(
            "looking for the pull request of the run",
            lambda: list(repository.get_pulls(state="open", head=f"{source.owner.login}:{branch}")),
            "pull-requests: write",
        )
    # The server ignores a head that it does not understand, and lists every pull request then.
    same = [
        pull
        for pull in pulls
        if pull.head.ref == branch and pull.head.repo is not None and pull.head.repo.id == source.id
    ]
    return Triggering(
        run=run,
        event=told.event or "",
        conclusion=told.conclusion or "",
        head=told.head_sha,
        pull_requests=tuple(pull.number for pull in same if pull.head.sha == told.head_sha),
        moved_on=tuple(pull.number for pull in same if pull.head.sha != told.head_sha),
        from_fork=source is None or source.id != told.repository.id,
    )


def report_of(api: Api, run: int, artifact: str, member: str) -> Report:
    """The report that ``run`` left as ``member`` of ``artifact``.

    Raises ``NoReport``, ``BadReport``, ``CannotPost``.
    """
    doing = f"reading the artifact {printable(artifact)} of run {run}"
    found = api.ask(doing, lambda: list(_completed(api, run).get_artifacts()), READS_RUNS)
    kept = [one for one in found if one.name == artifact and not one.expired]
    if not kept:
        raise NoReport(
            f"run {run} left no artifact called {printable(artifact)}; upload the report in the workflow that judges, "
            f"also when it fails (`if: always()`), and name the artifact with the input 'artifact'"
        )
    newest = max(kept, key=lambda one: one.id)
    if newest.size_in_bytes > LARGEST_ARTIFACT:
        raise NoReport(
            f"the artifact {printable(artifact)} has {newest.size_in_bytes:,} bytes; at most {LARGEST_ARTIFACT:,} are "
            f"read: upload the report alone"
        )
    data = api.download(doing, f"actions/artifacts/{newest.id}/zip", LARGEST_ARTIFACT, READS_RUNS)
    return decode_report(unpacked(data, member, artifact), f"{member} in the artifact {printable(artifact)}")


def _completed(api: Api, run: int) -> WorkflowRun:
    """A run with all its facts."""
    return api.repository.get_workflow_run(run).complete()


def unpacked(data: bytes, member: str, artifact: str) -> bytes:
    """One member of an archive, held in memory alone: no name in it is ever a path. Raises ``NoReport``."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            found = archive.getinfo(member)
            if found.compress_type not in _COMPRESSIONS:
                raise zipfile.BadZipFile("compressed in a way that artifacts are not")
            with archive.open(found) as stream:
                read = stream.read(LARGEST_MEMBER + 1)
    except KeyError as error:
        raise NoReport(
            f"the artifact {printable(artifact)} holds no {printable(member)}; upload the report alone, and name it "
            f"with the input 'report'"
        ) from error
    except Exception as error:  # damaged archives make the library raise whatever its decoders do
        raise NoReport(
            f"the artifact {printable(artifact)} cannot be unpacked ({printable(one_line(str(error)))}); run the "
            f"workflow again"
        ) from error
    if len(read) > LARGEST_MEMBER:
        raise NoReport(f"{printable(member)} in the artifact has more than {LARGEST_MEMBER:,} bytes")
    return read
