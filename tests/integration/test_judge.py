"""The judge and its worker: models of every shape, and models that bring the worker down."""

import json
import platform
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from judging import judge_of
from making import allocating, cache_at, constant, crashing, endless, linear, model, save, with_external_data
from onnx import TensorProto, helper, numpy_helper
from scipy import stats

from bisect_cache.cache.opened import Cache, open_cache
from bisect_cache.files import CannotRead, sha256_of
from bisect_cache.judge import judge as judging
from bisect_cache.judge.judge import Judge, Ports
from bisect_cache.judge.measurement import Measurement
from bisect_cache.timeline.folder import FolderModel
from bisect_cache.timeline.interface import Checkpoint, ModelFiles
from bisect_cache.worker import process
from bisect_cache.worker.process import Limits, Worker

WEIGHTS = (0.5, 0.1, 0.1, 0.1, 0.1, 0.1)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return open_cache(cache_at(tmp_path_factory.mktemp("cache") / "c"))


@pytest.fixture(scope="module")
def shared(cache: Cache) -> Iterator[Judge]:
    with Worker(Limits(seconds=20)) as worker:
        yield judge_of(worker, cache)


def judged(judge: Judge, made: onnx.ModelProto | bytes, folder: Path, **fields) -> Measurement:
    path = save(made, folder / "m.onnx")
    return judge.measure(Checkpoint("m", FolderModel(path), **fields))


def is_good(measurement: Measurement) -> bool:
    return measurement.fault is None and measurement.metrics["plcc"] > 0.5


def expected_plcc(cache: Cache, weights=WEIGHTS) -> float:
    predictions = (cache.features @ np.array(weights, np.float32)).astype(float)
    return float(stats.pearsonr(predictions, cache.target.astype(float)).statistic)


@pytest.mark.parametrize(
    "made",
    [
        linear(WEIGHTS),
        linear(WEIGHTS, input_name="features"),
        linear(WEIGHTS, column_output=True),
        linear(WEIGHTS, batch=1),
        linear(WEIGHTS, batch=1, column_output=True),
        linear(WEIGHTS, batch=100),
        linear(WEIGHTS, batch=256),
        linear(WEIGHTS, batch=1000),
        linear(WEIGHTS, dtype=TensorProto.DOUBLE),
    ],
    ids=["[N]", "any name", "[N,1]", "batch 1", "batch 1 [1,1]", "batch 100", "batch 256", "batch 1000", "float64"],
)
def test_a_linear_model_in_any_shape_is_measured_right(
    shared: Judge, cache: Cache, tmp_path: Path, made: onnx.ModelProto
) -> None:
    measurement = judged(shared, made, tmp_path)
    assert measurement.fault is None
    assert measurement.metrics["plcc"] == pytest.approx(expected_plcc(cache), abs=1e-6)


def test_a_model_that_is_turned_over_is_measured_as_such(shared: Judge, cache: Cache, tmp_path: Path) -> None:
    measurement = judged(shared, linear([-weight for weight in WEIGHTS]), tmp_path)
    assert measurement.fault is None
    assert measurement.metrics["plcc"] == pytest.approx(-expected_plcc(cache), abs=1e-6)


def test_columns_follow_the_names_in_the_models_metadata(shared: Judge, cache: Cache, tmp_path: Path) -> None:
    named = linear((1.0, 0.25), metadata={"feature_order": json.dumps(["motion2", "adm2"])})
    measurement = judged(shared, named, tmp_path)
    assert measurement.metrics["plcc"] == pytest.approx(expected_plcc(cache, (0.25, 0, 0, 0, 0, 1)), abs=1e-6)


def test_columns_follow_the_names_in_a_declared_sidecar(shared: Judge, cache: Cache, tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(json.dumps({"features": ["motion2", "adm2"], "feature_mean": [0, 0]}))
    measurement = judged(shared, linear((1.0, 0.25)), tmp_path, sidecar="m.json")
    assert measurement.metrics["plcc"] == pytest.approx(expected_plcc(cache, (0.25, 0, 0, 0, 0, 1)), abs=1e-6)
    assert measurement.notes == ("its sidecar lists feature_mean, which was not applied",)
    assert "no JSON" in (judged(shared, linear(), tmp_path, sidecar="m.onnx").fault or "")


def test_external_data_beside_the_model_is_read_with_it(shared: Judge, cache: Cache, tmp_path: Path) -> None:
    moved, data = with_external_data(linear(WEIGHTS), "weights/m.data")
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "m.data").write_bytes(data)
    measurement = judged(shared, moved, tmp_path)
    assert measurement.metrics["plcc"] == pytest.approx(expected_plcc(cache), abs=1e-6)


