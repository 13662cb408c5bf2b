"""A cache replaced file by file, in a folder that must stay: somebody stands in it, or keeps folders of others there.

A hidden folder in the cache's holds the new files, then the old ones, and while files change places a journal. As long
as that is there the folder is no cache to anybody; whoever generates next puts the old files back first. Removing the
journal is the one step that makes the new cache the cache.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from bisect_cache.cache.manifest import CACHE_FILE, FEATURES_NAME, JOURNAL, MANIFEST_NAME, MODELS_FOLDER
from bisect_cache.errors import BisectCacheError
from bisect_cache.files import CannotRead, read_file, write_whole

_LARGEST_JOURNAL = 64 << 20
_File = Annotated[str, Meta(pattern=rf"^({CACHE_FILE}|{re.escape(MANIFEST_NAME)})\Z")]


class BadJournal(BisectCacheError):
    """What a replacement left cannot be put back."""


class Journal(Struct, frozen=True, forbid_unknown_fields=True):
    """What is being replaced by what: names relative to the cache's folder."""

    old: tuple[_File, ...]
    new: tuple[_File, ...]


def replace_files(made: Path, folder: Path, old: list[str], new: list[str]) -> None:
    """Put the files ``new`` of the folder ``made`` where the files ``old`` of ``folder`` are.

    An error or an interrupt on the way puts everything back; after a kill, ``put_back`` does.
    """
    journal = folder / JOURNAL
    place = journal.parent
    place.mkdir()
    try:
        for name in new:
            to = place / "new" / name
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(made / name, to)  # it may have been made on another file system
        write_whole(journal, msgspec.json.encode(Journal(tuple(old), tuple(new))))
        for name in old:
            _into(folder / name, place / "old" / name)
        for name in sorted(new, key=lambda name: name == MANIFEST_NAME):
            _into(place / "new" / name, folder / name)
        journal.unlink()
    except BaseException:
        put_back(folder)
        raise
    _sweep(place)


def put_back(folder: Path) -> None:
    """Undo a replacement that did not come to its end, as often as it takes; nothing where there is none.

    Raises ``BadJournal``.
    """
    journal = folder / JOURNAL
    place = journal.parent
    if not is_there(place):
        return
    if is_there(journal):
        known = _read(journal)
        for name in known.new:
            taken = name in known.old and not is_there(place / "old" / name)  # there is the old one still, or again
            # Where a file took the place of parts, or the other way round, the old ones may be there again.
            there_again = is_folder(folder / name) or not is_folder((folder / name).parent)
            if not taken and not there_again and not is_there(place / "new" / name):
                (folder / name).unlink(missing_ok=True)
        for name in known.old:
            if is_there(place / "old" / name):
                _into(place / "old" / name, folder / name)
        journal.unlink()  # before anything else is removed: what is half removed must not be put back
    _sweep(place)


def _read(journal: Path) -> Journal:
    place = journal.parent
    kept = [place, *(place / part for part in ("old", f"old/{MODELS_FOLDER}")), place.parent / MODELS_FOLDER]
    try:
        parts = [folder / FEATURES_NAME for folder in (place / "old", place.parent)]  # as files they may be links
        if any(path.is_symlink() for path in kept) or any(path.is_symlink() and path.is_dir() for path in parts):
            raise CannotRead(f"{place} holds links, which generate does not make")
        return msgspec.json.decode(read_file(journal, largest=_LARGEST_JOURNAL), type=Journal)
    except (CannotRead, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadJournal(
            f"{journal}: what an interrupted generate left cannot be read ({error}); nothing was written: restore the "
            f"cache from version control and remove {place}"
        ) from error


def is_there(path: Path) -> bool:
    """Whether there is anything at ``path``, a link that leads nowhere included."""
    return path.exists() or path.is_symlink()


def is_folder(path: Path) -> bool:
    """Whether there is a folder at ``path`` itself, not behind a link."""
    return path.is_dir() and not path.is_symlink()


def _into(source: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    if is_folder(to):
        to.rmdir()  # of the parts that were in it; others' are never removed
    source.rename(to)


def _sweep(place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    for name in (MODELS_FOLDER, FEATURES_NAME):
        with contextlib.suppress(OSError):
            (place.parent / name).rmdir()  # only where it is empty
