"""Hostile models: mutated, cut short, and files that are no models at all.

A mutated model that still loads is judged as what it is: ONNX Runtime and SciPy in another process say what that is.
"""

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import numpy as np
import onnx
import pytest
from evaluating import Evaluated, evaluated
from judging import bisect, command
from making import SIX, cache_at, crashing, linear, model, save, table_cache_at, with_external_data
from mutating import mutated_model
from onnx import TensorProto, helper, numpy_helper

from bisect_cache.cache.generate import generate
from bisect_cache.cache.manifest import Table
from bisect_cache.cache.models.model_drift import compare_models
from bisect_cache.cache.opened import open_cache
from bisect_cache.cache.recipes.synthetic import linear_model
from bisect_cache.judge.choices import Resampling
from bisect_cache.report.structs import BisectReport, Step
from bisect_cache.runs.request import EMBEDDED, BisectRequest
from bisect_cache.runs.run import run_bisect
from bisect_cache.worker.process import Limits

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = (0.3, 0.1, 0.2, 0.1, 0.1, 0.2)
EXTERNAL = "w.bin"
LIMITS = Limits(seconds=5, memory=3 << 30)
SCORED_ALIKE = 1e-6
"""How far two PLCC of one model may lie apart: the runtime may fuse what the program runs as it stands."""

RUNS_AND_CANNOT_BE_JUDGED = ("several outputs that could be the score", "a score is floating-point, [N] or [N, 1]")
"""What the runtime runs, although nobody can know which score is meant, or the model itself says that it gives none."""


def looping() -> onnx.ModelProto:
    """Adds a third of the features' sum to itself, three times: a graph within a graph."""
    flag, row = (TensorProto.BOOL, []), (TensorProto.FLOAT, ["N"])
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["still"]), helper.make_node("Add", ["kept", "third"], ["next"])],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", *flag),
            helper.make_tensor_value_info("kept", *row),
        ],
        [helper.make_tensor_value_info("still", *flag), helper.make_tensor_value_info("next", *row)],
    )
    nodes = [
        helper.make_node("ReduceSum", ["input", "axes"], ["sum"], keepdims=0),
        helper.make_node("Div", ["sum", "three"], ["third"]),
        helper.make_node("Loop", ["turns", "always", "sum"], ["score"], body=body),
    ]
    initializers = [
        numpy_helper.from_array(np.array([1], np.int64), "axes"),
        numpy_helper.from_array(np.array(3, np.float32), "three"),
        numpy_helper.from_array(np.array(3, np.int64), "turns"),
        numpy_helper.from_array(np.array(True), "always"),
    ]
    return model(nodes, [("input", TensorProto.FLOAT, ["N", 6])], [("score", TensorProto.FLOAT, ["N"])], initializers)


def quantised() -> onnx.ModelProto:
    """score = features @ weights, both rounded to eight bits."""
    nodes = [
        helper.make_node("QuantizeLinear", ["input", "step", "zero"], ["eight_bits"]),
        helper.make_node("DequantizeLinear", ["eight_bits", "step", "zero"], ["rounded"]),
        helper.make_node("DequantizeLinear", ["W_8", "W_step", "W_zero"], ["W"]),
        helper.make_node("MatMul", ["rounded", "W"], ["score"]),
    ]
    initializers = [
        numpy_helper.from_array(np.float32(0.005), "step"),
        numpy_helper.from_array(np.uint8(0), "zero"),
        numpy_helper.from_array((np.array(WEIGHTS) * 100).astype(np.int8).reshape(6, 1), "W_8"),
        numpy_helper.from_array(np.float32(0.01), "W_step"),
        numpy_helper.from_array(np.int8(0), "W_zero"),
    ]
    ports = [("input", TensorProto.FLOAT, ["N", 6])], [("score", TensorProto.FLOAT, ["N", 1])]
    return model(nodes, *ports, initializers)


