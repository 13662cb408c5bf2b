"""Two models content by content: the worst first, the others counted, and no name or number breaks the page."""

import io
import time
from typing import Any

import pytest
from arbitrary import HOSTILE
from as_github import assert_tables_hold, live, page, tables
from making import bisect_report
from rich.console import Console

from bisect_cache.judge.by_content import ContentCompared
from bisect_cache.judge.sampling import Sampling
from bisect_cache.report.markdown import COMMENT_LIMIT, comment, summary
from bisect_cache.report.structs import BisectReport, GroupsFacts
from bisect_cache.report.terminal import show_bisect

SAMPLING = Sampling(2000, 1, 0.95, "content", 17)


def content(name: str, worse: bool = False, metric: str = "plcc", **fields: Any) -> ContentCompared:
    defaults = {"rows": 24, "before": 0.9384, "after": 0.9112, "interval": (-0.0356, -0.0151), "p": 0.001}
    return ContentCompared(content=name, metric=metric, worse=worse, adjusted=0.0047, **(defaults | fields))


def group(*contents: ContentCompared, left_out: int = 0) -> GroupsFacts:
    return GroupsFacts("model_00", "model_01", contents, left_out)


def report(*groups: GroupsFacts, outcome: str = "regression") -> BisectReport:
    return bisect_report(outcome, groups=groups, sampling=SAMPLING)


def seen(shown: BisectReport, width: int = 160) -> list[str]:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    show_bisect(shown, console)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]


def folded(text: str) -> str:
    """The part of a page that compares by content."""
    start = text.index("<details", text.rindex("```\n\n<sub>Blue"))
    return text[start : text.index("</details>", start)]


SOME = group(content("water", worse=True), content("a|b", worse=True), content("fire"), content("air"), left_out=1)


def test_the_page_shows_what_got_worse_counts_the_others_and_names_the_rule() -> None:
    assert folded(summary(report(SOME))).splitlines() == [
        "<details><summary>2 of 4 contents got worse from model_00 to model_01</summary>",
        "",
        "| content | rows | before → after | change | p |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| `water` | 24 | 0.9384\u00a0→\u00a00.9112<br><sub>PLCC</sub> "
        "| -0.0272<br><sub>-0.0356\u00a0to\u00a0-0.0151</sub> | 0.0047 |",
        "| `a\\|b` | 24 | 0.9384\u00a0→\u00a00.9112<br><sub>PLCC</sub> "
        "| -0.0272<br><sub>-0.0356\u00a0to\u00a0-0.0151</sub> | 0.0047 |",
        "",
        "The other 2 of 4 contents did not get worse beyond chance. 1 content was left out: too few rows, or a "
        "constant.",
        "",
        "<sub>p: adjusted over 4 comparisons by Benjamini and Hochberg; a content got worse where it is at most 0.05"
        "</sub>",
        "",
    ]


def test_a_terminal_shows_the_same() -> None:
    lines = seen(report(SOME))
    at = lines.index("2 of 4 contents got worse from model_00 to model_01")
    assert lines[at + 1].split() == ["content", "rows", "metric", "before", "after", "change", "p"]
    assert lines[at + 2].split("  ")[-1] == "0.0047"
    assert "water" in lines[at + 2]
    assert "-0.0272  -0.0356 to -0.0151" in lines[at + 2]
    assert lines[at + 4].startswith("The other 2 of 4 contents did not get worse beyond chance. 1 content was left")
    assert "Benjamini and Hochberg" in lines[at + 5]
    narrow = "\n".join(seen(report(SOME), 50))
    assert "-0.0272" in narrow
    assert "0.9384" not in narrow


def test_where_no_content_got_worse_one_line_says_so() -> None:
    text = folded(summary(report(group(content("fire"), content("air")))))
    assert text.startswith("<details><summary>No content got worse beyond chance from model_00 to model_01</summary>")
    assert "|" not in text
    assert "The other" not in text
    assert "No content got worse beyond chance from model_00 to model_01" in seen(report(group(content("fire"))))


