"""Prove that a cache's content, its models and their metrics do not depend on library versions.

    python tools/version_matrix.py [--short] [--python python3.11] [--jobs 2] [--keep FOLDER] [--out FILE]

Each combination gets its own environment, makes the default cache and a cache from a small table, checks
both, checks the two caches that the first combination made, and judges models on both. Whatever must be the
same everywhere is compared: exit code 1 when something differs or a check sees drift, 2 when a combination
could not be tried. It needs nothing but the standard library.

The first combination is the floor: the lowest version of each library that pyproject.toml allows. The last
is whatever is newest today.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
FEATURES = ("adm2", "vif_scale0", "vif_scale1", "vif_scale2", "vif_scale3", "motion2")
METRICS = ("plcc", "srocc", "rmse")
SAME_CONTENT = ("clean", "writer-drift")
COLUMNS = (
    "pyarrow",
    "pandas",
    "onnx",
    "numpy",
    "onnxruntime",
    "features.parquet",
    "fingerprints",
    "content",
    "models",
    "check",
    "check of the first's",
    *METRICS,
)

LEGEND = "Two values in a cell: the default cache, then a cache made from a table. Hashes are shortened."


@dataclass(frozen=True)
class Combination:
    """Requirements in pip's words; an empty version means the newest."""

    pyarrow: str
    pandas: str
    onnx: str
    numpy: str = ""
    onnxruntime: str = ""

    def requirements(self) -> list[str]:
        """What pip is asked to install."""
        return [f"{name}{version}" for name, version in vars(self).items()]

    def __str__(self) -> str:
        """The combination in one line."""
        return ", ".join(f"{name}{version or ' newest'}" for name, version in vars(self).items())


FLOOR = Combination("==17.0.0", "==2.2.3", "==1.16.2", numpy="==1.26.4", onnxruntime="==1.24.1")
NEWEST = Combination("", ">=3", "")
FULL = (
    FLOOR,
    Combination("==17.0.0", ">=3", ""),
    Combination("==20.0.0", "==2.2.3", ""),
    Combination("==20.0.0", ">=3", "==1.16.2"),
    Combination("==23.0.1", "==2.2.3", "==1.16.2"),
    Combination("==23.0.1", ">=3", ""),
    Combination("==24.0.0", "==2.2.3", ""),
    Combination("==24.0.0", ">=3", "==1.16.2"),
    Combination("", "==2.2.3", "==1.16.2"),
    NEWEST,
)


class CannotTry(Exception):
    """A combination that does not install, or a command that breaks in it."""


@dataclass(frozen=True)
class Proof:
    """What one combination made and saw."""

    versions: dict[str, str]
    parquet: str
    """sha256 of the bytes of features.parquet: free to differ."""
    fingerprints: tuple[str, ...]
    """What the manifests say, default cache and table cache."""
    content: str
    """sha256 of both tables' values, read back without the package."""
    models: str
    checks: tuple[str, ...]
    checks_of_first: tuple[str, ...]
    metrics: tuple[tuple[str, tuple[float, ...]], ...]
    """Label and metrics of every model that was looked at, on both caches."""

    def invariants(self) -> dict[str, object]:
        """What must be the same in every combination."""
        return {
            "the manifest's fingerprint": self.fingerprints,
            "the content of features.parquet": self.content,
            "the models": self.models,
            "the metrics": self.metrics,
        }


def main() -> int:
    """Try the combinations, print the table, say what differs."""
    arguments = parse_arguments()
    if shutil.which(arguments.python) is None:
        print(f"there is no {arguments.python} here; name another with --python", file=sys.stderr)
        return 2
    combinations = (FLOOR, NEWEST) if arguments.short else FULL
    with tempfile.TemporaryDirectory(prefix="bisect-cache-versions-") as temporary:
        folder = (arguments.keep or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        write_table(folder / "labelled.csv")
        results = list(try_all(combinations, folder, arguments))
    page = "\n".join([LEGEND, "", *table(results), "", *judgement(results), ""])
    print(page)
    if arguments.out:
        arguments.out.write_text(page)
    if any(isinstance(result, CannotTry) for _, result in results):
        return 2
    return 1 if differences(results) else 0


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Prove that caches do not depend on library versions.")
    parser.add_argument("--short", action="store_true", help="only the floor and the newest")
    parser.add_argument("--python", default="python3.11", help="makes the environments (default: python3.11)")
    parser.add_argument("--jobs", type=int, default=2, help="combinations tried at a time (default: 2)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the caches there")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write what is printed there as well")
    return parser.parse_args()


def write_table(path: Path) -> None:
    """A labelled table as people have them: clips of a few contents, floats of many digits, a text column."""
    chance = random.Random(20260418)
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["clip", "content_id", *FEATURES, "mos"])
        for row in range(600):
            features = [chance.uniform(0.1, 1.0) for _ in FEATURES]
            mos = 1 + 4 * sum(features) / len(features) + chance.gauss(0, 0.2)
            writer.writerow([f"clip_{row:03d}", f"content-{row % 24}-é", *features, mos])


