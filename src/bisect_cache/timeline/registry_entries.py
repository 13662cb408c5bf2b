"""A registry's data laid out as entries: a function of the decoded data and of the question, without files."""

from __future__ import annotations

import json
import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise

from bisect_cache.printable import printable
from bisect_cache.timeline.folder import location_fault, path_fault
from bisect_cache.timeline.interface import BadTimeline
from bisect_cache.timeline.labels import shortest_tails, some_of, told_apart
from bisect_cache.timeline.registry_query import Query

LISTS = ("models", "checkpoints", "entries", "timeline")
"""Keys under which a registry keeps its entries."""

DATES = ("added", "date", "released")
MOST_ENTRIES = 100_000
"""As many models as a synthetic cache may have; each takes a thousand times the bytes that it can have in a file."""
TOLD = (*DATES, "version", "commit")
"""Fields of an entry that people want to see beside its label."""


@dataclass(frozen=True)
class Entry:
    """One model as the registry describes it."""

    label: str
    place: str
    """Its index or its key in the registry."""
    file: str
    """Relative to the registry's folder."""
    told: Mapping[str, str]
    sha256: str | None
    sidecar: str | None
    """Relative to the model's folder."""
    refusal: str | None
    """Why the model must not be read."""


@dataclass(frozen=True)
class Layout:
    """The wanted entries in the registry's order, and what a reader must be told."""

    entries: tuple[Entry, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Raw:
    """An entry as found."""

    place: str
    fields: Mapping[str, object]
    name: str | None
    file: str | None

    def first(self, keys: Sequence[str]) -> object:
        """The first of the fields that is there and says something."""
        return _first(self.fields, keys)


def _first(fields: Mapping[str, object], keys: Sequence[str]) -> object:
    for key in keys:
        if (value := fields.get(key)) not in (None, ""):
            return value
    return None


def lay_out(document: object, query: Query, shown: str) -> Layout:
    """The entries of a registry that the query asks for.

    Raises ``BadTimeline``, naming ``shown``, when no entries can be found in the data, or more than
    ``MOST_ENTRIES``, when the query names a field that no entry has, when nothing is left, and for a sidecar outside
    its model's folder.
    """
    found = _collection(document, query, shown)
    raws = [_raw(place, key, item, query) for place, key, item in found]
    _check_fields(raws, query, shown)
    wanted = [raw for raw in raws if _matches(raw, query.filters)]
    kept = [raw for raw in wanted if raw.file is not None]
    if not kept:
        raise BadTimeline(_nothing_left(raws, wanted, query, shown))
    entries = _entries(kept, query, shown)
    notes = [
        *_notes_on_those_left_out(raws, wanted, query),
        *_notes_on_repeats(kept),
        *_notes_on_refusals(entries),
        *_notes_on_dates(entries),
    ]
    return Layout(tuple(entries), tuple(notes))


# Where the entries are

_Found = list[tuple[str, str | None, object]]
"""Place, key in a mapping, and the entry itself."""


def _collection(document: object, query: Query, shown: str) -> _Found:
    if isinstance(document, list):
        return _items(document, shown)
    if not isinstance(document, dict):
        raise BadTimeline(f"{shown}: holds no entries; write a list of entries with name and file")
    if query.list_key is not None:
        inner = document.get(query.list_key)
        if not isinstance(inner, list | dict):
            raise BadTimeline(
                f"{shown}: holds no list or mapping under {printable(query.list_key)!r}; "
                f"list-key= can name one of: {some_of(_nested(document)) or 'none'}"
            )
        return _items(inner, shown)
    keys = _keys_with_entries(document, query, shown)
    if len(keys) > 1:
        raise BadTimeline(f"{shown}: entries may be under {some_of(keys)}; say which with list-key=")
    return _items(document[keys[0]] if keys else document, shown)


def _keys_with_entries(document: dict[str, object], query: Query, shown: str) -> list[str]:
    """The key that holds the entries, several that may, or none where the document itself is the mapping."""
    nested = _nested(document)
    if known := [key for key in LISTS if key in nested]:
        return known
    certain = [key for key in nested if any(_is_entry(item, query) for item in _values(document[key]))]
    certain = [key for key in certain if not _is_entry(document[key], query)]
    itself = any(_is_entry(value, query) for value in document.values())
    if certain and itself:
        raise BadTimeline(
            f"{shown}: entries may be the keys of the file or under {some_of(certain)}; "
            "put them under 'models', or say which with list-key="
        )
    if certain or itself or _names_models(document):
        return certain
    likely = [key for key in nested if _names_models(document[key])]
    if not likely:
        raise BadTimeline(
            f"{shown}: no entry under {some_of(LISTS)} or elsewhere has a field {some_of(query.file)}; "
            "say where the entries are with list-key= and where the file is with file-key="
        )
    return likely


def _nested(document: dict[str, object]) -> list[str]:
    return [key for key, value in document.items() if isinstance(value, list | dict)]


def _values(collection: object) -> list[object]:
    if isinstance(collection, dict):
        return list(collection.values())
    return collection if isinstance(collection, list) else []


def _is_entry(item: object, query: Query) -> bool:
    return isinstance(item, dict) and any(isinstance(item.get(key), str) for key in query.file)


def _names_models(collection: object) -> bool:
    """Whether all that a list or mapping holds are names of model files."""
    values = _values(collection)
    return bool(values) and all(isinstance(value, str) and value.lower().endswith(".onnx") for value in values)


def _items(collection: list[object] | dict[str, object], shown: str) -> _Found:
    count = len(collection)
    if count > MOST_ENTRIES:
        raise BadTimeline(f"{shown}: holds {count:,} entries; at most {MOST_ENTRIES:,} are read: split the file")
    if isinstance(collection, list):
        return [(str(index), None, item) for index, item in enumerate(collection)]
    return [(key, key, item) for key, item in collection.items()]


def _raw(place: str, key: str | None, item: object, query: Query) -> _Raw:
    """A plain string is a file; an entry without a name has that of its key."""
    if isinstance(item, str):
        item = {query.file[0]: item}
    fields: dict[str, object] = dict(item) if isinstance(item, dict) else {}
    if key is not None and not any(name in fields for name in query.name):
        fields[query.name[0]] = key
    name, file = _first(fields, query.name), _first(fields, query.file)
    return _Raw(
        place,
        fields,
        name=None if name is None else scalar_text(name),
        file=file if isinstance(file, str) else None,
    )


# Which of them are wanted


def scalar_text(value: object) -> str | None:
    """A scalar as a filter sees it: a string as it is, anything else as its JSON; ``None`` for no scalar."""
    if isinstance(value, str):
        return value
    return json.dumps(value) if value is None or isinstance(value, bool | int | float) else None


def _matches(raw: _Raw, filters: Mapping[str, tuple[str, ...]]) -> bool:
    texts = ((scalar_text(raw.fields[key]) if key in raw.fields else None, globs) for key, globs in filters.items())
    return all(text is not None and any(fnmatchcase(text, glob) for glob in globs) for text, globs in texts)


def _check_fields(raws: Sequence[_Raw], query: Query, shown: str) -> None:
    there = {key: None for raw in raws for key, value in raw.fields.items() if scalar_text(value) is not None}
    for key in query.typed:
        if raws and key not in there:
            raise BadTimeline(
                f"{shown}: no entry has a field {printable(key)!r}; the fields are: {some_of(there, 20) or 'none'}"
            )


def _nothing_left(raws: Sequence[_Raw], wanted: Sequence[_Raw], query: Query, shown: str) -> str:
    if not raws:
        return f"{shown}: holds no entries; add one with name and file"
    if not wanted:
        asked = some_of(f"{key}={glob}" for key, globs in query.filters.items() for glob in globs)
        return f"{shown}: none of {len(raws):,} entries matches {asked}; widen the filter"
    fields = {key: None for raw in wanted for key in raw.fields}
    return (
        f"{shown}: no entry names its model under {some_of(query.file)}; the fields are: "
        f"{some_of(fields, 20) or 'none'}; say which with file-key="
    )


# What they say


def _entries(raws: Sequence[_Raw], query: Query, shown: str) -> list[Entry]:
    tails = shortest_tails([raw.file or "" for raw in raws])
    names = [raw.name or tail for raw, tail in zip(raws, tails, strict=True)]
    labels = told_apart(names, tails)
    return [_entry(raw, label, query, shown) for raw, label in zip(raws, labels, strict=True)]


def _entry(raw: _Raw, label: str, query: Query, shown: str) -> Entry:
    file = raw.file or ""
    claim = raw.first(query.sha256)
    sha256 = _sha256(claim)
    refusal = None
    if fault := path_fault(file):
        refusal = f"{shown}: {label} names {printable(file)!r}, which {fault}; name a file below the registry"
    elif claim is not None and sha256 is None:
        refusal = f"{shown}: {label} has no sha256 of 64 hexadecimal digits, but {_quoted(claim)}; correct it"
    sidecar = None if refusal else _sidecar(raw.first(query.sidecar), file, f"{shown}: {label}")
    told = {key: scalar_text(raw.fields[key]) for key in TOLD if raw.fields.get(key) is not None}
    return Entry(
        label,
        printable(raw.place),
        file,
        {key: printable(text) for key, text in told.items() if text is not None},
        sha256,
        sidecar,
        refusal,
    )


def _sha256(claim: object) -> str | None:
    match = re.fullmatch(r"(?:sha256:)?([0-9a-f]{64})", claim.strip().lower()) if isinstance(claim, str) else None
    return match[1] if match else None


def _sidecar(value: object, file: str, shown: str) -> str | None:
    """The sidecar relative to its model's folder, from one that is relative to the registry's."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadTimeline(f"{shown}: its sidecar is {_quoted(value)}; name a JSON file beside the model")
    if fault := path_fault(value):
        raise BadTimeline(f"{shown}: its sidecar {printable(value)!r} {fault}; name a file beside the model")
    folder = posixpath.dirname(posixpath.normpath(file))
    inside = f"{folder}/" if folder else ""
    whole = posixpath.normpath(value)
    location = whole.removeprefix(inside)
    if not whole.startswith(inside) or location_fault(location):
        raise BadTimeline(
            f"{shown}: its sidecar {printable(value)!r} is not in the folder of its model "
            f"{printable(file)!r}; move it there"
        )
    return location


def _quoted(value: object) -> str:
    text = scalar_text(value)
    return "a list or a mapping" if text is None else repr(printable(text, 80))


# What a reader must be told


def _notes_on_those_left_out(raws: Sequence[_Raw], wanted: Sequence[_Raw], query: Query) -> Iterator[str]:
    if len(wanted) < len(raws):
        yield f"left out by the filters: {len(raws) - len(wanted):,} of {len(raws):,} entries"
    fileless = [raw for raw in wanted if raw.file is None]
    if fileless:
        names = some_of(raw.name or f"entry {raw.place}" for raw in fileless)
        yield f"left out, naming no file under {some_of(query.file)}: {names}"


def _notes_on_repeats(raws: Sequence[_Raw]) -> Iterator[str]:
    names = Counter(raw.name for raw in raws if raw.name is not None)
    if twice := [name for name, times in names.items() if times > 1]:
        yield f"names of more than one entry, told apart in their labels: {some_of(twice)}"
    files = Counter(posixpath.normpath(raw.file or "") for raw in raws)
    if twice := [file for file, times in files.items() if times > 1]:
        yield f"files of more than one entry, listed each time: {some_of(twice)}"


def _notes_on_refusals(entries: Sequence[Entry]) -> Iterator[str]:
    refused = [entry.label for entry in entries if entry.refusal]
    if refused:
        yield f"not to be read for what the registry says of them: {some_of(refused)}"


def _notes_on_dates(entries: Sequence[Entry]) -> Iterator[str]:
    """The order is the registry's; where its dates tell another one, that is said."""
    for key in DATES:
        dated = [(entry.told[key], entry.label) for entry in entries if _is_date(entry.told.get(key, ""))]
        for (earlier, first), (later, second) in pairwise(dated):
            if later < earlier:
                yield (
                    f"in the registry's order, which its dates contradict: {first} ({key} {earlier}) "
                    f"stands before {second} ({later})"
                )
                break


def _is_date(text: str) -> bool:
    return re.fullmatch(r"\d{4}-\d{2}-\d{2}.*", text, re.ASCII) is not None
