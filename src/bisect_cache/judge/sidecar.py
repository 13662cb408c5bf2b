"""What is declared of how a model is fed, told to the worker with what the model's sidecar says.

A sidecar that nobody declared is a hint for a reader, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any

from bisect_cache.files import CannotRead
from bisect_cache.timeline.declaration import Normalisation, listed
from bisect_cache.timeline.interface import Checkpoint
from bisect_cache.worker.feeding import names_in
from bisect_cache.worker.normalising import NoNumbers, Scaler, keys_in, pairs_in, scaler_in
from bisect_cache.worker.protocol import Model, packed

LARGEST_SIDECAR = 1 << 20
"""Bytes; those that were found have a few thousand."""
_MOST_TOLD = 8 << 20
"""Bytes that the worker is told of one model."""
_USUAL = ("{stem}.json", "{name}.json")
"""Where a sidecar lies that a hint is given on."""
Read = Callable[[str, int], bytes]
"""The bytes of a file beside the model, of some size at most. Raises ``CannotRead``."""


class CannotDeclare(Exception):
    """Why what is declared of a model cannot be told to the worker."""


def told_of(checkpoint: Checkpoint, model: Model, read: Read) -> tuple[Model, tuple[str, ...]]:
    """``model`` with all that is declared of ``checkpoint``, and what a reader must be told beside what is applied.

    Raises ``CannotDeclare``, and ``CannotRead`` for a declared sidecar that cannot be read.
    """
    normalising = checkpoint.feeding.normalising
    wanted = normalising if normalising and normalising.source == "sidecar" else None
    silent = checkpoint.feeding.normalisation is None
    names, scaler = None, None
    notes: tuple[str, ...] = ()
    if checkpoint.sidecar is not None:
        document = _declared(checkpoint.sidecar, read)
        names, scaler = names_in(document), _scaler(document, wanted, checkpoint.sidecar) if wanted else None
        keys = keys_in(document) if silent else ()
        notes = (f"its sidecar lists {listed(keys)}, which was not applied",) if keys else ()
    elif wanted:
        raise CannotDeclare(
            "its normalisation is declared to stand in a sidecar, but none is declared for it: add `sidecar`, such as "
            "'{stem}.json', to what declares it"
        )
    elif silent:
        notes = tuple(_hints(checkpoint, read))
    told = Model(model.input, model.output, names, checkpoint.feeding, scaler)
    try:
        length = len(packed(told, 0))
    except UnicodeEncodeError as error:  # JSON can spell it
        raise CannotDeclare(f"its sidecar {checkpoint.sidecar} has half a character in a name") from error
    if length > _MOST_TOLD:
        raise CannotDeclare(f"what is declared of it has more than {_MOST_TOLD:,} bytes")
    return told, notes


def _declared(location: str, read: Read) -> dict[str, Any]:
    try:
        return _document(location, read)
    except CannotRead as error:
        raise CannotRead(f"its sidecar {location} cannot be used: {error}") from error


def _document(location: str, read: Read) -> dict[str, Any]:
    try:
        document = json.loads(read(location, LARGEST_SIDECAR))
    except (ValueError, RecursionError) as error:
        raise CannotRead(f"it is no JSON ({error})") from error
    if not isinstance(document, dict):
        raise CannotRead("it is no JSON object")
    return document


def _scaler(document: dict[str, Any], wanted: Normalisation, location: str) -> Scaler:
    try:
        return scaler_in(document, wanted, location)
    except NoNumbers as error:
        raise CannotDeclare(f"its sidecar {location}: {error}") from error


def _hints(checkpoint: Checkpoint, read: Read) -> Iterator[str]:
    """Of files beside the model that nobody declared: whether one lists normalisation is said, and nothing applied."""
    file = PurePosixPath(checkpoint.origin.get("file", checkpoint.label))
    for template in _USUAL:
        location = template.replace("{stem}", file.stem).replace("{name}", file.name)
        if not checkpoint.files.holds(location):
            continue
        try:
            pairs = pairs_in(_document(location, read))
        except CannotRead:
            continue  # it is nobody's sidecar
        if pairs:
            yield (
                f"{location} beside it lists {' and '.join(pairs[0])}, which was not applied: whether the graph holds "
                f"it already cannot be seen. If it does not, declare it (docs/models.md)"
            )
