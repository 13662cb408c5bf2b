"""ffmpeg with its filter libvmaf: the command line for one pair, and what its log tells.

Nothing is converted unless the pair list says so: conversions that ffmpeg puts in by itself are switched off, turned
videos are not turned back, and frame n of one video is held against frame n of the other, whatever their time stamps
say. Those are rounded differently from container to container, and a pairing by time slips by a frame without a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from bisect_cache.cache.extracted import How, Stored
from bisect_cache.extraction.comparable import Count, Stream, disagreement, miscount, spelled, stored

REPORT = "report"
"""The report's name where a program runs. Without `.json`: until it is complete, nobody shall take it for one."""

# Containers and elementary streams that hold what they show. Not among them are playlists and lists of files (hls,
# dash, concat, image2 …), which would have ffmpeg open whatever they name.
_DEMUXERS = (
    "yuv4mpegpipe,rawvideo,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,ivf,h264,hevc,vvc,obu,av1,m4v,"
    "mxf,nut,ogg,flv,asf,dv,evc,apv,gxf"
)
_SCALER = "bicubic+accurate_rnd+full_chroma_int+bitexact"
"""The same on every processor."""

_STREAM = re.compile(
    r"\[graph 0 input from stream ([01]):\d+ @ \w+\] \[verbose\] w:(\d{1,9}) h:(\d{1,9}) pixfmt:(\S{1,40}) "
    r"tb:\S+ fr:(\d{1,10})/(\d{1,10})(?!\d)"
)
_DECODED = re.compile(
    r"(?:\[in#\d[^\]]*\] )?\[verbose\]   Input stream #([01]):\d+ \(video\): "
    r".*; (\d{1,18}) frames decoded(?:; (\d{1,18}) decode errors)?"
)
_ERROR = re.compile(r"((?:\[[^\]]*\] )*)\[(?:error|fatal|panic)\] (.*)")
_INPUTS = ("distorted", "reference")
"""Input 0 and input 1: the filter's first is the distorted one."""


@dataclass
class FfmpegRun:
    """One run: what it is started with, and what its log told so far."""

    how: How
    raw: frozenset[str]
    """Which of the videos are raw: of their rate ffmpeg knows nothing."""
    streams: dict[str, Stream] = field(default_factory=dict)
    counts: dict[str, Count] = field(default_factory=dict)

    def arguments(self, names: Mapping[str, str], threads: int) -> list[str]:
        """What stands behind the program; ``names`` are the files' plain names in the folder where it runs."""
        inputs = [part for video in _INPUTS for part in self._input(video, names[video])]
        graph = ";".join(
            f"[{number}:V:0]{','.join(self._chain(stored(self.how, video), raw=video in self.raw))}[{video}]"
            for number, video in enumerate(_INPUTS)
        )
        return [
            *["-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+verbose", "-noauto_conversion_filters"],
            *inputs,
            *["-filter_complex", f"{graph};[distorted][reference]{self._libvmaf(names, threads)}[compared]"],
            *["-map", "[compared]", "-fps_mode", "passthrough", "-f", "null", "-"],
        ]

    def _input(self, video: str, name: str) -> Iterator[str]:
        yield from ("-protocol_whitelist", "file", "-format_whitelist", _DEMUXERS, "-noautorotate")
        said = stored(self.how, video)
        if video in self.raw and said.size and said.pixel_format:
            yield from ("-f", "rawvideo", "-video_size", spelled(said.size), "-pixel_format", said.pixel_format)
            yield from ("-framerate", said.fps or "25")
        yield from ("-i", name)

    def _chain(self, said: Stored, *, raw: bool) -> Iterator[str]:
        how = self.how
        if how.compare_fps:
            # Raw video comes at its rate already.
            yield f"setpts=N/({said.fps}*TB)" if said.fps and not raw else "setpts=PTS-STARTPTS"
            yield f"fps=fps={how.compare_fps}"
        if isinstance(how.frames, int):
            yield f"trim=end_frame={how.frames}"
        if how.compare_size or how.compare_pixel_format:
            width, height = how.compare_size or ("iw", "ih")
            yield f"scale=w={width}:h={height}:flags={_SCALER}"
        if how.compare_pixel_format:
            yield f"format={how.compare_pixel_format}"
        yield "settb=1"
        yield "setpts=N"

    def _libvmaf(self, names: Mapping[str, str], threads: int) -> str:
        model = f"path={names['model']}" if "model" in names else f"version={self.how.model}"
        options = [f"log_fmt=json:log_path={REPORT}", f"n_threads={threads}", f"model={model}"]
        if self.how.features:
            options.append(f"feature={'|'.join(f'name={name}' for name in self.how.features)}")
        if self.how.frames == "shortest":
            options.append("shortest=1")
        return f"libvmaf={':'.join(options)}"

    def heard(self, line: str) -> str | None:
        """Take a line of the log; why the run should not go on, if so.

        What is listened to begins where no text of a video can: metadata is indented, on every line of it.
        """
        if match := _STREAM.match(line):
            video, (up, down) = _INPUTS[int(match[1])], (int(match[5]), int(match[6]))
            rate = Fraction(up, down) if up and down and video not in self.raw else None
            stream = Stream((int(match[2]), int(match[3])), match[4], rate)
            if self.streams.setdefault(video, stream) != stream:
                return f"the {video} video changes its size or pixel format on the way; cut it into videos that do not"
            return disagreement(self.how, self.streams) if len(self.streams) == len(_INPUTS) else None
        if match := _DECODED.match(line):
            self.counts[_INPUTS[int(match[1])]] = Count(int(match[2]), int(match[3] or 0))
        return None

    def error_in(self, line: str) -> str | None:
        """What a line says went wrong, without the addresses of memory in it."""
        match = _ERROR.match(line)
        if match and "not on whitelist" in match[2]:
            return "a format that is not read: mp4, Matroska, y4m and others are, playlists and lists of files are not"
        return re.sub(r" @ 0x[0-9a-f]+", "", f"{match[1]}{match[2]}") if match else None

    def flaw(self, errors: list[str]) -> str | None:
        """Why a run that ended well is not to be trusted: what it said went wrong, if anything.

        Where a video is damaged, decoders say so, make a picture up and go on.
        """
        if not errors:
            return None
        return (
            f"it was measured, but not without errors ({'; '.join(errors)}); fetch the video again, or decode it to "
            f"y4m as you would have it, and measure that"
        )

    def miscount(self, frames: int) -> str | None:
        """Why ``frames`` in the report are not those of the two videos; None where they are."""
        if len(self.counts) < len(_INPUTS) or len(self.streams) < len(_INPUTS):
            return "ffmpeg did not say how many frames it decoded; take another version of it"
        return miscount(self.how, self.streams, self.counts, frames)
