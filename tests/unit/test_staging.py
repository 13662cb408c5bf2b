"""Hidden places beside what is being made, on file systems of every kind."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from bisect_cache.files import write_whole
from bisect_cache.staging import alone, staged_folder

NO_LOCKS = [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EIO, errno.EACCES, 45]


@pytest.mark.parametrize("number", NO_LOCKS)
def test_where_nothing_can_be_locked_everything_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def flock(_handle: int, _operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    write_whole(tmp_path / "report.json", b"{}")
    with staged_folder(tmp_path / "c") as stage, alone(tmp_path / "lock"):
        assert stage.is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_one_waits_for_another_that_holds_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bisect_cache.staging._LONGEST_WAIT", 0.1)
    with (
        alone(tmp_path / "lock"),
        pytest.raises(OSError, match="another run is replacing it"),
        alone(tmp_path / "lock"),
    ):
        pass
    with alone(tmp_path / "lock"):
        assert (tmp_path / "lock").exists()
