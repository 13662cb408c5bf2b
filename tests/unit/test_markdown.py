"""The pages on GitHub: the verdict first, within the limits whatever a report holds, and no name breaks out of one."""

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from arbitrary import HOSTILE, NAMES, NIGHTS, OCCASIONS, READ_BISECTS, READ_REPORTS
from as_github import GITHUB, assert_tables_hold, live, page, tables
from hypothesis import given, settings
from hypothesis import strategies as st
from making import bisect_report, check_report, run_report, section, step
from pages import assert_a_page_of, characters, foreign, visible

from bisect_cache.cache.drift import Finding
from bisect_cache.report.escaping import prose
from bisect_cache.report.headline import headline
from bisect_cache.report.history import Night, remembered
from bisect_cache.report.markdown import (
    COMMENT_LIMIT,
    SUMMARY_LIMIT,
    comment,
    not_posted,
    regression_issue,
    summary,
    tracking,
)
from bisect_cache.report.marker import is_marked, marker, run_marker, run_of
from bisect_cache.report.occasion import NOWHERE, Occasion
from bisect_cache.report.sections import whole_verdict
from bisect_cache.report.structs import (
    BisectReport,
    CacheFacts,
    CheckpointFacts,
    Report,
    RunReport,
    Section,
    TimelineFacts,
)

HERE = Occasion("https://github.com/o/r", 7, "a" * 40)
SYNTHETIC = CacheFacts("the embedded cache", "synthetic", 256, None, "sha256:" + "1" * 64)
SMOKE_PASSED = section(bisect_report("no-regression", cache=SYNTHETIC, verdict="Fine."), "embedded", smoke=True)
NASTY = (
    "x|y`z`` <img src=x onerror=alert(1)> @someone #12 GH-3 [a](http://evil) **b** _www.evil.example \n\n## no \x1b[31m"
)
LONGEST_VERDICT = "&|" * 999 + "x"


@settings(max_examples=60)
@given(READ_REPORTS, OCCASIONS)
def test_any_report_has_a_summary_that_holds(report: Report, occasion: Occasion) -> None:
    text = summary(report, occasion)
    assert len(text.encode()) <= SUMMARY_LIMIT
    assert_a_page_of(report, text)


@settings(max_examples=60)
@given(READ_REPORTS, OCCASIONS, NAMES)
def test_any_report_has_a_comment_that_holds(report: Report, occasion: Occasion, key: str) -> None:
    head = f"{marker('comment', 'mine')}\n{run_marker(occasion.run)}\n"
    text = comment(report, occasion, key, head=head)
    assert characters(text) <= COMMENT_LIMIT
    assert text.startswith(f"{head}## ")
    assert is_marked(text, marker("comment", "mine"))
    assert run_of(text) == (occasion.run or 0)
    assert_a_page_of(report, text)


@settings(max_examples=60)
@given(READ_REPORTS, OCCASIONS, st.lists(NIGHTS, min_size=1, max_size=3))
def test_any_report_has_a_tracking_comment_that_holds(report: Report, occasion: Occasion, nights: list[Night]) -> None:
    head = f"{marker('tracking', 'mine')}\n{run_marker(occasion.run)}\n"
    text = tracking(report, occasion, nights, "mine", head)
    assert characters(text) <= COMMENT_LIMIT
    assert text.startswith(f"{head}## ")
    assert run_of(text) == (occasion.run or 0)
    assert remembered(text) == sorted(nights, key=lambda night: (night.run or 0, night.at))
    assert_a_page_of(report, text)


@settings(max_examples=60)
@given(READ_BISECTS, st.builds(CheckpointFacts, st.integers(0, 9), NAMES), OCCASIONS)
def test_any_regression_has_an_issue_that_holds(report: BisectReport, bad: CheckpointFacts, occasion: Occasion) -> None:
    head = f"{marker('regression', 'mine')}\n{marker('regression', 'mine', 'x' * 200)}\n\n"
    text = regression_issue(report, bad, occasion, head)
    assert characters(text) <= COMMENT_LIMIT
    assert text.startswith(head)
    assert foreign(text) == []
    assert_tables_hold(text)
    assert live(text) == []
    assert not set(page(text).tags) & {"img", "script", "h1", "h2", "hr"}


