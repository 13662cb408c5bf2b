"""What a tracking comment remembers: encoded, damaged, edited by hand, and read again."""

import base64
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from arbitrary import NAMES, NIGHTS, READ_REPORTS, TIMES
from as_github import assert_tables_hold, live, page, tables
from hypothesis import given
from hypothesis import strategies as st
from making import bisect_report, check_report, run_report, section, step
from msgspec.structs import replace

from bisect_cache.report.history import NIGHTS_KEPT, Night, continued, hidden, night, remembered
from bisect_cache.report.markdown import tracking
from bisect_cache.report.marker import is_marked, marker, run_of
from bisect_cache.report.occasion import NOWHERE, Occasion
from bisect_cache.report.structs import CheckpointFacts, Report, TimelineFacts

AT = datetime(2026, 10, 1, 3, 17, tzinfo=UTC)


def one(day: int = 0, **fields) -> Night:
    """One night of a month that went well."""
    at = AT + timedelta(days=day)
    return replace(Night(at, "no-regression", False, None, "plcc", 0.9 + day / 1000, 100 + day, "a" * 40), **fields)


MONTH = [one(day) for day in range(5)]


def in_order(nights: list[Night]) -> list[Night]:
    return sorted(nights, key=lambda night: (night.run or 0, night.at))


@given(st.lists(NIGHTS, max_size=6))
def test_what_is_written_is_read_again(nights: list[Night]) -> None:
    assert remembered(hidden(nights)) == in_order(nights)
    assert len(hidden(nights).splitlines()) == len(nights)


@given(st.lists(NIGHTS, max_size=6), st.sampled_from(["\n", "\r\n", " \n", "\n\n"]))
def test_line_ends_and_text_around_make_no_difference(nights: list[Night], end: str) -> None:
    lines = hidden(nights).splitlines()
    body = end.join(["by hand: @me", *(line + end + "> quoted" for line in lines), "## more"])
    assert remembered(body) == in_order(nights)


@given(st.permutations(MONTH))
def test_lines_that_were_moved_are_put_in_order(nights: list[Night]) -> None:
    assert remembered(hidden(nights)) == MONTH


@given(st.integers(0, len(MONTH) - 1), st.data())
def test_any_character_changed_loses_that_night_at_most(which: int, data: st.DataObject) -> None:
    lines = hidden(MONTH).splitlines()
    place = data.draw(st.integers(0, len(lines[which]) - 1))
    sign = data.draw(st.characters(exclude_categories=["Cs"]) | st.sampled_from("=+/AQz -<>!\n"))
    lines[which] = lines[which][:place] + sign + lines[which][place + 1 :]
    read = remembered("\n".join(lines))
    assert [night for index, night in enumerate(MONTH) if index != which] == [
        night for night in read if night in MONTH and night != MONTH[which]
    ]
    assert len(read) <= len(MONTH)


@given(st.integers(0, len(hidden(MONTH))))
def test_a_body_that_was_cut_keeps_the_nights_before_the_cut(length: int) -> None:
    body = hidden(MONTH)
    read = remembered(body[:length])
    assert read == MONTH[: len(read)]
    assert len(read) >= body[:length].count("\n")


@given(st.text(max_size=60), st.text("A-Za-z0-9+/=<!> \n", max_size=60))
def test_foreign_text_is_no_night(text: str, letters: str) -> None:
    body = f"{text}\n<!-- bisect-cache night {letters} -->\n{hidden(MONTH)}\n{letters}<!-- bisect-cache night"
    assert remembered(body) == MONTH


@pytest.mark.parametrize(
    "fields",
    [
        {"first_bad": "x" * 81},
        {"metric": "x" * 21},
        {"commit": "x" * 41},
        {"at": AT.replace(tzinfo=None)},
        {"at": datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(-timedelta(hours=23)))},
        {"outcome": "other"},
        {"run": "7"},
        {"newest": "0.9"},
        {"failed": 1},
    ],
)
def test_a_night_that_cannot_have_been_written_is_left_out(fields: dict[str, object]) -> None:
    forged = replace(one(2), **fields)
    assert remembered(hidden([one(1), forged, one(3)])) == [one(1), one(3)]


def test_a_night_that_was_blown_up_is_left_out() -> None:
    line = base64.b64encode(msgspec.json.encode(one()) + b" " * 1500).decode()
    assert remembered(f"<!-- bisect-cache night {line} -->") == []
    line = base64.b64encode(msgspec.json.encode(one()) + b" " * 500).decode()
    assert remembered(f"<!-- bisect-cache night {line} -->") == [one()]


