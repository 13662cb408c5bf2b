"""Repositories with a history, made for tests: no working tree is touched, every commit is written as objects."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pygit2
from pygit2.enums import FileMode

DAY = 86_400
BORN = 1_500_000_000


@dataclass
class History:
    """A bare or plain repository and its branches; every commit gets the next day."""

    folder: Path
    bare: bool = False
    days: int = 0
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """The files of each branch."""
    modes: dict[str, FileMode] = field(default_factory=dict)
    """Paths that are no plain files: links, and submodules, whose content is the id of a commit."""
    author: tuple[str, str, int] = ("A. Author", "author@example.invalid", 0)
    """Name, address, and minutes east of Greenwich of the next commits."""

    def __post_init__(self) -> None:
        self.repository = pygit2.init_repository(str(self.folder), bare=self.bare, initial_head="main")
        self.files.setdefault("main", {})

    def commit(self, subject: str = "change", branch: str = "main", merges: str | None = None, **files: object) -> str:
        """A commit on ``branch``; its id. ``merges`` names a branch that comes in with its own files where given."""
        mine = self.files[branch]
        for name, content in files.items():
            self.put(name, content, branch)
        name, address, east = self.author
        signature = pygit2.Signature(name, address, BORN + self.days * DAY, east)
        self.days += 1
        parents = [self.tip(branch)] if self.tip(branch) else []
        if merges:
            parents.append(self.tip(merges))
        commit = self.repository.create_commit(
            f"refs/heads/{branch}", signature, signature, subject, self._tree(mine), [p for p in parents if p]
        )
        return str(commit)

    def put(self, path: str, content: object, branch: str = "main") -> None:
        """Set a file of the next commit; None removes it."""
        if content is None:
            self.files[branch].pop(path, None)
        else:
            self.files[branch][path] = content if isinstance(content, bytes) else str(content).encode()

    def branch(self, name: str, start: str = "main") -> None:
        """A branch that begins where another is now."""
        self.files[name] = dict(self.files[start])
        tip = self.tip(start)
        assert tip is not None
        self.repository.references.create(f"refs/heads/{name}", tip, force=True)

    def tag(self, name: str, branch: str = "main", *, annotated: bool = False) -> None:
        """A tag on the newest commit of a branch."""
        tip = self.tip(branch)
        assert tip is not None
        if annotated:
            tagger = pygit2.Signature("T. Tagger", "tagger@example.invalid", BORN, 0)
            self.repository.create_tag(name, tip, pygit2.enums.ObjectType.COMMIT, tagger, f"Release {name}")
            return
        self.repository.references.create(f"refs/tags/{name}", tip, force=True)

    def tip(self, branch: str) -> pygit2.Oid | None:
        """The newest commit of a branch."""
        reference = self.repository.references.get(f"refs/heads/{branch}")
        return reference.target if reference else None  # type: ignore[return-value]

    def git(self, *arguments: str) -> str:
        """What the program git says."""
        command = ["git", "-c", "safe.directory=*", "-C", str(self.folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def checkout(self) -> None:
        """Write the files of the newest commit."""
        self.repository.checkout_head(strategy=pygit2.enums.CheckoutStrategy.FORCE)

    def _tree(self, files: dict[str, bytes]) -> pygit2.Oid:
        index = pygit2.Index()
        for path, content in files.items():
            mode = self.modes.get(path, FileMode.BLOB)
            held = pygit2.Oid(hex=content.decode()) if mode == FileMode.COMMIT else self.repository.create_blob(content)
            index.add(pygit2.IndexEntry(path, held, mode))
        return index.write_tree(self.repository)
