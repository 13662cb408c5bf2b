"""What `bisect-cache extract` writes into a report, beside what libvmaf wrote: from what, how and by which build.

It stands in the report itself and not in a file beside it: whoever renames a finished report into its place has
renamed both, and a report that is copied elsewhere still says where it came from.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

Text = Annotated[str, Meta(max_length=4096)]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Amount = Annotated[int, Meta(ge=0)]

RECORD = "bisect-cache"
"""The record's name in a report."""
RECORD_BEGINS = f'{{\n  "{RECORD}": '.encode()
"""How a report begins that has a record."""


class Build(Struct, frozen=True, omit_defaults=True):
    """The program that measured."""

    program: Literal["ffmpeg", "vmaf"]
    version: Text
    """As it names itself."""
    sha256: Digest
    """Of its file: all of it where it is linked statically, as the one of `imageio-ffmpeg` is."""
    libvmaf: Text | None = None
    """The version that reports name."""

    @property
    def said(self) -> str:
        """In a few words."""
        return f"{self.program} {self.version}, sha256:{self.sha256[:12]}…"


class Source(Struct, frozen=True):
    """A file that was measured."""

    name: Text
    """As the pair list writes it."""
    size: Amount
    mtime_ns: int
    sha256: Digest


class Stored(Struct, frozen=True, omit_defaults=True):
    """How a video is stored: for a raw one what its file does not say, for others what is expected."""

    size: tuple[Amount, Amount] | None = None
    pixel_format: Text | None = None
    fps: Text | None = None


class How(Struct, frozen=True):
    """All that the pair list says about measuring a pair."""

    reference: Stored = Stored()
    distorted: Stored = Stored()
    compare_size: tuple[Amount, Amount] | None = None
    compare_pixel_format: Text | None = None
    compare_fps: Text | None = None
    frames: Amount | Literal["shortest"] | None = None
    model: Text = "vmaf_v0.6.1"
    """A version that libvmaf has inside, or the name of a file as the pair list writes it."""
    features: tuple[Text, ...] = ()


class Extraction(Struct, frozen=True, omit_defaults=True):
    """The record."""

    build: Build
    how: How
    reference: Source
    distorted: Source
    frames: Amount
    model: Source | None = None
    """Where the model is a file."""


def with_record(report: bytes, record: Extraction) -> bytes:
    """A report, which is a JSON object, with ``record`` as its first member."""
    return RECORD_BEGINS + msgspec.json.encode(record) + b"," + report.partition(b"{")[2]
