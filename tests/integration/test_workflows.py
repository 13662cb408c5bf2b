"""The workflows of this repository, and those that users copy."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
OURS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
EXAMPLES = sorted((ROOT / "examples").glob("*.yml"))
PLACEHOLDER = "OWNER/bisect-cache@COMMIT"
USES = re.compile(r"^ *(?:- )?uses: +(\S.*)$", re.MULTILINE)
ON_THE_QUARTER = {0, 15, 30, 45}

every_file = pytest.mark.parametrize("path", [*OURS, *EXAMPLES], ids=lambda path: f"{path.parent.name}/{path.name}")


def text_of(path: Path) -> str:
    """A workflow, with a commit where the reader of an example puts the one that they trust."""
    return path.read_text(encoding="utf-8").replace(PLACEHOLDER, f"owner/bisect-cache@{'5' * 40} # v1.2.3")


def read(path: Path) -> dict[str, Any]:
    workflow: dict[str, Any] = yaml.safe_load(text_of(path))
    workflow["on"] = workflow.pop(True)  # what YAML 1.1 takes `on` for
    return workflow


def steps_of(path: Path) -> Iterator[dict[str, Any]]:
    for job in read(path)["jobs"].values():
        yield from job["steps"]


def is_ours(step: dict[str, Any]) -> bool:
    return step.get("uses") == "./" or step.get("uses", "").startswith("owner/bisect-cache@")


def uploads(path: Path) -> list[dict[str, Any]]:
    return [step for step in steps_of(path) if step.get("uses", "").startswith("actions/upload-artifact@")]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of them in one repository."""
    workflows = tmp_path_factory.mktemp("workflows") / ".github" / "workflows"
    workflows.mkdir(parents=True)
    for path in [*OURS, *EXAMPLES]:
        (workflows / f"{path.parent.name}-{path.name}").write_text(text_of(path), encoding="utf-8")
    return workflows


