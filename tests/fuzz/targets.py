"""The parsers of text and structures as functions of bytes, each used as the program uses it."""

from __future__ import annotations

import contextlib
import io
import os
import string
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
from fuzz import answering, seeds
from fuzz.promises import Broken, Target, check_said, workplace
from making import SIX, linear, save
from making_history import History
from pages import assert_a_page_of, characters
from rich.console import Console

from bisect_cache.action.annotations import annotated
from bisect_cache.action.event import occasion_of, read_event, read_place
from bisect_cache.action.inputs import as_far_as_good, read_inputs, read_posting
from bisect_cache.action.posting.publishing import unpacked
from bisect_cache.cache.datasets.choosing import recipe_of_dataset
from bisect_cache.cache.datasets.description import read_dataset
from bisect_cache.cache.datasets.listing import listing
from bisect_cache.cache.extracted import How
from bisect_cache.cache.manifest import MANIFEST_NAME, Table, encode_manifest, read_manifest
from bisect_cache.cache.recipes import make
from bisect_cache.cache.recipes.interface import Surroundings
from bisect_cache.cache.recipes.labels import content_column, numbers, open_table, target_column, texts
from bisect_cache.cache.recipes.libvmaf import metric_names, parse_report, pool, pooling_named, spelling_in, values_of
from bisect_cache.cache.recipes.reports import parse_template, report_name
from bisect_cache.errors import BisectCacheError
from bisect_cache.extraction.ffmpeg import FfmpegRun
from bisect_cache.extraction.pairs import PairFailed, frame_bytes, is_raw, read_pairs
from bisect_cache.extraction.vmaf import VmafRun, read_y4m
from bisect_cache.files import read_file
from bisect_cache.judge.thresholds import parse_thresholds
from bisect_cache.report.history import NIGHTS_KEPT, continued, hidden, night, remembered
from bisect_cache.report.markdown import COMMENT_LIMIT, SUMMARY_LIMIT, comment, regression_issue, summary, tracking
from bisect_cache.report.marker import is_marked, marker, run_of
from bisect_cache.report.occasion import Occasion
from bisect_cache.report.sections import sections_of
from bisect_cache.report.structs import BisectReport, Report, decode_report, encode_report
from bisect_cache.report.terminal import show_bisect, show_check
from bisect_cache.timeline.declaration import Feeding
from bisect_cache.timeline.feeding_file import read_feeding
from bisect_cache.timeline.git.files import CommitModel
from bisect_cache.timeline.interface import Timeline
from bisect_cache.timeline.spec import open_timeline, spread

_MOST_LOOKED_AT = 20


def must(holds: object, what: str) -> None:
    """A promise about what was read."""
    if not holds:
        raise Broken(what)


@contextlib.contextmanager
def _refusals_are_fine() -> Iterator[None]:
    """What follows is used in several ways, each of which may refuse it."""
    try:
        yield
    except BisectCacheError as refused:
        check_said(str(refused))


def _written(name: str, data: bytes) -> Path:
    path = workplace() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


# Recipes


def read_libvmaf(data: bytes) -> None:
    report = parse_report(data, "report.json")
    names = metric_names(report)
    for name in sorted(names)[:3]:
        for how in ("mean", "harmonic_mean", "min", "percentile:5"):
            value = pool(values_of(report, name), pooling_named(how))
            must(isinstance(value, float), "a pooled value is no number")
    must(all(spelling_in(names, name) in {*names, None} for name in SIX), "a spelling that is not there")


def read_table(name: str, data: bytes) -> None:
    path = _written(f"tables/{name}", data)
    table = open_table(path)
    must(len(set(table.columns)) == len(table.columns), "a column stands twice")
    with _refusals_are_fine():
        target_column(table, None), content_column(table, None)
    for column in table.columns[:_MOST_LOOKED_AT]:
        values = table.read([column])[column]
        with _refusals_are_fine():
            must(numbers(table, column, values).dtype == np.float64, "numbers of another type")
        with _refusals_are_fine():
            must(all(text is None or text.strip() for text in texts(table, column, values)), "a blank name")
    for incomplete in (False, True):
        recipe = Table(table=name, scale=(0.0, 10.0), drop_incomplete=incomplete)
        with _refusals_are_fine():
            made = make(recipe, Surroundings(path.parent))
            must(len({len(column) for column in made.columns.values()}) == 1, "columns of several lengths")


