"""Versions of a file over generated histories, held against the program git."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from making_history import History

from bisect_cache.timeline.git.revisions import Step, commits_of, read_range
from bisect_cache.timeline.git.walk import Walk, walk

PATH, MOVED = "models/model.onnx", "nets/renamed.onnx"
STEPS = st.lists(
    st.sampled_from(
        [
            "edit",
            "edit",
            "edit",
            "other",
            "same again",
            "delete",
            "restore",
            "move",
            "branch",
            "merge",
            "take over",
            "tag",
        ]
    ),
    min_size=1,
    max_size=25,
)


class Making:
    """A history in the making: each method is a step, which does nothing where it makes no sense."""

    def __init__(self, folder: Path) -> None:
        self.history = History(folder)
        self.mine = self.history.files["main"]
        self.path, self.number = PATH, 0
        self.past: list[bytes] = []
        self.side = False
        self.history.commit("begin", readme="0")

    def edit(self) -> None:
        self.past.append(b"model %d " % self.number * 40)
        self._commit("edit", **{self.path: self.past[-1]})

    def other(self) -> None:
        self._commit("other", readme=str(self.number))

    def same_again(self) -> None:
        if self.past and self.path in self.mine:
            self._commit("revert", **{self.path: self.past[0]})

    def delete(self) -> None:
        if self.path in self.mine:
            self._commit("delete", **{self.path: None})

    def restore(self) -> None:
        if self.path not in self.mine and self.past:
            self._commit("restore", **{self.path: self.past[-1]})

    def move(self) -> None:
        if self.path in self.mine:
            old, self.path = self.path, MOVED if self.path == PATH else PATH
            self._commit("move", **{self.path: self.mine[old], old: None})

    def branch(self) -> None:
        if not self.side:
            self.history.branch("side")
            self.history.commit(f"side {self.number}", "side", **{self.path: b"side %d " % self.number * 40})
            self.side = True

    def merge(self) -> None:
        if self.side:
            self._commit("merge", merges="side")
            self.side = False

    def take_over(self) -> None:
        if self.side:
            for name in (PATH, MOVED):
                self.history.put(name, self.history.files["side"].get(name))
            self.path = next((name for name in (PATH, MOVED) if name in self.mine), self.path)
            self.merge()

    def tag(self) -> None:
        self.history.tag(f"v{self.number}")

    def _commit(self, what: str, **files: object) -> None:
        self.history.commit(f"{what} {self.number}", **files)


def made(steps: list[str], folder: Path) -> tuple[History, str]:
    """A history of these steps, and the path of the model at its end."""
    making = Making(folder)
    for making.number, step in enumerate(steps, 1):
        getattr(making, step.replace(" ", "_"))()
    return making.history, making.path


def walked(history: History, path: str, *, full: bool = False, revisions: str = "") -> Walk:
    repository = history.repository
    return walk(repository, commits_of(repository, read_range(repository, revisions, "x"), full=full), path)


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


@given(STEPS)
@settings(max_examples=40)
def test_renames_in_the_full_history_make_no_version_and_lose_none_of_the_branch(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        history, path = made([step for step in steps if step != "take over"], Path(folder))
        full = walked(history, path, full=True)
        for version in full.versions:
            contents = [models_of(history, str(commit.id)) for commit in (version.commit, *version.commit.parents)]
            assert contents[0] not in contents[1:]
        along = walked(history, path)
        listed = [(version.commit.id, version.path) for version in full.versions]
        assert [each for each in listed if each[0] in {version.commit.id for version in along.versions}] == [
            (version.commit.id, version.path) for version in along.versions
        ]


def models_of(history: History, commit: str) -> list[str]:
    """The contents of the models in a commit, whatever they are called."""
    return [line.split()[2] for line in history.git("ls-tree", "-r", commit, "--", PATH, MOVED).splitlines()]


@given(STEPS, STEPS)
@settings(max_examples=40)
def test_a_test_merge_lists_the_base_and_then_the_request_as_git_does(steps: list[str], asked: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        history, path = made([step for step in steps if step not in {"move", "take over"}], Path(folder))
        history.branch("request")
        for number, step in enumerate(asked):
            content = {"edit": {path: b"request %d " % number * 40}, "delete": {path: None}}.get(
                step, {"x": str(number)}
            )
            history.commit(f"{step} of the request", "request", **content)
        merged = history.files["request"].get(path)
        before = followed_by_git(history, path)
        history.commit(f"Merge {history.tip('request')} into {history.tip('main')}", merges="request", **{path: merged})
        request = history.git(
            "log", "--first-parent", "--reverse", "--format=%H", "--diff-filter=AM", "main^1..main^2", "--", path
        )
        found = [str(version.commit.id) for version in walked(history, path).versions]
        assert found == [commit for commit, _ in before] + request.split()


@given(STEPS, st.data())
@settings(max_examples=40)
def test_a_range_is_what_git_says_it_is(steps: list[str], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        history, _ = made(steps, Path(folder))
        every = history.git("rev-list", "--all").split()
        one, other = data.draw(st.sampled_from(every)), data.draw(st.sampled_from(every))
        for full in (False, True):
            found = [str(step.commit.id) for step in steps_of(history, f"{one}..{other}", full=full)]
            along = [] if full else ["--first-parent"]
            assert sorted(found) == sorted(history.git("rev-list", *along, f"{one}..{other}").split())


def steps_of(history: History, revisions: str, *, full: bool) -> list[Step]:
    return list(commits_of(history.repository, read_range(history.repository, revisions, "x"), full=full))
