"""On real data: what this program says of it, held against SciPy."""

import json
import re
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from judging import judge_of
from numpy.typing import NDArray
from scipy import stats

from bisect_cache.cache.generate import generate
from bisect_cache.cache.manifest import Reports, Table
from bisect_cache.cache.opened import Cache, open_cache
from bisect_cache.judge.bootstrap.resampling import draw
from bisect_cache.judge.choices import DEFAULT_SEED
from bisect_cache.judge.thresholds import parse_thresholds
from bisect_cache.runs.request import BisectRequest, CheckRequest
from bisect_cache.runs.run import run_bisect, run_check
from bisect_cache.timeline.interface import Checkpoint
from bisect_cache.timeline.spec import open_timeline
from bisect_cache.worker.process import Limits, Worker

KNOWN_PLCC = [0.824, 0.813, 0.803, 0.794, 0.795, 0.625, 0.818, 0.836, 0.843, 0.846, 0.838]
UNCERTAIN = {"nflxtrain_vmafv3a", "nflxall_vmafv3a", "nflxall_vmafv4", "vmaf_v0.6.0"}


@pytest.fixture(scope="module")
def clips(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips") / "cache"
    table = real_data / "avt-vqdb-uhd-1" / "clips.parquet"
    generate(folder, Table(table=str(table), content="content_id", scale=(1, 5)))
    return folder


@pytest.fixture(scope="module")
def registry(real_data: Path) -> str:
    return f"registry:{real_data / 'vmaf-history' / 'registry.json'}"


def test_every_released_model_is_measured_as_scipy_measures_it(clips: Path, registry: str) -> None:
    cache = open_cache(clips)
    target = cache.target.astype(float)
    timeline = open_timeline([registry])
    with Worker(Limits()) as worker:
        judge = judge_of(worker, cache)
        measurements = [judge.measure(checkpoint) for checkpoint in timeline.checkpoints]
    assert [round(measurement.metrics["plcc"], 3) for measurement in measurements] == KNOWN_PLCC
    for checkpoint, measurement in zip(timeline.checkpoints, measurements, strict=True):
        predictions = scores_of(checkpoint, cache)
        assert measurement.metrics["plcc"] == pytest.approx(stats.pearsonr(predictions, target).statistic, abs=1e-9)
        assert measurement.metrics["srocc"] == pytest.approx(stats.spearmanr(predictions, target).statistic, abs=1e-9)


def scores_of(checkpoint: Checkpoint, cache: Cache) -> NDArray[np.float64]:
    """What ONNX Runtime says, asked here and not in a worker."""
    session = ort.InferenceSession(checkpoint.files.model(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: cache.features})[0].ravel().astype(float)


def test_the_dip_of_2016_is_seen_with_where_it_ends(clips: Path, registry: str) -> None:
    report = run_bisect(BisectRequest(clips, (registry,), parse_thresholds(["plcc >= 0.80"])))
    assert (report.outcome, report.proven) == ("non-monotone", True)
    assert report.first_bad is not None
    assert report.first_bad.label == "nflxall_vmafv3a"
    labels = {step.index: step.label for step in report.steps}
    turns = [(one.kind, labels[one.after]) for one in report.crossings]
    assert turns == [("regression", "nflxall_vmafv3a"), ("recovery", "vmaf_v0.6.0")]
    with_intervals = r"nflxall_vmafv3a \(model 4 of 11\) .* PLCC \S+ \[\S+, \S+\] -> \S+ \[\S+, \S+\], where"
    assert re.match(with_intervals, report.verdict)
    assert re.search(r"it recovers at vmaf_v0\.6\.0 \(PLCC \S+ \[\S+, \S+\]\)", report.verdict)
    assert report.verdict.endswith("Proven over all 11 models.")
    assert report.sampling is not None
    assert (report.sampling.by, report.sampling.units, report.sampling.grouped) == ("content", 17, False)


def test_what_2016_cannot_be_told_from_the_first_model_is_called_uncertain_and_nothing_else(
    clips: Path, registry: str
) -> None:
    """Each interval again, from the rows of each resample one after the other, by NumPy's and SciPy's own functions."""
    thresholds = parse_thresholds(["plcc >= baseline - 0.02"])
    report = run_bisect(BisectRequest(clips, (registry,), thresholds, decision="interval"))
    found = {step.index: step for step in report.steps}
    assert len(found) == 11

    cache = open_cache(clips)
    target = cache.target.astype(float)
    assert cache.contents is not None
    rows_of = [np.flatnonzero(cache.contents == content) for content in range(17)]
    weights = draw(cache.rows, cache.contents, 2000, DEFAULT_SEED).weights
    assert (weights.sum(axis=1) == 17).all()
    picked = [np.concatenate([np.tile(rows_of[c], int(w)) for c, w in enumerate(one)]) for one in weights]
    scores = [scores_of(checkpoint, cache) for checkpoint in open_timeline([registry]).checkpoints]
    over = [np.array([np.corrcoef(model[rows], target[rows])[0, 1] for rows in picked]) for model in scores]
    # Hesterberg's expanded percentiles; by Satterthwaite 17 contents have 2 (17 - 1) / (4 - 1) degrees of freedom.
    level = stats.norm.cdf(-np.sqrt(17 / 16) * stats.t.ppf(0.975, 10))
    verdicts = ["good"]
    for index in range(1, 11):
        low, high = np.quantile(over[index] - over[0], [level, 1 - level])
        assert found[index].thresholds[0].interval == pytest.approx((low, high), abs=1e-6)
        verdicts.append("good" if low >= -0.02 else "bad" if high < -0.02 else "uncertain")
    assert [found[index].verdict for index in range(11)] == verdicts
    assert {label.label for label in found.values() if label.verdict == "uncertain"} == UNCERTAIN
    assert (report.outcome, report.first_bad) == ("inconclusive", None)
    labels = [candidate.label for candidate in report.candidates]
    assert labels == ["nflxtrain_vmafv3a", "nflxall_vmafv3a", "nflxall_vmafv4", "nflxtrain_norm_type_none"]


def test_756_clips_of_17_contents_tell_a_drop_of_about_two_hundredths(clips: Path, registry: str) -> None:
    checked = run_check(CheckRequest(clips))
    judged = run_bisect(BisectRequest(clips, (registry,), parse_thresholds(["plcc >= 0.80"])))
    assert 0.01 < checked.detectable["plcc"] < 0.03
    assert 0.01 < judged.detectable["plcc"] < 0.03


def test_a_dip_between_two_good_ends_is_said_not_to_have_been_looked_for(clips: Path, registry: str) -> None:
    report = run_bisect(BisectRequest(clips, (registry,), parse_thresholds(["plcc >= 0.80"]), strategy="bisect"))
    assert report.outcome == "no-regression"
    assert report.verdict.endswith("2 of 11 models seen.")
    assert (report.cache.provenance, report.cache.rows, report.cache.contents) == ("real", 756, 17)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("threshold", "first_bad", "last_good"),
    [
        ("plcc >= 0.80", "nflxall_vmafv3a", "nflxtrain_vmafv3a"),
        ("srocc >= 0.80", "nflxtrain_norm_type_none", "nflxall_vmafv4"),
    ],
)
def test_the_first_regressing_model_of_2016_is_named(
    clips: Path, registry: str, threshold: str, first_bad: str, last_good: str
) -> None:
    report = run_bisect(BisectRequest(clips, (f"{registry}?added=2016-*",), parse_thresholds([threshold])))
    assert report.outcome == "regression"
    assert report.first_bad is not None
    assert report.last_good is not None
    assert (report.first_bad.label, report.last_good.label) == (first_bad, last_good)