SOUND: dict[str, Callable[[], onnx.ModelProto | bytes]] = {
    "synthetic": lambda: linear_model(np.array(WEIGHTS, np.float32)),
    "raw data": lambda: linear(WEIGHTS),
    "metadata": lambda: linear(WEIGHTS, metadata={"feature_names": json.dumps(SIX[::-1]), "trained": "2019"}),
    "external data": lambda: with_external_data(linear(WEIGHTS), EXTERNAL)[0],
    "a graph in a graph": looping,
    "quantised": quantised,
    "float64, fixed batch": lambda: linear(WEIGHTS, batch=4, dtype=TensorProto.DOUBLE, column_output=True),
}


def sound(name: str) -> bytes:
    made = SOUND[name]()
    return made if isinstance(made, bytes) else bytes(made.SerializeToString())


def mutations(data: bytes, count: int, seed: int) -> list[bytes]:
    """``count`` different models, none of them ``data``."""
    random, found = Random(seed), dict.fromkeys([data])
    while len(found) <= count:
        found[mutated_model(data, random)] = None
    return list(found)[1:]


def judged(folder: Path, cache: Path, models: Sequence[bytes]) -> tuple[list[Step], list[Evaluated]]:
    """What the program says of each model, and what is true."""
    folder.mkdir()
    (folder / EXTERNAL).write_bytes(with_external_data(linear(WEIGHTS), EXTERNAL)[1])
    paths = [save(data, folder / f"m_{index:04d}.onnx") for index, data in enumerate(models)]
    report = run_bisect(BisectRequest(cache, (str(folder),), strategy="scan", resampling=Resampling(0), limits=LIMITS))
    on = open_cache(cache)
    truth = evaluated(paths, on.features, on.columns, on.target, folder.parent)
    return sorted(report.steps, key=lambda step: step.index), truth


def expect_judged_as_it_is(step: Step, truth: Evaluated) -> None:
    """The very value where there is one; where there is none, no verdict."""
    if step.verdict == "untestable":
        assert step.reason
        assert not truth.plcc or any(words in step.reason for words in RUNS_AND_CANNOT_BE_JUDGED), (step, truth)
    else:
        assert any(abs(step.metrics["plcc"] - value) < SCORED_ALIKE for value in truth.plcc), (step, truth)
        assert (step.verdict == "good") == (step.metrics["plcc"] >= 0.85)


@pytest.mark.parametrize("name", SOUND)
def test_a_mutated_model_is_judged_as_what_it_is(tmp_path: Path, name: str, attack) -> None:
    tried, data = attack("mutated models"), sound(name)
    models = mutations(data, 290, seed=99 + list(SOUND).index(name))
    (itself, *steps), (truth_of_itself, *truths) = judged(tmp_path / "m", EMBEDDED, [data, *models])
    expect_judged_as_it_is(itself, truth_of_itself)
    assert itself.verdict != "untestable"
    for step, truth, changed in zip(steps, truths, models, strict=True):
        with tried.case():
            expect_judged_as_it_is(step, truth)
            findings = compare_models("m.onnx", changed, data)
            if truth.plcc and findings and all(finding.severity == "notice" for finding in findings):
                assert truth.plcc == pytest.approx(truth_of_itself.plcc, abs=SCORED_ALIKE), findings
    assert {"untestable"} < {step.verdict for step in steps}, "some mutations load, and some do not"


def test_mutated_real_models_are_judged_as_what_they_are(tmp_path: Path, real_data: Path, attack) -> None:
    tried = attack("mutated models")
    generate(tmp_path / "c", Table(table=str(real_data / "avt-vqdb-uhd-1" / "clips.parquet")))
    real = sorted((real_data / "vmaf-history").rglob("*.onnx"), key=lambda path: path.stat().st_size)[:4]
    models = [changed for seed, path in enumerate(real) for changed in mutations(path.read_bytes(), 40, seed)]
    for step, truth in zip(*judged(tmp_path / "m", tmp_path / "c", models), strict=True):
        with tried.case():
            expect_judged_as_it_is(step, truth)


