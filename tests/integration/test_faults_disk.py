"""Disks that are full or may not be written to, and files that must not belong to root."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from acting import ROOT, act
from attacks import Attack
from disks import AS_NOBODY, fill, make_read_only, small_disk
from making import bisect_report, cache_at

from bisect_cache.action import surfaces
from bisect_cache.cache.check import check
from bisect_cache.files import CannotWrite, append_whole, write_whole

EARLIER = "## An earlier step\n"
EARLIER_OUTPUT = "color=blue\n"


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != "filling")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def program(*arguments: str, cwd: Path, limit: int | None = None) -> subprocess.CompletedProcess[str]:
    """The command line; with ``limit``, no file may have more bytes."""
    start = "import resource, sys\nfrom bisect_cache.cli import main\n"
    if limit is not None:
        start += f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
    ran = subprocess.run(
        [sys.executable, "-B", "-c", f"{start}main()", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in ran.stderr
    return ran


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as mounted:
        yield mounted


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "workspace").mkdir()
    return tmp_path / "workspace"


def test_a_cache_that_finds_no_space_leaves_the_old_one_whole(
    disk: Path, attack: Callable[[str], Attack], thorough: bool
) -> None:
    cache_at(disk / "c", rows=8)
    before = files(disk)
    tried = attack("full disk")
    for leave in (0, 8 << 10, 16 << 10, 24 << 10, 60 << 10) if thorough else (0, 24 << 10):
        fill(disk, leave)
        with tried.case():
            ran = program("generate", "c", "--rows", "3000", "--models", "40", cwd=disk)
            assert (ran.returncode, ran.stdout) == (2, "")
            assert "No space left on device" in ran.stderr
            assert "what stood there is unchanged: free some space" in ran.stderr
            assert files(disk) == before
            assert [path.name for path in disk.iterdir() if path.name.startswith(".")] == []
        (disk / "filling").unlink()
    assert program("generate", "c", "--rows", "3000", "--models", "40", cwd=disk).returncode == 0
    assert check(disk / "c").outcome == "clean"


def test_a_cache_that_is_a_disk_of_its_own_is_replaced_where_it_is(disk: Path) -> None:
    """As with a volume of a container: nothing can take its place, and beside it is another file system."""
    for rows in (8, 9):
        ran = program("generate", "disk", "--rows", str(rows), cwd=disk.parent)
        assert ran.returncode == 0, ran.stderr
        assert check(disk).outcome == "clean"
        assert list(disk.glob(".*")) == []
    fill(disk)
    before = files(disk)
    assert program("generate", "disk", cwd=disk.parent).returncode == 2
    assert files(disk) == before


@pytest.mark.parametrize("limit", [0, 4096])
def test_a_cache_with_files_larger_than_may_be_written_leaves_the_old_one_whole(
    tmp_path: Path, attack: Callable[[str], Attack], limit: int
) -> None:
    cache_at(tmp_path / "c", rows=8)
    before = files(tmp_path)
    with attack("full disk").case():
        ran = program("generate", "c", "--rows", "3000", cwd=tmp_path, limit=limit)
        assert ran.returncode == 2
        assert "File too large" in ran.stderr
        assert files(tmp_path) == before


@pytest.mark.parametrize("command", ["check", "bisect"])
def test_a_report_that_finds_no_space_leaves_the_old_one_whole(
    disk: Path, tmp_path: Path, attack: Callable[[str], Attack], command: str
) -> None:
    tried = attack("full disk")
    (disk / "report.json").write_text("{}")
    fill(disk)
    with tried.case():
        ran = program(command, "--json", "disk/report.json", cwd=tmp_path)
        assert ran.returncode == 2
        assert "report.json: cannot be written (No space left on device)" in ran.stderr
        assert (disk / "report.json").read_text() == "{}"
    (tmp_path / "report.json").write_text("{}")
    with tried.case():
        ran = program(command, "--json", "report.json", cwd=tmp_path, limit=200)
        assert ran.returncode == 2
        assert "report.json: cannot be written (File too large)" in ran.stderr
        assert (tmp_path / "report.json").read_text() == "{}"


def test_standard_output_on_a_full_disk_is_no_success(disk: Path, attack: Callable[[str], Attack]) -> None:
    fill(disk)
    with attack("full disk").case(), (disk / "out").open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "bisect_cache", "bisect", "--json", "-"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert ran.returncode == 2
        assert "cannot be written" in ran.stderr
        assert "Traceback" not in ran.stderr


def test_a_workspace_without_space_costs_the_report_file_and_nothing_else(
    disk: Path, attack: Callable[[str], Attack]
) -> None:
    workspace = disk / "workspace"
    cache_at(workspace / "cache", rows=8)
    (workspace / "bisect-cache-report.json").write_text("{}")
    fill(disk)
    summary, outputs = disk.parent / "summary.md", disk.parent / "outputs"
    with attack("full disk").case():
        ran = act(
            workspace, environ={"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(outputs)}, cache="cache"
        )
        assert ran.code == 2
        assert "::warning title=bisect-cache%3A something could not be written" in ran.log
        assert "bisect-cache-report.json: cannot be written (No space left on device)" in ran.log
        assert summary.read_text().startswith("## ✅ bisect-cache: no regression")
        assert "outcome<<" in outputs.read_text()
        assert ran.report == {}, "the old one"
        assert "bisect-cache-report.json\n" not in outputs.read_text(), "the next step would take the old one"


@pytest.mark.parametrize("full", ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"])
def test_outputs_or_a_summary_without_space_are_as_they_were(
    disk: Path, workspace: Path, attack: Callable[[str], Attack], full: str
) -> None:
    before = EARLIER + "x" * (4096 - len(EARLIER) - 300)  # a page of memory is the least that such a disk gives
    target = disk / "target"
    target.write_text(before)
    fill(disk)
    with attack("full disk").case():
        ran = act(workspace, environ={full: str(target)})
        assert ran.code == 2
        assert "target: cannot be written (No space left on device)" in ran.log
        assert target.read_text() == before
        assert ran.report["outcome"] == "no-regression"
        assert bool(ran.summary) == (full == "GITHUB_OUTPUT")
        assert bool(ran.outputs) == (full == "GITHUB_STEP_SUMMARY")


def test_no_space_for_anything_is_said_in_the_log(disk: Path, attack: Callable[[str], Attack]) -> None:
    workspace = disk / "workspace"
    workspace.mkdir()
    (workspace.parent / "summary.md").write_text("")
    (workspace.parent / "outputs").write_text("")
    fill(disk)
    with attack("full disk").case():
        ran = act(workspace)
        assert ran.code == 2
        assert ran.log.count("No space left on device") == 3
        assert "no-regression: " in ran.log
        assert (ran.summary, ran.outputs, ran.report) == ("", {}, {})


def test_a_full_folder_for_temporary_files_is_not_needed(
    disk: Path, workspace: Path, attack: Callable[[str], Attack]
) -> None:
    cache_at(workspace / "cache", regress_at=5)
    fill(disk)
    with attack("full disk").case():
        ran = act(workspace, environ={"TMPDIR": str(disk)}, cache="cache")
        assert (ran.code, ran.outputs["first-bad-model"]) == (1, "model_05")


@pytest.mark.parametrize("limit", [60, 1000])
def test_a_limit_on_the_size_of_files_leaves_every_surface_whole_or_as_it_was(
    workspace: Path, attack: Callable[[str], Attack], limit: int
) -> None:
    code = f"import resource, runpy, sys\nresource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
    start = workspace.parent / "limited.py"
    start.write_text(f"{code}sys.path.insert(0, {str(ROOT)!r})\nrunpy.run_path(sys.argv[2], run_name='__main__')\n")
    with attack("full disk").case():
        ran = act(workspace, by=[sys.executable, "-B", str(start)], environ={"PYTHONDONTWRITEBYTECODE": "1"})
        assert ran.code == 2
        assert (ran.summary, ran.report) == ("", {})
        assert bool(ran.outputs) == (limit == 1000), "all of them, or none"
        assert "File too large" in ran.log


def test_what_is_appended_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "outputs"
    path.write_text(EARLIER_OUTPUT)
    append_whole(path, b"a=1\n")
    assert path.read_text() == f"{EARLIER_OUTPUT}a=1\n"
    with pytest.raises(CannotWrite, match=r"what stood there is unchanged"):
        append_whole(tmp_path, b"a=1\n")
    assert list(tmp_path.iterdir()) == [path]


# What may not be written to.


def as_somebody(workspace: Path) -> list[str]:
    for path in workspace.rglob("*"):
        path.chmod(path.stat().st_mode & ~0o222)
    workspace.chmod(0o555)
    return list(AS_NOBODY) if os.geteuid() == 0 else []


@pytest.mark.parametrize("how", ["another user's", "a read-only disk"])
@pytest.mark.parametrize(
    ("inputs", "outcome"),
    [
        ({"cache": "cache"}, "regression"),
        ({"cache": "cache", "mode": "check"}, "clean"),
        ({"cache": "absent"}, "wiring-broke"),
    ],
)
def test_a_workspace_that_may_not_be_written_to_is_judged_all_the_same(
    tmp_path: Path, attack: Callable[[str], Attack], how: str, inputs: dict[str, str], outcome: str
) -> None:
    summary, outputs = tmp_path / "summary.md", tmp_path / "outputs"
    environ = {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(outputs)}

    def judged(workspace: Path, by: list[str]) -> None:
        for path in (summary, outputs):
            path.write_text("")
            path.chmod(0o666)
        with attack("read-only workspace").case():
            before = files(workspace)
            ran = act(workspace, environ=environ, by=by, report="out/report.json", **inputs)
            assert ran.code == (1 if outcome == "regression" else 2)
            assert f"outcome<<{outputs.read_text().split('<<')[1].split()[0]}\n{outcome}\n" in outputs.read_text()
            assert summary.read_text().startswith("## ")
            assert "out/report.json: cannot be written (" in ran.log
            assert "choose a place you may write to" in ran.log
            assert f"{outcome}: " in ran.log
            assert files(workspace) == before
            if outcome == "clean":
                assert act(workspace, environ=environ, by=by, fail_on="never", **inputs).code == 0

    if how == "another user's":
        cache_at(tmp_path / "workspace" / "cache", regress_at=3)
        by = as_somebody(tmp_path / "workspace")
        judged(tmp_path / "workspace", by)
        (tmp_path / "workspace").chmod(0o755)
    else:
        with small_disk(tmp_path / "disk") as disk:
            cache_at(disk / "workspace" / "cache", regress_at=3)
            make_read_only(disk)
            (tmp_path / "runner").mkdir()
            environ["RUNNER_TEMP"] = str(tmp_path / "runner")
            judged_on_disk(disk, judged)


def judged_on_disk(disk: Path, judged: Callable[[Path, list[str]], None]) -> None:
    """The summary and the outputs of the runner lie beside the workspace's disk, and never on it."""
    link = disk.parent / "workspace"
    link.symlink_to(disk / "workspace")
    judged(link, [])


