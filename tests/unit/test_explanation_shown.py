"""What changed between two models, as Markdown and in a terminal: folded, cut with a count, no name breaks out."""

import io

import pytest
from arbitrary import HOSTILE
from as_github import assert_tables_hold, live, page, tables
from making import bisect_report
from rich.console import Console

from bisect_cache.cache.drift import Finding
from bisect_cache.judge.moved import ContentMoved, RowMoved
from bisect_cache.report.markdown import COMMENT_LIMIT, comment, summary
from bisect_cache.report.structs import (
    BadReport,
    BisectReport,
    CheckpointFacts,
    Explanation,
    decode_report,
    encode_report,
)
from bisect_cache.report.terminal import show_bisect

WEIGHTS = Finding("model_01", "weights", "error", "initialiser 'W': 6 of 6 values differ, largest difference 1.07.")


def explanation(name: str = "clip0", most: int = 10) -> Explanation:
    return Explanation(
        (WEIGHTS, Finding(name, "graph", "error", f"node 0 is {name}")),
        tuple(ContentMoved(f"{name} {number}", 6, 0.5, 2.5 - number / 8) for number in range(most)),
        tuple(RowMoved(number, name if number else None, 40.0, 41.0, 61.0 - number) for number in range(most)),
        (f"a note on {name}",),
    )


def report(shown: Explanation, **fields: object) -> BisectReport:
    made = bisect_report(explanation=shown, **fields)
    read = decode_report(encode_report(made), "r.json")
    assert isinstance(read, BisectReport)
    return read


def test_the_page_shows_it_folded_between_the_chart_and_the_models() -> None:
    text = summary(report(explanation(most=2)))
    start = text.index("<details><summary>What changed between model_00 and model_01</summary>")
    assert text.index("```mermaid") < start < text.index("2 of 2 models looked at")
    assert text[start : text.index("</details>", start)].splitlines()[2:] == [
        "- weights: initialiser 'W': 6 of 6 values differ, largest difference 1.07.",
        "- graph: node 0 is clip0",
        "- note: a note on clip0",
        "",
        "Contents whose mean error grew most, on the target's scale:",
        "",
        "| content | rows | error before | after | change |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| `clip0 0` | 6 | 0.5 | 2.5 | +2 |",
        "| `clip0 1` | 6 | 0.5 | 2.375 | +1.875 |",
        "",
        "Rows whose predictions moved most, on the target's scale:",
        "",
        "| row | content | target | before | after | move |",
        "| ---: | --- | ---: | ---: | ---: | ---: |",
        "| 0 |  | 40 | 41 | 61 | +20 |",
        "| 1 | `clip0` | 40 | 41 | 60 | +19 |",
        "",
    ]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_breaks_out_of_it(name: str) -> None:
    for key in ("first_bad", "last_good"):
        shown = report(explanation(name), **{key: CheckpointFacts(1, name)})
        for text in (summary(shown), comment(shown)):
            assert len(text.encode("utf-16-le")) // 2 <= COMMENT_LIMIT or text == summary(shown)
            assert "What changed between" in text
            assert_tables_hold(text)
            assert live(text) == []
            assert not set(page(text).tags) & {"img", "script", "b", "i", "h1", "hr"}


def test_where_room_is_scarce_its_tables_go_first_and_what_is_left_out_is_counted() -> None:
    whole = report(explanation())
    assert "left out" not in summary(whole)
    sizes = [len(comment(whole, limit=limit)) for limit in (4000, 3000, 2500, 2000, 1500, 1000, 500)]
    assert sizes == sorted(sizes, reverse=True)
    texts = [comment(whole, limit=limit) for limit in range(400, 4200, 50)]
    cut = [text for text in texts if "more of this are left out here; the report has all." in text]
    assert cut
    for text in cut:
        assert_tables_hold(text)
    smallest = cut[0]
    assert "Contents whose" not in smallest
    assert "- weights: initialiser" in smallest
    assert len(tables(smallest)) == 2  # the pair, and the models looked at


def test_an_explanation_has_a_place_only_where_both_models_are_named() -> None:
    assert "What changed" not in summary(report(explanation(), last_good=None))
    assert "What changed" not in summary(bisect_report())


def test_more_than_the_schema_allows_is_no_report() -> None:
    with pytest.raises(BadReport, match="length <= 10"):
        report(explanation(most=11))


@pytest.mark.parametrize("width", [40, 80, 160])
def test_a_terminal_shows_both_tables_and_obeys_no_name(width: int) -> None:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    show_bisect(bisect_report(explanation=explanation("a\x1b[31m\r[bold]b", 2)), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b" not in text
    assert "\r" not in text
    assert "from the last good model to the first bad one:" in " ".join(text.split())
    if width == 160:
        lines = [line.split() for line in text.splitlines()]
        assert ["content", "rows", "mean", "error", "before", "after", "change"] in lines
        assert [line[-4:] for line in lines if "+2" in line] == [["6", "0.5", "2.5", "+2"]]
        assert ["0", "40", "41", "61", "+20"] in lines
        assert "weights: initialiser 'W': 6 of 6 values differ, largest difference 1.07." in text
