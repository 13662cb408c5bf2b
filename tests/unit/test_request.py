"""The command that asks for the same again."""

import shlex
from pathlib import Path

import pytest

from bisect_cache.judge.thresholds import parse_thresholds
from bisect_cache.runs.request import BisectRequest, CheckRequest


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
            BisectRequest(input="x", output="y", sidecar="{stem}.json", thresholds=()),
            "bisect-cache bisect --input x --output y --sidecar '{stem}.json'",
        ),
    ],
)
def test_the_command_says_all_that_was_asked(request_: CheckRequest | BisectRequest, command: str) -> None:
    assert request_.command == command


def test_hostile_words_stay_one_word_each() -> None:
    request = BisectRequest(Path("$(rm -rf x); `y`"), ("files:a b",), ())
    assert shlex.split(request.command)[2:] == ["--cache", "$(rm -rf x); `y`", "--timeline", "files:a b"]
