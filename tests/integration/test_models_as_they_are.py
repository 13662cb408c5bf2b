"""Models as teams ship them: normalisation beside them, second inputs, other scales, int8, one row at a time."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from acting import act
from judging import bisect, command, judge_of, noisy_cache_at, timeline_at
from making import SIX, cache_at, linear, model, save, with_external_data
from making_history import History
from onnx import TensorProto, helper, numpy_helper
from scipy import stats

from bisect_cache.cache.opened import Cache, open_cache
from bisect_cache.judge import sidecar as sidecars
from bisect_cache.judge.judge import CannotScore, Judge
from bisect_cache.judge.measurement import Measurement
from bisect_cache.runs.request import BisectRequest
from bisect_cache.runs.run import run_bisect
from bisect_cache.timeline.declaration import DECLARES_NOTHING, METADATA_KEY, Feeding, declared_in
from bisect_cache.timeline.folder import FolderModel
from bisect_cache.timeline.interface import Checkpoint
from bisect_cache.worker.process import Limits, Worker

MEAN, STD = [0.5, 0.4, 0.3, 0.6, 0.7, 0.2], [0.1, 0.2, 0.3, 0.15, 0.25, 0.5]
WEIGHTS = [0.5, 0.1, -0.2, 0.3, 0.1, 0.4, 7.0, -3.0, 11.0]
"""Of six features, and of three places of a codec."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return open_cache(cache_at(tmp_path_factory.mktemp("cache") / "c", rows=60))


@pytest.fixture(scope="module")
def judge(cache: Cache) -> Iterator[Judge]:
    with Worker(Limits(seconds=20)) as worker:
        yield judge_of(worker, cache)


