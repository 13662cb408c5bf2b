"""The command that asks for the same again."""

import shlex
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisect_cache.cli import commands
from bisect_cache.judge.choices import Decision, Predicts, Resampling, Strategy
from bisect_cache.judge.thresholds import parse_thresholds
from bisect_cache.judging_options import request_of
from bisect_cache.runs.request import BisectRequest, CheckRequest
from bisect_cache.worker.process import Limits


@pytest.mark.parametrize(
    ("request_", "command"),
    [
        (CheckRequest(), "bisect-cache check"),
        (CheckRequest(Path("my cache"), strict=True), "bisect-cache check 'my cache' --strict"),
        (CheckRequest(Path("c"), source=Path("t.csv")), "bisect-cache check c --source t.csv"),
        (BisectRequest(), "bisect-cache bisect --threshold 'plcc >= 0.85'"),
        (
            BisectRequest(Path("c"), ("files:a*.onnx", "b.onnx"), parse_thresholds(["plcc >= 0.8", "rmse < 2"])),
            "bisect-cache bisect --cache c --timeline 'files:a*.onnx' --timeline b.onnx --threshold 'plcc >= 0.8' "
            "--threshold 'rmse < 2'",
        ),
        (BisectRequest(thresholds=(), explain=True), "bisect-cache bisect --explain"),
        (
            BisectRequest(input="x", output="y", sidecar="{stem}.json", feeding=Path("f 1.toml"), thresholds=()),
            "bisect-cache bisect --input x --output y --sidecar '{stem}.json' --feeding 'f 1.toml'",
        ),
        (
            BisectRequest(
                thresholds=parse_thresholds(["plcc >= baseline - 0.02"]),
                base="main",
                strategy="scan",
                budget=2.5,
                baseline="v 1",
                decision="interval",
                predicts="target",
                resampling=Resampling(500, 7, 0.9),
                by_content=True,
            ),
            "bisect-cache bisect --threshold 'plcc >= baseline - 0.02' --base main --strategy scan --time-budget 2.5 "
            "--baseline 'v 1' --decision interval --predicts target --resamples 500 --seed 7 --confidence 0.9 "
            "--by-content",
        ),
        (
            BisectRequest(thresholds=(), budget=0, resampling=Resampling(0)),
            "bisect-cache bisect --time-budget 0 --resamples 0",
        ),
        (BisectRequest(thresholds=(), workers=3, limits=Limits(1, 1)), "bisect-cache bisect"),
    ],
)
def test_the_command_says_all_that_was_asked(request_: CheckRequest | BisectRequest, command: str) -> None:
    assert request_.command == command


@pytest.mark.parametrize(
    ("thresholds", "baseline", "stepwise", "names_baseline"),
    [
        (["plcc >= 0.8"], None, False, False),
        (["plcc >= 0.8"], "v1", False, True),
        (["plcc >= baseline"], None, False, True),
        (["plcc >= previous - 0.1"], None, True, False),
        (["plcc >= previous - 0.1", "srocc >= previous"], None, True, False),
        (["plcc >= previous - 0.1", "srocc >= 0.8"], None, False, False),
        ([], None, False, False),
    ],
)
def test_what_is_compared_follows_from_the_thresholds(
    thresholds: list[str], baseline: str | None, stepwise: bool, names_baseline: bool
) -> None:
    request = BisectRequest(thresholds=parse_thresholds(thresholds), baseline=baseline)
    assert (request.stepwise, request.names_baseline) == (stepwise, names_baseline)


requests = st.builds(
    BisectRequest,
    strategy=st.sampled_from(get_args(Strategy)),
    budget=st.floats(0, 1_000_000),
    baseline=st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1),
    decision=st.sampled_from(get_args(Decision)),
    predicts=st.sampled_from(get_args(Predicts)),
    resampling=st.builds(Resampling, st.integers(0, 100_000), st.integers(0, 2**63 - 1), st.floats(0.5, 0.9999)),
    by_content=st.booleans(),
)


@given(requests)
def test_the_command_is_read_as_the_request_that_it_came_from(request: BisectRequest) -> None:
    words = shlex.split(request.command)[2:]
    with commands.commands["bisect"].make_context("bisect", words) as context:
        options = {name: value for name, value in context.params.items() if name not in {"paths", "json_file"}}
        assert request_of(options) == request


def test_hostile_words_stay_one_word_each() -> None:
    request = BisectRequest(Path("$(rm -rf x); `y`"), ("files:a b",), ())
    assert shlex.split(request.command)[2:] == ["--cache", "$(rm -rf x); `y`", "--timeline", "files:a b"]
