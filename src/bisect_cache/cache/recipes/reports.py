"""The recipe ``reports``: libvmaf JSON reports and a label file become a cache.

A row of the labels names its report through a template; the report's frames are pooled to the row's features.
"""

from __future__ import annotations

import posixpath
import string
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from bisect_cache.cache.extracted import Build
from bisect_cache.cache.manifest import DEFAULT_FEATURES, MANIFEST_NAME, Reports
from bisect_cache.cache.parquet.parts import sha256_of_parts
from bisect_cache.cache.recipes.clips import Clips, read_clips
from bisect_cache.cache.recipes.interface import BadSource, Made, Progress, Surroundings
from bisect_cache.cache.recipes.labels import listed, open_table
from bisect_cache.cache.recipes.libvmaf import (
    Pooling,
    Report,
    metric_names,
    pool,
    pooling_named,
    spelling_in,
    values_of,
)
from bisect_cache.cache.recipes.rows import RowsAsRead, check_features, complete_rows
from bisect_cache.cache.recipes.stored import Pairs, open_store


def make_reports(recipe: Reports, surroundings: Surroundings) -> Made:
    """Features float32 (N,), ``mos`` float32 (N,), the content under its own name if there is one, and ``key``.

    Raises ``SourceAbsent`` when folder or labels are not there, ``BadSource`` when they cannot be used.
    """
    labels = open_table(surroundings.resolve(recipe.labels), recipe.key, recipe.layout)
    store = open_store(
        surroundings.resolve(recipe.reports), not_reports=(labels.path, Path(surroundings.folder, MANIFEST_NAME))
    )
    pooling = pooling_named(recipe.pool)
    features = recipe.features or DEFAULT_FEATURES
    check_features(labels.path, features)
    template = parse_template(recipe.report_name, labels.columns)
    fields = [name for _, name in template if name is not None and name not in _OF_KEY]
    clips = read_clips(labels, recipe, recipe.key, fields)
    names = [
        report_name(template, each, {name: column[row] for name, column in clips.others.items()})
        for row, each in enumerate(clips.called)
    ]
    pairs = store.pair(clips, names)
    _check_pairs(pairs, clips, names, store.path, allow_missing=recipe.allow_missing)

    measured = _measure([pairs.reports[row] for row in pairs.rows], features, pooling, surroundings.progress)
    _check_measured(measured, store.path, asked_for=bool(recipe.features))
    rows = RowsAsRead(
        source=labels.path,
        features=measured.features,
        target=clips.target,
        scores=clips.scores[pairs.rows],
        texts={name: [values[row] for row in pairs.rows] for name, values in clips.texts().items()},
        numbers=pairs.rows,
        called=[clips.keys[row] for row in pairs.rows],
    )
    complete = complete_rows(rows, scale=recipe.scale, drop_incomplete=recipe.drop_incomplete)
    return Made(
        columns=complete.columns,
        features=tuple(measured.features),
        content=clips.content,
        notes=(*_notes_on_pairs(pairs), *_notes_on_mixtures(measured), *complete.notes),
        source_sha256={recipe.labels: sha256_of_parts(labels.path)},
        build=next(iter(measured.builds)) if len(measured.builds) == 1 else None,
        recipe=replace(recipe, target=clips.target, content=clips.content_column),
    )


# The template of a report's name

Template = Sequence[tuple[str, str | None]]
"""Pieces of (text as it stands, field that follows it or None)."""

_OF_KEY: Mapping[str, Callable[[str], str]] = {
    "key": str,
    "stem": lambda key: posixpath.splitext(key)[0],
    "name": posixpath.basename,
}


def parse_template(template: str, columns: Sequence[str]) -> Template:
    """The pieces of a template such as ``{stem}_vmaf.json``.

    Its fields are ``{key}``, ``{stem}`` (the key without its last extension), ``{name}`` (the key's last path
    component) and ``{column}`` for any other column of the labels: names to be replaced, and nothing that
    ``str.format`` would make of them. Raises ``BadSource`` for anything else.
    """
    allowed = dict.fromkeys([*_OF_KEY, *columns])
    try:
        pieces = [*string.Formatter().parse(template)]
    except ValueError as error:
        raise _bad_template(template, str(error), allowed) from error
    for _, name, layout, conversion in pieces:
        if name is not None and (name not in allowed or layout or conversion):
            field = name + (f"!{conversion}" if conversion else "") + (f":{layout}" if layout else "")
            raise _bad_template(template, f"{listed([f'{{{field}}}'])} is none of its fields", allowed)
    return [(text, name) for text, name, _, _ in pieces]