def test_a_model_cut_short_anywhere_is_judged_as_what_is_left_of_it(tmp_path: Path, attack) -> None:
    tried = attack("truncated models")
    small, large = sound("raw data"), bytes(linear(WEIGHTS, metadata={"notes": "n" * 200_000}).SerializeToString())
    cut = [small[:length] for length in range(len(small))]
    cut += [large[:length] for length in np.linspace(0, len(large) - 1, 60).astype(int)]
    steps, truths = judged(tmp_path / "m", EMBEDDED, cut)
    for step, truth in zip(steps, truths, strict=True):
        with tried.case():
            expect_judged_as_it_is(step, truth)
    assert "untestable" in {step.verdict for step in steps}


def test_a_model_of_the_cache_that_is_cut_short_anywhere_is_drift(attack) -> None:
    tried, whole = attack("truncated models"), sound("synthetic")
    for length in range(len(whole)):
        with tried.case():
            findings = compare_models("m.onnx", whole[:length], whole)
            assert {finding.severity for finding in findings} & {"error", "warning"}, length


# Files that are no models


def _zip() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("model.onnx", sound("raw data"))
    return held.getvalue()


def _folder(path: Path) -> None:
    path.mkdir()
    save(sound("raw data"), path / "model.onnx")


def _loop(path: Path) -> None:
    path.with_suffix(".link").symlink_to(path.name)
    path.symlink_to(path.with_suffix(".link").name)


def _sparse(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(5 << 30)


NO_MODELS: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("The model is on the other machine.\n"),
    "web page": lambda path: path.write_text("<!DOCTYPE html><html><body>404</body></html>"),
    "pointer": lambda path: path.write_text(
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 1234\n"
    ),
    "zip": lambda path: path.write_bytes(_zip()),
    "zeros": lambda path: path.write_bytes(bytes(1 << 20)),
    "one byte": lambda path: path.write_bytes(b"\x08"),
    "folder": _folder,
    "pipe": os.mkfifo,
    "loop of links": _loop,
    "link to nothing": lambda path: path.symlink_to("gone.onnx"),
    "device": lambda path: path.symlink_to("/dev/zero"),
    "larger than any": _sparse,
}


def test_what_is_no_model_blames_nobody(tmp_path: Path, attack) -> None:
    table_cache_at(tmp_path / "c")
    names = ["m_00.onnx", *(f"m_{index:02d}.onnx" for index in range(1, len(NO_MODELS) + 1)), "m_20.onnx", "m_21.onnx"]
    for name, make in zip(names[1:], NO_MODELS.values(), strict=False):
        (tmp_path / "m").mkdir(exist_ok=True)
        make(tmp_path / "m" / name)
    for name in (names[0], *names[-2:]):
        save(linear(WEIGHTS), tmp_path / "m" / name)
    with attack("no models at all").case(len(NO_MODELS)):
        ran = bisect(tmp_path, "--strategy", "scan")
        # A folder is not even taken for a model.
        assert (ran.code, ran.letters) == (0, "g" + "x" * (len(NO_MODELS) - 1) + "gg")
        assert all(step["reason"] for step in ran.steps.values() if step["verdict"] == "untestable")
    with attack("no models at all").case(len(NO_MODELS)):
        save(linear([-weight for weight in WEIGHTS]), tmp_path / "m" / names[-1])
        ran = bisect(tmp_path, "--explain")
        assert (ran.code, ran.first_bad) == (1, "m_21")
        assert "Traceback" not in ran.told
    with attack("no models at all").case(len(NO_MODELS)):
        (tmp_path / "m" / names[-2]).unlink()
        ran = bisect(tmp_path, "--explain")
        assert (ran.code, ran.first_bad, ran.outcome) == (2, None, "inconclusive")


