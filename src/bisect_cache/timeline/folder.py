"""A model that lies in a folder, read so that neither a hostile name nor an odd file can do harm."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from bisect_cache.files import LARGEST_FILE, LONGEST_PLACE, CannotRead, read_file
from bisect_cache.printable import printable
from bisect_cache.timeline.interface import LARGEST_MODEL, ModelFiles

_DATA = re.compile(
    r".*\.(arrow|csv|db|env|feather|h5|hdf5|html|ini|jsonl?|key|log|mat|md|ndjson|np[yz]|parquet|pem|pickle|pkl|"
    r"sqlite3?|toml|tsv|txt|xml|ya?ml)",
    re.IGNORECASE | re.DOTALL,
)
"""Endings of what a model must not take for its weights: predictions and messages would give it away."""


@dataclass(frozen=True)
class FolderModel(ModelFiles):
    """A model file and the files beside it."""

    path: Path
    within: tuple[Path, ...] = ()
    """Folders of which one must hold the file, links followed; empty where the user named the file."""

    def model(self) -> bytes:
        """The model's bytes. Raises ``CannotRead`` with what to do about it."""
        shown = _shown(self.path)
        return read_file(self._true_path(self.path, shown), shown, LARGEST_MODEL)

    def beside(self, location: str, largest: int = LARGEST_FILE) -> bytes:
        """The bytes of ``location``, relative to the model's own folder.

        Raises ``CannotRead`` where it cannot be read, is not a relative path with ``/``, or leaves that folder.
        """
        shown = f"{_shown(self.path)} names {printable(location)!r}, which"
        if fault := location_fault(location):
            raise CannotRead(f"{shown} {fault}; name a file in the model's own folder")
        folder = _resolved(self._true_path(self.path.parent, shown), shown)
        target = _resolved(folder / location, shown)
        if not target.is_relative_to(folder):
            raise CannotRead(f"{shown} leaves the model's own folder through a link; put the file itself there")
        if fault := location_fault(target.relative_to(folder).as_posix()) or _disguise(location, target.name):
            raise CannotRead(f"{shown} is a link that {fault}; put the file itself there")
        return read_file(target, shown, largest)

    def holds(self, location: str) -> bool:
        """Whether a file lies at ``location``."""
        return location_fault(location) is None and os.path.isfile(f"{self.path.parent}/{location}")  # noqa: PTH113 - fast

    def leads_out(self) -> bool:
        """Whether the model lies outside the folders of which one must hold it, links followed."""
        return bool(self.within) and not self._is_within(self.path.resolve())

    def _is_within(self, target: Path) -> bool:
        return any(target.is_relative_to(_resolved(folder, _shown(folder))) for folder in self.within)

    def _true_path(self, path: Path, shown: str) -> Path:
        """``path`` as it is, or resolved when it must lie within given folders."""
        if not self.within:
            return path
        target = _resolved(path, shown)
        if not self._is_within(target):
            raise CannotRead(
                f"{shown} leads out of the registry's folder and of the current folder; put the model in one of them"
            )
        return target


@dataclass(frozen=True)
class RefusedModel(ModelFiles):
    """A model that is not even looked for, because of what its entry says."""

    reason: str

    def model(self) -> bytes:
        """Raises ``CannotRead`` with the reason."""
        raise CannotRead(self.reason)

    def beside(self, location: str, largest: int = LARGEST_FILE) -> bytes:  # noqa: ARG002 - nothing is read
        """Raises ``CannotRead`` with the reason."""
        raise CannotRead(f"{printable(location)!r} is not read: {self.reason}")


def location_fault(location: str) -> str | None:
    """Why ``location`` is no plain path inside a folder, to be read after ``which``; ``None`` when it is one.

    What is hidden there is none of a model's: `.git/config` may hold a token.
    """
    parts = location.split("/")
    if fault := path_fault(location) or ("climbs out with '..'" if ".." in parts else None):
        return fault
    return "leads to what is hidden" if any(part.startswith(".") and part != "." for part in parts) else None


def weights(files: ModelFiles, location: str) -> bytes:
    """The bytes of a file that a model names for its weights. Raises ``CannotRead``."""
    if fault := weights_fault(location):
        raise CannotRead(f"it names {printable(location)!r}, which {fault}; give the file another name")
    return files.beside(location)


def weights_fault(location: str) -> str | None:
    """Why ``location`` does not name weights, to be read after ``which``: data and text are read by their endings."""
    found = _DATA.fullmatch(location)
    return f"ends with '.{found[1]}', as weights do not" if found else None


def _disguise(location: str, name: str) -> str | None:
    """Why a link called ``location`` must not lead to a file of this name: the ending that was looked at is another."""
    return None if weights_fault(name) is None or weights_fault(location) else "leads to another kind of file"


def path_fault(path: str) -> str | None:
    """Why ``path`` is no relative path that means the same everywhere; ``None`` when it is one."""
    faults = {
        "is empty": not path,
        "holds characters that no file name has": "\0" in path or not _is_text(path),
        "has backslashes": "\\" in path,
        "is absolute": path.startswith("/"),
        "starts with a drive letter": re.match(r"[A-Za-z]:", path) is not None,
    }
    return next((fault for fault, found in faults.items() if found), None)


def _is_text(path: str) -> bool:
    """False where half a surrogate pair stands in it: JSON can spell that, and no file is called so."""
    return not any("\ud800" <= char <= "\udfff" for char in path)


def _resolved(path: Path, shown: str) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise CannotRead(f"{shown} leads nowhere; check its links") from error


def _shown(path: Path) -> str:
    return printable(str(path), LONGEST_PLACE)