Result = tuple[Combination, Proof | CannotTry]


def try_all(combinations: Sequence[Combination], folder: Path, arguments: argparse.Namespace) -> Iterator[Result]:
    """Each combination with what came of it, in order."""
    first: Future[Path] = Future()
    with ThreadPoolExecutor(arguments.jobs) as pool:
        attempts = [
            pool.submit(attempt, combination, folder / f"{number:02d}", Lead(first, number == 0), arguments.python)
            for number, combination in enumerate(combinations)
        ]
        for combination, tried in zip(combinations, attempts, strict=True):
            yield combination, tried.result()


@dataclass(frozen=True)
class Lead:
    """The folder of the first combination's caches, for the others to check: one of them gives it."""

    folder: Future[Path]
    ours: bool
    """Whether this combination is the first."""

    def give(self, folder: Path) -> None:
        """Say that the caches are made, when they are ours to make."""
        if self.ours:
            self.folder.set_result(folder)

    def give_up(self) -> None:
        """Let nobody wait for caches that will not come."""
        if self.ours and not self.folder.done():
            self.folder.set_exception(CannotTry("the first combination made no cache to check"))


def attempt(combination: Combination, folder: Path, lead: Lead, python: str) -> Proof | CannotTry:
    """Prove one combination; the environment is deleted afterwards, the caches stay."""
    print(f"trying {combination}", file=sys.stderr)
    environment = folder / "environment"
    try:
        interpreter = install(combination, environment, python)
        return prove(Bench(interpreter, folder), lead)
    except CannotTry as failure:
        return failure
    finally:
        lead.give_up()
        shutil.rmtree(environment, ignore_errors=True)


def install(combination: Combination, environment: Path, python: str) -> Path:
    """A fresh environment with the combination and the package's other dependencies; wheels only."""
    call(python, "-m", "venv", str(environment))
    interpreter = environment / "bin" / "python"
    pip = (str(interpreter), "-m", "pip", "--quiet", "--disable-pip-version-check", "install")
    call(*pip, "--only-binary", ":all:", "--no-compile", *combination.requirements(), *other_dependencies())
    return interpreter


def other_dependencies() -> list[str]:
    """The package's dependencies whose versions are no part of a combination."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    pinned = tuple(f"{name}>" for name in vars(FLOOR))
    return [requirement for requirement in project["dependencies"] if not requirement.startswith(pinned)]


@dataclass(frozen=True)
class Bench:
    """One combination's interpreter and the folder its files go to."""

    interpreter: Path
    folder: Path

    def bisect_cache(self, *arguments: str, exit_codes: tuple[int, ...] = (0,)) -> None:
        """The command line of this checkout, run where all files lie: a check reads no source outside of there."""
        command = (str(self.interpreter), "-m", "bisect_cache", *arguments)
        call(*command, exit_codes=exit_codes, cwd=self.folder.parent)

    def tell(self, program: str, *arguments: str) -> Any:
        """What a program prints as JSON."""
        return json.loads(call(str(self.interpreter), "-c", program, *arguments))

    def check(self, cache: Path) -> str:
        """The outcome of a check that regenerated the cache."""
        report = self.folder / "check.json"
        self.bisect_cache("check", str(cache), "--json", str(report), exit_codes=(0, 1))
        said = json.loads(report.read_bytes())
        return str(said["outcome"]) if said["regenerated"] else "not regenerated"

    def metrics(self, cache: Path, models: Path) -> Iterator[tuple[str, tuple[float, ...]]]:
        """Label and metrics of each model that a bisect looks at, every digit of them."""
        report = self.folder / "bisect.json"
        timeline = ("--timeline", f"files:{models}/*.onnx")
        self.bisect_cache("bisect", "--cache", str(cache), *timeline, "--json", str(report), exit_codes=(0, 1))
        for step in json.loads(report.read_bytes())["steps"]:
            yield step["label"], tuple(step["metrics"][name] for name in METRICS)


VERSIONS = """
import importlib.metadata, json
print(json.dumps({name: importlib.metadata.version(name) for name in
                  ("pyarrow", "pandas", "onnx", "numpy", "onnxruntime", "protobuf")}))
"""

