"""``generate``: a recipe becomes a folder, whole or not at all."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bisect_cache import __version__
from bisect_cache.cache.columns import canonical_columns
from bisect_cache.cache.features import as_table, write_features
from bisect_cache.cache.fingerprint import fingerprint
from bisect_cache.cache.manifest import (
    FEATURES_NAME,
    MANIFEST_NAME,
    MODELS_FOLDER,
    FileRecord,
    Manifest,
    Recipe,
    Synthetic,
    Target,
    encode_manifest,
    provenance_of,
    read_manifest,
)
from bisect_cache.cache.recipes import make
from bisect_cache.cache.recipes.interface import Made, Progress, Surroundings
from bisect_cache.errors import BisectCacheError
from bisect_cache.files import sha256_of_file

_VERSIONS_OF = ("numpy", "onnx", "pandas", "pyarrow")


class CannotGenerate(BisectCacheError):
    """The folder cannot take a cache; what stood there is unchanged."""


def generate(folder: Path, recipe: Recipe, progress: Progress = lambda _done, _total: None) -> Manifest:
    """Follow ``recipe`` and put the cache in ``folder``; its manifest is returned.

    The cache is built beside ``folder`` and takes its place in one step: whatever ends this early, the old cache
    is as it was. Files of the old folder that are no recipe's (a README) are kept.

    Raises ``CannotGenerate``, ``BadSource``, ``SourceAbsent``.
    """
    folder = Path(os.path.realpath(folder))
    keep = _files_to_keep(folder)
    made = make(recipe, Surroundings(folder, progress))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _stage_beside(folder) as stage:
            manifest = _write(stage, recipe, made)
            for path in keep:
                _carry_over(folder / path, stage / path)
            _take_place(stage, folder)
    except OSError as error:
        raise CannotGenerate(
            f"{folder}: cannot be written ({error.strerror or error}); what stood there is unchanged: free some space "
            f"or choose a folder you may write to"
        ) from error
    return manifest


def _files_to_keep(folder: Path) -> list[Path]:
    """Files that are nobody's recipe, relative to ``folder``; a folder that is something else is refused."""
    if not os.path.lexists(folder):
        return []
    if not folder.is_dir():
        raise CannotGenerate(f"{folder}: is a file; name a folder for the cache")
    known = _files_of_the_old_cache(folder)
    keep = []
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_dir() and not path.is_symlink():
            if known is None:
                raise CannotGenerate(
                    f"{folder}: is no cache and holds folders of its own ({relative.as_posix()}/); nothing was "
                    f"written: choose a new or an empty folder"
                )
        elif relative.as_posix() not in (known or ()):
            if path.suffix in {".onnx", ".parquet"} or path.name == MANIFEST_NAME:
                raise CannotGenerate(
                    f"{path}: no recipe made this file, and a new cache would replace it; nothing was written: move "
                    f"it away or choose another folder"
                )
            keep.append(relative)
    return keep


def _files_of_the_old_cache(folder: Path) -> set[str] | None:
    """What an earlier ``generate`` put there, as POSIX paths; None where ``folder`` is no cache."""
    if (folder / MANIFEST_NAME).exists():
        manifest = read_manifest(folder)
        return {MANIFEST_NAME, *(manifest.files if manifest else ())}
    models = [path.relative_to(folder).as_posix() for path in folder.glob(f"{MODELS_FOLDER}/*.onnx")]
    if (folder / FEATURES_NAME).is_file() and models:
        return {FEATURES_NAME, *models}
    return None


@contextlib.contextmanager
def _stage_beside(folder: Path) -> Iterator[Path]:
    stage = Path(tempfile.mkdtemp(prefix=f".{folder.name[:64]}.", dir=folder.parent))
    try:
        stage.chmod(0o755)
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _write(stage: Path, recipe: Recipe, made: Made) -> Manifest:
    write_features(made.columns, stage / FEATURES_NAME)
    for name, model in made.models.items():
        (stage / name).parent.mkdir(exist_ok=True)
        (stage / name).write_bytes(model)
    if isinstance(recipe, Synthetic):
        (stage / MODELS_FOLDER).mkdir(exist_ok=True)
    manifest = describe(
        made.recipe or recipe, made, {name: _record(stage / name) for name in (FEATURES_NAME, *made.models)}
    )
    (stage / MANIFEST_NAME).write_bytes(encode_manifest(manifest))
    return manifest


def describe(recipe: Recipe, made: Made, files: dict[str, FileRecord]) -> Manifest:
    """The manifest of what ``recipe`` made, with these ``files``."""
    target = Target() if isinstance(recipe, Synthetic) else Target(direction=recipe.direction, scale=recipe.scale)
    return Manifest(
        provenance=provenance_of(recipe),
        recipe=recipe,
        features=made.features,
        target=target,
        content=made.content,
        rows=len(next(iter(made.columns.values()))),
        fingerprint=fingerprint(canonical_columns(as_table(made.columns))),
        notes=made.notes,
        source_sha256=dict(made.source_sha256),
        files=files,
        versions=_versions(),
    )


def _record(path: Path) -> FileRecord:
    return FileRecord(path.stat().st_size, sha256_of_file(path))


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {
        "bisect-cache": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in _VERSIONS_OF},
    }


def _carry_over(source: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, to, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, to, follow_symlinks=False)


def _take_place(stage: Path, folder: Path) -> None:
    if not folder.exists():
        stage.rename(folder)
    elif folder == Path.cwd() or not _exchange(stage, folder):
        # The folder itself must stay (somebody stands in it, it is a mount point, the system cannot exchange):
        # file by file, the manifest last, so that a half-way state is one that `check` reports.
        _replace_file_by_file(stage, folder)


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


def _replace_file_by_file(stage: Path, folder: Path) -> None:
    old = _files_of_the_old_cache(folder) or set()
    fresh = [path.relative_to(stage).as_posix() for path in stage.rglob("*") if not path.is_dir()]
    for name in sorted(fresh, key=lambda name: (name == MANIFEST_NAME, name)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (stage / name).replace(folder / name)
    for name in old.difference(fresh):
        (folder / name).unlink(missing_ok=True)
