"""One libvmaf report: what is read of it, and how its frames are pooled."""

from __future__ import annotations

import json
import math
import statistics
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisect_cache.cache.recipes import libvmaf
from bisect_cache.cache.recipes.interface import BadSource
from bisect_cache.cache.recipes.libvmaf import (
    metric_names,
    parse_report,
    pool,
    pooling_named,
    spelling_in,
    values_of,
)

MEASURED = st.floats(min_value=0, max_value=1e6, allow_nan=False)
ANY_FINITE = st.floats(allow_nan=False, allow_infinity=False, width=64)


def report_bytes(frames: list[dict[str, float | None]], **top: object) -> bytes:
    return json.dumps(
        {**top, "frames": [{"frameNum": number, "metrics": metrics} for number, metrics in enumerate(frames)]}
    ).encode()


def pooled(values: list[float], how: str) -> float:
    return pool(np.array(values, np.float64), pooling_named(how))


# Layouts

LAYOUTS: dict[str | None, dict[str, object]] = {
    "1.3.11": {"version": "1.3.11", "params": {"model": "vmaf_rb_v0.6.3.pkl", "subsample": 1}, "metrics": ["adm2"]},
    "1.5.3": {"version": "1.5.3", "params": {}, "VMAF score": 93.2, "ExecFps": 12.5, "aggregate": {"VMAF_score": 93.2}},
    "2.3.0": {
        "version": "2.3.0",
        "fps": 41.2,
        "pooled_metrics": {"adm2": {"min": 0.1, "max": 1, "mean": 0.5, "harmonic_mean": None}},
        "aggregate_metrics": {},
    },
    "3.2.0": {"version": "3.2.0", "fps": None, "pooled_metrics": {}, "aggregate_metrics": {"x": None}},
    None: {},
}


@pytest.mark.parametrize("version", LAYOUTS)
def test_every_layout_gives_its_version_and_its_frames(version: str | None) -> None:
    report = parse_report(report_bytes([{"adm2": 0.5, "vmaf": 90}, {"adm2": 0.25}], **LAYOUTS[version]), "a.json")

    assert report.version == version
    assert metric_names(report) == {"adm2", "vmaf"}
    assert values_of(report, "adm2").tolist() == [0.5, 0.25]


@given(st.lists(st.dictionaries(st.text(max_size=8), st.none() | ANY_FINITE, max_size=4), min_size=1, max_size=12))
def test_the_parser_reads_what_the_standard_library_reads(frames: list[dict[str, float | None]]) -> None:
    data = report_bytes(frames, version="2.3.0", fps=1.5)
    report = parse_report(data, "a.json")

    slow = [frame["metrics"] for frame in json.loads(data)["frames"]]
    for name in {name for frame in slow for name in frame}:
        expected = [math.nan if frame.get(name) is None else frame[name] for frame in slow]
        np.testing.assert_array_equal(values_of(report, name), np.array(expected, np.float64))
    assert metric_names(report) == {name for frame in slow for name in frame}


def test_null_and_an_absent_metric_are_frames_without_a_value() -> None:
    report = parse_report(report_bytes([{"adm2": 0.5}, {"adm2": None}, {}]), "a.json")

    np.testing.assert_array_equal(values_of(report, "adm2"), [0.5, math.nan, math.nan])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"\x00" * 64,
        b'{"frames": []}',
        b'{"frames": [{"frameNum": 0}]}',
        b'{"frames": [{"metrics": {}}]}',
        b'{"frames": [{"frameNum": -1, "metrics": {}}]}',
        b'{"frames": [{"frameNum": 0, "metrics": {"adm2": "0.5"}}]}',
        b'{"frames": [{"frameNum": 0, "metrics": {"adm2": nan}}]}',
        b'{"frames": [{"frameNum": 0, "metrics": {"adm2": 1e999}}]}',
        b'{"frames": [{"frameNum": 0, "metrics": {"adm2": 0.5',
        b'{"frames": [{"frameNum": 0, "metrics": {"\xff": 0.5}}]}',
        b'{"version": 3, "frames": [{"frameNum": 0, "metrics": {}}]}',
        b'{"x": ' + b"[" * 200_000,
    ],
    ids=lambda data: repr(data[:56]),
)
def test_what_is_no_report_is_refused_by_its_name(data: bytes) -> None:
    with pytest.raises(BadSource, match=r"^clip\.json: is no libvmaf JSON report"):
        parse_report(data, "clip.json")


@given(st.binary(max_size=200))
def test_no_bytes_bring_the_parser_down(data: bytes) -> None:
    with pytest.raises(BadSource):
        parse_report(data, "clip.json")


