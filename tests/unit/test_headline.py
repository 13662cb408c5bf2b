"""The first words that a reader sees: green only where all is well, a plug where the wiring is at fault."""

import pytest
from arbitrary import BISECT_OUTCOMES, CHECK_OUTCOMES, OUTCOMES, READ_REPORTS
from hypothesis import given
from making import bisect_report, check_report, run_report, section

from bisect_cache.report.headline import HEADLINES, headline, section_headline
from bisect_cache.report.sections import has_failed, sections_of
from bisect_cache.report.structs import EXIT_CODES, Report

GREEN = "✅"


def test_every_outcome_has_a_headline_and_an_exit_code() -> None:
    assert set(HEADLINES) == set(EXIT_CODES) == set(OUTCOMES)
    assert {outcome for outcome, found in HEADLINES.items() if found.sign == GREEN} == {
        outcome for outcome, code in EXIT_CODES.items() if code == 0
    }


@pytest.mark.parametrize("outcome", BISECT_OUTCOMES)
@pytest.mark.parametrize("check", CHECK_OUTCOMES)
def test_a_headline_is_green_only_where_model_and_cache_are(outcome: str, check: str) -> None:
    report = bisect_report(outcome, check=check_report(check))
    assert (headline(report).sign == GREEN) == (EXIT_CODES[outcome] == EXIT_CODES[check] == 0)
    if EXIT_CODES[outcome]:
        assert headline(report) == HEADLINES[outcome]


def test_a_good_model_on_a_drifted_cache_is_red_and_says_both() -> None:
    drifted = bisect_report("no-regression", check=check_report("drift"))
    assert headline(drifted) == ("❌", "the cache has drifted; no regression between the ends")
    unchecked = bisect_report("no-regression", check=check_report("wiring-broke"))
    assert headline(unchecked) == ("🔌", "the cache could not be checked; no regression between the ends")


@pytest.mark.parametrize("outcome", CHECK_OUTCOMES)
def test_a_check_alone_has_the_headline_of_its_outcome(outcome: str) -> None:
    assert headline(check_report(outcome)) == HEADLINES[outcome]


def test_several_caches_have_the_headline_of_the_worst() -> None:
    good = section(bisect_report("no-regression"), "a")
    drifted = section(bisect_report("no-regression", check=check_report("drift")), "b")
    bad = section(bisect_report("regression"), "c")
    assert headline(run_report(good, good)).sign == GREEN
    assert headline(run_report(good, drifted)) == ("❌", "the cache has drifted; no regression between the ends")
    assert headline(run_report(good, drifted, bad)) == HEADLINES["regression"]


@given(READ_REPORTS)
def test_no_report_at_all_is_green_while_anything_in_it_has_failed(report: Report) -> None:
    if any(has_failed(one.report) for one in sections_of(report)):
        assert headline(report).sign != GREEN


def test_a_smoke_test_speaks_of_the_wiring_and_not_of_a_model() -> None:
    passed = section(bisect_report("no-regression"), smoke=True)
    assert section_headline(passed) == (GREEN, "the smoke test passed, so the wiring works")
    for failing in ("regression", "inconclusive", "head-bad", "wiring-broke"):
        failed = section(bisect_report(failing), smoke=True)
        assert section_headline(failed) == ("🔌", "the smoke test failed, so the wiring is at fault")
    drifted = section(bisect_report("no-regression", check=check_report("drift")), smoke=True)
    assert section_headline(drifted).sign == "🔌"


def test_a_real_section_has_the_headline_that_it_would_have_alone() -> None:
    for outcome in BISECT_OUTCOMES:
        assert section_headline(section(bisect_report(outcome))) == headline(bisect_report(outcome))


def test_that_no_model_regressed_is_said_of_the_ends_alone_where_others_were_not_looked_at() -> None:
    assert headline(bisect_report("no-regression", proven=True)) == (GREEN, "no regression")
    assert headline(bisect_report("no-regression", proven=False)) == (GREEN, "no regression between the ends")
    drifted = bisect_report("no-regression", proven=True, check=check_report("drift"))
    assert headline(drifted).words == "the cache has drifted; no regression"
    assert headline(run_report(section(bisect_report("no-regression", proven=True)))) == (GREEN, "no regression")


@pytest.mark.parametrize("outcome", [outcome for outcome in BISECT_OUTCOMES if outcome != "no-regression"])
def test_that_every_model_was_looked_at_changes_no_other_headline(outcome: str) -> None:
    assert headline(bisect_report(outcome, proven=True)) == HEADLINES[outcome]
