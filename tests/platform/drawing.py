"""Markdown as GitHub shows it in a comment, in a headless Chromium: where everything stands, and a picture.

GitHub's stylesheet, GitHub's list of the HTML it lets through, and Mermaid's own library; the browser reaches no
network. Not shown as GitHub does: mentions, bare links, references to issues, mathematics.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import string
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

import msgspec
from markdown_it import MarkdownIt

Theme = Literal["light", "dark"]
HERE = Path(__file__).resolve().parent
COLUMN = 800
"""Pixels between the margins of a comment on a wide screen."""
_MARGIN = 24
_BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
_LONGEST_DRAWING = 60.0
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--font-render-hinting=none",  # letters as wide as on a fine screen, whatever the scale
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--no-proxy-server",
    "--virtual-time-budget=60000",
)


class NoBrowser(Exception):
    """There is no Chromium here."""


class CannotDraw(Exception):
    """The browser did not come to its end, or the page failed."""


class Box(msgspec.Struct, frozen=True):
    """A rectangle in pixels, from the top left of its diagram."""

    x: float
    y: float
    width: float
    height: float

    def overlaps(self, other: Box, apart: float = 0.0) -> bool:
        """Whether the two are less than ``apart`` from each other."""
        return (
            self.x < other.x + other.width + apart
            and other.x < self.x + self.width + apart
            and self.y < other.y + other.height + apart
            and other.y < self.y + self.height + apart
        )

    def within(self, width: float, height: float) -> bool:
        """Whether all of it can be seen on a sheet of that size; half a pixel more is no harm."""
        right, bottom = self.x + self.width, self.y + self.height
        return min(self.x, self.y) >= -0.5 and right <= width + 0.5 and bottom <= height + 0.5


class Text(msgspec.Struct, frozen=True):
    """One text of a diagram."""

    text: str
    parts: tuple[str, ...]
    """Names of the groups it is in, outermost first: ``bottom-axis``, ``label``."""
    box: Box
    font: float
    """Pixels on the screen."""


class Diagram(msgspec.Struct, frozen=True):
    """A Mermaid diagram as it was drawn, or the error it failed with."""

    error: str | None
    width: float = 0.0
    height: float = 0.0
    texts: tuple[Text, ...] = ()
    dangers: tuple[str, ...] = ()
    """Elements and attributes that could run something."""


class Table(msgspec.Struct, frozen=True):
    """A table: the columns of each row, how its last row is aligned, by how many pixels it is too wide."""

    columns: tuple[int, ...]
    aligned: tuple[str, ...]
    overflow: float


class Layout(msgspec.Struct, frozen=True):
    """What stands where on a page."""

    height: int
    overflow: float
    text: str
    diagrams: tuple[Diagram, ...]
    tables: tuple[Table, ...]
    ran: tuple[str, ...]
    """What scripts said that should never have run."""


@dataclass(frozen=True)
class Browser:
    """Draws Markdown: ``program`` is a Chromium, ``node_modules`` has what the page needs."""

    program: str
    node_modules: Path

    def layout(self, markdown: str, *, theme: Theme = "light", column: int = COLUMN) -> Layout:
        """Where everything stands when GitHub shows ``markdown`` in a column that wide."""
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            return self._measured(self._page(Path(folder), markdown, theme, column), column)

    def picture(self, markdown: str, *, theme: Theme = "light", column: int = COLUMN) -> bytes:
        """The same as a PNG, as wide as the column and its margins and as high as the text."""
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            page = self._page(Path(folder), markdown, theme, column)
            layout, picture = self._measured(page, column), Path(folder) / "page.png"
            self._run(page, column, layout.height, f"--screenshot={picture}")
            if not picture.is_file():
                raise CannotDraw("the browser left no picture")
            return picture.read_bytes()

    def _page(self, folder: Path, markdown: str, theme: Theme, column: int) -> Path:
        # In a comment, unlike in a file, the end of a line is one.
        parser = MarkdownIt("commonmark", {"html": True, "breaks": True}).enable(["table", "strikethrough"])
        html = re.sub(r'<(t[dh]) style="text-align:(\w+)">', r'<\1 align="\2">', parser.render(markdown))
        given = {"html": html, "theme": {"light": "default", "dark": "dark"}[theme]}
        page = folder / "page.html"
        page.write_text(
            string.Template((HERE / "page.html").read_text()).substitute(
                stylesheet=(self.node_modules / "github-markdown-css" / f"github-markdown-{theme}.css").as_uri(),
                purify=(self.node_modules / "dompurify" / "dist" / "purify.min.js").as_uri(),
                mermaid=(self.node_modules / "mermaid" / "dist" / "mermaid.min.js").as_uri(),
                script=(HERE / "page.js").as_uri(),
                given=json.dumps(given).replace("<", "\\u003c"),
                width=column,
                margin=_MARGIN,
            )
        )
        return page

    def _measured(self, page: Path, column: int) -> Layout:
        dumped = self._run(page, column, 1000, "--dump-dom")
        left = re.search(r'<script type="text/plain" id="(layout|failure)">([^<]*)</script>', dumped)
        if left is None:
            raise CannotDraw("the page did not come to its end")
        if left[1] == "failure":
            raise CannotDraw(f"the page failed: {unquote(left[2])}")
        return msgspec.json.decode(unquote(left[2]), type=Layout)

    def _run(self, page: Path, column: int, height: int, *options: str) -> str:
        """One run of the browser to its end; what it printed."""
        command = [
            self.program,
            *_OPTIONS,
            f"--user-data-dir={page.parent / 'profile'}",
            f"--window-size={column + 2 * _MARGIN},{height}",
            *options,
            page.as_uri(),
        ]
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, "TMPDIR": str(page.parent)},
            start_new_session=True,
        ) as browser:
            try:
                printed, said = browser.communicate(timeout=_LONGEST_DRAWING)
            except subprocess.TimeoutExpired:
                os.killpg(browser.pid, signal.SIGKILL)
                raise CannotDraw(f"the browser was not done after {_LONGEST_DRAWING:.0f} s") from None
        if browser.returncode != 0:
            raise CannotDraw(f"the browser ended with {browser.returncode}:\n{said[-2000:]}")
        return printed


def find_browser() -> str:
    """The Chromium to draw with: ``BISECT_CACHE_BROWSER``, or one of the usual names."""
    given = os.environ.get("BISECT_CACHE_BROWSER")
    for name in (given,) if given else _BROWSERS:
        if found := shutil.which(name):
            return found
    wanted = given or "Chromium"
    raise NoBrowser(f"there is no {wanted} here; install the package chromium, or name one in BISECT_CACHE_BROWSER")
