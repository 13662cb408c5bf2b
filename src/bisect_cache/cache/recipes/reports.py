"""The recipe ``reports``: libvmaf JSON reports and a label file become a cache.

A row of the labels names its report through a template; the report's frames are pooled to the row's features.
"""

from __future__ import annotations

import posixpath
import stat
import string
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from bisect_cache.cache.extracted import Build
from bisect_cache.cache.manifest import DEFAULT_FEATURES, KEY_COLUMN, MANIFEST_NAME, Reports
from bisect_cache.cache.recipes.interface import BadSource, Made, Progress, SourceAbsent, Surroundings
from bisect_cache.cache.recipes.labels import (
    LabelledTable,
    content_column,
    key_column,
    listed,
    numbers,
    open_table,
    repeated,
    target_column,
    texts,
)
from bisect_cache.cache.recipes.libvmaf import (
    LARGEST_REPORT,
    Pooling,
    Report,
    metric_names,
    parse_report,
    pool,
    pooling_named,
    spelling_in,
    values_of,
)
from bisect_cache.cache.recipes.rows import RowsAsRead, check_features, complete_rows
from bisect_cache.files import CannotRead, read_file, sha256_of_file


def make_reports(recipe: Reports, surroundings: Surroundings) -> Made:
    """Features float32 (N,), ``mos`` float32 (N,), the content under its own name if there is one, and ``key``.

    Raises ``SourceAbsent`` when folder or labels are not there, ``BadSource`` when they cannot be used.
    """
    labels = open_table(surroundings.resolve(recipe.labels), key=recipe.key)
    folder = _folder(surroundings.resolve(recipe.reports))
    pooling = pooling_named(recipe.pool)
    features = recipe.features or DEFAULT_FEATURES
    check_features(labels.path, features)
    clips = _read_labels(labels, recipe)
    pairs = _pair(clips, folder, not_reports=(labels.path, Path(surroundings.folder, MANIFEST_NAME)))
    _check_pairs(pairs, clips, folder, allow_missing=recipe.allow_missing)

    measured = _measure([pairs.reports[row] for row in pairs.rows], features, pooling, surroundings.progress)
    _check_measured(measured, folder, asked_for=bool(recipe.features))
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
        source_sha256={recipe.labels: sha256_of_file(labels.path)},
        build=next(iter(measured.builds)) if len(measured.builds) == 1 else None,
        recipe=replace(recipe, target=clips.target, content=clips.content),
    )


# Labels


@dataclass(frozen=True)
class _Clips:
    """The label file's N rows."""

    labels: Path
    keys: Sequence[str]
    report_names: Sequence[str]
    target: str
    scores: NDArray[np.float64]
    content: str | None
    contents: Sequence[str | None]

    def texts(self) -> dict[str, Sequence[str | None]]:
        """The text columns of the cache: the content, if there is one, and the key."""
        if self.content is None:
            return {KEY_COLUMN: self.keys}
        return {self.content: self.contents, KEY_COLUMN: self.keys}


def _read_labels(labels: LabelledTable, recipe: Reports) -> _Clips:
    key = key_column(labels, recipe.key)
    target = target_column(labels, recipe.target)
    content = content_column(labels, recipe.content)
    if target in {key, content}:
        raise BadSource(
            f"{labels.path}: column {listed([target])} cannot be the target and the key or content too; choose with "
            f"--target, --key and --content"
        )
    if content == KEY_COLUMN != key:
        raise BadSource(
            f"{labels.path}: the content column is called '{KEY_COLUMN}', which in the cache holds the column "
            f"{listed([key])}; rename one of them"
        )
    template = parse_template(recipe.report_name, labels.columns)
    fields = [name for _, name in template if name is not None and name not in _OF_KEY]
    values = labels.read(list(dict.fromkeys([key, target, *([content] if content is not None else []), *fields])))

    keys = _without_gaps(labels, key, texts(labels, key, values[key]))
    twice = repeated(keys)
    if twice:
        raise BadSource(
            f"{labels.path}: {len(twice)} keys of column {listed([key])} stand more than once: {listed(twice)}; leave "
            f"one row for each clip, or choose another --key"
        )
    others = {name: _without_gaps(labels, name, texts(labels, name, values[name])) for name in fields}
    return _Clips(
        labels=labels.path,
        keys=keys,
        report_names=[
            report_name(template, each, {name: column[row] for name, column in others.items()})
            for row, each in enumerate(keys)
        ],
        target=target,
        scores=numbers(labels, target, values[target]),
        content=content,
        contents=[] if content is None else texts(labels, content, values[content]),
    )


def _without_gaps(labels: LabelledTable, column: str, values: Sequence[str | None]) -> list[str]:
    gaps = [row for row, value in enumerate(values) if value is None]
    if gaps:
        raise BadSource(
            f"{labels.path}: column {listed([column])}, which leads to the reports, is blank in rows {listed(gaps)}; "
            f"rows are counted from 0: fill it in or remove the rows"
        )
    return [value for value in values if value is not None]


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