@pytest.mark.parametrize("kind", ["text", "pipe", "loop of links", "zip"])
def test_what_is_no_model_is_no_baseline(tmp_path: Path, kind: str, attack) -> None:
    table_cache_at(tmp_path / "c")
    save(linear(WEIGHTS), tmp_path / "m" / "m_0.onnx")
    NO_MODELS[kind](tmp_path / "other.onnx")
    with attack("no models at all").case():
        ran = bisect(tmp_path, "--baseline", "other.onnx", "--threshold", "plcc >= baseline - 0.1")
        assert ran.code == 2
        assert "Traceback" not in ran.told


def test_what_is_no_model_in_a_cache_is_drift(tmp_path: Path, attack) -> None:
    cache_at(tmp_path / "c", rows=12, models=len(NO_MODELS) + 1)
    for index, make in enumerate(NO_MODELS.values()):
        (tmp_path / "c" / "models" / f"model_{index:02d}.onnx").unlink()
        make(tmp_path / "c" / "models" / f"model_{index:02d}.onnx")
    with attack("no models at all").case(len(NO_MODELS)):
        ran = command("check", "c", "--json", "report.json", cwd=tmp_path)
        assert (ran.code, ran.outcome) == (1, "drift")
        assert {f"models/model_{index:02d}.onnx" for index in range(len(NO_MODELS))} <= {
            finding["file"] for finding in ran.report["findings"] if finding["severity"] == "error"
        }
        assert "Traceback" not in ran.told


# Models that a parser could choke on, in the process that holds the verdict


def _field(number: int, data: bytes) -> bytes:
    head, length = bytearray(), len(data)
    while length > 127:
        head.append(length & 127 | 128)
        length >>= 7
    return bytes([number << 3 | 2, *head, length]) + data


def _nested(depth: int) -> bytes:
    graph = b""
    for _ in range(depth):
        graph = _field(1, _field(5, _field(6, graph)))
    return _field(7, graph)


