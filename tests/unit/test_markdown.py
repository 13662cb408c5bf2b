"""The step summary: what stands in it, what is cut, and that no name can break out of it."""

from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from making import bisect_report, check_report, step
from markdown_it import MarkdownIt

from bisect_cache.cache.drift import Finding
from bisect_cache.report.markdown import SUMMARY_LIMIT, cell, code, fenced, prose, summary
from bisect_cache.report.structs import CacheFacts, CheckpointFacts, TimelineFacts

GITHUB = MarkdownIt("commonmark", {"html": True}).enable("table")
NAMES = st.one_of(st.text(max_size=60), st.text("`|<>[]()*_#@&;:/\\~-+!.a1 \n", max_size=20))
NASTY = "x|y`z`` <img src=x onerror=alert(1)> @someone #12 [a](http://evil) **b** www.evil.example \n\n## no \x1b[31m"


def inline(markdown: str):
    return [token for block in GITHUB.parse(markdown) for token in (block.children or [])]


def shown(name: str) -> str:
    """What a reader sees of a name: one line, and a sign for what does not print."""
    return "".join(character if character.isprintable() else "\ufffd" for character in " ".join(name.split()))


def test_the_verdict_comes_first_and_names_the_model() -> None:
    lines = summary(bisect_report()).splitlines()
    assert lines[0] == "## ❌ bisect-cache: a model regressed"
    assert lines[2] == r"**model\_01 is the first regressing model.**"


def test_real_and_synthetic_data_are_told_apart() -> None:
    synthetic = CacheFacts("cache", "synthetic", 256, None, "sha256:" + "0" * 64)
    assert "`real` data." in summary(bisect_report())
    text = summary(bisect_report("no-regression", cache=synthetic))
    assert "this shows that the wiring works, **not** that a model is healthy" in text


def test_a_wiring_that_broke_looks_like_nothing_else() -> None:
    text = summary(bisect_report("wiring-broke", cache=None, timeline=None, steps=(), first_bad=None, last_good=None))
    assert text.startswith("## 🔌 bisect-cache: the wiring broke")
    assert "this says nothing about any model" in text


def test_steps_and_findings_are_tables_that_render() -> None:
    check = check_report("drift", findings=(Finding("features.parquet", "values", "error", "adm2: 3 cells differ"),))
    tokens = Counter(token.type for token in GITHUB.parse(summary(bisect_report(check=check))))
    assert tokens["table_open"] == 3
    assert tokens["tr_open"] == 2 + 3 + 2


@given(st.one_of(st.just(NASTY), NAMES))
def test_a_code_span_holds_the_whole_name_and_nothing_else_comes_of_it(name: str) -> None:
    tokens = inline(f"a {code(name)} b")
    assert [token.type for token in tokens] == ["text", "code_inline", "text"]
    assert tokens[1].content == (shown(name) or " ")


@given(st.one_of(st.just(NASTY), NAMES))
def test_prose_stays_words(text: str) -> None:
    markdown = f"a {prose(text)} b"
    tokens = inline(markdown)
    assert {token.type for token in tokens} <= {"text", "text_special"}
    assert "".join(token.content for token in tokens).replace("\u200b", "").split() == ["a", *shown(text).split(), "b"]
    assert [block.type for block in GITHUB.parse(markdown)] == ["paragraph_open", "inline", "paragraph_close"]


def test_prose_mentions_nobody_links_nothing_and_closes_nothing() -> None:
    markdown = prose(f"{NASTY} WWW.evil.example &copy;")
    for live in ("@someone", "#12", "http://", "www.evil", "WWW.evil", "<img", "&copy"):
        assert live not in markdown


@given(NAMES)
def test_a_name_cannot_leave_its_cell(name: str) -> None:
    table = f"| a | b |\n| --- | --- |\n| {cell(name)} | end |\n"
    tokens = GITHUB.parse(table)
    assert [token.type for token in tokens].count("td_open") == 2
    assert tokens[[token.type for token in tokens].index("tbody_open") + 6].content == "end"


@given(NAMES)
@example("```")
def test_a_command_cannot_leave_its_block(command: str) -> None:
    assert [token.type for token in GITHUB.parse(fenced(command))] == ["fence"]


