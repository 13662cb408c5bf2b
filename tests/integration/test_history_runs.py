"""From a repository's history to a verdict: models judged once, two orders side by side, what a change brought."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fake_api import FakeApi
from making import bisect_report, linear, table_cache_at
from making_history import History

from bisect_cache.action.event import Place
from bisect_cache.action.posting.api import Api
from bisect_cache.action.posting.pulls import with_pull_requests
from bisect_cache.judge.thresholds import parse_thresholds
from bisect_cache.report.sections import joined
from bisect_cache.report.structs import CheckpointFacts, RunReport, Section
from bisect_cache.runs.request import BisectRequest
from bisect_cache.runs.run import run_bisect
from bisect_cache.timeline.compare import compared, sentence
from bisect_cache.timeline.git.patterns import each_file, expression
from bisect_cache.timeline.spec import open_timeline, spread

GOOD, ALSO_GOOD, BAD = (model.SerializeToString() for model in (linear(), linear((2,) * 6), linear((-1,) * 6)))


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    """Good, good, bad (#3), and good again, in a folder that has a real cache beside the repository."""
    table_cache_at(tmp_path / "cache")
    made = History(tmp_path / "repository")
    for number, model in enumerate((GOOD, ALSO_GOOD, BAD), 1):
        made.put("model.onnx", model)
        made.commit(f"train again (#{number})")
        made.commit("docs", readme=str(number))
    monkeypatch.chdir(tmp_path / "repository")
    return made


def bisect(history: History, spec: str = "git-log:model.onnx", **more):
    return run_bisect(BisectRequest(Path("../cache"), (spec,), **more))


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "bisect_cache", *words], capture_output=True, text=True, check=False)


def test_the_first_bad_commit_is_named_with_its_author_and_its_pull_request(history: History) -> None:
    report = bisect(history)
    assert report.first_bad is not None
    origin = report.first_bad.origin
    assert origin["commit"] == history.git("log", "-1", "--format=%H", "--", "model.onnx").strip()
    assert (origin["author"], origin["pull"], origin["subject"]) == ("A. Author", "3", "train again (#3)")
    assert "example.invalid" not in json.dumps(origin)


def test_the_report_tells_of_every_version_and_not_only_of_those_looked_at(history: History) -> None:
    report = bisect(history)
    assert report.timeline is not None
    assert [facts.origin["pull"] for facts in report.timeline.checkpoints] == ["1", "2", "3"]
    Path("a.onnx").write_bytes(GOOD)
    assert bisect(history, "files:*.onnx").timeline.checkpoints == ()  # type: ignore[union-attr]


def test_the_same_model_again_is_judged_once_and_listed_twice(history: History) -> None:
    history.put("model.onnx", GOOD)
    history.commit("back to the first (#4)")
    for more in ({}, {"thresholds": parse_thresholds(["plcc >= baseline - 0.02", "srocc >= previous - 0.02"])}):
        report = bisect(history, **more)
        assert sorted(step.index for step in report.steps) == [0, 1, 2, 3]
        first, again = (next(step for step in report.steps if step.index == index) for index in (0, 3))
        assert (again.verdict, again.metrics, again.intervals) == ("good", first.metrics, first.intervals)
        assert again.seconds == 0
        assert again.notes == (f"the same model as {first.label}",)
        assert [step.label for step in report.steps if step.seconds == 0] == [again.label]


def test_a_model_that_came_back_is_good_beside_the_baseline_that_it_is(history: History) -> None:
    history.put("model.onnx", GOOD)
    history.commit("back to the first (#4)")
    report = bisect(history, thresholds=parse_thresholds(["plcc > baseline"]))
    verdicts = {step.index: (step.verdict, step.thresholds[0].interval) for step in report.steps}
    assert verdicts[0] == verdicts[3] == ("good", None)
    assert verdicts[2][0] == "bad"


@pytest.mark.parametrize(("base", "words"), [("main", "was there before this change"), ("main~2", "is part of this")])
def test_the_verdict_says_whether_the_commit_is_part_of_the_change(history: History, base: str, words: str) -> None:
    assert words in bisect(history, base=base).verdict


@pytest.mark.parametrize("base", ["nowhere", "", "0" * 40])
def test_a_base_that_is_not_here_says_nothing(history: History, base: str) -> None:
    assert "change" not in bisect(history, base=base).verdict


