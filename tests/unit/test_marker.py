"""Hidden lines: one line whatever the key holds, known again as a whole line and by nothing less."""

import pytest
from arbitrary import HOSTILE, NAMES
from as_github import page
from hypothesis import given
from hypothesis import strategies as st

from bisect_cache.report.escaping import cell, code, html, prose
from bisect_cache.report.marker import is_marked, marker, run_marker, run_of

KINDS = st.sampled_from(["comment", "tracking", "regression"])
ENDS = ("\n", "\r\n", " \n")


@given(KINDS, NAMES, NAMES)
def test_a_marker_is_one_hidden_line_whatever_its_key_holds(kind: str, key: str, of: str) -> None:
    line = marker(kind, key, of)  # type: ignore[arg-type]
    assert line.splitlines() == [line]
    assert line.isascii()
    assert line.startswith("<!-- bisect-cache ")
    assert line.index("-->") == len(line) - 3
    shown = page(f"{line}\n## shown\n")
    assert (len(shown.comments), shown.tags) == (1, ["h2"])


@given(st.tuples(KINDS, NAMES, NAMES), st.tuples(KINDS, NAMES, NAMES))
def test_two_markers_are_the_same_only_for_the_same_kind_key_and_model(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    assert (marker(*one) == marker(*other)) == (one == other)  # type: ignore[arg-type]


def test_a_key_cannot_pass_for_a_key_and_a_model() -> None:
    assert marker("regression", "a of=b") != marker("regression", "a", "b")
    assert marker("comment", "a/b") == "<!-- bisect-cache comment key=a%2Fb -->"
    assert marker("comment", "a-->") == "<!-- bisect-cache comment key=a--%3E -->"
    assert marker("comment", "default") == "<!-- bisect-cache comment key=default -->"


@given(NAMES)
@pytest.mark.parametrize("end", ENDS)
def test_a_marker_is_known_again_as_a_line_of_its_own(end: str, key: str) -> None:
    line = marker("comment", key)
    assert is_marked(f"{line}{end}text{end}", line)
    assert is_marked(f"text{end}{line}", line)
    assert not is_marked(f"text {line}{end}", line)
    assert not is_marked(f"> {line}{end}", line)
    assert not is_marked(f"{line} text{end}", line)
    assert not is_marked("", line)


def test_a_marker_counts_near_the_head_where_a_hand_may_have_put_a_few_lines_before_it() -> None:
    line = marker("comment", "k")
    assert is_marked("by hand\n" * 7 + line, line)
    assert not is_marked("by hand\n" * 8 + line, line)


@pytest.mark.parametrize("show", [code, cell, prose, html])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_holds_a_marker_is_none_once_it_is_shown(show, name: str) -> None:
    body = f"text {show(name)}\n{show(name)}\n| {show(name)} |\n"
    assert not [line for line in body.splitlines() if line.startswith("<!--")]
    assert run_of(body) == 0


@given(st.none() | st.integers(0, 10**18 - 1), st.sampled_from(ENDS))
def test_the_run_that_spoke_last_is_read_from_the_body(run: int | None, end: str) -> None:
    assert run_of(f"{marker('comment', 'k')}{end}{run_marker(run)}{end}## text{end}") == (run or 0)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "text <!-- bisect-cache run=7 -->",
        "<!-- bisect-cache run=7 --> text",
        "<!-- bisect-cache run=-7 -->",
        "<!-- bisect-cache run=x -->",
        f"<!-- bisect-cache run={'9' * 5000} -->",
    ],
)
def test_no_run_is_known_where_no_line_says_one(body: str) -> None:
    assert run_of(body) == 0


def test_the_first_line_about_a_run_counts() -> None:
    assert run_of(f"{run_marker(7)}\n{run_marker(8)}\n") == 7