def read_description(data: bytes) -> None:
    dataset = read_dataset(_written("datasets/mine.toml", data))
    must(all(line.isprintable() for line in listing(dataset).splitlines()), "a terminal is told to do something")
    source = workplace() / "datasets" / "nothing"
    source.mkdir(exist_ok=True)
    chosen = {dataset.brought: "elsewhere"} if dataset.brought else {}
    with _refusals_are_fine():
        recipe_of_dataset(dataset, workplace() / "cache", source, chosen)


_RATES = (None, "25", "60000/1001")
_LONGEST_LINE = 4096
_HOWS = tuple(
    How(compare_fps=rate, compare_size=size, frames=frames)
    for rate in _RATES
    for size in (None, (32, 24))
    for frames in (None, 7, "shortest")
)
_NAMES = {"reference": "reference.mp4", "distorted": "distorted.mp4"}


def read_pair_list(data: bytes) -> None:
    path = _written("pairs/pairs.csv", data)
    reports = path.parent / "reports"
    for pair in read_pairs(path):
        must(Path(os.path.normpath(reports / pair.report)).is_relative_to(reports), "a report elsewhere")
        must(pair.key.isprintable(), "a key that does not print")
        raw = frozenset(role for role in _NAMES if is_raw(pair.names[role]))
        names = _NAMES | ({"model": "model.json"} if "model" in pair.names else {})
        with _refusals_are_fine():
            arguments = FfmpegRun(pair.how, raw).arguments(names, 1)
            graph = arguments[arguments.index("-filter_complex") + 1]
            must(set(graph) <= _OF_A_GRAPH, f"something in the graph of filters that is no number or name: {graph}")
        with _refusals_are_fine():
            VmafRun(pair.how, raw, {role: pair.path(role) for role in pair.names}).arguments(names, 1)


_OF_A_GRAPH = frozenset(string.ascii_letters + string.digits + "_.:;,=+*()/-|[]")


def read_log(data: bytes) -> None:
    lines = [line.decode(errors="replace")[:_LONGEST_LINE] for line in data.splitlines()]
    for how in _HOWS:
        run = FfmpegRun(how, frozenset())
        said = [*map(run.heard, lines)]
        errors = [error for line in lines if (error := run.error_in(line))]
        for complaint in (*said, run.flaw(errors), run.miscount(120)):
            if complaint:
                check_said(str(PairFailed(complaint)))


def read_a_y4m(data: bytes) -> None:
    path = _written("videos/video.y4m", data)
    with _refusals_are_fine():
        video = read_y4m(path)
        must(0 <= video.frames <= len(data), "more frames than there are bytes")
        must(frame_bytes(video.size, video.pixel_format) * video.frames < len(data), "frames that are not there")
        paths = {"reference": path, "distorted": path}
        VmafRun(How(), frozenset(), paths).arguments(_NAMES, 1)


def read_template(data: bytes) -> None:
    template, _, key = data.decode("utf-8", "replace").partition("\n")
    pieces = parse_template(template, ["codec", "key"])
    must(isinstance(report_name(pieces, key, {"codec": "h264"}), str), "a name that is no text")


def read_a_manifest(data: bytes) -> None:
    folder = _written(f"manifest/{MANIFEST_NAME}", data).parent
    manifest = read_manifest(folder)
    must(manifest is not None, "a manifest that is there is not seen")
    if manifest:
        must(not any(name.startswith("/") or ".." in name.split("/") for name in manifest.files), "a file elsewhere")
        _written(f"manifest/{MANIFEST_NAME}", encode_manifest(manifest))
        must(read_manifest(folder) == manifest, "written again, it is another")


# Timelines


@cache
def _folder() -> Path:
    """A repository with models, of which some are committed and tagged."""
    folder = workplace() / "timelines"
    history = History(folder)
    for number in range(3):
        history.commit(
            f"Model {number} (#{number + 1})", **{"models/a.onnx": linear((number + 1.0,) * 6).SerializeToString()}
        )
        history.tag(f"v1.{number}", annotated=number == 1)
    for name in ("models/a.onnx", "models/b.onnx", "c.onnx"):
        save(linear(), folder / name)
    (folder / "models/b.json").write_text("{}")
    return folder


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def read_registry(suffix: str, data: bytes) -> None:
    query, _, document = data.partition(b"\n")
    with _inside(_folder()):
        (_folder() / f"registry{suffix}").write_bytes(document)
        _check_timeline(open_timeline([f"registry:registry{suffix}?{query.decode('utf-8', 'replace')}"]))


