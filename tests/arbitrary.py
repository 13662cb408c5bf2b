"""Strategies: names, nights and reports as a stranger may write them, within the schema."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, get_args

from hypothesis import strategies as st

from bisect_cache.cache.drift import CheckOutcome, Finding, Kind, Severity
from bisect_cache.cache.manifest import Direction, Target
from bisect_cache.judge.by_content import ContentCompared
from bisect_cache.judge.choices import Decision, Strategy
from bisect_cache.judge.deciding import Compared
from bisect_cache.judge.moved import ContentMoved, RowMoved
from bisect_cache.judge.sampling import Sampling
from bisect_cache.judge.thresholds import METRIC_NAMES
from bisect_cache.judge.verdict import Verdict
from bisect_cache.report.history import Night
from bisect_cache.report.marker import marker, run_marker
from bisect_cache.report.occasion import Occasion
from bisect_cache.report.structs import (
    BaselineFacts,
    BisectReport,
    CacheFacts,
    CheckpointFacts,
    CheckReport,
    Explanation,
    GroupsFacts,
    RunReport,
    Section,
    Step,
    TimelineFacts,
    decode_report,
    encode_report,
)
from bisect_cache.search import Crossing, Outcome

BISECT_OUTCOMES = (*get_args(Outcome), "wiring-broke")
CHECK_OUTCOMES = get_args(CheckOutcome)
OUTCOMES = tuple(dict.fromkeys((*BISECT_OUTCOMES, *CHECK_OUTCOMES)))

HOSTILE = (
    "x|y`z`` <img src=x onerror=alert(1)> @someone #12 [a](http://evil) **b** www.evil.example \n\n## no \x1b[31m",
    "a \\| b \\",
    "@me @o/team me@evil.example",
    "#1 GH-12 gh-3 owner/repo#3 _GH-4 (gh-5)",
    "https://evil.example ftp://x HTTP://X //y",
    "_www.evil.example (www.evil.example *WWW.evil.example ~www.x",
    "mailto:a@evil.example xmpp:a@b.c/d",
    "::error::x ::set-output name=a::b",
    ":bomb: :+1: a:b:c",
    "&copy; &#64;me &lt;b&gt; &amp;",
    "<!-- --> </details> </summary> </sub> <script>",
    "$x$ $`y`$ $$z$$",
    "\u202eright to left\u2066 \u200bzero\u200d width\ufeff \u00a0",
    "``` \n```\n~~~",
    "1. one",
    "1) one",
    "- [ ] task",
    "> [!NOTE]",
    "=== --- ***",
    "| a | b |\n| --- | --- |",
    "[^1] [x]: http://evil",
    "'; rm -rf / #",
    "x" * 5000,
    "|" * 300,
    "`" * 300,
    "&" * 3000,
    "\U0001f600" * 300,
    "",
    "nan",
    f"x\n{marker('comment', 'other')}\n",
    f"x\r\n{marker('tracking', 'other')}\r\n{run_marker(999)}\r\n",
    f"x\u2028{marker('regression', 'other', 'm')}\u2028",
)
NAMES = st.one_of(
    st.text(max_size=40), st.text("`|<>[]()*_#@&;:/\\~-+!.a1w $\n", max_size=20), st.sampled_from(HOSTILE)
)
"""What a name can be, before it is made fit to be shown."""

_few = {"max_size": 3}
_indexes = st.one_of(st.integers(0, 9), st.integers(0, 2**70))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
_metric_names = st.sampled_from([*METRIC_NAMES, "PLCC", "odd|metric"])
_intervals = st.tuples(NUMBERS, NUMBERS)
_verdicts = st.sampled_from(get_args(Verdict))
_metrics = st.dictionaries(_metric_names, NUMBERS, max_size=4)
_origins = st.dictionaries(st.sampled_from(["file", "version", *HOSTILE[:6]]), NAMES, **_few)
_thresholds = st.sampled_from(
    [
        *("plcc >= 0.85", "srocc>0.8", "rmse <= 2", "rmse_mapped < -1e300", "PLCC > 1e9", "", "|", "plcc >= nan"),
        *("plcc >= baseline - 0.02", "rmse <= baseline * 1e308", "srocc > previous", "PLCC >= BASELINE + 1e9"),
        "x" * 3000,
    ]
)


def _tuples(of: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, max_size=most).map(tuple)


_compared = st.builds(
    Compared, _thresholds | NAMES, NUMBERS, st.none() | _intervals, _verdicts, times=st.none() | NUMBERS
)
_steps = st.builds(
    Step,
    index=_indexes,
    label=NAMES,
    verdict=_verdicts,
    metrics=_metrics,
    intervals=st.dictionaries(_metric_names, _intervals, max_size=4),
    reason=st.none() | NAMES,
    seconds=NUMBERS,
    notes=_tuples(NAMES, 2),
    origin=_origins,
    thresholds=_tuples(_compared),
)
_facts = st.builds(CheckpointFacts, _indexes, NAMES, _origins)
_caches = st.builds(
    CacheFacts,
    path=NAMES,
    provenance=st.sampled_from(["real", "synthetic"]),
    rows=_indexes,
    contents=st.none() | _indexes,
    fingerprint=NAMES,
    target=st.none() | st.builds(Target, NAMES, st.sampled_from(get_args(Direction)), st.none() | _intervals),
)
_commands = st.sampled_from(
    ["bisect-cache bisect --cache c", "bisect-cache check 'a b'", "rm -rf /", "bisect-cache bisect '", *HOSTILE]
)
_environments = st.dictionaries(NAMES, NAMES, **_few)
_findings = st.builds(Finding, NAMES, st.sampled_from(get_args(Kind)), st.sampled_from(get_args(Severity)), NAMES)

CHECKS = st.builds(
    CheckReport,
    outcome=st.sampled_from(CHECK_OUTCOMES),
    verdict=NAMES,
    cache=st.none() | _caches,
    regenerated=st.booleans(),
    findings=_tuples(_findings),
    detectable=_metrics,
    reproduce=_commands,
    environment=_environments,
)
_probabilities = st.floats(0, 1)
_groups = st.builds(
    GroupsFacts,
    NAMES,
    NAMES,
    _tuples(
        st.builds(
            ContentCompared,
            content=NAMES,
            rows=_indexes,
            metric=NAMES | _metric_names,
            before=NUMBERS,
            after=NUMBERS,
            interval=st.none() | _intervals,
            p=_probabilities,
            adjusted=_probabilities,
            worse=st.booleans(),
        )
    ),
    _indexes,
)
_samplings = st.builds(
    Sampling,
    resamples=st.integers(1, 2**70),
    seed=st.integers(),
    confidence=NUMBERS,
    by=st.sampled_from(["content", "row"]),
    units=st.integers(1, 2**70),
    grouped=st.booleans(),
)
_explanations = st.builds(
    Explanation,
    findings=_tuples(_findings),
    contents=_tuples(st.builds(ContentMoved, NAMES, _indexes, NUMBERS, NUMBERS)),
    rows=_tuples(st.builds(RowMoved, _indexes, st.none() | NAMES, NUMBERS, NUMBERS, NUMBERS)),
    notes=_tuples(NAMES),
)
BISECTS = st.builds(
    BisectReport,
    outcome=st.sampled_from(BISECT_OUTCOMES),
    verdict=NAMES,
    cache=st.none() | _caches,
    timeline=st.none() | st.builds(TimelineFacts, NAMES, _indexes),
    thresholds=_tuples(_thresholds | NAMES),
    evaluations=_indexes,
    first_bad=st.none() | _facts,
    last_good=st.none() | _facts,
    candidates=_tuples(_facts, 2),
    crossings=_tuples(st.builds(Crossing, st.sampled_from(["regression", "recovery"]), _indexes, _indexes)),
    steps=_tuples(_steps, 6),
    notes=_tuples(NAMES),
    strategy=st.sampled_from(get_args(Strategy)),
    proven=st.booleans(),
    decision=st.sampled_from(get_args(Decision)),
    baseline=st.none() | st.builds(BaselineFacts, st.none() | _indexes, NAMES, _origins, _metrics),
    sampling=st.none() | _samplings,
    detectable=_metrics,
    groups=_tuples(_groups),
    explanation=st.none() | _explanations,
    check=st.none() | CHECKS,
    reproduce=_commands,
    environment=_environments,
)
RUNS = st.builds(
    RunReport,
    outcome=st.sampled_from(OUTCOMES),
    verdict=NAMES,
    sections=st.lists(st.builds(Section, NAMES, st.booleans(), CHECKS | BISECTS), min_size=1, max_size=3).map(tuple),
)


def _read(report: Any) -> Any:
    return decode_report(encode_report(report), "r.json")


READ_BISECTS = BISECTS.map(_read)
READ_REPORTS = st.one_of(BISECTS, CHECKS, RUNS).map(_read)
"""Reports as ``decode_report`` gives them."""

OCCASIONS = st.builds(
    Occasion,
    repository=st.sampled_from(["", "https://github.com/o/r"]),
    run=st.none() | st.integers(1000, 10**12),
    commit=st.sampled_from(["", "0123456789" * 4]),
    from_fork=st.booleans(),
)
TIMES = st.datetimes(datetime(1971, 1, 1), datetime(2999, 12, 31), timezones=st.just(UTC)).map(
    lambda at: at.replace(microsecond=0)
)
NIGHTS = st.builds(
    Night,
    at=TIMES,
    outcome=st.sampled_from(OUTCOMES),
    failed=st.booleans(),
    first_bad=st.none() | NAMES.map(lambda name: name[:80]),
    metric=st.none() | st.sampled_from([*METRIC_NAMES, "odd"]),
    newest=st.none() | NUMBERS,
    run=st.none() | st.integers(0, 10**12),
    commit=st.sampled_from(["", "0123456789" * 4]),
)
