"""Several caches in one report: what leads, what the verdict says, and that one cache reads like one of several."""

import itertools

import pytest
from arbitrary import BISECT_OUTCOMES, CHECK_OUTCOMES
from making import bisect_report, check_report, run_report, section

from bisect_cache.report.headline import headline
from bisect_cache.report.sections import (
    all_outcomes,
    check_of,
    has_failed,
    joined,
    leading,
    sections_of,
    whole_verdict,
)
from bisect_cache.report.structs import EXIT_CODES, Section

SMOKE_PASSED = section(bisect_report("no-regression", verdict="Smoke is fine."), "embedded", smoke=True)
GREEN = section(bisect_report("no-regression", verdict="All are good."), "clips")
DRIFTED = section(
    bisect_report("no-regression", verdict="All are good.", check=check_report("drift", verdict="It has drifted.")),
    "drifted",
)
WORST_FIRST = ("regression", "non-monotone", "head-bad", "wiring-broke", "inconclusive", "no-regression")
FAILING = [outcome for outcome in BISECT_OUTCOMES if EXIT_CODES[outcome]]


def real(outcome: str, cache: str = "clips") -> Section:
    return section(bisect_report(outcome, verdict=f"It is {outcome}."), cache)


@pytest.mark.parametrize("outcome", BISECT_OUTCOMES)
@pytest.mark.parametrize("smoke", [outcome for outcome in FAILING if outcome != "non-monotone"])
def test_a_smoke_test_that_fails_makes_the_whole_wiring_broke_and_says_so(outcome: str, smoke: str) -> None:
    failed = section(bisect_report(smoke, verdict="Smoke!"), "embedded", smoke=True)
    for sections in itertools.permutations([failed, real(outcome), DRIFTED]):
        report = joined(sections)
        assert report.outcome == "wiring-broke"
        assert report.verdict.startswith("The wiring broke: the smoke test on synthetic data (embedded) failed")
        assert report.verdict.endswith("Smoke!")
        assert headline(report).sign == "🔌"


def test_a_smoke_test_on_a_drifted_cache_has_failed_too() -> None:
    report = bisect_report("no-regression", verdict="Fine.", check=check_report("drift", verdict="It has drifted."))
    whole = joined([section(report, "embedded", smoke=True), GREEN])
    assert whole.outcome == "wiring-broke"
    assert whole.verdict.endswith("of the same fault. It has drifted.")
    both = bisect_report("inconclusive", verdict="Unclear.", check=report.check)
    assert joined([section(both, "embedded", smoke=True), GREEN]).verdict.endswith("fault. Unclear. It has drifted.")


@pytest.mark.parametrize("other", [outcome for outcome in BISECT_OUTCOMES if outcome != "regression"])
def test_a_real_regression_leads_over_everything_else(other: str) -> None:
    for sections in itertools.permutations([SMOKE_PASSED, real("regression"), real(other, "other"), DRIFTED]):
        report = joined(sections)
        assert report.outcome == "regression"
        assert report.verdict.startswith("clips: It is regression.")
        assert leading(sections).cache == "clips"


def test_a_verdict_names_every_other_cache_that_has_failed() -> None:
    report = joined([SMOKE_PASSED, DRIFTED, real("inconclusive", "undecided"), real("regression"), GREEN])
    assert report.verdict == "clips: It is regression. Also failed: drifted (drift), undecided (inconclusive)."
    both = section(bisect_report("head-bad", check=check_report("drift")), "both")
    assert joined([real("regression"), both]).verdict.endswith("Also failed: both (head-bad, drift).")
    assert joined([real("regression"), GREEN]).verdict == "clips: It is regression."


@pytest.mark.parametrize("other", BISECT_OUTCOMES)
def test_drift_in_a_section_is_in_the_verdict_and_nothing_is_green(other: str) -> None:
    for sections in itertools.permutations([SMOKE_PASSED, DRIFTED, real(other)]):
        report = joined(sections)
        assert "drifted" in report.verdict
        assert headline(report).sign != "✅"
    if EXIT_CODES[other] == 0:
        assert "drifted: All are good. It has drifted." in report.verdict


def test_a_regression_on_drifted_data_says_both() -> None:
    both = section(bisect_report(verdict="Bad.", check=check_report("drift", verdict="It has drifted.")), "clips")
    assert joined([SMOKE_PASSED, both]).verdict == "clips: Bad. It has drifted."


