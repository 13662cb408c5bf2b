"""Files are written whole or not at all, and for others to read."""

import os
from pathlib import Path

import pytest

from bisect_cache.files import CannotWrite, write_whole


def test_a_file_is_replaced_and_anybody_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "report.json"
    write_whole(path, b"old")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(path.parent.iterdir()) == [path]


def test_a_name_as_long_as_a_name_may_be_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    write_whole(path, b"whole")
    assert path.read_bytes() == b"whole"


def test_what_cannot_be_replaced_stands_as_it_was_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "report.json"
    folder.mkdir()
    with pytest.raises(CannotWrite, match=r"report\.json: cannot be written \(.+\); what stood there is unchanged"):
        write_whole(folder, b"new")
    assert list(tmp_path.iterdir()) == [folder]


def test_an_interruption_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path, monkeypatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "report.json"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fdopen", interrupted)
    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
