"""`generate` brought down at every step: the old cache is whole, or the new one, and the next run tidies up."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attacks import Attack
from disks import AS_NOBODY, NOBODY
from killing import Brought, at_every_step
from making import cache_at

from bisect_cache.cache import placing
from bisect_cache.cache.check import check
from bisect_cache.cache.manifest import JOURNAL, BadManifest
from bisect_cache.cache.opened import open_cache
from bisect_cache.cache.recipes.interface import BadSource
from bisect_cache.cache.replacing import BadJournal, replace_files
from bisect_cache.staging import staged_file, staged_folder

OLD = {"rows": 8, "models": 1}
NEW = {"rows": 9, "models": 1}
ARGUMENTS = ("--rows", "9", "--models", "1")
IN_PARTS = {"part_rows": 4}


def files(folder: Path) -> dict[str, bytes]:
    """All that is in it, but what lies in a folder `.git`."""
    found = (path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob(".*") if path.name != ".git")


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A folder with the cache `c`, and somebody's notes in it."""
    template = tmp_path / "template"
    cache = cache_at(template / "c", **OLD)
    (cache / "README.md").write_text("mine")
    (cache / "models" / "NOTES.txt").write_text("mine too")
    return template


def whole_after(template: Path, new: dict[str, int] = NEW) -> dict[str, bytes]:
    """The folder as it is after a `generate` that nothing brings down."""
    place = template.with_name("undisturbed")
    shutil.copytree(template, place)
    cache_at(place / "c", **new)
    assert check(place / "c").outcome == "clean"
    return files(place)


def survives(run: Brought, before: dict[str, bytes], after: dict[str, bytes], new: dict[str, int] = NEW) -> str:
    """What is there now; the next run makes a whole cache of it in any case, and leaves nothing behind."""
    cache = run.place / "c"
    assert "Traceback" not in run.said
    if (cache / JOURNAL).exists():
        state = "between"
        with pytest.raises(BadManifest, match="is replacing this cache, or was killed while it did"):
            check(cache)
        with pytest.raises(BadManifest, match="was killed while it did"):
            open_cache(cache)
        with pytest.raises(BadSource):
            cache_at(cache, regress_at=99)  # a recipe that fails puts the old cache back all the same
        assert files(run.place) == before
        assert hidden(cache) == []
    else:
        kept = {name: data for name, data in files(run.place).items() if ".bisect-cache-" not in name}
        assert kept in (before, after), run.what
        state = "old" if kept == before else "new"
        if cache.exists():
            assert check(cache).outcome == "clean"
    cache_at(cache, **new)
    assert files(run.place) == after, run.what
    assert hidden(run.place) == []
    return state


@pytest.mark.parametrize(
    ("how", "where"),
    [
        *(("SIGKILL", where) for where in ("beside", "nothing yet", "here", "a repository")),
        ("SIGTERM", "beside"),
        ("SIGTERM", "here"),
        ("SIGINT", "here"),
    ],
)
def test_a_signal_at_any_step_leaves_the_old_cache_or_the_new_one(
    template: Path, attack: Callable[[str], Attack], thorough: bool, how: str, where: str
) -> None:
    if where == "nothing yet":
        shutil.rmtree(template / "c")
    if where == "a repository":
        (template / "c" / ".git" / "refs").mkdir(parents=True)
    before, after = files(template), whole_after(template)
    here = where == "here"
    command = ["generate", "." if here else "c", *ARGUMENTS]
    apart = 1 if thorough or where == "nothing yet" or (how, where) == ("SIGKILL", "here") else 4
    runs = at_every_step(how, template, template.with_name("work"), command, "c" if here else ".", apart)
    tried, states = attack("kill generate"), set()
    for run in runs:
        with tried.case():
            assert run.code == {"SIGKILL": -9, "SIGTERM": 143, "SIGINT": 130}[how]
            states.add(survives(run, before, after))
    assert len(runs) >= (15 if where == "nothing yet" else 30) // apart
    one_by_one = where in {"here", "a repository"}
    assert states == {"old", "new"} | ({"between"} if how == "SIGKILL" and one_by_one else set())


