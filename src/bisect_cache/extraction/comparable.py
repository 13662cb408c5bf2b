"""Whether two videos can be held against each other as the pair list says. Pure: what is known of them comes in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from bisect_cache.cache.extracted import How, Stored

VIDEOS = ("reference", "distorted")
SAY_FRAMES = "say in a column frames how many are compared from the first on, as a number or as 'shortest'"
_ROUNDED_FRAMES = 2
"""One at each end, where the first or the last frame of a video falls between two of another rate."""


@dataclass(frozen=True)
class Stream:
    """A video as it is decoded."""

    size: tuple[int, int]
    pixel_format: str
    fps: Fraction | None
    """None where nothing says it."""


@dataclass(frozen=True)
class Count:
    """What became of a video."""

    frames: int
    undecoded: int
    """Packets that could not be decoded."""


def stored(how: How, video: str) -> Stored:
    """What the pair list says about how ``video`` is stored."""
    return how.reference if video == "reference" else how.distorted


def spelled(size: tuple[int, int]) -> str:
    """A size as the pair list has it."""
    return f"{size[0]}x{size[1]}"


def disagreement(how: How, streams: Mapping[str, Stream]) -> str | None:
    """Why two videos cannot be compared as the pair list says; None where they can be."""
    for video in VIDEOS:
        stream, said = streams[video], stored(how, video)
        if said.size and said.size != stream.size:
            return f"the {video} video is {spelled(stream.size)}, the pair list says {spelled(said.size)}; correct it"
        if said.pixel_format and said.pixel_format != stream.pixel_format:
            return f"the {video} video is {stream.pixel_format}, the pair list says {said.pixel_format}; correct it"
    reference, distorted = streams["reference"], streams["distorted"]
    if reference.size != distorted.size and not how.compare_size:
        return (
            f"the reference is {spelled(reference.size)} and the distorted video {spelled(distorted.size)}: say in a "
            f"column compare_size to which size both are scaled, such as {spelled(reference.size)}"
        )
    if reference.pixel_format != distorted.pixel_format and not how.compare_pixel_format:
        return (
            f"the reference is {reference.pixel_format} and the distorted video {distorted.pixel_format}: say in a "
            f"column compare_pixel_format to which both are converted"
        )
    rates = [_rate(how, video, streams) for video in VIDEOS]
    known = [rate for rate in rates if rate is not None]
    if len(known) == len(rates) and not same_rate(*known) and not how.compare_fps:
        return (
            f"the reference has {_decimal(known[0])} frames a second and the distorted video {_decimal(known[1])}: say "
            f"in a column compare_fps to which rate both are brought, or in a column fps which one both have, where a "
            f"file says it wrongly"
        )
    return None


def miscount(how: How, streams: Mapping[str, Stream], counts: Mapping[str, Count], frames: int) -> str | None:
    """Why the ``frames`` of the report are not those of the two videos; None where they are."""
    for video in VIDEOS:
        if counts[video].undecoded:
            return (
                f"{counts[video].undecoded} packets of the {video} video cannot be decoded; fetch the file again, or "
                f"decode it to y4m as you would have it, and measure that"
            )
    reference, distorted = (counts[video].frames for video in VIDEOS)
    if how.frames is not None:
        # Where one video ends early, its last picture is repeated.
        least = min(reference, distorted)
        if frames <= least and how.frames in {frames, "shortest"}:
            return None
        return f"there are {least} frames of both videos, and {frames} were compared; correct the column frames"
    if how.compare_fps:
        return next((said for video in VIDEOS if (said := _lasts_otherwise(how, video, streams, counts, frames))), None)
    if reference != distorted:
        return f"the reference has {reference} frames and the distorted video {distorted}: {SAY_FRAMES}"
    return None if frames == reference else f"its report has {frames} frames, and the videos {reference}; run again"


def _lasts_otherwise(
    how: How, video: str, streams: Mapping[str, Stream], counts: Mapping[str, Count], frames: int
) -> str | None:
    """Whether a video, at the rate that it is brought to, has another number of frames than the report."""
    rate = _rate(how, video, streams)
    if not rate or not how.compare_fps:
        return None
    lasts = counts[video].frames / rate
    if abs(lasts * Fraction(how.compare_fps) - frames) <= _ROUNDED_FRAMES:
        return None
    return f"the {video} video lasts {float(lasts):.3f} seconds, and {frames} frames were compared: {SAY_FRAMES}"


def _rate(how: How, video: str, streams: Mapping[str, Stream]) -> Fraction | None:
    """What the pair list says, or else the file."""
    said = stored(how, video).fps
    return Fraction(said) if said else streams[video].fps


def same_rate(one: Fraction, other: Fraction) -> bool:
    """Whether two rates are one: containers round them (60000/1001 is 19001/317 in Matroska), by less than 1 in 10,000.

    30 and 30000/1001 differ by 1 in 1,000.
    """
    return abs(one - other) * 10_000 <= one


def _decimal(rate: Fraction) -> str:
    return str(rate) if rate.denominator == 1 else f"{float(rate):.3f} ({rate})"
