"""Models that want everything end as untestable, with the limit that was hit, and the run goes on around them."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from attacks import Attack
from bombs import bombs, branches_in_branches, chain, custom_operator
from judging import bisect, noisy_cache_at, timeline_at, weaker

from bisect_cache.worker.process import Limits

LIMITS = Limits(seconds=1.0, memory=1 << 30)
HARMLESS = {"branches 30 deep"}
A_LIMIT = re.compile(
    r"ran out of memory: its limit is 1,024 MiB$|took longer than 1 s$|the worker process was ended by SIG|"
    r"ONNX Runtime refuses it: "
)
x86_alone = {"a native fault"}


def test_bombs_in_the_middle_of_a_timeline_hide_no_regression(tmp_path: Path, attack: Callable[[str], Attack]) -> None:
    cases = {name: made for name, made in bombs().items() if platform.machine() == "x86_64" or name not in x86_alone}
    noisy_cache_at(tmp_path / "c")
    names = [*cases]
    half = len(names) // 2
    before, after = [cases[name] for name in names[:half]], [cases[name] for name in names[half:]]
    timeline_at(tmp_path / "m", [weaker(0), *before, weaker(0), weaker(2), *after, weaker(2)])
    first_bad, last = half + 2, len(names) + 3
    limits = ["--time-limit", LIMITS.seconds, "--memory-limit", LIMITS.memory >> 20]
    ran = bisect(tmp_path, "--threshold", "plcc >= 0.8", "--strategy", "scan", "--resamples", "0", *limits)

    assert (ran.code, ran.outcome) == (1, "regression"), ran.verdict
    assert ran.first_bad == f"m_{first_bad:02d}"
    steps = {step["index"]: step for step in ran.report["steps"]}
    places = {name: 1 + index + (2 if index >= half else 0) for index, name in enumerate(names)}
    tried = attack("bombs")
    for name, place in places.items():
        step = steps[place]
        with tried.case():
            assert step["seconds"] < LIMITS.seconds + 10, (name, step)
            if name not in HARMLESS:
                assert step["verdict"] == "untestable", (name, step)
                assert A_LIMIT.match(step["reason"]), (name, step["reason"])
    assert steps[last]["verdict"] == "bad"
    assert "Traceback" not in ran.told


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (custom_operator(), "own:Own(-1) is not a registered function/op"),
        (chain(100_000), "took longer than 2 s"),
    ],
    ids=["an operator of its own", "100,000 nodes"],
)
def test_the_reason_names_what_was_wrong(tmp_path: Path, made: object, reason: str) -> None:
    noisy_cache_at(tmp_path / "c")
    timeline_at(tmp_path / "m", [weaker(0), made, weaker(0)])  # type: ignore[list-item]
    ran = bisect(tmp_path, "--threshold", "plcc >= 0.8", "--time-limit", "2")
    assert (ran.outcome, ran.letters) == ("no-regression", "gxg")
    assert reason in ran.steps["m_01"]["reason"]


def test_branches_in_branches_are_judged_as_what_they_are(tmp_path: Path) -> None:
    noisy_cache_at(tmp_path / "c")
    timeline_at(tmp_path / "m", [branches_in_branches(30), weaker(0)])
    assert bisect(tmp_path, "--threshold", "plcc >= 0.5").letters == "gg"