def test_where_nothing_could_be_compared_that_is_said() -> None:
    text = folded(summary(report(group(left_out=3))))
    assert "<summary>Nothing could be compared by content from model_00 to model_01</summary>" in text
    assert "3 contents were left out" in text


def test_a_content_with_two_metrics_is_counted_once() -> None:
    both = group(content("water", worse=True), content("water", worse=True, metric="rmse_mapped"), content("fire"))
    text = folded(summary(report(both)))
    assert "1 of 2 contents got worse" in text
    assert "<sub>mapped RMSE</sub>" in text
    assert "adjusted over 3 comparisons" in text


def test_ten_lines_are_shown_and_the_others_counted() -> None:
    many = group(*(content(f"clip{number}", worse=True) for number in range(13)))
    (table,) = [table for table in tables(summary(report(many))) if "before → after" in table[0]]
    assert len(table) == 12
    assert "13 of 13 contents got worse from" in summary(report(many))
    assert "\n3 more lines of this are left out here; the report has all.\n" in summary(report(many))
    assert any(line.startswith("… and 3 more lines") for line in seen(report(many)))
    ten = group(*(content(f"clip{number}", worse=True) for number in range(10)))
    assert "more lines" not in summary(report(ten))


def test_three_comparisons_are_shown_and_the_others_counted() -> None:
    text = summary(report(*[SOME] * 5))
    assert text.count("contents got worse from") == 3
    assert "\n2 more comparisons by content are left out here; the report has all.\n" in text
    assert any(line.startswith("… and 2 more comparisons by content") for line in seen(report(*[SOME] * 5)))


def test_where_the_whole_did_not_get_worse_contents_that_did_are_in_sight() -> None:
    assert folded(summary(report(SOME, outcome="no-regression"))).startswith("<details open>")
    assert folded(summary(report(group(content("fire")), outcome="no-regression"))).startswith("<details><")


@pytest.mark.parametrize(
    "shown",
    [
        report(group(*(content(f"clip{number}" * 20, worse=True) for number in range(100_000)))),
        report(*(group(content("x" * 200, worse=True)) for _ in range(100_000))),
        report(
            group(content("x", worse=True, before=-1e308, after=1e308, interval=(-1e308, 1e308), metric="|" * 9000))
        ),
        report(group(content("x", worse=True, interval=(float("-inf"), float("inf")), metric="@a"))),
    ],
    ids=["contents", "comparisons", "numbers", "infinity"],
)
def test_whatever_is_compared_a_comment_keeps_its_limit_and_its_columns(shown: BisectReport) -> None:
    began = time.perf_counter()
    text = comment(shown)
    assert time.perf_counter() - began < 10
    assert len(text) <= COMMENT_LIMIT
    assert "got worse" in text
    assert_tables_hold(text)
    assert live(text) == []
    assert seen(shown)


def test_where_room_is_scarce_the_tables_go_and_the_sentence_stays() -> None:
    many = report(group(*(content(f"clip{number}", worse=True) for number in range(10)), content("fire")))
    texts = [comment(many, limit=limit) for limit in range(400, 6000, 100)]
    cut = [text for text in texts if "got worse from" in text and "before → after" not in text]
    assert cut
    assert all("10 more lines of this are left out here" in text for text in cut)
    assert "before → after" in texts[-1]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_breaks_out(name: str) -> None:
    hostile = GroupsFacts(name, name, (content(name, worse=True, metric=name), content("fire")), 1)
    plain = report(group(content("water", worse=True), content("fire"), left_out=1))
    for text in (summary(report(hostile)), comment(report(hostile))):
        assert_tables_hold(text)
        assert live(text) == []
        assert page(text).tags == page(summary(plain)).tags
    assert "\x1b" not in "".join(seen(report(hostile), 60))