def test_the_command_line_judges_what_it_may_only_read(tmp_path: Path, attack: Callable[[str], Attack]) -> None:
    cache_at(tmp_path / "place" / "c", regress_at=3)
    by = as_somebody(tmp_path / "place")
    tried = attack("read-only workspace")
    for command, code in ((["check", "c"], 0), (["bisect", "--cache", "c"], 1), (["generate", "c"], 2)):
        with tried.case():
            ran = subprocess.run(
                [*by, sys.executable, "-B", "-m", "bisect_cache", *command],
                cwd=tmp_path / "place",
                capture_output=True,
                text=True,
                check=False,
            )
            assert ran.returncode == code, ran.stderr
            assert "Traceback" not in ran.stderr
    assert check(tmp_path / "place" / "c").outcome == "clean"


# Whose files they are.

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files that others cannot remove")
OWNER = (4321, 8765)


def owned(workspace: Path) -> Path:
    for path in (workspace, *workspace.rglob("*")):
        os.chown(path, *OWNER)
    return workspace


def owners(workspace: Path) -> set[tuple[int, int]]:
    return {(path.lstat().st_uid, path.lstat().st_gid) for path in (workspace, *workspace.rglob("*"))}


@as_root
@pytest.mark.parametrize(
    "inputs",
    [
        {"cache": "cache", "report": "out/of/the/way.json"},
        {"cache": "absent", "report": "out/report.json"},
        {"cache": "cache", "mode": "check", "report": "out/report.json"},
        {"mode": "publish", "report": "out/report.json"},
        {"mode": "nonsense", "report": "out/report.json"},
        {"cache": "cache\nembedded", "report": "out/report.json"},
    ],
)
def test_all_that_the_action_makes_belongs_to_the_owner_of_the_workspace(
    workspace: Path, attack: Callable[[str], Attack], inputs: dict[str, str]
) -> None:
    cache_at(workspace / "cache", rows=8)
    with attack("ownership").case():
        ran = act(owned(workspace), **inputs)
        assert ran.report["outcome"]
        assert owners(workspace) == {OWNER}


