"""What a heavy load costs, and what of it is shown: time, peak memory of all processes, and the size of every face.

    python benchmarks/load.py [--share 1.0] [--only WORD] [--out FILE]

Each case is one run of bisect-cache on files that are made for it. `--share 0.1` makes a tenth of each load.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.cases import our_command
from benchmarks.run import LIBRARIES, processor, version_of

_SAMPLE_EVERY = 0.01
_MIB = 1 << 20
_LONG = 1_000_000
"""Characters of a long name."""
_NAMES_IN_A_REGISTRY = 15
"""Names so long that its largest size, 16 MiB, has room for."""
_ROWS_OF_A_CONTENT = 10
_KINDS_OF_DRIFT = 6
HEADINGS = ("load", "wall, s", "peak RSS, MiB", "report, bytes", "terminal, characters", "summary, bytes", "comment")


@dataclass(frozen=True)
class Load:
    """One heavy case: ``make`` makes its files in a folder, so many of them, and gives the arguments of the run."""

    name: str
    count: int
    make: Callable[[Path, int], list[str]]


@dataclass(frozen=True)
class Carried:
    """What a run under load cost, and what it said."""

    wall: float
    rss: float
    """Peak of the sum over the process and its children, MiB."""
    exit_code: int
    said: str
    """Standard output."""
    told: str
    """Standard error."""


def main() -> int:
    options = parse_arguments()
    rows = []
    for load in LOADS:
        if options.only not in load.name:
            continue
        print(f"  {load.name}", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="bisect-cache-load-") as workplace:
            rows.append(row(load, Path(workplace), max(2, round(load.count * options.share))))
    installed = ", ".join(f"{name} {version_of(name)}" for name in LIBRARIES)
    lines = [f"| {' | '.join(cells)} |" for cells in (HEADINGS, ["---"] * len(HEADINGS), *rows)]
    page = "\n".join(
        [f"{processor()}, {os.cpu_count()} cores; Python {platform.python_version()}, {installed}", "", *lines, ""]
    )
    print(page)
    if options.out:
        options.out.write_text(page)
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure bisect-cache under heavy load.")
    parser.add_argument("--share", type=float, default=1.0, help="how much of each load (default: 1.0)")
    parser.add_argument("--only", default="", metavar="WORD", help="only the cases with WORD in their name")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write what is printed there as well")
    return parser.parse_args()


def row(load: Load, folder: Path, count: int) -> list[str]:
    """One load as the table shows it."""
    arguments = load.make(folder, count)
    ran = carried([*our_command(), *arguments, "--json", "report.json"], folder)
    if ran.exit_code not in (0, 1):  # 1: a regression or drift was found
        raise SystemExit(f"{load.name} ended with {ran.exit_code} and said: {(ran.said + ran.told)[-2000:]}")
    summary, comment = (
        carried([*our_command(), "report", "report.json", "--as", surface], folder).said
        for surface in ("summary", "comment")
    )
    return [
        load.name if count == load.count else f"{load.name}, {count:,} of {load.count:,}",
        f"{ran.wall:.1f}",
        f"{ran.rss:,.0f}",
        f"{(folder / 'report.json').stat().st_size:,}",
        f"{len(ran.said + ran.told):,}",
        f"{len(summary.encode()):,}",
        f"{len(comment):,}",
    ]


def carried(argv: Sequence[str], cwd: Path, environ: dict[str, str] | None = None) -> Carried:
    """Run a command in ``cwd`` and watch it."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start, peak = time.perf_counter(), 0
        with subprocess.Popen(
            argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environ or dict(os.environ)
        ) as process:
            main = psutil.Process(process.pid)
            while process.poll() is None:
                peak = max(peak, resident(main))
                time.sleep(_SAMPLE_EVERY)
        wall = time.perf_counter() - start
        said = []
        for stream in (out, err):
            stream.seek(0)
            said.append(stream.read().decode(errors="replace"))
    return Carried(wall, peak / _MIB, process.returncode, *said)


