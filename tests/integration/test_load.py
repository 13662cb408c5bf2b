"""Heavy load: bounded time and memory, and every face readable and cut where it is too long, but for the verdict.

`benchmarks/load.py` makes the same loads at their full size, ten million rows among them, and prints what they cost.
"""

from __future__ import annotations

import importlib.util
import io
import itertools
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from attacks import Attack
from making import bisect_report, check_report, linear, run_report, save, section, step
from rich.console import Console

from bisect_cache.action.annotations import annotated
from bisect_cache.action.posting.publishing import LARGEST_MEMBER
from bisect_cache.action.surfaces import write_log
from bisect_cache.cache.drift import Finding
from bisect_cache.crossings import Crossing
from bisect_cache.judge.thresholds import BadThreshold, parse_thresholds
from bisect_cache.report.chart import chart
from bisect_cache.report.escaping import LONGEST_VERDICT
from bisect_cache.report.markdown import COMMENT_LIMIT, SUMMARY_LIMIT, comment, regression_issue, summary
from bisect_cache.report.occasion import NOWHERE
from bisect_cache.report.structs import (
    LARGEST_REPORT,
    LONGEST_TEXT,
    CheckpointFacts,
    Report,
    Step,
    TimelineFacts,
    decode_report,
    encode_report,
)
from bisect_cache.report.terminal import show_bisect, show_check

ROOT = Path(__file__).resolve().parents[2]
ATTACK = Callable[[str], Attack]
_MOST_MEMORY = 600
"""MiB of the whole process tree, imports of some 100 and a worker of some 60 included."""
_LONGEST = 120.0
"""Seconds on a busy machine; what grows with the square of a load takes longer."""
_LONGEST_TERMINAL = 100_000
"""Characters: sixty lines of a table, each cut."""
_TERMINAL = 160
_LONG = "x" * 1_000_000
BAD = CheckpointFacts(1, "model_01")

_spec = importlib.util.spec_from_file_location("load", ROOT / "benchmarks" / "load.py")
assert _spec
assert _spec.loader
load = importlib.util.module_from_spec(_spec)
sys.modules["load"] = load
_spec.loader.exec_module(load)


@dataclass(frozen=True)
class Faces:
    """What a report looks like wherever it is shown."""

    terminal: str
    summary: str
    comment: str
    annotations: list[str]


def faces(report: Report) -> Faces:
    """Every face of a report, each within what its place allows."""
    seen = io.StringIO()
    console = Console(file=seen, width=_TERMINAL, highlight=False)
    if not hasattr(report, "sections"):
        (show_bisect if hasattr(report, "steps") else show_check)(report, console)  # type: ignore[arg-type, operator]
    shown = annotated(report, ["cache"])
    made = Faces(seen.getvalue(), summary(report), comment(report), [f"{one.title}\n{one.message}" for one in shown])
    assert len(made.terminal) <= _LONGEST_TERMINAL
    assert len(made.summary.encode()) <= SUMMARY_LIMIT
    assert len(made.comment.encode("utf-16-le")) // 2 <= COMMENT_LIMIT
    assert all(len(one.message) <= 4096 for one in shown)
    assert all(sum(one.level == level for one in shown) <= 10 for level in ("error", "warning", "notice"))
    return made


def plain(markdown: str) -> str:
    """Markdown without what escapes it."""
    shown = re.sub(r"\\(?=[^A-Za-z0-9\s])", "", markdown).replace("\u200b", "")
    return shown.replace("&lt;", "<").replace("&amp;", "&")


def ran(folder: Path, arguments: list[str], code: int = 1) -> tuple[str, str, Report]:
    """What a command says and leaves, within the memory that it may take."""
    command = [sys.executable, "-m", "bisect_cache", *arguments, "--json", "report.json"]
    done = load.carried(command, folder)
    assert done.exit_code == code, done.told[-2000:]
    assert "Traceback" not in done.told
    assert done.rss < _MOST_MEMORY
    assert done.wall < _LONGEST
    assert len(done.said + done.told) < _LONGEST_TERMINAL
    return done.said, done.told, decode_report((folder / "report.json").read_bytes(), "report.json")