def test_a_line_that_is_within_another_or_endless_is_no_night() -> None:
    line = hidden([one()])
    for body in (f"text {line}", f"> {line}", f"| `{line}` |", f"{line} text", f"{line[:-4]}{'A' * 3000} -->"):
        assert remembered(body) == []


@given(st.lists(NIGHTS, max_size=40), NIGHTS)
def test_the_last_nights_are_kept_and_a_run_that_spoke_before_speaks_once(nights: list[Night], tonight: Night) -> None:
    kept = continued(nights, tonight)
    expected = [tonight]
    for earlier in reversed(nights):
        if earlier.run is None or earlier.run not in {other.run for other in expected}:
            expected.insert(0, earlier)
    assert kept == expected[-30:]
    assert len(kept) <= NIGHTS_KEPT == 30
    if tonight.run is not None:
        assert continued(kept, tonight) == kept


def test_the_same_run_again_replaces_its_own_entry() -> None:
    again = one(2, outcome="regression", failed=True, run=102)
    assert continued(MONTH[:3], again) == [*MONTH[:2], again]
    assert continued(MONTH, one(9)) == [*MONTH, one(9)]
    assert continued([one(1, run=7), one(2, run=7), one(3)], one(9)) == [one(2, run=7), one(3), one(9)]
    nowhere = one(9, run=None)
    assert continued([nowhere], nowhere) == [nowhere, nowhere]


def test_forty_nights_through_the_comment_leave_the_last_thirty() -> None:
    body = ""
    for day in range(40):
        report = bisect_report("no-regression", first_bad=None)
        tonight = night(report, Occasion("https://github.com/o/r", 100 + day, "a" * 40), AT + timedelta(days=day))
        nights = continued(remembered(body), tonight)
        body = tracking(report, NOWHERE, nights, "default", f"{marker('tracking', 'default')}\n")
        body = body.replace("\n", "\r\n")  # as the server gives it back
    assert [night.run for night in remembered(body)] == [100 + day for day in range(10, 40)]


@given(READ_REPORTS, TIMES, st.sampled_from([0, 2, -7]))
def test_any_report_becomes_a_night_that_can_be_kept(report: Report, at: datetime, hours: int) -> None:
    occasion = Occasion("https://github.com/o/r", 7, "0123456789" * 4)
    told = night(report, occasion, at.astimezone(timezone(timedelta(hours=hours))))
    assert remembered(hidden([told])) == [told]
    assert told.at == at
    assert len(hidden([told])) < 2100


def test_a_night_tells_of_the_real_cache_and_of_what_failed() -> None:
    smoke = section(bisect_report("no-regression", timeline=TimelineFacts("f", 1)), "embedded", smoke=True)
    real = section(
        bisect_report("regression", steps=(step(0), step(1, "bad", metrics={"srocc": 0.5, "plcc": 0.7}))), "clips"
    )
    told = night(run_report(smoke, real), Occasion("https://github.com/o/r", 7, "b" * 64), AT.replace(microsecond=5))
    assert told == Night(AT, "regression", True, "model_01", "plcc", 0.7, 7, "b" * 40)
    broken = night(run_report(section(bisect_report("wiring-broke"), "embedded", smoke=True), real), NOWHERE, AT)
    assert (broken.outcome, broken.failed, broken.first_bad) == ("wiring-broke", True, "model_01")


def test_a_smoke_test_that_failed_makes_the_night_a_failed_one_and_names_no_model_of_its_own() -> None:
    smoke = section(bisect_report("regression"), "embedded", smoke=True)
    good = section(bisect_report("no-regression", first_bad=None), "clips")
    told = night(run_report(smoke, good), NOWHERE, AT)
    assert (told.outcome, told.failed, told.first_bad) == ("wiring-broke", True, None)
    assert night(run_report(smoke), NOWHERE, AT).first_bad == "model_01"


