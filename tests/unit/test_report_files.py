"""Reports as files: what is written is read again, and what is none is refused with a reason in one line."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from arbitrary import BISECTS, CHECKS, READ_REPORTS, RUNS
from hypothesis import given
from hypothesis import strategies as st
from making import bisect_report, check_report, run_report, section

from bisect_cache.cache.drift import Finding
from bisect_cache.report import structs
from bisect_cache.report.structs import BadReport, Report, decode_report, encode_report

REPORTS = (bisect_report(), check_report("drift"), run_report(), bisect_report(check=check_report()))
PLAIN = json.loads(encode_report(bisect_report()))


def changed(**fields: Any) -> bytes:
    return json.dumps(PLAIN | fields).encode()


def step_with(**fields: Any) -> bytes:
    return changed(steps=[PLAIN["steps"][0] | fields])


def without(name: str) -> bytes:
    return json.dumps({key: value for key, value in PLAIN.items() if key != name}).encode()


def refused(data: bytes) -> str:
    said = reason(data)
    assert said.startswith("artifact/r.json ")
    assert said.isprintable()
    return said


def reason(data: bytes) -> str:
    """Why ``data`` is refused; nothing where it is read."""
    try:
        decode_report(data, "artifact/r.json")
    except BadReport as error:
        return str(error)
    return ""


@given(READ_REPORTS)
def test_a_report_is_read_as_it_was_written(report: Report) -> None:
    data = encode_report(report)
    assert decode_report(data, "r.json") == report
    assert encode_report(decode_report(data, "r.json")) == data
    assert data.endswith(b"}\n")


@pytest.mark.parametrize("report", REPORTS)
def test_each_kind_says_which_it_is(report: Report) -> None:
    assert type(decode_report(encode_report(report), "r")) is type(report)
    assert json.loads(encode_report(report))["schema"] in {
        f"bisect-cache/{kind}/1" for kind in ("bisect", "check", "run")
    }


@given(st.one_of(BISECTS, CHECKS, RUNS))
def test_every_text_that_is_read_is_on_one_line_and_printable(report: Report) -> None:
    def texts(value: object) -> list[str]:
        if isinstance(value, str):
            return [value]
        if isinstance(value, dict):
            return [text for pair in value.items() for part in pair for text in texts(part)]
        return [text for inner in value for text in texts(inner)] if isinstance(value, list | tuple) else []

    read = decode_report(encode_report(report), "r.json")
    for text in texts(msgspec.to_builtins(read)):
        assert text.isprintable()
        assert text == " ".join(text.split())


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "truncated"),
        (b"null", "got `null`"),
        (b"[]", "got `array`"),
        (b"{}", "missing required field `schema`"),
        (encode_report(bisect_report())[:-20], "truncated"),
        (encode_report(bisect_report()) + b"x", "trailing characters"),
        (b"\xef\xbb\xbf" + encode_report(bisect_report()), "malformed"),
        (encode_report(bisect_report()).decode().encode("utf-16"), "malformed"),
        (encode_report(bisect_report(verdict="X")).replace(b'"X"', b'"\xff\xfe"'), "utf-8"),
        (encode_report(bisect_report(verdict="X")).replace(b'"X"', b'"\\ud800"'), "surrogate"),
        (encode_report(bisect_report(verdict="X")).replace(b'"X"', b'"\n"'), "malformed"),
        (changed(unknown=1), "unknown field `unknown`"),
        (step_with(unknown=1), "unknown field `unknown` - at `$.steps[0]`"),
        (changed(schema="bisect-cache/bisect/2"), "bisect-cache/bisect/2"),
        (changed(schema="bisect-cache/check/1"), "at `$.outcome`"),
        (changed(schema=1), "$.schema"),
        (without("schema"), "missing required field `schema`"),
        (without("verdict"), "missing required field `verdict`"),
        (changed(outcome="clean"), "Invalid enum value 'clean' - at `$.outcome`"),
        (changed(evaluations=-1), ">= 0 - at `$.evaluations`"),
        (changed(evaluations=2.5), "$.evaluations"),
        (changed(evaluations="2"), "Expected `int`, got `str` - at `$.evaluations`"),
        (changed(evaluations=True), "$.evaluations"),
        (changed(notes="note"), "Expected `array`, got `str` - at `$.notes`"),
        (changed(verdict=None), "Expected `str`, got `null` - at `$.verdict`"),
        (changed(environment={"a": 1}), "$.environment"),
        (step_with(index=-1), "$.steps[0].index"),
        (step_with(verdict="fine"), "Invalid enum value 'fine'"),
        (step_with(metrics={"plcc": "0.9"}), "Expected `float`, got `str`"),
        (step_with(metrics={"plcc": None}), "Expected `float`, got `null`"),
        (step_with(metrics={"plcc": float("nan")}), "malformed"),
        (step_with(metrics={"plcc": float("inf")}), "malformed"),
        (step_with(seconds=0.5).replace(b"0.5", b"1e999"), "out of range"),
        (changed(evaluations=1).replace(b'"evaluations": 1', b'"evaluations": ' + b"9" * 5000), "out of range"),
        (step_with(intervals={"plcc": [0.1]}), "length 2"),
        (changed(check=PLAIN), "bisect-cache/bisect/1"),
        (b"[" * 100_000, "got `array`"),
        (b'{"schema":' + b"[" * 100_000, "recursion"),
        (b'{"a":' * 100_000, ""),
        (changed(origin=1).replace(b'"origin": 1', b'"origin": ' + b'{"a":' * 100_000), "unknown field `origin`"),
        (step_with(label="X").replace(b'"X"', b"[" * 100_000), "got `array`"),
    ],
)
def test_what_is_no_report_is_refused_with_the_reason_in_one_line(data: bytes, why: str) -> None:
    said = refused(data)
    assert why in said
    assert "is no report of bisect-cache" in said
    assert said.endswith("make it again with this version")
    assert len(said) < 400


@given(st.binary(max_size=200))
def test_bytes_that_are_no_report_are_refused_whatever_they_are(data: bytes) -> None:
    refused(data)


@given(st.sampled_from([encode_report(report) for report in REPORTS]), st.data())
def test_a_report_with_any_byte_changed_is_read_or_refused(data: bytes, drawn: st.DataObject) -> None:
    place = drawn.draw(st.integers(0, len(data) - 1))
    hurt = data[:place] + bytes([drawn.draw(st.integers(0, 255))]) + data[place + 1 :]
    assert reason(hurt).isprintable()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(PLAIN)), JSON)
def test_a_field_of_any_other_shape_is_read_or_refused(name: str, value: object) -> None:
    assert reason(changed(**{name: value})).isprintable()


def test_one_byte_more_than_the_limit_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode_report(bisect_report())
    assert structs.LARGEST_REPORT == 64 * 1024 * 1024
    monkeypatch.setattr(structs, "LARGEST_REPORT", len(data))
    assert decode_report(data, "r.json") == bisect_report()
    assert refused(data + b" ") == f"artifact/r.json has {len(data) + 1:,} bytes; a report has at most {len(data):,}"


def test_a_section_within_a_section_is_refused() -> None:
    inner = json.loads(encode_report(run_report()))
    outer = inner | {"sections": [{"cache": "c", "smoke": False, "report": inner}]}
    assert "$.sections[0].report.schema" in refused(json.dumps(outer).encode())


def test_a_run_over_no_caches_is_refused() -> None:
    empty = json.loads(encode_report(run_report())) | {"sections": []}
    assert "sections" in refused(json.dumps(empty).encode())


@pytest.mark.parametrize(
    "hurt",
    [
        lambda report: report["check"]["findings"][0].update(unknown=1),
        lambda report: report["crossings"].append({"kind": "recovery", "before": 0, "after": 1, "unknown": 1}),
    ],
)
def test_an_unknown_field_in_a_finding_or_a_crossing_is_refused(hurt: Callable[[Any], None]) -> None:
    check = check_report("drift", findings=(Finding("f", "values", "error", "d"),))
    report = json.loads(encode_report(bisect_report(check=check)))
    hurt(report)
    assert "unknown field" in refused(json.dumps(report).encode())


@pytest.mark.parametrize("data", [changed(**{"x" * 100_000: 1}), changed(schema="x" * 100_000)])
def test_a_reason_is_short_however_long_the_names_in_a_report_are(data: bytes) -> None:
    assert len(refused(data)) < 1000


def test_a_field_given_twice_counts_as_it_was_given_last() -> None:
    data = encode_report(bisect_report()).rstrip()[:-1] + b', "verdict": "last"}'
    read = decode_report(data, "r.json")
    assert read.verdict == "last"


def test_an_index_may_be_larger_than_a_machine_word() -> None:
    read = decode_report(changed(evaluations=2**70), "r.json")
    assert decode_report(encode_report(read), "r.json") == bisect_report(evaluations=2**70)


def test_a_section_keeps_its_place() -> None:
    sections = tuple(section(check_report(), name) for name in ("b", "a", "c"))
    read = decode_report(encode_report(run_report(*sections)), "r.json")
    assert read == run_report(*sections)
