"""What ffmpeg is asked, and what its log tells."""

from __future__ import annotations

from fractions import Fraction

import pytest

from bisect_cache.cache.extracted import How, Stored
from bisect_cache.extraction.comparable import Count, Stream
from bisect_cache.extraction.ffmpeg import FfmpegRun

NAMES = {"reference": "reference.mp4", "distorted": "distorted.yuv", "model": "model.json"}
RAW = Stored((64, 48), "yuv420p", "50")


def stream(video: int, size: str = "w:64 h:48") -> str:
    return (
        f"[graph 0 input from stream {video}:0 @ 0x7fdc68010bc0] [verbose] {size} pixfmt:yuv420p tb:1/30000 "
        f"fr:30000/1001 sar:128/117 csp:unknown range:unknown"
    )


def decoded(video: int, frames: int, errors: str = "; 2 decode errors; ") -> str:
    said = f"  Input stream #{video}:0 (video): 120 packets read (4735 bytes); {frames} frames decoded{errors}"
    return f"[in#{video}/mov,mp4,m4a @ 0x7fdc] [verbose] {said}"


def test_the_log_tells_streams_and_counts() -> None:
    run = FfmpegRun(How(), frozenset())
    assert [run.heard(line) for line in (stream(0), stream(1), decoded(0, 120), decoded(1, 120, ""))] == [None] * 4
    assert run.streams == dict.fromkeys(("distorted", "reference"), Stream((64, 48), "yuv420p", Fraction(30000, 1001)))
    assert run.counts == {"distorted": Count(120, 2), "reference": Count(120, 0)}


def test_older_versions_do_not_name_the_input_in_front() -> None:
    run = FfmpegRun(How(), frozenset())
    run.heard("[verbose]   Input stream #1:0 (video): 120 packets read (4735 bytes); 7 frames decoded; ")
    assert run.counts == {"reference": Count(7, 0)}


def test_a_run_ends_where_the_two_streams_disagree_and_where_one_changes() -> None:
    run = FfmpegRun(How(), frozenset())
    assert run.heard(stream(0)) is None
    assert "compare_size" in (run.heard(stream(1, "w:32 h:24")) or "")
    assert "changes its size" in (run.heard(stream(0, "w:32 h:24")) or "")


def test_text_out_of_a_video_is_taken_for_nothing_of_the_kind() -> None:
    run = FfmpegRun(How(), frozenset())
    for line in (stream(0), stream(1), decoded(0, 1)):
        for before in ("[info]     title           : ", "                    : ", " "):
            assert run.heard(f"{before}{line}") is None
    assert (run.streams, run.counts) == ({}, {})


@pytest.mark.parametrize("digits", [20, 400, 4000])
def test_numbers_that_no_video_has_are_taken_for_nothing(digits: int) -> None:
    run, many = FfmpegRun(How(compare_fps="25"), frozenset()), "9" * digits
    lines = [stream(0), stream(1).replace("30000/1001", f"{many}/1"), stream(1, f"w:{many} h:48")]
    assert [run.heard(line) for line in (*lines, decoded(0, 1), decoded(1, int(many)))] == [None] * 5
    assert (len(run.streams), len(run.counts)) == (1, 1)
    assert "did not say" in (run.miscount(120) or "")


def test_a_log_without_counts_is_not_trusted() -> None:
    assert "did not say" in (FfmpegRun(How(), frozenset()).miscount(120) or "")


def test_nothing_is_converted_that_is_not_declared() -> None:
    arguments = FfmpegRun(How(), frozenset()).arguments(NAMES, 3)
    graph = arguments[arguments.index("-filter_complex") + 1]
    assert "-noauto_conversion_filters" in arguments
    assert arguments.count("-noautorotate") == 2
    assert "scale" not in graph
    assert "format" not in graph
    assert "fps" not in graph
    assert "n_threads=3" in graph
    assert "model=path=model.json" in graph


def test_what_is_declared_is_done_to_both_videos() -> None:
    how = How(
        distorted=RAW,
        compare_size=(32, 24),
        compare_pixel_format="yuv420p10le",
        compare_fps="25",
        frames=9,
        features=("psnr",),
    )
    arguments = FfmpegRun(how, frozenset({"distorted"})).arguments(NAMES, 1)
    distorted, reference, compared = arguments[arguments.index("-filter_complex") + 1].split(";")
    assert distorted.startswith("[0:V:0]")
    assert reference.startswith("[1:V:0]")
    for chain in (distorted, reference):
        steps = ["fps=fps=25", "trim=end_frame=9", "scale=w=32:h=24", "format=yuv420p10le", "settb=1,setpts=N"]
        assert [chain.index(step) for step in steps] == sorted(chain.index(step) for step in steps)
    assert "feature=name=psnr" in compared
    raw = arguments.index("rawvideo")
    assert arguments[raw - 1 : raw + 9] == [
        *[
            "-f",
            "rawvideo",
            "-video_size",
            "64x48",
            "-pixel_format",
            "yuv420p",
            "-framerate",
            "50",
            "-i",
            "distorted.yuv",
        ]
    ]


def test_errors_are_shown_without_addresses_and_other_lines_are_not() -> None:
    run = FfmpegRun(How(), frozenset())
    assert run.error_in("[in#0 @ 0x55fe] [error] moov atom not found") == "[in#0] moov atom not found"
    assert run.error_in("[fatal] no") == "no"
    assert run.error_in("[info]     title : [error] x") is None
    assert "playlists" in (run.error_in("[in#0 @ 0x1] [error] Format not on whitelist 'mov'") or "")