def as_shipped(kind: str, batch: int | str = "N", metadata: dict[str, str] | None = None) -> onnx.ModelProto:
    """Six normalised features and a one-hot codec to a score from 1 to 5 or so, in the shapes of real models."""
    weights = np.array(WEIGHTS, np.float32).reshape(-1, 1)
    nodes = [helper.make_node("Concat", ["features", "codec"], ["all"], axis=1)]
    output = TensorProto.FLOAT
    if kind == "int8":
        initializers = [
            numpy_helper.from_array(np.array(0.1, np.float32), "step"),
            numpy_helper.from_array(np.array(0, np.int8), "zero"),
            numpy_helper.from_array(np.array(0.01, np.float32), "scale"),
            numpy_helper.from_array((weights * 10).astype(np.int8), "W"),
        ]
        nodes += [
            helper.make_node("QuantizeLinear", ["all", "step", "zero"], ["small"]),
            helper.make_node("MatMulInteger", ["small", "W"], ["whole"]),
            helper.make_node("Cast", ["whole"], ["wide"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["wide", "scale"], ["score"]),
        ]
    elif kind == "float64":
        output = TensorProto.DOUBLE
        initializers = [
            numpy_helper.from_array(weights, "W"),
            numpy_helper.from_array(np.array(1 / 3, np.float64), "third"),
        ]
        nodes += [
            helper.make_node("MatMul", ["all", "W"], ["single"]),
            helper.make_node("Cast", ["single"], ["wide"], to=TensorProto.DOUBLE),
            helper.make_node("Mul", ["wide", "third"], ["score"]),
        ]
    else:
        initializers = [numpy_helper.from_array(weights, "W")]
        nodes.append(helper.make_node("MatMul", ["all", "W"], ["score"]))
    ports = [("features", TensorProto.FLOAT, [batch, 6]), ("codec", TensorProto.FLOAT, [batch, 3])]
    return model(nodes, ports, [("score", output, [batch, 1])], initializers, metadata)


DECLARED = declared_in(
    {
        "normalisation": "sidecar",
        "inputs": {"codec": {"one_hot": 1}},
        "output": {"times": 25, "plus": -25},
    }
)


@dataclass
class Placed:
    """A model in a folder, its sidecar beside it."""

    path: Path

    def checkpoint(self, feeding: Feeding = DECLARES_NOTHING, sidecar: str | None = None) -> Checkpoint:
        return Checkpoint("m", FolderModel(self.path), {"file": str(self.path)}, sidecar=sidecar, feeding=feeding)


def placed(folder: Path, made: onnx.ModelProto, sidecar: object = None, *, external: bool = False) -> Placed:
    if external:
        made, data = with_external_data(made, "m.onnx.data")
        (folder / "m.onnx.data").write_bytes(data)
    if sidecar is not None:
        (folder / "m.json").write_text(json.dumps(sidecar))
    return Placed(save(made, folder / "m.onnx"))


def fed_by_hand(path: Path, cache: Cache, batch: int | str, columns: list[int] | None = None) -> list[float]:
    """What the model says of rows that plain Python made ready, in this process and not in a worker."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    columns = columns or list(range(6))
    rows = [
        [np.float32((float(row[column]) - mean) / std) for column, mean, std in zip(columns, MEAN, STD, strict=True)]
        for row in cache.features
    ]
    stretches = [rows] if batch == "N" else [[row] for row in rows]
    scores: list[float] = []
    for stretch in stretches:
        feeds = {"features": np.array(stretch, np.float32), "codec": np.array([[0, 1, 0]] * len(stretch), np.float32)}
        scores += session.run(None, feeds)[0].ravel().tolist()
    return [score * 25 - 25 for score in scores]


@pytest.mark.parametrize("external", [False, True], ids=["one file", "external data"])
@pytest.mark.parametrize("batch", ["N", 1], ids=["any batch", "batch of 1"])
@pytest.mark.parametrize("kind", ["float32", "int8", "float64"])
def test_every_kind_of_model_is_fed_as_declared_and_as_by_hand(
    judge: Judge, cache: Cache, tmp_path: Path, kind: str, batch: int | str, external: bool
) -> None:
    made = placed(tmp_path, as_shipped(kind, batch), {"feature_mean": MEAN, "feature_std": STD}, external=external)
    checkpoint = made.checkpoint(DECLARED, "m.json")
    by_hand = fed_by_hand(made.path, cache, batch)
    assert judge.scores(checkpoint).tolist() == by_hand
    measured = judge.measure(checkpoint)
    target = cache.target.astype(float)
    assert measured.metrics["plcc"] == pytest.approx(stats.pearsonr(by_hand, target).statistic, abs=1e-9)
    assert measured.metrics["rmse"] == pytest.approx(np.sqrt(np.mean((np.array(by_hand) - target) ** 2)), rel=1e-9)
    fed = (
        "fed as declared: normalised by feature_mean and feature_std of m.json; input 'codec' one-hot 1; "
        "scores times 25 minus 25"
    )
    assert measured.notes == ((fed, "fed in batches of 1, which the model fixes") if batch == 1 else (fed,))


def test_features_are_normalised_in_the_order_that_the_sidecar_lists(
    judge: Judge, cache: Cache, tmp_path: Path
) -> None:
    order = [5, 4, 3, 2, 1, 0]
    names = [SIX[column] for column in order]
    sidecar = {"feature_order": names, "norm": {"mean": MEAN, "std": dict(zip(names, STD, strict=True))}}
    made = placed(tmp_path, as_shipped("float32"), sidecar)
    expected = fed_by_hand(made.path, cache, "N", order)
    assert judge.scores(made.checkpoint(DECLARED, "m.json")).tolist() == expected
    assert expected != fed_by_hand(made.path, cache, "N")


def declaring(**more: object) -> Feeding:
    return declared_in({"inputs": {"codec": {"one_hot": 1}}, **more})


@pytest.mark.parametrize(
    "metadata",
    [
        {
            "feature_mean": json.dumps(MEAN),
            "feature_std": json.dumps(STD),
            METADATA_KEY: '{"normalisation": "metadata"}',
        },
        {METADATA_KEY: json.dumps({"normalisation": {"mean": MEAN, "std": STD}})},
        {METADATA_KEY: json.dumps({"normalisation": {"mean": 99, "std": 99}, "output": {"times": 3}})},
    ],
    ids=["under known keys", "the numbers themselves", "the file counts"],
)
def test_a_model_declares_in_its_own_metadata_and_the_file_counts_more(
    judge: Judge, cache: Cache, tmp_path: Path, metadata: dict[str, str]
) -> None:
    made = placed(tmp_path, as_shipped("float32", metadata=metadata))
    more = {"normalisation": {"mean": MEAN, "std": STD}} if "times" in metadata[METADATA_KEY] else {}
    feeding = declaring(output={"times": 25, "plus": -25}, **more)
    assert judge.scores(made.checkpoint(feeding)).tolist() == fed_by_hand(made.path, cache, "N")


def test_who_declared_what_is_told_apart(judge: Judge, tmp_path: Path) -> None:
    own = {"normalisation": "metadata", "output": {"times": 2}, "inputs": {"codec": {"one_hot": 2}}}
    metadata = {"mean": "0.5", "std": "0.1", METADATA_KEY: json.dumps(own)}
    made = placed(tmp_path, as_shipped("float32", metadata=metadata))
    assert judge.measure(made.checkpoint()).notes == (
        "fed as its metadata declares: normalised by mean and std of its metadata; input 'codec' one-hot 2; "
        "scores times 2",
    )
    assert judge.measure(made.checkpoint(declaring(normalisation="none"))).notes == (
        "fed as declared: not normalised; input 'codec' one-hot 1",
        "fed as its metadata declares: scores times 2",
    )


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ("{", "its metadata bisect-cache.feeding is no JSON"),
        ("[" * 100_000, "its metadata bisect-cache.feeding is no JSON"),
        ("[1]", "its metadata bisect-cache.feeding: it is no table of input, features"),
        ('{"output": {"times": "x"}}', "its metadata bisect-cache.feeding: output.times: Expected `float`"),
        ('{"sidecar": "m.json"}', "its metadata bisect-cache.feeding: Object contains unknown field `sidecar`"),
        ('{"normalisation": "sidecar"}', "normalisation: a model names no sidecar; declare that beside the timeline"),
        ('{"normalisation": "metadata"}', "its metadata: holds no normalisation under known keys"),
        (" " * (1 << 20) + "{}", "its metadata bisect-cache.feeding has 1,048,578 characters"),
    ],
)
def test_metadata_that_declares_nothing_makes_its_model_untestable(
    judge: Judge, tmp_path: Path, metadata: str, words: str
) -> None:
    made = placed(tmp_path, as_shipped("float32", metadata={METADATA_KEY: metadata}))
    fault = judge.measure(made.checkpoint(DECLARES_NOTHING)).fault or ""
    assert words in fault
    assert len(fault) <= 600


GOOD_NUMBERS = {"feature_mean": MEAN, "feature_std": STD}


@pytest.mark.parametrize(
    ("declared", "sidecar", "words"),
    [
        ({"features": ["cambi"]}, None, "wants the features cambi; the cache has no cambi"),
        ({"normalisation": {"mean": [1, 2], "std": 1}}, None, "mean has 2 numbers for 6 features (adm2, vif_scale0"),
        ({"normalisation": {"mean": {"adm2": 1}, "std": 1}}, None, "mean has no number for vif_scale0, vif_scale1"),
        ({"normalisation": {"mean": 0, "std": 1e-300}}, None, "is too large for its input: is the std right?"),
        ({"normalisation": "sidecar"}, None, "is declared to stand in a sidecar, but none is declared for it"),
        ({"normalisation": "sidecar"}, {"x": 1}, "its sidecar m.json: holds no normalisation under known keys"),
        ({"normalisation": "sidecar"}, [1], "its sidecar m.json cannot be used: it is no JSON object"),
        ({"normalisation": "sidecar"}, GOOD_NUMBERS | {"feature_std": [1, 1, 1, 0, 1, 1]}, "is not for vif_scale2 (0)"),
        ({"normalisation": "sidecar"}, GOOD_NUMBERS | {"feature_std": [1, 1, 1, -1, 1, 1]}, "above 0 to divide by it"),
        ({"normalisation": "sidecar"}, GOOD_NUMBERS | {"feature_mean": [float("nan")] * 6}, "feature_mean holds nan"),
        ({"normalisation": "sidecar"}, GOOD_NUMBERS | {"feature_mean": [0]}, "mean has 1 numbers for 6 features"),
        ({"normalisation": {"from": "sidecar", "mean": "m", "std": "s"}}, GOOD_NUMBERS, "has no m: it holds feature"),
        ({"inputs": {"codec": {"one_hot": 3}}}, None, "is declared one-hot 3, counted from 0, of 3"),
        ({"inputs": {"codec": {"columns": ["adm2", "qp", "motion2"]}}}, None, "the cache has no qp"),
        ({"inputs": {"codex": {"one_hot": 1}}}, None, "has no input 'codex', which is declared"),
        ({"input": "x"}, None, "has no input 'x'"),
        ({"output": {"name": "x"}}, None, "has no output 'x'"),
        ({"output": {"column": 1}}, None, "column 1, counted from 0, is declared to be the score"),
        ({"output": {"times": 1e300}}, None, ""),
        ({"output": {"times": 1e308, "plus": 1e308}}, None, "predicts NaN or infinity for"),
        ({"features": ["f" * 999] * 9000}, None, "what is declared of it has more than 8,388,608 bytes"),
    ],
)  # fmt: skip
def test_what_is_declared_and_does_not_fit_makes_its_model_untestable(
    judge: Judge, tmp_path: Path, declared: dict[str, object], sidecar: object, words: str
) -> None:
    made = placed(tmp_path, as_shipped("float32"), sidecar)
    measured = judge.measure(made.checkpoint(declaring(**declared), "m.json" if sidecar is not None else None))
    assert words in (measured.fault or "")
    assert (measured.fault is None) == (words == "")


def test_columns_of_the_cache_go_to_another_input(judge: Judge, cache: Cache, tmp_path: Path) -> None:
    made = placed(tmp_path, as_shipped("float32"))
    feeding = declaring(inputs={"codec": {"columns": ["motion2", "adm2", "motion2"]}})
    fed = np.hstack([cache.features, cache.features[:, [5, 0, 5]]])
    assert judge.scores(made.checkpoint(feeding)) == pytest.approx(fed @ np.array(WEIGHTS), rel=1e-5)
    assert judge.measure(made.checkpoint(feeding)).notes == (
        "fed as declared: input 'codec' from motion2, adm2, motion2",
    )


def test_one_of_several_scores_a_row_is_read_and_taken_to_another_scale(
    judge: Judge, cache: Cache, tmp_path: Path
) -> None:
    weights = np.arange(18, dtype=np.float32).reshape(6, 3)
    made = model(
        [helper.make_node("MatMul", ["x", "W"], ["heads"])],
        [("x", TensorProto.FLOAT, ["N", 6])],
        [("heads", TensorProto.FLOAT, ["N", 3])],
        [numpy_helper.from_array(weights, "W")],
    )
    feeding = declared_in({"output": {"column": 2, "from": [1, 5], "to": [0, 100]}})
    scores = judge.scores(placed(tmp_path, made).checkpoint(feeding))
    assert scores == pytest.approx((cache.features @ weights[:, 2] - 1) * 25, rel=1e-5)
    assert "gives 'heads' tensor(float) [N, 3]" in str(measured_fault(judge, tmp_path))


def measured_fault(judge: Judge, folder: Path) -> str | None:
    return judge.measure(Placed(folder / "m.onnx").checkpoint()).fault


HINT = (
    "m.json beside it lists feature_mean and feature_std, which was not applied: whether the graph holds it already "
    "cannot be seen. If it does not, declare it (docs/models.md)"
)


def test_a_sidecar_that_nobody_declared_is_a_hint_and_changes_nothing(
    judge: Judge, cache: Cache, tmp_path: Path
) -> None:
    def measured(feeding: Feeding = DECLARES_NOTHING, sidecar: str | None = None) -> Measurement:
        return judge.measure(Placed(tmp_path / "m.onnx").checkpoint(feeding, sidecar))

    placed(tmp_path, linear())
    alone = measured()
    assert alone.notes == ()
    placed(tmp_path, linear(), GOOD_NUMBERS | {"feature_order": ["cambi"]})
    beside = measured()
    assert beside.notes == (HINT,)
    assert beside.metrics == alone.metrics
    assert measured(declared_in({"normalisation": "none"})).notes == ("fed as declared: not normalised",)
    assert "no cambi" in (measured(sidecar="m.json").fault or "")
    (tmp_path / "m.json").rename(tmp_path / "m.onnx.json")
    assert measured().notes == (HINT.replace("m.json", "m.onnx.json"),)


@pytest.mark.parametrize(
    "text", ["no JSON", "[1]", '{"feature_mean": [1]}', '{"psnr": {"mean": 3}, "std": 1}', "[" * 100_000]
)
def test_a_file_beside_a_model_that_is_no_sidecar_is_no_hint(judge: Judge, tmp_path: Path, text: str) -> None:
    made = placed(tmp_path, linear())
    (tmp_path / "m.json").write_text(text)
    assert judge.measure(made.checkpoint()).notes == ()


def test_a_hint_reads_no_folder_no_pipe_no_link_that_leads_out_and_no_large_file(
    judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    made = placed(tmp_path / "models", linear())
    (tmp_path / "secret.json").write_text(json.dumps(GOOD_NUMBERS))
    beside = tmp_path / "models" / "m.json"
    makers = [beside.mkdir, lambda: os.mkfifo(beside), lambda: beside.symlink_to(tmp_path / "secret.json")]
    for make, take in zip(makers, [beside.rmdir, beside.unlink, beside.unlink], strict=True):
        make()
        assert judge.measure(made.checkpoint()).notes == ()
        take()
    beside.write_text(json.dumps(GOOD_NUMBERS))
    assert judge.measure(made.checkpoint()).notes == (HINT,)
    monkeypatch.setattr(sidecars, "LARGEST_SIDECAR", 10)
    assert judge.measure(made.checkpoint()).notes == ()
    fault = judge.measure(made.checkpoint(sidecar="m.json")).fault or ""
    assert "its sidecar m.json cannot be used" in fault
    assert "at most 10 are read" in fault


HALF = '"' + chr(92) + 'ud800"'


@pytest.mark.parametrize(
    ("metadata", "sidecar", "words"),
    [
        ({"feature_order": f"[{HALF}]"}, None, "wants the features \ufffd"),
        ({METADATA_KEY: f'{{"features": [{HALF}]}}'}, None, "half a character stands in it"),
        ({METADATA_KEY: '{"normalisation": "metadata"}', "mean": f"[{HALF}]", "std": "1"}, None, "holds \ufffd, which"),
        ({}, f'{{"features": [{HALF}]}}', "its sidecar m.json has half a character in a name"),
    ],
)
def test_half_a_character_costs_its_model_and_no_worker(
    judge: Judge, tmp_path: Path, metadata: dict[str, str], sidecar: str | None, words: str
) -> None:
    made = placed(tmp_path, linear(metadata=metadata))
    (tmp_path / "m.json").write_text(sidecar or "{}")
    assert words in (judge.measure(made.checkpoint(sidecar="m.json" if sidecar else None)).fault or "")
    assert judge._worker.alive


def test_normalisation_in_metadata_that_nobody_declared_is_said(judge: Judge, tmp_path: Path) -> None:
    made = placed(tmp_path, linear(metadata={"input_mean": "0.5", "input_std": "2"}))
    assert judge.measure(made.checkpoint()).notes == (
        "its metadata lists input_mean and input_std, which was not applied",
    )
    assert judge.measure(made.checkpoint(declared_in({"normalisation": "none"}))).notes == (
        "fed as declared: not normalised",
    )


def test_features_that_are_declared_count_more_than_those_that_are_listed(
    judge: Judge, cache: Cache, tmp_path: Path
) -> None:
    listed = {"feature_order": json.dumps(["adm2", "motion2"])}
    made = placed(tmp_path, linear((1.0, 0.25), metadata=listed), {"features": ["vif_scale0", "vif_scale1"]})
    feeding = declared_in({"features": ["motion2", "vif_scale3"]})
    expected = cache.features[:, [5, 4]] @ np.array([1.0, 0.25])
    assert judge.scores(made.checkpoint(feeding, "m.json")) == pytest.approx(expected, rel=1e-5)


def test_what_is_wrong_with_a_declaration_is_said_by_scores_too(judge: Judge, tmp_path: Path) -> None:
    with pytest.raises(CannotScore, match="its normalisation is declared to stand in a sidecar"):
        judge.scores(placed(tmp_path, linear()).checkpoint(declared_in({"normalisation": "sidecar"})))


# From the command line and the action


TOML = """
sidecar = "{stem}.json"
normalisation = "sidecar"

[[models]]
match = "m_01"
normalisation = "none"
sidecar = false
output = { from = [1, 5], to = [0, 100] }
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Models that want normalised features (``motion2`` drowns the others otherwise), the second with them baked in."""
    noisy_cache_at(tmp_path / "c")
    scaled = [0.2, 0.2, 0.2, 0.2, 0.2, 2]
    timeline_at(tmp_path / "m", [linear(scaled), linear((0.2, 0.2, 0.2, 0.2, 0.2, 0))])
    (tmp_path / "m" / "m_00.json").write_text(json.dumps({"mean": 0, "std": [1, 1, 1, 1, 1, 1e6]}))
    (tmp_path / "fed.toml").write_text(TOML)
    return tmp_path


def test_a_false_first_bad_model_is_good_once_it_is_fed_as_declared(project: Path) -> None:
    raw = bisect(project, "--threshold", "plcc >= 0.8")
    assert raw.letters == "bg"
    assert "m_00.json beside it lists mean and std, which was not applied" in raw.told
    fed = bisect(project, "--threshold", "plcc >= 0.8", "--feeding", "fed.toml")
    assert (fed.code, fed.letters) == (0, "gg")
    assert fed.report["notes"] == [
        "fed as fed.toml declares: all models: normalised by its sidecar; sidecar {stem}.json · 'm_01' (1 of them): "
        "not normalised; scores from 1 to 5 become 0 to 100; no sidecar"
    ]
    assert fed.steps["m_00"]["notes"] == ["fed as declared: normalised by mean and std of m_00.json"]
    assert fed.steps["m_01"]["notes"] == ["fed as declared: not normalised; scores from 1 to 5 become 0 to 100"]
    assert "--feeding fed.toml" in fed.report["reproduce"]
    assert "fed as fed.toml declares" in fed.told


def test_the_reproduce_command_gives_the_same_report(project: Path) -> None:
    first = bisect(project, "--threshold", "plcc >= 0.8", "--feeding", "fed.toml")
    words = shlex.split(first.report["reproduce"])[6:]
    again = bisect(project, *words)
    for ran in (first, again):
        for step in ran.report["steps"]:
            step.pop("seconds")
    assert again.report["steps"] == first.report["steps"]
    assert again.report["notes"] == first.report["notes"]


def test_a_baseline_outside_the_timeline_is_fed_the_same_way(project: Path) -> None:
    save(linear([0.2, 0.2, 0.2, 0.2, 0.2, 2]), project / "old.onnx")
    (project / "old.json").write_text(json.dumps({"mean": 0, "std": [1, 1, 1, 1, 1, 1e6]}))
    ran = bisect(project, "--threshold", "plcc >= baseline - 0.1", "--baseline", "old.onnx", "--feeding", "fed.toml")
    first = ran.steps["m_00"]["metrics"]["plcc"]
    assert ran.report["baseline"]["metrics"]["plcc"] == first > 0.8


def test_the_option_names_the_sidecar_that_the_file_wants_numbers_of(project: Path) -> None:
    (project / "fed.toml").write_text('normalisation = "sidecar"')
    ran = bisect(project, "--feeding", "fed.toml", "--sidecar", "{stem}.json", "--threshold", "plcc >= 0.8")
    assert ran.steps["m_00"]["notes"] == ["fed as declared: normalised by mean and std of m_00.json"]
    assert "its sidecar m_01.json cannot be used" in ran.steps["m_01"]["reason"]


@pytest.mark.parametrize(
    ("option", "text"), [("--sidecar", ""), ("--input", 'input = "x"'), ("--output", 'output.name = "y"')]
)
def test_an_option_and_the_file_do_not_say_the_same_thing_twice(project: Path, option: str, text: str) -> None:
    (project / "fed.toml").write_text(text or TOML)
    ran = bisect(project, option, "x", "--feeding", "fed.toml")
    assert ran.code == 2
    assert f"error: fed.toml declares what {option} says too: leave one of them out" in ran.told


def test_a_bad_declaration_judges_nothing_and_keeps_the_report_honest(project: Path) -> None:
    (project / "fed.toml").write_text("output.times = 0")
    ran = bisect(project, "--feeding", "fed.toml")
    assert ran.code == 2
    assert "error: fed.toml: output: times is 0: every score would be the same" in ran.told
    assert ran.outcome == "wiring-broke"


def test_equal_versions_in_a_history_are_told_apart_by_how_they_are_fed(tmp_path: Path, monkeypatch) -> None:
    noisy_cache_at(tmp_path / "cache")
    history = History(tmp_path / "repository")
    good, other = linear(), linear((2,) * 6)
    commits = []
    for made in (good, other, good):
        history.put("model.onnx", made.SerializeToString())
        history.put("model.json", json.dumps(GOOD_NUMBERS))
        commits.append(history.commit("train"))
    monkeypatch.chdir(tmp_path / "repository")

    def steps(text: str = ""):
        (tmp_path / "fed.toml").write_text(text)
        feeding = Path("../fed.toml") if text else None
        request = BisectRequest(Path("../cache"), ("git-log:model.onnx",), strategy="scan", feeding=feeding)
        return sorted(run_bisect(request).steps, key=lambda step: step.index)

    alike = steps()
    assert any("the same model as" in note for note in alike[2].notes)
    assert "model.json beside it lists feature_mean" in alike[0].notes[0]
    fed = steps(f'[[models]]\nmatch = "{commits[2][:9]}*"\noutput.times = 25\nnormalisation = "none"')
    assert fed[2].notes == ("fed as declared: not normalised; scores times 25",)
    assert fed[2].metrics["rmse"] > 10 * fed[0].metrics["rmse"]
    all_alike = steps('sidecar = false\noutput.times = 25\nnormalisation = "none"')
    assert any("the same model as" in note for note in all_alike[2].notes)


def test_an_explanation_says_that_the_same_model_may_be_fed_differently(project: Path) -> None:
    save(linear((0.2, 0.2, 0.2, 0.2, 0.2, 0)), project / "m" / "m_00.onnx")
    (project / "fed.toml").write_text('[[models]]\nmatch = "m_01"\noutput.times = -1')
    ran = bisect(project, "--feeding", "fed.toml", "--explain", "--threshold", "plcc >= 0.5")
    assert ran.first_bad == "m_01"
    notes = ran.report["explanation"]["notes"]
    assert any("what differs is beside it (a sidecar, or what is declared of how it is fed)" in note for note in notes)


def test_proposed_gates_are_of_models_as_they_are_fed(project: Path) -> None:
    words = ["thresholds", "--cache", "c", "--timeline", "m", "--resamples", "200"]
    raw, fed = (command(*words, *more, cwd=project) for more in ([], ["--feeding", "fed.toml"]))
    assert fed.code == raw.code == 0
    assert fed.said != raw.said
    assert "fed as fed.toml declares" in fed.told


def test_the_action_feeds_models_as_a_file_in_the_workspace_declares(project: Path) -> None:
    inputs = {"cache": "c", "timeline": "files:m/*.onnx", "thresholds": "plcc >= 0.8"}
    ran = act(project, feeding="fed.toml", **inputs)
    assert (ran.code, ran.outputs["outcome"]) == (0, "no-regression")
    assert "fed as fed.toml declares" in ran.summary.replace("\\", "")
    assert "normalised by mean and std of m" in ran.summary.replace("\\", "")
    assert "--feeding fed.toml" in ran.report["reproduce"]
    (project / "out.toml").symlink_to("/etc/hostname")
    refused = act(project, feeding="out.toml", **inputs)
    assert refused.code == 2
    assert "input 'feeding' is 'out.toml', which is not in the workspace" in refused.summary.replace("\\", "")


def test_on_real_data_models_of_other_scales_are_taken_to_one(real_data: Path, tmp_path: Path) -> None:
    table, registry = real_data / "avt-vqdb-uhd-1" / "clips.parquet", real_data / "vmaf-history" / "registry.json"
    command("generate", "cache", "--table", table, "--scale", "1:5", cwd=tmp_path)
    (tmp_path / "fed.toml").write_text(
        'output = { from = [0, 100], to = [1, 5] }\n[[models]]\nmatch = "vmaf_4k_v0.6.1rc"\noutput = {}\n'
    )

    def steps(*more: object) -> dict[str, dict[str, float]]:
        words = ["bisect", "--cache", "cache", "--timeline", f"registry:{registry}", "--resamples", "0", *more]
        ran = command(*words, "--strategy", "scan", "--json", "report.json", cwd=tmp_path)
        return {label: step["metrics"] for label, step in ran.steps.items()}

    raw, fed = steps(), steps("--feeding", "fed.toml")
    assert raw.keys() == fed.keys()
    for label in raw:
        assert fed[label]["plcc"] == pytest.approx(raw[label]["plcc"], abs=1e-9)
        assert fed[label]["rmse"] < 2.5
        assert raw[label]["rmse"] > 20 or label == "vmaf_4k_v0.6.1rc"
    assert fed["vmaf_4k_v0.6.1rc"] == raw["vmaf_4k_v0.6.1rc"]
