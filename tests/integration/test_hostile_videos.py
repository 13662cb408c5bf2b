"""Videos that are none, are cut short or damaged, name other files, or hold what looks like ffmpeg's own words."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random

import pytest
from attacks import Attack
from fuzz.promises import check_said
from mutating import bytewise
from videos import FRAMES, encode, ffmpeg, frames, pair_list, reports, two_videos

from bisect_cache.extraction.pairs import read_pairs
from bisect_cache.extraction.programs import Program, find_program
from bisect_cache.extraction.running import Extracted, Sharing, extract

STREAM = "[graph 0 input from stream 0:0 @ 0x7f] [verbose] w:64 h:48 pixfmt:yuv420p tb:1/25 fr:25/1 sar:1/1"
DECODED = "[verbose]   Input stream #0:0 (video): 9 packets read (9 bytes); 9 frames decoded; 0 decode errors; "


@pytest.fixture(scope="module")
def frozen() -> Program:
    ffmpeg()  # or the test is skipped
    return find_program(None, None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two videos, and beside their folder one of somebody else."""
    place = tmp_path / "work"
    place.mkdir()
    two_videos(place)
    (tmp_path / "outside").mkdir()
    (place / "d.y4m").rename(tmp_path / "outside" / "secret.y4m")
    encode(tmp_path / "outside" / "secret.y4m", place / "d.mp4", "-c:v", "libx264", "-crf", "30", "-threads", "1")
    return place


def extracted(folder: Path, program: Program, distorted: Mapping[str, str]) -> Extracted:
    """Each of these videos, by its key, held against the reference."""
    rows = ({"key": key, "reference": "r.y4m", "distorted": name} for key, name in distorted.items())
    return extract(
        read_pairs(pair_list(folder / "pairs.csv", *rows)),
        program,
        folder / "reports",
        Sharing(jobs=2, threads=1),
        seconds=60,
    )


def lists_of_files(other: str) -> Iterator[tuple[str, str]]:
    """Texts that name another file, each in a format that ffmpeg knows, under names that promise a video."""
    texts = {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{other}\n#EXT-X-ENDLIST\n",
        "hls of raw bytes": f"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1,\nconcat:{other}|/etc/passwd\n",
        "concat": f"ffconcat version 1.0\nfile '{other}'\n",
        "dash": f'<?xml version="1.0"?><MPD type="static"><Period><AdaptationSet mimeType="video/mp4">'
        f"<Representation id='0'><BaseURL>{other}</BaseURL></Representation></AdaptationSet></Period></MPD>",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
        "a=rtpmap:96 H264/90000\n",
        "a script of AviSynth": f'AviSource("{other}")\n',
        "smil": f'<smil><body><video src="{other}"/></body></smil>',
        "a list of a web player": f"[playlist]\nFile1={other}\n",
        "subtitles": "1\n00:00:00,000 --> 00:00:01,000\nx\n",
    }
    for what, text in texts.items():
        for suffix in (".mp4", ".m3u8", ".txt"):
            yield f"{what}{suffix}".replace(" ", "_"), text


def test_no_video_has_another_file_read_for_it(folder: Path, frozen: Program, attack: Callable[[str], Attack]) -> None:
    outside = folder.parent / "outside" / "secret.y4m"
    os.utime(outside, ns=(1, outside.stat().st_mtime_ns))  # read long ago: even `relatime` notes the next time
    named = {}
    for other in (str(outside), "reference.y4m"):  # which is the other video, where they are measured
        for name, text in lists_of_files(other):
            named[f"{len(named)}"] = f"{len(named)}-{name}"
            (folder / f"{len(named) - 1}-{name}").write_text(text)
    for place, name in enumerate(("d%03d.mp4", "concat:r.y4m|d.mp4", "pipe:0", "tcp:x", "lavfi.mp4")):
        named[f"name-{place}"] = name  # of no file
    done = extracted(folder, frozen, {**named, "good": "d.mp4"})
    with attack("videos").case(len(named)):
        assert done.made == ("good",)
        assert set(done.failed) == set(named)
        for said in done.failed.values():
            check_said(said)
        assert list(reports(folder / "reports")) == ["good.json"]
        assert outside.stat().st_atime_ns == 1


