"""`bisect --explain`: what changed from the last good model to the first bad one; nothing of it breaks a run."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from judging import judge_of
from making import cache_at, constant, linear, model, save, table_cache_at, with_external_data
from onnx import TensorProto, helper, numpy_helper

from bisect_cache.cache.generate import generate
from bisect_cache.cache.manifest import Table
from bisect_cache.cache.opened import open_cache
from bisect_cache.files import CannotRead
from bisect_cache.judge.thresholds import parse_thresholds
from bisect_cache.report.structs import BisectReport, Explanation
from bisect_cache.runs import explaining
from bisect_cache.runs.explaining import explain
from bisect_cache.runs.request import BisectRequest
from bisect_cache.runs.run import run_bisect
from bisect_cache.timeline.folder import FolderModel
from bisect_cache.timeline.interface import Checkpoint, ModelFiles
from bisect_cache.worker.process import Limits, Worker

ROOT = Path(__file__).resolve().parents[2]
SKEWED = (1.0, 0.1, 0.1, 0.1, 0.1, -0.4)


def explained(folder: Path, *models: onnx.ModelProto | bytes, threshold: str = "plcc >= 0.85") -> BisectReport:
    """A run with ``--explain`` over these models, on a cache of 24 rows and 4 contents whose target is their mean."""
    cache = table_cache_at(folder / "c")
    for index, made in enumerate(models):
        save(made, folder / "m" / f"m_{index}.onnx")
    return run_bisect(BisectRequest(cache, (str(folder / "m"),), parse_thresholds([threshold]), explain=True))


def explanation_of(report: BisectReport) -> Explanation:
    assert report.outcome == "regression", report.verdict
    assert report.explanation is not None
    return report.explanation


def largest_turned_over() -> onnx.ModelProto:
    """score = -max(features): another graph, without any weights."""
    nodes = [helper.make_node("ReduceMax", ["input"], ["most"], axes=[1], keepdims=0)]
    nodes.append(helper.make_node("Neg", ["most"], ["score"]))
    return model(nodes, [("input", TensorProto.FLOAT, ["N", 6])], [("score", TensorProto.FLOAT, ["N"])])


def in_runtimes_own_format(made: onnx.ModelProto, place: Path) -> bytes:
    """A model that ONNX Runtime loads and onnx does not."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(place)
    options.add_session_config_entry("session.save_model_format", "ORT")
    ort.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return place.read_bytes()


def test_changed_weights_are_named_with_the_contents_and_rows_that_moved_most(tmp_path: Path) -> None:
    report = explained(tmp_path, linear(), linear(SKEWED))
    found = explanation_of(report)
    (finding,) = found.findings
    assert (finding.file, finding.kind) == ("m_1", "weights")
    assert finding.detail == "initialiser 'W': 6 of 6 values differ, largest difference 0.833."

    cache = open_cache(tmp_path / "c")
    target = cache.target.astype(float)
    sides = []
    for weights in ((1 / 6,) * 6, SKEWED):
        scores = (cache.features @ np.array(weights, np.float32)).astype(float)
        sides.append(np.polynomial.Polynomial.fit(scores, target, 1)(scores))
    moves = np.abs(sides[1] - sides[0])
    assert [row.row for row in found.rows] == list(np.argsort(-moves)[:10])
    assert [row.after for row in found.rows] == pytest.approx([sides[1][row.row] for row in found.rows], abs=1e-6)
    assert [row.content for row in found.rows] == [f"clip{row.row % 4}" for row in found.rows]
    changes = {
        f"clip{clip}": np.mean(np.abs(sides[1] - target)[clip::4]) - np.mean(np.abs(sides[0] - target)[clip::4])
        for clip in range(4)
    }
    assert [content.content for content in found.contents] == sorted(changes, key=changes.__getitem__, reverse=True)
    assert all(content.rows == 6 for content in found.contents)
    assert [content.change for content in found.contents] == pytest.approx(sorted(changes.values())[::-1], abs=1e-6)
    assert report.reproduce.endswith("--explain")


def test_another_graph_is_told_part_by_part_without_a_word_of_committing(tmp_path: Path) -> None:
    found = explanation_of(explained(tmp_path, linear(), largest_turned_over()))
    details = {finding.kind: finding.detail for finding in found.findings}
    assert details.keys() == {"graph", "weights"}
    assert "node 0 is MatMul(input, W), later ReduceMax(input)" in details["graph"]
    assert "initialiser 'W' is only in the last good model" in details["weights"]
    assert not any(word in str(found.findings) for word in ("committed", "regenerated", "version control"))
    assert len(found.rows) == 10
    assert found.notes[-1].startswith("one model's scores rise with the target and the other's fall")


