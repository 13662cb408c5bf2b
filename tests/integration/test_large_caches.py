"""A cache too large to be held, judged batch by batch: every metric is the same to the last bit."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from judging import command, noisy_cache_at, timeline_at, weaker
from making import SIX, constant, endless, linear, model, save, with_external_data
from onnx import TensorProto, helper, numpy_helper

from bisect_cache.cache import large, opened
from bisect_cache.cache.generate import generate
from bisect_cache.cache.large import LargeCache
from bisect_cache.cache.manifest import Synthetic, read_manifest
from bisect_cache.cache.opened import Cache, Held, open_cache
from bisect_cache.cache.parquet.features import BadFeatures
from bisect_cache.judge.choices import Resampling
from bisect_cache.judge.streamed import rounds
from bisect_cache.judge.streamed.judge import Asked, StreamedJudge
from bisect_cache.judge.thresholds import parse_thresholds
from bisect_cache.report.structs import BisectReport
from bisect_cache.runs.request import BisectRequest
from bisect_cache.runs.run import run_bisect, run_check
from bisect_cache.worker.process import Limits

NOTHING = Held(rows=0, values=0)
ROWS, AT_A_TIME = 700, 150


@pytest.fixture
def streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cache is too large to be held, and read in five batches."""
    monkeypatch.setattr(opened, "HELD", NOTHING)
    monkeypatch.setattr(opened, "_SMALL", 0)
    monkeypatch.setattr(large, "ROWS_AT_A_TIME", AT_A_TIME)


def bisected(cache: Path, models: Path, thresholds: tuple[str, ...] = ("plcc >= 0.5",), **choices: Any) -> BisectReport:
    return run_bisect(
        BisectRequest(
            cache=cache, timeline=(str(models),), thresholds=parse_thresholds(thresholds), strategy="scan", **choices
        )
    )


def both(cache: Path, models: Path, *arguments: Any, **choices: Any) -> tuple[BisectReport, BisectReport]:
    """The report of the cache held, and of the same cache streamed."""
    held = bisected(cache, models, *arguments, **choices)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opened, "HELD", NOTHING)
        patch.setattr(opened, "_SMALL", 0)
        patch.setattr(large, "ROWS_AT_A_TIME", AT_A_TIME)
        return held, bisected(cache, models, *arguments, **choices)


def told(report: BisectReport) -> dict[str, Any]:
    """All that does not depend on the machine or on how resamples are summed."""
    return {
        "outcome": report.outcome,
        "cache": report.cache,
        "first bad": report.first_bad and report.first_bad.label,
        "steps": [(step.label, step.verdict, step.metrics, step.notes) for step in report.steps],
    }


def mixing() -> onnx.ModelProto:
    """A row's score depends on all rows that it is fed with."""
    nodes = [
        helper.make_node("ReduceMean", ["input", "one"], ["row"], keepdims=0),
        helper.make_node("ReduceMean", ["row", "none"], ["all"], keepdims=1),
        helper.make_node("Sub", ["row", "all"], ["score"]),
    ]
    axes = [numpy_helper.from_array(np.array([axis], np.int64), name) for name, axis in (("one", 1), ("none", 0))]
    nodes[0] = helper.make_node("ReduceSum", ["input", "one"], ["row"], keepdims=0)
    nodes[1] = helper.make_node("ReduceSum", ["row", "none"], ["all"], keepdims=1)
    return model(nodes, [("input", TensorProto.FLOAT, ["N", 6])], [("score", TensorProto.FLOAT, ["N"])], axes)