def test_the_180_reports_become_a_cache_that_models_are_judged_on(
    real_data: Path, registry: str, tmp_path: Path
) -> None:
    test = real_data / "avt-vqdb-uhd-1" / "test_1"
    manifest = generate(
        tmp_path / "cache",
        Reports(
            reports=str(test / "vmaf_reports"),
            labels=str(test / "mos_ci.csv"),
            key="video_name",
            report_name="{stem}_vmaf.json",
            target="MOS",
            content="src",
        ),
    )
    assert (manifest.rows, manifest.provenance, manifest.content) == (180, "real", "src")
    cache = open_cache(tmp_path / "cache")
    assert cache.content_count == 6
    assert np.isfinite(cache.features).all()
    report = run_bisect(BisectRequest(tmp_path / "cache", (registry,), parse_thresholds(["plcc >= 0.80"])))
    assert (report.outcome, report.proven) == ("non-monotone", True)
    assert report.first_bad is not None
    assert report.first_bad.label == "nflxtrain_norm_type_none"
    assert json.loads((tmp_path / "cache" / "bisect-cache.json").read_text())["recipe"]["kind"] == "reports"


def test_a_third_of_a_million_rows_are_scored_in_stretches_as_they_are_all_at_once(
    real_data: Path, registry: str, tmp_path: Path
) -> None:
    generate(tmp_path / "cache", Table(table=str(real_data / "avt-vqdb-uhd-1" / "frames.parquet")))
    cache = open_cache(tmp_path / "cache")
    checkpoint = open_timeline([registry]).checkpoints[0]
    with Worker(Limits()) as worker:
        measurement = judge_of(worker, cache).measure(checkpoint)
    predictions = scores_of(checkpoint, cache)
    assert measurement.metrics["srocc"] == pytest.approx(
        stats.spearmanr(predictions, cache.target.astype(float)).statistic, abs=1e-9
    )
