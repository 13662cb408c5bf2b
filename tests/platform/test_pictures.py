"""The pictures of the documentation: drawn from the Markdown beside them, and known to be."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from drawing import Browser

TOOL = Path(__file__).resolve().parents[2] / "tools" / "pictures.py"
REPORT = "## ❌ a model regressed\n\n| # | model |\n| ---: | --- |\n| 3 | `model_03` |\n"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run() -> Run:
    """Runs the tool."""

    def ran(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, TOOL, *arguments], capture_output=True, text=True, check=False)

    return ran


@pytest.fixture(scope="module")
def drawn(browser: Browser, node_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """A Markdown file and its picture."""
    file = tmp_path_factory.mktemp("images") / "report.md"
    file.write_text(REPORT, encoding="utf-8")
    subprocess.run([sys.executable, TOOL, file], check=True, capture_output=True)
    return file.read_bytes(), file.with_suffix(".png").read_bytes()


@pytest.fixture
def report(drawn: tuple[bytes, bytes], tmp_path: Path) -> Path:
    """A copy of the file with its picture beside it, for a test to spoil."""
    markdown, png = drawn
    (tmp_path / "report.png").write_bytes(png)
    (tmp_path / "report.md").write_bytes(markdown)
    return tmp_path / "report.md"


def test_a_picture_of_the_text_beside_it_is_current(run: Run, report: Path) -> None:
    checked = run("--check", report)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_a_text_that_changed_by_one_letter_makes_its_picture_old(run: Run, report: Path) -> None:
    report.write_text(REPORT.replace("03", "04"), encoding="utf-8")
    checked = run("--check", report)
    assert checked.returncode == 1
    assert "report.png shows an older text" in checked.stderr


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda png: b"", "no PNG"),
        (lambda png: b"GIF89a", "no PNG"),
        (lambda png: png[:60], "cut short"),
        (lambda png: png.replace(b"sha256 of the Markdown", b"sha256 of a photograph"), "does not say"),
    ],
)
def test_a_file_that_is_no_picture_of_ours_is_not_current(
    run: Run, report: Path, spoil: Callable[[bytes], bytes], said: str
) -> None:
    picture = report.with_suffix(".png")
    picture.write_bytes(spoil(picture.read_bytes()))
    checked = run("--check", report)
    assert checked.returncode == 1
    assert said in checked.stderr


def test_a_picture_that_is_not_there_is_not_current(run: Run, report: Path) -> None:
    report.with_suffix(".png").unlink()
    checked = run("--check", report)
    assert checked.returncode == 1
    assert "there is no report.png beside it" in checked.stderr


def test_a_picture_is_a_whole_png_of_a_modest_size(drawn: tuple[bytes, bytes]) -> None:
    _, png = drawn
    at, kinds = 8, []
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        data, crc = png[at + 8 : at + 8 + length], png[at + 8 + length : at + 12 + length]
        assert struct.unpack(">I", crc)[0] == zlib.crc32(kind + data)
        kinds.append(kind)
        at += 12 + length
    assert kinds[:2] == [b"IHDR", b"tEXt"]
    assert kinds[-1] == b"IEND"
    assert struct.unpack(">I", png[16:20])[0] == 900
    assert len(png) < 250_000


def test_without_a_browser_nothing_is_drawn_and_the_way_out_is_named(
    run: Run, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = report.with_suffix(".png").read_bytes()
    monkeypatch.setenv("BISECT_CACHE_BROWSER", "no-such-browser")
    ran = run(report)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("there is no no-such-browser here; install the package chromium")
    assert report.with_suffix(".png").read_bytes() == before


def test_every_picture_of_the_documentation_is_current(run: Run) -> None:
    assert run("--check").stderr == ""
