"""Several commands in one folder at the same time: one cache, whole, and readers that see one or say so."""

import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attacks import Attack
from making import cache_at

from bisect_cache.cache import opened
from bisect_cache.cache.check import check
from bisect_cache.cache.generate import generate
from bisect_cache.cache.manifest import Synthetic, read_manifest
from bisect_cache.cache.opened import open_cache
from bisect_cache.cache.placing import CannotGenerate
from bisect_cache.cache.standing import Replaced
from bisect_cache.errors import BisectCacheError
from bisect_cache.files import append_whole, write_whole
from bisect_cache.runs.proposing import propose
from bisect_cache.runs.request import BisectRequest
from bisect_cache.runs.run import run_bisect
from bisect_cache.staging import alone

RECIPES = [Synthetic(rows=8 + number, models=1 + number) for number in range(4)]

_AGAIN = """
import os, sys
from pathlib import Path
from bisect_cache.cache.generate import generate
from bisect_cache.cache.manifest import Synthetic
from bisect_cache.errors import BisectCacheError
os.chdir(sys.argv[1])
for _ in range(int(sys.argv[3])):
    number = int(sys.argv[2])
    try:
        generate(Path(sys.argv[4]), Synthetic(rows=8 + number, models=1 + number))
    except BisectCacheError as error:
        print(error)
"""


