"""Past one machine: the same results from a dask cluster of separate processes as from here, whoever is killed."""

from __future__ import annotations

import json
import pickle
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import psutil
import pytest
from clusters import PATIENCE, Cluster, but_for_where_and_when, cluster
from judging import NAN, command, noisy_cache_at, timeline_at, weaker
from making import constant, crashing, endless, linear, with_external_data
from making_history import History
from videos import encode, ffmpeg, pair_list, reports, two_videos

from bisect_cache import __version__
from bisect_cache.executing import of_a_run
from bisect_cache.executing.choosing import address_of
from bisect_cache.executing.cluster import on_dask
from bisect_cache.executing.interface import NoExecutor, TaskLost
from bisect_cache.judge.measurement import Measurement
from bisect_cache.judge.thresholds import parse_thresholds
from bisect_cache.runs.bench import at_work
from bisect_cache.runs.request import BisectRequest
from bisect_cache.runs.run import run_bisect
from bisect_cache.worker.process import Limits

ROOT = Path(__file__).resolve().parents[2]
MANY = 14
"""Models that keep a cluster busy for seconds."""


@pytest.fixture(scope="module")
def started() -> Iterator[Cluster]:
    with cluster(workers=2, threads=2) as one:
        yield one


@pytest.fixture
def dask(started: Cluster) -> Cluster:
    """With both workers: one that a test before has killed comes again."""
    started.client.wait_for_workers(2, timeout=PATIENCE)
    return started


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> BisectRequest:
    """Many models, each of which takes a moment; the last half of them are bad."""
    place = tmp_path_factory.mktemp("slow")
    noisy_cache_at(place / "c", rows=3_000, contents=None)
    timeline_at(place / "m", [weaker(0.01 * index if index < MANY / 2 else 2) for index in range(MANY)])
    return BisectRequest(place / "c", (f"{place}/m/*.onnx",), strategy="scan")


@pytest.fixture(scope="module")
def of_slow(slow: BisectRequest) -> dict[str, Any]:
    """What this machine says of them."""
    return but_for_where_and_when(run_bisect(slow))


@pytest.fixture(autouse=True)
def any_work_is_worth_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bisect_cache.judge.pool.WORTH_ANOTHER", 0.0)


# The full look


def hostile_timeline(folder: Path) -> Path:
    """Good and bad models, and those that crash, hang, are no model, name other files, or lack one of theirs."""
    outside, weights = with_external_data(weaker(0), "weights.bin")
    lacking, _ = with_external_data(weaker(0), "nowhere.bin")
    timeline_at(
        folder,
        [
            *[weaker(0), crashing(), outside, endless(), constant(NAN), b"no model at all", lacking],
            *[linear(input_name="x"), weaker(2), weaker(0.1)],
        ],
    )
    (folder / "weights.bin").write_bytes(weights)
    (folder / "m_07.json").write_text(json.dumps({"mean": [0.5] * 6, "std": [0.1] * 6}))  # a hint, and no more
    (folder / "m_10.onnx").symlink_to("/nowhere")
    return folder


def test_a_report_from_a_cluster_is_that_of_one_machine_whatever_the_models_do(dask: Cluster, tmp_path: Path) -> None:
    noisy_cache_at(tmp_path / "c", rows=240)
    hostile_timeline(tmp_path / "m")
    thresholds = parse_thresholds(["plcc >= baseline - 0.05", "srocc >= previous - 0.2"])
    request = BisectRequest(
        tmp_path / "c", (f"{tmp_path}/m/*.onnx",), thresholds, strategy="scan", limits=Limits(seconds=1.0)
    )
    here, there = run_bisect(request), run_bisect(replace(request, executor=dask.executor))
    assert but_for_where_and_when(there) == but_for_where_and_when(here)
    verdicts = [step.verdict for step in there.steps]
    assert verdicts.count("untestable") == 6
    assert "bad" in verdicts
    assert any("which was not applied" in note for step in there.steps for note in step.notes)
    assert "executor" not in here.environment
    assert there.environment["executor"] == ("dask, 2 workers with 4 threads: 10 of 11 measurements were made there")
    assert there.worker == here.worker
    assert there.worker is not None
    assert "no files" in there.worker.held