def test_a_pattern_is_a_timeline_for_each_file(history: History) -> None:
    history.put("nets/a.onnx", GOOD)
    history.put("nets/b.onnx", BAD)
    history.put("nets/deep/c.onnx", GOOD)
    history.commit("more")
    assert spread(["git-log:nets/*.onnx"]) == (("git-log:nets/a.onnx",), ("git-log:nets/b.onnx",))
    assert len(spread(["git-log:**/*.onnx@main"])) == 4
    assert spread(["files:a", "files:b"]) == (("files:a", "files:b"),)
    ran = command("bisect", "--cache", "../cache", "--timeline", "git-log:nets/*.onnx", "--json", "r.json")
    report = json.loads(Path("r.json").read_text())
    assert (ran.returncode, report["schema"], report["outcome"]) == (1, "bisect-cache/run/1", "head-bad")
    assert [section["timeline"] for section in report["sections"]] == ["git-log:nets/a.onnx", "git-log:nets/b.onnx"]
    assert "git-log:nets/b.onnx" in ran.stdout


def test_a_pattern_that_matches_nothing_is_an_error(history: History) -> None:
    ran = command("timeline", "git-log:nets/*.onnx")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "no file of the newest commit matches the pattern" in ran.stderr


def test_a_pattern_that_is_none_is_an_error(history: History) -> None:
    ran = command("timeline", "git-log:nets/[z-a].onnx")
    assert ran.returncode == 2
    assert "this is no pattern" in ran.stderr


def test_a_file_that_is_called_like_a_pattern_is_that_file(history: History) -> None:
    history.put("a[1].onnx", GOOD)
    history.commit("odd name")
    assert list(each_file("git-log", "a[1].onnx", "git-log:a[1].onnx")) == ["git-log:a[1].onnx"]


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("m/*.onnx", ["m/a.onnx", "m/.onnx"], ["m/n/a.onnx", "m/axonnx", "xm/a.onnx"]),
        ("**/a.onnx", ["a.onnx", "m/a.onnx", "m/n/a.onnx"], ["ba.onnx"]),
        ("m/**", ["m/a", "m/n/a"], ["n/a"]),
        ("v[0-9].onnx", ["v1.onnx"], ["va.onnx", "v12.onnx"]),
        ("v[!0-9].onnx", ["va.onnx"], ["v1.onnx"]),
        ("a+(b).onnx", ["a+(b).onnx"], ["aab.onnx"]),
    ],
)
def test_a_pattern_stays_in_its_folder_unless_it_has_two_stars(
    pattern: str, matching: list[str], others: list[str]
) -> None:
    wanted = re.compile(expression(pattern), re.DOTALL)
    assert [name for name in matching + others if wanted.fullmatch(name)] == matching


def test_two_orders_stand_side_by_side(history: History) -> None:
    for name, model in (("1.onnx", BAD), ("2.onnx", GOOD), ("3.onnx", linear((0.5,) * 6).SerializeToString())):
        Path(name).write_bytes(model)
    lines = compared(open_timeline(["git-log:model.onnx"]), open_timeline(["files:?.onnx"]))
    signs = sorted(line.sign for line in lines)
    assert signs == ["<", "=", ">", "~", "~"]
    assert sentence(lines, "one", "two") == "1 in the same order, 1 in another order, 1 only in one, 1 only in two"


def test_the_same_order_is_said_so(history: History) -> None:
    ran = command("timeline", "--compare", "git-log:model.onnx", "git-log:model.onnx@main")
    assert ran.returncode == 0
    assert [line[0] for line in ran.stdout.splitlines()] == ["="] * 3
    assert "the same 3 models in the same order" in ran.stderr
    assert command("timeline", "--compare", "git-log:model.onnx").returncode == 2


def test_a_pull_request_that_the_subject_does_not_tell_is_asked_of_the_api() -> None:
    with FakeApi.start() as server:
        server.add_pull()
        pull = server.add_pull()
        server.commit_pulls["d" * 40] = [pull.number]
        api = Api(Place(server.repository, server.web_url, server.url), server.token, writes_apart=0)
        bad = CheckpointFacts(1, "model_01", {"commit": "d" * 40})
        known = CheckpointFacts(0, "model_00", {"commit": "e" * 40, "pull": "77"})
        report = bisect_report(first_bad=bad, last_good=known)
        told = with_pull_requests(api, report)
        assert told.first_bad.origin["pull"] == "2"  # type: ignore[union-attr]
        assert told.last_good == known  # type: ignore[union-attr]
        several = with_pull_requests(api, joined([Section("c", smoke=False, report=report)]))
        assert isinstance(several, RunReport)
        assert several.sections[0].report.first_bad.origin["pull"] == "2"  # type: ignore[union-attr]


def test_a_commit_that_the_api_does_not_know_stays_without_a_pull_request() -> None:
    with FakeApi.start() as server:
        api = Api(Place(server.repository, server.web_url, server.url), server.token, writes_apart=0)
        report = bisect_report(first_bad=CheckpointFacts(1, "model_01", {"commit": "d" * 40}))
        assert with_pull_requests(api, report) == report
