"""Node's packages: exactly those of the lock, from whatever registry a machine uses, installed once."""

from __future__ import annotations

import json
import re
from pathlib import Path

import node_toolbox
import pytest

WANTED, LOCK = [json.loads(file.read_text()) for file in node_toolbox.LISTS]


def test_every_package_has_a_hash_and_none_an_address() -> None:
    locked = {name: entry for name, entry in LOCK["packages"].items() if name}
    assert len(locked) > 100
    assert [name for name, entry in locked.items() if not entry.get("integrity", "").startswith("sha512-")] == []
    assert [name for name, entry in locked.items() if "resolved" in entry] == []


def test_what_is_asked_for_is_one_version_and_the_lock_agrees() -> None:
    for name, version in WANTED["dependencies"].items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
        assert LOCK["packages"][f"node_modules/{name}"]["version"] == version
    assert LOCK["packages"][""]["dependencies"] == WANTED["dependencies"]


def test_what_is_installed_is_not_installed_again(node_modules: Path) -> None:
    before = (node_modules.parent / "installed").stat().st_mtime_ns
    assert node_toolbox.installed(node_modules.parent) == node_modules
    assert (node_modules.parent / "installed").stat().st_mtime_ns == before


def test_an_install_that_fails_says_why_and_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lists = tuple(tmp_path / listed.name for listed in node_toolbox.LISTS)
    for listed in lists:
        listed.write_text("no JSON")
    monkeypatch.setattr(node_toolbox, "LISTS", lists)
    for _ in range(2):
        with pytest.raises(node_toolbox.NoPackages, match=r"(?s)npm ci ended with 1:.*package\.json"):
            node_toolbox.installed(tmp_path / "node")
    assert not (tmp_path / "node" / "installed").exists()