def test_what_lies_in_a_repository_is_sent_along(dask: Cluster, tmp_path: Path) -> None:
    noisy_cache_at(tmp_path / "c", rows=120)
    history = History(tmp_path / "r")
    for noise in (0.0, 0.1, 2.0, 0.2):
        outside, weights = with_external_data(weaker(noise), "m.onnx.data")
        history.commit(**{"m.onnx": outside.SerializeToString(), "m.onnx.data": weights})
        history.commit(**{"m.onnx": weaker(noise).SerializeToString()})
    history.checkout()
    request = BisectRequest(tmp_path / "c", (f"git-log:{tmp_path}/r/m.onnx",), strategy="scan")
    here, there = run_bisect(request), run_bisect(replace(request, executor=dask.executor))
    assert but_for_where_and_when(there) == but_for_where_and_when(here)
    assert len(there.steps) == 8
    assert all(step.metrics for step in there.steps), "none is untestable for want of its files"
    assert there.environment["executor"].endswith(": 7 of 8 measurements were made there")


def test_what_is_larger_than_is_worth_sending_is_measured_here(
    dask: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bisect_cache.judge.taking_along.LARGEST_SENT", len(weaker(0).SerializeToString()))
    noisy_cache_at(tmp_path / "c", rows=60)
    timeline_at(tmp_path / "m", [weaker(0), weaker(0.3), weaker(0.1), with_more(weaker(0.4)), weaker(0.2)])
    request = BisectRequest(tmp_path / "c", (f"{tmp_path}/m/*.onnx",), strategy="scan")
    here, there = run_bisect(request), run_bisect(replace(request, executor=dask.executor))
    assert but_for_where_and_when(there) == but_for_where_and_when(here)
    assert there.environment["executor"].endswith(": 3 of 5 measurements were made there")


def with_more(model: onnx.ModelProto) -> onnx.ModelProto:
    model.doc_string = "larger"
    return model


def test_a_worker_killed_in_the_middle_of_a_full_look_changes_nothing(
    dask: Cluster, slow: BisectRequest, of_slow: dict[str, Any]
) -> None:
    before = {worker.pid for worker in dask.workers()}
    killed: list[psutil.Process] = []
    killing = threading.Thread(target=lambda: killed.extend(dask.kill_one_that_works()))
    killing.start()
    there = run_bisect(replace(slow, executor=dask.executor))
    killing.join()
    assert but_for_where_and_when(there) == of_slow
    assert there.environment["executor"].endswith(f": {MANY - 1} of {MANY} measurements were made there")
    assert {worker.pid for worker in dask.workers()} != before
    assert killed
    _, alive = psutil.wait_procs(killed, PATIENCE)
    assert not alive, "what runs models ends with who started it"
    assert dask.is_at_rest(), "and with the run"


def test_a_client_that_is_killed_leaves_nothing_behind_on_a_cluster(dask: Cluster, slow: BisectRequest) -> None:
    arguments = ["--cache", str(slow.cache), "--timeline", *slow.timeline, "--strategy", "scan", "--resamples", "20000"]
    words = [sys.executable, "-m", "bisect_cache", "bisect", *arguments, "--executor", dask.executor]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as client:
        dask.wait_for_children(1)
        client.kill()
    assert dask.is_at_rest()


def waits_in_vain(measured: Iterator[Measurement]) -> None:
    with pytest.raises(CancelledError):
        next(measured)


def test_leaving_in_the_middle_of_models_that_never_end_waits_for_none_and_ends_them(
    dask: Cluster, tmp_path: Path
) -> None:
    noisy_cache_at(tmp_path / "c", rows=64)
    timeline_at(tmp_path / "m", [weaker(0), *[endless()] * 4])
    request = BisectRequest(
        tmp_path / "c", (f"{tmp_path}/m/*.onnx",), executor=dask.executor, limits=Limits(seconds=10 * PATIENCE)
    )
    with at_work(request) as bench:
        measured = bench.pool.measure(bench.timeline.checkpoints)
        assert next(measured).fault is None
        waiting = threading.Thread(target=waits_in_vain, args=(measured,))
        waiting.start()
        dask.wait_for_children(2)
        left = time.monotonic()
    assert time.monotonic() - left < PATIENCE
    waiting.join(PATIENCE)
    assert not waiting.is_alive()
    assert dask.is_at_rest()


def test_thresholds_are_proposed_alike(dask: Cluster, tmp_path: Path) -> None:
    noisy_cache_at(tmp_path / "c", rows=120)
    timeline_at(tmp_path / "m", [weaker(0), weaker(0.1), weaker(0.2)])
    asked = ("thresholds", "--cache", "c", "--timeline", "m")
    here, there = command(*asked, cwd=tmp_path), command(*asked, "--executor", dask.executor, cwd=tmp_path)
    assert here.code == there.code == 0
    assert here.said == there.said != ""


# Extraction


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ffmpeg()  # or the test is skipped
    folder = tmp_path_factory.mktemp("videos")
    two_videos(folder)
    encode(folder / "r.y4m", folder / "long.y4m", "-vf", "loop=loop=20:size=12,scale=480:360")
    encode(folder / "long.y4m", folder / "worse.y4m", "-vf", "gblur=3")
    return folder


def test_a_worker_killed_in_the_middle_of_an_extraction_changes_nothing(dask: Cluster, videos: Path) -> None:
    rows = [{"key": f"p/{at}", "reference": "long.y4m", "distorted": "worse.y4m", "frames": 90 + at} for at in range(6)]
    pair_list(videos / "pairs.csv", *rows)
    here = command("extract", "pairs.csv", "here", cwd=videos)
    assert "6 of 6 pairs have a report (6 measured, 0 kept)" in here.said, here.told
    killing = threading.Thread(target=dask.kill_one_that_works)
    killing.start()
    there = command("extract", "pairs.csv", "there", "--executor", dask.executor, cwd=videos)
    killing.join()
    assert "6 of 6 pairs have a report (6 measured, 0 kept)" in there.said, there.told
    assert reports(videos / "there") == reports(videos / "here")
    assert [place.name for place in (videos / "there").iterdir()] == ["p"], "nothing half done is left"
    again = command("extract", "pairs.csv", "there", "--executor", dask.executor, cwd=videos)
    assert "(0 measured, 6 kept)" in again.said


def test_a_pair_that_a_worker_cannot_see_fails_alone_and_says_where(dask: Cluster, videos: Path) -> None:
    pair = {"reference": "r.y4m", "distorted": "d.y4m"}
    pair_list(videos / "two.csv", {"key": "a", **pair}, {"key": "b", **pair, "distorted": "only-here.y4m"})
    ran = command("extract", "two.csv", "some", "--executor", dask.executor, cwd=videos)
    assert ran.code == 2
    assert "1 of 2 pairs have a report (1 measured, 0 kept)" in ran.said
    assert f"failed: b: {videos}/only-here.y4m does not exist" in ran.told
    assert "where files must lie under the same paths as here)" in ran.told


def test_a_program_that_is_another_one_on_the_workers_measures_nothing(dask: Cluster, videos: Path) -> None:
    """The client hashes one file; by the time that workers look at its path, another one is there."""
    program = videos / "own-ffmpeg"
    shutil.copy(ffmpeg(), program)
    with program.open("ab") as stream:
        stream.write(b"another build")
    pair_list(videos / "one.csv", {"key": "a", "reference": "r.y4m", "distorted": "d.y4m"})
    good = command("extract", "one.csv", "o1", "--executor", dask.executor, "--ffmpeg", program, cwd=videos)
    assert good.code == 0, good.told
    from bisect_cache.extraction import programs

    found = programs.find_program(str(program), None)
    with program.open("ab") as stream:
        stream.write(b"and another")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(programs, "find_program", lambda *_: replace(found, build=replace_sha(found.build)))
        ran = command("extract", "one.csv", "o2", "--executor", dask.executor, cwd=videos)
    assert ran.code == 2
    assert f"error: {program}: is not here as the same file, with the sha256 000000000000…" in ran.told
    assert not list((videos / "o2").rglob("*.json"))


def replace_sha(build: Any) -> Any:
    import msgspec

    return msgspec.structs.replace(build, sha256="0" * 64)


# What goes wrong before anything begins


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("node7:8786", "tcp://node7:8786"),
        ("tcp://10.0.0.1:8786", "tcp://10.0.0.1:8786"),
        ("tls://a-b.c_d:1", "tls://a-b.c_d:1"),
        ("[::1]:65535", "tcp://[::1]:65535"),
    ],
)
def test_an_address_is_read_as_dask_spells_it(text: str, address: str) -> None:
    assert address_of(text) == address


