"""libvmaf's own program `vmaf`: it reads y4m and raw video, converts nothing, and stops where the shorter one ends."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from bisect_cache.cache.extracted import How
from bisect_cache.extraction.comparable import VIDEOS, Count, miscount, same_rate, stored
from bisect_cache.extraction.ffmpeg import REPORT
from bisect_cache.extraction.pairs import PairFailed, frame_bytes
from bisect_cache.extraction.programs import LARGEST_VIDEO, size_of
from bisect_cache.files import open_file

_MAGIC = b"YUV4MPEG2"
_SIZE = re.compile(r"[0-9]{1,5}")
_RATE = re.compile(r"([0-9]{1,10}):([0-9]{1,10})")
_CHROMA = re.compile(r"(420|422|444)(?:p(10|12|16)|jpeg|mpeg2|paldv)?")
_LONGEST_HEADER = 4096
_LONGEST_ERROR = 300


@dataclass(frozen=True)
class Video:
    """How a video is stored."""

    size: tuple[int, int]
    pixel_format: str
    fps: Fraction | None
    frames: int

    @property
    def stored(self) -> tuple[tuple[int, int], str]:
        """What must be alike in both videos of a pair."""
        return self.size, self.pixel_format


@dataclass
class VmafRun:
    """One run."""

    how: How
    raw: frozenset[str]
    paths: Mapping[str, Path]

    def arguments(self, names: Mapping[str, str], threads: int) -> list[str]:
        """What stands behind the program. Raises ``PairFailed`` for what it cannot do."""
        how = self.how
        if how.compare_size or how.compare_fps or how.compare_pixel_format:
            raise PairFailed("the program vmaf converts nothing; convert the videos before, or extract with ffmpeg")
        model = f"path={names['model']}" if "model" in names else f"version={how.model}"
        limit = ["--frame_cnt", str(how.frames)] if isinstance(how.frames, int) else []
        return [
            *["--reference", names["reference"], "--distorted", names["distorted"], *self._stored(), *limit],
            *["--model", model, *(part for name in how.features for part in ("--feature", name))],
            *["--threads", str(threads), "--json", "--output", REPORT, "--quiet"],
        ]

    def _stored(self) -> list[str]:
        """How raw videos are stored. Raises ``PairFailed`` where the two are not stored alike."""
        one, other = (self._video(video) for video in VIDEOS)
        if bool(self.raw) != (len(self.raw) == len(VIDEOS)) or one.stored != other.stored:
            raise PairFailed("the program vmaf takes videos stored alike; convert one of them, or extract with ffmpeg")
        if one.fps and other.fps and not same_rate(one.fps, other.fps):
            raise PairFailed(
                f"the reference has {one.fps} frames a second and the distorted video {other.fps}: say in a column fps "
                f"which rate both have, or convert one of them"
            )
        if not self.raw:
            return []
        chroma, _, depth = one.pixel_format.removeprefix("yuv").partition("p")
        return [
            *["--width", str(one.size[0]), "--height", str(one.size[1])],
            *["--pixel_format", chroma, "--bitdepth", depth.removesuffix("le") or "8"],
        ]

    def _video(self, role: str) -> Video:
        """A video as it is stored. Raises ``PairFailed`` where it is not what the pair list says."""
        said = stored(self.how, role)
        path = self.paths[role]
        fps = Fraction(said.fps) if said.fps else None
        if role in self.raw and said.size and said.pixel_format:
            frames = size_of(path) // frame_bytes(said.size, said.pixel_format)
            return Video(said.size, said.pixel_format, fps, frames)
        found = read_y4m(path)
        if said.size not in {None, found.size} or said.pixel_format not in {None, found.pixel_format}:
            raise PairFailed(
                f"{path.name} is {found.size[0]}x{found.size[1]} {found.pixel_format}, and the pair list says "
                f"otherwise; correct one of them"
            )
        return replace(found, fps=fps or found.fps)

    def heard(self, line: str) -> str | None:
        """Why the run should not go on: nothing that this program says tells that."""
        del line
        return None

    def error_in(self, line: str) -> str | None:
        """What it says, it says of errors."""
        return line[:_LONGEST_ERROR].strip() or None

    def flaw(self, errors: list[str]) -> str | None:
        """Why a run that ended well is not to be trusted: it decodes nothing, so nothing can be damaged."""
        del errors
        return None

    def miscount(self, frames: int) -> str | None:
        """Why ``frames`` in the report are not those of the two videos; None where they are."""
        return miscount(self.how, {}, {video: Count(self._video(video).frames, 0) for video in VIDEOS}, frames)


def read_y4m(path: Path) -> Video:
    """What the header of a y4m file says, and how many frames follow it. Raises ``PairFailed``, ``CannotRead``."""
    end = size_of(path)
    with open_file(path, largest=LARGEST_VIDEO) as stream:
        header = stream.readline(_LONGEST_HEADER)
        fields = {word[:1]: word[1:] for word in header.decode("ascii", "replace").split()[1:]}
        chroma, rate = _CHROMA.fullmatch(fields.get("C", "420")), _RATE.fullmatch(fields.get("F", "0:0"))
        width, height = (int(fields[name]) if _SIZE.fullmatch(fields.get(name, "")) else 0 for name in "WH")
        if not header.startswith(_MAGIC) or chroma is None or rate is None or not width or not height:
            raise PairFailed(f"{path.name}: is no video that vmaf reads, y4m or raw (.yuv); extract with ffmpeg")
        pixel_format = f"yuv{chroma[1]}p{f'{chroma[2]}le' if chroma[2] else ''}"
        length, frames = frame_bytes((width, height), pixel_format), 0
        while head := stream.readline(_LONGEST_HEADER):
            if not head.startswith(b"FRAME") or stream.seek(length, os.SEEK_CUR) > end:
                raise PairFailed(f"{path.name}: is cut short, or no y4m, after {frames} frames; fetch it again")
            frames += 1
    up, down = int(rate[1]), int(rate[2])
    return Video((width, height), pixel_format, Fraction(up, down) if up and down else None, frames)