@as_root
def test_a_run_that_crashes_leaves_nothing_of_roots_either(workspace: Path, attack: Callable[[str], Attack]) -> None:
    code = (
        f"import os, signal, sys\nsys.path.insert(0, {str(ROOT)!r})\nimport entrypoint\n"
        "from bisect_cache.action.guard import guarded\n"
        "sys.exit(guarded(lambda: os.kill(os.getpid(), signal.SIGKILL), entrypoint.crashed))\n"
    )
    environ = {"GITHUB_WORKSPACE": str(owned(workspace)), "INPUT_REPORT": "a/b/report.json", "PATH": os.environ["PATH"]}
    with attack("ownership").case():
        ran = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False)
        assert ran.returncode == 2, ran.stderr
        assert (workspace / "a" / "b" / "report.json").exists()
        assert owners(workspace) == {OWNER}


@as_root
def test_folders_belong_to_the_owner_before_there_is_a_report_in_them(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, attack: Callable[[str], Attack]
) -> None:
    seen = []

    def killed(_self: Path, to: Path) -> None:
        seen.append(owners(workspace))
        raise SystemExit

    monkeypatch.setattr(Path, "replace", killed)
    with attack("ownership").case(), pytest.raises(SystemExit):
        surfaces.write_report(bisect_report(), workspace / "a" / "b" / "report.json", owned(workspace))
    assert seen == [{OWNER}], "the staged file too, which a kill would leave"


@as_root
def test_what_is_written_elsewhere_keeps_the_owner_that_it_is_given(tmp_path: Path) -> None:
    write_whole(tmp_path / "new" / "report.json", b"{}", owner=OWNER)
    assert owners(tmp_path / "new") == {OWNER}
    write_whole(tmp_path / "mine" / "report.json", b"{}")
    assert owners(tmp_path / "mine") == {(0, 0)}