def _bad_template(template: str, why: str, allowed: Iterable[str]) -> BadSource:
    fields = listed((f"{{{name}}}" for name in allowed), 40)
    return BadSource(
        f"--report-name {listed([template])}: {why}; it can have {fields}, with nothing more inside the braces"
    )


def report_name(template: Template, key: str, others: Mapping[str, str]) -> str:
    """The name of the report of one clip; ``others`` are its values of the labels' other columns."""
    return "".join(
        text + ("" if name is None else _OF_KEY[name](key) if name in _OF_KEY else others[name])
        for text, name in template
    )


# Labels and reports find each other


def _check_pairs(pairs: Pairs, clips: Clips, names: Sequence[str], store: Path, *, allow_missing: bool) -> None:
    complaints = []
    if pairs.without_report:
        missing = [names[row] for row in pairs.without_report]
        complaints.append(f"{len(missing)} of {len(clips.keys)} labels have no report there: {listed(missing)}")
    if pairs.without_label:
        complaints.append(f"{len(pairs.without_label)} reports have no label: {listed(pairs.without_label)}")
    if not pairs.rows:
        raise BadSource(
            f"{store}: no label of {clips.labels} has a report; {'; '.join(complaints)}. Correct --report-name or --key"
        )
    if complaints and not allow_missing:
        raise BadSource(
            f"{store}: {'; '.join(complaints)}. Complete them, correct --report-name, or leave them out with "
            f"--allow-missing"
        )


def _notes_on_pairs(pairs: Pairs) -> list[str]:
    notes = []
    if pairs.without_report:
        of = len(pairs.without_report) + len(pairs.rows)
        notes.append(f"labels without a report, left out: {len(pairs.without_report)} of {of}")
    if pairs.without_label:
        notes.append(f"reports without a label, left out: {len(pairs.without_label)}")
    return notes


# Reports become features


@dataclass(frozen=True)
class _Measured:
    features: Mapping[str, NDArray[np.float64]]
    """Each (reports,), NaN where a report or one of its frames has no value; features that no report has are not
    here."""
    absent: Sequence[str]
    spellings: Mapping[str, Counter[str]]
    """How many reports spell a feature how."""
    versions: Counter[str]
    builds: Counter[Build | None]
    metrics: frozenset[str]
    """Of the first report, to say what there is."""


def _measure(
    reports: Sequence[Callable[[], Report]], features: Sequence[str], pooling: Pooling, progress: Progress
) -> _Measured:
    pooled = {feature: np.full(len(reports), np.nan) for feature in features}
    spellings: dict[str, Counter[str]] = {feature: Counter() for feature in features}
    versions: Counter[str] = Counter()
    builds: Counter[Build | None] = Counter()
    metrics: frozenset[str] = frozenset()
    progress(0, len(reports))
    for index, read in enumerate(reports):
        report = read()
        names = metric_names(report)
        metrics = metrics or frozenset(names)
        versions[report.version or "unknown"] += 1
        builds[report.extraction.build if report.extraction else None] += 1
        for feature in features:
            spelling = spelling_in(names, feature)
            if spelling is not None:
                spellings[feature][spelling] += 1
                pooled[feature][index] = pool(values_of(report, spelling), pooling)
        progress(index + 1, len(reports))
    there = {feature: values for feature, values in pooled.items() if spellings[feature]}
    return _Measured(there, [each for each in features if each not in there], spellings, versions, builds, metrics)


def _check_measured(measured: _Measured, store: Path, *, asked_for: bool) -> None:
    if not measured.features or (asked_for and measured.absent):
        raise BadSource(
            f"{store}: no report has the features {listed(measured.absent)}; the first has the metrics "
            f"{listed(sorted(measured.metrics), 40)}: name some of them with --feature, or run libvmaf again with them"
        )


def _notes_on_mixtures(measured: _Measured) -> list[str]:
    notes = []
    if len(measured.versions) > 1:
        notes.append(f"reports mix libvmaf versions: {_counted(measured.versions)}")
    if len(measured.builds) > 1:
        builds = {"none is named" if build is None else build.said: count for build, count in measured.builds.items()}
        notes.append(f"reports are of several builds: {_counted(Counter(builds))}")
    mixed = [_counted(counts) for counts in measured.spellings.values() if len(counts) > 1]
    if mixed:
        notes.append(f"reports mix spellings of a feature: {'; '.join(mixed)}")
    return notes


_MOST_COUNTED = 10


def _counted(counts: Counter[str]) -> str:
    shown = ", ".join(f"{name[:100]!r} in {count}" for name, count in sorted(counts.items())[:_MOST_COUNTED])
    return shown + (f" and {len(counts) - _MOST_COUNTED} more" if len(counts) > _MOST_COUNTED else "")