def test_a_kill_while_the_old_cache_is_put_back_is_mended_too(
    template: Path, attack: Callable[[str], Attack], thorough: bool
) -> None:
    before, after = files(template), whole_after(template)
    command = ["generate", ".", *ARGUMENTS]
    runs = at_every_step("SIGKILL", template, template.with_name("first"), command, "c", 1 if thorough else 4)
    between = [run.place for run in runs if (run.place / "c" / JOURNAL).exists()]
    tried = attack("kill generate")
    again = at_every_step("SIGKILL", between[-2], template.with_name("again"), command, "c", 1 if thorough else 4)
    for run in again:
        with tried.case():
            survives(run, before, after)


@pytest.mark.parametrize(("had", "gets"), [({}, IN_PARTS), (IN_PARTS, {}), (IN_PARTS, {"part_rows": 2})])
@pytest.mark.parametrize("where", ["beside", "here"])
def test_a_kill_while_parts_take_the_place_of_a_file_or_of_others_is_mended(
    template: Path,
    attack: Callable[[str], Attack],
    thorough: bool,
    where: str,
    had: dict[str, int],
    gets: dict[str, int],
) -> None:
    cache_at(template / "c", **OLD, **had)
    new = {**NEW, **gets}
    before, after = files(template), whole_after(template, new)
    here = where == "here"
    command = ["generate", "." if here else "c", *ARGUMENTS, *(f"--part-rows={rows}" for rows in gets.values())]
    apart = 1 if thorough or here else 6
    runs = at_every_step("SIGKILL", template, template.with_name("work"), command, "c" if here else ".", apart)
    between = [run.place for run in runs if (run.place / "c" / JOURNAL).exists()]
    again = template.with_name("work again")
    if here:
        shutil.copytree(between[-2], again, symlinks=True)
    tried, states = attack("kill generate"), set()
    for run in runs:
        with tried.case():
            assert run.code == -9
            states.add(survives(run, before, after, new))
    assert states == {"old", "new"} | ({"between"} if here else set())
    if here:  # killed once more, while the old files are put back
        for run in at_every_step("SIGKILL", again, template.with_name("again"), command, "c", 1 if thorough else 3):
            with tried.case():
                survives(run, before, after, new)


@pytest.mark.parametrize("where", ["beside", "here"])
@pytest.mark.parametrize("name", ["notes.txt", "part-9.parquet", ".kept", "content=bunny/part-0.parquet"])
def test_what_others_put_among_the_parts_is_never_lost(
    template: Path, monkeypatch: pytest.MonkeyPatch, where: str, name: str
) -> None:
    cache = cache_at(template / "c", **OLD, **IN_PARTS)
    theirs = cache / "features.parquet" / name
    theirs.parent.mkdir(exist_ok=True)
    theirs.write_text("mine")
    before = files(template)
    if where == "here":
        monkeypatch.chdir(cache)
    for parts in ({}, IN_PARTS):
        with pytest.raises(
            placing.CannotGenerate, match=r"features\.parquet: holds what no `generate` wrote \(such as"
        ):
            cache_at(Path() if where == "here" else cache, **NEW, **parts)
    assert files(template) == before


@pytest.mark.parametrize("folder", [False, True])
@pytest.mark.parametrize("exchanged", [False, True])
def test_what_comes_among_the_parts_in_the_last_moment_is_not_lost(
    template: Path, monkeypatch: pytest.MonkeyPatch, exchanged: bool, folder: bool
) -> None:
    cache = cache_at(template / "c", **OLD, **IN_PARTS)
    before = files(template)
    exchange = placing._exchange

    def late(stage: Path, at: Path) -> bool:
        theirs = at / "features.parquet" / ("theirs/late.txt" if folder else "late.txt")
        if theirs.parent.parent.is_dir() and not (stage / "features.parquet").is_dir():
            theirs.parent.mkdir(exist_ok=True)
            theirs.write_text("late")
        return exchange(stage, at) if exchanged else False

    monkeypatch.setattr(placing, "_exchange", late)
    with pytest.raises(placing.CannotGenerate, match="what stood there is unchanged"):
        cache_at(cache, **NEW)
    late_name = "c/features.parquet/theirs/late.txt" if folder else "c/features.parquet/late.txt"
    assert files(template) == before | {late_name: b"late"}
    assert hidden(template) == []


