"""How a finished cache takes the place of an old one: in one step where that is possible, and losing nothing.

What belongs to a cache is its manifest and the files that this lists. Everything else in the folder is somebody
else's, and stays.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from bisect_cache.cache.manifest import (
    FEATURES_NAME,
    JOURNAL,
    MANIFEST_NAME,
    MODELS_FOLDER,
    OF_GENERATE,
    PART_OF_FEATURES,
    UNDER_WAY,
    BadManifest,
    read_manifest,
)
from bisect_cache.cache.replacing import is_folder, is_there, put_back, replace_files
from bisect_cache.errors import BisectCacheError
from bisect_cache.printable import printable
from bisect_cache.staging import alone, staged_folder


class CannotGenerate(BisectCacheError):
    """The folder cannot take a cache; what stood there is unchanged."""


def refuse_what_is_no_place(folder: Path) -> None:
    """Raise ``CannotGenerate`` where ``folder`` holds what a cache would replace or what it does not belong among.

    What a killed ``generate`` left half replaced there is put back first.
    """
    if folder == folder.parent:
        raise CannotGenerate(f"{folder}: is the root of the file system; name a folder for the cache")
    if not is_there(folder):
        return
    if not folder.is_dir():
        raise CannotGenerate(f"{folder}: is a file; name a folder for the cache")
    with _alone_with(folder):  # what another one is just replacing is neither old nor new
        if is_there(folder / JOURNAL):
            put_back(folder)
        _refuse(folder)


def _refuse(folder: Path) -> None:
    ours = _ours(folder)
    for path in sorted(_in(folder)):
        if ours is None and path.is_dir():
            raise CannotGenerate(
                f"{folder}: is no cache and holds folders of its own ({path.name}/); nothing was written: choose a new "
                f"or an empty folder"
            )
    if (folder / MODELS_FOLDER).is_symlink():
        raise CannotGenerate(
            f"{folder / MODELS_FOLDER}: is a link, and what it leads to is no part of a cache; nothing was written: "
            f"remove it or choose another folder"
        )
    _refuse_parts_of_others(folder, ours or set())
    for name in _others(folder, ours or set()):
        if name.endswith((".onnx", ".parquet")) or name == MANIFEST_NAME:
            raise CannotGenerate(
                f"{folder / name}: no recipe made this file, and a new cache would replace it; nothing was written: "
                f"move it away or choose another folder"
            )


def _refuse_parts_of_others(folder: Path, ours: set[str]) -> None:
    """A new cache has a file where this one has a folder, or parts of other names: nothing can stay in between."""
    features = folder / FEATURES_NAME
    if not features.is_dir():
        return
    if features.is_symlink():
        raise CannotGenerate(
            f"{features}: is a link, and what it leads to is no part of a cache; nothing was written: remove it or "
            f"choose another folder"
        )
    others = sorted(path.name for path in features.iterdir() if f"{FEATURES_NAME}/{path.name}" not in ours)
    if others:
        raise CannotGenerate(
            f"{features}: holds what no `generate` wrote (such as {printable(others[0])}), and "
            f"a new cache would replace it; nothing was written: move this folder away (--part-rows writes a new one) "
            f"or choose another folder"
        )


@contextlib.contextmanager
def stage_beside(folder: Path) -> Iterator[Path]:
    """An empty folder on the same file system, which is gone afterwards, and after a kill when this is asked for again.

    It is beside ``folder``; inside it where nothing may be written beside it, or another file system begins.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with staged_folder(folder / f"{UNDER_WAY.lstrip('.')}made" if _is_fixed(folder) else folder) as around:
        stage = around / "cache"  # what is exchanged is not what is locked
        stage.mkdir()
        stage.chmod(0o755)
        yield stage


def take_place(stage: Path, folder: Path) -> None:
    """Put the cache in ``stage`` where ``folder`` is, keeping what is somebody else's there.

    Raises ``CannotGenerate`` where something came there meanwhile that would be replaced.
    """
    with _alone_with(folder):
        if not folder.exists():
            stage.rename(folder)
            return
        put_back(folder)  # of one that was killed meanwhile
        _refuse(folder)
        _take_place_of(stage, folder)