def test_nasty_names_everywhere_leave_the_page_as_it_is() -> None:
    nasty = bisect_report(
        verdict=NASTY,
        cache=CacheFacts(NASTY, "real", 1, 1, "sha256:" + "0" * 64),
        timeline=TimelineFacts(NASTY, 2),
        first_bad=CheckpointFacts(1, NASTY),
        steps=(step(0, label=NASTY), step(1, "bad", NASTY, reason=NASTY, notes=(NASTY,))),
        notes=(NASTY,),
        check=check_report("drift", verdict=NASTY, findings=(Finding(NASTY, "values", "error", NASTY),)),
    )

    def shape(report):
        return [token.type for token in GITHUB.parse(summary(report)) if token.type != "inline"]

    plain = bisect_report(
        steps=(step(0), step(1, "bad", reason="why", notes=("note",))),
        notes=("note",),
        check=check_report("drift", findings=(Finding("f", "values", "error", "d"),)),
    )
    assert shape(nasty) == shape(plain)
    html = GITHUB.render(summary(nasty))
    assert "<img" not in html
    assert "\x1b" not in html


def test_a_summary_stays_under_the_limit_keeps_the_verdict_and_says_what_it_cut() -> None:
    steps = tuple(step(index, "untestable", reason="x" * 500) for index in range(5000))
    report = bisect_report(steps=steps, timeline=TimelineFacts("files:*", 5000))
    text = summary(report)
    assert len(text.encode()) <= SUMMARY_LIMIT
    assert "4000 models far from the verdict are left out here" in text
    assert r"model\_01 is the first regressing model" in text
    small = summary(report, 9000)
    assert len(small.encode()) <= 9000
    assert r"model\_01 is the first regressing model" in small
    tiny = summary(report, 200)
    assert len(tiny.encode()) <= 200
    assert tiny.startswith("## ❌ a model regressed")


def test_the_steps_kept_are_those_around_the_verdict() -> None:
    steps = tuple(step(index) for index in range(400))
    report = bisect_report(steps=steps, first_bad=CheckpointFacts(200, "m"), timeline=TimelineFacts("f", 400))
    small = summary(report, 12_000)
    assert "| 200 | `model_200` |" in small
    assert "| 0 | `model_00` |" not in small
    undecided = bisect_report(
        "inconclusive",
        steps=steps,
        first_bad=None,
        last_good=CheckpointFacts(300, "m"),
        timeline=TimelineFacts("f", 400),
    )
    assert "| 300 | `model_300` |" in summary(undecided, 12_000)


def test_the_worst_findings_are_kept_and_the_others_counted() -> None:
    findings = tuple(
        Finding(f"models/m{index}.onnx", "weights", "error" if index == 1100 else "notice", "differs")
        for index in range(1200)
    )
    text = summary(check_report("drift", findings=findings))
    assert text.index("`models/m1100.onnx` | weights | error") < text.index("`models/m0.onnx` | weights | notice")
    assert "200 findings of lower rank are left out here" in text
    assert "left out" not in summary(check_report("drift", findings=findings[:3]))


@pytest.mark.parametrize("limit", [150, 400, 2_000, 6_000, 20_000])
def test_the_limit_counts_bytes_and_not_characters(limit: int) -> None:
    steps = tuple(step(index, "bad", reason="é" * 300) for index in range(40))
    assert len(summary(bisect_report(verdict="é" * 900, steps=steps), limit).encode()) <= limit


def test_everything_that_a_reader_must_be_told_stands_in_the_summary() -> None:
    text = summary(
        bisect_report(
            steps=(step(0, notes=("fed in batches",)), step(1, "bad", reason="too low")), notes=("older layout",)
        )
    )
    assert "756 rows of 17 contents" in text
    assert "| fed in batches |" in text.replace("|  ", "| ")
    assert "| too low |" in text
    assert "- note: older layout" in text
    assert "<details open><summary>2 of 2 models looked at</summary>" in text
    assert "<details><summary>2 of 2 models" in summary(bisect_report("no-regression"))
