"""``registry:FILE[?FIELD=GLOB&…]``: models as a JSON or YAML registry lists them, oldest first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bisect_cache.files import LONGEST_PLACE, CannotRead, read_file
from bisect_cache.printable import printable
from bisect_cache.timeline.folder import FolderModel, RefusedModel
from bisect_cache.timeline.interface import BadTimeline, Checkpoint, ModelFiles, Timeline
from bisect_cache.timeline.labels import some_of
from bisect_cache.timeline.registry_document import read_document
from bisect_cache.timeline.registry_entries import Entry, lay_out
from bisect_cache.timeline.registry_query import read_query

LARGEST_REGISTRY = 16 << 20


def open_registry(specs: Sequence[str], source: str) -> Timeline:
    """The models that one registry lists, in its order, as far as they match the filters. Reads no model.

    Files are relative to the registry's folder. ``FIELD=GLOB`` filters entries by a scalar field; ``name-key=``,
    ``file-key=``, ``sha256-key=``, ``sidecar-key=`` and ``list-key=`` say where a registry keeps what it keeps
    elsewhere. Raises ``BadTimeline`` for a registry that cannot be read or of which nothing is left; a model that
    cannot be read stays in the timeline, and a note says so.
    """
    if len(specs) > 1:
        raise BadTimeline(f"{source}: a timeline has one registry; give one, or list all models in it")
    name, _, parameters = specs[0].partition("?")
    query = read_query(parameters)
    path = Path(name)
    shown = printable(name, LONGEST_PLACE)
    document, repeated = read_document(_read(path, shown), path.suffix.lower(), shown)
    layout = lay_out(document, query, shown)
    checkpoints = tuple(_checkpoint(entry, path.parent) for entry in layout.entries)
    missing = [checkpoint.label for checkpoint in checkpoints if not _is_there(checkpoint.files)]
    notes = (f"files that do not exist: {some_of(missing)}",) if missing else ()
    return Timeline(source, checkpoints, (*repeated, *layout.notes, *notes))


def _read(path: Path, shown: str) -> bytes:
    if not shown:
        raise BadTimeline("registry: names no file; write registry:FILE")
    try:
        return read_file(path, shown, LARGEST_REGISTRY)
    except CannotRead as error:
        raise BadTimeline(f"the registry cannot be read: {error}") from error


def _checkpoint(entry: Entry, folder: Path) -> Checkpoint:
    file = entry.file if entry.refusal else (folder / entry.file).as_posix()
    origin = {"file": printable(file, LONGEST_PLACE), "entry": entry.place, **entry.told}
    return Checkpoint(entry.label, _files(entry, folder), origin, entry.sha256, entry.sidecar)


def _files(entry: Entry, folder: Path) -> ModelFiles:
    if entry.refusal:
        return RefusedModel(entry.refusal)
    return FolderModel(folder / entry.file, within=(folder, Path()))


def _is_there(files: ModelFiles) -> bool:
    """False for a file that is not there; of a refused one, or one elsewhere, nobody is told whether it is."""
    if not isinstance(files, FolderModel):
        return True
    try:
        return (".." in files.path.parts and files.leads_out()) or bool(files.path.stat())
    except (OSError, RuntimeError, ValueError):
        return False
