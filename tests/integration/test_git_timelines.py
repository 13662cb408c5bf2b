"""Timelines from repositories: what is listed, what is read, and what is said where nothing can be."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pygit2
import pytest
from making_history import History
from pygit2.enums import FileMode

from bisect_cache.files import CannotRead
from bisect_cache.timeline.git.files import CommitModel
from bisect_cache.timeline.interface import BadTimeline, Checkpoint, Timeline
from bisect_cache.timeline.spec import open_timeline, spread

MODEL = "models/model.onnx"


def git(*arguments: object, cwd: Path | None = None) -> str:
    command = ["git", "-c", "safe.directory=*", "-c", "protocol.file.allow=always", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True).stdout


def model(number: int) -> bytes:
    return b"model %d " % number * 40


def three_versions(folder: Path, *, bare: bool = False, path: str = MODEL) -> History:
    """Three versions of a model, with a commit between them that leaves it alone."""
    history = History(folder, bare)
    history.commit("add", **{path: model(1)})
    history.commit("write about it", readme="1")
    history.commit("retrain (#12)", **{path: model(2)})
    history.commit("Merge pull request #13 from topic", **{path: model(3)})
    if not bare:
        history.checkout()
    return history


def listed(spec: str) -> list[str]:
    """The subjects of a timeline's commits."""
    return [point.origin["subject"] for point in open_timeline([spec]).checkpoints]


def read(timeline: Timeline) -> list[bytes]:
    return [point.files.model() for point in timeline.checkpoints]


def refusal(spec: str) -> str:
    with pytest.raises(BadTimeline) as said:
        open_timeline([spec])
    message = str(said.value)
    assert message.isprintable()
    return message


