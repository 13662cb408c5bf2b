"""The file that declares how the models of a timeline are fed: for all of them, and for some by name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from bisect_cache.documents import NoDocument, json_in, toml_in
from bisect_cache.errors import OfStrangers
from bisect_cache.files import LONGEST_PLACE, CannotRead, read_file
from bisect_cache.printable import printable
from bisect_cache.timeline.declaration import (
    DECLARES_NOTHING,
    KEYS,
    Feeding,
    Name,
    NotDeclared,
    combined,
    converted,
    declared_in,
    words,
)
from bisect_cache.timeline.interface import Checkpoint, Timeline

_LARGEST = 4 << 20
"""Bytes: room for ten thousand features by name, several times."""
_MOST_ENTRIES = 1000
_MOST_LOOKS = 2_000_000
"""Of declarations at models, each a fraction of a millisecond."""
_OF_FILE = ("sidecar", "models")
_Sidecar: Any = Name | bool
_WAY_OUT = "docs/models.md shows one"


class BadFeeding(OfStrangers):
    """A file that declares nothing that can be understood: which file, which key, and why."""


@dataclass(frozen=True)
class Declares:
    """What is declared of all models that ``match`` fits, or of all."""

    feeding: Feeding = DECLARES_NOTHING
    sidecar: str | None = None
    """Location of each model's sidecar, with ``{stem}`` and ``{name}`` of its file; empty where it has none."""
    match: str | None = None

    def fits(self, checkpoint: Checkpoint) -> bool:
        """Whether a model is meant: by its label, or its tag, commit or file."""
        return self.match is None or any(fnmatchcase(name, self.match) for name in _names(checkpoint))

    @property
    def words(self) -> str:
        """For a reader."""
        told = list(words(self.feeding))
        if self.sidecar is not None:
            told.append(f"sidecar {printable(self.sidecar)}" if self.sidecar else "no sidecar")
        return "; ".join(told)


@dataclass(frozen=True)
class FeedingFile:
    """What a file declares, in its order: what comes later replaces what came before, key by key."""

    shown: str
    """What it is called; nothing where there is no file, but an option."""
    declares: tuple[Declares, ...] = ()

    def given_to(self, checkpoint: Checkpoint) -> Checkpoint:
        """The checkpoint with what is declared of it; a sidecar that its timeline names stays."""
        feeding, sidecar = DECLARES_NOTHING, None
        for one in self.declares:
            if one.fits(checkpoint):
                feeding = combined(feeding, one.feeding)
                sidecar = sidecar if one.sidecar is None else one.sidecar
        if feeding == DECLARES_NOTHING and not sidecar:
            return checkpoint
        if checkpoint.sidecar is None and sidecar:
            checkpoint = _with_sidecar(checkpoint, sidecar)
        # Equal models that are fed differently are not the same to a judge.
        content = checkpoint.content and f"{checkpoint.content} fed:{_digest(feeding)}"
        return replace(checkpoint, feeding=feeding, content=content)

    def applied(self, timeline: Timeline) -> Timeline:
        """The timeline, each model with what is declared of it. Raises ``BadFeeding`` for too much of both."""
        if len(timeline.checkpoints) * len(self.declares) > _MOST_LOOKS:
            raise BadFeeding(
                f"{self.shown}: {len(self.declares):,} declarations for {len(timeline.checkpoints):,} models; match "
                f"more of them with one"
            )
        return replace(timeline, checkpoints=tuple(map(self.given_to, timeline.checkpoints)))

    def notes(self, checkpoints: Sequence[Checkpoint]) -> Iterator[str]:
        """What a reader must be told of it, once for the whole timeline."""
        if not self.shown:
            return
        told: list[str] = []
        for one in self.declares:
            count = sum(one.fits(checkpoint) for checkpoint in checkpoints)
            if one.match is not None and not count:
                yield f"{self.shown} declares how '{printable(one.match)}' is fed, which is no model of the timeline"
            elif one.words:
                which = "all models" if one.match is None else f"'{printable(one.match)}' ({count} of them)"
                told.append(f"{which}: {one.words}")
        if told:
            yield f"fed as {self.shown} declares: {' · '.join(told)}"


