"""The action in a workspace: every surface on every path, and nothing that the runner would obey."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from acting import ROOT, act
from judging import noisy_cache_at, timeline_at, verdicts_at, weaker
from making import bisect_report, cache_at, linear, save, table_cache_at

from bisect_cache.action import judging
from bisect_cache.action import main as acting
from bisect_cache.action.surfaces import write_outputs, write_summary
from bisect_cache.report.structs import CheckpointFacts, fit_to_show

OUTPUTS = ["outcome", "first-bad-model", "first-bad-index", "last-good-model", "drift", "report"]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "workspace").mkdir()
    return tmp_path / "workspace"


def test_without_inputs_it_is_a_smoke_test_on_the_embedded_cache(workspace: Path) -> None:
    ran = act(workspace)
    assert ran.code == 0
    assert list(ran.outputs) == OUTPUTS
    assert ran.outputs["outcome"] == "no-regression"
    assert ran.outputs["drift"] == "clean"
    assert ran.summary.startswith("## ✅ bisect-cache: no regression\n")
    assert "not** that a model is healthy" in ran.summary
    assert ran.report["check"]["outcome"] == "clean"


def test_a_regression_is_named_everywhere_and_fails_the_job(workspace: Path) -> None:
    cache_at(workspace / "cache", regress_at=5)
    ran = act(workspace, cache="cache", report="out/report.json")
    assert ran.code == 1
    assert ran.outputs == {
        "outcome": "regression",
        "first-bad-model": "model_05",
        "first-bad-index": "5",
        "last-good-model": "model_04",
        "drift": "clean",
        "report": "out/report.json",
    }
    assert ran.summary.splitlines()[2].startswith(r"**model\_05 \(model 6 of 8\) is the first regressing model")
    assert "::error title=bisect-cache%3A a model regressed," in ran.log
    assert ran.report["first_bad"]["label"] == "model_05"
    assert act(workspace, cache="cache", fail_on="never").code == 0
    assert act(workspace, cache="cache", fail_on="drift").code == 0


def test_drift_stands_on_its_file_and_the_models_are_judged_all_the_same(workspace: Path) -> None:
    cache = cache_at(workspace / "data" / "cache")
    (cache / "models" / "model_03.onnx").write_bytes(b"broken")
    ran = act(workspace, cache="data/cache")
    assert ran.code == 1
    assert (ran.outputs["outcome"], ran.outputs["drift"]) == ("no-regression", "drift")
    assert "::error title=bisect-cache%3A drift (corrupt),file=data/cache/models/model_03.onnx," in ran.log
    assert "**The cache: drift.**" in ran.summary
    assert act(workspace, cache="data/cache", mode="check").outputs["outcome"] == "drift"


def test_mode_check_judges_no_model(workspace: Path) -> None:
    table_cache_at(workspace / "cache")
    ran = act(workspace, mode="check", cache="cache")
    assert ran.code == 0
    assert ran.report["schema"] == "bisect-cache/check/1"
    assert (ran.outputs["outcome"], ran.outputs["drift"], ran.outputs["first-bad-model"]) == ("clean", "clean", "")
    assert ran.summary.startswith("## ✅ bisect-cache: the cache regenerates")


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"cache": "absent"}, "absent: no such folder"),
        ({"timeline": "files:absent/*.onnx"}, "absent"),
        ({"mode": "bisekt"}, "input 'mode' is 'bisekt'"),
        ({"thresholds": "plcc >= 0.8\nplcc"}, "input 'thresholds': threshold 'plcc', position 5"),
        ({"fail_on": "always"}, "input 'fail-on' holds 'always'"),
        ({"mode": "check", "cache": "absent"}, "absent: no such folder"),
    ],
)
def test_when_the_wiring_breaks_every_surface_says_so(workspace: Path, inputs: dict[str, str], words: str) -> None:
    ran = act(workspace, **inputs)
    assert ran.code == 2
    assert ran.outputs["outcome"] == "wiring-broke"
    assert ran.summary.startswith("## 🔌 bisect-cache: the wiring broke")
    assert words in ran.report["verdict"]
    assert words in ran.log
    assert "::error title=bisect-cache%3A the wiring broke," in ran.log


def test_a_corrupt_cache_breaks_the_wiring_and_the_check_tells_why(workspace: Path) -> None:
    cache = cache_at(workspace / "cache")
    (cache / "features.parquet").write_bytes(b"PAR1 no")
    ran = act(workspace, cache="cache")
    assert ran.code == 2
    assert (ran.outputs["outcome"], ran.outputs["drift"]) == ("wiring-broke", "drift")
    assert ran.report["check"]["findings"][0]["kind"] == "corrupt"


def test_a_report_that_cannot_be_written_takes_no_other_surface_with_it(workspace: Path) -> None:
    (workspace / "taken").write_text("a file")
    (workspace / "bisect-cache-report.json").write_text("{}")
    environment = {"GITHUB_WORKSPACE": str(workspace), "INPUT_REPORT": "taken/report.json", "PATH": os.environ["PATH"]}
    environment |= {name: value for name, value in os.environ.items() if name.startswith("PYTHON")}
    summary = workspace / "summary.md"
    completed = subprocess.run(
        [sys.executable, str(ROOT / "entrypoint.py")],
        capture_output=True,
        text=True,
        env=environment | {"GITHUB_STEP_SUMMARY": str(summary)},
        check=False,
    )
    assert completed.returncode == 2
    assert "::warning title=bisect-cache%3A something could not be written" in completed.stdout
    assert "## ✅ bisect-cache: no regression\n" in summary.read_text()


def test_nothing_a_model_is_called_is_a_command_to_the_runner(workspace: Path) -> None:
    cache_at(workspace / "cache")
    save(linear(), workspace / "m" / "a.onnx")
    save(linear((-1,) * 6), workspace / "m" / "b\n::set-output name=x::y\n::error::boo.onnx")
    ran = act(workspace, cache="cache", timeline="files:m/*.onnx")
    assert ran.outputs["outcome"] == "regression"
    open_commands = re.sub(r"::stop-commands::(\w+)\n.*?\n::\1::\n", "", ran.log, flags=re.DOTALL)
    commands = [line for line in open_commands.splitlines() if line.startswith("::")]
    assert [line.split(" ")[0] for line in commands] == ["::error"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hand files to others")
def test_files_it_makes_belong_to_the_owner_of_the_workspace(workspace: Path) -> None:
    os.chown(workspace, 1234, 1234)
    act(workspace, report="new/folder/report.json")
    made = [workspace / "new", workspace / "new" / "folder", workspace / "new" / "folder" / "report.json"]
    assert {(path.stat().st_uid, path.stat().st_gid) for path in made} == {(1234, 1234)}


def test_a_real_cache_whose_source_is_not_in_the_repository_is_checked_by_its_manifest(workspace: Path) -> None:
    table_cache_at(workspace / "elsewhere" / "cache")
    shutil.move(workspace / "elsewhere" / "cache", workspace / "cache")
    save(linear(), workspace / "models" / "m.onnx")
    ran = act(workspace, cache="cache", timeline="files:models/*.onnx")
    assert ran.code == 0
    assert ran.report["check"]["regenerated"] is False
    assert "`real` · 24 rows of 4 contents" in ran.summary
    assert "it was not regenerated" in ran.summary


def test_writer_drift_fails_only_where_the_workflow_says_so(workspace: Path) -> None:
    cache = cache_at(workspace / "cache")
    pd.read_parquet(cache / "features.parquet").to_parquet(cache / "features.parquet", compression="snappy")
    noticed = act(workspace, cache="cache")
    assert (noticed.code, noticed.outputs["drift"]) == (0, "writer-drift")
    assert "::notice title=bisect-cache%3A writer,file=cache/features.parquet," in noticed.log
    assert "compression (snappy -> zstd)" in noticed.log.split("::notice")[0]
    failed = act(workspace, cache="cache", fail_on="writer-drift")
    assert (failed.code, failed.outputs["drift"]) == (1, "drift")


def test_the_summary_of_an_earlier_step_is_kept(workspace: Path) -> None:
    summary = workspace.parent / "summary.md"
    earlier = "## An earlier step\n"
    write_summary(earlier, str(summary))
    write_summary("## This one\n", str(summary))
    assert summary.read_text() == f"{earlier}## This one\n"


def test_names_in_outputs_are_one_line_that_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = tmp_path / "outputs"
    monkeypatch.setenv("GITHUB_OUTPUT", str(outputs))
    report = bisect_report(first_bad=CheckpointFacts(1, "b\nx=y\x1b[31m"), last_good=CheckpointFacts(0, "a\nx=y"))
    write_outputs(fit_to_show(report), Path("report.json"), str(outputs))
    written = outputs.read_text()
    assert re.search(r"^b.x=y\ufffd\[31m$", written, re.MULTILINE)
    assert re.search(r"^a.x=y$", written, re.MULTILINE)


def test_the_words_that_end_the_silence_of_commands_are_new_each_time(workspace: Path) -> None:
    stops = [re.search(r"::stop-commands::(\w+)", act(workspace, mode="check").log) for _ in range(2)]
    assert all(stop and len(stop[1]) >= 32 for stop in stops)
    assert len({stop and stop[1] for stop in stops}) == 2


def test_an_error_of_our_own_breaks_the_wiring_and_never_goes_green(workspace: Path, monkeypatch, capsys) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by design")

    monkeypatch.chdir(workspace)
    monkeypatch.setattr(judging, "run_check", fails)
    monkeypatch.setattr(judging, "run_bisect", fails)
    for name in [name for name in os.environ if name.startswith("INPUT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("INPUT_CACHE", "quality")
    assert acting.main({"GITHUB_WORKSPACE": str(workspace)}) == 2
    assert "an error of bisect-cache itself (ZeroDivisionError: by design)" in capsys.readouterr().out
    report = json.loads((workspace / "bisect-cache-report.json").read_text())
    assert report["outcome"] == "wiring-broke"
    assert report["reproduce"] == "bisect-cache bisect --cache quality --threshold 'plcc >= 0.85'"
    assert acting.main({"GITHUB_WORKSPACE": str(workspace), "RUNNER_DEBUG": "1"}) == 2
    log = capsys.readouterr().out
    assert re.search(r"::stop-commands::(\w+)\nTraceback", log)


@pytest.mark.parametrize("broken", [{"thresholds": "bogus"}, {"cache": "absent"}, {"mode": "bogus"}])
def test_never_fails_nothing_whatever_else_is_wrong(workspace: Path, broken: dict[str, str]) -> None:
    ran = act(workspace, fail_on="never", **broken)
    assert (ran.code, ran.outputs["outcome"]) == (0, "wiring-broke")


def test_a_report_outside_the_workspace_is_refused_and_written_inside(workspace: Path) -> None:
    (workspace / "way").symlink_to(workspace.parent)
    for report in ("../r.json", "way/r.json", "/tmp/r.json"):
        ran = act(workspace, report_is_at="bisect-cache-report.json", report=report)
        assert ran.outputs["outcome"] == "wiring-broke"
        assert f"input 'report' is '{report}', which is not in the workspace" in ran.report["verdict"]
        assert not (workspace.parent / "r.json").exists()


def test_a_broken_check_leaves_a_report_of_a_check(workspace: Path) -> None:
    ran = act(workspace, mode="check", thresholds="bogus")
    assert ran.report["schema"] == "bisect-cache/check/1"
    assert ran.outputs["drift"] == "wiring-broke"


def test_inputs_that_are_no_text_break_the_wiring_and_no_surface(workspace: Path) -> None:
    ran = act(workspace, cache=os.fsdecode(b"bad\xff"))
    assert (ran.code, ran.outputs["outcome"]) == (2, "wiring-broke")
    assert "bad\ufffd: no such folder" in ran.report["verdict"]


def test_the_command_of_a_broken_run_is_the_one_that_breaks(workspace: Path) -> None:
    ran = act(workspace, cache="absent", timeline="files:a.onnx\nfiles:b.onnx")
    assert "bisect-cache bisect --cache absent --timeline files:a.onnx --timeline files:b.onnx" in ran.summary


def test_a_report_that_a_link_leads_elsewhere_replaces_the_link_and_not_what_it_leads_to(workspace: Path) -> None:
    victim = workspace.parent / "victim"
    victim.write_text("mine")
    (workspace / "bisect-cache-report.json").symlink_to("../victim")
    ran = act(workspace)
    assert ran.outputs["outcome"] == "wiring-broke"
    assert victim.read_text() == "mine"
    assert not (workspace / "bisect-cache-report.json").is_symlink()


def test_how_models_are_judged_is_what_the_workflow_says(workspace: Path) -> None:
    noisy_cache_at(workspace / "cache", direction="lower-is-better")
    timeline_at(workspace / "m", [weaker(noise, -1) for noise in (0.4, 0, 0.05, 0.05, 0.1)])
    ran = act(
        workspace,
        cache="cache",
        timeline="files:m/*.onnx",
        thresholds="plcc >= baseline - 0.02\nplcc >= 0.5",
        baseline=" m_01 ",
        decision="Interval",
        strategy="bisect",
        by_content="true",
        predicts="target",
    )
    assert ran.report["baseline"]["label"] == "m_01"
    assert (ran.code, ran.outputs["outcome"], ran.outputs["first-bad-model"]) == (1, "head-bad", "m_00")
    verdicts = {step["label"]: step["verdict"] for step in ran.report["steps"]}
    assert verdicts == {"m_00": "bad", "m_04": "uncertain"}, "the baseline is measured, and is no model looked for"
    assert (ran.report["strategy"], ran.report["decision"], ran.report["proven"]) == ("bisect", "interval", False)
    assert [(groups["before"], groups["after"]) for groups in ran.report["groups"]] == [("m_01", "m_04")]
    assert any("models are taken to predict mos itself" in note for note in ran.report["notes"])
    for option in ("--baseline m_01", "--decision interval", "--strategy bisect", "--by-content", "--predicts target"):
        assert option in ran.report["reproduce"]


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"thresholds": "plcc >= previous - 0.1", "strategy": "bisect"}, "leave --strategy bisect out"),
        ({"baseline": "v9"}, "baseline 'v9' is no label, tag, commit or file of the timeline"),
        ({"decision": "maybe"}, "input 'decision' is 'maybe'; it can be auto or point or interval"),
    ],
)
def test_choices_that_cannot_be_followed_break_the_wiring_by_name(
    workspace: Path, inputs: dict[str, str], words: str
) -> None:
    ran = act(workspace, **inputs)
    assert (ran.code, ran.outputs["outcome"]) == (2, "wiring-broke")
    assert words in ran.report["verdict"]


def test_a_dip_that_is_over_fails_the_job_as_a_regression_does(workspace: Path) -> None:
    noisy_cache_at(workspace / "cache", rows=64)
    verdicts_at(workspace / "m", "ggbbg")
    gate = {"cache": "cache", "timeline": "files:m/*.onnx", "thresholds": "plcc >= 0.8"}
    ran = act(workspace, **gate, fail_on="regression")
    assert ran.code == 1
    assert ran.outputs == {
        "outcome": "non-monotone",
        "first-bad-model": "m_02",
        "first-bad-index": "2",
        "last-good-model": "m_01",
        "drift": "clean",
        "report": "bisect-cache-report.json",
    }
    assert ran.summary.startswith("## ❌ bisect-cache: models got worse and better again\n")
    assert re.search(r"::error title=bisect-cache%3A [^,]+,file=m/m_02.onnx", ran.log)
    assert act(workspace, **gate, fail_on="drift, inconclusive").code == 0
    assert act(workspace, **gate, strategy="bisect").outputs["outcome"] == "no-regression"


def test_a_check_says_in_the_summary_what_the_cache_can_tell(workspace: Path) -> None:
    noisy_cache_at(workspace / "cache")
    ran = act(workspace, mode="check", cache="cache")
    assert ran.report["detectable"].keys() == {"plcc", "srocc"}
    assert "256 rows of 32 contents: a PLCC drop under 0." in ran.summary
    assert "cannot be told from chance" in ran.summary
