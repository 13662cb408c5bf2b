"""The command line as a user types it: exit codes, streams, reports, errors without tracebacks."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from making import SIX, cache_at, constant, linear, save, table_cache_at

from bisect_cache import __version__
from bisect_cache.report.structs import json_schemas

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own; every error path is checked for tracebacks here."""
    completed = subprocess.run(
        [sys.executable, "-m", "bisect_cache", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | environment,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in completed.stderr, completed.stderr
    return completed


def models_in(folder: Path, *verdicts: str) -> Path:
    """A timeline of good, bad and untestable models."""
    made = {"good": linear(), "bad": linear((-1,) * 6), "untestable": constant(1.0)}
    for index, verdict in enumerate(verdicts):
        save(made[verdict], folder / f"model_{index}.onnx")
    return folder


def test_the_first_command_a_newcomer_types_works(tmp_path: Path) -> None:
    completed = run("bisect", cwd=tmp_path)
    assert completed.returncode == 0
    assert completed.stdout.startswith("no-regression: No regression between the ends: model_00 and model_07 are good")
    assert "this shows that the wiring works, not that a model is healthy" in completed.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_regression_is_named_on_standard_output_and_ends_with_1(tmp_path: Path) -> None:
    cache_at(tmp_path / "c", regress_at=5)
    completed = run("bisect", "--cache", "c", cwd=tmp_path)
    assert completed.returncode == 1
    assert completed.stdout.startswith("regression: model_05 (model 6 of 8) is the first regressing model: PLCC 0.9999")
    assert len(completed.stdout.splitlines()) == 1
    assert re.search(r"^4 +model_04 +good", completed.stderr, re.MULTILINE)


@pytest.mark.parametrize(
    ("verdicts", "outcome", "code", "first_bad", "candidates"),
    [
        (("good", "good"), "no-regression", 0, None, []),
        (("good",), "no-regression", 0, None, []),
        (("bad", "good"), "head-bad", 1, 0, [0]),
        (("good", "untestable", "untestable", "bad"), "inconclusive", 2, None, [1, 2, 3]),
        (("untestable", "good", "good", "bad", "bad"), "regression", 1, 3, [3]),
        (("good", "good", "untestable"), "inconclusive", 2, None, [2]),
    ],
)
def test_each_outcome_has_its_report_and_exit_code(
    tmp_path: Path, verdicts: tuple[str, ...], outcome: str, code: int, first_bad: int | None, candidates: list[int]
) -> None:
    models_in(tmp_path / "models", *verdicts)
    completed = run("bisect", "--timeline", "files:models/*.onnx", "--json", "report.json", cwd=tmp_path)
    assert completed.returncode == code
    report = json.loads((tmp_path / "report.json").read_text())
    jsonschema.validate(report, json.loads(json_schemas()["bisect-1.schema.json"]))
    assert report["outcome"] == outcome
    assert (report["first_bad"] or {}).get("index") == first_bad
    assert [candidate["index"] for candidate in report["candidates"]] == candidates
    assert report["timeline"] == {"source": "files:models/*.onnx", "length": len(verdicts)}
    assert report["evaluations"] == len(report["steps"])
    assert {step["index"]: step["verdict"] for step in report["steps"]}.items() <= dict(enumerate(verdicts)).items()


def test_paths_that_a_shell_expanded_mean_the_same_as_a_glob(tmp_path: Path) -> None:
    models_in(tmp_path / "models", *["good"] * 9, "bad", "bad")
    paths = sorted((tmp_path / "models").iterdir())
    completed = run("bisect", "--timeline", *paths)
    assert "model_9 (model 10 of 11) is the first regressing model" in completed.stdout


def test_a_report_on_standard_output_is_the_only_thing_there() -> None:
    completed = run("bisect", "--json", "-")
    assert json.loads(completed.stdout)["outcome"] == "no-regression"
    assert json.loads(run("check", "--json", "-").stdout)["schema"] == "bisect-cache/check/1"


def test_check_ends_with_0_1_and_2(tmp_path: Path) -> None:
    cache = cache_at(tmp_path / "c")
    assert run("check", cache).stdout.startswith("clean: The cache regenerates")
    (cache / "models" / "model_03.onnx").write_bytes(b"")
    drifted = run("check", cache, "--json", tmp_path / "report.json")
    assert drifted.returncode == 1
    assert drifted.stdout.startswith("drift: The cache has drifted: 1 finding (corrupt) in models/model_03.onnx")
    report = json.loads((tmp_path / "report.json").read_text())
    jsonschema.validate(report, json.loads(json_schemas()["check-1.schema.json"]))
    assert [finding["kind"] for finding in report["findings"]] == ["corrupt"]
    assert run("check", tmp_path / "absent").returncode == 2


def test_a_run_that_cannot_judge_leaves_a_report_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text('{"outcome": "no-regression"}')
    completed = run("bisect", "--cache", "absent", "--json", "report.json", cwd=tmp_path)
    assert completed.returncode == 2
    assert completed.stdout == ""
    assert completed.stderr.startswith("error: absent: no such folder; make a cache there with")
    report = json.loads((tmp_path / "report.json").read_text())
    jsonschema.validate(report, json.loads(json_schemas()["bisect-1.schema.json"]))
    assert report["outcome"] == "wiring-broke"
    assert "absent: no such folder" in report["verdict"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["bisect", "--threshold", "plc > 1"], "position 1: 'plc' is no metric; the metrics are plcc, srocc"),
        (["bisect", "--timeline", "files:nothing/*.onnx"], "nothing"),
        (["bisect", "--timeline", "git-log:model.onnx"], "git-log:model.onnx: not in this version"),
        (["bisect", "--json", "/proc/nowhere/x.json"], "/proc/nowhere/x.json: cannot be written"),
        (["generate", "c", "--rows", "2"], "$.rows"),
        (["generate", "c", "--table", "absent.csv"], "absent.csv: is not there"),
        (["generate", "c", "--table", "t.csv", "--rows", "5"], "--rows does not go with the recipe 'table'"),
        (["generate", "c", "--licence", "MIT"], "--licence does not go with the recipe 'synthetic'"),
        (["generate", "c", "--reports", "r"], "--reports also needs --labels, --key, --report-name"),
        (["generate", "c", "--table", "t.csv", "--scale", "5:1"], "5 is not below 1"),
        (["generate", "c", "--table", "t.csv", "--scale", "wide"], "is not LOW:HIGH"),
        (["timeline", "registry:absent.json"], "absent.json"),
        (["nonsense"], "No such command"),
    ],
)
def test_a_bad_command_ends_with_2_and_says_what_to_do(tmp_path: Path, arguments: list[str], words: str) -> None:
    completed = run(*arguments, cwd=tmp_path)
    assert completed.returncode == 2
    assert words in " ".join(completed.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_an_old_report_survives_a_threshold_that_is_refused(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("old")
    assert run("bisect", "--threshold", "?", "--json", "report.json", cwd=tmp_path).returncode == 2
    assert (tmp_path / "report.json").read_text() == "old"


def test_rows_that_are_incomplete_are_refused_or_dropped_and_recorded(tmp_path: Path) -> None:
    table_cache_at(tmp_path / "first")
    table = tmp_path / "table.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines, ",".join(["inf", "1", "1", "1", "1", "1", "0.5", "c"])]) + "\n")
    refused = run("generate", "c", "--table", "table.csv", cwd=tmp_path)
    assert refused.returncode == 2
    assert "--drop-incomplete" in refused.stderr
    assert "24" in refused.stderr
    dropped = run("generate", "c", "--table", "table.csv", "--drop-incomplete", "--licence", "MIT", cwd=tmp_path)
    assert dropped.returncode == 0
    assert dropped.stdout.startswith("c: real cache, 24 rows, 6 features, sha256:")
    manifest = json.loads((tmp_path / "c" / "bisect-cache.json").read_text())
    assert manifest["notes"] == ["dropped 1 incomplete row of 25"]
    assert manifest["recipe"]["origin"] == {"licence": "MIT"}
    assert manifest["recipe"]["table"] == "../table.csv"


def test_timeline_lists_the_order_and_judges_nothing(tmp_path: Path) -> None:
    for index in (10, 9, 2):
        save(b"never read", tmp_path / f"model_{index}.onnx")
    completed = run("timeline", "files:*.onnx", cwd=tmp_path)
    assert completed.returncode == 0
    assert [line.split()[:2] for line in completed.stdout.splitlines()] == [
        ["0", "model_2"],
        ["1", "model_9"],
        ["2", "model_10"],
    ]


def test_a_cache_that_is_not_what_its_manifest_says_is_noted(tmp_path: Path) -> None:
    cache = cache_at(tmp_path / "c", rows=30)
    other = cache_at(tmp_path / "other", rows=40)
    (cache / "features.parquet").write_bytes((other / "features.parquet").read_bytes())
    completed = run("bisect", "--cache", cache)
    assert "features.parquet is not the data that the manifest describes" in completed.stderr


def test_names_from_a_stranger_do_not_reach_the_terminal_raw(tmp_path: Path) -> None:
    models_in(tmp_path / "m", "good", "bad")
    (tmp_path / "m" / "model_1.onnx").rename(tmp_path / "m" / "model_1\x1b[31m[bold]x.onnx")
    completed = run("bisect", "--timeline", "files:m/*.onnx", cwd=tmp_path)
    assert completed.returncode == 1
    assert "\x1b" not in completed.stdout + completed.stderr
    assert "[bold]x" in completed.stderr


def test_a_sidecar_template_names_each_models_features(tmp_path: Path) -> None:
    models_in(tmp_path / "m", "good", "good")
    for index in range(2):
        (tmp_path / "m" / f"model_{index}.json").write_text(json.dumps({"features": list(SIX)}))
    assert run("bisect", "--timeline", "files:m/*.onnx", "--sidecar", "{stem}.json", cwd=tmp_path).returncode == 0
    (tmp_path / "m" / "model_1.json").write_text(json.dumps({"features": ["cambi"]}))
    completed = run("bisect", "--timeline", "files:m/*.onnx", "--sidecar", "{stem}.json", cwd=tmp_path)
    assert completed.returncode == 2
    assert "the cache has no cambi" in completed.stderr


@pytest.mark.parametrize("command", [[], ["generate"], ["check"], ["bisect"], ["timeline"]])
def test_help_is_there_for_a_stranger(command: list[str]) -> None:
    completed = run(*command, "--help")
    assert completed.returncode == 0
    assert "Usage: bisect-cache" in completed.stdout
    assert __version__ in run("--version").stdout


@pytest.mark.parametrize(
    ("arguments", "not_imported"),
    [
        (["bisect"], ["pandas", "scipy", "github", "onnx", "onnxruntime", "actions_toolkit", "jinja2", "yaml"]),
        (["check"], ["pandas", "scipy", "github", "onnxruntime", "actions_toolkit", "jinja2"]),
        (["timeline", "files:*.toml"], ["numpy", "pyarrow", "pandas", "onnx", "rich"]),
        (["--version"], ["numpy", "pyarrow", "msgspec", "rich"]),
    ],
)
def test_a_command_imports_only_what_it_uses(arguments: list[str], not_imported: list[str]) -> None:
    program = (
        "import sys, atexit\n"
        "atexit.register(lambda: print('IMPORTED', *sys.modules))\n"
        f"sys.argv = ['bisect-cache', *{arguments!r}]\n"
        "from bisect_cache.cli import main\n"
        "main()\n"
    )
    completed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
    )
    imported = set(completed.stdout.splitlines()[-1].split())
    assert "bisect_cache.cli" in imported
    assert imported.isdisjoint(not_imported), sorted(imported.intersection(not_imported))