@pytest.mark.parametrize("location", ["../secret.data", "/etc/hostname", "link.data", "absent.data", "a\\..\\b"])
def test_external_data_that_is_absent_or_leaves_the_folder_is_refused(
    shared: Judge, tmp_path: Path, location: str
) -> None:
    moved, data = with_external_data(linear(WEIGHTS), location)
    (tmp_path / "secret.data").write_bytes(data)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "link.data").symlink_to(tmp_path / "secret.data")
    measurement = judged(shared, moved, tmp_path / "models")
    assert repr(location) in (measurement.fault or "")
    assert is_good(judged(shared, linear(), tmp_path))


@pytest.mark.parametrize(
    ("location", "words"),
    [
        (".git/config", "leads to what is hidden"),
        ("weights/.hidden", "leads to what is hidden"),
        ("cache/features.parquet", "ends with '.parquet', as weights do not"),
        ("labels.CSV", "ends with '.CSV', as weights do not"),
        ("token.bin", "is a link that leads to what is hidden"),
        ("target.bin", "is a link that leads to another kind of file"),
    ],
)
def test_a_model_cannot_take_a_token_or_the_target_for_its_weights(
    shared: Judge, tmp_path: Path, location: str, words: str
) -> None:
    moved, data = with_external_data(linear(WEIGHTS), location)
    for name in (".git/config", "weights/.hidden", "cache/features.parquet", "labels.CSV"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    (tmp_path / "token.bin").symlink_to(".git/config")
    (tmp_path / "target.bin").symlink_to("cache/features.parquet")
    assert words in (judged(shared, moved, tmp_path).fault or "")


def test_a_link_to_weights_without_an_ending_is_followed(shared: Judge, tmp_path: Path) -> None:
    moved, data = with_external_data(linear(WEIGHTS), "m.data")
    (tmp_path / "blob").write_bytes(data)
    (tmp_path / "m.data").symlink_to("blob")
    assert is_good(judged(shared, moved, tmp_path))


def test_a_sidecar_of_any_size_is_no_reason_to_take_all_memory(shared: Judge, tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text("[" + "{}," * 400_000 + "{}]")
    fault = judged(shared, linear(), tmp_path, sidecar="m.json").fault
    assert (fault or "").startswith("its sidecar m.json cannot be used: ")
    assert (fault or "").endswith("which has 1,200,004 bytes; at most 1,048,576 are read")


def test_as_many_names_as_a_sidecar_can_hold_are_no_end_of_the_worker(shared: Judge, tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(json.dumps({"features": ["a"] * 200_000}))
    assert "wants the features a, a" in (judged(shared, linear(), tmp_path, sidecar="m.json").fault or "")


def test_files_that_a_model_names_may_not_have_more_bytes_together_than_one_alone(
    shared: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved, data = with_external_data(linear(WEIGHTS), "m.data")
    (tmp_path / "m.data").write_bytes(data)
    monkeypatch.setattr(judging, "LARGEST_FILE", len(data) - 1)
    refused = judged(shared, moved, tmp_path).fault
    assert refused == f"the files that it names have more than {len(data) - 1} bytes in all"
    monkeypatch.setattr(judging, "LARGEST_FILE", len(data))
    assert judged(shared, moved, tmp_path).fault is None


def test_another_sha256_than_declared_is_untestable_and_said(shared: Judge, tmp_path: Path) -> None:
    right = sha256_of(linear().SerializeToString())
    assert is_good(judged(shared, linear(), tmp_path, sha256=right))
    measurement = judged(shared, linear(), tmp_path, sha256="0" * 64)
    assert f"its sha256 is {right[:12]}…, the registry says 000000000000…" in (measurement.fault or "")


def second_input() -> onnx.ModelProto:
    nodes = [
        helper.make_node("ReduceSum", ["input", "axes"], ["a"], keepdims=0),
        helper.make_node("ReduceSum", ["codec", "axes"], ["b"], keepdims=0),
        helper.make_node("Add", ["a", "b"], ["score"]),
    ]
    ports = [("input", TensorProto.FLOAT, ["N", 6]), ("codec", TensorProto.FLOAT, ["N", 14])]
    axes = numpy_helper.from_array(np.array([1], np.int64), "axes")
    return model(nodes, ports, [("score", TensorProto.FLOAT, ["N"])], [axes])


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (linear((1.0,) * 7), "wants 7 features, the cache has 6"),
        (second_input(), "wants a second input 'codec' tensor(float) [N, 14]"),
        (constant(float("nan")), "predicts NaN or infinity for 256 of 256 rows (first: row 0)"),
        (constant(1.0, infinite=True), "predicts NaN or infinity for 256 of 256 rows"),
        (constant(3.5), "predicts 3.5 for every row: a constant has no correlation"),
        (b"", "ONNX Runtime refuses it"),
        (b"not a model at all", "ONNX Runtime refuses it"),
        (linear().SerializeToString()[:-40], "ONNX Runtime refuses it"),
        (allocating(1 << 40), "ran out of memory"),
    ],
    ids=["width", "second input", "nan", "infinity", "constant", "empty", "text", "truncated", "allocation"],
)
def test_what_cannot_be_judged_is_untestable_with_its_reason(
    shared: Judge, tmp_path: Path, made: onnx.ModelProto | bytes, words: str
) -> None:
    measurement = judged(shared, made, tmp_path)
    assert words in (measurement.fault or "")
    assert (measurement.metrics, measurement.intervals) == ({}, {})
    assert measurement.metrics == {}
    assert is_good(judged(shared, linear(), tmp_path)), "the next model is judged as if nothing had been"


def test_an_allocation_above_the_limit_is_stopped(cache: Cache, tmp_path: Path) -> None:
    with Worker(Limits(memory=2 << 30)) as worker:
        judge = judge_of(worker, cache)
        measurement = judged(judge, allocating(1 << 30), tmp_path)
        assert measurement.fault == "ran out of memory: its limit is 2,048 MiB"
        assert is_good(judged(judge, linear(), tmp_path))


def test_a_model_that_never_ends_is_ended_and_the_run_goes_on(cache: Cache, tmp_path: Path) -> None:
    with Worker(Limits(seconds=1.5)) as worker:
        judge = judge_of(worker, cache)
        measurement = judged(judge, endless(), tmp_path)
        assert measurement.fault == "took longer than 1.5 s"
        assert 1.5 <= measurement.seconds < 10
        assert is_good(judged(judge, linear(), tmp_path))


@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="only x86 traps this division")
def test_a_model_that_crashes_the_process_is_untestable_and_the_run_goes_on(shared: Judge, tmp_path: Path) -> None:
    measurement = judged(shared, crashing(), tmp_path)
    assert measurement.fault == "the worker process was ended by SIGFPE"
    assert is_good(judged(shared, linear(), tmp_path))


class Killing(ModelFiles):
    """A checkpoint whose external data is asked for by a worker that dies meanwhile, as often as ``times``."""

    def __init__(self, worker: Worker, made: onnx.ModelProto, data: bytes, times: int) -> None:
        self.worker, self.made, self.data, self.times = worker, made, data, times

    def model(self) -> bytes:
        return self.made.SerializeToString()

    def beside(self, location: str) -> bytes:
        if self.times > 0:
            self.worker._process.kill()
        self.times -= 1
        return self.data


def test_a_worker_that_dies_makes_its_model_untestable_and_is_replaced(cache: Cache, tmp_path: Path) -> None:
    moved, data = with_external_data(linear(), "m.data")
    with Worker(Limits()) as worker:
        judge = judge_of(worker, cache)
        for _ in range(2):
            measurement = judge.measure(Checkpoint("m", Killing(worker, moved, data, times=2)))
            killed = "the worker process was ended by SIGKILL, most likely for want of memory"
            assert killed in (measurement.fault or "")
            assert not worker.alive
        assert is_good(judged(judge, linear(), tmp_path))


def test_a_model_whose_worker_was_killed_once_is_judged_all_the_same(cache: Cache) -> None:
    moved, data = with_external_data(linear(WEIGHTS), "m.data")
    with Worker(Limits()) as worker:
        measurement = judge_of(worker, cache).measure(Checkpoint("m", Killing(worker, moved, data, times=1)))
    assert measurement.fault is None
    assert measurement.metrics["plcc"] == pytest.approx(expected_plcc(cache), abs=1e-6)


def test_a_worker_that_is_killed_while_it_starts_is_started_again(cache: Cache, tmp_path: Path) -> None:
    with Worker(Limits()) as worker:
        worker._process.kill()
        assert is_good(judged(judge_of(worker, cache), linear(), tmp_path))


def test_a_checkpoint_that_cannot_be_read_is_untestable(shared: Judge) -> None:
    class Gone(ModelFiles):
        def model(self) -> bytes:
            raise CannotRead("lies in a commit that was not fetched")

        def beside(self, location: str) -> bytes:
            raise CannotRead(location)

    measurement = shared.measure(Checkpoint("m", Gone()))
    assert measurement.fault == "lies in a commit that was not fetched"


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_the_worker_sees_no_environment_of_ours(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/of/a/build")
    with Worker(Limits()) as worker:
        worker.hello()
        environment = Path(f"/proc/{worker._process.pid}/environ").read_bytes()
    assert b"secret" not in environment
    assert b"OPENBLAS_NUM_THREADS=1" in environment
    assert b"LD_LIBRARY_PATH=/of/a/build" in environment


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="needs /proc")
def test_the_worker_may_leave_no_core_and_print_nowhere(cache: Cache, tmp_path: Path) -> None:
    with Worker(Limits(memory=5 << 30)) as worker:
        assert is_good(judged(judge_of(worker, cache), linear(), tmp_path))
        process_folder = Path(f"/proc/{worker._process.pid}")
        limits = {
            line[:26].strip(): line[26:].split()[:2] for line in (process_folder / "limits").read_text().splitlines()
        }
        streams = [str((process_folder / "fd" / number).readlink()) for number in "012"]
    assert limits["Max core file size"] == ["0", "0"]
    assert limits["Max address space"] == [str(5 << 30)] * 2
    assert streams == ["/dev/null"] * 3


def test_a_worker_that_cannot_import_the_runtime_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_START", "import sys; raise ImportError('no onnxruntime here')")
    with Worker(Limits()) as worker, pytest.raises(process.CannotStart) as refused:
        worker.hello()
    assert "ended with exit code 1: ImportError: no onnxruntime here" in str(refused.value)
    assert "Is onnxruntime installed" in str(refused.value)


def test_features_that_do_not_fit_the_memory_limit_are_told_from_a_bad_model(cache: Cache) -> None:
    large = replace(cache, features=np.zeros((1 << 26, 6), np.float32))
    with (
        Worker(Limits(memory=1 << 30)) as worker,
        pytest.raises(process.CannotStart, match=r"did not take the features, 1536 MiB .* --memory-limit"),
    ):
        judge_of(worker, large)


ANSWERS = {
    "a shorter vector": "packed(Predictions('<f4'), 8) + bytes(8)",
    "more than was asked for": "packed(Predictions('<f8'), 1 << 30)",
    "no JSON": "LENGTHS.pack(3, 0) + b'{{{'",
    "another kind": "packed(Hello('1', ()), 0)",
    "an endless head": "LENGTHS.pack(1 << 31, 0)",
}


ASKING = """
def lengths(): return LENGTHS.unpack(sys.stdin.buffer.read(LENGTHS.size))
def take(): sys.stdin.buffer.read(sum(lengths()))
def say(head): sys.stdout.buffer.write(packed(head, 0)); sys.stdout.flush()
say(Hello('1', ())); take(); take()
"""
ASKED = {
    "a file that the model does not name": "say(Wants('.git/config')); take(); say(Untestable('done'))",
    "a file twice": "say(Wants('m.data')); take(); say(Wants('m.data')); take(); say(Untestable('done'))",
    "files without end": "while True: say(Wants('m.data')); take()",
    "a reason without end": "say(Untestable('x' * 601))",
    "a note without end": "say(Predictions('<f4', 'x' * 601))",
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_a_worker_that_was_taken_over_gets_no_more_than_the_model_names(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    start = "import sys; sys.path.insert(0, sys.argv[1]); from bisect_cache.worker.protocol import *"
    monkeypatch.setattr(process, "_START", f"{start}{ASKING}{asked}")
    moved, data = with_external_data(linear(), "m.data")
    (tmp_path / "m.data").write_bytes(data)
    with Worker(Limits(seconds=20)) as worker:
        measurement = judged(judge_of(worker, cache), moved, tmp_path)
    assert "the worker process" in (measurement.fault or "")
    assert measurement.seconds < 15


def test_a_pipe_that_is_always_ready_does_not_keep_a_worker_alive(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = "import sys; sys.path.insert(0, sys.argv[1]); from bisect_cache.worker.protocol import *"
    slowly = (
        "import time\nsay_ = LENGTHS.pack(1 << 19, 0)\nsys.stdout.buffer.write(say_)\nwhile True: "
        "sys.stdout.buffer.write(b' '); sys.stdout.flush(); time.sleep(0.0001)"
    )
    monkeypatch.setattr(process, "_START", f"{start}{ASKING}{slowly}")
    with Worker(Limits(seconds=1)) as worker:
        measurement = judged(judge_of(worker, cache), linear(), tmp_path)
    assert measurement.fault == "took longer than 1 s"


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_worker_that_was_taken_over_cannot_confuse_the_parent(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from bisect_cache.worker.protocol import *; "
        f"sys.stdout.buffer.write(packed(Hello('1', ()), 0) + {answer}); sys.stdout.flush(); sys.stdin.buffer.read()"
    )
    monkeypatch.setattr(process, "_START", program)
    with Worker(Limits(seconds=20)) as worker:
        measurement = judged(judge_of(worker, cache), linear(), tmp_path)
    assert "the worker process" in (measurement.fault or "")


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ("LENGTHS.pack(1 << 31, 0)", r"did not start \(the worker process sent what is no message\)"),
        ("LENGTHS.pack(2, 0) + b'no'", r"did not start \(the worker process sent what is no message\)"),
        ("packed(Untestable('no'), 0)", "began with Untestable, not with a greeting"),
    ],
    ids=["an endless head", "no JSON", "no greeting"],
)
def test_a_worker_that_does_not_greet_has_not_started(monkeypatch: pytest.MonkeyPatch, says: str, words: str) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from bisect_cache.worker.protocol import *; "
        f"sys.stdout.buffer.write({says}); sys.stdout.flush(); sys.stdin.buffer.read()"
    )
    monkeypatch.setattr(process, "_START", program)
    with Worker(Limits()) as worker, pytest.raises(process.CannotStart, match=words):
        worker.hello()


def test_a_python_that_is_not_there_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(process.CannotStart, match=r"cannot be started \(No such file or directory\): /nowhere/python"):
        Worker(Limits())


def two_outputs() -> onnx.ModelProto:
    nodes = [
        helper.make_node("ReduceSum", ["input", "axes"], ["good"], keepdims=0),
        helper.make_node("Neg", ["good"], ["bad"]),
    ]
    axes = numpy_helper.from_array(np.array([1], np.int64), "axes")
    outputs = [("bad", TensorProto.FLOAT, ["N"]), ("good", TensorProto.FLOAT, ["N"])]
    return model(nodes, [("input", TensorProto.FLOAT, ["N", 6])], outputs, [axes])


@pytest.mark.parametrize(
    ("ports", "sign", "words"),
    [
        (Ports(), 0, "could be the score, 'bad' tensor(float) [N], 'good' tensor(float) [N]: name one"),
        (Ports(input="input", output="good"), 1, ""),
        (Ports(output="bad"), -1, ""),
        (Ports(input="other"), 0, "has no input 'other'"),
    ],
)
def test_the_named_ports_are_used(cache: Cache, tmp_path: Path, ports: Ports, sign: int, words: str) -> None:
    with Worker(Limits(seconds=20)) as worker:
        measurement = judged(judge_of(worker, cache, ports), two_outputs(), tmp_path)
    assert np.sign(measurement.metrics.get("plcc", 0)) == sign
    assert (measurement.fault is None) == (words == "")
    assert words in (measurement.fault or "")


@pytest.mark.parametrize(
    "made",
    [
        linear((1.0,) * 7, input_name="x" * 5000),
        model(
            [helper.make_node("X" * 5000, ["input"], ["score"])],
            [("input", TensorProto.FLOAT, ["N", 6])],
            [("score", TensorProto.FLOAT, ["N"])],
        ),
    ],
    ids=["cannot be fed", "refused"],
)
def test_a_reason_is_never_longer_than_a_reader_reads(shared: Judge, tmp_path: Path, made: onnx.ModelProto) -> None:
    measurement = judged(shared, made, tmp_path)
    assert 100 < len(measurement.fault or "") <= 600


def test_what_mentions_a_location_and_is_no_model_is_untestable(shared: Judge, tmp_path: Path) -> None:
    measurement = judged(shared, b"\xff location", tmp_path)
    assert measurement.fault == (
        "ONNX Runtime refuses it: [ONNXRuntimeError] : 7 : INVALID_PROTOBUF : Failed to load model because protobuf "
        "parsing failed."
    )


def test_a_sidecar_that_is_no_object_makes_its_model_untestable(shared: Judge, tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text("[1]")
    measurement = judged(shared, linear(), tmp_path, sidecar="m.json")
    assert measurement.fault == "its sidecar m.json cannot be used: it is no JSON object"


def test_every_note_on_a_model_is_kept(shared: Judge, tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(json.dumps({"mean": [0]}))
    assert judged(shared, linear(batch=100), tmp_path, sidecar="m.json").notes == (
        "its sidecar lists mean, which was not applied",
        "fed in batches of 100, which the model fixes",
    )
