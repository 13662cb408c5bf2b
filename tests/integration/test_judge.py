"""The judge and its worker: models of every shape, and models that bring the worker down."""

import json
import platform
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from making import allocating, cache_at, constant, crashing, endless, linear, model, save, with_external_data
from onnx import TensorProto, helper, numpy_helper
from scipy import stats

from bisect_cache.cache.opened import Cache, open_cache
from bisect_cache.files import sha256_of
from bisect_cache.judge import process
from bisect_cache.judge.judge import Judge, Judgement, Ports
from bisect_cache.judge.process import Limits, Worker
from bisect_cache.judge.thresholds import parse_thresholds
from bisect_cache.timeline.folder import FolderModel
from bisect_cache.timeline.interface import CannotRead, Checkpoint

WEIGHTS = (0.5, 0.1, 0.1, 0.1, 0.1, 0.1)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return open_cache(cache_at(tmp_path_factory.mktemp("cache") / "c"))


@pytest.fixture(scope="module")
def shared(cache: Cache) -> Iterator[Judge]:
    with Worker(Limits(seconds=20)) as worker:
        yield Judge(worker, cache, parse_thresholds(["plcc >= 0.5"]), Ports())


def judged(judge: Judge, made: onnx.ModelProto | bytes, folder: Path, **fields) -> Judgement:
    path = save(made, folder / "m.onnx")
    return judge.judge(Checkpoint("m", FolderModel(path), **fields))


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
    judgement = judged(shared, made, tmp_path)
    assert judgement.verdict == "good", judgement.reason
    assert judgement.metrics["plcc"] == pytest.approx(expected_plcc(cache), abs=1e-6)


def test_a_model_below_a_threshold_is_bad_and_says_which(shared: Judge, tmp_path: Path) -> None:
    judgement = judged(shared, linear((-1,) * 6), tmp_path)
    assert (judgement.verdict, judgement.reason) == ("bad", "plcc >= 0.5 does not hold")


def test_columns_follow_the_names_in_the_models_metadata(shared: Judge, cache: Cache, tmp_path: Path) -> None:
    named = linear((1.0, 0.25), metadata={"feature_order": json.dumps(["motion2", "adm2"])})
    judgement = judged(shared, named, tmp_path)
    assert judgement.metrics["plcc"] == pytest.approx(expected_plcc(cache, (0.25, 0, 0, 0, 0, 1)), abs=1e-6)


def test_columns_follow_the_names_in_a_declared_sidecar(shared: Judge, cache: Cache, tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(json.dumps({"features": ["motion2", "adm2"], "feature_mean": [0, 0]}))
    judgement = judged(shared, linear((1.0, 0.25)), tmp_path, sidecar="m.json")
    assert judgement.metrics["plcc"] == pytest.approx(expected_plcc(cache, (0.25, 0, 0, 0, 0, 1)), abs=1e-6)
    assert judgement.notes == ("its sidecar lists feature_mean, which was not applied",)
    assert "no JSON" in (judged(shared, linear(), tmp_path, sidecar="m.onnx").reason or "")


def test_external_data_beside_the_model_is_read_with_it(shared: Judge, cache: Cache, tmp_path: Path) -> None:
    moved, data = with_external_data(linear(WEIGHTS), "weights/m.data")
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "m.data").write_bytes(data)
    judgement = judged(shared, moved, tmp_path)
    assert judgement.metrics["plcc"] == pytest.approx(expected_plcc(cache), abs=1e-6)


@pytest.mark.parametrize("location", ["../secret.data", "/etc/hostname", "link.data", "absent.data", "a\\..\\b"])
def test_external_data_that_is_absent_or_leaves_the_folder_is_refused(
    shared: Judge, tmp_path: Path, location: str
) -> None:
    moved, data = with_external_data(linear(WEIGHTS), location)
    (tmp_path / "secret.data").write_bytes(data)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "link.data").symlink_to(tmp_path / "secret.data")
    judgement = judged(shared, moved, tmp_path / "models")
    assert judgement.verdict == "untestable"
    assert repr(location) in (judgement.reason or "")
    assert judged(shared, linear(), tmp_path).verdict == "good"