@pytest.mark.parametrize(
    "linter",
    [
        ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", "*"],
        ["zizmor", "--offline", "--quiet", "."],
        ["act", "--validate", "--strict", "--workflows", "."],
    ],
    ids=lambda linter: linter[0],
)
def test_the_linters_have_nothing_to_say(folder: Path, linter: list[str]) -> None:
    command = shutil.which(linter[0], path=str(BIN)) or shutil.which(linter[0])
    assert command, f"{linter[0]} is not installed: make test"
    files = [path.name for path in sorted(folder.iterdir())]
    arguments = [given for word in linter[1:] for given in (files if word == "*" else [word])]
    linted = subprocess.run([command, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout + linted.stderr


@every_file
def test_the_action_is_given_only_inputs_that_it_has(path: Path) -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    given = {name for step in steps_of(path) if is_ours(step) for name in step.get("with", {})}
    assert given <= set(action["inputs"])


@every_file
def test_actions_of_others_are_named_by_commit_and_version(path: Path) -> None:
    used = USES.findall(text_of(path))
    others = [line for line in used if not line.startswith(("./ ", "owner/bisect-cache@"))]
    wrong = [line for line in others if not re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)]
    assert wrong == []
    assert len(used) == sum("uses" in step for step in steps_of(path))


def test_an_action_is_the_same_commit_everywhere() -> None:
    used = {line for path in [*OURS, *EXAMPLES] for line in USES.findall(text_of(path)) if not line.startswith("./")}
    names = [line.split("@")[0] for line in used]
    assert sorted(names) == sorted(set(names))


@every_file
def test_a_schedule_keeps_away_from_the_full_hour_and_its_quarters(path: Path) -> None:
    events = read(path)["on"]
    schedules = events.get("schedule", []) if isinstance(events, dict) else []
    assert [one["cron"] for one in schedules if int(one["cron"].split()[0]) in ON_THE_QUARTER] == []


@every_file
def test_what_a_job_may_write_is_said_at_the_job(path: Path) -> None:
    workflow = read(path)
    at_the_top = workflow["permissions"]
    assert isinstance(at_the_top, dict)
    assert set(at_the_top.values()) <= {"read"}
    for job in workflow["jobs"].values():
        assert at_the_top or job["permissions"]
        assert isinstance(job.get("permissions", {}), dict)


@every_file
def test_no_checkout_leaves_a_token_behind(path: Path) -> None:
    for step in steps_of(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@every_file
def test_no_script_is_written_by_an_expression(path: Path) -> None:
    assert [step["run"] for step in steps_of(path) if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_ours_end_in_time_and_do_not_run_beside_themselves(path: Path) -> None:
    workflow = read(path)
    assert workflow["concurrency"]["group"]
    assert all(0 < job["timeout-minutes"] <= 60 for job in workflow["jobs"].values())


@every_file
def test_reports_are_kept_where_publish_looks_for_them_also_after_a_failure(path: Path) -> None:
    inputs = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["inputs"]
    for step in uploads(path):
        assert step["with"] == {"name": "bisect-cache-report", "path": inputs["report"]["default"]}
        assert step["if"] in {"always()", "${{ !cancelled() }}"}


@pytest.mark.parametrize(
    ("judging", "publishing"),
    [
        (ROOT / ".github" / "workflows" / "pull-request.yml", ROOT / ".github" / "workflows" / "publish.yml"),
        (ROOT / "examples" / "fork-pull-request.yml", ROOT / "examples" / "fork-publish.yml"),
    ],
    ids=["ours", "example"],
)
def test_what_a_stranger_sets_off_takes_only_data_from_them(judging: Path, publishing: Path) -> None:
    first, second = read(judging), read(publishing)
    assert first["on"] == "pull_request"
    assert second["on"] == {"workflow_run": {"workflows": [first["name"]], "types": ["completed"]}}
    assert len(uploads(judging)) == 1
    *before, publish = steps_of(publishing)
    assert is_ours(publish)
    assert publish["with"] == {"mode": "publish"}
    # The default branch, which is what a checkout without `ref` takes there; the head is a stranger's.
    assert [step["with"] for step in before] in ([], [{"persist-credentials": False}])


def test_a_pull_request_of_a_stranger_can_write_nothing_in_the_example_for_forks() -> None:
    (job,) = read(ROOT / "examples" / "fork-pull-request.yml")["jobs"].values()
    assert job["permissions"] == {"contents": "read"}


def test_every_example_names_the_action_as_the_readme_does_and_is_listed() -> None:
    listed = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert PLACEHOLDER in (ROOT / "README.md").read_text(encoding="utf-8")
    for path in EXAMPLES:
        assert path.read_text(encoding="utf-8").count(f"uses: {PLACEHOLDER}\n") == 1
        assert f"({path.name})" in listed
    links = re.findall(r"\]\(([^)#:]+)\)", listed)
    assert [link for link in links if not (ROOT / "examples" / link).exists()] == []


@pytest.mark.parametrize("name", ["fork-pull-request.yml", "fork-publish.yml"])
def test_the_documentation_shows_the_example_as_it_is(name: str) -> None:
    shown = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "on-github.md").read_text(encoding="utf-8"), re.DOTALL)
    assert (ROOT / "examples" / name).read_text(encoding="utf-8") in shown


def test_the_nightly_run_makes_the_real_cache_that_it_expects_and_its_thresholds_hold(
    real_data: Path, tmp_path: Path
) -> None:
    nightly = ROOT / ".github" / "workflows" / "nightly.yml"
    (tmp_path / "avt").symlink_to(real_data / "avt-vqdb-uhd-1")
    (tmp_path / "src").symlink_to(ROOT / "src")
    (tmp_path / ".venv").symlink_to(BIN.parent)
    for step in steps_of(nightly):
        if "run" in step and not step["run"].startswith("make "):
            ran = subprocess.run(
                ["bash", "--noprofile", "--norc", "-e", "-c", step["run"]],
                cwd=tmp_path,
                env={**os.environ, **step.get("env", {})},
                capture_output=True,
                text=True,
                check=False,
            )
            assert ran.returncode == 0, f"{step.get('name')}: {ran.stdout}{ran.stderr}"

    (given,) = [step["with"] for step in steps_of(nightly) if is_ours(step)]
    assert given["cache"].split() == ["embedded", "quality/avt"]
    thresholds = [word for line in given["thresholds"].splitlines() for word in ("--threshold", line)]
    judged = subprocess.run(
        [
            *(sys.executable, "-m", "bisect_cache", "bisect", "--cache", "quality/avt", "--json", "report.json"),
            *("--timeline", given["timeline"], *thresholds),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["outcome"], report["cache"]["provenance"], report["timeline"]["length"]) == (
        "no-regression",
        "real",
        8,
    )