def test_what_comes_into_an_empty_folder_that_the_file_takes_the_place_of_is_not_lost(
    template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = template / "c" / "features.parquet"
    features.unlink()
    features.mkdir()
    stands_in = placing._stands_in

    def late(folder: Path) -> bool:
        (features / "late.txt").write_text("late")
        return stands_in(folder)

    with monkeypatch.context() as patched:
        patched.setattr(placing, "_stands_in", late)
        patched.chdir(template / "c")
        with pytest.raises(placing.CannotGenerate, match="what stood there is unchanged"):
            cache_at(Path(), **NEW)
    assert (features / "late.txt").read_text() == "late"
    (features / "late.txt").unlink()
    cache_at(template / "c", **NEW)
    assert features.is_file()


def test_features_behind_a_link_to_a_folder_are_refused(template: Path) -> None:
    cache = cache_at(template / "c", **OLD, **IN_PARTS)
    shutil.move(cache / "features.parquet", template / "elsewhere")
    (cache / "features.parquet").symlink_to(template / "elsewhere")
    before = files(template)
    with pytest.raises(placing.CannotGenerate, match=r"features\.parquet: is a link"):
        cache_at(cache, **NEW)
    assert files(template) == before


def test_a_journal_from_a_stranger_removes_no_parts_elsewhere(template: Path) -> None:
    cache = template / "c"
    victim = template / "theirs" / "part-00000.parquet"
    victim.parent.mkdir()
    victim.write_text("mine")
    (cache / "features.parquet").unlink()
    (cache / "features.parquet").symlink_to(victim.parent)
    journal = cache / JOURNAL
    journal.parent.mkdir()
    journal.write_text(json.dumps({"old": [], "new": ["features.parquet/part-00000.parquet"]}))
    with pytest.raises(BadJournal, match="holds links"):
        cache_at(cache, **NEW)
    assert victim.read_text() == "mine"


@pytest.mark.parametrize(
    ("error", "where"), [("ENOSPC", "beside"), ("EROFS", "beside"), ("ENOSPC", "here"), ("EDQUOT", "here")]
)
def test_a_step_that_the_system_refuses_leaves_the_old_cache_as_it_was(
    template: Path, attack: Callable[[str], Attack], thorough: bool, error: str, where: str
) -> None:
    before, after = files(template), whole_after(template)
    here = where == "here"
    command = ["generate", "." if here else "c", *ARGUMENTS]
    apart = 1 if thorough else 4
    runs = at_every_step(f"errno:{error}", template, template.with_name("work"), command, "c" if here else ".", apart)
    tried = attack("full disk")
    for run in runs:
        with tried.case():
            state = survives(run, before, after)
            assert (run.code, state) in {(0, "new"), (2, "old")}, run
            assert run.code == 0 or "cannot be written (" in run.said, run.said
    assert {run.code for run in runs} == {0, 2}


def started(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bisect_cache", *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_signal_at_any_moment_leaves_the_old_cache_or_the_new_one(
    template: Path, attack: Callable[[str], Attack], thorough: bool, number: signal.Signals
) -> None:
    before = files(template)
    moments = 12 if thorough else 2
    big = ("generate", "c", "--rows", "200000", "--models", "300")
    begun = time.monotonic()
    process = started(*big, cwd=template)
    process.communicate(timeout=120)
    took = time.monotonic() - begun
    after = files(template)
    tried = attack("kill generate")
    for moment in range(moments):
        cache_at(template / "c", **OLD)
        process = started(*big, cwd=template)
        time.sleep(took * (moment + 1) / (moments + 1))
        process.send_signal(number)
        said, _ = process.communicate(timeout=120)
        with tried.case():
            assert process.returncode in {-number, 128 + number, 0}
            kept = {name: data for name, data in files(template).items() if ".bisect-cache-" not in name}
            assert kept in (before, after)
            if process.returncode != -number or number is signal.SIGKILL:  # else before Python had begun
                assert "Traceback" not in said or "bisect_cache/cli.py" not in said


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_while_a_library_is_loaded_ends_at_once(
    template: Path, attack: Callable[[str], Attack], name: str
) -> None:
    """Libraries crash where an exception comes in the middle of their beginning: this one, like onnx, does."""
    (template / "stand-in").mkdir()
    (template / "stand-in" / "onnx.py").write_text(
        "import os, signal, time\n"
        f"try:\n    os.kill(os.getpid(), signal.{name})\n    time.sleep(10)\nexcept BaseException:\n    os.abort()\n"
    )
    before = files(template / "c")
    with attack("kill generate").case():
        ran = subprocess.run(
            [sys.executable, "-B", "-m", "bisect_cache", "generate", "c", *ARGUMENTS],
            cwd=template,
            env={**os.environ, "PYTHONPATH": str(template / "stand-in")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ran.returncode, ran.stdout, ran.stderr) == (128 + getattr(signal, name), "", "")
        assert files(template / "c") == before


def test_the_next_run_removes_what_killed_runs_left_and_nothing_else(template: Path) -> None:
    work = template.with_name("work")
    runs = at_every_step("SIGKILL", template, work, ["generate", "c", *ARGUMENTS], apart=5)
    left = [stage for run in runs for stage in run.place.glob(".c.bisect-cache-*") if stage.is_dir()]
    assert len(left) >= 4
    for stage in left:
        shutil.move(stage, template)
    (template / ".c.bisect-cache-link").symlink_to(template / "c")
    (template / ".d.bisect-cache-12345678").mkdir()
    with staged_folder(template / "c") as live, staged_file(template / "c") as live_too:
        ran = started("generate", "c", *ARGUMENTS, cwd=template)
        ran.communicate(timeout=60)
        assert ran.returncode == 0
        assert sorted(path.name for path in template.iterdir()) == sorted(
            ["c", ".c.bisect-cache-link", ".d.bisect-cache-12345678", live.name, live_too.name]
        )
    assert not live.exists()
    assert not live_too.exists()


def test_a_journal_from_a_stranger_moves_nothing_elsewhere(template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = template / "c"
    victim = template / "victim.onnx"
    victim.write_text("mine")
    journal = cache / JOURNAL
    journal.parent.mkdir()
    for old, new in ((["../victim.onnx"], []), ([], ["../victim.onnx"]), (["models/../../victim.onnx"], [])):
        journal.write_text(json.dumps({"old": old, "new": new}))
        with pytest.raises(BadJournal, match=r"restore the cache from version control and remove .*replacing"):
            cache_at(cache, **NEW)
    journal.write_text(json.dumps({"old": ["features.parquet"], "new": ["models/model_00.onnx"]}))
    (journal.parent / "old").symlink_to(template)
    with pytest.raises(BadJournal, match="holds links"):
        cache_at(cache, **NEW)
    assert victim.read_text() == "mine"
    assert (cache / "models" / "model_00.onnx").exists()


def test_what_was_put_into_a_half_replaced_cache_meanwhile_is_not_taken_for_a_new_file(
    template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = cache_at(template / "c", rows=8, models=1)
    made = cache_at(template / "made", rows=8, models=2)
    before = files(template / "c")

    def killed(_folder: Path) -> None:
        raise SystemExit

    monkeypatch.setattr("bisect_cache.cache.replacing.put_back", killed)
    monkeypatch.setattr(Path, "rename", lambda *_: killed(cache))
    with pytest.raises(SystemExit):
        replace_files(made, cache, ["features.parquet"], ["features.parquet", "models/model_01.onnx"])
    monkeypatch.undo()
    (cache / "models" / "model_01.onnx").write_text("restored by hand")
    with pytest.raises(placing.CannotGenerate, match="no recipe made this file"):
        cache_at(cache)
    assert files(cache) == before | {"models/model_01.onnx": b"restored by hand"}


def test_models_behind_a_link_are_refused(template: Path) -> None:
    shutil.move(template / "c" / "models", template / "elsewhere")
    (template / "c" / "models").symlink_to(template / "elsewhere")
    before = files(template)
    with pytest.raises(placing.CannotGenerate, match="models: is a link"):
        cache_at(template / "c", **NEW)
    assert files(template) == before


@pytest.fixture
def unprivileged(template: Path) -> Iterator[list[str]]:
    """What a command is started with to run as somebody who may not write to `template`, only to the cache in it."""
    if os.geteuid() != 0:
        template.chmod(0o555)
        yield []
        template.chmod(0o755)
        return
    for path in (template / "c", *(template / "c").rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    yield list(AS_NOBODY)


def test_a_cache_is_replaced_where_nothing_may_be_written_beside_it(template: Path, unprivileged: list[str]) -> None:
    ran = subprocess.run(
        [*unprivileged, sys.executable, "-B", "-m", "bisect_cache", "generate", "c", *ARGUMENTS],
        cwd=template,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert open_cache(template / "c").rows == 9
    assert hidden(template) == []
    assert (template / "c" / "README.md").read_text() == "mine"
