"""What a run is asked to do, and the command that asks for the same again."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bisect_cache.judge.choices import (
    DEFAULT_BUDGET,
    DEFAULT_CONFIDENCE,
    DEFAULT_RESAMPLES,
    DEFAULT_SEED,
    Decision,
    Predicts,
    Resampling,
    Strategy,
)
from bisect_cache.judge.thresholds import DEFAULT_THRESHOLDS, Threshold, parse_thresholds, written
from bisect_cache.worker.process import Limits

EMBEDDED = Path(__file__).parents[1] / "cache" / "embedded"
"""The synthetic cache that ships inside the package: recipe ``research-0001``."""
Looking = Callable[[str, int], None]
"""Told (label, how many were looked at before) when a model is about to be judged."""


@dataclass(frozen=True)
class Remeasuring:
    """Measure pairs of a cache again, and with what."""

    pairs: int
    seed: int | None
    ffmpeg: str | None
    vmaf: str | None
    seconds: float

    @property
    def words(self) -> list[str]:
        """Of a command line."""
        given = {"extract": self.pairs, "seed": self.seed, "ffmpeg": self.ffmpeg, "vmaf": self.vmaf}
        return [word for name, value in given.items() if value is not None for word in (f"--{name}", str(value))]


@dataclass(frozen=True)
class CheckRequest:
    """What to check."""

    cache: Path | None = None
    """None: the embedded one."""
    strict: bool = False
    source: Path | None = None
    """Where the recipe's source lies now."""
    remeasuring: Remeasuring | None = None

    @property
    def folder(self) -> Path:
        """The cache's folder."""
        return self.cache or EMBEDDED

    @property
    def command(self) -> str:
        """The command line that makes the same check."""
        words = ["check", *([str(self.cache)] if self.cache else []), *(["--strict"] if self.strict else [])]
        words += ["--source", str(self.source)] if self.source else []
        return _command(words + (self.remeasuring.words if self.remeasuring else []))


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
    feeding: Path | None = None
    """The file that declares how models are fed and their scores are read."""
    base: str | None = None
    """The commit that a change starts from: is the first bad model part of the change, or was it there before?"""
    explain: bool = False
    """Whether to say what changed from the last good model to the first bad one."""
    strategy: Strategy = "auto"
    budget: float = DEFAULT_BUDGET
    """Seconds after which strategy ``auto`` looks at no more than it must."""
    baseline: str | None = None
    """What relative thresholds compare with, by label, tag, commit or file; None: the first model."""
    decision: Decision = "auto"
    predicts: Predicts = "quality"
    resampling: Resampling = field(default_factory=Resampling)
    metrics: tuple[str, ...] = ()
    """Those that are measured; none: all."""
    by_content: bool = False
    """Whether to compare models content by content."""
    workers: int | None = None
    """Models judged side by side; None: one for each core, or thread of the cluster."""
    executor: str | None = None
    """Where they are judged: None for this machine, or a cluster as ``dask:HOST:PORT``."""
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
            *(("--metric", metric) for metric in self.metrics),
            ("--input", self.input),
            ("--output", self.output),
            ("--sidecar", self.sidecar),
            ("--feeding", str(self.feeding) if self.feeding else None),
            ("--base", self.base),
            *((name, str(value)) for name, value, usual in self._choices if value != usual),
        ]
        words = [word for name, value in options if value is not None for word in (name, value)]
        flags = (("--by-content", self.by_content), ("--explain", self.explain))
        return _command(["bisect", *words, *(flag for flag, wanted in flags if wanted)])

    @property
    def _choices(self) -> tuple[tuple[str, object, object], ...]:
        """What changes a verdict: option, value, and the value that need not be named."""
        return (
            ("--strategy", self.strategy, "auto"),
            ("--time-budget", written(self.budget), written(DEFAULT_BUDGET)),
            ("--baseline", self.baseline, None),
            ("--decision", self.decision, "auto"),
            ("--predicts", self.predicts, "quality"),
            ("--resamples", self.resampling.resamples, DEFAULT_RESAMPLES),
            ("--seed", self.resampling.seed, DEFAULT_SEED),
            ("--confidence", written(self.resampling.confidence), written(DEFAULT_CONFIDENCE)),
        )

    @property
    def names_baseline(self) -> bool:
        """Whether anything is asked about a baseline."""
        return self.baseline is not None or any(threshold.reference == "baseline" for threshold in self.thresholds)

    @property
    def stepwise(self) -> bool:
        """Whether all thresholds compare with the neighbour before, so that a verdict is no level but a step."""
        return bool(self.thresholds) and all(threshold.reference == "previous" for threshold in self.thresholds)


def shown(folder: Path) -> str:
    """What a cache's folder is called."""
    return "the embedded cache" if folder == EMBEDDED else folder.as_posix()


def _command(words: list[str]) -> str:
    return shlex.join(["bisect-cache", *words])
