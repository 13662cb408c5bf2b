"""The command line as a user types it: exit codes, streams, reports, errors without tracebacks."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pandas as pd
import psutil
import pytest
from making import SIX, allocating, cache_at, constant, endless, linear, save, table_cache_at

from bisect_cache import __version__
from bisect_cache.report.structs import json_schemas
from bisect_cache.runs.request import BisectRequest
from bisect_cache.runs.run import run_bisect

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
    assert completed.stdout.startswith("no-regression: No regression: from model_00 to model_07, no model is bad")
    assert completed.stdout.endswith("Proven over all 8 models.\n")
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
    assert report["timeline"] == {"source": "files:models/*.onnx", "length": len(verdicts), "checkpoints": []}
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
        (["bisect", "--timeline", "git-log:model.onnx"], "git-log:model.onnx: "),
        (["bisect", "--json", "/proc/nowhere/x.json"], "/proc/nowhere/x.json: cannot be written"),
        (["generate", "c", "--rows", "2"], "--rows: expected `int` >= 3"),
        (["generate", "c", "--table", "absent.csv"], "absent.csv: is not there"),
        (["generate", "c", "--table", "t.csv", "--rows", "5"], "--rows does not go with the recipe 'table'"),
        (["generate", "c", "--licence", "MIT"], "--licence does not go with the recipe 'synthetic'"),
        (["generate", "c", "--reports", "r"], "--reports also needs --labels, --key, --report-name"),
        (["generate", "c", "--table", "t.csv", "--scale", "5:1"], "5 is not below 1"),
        (["generate", "c", "--table", "t.csv", "--scale", "5:5"], "5 is not below 5"),
        (["generate", "c", "--table", "t.csv", "--scale", "wide"], "is not LOW:HIGH"),
        (["generate", "c", "--feature", "adm2"], "--feature does not go with the recipe 'synthetic'"),
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
        (["bisect", "--strategy", "scan"], ["dask", "distributed", "importlib.metadata"]),
        (["check"], ["pandas", "scipy", "github", "onnxruntime", "actions_toolkit", "jinja2"]),
        (["timeline", "files:*.toml"], ["numpy", "pyarrow", "pandas", "onnx", "rich"]),
        (["--version"], ["numpy", "pyarrow", "msgspec", "rich"]),
    ],
)
def test_a_command_imports_only_what_it_uses(arguments: list[str], not_imported: list[str]) -> None:
    assert imported(arguments, ROOT).intersection(not_imported) == set()


def test_contents_and_keys_need_no_more_of_the_library(tmp_path: Path) -> None:
    table_cache_at(tmp_path / "c", content="content")
    save(linear(), tmp_path / "m.onnx")
    assert imported(["bisect", "--cache", "c", "m.onnx"], tmp_path).intersection({"pandas", "pyarrow.compute"}) == set()


def imported(arguments: list[str], cwd: Path) -> set[str]:
    program = (
        "import sys, atexit\n"
        "atexit.register(lambda: print('IMPORTED', *sys.modules))\n"
        f"sys.argv = ['bisect-cache', *{arguments!r}]\n"
        "from bisect_cache.cli import main\n"
        "main()\n"
    )
    completed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=cwd, timeout=60, check=False
    )
    found = set(completed.stdout.splitlines()[-1].split())
    assert "bisect_cache.cli" in found
    return found


def test_a_cache_in_a_folder_with_odd_letters_finds_its_own_models(tmp_path: Path) -> None:
    cache = cache_at(tmp_path / "c[1]*", models=2)
    completed = run("bisect", "--cache", cache)
    assert completed.returncode == 0
    assert f"the models of {cache}" in completed.stderr


def test_a_cache_without_models_says_how_to_name_some(tmp_path: Path) -> None:
    table_cache_at(tmp_path / "c")
    completed = run("bisect", "--cache", "c", cwd=tmp_path)
    assert completed.returncode == 2
    assert "c: this cache holds no models of its own; name a timeline with --timeline" in completed.stderr


def test_the_report_says_on_what_and_with_what_the_run_was_made(tmp_path: Path) -> None:
    table_cache_at(tmp_path / "c")
    models_in(tmp_path / "m", *["good"] * 4)
    completed = run("bisect", "--cache", "c", "m", "m/model_0.onnx", "--json", "-", cwd=tmp_path)
    report = json.loads(completed.stdout)
    assert (report["cache"]["provenance"], report["cache"]["rows"], report["cache"]["contents"]) == ("real", 24, 4)
    assert report["environment"].keys() >= {"bisect-cache", "python", "numpy", "pyarrow", "onnxruntime", "machine"}
    assert (report["evaluations"], report["timeline"]["length"]) == (4, 4)
    assert [note[:38] for note in report["notes"]] == [
        "named more than once, listed once: m/m",
        "only 4 contents: intervals of so few a",
    ]
    assert "note: named more than once" in completed.stderr
    checked = json.loads(run("check", "c", "--json", "-", cwd=tmp_path).stdout)
    assert (checked["cache"]["provenance"], checked["cache"]["contents"]) == ("real", 4)
    listed = run("timeline", "m", "m/model_0.onnx", cwd=tmp_path)
    assert "note: named more than once" in listed.stderr


def test_what_was_done_to_feed_a_model_stands_in_the_report_and_the_table(tmp_path: Path) -> None:
    save(linear(batch=100), tmp_path / "m" / "a.onnx")
    completed = run("bisect", "m", "--json", "-", cwd=tmp_path)
    assert json.loads(completed.stdout)["steps"][0]["notes"] == ["fed in batches of 100, which the model fixes"]
    assert "fed in batches of 100" in completed.stderr


def test_limits_are_seconds_and_mebibytes(tmp_path: Path) -> None:
    save(endless(), tmp_path / "slow" / "a.onnx")
    slow = run("bisect", "slow", "--time-limit", "1", cwd=tmp_path)
    assert (slow.returncode, "took longer than 1 s" in slow.stderr) == (2, True)
    save(allocating(1 << 30), tmp_path / "large" / "a.onnx")
    large = run("bisect", "large", "--memory-limit", "2048", cwd=tmp_path)
    assert (large.returncode, "ran out of memory" in large.stderr) == (2, True)


def test_the_named_input_and_output_are_used(tmp_path: Path) -> None:
    save(linear(), tmp_path / "m" / "a.onnx")
    assert "has no input 'score'" in run("bisect", "m", "--input", "score", cwd=tmp_path).stderr
    assert "has no output 'input'" in run("bisect", "m", "--output", "input", cwd=tmp_path).stderr
    assert run("bisect", "m", "--input", "input", "--output", "score", cwd=tmp_path).returncode == 0


def test_a_sidecar_template_goes_by_the_file_and_gives_way_to_the_registry(tmp_path: Path) -> None:
    save(linear(), tmp_path / "first.onnx")
    save(linear(), tmp_path / "second.onnx")
    (tmp_path / "first.json").write_text(json.dumps({"features": list(SIX)}))
    (tmp_path / "own.json").write_text(json.dumps({"features": ["cambi"]}))
    entries = [{"name": "v1", "file": "first.onnx"}, {"name": "v2", "file": "second.onnx", "sidecar": "own.json"}]
    (tmp_path / "models.json").write_text(json.dumps({"models": entries}))
    options = ["--timeline", "registry:models.json", "--sidecar", "{stem}.json", "--json", "-"]
    steps = json.loads(run("bisect", *options, cwd=tmp_path).stdout)["steps"]
    assert [(step["label"], step["verdict"]) for step in steps] == [("v1", "good"), ("v2", "untestable")]
    assert "the cache has no cambi" in steps[1]["reason"]


def test_each_look_is_told_with_its_label_and_how_many_came_before(tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []
    run_bisect(
        BisectRequest(cache_at(tmp_path / "c", regress_at=2)), lambda label, before: told.append((label, before))
    )
    assert told[:2] == [("model_00", 0), ("model_07", 1)]
    assert [before for _, before in told] == list(range(len(told)))


def test_check_takes_strict_and_a_source(tmp_path: Path) -> None:
    cache = table_cache_at(tmp_path / "there" / "c").rename(tmp_path / "here")
    pd.read_parquet(cache / "features.parquet").to_parquet(cache / "features.parquet", compression="snappy")
    assert run("check", "here", cwd=tmp_path).stdout.startswith("writer-drift:")
    sourced = run("check", "here", "--source", "there/table.csv", "--strict", cwd=tmp_path)
    assert sourced.returncode == 1
    assert sourced.stdout.startswith("drift: The cache has drifted: 1 finding (writer) in features.parquet.")
    assert "Not regenerated" not in sourced.stderr


def test_a_table_is_named_relative_to_where_the_cache_really_lies(tmp_path: Path) -> None:
    table_cache_at(tmp_path / "first")
    (tmp_path / "deep" / "down").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "down")
    assert run("generate", "link/c", "--table", "table.csv", cwd=tmp_path).returncode == 0
    manifest = json.loads((tmp_path / "deep" / "down" / "c" / "bisect-cache.json").read_text())
    assert manifest["recipe"]["table"] == "../../../table.csv"


def test_generate_says_what_it_made_and_what_it_left_out(tmp_path: Path) -> None:
    assert run("generate", "c", cwd=tmp_path).stdout.startswith(
        "c: synthetic cache, 256 rows, 6 features, 8 models, sha"
    )
    (tmp_path / "t.csv").write_text("adm2,mos\n1,1\n2,2\n3,4\n,5\n")
    completed = run("generate", "d", "--table", "t.csv", "--drop-incomplete", cwd=tmp_path)
    assert completed.stderr == "note: dropped 1 incomplete row of 4\n"


def test_an_error_of_our_own_is_one_line_and_a_traceback_only_where_it_is_asked_for() -> None:
    program = (
        "from bisect_cache import cli\n"
        "def fails(*_):\n"
        "    raise ZeroDivisionError('by design')\n"
        "cli.commands.make_context = fails\n"
        "cli.main()\n"
    )

    def told(**environment: str) -> tuple[int, str]:
        command = [sys.executable, "-c", program]
        completed = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, check=False)
        return completed.returncode, completed.stderr

    code, said = told()
    assert code == 2
    assert said.startswith("error: an error of bisect-cache itself (ZeroDivisionError: by design). Please report it;")
    assert "Traceback" not in said
    assert "Traceback" in told(BISECT_CACHE_DEBUG="1")[1]


def test_a_run_that_is_told_to_stop_takes_its_worker_with_it(tmp_path: Path) -> None:
    save(endless(), tmp_path / "m" / "a.onnx")
    command = [sys.executable, "-m", "bisect_cache", "bisect", "m", "--time-limit", "100"]
    running = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    give_up = time.monotonic() + 60
    worker = None
    while worker is None and time.monotonic() < give_up:
        # Once it computes, closing its pipe alone would not end it.
        worker = next((child for child in psutil.Process(running.pid).children() if child.cpu_times().user > 1), None)
        time.sleep(0.05)
    running.terminate()
    _, said = running.communicate(timeout=30)
    assert running.returncode == 128 + signal.SIGTERM
    assert b"Traceback" not in said
    assert worker is not None
    assert not worker.is_running()


def test_many_steps_stand_in_the_order_of_the_timeline(tmp_path: Path) -> None:
    models_in(tmp_path / "m", "good", "good", "untestable", "bad", "bad")
    lines = run("bisect", "m", cwd=tmp_path).stderr.splitlines()
    numbers = [int(line.split()[0]) for line in lines if re.match(r"\d+ +model_", line)]
    assert numbers == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("option", "value", "found"),
    [
        ("--regress-at", "0", ("regress_at", 0)),
        ("--models", "0", ("models", 0)),
        ("--features-seed", "0", ("features_seed", 0)),
        ("--models-seed", "0", ("models_seed", 0)),
        ("--target-noise", "0", ("target_noise", 0.0)),
        ("--weight-noise", "0", ("weight_noise", 0.0)),
    ],
)
def test_zero_is_a_value(tmp_path: Path, option: str, value: str, found: tuple[str, object]) -> None:
    assert run("generate", "c", option, value, cwd=tmp_path).returncode == 0
    recipe = json.loads((tmp_path / "c" / "bisect-cache.json").read_text())["recipe"]
    assert recipe[found[0]] == found[1]


@pytest.mark.parametrize("value", ["inf", "nan", "-1", "1e300"])
def test_noise_that_no_float32_holds_is_refused(tmp_path: Path, value: str) -> None:
    completed = run("generate", "c", "--target-noise", value, cwd=tmp_path)
    assert completed.returncode == 2
    assert "--target-noise: expected `float`" in completed.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("threshold", ["", "  ", "# all"])
def test_a_gate_that_nothing_can_fail_is_no_gate(threshold: str) -> None:
    completed = run("bisect", "--threshold", threshold)
    assert completed.returncode == 2
    assert "no threshold is left in" in completed.stderr


def test_an_interrupt_is_no_regression(tmp_path: Path) -> None:
    save(endless(), tmp_path / "m.onnx")
    command = [sys.executable, "-m", "bisect_cache", "bisect", "m.onnx", "--json", "r.json"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert (out, err) == ("", "interrupted\n")


def test_a_reader_that_went_away_is_no_regression(tmp_path: Path) -> None:
    for index in range(5000):
        (tmp_path / f"model_{index}.onnx").write_bytes(b"")
    command = f"{shlex.quote(sys.executable)} -m bisect_cache timeline 'files:*.onnx' 2>err; echo $? >code"
    subprocess.run(["sh", "-c", f"( {command} ) | head -1"], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "code").read_text() == "2\n"
    assert (tmp_path / "err").read_text() == ""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_model_that_never_ends_does_not_outlive_a_run_that_is_killed(tmp_path: Path) -> None:
    save(endless(), tmp_path / "m.onnx")
    command = [sys.executable, "-m", "bisect_cache", "bisect", "m.onnx"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    time.sleep(1.5)
    workers = psutil.Process(process.pid).children()
    assert len(workers) == 1
    process.kill()
    process.wait()
    assert psutil.wait_procs(workers, timeout=10)[1] == []


def test_a_report_goes_into_a_pipe_without_replacing_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE, text=True)
    assert run("bisect", "--json", tmp_path / "pipe").returncode == 0
    assert json.loads(reader.communicate(timeout=20)[0])["outcome"] == "no-regression"
    assert (tmp_path / "pipe").is_fifo()


def test_a_report_that_cannot_be_written_hides_neither_verdict_nor_cause(tmp_path: Path) -> None:
    judged = run("bisect", "--json", "/proc/nowhere/r.json")
    assert judged.returncode == 2
    assert judged.stdout.startswith("no-regression: ")
    broken = run("bisect", "--cache", tmp_path / "absent", "--json", "/proc/nowhere/r.json")
    assert "absent: no such folder" in broken.stderr
    assert "/proc/nowhere/r.json: cannot be written" in broken.stderr


def test_a_target_where_lower_is_better_is_said(tmp_path: Path) -> None:
    table_cache_at(tmp_path / "c", direction="lower-is-better")
    save(linear(), tmp_path / "m.onnx")
    completed = run("bisect", "--cache", "c", "m.onnx", cwd=tmp_path)
    assert "note: lower mos is better, and models are taken to predict quality" in completed.stderr


def test_an_order_that_was_given_and_not_kept_is_said(tmp_path: Path) -> None:
    models_in(tmp_path, "good", "good")
    completed = run("timeline", "model_1.onnx", "model_0.onnx", cwd=tmp_path)
    assert [line.split()[1] for line in completed.stdout.splitlines()] == ["model_0", "model_1"]
    assert "not the order that was given" in completed.stderr


def test_names_that_are_no_text_are_shown_and_do_no_harm(tmp_path: Path) -> None:
    name = os.fsdecode(b"c\xff")
    completed = run("check", name, "--json", "r.json", cwd=tmp_path)
    assert completed.returncode == 2
    assert "c\ufffd: no such folder" in completed.stderr
    assert json.loads((tmp_path / "r.json").read_text())["outcome"] == "wiring-broke"


@pytest.mark.skipif(sys.platform != "linux", reason="needs ulimit -v")
def test_a_lower_limit_of_the_system_is_kept_to() -> None:
    command = f"ulimit -v 6000000; exec {shlex.quote(sys.executable)} -m bisect_cache bisect"
    completed = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_standard_output_that_is_full_is_said() -> None:
    with Path("/dev/full").open("w") as full:
        completed = subprocess.run(
            [sys.executable, "-m", "bisect_cache", "bisect", "--json", "-"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert completed.returncode != 0
    assert "error: the report cannot be written to standard output (No space left on device)" in completed.stderr