def acted(workspace: Path, environ: dict[str, str]) -> tuple[str, str, str]:
    """Log, summary and outputs of the action, within the memory that it may take."""
    files = {name: workspace.parent / name for name in ("summary", "outputs")}
    for file in files.values():
        file.touch()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("INPUT_", "GITHUB_"))}
    runner = {
        "GITHUB_WORKSPACE": str(workspace),
        "GITHUB_STEP_SUMMARY": str(files["summary"]),
        "GITHUB_OUTPUT": str(files["outputs"]),
    }
    done = load.carried([sys.executable, str(ROOT / "entrypoint.py")], workspace, clean | runner | environ)
    assert done.exit_code == 1, done.said + done.told
    assert done.rss < _MOST_MEMORY
    return done.said, files["summary"].read_text(), files["outputs"].read_text()


# 10,000 models


def test_ten_thousand_models_are_judged_and_those_that_matter_are_shown(attack: ATTACK, tmp_path: Path) -> None:
    tried = attack("10,000 models")
    arguments = load.many_models(tmp_path, 10_000)
    with tried.case():
        said, told, report = ran(tmp_path, [*arguments, "--resamples", "0"])
        assert said.startswith("regression: model_6000 (model 6001 of 10000) is the first regressing model: ")
        assert said.rstrip().endswith("Proven over all 10000 models.")
        assert re.search(r"^ *\d+ models are left out here \(all are in the report: --json FILE\)$", told, re.MULTILINE)
        assert (tmp_path / "report.json").stat().st_size <= LARGEST_MEMBER  # or a fork's would never be posted
    with tried.case():
        made = faces(report)
        verdict = said.partition(": ")[2].strip()
        assert verdict in plain(made.summary)
        assert verdict in plain(made.comment)
        assert "left out here; the report has all" in made.comment
        for label in ("model_0000", "model_5999", "model_6000", "model_9999"):
            assert f"`{label}`" in made.comment
        drawn = chart(report)  # type: ignore[arg-type]
        assert drawn
        assert max(line.count(",") for line in drawn.splitlines() if " line [" in line) < 250
        assert "```mermaid" in made.comment


def steps_that(verdicts: str, count: int) -> tuple[Step, ...]:
    """``count`` models, by the letters of ``verdicts`` again and again: g, b, or x for one that cannot be judged."""
    names = {"g": "good", "b": "bad", "x": "untestable"}
    return tuple(
        step(index, names[letter], f"model_{index:05d}", reason=None if letter == "g" else f"why {index}", notes=("n",))
        for index, letter in zip(range(count), itertools.cycle(verdicts), strict=False)
    )


@pytest.mark.parametrize("verdicts", ["gb", "x", "b", "gxxxb"])
def test_ten_thousand_models_that_turn_or_cannot_be_judged_are_counted(attack: ATTACK, verdicts: str) -> None:
    count = 10_000
    with attack("10,000 models").case():
        steps = steps_that(verdicts, count)
        turns = [
            Crossing("regression" if index % 2 == 0 else "recovery", index, index + 1) for index in range(count - 1)
        ]
        report = bisect_report(
            "inconclusive",
            first_bad=None,
            steps=steps,
            timeline=TimelineFacts("files:m/*.onnx", count),
            crossings=tuple(turns) if verdicts == "gb" else (),
            candidates=tuple(CheckpointFacts(one.index, one.label) for one in steps),
            notes=tuple(f"note {number}" for number in range(count)),
        )
        made = faces(report)
        assert "model_00000" in made.comment
        assert f"model_{count - 1:05d}" in made.comment
        assert re.search(r"\d+ more notes are left out here", made.comment)
        assert "more notes (all are in the report" in made.terminal
        if verdicts == "gb":
            assert "more turns are left out here; the report has all" in made.comment
        if "x" in verdicts:
            assert sum("more of this level" in one for one in made.annotations) == 1