BOMBS: dict[str, Callable[[], bytes]] = {
    "millions of empty nodes": lambda: _field(7, _field(1, b"") * 20_000_000),
    "millions of empty tensors": lambda: _field(7, _field(5, b"") * 20_000_000),
    "millions of numbers of one byte": lambda: _field(7, _field(5, _field(7, b"\1" * 50_000_000))),
    "thousands of empty nodes": lambda: _field(7, _field(1, b"") * 20_000),
    "a name of 40 MB": lambda: _field(7, _field(2, b"n" * 40_000_000)),
    "an input's name of 40 MB": lambda: _field(7, _field(11, _field(1, b"n" * 40_000_000))),
    "graphs within graphs": lambda: _nested(5000),
    "a tensor of exabytes": lambda: _field(7, _field(5, b"\x08\x80\x80\x80\x80\x80\x80\x80\x40\x08\x04\x10\x01")),
    "groups within groups": lambda: b"\x0b" * 1_000_000,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_model_that_unpacks_to_gigabytes_is_compared_within_bounds(tmp_path: Path, bomb: str, attack) -> None:
    cache_at(tmp_path / "c", rows=12, models=1)
    (tmp_path / "c" / "models" / "model_00.onnx").write_bytes(BOMBS[bomb]())
    limited = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30)); "
    main = "from bisect_cache.cli import main; main()"
    with attack("mutated models").case():
        ran = subprocess.run(
            [sys.executable, "-c", limited + main, "check", "c"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "OPENBLAS_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ran.returncode == 1, ran.stderr
        assert "models/model_00.onnx" in ran.stderr
        assert "Traceback" not in ran.stderr
        assert len(ran.stderr) < 20_000


# What has no right to be text


@pytest.mark.parametrize(
    "change",
    [
        lambda made: setattr(made, "producer_name", "P" * 8),
        lambda made: setattr(made.graph, "name", "P" * 8),
        lambda made: setattr(made.opset_import[0], "domain", "P" * 8),
        lambda made: helper.set_model_props(made, {"P" * 8: "v", "k": "P" * 8}),
        lambda made: setattr(made.graph.node[0], "op_type", "P" * 8),
        lambda made: made.graph.node[0].input.append("P" * 8),
        lambda made: setattr(made.graph.input[0], "name", "P" * 8),
        lambda made: setattr(made.graph.initializer[0], "name", "P" * 8),
        lambda made: made.graph.node[0].attribute.add(name="P" * 8, type=onnx.AttributeProto.INT),
    ],
)
def test_names_that_are_no_text_are_told_apart_from_those_that_are(tmp_path: Path, change) -> None:
    cache_at(tmp_path / "c", rows=12, models=1)
    path = tmp_path / "c" / "models" / "model_00.onnx"
    made = onnx.load_from_string(path.read_bytes())
    change(made)
    path.write_bytes(made.SerializeToString().replace(b"P" * 8, b"PP\xff\xfe\n\x1b[2"))
    ran = command("check", "c", "--json", "report.json", cwd=tmp_path)
    assert (ran.code, ran.outcome) == (1, "drift")
    assert "\x1b" not in ran.told
    assert not compare_models("m", path.read_bytes(), path.read_bytes())


def test_a_tensor_that_stands_twice_hides_nothing() -> None:
    once = linear(WEIGHTS)
    twice = onnx.ModelProto.FromString(once.SerializeToString())
    twice.graph.initializer.insert(0, numpy_helper.from_array(np.zeros((6, 1), np.float32), "W"))
    data = [bytes(made.SerializeToString()) for made in (once, twice)]
    assert [finding.severity for finding in compare_models("m", *data)] == ["error"]


def test_a_dimension_that_reads_the_same_hides_nothing() -> None:
    first, second = linear(WEIGHTS, batch=3), linear(WEIGHTS, batch="3")
    data = [bytes(made.SerializeToString()) for made in (first, second)]
    assert [finding.kind for finding in compare_models("m", *data)] == ["interface"]


def test_a_list_that_says_something_twice_hides_nothing() -> None:
    first, second = (linear(WEIGHTS, metadata={"k": "v"}) for _ in range(2))
    second.metadata_props.insert(0, onnx.StringStringEntryProto(key="k", value="other"))
    data = [bytes(made.SerializeToString()) for made in (first, second)]
    assert [finding.severity for finding in compare_models("m", *data)] == ["error"]


def test_a_mutated_pair_is_explained_or_a_note_says_why_not(tmp_path: Path, attack) -> None:
    tried = attack("mutated models")
    table_cache_at(tmp_path / "c")
    save(linear(WEIGHTS), tmp_path / "m" / "m_00.onnx")
    bad = bytes(linear([-weight for weight in WEIGHTS]).SerializeToString())
    explained = 0
    for changed in mutations(bad, 12, seed=5):
        save(changed, tmp_path / "m" / "m_01.onnx")
        with tried.case():
            report = run_bisect(BisectRequest(tmp_path / "c", (str(tmp_path / "m"),), explain=True, limits=LIMITS))
            explained += _is_explained(report)
    assert explained


def _is_explained(report: BisectReport) -> bool:
    if report.outcome != "regression":
        return False
    assert report.explanation is not None
    assert report.explanation.findings or report.explanation.notes
    return True


def test_a_model_that_crashes_between_mutated_ones_costs_only_itself(tmp_path: Path, attack) -> None:
    data = sound("raw data")
    with attack("mutated models").case():
        steps, truths = judged(tmp_path / "m", EMBEDDED, [data, bytes(crashing().SerializeToString()), data])
        assert [step.verdict for step in steps] == ["good", "untestable", "good"]
        assert [truth.crashed for truth in truths] == [False, True, False]
