"""Attacks and faults that tests try, counted: the table in SECURITY.md, which `make attacks` prints.

A test asks for the fixture ``attack`` with one of the keys below, and makes every try a case::

    def test_...(attack):
        tried = attack("kill generate")
        for moment in moments:
            with tried.case():
                ...  # raises where it was not survived
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

ATTACKS: Mapping[str, tuple[str, str]] = {
    "ways out": (
        "Ways out of the worker, each tried by code that has taken it over: files, token, sockets, other processes, "
        "root, new system calls",
        "Nothing; the report lists what the worker was kept from",
    ),
    "one wall": (
        "Ways to read files, with one wall of the worker standing alone",
        "Nothing, also where a kernel lacks all the others",
    ),
    "bombs": (
        "Models that want all memory, all time or all of the stack, or crash the process",
        "`untestable`, with the limit that was hit; the models around them are judged",
    ),
    "kill generate": (
        "`generate` killed, stopped or interrupted, at every step and at any moment",
        "The old cache whole, or the new one; where files change places one by one, `check` says so and the next "
        "`generate` puts the old ones back",
    ),
    "full disk": (
        "A disk that is full, a quota or a limit on file sizes: for the cache, the report, outputs, summary, `/tmp`",
        "What could not be written and why, exit code 2; what stood there before is as it was",
    ),
    "read-only workspace": (
        "A workspace that may not be written to",
        "The verdict in summary, outputs and log, and a warning that there is no report file",
    ),
    "kill the worker": (
        "The worker process killed at any moment, once or each time it comes up again",
        "The right verdict, or one that names the models that could not be judged",
    ),
    "network faults": (
        "An API that drops connections, answers late, in part, with junk or not at all; no name, no certificate",
        "A warning, within minutes; the job is not failed, nothing is posted twice, the next run mends the comment",
    ),
    "clock jumps": (
        "A clock that jumps by years while a run goes on, or is wrong all the time",
        "The same verdict in the same time; the history stays in the order of the runs",
    ),
    "two at once": (
        "Several `generate`, `check` and `bisect` in one folder at the same time",
        "One cache, whole; readers see one of them or are told to run again",
    ),
    "cancelled": (
        "A workflow cancelled at any moment (SIGINT, SIGTERM, SIGKILL)",
        "`cancelled` in summary and log, exit code 128 and the signal, and no verdict",
    ),
    "ownership": (
        "Reports written by root in somebody else's workspace, also of runs that break or crash",
        "Files and folders that belong to the workspace's owner",
    ),
    "mutated models": (
        "Mutated models: bytes, operators, shapes, attributes, weights, names, parts by the million",
        "Judged as what they are where they load, and `untestable` with the reason where not; in a cache, drift",
    ),
    "truncated models": (
        "Models cut short, at every length",
        "`untestable` with the reason, and nobody blamed; in a cache, drift",
    ),
    "no models at all": (
        "Files that are no models: text, a folder, a pipe, a device, a Git LFS pointer, loops of links, zip, nothing",
        "`untestable` with what it is and what to do; in a cache, drift",
    ),
    "mutated parquet": (
        "Mutated parquet: bytes, footers, headers of pages, pages; as a cache's features and as a table",
        "What is wrong, in which file and what to do, or drift; or the file is read as what it holds",
    ),
    "parquet bombs": (
        "Parquet that stands for gigabytes: pages, dictionaries, rows, row groups, columns, names, footers; encrypted, "
        "nested, contradicting itself",
        "Refused by what it would become, before anything is unpacked",
    ),
    "mutated text": (
        "Mutated reports, labels, pair lists, descriptions of datasets, declarations, manifests, registries, payloads, "
        "logs, artifacts and comments: JSON, TOML, CSV, YAML, Python, zip, parquet",
        "What is wrong, in which file and what to do, exit code 2; or the file is read as what it says",
    ),
    "path tricks": (
        "Paths that lead elsewhere, in registries, manifests, descriptions of datasets, declarations, pair lists, "
        "sidecars, weights, labels and artifacts: `..`, absolute, "
        "links, other case, NUL, endless names, devices, pipes, `/proc`",
        "That model is `untestable`, or the file is refused, by name; nothing outside is read",
    ),
    "text bombs": (
        "Text that stands for more than it is: keys and tables of thousands of parts, nesting of 100,000, numbers of a "
        "million digits, names by the ten thousand; in descriptions of datasets, declarations, labels, pair lists and "
        "lists in Python",
        "Refused with what to do, or read, within 2 s of the processor and 400 MiB",
    ),
    "videos": (
        "Videos for `extract` that are none, cut short, damaged, or lists of other files; texts in them that imitate "
        "ffmpeg's log; names that are its syntax",
        "That pair fails with the reason and the others go on, or its report has every frame; nothing else is read",
    ),
    "10,000 models": (
        "10,000 models, all looked at; as many that turn, or cannot be judged",
        "The verdict, the models that matter and how many were left out, on every page within its limit",
    ),
    "many rows": (
        "Caches of half a million rows (ten million: `benchmarks/load.py`)",
        "The same verdict, in a bounded time and memory",
    ),
    "labels of 1 MB": (
        "Names, authors, subjects, inputs and whole reports of names of a million characters each",
        "Names that are cut and still told apart, and the whole verdict",
    ),
    "1,000 contents": (
        "1,000 contents compared one by one",
        "The worst contents, and how many others there are",
    ),
    "100,000 findings": (
        "A check that finds 100,000 things",
        "How many there are, the worst of them, ten annotations a level; the report has all",
    ),
}
"""By key, in the order of the table: the attack or fault, and what the user sees of it."""

_HEAD = ("| attack or fault | cases | survived | what the user sees |", "| --- | ---: | ---: | --- |")


@dataclass
class Attack:
    """One row: how often it was tried, and how often nothing was lost and nothing wrong was said."""

    name: str
    seen: str
    tried: int = 0
    survived: int = 0

    @contextmanager
    def case(self, count: int = 1) -> Iterator[None]:
        """``count`` tries; survived where the block ends without an exception."""
        self.tried += count
        yield
        self.survived += count


def table(attacks: Mapping[str, Attack]) -> str:
    """The rows of what was tried, in the order of ``ATTACKS``, as Markdown."""
    rows = [attacks[key] for key in ATTACKS if key in attacks]
    lines = [f"| {row.name} | {row.tried:,} | {row.survived:,} | {row.seen} |" for row in rows]
    return "\n".join((*_HEAD, *lines))
