"""`bisect-cache extract`, with the frozen ffmpeg on videos that ship in a package or are made on the spot."""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from videos import (
    FRAMES,
    SIZE,
    clip,
    encode,
    ffmpeg,
    frames,
    pair_list,
    picture,
    program,
    record,
    reports,
    run,
    two_videos,
)

from bisect_cache.cache.generate import generate
from bisect_cache.cache.manifest import DEFAULT_FEATURES, Reports, read_manifest
from bisect_cache.extraction import programs
from bisect_cache.extraction.pairs import read_pairs
from bisect_cache.extraction.programs import NoProgram, Program, find_program
from bisect_cache.extraction.running import Extracted, Sharing, extract
from bisect_cache.files import sha256_of_file

SIX = {f"integer_{name}" for name in DEFAULT_FEATURES}
PAIR = {"key": "a", "reference": "r.y4m", "distorted": "d.y4m"}


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two small videos: copy it, or only read."""
    folder = tmp_path_factory.mktemp("videos")
    two_videos(folder)
    return folder


@pytest.fixture
def folder(pristine: Path, tmp_path: Path) -> Path:
    place = tmp_path / "work"
    shutil.copytree(pristine, place)
    return place


@functools.cache
def frozen() -> Program:
    ffmpeg()  # or the test is skipped
    return find_program(None, None)


def extracted(folder: Path, **row: Any) -> Extracted:
    pairs = read_pairs(pair_list(folder / "pairs.csv", {**PAIR, **row}))
    return extract(pairs, frozen(), folder / "reports", Sharing(jobs=1, threads=1))


def failed(folder: Path, **row: Any) -> str:
    """What is said of a pair that cannot be measured."""
    shutil.rmtree(folder / "reports", ignore_errors=True)
    done = extracted(folder, **row)
    assert (done.made, done.kept) == ((), ())
    assert reports(folder / "reports") == {}
    return done.failed["a"]


def measured(folder: Path, **row: Any) -> list[dict[str, float]]:
    """The metrics of the frames of one pair."""
    shutil.rmtree(folder / "reports", ignore_errors=True)
    assert extracted(folder, **row) == Extracted(made=("a",), kept=(), again={}, failed={})
    return frames(folder / "reports" / "a.json")


# True clips


def true_pairs(folder: Path) -> None:
    """The true pair of the wheel, and its other clip encoded on the spot at three qualities."""
    for name in ("carphone_pristine.mp4", "carphone_distorted.mp4", "bigbuckbunny.mp4"):
        shutil.copy(clip(name), folder / name)
    rows = [("carphone", "carphone_pristine.mp4", "carphone_distorted.mp4", "carphone", "2.1")]
    for quality, mos in (("20", "4.8"), ("35", "3.1"), ("48", "1.4")):
        cut = ["-frames:v", "40", "-c:v", "libx264", "-crf", quality, "-threads", "1"]
        encode(folder / "bigbuckbunny.mp4", folder / f"crf{quality}.mp4", *cut)
        rows.append((f"bunny/crf{quality}", "bigbuckbunny.mp4", f"crf{quality}.mp4", "bunny", mos))
    columns = ("key", "reference", "distorted", "content", "mos")
    cut_to = {"bunny": "40", "carphone": ""}
    pair_list(
        folder / "pairs.csv",
        *({**dict(zip(columns, row, strict=True)), "frames": cut_to[row[3]]} for row in rows),
    )


def test_true_clips_give_equal_values_whatever_the_threads_and_also_after_a_kill(tmp_path: Path) -> None:
    true_pairs(tmp_path)
    for name, options in {"one": ["--jobs", "1", "--threads", "1"], "two": ["--jobs", "3", "--threads", "4"]}.items():
        done = run(tmp_path, "extract", "pairs.csv", name, *options)
        assert done.returncode == 0, done.stderr
        assert "4 of 4 pairs have a report (4 measured, 0 kept)" in done.stdout
    killed = killed_in_the_middle(tmp_path)
    assert 0 < killed < 4
    done = run(tmp_path, "extract", "pairs.csv", "three")
    assert f"4 of 4 pairs have a report ({4 - killed} measured, {killed} kept)" in done.stdout

    one = reports(tmp_path / "one")
    assert list(one) == ["bunny/crf20.json", "bunny/crf35.json", "bunny/crf48.json", "carphone.json"]
    assert [len(each) for each in one.values()] == [40, 40, 40, 120]
    assert all(set(frame) >= SIX for each in one.values() for frame in each)
    assert reports(tmp_path / "two") == one
    assert reports(tmp_path / "three") == one

    score = [sum(frame["vmaf"] for frame in one[name]) for name in list(one)[:3]]
    assert score == sorted(score, reverse=True)


def killed_in_the_middle(folder: Path) -> int:
    """Kill an extraction to ``three`` once it has a report; how many it left."""
    command = [sys.executable, "-m", "bisect_cache", "extract", "pairs.csv", "three", "--jobs", "1"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until = time.monotonic() + 120
    while not [*(folder / "three").rglob("*.json")] and time.monotonic() < until:
        time.sleep(0.01)
    process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    return len([*(folder / "three").rglob("*.json")])


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_programs_and_leaves_nothing_half_done(folder: Path, how: signal.Signals) -> None:
    lines = ["import os, sys, time", "print('ffmpeg version 1 log_path')", "if '-i' in sys.argv:"]
    lines += [f"    open({str(folder / 'pid')!r}, 'a').write(f'{{os.getpid()}}\\n')", "    time.sleep(300)"]
    slow = program(folder / "slow", lines)
    pair_list(folder / "pairs.csv", *({**PAIR, "key": key} for key in "abc"))
    command = [
        sys.executable,
        "-m",
        "bisect_cache",
        "extract",
        "pairs.csv",
        "reports",
        "--ffmpeg",
        str(slow),
        "--jobs",
        "2",
    ]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until = time.monotonic() + 60
    while not (folder / "pid").exists() or (folder / "pid").read_text().count("\n") < 2:
        assert time.monotonic() < until
        time.sleep(0.01)
    process.send_signal(how)
    process.communicate(timeout=60)
    assert process.returncode == 128 + how
    started = (folder / "pid").read_text().split()
    assert len(started) == 2
    assert not any(Path("/proc", pid).exists() for pid in started)
    assert [*(folder / "reports").iterdir()] == []


def test_a_cache_is_made_of_the_reports_and_its_manifest_names_the_build(tmp_path: Path) -> None:
    two_videos(tmp_path)
    encode(tmp_path / "r.y4m", tmp_path / "e.mkv", "-vf", "gblur=5", "-c:v", "ffv1")
    pair_list(
        tmp_path / "pairs.csv",
        {**PAIR, "content": "x", "mos": 4},
        {**PAIR, "key": "b/c", "distorted": "e.mkv", "content": "x", "mos": 2},
        {**PAIR, "key": "d", "distorted": "r.y4m", "content": "x", "mos": 5},
    )
    assert run(tmp_path, "extract", "pairs.csv", "reports").returncode == 0
    options = ["--reports", "reports", "--labels", "pairs.csv", "--key", "key", "--report-name", "{key}.json"]
    made = run(tmp_path, "generate", "cache", *options, "--scale", "1:5")
    assert (made.returncode, made.stderr) == (0, "")
    assert "real cache, 3 rows, 6 features" in made.stdout

    manifest = read_manifest(tmp_path / "cache")
    assert manifest is not None
    assert manifest.build
    assert manifest.build.sha256 == sha256_of_file(Path(ffmpeg()))
    assert manifest.build.program == "ffmpeg"
    said = subprocess.run([ffmpeg(), "-version"], capture_output=True, text=True, check=True).stdout
    assert f"ffmpeg version {manifest.build.version} " in said
    assert manifest.build.libvmaf == json.loads((tmp_path / "reports" / "a.json").read_text())["version"]
    assert run(tmp_path, "check", "cache").returncode == 0


def test_reports_of_several_builds_are_told_of_and_name_none(folder: Path) -> None:
    pair_list(folder / "pairs.csv", *({**PAIR, "key": key, "mos": 1 + at} for at, key in enumerate("abc")))
    assert run(folder, "extract", "pairs.csv", "reports").returncode == 0
    report = folder / "reports" / "b.json"
    report.write_text(report.read_text().replace(sha256_of_file(Path(ffmpeg())), "0" * 64))
    recipe = Reports(reports="../reports", labels="../pairs.csv", key="key", report_name="{key}.json")
    manifest = generate(folder / "cache", recipe)
    assert not manifest.build
    assert any("several builds" in note for note in manifest.notes)


# How videos are stored


def test_however_a_video_is_stored_its_values_are_the_same(folder: Path) -> None:
    expected = measured(folder)
    size = f"{SIZE[0]}x{SIZE[1]}"
    for name in ("d.yuv", "r.yuv"):
        encode(folder / name.replace("yuv", "y4m"), folder / name, "-f", "rawvideo")
    encode(folder / "d.y4m", folder / "d.mkv", "-c:v", "ffv1")
    encode(folder / "d.y4m", folder / "d.mp4", "-c:v", "libx264", "-qp", "0")
    raw = {"size": size, "pixel_format": "yuv420p"}
    assert len(expected) == FRAMES
    assert measured(folder, distorted="d.mkv") == expected
    assert measured(folder, distorted="d.mp4") == expected
    assert measured(folder, distorted="d.yuv", **raw) == expected
    assert measured(folder, reference="r.yuv", distorted="d.yuv", **raw) == expected


def test_ten_bits_are_measured_as_ten_bits(folder: Path) -> None:
    for name in ("r", "d"):
        encode(folder / f"{name}.y4m", folder / f"{name}.mkv", "-c:v", "ffv1", "-pix_fmt", "yuv420p10le")
        encode(folder / f"{name}.mkv", folder / f"{name}.yuv", "-f", "rawvideo")
    expected = measured(folder, reference="r.mkv", distorted="d.mkv")
    raw = {"size": f"{SIZE[0]}x{SIZE[1]}", "pixel_format": "yuv420p10le"}
    assert measured(folder, reference="r.yuv", distorted="d.yuv", **raw) == expected


def test_frames_are_paired_by_number_whatever_time_stamps_say(folder: Path) -> None:
    expected = measured(folder)
    encode(folder / "d.y4m", folder / "late.mkv", "-c:v", "ffv1", "-output_ts_offset", "7")
    encode(folder / "d.y4m", folder / "odd.mkv", "-c:v", "ffv1", "-vf", "setpts=N*N", "-fps_mode", "passthrough")
    assert measured(folder, distorted="late.mkv") == expected
    assert measured(folder, distorted="odd.mkv", fps="25") == expected


def test_sound_a_cover_and_a_turned_picture_change_nothing(folder: Path) -> None:
    expected = measured(folder)
    command = [ffmpeg(), "-v", "error", "-f", "lavfi", "-i", "sine", "-i", "d.y4m", "-map", "0", "-map", "1"]
    more = ["-c:v", "libx264", "-qp", "0", "-shortest", "-metadata", "title=[graph 0 input from stream 0:0 @ 0x1]"]
    subprocess.run([*command, *more, "sound.mp4"], cwd=folder, check=True)
    turn = [ffmpeg(), "-v", "error", "-display_rotation", "90", "-i", "sound.mp4", "-c", "copy", "turned.mp4"]
    subprocess.run(turn, cwd=folder, check=True)
    assert measured(folder, distorted="sound.mp4") == expected
    assert measured(folder, distorted="turned.mp4") == expected


@pytest.mark.parametrize("name", ["a:b", "it's", "[0]", "a,b;c", "back\\slash", "-i", "%03d", "sp ace", "é", "pipe:0"])
def test_a_path_is_never_read_as_syntax(pristine: Path, tmp_path: Path, name: str) -> None:
    place = tmp_path / name
    shutil.copytree(pristine, place)
    for each in ("r", "d"):
        (place / f"{each}.y4m").rename(place / f"{each}{name}.y4m")
    row = {"key": name, "reference": f"{name}/r{name}.y4m", "distorted": f"{name}/d{name}.y4m"}
    pair_list(tmp_path / "pairs.csv", row)
    done = run(tmp_path, "extract", "pairs.csv", f"reports {name}")
    assert done.returncode == 0, done.stderr
    assert len(frames(tmp_path / f"reports {name}" / f"{name}.json")) == FRAMES


# What must be declared


def test_a_smaller_video_is_an_error_until_a_size_is_declared(folder: Path) -> None:
    encode(folder / "d.y4m", folder / "small.mkv", "-vf", "scale=88:72", "-c:v", "ffv1")
    assert "the reference is 176x144 and the distorted video 88x72: say in a column compare_size" in failed(
        folder, distorted="small.mkv"
    )
    assert len(measured(folder, distorted="small.mkv", compare_size="176x144")) == FRAMES


def test_scaling_is_done_as_it_is_declared(folder: Path) -> None:
    scale = "scale=88:72:flags=bicubic+accurate_rnd+full_chroma_int+bitexact"
    for name in ("r", "d"):
        encode(folder / f"{name}.y4m", folder / f"{name}.mkv", "-vf", scale, "-c:v", "ffv1")
    assert measured(folder, compare_size="88x72") == measured(folder, reference="r.mkv", distorted="d.mkv")


def test_another_pixel_format_is_an_error_until_one_is_declared(folder: Path) -> None:
    encode(folder / "d.y4m", folder / "ten.mkv", "-c:v", "ffv1", "-pix_fmt", "yuv420p10le")
    assert "say in a column compare_pixel_format" in failed(folder, distorted="ten.mkv")
    assert len(measured(folder, distorted="ten.mkv", compare_pixel_format="yuv420p10le")) == FRAMES


def test_another_rate_is_an_error_until_one_is_declared(folder: Path) -> None:
    encode(folder / "d.y4m", folder / "half.mkv", "-vf", "fps=12.5", "-c:v", "ffv1")
    assert "the reference has 25 frames a second and the distorted video 12.500" in failed(folder, distorted="half.mkv")
    assert len(measured(folder, distorted="half.mkv", compare_fps="12.5")) == FRAMES // 2


def test_another_length_is_an_error_until_a_number_of_frames_is_declared(folder: Path) -> None:
    encode(folder / "d.y4m", folder / "cut.mkv", "-frames:v", "9", "-c:v", "ffv1")
    said = failed(folder, distorted="cut.mkv")
    assert f"the reference has {FRAMES} frames and the distorted video 9: say in a column frames" in said
    assert len(measured(folder, distorted="cut.mkv", frames=7)) == 7
    assert len(measured(folder, distorted="cut.mkv", frames="shortest")) == 9
    assert len(measured(folder, reference="cut.mkv", distorted="d.y4m", frames="shortest")) == 9
    assert "correct the column frames" in failed(folder, distorted="cut.mkv", frames=10)


@pytest.mark.parametrize(
    ("declared", "complaint"),
    [
        ({}, "is raw video, of which nothing is known: say in columns size"),
        ({"size": "176x143", "pixel_format": "yuv420p"}, "frames of 176x143 yuv420p; correct its size"),
    ],
)
def test_raw_video_must_be_described_as_it_is(folder: Path, declared: dict[str, str], complaint: str) -> None:
    encode(folder / "d.y4m", folder / "d.yuv", "-f", "rawvideo")
    assert complaint in failed(folder, distorted="d.yuv", **declared)


def test_a_model_and_features_are_measured_that_are_asked_for(folder: Path) -> None:
    (negative, *_) = measured(folder, model="vmaf_v0.6.1neg", features="psnr")
    assert {"integer_adm2_egl_1", "psnr_y"} <= set(negative)
    assert "could not load libvmaf model" in failed(folder, model="no_such_model")


# What cannot be measured


def lists(name: str) -> Callable[[Path], None]:
    text = {
        "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nd.y4m\n#EXT-X-ENDLIST\n",
        "list.mp4": "ffconcat version 1.0\nfile d.y4m\n",
        "text.mp4": "no video",
        "empty.mp4": "",
        "lfs.mp4": "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    }[name]
    return lambda folder: (folder / name).write_text(text) and None


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("list.m3u8", "playlists and lists of files are not"),
        ("list.mp4", "playlists and lists of files are not"),
        ("text.mp4", "ffmpeg ended with"),
        ("text.mp4", "Error opening input file text.mp4.; see that both videos can be played"),
        ("empty.mp4", "ffmpeg ended with"),
        ("lfs.mp4", "Git LFS pointer"),
    ],
)
def test_what_is_no_video_is_said_to_be_none(folder: Path, name: str, complaint: str) -> None:
    lists(name)(folder)
    assert complaint in failed(folder, distorted=name)


def test_what_is_no_file_is_never_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe.y4m")
    assert "no regular file" in failed(folder, distorted="pipe.y4m")
    assert "does not exist" in failed(folder, distorted="absent.mp4")


def test_a_damaged_video_is_not_measured_as_if_it_were_whole(folder: Path) -> None:
    encode(folder / "d.y4m", folder / "d.mkv", "-c:v", "ffv1", "-slicecrc", "1", "-level", "3")
    data = bytearray((folder / "d.mkv").read_bytes())
    for place in range(len(data) // 2, len(data) // 2 + 400, 40):
        data[place] ^= 255
    (folder / "d.mkv").write_bytes(data)
    assert "errors (" in failed(folder, distorted="d.mkv")


def test_one_that_fails_does_not_stop_the_others(folder: Path) -> None:
    pair_list(folder / "pairs.csv", {**PAIR, "key": "bad", "distorted": "absent.y4m"}, PAIR, {**PAIR, "key": "b"})
    done = run(folder, "extract", "pairs.csv", "reports")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [line for line in done.stderr.splitlines() if line.startswith("failed: bad: ")]
    assert "2 of 3 pairs have a report" in done.stdout
    assert list(reports(folder / "reports")) == ["a.json", "b.json"]


# Reports that are there


def again(folder: Path, **row: Any) -> str:
    """Why the report of ``a`` is measured again; empty where it is kept."""
    done = extracted(folder, **row)
    assert done.failed == {}
    assert (done.made, done.kept) == ((("a",), ()) if done.again else ((), ("a",)))
    return done.again.get("a", "")


def test_a_report_is_kept_as_long_as_it_is_what_would_be_made(folder: Path) -> None:
    measured(folder)
    report = folder / "reports" / "a.json"
    before = report.stat()
    for name in ("r.y4m", "d.y4m"):  # a checkout gives files another time
        os.utime(folder / name, (1, 1))
    assert again(folder) == ""
    assert again(folder, mos=3) == ""
    assert (report.stat().st_ino, report.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def cut_short(folder: Path) -> None:
    report = folder / "reports" / "a.json"
    report.write_bytes(report.read_bytes()[:-700])


def without_a_frame(folder: Path) -> None:
    report = folder / "reports" / "a.json"
    decoded = json.loads(report.read_text())
    decoded["frames"].pop()
    report.write_text(json.dumps(decoded))


def of_another_build(folder: Path) -> None:
    report = folder / "reports" / "a.json"
    report.write_text(report.read_text().replace(sha256_of_file(Path(ffmpeg())), "0" * 64))


def another_video(folder: Path) -> None:
    picture(folder / "d.y4m", "-vf", "gblur=9")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (cut_short, "it was damaged"),
        (without_a_frame, f"it had {FRAMES - 1} frames instead of {FRAMES}"),
        (of_another_build, "it was of another build"),
        (another_video, "its distorted video changed"),
    ],
)
def test_a_report_that_would_be_another_now_is_measured_again(
    folder: Path, change: Callable[[Path], None], why: str
) -> None:
    measured(folder)
    change(folder)
    assert why in again(folder)
    assert len(frames(folder / "reports" / "a.json")) == FRAMES
    assert again(folder) == ""


def test_a_report_is_measured_again_where_the_pair_list_says_something_else(folder: Path) -> None:
    measured(folder)
    assert again(folder, features="psnr") == "the pair list said something else"
    assert again(folder, features="psnr") == ""
    assert "psnr_y" in frames(folder / "reports" / "a.json")[0]


def test_why_a_report_is_measured_again_is_said(folder: Path) -> None:
    measured(folder)
    cut_short(folder)
    done = run(folder, "extract", "pairs.csv", "reports")
    assert (done.returncode, done.stderr) == (0, "note: a: was measured again, because it was damaged\n")


@pytest.mark.parametrize("text", ['{"frames": [{"frameNum": 0, "metrics": {"vmaf": 1}}]}', "notes"])
def test_what_somebody_else_put_there_is_never_replaced(folder: Path, text: str) -> None:
    (folder / "reports").mkdir()
    (folder / "reports" / "a.json").write_text(text)
    pair_list(folder / "pairs.csv", PAIR)
    done = run(folder, "extract", "pairs.csv", "reports")
    assert done.returncode == 2
    assert "is no report of `bisect-cache extract`; move it away" in done.stderr
    assert (folder / "reports" / "a.json").read_text() == text


def test_a_report_says_what_it_was_measured_from(folder: Path) -> None:
    measured(folder)
    told = record(folder / "reports" / "a.json")
    assert told["frames"] == FRAMES
    assert told["how"]["model"] == "vmaf_v0.6.1"
    for role, name in (("reference", "r.y4m"), ("distorted", "d.y4m")):
        assert told[role]["name"] == name
        assert told[role]["size"] == (folder / name).stat().st_size
        assert told[role]["sha256"] == sha256_of_file(folder / name)


# The program


def test_a_pair_that_takes_too_long_is_ended(folder: Path) -> None:
    said = ["import sys, time", "print('ffmpeg version 1 log_path')", "'-i' in sys.argv and time.sleep(300)"]
    slow = program(folder / "slow", said)
    pair_list(folder / "pairs.csv", PAIR)
    began = time.monotonic()
    done = run(folder, "extract", "pairs.csv", "reports", "--ffmpeg", str(slow), "--time-limit", "0.5")
    assert time.monotonic() - began < 60
    assert done.returncode == 2
    assert "took longer than 0.5 seconds; give it more with --time-limit" in done.stderr


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ("print('ffmpeg version 4.4 Copyright')", "has no filter libvmaf"),
        ("print('hello')", "does not say which version of ffmpeg it is"),
    ],
)
def test_a_program_that_cannot_measure_is_refused_at_once(folder: Path, said: str, complaint: str) -> None:
    pair_list(folder / "pairs.csv", PAIR)
    other = program(folder / "other", [said])
    done = run(folder, "extract", "pairs.csv", "reports", "--ffmpeg", str(other))
    assert done.returncode == 2
    assert complaint in done.stderr
    assert not (folder / "reports").exists()


def test_a_program_that_is_not_there_is_named(folder: Path) -> None:
    pair_list(folder / "pairs.csv", PAIR)
    done = run(folder, "extract", "pairs.csv", "reports", "--ffmpeg", "no/such")
    assert (done.returncode, "--ffmpeg no/such: there is no such program" in done.stderr) == (2, True)


def test_what_the_environment_puts_in_place_of_the_frozen_ffmpeg_is_refused(folder: Path) -> None:
    pair_list(folder / "pairs.csv", PAIR)
    other = program(folder / "other", ["print('ffmpeg version 1 log_path')"])
    done = run(folder, "extract", "pairs.csv", "reports", env={**os.environ, "IMAGEIO_FFMPEG_EXE": str(other)})
    assert done.returncode == 2
    assert "unset IMAGEIO_FFMPEG_EXE" in done.stderr


def test_a_frozen_program_that_is_not_the_one_of_its_wheel_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    ffmpeg()
    monkeypatch.setattr(programs, "digest", lambda _path: "0" * 64)
    with pytest.raises(NoProgram, match="is not the file that imageio-ffmpeg was installed with"):
        find_program(None, None)


def test_the_program_is_told_no_secrets(folder: Path) -> None:
    told = folder / "told.json"
    lines = [
        "import json, os, sys",
        "print('ffmpeg version 1 log_path')",
        f"json.dump(dict(os.environ), open({str(told)!r}, 'w'))",
    ]
    spy = program(folder / "spy", lines)
    pair_list(folder / "pairs.csv", PAIR)
    run(
        folder,
        "extract",
        "pairs.csv",
        "r",
        "--ffmpeg",
        str(spy),
        env={**os.environ, "GITHUB_TOKEN": "x", "AV_LOG": "y"},
    )
    assert set(json.loads(told.read_text())) <= {"LC_ALL", "LC_CTYPE", "PATH", "LD_LIBRARY_PATH", "TMPDIR"}


def test_a_folder_that_cannot_be_written_is_an_error_and_no_traceback(folder: Path) -> None:
    (folder / "reports").write_text("a file")
    pair_list(folder / "pairs.csv", PAIR)
    done = run(folder, "extract", "pairs.csv", "reports")
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    assert (folder / "reports").read_text() == "a file"
