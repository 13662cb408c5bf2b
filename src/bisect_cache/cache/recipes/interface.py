"""What every recipe gives: columns, models and what it has to say about them.

Read this first; each other file in this folder is one recipe.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bisect_cache.cache.manifest import Recipe
from bisect_cache.cache.recipes.measured_by import MeasuredBy
from bisect_cache.errors import OfStrangers


class BadSource(OfStrangers):
    """A recipe's source that is there and cannot be used: what was found, in which file, what to do next."""


class SourceAbsent(OfStrangers):
    """A recipe's source that is not there."""


@dataclass(frozen=True)
class Made:
    """What a recipe made, in memory.

    ``columns`` are in the order of the file: features float32 (N,), then the target ``mos`` float32 (N,), then
    a content or key column as a list of N strings. The ``row`` column is not among them: the writer adds it.
    """

    columns: Mapping[str, NDArray[np.float32] | list[str]]
    features: tuple[str, ...]
    content: str | None = None
    models: Mapping[str, bytes] = field(default_factory=dict)
    """Path in the cache's folder (``models/model_00.onnx``) to the file's bytes."""
    notes: tuple[str, ...] = ()
    source_sha256: Mapping[str, str] = field(default_factory=dict)
    measured_by: MeasuredBy = field(default_factory=MeasuredBy)
    """What is known of how the features were measured."""
    recipe: Recipe | None = None
    """The recipe with what it left open chosen (which column is the target); None where it left nothing open."""


Progress = Callable[[int, int], None]
"""Told (done, of how many) as a recipe works; the command line alone knows that there is a bar."""


@dataclass(frozen=True)
class Surroundings:
    """Where a recipe finds what it names."""

    folder: Path
    """The cache's folder: paths in a recipe are relative to it."""
    progress: Progress = lambda _done, _total: None

    def resolve(self, path: str) -> Path:
        """A path of the recipe as a path of this machine; the cache's folder need not exist yet."""
        return Path(os.path.normpath(Path(os.path.realpath(self.folder), path)))


def lies_in(folder: Path, place: str) -> bool:
    """Whether ``place``, relative to ``folder`` and with every link followed, is in it; it need not be there."""
    try:
        return Path(folder, place).resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # a circle of links, a name that no file can have
        return False