def generating(cwd: Path, number: int, times: int, folder: str) -> subprocess.Popen[str]:
    """Makes the cache of recipe ``number`` again and again."""
    return subprocess.Popen(
        [sys.executable, "-c", _AGAIN, str(cwd), str(number), str(times), folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("where", ["beside", "here", "a repository"])
def test_caches_that_are_made_at_the_same_time_are_never_mixed(
    tmp_path: Path, attack: Callable[[str], Attack], thorough: bool, where: str
) -> None:
    cache = cache_at(tmp_path / "c", rows=8, models=1)
    (cache / "README.md").write_text("mine")
    if where != "beside":  # then files change places one by one
        (cache / ".git").mkdir()
    tried, times = attack("two at once"), 30 if thorough else 5
    wrong: list[object] = []
    cwd, folder = (cache, ".") if where == "here" else (tmp_path, "c")
    running = [generating(cwd, number, times, folder) for number in range(3)]
    seen = {"whole": 0, "told": 0}
    while any(process.poll() is None for process in running):
        try:
            outcome = check(cache).outcome
            whole = open_cache(cache)
            if outcome != "clean" or whole.notes:
                wrong.append((outcome, whole.notes))
            seen["whole"] += 1
        except BisectCacheError as error:
            told = any(words in str(error) for words in ("was replaced while it was read", "is replacing this cache"))
            wrong += [] if told else [error]
            seen["told"] += 1
    for process in running:
        said, _ = process.communicate(timeout=60)
        with tried.case(times):
            assert process.returncode == 0, said
            assert said == ""
    with tried.case(sum(seen.values())):
        assert wrong == []
        assert seen["whole"] >= 3, seen
    manifest = read_manifest(cache)
    assert manifest is not None
    assert manifest.recipe in RECIPES
    assert check(cache).findings == ()
    assert (cache / "README.md").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
    assert [path.name for path in cache.glob(".*")] == ([] if where == "beside" else [".git"])


def test_a_cache_that_is_replaced_between_two_reads_is_no_drift(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attack: Callable[[str], Attack]
) -> None:
    cache = cache_at(tmp_path / "c", rows=8, models=2)
    tried = attack("two at once")
    reads = ("read_manifest", "read_features", "make", "canonical_columns", "compare_models")
    for name in reads:
        for before in (True, False):
            module = sys.modules[check.__module__]
            real, rows = getattr(module, name), itertools.count(9)

            def replaced(*arguments: object, real=real, rows=rows, before=before, **named: object) -> object:
                if before:
                    generate(cache, Synthetic(rows=next(rows), models=2))
                done = real(*arguments, **named)
                if not before:
                    generate(cache, Synthetic(rows=next(rows), models=2))
                return done

            with tried.case(), monkeypatch.context() as patched:
                patched.setattr(module, name, replaced)
                with pytest.raises(Replaced, match=r"c: was replaced while it was read, .*; run again"):
                    check(cache)
    with tried.case(), monkeypatch.context() as patched:
        real_features = opened.read_features
        patched.setattr(opened, "read_features", lambda path: (cache_at(cache, rows=99), real_features(path))[1])
        with pytest.raises(Replaced):
            open_cache(cache)
    assert check(cache).outcome == "clean"


@pytest.mark.parametrize("where", ["beside", "a repository"])
def test_models_are_never_judged_on_the_data_of_another_cache(
    tmp_path: Path, attack: Callable[[str], Attack], where: str
) -> None:
    cache = cache_at(tmp_path / "c", regress_at=5)
    if where != "beside":
        (cache / ".git").mkdir()
    request = BisectRequest(cache=cache)
    for run, replacing in ((run_bisect, True), (propose, True), (run_bisect, False)):
        with attack("two at once").case():
            rows = itertools.count(300)

            def looking(_label: str, _before: int, rows: Iterator[int] = rows, replacing: bool = replacing) -> None:
                if replacing:
                    cache_at(cache, rows=next(rows))

            if replacing:
                with pytest.raises(Replaced, match=r"c: was replaced while it was read"):
                    run(request, looking)
            else:
                assert run(request, looking).outcome == "no-regression"


def test_what_is_wrong_with_a_cache_that_nobody_replaces_is_said_as_ever(tmp_path: Path) -> None:
    cache = cache_at(tmp_path / "c")
    (cache / "features.parquet").write_bytes(b"no")
    assert check(cache).outcome == "drift"
    with pytest.raises(BisectCacheError, match="not a parquet file"):
        open_cache(cache)


def test_a_folder_that_somebody_keeps_is_given_up_after_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = cache_at(tmp_path / "c", rows=8)
    monkeypatch.setattr("bisect_cache.staging._LONGEST_WAIT", 0.2)
    with alone(tmp_path / ".c.bisect-cache-lock"), pytest.raises(CannotGenerate, match="another run is replacing it"):
        cache_at(cache, rows=9)
    assert open_cache(cache).rows == 8
    cache_at(cache, rows=9)
    assert open_cache(cache).rows == 9


def test_one_waits_for_the_other_and_both_locks_are_gone_afterwards(tmp_path: Path) -> None:
    lock, order = tmp_path / "lock", []
    inside, leave = threading.Event(), threading.Event()

    def first() -> None:
        with alone(lock):
            inside.set()
            leave.wait(10)
            order.append("first")

    def second() -> None:
        with alone(lock):
            order.append("second")

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    inside.wait(10)
    threads[1].start()
    time.sleep(0.1)
    leave.set()
    for thread in threads:
        thread.join(10)
    assert order == ["first", "second"]
    assert list(tmp_path.iterdir()) == []


def test_reports_that_are_written_at_the_same_time_are_whole(tmp_path: Path, attack: Callable[[str], Attack]) -> None:
    path = tmp_path / "report.json"
    documents = [json.dumps([number] * 20_000).encode() for number in range(4)]
    errors: list[Exception] = []

    def write(data: bytes) -> None:
        try:
            for _ in range(50):
                write_whole(path, data)
        except Exception as error:
            errors.append(error)

    write_whole(path, documents[0])
    threads = [threading.Thread(target=write, args=(data,)) for data in documents]
    for thread in threads:
        thread.start()
    tried = attack("two at once")
    while any(thread.is_alive() for thread in threads):
        with tried.case():
            assert path.read_bytes() in documents
    assert errors == []
    assert [one.name for one in tmp_path.iterdir()] == ["report.json"]


def test_two_bisects_that_write_one_report_leave_one_of_the_two(
    tmp_path: Path, attack: Callable[[str], Attack]
) -> None:
    cache_at(tmp_path / "good", rows=16, models=3)
    cache_at(tmp_path / "bad", rows=16, models=3, regress_at=1)
    tried = attack("two at once")
    command = [sys.executable, "-m", "bisect_cache", "bisect", "--json", "report.json", "--cache"]
    running = [
        subprocess.Popen([*command, name], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for name in ("good", "bad")
    ]
    for process, code in zip(running, (0, 1), strict=True):
        with tried.case():
            said, _ = process.communicate(timeout=120)
            assert process.returncode == code, said
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["cache"]["path"], report["outcome"]) in {("good", "no-regression"), ("bad", "regression")}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad", "good", "report.json"]


def test_what_is_appended_by_several_at_once_is_not_mixed(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    threads = [threading.Thread(target=append_whole, args=(path, bytes([65 + n]) * 50_000)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = path.read_bytes()
    pieces = {bytes(piece) for _, piece in itertools.groupby(written)}
    assert sorted(len(piece) for piece in pieces) == [50_000] * 8


def test_what_a_killed_run_left_beside_a_report_is_removed_by_the_next(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom bisect_cache.files import write_whole\n"
        "Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_whole(Path(sys.argv[1]), b'new')\n"
    )
    path = tmp_path / "report.json"
    path.write_bytes(b"old")
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2
    write_whole(path, b"newer")
    assert [one.name for one in tmp_path.iterdir()] == ["report.json"]
    assert path.read_bytes() == b"newer"


def test_to_stand_in_a_folder_that_is_gone_is_a_clear_error(tmp_path: Path) -> None:
    code = _AGAIN.replace("for _ in", "os.rmdir(sys.argv[1])\nfor _ in")
    (tmp_path / "c").mkdir()
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "c"), "1", "1", "."], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in ran.stderr, ran.stderr
    assert "the current folder is gone" in ran.stdout
    assert list(tmp_path.iterdir()) == []