@pytest.mark.parametrize(
    "text", ["", "node", "node:", ":8786", "node:0", "node:65536", "ucx://node:1", "tcp://", "a b:1", "node:8786/x"]
)
def test_what_is_no_address_is_refused_with_examples(text: str) -> None:
    with pytest.raises(NoExecutor, match="is no address of a dask scheduler; name one, such as dask:HOST:PORT"):
        address_of(text)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"address": "tcp://node7:8786", "workers": {}}', None),
        ("[]", "no file that a dask scheduler writes"),
        ("not json", "no file that a dask scheduler writes"),
        ('{"address": 7}', "its address is none"),
        ('{"address": "other.json"}', "its address is none"),
        ('{"address": "inproc://1"}', "is no address of a dask scheduler"),
        (None, "does not exist"),
    ],
)
def test_the_file_that_a_scheduler_writes_names_it(tmp_path: Path, content: str | None, said: str | None) -> None:
    file = tmp_path / "scheduler.json"
    if content is not None:
        file.write_text(content)
    if said is None:
        assert address_of(str(file)) == "tcp://node7:8786"
    else:
        ran = command("bisect", "--executor", f"dask:{file}", "--json", "report.json", cwd=tmp_path)
        assert ran.code == 2
        assert said in ran.told
        assert ran.outcome == "wiring-broke"


