"""A model as one commit has it, with the files beside it in the same commit."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pygit2

from bisect_cache.files import LARGEST_FILE, CannotRead, read_file, sha256_of
from bisect_cache.printable import printable
from bisect_cache.timeline.folder import location_fault
from bisect_cache.timeline.git.objects import GIT_ERRORS, common_folder, entry_at, file_at
from bisect_cache.timeline.interface import LARGEST_MODEL, ModelFiles

_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-.*\n)*oid sha256:([0-9a-f]{64})\nsize (\d{1,15})\n"
)
_LONGEST_POINTER = 1024


@dataclass(frozen=True)
class CommitModel(ModelFiles):
    """A model in a commit. Objects are read when they are asked for."""

    repository: pygit2.Repository
    commit: str
    """Its id, 40 or 64 digits."""
    path: str

    def model(self) -> bytes:
        """The model's bytes. Raises ``CannotRead``."""
        return self._read(self.path, LARGEST_MODEL)

    def beside(self, location: str, largest: int = LARGEST_FILE) -> bytes:
        """The bytes of ``location`` relative to the model's own folder, in the same commit.

        Raises ``CannotRead`` where it cannot be read, is not a relative path with ``/``, or leaves that folder.
        """
        if fault := location_fault(location):
            named = f"{self._shown(self.path)} names {printable(location)!r}, which"
            raise CannotRead(f"{named} {fault}; name a file in the model's own folder")
        return self._read(self._place(location), largest)

    def holds(self, location: str) -> bool:
        """Whether the commit has a file at ``location``."""
        try:
            tree = self.repository[self.commit].peel(pygit2.Commit).tree
            return location_fault(location) is None and file_at(tree, self._place(location)) is not None
        except GIT_ERRORS:
            return False

    def _place(self, location: str) -> str:
        folder = self.path.rpartition("/")[0]
        return f"{folder}/{location}" if folder else location

    def _read(self, path: str, largest: int) -> bytes:
        try:
            tree = self.repository[self.commit].peel(pygit2.Commit).tree
            found = file_at(tree, path)
            entry = entry_at(tree, path)
        except GIT_ERRORS as error:
            raise self._missing(path) from error
        if found is None and entry is not None and entry.filemode == pygit2.enums.FileMode.LINK:
            raise CannotRead(f"{self._shown(path)} is a symbolic link; commit the file itself there")
        if found is None:
            raise CannotRead(f"{self._shown(path)} does not exist as a file; commit it together with the model")
        try:
            _, size = self.repository.odb.read_header(found)
            if size > largest:
                raise CannotRead(f"{self._shown(path)} has {size:,} bytes; at most {largest:,} are read")
            data = self.repository[found].peel(pygit2.Blob).data
        except GIT_ERRORS as error:
            raise self._missing(path) from error
        pointer = _POINTER.match(data) if len(data) <= _LONGEST_POINTER else None
        return self._from_lfs(path, pointer[1].decode(), int(pointer[2]), largest) if pointer else data

    def _from_lfs(self, path: str, sha256: str, size: int, largest: int) -> bytes:
        """The object that a pointer stands for, from the repository's own store."""
        store = common_folder(self.repository) / "lfs" / "objects"
        place = store / sha256[:2] / sha256[2:4] / sha256
        if size > largest:
            raise CannotRead(f"{self._shown(path)} stands for {size:,} bytes; at most {largest:,} are read")
        try:
            data = read_file(place, largest=largest)
        except CannotRead as error:
            raise CannotRead(
                f"{self._shown(path)} is a Git LFS pointer, and its object is not here; run `git lfs fetch --all`, or "
                f"set `lfs: true` in actions/checkout and run `git lfs fetch --all` after it"
            ) from error
        if len(data) != size or sha256_of(data) != sha256:
            raise CannotRead(
                f"{self._shown(path)} is a Git LFS pointer, and the object in the store is another; run "
                f"`git lfs fsck` and `git lfs fetch --all`"
            )
        return data

    def _missing(self, path: str) -> CannotRead:
        return CannotRead(
            f"{self._shown(path)} is not in this clone: it is partial or damaged; fetch everything, with "
            f"`git fetch --refetch --no-filter` or without `filter:` in actions/checkout"
        )

    def _shown(self, path: str) -> str:
        return f"{printable(path)} in commit {self.commit[:9]}"
