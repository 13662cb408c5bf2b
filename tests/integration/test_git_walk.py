"""Versions of a file over generated histories, held against the program git."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from making_history import History

from bisect_cache.timeline.git.revisions import commits_of, read_range
from bisect_cache.timeline.git.walk import Walk, walk

PATH, MOVED = "models/model.onnx", "nets/renamed.onnx"
STEPS = st.lists(
    st.sampled_from(
        ["edit", "edit", "edit", "other", "same again", "delete", "restore", "move", "branch", "merge", "take over", "tag"]
    ),
    min_size=1,
    max_size=25,
)


def made(steps: list[str], folder: Path) -> tuple[History, str]:
    """A history of these steps, and the path of the model at its end."""
    history = History(folder)
    path, content, number, past = PATH, b"", 0, []
    history.commit("begin", readme="0")
    side = False
    for step in steps:
        number += 1
        mine = history.files["main"]
        if step == "edit":
            content = b"model %d " % number * 40
            past.append(content)
            history.put(path, content)
            history.commit(f"edit {number}")
        elif step == "other":
            history.commit(f"other {number}", readme=str(number))
        elif step == "same again" and past and path in mine:
            history.put(path, past[0])
            history.commit(f"revert {number}")
        elif step == "delete" and path in mine:
            content = mine[path]
            history.put(path, None)
            history.commit(f"delete {number}")
        elif step == "restore" and path not in mine and content:
            history.put(path, content)
            history.commit(f"restore {number}")
        elif step == "move" and path in mine:
            other = MOVED if path == PATH else PATH
            history.put(other, mine[path])
            history.put(path, None)
            path = other
            history.commit(f"move {number}")
        elif step == "branch" and not side:
            history.branch("side")
            history.put(path, b"side %d " % number * 40, "side")
            history.commit(f"side {number}", branch="side")
            side = True
        elif step in {"merge", "take over"} and side:
            if step == "take over":
                for name in (PATH, MOVED):
                    history.put(name, history.files["side"].get(name))
                path = next((name for name in (PATH, MOVED) if name in history.files["main"]), path)
            history.commit(f"merge {number}", merges="side")
            side = False
        elif step == "tag":
            history.tag(f"v{number}")
    return history, path


def walked(history: History, path: str, *, full: bool = False, revisions: str = "") -> Walk:
    repository = history.repository
    return walk(repository, commits_of(repository, read_range(repository, revisions, "x"), full=full), path, full=full)


def followed_by_git(history: History, path: str) -> list[tuple[str, str]]:
    """Commit and path of each version along first parents, as ``git log --follow`` has them."""
    log = history.git("log", "--first-parent", "-m", "--follow", "--name-status", "--format=%x00%H", "--", path)
    versions = []
    for block in filter(str.strip, log.split("\0")):
        commit, *changes = [line for line in block.splitlines() if line]
        for change in changes:
            status, *paths = change.split("\t")
            if status not in {"D", "R100"}:
                versions.append((commit, paths[-1]))
    return versions[::-1]


@given(STEPS)
@settings(max_examples=60)
def test_along_first_parents_the_versions_are_those_of_git_log_follow(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        history, path = made(steps, Path(folder))
        found = walked(history, path)
        assert [(str(version.commit.id), version.path) for version in found.versions] == followed_by_git(history, path)
        for version in found.versions:
            shown = history.git("rev-parse", f"{version.commit.id}:{version.path}").strip()
            assert version.content == (shown,)


@given(STEPS)
@settings(max_examples=40)
def test_over_the_full_history_a_version_differs_from_every_parent(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        history, path = made([step for step in steps if step != "move"], Path(folder))
        found = walked(history, path, full=True)
        wanted = set()
        lines = history.git("rev-list", "--parents", "main").splitlines()
        for line in lines:
            commit, *parents = line.split()
            contents = [history.git("ls-tree", each, "--", path) for each in (commit, *parents)]
            if contents[0] and contents[0] not in contents[1:]:
                wanted.add(commit)
        order = [str(version.commit.id) for version in found.versions]
        assert set(order) == wanted
        assert len(order) == len(wanted)
        newest_first = [line.split()[0] for line in lines]
        for version in found.versions:  # oldest first: no version stands before one of its own ancestors
            later = order[order.index(str(version.commit.id)) + 1 :]
            assert not any(history.repository.descendant_of(version.commit.id, other) for other in later)
        assert set(order) <= set(newest_first)
