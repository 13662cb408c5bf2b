"""On real data: what this program says of it, held against SciPy."""

import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from judging import judge_of
from scipy import stats

from bisect_cache.cache.generate import generate
from bisect_cache.cache.manifest import Reports, Table
from bisect_cache.cache.opened import open_cache
from bisect_cache.judge.process import Limits, Worker
from bisect_cache.judge.thresholds import parse_thresholds
from bisect_cache.runs.request import BisectRequest
from bisect_cache.runs.run import run_bisect
from bisect_cache.timeline.spec import open_timeline

KNOWN_PLCC = [0.824, 0.813, 0.803, 0.794, 0.795, 0.625, 0.818, 0.836, 0.843, 0.846, 0.838]


@pytest.fixture(scope="module")
def clips(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips") / "cache"
    generate(folder, Table(table=str(real_data / "avt-vqdb-uhd-1" / "clips.parquet"), scale=(1, 5)))
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
        session = ort.InferenceSession(checkpoint.files.model(), providers=["CPUExecutionProvider"])
        predictions = session.run(None, {session.get_inputs()[0].name: cache.features})[0].ravel().astype(float)
        assert measurement.metrics["plcc"] == pytest.approx(stats.pearsonr(predictions, target).statistic, abs=1e-9)
        assert measurement.metrics["srocc"] == pytest.approx(stats.spearmanr(predictions, target).statistic, abs=1e-9)


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
    assert report.outcome == "no-regression"
    assert json.loads((tmp_path / "cache" / "bisect-cache.json").read_text())["recipe"]["kind"] == "reports"


def test_a_third_of_a_million_rows_are_scored_in_stretches_as_they_are_all_at_once(
    real_data: Path, registry: str, tmp_path: Path
) -> None:
    generate(tmp_path / "cache", Table(table=str(real_data / "avt-vqdb-uhd-1" / "frames.parquet")))
    cache = open_cache(tmp_path / "cache")
    checkpoint = open_timeline([registry]).checkpoints[0]
    with Worker(Limits()) as worker:
        measurement = judge_of(worker, cache).measure(checkpoint)
    session = ort.InferenceSession(checkpoint.files.model(), providers=["CPUExecutionProvider"])
    predictions = session.run(None, {session.get_inputs()[0].name: cache.features})[0].ravel().astype(float)
    assert measurement.metrics["srocc"] == pytest.approx(
        stats.spearmanr(predictions, cache.target.astype(float)).statistic, abs=1e-9
    )