# Many rows


def test_half_a_million_rows_are_checked_and_judged_within_bounds(attack: ATTACK, tmp_path: Path) -> None:
    tried = attack("many rows")
    arguments = load.many_rows(tmp_path, 500_000)
    with tried.case():
        said, _, _ = ran(tmp_path, arguments, code=0)
        assert said.startswith("no-regression: ")
    with tried.case():
        said, _, _ = ran(tmp_path, ["check", "cache"], code=0)
        assert said == "clean: The cache regenerates: all 500000 rows are what its recipe makes.\n"


# Labels of 1 MB


def test_names_of_a_megabyte_in_a_registry_are_cut_and_told_apart(attack: ATTACK, tmp_path: Path) -> None:
    with attack("labels of 1 MB").case(15):
        said, _, report = ran(tmp_path, load.long_names(tmp_path, 15))
        labels = [one.label for one in report.steps]  # type: ignore[union-attr]
        assert len(set(labels)) == len(labels) == 15
        assert max(map(len, labels)) == 200
        assert said.startswith("regression: 8nnn")
        assert said.rstrip().endswith("Proven over all 15 models.")
        faces(report)


def test_commits_whose_subject_and_author_have_a_megabyte_are_cut(attack: ATTACK, tmp_path: Path) -> None:
    with attack("labels of 1 MB").case(8):
        # One such author alone took minutes where the name was searched for an address before it was cut.
        _, _, report = ran(tmp_path, load.long_subjects(tmp_path, 8), code=0)
        origins = [one.origin for one in report.steps]  # type: ignore[union-attr]
        assert len(origins) == 8
        assert {len(origin["author"]) for origin in origins} == {80}
        assert {len(origin["subject"]) for origin in origins} == {120}
        faces(report)


def test_models_whose_own_names_have_a_megabyte_are_judged_or_say_why_not(attack: ATTACK, tmp_path: Path) -> None:
    made = [linear(input_name=_LONG), linear(metadata={_LONG: _LONG}), linear()]
    made[2].graph.name = made[2].producer_name = made[2].doc_string = _LONG
    refused = linear()
    refused.graph.node[0].op_type = _LONG
    for index, one in enumerate([*made, refused]):
        save(one, tmp_path / "models" / f"m_{index}.onnx")
    with attack("labels of 1 MB").case(4):
        _, _, report = ran(tmp_path, ["bisect", "--timeline", "files:models/*.onnx"], code=2)
        steps = sorted(report.steps, key=lambda one: one.index)  # type: ignore[union-attr]
        assert [one.verdict for one in steps] == ["good", "good", "good", "untestable"]
        assert (tmp_path / "report.json").stat().st_size < 100_000
        faces(report)


def test_a_report_of_labels_of_a_megabyte_is_cut_when_it_is_read(attack: ATTACK) -> None:
    steps = tuple(step(index, "bad", f"{index}{_LONG}", reason=_LONG[:9999]) for index in range(30))
    long = bisect_report(
        verdict=f"model_01 {_LONG}",
        steps=steps,
        first_bad=CheckpointFacts(1, f"1{_LONG}", {f"o{_LONG}": _LONG}),
        timeline=TimelineFacts(_LONG, 30),
        thresholds=("plcc >= 0.85", _LONG),
        notes=(_LONG,) * 5,
        reproduce=f"bisect-cache bisect {_LONG}",
        environment={_LONG: _LONG},
        check=check_report("drift", findings=tuple(Finding(f"{n}{_LONG}", "values", "error", _LONG) for n in range(5))),
    )
    encoded = encode_report(long)
    assert 50_000_000 < len(encoded) <= LARGEST_REPORT
    with attack("labels of 1 MB").case():
        read = decode_report(encoded, "report.json")
        assert max(len(one.label) for one in read.steps) == LONGEST_TEXT  # type: ignore[union-attr]
        made = faces(read)
        assert "❌ bisect-cache: a model regressed" in made.comment
        assert "model\\_01" in made.comment
        assert "The command that shows the same is too long for this page; the report has it." in made.comment
        assert "…" in made.terminal


