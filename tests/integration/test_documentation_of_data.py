"""What the pages on data show is what happens."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq

from bisect_cache.cache.datasets.description import dataset_file, read_dataset, shipped

DOCS = Path(__file__).resolve().parents[2] / "docs"


def block(page: str, before: str, language: str) -> str:
    found = re.search(rf"<!-- {re.escape(before)} -->\n```{language}\n(.*?)```", page, re.DOTALL)
    assert found, f"the page has no block {before!r}"
    return found[1]


def printed(lines: list[str], cwd: Path) -> str:
    said = ""
    for line in lines:
        command = shlex.split(line)
        assert command[0] == "bisect-cache"
        completed = subprocess.run(
            [sys.executable, "-m", "bisect_cache", *command[1:]], capture_output=True, text=True, cwd=cwd, check=False
        )
        said += f"$ {line}\n{completed.stderr}{completed.stdout}"
    return "".join(f"{line.rstrip()}\n" for line in said.splitlines())


def test_a_model_of_coffee_is_judged_as_the_page_shows(tmp_path: Path) -> None:
    page = (DOCS / "any-columns.md").read_text(encoding="utf-8")
    (tmp_path / "coffee.py").write_text(block(page, "coffee.py: run by the tests", "python"))
    subprocess.run([sys.executable, "coffee.py"], cwd=tmp_path, check=True)
    shown = block(page, "example: checked by the tests", "console")
    lines = [line[2:] for line in shown.splitlines() if line.startswith("$ ")]
    assert printed(lines, tmp_path) == shown


def test_the_description_of_two_laboratories_makes_one_cache(tmp_path: Path) -> None:
    page = (DOCS / "datasets.md").read_text(encoding="utf-8")
    (tmp_path / "two-labs.toml").write_text(block(page, "two-labs.toml: checked by the tests", "toml"))
    clips = ["a1", "a2", "b1", "b2"]
    for lab in ("paris/vmaf", "oslo"):
        (tmp_path / "lab" / lab).mkdir(parents=True)
    rows = [f"{clip},any,{n + 1}" for n, clip in enumerate(clips)]
    (tmp_path / "lab/paris/scores.csv").write_text("\n".join(["clip,scene,MOS", *rows]) + "\n")
    reports = {clip: {"frames": [{"frameNum": 0, "metrics": {"integer_adm2": 0.5}}]} for clip in clips}
    for clip, report in reports.items():
        (tmp_path / f"lab/paris/vmaf/{clip}_vmaf.json").write_text(json.dumps(report))
    (tmp_path / "lab/oslo/reports.json").write_text(json.dumps({f"{clip}.266": one for clip, one in reports.items()}))
    ratings = [{"file": f"{clip}_vvc.mkv", "opinion": 5 - n} for n, clip in enumerate(clips)]
    (tmp_path / "lab/oslo/ratings.json").write_text(json.dumps(ratings))

    commands = [line for line in re.findall(r"^bisect-cache .*", page, re.MULTILINE) if "two-labs" in line]
    said = printed([line.partition("#")[0].strip() for line in commands], tmp_path)
    assert "two-labs  Scenes rated in Paris and Oslo" in said
    assert "cache: real cache, 8 rows, 1 feature," in said
    table = pq.read_table(tmp_path / "cache" / "features.parquet").to_pydict()
    assert table["key"] == [f"paris/{clip}" for clip in clips] + [f"oslo/{clip}_vvc.mkv" for clip in clips]
    assert table["content"] == ["airport", "airport", "bridge", "bridge"] * 2
    assert table["mos"] == [1, 2, 3, 4, 5, 4, 3, 2]


def test_a_cache_in_parts_is_made_as_the_page_shows(tmp_path: Path) -> None:
    page = (DOCS / "real-caches.md").read_text(encoding="utf-8")
    shown = block(page, "in parts: checked by the tests", "console")
    lines = [line[2:] for line in shown.splitlines() if line.startswith("$ ")]
    assert printed(lines, tmp_path) == shown
    parts = sorted(path.name for path in (tmp_path / "cache" / "features.parquet").iterdir())
    assert parts == ["part-00000.parquet", "part-00001.parquet", "part-00002.parquet"]


def test_the_page_lists_the_datasets_that_ship_with_their_rows_and_the_commit() -> None:
    page = (DOCS / "datasets.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `([a-z0-9-]+)` \| ([0-9,]+)", page, re.MULTILINE))
    assert sorted(listed) == sorted(shipped())
    for name in shipped():
        dataset = read_dataset(dataset_file(name))
        assert listed[name] == f"{dataset.rows:,}"
        assert dataset.commit is None or dataset.commit in page


def test_the_page_names_every_field_of_a_description() -> None:
    page = (DOCS / "datasets.md").read_text(encoding="utf-8")
    from bisect_cache.cache.datasets.description import Dataset
    from bisect_cache.cache.manifest import Layout, Reports, Table

    fields = {name for kind in (Dataset, Layout, Reports, Table) for name in kind.__struct_fields__} - {"origin"}
    quoted = set(re.findall(r"`\[?([a-z_]+)(?:\.NAME)?\]?`", page))
    assert fields - quoted == set()
