"""Where reports lie: a folder with one file for each clip, or one file with all of them."""

from __future__ import annotations

import stat
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec

from bisect_cache.cache.recipes.clips import Clips
from bisect_cache.cache.recipes.interface import BadSource, SourceAbsent
from bisect_cache.cache.recipes.labels import listed
from bisect_cache.cache.recipes.libvmaf import LARGEST_REPORT, Report, parse_report
from bisect_cache.files import CannotRead, read_file

_LARGEST_COLLECTION = 2 << 30
"""Bytes; the reports of a thousand clips with every metric that libvmaf has are less."""
_REPORTS = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True)
class Pairs:
    """Labels and reports that found each other, and those that did not."""

    rows: Sequence[int]
    """Numbers of the label rows that have a report."""
    reports: Mapping[int, Callable[[], Report]]
    """Reads each row's report; raises ``BadSource``."""
    without_report: Sequence[int]
    """Numbers of the label rows that have none."""
    without_label: Sequence[str]
    """Reports that no row leads to, by their names in the store."""


class Store(Protocol):
    """What holds reports under names."""

    @property
    def path(self) -> Path:
        """Where it is."""

    def pair(self, clips: Clips, names: Sequence[str]) -> Pairs:
        """Find the report of each clip, called ``names[row]``.

        Raises ``BadSource`` where two rows lead to one report, or one out of the store.
        """


def open_store(path: Path, not_reports: Iterable[Path]) -> Store:
    """The folder or the JSON file of reports at ``path``; files in ``not_reports`` are none.

    Raises ``SourceAbsent`` when there is neither, ``BadSource`` when it cannot be used.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SourceAbsent(
            f"{path}: there is no such folder of reports; put it in place or correct its path"
        ) from error
    except (OSError, ValueError) as error:
        raise BadSource(f"{path}: cannot be read ({error}); correct its path or its permissions") from error
    if stat.S_ISDIR(mode):
        return FolderOfReports(path.resolve(), tuple(not_reports))
    if path.suffix.lower() == ".json":
        return FileOfReports(path, _reports_in(path))
    raise BadSource(
        f"{path}: is not a folder; name the folder that the reports are in, or one .json file that holds them all"
    )


@dataclass(frozen=True)
class FolderOfReports:
    """A file for each clip."""

    path: Path
    """With every link followed."""
    not_reports: Sequence[Path]

    def pair(self, clips: Clips, names: Sequence[str]) -> Pairs:
        """See ``Store``."""
        paths = [_inside(self.path, clips.labels, name, row) for row, name in enumerate(names)]
        _refuse_shared(clips, names, paths)
        there = {row: path for row, path in enumerate(paths) if _is_file(path)}
        known = {*there.values(), *(path.resolve() for path in self.not_reports)}
        deep = any("/" in name for name in names)
        found = self.path.rglob("*.json") if deep else self.path.glob("*.json")
        return Pairs(
            rows=list(there),
            reports={row: partial(_read_report, path) for row, path in there.items()},
            without_report=[row for row in range(len(paths)) if row not in there],
            without_label=sorted(
                path.relative_to(self.path).as_posix()
                for path in found
                if _is_file(path) and path.resolve() not in known
            ),
        )


def _inside(folder: Path, labels: Path, name: str, row: int) -> Path:
    """The report's path with every link followed; refused unless it is in the folder."""
    try:
        path = Path(folder, name).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a NUL in the name
        raise _leads_out(labels, name, row, str(error)) from error
    if name.startswith("/") or ".." in name.split("/") or not path.is_relative_to(folder) or path == folder:
        raise _leads_out(labels, name, row, f"not a file in {folder}")
    return path


def _leads_out(labels: Path, name: str, row: int, why: str) -> BadSource:
    return BadSource(
        f"{labels}: row {row} (counted from 0) leads to the report {listed([name])}: {why}; a report is named relative "
        f"to the folder of reports, without '..' and without links out of it"
    )


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def _read_report(path: Path) -> Report:
    try:
        data = read_file(path, largest=LARGEST_REPORT)
    except CannotRead as error:
        raise BadSource(str(error)) from error
    return parse_report(data, str(path))


@dataclass(frozen=True)
class FileOfReports:
    """One JSON object of reports by their names."""

    path: Path
    reports: Mapping[str, msgspec.Raw]

    def pair(self, clips: Clips, names: Sequence[str]) -> Pairs:
        """See ``Store``."""
        _refuse_shared(clips, names, names)
        there = [row for row, name in enumerate(names) if name in self.reports]
        known = {names[row] for row in there}
        return Pairs(
            rows=there,
            reports={row: partial(self._read, names[row]) for row in there},
            without_report=[row for row, name in enumerate(names) if name not in self.reports],
            without_label=sorted(name for name in self.reports if name not in known),
        )

    def _read(self, name: str) -> Report:
        return parse_report(bytes(self.reports[name]), f"{self.path}: {listed([name])}")


def _reports_in(path: Path) -> dict[str, msgspec.Raw]:
    try:
        return _REPORTS.decode(read_file(path, largest=_LARGEST_COLLECTION))
    except CannotRead as error:
        raise BadSource(str(error)) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadSource(
            f"{path}: is no JSON object of libvmaf reports by their names ({error}); write it as one, or put each "
            f"report into a file of its own"
        ) from error


def _refuse_shared(clips: Clips, names: Sequence[str], places: Sequence[object]) -> None:
    shared = {place for place, count in Counter(places).items() if count > 1}
    if shared:
        rows = [row for row, place in enumerate(places) if place in shared]
        leads = listed(f"{clips.keys[row]} -> {names[row]}" for row in rows)
        raise BadSource(
            f"{clips.labels}: {len(rows)} rows lead to a report that is another row's too: {leads}; let --report-name "
            f"tell them apart"
        )
