"""Paths that lead out of where they belong: refused by name, and no file out there is even opened."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import onnx
import pytest
from attacks import Attack
from fuzz.changing import zipped
from fuzz.promises import check_said
from judging import command
from making import SIX, cache_at, linear, save, table_cache_at, with_external_data
from making_history import History

from bisect_cache.action.inputs import BadInput, read_report
from bisect_cache.action.posting.publishing import NoReport, unpacked
from bisect_cache.cache.datasets.choosing import recipe_of_dataset
from bisect_cache.cache.datasets.description import BadDescription, read_dataset
from bisect_cache.cache.manifest import MANIFEST_NAME, BadManifest, Reports, Table, read_manifest
from bisect_cache.cache.recipes import make
from bisect_cache.cache.recipes.interface import BadSource, SourceAbsent, Surroundings
from bisect_cache.errors import BisectCacheError
from bisect_cache.extraction.pairs import read_pairs
from bisect_cache.files import CannotRead, read_file
from bisect_cache.runs.request import CheckRequest
from bisect_cache.runs.run import run_check
from bisect_cache.timeline.feeding_file import BadFeeding, read_feeding
from bisect_cache.timeline.folder import FolderModel
from bisect_cache.timeline.git.files import CommitModel
from bisect_cache.timeline.interface import BadTimeline
from bisect_cache.timeline.spec import open_timeline

SECRET = "the-secret-of-somebody-else"


# What was opened: the interpreter tells of every file

_opened: list[str] | None = None


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _opened is not None and event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
        _opened.append(os.path.realpath(os.fsdecode(arguments[0])))


sys.addaudithook(_hear)


@contextlib.contextmanager
def nothing_opened_in(*places: Path) -> Iterator[None]:
    """No file at or below ``places`` is opened meanwhile, by whichever path."""
    global _opened  # noqa: PLW0603 - an audit hook stays for good
    _opened = []
    try:
        yield
        found = [path for path in _opened for place in places if Path(path).is_relative_to(place)]
    finally:
        _opened = None
    assert found == []


DEVICES = (Path("/dev"), Path("/etc"), Path(f"/proc/{os.getpid()}"))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with a cache of two models, and beside it a folder of somebody else; it is the current folder."""
    workspace, outside = tmp_path / "workspace", tmp_path / "outside"
    outside.mkdir()
    save(linear(), outside / "m.onnx")
    (outside / "secret.json").write_text(json.dumps({"token": SECRET}))
    (outside / "secret.csv").write_text(f"{SECRET},mos\n1,2\n2,3\n3,4\n")
    (outside / "weights.bin").write_bytes(SECRET.encode() * 10)
    for name in ("a", "b"):
        save(linear(), workspace / "models" / f"{name}.onnx")
    links = {"file.onnx": "m.onnx", "file.json": "secret.json", "file.csv": "secret.csv", "file.bin": "weights.bin"}
    for name, target in links.items():
        (workspace / "models" / f"link-{name}").symlink_to(outside / target)
    (workspace / "models" / "link-folder").symlink_to(outside)
    (workspace / "models" / "loop").symlink_to("loop")
    (workspace / "models" / "zero").symlink_to("/dev/zero")
    (workspace / "models" / "environ").symlink_to("/proc/self/environ")
    os.mkfifo(workspace / "models" / "pipe")
    monkeypatch.chdir(workspace)
    return workspace


def tricks(suffix: str) -> dict[str, str]:
    """Paths relative to ``models``, each a way out or to what is no file; ``suffix`` names what lies out there."""
    outside = {".onnx": "m.onnx", ".json": "secret.json", ".csv": "secret.csv", ".bin": "weights.bin"}[suffix]
    return {
        "up": f"../../outside/{outside}",
        "up, from below": f"x/../../../outside/{outside}",
        "up, after a dot": f"./../../outside/{outside}",
        "up, doubled": f"..//..//outside//{outside}",
        "up, in other case": f"Models/../../../outside/{outside}",
        "a link to a file": f"link-file{suffix}",
        "a link to a folder": f"link-folder/{outside}",
        "a link to a folder, and up": f"link-folder/../outside/{outside}",
        "a link to itself": "loop",
        "a link to a device": "zero",
        "a link to a process": "environ",
        "a pipe": "pipe",
        "a folder": ".",
        "nothing": "",
        "a device": "/dev/zero",
        "a process": "/proc/self/environ",
        "a file of the system": "/etc/passwd",
        "NUL": f"a\0{suffix}",
        "NUL behind a name": f"a{suffix}\0/../../outside/{outside}",
        "an endless name": "x" * 5000 + suffix,
        "an endless path": "x/" * 3000 + f"y{suffix}",
        "an endless way up": "../" * 3000 + "etc/passwd",
        "backslashes": f"..\\..\\outside\\{outside}",
        "a drive": f"C:\\{outside}",
        "a share": f"\\\\server\\{outside}",
        "an address": f"file:///etc/passwd{suffix}",
        "a home": f"~/../../outside/{outside}",
        "half a character": f"a\ud800{suffix}",
        "an escape": f"\x1b[31m{suffix}",
    }