@pytest.mark.parametrize("contents", [None, 17, 200])
@pytest.mark.parametrize("direction", ["higher-is-better", "lower-is-better"])
def test_every_metric_is_the_same_to_the_last_bit(tmp_path: Path, contents: int | None, direction: str) -> None:
    cache = noisy_cache_at(tmp_path / "c", ROWS, contents, direction=direction, scale=(-1, 2))
    models = timeline_at(
        tmp_path / "models",
        [
            weaker(),
            weaker(0.3),
            linear([0.1] * 6, dtype=TensorProto.DOUBLE, column_output=True),
            linear([0.1] * 6, batch=1),
            linear([0.1] * 6, batch=64),
            constant(float("nan")),
            constant(1.0),
            b"no model at all",
            weaker(2),
        ],
    )
    held, streamed = both(cache, models, ("plcc >= 0.5", "rmse <= 1"))
    assert told(streamed) == told(held)
    assert {step.verdict for step in streamed.steps} == {"good", "bad", "untestable"}


@pytest.mark.parametrize("contents", [17, 40])
def test_intervals_by_content_are_the_same_but_for_the_steps_of_ranks(tmp_path: Path, contents: int) -> None:
    cache = noisy_cache_at(tmp_path / "c", ROWS, contents)
    models = timeline_at(tmp_path / "models", [weaker(), weaker(0.2), weaker(0.4)])
    held, streamed = both(cache, models, ("plcc >= baseline - 0.02", "srocc >= previous - 0.02"))
    assert [step.verdict for step in streamed.steps] == [step.verdict for step in held.steps]
    assert streamed.sampling == held.sampling
    for one, other in zip(held.steps, streamed.steps, strict=True):
        for metric in ("plcc", "rmse", "rmse_mapped"):
            np.testing.assert_allclose(other.intervals[metric], one.intervals[metric], rtol=1e-9)
        width = np.subtract(*one.intervals["srocc"])
        np.testing.assert_allclose(other.intervals["srocc"], one.intervals["srocc"], rtol=0, atol=abs(width) * 5e-3)


def test_predictions_that_are_nearly_perfect_or_huge_have_the_same_intervals(tmp_path: Path) -> None:
    cache = noisy_cache_at(tmp_path / "c", ROWS, 17, noise=1e-6)
    models = timeline_at(
        tmp_path / "models", [weaker(), linear([2e30] * 5 + [0]), linear([1e-30] * 5 + [0], dtype=TensorProto.DOUBLE)]
    )
    held, streamed = both(cache, models, ("plcc >= 0.5",))
    assert told(streamed) == told(held)
    for one, other in zip(held.steps, streamed.steps, strict=True):
        for metric in ("plcc", "rmse_mapped"):
            np.testing.assert_allclose(other.intervals[metric], one.intervals[metric], rtol=1e-6)