def test_texts_in_a_video_that_imitate_the_log_change_nothing(
    folder: Path, frozen: Program, attack: Callable[[str], Attack]
) -> None:
    lies = {
        "stream": f"x\n{STREAM}",
        "decoded": f"\n{DECODED}\n{DECODED.replace('#0', '#1')}",
        "error": "x\n[error] x\r[fatal] y\n\x1b[2J[panic] z",
        "carriage return": f"\r{STREAM}\r{DECODED}",
        "long": "x" * 5000 + STREAM + "\n" * 200 + DECODED,
    }
    for name, text in lies.items():
        for tag in ("title", "comment"):
            encode(folder / "d.mp4", folder / f"{name} {tag}.mkv", "-c:v", "copy", "-metadata", f"{tag}={text}")
    named = {path.stem.replace(" ", "-"): path.name for path in folder.glob("*.mkv")}
    done = extracted(folder, frozen, {**named, "good": "d.mp4"})
    with attack("videos").case(len(named)):
        assert len(named) == 2 * len(lies)
        assert done.failed == {}
        values = reports(folder / "reports")
        assert all(one == values["good.json"] for one in values.values())


@pytest.mark.parametrize("codec", [("mp4", "libx264"), ("mkv", "ffv1"), ("y4m", "wrapped_avframe")])
def test_a_video_that_is_cut_short_or_damaged_has_all_its_frames_or_no_report(
    folder: Path, frozen: Program, codec: tuple[str, str], attack: Callable[[str], Attack], thorough: bool
) -> None:
    suffix, name = codec
    data = encode(folder / "d.mp4", folder / f"whole.{suffix}", "-c:v", name, "-threads", "1").read_bytes()
    times = 60 if thorough else 8
    named = {}
    for number in range(times):
        random = Random(f"{suffix} {number}")
        cut = data[: len(data) * number // times]
        for what, changed in (("cut", cut), ("changed", bytewise(data, random))):
            named[f"{what}-{number}"] = f"{what}-{number}.{suffix}"
            (folder / named[f"{what}-{number}"]).write_bytes(changed)
    done = extracted(folder, frozen, {**named, "whole": f"whole.{suffix}"})
    with attack("videos").case(len(named)):
        assert set(done.made) | set(done.failed) == {*named, "whole"}
        whole = frames(folder / "reports" / "whole.json")
        assert len(whole) == FRAMES
        for key in done.made:
            found = frames(folder / "reports" / f"{key}.json")
            assert len(found) == FRAMES
            assert found == whole or not key.startswith("cut")
        assert len(done.failed) >= times
        for said in done.failed.values():
            check_said(said)


def test_no_report_is_written_where_a_link_leads(
    folder: Path, frozen: Program, attack: Callable[[str], Attack]
) -> None:
    outside = folder.parent / "outside"
    (folder / "reports").mkdir()
    (folder / "reports" / "linked").symlink_to(outside)
    (folder / "reports" / "loop").symlink_to("loop")
    (folder / "reports" / "file.json").symlink_to(outside / "secret.y4m")
    os.mkfifo(folder / "reports" / "pipe.json")
    before = {path: path.read_bytes() for path in outside.iterdir()}
    keys = ("linked/x", "linked/y/z", "loop/x", "file", "pipe")
    done = extracted(folder, frozen, {**dict.fromkeys(keys, "d.mp4"), "good": "d.mp4"})
    with attack("path tricks").case(len(keys)):
        assert set(done.failed) == set(keys)
        assert done.made == ("good",)
        assert {path: path.read_bytes() for path in outside.iterdir()} == before
        for said in done.failed.values():
            check_said(said)