def read_feeding(path: Path) -> FeedingFile:
    """The file at ``path``, JSON or TOML by its suffix. Raises ``BadFeeding`` with the key that is at fault."""
    shown = printable(str(path), LONGEST_PLACE)
    try:
        return FeedingFile(shown, tuple(_declares(_document(path, shown))))
    except CannotRead as error:
        raise BadFeeding(f"the declaration of how models are fed cannot be read: {error}") from error
    except NotDeclared as error:
        raise BadFeeding(f"{shown}: {error}; {_WAY_OUT}") from error


def _document(path: Path, shown: str) -> object:
    readers = {".json": json_in, ".toml": toml_in}
    suffix = path.suffix.lower()
    if suffix not in readers:
        raise NotDeclared("its name ends in neither .json nor .toml, which says what it is; rename it")
    try:
        return readers[suffix](read_file(path, shown, _LARGEST).decode("utf-8-sig"))
    except (NoDocument, UnicodeDecodeError) as error:
        raise NotDeclared(f"is no {suffix[1:].upper()} that can be read ({error})") from error


def _with_sidecar(checkpoint: Checkpoint, template: str) -> Checkpoint:
    """The checkpoint with the sidecar that ``template`` names for its file."""
    file = PurePosixPath(checkpoint.origin.get("file", checkpoint.label))
    location = template.replace("{stem}", file.stem).replace("{name}", file.name)
    # Equal models are not the same to a judge where each has a sidecar of its own.
    return replace(checkpoint, sidecar=location, content=None)


def _names(checkpoint: Checkpoint) -> Iterator[str]:
    yield checkpoint.label
    yield from (checkpoint.origin[key] for key in ("file", "commit", "entry") if key in checkpoint.origin)
    yield from checkpoint.origin.get("tag", "").split(", ")
    yield PurePosixPath(checkpoint.origin.get("file", "")).name


def _digest(feeding: Feeding) -> str:
    return hashlib.sha256(msgspec.json.encode(feeding, order="sorted")).hexdigest()[:32]


def _declares(document: object) -> Iterator[Declares]:
    if not isinstance(document, dict):
        raise NotDeclared(f"is no table of {', '.join((*KEYS, *_OF_FILE))}")
    yield _one({key: value for key, value in document.items() if key != "models"}, "")
    entries = document.get("models", [])
    if not isinstance(entries, list) or len(entries) > _MOST_ENTRIES:
        raise NotDeclared(f"models: is no list of at most {_MOST_ENTRIES:,} tables")
    for place, entry in enumerate(entries):
        called = f"models[{place}]"
        if not isinstance(entry, dict) or "match" not in entry:
            raise NotDeclared(f"{called}: says with no `match` which models it means, by label, tag, commit or file")
        yield _one(entry, called)


def _one(table: Mapping[str, object], place: str) -> Declares:
    before = f"{place}." if place else ""
    known = (*KEYS, "sidecar", "match") if place else (*KEYS, *_OF_FILE)
    for key in table:
        if key not in known:
            raise NotDeclared(f"{before}{key[:200]}: no such key; there are {', '.join(known)}")
    sidecar = converted(table["sidecar"], _Sidecar, f"{before}sidecar") if "sidecar" in table else None
    if sidecar is True:
        raise NotDeclared(f"{before}sidecar: is true; name a file, such as '{{stem}}.json', or say false for none")
    match = converted(table["match"], Name, f"{before}match") if "match" in table else None
    own = {key: value for key, value in table.items() if key in KEYS}
    return Declares(declared_in(own, place), sidecar or ("" if sidecar is False else None), match)
