"""What a run is asked to do, and the command that asks for the same again."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path

from bisect_cache.judge.process import Limits
from bisect_cache.judge.thresholds import DEFAULT_THRESHOLDS, Threshold, parse_thresholds

EMBEDDED = Path(__file__).parent / "cache" / "embedded"
"""The synthetic cache that ships inside the package: recipe ``research-0001``."""


@dataclass(frozen=True)
class CheckRequest:
    """What to check."""

    cache: Path | None = None
    """None: the embedded one."""
    strict: bool = False
    source: Path | None = None
    """Where the recipe's source lies now."""

    @property
    def folder(self) -> Path:
        """The cache's folder."""
        return self.cache or EMBEDDED

    @property
    def command(self) -> str:
        """The command line that makes the same check."""
        words = ["check", *([str(self.cache)] if self.cache else []), *(["--strict"] if self.strict else [])]
        return _command(words + (["--source", str(self.source)] if self.source else []))


@dataclass(frozen=True)
class BisectRequest:
    """What to bisect, on what, against what."""

    cache: Path | None = None
    """None: the embedded one."""
    timeline: tuple[str, ...] = ()
    """SPECs; none: the models of the cache."""
    thresholds: tuple[Threshold, ...] = parse_thresholds(DEFAULT_THRESHOLDS)
    input: str | None = None
    output: str | None = None
    sidecar: str | None = None
    """Location of each model's sidecar, ``{stem}`` being the model's file name without its ending."""
    base: str | None = None
    """The commit that a change starts from: is the first bad model part of the change, or was it there before?"""
    explain: bool = False
    """Whether to say what changed from the last good model to the first bad one."""
    limits: Limits = field(default_factory=Limits)

    @property
    def folder(self) -> Path:
        """The cache's folder."""
        return self.cache or EMBEDDED

    @property
    def command(self) -> str:
        """The command line that asks for the same bisect."""
        options: list[tuple[str, str | None]] = [
            ("--cache", str(self.cache) if self.cache else None),
            *(("--timeline", spec) for spec in self.timeline),
            *(("--threshold", str(threshold)) for threshold in self.thresholds),
            ("--input", self.input),
            ("--output", self.output),
            ("--sidecar", self.sidecar),
            ("--base", self.base),
        ]
        words = [word for name, value in options if value is not None for word in (name, value)]
        return _command(["bisect", *words, *(["--explain"] if self.explain else [])])


def _command(words: list[str]) -> str:
    return shlex.join(["bisect-cache", *words])