@dataclass(frozen=True)
class _Pairs:
    rows: Sequence[int]
    """Numbers of the label rows that have a report."""
    reports: Mapping[int, Path]
    """Each row's report."""
    without_report: Sequence[int]
    """Numbers of the label rows that have none."""
    without_label: Sequence[str]
    """Reports that no row leads to, relative to their folder."""


def _folder(path: Path) -> Path:
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SourceAbsent(
            f"{path}: there is no such folder of reports; put it in place or correct its path"
        ) from error
    except (OSError, ValueError) as error:
        raise BadSource(f"{path}: cannot be read ({error}); correct its path or its permissions") from error
    if not is_folder:
        raise BadSource(f"{path}: is not a folder; name the folder that the reports are in")
    return path.resolve()


def _pair(clips: _Clips, folder: Path, not_reports: Iterable[Path]) -> _Pairs:
    paths = [_inside(folder, name, clips, row) for row, name in enumerate(clips.report_names)]
    shared = {path for path, count in Counter(paths).items() if count > 1}
    if shared:
        rows = [row for row, path in enumerate(paths) if path in shared]
        leads = listed(f"{clips.keys[row]} -> {clips.report_names[row]}" for row in rows)
        raise BadSource(
            f"{clips.labels}: {len(rows)} rows lead to a report that is another row's too: {leads}; let --report-name "
            f"tell them apart"
        )
    reports = {row: path for row, path in enumerate(paths) if _is_file(path)}
    known = {*reports.values(), *(path.resolve() for path in not_reports)}
    deep = any("/" in name for name in clips.report_names)
    found = folder.rglob("*.json") if deep else folder.glob("*.json")
    return _Pairs(
        rows=list(reports),
        reports=reports,
        without_report=[row for row in range(len(paths)) if row not in reports],
        without_label=sorted(
            path.relative_to(folder).as_posix() for path in found if _is_file(path) and path.resolve() not in known
        ),
    )


def _inside(folder: Path, name: str, clips: _Clips, row: int) -> Path:
    """The report's path with every link followed; refused unless it is in the folder."""
    try:
        path = Path(folder, name).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a NUL in the name
        raise _leads_out(clips, row, str(error)) from error
    if name.startswith("/") or ".." in name.split("/") or not path.is_relative_to(folder) or path == folder:
        raise _leads_out(clips, row, f"not a file in {folder}")
    return path


def _leads_out(clips: _Clips, row: int, why: str) -> BadSource:
    return BadSource(
        f"{clips.labels}: row {row} (counted from 0) leads to the report {listed([clips.report_names[row]])}: {why}; a "
        f"report is named relative to the folder of reports, without '..' and without links out of it"
    )


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def _check_pairs(pairs: _Pairs, clips: _Clips, folder: Path, *, allow_missing: bool) -> None:
    complaints = []
    if pairs.without_report:
        missing = [clips.report_names[row] for row in pairs.without_report]
        complaints.append(f"{len(missing)} of {len(clips.keys)} labels have no report there: {listed(missing)}")
    if pairs.without_label:
        complaints.append(f"{len(pairs.without_label)} reports have no label: {listed(pairs.without_label)}")
    if not pairs.rows:
        raise BadSource(
            f"{folder}: no label of {clips.labels} has a report; {'; '.join(complaints)}. Correct --report-name or "
            f"--key"
        )
    if complaints and not allow_missing:
        raise BadSource(
            f"{folder}: {'; '.join(complaints)}. Complete them, correct --report-name, or leave them out with "
            f"--allow-missing"
        )


def _notes_on_pairs(pairs: _Pairs) -> list[str]:
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


def _measure(paths: Sequence[Path], features: Sequence[str], pooling: Pooling, progress: Progress) -> _Measured:
    pooled = {feature: np.full(len(paths), np.nan) for feature in features}
    spellings: dict[str, Counter[str]] = {feature: Counter() for feature in features}
    versions: Counter[str] = Counter()
    builds: Counter[Build | None] = Counter()
    metrics: frozenset[str] = frozenset()
    progress(0, len(paths))
    for index, path in enumerate(paths):
        report = _read_report(path)
        names = metric_names(report)
        metrics = metrics or frozenset(names)
        versions[report.version or "unknown"] += 1
        builds[report.extraction.build if report.extraction else None] += 1
        for feature in features:
            spelling = spelling_in(names, feature)
            if spelling is not None:
                spellings[feature][spelling] += 1
                pooled[feature][index] = pool(values_of(report, spelling), pooling)
        progress(index + 1, len(paths))
    there = {feature: values for feature, values in pooled.items() if spellings[feature]}
    return _Measured(there, [each for each in features if each not in there], spellings, versions, builds, metrics)


def _read_report(path: Path) -> Report:
    try:
        data = read_file(path, largest=LARGEST_REPORT)
    except CannotRead as error:
        raise BadSource(str(error)) from error
    return parse_report(data, str(path))


def _check_measured(measured: _Measured, folder: Path, *, asked_for: bool) -> None:
    if not measured.features or (asked_for and measured.absent):
        raise BadSource(
            f"{folder}: no report has the features {listed(measured.absent)}; the first has the metrics "
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
