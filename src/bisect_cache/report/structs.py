"""The report: what a run leaves for people and programs. Every surface is rendered from it and from nothing else."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from bisect_cache import __version__
from bisect_cache.cache.drift import CheckOutcome, Finding
from bisect_cache.cache.manifest import Provenance, Target
from bisect_cache.crossings import Crossing, Outcome
from bisect_cache.errors import BisectCacheError
from bisect_cache.judge.by_content import ContentCompared
from bisect_cache.judge.choices import Decision, Strategy
from bisect_cache.judge.deciding import Compared
from bisect_cache.judge.moved import CONTENTS_SHOWN, ROWS_SHOWN, ContentMoved, RowMoved
from bisect_cache.judge.sampling import Interval, Sampling
from bisect_cache.judge.verdict import Verdict
from bisect_cache.printable import one_line, printable
from bisect_cache.worker.confinement.protections import Protection

BisectOutcome = Outcome | Literal["wiring-broke"]
RunOutcome = BisectOutcome | CheckOutcome
LARGEST_REPORT = 64 << 20
"""Bytes that a report which is read may have: 100,000 models and more."""
LONGEST_TEXT = 10_000
"""Characters of one text in a report, the command to reproduce it apart: no verdict of ours has as many."""
Index = Annotated[int, Meta(ge=0)]


class BadReport(BisectCacheError):
    """What was given as a report is none."""


class CacheFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """The data that models were judged on."""

    path: str
    provenance: Provenance
    rows: Index
    contents: Index | None
    fingerprint: str
    target: Target | None = None
    """Name, direction and scale of what models are judged against."""


class CheckpointFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """One checkpoint by name."""

    index: Index
    label: str
    origin: dict[str, str] = {}
    """Where it came from: file, entry, date, version …"""


class TimelineFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """The models that were to be judged."""

    source: str
    length: Index
    checkpoints: tuple[CheckpointFacts, ...] = ()
    """All of them, looked at or not, where they come from commits; elsewhere the source itself lists them."""


class Step(Struct, frozen=True, forbid_unknown_fields=True):
    """One checkpoint that was looked at, in the order of looking."""

    index: Index
    label: str
    verdict: Verdict
    metrics: dict[str, float]
    """PLCC, SROCC (no unit), RMSE and mapped RMSE (the target's unit); empty where it could not be judged."""
    intervals: dict[str, Interval]
    """Of each metric, from resamples; empty where none were drawn."""
    reason: str | None
    seconds: float
    notes: tuple[str, ...] = ()
    origin: dict[str, str] = {}
    thresholds: tuple[Compared, ...] = ()
    """Each threshold held against it, in their order; empty where it could not be judged."""


class BaselineFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """What relative thresholds compare with."""

    index: Index | None
    """None for a model outside the timeline."""
    label: str
    origin: dict[str, str]
    metrics: dict[str, float]


class GroupsFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """Two models compared content by content."""

    before: str
    """Label of the earlier one."""
    after: str
    contents: tuple[ContentCompared, ...]
    """Each content and metric, those that got worse first."""
    left_out: Index = 0
    """Contents on which no correlation can be measured: too few rows, or constant."""


class CheckReport(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="schema", tag="bisect-cache/check/1"
):
    """What ``check`` leaves."""

    outcome: CheckOutcome
    verdict: str
    """One sentence."""
    cache: CacheFacts | None
    regenerated: bool
    """False where the source was absent and the cache was compared with its own manifest only."""
    findings: tuple[Finding, ...]
    detectable: dict[str, float] = {}
    """By metric, the drop below which this cache cannot tell a worse model from chance."""
    reproduce: str
    """The command that does the same on a checkout of the same commit."""
    environment: dict[str, str]


class Explanation(Struct, frozen=True, forbid_unknown_fields=True):
    """What changed from the last good model to the first bad one; the worst of it."""

    findings: Annotated[tuple[Finding, ...], Meta(max_length=50)]
    """How the two files differ, part by part."""
    contents: Annotated[tuple[ContentMoved, ...], Meta(max_length=CONTENTS_SHOWN)]
    """Contents whose mean error grew most, the worst first."""
    rows: Annotated[tuple[RowMoved, ...], Meta(max_length=ROWS_SHOWN)]
    """Rows of the cache whose predictions moved most, on the target's scale."""
    notes: tuple[str, ...] = ()


class WorkerFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """What the worker process was kept from: each was tried before it saw the first model."""

    held: tuple[Protection, ...]
    missing: tuple[Protection, ...]
    """What this system did not do."""


class BisectReport(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="schema", tag="bisect-cache/bisect/1"
):
    """What ``bisect`` leaves."""

    outcome: BisectOutcome
    verdict: str
    """One sentence."""
    cache: CacheFacts | None
    timeline: TimelineFacts | None
    thresholds: tuple[str, ...]
    evaluations: Index
    first_bad: CheckpointFacts | None
    last_good: CheckpointFacts | None
    candidates: tuple[CheckpointFacts, ...]
    """Where the first bad model is not known: any of these could be it."""
    crossings: tuple[Crossing, ...]
    steps: tuple[Step, ...]
    notes: tuple[str, ...]
    """What a reader must be told beside the verdict."""
    strategy: Strategy = "bisect"
    proven: bool = False
    """Whether every model was looked at, so that no regression is left where nobody looked."""
    decision: Decision = "point"
    baseline: BaselineFacts | None = None
    """Where anything is compared with it."""
    sampling: Sampling | None = None
    """How intervals were made; None where they were not."""
    detectable: dict[str, float] = {}
    """By metric, the drop below which a worse model cannot be told from chance on this cache."""
    groups: tuple[GroupsFacts, ...] = ()
    """Models compared content by content, where that was asked."""
    worker: WorkerFacts | None = None
    """What the process that ran the models was kept from."""
    explanation: Explanation | None = None
    """What changed from the last good model to the first bad one, where that was asked."""
    check: CheckReport | None = None
    """What the check of the cache found, where one was made first."""
    reproduce: str
    """The command that does the same on a checkout of the same commit."""
    environment: dict[str, str]


CacheReport = BisectReport | CheckReport
"""What one cache was asked and answered."""


class Section(Struct, frozen=True, forbid_unknown_fields=True):
    """One of several caches."""

    cache: str
    """The cache as the workflow names it."""
    smoke: bool
    """True for a synthetic cache judged on models of its own: its failing means that the wiring is at fault."""
    report: CacheReport
    timeline: str = ""
    """The timeline, where a cache is judged on several."""

    @property
    def name(self) -> str:
        """What tells it from the others."""
        return f"{self.cache} · {self.timeline}" if self.timeline else self.cache


class RunReport(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="schema", tag="bisect-cache/run/1"
):
    """What one run over several caches, or several timelines, leaves."""

    outcome: RunOutcome
    verdict: str
    """One sentence, of the section that a reader must see first."""
    sections: Annotated[tuple[Section, ...], Meta(min_length=1)]


Report = BisectReport | CheckReport | RunReport
Shown = TypeVar("Shown", bound="BisectReport | CheckReport | RunReport")


EXIT_CODES: dict[str, int] = {
    "clean": 0,
    "writer-drift": 0,
    "no-regression": 0,
    "drift": 1,
    "regression": 1,
    "head-bad": 1,
    "non-monotone": 1,
    "inconclusive": 2,
    "wiring-broke": 2,
}
"""0: nothing wrong; 1: a regression or drift was found; 2: it could not judge."""


def fit_to_show(report: Shown) -> Shown:
    """The report with every text in it on one line, printable and of some length: they come from strangers."""
    return msgspec.convert(_printable(msgspec.to_builtins(report)), type(report))


def _printable(value: object) -> object:
    if isinstance(value, str):
        shown = one_line(value)
        return shown if len(shown) <= LONGEST_TEXT else printable(shown, LONGEST_TEXT)
    if isinstance(value, dict):
        # Half a command is none: it is shown whole or not at all.
        return {
            _printable(key): one_line(inner) if key == "reproduce" and isinstance(inner, str) else _printable(inner)
            for key, inner in value.items()
        }
    return [_printable(inner) for inner in value] if isinstance(value, list | tuple) else value


def encode_report(report: Report) -> bytes:
    """The report as indented strict JSON, ending with a newline."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def decode_report(data: bytes, called: str) -> Report:
    """The report in ``data``, held to its schema, every text in it fit to be shown. ``called`` is what errors call it.

    Raises ``BadReport``: a report may come from anybody.
    """
    if len(data) > LARGEST_REPORT:
        raise BadReport(f"{called} has {len(data):,} bytes; a report has at most {LARGEST_REPORT:,}")
    try:
        report: Report = msgspec.json.decode(data, type=Report)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise BadReport(
            f"{called} is no report of bisect-cache {__version__} ({printable(one_line(str(error)), 300)}); make it "
            f"again with this version"
        ) from error
    return fit_to_show(report)


def json_schemas() -> dict[str, bytes]:
    """The JSON Schema of each report by file name, as committed under ``docs/schema/``."""
    schemas = {
        "bisect-1.schema.json": BisectReport,
        "check-1.schema.json": CheckReport,
        "run-1.schema.json": RunReport,
    }
    return {
        name: msgspec.json.format(msgspec.json.encode(msgspec.json.schema(struct), order="sorted"), indent=2) + b"\n"
        for name, struct in schemas.items()
    }