@settings(max_examples=40)
@given(READ_REPORTS, st.integers(20, 6000))
def test_any_limit_is_kept_and_the_headline_stays_first(report: Report, limit: int) -> None:
    assert len(summary(report, HERE, limit).encode()) <= limit
    text = comment(report, HERE, limit=limit)
    assert characters(text) <= limit
    assert f"## {headline(report).sign} bisect-cache".startswith(text[:17])


def large(verdict: str = "V.") -> list[Report]:
    """Reports for which there is no room."""
    steps = tuple(step(index, "untestable", "|" * 200, reason="&" * 1900) for index in range(700))
    findings = tuple(Finding("|" * 200, "values", "error", "|" * 1900) for _ in range(700))
    timeline = TimelineFacts("|" * 300, 700)
    many = bisect_report(verdict=verdict, steps=steps, timeline=timeline, notes=("&" * 2000,) * 500)
    drift = check_report("drift", verdict=verdict, findings=findings)
    sections = tuple(section(many, f"cache {number}") for number in range(10))
    return [many, drift, RunReport(outcome="regression", verdict=verdict, sections=sections)]


@pytest.mark.parametrize("kind", range(3))
def test_what_is_too_large_is_cut_and_never_the_verdict(kind: int) -> None:
    report = large(LONGEST_VERDICT)[kind]
    told = f"\n**{prose(LONGEST_VERDICT)}**\n"
    night = Night(datetime(2026, 10, 1, tzinfo=UTC), "regression", True, "|" * 80, "plcc", 0.5, 10**17, "a" * 40)
    pages = [
        (summary(report, HERE), lambda text: len(text.encode()), SUMMARY_LIMIT),
        (comment(report, HERE, "k" * 300, head="<!-- x -->\n" * 20), characters, COMMENT_LIMIT),
        (tracking(report, HERE, [night] * 30, "k", "<!-- x -->\n"), characters, COMMENT_LIMIT),
    ]
    for text, size, limit in pages:
        assert size(text) <= limit
        assert told in text
        assert "left out here" in text or "too long for this page" in text
        assert_a_page_of(report, text)


