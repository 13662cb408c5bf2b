"""What is measured: each case is one question, put to bisect-cache and to the stand-in on the same files.

A side's command and the way to read its answer stand together; both answers are compared before anything is
timed, since a fast wrong answer is worth nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Command

SYNTHETIC_MODELS = (8, 64, 1024)
COMMITS = 64
REAL_MIN_PLCC = 0.8
_ALIKE = ("--strategy", "bisect", "--resamples", "0")
"""Ours does no more than the stand-in: it bisects, and has no intervals."""
_FULL_LOOK = ("--strategy", "scan")
"""Ours looks at every model, each value with an interval of 2,000 resamples."""
_STRAIGHTFORWARD = (sys.executable, str(Path(__file__).with_name("straightforward.py")))
_GIT = ("git", "-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost", "-c", "commit.gpgsign=false")


@dataclass(frozen=True)
class Side:
    """One way to answer a case's question; ``answer`` is given what the command printed."""

    command: Command
    answer: Callable[[str], str]


@dataclass(frozen=True)
class Case:
    """One question and both ways to answer it."""

    name: str
    ours: Side
    theirs: Side


@dataclass(frozen=True)
class LeftOut:
    """A case that cannot be measured here, and why."""

    name: str
    reason: str


def our_command() -> tuple[str, ...]:
    """The installed console script beside this interpreter; the module where there is none."""
    script = Path(sys.executable).with_name("bisect-cache")
    return (str(script),) if script.is_file() else (sys.executable, "-m", "bisect_cache")


def all_cases(workplace: Path, data: Path) -> Iterator[Case | LeftOut]:
    """Every case, its files made in ``workplace`` as it is asked for."""
    ground = Ground(workplace, data)
    yield ground.check()
    for models in SYNTHETIC_MODELS:
        yield ground.bisect_synthetic(models, _ALIKE)
    yield ground.bisect_synthetic(SYNTHETIC_MODELS[-1], _FULL_LOOK)
    yield ground.bisect_real(_ALIKE)
    yield ground.bisect_real(_FULL_LOOK)
    yield ground.git_bisect(_ALIKE)
    yield ground.git_bisect(_FULL_LOOK)
    yield ground.generate()