def resident(main: psutil.Process) -> int:
    """Bytes of a process and its children together; pages that they share count twice."""
    total = 0
    try:
        processes = [main, *main.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for process in processes:
        try:
            total += process.memory_info().rss
        except (psutil.NoSuchProcess, psutil.AccessDenied):  # it ended while we looked
            continue
    return total


def many_models(folder: Path, count: int) -> list[str]:
    """``count`` models, the last two fifths of them bad, all looked at."""
    _generate(folder, "--models", str(count), "--regress-at", str(count * 3 // 5))
    return ["bisect", "--cache", "cache", "--strategy", "scan"]


def many_rows(folder: Path, count: int) -> list[str]:
    """Eight models on ``count`` rows."""
    _generate(folder, "--rows", str(count))
    return ["bisect", "--cache", "cache"]


def many_rows_checked(folder: Path, count: int) -> list[str]:
    """A check of ``count`` rows."""
    _generate(folder, "--rows", str(count))
    return ["check", "cache"]


def many_contents(folder: Path, count: int) -> list[str]:
    """Two models compared on each of ``count`` contents."""
    from bisect_cache.cache.generate import generate
    from bisect_cache.cache.manifest import DEFAULT_FEATURES, Table

    rows = count * _ROWS_OF_A_CONTENT
    write_table(folder / "table.parquet", [f"clip{number % count:06d}" for number in range(rows)])
    generate(folder / "cache", Table(table="../table.parquet"))
    lean = [1 / len(DEFAULT_FEATURES)] * len(DEFAULT_FEATURES)
    write_models(folder / "models", [lean, [-weight for weight in lean]])
    return ["bisect", "--cache", "cache", "--timeline", "files:models/*.onnx", "--by-content"]


def many_findings(folder: Path, count: int) -> list[str]:
    """A check that finds ``count`` things: models of which every part differs, and files that nobody expects."""
    models = count // 10
    _generate(folder, "--models", str(models))
    other = _differing_model()
    for path in (folder / "cache" / "models").iterdir():
        path.write_bytes(other)
    strange = folder / "cache" / "strange"
    strange.mkdir()
    for number in range(count - models * _KINDS_OF_DRIFT):
        (strange / f"{number:06d}.onnx").touch()
    return ["check", "cache"]


def long_names(folder: Path, count: int) -> list[str]:
    """A registry of ``count`` models with names of a million characters; the newer half is bad."""
    write_models(folder, [[1 / 6] * 6, [0.2, 0.2, 0.2, 0.2, 0.2, -2.0]])
    entries = [
        {"name": f"{number}{'n' * _LONG}", "file": f"m_{min(1, number * 2 // count)}.onnx", "version": str(number)}
        for number in range(count)
    ]
    (folder / "registry.json").write_text(json.dumps({"models": entries}))
    return ["bisect", "--timeline", "registry:registry.json"]


def long_subjects(folder: Path, count: int) -> list[str]:
    """``count`` commits of a model, each with a subject and an author of a million characters."""
    write_models(folder, [[1 / 6] * 6])
    blob = (folder / "m_0.onnx").read_bytes()
    stream = bytearray()
    for number in range(count):
        subject, data = b"s" * _LONG, blob + _doc_string(str(number))
        stream += b"commit refs/heads/main\nauthor " + b"a" * _LONG + b" <a@example.invalid> %d +0000\n" % number
        stream += b"committer c <c@example.invalid> %d +0000\ndata %d\n" % (number, len(subject)) + subject
        stream += b"\nM 100644 inline model.onnx\ndata %d\n" % len(data) + data + b"\n"
    git = ["git", "-C", str(folder)]
    subprocess.run([*git, "init", "--quiet", "--initial-branch", "main"], check=True)
    subprocess.run([*git, "fast-import", "--quiet"], input=bytes(stream), check=True)
    return ["bisect", "--timeline", "git-log:model.onnx"]


def write_table(path: Path, contents: Sequence[str]) -> None:
    """A labelled table: six features, and a mos that is the mean of five of them and some noise."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from bisect_cache.cache.manifest import DEFAULT_FEATURES

    rng = np.random.default_rng(1)
    features = rng.uniform(0.2, 0.9, (len(contents), len(DEFAULT_FEATURES)))
    columns = {name: pa.array(features[:, place].tolist()) for place, name in enumerate(DEFAULT_FEATURES)}
    mos = features[:, :-1].mean(axis=1) + rng.normal(0, 0.05, len(contents))
    pq.write_table(pa.table(columns | {"mos": pa.array(mos.tolist()), "content": pa.array(contents)}), path)


def write_models(folder: Path, weights: Sequence[Sequence[float]]) -> None:
    """``m_0.onnx``, ``m_1.onnx`` …: linear models."""
    import numpy as np

    from bisect_cache.cache.recipes.synthetic import linear_model

    folder.mkdir(exist_ok=True)
    for number, of_model in enumerate(weights):
        (folder / f"m_{number}.onnx").write_bytes(linear_model(np.array(of_model, np.float32)))


def _differing_model() -> bytes:
    """A model that differs from a synthetic cache's in all that a check tells apart."""
    import numpy as np
    import onnx

    from bisect_cache.cache.recipes.synthetic import linear_model

    model = onnx.load_from_string(linear_model(np.array([0.3] * 6, np.float32)))
    model.producer_name, model.ir_version, model.opset_import[0].version = "somebody", 8, 16
    model.graph.input[0].name = model.graph.node[0].input[0] = "other"
    return bytes(model.SerializeToString())


def _doc_string(text: str) -> bytes:
    """Field 6 of an ONNX model, which makes one file differ from the next; protobuf takes fields in any order."""
    return b"\x32" + bytes([len(text)]) + text.encode()


def _generate(folder: Path, *options: str) -> None:
    subprocess.run([*our_command(), "generate", "cache", *options], cwd=folder, check=True, stdout=subprocess.DEVNULL)


LOADS = (
    Load("10,000 models", 10_000, many_models),
    Load("bisect 10,000,000 rows", 10_000_000, many_rows),
    Load("check 10,000,000 rows", 10_000_000, many_rows_checked),
    Load("15 names of 1 MB", _NAMES_IN_A_REGISTRY, long_names),
    Load("100 commits with subjects and authors of 1 MB", 100, long_subjects),
    Load("1,000 contents", 1000, many_contents),
    Load("100,000 findings", 100_000, many_findings),
)


if __name__ == "__main__":
    sys.exit(main())
