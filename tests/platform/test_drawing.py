"""The drawing itself: what it measures is what is there."""

from __future__ import annotations

import socket
import struct
import zlib

import pytest
from drawing import Browser, CannotDraw, Theme

BARS = 'xychart-beta\n    title "Bars"\n    x-axis ["a", "b"]\n    y-axis "y" 0 --> 2\n    bar [1, 2]'


def mermaid(source: str) -> str:
    """A fence around Mermaid source."""
    return f"```mermaid\n{source}\n```\n"


def test_a_diagram_is_drawn_and_its_texts_have_a_place_and_a_size(browser: Browser) -> None:
    layout = browser.layout(mermaid(BARS))
    (diagram,) = layout.diagrams
    places = {text.text: text for text in diagram.texts}
    assert diagram.error is None
    assert {"Bars", "a", "b", "y", "0", "2"} <= places.keys()
    assert places["a"].box.x < places["b"].box.x
    assert places["Bars"].box.y < places["a"].box.y
    assert "bottom-axis" in places["a"].parts
    assert "left-axis" in places["y"].parts
    assert all(text.box.width > 1 and text.box.height > 1 and text.font > 5 for text in diagram.texts)


def test_a_diagram_wider_than_the_column_is_measured_as_it_is_shown(browser: Browser) -> None:
    wide = mermaid('%%{init: {"xyChart": {"width": 1600}}}%%\n' + BARS)
    (narrow,), (full,) = (browser.layout(wide, column=column).diagrams for column in (800, 1600))
    assert (narrow.width, full.width) == (800, 1600)
    assert [text.font * 2 for text in narrow.texts] == pytest.approx([text.font for text in full.texts])


def test_a_diagram_that_mermaid_refuses_is_an_error_and_the_next_one_is_still_drawn(browser: Browser) -> None:
    broken, whole = browser.layout(mermaid("xychart-beta\n    line [one]") + "\n" + mermaid(BARS)).diagrams
    assert "Parse error" in (broken.error or "") or "Lexical error" in (broken.error or "")
    assert whole.error is None


def test_a_diagram_that_wants_to_run_something_does_not(browser: Browser) -> None:
    loose = browser.layout(
        mermaid('flowchart LR\n    a[<b onclick=alert(1)>x</b>]\n    click a href "javascript:alert(1)"')
    )
    assert loose.diagrams[0].dangers == ()
    assert loose.ran == ()


def test_html_that_github_drops_is_dropped_and_details_stay(browser: Browser) -> None:
    layout = browser.layout(
        "<details open><summary>more</summary>\n\n**bold**\n\n</details>\n\n"
        "<script>alert(1)</script><img src=x onerror=alert(2)>\n\n<iframe srcdoc='<script>alert(3)</script>'></iframe>"
    )
    assert layout.text.split() == ["more", "bold"]
    assert layout.ran == ()


def test_an_alert_is_one_only_where_github_makes_it_one(browser: Browser) -> None:
    layout = browser.layout(
        "> [!NOTE]\n> Only **this**.\n\n> [!CAUTION] not this\n\n<details open>\n\n> [!TIP]\n> nor that\n\n</details>\n"
    )
    shown = ["Note", "Only this.", "[!CAUTION] not this", "[!TIP]", "nor that"]
    assert [line for line in layout.text.splitlines() if line and line != "Details"] == shown


def test_tables_are_counted_and_one_that_is_too_wide_is_noticed(browser: Browser) -> None:
    fits, wide = browser.layout(
        "| a | b |\n| --- | ---: |\n| 1 | 2 |\n\n" + "|" + " wide_wide_wide |" * 12 + "\n|" + " --- |" * 12
    ).tables
    assert (fits.columns, fits.aligned, fits.overflow) == ((2, 2), ("left", "right"), 0)
    assert wide.columns == (12,)
    assert wide.overflow > 0


def test_a_picture_is_as_wide_as_its_column_and_as_high_as_its_text(browser: Browser) -> None:
    sizes = [struct.unpack(">II", browser.picture("A paragraph.\n\n" * count, column=300)[16:24]) for count in (1, 10)]
    (narrow, low), (wide, high) = sizes
    assert narrow == wide == 348
    assert low < 100
    assert 300 < high < 500


@pytest.mark.parametrize(("theme", "background"), [("light", (255, 255, 255)), ("dark", (13, 17, 23))])
def test_a_page_has_the_background_of_its_theme(browser: Browser, theme: Theme, background: tuple[int, ...]) -> None:
    png = browser.picture("A paragraph.", theme=theme, column=300)
    start = zlib.decompressobj().decompress(png[png.index(b"IDAT") + 4 :], 4)
    assert tuple(start[1:]) == background  # a row begins with its filter, and no filter changes the first pixel


def test_a_page_reaches_no_server(browser: Browser) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = server.getsockname()[1]
        browser.layout(f"![picture](http://127.0.0.1:{port}/a.png) ![picture](http://localhost:{port}/b.png)")
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_page_that_fails_is_an_error_and_no_empty_layout(browser: Browser, tmp_path) -> None:
    with pytest.raises(CannotDraw, match="the page failed: ReferenceError"):
        Browser(browser.program, tmp_path).layout("No library is there.")