def test_models_of_a_timeline_longer_than_a_round_are_all_measured(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(rounds, "MOST_IN_A_ROUND", 3)
    cache = noisy_cache_at(tmp_path / "c", ROWS, None)
    models = timeline_at(tmp_path / "models", [weaker(step / 10) for step in range(8)])
    held, streamed = both(cache, models, resampling=Resampling(0))
    assert told(streamed) == told(held)


def test_only_some_metrics_are_measured_where_others_are_not_asked_for(tmp_path: Path) -> None:
    cache = noisy_cache_at(tmp_path / "c", ROWS, None)
    models = timeline_at(tmp_path / "models", [weaker(), weaker(2)])
    for report in both(cache, models, metrics=("plcc", "rmse")):
        assert [list(step.metrics) for step in report.steps] == [["plcc", "rmse"]] * 2
        assert [list(step.intervals) for step in report.steps] == [["plcc", "rmse"]] * 2
        assert report.first_bad is not None


def test_metrics_that_were_not_measured_have_no_column(tmp_path: Path) -> None:
    noisy_cache_at(tmp_path / "c", ROWS, None)
    models = timeline_at(tmp_path / "models", [weaker(), weaker(2)])
    asked = ("--metric", "plcc", "--metric", "rmse", "--json", "report.json")
    ran = command("bisect", "--cache", "c", "--timeline", models, *asked, cwd=tmp_path)
    page = command("report", "report.json", "--as", "summary", cwd=tmp_path).said
    for shown in (ran.told, page):
        assert "PLCC" in shown
        assert "RMSE" in shown
        assert "SROCC" not in shown
        assert "mapped" not in shown.lower()


def test_a_threshold_on_a_metric_that_is_not_measured_is_refused(tmp_path: Path) -> None:
    noisy_cache_at(tmp_path / "c", 30, None)
    models = timeline_at(tmp_path / "models", [weaker(), weaker(2)])
    ran = command("bisect", "--cache", "c", "--timeline", models, "--metric", "srocc", cwd=tmp_path)
    assert ran.code == 2
    assert "plcc has a threshold and is not among the metrics to be measured (srocc)" in ran.told


def test_a_model_whose_scores_depend_on_other_rows_is_said_to(tmp_path: Path, streamed: None) -> None:
    cache = noisy_cache_at(tmp_path / "c", ROWS, None)
    report = bisected(cache, timeline_at(tmp_path / "models", [weaker(), mixing()]))
    assert report.steps[1].verdict == "untestable"
    assert "depend on the other rows" in report.steps[1].reason


def crashing_above(bound: float) -> onnx.ModelProto:
    """Divides the lowest integer by -1 where any feature is above ``bound``, by 1 else: SIGFPE on x86."""
    nodes = [
        helper.make_node("ReduceMax", ["input"], ["most"], keepdims=0),
        helper.make_node("Greater", ["most", "bound"], ["over"]),
        helper.make_node("Where", ["over", "minus", "one"], ["by"]),
        helper.make_node("Div", ["lowest", "by"], ["quotient"]),
        helper.make_node("Sub", ["quotient", "quotient"], ["nothing"]),
        helper.make_node("Cast", ["nothing"], ["zero"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["input", "axis"], ["row"], keepdims=0),
        helper.make_node("Add", ["row", "zero"], ["score"]),
    ]
    tensors = [
        numpy_helper.from_array(np.array(bound, np.float32), "bound"),
        numpy_helper.from_array(np.array(-1, np.int32), "minus"),
        numpy_helper.from_array(np.array(1, np.int32), "one"),
        numpy_helper.from_array(np.array(-(2**31), np.int32), "lowest"),
        numpy_helper.from_array(np.array([1], np.int64), "axis"),
    ]
    return model(nodes, [("input", TensorProto.FLOAT, ["N", 6])], [("score", TensorProto.FLOAT, ["N"])], tensors)


@pytest.mark.parametrize("batch", [0, 3])
def test_a_model_that_kills_its_worker_in_some_batch_costs_the_others_nothing(tmp_path: Path, batch: int) -> None:
    cache = noisy_cache_at(tmp_path / "c", ROWS, None)
    whole = open_cache(cache, Held())
    assert isinstance(whole, Cache)
    features = whole.features.copy()
    before = features[: batch * AT_A_TIME].max(initial=0.0)
    features[batch * AT_A_TIME + 7, 0] = before + 1
    save_features(cache, features[:, 0])
    models = timeline_at(tmp_path / "models", [weaker(), crashing_above(float(before)), weaker(0.3), weaker(2)])
    held, streamed = both(cache, models)
    assert told(streamed) == told(held)
    assert streamed.steps[1].verdict == "untestable"
    assert "was ended by SIGFPE" in streamed.steps[1].reason


def save_features(cache: Path, first: np.ndarray) -> None:
    """Another first column."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(cache / "features.parquet")
    place = table.schema.get_field_index(SIX[0])
    pq.write_table(table.set_column(place, SIX[0], pa.array(first)), cache / "features.parquet")


def test_a_worker_that_something_else_kills_is_replaced_in_the_middle_of_a_pass(tmp_path: Path, monkeypatch) -> None:
    cache = noisy_cache_at(tmp_path / "c", ROWS, None)
    models = timeline_at(tmp_path / "models", [weaker(), weaker(0.3), weaker(2)])
    usual, batches = StreamedJudge.scores, []

    def killed(judge: StreamedJudge, asked: list[Asked], features: np.ndarray) -> list[Any]:
        batches.append(len(features))
        if len(batches) == 3:
            judge._worker.kill()
        return usual(judge, asked, features)

    monkeypatch.setattr(StreamedJudge, "scores", killed)
    held, streamed = both(cache, models)
    assert batches[:5] == [150] * 4 + [100]
    assert told(streamed) == told(held)


def test_a_model_that_takes_too_long_over_all_batches_is_said_to(tmp_path: Path, streamed: None) -> None:
    cache = noisy_cache_at(tmp_path / "c", ROWS, None)
    models = timeline_at(tmp_path / "models", [weaker(), endless(), weaker(2)])
    report = bisected(cache, models, limits=Limits(seconds=2))
    assert [step.verdict for step in report.steps] == ["good", "untestable", "bad"]
    assert "took longer than 2 s" in report.steps[1].reason


def test_a_limit_is_said_as_it_was_asked_for_though_little_is_left(tmp_path, streamed, monkeypatch) -> None:
    cache = noisy_cache_at(tmp_path / "c", ROWS, None)
    models = timeline_at(tmp_path / "models", [weaker(), weaker(0.3), weaker(2)])
    usual = StreamedJudge.scores

    def late(judge: StreamedJudge, asked: list[Asked], features: np.ndarray) -> list[Any]:
        for one in asked:
            if one.checkpoint.label == "m_01" and one.kept:
                one.seconds = 19.9999999
        return usual(judge, asked, features)

    monkeypatch.setattr(StreamedJudge, "scores", late)
    report = bisected(cache, models, limits=Limits(seconds=20))
    assert [step.verdict for step in report.steps] == ["good", "untestable", "bad"]
    assert report.steps[1].reason == "took longer than 20 s"


def test_weights_beside_a_model_are_read_again_when_the_worker_was_replaced(tmp_path: Path) -> None:
    cache = noisy_cache_at(tmp_path / "c", ROWS, None)
    (tmp_path / "models").mkdir()
    made, data = with_external_data(linear([0.1] * 6), "weights.bin")
    save(made, tmp_path / "models" / "m_00.onnx")
    (tmp_path / "models" / "weights.bin").write_bytes(data)
    for index in (1, 2):
        save(weaker(index), tmp_path / "models" / f"m_{index:02d}.onnx")
    held, streamed = both(cache, tmp_path / "models")
    assert told(streamed) == told(held)


def test_the_command_says_what_it_is_asked_of_a_large_cache(tmp_path: Path, streamed: None) -> None:
    noisy_cache_at(tmp_path / "c", ROWS, 17)
    models = timeline_at(tmp_path / "models", [weaker(), weaker(2)])
    asked = ("--cache", "c", "--timeline", models)
    ran = command("bisect", *asked, "--by-content", "--explain", "--threshold", "plcc >= 0.5", cwd=tmp_path)
    assert ran.code == 1
    assert "m_01" in ran.said
    assert "clip0" in ran.told
    assert command("thresholds", *asked, cwd=tmp_path).code == 0


def test_check_tells_what_a_large_cache_can_tell(tmp_path: Path, streamed: None) -> None:
    from bisect_cache.runs.request import CheckRequest

    cache = noisy_cache_at(tmp_path / "c", ROWS, 17)
    report = run_check(CheckRequest(cache=cache))
    assert report.outcome == "clean"
    assert report.cache.contents == 17
    assert set(report.detectable) == {"plcc", "srocc"}


def damaged(cache: Path, column: str, row: int, value: float | None) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(cache / "features.parquet")
    values = table[column].to_pylist()
    values[row] = value
    place = table.schema.get_field_index(column)
    pq.write_table(table.set_column(place, column, pa.array(values, pa.float32())), cache / "features.parquet")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_a_missing_value_in_a_late_batch_is_named_by_its_row(tmp_path: Path, streamed: None, value) -> None:
    cache = noisy_cache_at(tmp_path / "c", ROWS, None)
    damaged(cache, SIX[2], 611, value)
    with pytest.raises(BadFeatures, match=rf"column '{SIX[2]}' has 1 missing or infinite values \(rows 611\)"):
        bisected(cache, timeline_at(tmp_path / "models", [weaker(), weaker(2)]))


def test_a_target_that_is_constant_is_refused(tmp_path: Path, streamed: None) -> None:
    cache = noisy_cache_at(tmp_path / "c", 300, None)
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(cache / "features.parquet")
    place = table.schema.get_field_index("mos")
    pq.write_table(table.set_column(place, "mos", pa.array([2.0] * 300, pa.float32())), cache / "features.parquet")
    with pytest.raises(BadFeatures, match="300 rows with 1 different values of 'mos'"):
        bisected(cache, timeline_at(tmp_path / "models", [weaker(), weaker(2)]))


def test_data_that_is_not_what_the_manifest_describes_is_said(tmp_path: Path, streamed: None) -> None:
    cache = noisy_cache_at(tmp_path / "c", ROWS, None)
    damaged(cache, SIX[0], 5, 0.25)
    models = timeline_at(tmp_path / "models", [weaker(), weaker(2)])
    changed = bisected(cache, models)
    assert any("is not the data that the manifest describes" in note for note in changed.notes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opened, "HELD", Held())
        assert bisected(cache, models).cache.fingerprint == changed.cache.fingerprint


@pytest.mark.parametrize("part_rows", [None, 100])
def test_the_fingerprint_of_what_the_manifest_records_is_taken_from_it(
    tmp_path: Path, streamed: None, part_rows
) -> None:
    generate(tmp_path / "c", Synthetic(rows=ROWS), part_rows=part_rows)
    cache = open_cache(tmp_path / "c")
    manifest = read_manifest(tmp_path / "c")
    assert isinstance(cache, LargeCache)
    assert manifest
    assert cache._is_as_recorded(manifest)
    assert cache.fingerprint == manifest.fingerprint == open_cache(tmp_path / "c", Held()).fingerprint
    damaged(tmp_path / "c", SIX[0], 5, 0.25) if part_rows is None else (
        tmp_path / "c" / "features.parquet" / "part-00006.parquet"
    ).unlink()
    assert not cache._is_as_recorded(manifest)


def test_a_disk_without_room_for_scores_is_said(tmp_path: Path, streamed: None, monkeypatch) -> None:
    noisy_cache_at(tmp_path / "c", ROWS, None)
    models = timeline_at(tmp_path / "models", [weaker(), weaker(2)])
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: open("/dev/full", "r+b", buffering=0))  # noqa: SIM115, PTH123
    ran = command("bisect", "--cache", "c", "--timeline", models, cwd=tmp_path)
    assert ran.code == 2
    assert "cannot be put aside" in ran.told


def test_a_large_cache_gives_the_rows_that_it_is_asked_for(tmp_path: Path, streamed: None) -> None:
    cache = open_cache(noisy_cache_at(tmp_path / "c", ROWS, 17))
    held = open_cache(tmp_path / "c", Held())
    assert isinstance(cache, LargeCache)
    assert isinstance(held, Cache)
    rows = np.array([0, 149, 150, 151, 420, 699])
    for some, same in ((cache.some(rows), held.some(rows)),):
        assert some.features.tolist() == same.features.tolist()
        assert some.target.tolist() == same.target.tolist()
        assert some.contents is not None
        assert same.contents is not None
        assert some.contents.tolist() == same.contents.tolist()
    assert cache.content_names == held.content_names
    assert cache.target.tolist() == held.target.tolist()
    assert cache.fingerprint == held.fingerprint