def test_another_sha256_than_declared_is_untestable_and_said(shared: Judge, tmp_path: Path) -> None:
    right = sha256_of(linear().SerializeToString())
    assert judged(shared, linear(), tmp_path, sha256=right).verdict == "good"
    judgement = judged(shared, linear(), tmp_path, sha256="0" * 64)
    assert judgement.verdict == "untestable"
    assert f"its sha256 is {right[:12]}…, the registry says 000000000000…" in (judgement.reason or "")


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
    judgement = judged(shared, made, tmp_path)
    assert judgement.verdict == "untestable"
    assert words in (judgement.reason or "")
    assert judgement.metrics == {}
    assert judged(shared, linear(), tmp_path).verdict == "good", "the next model is judged as if nothing had been"


def test_an_allocation_above_the_limit_is_stopped(cache: Cache, tmp_path: Path) -> None:
    with Worker(Limits(memory=2 << 30)) as worker:
        judge = Judge(worker, cache, (), Ports())
        judgement = judged(judge, allocating(1 << 30), tmp_path)
        assert (judgement.verdict, judgement.reason) == ("untestable", "ran out of memory")
        assert judged(judge, linear(), tmp_path).verdict == "good"


def test_a_model_that_never_ends_is_ended_and_the_run_goes_on(cache: Cache, tmp_path: Path) -> None:
    with Worker(Limits(seconds=1.5)) as worker:
        judge = Judge(worker, cache, (), Ports())
        judgement = judged(judge, endless(), tmp_path)
        assert (judgement.verdict, judgement.reason) == ("untestable", "took longer than 1.5 s")
        assert 1.5 <= judgement.seconds < 10
        assert judged(judge, linear(), tmp_path).verdict == "good"


@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="only x86 traps this division")
def test_a_model_that_crashes_the_process_is_untestable_and_the_run_goes_on(shared: Judge, tmp_path: Path) -> None:
    judgement = judged(shared, crashing(), tmp_path)
    assert (judgement.verdict, judgement.reason) == ("untestable", "the worker process was ended by SIGFPE")
    assert judged(shared, linear(), tmp_path).verdict == "good"


class Killing:
    """A checkpoint whose external data is asked for by a worker that dies meanwhile."""

    def __init__(self, worker: Worker, made: onnx.ModelProto) -> None:
        self.worker, self.made = worker, made

    def model(self) -> bytes:
        return self.made.SerializeToString()

    def beside(self, location: str) -> bytes:
        self.worker._process.kill()
        return location.encode()


def test_a_worker_that_dies_makes_its_model_untestable_and_is_replaced(cache: Cache, tmp_path: Path) -> None:
    moved, _ = with_external_data(linear(), "m.data")
    with Worker(Limits()) as worker:
        judge = Judge(worker, cache, (), Ports())
        for _ in range(2):
            judgement = judge.judge(Checkpoint("m", Killing(worker, moved)))
            assert judgement.verdict == "untestable"
            assert "the worker process was ended by SIGKILL" in (judgement.reason or "")
            assert not worker.alive
        assert judged(judge, linear(), tmp_path).verdict == "good"


def test_a_checkpoint_that_cannot_be_read_is_untestable(shared: Judge) -> None:
    class Gone:
        def model(self) -> bytes:
            raise CannotRead("lies in a commit that was not fetched")

        def beside(self, location: str) -> bytes:
            raise CannotRead(location)

    judgement = shared.judge(Checkpoint("m", Gone()))
    assert (judgement.verdict, judgement.reason) == ("untestable", "lies in a commit that was not fetched")


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_the_worker_sees_no_environment_of_ours(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    with Worker(Limits()) as worker:
        worker.hello()
        environment = Path(f"/proc/{worker._process.pid}/environ").read_bytes()
    assert b"secret" not in environment
    assert b"OPENBLAS_NUM_THREADS=1" in environment


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
        Judge(worker, large, (), Ports())


ANSWERS = {
    "a shorter vector": "packed(Predictions('<f4'), 8) + bytes(8)",
    "more than was asked for": "packed(Predictions('<f8'), 1 << 30)",
    "no JSON": "LENGTHS.pack(3, 0) + b'{{{'",
    "another kind": "packed(Hello('1'), 0)",
    "an endless head": "LENGTHS.pack(1 << 31, 0)",
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_worker_that_was_taken_over_cannot_confuse_the_parent(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from bisect_cache.judge.protocol import *; "
        f"sys.stdout.buffer.write(packed(Hello('1'), 0) + {answer}); sys.stdout.flush(); sys.stdin.buffer.read()"
    )
    monkeypatch.setattr(process, "_START", program)
    with Worker(Limits(seconds=20)) as worker:
        judgement = judged(Judge(worker, cache, (), Ports()), linear(), tmp_path)
    assert judgement.verdict == "untestable"
    assert "the worker process" in (judgement.reason or "")