def test_another_executor_is_refused(tmp_path: Path) -> None:
    ran = command("bisect", "--executor", "ray:somewhere", cwd=tmp_path)
    assert (ran.code, ran.said) == (2, "")
    assert ran.told.startswith("error: --executor 'ray:somewhere': is neither local nor a cluster; name one, such as")


def test_without_dask_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    ran = command("bisect", "--executor", "dask:node:1", cwd=tmp_path)
    assert ran.code == 2
    assert "install it with `pip install 'bisect-cache[dask]'`, or leave --executor out" in ran.told


def test_a_scheduler_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoExecutor, match=r"^no dask scheduler answers at tcp://127\.0\.0\.1:9 "):
        on_dask("tcp://127.0.0.1:9", patience=0.5).__enter__()
    with pytest.raises(NoExecutor, match="asks for TLS, and dask is not told of a certificate here"):
        on_dask("tls://127.0.0.1:9", patience=0.5).__enter__()


def test_a_cluster_without_workers_is_given_up() -> None:
    with cluster(workers=0) as empty, pytest.raises(NoExecutor, match=r"has no workers, and none came within 0\.5 s"):
        on_dask(empty.address, patience=0.5).__enter__()


@pytest.fixture
def otherwise_installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, object], None]]:
    """Has this process take something else for what is installed in it."""

    def change(name: str, value: object) -> None:
        monkeypatch.setattr(of_a_run, name, value)
        of_a_run.installed.cache_clear()

    yield change
    of_a_run.installed.cache_clear()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("__version__", "0.0.7", f"bisect-cache is {__version__} there and 0.0.7 here"),
        ("_code", lambda: "abc", f"bisect-cache's code is {of_a_run._code()} there and abc here"),
        ("_version", lambda _: "0.0.7", f"numpy is {np.__version__} there and 0.0.7 here"),
    ],
)
def test_workers_with_another_version_of_what_matters_are_refused(
    dask: Cluster,
    tmp_path: Path,
    name: str,
    value: object,
    said: str,
    otherwise_installed: Callable[[str, object], None],
) -> None:
    otherwise_installed(name, value)
    ran = command("bisect", "--executor", dask.executor, "--json", "report.json", cwd=tmp_path)
    assert ran.code == 2
    assert f"is not like this machine: {said}. Results are to be equal to the last digit: install the same" in ran.told
    assert ran.outcome == "wiring-broke"