def test_a_report_larger_than_the_limit_is_not_even_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    data = report_bytes([{"adm2": 0.5}])
    monkeypatch.setattr(libvmaf, "LARGEST_REPORT", len(data) - 1)

    with pytest.raises(BadSource, match="larger than any report"):
        parse_report(data, "clip.json")


# Spellings


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["adm2", "integer_adm2", "adm2_egl_1", "integer_adm2_egl_1"], "adm2"),
        (["integer_adm2_egl_1", "adm2_egl_1", "integer_adm2"], "integer_adm2"),
        (["integer_adm2_egl_1", "adm2_egl_1"], "adm2_egl_1"),
        (["integer_adm2_egl_1", "adm3"], "integer_adm2_egl_1"),
        (["adm3", "ADM2", "integer_adm2_egl_2"], None),
    ],
)
def test_a_feature_is_found_under_its_spellings_the_bare_one_first(names: list[str], found: str | None) -> None:
    assert spelling_in(names, "adm2") == found


# Pooling


@given(st.lists(ANY_FINITE, min_size=1, max_size=60))
def test_the_mean_is_the_rational_mean_rounded_once(values: list[float]) -> None:
    assert pooled(values, "mean") == float(sum(map(Fraction, values)) / len(values))


@given(st.lists(MEASURED, min_size=1, max_size=60))
def test_the_harmonic_mean_is_that_of_the_values_shifted_by_one(values: list[float]) -> None:
    expected = statistics.harmonic_mean([Fraction(value) + 1 for value in values]) - 1

    assert pooled(values, "harmonic_mean") == pytest.approx(float(expected), rel=1e-12, abs=1e-9)


def test_the_harmonic_mean_follows_libvmaf_on_numbers_worked_out_by_hand() -> None:
    assert pooled([0.0, 1.0], "harmonic_mean") == pytest.approx(2 / (1 + 1 / 2) - 1, abs=1e-15)
    assert pooled([3.0, 3.0, 3.0], "harmonic_mean") == 3.0


def test_the_harmonic_mean_of_values_it_is_not_made_for_is_no_number() -> None:
    assert math.isnan(pooled([0.5, -1.0], "harmonic_mean"))
    assert math.isnan(pooled([0.5, -7.0], "harmonic_mean"))


@given(st.lists(ANY_FINITE, min_size=1, max_size=60))
def test_the_least_value_is_percentile_0_and_the_greatest_percentile_100(values: list[float]) -> None:
    assert pooled(values, "min") == pooled(values, "percentile:0") == min(values)
    assert pooled(values, "percentile:100") == max(values)


@given(st.lists(MEASURED, min_size=1, max_size=60), st.integers(0, 1000))
def test_a_percentile_is_linear_between_closest_ranks_as_in_numpy(values: list[float], tenths: int) -> None:
    expected = np.percentile(np.array(values), tenths / 10, method="linear")

    assert pooled(values, f"percentile:{tenths / 10}") == pytest.approx(expected, rel=1e-12, abs=1e-9)


def test_percentiles_agree_with_numbers_worked_out_by_hand() -> None:
    values = [40.0, 10.0, 30.0, 20.0]

    assert pooled(values, "percentile:50") == 25.0
    assert pooled(values, "percentile:10") == 13.0
    assert pooled([7.0], "percentile:95") == 7.0


@given(
    st.lists(MEASURED, min_size=2, max_size=30), st.sampled_from(["mean", "harmonic_mean", "min", "percentile:12.5"])
)
def test_the_order_of_frames_does_not_matter_to_the_last_bit(values: list[float], how: str) -> None:
    assert pooled(values, how) == pooled(values[::-1], how) == pooled(sorted(values), how)


@pytest.mark.parametrize("how", ["mean", "harmonic_mean", "min", "percentile:5"])
@pytest.mark.parametrize("gap", [math.nan, math.inf, -math.inf])
def test_a_frame_without_a_value_leaves_the_clip_without_one(how: str, gap: float) -> None:
    assert math.isnan(pooled([0.5, gap, 0.7], how))


@pytest.mark.parametrize(
    "how", ["", "median", "Mean", "percentile", "percentile:", "percentile:-1", "percentile:100.1", "percentile:1e1",
            "percentile:\u0665", "percentile:5 ", "percentile:nan", "percentile:1/2"]
)  # fmt: skip
def test_an_unknown_pooling_is_refused_with_those_there_are(how: str) -> None:
    with pytest.raises(BadSource, match=r"--pool takes mean, harmonic_mean, min and percentile:P"):
        pooling_named(how)