def test_a_good_night_on_a_drifted_cache_has_failed() -> None:
    drifted = bisect_report("no-regression", first_bad=None, check=check_report("drift"))
    assert night(drifted, NOWHERE, AT).failed
    assert not night(bisect_report("no-regression", first_bad=None), NOWHERE, AT).failed
    assert night(check_report("drift"), NOWHERE, AT) == Night(AT, "drift", True, None, None, None, None, "")


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ({"plcc": 0.8, "rmse": 2.0}, ("rmse", 2.0)),
        ({"plcc": 0.8}, ("plcc", 0.8)),
        ({"odd": 0.8}, (None, None)),
        ({}, (None, None)),
    ],
)
def test_the_newest_model_is_told_by_the_metric_that_decides(
    metrics: dict[str, float], expected: tuple[str | None, float | None]
) -> None:
    steps = (step(0, metrics={"rmse": 1.0}), step(1, metrics={"rmse": 3.0}), step(2, metrics=metrics))
    report = bisect_report(steps=steps, thresholds=("rmse <= 2.5",), timeline=TimelineFacts("f", 3), first_bad=None)
    told = night(report, NOWHERE, AT)
    assert (told.metric, told.newest) == expected
    unseen = bisect_report(steps=steps, thresholds=("rmse <= 2.5",), timeline=TimelineFacts("f", 9), first_bad=None)
    assert (night(unseen, NOWHERE, AT).metric, night(unseen, NOWHERE, AT).newest) == (None, None)


def test_a_long_label_is_cut_so_that_thirty_fit() -> None:
    told = night(bisect_report(first_bad=CheckpointFacts(1, "x" * 500)), NOWHERE, AT)
    assert told.first_bad == "x" * 79 + "…"


@given(st.lists(NIGHTS, min_size=1, max_size=4))
def test_no_label_breaks_out_of_the_hidden_line_or_of_the_table(nights: list[Night]) -> None:
    report = bisect_report("no-regression", first_bad=None)
    body = tracking(report, Occasion("https://github.com/o/r", 5), nights, "k", f"{marker('tracking', 'k')}\n")
    assert remembered(body) == in_order(nights)
    assert_tables_hold(body)
    assert [len(table) for table in tables(body)][-1] == 2 + len(nights)
    assert len(page(body).comments) == 1 + len(nights)
    assert live(body) == []
    assert not is_marked(body, marker("tracking", "other"))
    assert run_of(body) == 0


@given(NAMES)
def test_thirty_nights_of_any_label_leave_room_for_the_report(label: str) -> None:
    told = night(bisect_report(first_bad=CheckpointFacts(1, label)), Occasion("https://github.com/o/r", 10**17), AT)
    body = tracking(bisect_report(), NOWHERE, [told] * 30, "k", "")
    assert len(body.encode("utf-16-le")) // 2 <= 65_536
    assert body.startswith("## ❌ bisect-cache")
    assert "```mermaid" in body


def test_a_course_shows_only_nights_of_the_metric_that_is_asked_now() -> None:
    nights = [
        one(0, metric="rmse", newest=40.0),
        one(1, newest=0.5),
        one(2, metric=None, newest=None),
        one(3, newest=0.75),
        one(4, newest=0.6),
        one(5, metric=None, newest=None),
    ]
    body = tracking(bisect_report(), NOWHERE, nights, "default", "")
    assert "PLCC of the newest model, run by run: `·▁·█▄·` (0.5 to 0.75)" in body
    assert "run by run" not in tracking(bisect_report(), NOWHERE, [one(metric=None, newest=None)], "default", "")
    assert "run by run" not in tracking(bisect_report(), NOWHERE, [one(metric="odd")], "default", "")


def test_the_table_of_nights_has_the_newest_first_with_sign_model_value_and_run() -> None:
    nights = [
        one(0),
        one(1, failed=True),
        one(2, outcome="regression", failed=True, first_bad="m|1", newest=0.5),
        one(3, outcome="wiring-broke", failed=True, newest=None, run=None),
    ]
    body = tracking(bisect_report(), Occasion("https://github.com/o/r"), nights, "default", "")
    assert tables(body)[-1][2:] == [
        "| 2026-10-04 03:17 | 🔌 wiring-broke |  |  |  |",
        "| 2026-10-03 03:17 | ❌ regression | `m\\|1` | PLCC 0.5000 | [run](https://github.com/o/r/actions/runs/102) |",
        "| 2026-10-02 03:17 | ❌ no-regression, but the cache failed its check |  | PLCC 0.9010 | "
        "[run](https://github.com/o/r/actions/runs/101) |",
        "| 2026-10-01 03:17 | ✅ no-regression |  | PLCC 0.9000 | [run](https://github.com/o/r/actions/runs/100) |",
    ]
    assert "## The last 4 runs\n\nLast run: 2026-10-04 03:17 UTC." in body
    assert "## The last run\n" in tracking(bisect_report(), NOWHERE, [one()], "default", "")
