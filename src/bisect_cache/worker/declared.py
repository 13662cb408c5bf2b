"""What is declared of one model, by the timeline's file and by its own metadata: where both speak, the file counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bisect_cache.documents import NoDocument, json_in
from bisect_cache.timeline.declaration import (
    DECLARES_NOTHING,
    KEYS,
    METADATA_KEY,
    Feeding,
    NotDeclared,
    combined,
    declared_in,
    words,
)
from bisect_cache.worker.normalising import NoNumbers, Scaler, divisors, pairs_in, scaler_in, spread
from bisect_cache.worker.ports import CannotFeed

_LONGEST_METADATA = 1 << 20


@dataclass(frozen=True)
class Declared:
    """What holds for one model."""

    feeding: Feeding
    scaler: Scaler | None
    """None where features are fed as they are."""
    notes: tuple[str, ...]
    """What a reader must be told of it."""

    def numbers(self, names: Sequence[str]) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
        """Mean and std of the features ``names``. Raises ``CannotFeed``."""
        if self.scaler is None:
            return None, None
        try:
            return spread(self.scaler.mean, names, "mean"), divisors(self.scaler.std, names)
        except NoNumbers as error:
            raise CannotFeed(f"cannot be normalised by {self.scaler.said}: {error}") from error


def declared_of(given: Feeding, of_sidecar: Scaler | None, metadata: Mapping[str, str]) -> Declared:
    """What holds for a model with this ``metadata``.

    ``given`` is what the timeline's file declares, ``of_sidecar`` the numbers that its sidecar holds where these are
    declared. Raises ``CannotFeed`` where metadata declares what it cannot.
    """
    own = _own(metadata)
    feeding = combined(own, given)
    scaler = _scaler(feeding, of_sidecar, metadata)
    return Declared(feeding, scaler, tuple(_notes(given, own, scaler, metadata)))


def _own(metadata: Mapping[str, str]) -> Feeding:
    text = metadata.get(METADATA_KEY)
    if text is None:
        return DECLARES_NOTHING
    if len(text) > _LONGEST_METADATA:
        raise CannotFeed(f"its metadata {METADATA_KEY} has {len(text):,} characters; {_LONGEST_METADATA:,} are read")
    try:
        own = declared_in(json_in(text))
    except NoDocument as error:
        raise CannotFeed(f"its metadata {METADATA_KEY} is no JSON ({error})") from error
    except NotDeclared as error:
        raise CannotFeed(f"its metadata {METADATA_KEY}: {error}") from error
    if own.normalising and own.normalising.source == "sidecar":
        raise CannotFeed(
            f"its metadata {METADATA_KEY}: normalisation: a model names no sidecar; declare that beside the timeline"
        )
    return own


def _scaler(feeding: Feeding, of_sidecar: Scaler | None, metadata: Mapping[str, str]) -> Scaler | None:
    wanted = feeding.normalising
    if wanted is None:
        return None
    if wanted.source == "sidecar":
        return of_sidecar
    if wanted.source == "metadata":
        try:
            return scaler_in(metadata, wanted, "its metadata")
        except NoNumbers as error:
            raise CannotFeed(f"its metadata: {error}") from error
    mean, std = wanted.mean, wanted.std
    if mean is None or std is None or isinstance(mean, str) or isinstance(std, str):
        raise CannotFeed("its normalisation has no numbers")
    return Scaler(mean, std, "the mean and std that are given")


def _notes(given: Feeding, own: Feeding, scaler: Scaler | None, metadata: Mapping[str, str]) -> Iterator[str]:
    left = Feeding(*(getattr(own, key) if getattr(given, key) is None else None for key in KEYS))
    normalised = scaler.said if scaler else None
    if told := "; ".join(words(given, normalised)):
        yield f"fed as declared: {told}"
    if told := "; ".join(words(left, normalised)):
        yield f"fed as its metadata declares: {told}"
    if given.normalisation is None and own.normalisation is None and (pairs := pairs_in(metadata)):
        yield f"its metadata lists {' and '.join(pairs[0])}, which was not applied"
