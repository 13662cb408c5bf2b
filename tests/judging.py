"""What tests judge with: a judge, noisy caches on which intervals mean something, timelines, and the command."""

from __future__ import annotations

import contextlib
import io
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import onnx
import pytest
from making import SIX, constant, linear, save

from bisect_cache.cache.generate import generate
from bisect_cache.cache.manifest import Table
from bisect_cache.cache.opened import Cache
from bisect_cache.cli import main
from bisect_cache.judge.choices import Predicts, Resampling
from bisect_cache.judge.judge import Judge, Ports
from bisect_cache.judge.measuring import Measuring
from bisect_cache.worker.process import Worker

NAN = float("nan")


def judge_of(
    worker: Worker, cache: Cache, ports: Ports | None = None, *, resamples: int = 0, predicts: Predicts = "quality"
) -> Judge:
    """A judge on ``cache``; without more, one that draws no resamples."""
    resampling = Resampling(resamples)
    measuring = Measuring(cache.target, cache.target_is, cache.contents, predicts=predicts, resampling=resampling)
    return Judge(worker, cache, measuring, ports or Ports())


def weaker(noise: float = 0.0, sign: float = 1.0) -> onnx.ModelProto:
    """A model that is the worse the more of ``motion2`` it takes, which on a noisy cache is noise alone."""
    return linear([sign * weight for weight in (0.2, 0.2, 0.2, 0.2, 0.2, noise)])


def noisy_cache_at(
    folder: Path, rows: int = 256, contents: int | None = 32, noise: float = 0.05, seed: int = 3, **parameters: Any
) -> Path:
    """A real cache: mos is the mean of all features but motion2, with noise of its own for each row and content.

    With direction lower-is-better it is 1 minus that: a DMOS.
    """
    rng = np.random.default_rng(seed)
    features = rng.uniform(0.0, 1.0, (rows, 6))
    clips = np.arange(rows) % (contents or rows)
    quality = features[:, :5].mean(axis=1) + rng.normal(0, noise, rows) + rng.normal(0, noise, rows)[clips]
    mos = 1 - quality if parameters.get("direction") == "lower-is-better" else quality
    heads = [*SIX, "mos", *(["content"] if contents else [])]
    lines = [",".join(heads)]
    for row, score, clip in zip(features.round(6), mos.round(6), clips, strict=True):
        lines.append(",".join([*map(str, row), str(score), *([f"clip{clip:02d}"] if contents else [])]))
    folder.parent.mkdir(parents=True, exist_ok=True)
    table = folder.parent / f"{folder.name}.csv"
    table.write_text("\n".join(lines) + "\n")
    generate(folder, Table(table=f"../{table.name}", **parameters))
    return folder


def timeline_at(folder: Path, models: Sequence[onnx.ModelProto | bytes]) -> Path:
    """``m_00.onnx``, ``m_01.onnx`` … in their order."""
    for index, made in enumerate(models):
        save(made, folder / f"m_{index:02d}.onnx")
    return folder


def verdicts_at(folder: Path, letters: str) -> Path:
    """A timeline of models that are good (g), bad (b), predict NaN (n) or cannot be loaded (x)."""
    made = {"g": weaker(0), "b": weaker(2), "n": constant(NAN), "x": b"no model at all"}
    return timeline_at(folder, [made[letter] for letter in letters])


@dataclass(frozen=True)
class Ran:
    """What a command came to."""

    code: int
    said: str
    """Standard output."""
    told: str
    """Standard error."""
    report: dict[str, Any]
    """Of ``--json``; empty where none was written."""

    @property
    def outcome(self) -> str:
        """In one word."""
        return str(self.report["outcome"])

    @property
    def verdict(self) -> str:
        """In one sentence."""
        return str(self.report["verdict"])

    @property
    def steps(self) -> dict[str, dict[str, Any]]:
        """By label, in the order of the timeline."""
        return {step["label"]: step for step in sorted(self.report["steps"], key=lambda step: step["index"])}

    @property
    def letters(self) -> str:
        """What was found of each model that was looked at, in the order of the timeline: ``ggub``."""
        return "".join("x" if step["verdict"] == "untestable" else step["verdict"][0] for step in self.steps.values())

    @property
    def first_bad(self) -> str | None:
        """Its label."""
        return self.report["first_bad"] and str(self.report["first_bad"]["label"])


def command(*arguments: object, cwd: Path) -> Ran:
    """``bisect-cache`` as a shell in ``cwd`` starts it, but in this process; a traceback is an error."""
    out, err = io.StringIO(), io.StringIO()
    on_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        with (
            contextlib.chdir(cwd),
            mock.patch.object(sys, "argv", ["bisect-cache", *map(str, arguments)]),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            main()
    finally:
        signal.signal(signal.SIGTERM, on_sigterm)
    assert isinstance(ended.value.code, int)
    report = cwd / "report.json"
    return Ran(
        ended.value.code,
        out.getvalue(),
        " ".join(err.getvalue().split()),
        json.loads(report.read_text()) if "report.json" in arguments and report.exists() else {},
    )


def bisect(cwd: Path, *arguments: object) -> Ran:
    """``bisect-cache bisect`` on the cache ``c`` and the models ``m`` in ``cwd``, with its report."""
    return command("bisect", "--cache", "c", "--timeline", "m", *arguments, "--json", "report.json", cwd=cwd)