def test_the_summary_leaves_room_for_what_could_not_be_posted() -> None:
    def report(length: int) -> BisectReport:
        steps = tuple(step(index, "untestable", reason="x" * length) for index in range(990))
        return bisect_report(steps=steps, timeline=TimelineFacts("f", 990))

    short = len(summary(report(100)).encode())
    full = report(100 + (SUMMARY_LIMIT - 5000 - short) // 990)
    assert SUMMARY_LIMIT - 10_000 < len(summary(full, limit=SUMMARY_LIMIT).encode()) <= SUMMARY_LIMIT
    assert len((summary(full) + 3 * not_posted("&" * 3000)).encode()) <= SUMMARY_LIMIT


@pytest.mark.parametrize("length", range(0, 60_000, 6000))
def test_a_head_of_any_length_counts_towards_the_limit(length: int) -> None:
    head = "<!-- x -->\n" * (length // 11)
    steps = tuple(step(index, "untestable", reason="x" * 150) for index in range(400))
    report = bisect_report(steps=steps, timeline=TimelineFacts("f", 400))
    night = Night(datetime(2026, 10, 1, tzinfo=UTC), "regression", True, "m", "plcc", 0.5, 7, "a" * 40)
    for text in (comment(report, HERE, head=head), tracking(report, HERE, [night] * 9, "k", head)):
        assert text.startswith(f"{head}## ❌")
        assert length // 2 < characters(text) <= COMMENT_LIMIT


def test_where_there_is_no_room_at_all_nothing_is_shown() -> None:
    assert comment(bisect_report(), limit=3, head="<!-- x -->") == "<!-- x -->"
    assert summary(bisect_report(), limit=0) == ""


def test_of_thousands_of_steps_the_rows_and_the_gaps_add_up() -> None:
    bad, untestable = range(3000, 3030), (17, 999, 4321)
    steps = tuple(
        step(index, "bad" if index in bad else "untestable" if index in untestable else "good") for index in range(5000)
    )
    report = bisect_report(
        steps=steps,
        timeline=TimelineFacts("f", 5000),
        first_bad=CheckpointFacts(3000, "m"),
        last_good=CheckpointFacts(2999, "m"),
    )
    for text in (summary(report), comment(report), comment(report, limit=20_000), summary(report, limit=12_000)):
        (table,) = [table for table in tables(text) if table[0].startswith("| # |")]
        shown = Counter(re.findall(r"^\| \d+ \| `\w+` \| (\w+) \|", "\n".join(table), re.MULTILINE))
        gaps: Counter[str] = Counter()
        for said in re.findall(r"^\| … \| (.*) left out here; the report has all \|", "\n".join(table), re.MULTILINE):
            gaps.update({verdict: int(count) for count, verdict in re.findall(r"(\d+) (\w+)", said)})
        assert shown + gaps == {"good": 4967, "bad": 30, "untestable": 3}
        assert gaps["good"] > 0
        assert (gaps["bad"], gaps["untestable"]) == (0, 0)
        indexes = [int(index) for index in re.findall(r"^\| (\d+) \|", "\n".join(table), re.MULTILINE)]
        assert {0, 2999, 3000, 4999} <= set(indexes)
        assert indexes == sorted(indexes)


def test_the_worst_findings_are_kept_and_the_others_counted() -> None:
    findings = tuple(
        Finding(f"models/m{index}.onnx", "weights", "error" if index == 1100 else "notice", "differs")
        for index in range(1200)
    )
    text = summary(check_report("drift", findings=findings))
    assert text.index("`models/m1100.onnx` | weights | error") < text.index("`models/m0.onnx` | weights | notice")
    assert "200 findings of lower rank are left out here" in text
    assert "left out" not in summary(check_report("drift", findings=findings[:3]))


def test_notes_are_cut_with_a_count_where_there_is_no_room() -> None:
    report = bisect_report(notes=tuple(f"note {number} {'x' * 900}" for number in range(300)))
    text = comment(report)
    shown = len(re.findall(r"^- note: ", text, re.MULTILINE))
    assert 0 < shown < 300
    assert f"- {300 - shown} more notes are left out here" in text
    assert "more notes" not in comment(bisect_report(notes=("one",)))


def test_many_notes_on_one_model_are_cut_with_a_sign() -> None:
    many = tuple(f"note {number}." for number in range(20))
    assert "note 7. note 8. …</sub> |" in summary(bisect_report(steps=(step(0, notes=many),)))
    assert "note 7. note 8.</sub> |" in summary(bisect_report(steps=(step(0, notes=many[:9]),)))


def test_of_endless_lists_beside_the_verdict_the_first_are_shown() -> None:
    origin = {f"fact{number}": str(number) for number in range(40)}
    report = bisect_report(
        thresholds=("plcc >= 0.85",) * 40,
        first_bad=CheckpointFacts(1, "model_01", origin),
        environment={f"library{number}": str(number) for number in range(40)},
    )
    text = summary(report)
    assert tables(text)[0][-1].count("0.85") == 10
    assert re.findall(r"fact(\d+) `", text) == ["0", "1", "2", "3", "4", "5", "6", "7"]
    assert re.findall(r"library(\d+) ", text) == [str(number) for number in range(12)]
    (words,) = re.findall(r"^<sub>Blue.*$", text, re.MULTILINE)
    assert words.count("0.85") == 1


def test_of_very_many_caches_each_keeps_its_verdict_before_all_is_dropped() -> None:
    steps = tuple(step(index, "untestable", reason="x" * 500) for index in range(100))
    sections = [section(bisect_report(verdict=f"Verdict {number}.", steps=steps), f"c{number}") for number in range(60)]
    text = comment(run_report(*sections), HERE)
    assert all(f"### ❌ `c{number}`: a model regressed\n\nVerdict {number}." in text for number in range(60))
    assert "The rest is too long for this page; the report has all." in text
    assert tables(text) == []


def test_a_chart_is_explained() -> None:
    words = r"<sub>Blue: PLCC of each model. Red: plcc \>= 0.85. ✗: the first bad one.</sub>"
    assert f"```\n\n{words}\n\n" in summary(bisect_report())
    assert f"```\n\n{words}\n\n" in regression_issue(bisect_report(), CheckpointFacts(1, "m"), HERE, "")
    assert "<sub>Blue: PLCC of each model.</sub>" in summary(bisect_report(first_bad=None, thresholds=()))
    assert "Blue" not in summary(bisect_report(steps=()))


def test_where_there_is_no_room_for_a_chart_a_line_of_blocks_stands_in() -> None:
    steps = tuple(step(index, metrics={"plcc": 0.9 - index / 1000}) for index in range(300))
    report = bisect_report(steps=steps, timeline=TimelineFacts("f", 300))
    assert "```mermaid" in comment(report)
    small = comment(report, limit=3000)
    assert "```mermaid" not in small
    assert re.search(r"^PLCC, oldest first: `█+[▁-█]+▁+`$", small, re.MULTILINE)


def test_the_verdict_comes_first_and_names_the_model() -> None:
    lines = summary(bisect_report()).splitlines()
    assert lines[0] == "## ❌ bisect-cache: a model regressed"
    assert lines[2] == r"**model\_01 is the first regressing model.**"


def test_a_report_without_a_verdict_says_its_headline() -> None:
    assert "**a model regressed**" in summary(bisect_report(verdict=""))
    assert page(summary(bisect_report(verdict=""))).tags.count("hr") == 0


def test_the_two_models_of_a_regression_stand_beside_each_other_with_what_changed() -> None:
    steps = (
        step(3, metrics={"plcc": 0.81, "rmse": 40.0}),
        step(4, "bad", "m|4", metrics={"plcc": 0.75, "rmse": 38.5}),
    )
    report = bisect_report(
        steps=steps,
        thresholds=("plcc >= 0.8", "plcc < 0.99"),
        last_good=CheckpointFacts(3, "model_03", {"file": "a.onnx", "added": "2016"}),
        first_bad=CheckpointFacts(4, "m|4", {"file": "b|c.onnx"}),
    )
    text = summary(report)
    assert tables(text)[0] == [
        "| | model | PLCC | RMSE |",
        "| --- | --- | ---: | ---: |",
        "| last good | `model_03` | 0.8100 | 40.0000 |",
        "| first bad | `m\\|4` | 0.7500 | 38.5000 |",
        "| change | | -0.0600 | -1.5000 |",
        "| must hold | | ≥ 0.8<br>&lt; 0.99 |  |",
    ]
    assert "|\n\n- last good: file `a.onnx`, added `2016`\n- first bad: file `b|c.onnx`\n\n**Next:**" in text
    assert "**Next:** compare `m|4` with `model_03`." in text


def test_a_pair_that_was_not_looked_at_has_no_table() -> None:
    for fields in ({"last_good": None}, {"last_good": CheckpointFacts(7, "m")}, {"first_bad": None}):
        assert len(tables(summary(bisect_report(**fields)))) == 1


def test_real_and_synthetic_data_are_told_apart() -> None:
    assert "📊 `real` · 756 rows of 17 contents from `cache` · 2 models from `files:models/*.onnx`\n" in summary(
        bisect_report()
    )
    green = summary(bisect_report("no-regression", cache=SYNTHETIC))
    assert "🧪 `synthetic` · 256 rows from `the embedded cache`" in green
    assert "green shows that it works, **not** that a model is healthy.\n" in green
    assert "red means that the wiring or the synthetic cache is at fault." in summary(bisect_report(cache=SYNTHETIC))
    assert "Synthetic data" not in summary(bisect_report())


def test_a_wiring_that_broke_looks_like_nothing_else() -> None:
    text = summary(bisect_report("wiring-broke", cache=None, timeline=None, steps=(), first_bad=None, last_good=None))
    assert text.startswith("## 🔌 bisect-cache: the wiring broke")
    assert "this says nothing about any model" in text
    assert "<sub>bisect\\-cache 0</sub>" in text


NEXT = {
    "regression": "compare `model_01` with `model_00`",
    "non-monotone": "What ships is the newest, `model_01`, which is bad.",
    "head-bad": "the threshold asks too much",
    "inconclusive": "the table below says why",
    "wiring-broke": "mend what is named above",
}


@pytest.mark.parametrize(("outcome", "advice"), NEXT.items())
def test_each_outcome_that_fails_says_what_to_do_next(outcome: str, advice: str) -> None:
    text = summary(bisect_report(outcome))
    assert len(re.findall(r"^\*\*Next:\*\* ", text, re.MULTILINE)) == 1
    assert advice in text


def test_nothing_is_to_be_done_where_all_is_well_and_a_timeline_is_to_be_named_where_it_is_empty() -> None:
    assert "**Next:**" not in summary(bisect_report("no-regression"))
    assert "**Next:**" not in summary(check_report())
    assert "name a timeline that holds models" in summary(bisect_report("inconclusive", steps=()))
    assert "`bisect-cache generate`" in summary(check_report("drift"))


def test_a_verdict_on_drifted_data_says_so_first_and_how_to_see_it() -> None:
    check = check_report("drift", verdict="It has drifted.", reproduce="bisect-cache check clips")
    report = bisect_report("no-regression", verdict="All good.", check=check)
    text = summary(report)
    assert visible(text)[:2] == [
        "## ❌ bisect-cache: the cache has drifted; no regression between the ends",
        "**All good. It has drifted.**",
    ]
    assert whole_verdict(report) == "All good. It has drifted."
    assert "**The data has drifted:**" in text
    assert "```sh\nbisect-cache bisect\n```\n\n```sh\nbisect-cache check clips\n```" in text
    clean = summary(bisect_report(check=check_report(reproduce="bisect-cache check clips")))
    assert "bisect-cache check clips" not in clean
    assert "**The cache: clean.** The cache regenerates." in clean


def test_the_table_is_open_where_it_says_why_models_could_not_be_judged() -> None:
    for outcome in NEXT:
        assert ("<details open><summary>2 of 2" in summary(bisect_report(outcome))) == (outcome == "inconclusive")


def test_the_same_command_is_offered_once() -> None:
    report = bisect_report(check=check_report("drift"))
    assert report.check is not None
    assert report.reproduce == report.check.reproduce
    assert summary(report).count("```sh") == 1


def test_everything_that_a_reader_must_be_told_stands_in_the_summary() -> None:
    text = summary(
        bisect_report(
            steps=(step(0, notes=("fed in batches",)), step(1, "bad", reason="too low")), notes=("older layout",)
        ),
        HERE,
    )
    assert "| 0 | `model_00`<br><sub>fed in batches</sub> | good |" in text
    assert "| 1 | `model_01`<br><sub>too low</sub> | bad |" in text
    assert "- note: older layout" in text
    assert "<details><summary>2 of 2 models looked at, against plcc &gt;= 0.85</summary>" in text
    assert "<details><summary>Reproduce locally</summary>\n\n```sh\nbisect-cache bisect\n```\n\n</details>" in text
    assert f"<sub>cache `sha256:{'0' * 64}` · bisect\\-cache 0</sub>" in text
    assert f"<sub>commit [`aaaaaaaaa`](https://github.com/o/r/commit/{'a' * 40}) · [run](" in text


def test_where_a_run_was_made_is_said_as_far_as_it_is_known() -> None:
    run = "[run](https://github.com/o/r/actions/runs/7)"
    assert f"<sub>{run}</sub>" in summary(bisect_report(), Occasion("https://github.com/o/r", 7))
    assert "<sub>commit `bbbbbbbbb`</sub>" in summary(bisect_report(), Occasion(commit="b" * 40))
    assert "commit" not in summary(bisect_report())


def test_a_command_that_is_not_ours_is_not_offered() -> None:
    assert "Reproduce locally" not in summary(bisect_report(reproduce="rm -rf /"))


def test_a_report_from_a_fork_says_whose_words_these_are() -> None:
    fork = Occasion("https://github.com/o/r", 7, "a" * 40, from_fork=True)
    for report in (bisect_report(), check_report(), run_report()):
        assert "> [!IMPORTANT]\n> This was measured by a run of the pull request's own code" in comment(report, fork)
        assert "[!IMPORTANT]" not in comment(report, HERE)


def test_a_key_that_is_not_the_default_is_in_the_headline() -> None:
    assert visible(comment(bisect_report(), key="linux"))[0] == "## ❌ bisect-cache (linux): a model regressed"
    assert visible(comment(bisect_report(), key="default"))[0] == "## ❌ bisect-cache: a model regressed"


def test_several_caches_have_a_headline_each_and_what_failed_comes_first() -> None:
    bad = section(bisect_report(verdict="Bad."), "clips")
    good = section(bisect_report("no-regression", verdict="Good."), "more")
    text = summary(run_report(SMOKE_PASSED, good, bad))
    assert re.findall(r"^#+ .*$", text, re.MULTILINE) == [
        "## ❌ bisect-cache: a model regressed",
        "### ❌ `clips`: a model regressed",
        "### ✅ `more`: no regression between the ends",
        "### ✅ `embedded`: the smoke test passed, so the wiring works",
    ]
    assert "**clips: Bad.**" in text
    smoke = section(bisect_report(cache=SYNTHETIC), "embedded", smoke=True)
    assert re.findall(r"^#+ (.) .*$", summary(run_report(good, bad, smoke)), re.MULTILINE) == ["🔌", "🔌", "❌", "✅"]


def test_one_cache_has_the_page_of_one_section_among_several() -> None:
    report = bisect_report()
    alone = summary(report, HERE).split("\n")
    among = summary(run_report(section(report, "clips")), HERE).split("\n")
    assert set(alone) - set(among) == {r"**model\_01 is the first regressing model.**"}


def test_blocks_are_parted_by_blank_lines_and_details_are_closed() -> None:
    check = check_report("drift", findings=(Finding("features.parquet", "values", "error", "adm2: 3 cells differ"),))
    for text in (summary(bisect_report(check=check, notes=("n",)), HERE), summary(run_report(), HERE)):
        tokens = Counter(token.type for token in GITHUB.parse(text))
        assert tokens["table_open"] == (3 if "adm2" in text else 4)
        read = page(text)
        assert read.tags.count("details") == read.tags.count("summary") == text.count("</details>")
        for line, after in pairwise(text.split("\n")):
            if line in {"</details>", "```"} or line.startswith(("<details", "## ", "### ", "**")):
                assert after == "", line


def test_nasty_names_everywhere_leave_the_page_as_it_is() -> None:
    def of(name: str, origin: str) -> Report:
        facts = {"first_bad": CheckpointFacts(1, name, {origin: name}), "last_good": CheckpointFacts(0, name)}
        check = check_report("drift", verdict=name, findings=(Finding(name, "values", "error", name),))
        report = bisect_report(
            verdict=name,
            cache=CacheFacts(name, "real", 1, 1, name),
            timeline=TimelineFacts(name, 2),
            steps=(step(0, label=name), step(1, "bad", name, reason=name, notes=(name,))),
            notes=(name,),
            check=check,
            environment={origin: name},
            **facts,
        )
        return RunReport(outcome="regression", verdict=name, sections=(Section(name, False, report),))

    def shape(report: Report) -> list[str]:
        return [token.type for token in GITHUB.parse(summary(report, HERE)) if token.type != "inline"]

    for name in (NASTY, *(hostile for hostile in HOSTILE if hostile.strip())):
        assert shape(of(name, name)) == shape(of("plain", "file"))
        assert page(summary(of(name, name), HERE)).tags == page(summary(of("plain", "file"), HERE)).tags
        assert "\x1b" not in summary(of(name, name))


def test_an_issue_about_a_regression_names_the_model_where_it_comes_from_and_how_to_see_it() -> None:
    bad = CheckpointFacts(1, "model_01", {"file": "models/model_01.onnx"})
    report = bisect_report(first_bad=bad, thresholds=("plcc >= 0.85", "rmse <= 2"))
    text = regression_issue(report, bad, HERE, "<!-- head -->\n\n")
    assert visible(text)[0] == (
        "`model_01` is the first model of `files:models/*.onnx` that does not hold `plcc >= 0.85` and `rmse <= 2` on "
        "`cache`."
    )
    assert "\n- first bad: `model_01`, file `models/model_01.onnx`\n- last good: `model_00`\n" in text
    assert "```mermaid\n" in text
    assert "```sh\nbisect-cache bisect\n```" in text
    assert f"Found on commit {'a' * 40} by [this run](https://github.com/o/r/actions/runs/7).\n" in text
    assert text.endswith("closed by hand, it stays closed.\n")


GOOD_COMMIT, BAD_COMMIT = "a1" * 20, "b2" * 20
FROM_GIT = {
    "first_bad": CheckpointFacts(1, "model_01", {"commit": BAD_COMMIT, "pull": "103"}),
    "last_good": CheckpointFacts(0, "model_00", {"commit": GOOD_COMMIT, "pull": "102"}),
}


def test_commits_and_pull_requests_lead_to_their_pages_and_to_what_lies_between() -> None:
    text = comment(bisect_report(**FROM_GIT), HERE)
    assert f"first bad: commit [`b2b2b2b2b`](https://github.com/o/r/commit/{BAD_COMMIT})" in text
    assert "pull [103](https://github.com/o/r/pull/103)" in text
    assert f"[everything between the two](https://github.com/o/r/compare/{GOOD_COMMIT}...{BAD_COMMIT})" in text


def test_a_strangers_report_and_one_without_a_place_lead_nowhere() -> None:
    for occasion in (replace(HERE, from_fork=True), NOWHERE):
        text = comment(bisect_report(**FROM_GIT), occasion)
        assert "/pull/" not in text
        assert "/compare/" not in text
        assert BAD_COMMIT in text


@pytest.mark.parametrize("value", ["main", "../../evil", "B2" * 20, "b2" * 20 + ")[x](http://evil.test", "1 2"])
def test_what_is_no_commit_and_no_number_is_no_link(value: str) -> None:
    origin = {"commit": value, "pull": value}
    text = comment(bisect_report(first_bad=CheckpointFacts(1, "model_01", origin)), HERE)
    assert "/pull/" not in text
    assert "/compare/" not in text


def test_an_issue_about_a_regression_keeps_its_limit_whatever_the_names() -> None:
    origin = {f"{number}" + "\U0001f600" * 3000: "|" * 3000 for number in range(9)}
    facts = CheckpointFacts(1, "\U0001f600" * 3000, origin)
    report = bisect_report(
        verdict="&" * 3000,
        first_bad=facts,
        last_good=facts,
        timeline=TimelineFacts("\U0001f600" * 3000, 2),
        thresholds=("|" * 3000,) * 3000,
        reproduce="bisect-cache bisect " + "\U0001f600" * 3900,
    )
    assert characters(regression_issue(report, facts, HERE, "<!-- x -->\n" * 500)) <= COMMENT_LIMIT


def test_what_could_not_be_posted_is_a_warning_with_what_is_missing() -> None:
    assert not_posted("the token may not write; add\n\npermissions:\n  issues: write") == (
        "\n> [!WARNING]\n> the token may not write; add\n> ```yaml\n> permissions:\n>   issues: write\n> ```\n"
    )
    assert not_posted("no @one <b>") == "\n> [!WARNING]\n> no @\u200bone &lt;b\\>\n"