def case_of(suffix: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", tricks(suffix).values(), ids=tricks(suffix))


def said_by(read: Callable[[], object], *kinds: type[BisectCacheError]) -> str:
    """What a user reads of the refusal; nothing outside was opened on the way to it."""
    with nothing_opened_in(Path.cwd().parent / "outside", *DEVICES), pytest.raises(kinds) as caught:
        read()
    check_said(str(caught.value))
    assert SECRET not in str(caught.value)
    return str(caught.value)


def test_the_measure_itself_finds_what_is_opened_outside(place: Path) -> None:
    for path in ("../outside/m.onnx", "models/link-file.onnx", "models/link-folder/m.onnx"):
        with pytest.raises(AssertionError), nothing_opened_in(place.parent / "outside"):
            read_file(Path(path))
    with nothing_opened_in(place.parent / "outside"):
        read_file(Path("models/a.onnx"))


# Registries


def registry(place: Path, *entries: dict[str, object]) -> str:
    (place / "models" / "registry.json").write_text(json.dumps(entries))
    return "registry:models/registry.json"


@case_of(".onnx")
def test_a_registry_leads_to_no_model_elsewhere(place: Path, path: str, attack: Callable[[str], Attack]) -> None:
    with attack("path tricks").case():
        entries: list[dict[str, object]] = [{"name": "good", "file": "a.onnx"}, {"name": "odd", "file": path}]
        spec = registry(place, *entries)
        with nothing_opened_in(place.parent / "outside", *DEVICES):
            timeline = open_timeline([spec])
        found = {checkpoint.label: checkpoint.files for checkpoint in timeline.checkpoints}
        assert found["good"].model() == linear().SerializeToString()
        assert all(note.isprintable() and len(note) < 1000 for note in timeline.notes)
        if path:  # an entry without a file is left out, which a note says
            said_by(found["odd"].model, CannotRead)
        else:
            assert "left out, naming no file" in timeline.notes[0]


def test_nobody_is_told_which_files_there_are_elsewhere(place: Path) -> None:
    here, there = "../../outside/m.onnx", "../../outside/nothing.onnx"
    notes = [open_timeline([registry(place, {"file": path})]).notes for path in (here, there)]
    assert notes == [(), ()]
    assert open_timeline([registry(place, {"file": "nothing.onnx"})]).notes == ("files that do not exist: nothing",)


@case_of(".json")
def test_a_registry_leads_to_no_sidecar_elsewhere(place: Path, path: str, attack: Callable[[str], Attack]) -> None:
    with attack("path tricks").case():
        spec = registry(place, {"name": "good", "file": "a.onnx", "sidecar": path})

        def read() -> object:
            checkpoint = open_timeline([spec]).checkpoints[0]
            assert checkpoint.sidecar is not None
            return checkpoint.files.beside(checkpoint.sidecar)

        if path:
            said_by(read, BadTimeline, CannotRead)
        else:
            assert open_timeline([spec]).checkpoints[0].sidecar is None


def test_a_run_judges_what_a_registry_has_here_and_says_why_not_the_rest(
    place: Path, attack: Callable[[str], Attack]
) -> None:
    cache_at(place / "c", rows=64, models=1)
    odd = {name: path for name, path in tricks(".onnx").items() if path}
    entries: list[dict[str, object]] = [{"name": name, "file": path} for name, path in odd.items()]
    spec = registry(place, {"name": "first", "file": "a.onnx"}, *entries, {"name": "last", "file": "b.onnx"})
    with attack("path tricks").case(len(odd)), nothing_opened_in(place.parent / "outside"):
        ran = command(
            "bisect", "--cache", "c", "--timeline", spec, "--strategy", "scan", "--json", "report.json", cwd=place
        )
        verdicts = {label: step["verdict"] for label, step in ran.steps.items()}
        assert verdicts == {"first": "good", **dict.fromkeys(odd, "untestable"), "last": "good"}
        assert ran.code == 0  # the first and the last are good, and none is bad
        for name in odd:
            check_said(ran.steps[name]["reason"])
        assert SECRET not in json.dumps(ran.report)


# Models


def external(location: str) -> onnx.ModelProto:
    return with_external_data(linear(), location)[0]


@case_of(".bin")
def test_a_model_leads_to_no_weights_elsewhere(place: Path, path: str, attack: Callable[[str], Attack]) -> None:
    with attack("path tricks").case():
        for within in ((), (place / "models",)):
            model = FolderModel(place / "models" / "a.onnx", within)
            said_by(lambda model=model: model.beside(path), CannotRead)  # type: ignore[misc]


@case_of(".bin")
def test_a_model_of_a_commit_leads_to_nothing_but_its_commit(
    place: Path, path: str, attack: Callable[[str], Attack]
) -> None:
    with attack("path tricks").case():
        history = History(place / "repository")
        commit = history.commit(**{"models/m.onnx": external("w").SerializeToString(), "outside/weights.bin": SECRET})
        said_by(lambda: CommitModel(history.repository, commit, "models/m.onnx").beside(path), CannotRead)


def test_a_run_gives_no_model_weights_from_elsewhere(place: Path, attack: Callable[[str], Attack]) -> None:
    cache_at(place / "c", rows=64, models=1)
    known = tricks(".bin")
    ways = [known[name] for name in ("up", "a link to a file", "a pipe", "a process", "NUL", "an endless name")]
    for number, path in enumerate(ways):
        save(external(path), place / "m" / f"{number:02d}.onnx")
    (place / "m" / "link-file.bin").symlink_to(place.parent / "outside" / "weights.bin")
    with attack("path tricks").case(len(ways)), nothing_opened_in(place.parent / "outside"):
        ran = command(
            "bisect", "--cache", "c", "--timeline", "m", "--strategy", "scan", "--json", "report.json", cwd=place
        )
        assert ran.letters == "x" * len(ways)
        assert ran.code == 2
        assert SECRET not in json.dumps(ran.report)


@pytest.mark.parametrize("name", ["pipe", "zero", "environ", "loop"])
def test_what_is_no_file_is_no_model_of_a_folder(place: Path, name: str, attack: Callable[[str], Attack]) -> None:
    with attack("path tricks").case():
        (place / "m").mkdir()
        (place / "m" / "x.onnx").symlink_to(f"../models/{name}")
        for checkpoint in open_timeline(["files:m/*.onnx"]).checkpoints:
            with pytest.raises(CannotRead) as caught:
                checkpoint.files.model()
            check_said(str(caught.value))


# Manifests and recipes


def recipe_of(place: Path, **fields: object) -> Path:
    """A cache whose manifest's recipe says something else."""
    folder = table_cache_at(place / "data" / "cache", rows=6)
    manifest = json.loads((folder / MANIFEST_NAME).read_text())
    manifest["recipe"] |= fields
    (folder / MANIFEST_NAME).write_text(json.dumps(manifest))
    return folder


@case_of(".csv")
def test_a_manifest_leads_to_no_table_elsewhere(place: Path, path: str, attack: Callable[[str], Attack]) -> None:
    with attack("path tricks").case():
        folder = recipe_of(place, table=f"../../models/{path}" if not path.startswith(("/", "~", "C:")) else path)
        with nothing_opened_in(place.parent / "outside", *DEVICES), contextlib.suppress(BadManifest, BadSource):
            report = run_check(CheckRequest(folder))
            said = " ".join([report.verdict, *(finding.detail for finding in report.findings)])
            assert not report.regenerated
            assert "Not regenerated, its source" in said
            assert SECRET not in said


def test_a_table_that_is_named_by_the_user_is_read_wherever_it_lies(place: Path) -> None:
    folder = recipe_of(place, table="../../../outside/table.csv")
    outside = place.parent / "outside"
    (outside / "table.csv").write_bytes((place / "data" / "table.csv").read_bytes())
    assert not run_check(CheckRequest(folder)).regenerated
    assert run_check(CheckRequest(folder, source=outside)).regenerated


@pytest.mark.parametrize(
    "name",
    [
        *("models/../../x.onnx", "models/..", "/models/x.onnx", "MODELS/x.onnx", "models/a/x.onnx", "models\\x.onnx"),
        *("models/x.onnx\0", "models/x.onnx\n", "models/\0.onnx", "../features.parquet", "Features.parquet", "", "."),
        *("models/" + "x" * 5000 + ".onnx", "bisect-cache.json", "/dev/zero", "models/x.ONNX", "./models/x.onnx"),
    ],
)
def test_a_manifest_claims_no_file_elsewhere(place: Path, name: str, attack: Callable[[str], Attack]) -> None:
    with attack("path tricks").case():
        folder = cache_at(place / "c", rows=4, models=1)
        manifest = json.loads((folder / MANIFEST_NAME).read_text())
        manifest["files"][name] = manifest["files"].pop("models/model_00.onnx")
        (folder / MANIFEST_NAME).write_text(json.dumps(manifest))
        assert "not a manifest of this version" in said_by(lambda: read_manifest(folder), BadManifest)


@pytest.mark.parametrize("name", ["pipe", "zero", "environ", "loop"])
@pytest.mark.parametrize("file", ["bisect-cache.json", "features.parquet", "models/model_00.onnx"])
def test_what_is_no_file_is_no_part_of_a_cache(
    place: Path, name: str, file: str, attack: Callable[[str], Attack]
) -> None:
    with attack("path tricks").case():
        folder = cache_at(place / "c", rows=8, models=1)
        (folder / file).unlink()
        (folder / file).symlink_to(place / "models" / name)
        ran = command("check", "c", "--json", "report.json", cwd=place)
        assert ran.code in {1, 2}
        assert file.rpartition("/")[2] in ran.told + ran.said + json.dumps(ran.report)


@case_of(".json")
def test_labels_lead_to_no_report_elsewhere(place: Path, path: str, attack: Callable[[str], Attack]) -> None:
    with attack("path tricks").case():
        rows = [{"clip": key, "mos": score} for key, score in ((path, 1), ("r1", 2), ("r2", 3), ("r3", 4))]
        (place / "labels.json").write_text(json.dumps(rows))
        for number in (1, 2, 3):
            frames = [{"frameNum": 0, "metrics": dict.fromkeys(SIX, 0.1 * number)}]
            (place / "models" / f"r{number}").write_text(json.dumps({"frames": frames}))
        for missing in (False, True):
            recipe = Reports("models", "labels.json", "clip", "{key}", allow_missing=missing)
            with nothing_opened_in(place.parent / "outside", *DEVICES), contextlib.suppress(BadSource):
                made = make(recipe, Surroundings(place))
                assert missing
                assert made.columns["key"] == ["r1", "r2", "r3"]


@case_of(".csv")
def test_a_recipe_that_is_followed_is_refused_what_is_no_file(place: Path, path: str) -> None:
    reached = {"up, after a dot", "up", "up, doubled", "a file of the system", "an endless way up"}
    reached |= {name for name in tricks(".csv") if "link to a f" in name or name.startswith("up,") or name == "a home"}
    if path not in {tricks(".csv")[name] for name in reached}:  # whoever generates may read where they like
        with pytest.raises((BadSource, SourceAbsent)) as caught:
            make(Table(table=f"models/{path}"), Surroundings(place))
        check_said(str(caught.value))


@pytest.mark.parametrize("field", ["labels", "reports", "table"])
@case_of(".csv")
def test_a_description_of_a_dataset_leads_to_nothing_elsewhere(
    place: Path, path: str, field: str, attack: Callable[[str], Attack]
) -> None:
    fields = {"kind": "reports", "key": "clip", "report_name": "{key}.json", "labels": "l.csv", "reports": "r"}
    fields = {"kind": "table", "table": path} if field == "table" else fields | {field: path}
    (place / "models" / "l.csv").write_text("clip,mos\na,1\n")
    (place / "models" / "r").mkdir()
    head = dict.fromkeys(("name", "title", "source", "licence", "citation", "obtain"), "x")
    for part in (False, True):
        recipe = (
            {"recipe": {"kind": fields["kind"]}, "parts": {"one": {"recipe": fields}}} if part else {"recipe": fields}
        )
        (place / "mine.toml").write_text(_toml({"schema": "bisect-cache/dataset/1", **head, **recipe}))
        with attack("path tricks").case():

            def follow() -> None:
                chosen = recipe_of_dataset(read_dataset(place / "mine.toml"), place / "c", place / "models", {})
                make(chosen, Surroundings(place / "c"))

            said_by(follow, BadDescription, SourceAbsent, BadSource)


def _toml(table: Mapping[str, object]) -> str:
    """A table as TOML: of its strings and tables, what JSON writes is TOML, too."""

    def written(value: object) -> str:
        if isinstance(value, Mapping):
            return "{" + ", ".join(f"{name} = {written(each)}" for name, each in value.items()) + "}"
        return json.dumps(value, ensure_ascii=True)

    return "".join(f"{name} = {written(value)}\n" for name, value in table.items())


@case_of(".json")
def test_a_declaration_leads_to_no_sidecar_elsewhere(place: Path, path: str, attack: Callable[[str], Attack]) -> None:
    with attack("path tricks").case():
        (place / "feeding.toml").write_text(_toml({"sidecar": path, "normalisation": "sidecar"}))

        def read() -> object:
            timeline = read_feeding(place / "feeding.toml").applied(open_timeline(["files:models/a.onnx"]))
            checkpoint = timeline.checkpoints[0]
            assert checkpoint.sidecar is not None
            return checkpoint.files.beside(checkpoint.sidecar)

        said_by(read, BadFeeding, CannotRead)


@case_of(".json")
def test_a_key_of_a_pair_names_no_report_elsewhere(place: Path, path: str, attack: Callable[[str], Attack]) -> None:
    with attack("path tricks").case():
        row = {"key": path.removesuffix(".json"), "reference": "r.mp4", "distorted": "d.mp4"}
        (place / "pairs.json").write_text(json.dumps([row]))
        try:
            (pair,) = read_pairs(place / "pairs.json")
        except BadSource as refused:
            check_said(str(refused))
        else:
            report = place / "reports" / pair.report
            assert Path(os.path.normpath(report)) == report
            assert report.is_relative_to(place / "reports")
            assert max(len(part.encode()) for part in report.parts) < 256


# Reports and artifacts


@pytest.mark.parametrize(
    "path",
    ["../outside/r.json", "/tmp/r.json", "models/link-folder/r.json", "models/loop", "a\0b", "x/../../r"],
)
def test_the_report_is_written_nowhere_else(place: Path, path: str, attack: Callable[[str], Attack]) -> None:
    with attack("path tricks").case():
        said = said_by(lambda: read_report(lambda name: path if name == "report" else ""), BadInput)
        assert "which is not in the workspace" in said


@pytest.mark.parametrize(
    "name", ["../r.json", "/r.json", "./r.json", "R.json", "a/../r.json", "r.json/", "r.json/x", "\\r.json", "r.json "]
)
def test_a_member_of_an_artifact_is_the_one_of_that_name_or_none(
    place: Path, name: str, attack: Callable[[str], Attack]
) -> None:
    with attack("path tricks").case():
        before = sorted(place.parent.rglob("*"))
        said = said_by(lambda: unpacked(zipped({name: b"{}"}), "r.json", "reports"), NoReport)
        assert "holds no r.json" in said
        assert sorted(place.parent.rglob("*")) == before


# The command line


def odd_files(place: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Files that say what they should not, and the command that meets each."""
    for number, data in enumerate((b"[" * 100_000, b"\xff\xfe", b"{? {a: b} : c}", b"\0", b"", b"&a [*a]")):
        for suffix in (".json", ".yaml"):
            (place / f"{number}{suffix}").write_bytes(data)
            yield f"{number}{suffix}", ("bisect", "--cache", "c", "--timeline", f"registry:{number}{suffix}")
    for number, data in enumerate((b"[" * 100_000, b"\xff", b"\0", b"{}", b"", b'{"\\u001b[31m": 1}')):
        (place / f"m{number}").mkdir()
        (place / f"m{number}" / MANIFEST_NAME).write_bytes(data)
        yield f"m{number}", ("check", f"m{number}")
        (place / f"t{number}.json").write_bytes(data)
        yield f"t{number}.json", ("generate", "c", "--table", f"t{number}.json")


def test_a_command_that_is_refused_a_file_says_so_and_leaves_what_was_there(
    place: Path, attack: Callable[[str], Attack]
) -> None:
    cache_at(place / "c", rows=16, models=1)
    before = {path: path.read_bytes() for path in (place / "c").rglob("*.*")}
    for name, arguments in odd_files(place):
        with attack("mutated text").case():
            json_to = () if arguments[0] == "generate" else ("--json", "report.json")
            ran = command(*arguments, *json_to, cwd=place)
            assert ran.code == 2
            assert ran.told.startswith("error: ")
            assert name in ran.told
            assert ran.told.isprintable()
            assert not ran.report or ran.outcome == "wiring-broke"
            assert {path: path.read_bytes() for path in (place / "c").rglob("*.*")} == before