# 1,000 contents


def test_a_thousand_contents_are_compared_and_the_worst_are_shown(attack: ATTACK, tmp_path: Path) -> None:
    with attack("1,000 contents").case():
        _, told, report = ran(tmp_path, load.many_contents(tmp_path, 1000))
        assert re.search(r"^\d{3,4} of 1000 contents got worse from m_0 to m_1$", told, re.MULTILINE)
        assert "more lines (all are in the report" in told
        assert len({one.content for one in report.groups[0].contents}) == 1000  # type: ignore[union-attr]
        faces(report)


# 100,000 findings


def test_a_hundred_thousand_findings_are_counted_and_the_worst_are_shown(attack: ATTACK, tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    load.many_findings(workspace, 100_000)
    tried = attack("100,000 findings")
    with tried.case():
        log, written, outputs = acted(workspace, {"INPUT_MODE": "check", "INPUT_CACHE": "cache"})
        assert len(re.findall(r"^::error ", log, re.MULTILINE)) == 10
        assert len(re.findall(r"^::warning ", log, re.MULTILINE)) == 10
        assert "more findings (all are in the report" in log
        assert "The cache has drifted: 100000 findings (" in plain(written)
        assert re.search(r"^\d+ findings of lower rank are left out here; the report has all\.$", written, re.MULTILINE)
        assert "outcome" in outputs
        assert len(log) < _LONGEST_TERMINAL
    with tried.case():
        report = decode_report((workspace / "bisect-cache-report.json").read_bytes(), "report.json")
        assert len(report.findings) == 100_000  # type: ignore[union-attr]
        assert "The cache has drifted: 100000 findings (" in plain(faces(report).comment)


# Verdicts


def test_a_verdict_as_long_as_ours_get_is_whole_everywhere_and_a_strangers_is_cut(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ours, strangers = ("word " * count + "end." for count in (1500, 3000))
    made = faces(bisect_report(verdict=ours, check=check_report("drift", verdict=ours[:400])))
    for markdown in (made.comment, made.summary, regression_issue(bisect_report(verdict=ours), BAD, NOWHERE, "")):
        assert ours in markdown
    write_log(bisect_report(verdict=ours))
    assert ours in " ".join(capsys.readouterr().out.split())
    cut = faces(bisect_report(verdict=strangers)).comment
    assert "end." not in cut
    assert re.search(r"word .{0,4}…", cut)


def test_the_verdict_of_many_caches_names_the_failing_ones_and_counts_the_others() -> None:
    failing = [section(bisect_report(), f"cache {'y' * 900} {number}") for number in range(200)]
    passing = [
        section(bisect_report("no-regression", verdict=f"Fine {number}."), f"c{number}") for number in range(200)
    ]
    for sections, ending in (
        (failing, "194 more caches."),
        (passing, "197 more have passed, each with a verdict below."),
    ):
        report = run_report(*sections)
        assert report.verdict.endswith(ending)
        assert report.verdict.count("Fine") in (0, 3)
        assert len(report.verdict) < LONGEST_VERDICT
        made = faces(report)
        assert report.verdict in plain(made.comment)
        assert report.verdict in plain(made.summary)


def test_a_timeline_is_held_to_a_hundred_thresholds_at_most() -> None:
    assert len(parse_thresholds([f"plcc >= 0.{number}" for number in range(100, 200)])) == 100
    with pytest.raises(BadThreshold, match=r"^101 thresholds; a timeline is held to 100 at most: leave some out$"):
        parse_thresholds([f"plcc >= 0.{number}" for number in range(100, 201)])
