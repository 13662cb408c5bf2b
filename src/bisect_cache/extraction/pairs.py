"""The pair list: which videos are held against each other, and how."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Literal

from bisect_cache.cache.extracted import How, Stored
from bisect_cache.cache.recipes.interface import BadSource
from bisect_cache.cache.recipes.labels import LabelledTable, key_column, listed, open_table, repeated, texts
from bisect_cache.errors import OfStrangers
from bisect_cache.extraction.comparable import VIDEOS

_STORED = ("size", "pixel_format", "fps")
_COMPARED = ("compare_size", "compare_pixel_format", "compare_fps")
_OTHERS = ("frames", "model", "features")
DEFAULT_MODEL = How().model
"""Named to every program, so that another default of another build changes nothing."""

_PIXEL_FORMAT = re.compile(r"yuv(420|422|444)p(10le|12le|16le)?")
_SIZE = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})")
_RATE = re.compile(r"[0-9]{1,7}(\.[0-9]{1,6})?|[1-9][0-9]{0,9}/[1-9][0-9]{0,9}")
_NAME = re.compile(r"[A-Za-z0-9_.]{1,100}")
_MOST_FRAMES = 1 << 31
_LONGEST_PART = 200
"""Bytes of a part of a key: a file's name has 255, and `.json` and more is put to it."""


class PairFailed(OfStrangers):
    """One pair that cannot be measured: why, and what to do. The others go on."""


@dataclass(frozen=True)
class Pair:
    """A row of the pair list."""

    key: str
    names: Mapping[str, str]
    """``reference``, ``distorted`` and, where it is a file, ``model``, as the list writes them."""
    folder: Path
    """What those names are relative to."""
    how: How

    @property
    def report(self) -> PurePosixPath:
        """The report's place in the folder of reports: `--report-name '{key}.json'`."""
        return PurePosixPath(f"{self.key}.json")

    def path(self, role: str) -> Path:
        """The file that is ``reference``, ``distorted`` or ``model``."""
        return self.folder / self.names[role]


def read_pairs(path: Path, key: str = "key") -> list[Pair]:
    """The pairs of a list, CSV, JSON or parquet.

    Columns ``key`` (or another that is named so), ``reference`` and ``distorted`` (paths relative to the list);
    ``size``, ``pixel_format`` and ``fps`` of both videos, or of one as ``reference_size`` …; ``compare_size``,
    ``compare_pixel_format`` and ``compare_fps``, to which both are converted; ``frames``, ``model``, ``features``.
    Others (``mos``, ``content``) are for the recipe that makes a cache. Raises ``SourceAbsent``, ``BadSource``.
    """
    table = open_table(path, key=key)
    needed = {"key": key, **{video: video for video in VIDEOS}}
    columns = {name: key_column(table, column) for name, column in needed.items() if _is_there(table, column)}
    missing = [column for name, column in needed.items() if name not in columns]
    if missing:
        raise BadSource(
            f"{path}: is no pair list: it has no column {listed(missing)}; its columns are "
            f"{listed(table.columns, 40)}: name them as docs/real-caches.md does"
        )
    optional = [*_STORED, *(f"{video}_{what}" for video in VIDEOS for what in _STORED), *_COMPARED, *_OTHERS]
    columns |= {name: name for name in optional if name in table.columns}
    values = table.read(list(columns.values()))
    read = {name: texts(table, column, values[column]) for name, column in columns.items()}
    rows = [
        {name: text.strip() for name, cells in read.items() if (text := cells[row]) is not None}
        for row in range(len(read["key"]))
    ]
    pairs = [_pair(path, row, cells) for row, cells in enumerate(rows)]
    twice = repeated(pair.key for pair in pairs)
    if twice:
        raise BadSource(f"{path}: keys stand more than once: {listed(twice)}; a key names one pair and its report")
    if not pairs:
        raise BadSource(f"{path}: has no pairs; put one into each row")
    return pairs


def _is_there(table: LabelledTable, name: str) -> bool:
    return any(column.strip().casefold() == name.casefold() for column in table.columns)


