"""Checkpoints and timelines: models in order, read only when the search asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bisect_cache.errors import OfStrangers
from bisect_cache.files import LARGEST_FILE
from bisect_cache.timeline.declaration import DECLARES_NOTHING, Feeding

LARGEST_MODEL = (2 << 30) - 1
"""Bytes of a model file: protocol buffers, which ONNX is, end there. Larger weights lie in files beside it."""


class BadTimeline(OfStrangers):
    """A timeline that cannot be laid out: what was found, in which file, what to do next."""


class ModelFiles(Protocol):
    """The files of one checkpoint, wherever they are kept (a folder, a commit)."""

    def model(self) -> bytes:
        """The model's bytes. Raises ``CannotRead``."""
        ...

    def beside(self, location: str, largest: int = LARGEST_FILE) -> bytes:
        """The bytes of a file that the model names, relative to the model's own folder.

        Raises ``CannotRead`` when it is not there, has more than ``largest`` bytes, and when ``location`` is absolute
        or leaves that folder (by ``..`` or through a symbolic link).
        """
        ...

    def holds(self, location: str) -> bool:  # noqa: ARG002 - for those who implement it
        """Whether a file may lie at ``location``: a cheap look, which ``beside`` need not agree with."""
        return False


@dataclass(frozen=True)
class Checkpoint:
    """One model with a label and where it came from."""

    label: str
    files: ModelFiles
    origin: Mapping[str, str] = field(default_factory=dict)
    """Where it came from, for people: ``file``, ``entry``, ``added``, ``version``, ``commit`` …"""
    sha256: str | None = None
    """What the model's bytes must be, where the source says so; another value makes it untestable."""
    sidecar: str | None = None
    """Location of a declared JSON sidecar, relative to the model's folder."""
    feeding: Feeding = DECLARES_NOTHING
    """What is declared of how it is fed and its scores are read, beside what its own metadata declares."""
    content: str | None = None
    """Equal for checkpoints that are the same model, fed the same way, where that can be told without reading it."""


@dataclass(frozen=True)
class Timeline:
    """Checkpoints in order, oldest first."""

    source: str
    """The SPEC that gave it, as the user wrote it."""
    checkpoints: tuple[Checkpoint, ...]
    notes: tuple[str, ...] = ()
    """What a reader must be told: duplicates, entries that were left out and why."""
