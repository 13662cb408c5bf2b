"""`bisect-cache extract --vmaf`: libvmaf's own program, played by a script that writes down what it is asked."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from videos import pair_list, program, record

from bisect_cache.extraction.pairs import PairFailed, read_pairs
from bisect_cache.extraction.programs import NoProgram, find_program
from bisect_cache.extraction.running import Extracted, Sharing, extract
from bisect_cache.extraction.vmaf import read_y4m

# Counts frames as the real one does: as many as the shorter video has.
SCRIPT = [
    "import json, os, sys",
    "if sys.argv[1:] == ['--version']: sys.exit(print('3.0.0 (abc)', file=sys.stderr))",
    "given = dict(zip(sys.argv[1::1], sys.argv[2::1]))",
    "frames = min(open(given[name], 'rb').read().count(b'FRAME') for name in ('--reference', '--distorted'))",
    "frames = min(frames, int(given.get('--frame_cnt', frames)))",
    "each = [{'frameNum': n, 'metrics': {'integer_adm2': 0.5}} for n in range(frames)]",
    "json.dump({'version': '3.0.0', 'frames': each, 'argv': sys.argv[1:]}, open(given['--output'], 'w'))",
]


def y4m(path: Path, frames: int, header: str = "W4 H2 F25:1 C420jpeg") -> Path:
    path.write_bytes(f"YUV4MPEG2 {header}\n".encode() + (b"FRAME\n" + b"\x00" * 12) * frames)
    return path


def extracted(folder: Path, script: Sequence[str] = SCRIPT, **row: Any) -> Extracted:
    vmaf = program(folder / "vmaf", script)
    one = {"key": "a", "reference": "r.y4m", "distorted": "d.y4m", **row}
    pairs = read_pairs(pair_list(folder / "pairs.csv", one))
    return extract(pairs, find_program(None, str(vmaf)), folder / "reports", Sharing(1, 2))


def asked(folder: Path) -> list[str]:
    return list(json.loads((folder / "reports" / "a.json").read_text())["argv"])


def test_two_videos_in_y4m_are_measured(tmp_path: Path) -> None:
    y4m(tmp_path / "r.y4m", 3)
    y4m(tmp_path / "d.y4m", 3)
    assert extracted(tmp_path, features="psnr").failed == {}
    assert asked(tmp_path) == [
        *["--reference", "reference.y4m", "--distorted", "distorted.y4m", "--model", "version=vmaf_v0.6.1"],
        *["--feature", "psnr", "--threads", "2", "--json", "--output", "report", "--quiet"],
    ]
    assert record(tmp_path / "reports" / "a.json")["build"] | {"sha256": ""} == {
        "program": "vmaf",
        "version": "3.0.0 (abc)",
        "libvmaf": "3.0.0",
        "sha256": "",
    }


def test_raw_videos_are_described(tmp_path: Path) -> None:
    for name in ("r.yuv", "d.yuv"):
        (tmp_path / name).write_bytes(b"FRAME" + b"\x00" * 19)
    row = {"reference": "r.yuv", "distorted": "d.yuv", "size": "4x2", "pixel_format": "yuv420p10le"}
    assert extracted(tmp_path, **row).failed == {}
    said = " ".join(asked(tmp_path))
    assert "--width 4 --height 2 --pixel_format 420 --bitdepth 10" in said


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"compare_size": "4x2"}, "vmaf converts nothing"),
        ({"distorted": "short.y4m"}, "the reference has 3 frames and the distorted video 2"),
        ({"distorted": "wide.y4m"}, "takes videos stored alike"),
        ({"distorted": "fast.y4m"}, "25 frames a second and the distorted video 50"),
        ({"distorted": "cut.y4m"}, "cut short, or no y4m, after 2 frames"),
        ({"distorted": "d.mp4"}, "is no video that vmaf reads"),
        ({"distorted": "d.yuv", "distorted_size": "4x2", "distorted_pixel_format": "yuv420p"}, "stored alike"),
        ({"size": "8x8"}, "is 4x2 yuv420p, and the pair list says otherwise"),
        ({"frames": 4}, "there are 3 frames of both videos, and 3 were compared; correct the column frames"),
    ],
)
def test_what_the_program_would_do_silently_is_an_error(tmp_path: Path, row: dict[str, Any], complaint: str) -> None:
    y4m(tmp_path / "r.y4m", 3)
    y4m(tmp_path / "d.y4m", 3)
    y4m(tmp_path / "short.y4m", 2)
    y4m(tmp_path / "wide.y4m", 3, "W2 H4 F25:1")
    y4m(tmp_path / "fast.y4m", 3, "W4 H2 F50:1")
    cut = y4m(tmp_path / "cut.y4m", 3)
    cut.write_bytes(cut.read_bytes()[:-1])
    (tmp_path / "d.mp4").write_bytes(b"mp4")
    (tmp_path / "d.yuv").write_bytes(b"FRAME" + b"\x00" * 31)
    assert complaint in extracted(tmp_path, **row).failed["a"]


def test_fewer_frames_are_measured_where_that_is_declared(tmp_path: Path) -> None:
    y4m(tmp_path / "r.y4m", 3)
    y4m(tmp_path / "d.y4m", 2)
    assert extracted(tmp_path, frames=1).failed == {}
    assert "--frame_cnt 1" in " ".join(asked(tmp_path))
    assert extracted(tmp_path, frames="shortest").failed == {}


@pytest.mark.parametrize("video", ["--reference", "--distorted"])
def test_a_video_that_changes_while_it_is_measured_has_no_report(tmp_path: Path, video: str) -> None:
    y4m(tmp_path / "r.y4m", 3)
    y4m(tmp_path / "d.y4m", 3)
    done = extracted(tmp_path, [*SCRIPT, f"os.utime(given[{video!r}], (1, 1))"])
    assert "changed while it was measured" in done.failed["a"]
    assert not (tmp_path / "reports" / "a.json").exists()


def test_a_program_that_is_replaced_while_it_measures_ends_the_run(tmp_path: Path) -> None:
    y4m(tmp_path / "r.y4m", 3)
    y4m(tmp_path / "d.y4m", 3)
    with pytest.raises(NoProgram, match="was replaced while it measured"):
        extracted(tmp_path, [*SCRIPT, "os.utime(sys.argv[0], (1, 1))"])
    assert not (tmp_path / "reports" / "a.json").exists()


@pytest.mark.parametrize(("chroma", "length"), [("C422", 16), ("C444p10", 48), ("C420paldv", 12), ("", 12)])
def test_a_y4m_file_is_counted_by_its_own_header(tmp_path: Path, chroma: str, length: int) -> None:
    path = tmp_path / "v.y4m"
    path.write_bytes(f"YUV4MPEG2 W4 H2 F30000:1001 Ip {chroma}\n".encode() + (b"FRAME Ip\n" + b"F" * length) * 5)
    assert read_y4m(path).frames == 5


@pytest.mark.parametrize(
    "header",
    [
        *(b"", b"YUV4MPEG2 W0 H2\n", b"YUV4MPEG2 H2\n", b"YUV4MPEG2 W4 H2 C410\n", b"YUV4MPEG2 W4 H2 F1:0:0\n"),
        *(b"YUV4MPEG2 W%s H2\n" % width for width in (b"9" * 20, b"9" * 4000, b"1_0", b"+4", b"-4")),
        b"YUV4MPEG2 W4 H2 F" + b"9" * 400 + b":1\n",
    ],
)
def test_what_is_no_y4m_is_said_to_be_none(tmp_path: Path, header: bytes) -> None:
    (tmp_path / "v.y4m").write_bytes(header + struct.pack("16x"))
    with pytest.raises(PairFailed, match="no video that vmaf reads"):
        read_y4m(tmp_path / "v.y4m")
