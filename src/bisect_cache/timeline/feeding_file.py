"""The file that declares how the models of a timeline are fed: for all of them, and for some by name."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import translate
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from bisect_cache.documents import NoDocument, json_in, toml_in
from bisect_cache.errors import OfStrangers
from bisect_cache.files import LONGEST_PLACE, CannotRead, read_file
from bisect_cache.printable import first_of, printable
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
"""Of declarations at models, each a fraction of a microsecond."""
_MOST_TOLD = 20
_OF_A_GLOB = frozenset("*?[")
_OF_FILE = ("sidecar", "models")
_Sidecar: Any = Name | bool
_FIELD = re.compile(r"\{[^{}]*\}")
_FIELDS = ("{stem}", "{name}")
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
        said = self._said(self._meant.of(checkpoint))
        if said.feeding == DECLARES_NOTHING and not said.sidecar:
            return checkpoint
        if checkpoint.sidecar is None and said.sidecar:
            checkpoint = _with_sidecar(checkpoint, said.sidecar)
        # Equal models that are fed differently are not the same to a judge.
        content = checkpoint.content and f"{checkpoint.content} fed:{said.digest}"
        return replace(checkpoint, feeding=said.feeding, content=content)

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
        counts = Counter(place for checkpoint in checkpoints for place in self._meant.of(checkpoint))
        nobody: list[str] = []
        told: list[str] = []
        for place, one in enumerate(self.declares):
            if one.match is not None and not counts[place]:
                nobody.append(f"'{printable(one.match)}'")
            elif one.words:
                which = "all models" if one.match is None else f"'{printable(one.match)}' ({counts[place]} of them)"
                told.append(f"{which}: {one.words}")
        if nobody:
            whom = "is fed, which is no model" if len(nobody) == 1 else "are fed, which are no models"
            yield f"{self.shown} declares how {first_of(nobody, _MOST_TOLD)} {whom} of the timeline"
        if told:
            yield f"fed as {self.shown} declares: {first_of(told, _MOST_TOLD, ' · ')}"

    @cached_property
    def _meant(self) -> _Meant:
        return _Meant(self.declares)

    @cached_property
    def _combined(self) -> dict[tuple[int, ...], _Said]:
        return {}

    def _said(self, places: tuple[int, ...]) -> _Said:
        """What these declarations say together; for most models of a timeline that are the same ones."""
        if places not in self._combined:
            feeding, sidecar = DECLARES_NOTHING, None
            for place in places:
                feeding = combined(feeding, self.declares[place].feeding)
                sidecar = sidecar if self.declares[place].sidecar is None else self.declares[place].sidecar
            self._combined[places] = _Said(feeding, sidecar, _digest(feeding))
        return self._combined[places]


@dataclass(frozen=True)
class _Said:
    feeding: Feeding
    sidecar: str | None
    digest: str


class _Meant:
    """Which declarations mean a model: by its label, or its tag, commit or file.

    A thousand declarations, each of one model by its name, must not cost a thousand looks at each of a thousand models.
    """

    def __init__(self, declares: Sequence[Declares]) -> None:
        self._all: list[int] = []
        self._named: dict[str, list[int]] = {}
        self._globs: list[tuple[int, re.Pattern[str]]] = []
        self._known: dict[tuple[str, ...], tuple[int, ...]] = {}
        for place, one in enumerate(declares):
            if one.match is None:
                self._all.append(place)
            elif set(one.match) & _OF_A_GLOB:
                self._globs.append((place, re.compile(translate(one.match))))
            else:
                self._named.setdefault(one.match, []).append(place)

    def of(self, checkpoint: Checkpoint) -> tuple[int, ...]:
        """Their places, in order."""
        names = tuple(_names(checkpoint))
        if names not in self._known:
            found = {*self._all, *(place for name in names for place in self._named.get(name, ()))}
            found.update(place for place, glob in self._globs if any(map(glob.match, names)))
            self._known[names] = tuple(sorted(found))
        return self._known[names]


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
    yield checkpoint.origin.get("file", "").rpartition("/")[2]


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
    for field in _FIELD.findall(sidecar or ""):
        if field not in _FIELDS:
            raise NotDeclared(
                f"{before}sidecar: {field[:200]} stands for nothing; {{stem}} is the model's file name without its "
                f"ending, {{name}} with it"
            )
    match = converted(table["match"], Name, f"{before}match") if "match" in table else None
    own = {key: value for key, value in table.items() if key in KEYS}
    return Declares(declared_in(own, place), sidecar or ("" if sidecar is False else None), match)