def test_another_scale_alone_moves_no_row_and_says_which_scale(tmp_path: Path) -> None:
    found = explanation_of(explained(tmp_path, linear(), linear((100 / 6,) * 6), threshold="rmse <= 0.1"))
    assert (found.contents, found.rows) == ((), ())
    assert [finding.kind for finding in found.findings] == ["weights"]
    (note,) = found.notes
    assert note == (
        "on the target's scale both models predict the same: the scores of the first bad one are those of the last "
        "good one times 100"
    )


def test_weights_in_a_file_beside_the_model_are_compared_too(tmp_path: Path) -> None:
    moved = []
    for index, weights in enumerate(((1 / 6,) * 6, SKEWED)):
        made, data = with_external_data(linear(weights), "w.data")
        moved.append(save(made, tmp_path / f"m{index}" / "m.onnx"))
        (moved[-1].parent / "w.data").write_bytes(data)
    table_cache_at(tmp_path / "c")
    report = run_bisect(BisectRequest(tmp_path / "c", tuple(map(str, moved)), explain=True))
    (finding,) = explanation_of(report).findings
    assert finding.detail == "initialiser 'W': 6 of 6 values differ, largest difference 0.833."


@pytest.mark.parametrize(
    ("models", "outcome"),
    [
        ([linear(), linear()], "no-regression"),
        ([linear(SKEWED), linear(SKEWED)], "head-bad"),
        ([linear(), constant(1), linear(SKEWED)], "inconclusive"),
        ([constant(1)], "inconclusive"),
    ],
    ids=["no regression", "head bad", "untestable between", "untestable alone"],
)
def test_without_a_known_place_where_good_turns_bad_there_is_nothing_to_explain(
    tmp_path: Path, models: Sequence[onnx.ModelProto], outcome: str
) -> None:
    report = explained(tmp_path, *models)
    assert (report.outcome, report.explanation) == (outcome, None)


def test_a_model_that_only_the_runtime_can_read_is_still_compared_by_its_predictions(tmp_path: Path) -> None:
    made = [in_runtimes_own_format(linear(weights), tmp_path / "x.ort") for weights in ((1 / 6,) * 6, SKEWED)]
    found = explanation_of(explained(tmp_path, *made))
    assert found.findings == ()
    assert len(found.rows) == 10
    (note,) = found.notes
    assert note == "the models' files cannot be compared: one of them is no ONNX model that can be parsed"


def test_models_too_large_to_be_compared_are_so_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explaining, "LARGEST_COMPARED", 100)
    found = explanation_of(explained(tmp_path, linear(), linear(SKEWED)))
    assert (found.findings, len(found.rows)) == ((), 10)
    assert found.notes == (
        "the models' files cannot be compared: m_0: with its weights it has more than 0 MiB, too many to be compared",
    )


class Changing(ModelFiles):
    """A model that is something else each time it is read."""

    def __init__(self, *given: bytes | Exception) -> None:
        self.given = list(given)

    def model(self) -> bytes:
        now = self.given.pop(0)
        if isinstance(now, Exception):
            raise now
        return now

    def beside(self, location: str) -> bytes:
        raise CannotRead(f"{location} is gone")


EXTERNAL = with_external_data(linear(SKEWED), "w.data")[0].SerializeToString()
BAD = linear(SKEWED).SerializeToString()


@pytest.mark.parametrize(
    ("given", "notes"),
    [
        ([b"location: no model", BAD], ["files cannot be compared: bad: it is no ONNX model that can be parsed"]),
        ([b"", BAD], ["one of them is no ONNX model that can be parsed"]),
        ([EXTERNAL, BAD], ["files cannot be compared: w.data is gone"]),
        ([CannotRead("m.onnx is gone"), BAD], ["files cannot be compared: m.onnx is gone"]),
        ([BAD, CannotRead("m.onnx is gone")], ["the predictions cannot be compared: m.onnx is gone"]),
        ([BAD, b"no model"], ["the predictions cannot be compared: ONNX Runtime refuses it"]),
        ([BAD, constant(1).SerializeToString()], ["compared: predicts 1 for every row"]),
        ([BAD, EXTERNAL], ["the predictions cannot be compared: w.data is gone"]),
        ([CannotRead("gone"), CannotRead("gone")], ["files cannot be compared: gone", "the predictions cannot be"]),
    ],
)
def test_a_model_that_is_gone_or_broken_by_then_is_a_note_and_breaks_nothing(
    tmp_path: Path, given: list[bytes | Exception], notes: list[str]
) -> None:
    cache = open_cache(table_cache_at(tmp_path / "c"))
    good = Checkpoint("good", FolderModel(save(linear(), tmp_path / "m.onnx")))
    with Worker(Limits(seconds=20)) as worker:
        judge = judge_of(worker, cache)
        found = explain(good, Checkpoint("bad", Changing(*given)), cache, judge)
        assert judge.measure(good).fault is None
    assert len(found.notes) == len(notes)
    for note, words in zip(found.notes, notes, strict=True):
        assert words in note