@dataclass(frozen=True)
class Ground:
    """Where the files of the cases lie."""

    workplace: Path
    data: Path

    def check(self) -> Case:
        """Is the default synthetic cache still what its recipe makes?"""
        cache, report = self.workplace / "default", self.workplace / "check.json"
        _call(*our_command(), "generate", str(cache))

        def outcome_in_report(_printed: str) -> str:
            return str(json.loads(report.read_bytes())["outcome"])

        return Case(
            "check, 256 rows, 8 models",
            Side(Command((*our_command(), "check", str(cache), "--json", str(report))), outcome_in_report),
            Side(
                Command((*_STRAIGHTFORWARD, "check", str(cache))),
                lambda printed: str(json.loads(printed)["outcome"]),
            ),
        )

    def bisect_synthetic(self, models: int, options: tuple[str, ...]) -> Case:
        """Which of ``models`` synthetic models was the first to get worse?"""
        cache = self._synthetic(models)
        return Case(
            f"bisect, 256 rows, {models:,} models{_said(options)}",
            self._our_bisect(cache, cache / "models", 0.85, options),
            self._their_bisect(cache, cache / "models", 0.85),
        )

    def bisect_real(self, options: tuple[str, ...]) -> Case | LeftOut:
        """Which of eleven published models is worse than the newest, walking back in time?

        Newest first: in that order the real scores fall below the threshold once and for good, so a plain
        bisection and a full look have the same answer to find.
        """
        registry = self.data / "vmaf-history" / "registry.json"
        frames = self.data / "avt-vqdb-uhd-1" / "frames.parquet"
        name = f"bisect, 382,380 real rows, 11 real models{_said(options)}"
        for needed in (registry, frames):
            if not needed.is_file():
                return LeftOut(name, f"{needed} is not there; name the folder in BISECT_CACHE_REAL_DATA")
        cache, models = self.workplace / "real", self.workplace / "newest-first"
        if not models.exists():
            _call(*our_command(), "generate", str(cache), "--table", str(frames), "--content", "content_id")
            models.mkdir()
            for number, entry in enumerate(reversed(json.loads(registry.read_bytes())["models"])):
                shutil.copy(registry.parent / entry["file"], models / f"{number:02d}-{entry['name']}.onnx")
        return Case(
            name,
            self._our_bisect(cache, models, REAL_MIN_PLCC, options),
            self._their_bisect(cache, models, REAL_MIN_PLCC),
        )

    def git_bisect(self, options: tuple[str, ...]) -> Case | LeftOut:
        """Which of 64 commits to one model file was the first to get worse?"""
        name = f"git bisect run with a script, {COMMITS} commits, beside our bisect of the same history{_said(options)}"
        if shutil.which("git") is None:
            return LeftOut(name, "there is no git here")
        cache = self._synthetic(COMMITS)
        repository = self.workplace / "repository"
        if not repository.exists():
            _repository_of(cache / "models", repository)

        def start_over() -> None:
            _call(*_GIT, "bisect", "reset", cwd=repository)
            _call(*_GIT, "bisect", "start", "HEAD", f"HEAD~{COMMITS - 1}", cwd=repository)

        def first_bad_commit(_printed: str) -> str:
            subject = _call(*_GIT, "show", "--no-patch", "--format=%s", "refs/bisect/bad", cwd=repository)
            return f"regression: {subject.strip()}"

        judge = (*_STRAIGHTFORWARD, "judge", str(cache), "model.onnx")
        return Case(
            name,
            self._our_bisect_of_history(cache, repository, options),
            Side(Command((*_GIT, "bisect", "run", *judge), cwd=repository, prepare=start_over), first_bad_commit),
        )

    def generate(self) -> Case:
        """Write the default synthetic cache."""

        def make(*program: str) -> Command:
            folder = self.workplace / f"generated-{len(program)}"
            return Command((*program, "generate", str(folder)), prepare=lambda: shutil.rmtree(folder, True))

        done = "written"
        return Case(
            "generate, 256 rows, 8 models",
            Side(make(*our_command()), lambda _printed: done),
            Side(make(*_STRAIGHTFORWARD), lambda _printed: done),
        )

    def _synthetic(self, models: int) -> Path:
        """A synthetic cache whose models are bad from seven tenths of the way on."""
        cache = self.workplace / f"synthetic-{models}"
        if not cache.exists():
            regress_at = str(models * 7 // 10)
            _call(*our_command(), "generate", str(cache), "--models", str(models), "--regress-at", regress_at)
        return cache

    def _our_bisect(self, cache: Path, models: Path, min_plcc: float, options: tuple[str, ...]) -> Side:
        report = self.workplace / f"{cache.name}-{models.name}.json"

        def outcome_in_report(_printed: str) -> str:
            said = json.loads(report.read_bytes())
            return _in_words(said["outcome"], said["first_bad"] and said["first_bad"]["label"])

        arguments = ("--timeline", f"files:{models}/*.onnx", "--threshold", f"plcc >= {min_plcc}")
        return Side(
            Command(
                (*our_command(), "bisect", "--cache", str(cache), *arguments, *options, "--json", str(report)),
                exit_code=1,
            ),
            outcome_in_report,
        )

    def _our_bisect_of_history(self, cache: Path, repository: Path, options: tuple[str, ...]) -> Side:
        report = self.workplace / "history.json"

        def outcome_in_report(_printed: str) -> str:
            said = json.loads(report.read_bytes())
            return _in_words(said["outcome"], said["first_bad"] and said["first_bad"]["origin"]["subject"])

        arguments = ("--timeline", "git-log:model.onnx", "--threshold", "plcc >= 0.85", "--json", str(report))
        command = (*our_command(), "bisect", "--cache", str(cache), *arguments, *options)
        return Side(Command(command, exit_code=1, cwd=repository), outcome_in_report)

    def _their_bisect(self, cache: Path, models: Path, min_plcc: float) -> Side:
        def outcome_printed(printed: str) -> str:
            said = json.loads(printed)
            return _in_words(said["outcome"], said["first_bad"])

        return Side(
            Command(
                (*_STRAIGHTFORWARD, "bisect", str(cache), str(models), "--min-plcc", str(min_plcc)),
                exit_code=1,
            ),
            outcome_printed,
        )


def _in_words(outcome: str, first_bad: str | None) -> str:
    return f"{outcome}: {Path(first_bad).name.removesuffix('.onnx')}" if first_bad else outcome


def _repository_of(models: Path, repository: Path) -> Path:
    """A repository with one model file, overwritten by each commit; a commit's subject is its model's name."""
    _call(*_GIT, "init", "--quiet", str(repository))
    for model in sorted(models.glob("*.onnx")):
        shutil.copy(model, repository / "model.onnx")
        _call(*_GIT, "add", "model.onnx", cwd=repository)
        _call(*_GIT, "commit", "--quiet", "--message", model.stem, cwd=repository)
    return repository


def _call(*argv: str, cwd: Path | None = None) -> str:
    """Prepare something; what it costs is not measured."""
    environment = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(argv, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}\nended with {done.returncode} and said:\n{done.stdout}{done.stderr}")
    return done.stdout


def _said(options: tuple[str, ...]) -> str:
    return ", ours a full look with intervals" if options == _FULL_LOOK else ""
