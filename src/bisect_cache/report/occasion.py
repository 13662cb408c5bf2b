"""Where a report was made: what the surfaces on GitHub say beside it, and never take from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Occasion:
    """One run of a workflow, as far as it is known; nothing is, on a command line."""

    repository: str = ""
    """Address of the repository's page."""
    run: int | None = None
    commit: str = ""
    """The commit that was judged, 40 digits."""
    from_fork: bool = False
    """The report was made by a run of somebody else's code."""

    @property
    def run_url(self) -> str:
        """Address of the run's page; empty where it is not known."""
        return self.url_of(self.run)

    @property
    def commit_url(self) -> str:
        """Address of the commit's page; empty where it is not known."""
        return f"{self.repository}/commit/{self.commit}" if self.repository and self.commit else ""

    def url_of(self, run: int | None) -> str:
        """Address of any run of the repository."""
        return f"{self.repository}/actions/runs/{run}" if self.repository and run else ""


NOWHERE = Occasion()