def test_two_files_that_are_the_same_model_are_said_to_be(tmp_path: Path) -> None:
    cache = open_cache(table_cache_at(tmp_path / "c"))
    one = Checkpoint("one", FolderModel(save(linear(), tmp_path / "m.onnx")))
    with Worker(Limits(seconds=20)) as worker:
        found = explain(one, one, cache, judge_of(worker, cache))
    assert (found.findings, found.contents, found.rows) == ((), (), ())
    assert found.notes[0].startswith("both files hold the same model")


def heavy_and_light() -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """The same model twice, its weights stored in two ways."""
    light = linear(SKEWED)
    heavy = onnx.ModelProto()
    heavy.CopyFrom(light)
    values = numpy_helper.to_array(heavy.graph.initializer[0])
    heavy.graph.initializer[0].CopyFrom(helper.make_tensor("W", TensorProto.FLOAT, values.shape, values.ravel()))
    return light, heavy


def test_bytes_that_differ_without_a_difference_are_the_serialisers_doing(tmp_path: Path) -> None:
    cache = open_cache(table_cache_at(tmp_path / "c"))
    points = [
        Checkpoint("p", FolderModel(save(made, tmp_path / f"{place}.onnx")))
        for place, made in enumerate(heavy_and_light())
    ]
    with Worker(Limits(seconds=20)) as worker:
        (finding,) = explain(*points, cache, judge_of(worker, cache)).findings
    assert finding.kind == "writer"
    assert finding.detail.startswith("the last good model has ")
    assert finding.detail.endswith("every part of the model is equal: the serialiser's doing.")


@pytest.mark.parametrize(
    ("regress_at", "options", "imported"),
    [(None, ["--explain"], False), (5, [], False), (5, ["--explain"], True)],
    ids=["no regression", "not asked", "asked"],
)
def test_onnx_is_imported_only_to_explain_a_regression(
    tmp_path: Path, regress_at: int | None, options: list[str], imported: bool
) -> None:
    cache_at(tmp_path / "c", **({} if regress_at is None else {"regress_at": regress_at}))
    program = (
        "import sys, atexit\n"
        "atexit.register(lambda: print('IMPORTED', *sys.modules))\n"
        f"sys.argv = ['bisect-cache', 'bisect', '--cache', {str(tmp_path / 'c')!r}, *{options!r}]\n"
        "from bisect_cache.cli import main\n"
        "main()\n"
    )
    completed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
    )
    assert completed.returncode == (0 if regress_at is None else 1), completed.stderr
    modules = set(completed.stdout.splitlines()[-1].split())
    assert ("onnx" in modules) is imported
    assert modules.isdisjoint({"pandas", "scipy", "onnxruntime", "jinja2"})
    assert ("from the last good model to the first bad one:" in completed.stderr) is imported


def test_on_real_data_the_dip_of_2016_is_told_by_content(real_data: Path, tmp_path: Path) -> None:
    table = real_data / "avt-vqdb-uhd-1" / "clips.parquet"
    generate(tmp_path / "c", Table(table=str(table), content="content_id"))
    timeline = f"registry:{real_data / 'vmaf-history' / 'registry.json'}?added=2016-*"
    thresholds = parse_thresholds(["srocc >= 0.80"])
    report = run_bisect(BisectRequest(tmp_path / "c", (timeline,), thresholds, explain=True))
    found = explanation_of(report)
    assert [finding.kind for finding in found.findings] == ["metadata", "graph", "weights"]
    assert "(SVMRegressor) differs in its attributes coefficients, " in found.findings[1].detail
    assert (found.contents[0].content, found.contents[0].rows) == ("LeagueOfLegends-1_8s", 64)
    assert (len(found.contents), len(found.rows)) == (10, 10)
    assert {row.content for row in found.rows} == {"surfing_sony_8bit", "giftmord"}