def read_declaration(suffix: str, data: bytes) -> None:
    with _inside(_folder()):
        Path(f"feeding{suffix}").write_bytes(data)
        file = read_feeding(Path(f"feeding{suffix}"))
        timeline = file.applied(open_timeline(["files:models/*.onnx"]))
        must(all(file.notes(timeline.checkpoints)), "a note that says nothing")
        for checkpoint in timeline.checkpoints:
            sent = msgspec.json.encode(checkpoint.feeding)
            must(msgspec.json.decode(sent, type=Feeding) == checkpoint.feeding, "the worker is told something else")


def read_spec(data: bytes) -> None:
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    if any("/" in (part[:1], part[1:2]) or ".." in part for line in lines for part in line.split(":")):
        return  # whoever writes the workflow may look anywhere; a test does not
    with _inside(_folder()):
        (_folder() / "registry.json").write_text('[{"name": "v1", "file": "models/a.onnx"}]')
        for specs in spread(lines):
            _check_timeline(open_timeline(specs))


def _check_timeline(timeline: Timeline) -> None:
    labels = [checkpoint.label for checkpoint in timeline.checkpoints]
    must(labels and len(set(labels)) == len(labels), "labels that are alike, or none")
    for text in (*labels, *timeline.notes, timeline.source):
        must(text.isprintable(), f"a text that does not print: {text!r:.200}")
    for checkpoint in timeline.checkpoints[:_MOST_LOOKED_AT]:
        for name, text in checkpoint.origin.items():
            must(name.isprintable() and text.isprintable(), f"an origin that does not print: {text!r:.200}")
        with _refusals_are_fine():
            checkpoint.files.model()
        if checkpoint.sidecar is not None:
            with _refusals_are_fine():
                checkpoint.files.beside(checkpoint.sidecar)


@cache
def _history() -> History:
    return History(workplace() / "lfs" / "repository", bare=True)


def read_pointer(data: bytes) -> None:
    path = _written("lfs/model.onnx", data)
    with _refusals_are_fine():
        must(read_file(path) == data, "other bytes than the file's")
    history = _history()
    model = CommitModel(history.repository, history.commit(**{"m.onnx": data}), "m.onnx")
    must(model.model() == data, "other bytes than the commit's")


# The action


def read_gates(data: bytes) -> None:
    gates = parse_thresholds(data.decode("utf-8", "replace").splitlines())
    must(parse_thresholds([str(gate) for gate in gates]) == gates, "written again, they are others")


def read_all_inputs(data: bytes) -> None:
    given: dict[str, str] = {}
    for line in data.decode("utf-8", "replace").split("\n"):
        name, _, value = line.partition("=")
        given[name] = value.replace("|", "\n")

    def get(name: str) -> str:
        return given.get(name, "")

    with _inside(_folder()):
        as_far_as_good(get)
        with _refusals_are_fine():
            posting = read_posting(get)
            must(posting.key.isprintable() and posting.key, "a key that does not print")
        read = read_inputs(get)
        must(read.caches and read.thresholds and read.fail_on, "an input without a value")
        must(read.report.resolve().is_relative_to(Path.cwd().resolve()), "a report elsewhere")


def read_payload(data: bytes) -> None:
    for name in ("pull_request", "issue_comment", "workflow_run", "push"):
        environ = {
            "GITHUB_EVENT_NAME": name,
            "GITHUB_REPOSITORY": "o/r",
            "GITHUB_REF": "refs/pull/9/merge",
            "GITHUB_RUN_ID": "5",
        }
        event = read_event(environ, data)
        for number in (event.pull_request, event.triggering_run):
            must(number is None or 0 < number < 10**18, f"no number of anything: {number!r:.50}")
        must(all(not sha or set(sha) <= set("0123456789abcdef") for sha in (event.base, event.head)), "no commit's id")
        occasion_of(environ, event, read_place(environ))


_AT = datetime(2026, 10, 1, tzinfo=UTC)
_HERE = Occasion("https://github.com/o/r", 7, "a" * 40, from_fork=True)


def read_report(data: bytes) -> None:
    report = decode_report(data, "report.json")
    must(decode_report(encode_report(report), "r") == report, "written again, it is another")
    check_pages(report)
    _shown(report)
    for annotation in annotated(report, ["cache"]):
        must(len(annotation.message) < 70_000, "an annotation without an end")