def test_what_is_of_a_run_does_not_come_to_life_where_other_versions_are(
    otherwise_installed: Callable[[str, object], None],
) -> None:
    one = of_a_run.OfARun()
    sent = pickle.dumps(one)
    arrived = pickle.loads(sent)
    assert (type(arrived), arrived.run) == (of_a_run.OfARun, one.run)
    assert arrived is not one
    otherwise_installed("_version", lambda _: "")
    with pytest.raises(NoExecutor, match=r"is not like the others: numpy is \S+ there and missing here"):
        pickle.loads(sent)


class Bell(of_a_run.OfARun):
    rung = 0

    def ring(self) -> None:
        self.rung += 1


def test_all_that_a_process_has_of_a_run_is_told_also_what_arrives_after_that() -> None:
    mine, others = Bell(), Bell()
    sent = pickle.dumps(mine)
    before = pickle.loads(sent)
    of_a_run.told(mine.run, "ring")
    after = pickle.loads(sent)
    assert [one.rung for one in (mine, before, after, others, pickle.loads(pickle.dumps(others)))] == [1, 1, 1, 0, 0]


# What goes wrong in the middle


def test_a_task_that_ends_whoever_begins_it_is_given_up() -> None:
    """After the first, so that no worker is ended again before it has come up: dask may then give up that worker."""
    once = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    with (
        cluster(workers=1, threads=1, more=once) as fragile,
        on_dask(fragile.address) as where,
        pytest.raises(TaskLost, match="was ended in the middle of it"),
    ):
        where.executor.submit(signal.raise_signal, signal.SIGKILL).result(PATIENCE)


def test_what_is_shared_outlives_the_worker_that_held_it(dask: Cluster) -> None:
    with on_dask(dask.address) as where:
        shared = where.share(list(range(1000)))
        assert where.executor.submit(sum, shared).result(PATIENCE) == 499_500
        killed = dask.workers()
        for worker in killed:
            worker.kill()
        assert where.executor.submit(len, shared).result(PATIENCE) == 1000
        dask.wait_for_other_workers(killed)


def test_a_scheduler_that_is_lost_ends_the_run_and_says_so() -> None:
    with cluster(workers=1, threads=1) as short:
        scheduler = psutil.Process(short.workers()[0].ppid())
        with on_dask(short.address, patience=1.0) as where:
            future = where.executor.submit(time.sleep, PATIENCE)
            scheduler.kill()
            with pytest.raises(NoExecutor, match=f"^the dask scheduler {short.address} was lost"):
                future.result(PATIENCE)


# What the documentation shows


def test_the_example_gives_the_output_that_is_shown(dask: Cluster, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "past-one-machine.md").read_text(encoding="utf-8")
    shown = re.search(r"<!-- example: checked by the tests -->\n```console\n(.*?)```", page, re.DOTALL)[1]  # type: ignore[index]
    (tmp_path / "scheduler.json").write_text(json.dumps({"address": dask.address}))
    printed = ""
    for line in [line for line in shown.splitlines() if line.startswith("$ ")]:
        words = shlex.split(line[2:])
        if words[0] == "grep":
            said = "".join(f"{one}\n" for one in (tmp_path / words[2]).read_text().splitlines() if words[1] in one)
        else:
            said = command(*[word for word in words[1:] if not word.startswith("2>")], cwd=tmp_path).said
        printed += f"{line}\n{said}"
    assert printed.splitlines() == shown.splitlines()
