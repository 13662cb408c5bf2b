"""A checkpoint with all of its files that judging it asks for, read here to be judged elsewhere.

Elsewhere there need be no repository, no registry and no folder; what cannot be read here cannot be there, for the same
reason.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bisect_cache.files import LARGEST_FILE, CannotRead
from bisect_cache.judge.sidecar import CannotDeclare, told_of
from bisect_cache.timeline.folder import weights
from bisect_cache.timeline.interface import Checkpoint, ModelFiles
from bisect_cache.worker.external import external_locations
from bisect_cache.worker.protocol import Model

LARGEST_SENT = 256 << 20
"""Bytes of a model with the files it names: what is larger is judged where it lies."""
_Asked = tuple[str, int]
_Found = bytes | str
"""What was read, or why it cannot be."""


class TooLarge(Exception):
    """It has more bytes than are worth sending."""


@dataclass(frozen=True)
class TakenAlong(ModelFiles):
    """Files that were read before."""

    of_model: _Found
    others: Mapping[_Asked, _Found]
    there: frozenset[str]

    def model(self) -> bytes:
        """The model's bytes. Raises ``CannotRead`` with what was wrong when it was read."""
        return _given(self.of_model)

    def beside(self, location: str, largest: int = LARGEST_FILE) -> bytes:
        """A file beside it. Raises ``CannotRead`` with what was wrong when it was read."""
        return _given(self.others.get((location, largest), f"{location} was not sent along"))

    def holds(self, location: str) -> bool:
        """Whether it was there."""
        return location in self.there


def taken_along(checkpoint: Checkpoint) -> Checkpoint:
    """The same checkpoint, as far as a judge can see, with its files in memory. Raises ``TooLarge``."""
    reading = _Reading(checkpoint.files)
    with contextlib.suppress(CannotRead, CannotDeclare):
        reading.model()
        told_of(replace(checkpoint, files=reading), Model(), reading.beside)
    model = reading.found if isinstance(reading.found, bytes) else b""
    with contextlib.suppress(CannotRead):  # a judge, too, gets no further than the first that cannot be read
        for location in external_locations(model):
            weights(reading, location)
    return replace(checkpoint, files=TakenAlong(reading.found, reading.others, frozenset(reading.there)))


@dataclass
class _Reading(ModelFiles):
    """Reads, and remembers what came of it."""

    files: ModelFiles
    found: _Found = ""
    others: dict[_Asked, _Found] = field(default_factory=dict)
    there: set[str] = field(default_factory=set)
    _room: int = field(default_factory=lambda: LARGEST_SENT)

    def model(self) -> bytes:
        try:
            self.found = self._counted(self.files.model())
        except CannotRead as error:
            self.found = str(error)
        return _given(self.found)

    def beside(self, location: str, largest: int = LARGEST_FILE) -> bytes:
        asked = location, largest
        if asked not in self.others:
            try:
                self.others[asked] = self._counted(self.files.beside(location, largest))
            except CannotRead as error:
                self.others[asked] = str(error)
        return _given(self.others[asked])

    def holds(self, location: str) -> bool:
        found = self.files.holds(location)
        if found:
            self.there.add(location)
        return found

    def _counted(self, data: bytes) -> bytes:
        self._room -= len(data)
        if self._room < 0:
            raise TooLarge
        return data


def _given(found: _Found) -> bytes:
    if isinstance(found, str):
        raise CannotRead(found)
    return found