def _take_place_of(stage: Path, folder: Path) -> None:
    ours = _ours(folder) or set()
    if _stands_in(folder) or _has_folders_of_others(folder):
        _replace_file_by_file(stage, folder, ours)
        return
    for name in _others(folder, ours):
        _carry_over(folder / name, stage / name)
    if not _exchange(stage, folder):
        _replace_file_by_file(stage, folder, ours)
        return
    try:  # the stage is the old folder now; what came into it meanwhile is not lost
        must_stay = _has_folders_of_others(stage)
        for name in _others(stage, ours):
            if not must_stay and not is_there(folder / name):
                _carry_over(stage / name, folder / name)
    except OSError:
        _exchange(stage, folder)
        raise
    if must_stay:
        _exchange(stage, folder)
        _replace_file_by_file(stage, folder, ours)


@contextlib.contextmanager
def _alone_with(folder: Path) -> Iterator[None]:
    """No other ``generate`` touches ``folder`` meanwhile, wherever that stands and whatever it may write to."""
    with alone(folder.parent / f".{folder.name[:64]}{UNDER_WAY}lock"), contextlib.ExitStack() as inside:
        if _is_fixed(folder):
            inside.enter_context(alone(folder / f"{UNDER_WAY}lock"))
        yield


def _ours(folder: Path) -> set[str] | None:
    """What an earlier ``generate`` put into ``folder``, as POSIX paths; None where it is no cache."""
    models = {path.relative_to(folder).as_posix() for path in folder.glob(f"{MODELS_FOLDER}/*.onnx")}
    parts = {path.relative_to(folder).as_posix() for path in folder.glob(f"{FEATURES_NAME}/*.parquet")}
    if (folder / MANIFEST_NAME).is_file():
        try:
            manifest = read_manifest(folder)
        except BadManifest:  # a new cache is its cure
            return {MANIFEST_NAME, FEATURES_NAME, *filter(PART_OF_FEATURES.fullmatch, parts), *models}
        return {MANIFEST_NAME, *(manifest.files if manifest else ())}
    if (folder / FEATURES_NAME).is_file() and models:
        return {FEATURES_NAME, *models}
    return None


def _in(folder: Path) -> list[Path]:
    """What is in ``folder``, without what a ``generate`` needs there while it runs."""
    return [path for path in folder.iterdir() if not OF_GENERATE.fullmatch(path.name)]


def _others(folder: Path, ours: set[str]) -> list[str]:
    """The files in ``folder`` and in its own folders that are somebody else's, as POSIX paths."""
    there = _in_all(folder)
    names = [path.relative_to(folder).as_posix() for path in there if path.is_symlink() or not path.is_dir()]
    return sorted(name for name in names if name not in ours)


def _is_fixed(folder: Path) -> bool:
    """Whether ``folder`` is there and nothing can take its place as a whole: not what lies beside it, at least."""
    return folder.is_dir() and (os.path.ismount(folder) or not os.access(folder.parent, os.W_OK | os.X_OK))


def _stands_in(folder: Path) -> bool:
    """Whether ``folder`` is the current one, or gone from under it."""
    try:
        return folder == Path.cwd()
    except OSError:
        return False


def _has_folders_of_others(folder: Path) -> bool:
    return any(path.is_dir() and not path.is_symlink() and path not in _own_folders(folder) for path in _in_all(folder))


def _in_all(folder: Path) -> list[Path]:
    return [*_in(folder), *(path for one in _own_folders(folder) for path in one.glob("*"))]


def _own_folders(folder: Path) -> list[Path]:
    """The folders that a cache may have in its own."""
    return [folder / MODELS_FOLDER, folder / FEATURES_NAME]


def _carry_over(source: Path, to: Path) -> None:
    to.parent.mkdir(exist_ok=True)
    try:
        os.link(source, to, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, to, follow_symlinks=False)


def _exchange(stage: Path, folder: Path) -> bool:
    """Swap two folders in one step (Linux: renameat2 with RENAME_EXCHANGE); False where that cannot be done."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    at_working_folder, exchange = -100, 2
    if renameat2(at_working_folder, os.fsencode(stage), at_working_folder, os.fsencode(folder), exchange) == 0:
        return True
    number = ctypes.get_errno()
    if number in {errno.EBUSY, errno.EXDEV, errno.EINVAL, errno.ENOSYS}:
        return False
    raise OSError(number, os.strerror(number), str(folder))


def _replace_file_by_file(stage: Path, folder: Path, ours: set[str]) -> None:
    """Where the folder itself must stay: somebody stands in it, it holds folders of others, it is a mount point."""
    others = set(_others(folder, ours))
    made = [path.relative_to(stage).as_posix() for path in stage.rglob("*") if not path.is_dir() or path.is_symlink()]
    old = sorted(name for name in ours if is_there(folder / name) and not is_folder(folder / name))
    replace_files(stage, folder, old, [name for name in made if name not in others])
