"""What a release insists on, and the one line that it changes."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ACTION = (ROOT / "action.yml").read_text(encoding="utf-8")
DIGEST = f"sha256:{'0a' * 32}"
IMAGE = "ghcr.io/owner/bisect-cache"

_spec = importlib.util.spec_from_file_location("release", ROOT / "tools" / "release.py")
assert _spec
assert _spec.loader
release = importlib.util.module_from_spec(_spec)
sys.modules["release"] = release
_spec.loader.exec_module(release)


def planned(version: str = "1.2.3", **overrides: object) -> object:
    """The plan of a release for which everything is ready, but for what a test says otherwise."""
    ready = {
        "repository": "owner/bisect-cache",
        "package": f'"""A package."""\n\n__version__ = "{version}"\n',
        "changelog": f"# Changes\n\n## {version} (2026-04-18)\n\nMore.\n\n## 0.1.0 (2025-01-01)\n",
        "action": ACTION,
        "tags": ["v0.1.0", "v1", "v1.2.2"],
    }
    return release.planned(version, **{**ready, **overrides})


def stands_in_the_way(**overrides: object) -> str:
    with pytest.raises(release.CannotRelease) as error:
        planned(**overrides)  # type: ignore[arg-type]
    return str(error.value)


def test_a_release_that_is_ready_has_two_tags_and_an_image() -> None:
    assert planned() == release.Plan("1.2.3", "v1.2.3", "v1", IMAGE)
    assert planned("0.1.1") == release.Plan("0.1.1", "v0.1.1", "v0", IMAGE)


def test_the_image_of_an_owner_with_capitals_has_none() -> None:
    assert planned(repository="OWNER/Bisect-Cache").image == IMAGE  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "version", ["", "1", "1.2", "v1.2.3", "1.2.3-rc1", "01.2.3", "1.2.3\n", "1.2.٣", "1.2.3; true", "$(true)"]
)
def test_what_is_no_version_is_refused(version: str) -> None:
    assert stands_in_the_way(version=version).endswith("is no version; one looks like 1.2.3")


def test_the_package_must_say_the_same_version() -> None:
    assert stands_in_the_way(package='__version__ = "1.2.2"\n') == (
        "src/bisect_cache/__init__.py says __version__ = 1.2.2, not 1.2.3"
    )
    assert "says __version__ = nothing, not 1.2.3" in stands_in_the_way(package="")


@pytest.mark.parametrize(
    ("changelog", "has"),
    [
        ("# Changes\n\n## 1.2.3 (unreleased)\n", "has (unreleased) there"),
        ("# Changes\n\n## 1.2.2 (2026-04-18)\n", "has no such heading"),
        ("# Changes\n\nSee 1.2.3 (2026-04-18)\n", "has no such heading"),
    ],
)
def test_the_changelog_must_have_the_version_with_a_day(changelog: str, has: str) -> None:
    assert stands_in_the_way(changelog=changelog) == (
        f"CHANGELOG.md wants the heading `## 1.2.3 (YYYY-MM-DD)`; it {has}"
    )


def test_what_is_released_stays_as_it_is() -> None:
    assert "v1.2.3 is a tag already" in stands_in_the_way(tags=["v1.2.3"])


def test_the_major_tag_never_goes_back() -> None:
    assert (
        stands_in_the_way(tags=["v1.2.9", "v1.10.0"])
        == "v1.10.0 is a tag already, and newer: v1 would go back to 1.2.3"
    )
    assert planned(tags=["v2.0.0", "v1.2.2", "v1.9", "1.9.0", "vmaf"])


@pytest.mark.parametrize("repository", ["", "owner", "owner/", "owner/a/b", "owner/-", "owner/a b", "owner/a:b"])
def test_a_repository_that_no_image_can_be_called_after_is_refused(repository: str) -> None:
    assert "is no OWNER/NAME" in stands_in_the_way(repository=repository)


def test_an_action_whose_image_is_not_built_from_here_is_refused_before_anything_is_built() -> None:
    assert "action.yml does not hold" in stands_in_the_way(action=release.pinned(ACTION, f"{IMAGE}@{DIGEST}"))


def test_all_that_is_missing_is_said_at_once() -> None:
    said = stands_in_the_way(package="", changelog="", action="", tags=["v1.2.3"], repository="").splitlines()
    assert len(said) == 5


def test_pinning_changes_the_image_and_nothing_else() -> None:
    changed = release.pinned(ACTION, f"{IMAGE}@{DIGEST}")
    action, before = yaml.safe_load(changed), yaml.safe_load(ACTION)
    assert action["runs"] == {**before["runs"], "image": f"docker://{IMAGE}@{DIGEST}"}
    assert {**action, "runs": None} == {**before, "runs": None}
    was, became = ACTION.splitlines(), changed.splitlines()
    assert [line for line, new in zip(was, became, strict=True) if line != new] == ["  image: Dockerfile"]


@pytest.mark.parametrize("action", ["", "runs:\n  image: docker://x\n", "  image: Dockerfile\n  image: Dockerfile\n"])
def test_an_action_that_cannot_be_pinned_is_refused(action: str) -> None:
    with pytest.raises(release.CannotRelease, match="which a release replaces"):
        release.pinned(action, f"{IMAGE}@{DIGEST}")


@pytest.mark.parametrize(
    "reference",
    [
        "",
        IMAGE,
        f"{IMAGE}:v1",
        f"{IMAGE}:v1@{DIGEST}",
        f"{IMAGE}@",
        f"{IMAGE}@sha256:0a",
        f"{IMAGE}@{DIGEST}\n",
        f"ghcr.io/OWNER/bisect-cache@{DIGEST}",
        f"@{DIGEST}",
    ],
)
def test_an_image_is_named_by_its_digest_and_in_no_other_way(reference: str) -> None:
    with pytest.raises(release.CannotRelease, match="names no image by its digest"):
        release.pinned(ACTION, reference)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository that is ready for 1.2.3 and has released 1.2.2."""
    (tmp_path / "src" / "bisect_cache").mkdir(parents=True)
    (tmp_path / "src" / "bisect_cache" / "__init__.py").write_text('__version__ = "1.2.3"\n')
    (tmp_path / "CHANGELOG.md").write_text("# Changes\n\n## 1.2.3 (2026-04-18)\n")
    (tmp_path / "action.yml").write_text(ACTION, encoding="utf-8")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=test", "-c", "user.email=test@example.invalid"]
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message=all"], ["tag", "v1.2.2"]):
        subprocess.run([*git, *command], check=True)
    return tmp_path


def test_a_plan_is_printed_as_a_workflow_reads_it(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert release.main(["plan", "1.2.3", "--repository", "Owner/bisect-cache"], checkout) == 0
    assert capsys.readouterr().out == f"version=1.2.3\ntag=v1.2.3\nmajor=v1\nimage={IMAGE}\n"


def test_a_plan_knows_the_tags_there_are(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    subprocess.run(["git", "-C", str(checkout), "tag", "v1.2.3"], check=True)
    assert release.main(["plan", "1.2.3", "--repository", "owner/bisect-cache"], checkout) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "v1.2.3 is a tag already" in printed.err


def test_pin_writes_the_action_and_refuses_to_do_it_twice(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert release.main(["pin", f"{IMAGE}@{DIGEST}"], checkout) == 0
    written = (checkout / "action.yml").read_text(encoding="utf-8")
    assert written == release.pinned(ACTION, f"{IMAGE}@{DIGEST}")
    assert release.main(["pin", f"{IMAGE}@{DIGEST}"], checkout) == 1
    assert (checkout / "action.yml").read_text(encoding="utf-8") == written
    assert "which a release replaces" in capsys.readouterr().err
