"""The action in its container, started as GitHub's runner starts it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from container.conftest import RUNNER, Runner

LOCKED_DOWN = ("--network=none", "--read-only", "--cap-drop=ALL")
MODELS = [f"model_{index:02}" for index in range(8)]
MakeRunner = Callable[..., Runner]


def generate(folder: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "bisect_cache", "generate", str(folder), *arguments], check=True)


def shown(markdown: str) -> str:
    """Markdown as it is read: without the backslashes that keep a name from being formatting."""
    return re.sub(r"\\([!-/:-@[-`{-~])", r"\1", markdown)


def first_named(summary: str, names: Iterable[str]) -> str:
    """Which of the names a reader of the summary comes across first."""
    longest_first = sorted(map(re.escape, names), key=len, reverse=True)
    found = re.search("|".join(longest_first), shown(summary))
    assert found, summary
    return found.group()


def test_the_built_in_cache_shows_no_regression(runner: MakeRunner) -> None:
    ran = runner().run(mode="bisect")

    assert ran.exit_code == 0, ran.log
    assert ran.outputs["outcome"] == "no-regression"
    assert "synthetic" in shown(ran.summary)


def test_a_planted_regression_fails_the_step_and_is_named_first(runner: MakeRunner) -> None:
    action = runner()
    generate(action.workspace / "cache", "--regress-at", "5")

    ran = action.run(mode="bisect", cache="cache")

    assert ran.exit_code == 1, ran.log
    assert ran.outputs["outcome"] == "regression"
    assert ran.outputs["first-bad-model"].startswith("model_05")
    assert ran.outputs["first-bad-index"] == "5"
    assert ran.outputs["last-good-model"].startswith("model_04")
    assert first_named(ran.summary, MODELS) == "model_05"


def test_a_regression_is_reported_but_tolerated_when_nothing_is_to_fail(runner: MakeRunner) -> None:
    action = runner()
    generate(action.workspace / "cache", "--regress-at", "5")

    ran = action.run(mode="bisect", cache="cache", fail_on="never")

    assert ran.exit_code == 0, ran.log
    assert ran.outputs["outcome"] == "regression"
    assert first_named(ran.summary, MODELS) == "model_05"


def test_checking_alone_judges_no_model(runner: MakeRunner) -> None:
    action = runner()
    generate(action.workspace / "cache", "--regress-at", "5")

    ran = action.run(mode="check", cache="cache")

    assert ran.exit_code == 0, ran.log
    assert ran.outputs["drift"] == "clean"


@pytest.mark.parametrize(
    "options", [LOCKED_DOWN, (*LOCKED_DOWN, "--security-opt=no-new-privileges", "--pids-limit=64")]
)
def test_it_needs_no_network_no_writable_image_and_no_capability(runner: MakeRunner, options: tuple[str, ...]) -> None:
    action = runner(*options)
    generate(action.workspace / "cache", "--regress-at", "5")

    ran = action.run(mode="bisect", cache="cache")

    assert ran.exit_code == 1, ran.log
    assert ran.outputs["first-bad-model"].startswith("model_05")
    assert first_named(ran.summary, MODELS) == "model_05"


def test_on_real_opinion_scores_the_first_released_model_that_got_worse_is_named(
    runner: MakeRunner, real_data: Path
) -> None:
    action = runner(*LOCKED_DOWN)
    shutil.copytree(real_data / "vmaf-history", action.workspace / "history")
    shutil.copy(real_data / "avt-vqdb-uhd-1" / "clips.parquet", action.workspace / "clips.parquet")
    for folder in action.workspace.glob("**/"):
        folder.chmod(0o755)
    # The six oldest models: PLCC .824 .813 .803 .794 .795 .625, so the fourth is the first below 0.80.
    registry = action.workspace / "history" / "registry.json"
    models = json.loads(registry.read_text())["models"][:6]
    registry.chmod(0o644)
    registry.write_text(json.dumps({"models": models}))
    table = str(action.workspace / "clips.parquet")
    generate(action.workspace / "cache", "--table", table, "--content", "content_id")

    ran = action.run(mode="bisect", cache="cache", timeline="registry:history/registry.json", thresholds="plcc >= 0.80")

    names = [model["name"] for model in models]
    assert ran.exit_code == 1, ran.log
    assert ran.outputs["outcome"] == "regression"
    assert ran.outputs["first-bad-model"] == names[3]
    assert ran.outputs["last-good-model"] == names[2]
    assert first_named(ran.summary, names) == names[3]
    assert "synthetic" not in shown(ran.summary)


def test_a_cache_that_cannot_be_read_still_leaves_a_summary_and_outputs(runner: MakeRunner) -> None:
    action = runner()
    generate(action.workspace / "cache")
    (action.workspace / "cache" / "bisect-cache.json").write_text("{")

    ran = action.run(mode="bisect", cache="cache")

    assert ran.exit_code == 2, ran.log
    assert ran.outputs["outcome"] == "wiring-broke"
    assert "bisect-cache.json" in shown(ran.summary)


def test_what_the_action_creates_belongs_to_the_owner_of_the_workspace(runner: MakeRunner) -> None:
    action = runner()
    generate(action.workspace / "cache")
    for path in (action.workspace, *action.workspace.rglob("*")):
        shutil.chown(path, RUNNER, RUNNER)

    ran = action.run(mode="bisect", cache="cache", report="out/report.json")

    assert ran.exit_code == 0, ran.log
    report = action.workspace / "out" / "report.json"
    assert json.loads(report.read_text())["outcome"] == "no-regression"
    owners = {path.relative_to(action.workspace): path.stat().st_uid for path in action.workspace.rglob("*")}
    assert set(owners.values()) == {RUNNER}, owners


def test_the_history_of_a_repository_of_somebody_else_is_read(runner: MakeRunner, real_data: Path) -> None:
    action = runner("--network=none")
    bundle = real_data / "vmaf-history" / "history.bundle"
    shutil.rmtree(action.workspace)
    subprocess.run(["git", "clone", "--quiet", str(bundle), str(action.workspace)], check=True)
    generate(action.workspace / "cache", "--table", str(real_data / "avt-vqdb-uhd-1" / "clips.parquet"))
    for path in (action.workspace, *action.workspace.rglob("*")):
        shutil.chown(path, RUNNER, RUNNER)

    ran = action.run(
        mode="bisect", cache="cache", timeline="git-log:model/vmaf.onnx@14ab4e5", thresholds="plcc >= 0.80"
    )

    assert ran.exit_code == 1, ran.log
    assert ran.outputs["first-bad-model"].startswith("61d017723 2016-05-27 model: switch to nflxall_vmafv3a")
    assert "pull `103`" in ran.summary
    tags = action.run(mode="bisect", cache="cache", timeline="tags:model/vmaf.onnx", thresholds="plcc >= 0.75")
    assert (tags.exit_code, tags.outputs["outcome"]) == (1, "non-monotone"), tags.log
    assert tags.outputs["first-bad-model"] == "v1.2.0", "a dip between two good ends"
