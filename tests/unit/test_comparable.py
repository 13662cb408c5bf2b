"""Whether two videos can be held against each other as the pair list says."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisect_cache.cache.extracted import How, Stored
from bisect_cache.extraction.comparable import Count, Stream, disagreement, miscount, same_rate

NTSC = Fraction(30000, 1001)


def stream(size: tuple[int, int] = (64, 48), pixel_format: str = "yuv420p", fps: Fraction | None = NTSC) -> Stream:
    return Stream(size, pixel_format, fps)


def said(distorted: Stream, /, **how: Any) -> str | None:
    return disagreement(How(**how), {"reference": stream(), "distorted": distorted})


def test_videos_that_are_alike_can_be_compared() -> None:
    assert said(stream()) is None


@pytest.mark.parametrize(
    ("distorted", "declared", "column"),
    [
        (stream(size=(32, 48)), {"compare_size": (64, 48)}, "compare_size"),
        (stream(pixel_format="yuv420p10le"), {"compare_pixel_format": "yuv420p"}, "compare_pixel_format"),
        (stream(fps=Fraction(15)), {"compare_fps": "15"}, "compare_fps"),
    ],
)
def test_what_differs_is_an_error_until_it_is_declared(
    distorted: Stream, declared: dict[str, Any], column: str
) -> None:
    complaint = said(distorted)
    assert complaint is not None
    assert f"say in a column {column} " in complaint
    assert said(distorted, **declared) is None
    others = {"compare_size": (64, 48), "compare_pixel_format": "yuv420p", "compare_fps": "15"}
    del others[column]
    assert said(distorted, **others) == complaint


def test_a_rate_that_is_declared_counts_more_than_what_a_file_says() -> None:
    both = Stored(fps="29.97")
    assert said(stream(fps=Fraction(1000)), reference=both, distorted=both) is None


def test_where_a_file_says_no_rate_nothing_is_compared() -> None:
    assert said(stream(fps=None)) is None


@pytest.mark.parametrize(
    ("stored", "complaint"),
    [
        (Stored(size=(64, 49)), "the distorted video is 64x48, the pair list says 64x49"),
        (Stored(pixel_format="yuv422p"), "the distorted video is yuv420p, the pair list says yuv422p"),
    ],
)
def test_what_is_expected_of_a_file_must_be_so(stored: Stored, complaint: str) -> None:
    assert complaint in (said(stream(), distorted=stored) or "")


@pytest.mark.parametrize("rate", [24, 25, 30, 50, 60])
def test_a_rate_rounded_by_a_container_is_the_same_and_the_ntsc_one_is_another(rate: int) -> None:
    ntsc = Fraction(rate * 1000, 1001)
    assert not same_rate(Fraction(rate), ntsc)
    assert same_rate(Fraction(60000, 1001), Fraction(19001, 317))
    assert same_rate(ntsc, Fraction(round(ntsc, 3)))


def counted(frames: int, reference: int, distorted: int, undecoded: int = 0, /, **how: Any) -> str | None:
    streams = {"reference": stream(fps=Fraction(30)), "distorted": stream(fps=Fraction(15))}
    counts = {"reference": Count(reference, 0), "distorted": Count(distorted, undecoded)}
    return miscount(How(**how), streams, counts, frames)


@given(st.integers(1, 1000), st.integers(1, 1000), st.integers(1, 1000))
def test_without_a_word_about_frames_all_of_both_videos_are_compared(
    frames: int, reference: int, distorted: int
) -> None:
    assert (counted(frames, reference, distorted) is None) == (frames == reference == distorted)


@given(st.integers(1, 1000), st.integers(1, 1000))
def test_a_number_of_frames_that_is_declared_is_the_number_that_there_is(frames: int, wanted: int) -> None:
    assert (counted(frames, 2000, 2000, frames=wanted) is None) == (frames == wanted)


def test_a_video_with_fewer_frames_than_declared_is_an_error() -> None:
    assert "there are 90 frames of both videos" in (counted(100, 120, 90, frames=100) or "")
    assert "there are 90 frames of both videos" in (counted(100, 120, 90, frames="shortest") or "")


def test_the_shorter_video_ends_the_comparison_only_where_that_is_declared() -> None:
    assert "'shortest'" in (counted(90, 100, 90) or "")
    assert counted(90, 100, 90, frames="shortest") is None


def test_at_another_rate_both_videos_must_last_as_long_as_what_was_compared() -> None:
    assert counted(60, 120, 60, compare_fps="15") is None
    assert "the reference video lasts 3.333 seconds" in (counted(60, 100, 60, compare_fps="15") or "")
    assert "the distorted video lasts 3.333 seconds" in (counted(60, 120, 50, compare_fps="15") or "")


def test_packets_that_cannot_be_decoded_are_an_error_whatever_is_declared() -> None:
    assert "3 packets of the distorted video" in (counted(90, 90, 90, 3, frames="shortest") or "")