def unreadable(read_it: Callable[[], object]) -> str:
    with pytest.raises(CannotRead) as said:
        read_it()
    return str(said.value)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for a repository, which is also the current folder."""
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


# What is listed


def test_versions_are_listed_oldest_first_with_where_they_come_from(here: Path) -> None:
    history = three_versions(here)
    history.tag("v3", annotated=True)
    timeline = open_timeline([f"git-log:{MODEL}"])
    assert read(timeline) == [model(1), model(2), model(3)]
    newest = timeline.checkpoints[-1]
    tip = str(history.tip("main"))
    assert newest.origin == {
        "file": MODEL,
        "commit": tip,
        "author": "A. Author",
        "date": "2017-07-17",
        "subject": "Merge pull request #13 from topic",
        "tag": "v3",
        "pull": "13",
    }
    assert newest.label == f"{tip[:9]} 2017-07-17 Merge pull request #13 from topic"
    assert [point.origin.get("pull") for point in timeline.checkpoints] == [None, "12", "13"]
    assert timeline.notes == ()


def test_a_range_leaves_out_what_was_before_it(here: Path) -> None:
    three_versions(here).tag("release")
    assert listed(f"git-log:{MODEL}@HEAD~2..") == ["retrain (#12)", "Merge pull request #13 from topic"]
    assert listed(f"git-log:{MODEL}@HEAD~3..HEAD~1") == ["retrain (#12)"]
    assert listed(f"git-log:{MODEL}@HEAD~1") == ["add", "retrain (#12)"]
    assert listed(f"git-log:{MODEL}@..release") == listed(f"git-log:{MODEL}@") == listed(f"git-log:{MODEL}")


def test_a_side_branch_is_one_version_along_first_parents_and_all_of_its_own_in_the_full_history(here: Path) -> None:
    history = three_versions(here)
    history.branch("topic")
    history.commit("try", "topic", **{MODEL: model(4)})
    history.commit("better", "topic", **{MODEL: model(5)})
    history.commit("meanwhile", readme="2")
    history.commit("take topic", merges="topic", **{MODEL: model(5)})
    assert listed(f"git-log:{MODEL}@HEAD~2..") == ["take topic"]
    assert listed(f"git-log:{MODEL}@HEAD~2..?full") == ["try", "better"]


def test_the_full_history_follows_a_rename_on_a_side_branch_to_what_was_before_the_branch(here: Path) -> None:
    history = three_versions(here)
    history.branch("topic")
    history.commit("move", "topic", **{"moved.onnx": model(3), MODEL: None})
    history.commit("meanwhile", readme="2")
    history.commit("meanwhile again", readme="3")
    history.commit("take topic", merges="topic", **{"moved.onnx": model(3), MODEL: None})
    before = ["add", "retrain (#12)", "Merge pull request #13 from topic"]
    assert listed("git-log:moved.onnx?full") == listed("git-log:moved.onnx") == before


def test_the_same_content_again_is_listed_again_as_equal(here: Path) -> None:
    history = three_versions(here)
    history.commit("back to the second", **{MODEL: model(2)})
    contents = [point.content for point in open_timeline([f"git-log:{MODEL}"]).checkpoints]
    assert contents[1] == contents[3] is not None
    assert len(set(contents)) == 3


def test_deletions_and_renames_are_said(here: Path) -> None:
    history = three_versions(here)
    history.commit("drop", **{MODEL: None})
    history.commit("bring back", **{MODEL: model(4)})
    history.commit("move", **{MODEL: None, "nets/m.onnx": model(4)})
    history.commit("tune", **{"nets/m.onnx": model(5)})
    timeline = open_timeline(["git-log:nets/m.onnx"])
    assert [point.origin["file"] for point in timeline.checkpoints] == [MODEL] * 4 + ["nets/m.onnx"]
    deleted, renamed = timeline.notes
    assert deleted.startswith("deleted, and skipped there: ")
    assert deleted.endswith(" drop")
    assert renamed.startswith(f"followed through renames: {MODEL} to nets/m.onnx in ")
    assert read(timeline)[-1] == model(5)


def test_weights_beside_the_model_make_a_version_and_come_from_the_same_commit(here: Path) -> None:
    history = three_versions(here)
    history.commit("weights", **{f"{MODEL}.data": b"one"})
    history.commit("other weights", **{f"{MODEL}.data": b"two"})
    history.checkout()
    (here / f"{MODEL}.data").write_bytes(b"on disk")
    points = open_timeline([f"git-log:{MODEL}@HEAD~2.."]).checkpoints
    assert [point.files.beside("model.onnx.data") for point in points] == [b"one", b"two"]
    assert len({point.content for point in points}) == 2


def test_nothing_is_written_into_the_repository(here: Path) -> None:
    history = three_versions(here)
    history.tag("v1")

    def state() -> list[tuple[str, int, int]]:
        return sorted((str(p), p.lstat().st_mtime_ns, p.lstat().st_size) for p in here.rglob("*"))

    before = state()
    for spec in (f"git-log:{MODEL}", f"git-log:{MODEL}?full", f"tags:{MODEL}"):
        read(open_timeline([spec]))
    refusal("git-log:nothing.onnx")
    assert state() == before


# Pull requests as GitHub checks them out


def pull_request(here: Path, *, touches: bool = True) -> History:
    history = three_versions(here)
    history.branch("request")
    if touches:
        history.commit("first of the request", "request", **{MODEL: model(4)})
        history.commit("second of the request", "request", **{MODEL: model(5)})
    else:
        history.commit("readme of the request", "request", other="1")
    history.commit("base goes on", readme="2")
    return history


def as_merged_by_github(history: History, **files: object) -> None:
    subject = f"Merge {history.tip('request')} into {history.tip('main')}"
    history.commit(subject, merges="request", **files)


def test_the_commits_of_a_pull_request_are_the_newest_versions_of_its_test_merge(here: Path) -> None:
    history = pull_request(here)
    as_merged_by_github(history, **{MODEL: model(5)})
    before = ["add", "retrain (#12)", "Merge pull request #13 from topic"]
    assert listed(f"git-log:{MODEL}") == [*before, "first of the request", "second of the request"]
    assert listed(f"git-log:{MODEL}@HEAD^1..") == ["first of the request", "second of the request"]
    assert listed(f"git-log:{MODEL}@HEAD^2~1..") == ["second of the request"]
    assert listed(f"git-log:{MODEL}@HEAD^2~1..HEAD^2") == ["second of the request"]
    assert "there is no commit in 'HEAD..HEAD'" in refusal(f"git-log:{MODEL}@HEAD..HEAD")


def test_a_deletion_by_the_request_is_said_once(here: Path) -> None:
    history = pull_request(here)
    history.commit("drop", "request", **{MODEL: None})
    as_merged_by_github(history, **{MODEL: None})
    (note,) = open_timeline([f"git-log:{MODEL}"]).notes
    assert note.startswith("deleted, and skipped there: ")
    assert note.endswith(" drop")


def test_any_other_merge_is_one_step(here: Path) -> None:
    history = pull_request(here)
    history.commit(f"Merge {'0' * 39} into main", merges="request", **{MODEL: model(5)})
    assert len(listed(f"git-log:{MODEL}")) == 4
    assert listed(f"git-log:{MODEL}")[-1].startswith("Merge 000")


def test_a_request_that_leaves_the_model_alone_adds_no_version(here: Path) -> None:
    history = pull_request(here, touches=False)
    history.commit("base retrains", **{MODEL: model(9)})
    as_merged_by_github(history, other="1")
    assert listed(f"git-log:{MODEL}")[-1] == "base retrains"


def test_the_merge_is_a_version_where_it_has_what_neither_the_request_nor_its_last_version_has(here: Path) -> None:
    history = pull_request(here)
    history.commit("undo", "request", **{MODEL: model(3)})
    history.commit("base retrains", **{MODEL: model(9)})
    as_merged_by_github(history)
    assert [subject[:6] for subject in listed(f"git-log:{MODEL}")[-5:]] == [
        "base r",
        "first ",
        "second",
        "undo",
        "Merge ",
    ]


def test_a_model_renamed_by_the_request_is_followed_into_the_base(here: Path) -> None:
    history = pull_request(here)
    history.commit("move", "request", **{MODEL: None, "moved.onnx": model(5)})
    as_merged_by_github(history, **{MODEL: None, "moved.onnx": model(5)})
    timeline = open_timeline(["git-log:moved.onnx"])
    assert read(timeline) == [model(number) for number in (1, 2, 3, 4, 5)]
    assert len(timeline.notes) == 1


# Where the repository is, and how the file is named


def test_from_a_folder_of_the_repository_paths_count_from_there(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    three_versions(here)
    monkeypatch.chdir(here / "models")
    timeline = open_timeline(["git-log:model.onnx"])
    assert [point.origin["file"] for point in timeline.checkpoints] == ["model.onnx"] * 3
    assert len(listed("git-log:../models/./model.onnx")) == 3
    assert "Near: model.onnx" in refusal("git-log:modle.onnx")


def test_absolute_paths_are_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    three_versions(tmp_path / "repository")
    monkeypatch.chdir(tmp_path)
    timeline = open_timeline([f"git-log:{tmp_path}/repository/{MODEL}"])
    assert timeline.checkpoints[0].origin["file"] == f"{tmp_path}/repository/{MODEL}"
    assert len(listed(f"git-log:repository/{MODEL}")) == 3


def test_a_bare_repository_is_read_from_its_top(here: Path) -> None:
    three_versions(here, bare=True)
    assert len(listed(f"git-log:{MODEL}")) == len(listed(f"git-log:{here}/{MODEL}")) == 3
    assert f"Near: {MODEL}" in refusal("git-log:models/modle.onnx")
    assert "is bare; give the path inside it" in refusal("git-log:models/../../other.onnx")


def test_a_detached_head_is_as_good_as_a_branch(here: Path) -> None:
    history = three_versions(here)
    git("checkout", "--detach", "HEAD~1", cwd=here)
    assert history.repository.head_is_detached
    assert listed(f"git-log:{MODEL}") == ["add", "retrain (#12)"]


def test_a_worktree_is_as_good_as_its_repository(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    three_versions(here)
    git("worktree", "add", "-b", "other", tmp_path / "tree", "HEAD~1", cwd=here)
    monkeypatch.chdir(tmp_path / "tree")
    assert listed(f"git-log:{MODEL}") == ["add", "retrain (#12)"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a repository away")
def test_a_repository_of_another_user_is_read_without_a_setting(
    here: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    three_versions(here).tag("v1")
    for path in (here, *here.rglob("*")):
        os.chown(path, 1234, 1234)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    refused = subprocess.run(["git", "log"], capture_output=True, text=True, check=False)
    assert "dubious ownership" in refused.stderr
    assert len(read(open_timeline([f"git-log:{MODEL}"]))) == 3
    assert len(read(open_timeline([f"tags:{MODEL}"]))) == 1


@pytest.mark.parametrize(
    "name",
    ["my model.onnx", "größe/modèle.onnx", "a@b.onnx", '\'"quoted".onnx', "two\nlines.onnx", "a@b@c/@", "-x?.onnx"],
)
def test_names_with_odd_characters_are_found(here: Path, name: str) -> None:
    history = three_versions(here, path=name)
    history.tag("v1@2")
    for spec in (f"git-log:{name}", f"tags:{name}", f"git-log:{name}@HEAD~0", f"tags:{name}@v1@*"):
        assert read(open_timeline([spec]))[-1] == model(3)
    assert listed(f"git-log:{name}@HEAD~2..HEAD~1") == ["retrain (#12)"]
    (here / name).unlink()
    assert len(listed(f"git-log:{name}")) == 3


def test_a_name_with_an_at_sign_counts_before_a_range(here: Path) -> None:
    history = three_versions(here, path="model.onnx")
    history.commit("other", **{"model.onnx@HEAD~1": b"x"})
    history.checkout()
    assert listed("git-log:model.onnx@HEAD~1") == ["other"]
    assert len(listed("git-log:model.onnx@HEAD~2")) == 2


# What cannot be


def test_a_shallow_clone_says_fetch_depth(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    three_versions(here).tag("v1")
    git("clone", "--depth", "2", f"file://{here}", tmp_path / "shallow")
    git("worktree", "add", "-b", "other", tmp_path / "tree", cwd=tmp_path / "shallow")
    for folder in ("shallow", "tree"):
        monkeypatch.chdir(tmp_path / folder)
        for spec in (f"git-log:{MODEL}", f"git-log:{MODEL}?full", f"git-log:{MODEL}@HEAD~3..HEAD"):
            assert "fetch-depth: 0" in refusal(spec)
        assert any("fetch-depth: 0" in note for note in open_timeline([f"tags:{MODEL}"]).notes)
    monkeypatch.chdir(tmp_path / "shallow")
    assert listed(f"git-log:{MODEL}@HEAD~1..") == ["Merge pull request #13 from topic"]
    git("fetch", "--unshallow", cwd=tmp_path / "shallow")
    assert len(listed(f"git-log:{MODEL}")) == 3


def test_a_shallow_clone_of_a_pull_request_says_fetch_depth(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_merged_by_github(pull_request(here), **{MODEL: model(5)})
    for depth in (1, 2):
        git("clone", "--depth", depth, f"file://{here}", tmp_path / f"depth{depth}")
        monkeypatch.chdir(tmp_path / f"depth{depth}")
        assert "fetch-depth: 0" in refusal(f"git-log:{MODEL}")


@pytest.mark.parametrize("kind", ["git-log", "tags"])
def test_a_path_that_never_existed_is_told_near_names(here: Path, kind: str) -> None:
    three_versions(here).tag("v1")
    message = refusal(f"{kind}:model/modle.onnx")
    assert "model/modle.onnx" in message
    assert message.endswith(f"correct the path. Near: {MODEL}")
    assert "Near" not in refusal(f"{kind}:zzz")


@pytest.mark.parametrize(
    ("revisions", "said"),
    [
        ("HEAD..HEAD", "no commit in 'HEAD..HEAD'; a range is OLDER..NEWER"),
        ("HEAD..HEAD~1", "no commit in 'HEAD..HEAD~1'; a range is OLDER..NEWER"),
        ("HEAD~3..HEAD~2", f"no commit in 'HEAD~3..HEAD~2' changes {MODEL}; take a longer range"),
        ("HEAD~1...HEAD", "has three dots; a range is OLDER..NEWER"),
        ("nope", "'nope' is no commit, branch or tag here"),
        ("nope..HEAD", "'nope' is no commit, branch or tag here"),
        ("HEAD~99", "'HEAD~99' is no commit"),
        ("--all", "'--all' is no commit"),
        ("a b", "'a b' is no commit"),
        ("^HEAD", "'^HEAD' is no commit"),
        ("HEAD:models", "'HEAD:models' is no commit"),
        ("0" * 40, "is no commit, branch or tag here"),
        ("\x1b[31m", "is no commit, branch or tag here"),
        ("\udcff", "is no commit, branch or tag here"),
        ("a\0b", "is no commit, branch or tag here"),
    ],
)
def test_a_range_that_is_none_is_refused(here: Path, revisions: str, said: str) -> None:
    three_versions(here)
    assert said in refusal(f"git-log:{MODEL}@{revisions}")


def test_a_submodule_is_named_as_such_until_it_is_there(here: Path, tmp_path: Path) -> None:
    three_versions(tmp_path / "library")
    history = History(here)
    history.commit("begin", readme="1")
    history.checkout()
    git("-c", "user.name=x", "-c", "user.email=x", "submodule", "add", tmp_path / "library", "sub", cwd=here)
    git("-c", "user.name=x", "-c", "user.email=x", "commit", "-m", "add sub", cwd=here)
    assert "sub is a submodule" in refusal("git-log:sub")
    assert len(listed(f"git-log:sub/{MODEL}")) == 3
    git("submodule", "deinit", "-f", "sub", cwd=here)
    message = refusal(f"git-log:sub/{MODEL}")
    assert "sub is a submodule" in message
    assert "submodules: true" in message


def test_a_path_outside_is_refused(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    three_versions(here)
    assert "is in no Git repository" in refusal(f"git-log:{tmp_path}/elsewhere.onnx")
    assert "actions/checkout" in refusal("git-log:../elsewhere.onnx")
    (here / "way out").symlink_to(tmp_path)
    assert "is in no Git repository" in refusal("git-log:way out/model.onnx")
    monkeypatch.chdir(tmp_path)
    assert "is in no Git repository" in refusal("git-log:model.onnx")
    assert "is in no Git repository" in refusal("tags:model.onnx")


def test_a_path_beside_the_folder_of_files_is_refused(here: Path, tmp_path: Path) -> None:
    three_versions(here)
    (tmp_path / "elsewhere").mkdir()
    git("config", "core.worktree", tmp_path / "elsewhere", cwd=here)
    message = refusal(f"git-log:{MODEL}")
    assert f"{MODEL} lies outside the repository at {tmp_path}/elsewhere; name a file in it" in message


def test_a_commit_that_cannot_be_read_is_not_said_to_be_absent(here: Path) -> None:
    history = three_versions(here)
    tree = history.git("rev-parse", "HEAD^{tree}").strip()
    raw = f"tree {tree}\nauthor nobody\ncommitter J <j> 1 +0000\n\nno address\n".encode()
    commit = history.repository.odb.write(pygit2.enums.ObjectType.COMMIT, raw)
    history.repository.references.create("refs/heads/odd", commit)
    assert "'odd' cannot be read (" in refusal(f"git-log:{MODEL}@odd")


@pytest.mark.parametrize(
    ("content", "said"),
    [("[core]\n\trepositoryformatversion = 1\n[extensions]\n\tunheard = true\n", "unheard"), ("[", "config")],
)
def test_a_repository_that_cannot_be_opened_is_said(here: Path, content: str, said: str) -> None:
    three_versions(here)
    (here / ".git/config").write_text(content)
    message = refusal(f"git-log:{MODEL}")
    assert "cannot be opened" in message
    assert said in message


def test_a_pattern_is_a_timeline_for_each_file_as_the_user_would_name_it(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = three_versions(here)
    history.commit("more", **{"models/a@b.onnx": model(7), "models/[1].onnx": model(8), "other.onnx": model(9)})
    names = ["models/[1].onnx", "models/a@b.onnx", MODEL]
    assert spread(["git-log:models/*.onnx@HEAD?full"]) == tuple((f"git-log:{name}@HEAD?full",) for name in names)
    assert spread(["git-log:models/[1].onnx"]) == (("git-log:models/[1].onnx",),)
    monkeypatch.chdir(here / "models")
    specs = spread(["git-log:../**/*.onnx"])
    assert specs == tuple((f"git-log:{name}",) for name in ("[1].onnx", "a@b.onnx", "model.onnx", "../other.onnx"))
    assert [len(open_timeline(one).checkpoints) for one in specs] == [1, 1, 3, 1]
    with pytest.raises(BadTimeline, match="matches the pattern; correct it"):
        spread(["git-log:*.pt"])


def test_a_repository_that_is_not_there_any_more_is_said(here: Path) -> None:
    (here / ".git").write_text("gitdir: /nowhere/at/all\n")
    assert "no Git repository" in refusal("git-log:model.onnx")


@pytest.mark.parametrize("kind", ["git-log", "tags"])
def test_a_symbolic_link_is_told_where_it_leads(here: Path, kind: str) -> None:
    history = three_versions(here)
    history.modes["latest.onnx"] = FileMode.LINK
    history.commit("link", **{"latest.onnx": MODEL})
    history.tag("v1")
    history.checkout()
    assert f"latest.onnx is a symbolic link to {MODEL}; name the file" in refusal(f"{kind}:latest.onnx")
    (here / "untracked.onnx").symlink_to(MODEL)
    assert f"untracked.onnx is a symbolic link to {MODEL}" in refusal(f"{kind}:untracked.onnx")


def test_a_linked_folder_leads_to_the_file(here: Path) -> None:
    three_versions(here)
    (here / "link").symlink_to("models")
    assert len(listed("git-log:link/model.onnx")) == 3


@pytest.mark.parametrize("kind", ["git-log", "tags"])
@pytest.mark.parametrize("folder", ["models", "models/", ".", "..", "./", "models/..", "{here}"])
def test_a_folder_is_no_file(here: Path, kind: str, folder: str) -> None:
    three_versions(here).tag("v1")
    assert "is a folder" in refusal(f"{kind}:{folder.format(here=here)}")


@pytest.mark.parametrize("path", ["", "/", "@HEAD", "a\0b"])
def test_no_name_is_no_file(here: Path, path: str) -> None:
    three_versions(here)
    assert "names no file" in refusal(f"git-log:{path}")


@pytest.mark.parametrize(
    "path", ["\udcff.onnx", f"{MODEL}/deeper", "x" * 4000, f"{'x' * 4000}/m.onnx", "\x1b[1m", "loop/m.onnx"]
)
def test_odd_paths_are_not_in_the_history(here: Path, path: str) -> None:
    three_versions(here)
    (here / "loop").symlink_to("loop")
    for full in ("", "?full", "@HEAD"):
        assert "is not in the history" in refusal(f"git-log:{path}{full}")


def test_a_path_may_be_spelled_loosely(here: Path) -> None:
    three_versions(here)
    for path in ("models//model.onnx", "./models/./model.onnx", "models/../models/model.onnx", "models/model.onnx/"):
        assert [point.origin["file"] for point in open_timeline([f"git-log:{path}"]).checkpoints] == [MODEL] * 3


def test_a_repository_without_a_commit_says_so(here: Path) -> None:
    History(here)
    assert "has no commit yet" in refusal("git-log:model.onnx")
    assert "no tags" in refusal("tags:model.onnx")
    assert "'@' is no commit" in refusal("git-log:model.onnx@@")


def test_several_specs_of_history_do_not_join(here: Path) -> None:
    three_versions(here)
    with pytest.raises(BadTimeline, match="give one SPEC"):
        open_timeline([f"git-log:{MODEL}", f"git-log:{MODEL}"])


# Tags


def tagged(here: Path, *tags: str) -> History:
    """A version of the model for each tag, in this order of dates."""
    history = History(here)
    for number, tag in enumerate(tags):
        history.commit(f"release {tag}", **{MODEL: model(number)})
        history.tag(tag, annotated=number % 2 == 1)
    return history


def labels(spec: str) -> list[str]:
    return [point.label for point in open_timeline([spec]).checkpoints]


def test_tags_stand_in_the_order_of_their_versions(here: Path) -> None:
    tagged(here, "v1.10.0", "v1.2.0", "v1.10.0rc1", "v0.9")
    timeline = open_timeline([f"tags:{MODEL}"])
    assert [point.label for point in timeline.checkpoints] == ["v0.9", "v1.2.0", "v1.10.0rc1", "v1.10.0"]
    assert read(timeline) == [model(number) for number in (3, 1, 2, 0)]
    assert timeline.checkpoints[0].origin["tag"] == "v0.9"
    assert timeline.checkpoints[0].origin["author"] == "A. Author"
    assert timeline.notes == ()
    assert labels(f"tags:{MODEL}@v1.*") == ["v1.2.0", "v1.10.0rc1", "v1.10.0"]


def test_tags_of_which_one_is_no_version_stand_in_the_order_of_dates(here: Path) -> None:
    tagged(here, "v2", "nightly", "v1")
    timeline = open_timeline([f"tags:{MODEL}"])
    assert [point.label for point in timeline.checkpoints] == ["v2", "nightly", "v1"]
    assert timeline.notes == ("not every tag is a version: taken in the order of their commits' dates",)


def test_neighbours_with_the_same_model_are_one_checkpoint_with_all_their_tags(here: Path) -> None:
    history = tagged(here, "v1")
    history.tag("v1.1")
    history.commit("nothing of the model", readme="1")
    history.tag("v2", annotated=True)
    history.commit("retrain", **{MODEL: model(9)})
    history.tag("v3")
    history.commit("back", **{MODEL: model(0)})
    history.tag("v4")
    points = open_timeline([f"tags:{MODEL}"]).checkpoints
    assert [point.origin["tag"] for point in points] == ["v1, v1.1, v2", "v3", "v4"]
    assert points[0].content == points[2].content != points[1].content


def test_tags_without_the_file_and_tags_of_no_commit_are_noted(here: Path) -> None:
    history = History(here)
    history.commit("begin", readme="1")
    history.tag("v0")
    history.commit("add", **{MODEL: model(1)})
    history.tag("v1")
    history.repository.references.create("refs/tags/v2", history.repository.create_blob(b"key"))
    (here / ".git/refs/tags/v3").write_text("garbage\n")
    timeline = open_timeline([f"tags:{MODEL}"])
    assert [point.label for point in timeline.checkpoints] == ["v1"]
    assert timeline.notes == ("tags without the file: v0", "tags that lead to no commit here, left out: v2")
    assert len(listed(f"git-log:{MODEL}")) == 1
    assert "v2 lead to no commit" in refusal(f"tags:{MODEL}@v2")


def test_no_tags_and_no_tag_that_matches_are_said(here: Path) -> None:
    history = three_versions(here)
    assert "fetch-tags: true" in refusal(f"tags:{MODEL}")
    history.tag("v1")
    assert "no tag matches 'w*'; correct the pattern. There are v1" in refusal(f"tags:{MODEL}@w*")


def test_tags_of_any_bytes_are_shown_apart(here: Path) -> None:
    history = three_versions(here)
    tips = [str(history.tip("main")), str(history.repository.revparse_single("HEAD~2").id)]
    lines = b"".join(
        tip.encode() + b" refs/tags/1" + end + b"\n" for tip, end in zip(tips, (b"\xff", b"\xfe"), strict=True)
    )
    (here / ".git/packed-refs").write_bytes(lines)
    shown = labels(f"tags:{MODEL}")
    assert len(set(shown)) == 2
    assert all(label.isprintable() for label in shown)
    read(open_timeline([f"git-log:{MODEL}"]))


# What is read


def only(spec: str) -> Checkpoint:
    (point,) = open_timeline([spec]).checkpoints
    return point


def test_files_beside_the_model_come_from_its_commit_and_its_folder(here: Path) -> None:
    history = History(here)
    history.modes["models/link.json"] = FileMode.LINK
    files = {MODEL: model(1), "models/model.json": b"{}", "models/w/1.bin": b"w", "models/link.json": "model.json"}
    history.commit("add", **files, top="secret")
    history.commit("later", **{"models/model.json": b"[]"})
    found = only(f"git-log:{MODEL}").files
    assert found.beside("model.json") == b"{}"
    assert found.beside("w/1.bin") == b"w"
    assert "climbs out with '..'" in unreadable(lambda: found.beside("../top"))
    assert "is absolute" in unreadable(lambda: found.beside("/etc/passwd"))
    assert "is a symbolic link" in unreadable(lambda: found.beside("link.json"))
    assert "does not exist" in unreadable(lambda: found.beside("absent.json"))
    assert "does not exist" in unreadable(lambda: found.beside("w"))
    assert "characters that no file name has" in unreadable(lambda: found.beside("a\0b"))


def lfs_pointer(data: bytes) -> bytes:
    oid = hashlib.sha256(data).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(data)}\n".encode()


def lfs_store(repository: Path, data: bytes) -> Path:
    oid = hashlib.sha256(data).hexdigest()
    place = repository / ".git/lfs/objects" / oid[:2] / oid[2:4] / oid
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def test_an_lfs_pointer_is_resolved_from_the_store_also_in_a_worktree(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = History(here)
    history.commit("add", **{MODEL: lfs_pointer(b"the model"), f"{MODEL}.data": lfs_pointer(b"the weights")})
    history.checkout()
    place = lfs_store(here, b"the model")
    message = unreadable(only(f"git-log:{MODEL}").files.model)
    assert "`lfs: true`" in message
    assert "`git lfs fetch --all`" in message
    place.write_bytes(b"the modem")
    assert "the object in the store is another" in unreadable(only(f"git-log:{MODEL}").files.model)
    place.write_bytes(b"the model")
    lfs_store(here, b"the weights").write_bytes(b"the weights")
    history.commit("too much", **{"large.onnx": lfs_pointer(b"the model").replace(b"size 9", b"size 2147483648")})
    assert "stands for 2,147,483,648 bytes; at most 2,147,483,647 are read" in unreadable(
        only("git-log:large.onnx").files.model
    )
    git("worktree", "add", "-b", "other", tmp_path / "tree", cwd=here)
    for folder in (here, tmp_path / "tree"):
        monkeypatch.chdir(folder)
        found = only(f"git-log:{MODEL}").files
        assert found.model() == b"the model"
        assert found.beside("model.onnx.data") == b"the weights"


def test_a_file_that_was_not_fetched_is_said_when_it_is_asked_for(here: Path) -> None:
    history = three_versions(here)
    blob = history.git("rev-parse", f"HEAD~1:{MODEL}").strip()
    points = open_timeline([f"git-log:{MODEL}"]).checkpoints
    (here / ".git/objects" / blob[:2] / blob[2:]).unlink()
    points = open_timeline([f"git-log:{MODEL}"]).checkpoints
    message = unreadable(points[1].files.model)
    assert "is not in this clone: it is partial or damaged" in message
    assert "--refetch" in message
    assert points[2].files.model() == model(3)


def test_a_partial_clone_lists_what_it_can_and_says_what_it_lacks(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = three_versions(here)
    history.commit("move", **{MODEL: None, "moved.onnx": model(3)})
    history.commit("move and edit", **{"draft.onnx": model(5) + b"more"})
    history.commit("move and edit again", **{"draft.onnx": None, "edited.onnx": model(5) + b"even more"})
    assert len(listed("git-log:edited.onnx")) == 2
    git("config", "uploadpack.allowFilter", "true", cwd=here)
    for kind in ("blob:none", "tree:0"):
        target = tmp_path / kind.replace(":", "-")
        git("clone", "--no-checkout", f"--filter={kind}", f"file://{here}", target)
        git("config", "core.repositoryformatversion", "1", cwd=target)
        git("config", "extensions.partialClone", "origin", cwd=target)
        monkeypatch.chdir(target)
        if kind == "tree:0":
            assert "it is partial or damaged" in refusal("git-log:moved.onnx")
        else:
            points = open_timeline(["git-log:moved.onnx"]).checkpoints
            assert len(points) == 3
            assert "it is partial or damaged" in unreadable(points[0].files.model)
            assert len(listed("git-log:edited.onnx")) == 1  # a rename with a change shows in what was not fetched


def test_a_missing_folder_of_a_commit_is_not_taken_for_a_deletion(here: Path) -> None:
    history = three_versions(here)
    tree = history.git("rev-parse", "HEAD~1:models").strip()
    (here / ".git/objects" / tree[:2] / tree[2:]).unlink()
    assert "it is partial or damaged" in refusal(f"git-log:{MODEL}")


def test_a_missing_folder_is_not_taken_for_a_missing_file(here: Path) -> None:
    history = three_versions(here)
    commit = history.git("rev-parse", "HEAD~1").strip()
    tree = history.git("rev-parse", "HEAD~1:models").strip()
    (here / ".git/objects" / tree[:2] / tree[2:]).unlink()
    found = CommitModel(pygit2.Repository(str(here)), commit, MODEL)
    assert "it is partial or damaged" in unreadable(found.model)


# Text from strangers


def test_hostile_authors_and_subjects_are_made_fit_to_be_shown(here: Path) -> None:
    history = History(here)
    history.author = ("Eve\x1b[31m | `x` \u202e" + "e" * 500, "eve@example.invalid", 0)
    history.commit("sub\x1b]0;ject\x07 | <b>" + "s" * 5000 + "\n\nbody eve@example.invalid", **{MODEL: model(1)})
    point = only(f"git-log:{MODEL}")
    for text in (point.label, *point.origin.values()):
        assert text.isprintable()
        assert len(text) <= 400
        assert "eve@" not in text
    assert point.origin["author"].startswith("Eve\ufffd[31m | `x` \ufffd")


def test_an_address_is_shown_neither_as_a_name_nor_in_a_subject(here: Path) -> None:
    history = History(here)
    history.author = ("me@example.invalid", "me@example.invalid", 0)
    history.commit("signed by me@example.invalid (#7)", **{MODEL: model(1)})
    point = only(f"git-log:{MODEL}")
    assert not any("example" in text for text in (point.label, *point.origin.values()))
    assert point.origin["author"] == "me"
    assert point.origin["pull"] == "7"


@pytest.mark.parametrize(("east", "day"), [(0, "2017-07-14"), (14 * 60, "2017-07-14"), (-3 * 60, "2017-07-13")])
def test_days_are_those_of_the_author(here: Path, east: int, day: str) -> None:
    history = History(here)
    history.author = ("A", "a@example.invalid", east)
    history.commit("add", **{MODEL: model(1)})
    assert only(f"git-log:{MODEL}").origin["date"] == day
    assert day == history.git("log", "--format=%ad", "--date=short").strip()


def test_commits_that_no_git_would_write_are_listed(here: Path) -> None:
    history = three_versions(here)
    repository, tree = history.repository, history.git("rev-parse", "HEAD~2^{tree}").strip()
    for who in (b"<> 5", b"J\xf6rg <j> 1500000000 +9999", b"J <j> -1 +0000", b"J <j> 99999999999999 +0000", b"J <j>"):
        raw = b"tree %s\nauthor %s\ncommitter J <j> 1500000000 +0000\n\nsubj\xf6ct\n" % (tree.encode(), who)
        commit = repository.odb.write(pygit2.enums.ObjectType.COMMIT, raw)
        repository.references.create("refs/heads/odd", commit, force=True)
        point = only(f"git-log:{MODEL}@odd")
        assert point.label.isprintable()
        assert point.origin["author"]
