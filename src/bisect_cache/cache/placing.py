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
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bisect_cache.cache.manifest import FEATURES_NAME, MANIFEST_NAME, MODELS_FOLDER, BadManifest, read_manifest
from bisect_cache.errors import BisectCacheError


class CannotGenerate(BisectCacheError):
    """The folder cannot take a cache; what stood there is unchanged."""


def refuse_what_is_no_place(folder: Path) -> None:
    """Raise ``CannotGenerate`` where ``folder`` holds what a cache would replace or what it does not belong among."""
    if folder == folder.parent:
        raise CannotGenerate(f"{folder}: is the root of the file system; name a folder for the cache")
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise CannotGenerate(f"{folder}: is a file; name a folder for the cache")
    ours = _ours(folder)
    for path in sorted(folder.iterdir()):
        if ours is None and path.is_dir():
            raise CannotGenerate(
                f"{folder}: is no cache and holds folders of its own ({path.name}/); nothing was written: choose a new "
                f"or an empty folder"
            )
    for name in _others(folder, ours or set()):
        if name.endswith((".onnx", ".parquet")) or name == MANIFEST_NAME:
            raise CannotGenerate(
                f"{folder / name}: no recipe made this file, and a new cache would replace it; nothing was written: "
                f"move it away or choose another folder"
            )


@contextlib.contextmanager
def stage_beside(folder: Path) -> Iterator[Path]:
    """A new folder on the same file system, which is gone afterwards."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=f".{folder.name[:64]}.", dir=folder.parent))
    try:
        stage.chmod(0o755)
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def take_place(stage: Path, folder: Path) -> None:
    """Put the cache in ``stage`` where ``folder`` is, keeping what is somebody else's there."""
    if not folder.exists():
        stage.rename(folder)
        return
    ours = _ours(folder) or set()
    if folder == Path.cwd() or _has_folders_of_others(folder):
        _replace_file_by_file(stage, folder, ours)
        return
    for name in _others(folder, ours):
        _carry_over(folder / name, stage / name)
    if not _exchange(stage, folder):
        _replace_file_by_file(stage, folder, ours)
        return
    for name in _others(stage, ours):  # the stage is the old folder now; what came into it meanwhile is not lost
        if not os.path.lexists(folder / name):
            (folder / name).parent.mkdir(exist_ok=True)
            (stage / name).rename(folder / name)


def _ours(folder: Path) -> set[str] | None:
    """What an earlier ``generate`` put into ``folder``, as POSIX paths; None where it is no cache."""
    models = {path.relative_to(folder).as_posix() for path in folder.glob(f"{MODELS_FOLDER}/*.onnx")}
    if (folder / MANIFEST_NAME).is_file():
        try:
            manifest = read_manifest(folder)
        except BadManifest:  # a new cache is its cure
            return {MANIFEST_NAME, FEATURES_NAME, *models}
        return {MANIFEST_NAME, *(manifest.files if manifest else ())}
    if (folder / FEATURES_NAME).is_file() and models:
        return {FEATURES_NAME, *models}
    return None


def _others(folder: Path, ours: set[str]) -> list[str]:
    """The files in ``folder`` and in its ``models/`` that are somebody else's, as POSIX paths."""
    there = [*folder.iterdir(), *(folder / MODELS_FOLDER).glob("*")]
    names = [path.relative_to(folder).as_posix() for path in there if path.is_symlink() or not path.is_dir()]
    return sorted(name for name in names if name not in ours)


def _has_folders_of_others(folder: Path) -> bool:
    there = [*folder.iterdir(), *(folder / MODELS_FOLDER).glob("*")]
    return any(path.is_dir() and not path.is_symlink() and path != folder / MODELS_FOLDER for path in there)


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
    """Where the folder itself must stay: somebody stands in it, it holds folders of others, it is a mount point.

    Old files go into the stage and new ones take their places, the manifest last; an error or an interrupt on the
    way puts everything back. Only a kill in these few milliseconds leaves a mixture, which ``check`` reports.
    """
    fresh = [path.relative_to(stage).as_posix() for path in stage.rglob("*") if not path.is_dir()]
    fresh = [name for name in fresh if name not in _others(folder, ours)]
    retired = Path(tempfile.mkdtemp(prefix=".old.", dir=stage))
    moves = [(folder / name, retired / name) for name in ours if os.path.lexists(folder / name)]
    moves += [(stage / name, folder / name) for name in sorted(fresh, key=lambda name: name == MANIFEST_NAME)]
    done: list[tuple[Path, Path]] = []
    try:
        for source, to in moves:
            to.parent.mkdir(exist_ok=True)
            source.rename(to)
            done.append((source, to))
    except BaseException:
        for source, to in reversed(done):
            to.rename(source)
        raise