def check_pages(report: Report) -> None:
    """Every page of it holds what it promises."""
    whole = summary(report, _HERE)
    must(len(whole.encode()) <= SUMMARY_LIMIT, "a summary beyond the limit")
    head = f"{marker('comment', 'mine')}\n"
    said = comment(report, _HERE, head=head)
    nights = [night(report, _HERE, _AT)]
    tracked = tracking(report, _HERE, nights, "mine", head)
    must(remembered(tracked) == nights, "the night is not remembered")
    for text in (said, tracked):
        must(characters(text) <= COMMENT_LIMIT, "a comment beyond the limit")
        must(text.startswith(f"{head}## "), "a head that is not first")
    if len(whole) < 50_000:  # reading Markdown takes longer than writing it
        for text in (whole, said, tracked):
            assert_a_page_of(report, text)
    for part in sections_of(report):
        if isinstance(part.report, BisectReport) and part.report.first_bad:
            must(
                len(regression_issue(part.report, part.report.first_bad, _HERE, "")) <= COMMENT_LIMIT,
                "too long an issue",
            )


def _shown(report: Report) -> None:
    console = Console(file=io.StringIO(), width=160, highlight=False)
    for part in sections_of(report):
        show_bisect(part.report, console) if isinstance(part.report, BisectReport) else show_check(part.report, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    must(all(line.isprintable() for line in text.splitlines()), "a terminal is told to do something")


def read_artifact(data: bytes) -> None:
    decode_report(unpacked(data, "bisect-cache-report.json", "reports"), "the report")


def read_comment(data: bytes) -> None:
    body = data.decode("utf-8", "replace")
    nights = remembered(body)
    must(0 <= run_of(body) < 10**18, "no number of a run")
    is_marked(body, marker("tracking", "mine"))
    kept = continued(nights, nights[-1]) if nights else []
    must(len(kept) <= NIGHTS_KEPT, "more nights than are kept")
    must(sorted(map(repr, remembered(hidden(kept)))) == sorted(map(repr, kept)), "written again, they are others")
    if kept:
        report = decode_report(seeds.reports()[0], "r")
        text = tracking(report, _HERE, kept, "mine", f"{marker('tracking', 'mine')}\n")
        must(characters(text) <= COMMENT_LIMIT, "a comment beyond the limit")
        assert_a_page_of(report, text)


TARGETS: Mapping[str, Target] = {
    target.name: target
    for target in (
        Target("libvmaf report", "json", seeds.libvmaf_reports, read_libvmaf),
        Target("labels, CSV", "csv", seeds.tables_csv, lambda data: read_table("labels.csv", data)),
        Target("labels, JSON", "json", seeds.tables_json, lambda data: read_table("labels.json", data)),
        Target("labels, parquet", "parquet", seeds.tables_parquet, lambda data: read_table("labels.parquet", data)),
        Target("labels, Python", "lines", seeds.tables_python, lambda data: read_table("labels.py", data)),
        Target("description of a dataset", "lines", seeds.datasets, read_description),
        Target("pair list", "csv", seeds.pair_lists, read_pair_list),
        Target("log of ffmpeg", "lines", seeds.logs, read_log),
        Target("video in y4m", "lines", seeds.videos_y4m, read_a_y4m),
        Target("template of report names", "lines", seeds.templates, read_template),
        Target("manifest", "json", seeds.manifests, read_a_manifest),
        Target("registry, JSON", "json of a query", seeds.registries_json, lambda data: read_registry(".json", data)),
        Target("registry, YAML", "yaml of a query", seeds.registries_yaml, lambda data: read_registry(".yaml", data)),
        Target("declaration, JSON", "json", seeds.declarations_json, lambda data: read_declaration(".json", data)),
        Target("declaration, TOML", "lines", seeds.declarations_toml, lambda data: read_declaration(".toml", data)),
        Target("timeline SPEC", "lines", seeds.specs, read_spec),
        Target("thresholds", "lines", seeds.thresholds, read_gates),
        Target("inputs of the action", "lines", seeds.inputs, read_all_inputs),
        Target("event's payload", "json", seeds.events, read_payload),
        Target("report, rendered to every surface", "json", seeds.reports, read_report),
        Target("artifact of a fork's run", "zip", seeds.artifacts, read_artifact),
        Target("hidden lines of a comment", "lines", seeds.comments, read_comment),
        Target("Git LFS pointer", "lines", seeds.pointers, read_pointer),
        Target("answers of a worker that was taken over", "answers", answering.answers, answering.hear),
    )
}