# Values and validity of every column by name, whatever text type or chunks a writer chose for them.
CONTENT = """
import hashlib, json, struct, sys
import pyarrow.parquet
found = hashlib.sha256()
for path in sys.argv[1:]:
    table = pyarrow.parquet.read_table(path)
    for name in table.column_names:
        for value in table.column(name).to_pylist():
            said = struct.pack("<d", value) if isinstance(value, float) else repr(value).encode()
            found.update(name.encode() + b"\\0" + said + b"\\0")
print(json.dumps(found.hexdigest()))
"""


def prove(bench: Bench, lead: Lead) -> Proof:
    """Make, check and judge both caches, and check those of the first combination."""
    synthetic, from_table = bench.folder / "synthetic", bench.folder / "from-table"
    labelled = bench.folder.parent / "labelled.csv"
    bench.bisect_cache("generate", str(synthetic))
    bench.bisect_cache("generate", str(from_table), "--table", str(labelled), "--content", "content_id")
    lead.give(bench.folder)
    caches, models = (synthetic, from_table), synthetic / "models"
    tables = [str(cache / "features.parquet") for cache in caches]
    return Proof(
        versions=bench.tell(VERSIONS),
        parquet=sha256(synthetic / "features.parquet"),
        fingerprints=tuple(json.loads((cache / "bisect-cache.json").read_bytes())["fingerprint"] for cache in caches),
        content=bench.tell(CONTENT, *tables),
        models=sha256(*sorted(models.glob("*.onnx"))),
        checks=tuple(bench.check(cache) for cache in caches),
        checks_of_first=tuple(bench.check(lead.folder.result() / cache.name) for cache in caches),
        metrics=tuple(found for cache in caches for found in bench.metrics(cache, models)),
    )


def call(*command: str, exit_codes: tuple[int, ...] = (0,), cwd: Path | None = None) -> str:
    """A command's standard output; ``CannotTry`` with its last words when it ends otherwise than it may."""
    unwanted = ("GITHUB_", "INPUT_", "PYTHON")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    environment["PYTHONPATH"] = str(CHECKOUT / "src")
    done = subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode not in exit_codes:
        last_words = (done.stderr + done.stdout).strip()[-1500:]
        raise CannotTry(f"`{' '.join(command[1:])}` ended with {done.returncode}:\n{last_words}")
    return done.stdout


def sha256(*paths: Path) -> str:
    """Of the files' bytes, one after the other."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def differences(results: Sequence[Result]) -> list[str]:
    """What differs from the first combination that could be tried, and which checks saw drift."""
    proofs = [(combination, result) for combination, result in results if isinstance(result, Proof)]
    found = []
    for combination, proof in proofs:
        expected = proofs[0][1].invariants()
        found += [
            f"- {combination}: not as with {proofs[0][0]}: {what}"
            for what, value in proof.invariants().items()
            if value != expected[what]
        ]
        seen = {*proof.checks, *proof.checks_of_first}
        found += [f"- {combination}: a check says '{outcome}'" for outcome in sorted(seen - set(SAME_CONTENT))]
    return found


def table(results: Sequence[Result]) -> list[str]:
    """A Markdown table, a row for each combination."""
    return [f"| {' | '.join(cells)} |" for cells in (COLUMNS, ["---"] * len(COLUMNS), *map(row, results))]


def row(result: Result) -> list[str]:
    """One combination as the table shows it; the metrics are the first model's on the default cache."""
    combination, proof = result
    if isinstance(proof, CannotTry):
        asked = [version.removeprefix("==") or "newest" for version in vars(combination).values()]
        return [*asked, "could not be tried: see below", *[""] * (len(COLUMNS) - len(asked) - 1)]
    return [
        *(proof.versions[name] for name in vars(combination)),
        proof.parquet[:12],
        " ".join(fingerprint.removeprefix("sha256:")[:12] for fingerprint in proof.fingerprints),
        proof.content[:12],
        proof.models[:12],
        " ".join(proof.checks),
        " ".join(proof.checks_of_first),
        *(f"{value:.17g}" for value in proof.metrics[0][1]),
    ]


def judgement(results: Sequence[Result]) -> list[str]:
    """What the table comes to."""
    tried = [result for _, result in results if isinstance(result, Proof)]
    files = len({proof.parquet for proof in tried})
    said = [f"{len(tried)} of {len(results)} combinations tried; {files} different features.parquet by bytes."]
    said += [f"- {combination}: {reason}" for combination, reason in results if isinstance(reason, CannotTry)]
    different = differences(results)
    if len(tried) > 1 and not different:
        said.append("Content, fingerprints, models and metrics are the same in all that were tried.")
    return said + different


if __name__ == "__main__":
    sys.exit(main())