def test_all_green_is_green_and_says_so_of_each() -> None:
    report = joined([SMOKE_PASSED, GREEN, real("no-regression", "more")])
    assert report.outcome == "no-regression"
    assert headline(report).sign == "✅"
    assert report.verdict == (
        "clips: All are good. more: It is no-regression. The smoke test on synthetic data (embedded) passed."
    )


def test_checks_of_several_caches_are_joined_by_the_same_rules() -> None:
    clean, drift = section(check_report("clean"), "a"), section(check_report("drift", verdict="Drift!"), "b")
    assert joined([clean, drift]).outcome == "drift"
    assert joined([clean, drift]).verdict == "b: Drift!"
    assert joined([clean, section(check_report("writer-drift"), "c")]).outcome == "writer-drift"
    assert joined([clean, clean]).outcome == "clean"


@pytest.mark.parametrize(
    ("worse", "better"),
    list(itertools.pairwise(WORST_FIRST)),
)
def test_the_worst_leads(worse: str, better: str) -> None:
    for sections in ([real(worse, "w"), real(better, "b")], [real(better, "b"), real(worse, "w")]):
        assert leading(sections).cache == "w"
        assert joined(sections).outcome == worse


@pytest.mark.parametrize("without_a_check", ["writer-drift", "clean"])
def test_a_section_that_has_failed_leads_over_one_that_has_not_whatever_was_asked_of_them(without_a_check: str) -> None:
    assert leading([section(check_report(without_a_check), "a"), DRIFTED]).cache == "drifted"
    assert leading([GREEN, DRIFTED]).cache == "drifted"


def test_of_two_that_ended_alike_the_one_on_drifted_data_leads() -> None:
    plain = section(bisect_report("inconclusive", check=check_report("clean")), "plain")
    drifted = section(bisect_report("inconclusive", check=check_report("drift")), "drifted")
    assert leading([plain, drifted]).cache == "drifted"
    assert leading([section(bisect_report("inconclusive"), "unchecked"), drifted]).cache == "drifted"
    assert leading([real("inconclusive"), section(check_report("drift"), "drifted")]).cache == "drifted"


def test_of_equals_a_real_cache_leads_and_then_the_first() -> None:
    smoke = section(bisect_report("no-regression"), "embedded", smoke=True)
    assert leading([smoke, GREEN]).cache == "clips"
    assert leading([real("regression", "a"), real("regression", "b")]).cache == "a"


def test_one_cache_reads_like_one_of_several() -> None:
    report = bisect_report()
    (one,) = sections_of(report)
    assert one == Section("cache", False, report)
    (broken,) = sections_of(bisect_report("wiring-broke", cache=None))
    assert (broken.cache, broken.smoke) == ("", False)
    several = run_report()
    assert sections_of(several) == several.sections


@pytest.mark.parametrize("outcome", BISECT_OUTCOMES)
@pytest.mark.parametrize("check", [None, *CHECK_OUTCOMES])
def test_a_section_has_failed_where_its_run_or_its_check_has(outcome: str, check: str | None) -> None:
    report = bisect_report(outcome, check=check_report(check) if check else None)
    outcomes = (outcome, check) if check else (outcome,)
    assert all_outcomes(report) == outcomes
    assert has_failed(report) == any(EXIT_CODES[one] for one in outcomes)


def test_a_check_is_its_own_check_and_is_counted_once() -> None:
    report = check_report("drift")
    assert check_of(report) is report
    assert all_outcomes(report) == ("drift",)
    assert whole_verdict(report) == report.verdict


def test_a_whole_verdict_adds_what_the_check_found_where_that_failed() -> None:
    for outcome, said in (("clean", "V."), ("writer-drift", "V."), ("drift", "V. C."), ("wiring-broke", "V. C.")):
        assert whole_verdict(bisect_report(verdict="V.", check=check_report(outcome, verdict="C."))) == said
    assert whole_verdict(bisect_report(verdict="V.")) == "V."


def test_a_joined_report_is_fit_to_be_shown() -> None:
    report = joined([section(bisect_report("regression", verdict="a\nb\x1b"), "c\nd")])
    assert report.verdict == "c d: a b\ufffd"
    assert report.sections[0].cache == "c d"