def _pair(path: Path, row: int, cells: Mapping[str, str]) -> Pair:
    try:
        for name in ("key", *VIDEOS):
            if not cells.get(name):
                raise ValueError(f"{name} is blank")
        _check_key(cells["key"])
        how = How(
            reference=_stored(cells, "reference"),
            distorted=_stored(cells, "distorted"),
            compare_size=_size(cells, "compare_size"),
            compare_pixel_format=_pixel_format(cells, "compare_pixel_format"),
            compare_fps=_rate(cells, "compare_fps"),
            frames=_frames(cells),
            model=_model(cells.get("model", DEFAULT_MODEL)),
            features=_features(cells.get("features", "")),
        )
    except ValueError as error:
        raise BadSource(f"{path}: row {row} (counted from 0): {error}") from error
    files = {name: cells[name] for name in VIDEOS} | ({"model": how.model} if is_file(how.model) else {})
    return Pair(cells["key"], files, path.parent, how)


def _check_key(key: str) -> None:
    parts = key.split("/")
    if any(part in {"", ".", ".."} or len(part.encode()) > _LONGEST_PART for part in parts) or not key.isprintable():
        raise ValueError(
            f"the key {listed([key])} cannot name a report: it may have folders (a/b), none of them empty, '.', '..' "
            f"or longer than {_LONGEST_PART} bytes, and nothing that does not print"
        )


def _stored(cells: Mapping[str, str], video: str) -> Stored:
    own = {what: cells.get(f"{video}_{what}") or cells.get(what, "") for what in _STORED}
    return Stored(_size(own, "size"), _pixel_format(own, "pixel_format"), _rate(own, "fps"))


def _size(cells: Mapping[str, str], name: str) -> tuple[int, int] | None:
    text = cells.get(name)
    if not text:
        return None
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"{name} {listed([text])} is not WIDTHxHEIGHT, such as 1920x1080")
    return int(match[1]), int(match[2])


def _pixel_format(cells: Mapping[str, str], name: str) -> str | None:
    text = cells.get(name)
    if text and not _PIXEL_FORMAT.fullmatch(text):
        raise ValueError(
            f"{name} {listed([text])} is none that libvmaf takes: yuv420p, yuv422p or yuv444p, with 10le, 12le or 16le "
            f"behind it where samples have more than 8 bits"
        )
    return text or None


def _rate(cells: Mapping[str, str], name: str) -> str | None:
    text = cells.get(name)
    if text and (not _RATE.fullmatch(text) or not Fraction(text)):
        raise ValueError(f"{name} {listed([text])} is no frame rate, such as 25, 59.94 or 60000/1001")
    return text or None


def _frames(cells: Mapping[str, str]) -> int | Literal["shortest"] | None:
    text = cells.get("frames")
    if text == "shortest":
        return "shortest"
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or not 0 < int(text[:12]) < _MOST_FRAMES:
        raise ValueError(f"frames {listed([text])} is neither a number of frames nor 'shortest'")
    return int(text)


def _model(text: str) -> str:
    if not is_file(text) and not _NAME.fullmatch(text):
        raise ValueError(
            f"model {listed([text])} is neither a version such as vmaf_v0.6.1 nor a path that ends with .json"
        )
    return text


def is_file(model: str) -> bool:
    """Whether a model is a file, and not a version that libvmaf has inside."""
    return model.endswith(".json")


def _features(text: str) -> tuple[str, ...]:
    names = tuple(text.split())
    if not all(_NAME.fullmatch(name) for name in names):
        raise ValueError(f"features {listed([text])} are no names with blanks between them, such as 'psnr cambi'")
    return names


def is_raw(name: str) -> bool:
    """Whether a video's file holds samples and nothing else, by its name."""
    return name.lower().endswith((".yuv", ".raw"))


def frame_bytes(size: Sequence[int], pixel_format: str) -> int:
    """Bytes of a frame of raw video: ``size`` is width and height, chroma of an odd size is rounded up."""
    match = _PIXEL_FORMAT.fullmatch(pixel_format)
    if match is None:
        raise ValueError(pixel_format)
    width, height = size
    across = (width + 1) // 2 if match[1] in {"420", "422"} else width
    down = (height + 1) // 2 if match[1] == "420" else height
    return (width * height + 2 * across * down) * (2 if match[2] else 1)
